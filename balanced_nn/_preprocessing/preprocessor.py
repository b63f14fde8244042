"""How does a table of any kind become the matrix that the network sees, and what are its columns called?

Fitting gives a `Preprocessing`: arrays and dictionaries only, so that prediction calls no scikit-learn transformer.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from balanced_nn._data.column_checks import column_notes, suspicious_columns
from balanced_nn._data.names import make_unique
from balanced_nn._data.table import Table, read_table, to_dense
from balanced_nn._data.target import read_classes
from balanced_nn._preprocessing.dates import DateEncoding, add_date_parts, find_starts, fit_dates, range_notes
from balanced_nn._preprocessing.encoding import Encoding, fit_encoding, type_notes
from balanced_nn._preprocessing.piecewise_linear import NO_BINS, Bins, fit_bins
from balanced_nn._preprocessing.scalers import (
    BUILT_IN_SCALERS,
    RobustSmoothScaler,
    Scaler,
    column_blocks,
    find_medians,
    find_pivots,
    fit_built_in_scaler,
    fit_custom_scaler,
    row_blocks,
)
from balanced_nn._sklearn import HasMethods, Interval, StrOptions, check_feature_names_in, fit_context
from balanced_nn._typing import BoolArray, FloatArray, IntArray, Matrix, Transformer

__all__ = ["Preprocessing", "RobustSmoothScaler", "TabularPreprocessor", "fit_preprocessing"]

_NEVER = -2.0  # equals no code: codes start at 0, and -1 is an unseen level


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """A fitted preprocessing.

    A *cleaned* row holds the scaled numeric columns, then one code for each missing-value indicator (0 or 1) and for
    each category column. An *expanded* row holds the same numeric columns, then their bins, if there are any; a code
    with one level becomes one column that is always 0, with two levels one column of -1 and +1 (0 where the level is
    unseen), with more levels one column of 0 and 1 for each level.
    """

    numeric_positions: IntArray  # of the numeric columns in the caller's table, then of the parts of dates behind it
    pivot: NDArray[np.float64]  # what is subtracted first of all: 0 but where numbers lie far from 0, and together
    fill: NDArray[np.float64]  # what a missing number becomes, behind the pivot: the median of the column
    scaler: Scaler
    indicators: IntArray  # which numeric columns have a missing-value indicator
    encodings: tuple[Encoding, ...]
    bins: Bins = NO_BINS
    dates: tuple[DateEncoding, ...] = ()

    def __repr__(self) -> str:
        """Return how much there is of each kind, as the arrays would fill pages."""
        counts = f"{self.scaler.width} numeric, {len(self.encodings)} categorical, {len(self.indicators)} indicators"
        return f"<Preprocessing: {counts}, {len(self.bins)} bins>"

    def clean(self, table: Table, rows: IntArray | None = None) -> NDArray[np.float32]:
        """Impute, scale and encode.

        Parameters
        ----------
        table : Table
        rows : ndarray of int, default=None
            Rows to clean, in this order; None means all.

        Returns
        -------
        ndarray of shape (n_rows, n_cleaned)
            Finite; a row's result does not depend on the other rows.
        """
        table = add_date_parts(table, self.dates)
        numeric = table.numbers(self.numeric_positions)
        n_rows = len(table) if rows is None else len(rows)
        cleaned = np.empty((n_rows, len(self.level_counts) + self.scaler.width), np.float32)
        first, second = self.scaler.width, self.scaler.width + len(self.indicators)
        for part in row_blocks(n_rows, len(self.fill) if len(self.fill) else n_rows):
            chosen = part if rows is None else rows[part]
            block = _dense_rows(numeric, chosen)
            table.subtract(self.pivot, block, self.numeric_positions, chosen)
            missing = np.isnan(block)
            np.copyto(block, self.fill, where=missing)
            if first < second:
                cleaned[part, first:second] = missing[:, self.indicators]
            cleaned[part, :first] = self.scaler.apply(block)
        for j, encoding in enumerate(self.encodings, start=second):
            cleaned[:, j] = encoding.encode(table.category(encoding.position, rows))
        return cleaned

    def expand(self, cleaned: NDArray[np.float32]) -> NDArray[np.float32]:
        """Write the numbers of cleaned rows bin by bin too, and turn the codes into columns.

        Without bins and codes this is `cleaned` itself.

        Parameters
        ----------
        cleaned : ndarray of shape (n_rows, n_cleaned)

        Returns
        -------
        ndarray of shape (n_rows, width)
        """
        if not self.level_counts and not len(self.bins):
            return cleaned
        sources, ones, minus_ones = self.expansion
        n_numeric = self.scaler.width
        first_code = n_numeric + len(self.bins)
        expanded = np.empty((len(cleaned), self.width), np.float32)
        for part in row_blocks(len(cleaned), self.width):
            expanded[part, :n_numeric] = cleaned[part, :n_numeric]
            expanded[part, n_numeric:first_code] = self.bins.encode(cleaned[part, :n_numeric])
            codes = cleaned[part, sources]
            expanded[part, first_code:] = codes == ones
            expanded[part, first_code:] -= codes == minus_ones
        return expanded

    def with_bins(
        self, cleaned: NDArray[np.float32], y: IntArray, weight: NDArray[np.float64], most: int
    ) -> "Preprocessing":
        """Choose the bins of the numeric columns by the classes of cleaned training rows.

        Parameters
        ----------
        cleaned : ndarray of shape (n_rows, n_cleaned)
            What :meth:`clean` gives.
        y : ndarray of shape (n_rows,)
            Class indices.
        weight : ndarray of shape (n_rows,)
            Positive weights.
        most : int
            Bins of a column, at most.

        Returns
        -------
        Preprocessing
            This one with its bins.
        """
        return replace(self, bins=fit_bins(cleaned[:, : self.scaler.width], y, weight, most))

    @cached_property
    def level_counts(self) -> tuple[int, ...]:
        """Number of levels of each code column of the cleaned rows, from left to right."""
        return (2,) * len(self.indicators) + tuple(len(encoding.labels) for encoding in self.encodings)

    @cached_property
    def categorical_features(self) -> BoolArray:
        """Which columns of the cleaned rows hold codes."""
        return np.arange(self.scaler.width + len(self.level_counts)) >= self.scaler.width

    @cached_property
    def width(self) -> int:
        """Number of columns of the expanded rows."""
        return self.scaler.width + len(self.bins) + len(self.expansion[0])

    @property
    def possible_width(self) -> int:
        """Number of columns where each numeric column has as many bins as it could have."""
        return self.width - len(self.bins) + self.bins.n_possible

    @cached_property
    def expansion(self) -> tuple[IntArray, NDArray[np.float32], NDArray[np.float32]]:
        """For each expanded code column: where it comes from, which code gives +1, and which -1."""
        columns: list[tuple[int, float, float]] = []
        for source, n_levels in enumerate(self.level_counts, start=self.scaler.width):
            if n_levels == 1:
                columns.append((source, _NEVER, _NEVER))
            elif n_levels == 2:
                columns.append((source, 1.0, 0.0))
            else:
                columns.extend((source, float(code), _NEVER) for code in range(n_levels))
        sources, ones, minus_ones = zip(*columns, strict=True) if columns else ((), (), ())
        return np.array(sources, np.intp), np.array(ones, np.float32), np.array(minus_ones, np.float32)

    def feature_names(self, names: Sequence[str]) -> list[str]:
        """Return a unique name for each expanded column, from the labels of the caller's columns."""
        labels = [*names, *(name for dates in self.dates for name in dates.names(names[dates.position]))]
        for dates in self.dates:
            labels[dates.position] += "_total_seconds"
        result = self.scaler.names([labels[position] for position in self.numeric_positions])
        result += self.bins.names(result)
        result += [f"missingindicator_{names[self.numeric_positions[j]]}" for j in self.indicators]
        for encoding in self.encodings:
            levels = encoding.labels if len(encoding.labels) > 2 else encoding.labels[-1:]
            result += [f"{names[encoding.position]}_{level}" for level in levels]
        return make_unique(result)


def fit_preprocessing(
    table: Table,
    rows: IntArray | None,
    *,
    scaler: str | Transformer | None = "standard",
    max_categories: int | None = 64,
) -> Preprocessing:
    """Learn medians, scales and levels from some rows of a table.

    Parameters
    ----------
    table : Table
    rows : ndarray of int or None
        The training rows; None means all. The other rows influence nothing but the kind of the columns.
    scaler : {None, "standard", "robust", "minmax", "quantile"} or transformer
        A transformer is cloned, and fitted to the imputed numeric columns.
    max_categories : int or None
        Most levels of a column, "missing" and "infrequent" included; None means no limit.

    Returns
    -------
    Preprocessing
    """
    dates, n_given = fit_dates(table, rows), table.width
    table = add_date_parts(table, dates)
    positions = table.numeric_positions
    if len(positions) == 0:
        scaler = None
    chosen = slice(None) if rows is None else rows
    loses_digits = np.isin(positions, list(table.remainders)) if isinstance(scaler, str) else None
    statistics = []
    for columns, block in _numbered_blocks(table, rows):  # fresh: overwritten
        if loses_digits is not None:
            pivot = find_pivots(block, loses_digits[columns])
        else:
            pivot = find_starts(block, positions[columns], dates if scaler is None else ())
        table.subtract(pivot, block, positions[columns], chosen)
        statistics.append((pivot, *find_medians(block)))
    pivot, fill, has_missing = (np.concatenate(parts) for parts in zip(*statistics, strict=True))
    if scaler is None or isinstance(scaler, str):
        fitted = fit_built_in_scaler(scaler, _pivoted_blocks(table, rows, pivot))
    else:
        imputed = _dense_rows(table.numeric, chosen)
        np.copyto(imputed, fill, where=np.isnan(imputed))
        fitted = fit_custom_scaler(scaler, imputed)
    encodings = [fit_encoding(position, column, rows, max_categories) for position, column in table.categories.items()]
    indicators = np.flatnonzero(has_missing & (positions < n_given))  # where a date is missing, all of its parts are
    return Preprocessing(positions, pivot, fill, fitted, indicators, tuple(encodings), dates=dates)


class TabularPreprocessor(TransformerMixin, BaseEstimator):
    """Turn any table into the matrix that a neural network needs.

    Numeric columns are imputed by their median and scaled; a column that had missing values in `fit` gets an indicator
    beside it. Columns of bools, strings and categories become one column of -1 and +1 (two levels) or one-hot columns
    (more levels). Levels that were not seen in `fit` become 0. A date becomes its seconds since 1970 and those of its
    year, month, weekday, day and hour that vary in `fit`, the cyclic ones as sine and cosine.

    Parameters
    ----------
    scaler : {None, "standard", "robust", "minmax", "quantile"} or transformer, default="standard"
        What is applied to the numeric columns. "standard" and "minmax" are those of scikit-learn, "quantile" is
        ``QuantileTransformer(output_distribution="normal")`` with at most 1000 quantiles over all rows, "robust" is
        `RobustSmoothScaler`; these ignore missing values in `fit`. Any other transformer is cloned and fitted to the
        imputed numeric columns, an ndarray of float64; it may change the number of columns.
    max_categories : int or None, default=64
        Most levels of a column. The rarest levels beyond (of equally frequent ones the last in the order of the
        levels) share the level "infrequent", which unseen levels then join. A limit of 2 or more; None means none.
    n_bins : int or None, default=None
        Most bins of a numeric column, 2 or more; their piecewise linear encoding [1]_ follows the scaled numbers;
        `fit` then needs `y`, because the bins lie where a decision tree over the column separates the classes. None
        adds no bins.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Labels of the columns, if `X` is a DataFrame whose labels are distinct strings.
    n_features_out_ : int
        Number of columns that `transform` returns.
    categories_ : dict of {int: list of str}
        For each category column, by its position in `X`: the names of its levels. "missing" is the level of missing
        cells, if there were any in `fit`.
    preprocessing_ : Preprocessing
        The fitted arrays.

    See Also
    --------
    RobustSmoothScaler : The map behind ``scaler="robust"``.
    BalancedNNClassifier : Does the same inside, after holding out its validation part.

    Notes
    -----
    The kind of a column follows its type or, in columns of Python objects, its content: only numbers, bools mixed
    with numbers, or only missing cells are numeric; anything with a string in it is a category. It is fixed in `fit`:
    a numeric column that later holds a string is an error, and numbers in a category column are looked up among its
    levels. Numbers are equal by value (1, 1.0 and True), and to the strings that write them ("1").

    A numeric column that was constant or all missing in `fit` is always 0. Scaled values are cut at -1e6 and 1e6 (with
    ``scaler=None`` or a transformer of yours: at -1e30 and 1e30), so that the result is always finite. Infinite input
    is refused. Lists and other objects are refused: derive numbers from them first.

    Dates are those of NumPy, pandas, polars, PyArrow and Python; periods count by their beginning, durations are
    numbers, in seconds. Seconds are counted in UTC, and parts are read from a clock in the column's time zone. A column
    of dates that later holds other values or times of another zone is an error, as are dates in any other column. Dates
    further from those of `fit` than these from one another are named in a `ColumnWarning`. With ``scaler=None`` the
    seconds are counted from the first date of `fit` on, as float32 does not tell dates apart by those since 1970.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
       NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from balanced_nn import TabularPreprocessor
    >>> X = [[30.0, "no", "red"], [np.nan, "yes", "blue"], [50.0, "no", "green"], [40.0, "no", "red"]]
    >>> preprocessor = TabularPreprocessor().fit(X)
    >>> preprocessor.get_feature_names_out().tolist()
    ['x0', 'missingindicator_x0', 'x1_yes', 'x2_blue', 'x2_green', 'x2_red']
    >>> preprocessor.transform([[np.nan, "yes", "red"], [40.0, "no", "unseen"]])
    array([[ 0.,  1.,  1.,  0.,  0.,  1.],
           [ 0., -1., -1.,  0.,  0.,  0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "scaler": [StrOptions(set(BUILT_IN_SCALERS)), HasMethods(["fit", "transform"]), None],
        "max_categories": [Interval(Integral, 2, None, closed="left"), None],
        "n_bins": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(
        self,
        scaler: str | Transformer | None = "standard",
        *,
        max_categories: int | None = 64,
        n_bins: int | None = None,
    ) -> None:
        self.scaler = scaler
        self.max_categories = max_categories
        self.n_bins = n_bins

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike | None = None) -> "TabularPreprocessor":
        """Learn the kinds, medians, scales and levels of the columns.

        Parameters
        ----------
        X : array-like, sparse or DataFrame of shape (n_samples, n_features)
            The table.
        y : array-like of shape (n_samples,), default=None
            Labels, which only `n_bins` needs.

        Returns
        -------
        TabularPreprocessor
            The fitted preprocessor itself.
        """
        table = read_table(self, X, reset=True)
        for note in column_notes(suspicious_columns(table)):
            warnings.warn(note, stacklevel=3)
        fitted = fit_preprocessing(table, None, scaler=self.scaler, max_categories=self.max_categories)
        if self.n_bins is not None:
            codes = self._codes(X, y)
            fitted = fitted.with_bins(fitted.clean(table), codes, np.ones(len(codes)), self.n_bins)
        self.preprocessing_ = fitted
        self.n_features_out_ = self.preprocessing_.width
        self.categories_ = {encoding.position: list(encoding.labels) for encoding in self.preprocessing_.encodings}
        return self

    def _codes(self, X: Any, y: ArrayLike | None) -> IntArray:
        if y is None:
            raise ValueError(
                f"n_bins={self.n_bins} puts bins where classes separate, but y is None. Pass y, or set n_bins=None."
            )
        return read_classes(y, X)[0]

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Impute, scale and encode a table.

        Parameters
        ----------
        X : array-like, sparse or DataFrame of shape (n_samples, n_features)
            The table.

        Returns
        -------
        ndarray of shape (n_samples, `n_features_out_`)
            Finite float32 numbers.
        """
        check_is_fitted(self)
        table = read_table(self, X, reset=False)
        fitted = self.preprocessing_
        notes = type_notes(table, fitted.numeric_positions, [fitted.encodings]) + range_notes(table, [fitted.dates])
        for note in notes:
            warnings.warn(note, stacklevel=3)
        return fitted.expand(fitted.clean(table))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` gives.

        A numeric column keeps its label, and "<label>_bin1" is the first of its bins; "missingindicator_<label>" says
        where it was missing; "<label>_<level>" is the column of a level; a date has "<label>_total_seconds",
        "<label>_year", "<label>_month_sin", "<label>_month_cos", ... A name that occurs twice gets a number after it.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Labels of the columns of `X`; None means those seen in `fit`, or x0, x1, ...

        Returns
        -------
        ndarray of str objects
            A name for each column of the matrix: "income", "missingindicator_income", "city_London", ...
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        return np.array(self.preprocessing_.feature_names(list(map(str, names))), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _numbered_blocks(table: Table, rows: IntArray | None) -> Iterator[tuple[slice, FloatArray]]:
    """Yield fresh blocks of the numbers of a table, as `column_blocks`, and which columns they hold."""
    stop = 0
    for block in column_blocks(table.numeric, rows):
        start, stop = stop, stop + block.shape[1]
        yield slice(start, stop), block


def _pivoted_blocks(table: Table, rows: IntArray | None, pivot: FloatArray) -> Iterator[FloatArray]:
    """Yield the numbers of a table as `column_blocks`, less what is subtracted first."""
    for columns, block in _numbered_blocks(table, rows):
        positions = table.numeric_positions[columns]
        table.subtract(pivot[columns], block, positions, slice(None) if rows is None else rows)
        yield block


def _dense_rows(numeric: Matrix, rows: slice | IntArray) -> NDArray[np.float64]:
    """Return some rows of a numeric block as a fresh, dense float64 array."""
    return np.array(to_dense(numeric[rows]), dtype=np.float64)
