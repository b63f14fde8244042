"""Which numeric columns have heavy tails, and what are their normal scores?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from sklearn.preprocessing import StandardScaler

from balanced_nn._preprocessing.scalers import LARGEST, find_two_valued, find_unit, flush
from balanced_nn._typing import FloatArray, IntArray

HEAVY = 8.0  # standard deviations that a number lies from the mean, beyond which the tail counts as heavy
MAYBE_HEAVY = 6.0  # beyond which it may do so in other rows of the table
KNOTS = 256  # numbers of a column whose scores are kept, at most, evenly spaced in scores


@dataclass(frozen=True, eq=False)
class NormalScores:
    """Normal scores of the columns with heavy tails: beside the scaled number stands that by which it is ranked.

    A normal score is the normal quantile of the share of the training rows below a number, equal ones counted by half.
    Whatever increasing function a column was put through, it has the same normal scores.

    Parameters
    ----------
    source : ndarray of shape (n_scores,)
        The columns, ascending.
    knots : tuple of ndarray
        For each column some of its numbers, ascending.
    values : tuple of ndarray
        Their scores. Between two knots lies a straight line; outside, the nearest knot counts.
    n_possible : int
        Columns that there are at most: the same for all folds of a table, or nearly so.

    References
    ----------
    .. [1] T. M. Beasley, S. Erickson, D. B. Allison, "Rank-Based Inverse Normal Transformations are Increasingly Used,
       But are They Merited?", Behavior Genetics 39(5), 2009.
    """

    source: IntArray
    knots: tuple[FloatArray, ...]
    values: tuple[FloatArray, ...]
    n_possible: int

    def __len__(self) -> int:
        return len(self.source)

    def apply(self, block: FloatArray) -> FloatArray:
        """Return the scores of a block of rows without missing values, one column for each in `source`.

        Examples
        --------
        >>> scores = NormalScores(np.array([1]), (np.array([0.0, 1.0, 9.0]),), (np.array([-1.0, 0.0, 1.0]),), 1)
        >>> scores.apply(np.array([[7.0, 0.5], [7.0, 5.0], [7.0, 100.0]])).ravel()
        array([-0.5,  0.5,  1. ])
        """
        scores = np.empty((len(block), len(self)))
        for j, (column, knots, values) in enumerate(zip(self.source, self.knots, self.values, strict=True)):
            scores[:, j] = np.interp(bounded(block[:, column]), knots, values)
        return scores

    def names(self, columns: Sequence[str]) -> list[str]:
        """Name of each score, from those of the columns."""
        return [f"{columns[column]}_normal_score" for column in self.source]


@dataclass(frozen=True, eq=False)
class ScoreLines:
    """Normal scores of all columns by one search: of a few rows, some twenty columns one by one take much longer.

    Complex numbers are ordered by the real part, here the column, then by the imaginary one.
    """

    source: IntArray
    lowest: FloatArray  # first knot of each column
    highest: FloatArray  # last knot of each column
    keys: NDArray[np.complex128]  # of all knots: the column, and the knot
    knots: FloatArray
    values: FloatArray
    slopes: FloatArray  # from each knot to the next

    @classmethod
    def of(cls, scores: NormalScores) -> "ScoreLines":
        """Put the knots of all columns, at least one, into one row."""
        sizes = [len(own) for own in scores.knots]
        last = np.cumsum(sizes) - 1
        knots, values = np.concatenate(scores.knots), np.concatenate(scores.values)
        slopes = np.zeros(len(knots))
        with np.errstate(divide="ignore", invalid="ignore"):  # from one column to the next, which is overwritten
            slopes[:-1] = np.diff(values) / np.diff(knots)
        slopes[last] = 0.0
        keys = np.repeat(np.arange(len(scores)), sizes) + 1j * knots
        return cls(scores.source, knots[last - sizes + 1], knots[last], keys, knots, values, slopes)

    def apply(self, block: FloatArray) -> FloatArray:
        """Return what :meth:`NormalScores.apply` returns, to the bit.

        Examples
        --------
        >>> scores = NormalScores(np.array([1]), (np.array([0.0, 1.0, 9.0]),), (np.array([-1.0, 0.0, 1.0]),), 1)
        >>> ScoreLines.of(scores).apply(np.array([[7.0, 0.5], [7.0, 5.0], [7.0, 100.0]])).ravel()
        array([-0.5,  0.5,  1. ])
        """
        numbers = np.minimum(np.maximum(bounded(block[:, self.source]), self.lowest), self.highest)
        below = self.keys.searchsorted(np.arange(len(self.source)) + 1j * numbers, side="right") - 1
        return self.slopes[below] * (numbers - self.knots[below]) + self.values[below]


NO_SCORES = NormalScores(np.empty(0, np.intp), (), (), 0)


def fit_normal_scores(blocks: Iterable[FloatArray]) -> NormalScores:
    """Find the columns with a number beyond 8 standard deviations, and their scores.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_rows, any number of columns)
        All columns from left to right. NaN is missing, and ignored.

    Examples
    --------
    >>> columns = np.random.default_rng(0).normal(size=(1000, 2))
    >>> columns[:, 1] = np.exp(2.5 * columns[:, 1])
    >>> scores = fit_normal_scores([columns])
    >>> scores.source, float(scores.apply(columns).std().round(1))
    (array([1]), 1.0)
    """
    found: dict[int, tuple[FloatArray, FloatArray]] = {}
    n_columns = n_possible = 0
    for block in blocks:
        reach = find_reach(block)
        for j in np.flatnonzero((reach > MAYBE_HEAVY) & ~find_two_valued(block)):  # of two, any scale is as good
            n_possible += 1
            if reach[j] > HEAVY:
                found[n_columns + int(j)] = scores_of_column(block[:, j])
        n_columns += block.shape[1]
    source = np.array(list(found), np.intp)
    return NormalScores(
        source, tuple(knots for knots, _ in found.values()), tuple(values for _, values in found.values()), n_possible
    )


def find_reach(block: FloatArray) -> FloatArray:
    """Return how many standard deviations the numbers of each column lie from their mean at most; 0 if constant."""
    lowest, highest = np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0)
    reach = np.zeros(block.shape[1])
    varies = lowest < highest
    if not varies.any():
        return reach
    if not varies.all():
        block, lowest, highest = block[:, varies], lowest[varies], highest[varies]
    unit = find_unit(np.maximum(np.abs(lowest), np.abs(highest)))
    fitted = StandardScaler().fit(block if (unit == 1.0).all() else block * unit)
    reach[varies] = np.maximum(highest * unit - fitted.mean_, fitted.mean_ - lowest * unit) / fitted.scale_
    return reach


def scores_of_column(column: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return some of the numbers of a column, ascending, and their normal scores.

    Examples
    --------
    >>> knots, values = scores_of_column(np.array([5.0, 0.0, 0.0, np.nan, 1e9]))
    >>> knots.tolist(), values.round(2).tolist()
    ([0.0, 5.0, 1000000000.0], [-0.67, 0.32, 1.15])
    """
    knots, counts = np.unique(bounded(column[~np.isnan(column)]), return_counts=True)
    shares = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
    if len(knots) > KNOTS:
        wanted = ndtr(np.linspace(ndtri(shares[0]), ndtri(shares[-1]), KNOTS))
        chosen = np.unique(np.concatenate([[0], np.searchsorted(shares, wanted[1:-1]), [len(knots) - 1]]))
        knots, shares = knots[chosen], shares[chosen]
    return knots, ndtri(shares)


def bounded(numbers: FloatArray) -> FloatArray:
    """Keep numbers where the difference of two does not overflow, and take those next to 0 for 0."""
    return flush(np.clip(numbers, -LARGEST / 4, LARGEST / 4))
