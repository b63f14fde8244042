"""What does any fitted classifier answer for some rows, in class indices and probabilities?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.utils.validation import column_or_1d

from balanced_nn._typing import Rows


@dataclass(frozen=True, eq=False)
class Answers:
    """True and predicted classes as indices of `labels`, with probabilities."""

    labels: np.ndarray  # of the classifier, and those that only the rows hold
    y: NDArray[np.intp]
    predicted: NDArray[np.intp]
    proba: NDArray[np.float64]  # one column a label; of the answers themselves where the classifier has none
    prior: NDArray[np.float64] | None  # class frequencies that the probabilities speak of, where that is known


def read_answers(estimator: Any, X: Rows, y: ArrayLike) -> Answers:
    """Ask a fitted scikit-learn classifier about some rows, which may lack a class, or have one it has never seen.

    Parameters
    ----------
    estimator : estimator
        Fitted classifier, pipeline or search object.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        The rows.
    y : array-like of shape (n_samples,)
        Their labels.
    """
    truth, predicted = column_or_1d(y), np.asarray(estimator.predict(X)).ravel()
    classes = np.asarray(estimator.classes_)
    labels = np.unique(np.concatenate([classes, truth, predicted]))
    columns = np.searchsorted(labels, classes)
    indices, answers = np.searchsorted(labels, truth), np.searchsorted(labels, predicted)
    known = _probabilities(estimator, X, classes.size, one_answer=np.unique(answers).size == 1)
    proba = np.eye(labels.size)[answers] if known is None else _spread_columns(known, columns, labels.size)
    prior = _prior(estimator, classes.size)
    return Answers(
        labels, indices, answers, proba, None if prior is None else _spread_columns(prior, columns, labels.size)
    )


def _spread_columns(values: NDArray[np.float64], columns: NDArray[np.intp], n_labels: int) -> NDArray[np.float64]:
    """Put the classifier's columns where they stand among all labels; the other labels get 0."""
    spread = np.zeros((*values.shape[:-1], n_labels))
    spread[..., columns] = values
    return spread


def _probabilities(estimator: Any, X: Rows, n_classes: int, *, one_answer: bool) -> NDArray[np.float64] | None:
    """Return one column for each class, or None where `predict` alone can be judged."""
    if hasattr(estimator, "predict_proba"):
        proba = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    elif hasattr(estimator, "decision_function") and one_answer:
        # a score has no unit: while the answers differ, a small spread of the scores is no sign of collapse
        score = np.asarray(estimator.decision_function(X), dtype=np.float64)
        proba = softmax(score, axis=1) if score.ndim == 2 and score.shape[1] > 1 else expit(score)
    else:
        return None
    if n_classes == 2 and proba.size == len(proba):
        positive = proba.ravel()
        proba = np.column_stack([1 - positive, positive])
    return proba if proba.ndim == 2 and proba.shape[1] == n_classes else None


def _prior(estimator: Any, n_classes: int) -> NDArray[np.float64] | None:
    """Return the class frequencies that the probabilities speak of, where the classifier at the end knows them."""
    while not hasattr(estimator, "class_prior_"):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "estimator_"):
            estimator = estimator.estimator_
        else:
            return None
    prior = np.asarray(estimator.class_prior_)
    return prior.astype(np.float64) if prior.shape == (n_classes,) else None
