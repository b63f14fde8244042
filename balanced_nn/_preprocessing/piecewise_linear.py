"""At which values of a number do the classes separate, and how does the piecewise linear encoding use them?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from balanced_nn._data.dataset import effective_rows, thin_out
from balanced_nn._typing import FloatArray, IntArray

MAX_ROWS_OF_A_LEAF = 64  # that a bin must hold at least; fewer where there are few rows
ROWS_OF_A_CLASS = 20_000  # that the tree looks at, at most
SHARE_OF_A_LEAF, MIN_ROWS_OF_A_LEAF = 0.02, 5
MIN_GAIN = 1e-4  # bits of entropy, of all rows, that a cut must save
MIN_EVIDENCE = 2.0  # by how much a cut must raise twice the log-likelihood: Akaike's price of a parameter
SMALLEST_BIN = 1e-30  # slopes must be finite in float32
SMALLEST_BIN_IN_STEPS = 8  # from one float32 to the next: slopes must be right


@dataclass(frozen=True, eq=False)
class Bins:
    """Piecewise linear encoding of the numeric columns of a matrix.

    A number becomes one column for each bin of its own column: 0 below the bin, 1 above it, and linear inside. So a
    network can give each bin its own slope, where the bare number has one slope for all of its range.

    Parameters
    ----------
    source : ndarray of shape (n_bins,)
        Column that a bin belongs to.
    start : ndarray of shape (n_bins,)
        Value at which it begins, float32.
    slope : ndarray of shape (n_bins,)
        One over its width, float32.
    n_possible : int
        Bins that there are at most, wherever the cuts lie: the same for all folds of a table, or nearly so.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
       NeurIPS 2022, section 3.2.
    """

    source: IntArray
    start: FloatArray
    slope: FloatArray
    n_possible: int

    def __len__(self) -> int:
        return len(self.source)

    def encode(self, columns: FloatArray) -> FloatArray:
        """Encode each number of a matrix piecewise linearly.

        Parameters
        ----------
        columns : ndarray of shape (n_samples, n_columns)
            float32.

        Returns
        -------
        ndarray of shape (n_samples, n_bins)
            float32, in [0, 1].

        Examples
        --------
        >>> bins = Bins(np.array([0, 0]), np.float32([0, 10]), np.float32([0.1, 0.5]), 2)
        >>> bins.encode(np.float32([[-3], [5], [11], [40]])).tolist()
        [[0.0, 0.0], [0.5, 0.0], [1.0, 0.5], [1.0, 1.0]]
        """
        encoded = columns[:, self.source]
        encoded -= self.start
        encoded *= self.slope
        return np.clip(encoded, 0.0, 1.0, out=encoded)

    def names(self, columns: Sequence[str]) -> list[str]:
        """Name of each bin: that of its column, and the number of the bin in it."""
        counts = np.zeros(len(columns), dtype=int)
        result = []
        for column in self.source:
            counts[column] += 1
            result.append(f"{columns[column]}_bin{counts[column]}")
        return result


NO_BINS = Bins(np.empty(0, np.intp), np.empty(0, np.float32), np.empty(0, np.float32), 0)


def fit_bins(columns: FloatArray, y: IntArray, weight: FloatArray, most: int) -> Bins:
    """Cut each column where a decision tree over it alone separates the classes best.

    Each class counts the same in the tree, however rare it is.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Scaled numbers of the training rows, float32.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    most : int
        Bins of a column, at most; fewer than 2 give none.

    Returns
    -------
    Bins
        None for a column of less than three values, or where no cut tells the training rows apart better than chance.

    Examples
    --------
    >>> x = np.linspace(0, 10, 200, dtype=np.float32)
    >>> bins = fit_bins(x[:, None], ((x > 3) & (x < 7)).astype(int), np.ones(200), 16)
    >>> bins.start.round().tolist()
    [0.0, 3.0, 7.0]
    """
    if most < 2 or columns.shape[1] == 0:
        return NO_BINS
    seen, weight = thin_out(y, weight, ROWS_OF_A_CLASS)
    columns, y = columns[seen], y[seen]
    evidence = 2.0 * np.log(2.0) * effective_rows(np.unique(y, return_counts=True)[1])  # of a bit
    tree = DecisionTreeClassifier(
        criterion="entropy",
        max_leaf_nodes=most,
        min_samples_leaf=int(np.clip(SHARE_OF_A_LEAF * len(y), MIN_ROWS_OF_A_LEAF, MAX_ROWS_OF_A_LEAF)),
        min_impurity_decrease=max(MIN_GAIN, MIN_EVIDENCE / evidence),
        random_state=0,
    )
    balanced = weight / np.bincount(y, weights=weight)[y]
    values = [np.unique(column) for column in columns.T]
    n_possible = [min(most, len(distinct)) if len(distinct) > 2 else 0 for distinct in values]
    parts = [
        _edges(tree, distinct, column, y, balanced) if n else np.empty(0)  # two values need no bins
        for n, distinct, column in zip(n_possible, values, columns.T, strict=True)
    ]
    source = np.repeat(np.arange(len(parts)), [max(0, len(edges) - 1) for edges in parts])
    start = np.concatenate([edges[:-1] for edges in parts]).astype(np.float32)
    slope = (1.0 / np.concatenate([np.diff(edges) for edges in parts])).astype(np.float32)
    return Bins(source, start, slope, sum(n_possible))


def _edges(
    tree: DecisionTreeClassifier, distinct: FloatArray, column: FloatArray, y: IntArray, weight: FloatArray
) -> FloatArray:
    """Borders of the bins of a column, ascending; empty where no cut helps.

    The tree sees ranks, because scikit-learn's trees make no cut between values that differ by less than 1e-7.
    """
    ranks = np.searchsorted(distinct, column).astype(np.float32)
    found = tree.fit(ranks[:, None], y, sample_weight=weight).tree_
    below = np.sort(found.threshold[found.feature >= 0]).astype(np.intp)
    exact = distinct.astype(np.float64)
    edges = np.concatenate([exact[:1], (exact[below] + exact[below + 1]) / 2, exact[-1:]])
    finest = np.maximum(SMALLEST_BIN_IN_STEPS * np.spacing(np.abs(edges).astype(np.float32)), SMALLEST_BIN)
    kept = edges[np.concatenate([[True], np.diff(edges) > finest[1:]])]
    return kept if len(kept) > 2 else np.empty(0)
