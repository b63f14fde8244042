"""What do given labels and probabilities hold, once they are checked?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._data.target import encode_labels, find_classes, read_target, read_weights
from balanced_nn._diagnose.sklearn_models import unwrap
from balanced_nn._probability.prior_shift import SUM_TOLERANCE
from balanced_nn._typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Predictions:
    """Rows with their class indices, probabilities and weights.

    Parameters
    ----------
    classes : tuple
        Class labels, in the order of the columns.
    y : ndarray of shape (n_samples,)
        Class indices.
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities.
    weight : ndarray of shape (n_samples,)
        Non-negative weights.
    """

    classes: tuple[Any, ...]
    y: IntArray
    proba: FloatArray
    weight: FloatArray


def read_predictions(
    y_true: ArrayLike, y_proba: ArrayLike, classes: ArrayLike | None, sample_weight: ArrayLike | None
) -> Predictions:
    """Check labels and probabilities.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Probabilities; of two classes that of the second is enough. They may be NaN.
    classes : array-like of shape (n_classes,) or None
        Labels in the order of the columns. None takes the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,) or None
        Weights.

    Raises
    ------
    ValueError
        If something does not fit together.

    Examples
    --------
    >>> given = read_predictions(["b", "a"], [0.2, 0.6], ["b", "a"], None)
    >>> given.y, given.proba
    (array([0, 1]), array([[0.8, 0.2],
           [0.4, 0.6]]))
    """
    labels = read_target(y_true, y_true, name="y_true")
    proba = read_proba(y_proba, len(labels))
    known = find_classes(labels) if classes is None else np.asarray(classes)
    if known.shape != (proba.shape[1],) or len(np.unique(known)) != len(known):
        source = "y_true holds the labels" if classes is None else "classes names"
        raise ValueError(
            f"{source} {', '.join(map(str, known.ravel()))}, but y_proba has {proba.shape[1]} columns. "
            "Pass classes with one label per column, in the order of the columns."
        )
    weight = read_weights(sample_weight, labels)
    return Predictions(tuple(known.tolist()), encode_in_order(labels, known, "y_true"), proba, weight)


def encode_in_order(labels: ArrayLike, classes: ArrayLike, name: str) -> IntArray:
    """Turn labels into indices of `classes`, which may stand in any order.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Labels.
    classes : array-like of shape (n_classes,)
        All labels there are.
    name : str
        What `labels` is called.
    """
    known = np.asarray(classes)
    order = np.argsort(known)
    return order[encode_labels(np.asarray(labels), known[order], name=name)]


def read_proba(y_proba: ArrayLike, n_rows: int, name: str = "y_proba") -> FloatArray:
    """Check probabilities and give each class a column; NaN may stand among them.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Probabilities; a single column is that of the second of two classes.
    n_rows : int
        How many rows there must be.
    name : str, default="y_proba"
        What `y_proba` is called.

    Raises
    ------
    ValueError
        If rows are missing, a number is outside [0, 1], or a row does not sum to 1.
    """
    proba = np.asarray(y_proba, dtype=np.float64)
    if proba.ndim == 1 or (proba.ndim == 2 and proba.shape[1] == 1):
        proba = np.column_stack([1.0 - proba.ravel(), proba.ravel()])
    if proba.ndim != 2 or len(proba) != n_rows:
        raise ValueError(
            f"{name} has shape {np.shape(y_proba)}, but there are {n_rows} labels. Pass one row per label, and one "
            "column per class."
        )
    sums = proba.sum(axis=1)
    if (proba < 0).any() or (proba > 1).any() or (np.abs(sums - 1.0) > SUM_TOLERANCE).any():
        raise ValueError(
            f"{name} holds numbers from {np.nanmin(proba):g} to {np.nanmax(proba):g} and rows that sum to "
            f"{np.nanmin(sums):g} to {np.nanmax(sums):g}. Pass probabilities: each in [0, 1], with rows that sum to 1."
        )
    return proba


def find_classifier(estimator: Any, caller: str) -> tuple[BalancedNNClassifier, Callable[[Any], Any]]:
    """Return the classifier, and what turns rows into those that it reads.

    Parameters
    ----------
    estimator : estimator
        A fitted BalancedNNClassifier, or a pipeline or search object that ends in one.
    caller : str
        Who asks, for the messages.

    Raises
    ------
    TypeError
        If it is anything else.
    NotFittedError
        If it is not fitted.
    """
    found, read = unwrap(estimator)
    if not isinstance(found, BalancedNNClassifier):
        hint = " A search needs to be fitted with refit=True." if hasattr(found, "estimator") else ""
        name = found.__name__ if isinstance(found, type) else type(found).__name__
        raise TypeError(
            f"{caller} shows a fitted BalancedNNClassifier, or a pipeline or search that ends in one; got {name}.{hint}"
        )
    check_is_fitted(found, "members_")
    return found, read
