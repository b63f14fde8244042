"""Which classes does a target hold, and how much does each row weigh?"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length

from balanced_nn._sklearn import check_sample_weight
from balanced_nn._specs import FloatArray, IntArray


def read_target(y: ArrayLike, X: Any, *, name: str = "y") -> np.ndarray:
    """Check a classification target and return it as a one-dimensional array of labels.

    Raises
    ------
    ValueError
        If `y` is missing, continuous, holds missing values, is not one-dimensional, or differs from `X` in length.
    """
    if y is None:
        raise ValueError(
            f"This BalancedNNClassifier estimator requires y to be passed, but the target {name} is None. "
            "Pass one label a row."
        )
    checked = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name=name)
    labels = column_or_1d(checked, warn=True)
    check_consistent_length(X, labels)
    missing = _is_missing(labels)
    if missing.any():
        raise ValueError(
            f"Input {name} contains NaN or None in {missing.sum()} of {len(labels)} rows. "
            "Remove these rows: a label cannot be imputed."
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for {labels.dtype!r}. Remove these rows."
        )
    check_classification_targets(labels)
    return labels


def _is_missing(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype.kind != "O":
        return np.zeros(len(labels), dtype=bool)
    # pandas.NA is not comparable; its type is known by name, so that pandas need not be imported.
    return np.array([v is None or type(v).__name__ == "NAType" or bool(v != v) for v in labels], dtype=bool)


def find_classes(labels: np.ndarray) -> np.ndarray:
    """Return the sorted labels.

    Raises
    ------
    ValueError
        If there is only one, or labels of types that cannot be sorted.
    """
    try:
        classes = np.unique(labels)
    except TypeError as exc:
        kinds = sorted({type(label).__name__ for label in labels})
        raise TypeError(
            f"y mixes labels of the types {', '.join(kinds)}, which cannot be sorted. Convert them to one type."
        ) from exc
    if len(classes) < 2:
        raise ValueError(
            f"y holds 1 class, {classes[0]!s}; a classifier needs rows of at least two classes. "
            "Check how the data was selected or split."
        )
    return classes


def encode_labels(labels: np.ndarray, classes: np.ndarray, *, name: str) -> IntArray:
    """Turn labels into indices of `classes`.

    Raises
    ------
    ValueError
        If a label is not in `classes`.
    """
    unknown = ~np.isin(labels, classes)
    if unknown.any():
        raise ValueError(
            f"{name} holds {labels[unknown][0]!s}, which is not in y; y holds {', '.join(map(str, classes))}. "
            f"Remove these {unknown.sum()} rows."
        )
    return np.searchsorted(classes, labels)


def read_weights(sample_weight: ArrayLike | None, X: Any, *, name: str = "sample_weight") -> FloatArray:
    """Return float64 weights, one a row; ones where None was passed.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, or their number is not that of the rows.
    """
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, copy=True)
    if (weights < 0).any():
        raise ValueError(
            f"{name} holds {(weights < 0).sum()} negative weights, the lowest {weights.min():g}. "
            "Weights must be 0 or larger; a row of weight 0 is left out."
        )
    if not weights.any():
        raise ValueError(f"{name} is 0 for every row, so that nothing is left to learn from. Give some rows weight.")
    return weights


def check_every_class_weighs(y: IntArray, weights: FloatArray, classes: np.ndarray) -> None:
    """Refuse weights that take a class away as a whole.

    Raises
    ------
    ValueError
        If all rows of a class have weight 0.
    """
    mass = np.bincount(y, weights=weights, minlength=len(classes))
    lost = classes[mass == 0]
    if len(lost) > 0:
        raise ValueError(
            f"sample_weight is 0 for every row of class {', '.join(map(str, lost))}. "
            "Remove these rows from X and y, or give them weight."
        )
