"""Do the columns of two tables hold the same kind of values?"""

import numpy as np
from scipy import sparse

from balanced_nn._data.table import Table
from balanced_nn._typing import FloatArray, IntArray

FEWEST_ROWS = 20  # of each table, below which columns are not compared
ROWS_COMPARED = 2_000  # of each table, at most
FAR_APART = 0.4  # Kolmogorov-Smirnov distance; of two samples of 20 rows of one column it exceeds this in one of 15
FEWEST_COLUMNS = 2  # one may be the time
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
    distances = np.array([_distance(one[:, column], two[:, column]) for column in range(len(shared))])
    far = shared[distances > FAR_APART]
    if len(far) < FEWEST_COLUMNS or len(far) < SHARE_OF_COLUMNS * np.count_nonzero(np.isfinite(distances)):
        return ()
    return tuple(table.name(int(position)) for position in far)


def _distance(one: FloatArray, two: FloatArray) -> float:
    """Largest difference of the two distribution functions; NaN where there is nothing to compare."""
    one, two = (np.sort(values[~np.isnan(values)]) for values in (one.astype(np.float64), two.astype(np.float64)))
    both = np.concatenate([one, two])
    if min(len(one), len(two)) < FEWEST_ROWS or both.min() == both.max():
        return float("nan")
    below = [np.searchsorted(values, both, side="right") / len(values) for values in (one, two)]
    return float(np.abs(below[0] - below[1]).max())
