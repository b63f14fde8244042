"""Which numeric columns tell the classes apart by themselves, and how large should the others be beside them?"""

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from balanced_nn._data.dataset import effective_rows, thin_out
from balanced_nn._typing import FloatArray, IntArray

ROWS_OF_A_CLASS = 2_000  # that are looked at, at most
CUTS = 32  # of a column that are tried, at most, at evenly spaced ranks
ROWS_FOR_BORDERS = 1_000  # among which the ranks are counted, at most
ROWS_OF_A_COLUMN = 300  # effective ones from which on no column needs to be made smaller
GAINS_BY_CHANCE = 500  # that are drawn, at least
FULL_BELOW = 0.1  # how likely a gain may be one by chance where a weight is 1


def column_weights(columns: FloatArray, y: IntArray, weight: FloatArray) -> FloatArray:
    """Weigh each column by whether it says something of the classes by itself, where columns are many for few rows.

    What the best cut of a column gains is compared with what columns gain under shuffled labels: a weight is 1 minus
    how likely the gain is one by chance, and exactly 1 where that is at most 0.1. So hundreds of columns that say a
    little each keep their size, and as many of noise lose it. With n effective rows and d columns no weight is below
    ``sqrt(n / (300 d))``: from 300 rows a column on all are 1, and no column is left out, as one that counts only
    together with others can still be learned.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Numbers of the training rows, float32.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    ndarray of shape (n_columns,)
        In (0, 1], float32.

    References
    ----------
    .. [1] J. Fan, J. Lv, "Sure Independence Screening for Ultrahigh Dimensional Feature Space", Journal of the Royal
       Statistical Society B 70(5), 2008: columns are judged one by one.
    .. [2] B. Efron, "Large-Scale Simultaneous Hypothesis Testing: The Choice of a Null Hypothesis", Journal of the
       American Statistical Association 99(465), 2004: the local false discovery rate.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> columns = rng.normal(size=(80, 100)).astype(np.float32)
    >>> columns[:, 0] += 3 * y
    >>> weights = column_weights(columns, y, np.ones(80))
    >>> float(weights[0]), round(float(np.median(weights[1:])), 1)
    (1.0, 0.1)
    """
    n_columns = columns.shape[1]
    counts = np.bincount(y)
    n_effective = effective_rows(counts[counts > 0])
    if n_columns < 2 or np.count_nonzero(counts) < 2 or n_effective >= ROWS_OF_A_COLUMN * n_columns:
        return np.ones(n_columns, np.float32)
    lowest = np.sqrt(n_effective / (ROWS_OF_A_COLUMN * n_columns))
    seen, weight = thin_out(y, weight, ROWS_OF_A_CLASS)
    bins, y = rank_bins(columns[seen]), y[seen]
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(y)) for _ in range(-(-GAINS_BY_CHANCE // n_columns))]
    by_chance = np.stack([best_cuts(bins, y[order], weight[order]) for order in orders])
    false_rates = find_false_rates(best_cuts(bins, y, weight), by_chance)
    return np.clip((1.0 - false_rates) / (1.0 - FULL_BELOW), lowest, 1.0).astype(np.float32)


def find_false_rates(gains: FloatArray, by_chance: FloatArray) -> FloatArray:
    """Return for each gain how likely it is one by chance: the local false discovery rate.

    How much more often than under shuffled labels the columns gain as much is taken for a function of the gain that
    never falls.

    Parameters
    ----------
    gains : ndarray of shape (n_columns,)
        What the columns gain.
    by_chance : ndarray of shape (n_draws, n_columns)
        What they gain under shuffled labels.

    Returns
    -------
    ndarray of shape (n_columns,)
        In [0, 1]; never larger for a larger gain.

    Examples
    --------
    >>> gains = np.array([0.2, 0.4, 0.6, 0.8, 9.0, 11.0])
    >>> find_false_rates(gains, np.array([[0.1, 0.3, 0.5, 0.7, 0.9, 9.5]])).round(2)
    array([1., 1., 1., 1., 1., 0.])
    """
    both = np.concatenate([gains, by_chance.ravel()])
    is_gain = np.repeat([1.0, 0.0], [gains.size, by_chance.size])
    weight = np.where(is_gain == 1.0, 1.0, 1.0 / len(by_chance))
    share = IsotonicRegression(out_of_bounds="clip").fit(both, is_gain, sample_weight=weight).predict(gains)
    return np.minimum(1.0, (1.0 - share) / np.maximum(share, 1e-12))


def rank_bins(columns: FloatArray) -> NDArray[np.uint8]:
    """Return for each cell how many of some numbers of its column, at evenly spaced ranks, lie below it."""
    some = np.sort(columns[:: -(-len(columns) // ROWS_FOR_BORDERS)].T, axis=1)
    borders = some[:, np.linspace(0, some.shape[1] - 1, CUTS + 2).round().astype(np.intp)[1:-1]]
    bins = np.empty(columns.T.shape, np.uint8)
    for j, column in enumerate(columns.T):
        bins[j] = np.searchsorted(borders[j], column)
    return bins


def best_cuts(bins: NDArray[np.uint8], y: IntArray, weight: FloatArray) -> FloatArray:
    """Return by how many nats the best single cut of each column lowers the entropy of the classes.

    Each class counts the same, however rare it is.

    Parameters
    ----------
    bins : ndarray of shape (n_columns, n_samples)
        What :func:`rank_bins` gives.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    """
    classes, y = np.unique(y, return_inverse=True)
    balanced = weight / np.bincount(y, weights=weight)[y] / len(classes)
    below = np.empty((len(classes), len(bins), CUTS))
    for label in range(len(classes)):
        rows = np.flatnonzero(y == label)
        for j, own in enumerate(bins):
            mass = np.bincount(own[rows], weights=balanced[rows], minlength=CUTS + 1)
            np.cumsum(mass[:-1], out=below[label, j])
    above = 1.0 / len(classes) - below
    after = -_p_log_p(below).sum(axis=0) + _p_log_p(below.sum(axis=0))
    after += -_p_log_p(above).sum(axis=0) + _p_log_p(above.sum(axis=0))
    return np.maximum(0.0, np.log(len(classes)) - after.min(axis=1))


def _p_log_p(mass: FloatArray) -> FloatArray:
    return mass * np.log(np.maximum(mass, 1e-300))
