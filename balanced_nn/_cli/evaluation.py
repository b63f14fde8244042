"""How well does a fitted classifier answer rows that it was not fitted on?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from balanced_nn import BalancedNNClassifier
from balanced_nn._typing import FloatArray, IntArray

HEAD = ("class", "rows", "precision", "recall", "F1")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Answers and probabilities, compared with the labels.

    Parameters
    ----------
    classes : tuple of str
        Names of the classes.
    confusion : ndarray of shape (n_classes, n_classes)
        Rows of each class (row) that were given each answer (column).
    precision, recall, f1 : ndarray of shape (n_classes,)
        Of each class; 0 where nothing could be counted.
    scores : dict of str to float
        Scores of all classes together, by name.
    """

    classes: tuple[str, ...]
    confusion: IntArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    scores: dict[str, float]

    @property
    def class_rows(self) -> IntArray:
        """Rows of each class."""
        return self.confusion.sum(axis=1)

    @property
    def n_rows(self) -> int:
        """Rows of all classes."""
        return int(self.confusion.sum())

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """What is told of each class, under `HEAD`; nothing can be scored where a class has no rows."""
        numbers = zip(self.classes, self.class_rows, self.precision, self.recall, self.f1, strict=True)
        return [
            (name, f"{rows:,}", *(f"{score:.3f}" if rows else "-" for score in scores))
            for name, rows, *scores in numbers
        ]

    def __str__(self) -> str:
        width = max(5, *(len(name) for name in self.classes))
        lines = [
            f"{name:<{width}}  {rows:>8}  {precision:>9}  {recall:>6}  {f1:>5}"
            for name, rows, precision, recall, f1 in (HEAD, *self.cells)
        ]
        return "\n".join([*lines, "", ", ".join(f"{name} {score:.3f}" for name, score in self.scores.items())])


def evaluate(model: BalancedNNClassifier, parts: Iterable[tuple[Any, IntArray]]) -> Evaluation | None:
    """Compare the answers of a fitted classifier with the classes of some rows; None where there are none.

    Parameters
    ----------
    model : BalancedNNClassifier
        The classifier.
    parts : iterable of (X, y)
        Rows that it was not fitted on, part by part: a DataFrame of shape (n_samples, n_features), and the indices of
        their classes in ``model.classes_``; not every class needs to occur. Only the answers are kept.
    """
    answered = [(y, np.searchsorted(model.classes_, model.predict(X)), model.predict_proba(X)) for X, y in parts]
    if not answered:
        return None
    y, answers, proba = (np.concatenate(column) for column in zip(*answered, strict=True))
    return _score(model, y, answers, proba)


def _score(model: BalancedNNClassifier, y: IntArray, answers: IntArray, proba: FloatArray) -> Evaluation:
    classes = model.classes_.tolist()
    indices = np.arange(len(classes))
    precision, recall, f1, _ = precision_recall_fscore_support(y, answers, labels=indices, zero_division=0.0)
    present = np.isin(indices, y)
    scores = {"balanced accuracy": float(recall[present].mean())}
    if len(classes) == 2 and present.all():
        index = model.decision_rule_.positive
        positive, score = y == index, proba[:, index]
        scores["ROC AUC"] = float(roc_auc_score(positive, score))
        scores[f"average precision (class {classes[index]})"] = float(average_precision_score(positive, score))
    elif present.all():
        scores["ROC AUC"] = float(roc_auc_score(y, proba, multi_class="ovr", labels=indices))
    scores["log-loss"] = float(log_loss(y, proba, labels=indices))
    names = tuple(map(str, classes))
    return Evaluation(names, confusion_matrix(y, answers, labels=indices), precision, recall, f1, scores)
