"""Are corrections right to the digit, and do decisions maximise what they say?"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.metrics import balanced_accuracy_score

from balanced_nn._decision import (
    Correction,
    balanced_accuracy,
    balanced_log_loss,
    decision_rule,
    expand_logits,
    undo_focal_loss,
)

logits3 = arrays(float, (5, 3), elements=st.floats(-20, 20))
priors3 = arrays(float, 3, elements=st.floats(0.01, 1)).map(lambda p: p / p.sum())


def test_undersampling_correction_matches_the_worked_example():
    """Prior 1 %, fully undersampled: beta = 0.0101; a score of 0.5 means 0.01 (Dal Pozzolo et al. 2015)."""
    correction = Correction(np.zeros(2), np.array([0.5, 0.5]), focal=False)
    proba = np.exp(correction.log_posterior(np.array([[0.0, 0.0], [0.0, np.log(9.0)]]), np.array([0.99, 0.01])))
    beta = 0.01 / 0.99
    np.testing.assert_allclose(proba[:, 1], [beta * s / (beta * s - s + 1) for s in (0.5, 0.9)])
    assert proba[0, 1] == pytest.approx(0.01)


@given(logits3, priors3, priors3)
def test_a_correction_and_its_inverse_cancel(logits, fed, target):
    there = Correction(np.zeros(3), fed, focal=False).log_posterior(logits, target)
    back = Correction(np.zeros(3), target, focal=False).log_posterior(there, fed)
    np.testing.assert_allclose(back, log_softmax(logits, axis=1), atol=1e-9)


@given(logits3, priors3)
def test_the_offset_of_the_logit_adjusted_loss_is_undone(logits, prior):
    shifted = Correction(np.log(prior), prior, focal=False).log_posterior(logits, prior)
    np.testing.assert_allclose(shifted, log_softmax(logits + np.log(prior), axis=1), atol=1e-9)
    uniform = Correction(np.log(prior), prior, focal=False).log_posterior(logits, np.full(3, 1 / 3))
    np.testing.assert_allclose(uniform, log_softmax(logits, axis=1), atol=1e-9)


@given(logits3, priors3, st.permutations(range(3)), st.booleans())
def test_permuting_the_classes_permutes_the_probabilities(logits, prior, order, focal):
    fed = np.array([0.5, 0.3, 0.2])
    plain = Correction(np.zeros(3), fed, focal).log_posterior(logits, prior)
    permuted = Correction(np.zeros(3), fed[order], focal).log_posterior(logits[:, order], prior[order])
    np.testing.assert_allclose(np.exp(permuted), np.exp(plain[:, order]), atol=1e-9)


@pytest.mark.parametrize("posterior", [[0.7, 0.3], [0.99, 0.01], [0.5, 0.3, 0.2]])
def test_the_minimiser_of_the_focal_loss_gives_the_posterior_back(posterior):
    posterior = np.array(posterior)

    def risk(z):
        log_v = log_softmax(z)
        return -(posterior * (1 - np.exp(log_v)) ** 2 * log_v).sum()

    best = minimize(risk, np.log(posterior), method="BFGS", options={"gtol": 1e-10}).x
    np.testing.assert_allclose(np.exp(undo_focal_loss(log_softmax(best)[None]))[0], posterior, atol=1e-4)


@given(arrays(float, (4, 2), elements=st.floats(-700, 700)))
def test_focal_correction_stays_finite_and_normalised(logits):
    log_proba = undo_focal_loss(log_softmax(logits, axis=1))
    assert not np.isnan(log_proba).any()
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1.0)


@given(arrays(float, (6, 3), elements=st.floats(-10, 10)), st.integers(0, 100))
def test_focal_correction_with_exponent_zero_changes_nothing(logits, seed):
    log_v = log_softmax(logits, axis=1)
    np.testing.assert_allclose(undo_focal_loss(log_v, gamma=0.0), log_v, atol=1e-8)


def test_one_output_becomes_two_logits():
    z = np.array([[0.3], [-2.0]])
    np.testing.assert_allclose(softmax(expand_logits(z), axis=1)[:, 1], 1 / (1 + np.exp(-z[:, 0])))


def test_the_balanced_rule_maximises_balanced_accuracy_where_the_posterior_is_known():
    rng = np.random.default_rng(0)
    y = (rng.random(20_000) < 0.05).astype(int)
    x = rng.normal(loc=1.5 * y)
    log_odds = 1.5 * x - 1.5**2 / 2 + np.log(0.05 / 0.95)
    log_proba = log_softmax(expand_logits(log_odds[:, None]), axis=1)
    prior = np.array([0.95, 0.05])
    balanced = balanced_accuracy_score(y, decision_rule("balanced", prior, None).decide(log_proba))
    best = max(balanced_accuracy_score(y, x > t) for t in np.linspace(-1, 3, 81))
    assert balanced > best - 0.005
    assert balanced_accuracy_score(y, decision_rule("argmax", prior, None).decide(log_proba)) < 0.7


def test_stated_costs_weigh_the_probabilities():
    log_proba = np.log([[0.8, 0.2], [0.95, 0.05]])
    rule = decision_rule("auto", np.array([0.9, 0.1]), np.array([1.0, 10.0]))
    assert rule.name == "cost"
    np.testing.assert_array_equal(rule.decide(log_proba), [1, 0])


def test_auto_without_costs_is_the_balanced_rule():
    assert decision_rule("auto", np.array([0.9, 0.1]), None).name == "balanced"


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.999))
def test_a_threshold_answers_the_second_class_above_it(threshold, p):
    rule = decision_rule(threshold, np.array([0.5, 0.5]), None)
    log_proba = np.log([[1 - p, p]])
    if abs(p - threshold) > 1e-9:
        assert rule.decide(log_proba)[0] == int(p > threshold)


def test_a_threshold_needs_two_classes():
    with pytest.raises(ValueError, match=r"decision=0\.3 is a threshold, which needs two classes; y holds 3"):
        decision_rule(0.3, np.full(3, 1 / 3), None)


def test_balanced_log_loss_weighs_classes_and_not_rows():
    log_proba = np.log([[0.9, 0.1]] * 9 + [[0.5, 0.5]])
    y = np.array([0] * 9 + [1])
    assert balanced_log_loss(log_proba, y, np.ones(10)) == pytest.approx(-(np.log(0.9) + np.log(0.5)) / 2)


def test_balanced_log_loss_averages_over_the_classes_that_are_present():
    log_proba = np.log(np.full((2, 3), 1 / 3))
    assert balanced_log_loss(log_proba, np.array([0, 0]), np.ones(2)) == pytest.approx(np.log(3))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=30))
def test_balanced_accuracy_agrees_with_scikit_learn(pairs):
    y, predicted = np.array(pairs).T
    weight = np.linspace(1, 3, len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-learn's: y_pred holds a class that y_true does not
        expected = balanced_accuracy_score(y, predicted, sample_weight=weight)
    assert balanced_accuracy(predicted, y, weight) == pytest.approx(expected)
