"""What does a column hold that is no array of numbers? Python objects, booleans and categories."""

import datetime
import numbers
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.dates import DateColumn, read_moments
from balanced_nn._typing import IntArray

REMEDY = "Turn it into numbers or strings, or drop it."


@dataclass(frozen=True, eq=False)
class CategoryColumn:
    """A column of values that are not measured: bools, strings, categories."""

    levels: tuple[Hashable, ...]  # distinct values: str, bool, int or float; not all of them need to occur
    codes: NDArray[np.signedinteger]  # shape (n_rows,): index into levels, -1 where the cell is missing

    def levels_in_use(self, rows: IntArray | None = None) -> NDArray[np.int64]:
        """Return how often each level occurs; the last element counts the missing cells."""
        codes = self.codes if rows is None else self.codes[rows]
        counts = np.bincount(codes.astype(np.intp) + 1, minlength=len(self.levels) + 1)
        return np.roll(counts, -1)

    def part(self, rows: slice) -> "CategoryColumn":
        """Return adjacent rows, with the levels that occur in them."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        n_missing = int(used[0] < 0)  # -1 sorts first, and stays -1
        return CategoryColumn(tuple(self.levels[i] for i in used[n_missing:]), codes - n_missing)


Column: TypeAlias = np.ndarray | CategoryColumn | DateColumn


def read_cells(cells: NDArray[np.object_], name: str, *, declared_text: bool = False) -> Column:
    """Type a column of Python objects by its content.

    Parameters
    ----------
    cells : ndarray of object, of shape (n_rows,)
    name : str
        Label of the column, for messages.
    declared_text : bool
        The table says that the column holds text: it is a category even if all cells are missing.

    Returns
    -------
    ndarray of float64, CategoryColumn or DateColumn
    """
    kinds = {cell_type: _cell_kind(cell_type, name) for cell_type in set(map(type, cells))}
    found = set(kinds.values())
    if found & {"dates", "durations"}:
        return _read_moments(cells, kinds, name)
    if "text" not in found and not declared_text:
        if found <= {"bool", "missing"} and "bool" in found:
            return bools(_cells_to_floats(cells, kinds, name))
        return _cells_to_floats(cells, kinds, name)
    distinct = dict.fromkeys(cells)
    index: dict[Hashable, int] = {}
    levels: list[Hashable] = []
    for cell in distinct:
        if kinds[type(cell)] == "missing" or cell != cell:
            index[cell] = -1
        else:
            index[cell] = len(levels)
            levels.append(plain_level(cell))
    return CategoryColumn(tuple(levels), np.fromiter(map(index.__getitem__, cells), np.int32, len(cells)))


def level_text(level: Hashable) -> str:
    """Return the text under which a value is shown, and compared in a column that mixes strings and numbers.

    Numbers that are equal have one text, whatever their type: 1, 1.0 and True are "1".
    """
    if isinstance(level, str):
        return level
    number = float(level)  # type: ignore[arg-type]
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _is_missing_type(cell_type: type) -> bool:
    # pandas.NA is not comparable, and pandas.NaT a datetime; known by name, so that pandas need not be imported
    return cell_type is type(None) or (
        cell_type.__name__ in {"NAType", "NaTType"} and cell_type.__module__.startswith("pandas")
    )


def is_missing(cell: object) -> bool:
    """Whether a Python object stands for a missing value: None, pandas.NA, or what differs from itself, as NaN does."""
    return _is_missing_type(type(cell)) or bool(cell != cell)


def _cell_kind(cell_type: type, name: str) -> str:
    """Return what cells of a type are: "missing", "bool", "number", "text", "dates" or "durations"."""
    if _is_missing_type(cell_type):
        return "missing"
    if issubclass(cell_type, bool | np.bool_):
        return "bool"
    if issubclass(cell_type, numbers.Real | Decimal):
        return "number"
    if issubclass(cell_type, str | bytes):
        return "text"
    is_period = cell_type.__name__ == "Period" and cell_type.__module__.startswith("pandas")
    if is_period or issubclass(cell_type, datetime.date | np.datetime64):
        return "dates"
    if issubclass(cell_type, datetime.timedelta | np.timedelta64):
        return "durations"
    if issubclass(cell_type, numbers.Complex):
        raise ValueError(f"Complex data not supported\nColumn {name!r} holds complex numbers. {REMEDY}")
    raise TypeError(
        f"argument must be a string or a number, not {cell_type.__name__!r}: column {name!r} of X holds such a cell. "
        f"{REMEDY}"
    )


def plain_level(value: object) -> Hashable:
    """Return a level as a plain Python value, so that equal values of different tables are equal keys."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Real | Decimal):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    return str(value)  # an interval, a date: levels of a category are names


def _read_moments(cells: NDArray[np.object_], kinds: Mapping[type, str], name: str) -> DateColumn:
    """Read dates or durations; a missing number is a missing one."""
    present = [None if kinds[type(cell)] == "missing" or cell != cell else cell for cell in cells]
    found = {kinds[type(cell)] for cell in present if cell is not None}
    if len(found) > 1:
        moments = min(found & {"dates", "durations"})
        example = next(cell for cell in present if cell is not None and kinds[type(cell)] != moments)
        raise TypeError(
            f"Column {name!r} of X holds {moments}, but also {example!r}. Turn all of its cells into "
            "dates or durations, or all into numbers or strings, or drop it."
        )
    return read_moments(present, name, next(iter(found), "dates"))


def _cells_to_floats(cells: NDArray[np.object_], kinds: Mapping[type, str], name: str) -> NDArray[np.float64]:
    if any(kind == "missing" and cell_type is not type(None) for cell_type, kind in kinds.items()):
        cells = np.array([None if kinds[type(cell)] == "missing" else cell for cell in cells], dtype=object)
    try:
        return cells.astype(np.float64)  # None becomes NaN
    except OverflowError as exc:
        raise ValueError(
            f"Input X contains infinity or a value too large for dtype('float64'): column {name!r}. "
            "Replace such values, or mark them as missing."
        ) from exc


def bools(values: NDArray[np.float64]) -> CategoryColumn:
    """Return a column of 0.0, 1.0 and NaN as the levels False and True."""
    return CategoryColumn((False, True), np.nan_to_num(values, nan=-1.0).astype(np.int8))
