"""Which rows train the network, and which are held out?"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from balanced_nn._typing import FloatArray, IntArray

# Of a row, where "over" is asked for; weights stand for more. Into as many parts, at most, an epoch of repeated rows is
# cut, so that early stopping looks before copies are known by heart.
MAX_COPIES = 4


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of a matrix, with targets and weights; the matrix itself is shared, never copied.

    Parameters
    ----------
    X : ndarray of shape (n_matrix_rows, n_features)
        The matrix, float32.
    rows : ndarray of shape (n_samples,)
        Which matrix rows are meant; a row may come several times.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    """

    X: FloatArray
    rows: IntArray
    y: IntArray
    weight: FloatArray

    @classmethod
    def of(cls, X: FloatArray, y: IntArray, weight: FloatArray | None = None) -> "Dataset":
        """All rows of a matrix, but for those of weight 0; without weights each weighs 1."""
        weight = np.ones(len(X)) if weight is None else weight
        rows = np.flatnonzero(weight)
        return cls(X, rows, y[rows], weight[rows])

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def copies(self) -> float:
        """How often a row of the class that is repeated most occurs, on average.

        Examples
        --------
        >>> Dataset(np.zeros((4, 1)), np.array([0, 1, 2, 3, 3, 3]), np.array([0, 0, 0, 1, 1, 1]), np.ones(6)).copies
        3.0
        """
        occurrences = np.bincount(self.rows)
        distinct = np.bincount(self.y, weights=1.0 / occurrences[self.rows])
        return float((np.bincount(self.y) / np.maximum(distinct, 1.0)).max())

    def sample(self, n_rows: int) -> FloatArray:
        """At most `n_rows` rows of the matrix, evenly spread."""
        step = max(1, -(-len(self) // n_rows))
        return self.X[self.rows[::step]]


def thin_out(y: IntArray, weight: FloatArray, most: int) -> tuple[IntArray, FloatArray]:
    """Choose at most `most` rows of each class, evenly spread, for a look at very many rows.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    most : int
        Rows of a class, at least 1.

    Returns
    -------
    rows : ndarray
        The chosen rows, ascending.
    weight : ndarray of the same shape
        Their weights, scaled so that each class weighs what it weighed.

    Examples
    --------
    >>> thin_out(np.array([0, 0, 0, 0, 0, 1]), np.ones(6), 3)
    (array([0, 2, 4, 5]), array([1.66666667, 1.66666667, 1.66666667, 1.        ]))
    """
    chosen, scaled = np.zeros(len(y), dtype=bool), weight.astype(np.float64)
    for label in np.flatnonzero(np.bincount(y)):
        members = np.flatnonzero(y == label)
        kept = members[:: -(-len(members) // most)]
        chosen[kept] = True
        scaled[kept] *= weight[members].sum() / weight[kept].sum()
    return np.flatnonzero(chosen), scaled[chosen]


def class_mass(y: IntArray, sample_weight: FloatArray, n_classes: int) -> FloatArray:
    """Sum the weights of each class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices in [0, n_classes).
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_classes,)

    Examples
    --------
    >>> class_mass(np.array([0, 0, 1]), np.array([1.0, 2.0, 5.0]), 2)
    array([3., 5.])
    """
    return np.bincount(y, weights=sample_weight, minlength=n_classes)


def class_frequencies(y: IntArray, sample_weight: FloatArray, n_classes: int) -> FloatArray:
    """Share of each class in the summed weights; the shares sum to 1.

    Examples
    --------
    >>> class_frequencies(np.array([0, 0, 0, 1]), np.ones(4), 2)
    array([0.75, 0.25])
    """
    mass = class_mass(y, sample_weight, n_classes)
    return mass / mass.sum()


def effective_rows(class_counts: ArrayLike) -> float:
    """Rows that count where each class counts the same: ``n_classes ** 2 / sum(1 / class_counts)``.

    All rows where the classes are balanced, and four times those of the rarer class where it is very rare.

    Examples
    --------
    >>> effective_rows([500, 500]), round(effective_rows([990, 10]))
    (1000.0, 40)
    """
    counts = np.asarray(class_counts)
    return float(len(counts) ** 2 / np.sum(1.0 / counts))
