"""How does a table of any kind become the matrix that the network sees, and what are its columns called?

Fitting gives a `Preprocessing`: arrays and dictionaries only, so that prediction calls no scikit-learn transformer.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.names import make_unique
from balanced_nn._data.table import Table, to_dense
from balanced_nn._preprocessing.dates import DateEncoding, add_date_parts, find_starts, fit_dates
from balanced_nn._preprocessing.encoding import Encoding, choose_levels, fit_encoding
from balanced_nn._preprocessing.normal_scores import NO_SCORES, NormalScores, fit_normal_scores
from balanced_nn._preprocessing.piecewise_linear import NO_BINS, Bins, fit_bins
from balanced_nn._preprocessing.scalers import (
    AUTO_SCALERS,
    Scaler,
    column_blocks,
    find_medians,
    find_pivots,
    fit_built_in_scaler,
    fit_custom_scaler,
    row_blocks,
)
from balanced_nn._preprocessing.screening import column_weights
from balanced_nn._typing import BoolArray, FloatArray, IntArray, Matrix, Transformer

ROOM_STEPS = 8  # widths from one power of two to the next, where other rows may need another number of columns
_NEVER = -2.0  # equals no code: codes start at 0, and -1 is an unseen level


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """A fitted preprocessing.

    A *cleaned* row holds the scaled numeric columns and the normal scores of some of them, then one code for each
    missing-value indicator (0 or 1) and for each category column. An *expanded* row holds the same numeric columns
    times their weights, then their bins, if there are any; a code with one level becomes one column that is always 0,
    with two levels one column of -1 and +1 (0 where the level is unseen), with more levels one column of 0 and 1 for
    each level.
    """

    numeric_positions: IntArray  # of the numeric columns in the caller's table, then of the parts of dates behind it
    pivot: NDArray[np.float64]  # what is subtracted first of all: 0 but where numbers lie far from 0, and together
    fill: NDArray[np.float64]  # what a missing number becomes, behind the pivot: the median of the column
    scaler: Scaler
    indicators: IntArray  # which numeric columns have a missing-value indicator
    encodings: tuple[Encoding, ...]
    scores: NormalScores = NO_SCORES
    bins: Bins = NO_BINS
    weights: FloatArray | None = None  # of the numeric columns of a cleaned row; None: all are 1
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
        cleaned = np.empty((n_rows, self.n_cleaned), np.float32)
        first, second = self.n_numeric, self.n_numeric + len(self.indicators)
        for part in row_blocks(n_rows, len(self.fill) if len(self.fill) else n_rows):
            chosen = part if rows is None else rows[part]
            block = _dense_rows(numeric, chosen)
            table.subtract(self.pivot, block, self.numeric_positions, chosen)
            missing = np.isnan(block)
            np.copyto(block, self.fill, where=missing)
            if first < second:
                cleaned[part, first:second] = missing[:, self.indicators]
            cleaned[part, : self.scaler.width] = self.scaler.apply(block)
            if len(self.scores):
                cleaned[part, self.scaler.width : first] = self.scores.apply(block)
        for j, encoding in enumerate(self.encodings, start=second):
            cleaned[:, j] = encoding.encode(table.category(encoding.position, rows))
        return cleaned

    def expand(self, cleaned: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weigh the numbers of cleaned rows, write them bin by bin too, and turn the codes into columns.

        Without weights, bins and codes this is `cleaned` itself.

        Parameters
        ----------
        cleaned : ndarray of shape (n_rows, n_cleaned)

        Returns
        -------
        ndarray of shape (n_rows, width)
        """
        if not self.level_counts and not len(self.bins) and self.weights is None:
            return cleaned
        sources, ones, minus_ones = self.expansion
        n_numeric = self.n_numeric
        first_code = n_numeric + len(self.bins)
        expanded = np.empty((len(cleaned), self.width), np.float32)
        for part in row_blocks(len(cleaned), self.width):
            numbers = cleaned[part, :n_numeric]
            expanded[part, :n_numeric] = numbers if self.weights is None else numbers * self.weights
            expanded[part, n_numeric:first_code] = self.bins.encode(numbers)
            codes = cleaned[part, sources]
            expanded[part, first_code:] = codes == ones
            expanded[part, first_code:] -= codes == minus_ones
        return expanded

    def scaled_numbers(self, expanded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scaled numeric columns of expanded rows, as they were before they were weighed."""
        numbers = expanded[:, : self.scaler.width]
        return numbers if self.weights is None else (numbers / self.weights[: self.scaler.width]).astype(np.float32)

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
        columns = self.binned
        bins = fit_bins(cleaned[:, columns], y, weight, most)
        return replace(self, bins=replace(bins, source=columns[bins.source]))

    def with_weights(self, cleaned: NDArray[np.float32], y: IntArray, weight: NDArray[np.float64]) -> "Preprocessing":
        """Weigh the numeric columns by what each says of the classes of cleaned training rows; see `column_weights`.

        Parameters are those of :meth:`with_bins`. A column and its normal score have one weight.
        """
        found = column_weights(cleaned[:, self.standing], y, weight)
        if np.all(found == 1.0):
            return self
        weights = np.empty(self.n_numeric, np.float32)
        weights[self.standing] = found
        weights[self.scores.source] = weights[self.scaler.width :]
        return replace(self, weights=weights)

    @property
    def n_numeric(self) -> int:
        """Number of numeric columns of a cleaned row."""
        return self.scaler.width + len(self.scores)

    @property
    def n_cleaned(self) -> int:
        """Number of columns of a cleaned row."""
        return self.n_numeric + len(self.level_counts)

    @property
    def standing(self) -> IntArray:
        """Numeric columns of a cleaned row without those that have a normal score."""
        return np.setdiff1d(np.arange(self.n_numeric), self.scores.source)

    @property
    def binned(self) -> IntArray:
        """Those of `standing` that were not made smaller: only they may have bins."""
        columns = self.standing
        return columns if self.weights is None else columns[self.weights[columns] == 1.0]

    @cached_property
    def level_counts(self) -> tuple[int, ...]:
        """Number of levels of each code column of the cleaned rows, from left to right."""
        return (2,) * len(self.indicators) + tuple(len(encoding.labels) for encoding in self.encodings)

    @cached_property
    def categorical_features(self) -> BoolArray:
        """Which columns of the cleaned rows hold codes."""
        return np.arange(self.n_numeric + len(self.level_counts)) >= self.n_numeric

    @cached_property
    def width(self) -> int:
        """Number of columns of the expanded rows."""
        return self.n_numeric + len(self.bins) + len(self.expansion[0])

    @property
    def possible_width(self) -> int:
        """Number of columns where there are as many bins and normal scores as there could be.

        Rounded up where it depends on the rows which columns have either.
        """
        most = self.width - len(self.bins) + self.bins.n_possible + self.scores.n_possible - len(self.scores)
        if self.weights is None and not self.scores.n_possible:
            return most
        step = max(1, 2 ** most.bit_length() // (2 * ROOM_STEPS))
        return -(-most // step) * step

    @cached_property
    def expansion(self) -> tuple[IntArray, NDArray[np.float32], NDArray[np.float32]]:
        """For each expanded code column: where it comes from, which code gives +1, and which -1."""
        columns: list[tuple[int, float, float]] = []
        for source, n_levels in enumerate(self.level_counts, start=self.n_numeric):
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
        numeric = [labels[position] for position in self.numeric_positions]
        result = self.scaler.names(numeric) + self.scores.names(numeric)
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
    levels: Mapping[int, Counter[Hashable]] | None = None,
) -> Preprocessing:
    """Learn medians, scales and levels from some rows of a table.

    Parameters
    ----------
    table : Table
    rows : ndarray of int or None
        The training rows; None means all. The other rows influence nothing but the kind of the columns.
    scaler : {None, "auto", "auto-robust", "standard", "robust", "minmax", "quantile"} or transformer
        As `TabularPreprocessor` has them; "auto-robust" is "auto" with "robust" in the place of "standard". A
        transformer is cloned, and fitted to the imputed numeric columns.
    max_categories : int or None
        Most levels of a column, "missing" and "infrequent" included; None means no limit.
    levels : mapping from position to Counter, default=None
        How often each level of a category column occurs, None being a missing cell, where more is known of it than
        these rows tell.

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
    scores = NO_SCORES
    if scaler is None or isinstance(scaler, str):
        fitted = fit_built_in_scaler(scaler, _pivoted_blocks(table, rows, pivot))
        if scaler in AUTO_SCALERS:
            scores = fit_normal_scores(_pivoted_blocks(table, rows, pivot))
    else:
        imputed = _dense_rows(table.numeric, chosen)
        np.copyto(imputed, fill, where=np.isnan(imputed))
        fitted = fit_custom_scaler(scaler, imputed)
    known = {} if levels is None else levels
    encodings = [
        choose_levels(position, known[position], max_categories)
        if position in known
        else fit_encoding(position, column, rows, max_categories)
        for position, column in table.categories.items()
    ]
    indicators = np.flatnonzero(has_missing & (positions < n_given))  # where a date is missing, all of its parts are
    return Preprocessing(positions, pivot, fill, fitted, indicators, tuple(encodings), scores, dates=dates)


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
