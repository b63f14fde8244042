"""Do the columns of two tables hold the same kind of values?"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from balanced_nn._data.table import Table
from balanced_nn._typing import FloatArray, IntArray

FEWEST_ROWS = 20  # of each table, below which columns are not compared
ROWS_COMPARED = 2_000  # of each table, at most
FAR_APART = 0.4  # Kolmogorov-Smirnov distance; of two samples of 20 rows of one column it exceeds this in one of 15
FEWEST_COLUMNS = 2  # one may be the time
# Of a column that was scaled to a deviation (or quartiles) of 1, a quarter of the rows (or half) lies beyond at most.
BEYOND, MOST_BEYOND = 2.0, 0.6
SHARE_OF_COLUMNS = 0.5  # that are far apart in tables of two kinds; where time has moved a column, others stay


def differing_columns(table: Table, rows: IntArray, other: Table, other_rows: IntArray) -> tuple[str, ...]:
    """Name the numeric columns of two tables that are far apart, if they are at least half of those that vary.

    So it is where one of them was scaled or otherwise transformed and the other was not.

    Parameters
    ----------
    table, other : Table
        Tables with the same columns.
    rows, other_rows : ndarray
        Which of their rows are meant.

    Returns
    -------
    tuple of str
        Names of the columns; empty where fewer than half of them differ, or where there are too few rows to tell.

    References
    ----------
    .. [1] J. L. Hodges, "The Significance Probability of the Smirnov Two-Sample Test", Arkiv för Matematik 3, 1958.
    """
    if min(len(rows), len(other_rows)) < FEWEST_ROWS or any(sparse.issparse(one.numeric) for one in (table, other)):
        return ()
    shared = np.intersect1d(table.numeric_positions, other.numeric_positions)
    shared = np.setdiff1d(shared, list(table.dates))  # time moves dates, and nothing scales them
    one, two = (
        part.numeric[chosen[:: -(-len(chosen) // ROWS_COMPARED)]][:, np.searchsorted(part.numeric_positions, shared)]
        for part, chosen in ((table, rows), (other, other_rows))
    )
    return tuple(table.name(int(position)) for position in shared[far_apart(one, two)])


def far_apart(one: FloatArray, two: FloatArray) -> IntArray:
    """Positions of the columns of two matrices that are far apart, if they are at least half of those that vary.

    Examples
    --------
    >>> one = np.random.default_rng(0).normal(size=(50, 3))
    >>> far_apart(one, one * [1.0, 100.0, 100.0] + 500.0)
    array([0, 1, 2])
    """
    one, two = (rows[:: max(1, -(-len(rows) // ROWS_COMPARED))] for rows in (one, two))
    distances = np.array([_distance(one[:, column], two[:, column]) for column in range(one.shape[1])])
    return _most(distances > FAR_APART, np.isfinite(distances))


def off_scale(scaled: FloatArray) -> IntArray:
    """Positions of the columns that are no scaled training rows, if they are at least half of those that vary.

    Examples
    --------
    >>> off_scale(np.random.default_rng(0).normal(size=(50, 2)) * 100.0)
    array([0, 1])
    """
    if len(scaled) < FEWEST_ROWS:
        return np.empty(0, dtype=np.intp)
    beyond = np.mean(np.abs(scaled) > BEYOND, axis=0) > MOST_BEYOND
    return _most(beyond, beyond | (np.ptp(scaled, axis=0) > 0))


def _most(far: NDArray[np.bool_], varies: NDArray[np.bool_]) -> IntArray:
    positions = np.flatnonzero(far & varies)
    few = len(positions) < max(FEWEST_COLUMNS, SHARE_OF_COLUMNS * np.count_nonzero(varies))
    return positions[:0] if few else positions


def _distance(one: FloatArray, two: FloatArray) -> float:
    """Largest difference of the two distribution functions; NaN where there is nothing to compare."""
    one, two = (np.sort(values[~np.isnan(values)]) for values in (one.astype(np.float64), two.astype(np.float64)))
    both = np.concatenate([one, two])
    if min(len(one), len(two)) < FEWEST_ROWS or both.min() == both.max():
        return float("nan")
    below = [np.searchsorted(values, both, side="right") / len(values) for values in (one, two)]
    return float(np.abs(below[0] - below[1]).max())
