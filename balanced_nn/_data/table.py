"""What kind of column is each column of the caller's table, and what does it hold?

Every table (ndarray, nested lists, sparse, pandas, polars) becomes a `Table`: one block of numeric columns, and the
other columns as codes into their distinct values. Dates and durations are numbers, seconds; of dates it is also known
what a clock shows. pandas and polars are recognised by what they offer, never imported.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from balanced_nn._data.cells import (
    REMEDY,
    CategoryColumn,
    Column,
    bools,
    is_missing,
    level_text,
    plain_level,
    read_cells,
)
from balanced_nn._data.dates import DateColumn, read_pandas_dates, read_polars_dates
from balanced_nn._data.names import listed
from balanced_nn._typing import FloatArray, IntArray, Matrix

__all__ = ["CategoryColumn", "Table", "check_computed", "is_missing", "level_text", "read_table", "to_dense"]

EXACT_INTEGERS = 2**53  # up to which float64 holds each


@dataclass(frozen=True, eq=False)
class Table:
    """The caller's table, typed column by column; numeric data is a view of the caller's where that is possible."""

    n_rows: int
    numeric: Matrix  # ndarray or CSR of shape (n_rows, n_numeric), bool, integer or float dtype
    numeric_positions: IntArray  # where the columns of `numeric` stand in the caller's table, ascending
    categories: Mapping[int, CategoryColumn] = field(default_factory=dict)  # by position in the caller's table
    names: tuple[str, ...] | None = None  # column labels of a frame
    remainders: Mapping[int, FloatArray] = field(default_factory=dict)  # by position: what float64 loses of integers
    dates: Mapping[int, DateColumn] = field(default_factory=dict)  # by position: numeric columns of seconds

    def __len__(self) -> int:
        return self.n_rows

    def part(self, rows: slice) -> "Table":
        """Return adjacent rows as a table of its own, whose category columns have the levels that occur there."""
        categories = {j: column.part(rows) for j, column in self.categories.items()}
        numeric, remainders = self.numeric[rows], {j: column[rows] for j, column in self.remainders.items()}
        dates = {j: column.part(rows) for j, column in self.dates.items()}
        return Table(numeric.shape[0], numeric, self.numeric_positions, categories, self.names, remainders, dates)

    @property
    def width(self) -> int:
        """Number of columns of the caller's table."""
        return len(self.numeric_positions) + len(self.categories)

    def name(self, position: int) -> str:
        """Return the label of a column, x0, x1, ... where the table has none."""
        return f"x{position}" if self.names is None else self.names[position]

    def numbers(self, positions: IntArray) -> Matrix:
        """Return the named columns as one numeric block, ndarray or CSR; bools and numeric levels become numbers."""
        if np.array_equal(positions, self.numeric_positions):
            return self.numeric
        if not self.categories or not any(int(position) in self.categories for position in positions):
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
        mixed with bools, are numeric, and so are dates and durations, in seconds; None, NaN, NaT and NA are missing. A
        column that mixes strings and numbers is a category. A frame with duplicated column labels is read like an
        array, by position.
    reset : bool
        True in ``fit``, False in ``transform`` and ``predict``.

    Returns
    -------
    Table

    Raises
    ------
    TypeError
        A cell or column holds neither numbers, dates nor strings: lists, dicts, ...
    ValueError
        A number is infinite or complex, the table is empty or not two-dimensional, or does not match the fitted one.
    """
    if not reset and _is_checked(estimator, X):
        return _read_array(X)
    X = _as_frame(X)
    if reset:
        estimator.__dict__.pop("_column_labels", None)
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


def _is_checked(estimator: BaseEstimator, X: Any) -> bool:
    """Whether scikit-learn would return an array as it is: its checks take as long as a network on a row.

    Where this is in doubt, it has the word, and the message.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype not in (np.float32, np.float64) or len(X) == 0:
        return False
    if X.shape[1] != getattr(estimator, "n_features_in_", None) or hasattr(estimator, "feature_names_in_"):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum(dtype=np.float64)) or not np.isinf(X).any())


def _check_frame(estimator: BaseEstimator, frame: Any, reset: bool) -> None:
    """Refuse an empty frame in scikit-learn's words; check or keep the feature names and their number."""
    for size, what in zip(frame.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={frame.shape}) while a minimum of 1 is required "
                f"by {type(estimator).__name__}."
            )
    labels = list(frame.columns)
    _check_order(estimator, labels, reset)
    # scikit-learn 1.9 refuses duplicated labels: such a frame counts as a table without feature names.
    named = frame if len(set(labels)) == len(labels) else np.broadcast_to(np.float64(0), frame.shape)
    validate_data(estimator, named, reset=reset, skip_check_array=True)


def _check_order(estimator: BaseEstimator, labels: list[Hashable], reset: bool) -> None:
    """Refuse the labels of `fit` in another order, also those that scikit-learn does not look at: integers, say."""
    if reset:
        estimator._column_labels = labels
    fitted = getattr(estimator, "_column_labels", labels)
    if fitted != labels and Counter(fitted) == Counter(labels):
        raise ValueError(
            "The feature names should match those that were passed during fit. Feature names must be in the same order "
            f"as they were in fit: {listed(map(repr, fitted))}; they are {listed(map(repr, labels))}. Select the "
            "columns of X in that order."
        )


def _as_frame(X: Any) -> Any:
    """Turn a table of columns with names, such as one of PyArrow, into a frame; refuse what is not computed yet."""
    check_computed(X, "X")
    if hasattr(X, "column_names") and hasattr(X, "to_pandas"):
        return X.to_pandas()
    return X


def check_computed(data: Any, name: str) -> None:
    """Refuse a lazy frame or series of polars or Dask.

    Raises
    ------
    TypeError
        With what to call first.
    """
    kind = type(data)
    for method in ("collect", "compute"):
        if callable(getattr(kind, method, None)):
            raise TypeError(
                f"{name} is a {kind.__module__.split('.')[0]} {kind.__name__}, which holds no rows before it is "
                f"computed. Pass {name}.{method}()."
            )


def _as_array(X: Any) -> Any:
    """Turn nested lists into an array; cells keep their type where NumPy would make strings of numbers."""
    if isinstance(X, np.ma.MaskedArray):
        if not np.ma.is_masked(X):
            return X.data
        if X.dtype.kind in "Mm":
            return np.where(np.ma.getmaskarray(X), np.array("NaT", X.dtype), X.data)
        cells = np.array(X.data, dtype=np.float64 if X.dtype.kind in "biuf" else object)
        cells[np.ma.getmaskarray(X)] = np.nan
        return cells
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
        lossless = sparse.issparse(X) or X.dtype.kind == "f" or not _may_lose_digits(X)
        remainders = {} if lossless else _remainders(dict(enumerate(X.T)))
        return Table(n_rows, X, np.arange(n_columns), remainders=remainders)
    if X.dtype.kind == "b":
        columns: list[Column] = [CategoryColumn((False, True), column.view(np.int8)) for column in X.T]
    elif X.dtype.kind in "Mm":
        columns = [DateColumn.of(column) if X.dtype.kind == "M" else DateColumn.of_durations(column) for column in X.T]
    elif X.dtype.kind in "OUS":
        cells = X.astype(object)
        columns = [read_cells(cells[:, j], f"x{j}") for j in range(n_columns)]
    else:
        raise TypeError(f"X holds {X.dtype} values, which are neither numbers nor strings. {REMEDY}")
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
        return bools(series.to_numpy(dtype=float, na_value=np.nan))
    if kind == "category":
        return CategoryColumn(tuple(map(plain_level, series.cat.categories)), series.cat.codes.to_numpy())
    if kind in "Mm" or dtype.name.startswith("period["):
        return read_pandas_dates(series)
    if kind == "c":
        raise ValueError(f"Complex data not supported\nColumn {name!r} holds complex numbers. {REMEDY}")
    if kind not in "OU":
        raise TypeError(f"Column {name!r} holds {dtype} values, which are neither numbers nor strings. {REMEDY}")
    return read_cells(series.to_numpy(dtype=object), name, declared_text=getattr(dtype, "type", None) is str)


def _read_polars_column(series: Any, name: str) -> Column:
    dtype = series.dtype
    if dtype.is_numeric():
        exact = dtype.is_float() or (dtype.is_integer() and not series.null_count())
        return (series if exact else series.cast(float)).to_numpy()
    kind = type(dtype).__name__
    if kind in {"Date", "Datetime", "Duration"}:
        return read_polars_dates(series)
    if dtype.is_temporal() or dtype.is_nested():
        raise TypeError(f"Column {name!r} holds {dtype} values, which are neither numbers nor strings. {REMEDY}")
    declared_text = kind in {"String", "Utf8", "Categorical", "Enum"}
    cells = np.empty(len(series), dtype=object)
    cells[:] = (series.cast(str) if declared_text else series).to_list()
    return read_cells(cells, name, declared_text=declared_text)


def _assemble(columns: Sequence[Column], names: tuple[str, ...] | None) -> Table:
    """Put typed columns together: numeric ones side by side, categories by position."""
    categories = {j: column for j, column in enumerate(columns) if isinstance(column, CategoryColumn)}
    positions = np.array([j for j in range(len(columns)) if j not in categories], dtype=np.intp)
    first = columns[0]
    n_rows = len(first.codes) if isinstance(first, CategoryColumn) else len(first)
    dates = {j: column for j, column in enumerate(columns) if isinstance(column, DateColumn)}
    numbers = {int(j): dates[j].seconds if j in dates else columns[j] for j in positions}
    numeric = _stack([*numbers.values()], n_rows)
    _refuse_infinity(numeric, [f"x{j}" if names is None else names[j] for j in positions])
    lost = {j: column.lost for j, column in dates.items() if np.nan_to_num(column.lost).any()}
    remainders = _remainders(numbers) | lost
    return Table(n_rows, numeric, positions, categories, names, remainders, dates)


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
