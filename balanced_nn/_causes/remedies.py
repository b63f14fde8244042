"""What is a remedy, and what is advised whatever a model is built with?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from balanced_nn._causes.evidence import Cause, RepairAction

Settings: TypeAlias = Mapping[str, Any]
Option: TypeAlias = tuple[bool, str, dict[str, Any]]  # does it apply, what to do, parameters to set

NARROW = 64  # units under which a hidden layer is widened
DEEP = 4  # hidden layers from which saturating activations lose the gradient without BatchNorm
USUAL_RATE = 1e-3  # of Adam


@dataclass(frozen=True)
class Advice:
    """What to do about one cause; `actions` are those that no parameter stands for."""

    remedy: str
    change: dict[str, Any] = field(default_factory=dict)
    actions: frozenset[RepairAction] = frozenset()


def _same(value: Any, other: Any) -> bool:
    if hasattr(value, "__len__") and isinstance(other, tuple):
        return tuple(value) == other
    return value is other or (isinstance(value, str | int | float) and value == other)


def first(s: Settings, *options: Option) -> Advice:
    """Take the first option that applies and that changes something, or that has nothing to change."""
    for applies, remedy, change in options:
        differing = {name: value for name, value in change.items() if not _same(s.get(name), value)}
        if applies and (differing or not change):
            return Advice(remedy, differing)
    return Advice(options[-1][1])


def say(remedy: str) -> Callable[[Settings], Advice]:
    """Advise the same whatever the settings."""
    return lambda s: Advice(remedy)


_NO_SIGNAL = Advice(
    "No setting mends this. Look at the data: were the labels joined to the wrong rows? Are the features that matter "
    "known at prediction time, and in the table? Would more rows show a weak signal?"
)


_BAD_LABELS = Advice(
    "No setting mends this. Look at the labels: count them with np.unique(y, return_counts=True), compare a few rows "
    "with their source, and check that each class is coded as one value."
)


LABEL_ADVICE: dict[Cause, Callable[[Settings], Advice]] = {
    Cause.NO_SIGNAL: lambda s: _NO_SIGNAL,
    Cause.BAD_LABELS: lambda s: _BAD_LABELS,
}


def show(value: Any) -> str:
    """Return a value as code.

    >>> show("auto"), show((256, 128))
    ('"auto"', '(256, 128)')
    """
    value = value.item() if hasattr(value, "item") else value
    return f'"{value}"' if isinstance(value, str) else repr(value)


def widths_of(sizes: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in sizes) if hasattr(sizes, "__len__") else (int(sizes),)


def wider(widths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(NARROW, width) if min(widths) < NARROW else 2 * width for width in widths)
