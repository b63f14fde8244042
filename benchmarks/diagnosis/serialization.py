"""How are frozen dataclasses written to JSON and read back?"""

import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

DIGITS = 10  # significant ones of a float: fewer can tip a comparison of two balanced accuracies
# Fields that rows written before them lack: no rule reads the first, and the others say that nothing is known.
LATER = {
    "class_spread": (),
    "trials": (),
    "flexible": float("nan"),
    "is_truth_table": False,
    "on_training": float("nan"),
}
T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Plain dicts, lists and scalars; infinity and NaN stay floats, which Python's json module writes and reads."""
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "item"):
        value = value.item()  # a NumPy scalar
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def from_json(kind: type[T], value: Any) -> T:
    """The inverse, apart from the digits cut off."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = next(argument for argument in arguments if argument is not type(None))
        return None if value is None else from_json(inner, value)
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return tuple(from_json(k, item) for k, item in zip(kinds, value, strict=True))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {field.name for field in fields(kind)}
        found = {name: from_json(hints[name], item) for name, item in value.items() if name in known}
        return kind(**{name: LATER[name] for name in LATER.keys() & known - found.keys()}, **found)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return float(value) if kind is float else value
