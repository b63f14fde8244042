"""Does a fitted network take other decisions and other class frequencies without training again?"""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer

from balanced_nn import BalancedNNClassifier, correct_prior
from balanced_nn.exceptions import DecisionWarning, PriorWarning

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, flip_y=0.01, random_state=0)


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 8, "n_members": 1, "random_state": 0, **params}
    return BalancedNNClassifier(**{"on_collapse": "ignore", **settings})


@pytest.fixture(scope="module")
def fitted() -> BalancedNNClassifier:
    return small(n_members=3).fit(X, Y)


def test_a_decision_is_changed_without_training_and_the_parameter_stays(fitted):
    clf = copy.deepcopy(fitted)
    proba = clf.predict_proba(X)
    assert clf.set_decision(0.3) is clf
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[(proba[:, 1] > 0.3).astype(int)])
    np.testing.assert_array_equal(clf.predict_proba(X), proba)
    assert clf.decision == fitted.decision == "auto"


@pytest.mark.parametrize("decision", ["balanced", "argmax", 0.2, "f1", [[0, 1], [5, 0]], [[0, 0], [5, 0]]], ids=str)
def test_predict_follows_the_sign_of_the_decision_function(fitted, decision):
    clf = copy.deepcopy(fitted).set_decision(decision)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[(clf.decision_function(X) > 0).astype(int)])


def test_costs_of_three_classes_minimise_the_expected_cost():
    labels = Y + 2 * (X[:, 0] > 1)
    labels[labels == 3] = 2
    costs = np.array([[0.0, 1.0, 2.0], [7.0, 0.0, 1.0], [3.0, 3.0, 0.0]])
    clf = small(decision=costs).fit(X, labels)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[(clf.predict_proba(X) @ costs).argmin(axis=1)])
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[clf.decision_function(X).argmax(axis=1)])


def test_a_metric_without_rows_is_tuned_on_those_held_out_in_fit(fitted):
    clf = copy.deepcopy(fitted)
    clf.set_decision("f1", X, Y)
    assert clf.decision_rule_.tuning.n_rows == len(X)
    clf.set_decision("f1")
    assert clf.decision_rule_.tuning.n_rows == len(fitted._held_out.y) < len(X)


def test_a_prior_moves_probabilities_as_correct_prior_does_and_none_moves_them_back(fitted):
    clf = copy.deepcopy(fitted).set_prior([0.5, 0.5])
    expected = correct_prior(fitted.predict_proba(X), fitted.class_prior_, [0.5, 0.5])
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_array_equal(clf.set_prior(None).predict_proba(X), fitted.predict_proba(X))


def test_the_balanced_decision_does_not_depend_on_the_prior(fitted):
    clf = copy.deepcopy(fitted).set_prior({0: 0.1, 1: 0.9})
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))
    assert clf.decision_rule_.threshold == pytest.approx(0.9)


def test_a_tuned_metric_follows_the_prior(fitted):
    clf = copy.deepcopy(fitted).set_decision("accuracy")
    before = clf.predict(X).mean()
    assert clf.set_prior([0.02, 0.98]).predict(X).mean() > before
    assert clf.decision_rule_.name == "accuracy"


def test_a_threshold_and_costs_stay_where_the_prior_moves(fitted):
    for decision, threshold in ((0.3, 0.3), ([[0, 1], [3, 0]], 0.25)):
        clf = copy.deepcopy(fitted).set_decision(decision).set_prior([0.5, 0.5])
        assert clf.decision_rule_.threshold == pytest.approx(threshold)


def test_the_class_frequencies_of_rows_without_labels_are_found():
    rows = np.concatenate([np.flatnonzero(Y == 1), np.flatnonzero(Y == 0)[: (Y == 1).sum()]])
    clf = small(n_members=3, max_iter=60).fit(X, Y)
    assert clf.estimate_prior(X[rows])[1] == pytest.approx(0.5, abs=0.1)
    assert clf.class_prior_[1] < 0.4


def test_rows_that_do_not_tell_their_class_frequencies_lead_to_a_warning_at_the_users_line(fitted):
    with pytest.warns(PriorWarning, match="cannot be estimated") as record:
        fitted.estimate_prior(np.tile(X[:1], (50, 1)))
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda clf: clf.set_decision("f1", X), "set_decision needs X and y together"),
        (lambda clf: clf.set_decision("f1", sample_weight=np.ones(300)), "set_decision needs X and y together"),
        (lambda clf: clf.set_decision("f1", X[Y == 1], Y[Y == 1]), "y holds a single class, 1; no decision"),
        (
            lambda clf: clf.set_decision("f1", X, Y + 6),
            "y holds [67], which is not a class of the training data",
        ),
        (lambda clf: clf.set_decision("roc_auc"), "decision='roc_auc' reads"),
        (lambda clf: clf.set_decision([[0, 1]]), "a matrix of costs: 2 rows"),
        (lambda clf: clf.set_prior([0.5, 0.3, 0.2]), "prior must hold one frequency for each of the 2 classes"),
        (lambda clf: clf.set_prior([1.0, 0.0]), "prior must hold positive, finite numbers"),
        (lambda clf: clf.set_prior({0: 0.5, 2: 0.5}), r"prior must name each class once: \[0, 1\]; got \[0, 2\]"),
    ],
)
def test_what_does_not_fit_a_fitted_network_is_refused_and_changes_nothing(fitted, call, message):
    clf = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match=message):
        call(clf)
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(clf.class_prior_, fitted.class_prior_)


def test_an_unfitted_network_has_no_decision_to_change():
    for call in (lambda c: c.set_decision("f1"), lambda c: c.set_prior(None), lambda c: c.estimate_prior(X)):
        with pytest.raises(NotFittedError):
            call(small())


def test_a_metric_tuned_without_held_out_rows_leads_to_a_warning_at_the_users_line():
    clf = small(early_stopping=False, decision="f1")
    with pytest.warns(DecisionWarning, match="tuned on training rows") as record:
        clf.fit(X, Y)
    assert record[0].filename == __file__
    with pytest.warns(DecisionWarning, match="tuned on training rows") as record:
        clf.set_decision("matthews_corrcoef")
    assert record[0].filename == __file__


def test_label_smoothing_leaves_the_mean_probability_at_the_base_rate():
    clf = small(label_smoothing=0.2, max_iter=30, learning_rate_init=0.01).fit(X, Y)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(Y.mean(), abs=0.05)
    assert clf.predict_proba(X)[:, 1].max() > 0.92  # more than smoothed labels say


# ---------------------------------------------------------------- what fails halfway changes nothing


class Stop(Exception):  # noqa: N818 (not a fault: what Ctrl-C does)
    """Comes from a metric after it was called for a while."""


def stopping(calls_left):
    def share_right(y_true, y_pred):
        nonlocal calls_left
        calls_left -= 1
        if calls_left < 0:
            raise Stop
        return float(np.mean(y_true == y_pred))

    return make_scorer(share_right)


def test_a_decision_that_is_interrupted_changes_nothing(fitted):
    clf = copy.deepcopy(fitted).set_decision(0.3)
    with pytest.raises(Stop):
        clf.set_decision(stopping(5))
    assert str(clf.decision_rule_) == str(copy.deepcopy(fitted).set_decision(0.3).decision_rule_)
    clf.set_prior([0.6, 0.4])  # keeps the threshold, and asks the metric nothing
    assert clf.decision_rule_.threshold == pytest.approx(0.3)


def test_a_prior_whose_decision_is_interrupted_changes_nothing(fitted):
    class Metric:
        """Fails from the second time on that something is tuned for it."""

        broken = False

        def __call__(self, y_true, y_pred):
            if self.broken:
                raise Stop
            return float(np.mean(y_true == y_pred))

    metric = Metric()
    clf = copy.deepcopy(fitted).set_decision(make_scorer(metric))
    before, rule = clf.class_prior_.copy(), clf.decision_rule_
    metric.broken = True
    with pytest.raises(Stop):
        clf.set_prior([0.6, 0.4])
    np.testing.assert_array_equal(clf.class_prior_, before)
    assert clf.decision_rule_ is rule


def test_a_fit_that_fails_at_the_decision_leaves_the_former_one():
    clf = small(max_iter=2).fit(X, np.where(Y == 1, "yes", "no"))
    answers = clf.predict(X)
    with pytest.raises(Stop):
        clf.set_params(decision=stopping(5)).fit(X, Y)
    np.testing.assert_array_equal(clf.predict(X), answers)
    with pytest.raises(NotFittedError):
        small(max_iter=2, decision=stopping(5)).predict(X)


def test_a_metric_that_fails_for_answers_of_one_class_is_tuned_on_the_others(fitted):
    def picky(y_true, y_pred):
        if len(np.unique(y_pred)) < 2:
            raise ValueError("needs both classes")
        return float(np.mean(y_true == y_pred))

    rule = copy.deepcopy(fitted).set_decision(make_scorer(picky)).decision_rule_
    assert rule.tuning.score == pytest.approx(
        copy.deepcopy(fitted).set_decision("accuracy").decision_rule_.tuning.score, abs=0.05
    )


def test_a_metric_that_fails_for_whatever_is_answered_is_said_to():
    def hopeless(y_true, y_pred):
        if not np.isclose(np.mean(np.asarray(y_true) == y_pred), 2 / 3, atol=1e-3):  # what a metric is tried with
            raise ValueError("not on these")
        return 1.0

    with pytest.warns(DecisionWarning, match="'hopeless' could not be computed for the answers"):
        small(max_iter=2, decision=make_scorer(hopeless)).fit(X, Y)


def test_the_frequencies_handed_out_are_a_copy(fitted):
    clf = copy.deepcopy(fitted)
    clf.class_prior_[:] = 0.5
    np.testing.assert_array_equal(clf.set_prior(None).class_prior_, fitted.class_prior_)


def test_auto_means_the_costs_of_the_fit_whatever_is_set_since(fitted):
    clf = small(class_weight={0: 1, 1: 50}).fit(X, Y)
    rule = str(clf.decision_rule_)
    assert str(clf.set_params(class_weight="balanced").set_decision("auto").decision_rule_) == rule
    clf = copy.deepcopy(fitted).set_params(class_weight={0: 1, 1: 50}).set_decision("auto")
    assert clf.decision_rule_.name == "balanced"


# ---------------------------------------------------------------- what pandas labels


def test_a_series_of_frequencies_is_read_by_its_labels(fitted):
    found = copy.deepcopy(fitted).set_prior(pd.Series({1: 0.8, 0: 0.2})).class_prior_
    np.testing.assert_allclose(found, [0.2, 0.8])
    names = np.array(["a", "b", "c"])[Y + (X[:, 0] > 1) * (1 - Y) * 2]
    clf = small(max_iter=2).fit(X, names)
    clf.set_prior(pd.Series(names).value_counts(normalize=True))
    np.testing.assert_allclose(clf.class_prior_, [np.mean(names == label) for label in clf.classes_])


def test_a_labelled_frame_of_costs_is_read_by_its_labels(fitted):
    costs = pd.DataFrame([[0, 1], [20, 0]], index=[0, 1], columns=[0, 1])
    expected = copy.deepcopy(fitted).set_decision(costs.to_numpy()).decision_rule_.threshold
    turned = costs.iloc[::-1, ::-1]
    assert copy.deepcopy(fitted).set_decision(turned).decision_rule_.threshold == pytest.approx(expected)
