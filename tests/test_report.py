"""Does the report say what happened, in words that a person understands and in plain values?"""

import json

import numpy as np
import pytest
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier, CollapseReport
from balanced_nn._outcome import Outcome, find_outcome

REMEDIES = ("Do this.", "Do that.")
NOISE = np.linspace(-0.01, 0.01, 20)


def a_report(p, predicted=None, y=None, remedies=REMEDIES) -> CollapseReport:
    truth = np.repeat([0, 1], [15, 5]) if y is None else y
    facts = find_outcome(truth, np.column_stack([1 - p, p]), predicted, prior=[0.5, 0.5])
    return CollapseReport(facts, ("no", "yes"), "held-out rows", remedies)


HEALTHY = a_report(np.repeat([0.1, 0.9], [15, 5]) + NOISE, remedies=())
CONSTANT = a_report(np.full(20, 0.3))
ONE_CLASS = a_report(0.3 + NOISE[np.random.default_rng(0).permutation(20)] * 2)
THRESHOLD = a_report(0.3 + 2 * NOISE)
MISSING = CollapseReport(
    find_outcome(np.arange(30) % 3, np.eye(3)[np.arange(30) % 3 % 2] * 0.8 + 0.1, prior=np.full(3, 1 / 3)),
    ("a", "b", "c"),
    "rows given for validation",
    ("Do this.",),
)


@pytest.mark.parametrize(
    ("report", "outcome", "collapsed", "text"),
    [
        (
            HEALTHY,
            Outcome.HEALTHY,
            False,
            "No collapse: the answers differ (20 held-out rows; recall no 100%, yes 100%",
        ),
        (CONSTANT, Outcome.CONSTANT, True, "Collapsed: the same probability for every row (20 held-out rows; "),
        (ONE_CLASS, Outcome.ONE_CLASS, True, "Collapsed: every row is answered no (20 held-out rows; recall no 100%"),
        (THRESHOLD, Outcome.THRESHOLD, False, "Every row is answered no, although the scores tell the classes apart"),
        (MISSING, Outcome.MISSING, True, "Collapsed: never answers c (30 rows given for validation; recall a 100%"),
    ],
    ids=["healthy", "constant", "one_class", "threshold", "missing"],
)
def test_every_outcome_has_its_sentence(report, outcome, collapsed, text):
    assert report.outcome is outcome
    assert report.collapsed is collapsed
    assert str(report).startswith(text)


def test_a_healthy_report_gives_no_advice():
    assert "What to do" not in str(HEALTHY)
    assert "\n" not in str(HEALTHY)


def test_the_remedies_come_in_order_behind_the_facts():
    facts, advice = str(CONSTANT).split("\n")
    assert facts.endswith("healthy is above 0.001).")
    assert advice == "What to do: Do this. Or: Do that."


def test_missing_classes_are_labels():
    assert MISSING.missing_classes == ["c"]
    assert HEALTHY.missing_classes == []


@pytest.mark.parametrize("report", [HEALTHY, CONSTANT, ONE_CLASS, THRESHOLD, MISSING])
def test_the_dictionary_is_plain(report):
    facts = report.to_dict()
    assert json.loads(json.dumps(facts))["outcome"] == report.outcome.value
    assert type(facts["outcome"]) is str
    assert facts["collapsed"] is report.collapsed
    assert facts["judged_on"] == report.judged_on
    assert facts["remedies"] == list(report.remedies)
    assert facts["n_rows"] == report.facts.n_rows


@pytest.mark.parametrize("labels", ["int", "bool", "str", "float"])
def test_the_report_of_a_fit_is_plain_and_names_the_users_labels(labels):
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    y = {"int": y * 5 - 3, "bool": y == 1, "str": np.where(y, "up", "down"), "float": y * 0.5 * 2}[labels]
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, random_state=0).fit(X, y)
    report = clf.collapse_report_
    assert report.outcome is Outcome.HEALTHY
    assert report.judged_on == "held-out rows"
    assert report.facts.n_rows == 30
    assert json.loads(json.dumps(report.to_dict()))["classes"] == np.unique(y).tolist()
    assert all(f"{label!s} " in str(report) for label in np.unique(y))
    assert "np." not in str(report)


def test_rows_given_for_validation_are_the_ones_judged():
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, random_state=0).fit(X, y, X_val=X[:70], y_val=y[:70])
    assert clf.collapse_report_.judged_on == "rows given for validation"
    assert clf.collapse_report_.facts.n_rows == 70


def test_without_early_stopping_training_rows_are_judged_and_the_sentence_reads_well():
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, early_stopping=False, random_state=0).fit(X, y)
    assert clf.collapse_report_.judged_on.startswith("training rows")
    assert clf.collapse_report_.facts.n_rows == 200
    assert "(200 training rows" in str(clf.collapse_report_)


def test_the_decision_of_the_user_is_no_collapse():
    """A threshold that nothing passes answers one class; the network is healthy all the same."""
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, decision=1 - 1e-9, random_state=0).fit(X, y)
    assert clf.predict(X).tolist() == [0] * 200
    assert clf.collapse_report_.outcome is Outcome.HEALTHY
