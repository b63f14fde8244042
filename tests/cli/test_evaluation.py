"""Are answers on held-out rows counted rightly, whichever classes occur among them?"""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from balanced_nn._cli.evaluation import evaluate


class Known:
    """A classifier that answers what it was given."""

    def __init__(self, classes: list[object], proba: np.ndarray, positive: int = 1) -> None:
        self.classes_ = np.array(classes)
        self.proba = proba
        self.decision_rule_ = SimpleNamespace(positive=positive)

    def predict_proba(self, X: object) -> np.ndarray:
        return self.proba

    def predict(self, X: object) -> np.ndarray:
        return self.classes_[self.proba.argmax(axis=1)]


PROBA = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])


def test_two_classes_have_all_scores() -> None:
    y = np.array([0, 1, 0, 1])
    seen = evaluate(Known(["no", "yes"], PROBA), [(None, y)])
    assert seen.confusion.tolist() == [[1, 1], [1, 1]]
    assert seen.class_rows.tolist() == [2, 2]
    assert seen.scores["balanced accuracy"] == pytest.approx(balanced_accuracy_score(y, [0, 0, 1, 1]))
    assert seen.scores["ROC AUC"] == pytest.approx(roc_auc_score(y, PROBA[:, 1]))
    assert seen.scores["log-loss"] == pytest.approx(log_loss(y, PROBA))
    assert "average precision (class yes) 0.833" in str(seen)


def test_average_precision_is_that_of_the_positive_class() -> None:
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.7, 0.3]])
    y = np.array([0, 1, 1, 1, 1])
    seen = evaluate(Known(["bad", "good"], proba, positive=0), [(None, y)])
    assert seen.scores["average precision (class bad)"] == 1.0
    assert seen.scores["ROC AUC"] == pytest.approx(roc_auc_score(y, proba[:, 1]))
    assert "average precision (class good)" not in seen.scores


def test_a_class_without_rows_counts_for_nothing_and_nothing_is_warned_of() -> None:
    proba = np.array([[0.2, 0.1, 0.7], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    seen = evaluate(Known([0, 1, 2], proba), [(None, np.array([0, 0, 1]))])
    assert seen.scores["balanced accuracy"] == pytest.approx(0.75)
    assert seen.class_rows.tolist() == [2, 1, 0]
    assert seen.cells == [
        ("0", "2", "1.000", "0.500", "0.667"),
        ("1", "1", "1.000", "1.000", "1.000"),
        ("2", "0", "-", "-", "-"),
    ]
    assert "\n2             0          -       -      -\n" in str(seen)
    assert "ROC AUC" not in seen.scores


def test_three_classes_have_an_average_roc_auc() -> None:
    seen = evaluate(Known(["a", "b", "c"], np.eye(3) * 0.7 + 0.1), [(None, np.arange(3))])
    assert seen.scores["ROC AUC"] == 1.0
    assert "average precision" not in seen.scores
