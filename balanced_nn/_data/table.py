"""What kind of column is each column of the caller's table, and what does it hold?

Every table (ndarray, nested lists, sparse, pandas, polars) becomes a `Table`: one block of numeric columns, and the
other columns as codes into their distinct values. pandas and polars are recognised by what they offer, never imported.
"""

import numbers
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from balanced_nn._typing import FloatArray, IntArray, Matrix

__all__ = ["CategoryColumn", "Table", "is_missing", "level_text", "read_table", "to_dense"]

EXACT_INTEGERS = 2**53  # up to which float64 holds each
_REMEDY = "Turn it into numbers or strings, or drop it."


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


Column: TypeAlias = np.ndarray | CategoryColumn


@dataclass(frozen=True, eq=False)
class Table:
    """The caller's table, typed column by column; numeric data is a view of the caller's where that is possible."""

    n_rows: int
    numeric: Matrix  # ndarray or CSR of shape (n_rows, n_numeric), bool, integer or float dtype
    numeric_positions: IntArray  # where the columns of `numeric` stand in the caller's table, ascending
    categories: Mapping[int, CategoryColumn] = field(default_factory=dict)  # by position in the caller's table
    names: tuple[str, ...] | None = None  # column labels of a frame
    remainders: Mapping[int, FloatArray] = field(default_factory=dict)  # by position: what float64 loses of integers

    def __len__(self) -> int:
        return self.n_rows

    def part(self, rows: slice) -> "Table":
        """Return adjacent rows as a table of its own, whose category columns have the levels that occur there."""
        categories = {j: column.part(rows) for j, column in self.categories.items()}
        numeric, remainders = self.numeric[rows], {j: column[rows] for j, column in self.remainders.items()}
        return Table(numeric.shape[0], numeric, self.numeric_positions, categories, self.names, remainders)

    def name(self, position: int) -> str:
        """Return the label of a column, x0, x1, ... where the table has none."""
        return f"x{position}" if self.names is None else self.names[position]

    def numbers(self, positions: IntArray) -> Matrix:
        """Return the named columns as one numeric block, ndarray or CSR; bools and numeric levels become numbers."""
        if len(positions) == len(self.numeric_positions) and not self.categories:
            return self.numeric  # ascending positions of as many columns as there are: all of them
        if np.array_equal(positions, self.numeric_positions):
            return self.numeric
        if not any(int(position) in self.categories for position in positions):
            return self.numeric[:, np.searchsorted(self.numeric_positions, positions)]
        return _stack([self._number_column(int(position)) for position in positions], self.n_rows)

    def subtract(self, pivot: FloatArray, block: FloatArray, positions: IntArray, rows: slice | IntArray) -> None:
        """Subtract a number from each column of a block of float64, in place.

        The block holds some rows of the columns at these positions. The differences of integers are exact as far as
        float64 holds them, even where it does not hold the integers.
        """
        if not pivot.any():
            return
        block -= pivot
        for j in np.flatnonzero(pivot):
            if int(positions[j]) in self.remainders:
                block[:, j] += self.remainders[int(positions[j])][rows]

    def category(self, position: int, rows: IntArray | None = None) -> CategoryColumn:
        """Return some rows of a column (None: all) as levels and codes; numbers become levels."""
        if position in self.categories:
            column = self.categories[position]
            return column if rows is None else CategoryColumn(column.levels, column.codes[rows])
        values = self._number_column(position)
        values = values if rows is None else values[rows]
        levels, codes = np.unique(values, return_inverse=True)
        codes[np.isnan(values)] = -1
        return CategoryColumn(tuple(levels.tolist()), codes)

    def _number_column(self, position: int) -> np.ndarray:
        if position not in self.categories:
            return to_dense(self.numeric[:, [int(np.searchsorted(self.numeric_positions, position))]]).ravel()
        column = self.categories[position]
        values = np.full(len(column.levels) + 1, np.nan)
        for index, (level, count) in enumerate(zip(column.levels, column.levels_in_use(), strict=False)):
            if count and isinstance(level, str):
                raise ValueError(
                    f"Column {self.name(position)!r} held numbers when fitted and now holds the text {level!r}. "
                    "Convert it to numbers, or fit again on a table of this kind."
                )
            if count:
                values[index] = level
        return values[column.codes]


def read_table(estimator: BaseEstimator, X: Any, *, reset: bool) -> Table:
    """Validate a table with scikit-learn's own rules and messages, and type its columns.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_`` when ``reset``, is compared with them otherwise.
    X : array-like, sparse or DataFrame of shape (n_samples, n_features)
        Numeric and sparse arrays are read as they are. DataFrames, nested lists and arrays of objects or strings are
        typed column by column. A column of bools, of strings or of a categorical type is a category; numbers, also
        mixed with bools, are numeric; None, NaN and NA are missing. A column that mixes strings and numbers is a
        category. A frame with duplicated column labels is read like an array, by position.
    reset : bool
        True in ``fit``, False in ``transform`` and ``predict``.

    Returns
    -------
    Table

    Raises
    ------
    TypeError
        A cell or column holds neither numbers nor strings: dates, lists, dicts, ...
    ValueError
        A number is infinite or complex, the table is empty or not two-dimensional, or does not match the fitted one.
    """
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        _check_frame(estimator, X, reset)
        return _read_pandas(X)
    if hasattr(X, "get_columns") and hasattr(X, "schema"):
        _check_frame(estimator, X, reset)
        names = tuple(X.columns)
        return _assemble([_read_polars_column(c, n) for c, n in zip(X.get_columns(), names, strict=True)], names)
    if not sparse.issparse(X):
        X = _as_array(X)
    X = validate_data(estimator, X, reset=reset, accept_sparse="csr", dtype=None, ensure_all_finite="allow-nan")
    return _read_array(X)


def to_dense(block: Any) -> np.ndarray:
    """Return a sparse, dense or DataFrame block as an ndarray, without a copy where it is one."""
    return block.toarray() if hasattr(block, "toarray") else np.asarray(block)


def level_text(level: Hashable) -> str:
    """Return the text under which a value is shown, and compared in a column that mixes strings and numbers.

    Numbers that are equal have one text, whatever their type: 1, 1.0 and True are "1".
    """
    if isinstance(level, str):
        return level
    number = float(level)  # type: ignore[arg-type]
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _check_frame(estimator: BaseEstimator, frame: Any, reset: bool) -> None:
    """Refuse an empty frame in scikit-learn's words; check or keep the feature names and their number."""
    for size, what in zip(frame.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={frame.shape}) while a minimum of 1 is required "
                f"by {type(estimator).__name__}."
            )
    labels = list(frame.columns)
    # scikit-learn 1.9 refuses duplicated labels: such a frame counts as a table without feature names.
    named = frame if len(set(labels)) == len(labels) else np.broadcast_to(np.float64(0), frame.shape)
    validate_data(estimator, named, reset=reset, skip_check_array=True)


def _as_array(X: Any) -> Any:
    """Turn nested lists into an array; cells keep their type where NumPy would make strings of numbers."""
    if isinstance(X, np.ndarray):  # NumPy's own variable-length strings are unknown to scikit-learn
        return X.astype(object) if X.dtype.kind == "T" else X
    try:
        array = np.asarray(X)
    except ValueError:  # ragged: scikit-learn has the message
        return X
    return np.array(X, dtype=object) if array.dtype.kind in "USO" and isinstance(X, Sequence) else array


def _read_array(X: Matrix) -> Table:
    """Type the columns of a validated ndarray or CSR."""
    n_rows, n_columns = X.shape
    if sparse.issparse(X) or X.dtype.kind in "fiu":
        remainders = {} if sparse.issparse(X) or not _may_lose_digits(X) else _remainders(dict(enumerate(X.T)))
        return Table(n_rows, X, np.arange(n_columns), remainders=remainders)
    if X.dtype.kind == "b":
        columns: list[Column] = [CategoryColumn((False, True), column.view(np.int8)) for column in X.T]
    elif X.dtype.kind in "OUS":
        cells = X.astype(object)
        columns = [_read_cells(cells[:, j], f"x{j}") for j in range(n_columns)]
    else:
        raise TypeError(f"X holds {X.dtype} values, which are neither numbers nor strings. {_REMEDY}")
    return _assemble(columns, None)


def _read_pandas(frame: Any) -> Table:
    """Type the columns of a pandas DataFrame."""
    dtypes = list(frame.dtypes)
    names = tuple(map(str, frame.columns))
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiu" for dtype in dtypes):
        numeric = frame.to_numpy()  # one block at once: a thousand columns one by one take 50 ms
        _refuse_infinity(numeric, names)
        wide = [j for j, dtype in enumerate(dtypes) if dtype.kind in "iu"] if _may_lose_digits(numeric) else []
        remainders = _remainders({j: frame.iloc[:, j].to_numpy() for j in wide})
        return Table(len(numeric), numeric, np.arange(len(names)), names=names, remainders=remainders)
    return _assemble([_read_pandas_column(frame.iloc[:, j], dtypes[j], names[j]) for j in range(len(names))], names)


def _read_pandas_column(series: Any, dtype: Any, name: str) -> Column:
    kind = "category" if dtype.name == "category" else dtype.kind
    if kind in "fiu":
        if isinstance(dtype, np.dtype):
            return series.to_numpy()
        exact = kind in "iu" and hasattr(dtype, "numpy_dtype") and not series.isna().any()
        return series.to_numpy(dtype.numpy_dtype) if exact else series.to_numpy(dtype=float, na_value=np.nan)
    if kind == "b":
        return _bools(series.to_numpy(dtype=float, na_value=np.nan))
    if kind == "category":
        return CategoryColumn(tuple(map(_plain_level, series.cat.categories)), series.cat.codes.to_numpy())
    if kind == "c":
        raise ValueError(f"Complex data not supported\nColumn {name!r} holds complex numbers. {_REMEDY}")
    if kind not in "OU":
        raise TypeError(f"Column {name!r} holds {dtype} values, which are neither numbers nor strings. {_REMEDY}")
    return _read_cells(series.to_numpy(dtype=object), name, declared_text=getattr(dtype, "type", None) is str)


def _read_polars_column(series: Any, name: str) -> Column:
    dtype = series.dtype
    if dtype.is_numeric():
        exact = dtype.is_float() or (dtype.is_integer() and not series.null_count())
        return (series if exact else series.cast(float)).to_numpy()
    if dtype.is_temporal() or dtype.is_nested():
        raise TypeError(f"Column {name!r} holds {dtype} values, which are neither numbers nor strings. {_REMEDY}")
    declared_text = type(dtype).__name__ in {"String", "Utf8", "Categorical", "Enum"}
    cells = np.empty(len(series), dtype=object)
    cells[:] = (series.cast(str) if declared_text else series).to_list()
    return _read_cells(cells, name, declared_text=declared_text)


def _read_cells(cells: NDArray[np.object_], name: str, *, declared_text: bool = False) -> Column:
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
    ndarray of float64, or CategoryColumn
    """
    kinds = {cell_type: _cell_kind(cell_type, name) for cell_type in set(map(type, cells))}
    found = set(kinds.values())
    if "text" not in found and not declared_text:
        if found <= {"bool", "missing"} and "bool" in found:
            return _bools(_cells_to_floats(cells, kinds, name))
        return _cells_to_floats(cells, kinds, name)
    distinct = dict.fromkeys(cells)
    index: dict[Hashable, int] = {}
    levels: list[Hashable] = []
    for cell in distinct:
        if kinds[type(cell)] == "missing" or cell != cell:
            index[cell] = -1
        else:
            index[cell] = len(levels)
            levels.append(_plain_level(cell))
    return CategoryColumn(tuple(levels), np.fromiter(map(index.__getitem__, cells), np.int32, len(cells)))


def _is_missing_type(cell_type: type) -> bool:
    # pandas.NA is not comparable; its type is known by name, so that pandas need not be imported
    return cell_type is type(None) or (cell_type.__name__ == "NAType" and cell_type.__module__.startswith("pandas"))


def is_missing(cell: object) -> bool:
    """Whether a Python object stands for a missing value: None, pandas.NA, or what differs from itself, as NaN does."""
    return _is_missing_type(type(cell)) or bool(cell != cell)


def _cell_kind(cell_type: type, name: str) -> str:
    """Return what cells of a type are: "missing", "bool", "number" or "text"."""
    if _is_missing_type(cell_type):
        return "missing"
    if issubclass(cell_type, bool | np.bool_):
        return "bool"
    if issubclass(cell_type, numbers.Real | Decimal):
        return "number"
    if issubclass(cell_type, str | bytes):
        return "text"
    if issubclass(cell_type, numbers.Complex):
        raise ValueError(f"Complex data not supported\nColumn {name!r} holds complex numbers. {_REMEDY}")
    raise TypeError(
        f"argument must be a string or a number, not {cell_type.__name__!r}: column {name!r} of X holds such a cell. "
        f"{_REMEDY}"
    )


def _plain_level(value: object) -> Hashable:
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


def _bools(values: NDArray[np.float64]) -> CategoryColumn:
    """Return a column of 0.0, 1.0 and NaN as the levels False and True."""
    return CategoryColumn((False, True), np.nan_to_num(values, nan=-1.0).astype(np.int8))


def _assemble(columns: Sequence[Column], names: tuple[str, ...] | None) -> Table:
    """Put typed columns together: numeric ones side by side, categories by position."""
    categories = {j: column for j, column in enumerate(columns) if isinstance(column, CategoryColumn)}
    positions = np.array([j for j in range(len(columns)) if j not in categories], dtype=np.intp)
    first = columns[0]
    n_rows = len(first.codes) if isinstance(first, CategoryColumn) else len(first)
    numeric = _stack([columns[j] for j in positions], n_rows)
    _refuse_infinity(numeric, [f"x{j}" if names is None else names[j] for j in positions])
    remainders = _remainders({int(j): columns[j] for j in positions})
    return Table(n_rows, numeric, positions, categories, names, remainders)


def _may_lose_digits(numeric: np.ndarray) -> bool:
    """Whether a block may hold integers that float64 cannot."""
    if numeric.dtype.itemsize < 8 or numeric.size == 0:
        return False
    lowest, highest = np.fmin.reduce(numeric, axis=None), np.fmax.reduce(numeric, axis=None)
    return bool(highest > EXACT_INTEGERS or lowest < -EXACT_INTEGERS)


def _remainders(columns: Mapping[int, np.ndarray]) -> dict[int, FloatArray]:
    """Return what float64 loses of each column of large integers."""
    return {
        j: _remainder(column) for j, column in columns.items() if column.dtype.kind in "iu" and _may_lose_digits(column)
    }


def _remainder(integers: np.ndarray) -> FloatArray:
    """Return the difference of 64-bit integers from their nearest float64, by halves that float64 holds exactly."""
    low = integers & integers.dtype.type(2**32 - 1)
    return (integers - low).astype(np.float64) - integers.astype(np.float64) + low


def _stack(columns: Sequence[np.ndarray], n_rows: int) -> np.ndarray:
    """Put numeric columns side by side, in float32 where that is exact for all of them."""
    dtype = np.result_type(*(column.dtype for column in columns)) if columns else np.dtype(np.float32)
    block = np.empty((n_rows, len(columns)), dtype if dtype.kind in "fiu" else np.float64, order="F")
    for j, column in enumerate(columns):
        block[:, j] = column
    return block


def _refuse_infinity(numeric: np.ndarray, names: Sequence[str]) -> None:
    """Refuse infinite numbers, as scikit-learn does for arrays, and name the columns."""
    with np.errstate(over="ignore", invalid="ignore"):
        if numeric.dtype.kind != "f" or np.isfinite(numeric.sum(dtype=np.float64)):
            return
    infinite = [repr(name) for name, column in zip(names, numeric.T, strict=True) if np.isinf(column).any()]
    if infinite:
        raise ValueError(
            f"Input X contains infinity or a value too large for {numeric.dtype!r}: column {', '.join(infinite)}. "
            "Replace such values, or mark them as missing."
        )
