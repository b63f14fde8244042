"""Is what training did to the probabilities undone, to the digit?"""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.metrics import balanced_accuracy_score, log_loss

from balanced_nn import correct_prior
from balanced_nn._data.dataset import class_frequencies
from balanced_nn._probability.correction import (
    Correction,
    balance,
    balanced_accuracy,
    expand_logits,
    logit_offset,
    natural_log_loss,
    undo_focal_loss,
    undo_label_smoothing,
)
from balanced_nn._probability.correction import log_softmax as our_log_softmax
from balanced_nn._sampling.weights import class_weight_vector, training_weights

logits3 = arrays(float, (5, 3), elements=st.floats(-20, 20))
priors3 = arrays(float, 3, elements=st.floats(0.01, 1)).map(lambda p: p / p.sum())
posteriors = st.integers(2, 4).flatmap(
    lambda k: arrays(float, k, elements=st.floats(0.02, 1)).map(lambda p: p / p.sum())
)
smoothings = st.floats(0.01, 0.6)


def corrected(outputs, training_prior, prior=None, **training):
    """Probabilities after correction, of a network without offset on its logits."""
    correction = Correction(np.zeros(len(training_prior)), np.asarray(training_prior, float), **training)
    return np.exp(correction.log_posterior(np.asarray(outputs, float), None if prior is None else np.asarray(prior)))


def fed_frequencies(counts, class_weight):
    """Class frequencies that training sees, for class sizes and stated weights."""
    y, ones = np.repeat(np.arange(len(counts)), counts), np.ones(sum(counts))
    per_class = class_weight_vector(class_weight, y, ones, list(range(len(counts))))
    return class_frequencies(y, training_weights(y, ones, per_class), len(counts))


# ---------------------------------------------------------------- numbers worked out by hand


def test_undersampling_correction_matches_the_worked_example():
    """Prior 1 %, fully undersampled: beta = 0.0101; a score of 0.5 means 0.01 (Dal Pozzolo et al. 2015)."""
    proba = corrected([[0.0, 0.0], [0.0, np.log(9.0)]], [0.5, 0.5], [0.99, 0.01])
    beta = 0.01 / 0.99
    np.testing.assert_allclose(proba[:, 1], [beta * s / (beta * s - s + 1) for s in (0.5, 0.9)])
    assert proba[0, 1] == pytest.approx(0.01)


def test_class_weights_make_the_fed_frequencies_proportional_to_weight_times_rows():
    # 90 and 10 rows, weights 1 and 4: mass 90 and 40, so that training sees 9/13 and 4/13.
    fed = fed_frequencies((90, 10), {1: 4})
    np.testing.assert_allclose(fed, [9 / 13, 4 / 13])
    # An output of 1/2 means 0.5 * 0.9 / (9/13) = 0.65 against 0.5 * 0.1 / (4/13) = 0.1625: 0.8 and 0.2.
    np.testing.assert_allclose(corrected([[0.0, 0.0]], fed, [0.9, 0.1]), [[0.8, 0.2]])


def test_class_weights_and_resampling_multiply():
    # 900 and 100 rows, undersampled to 300 and 100, weights 1 and 3: mass 300 and 300, a factor of 3 * 3 = 9 in all.
    fed = fed_frequencies((300, 100), {1: 3})
    np.testing.assert_allclose(fed, [0.5, 0.5])
    # An output of 0.9 has odds 9; the odds at the natural frequencies are 9 / 9 = 1.
    np.testing.assert_allclose(corrected([[0.0, np.log(9.0)]], fed, [0.9, 0.1]), [[0.5, 0.5]])


def test_the_logits_of_the_logit_adjusted_loss_are_balanced_log_odds():
    # Prior 0.9 and 0.1, logits with odds 9: a balanced probability of 0.9; at the prior the odds are 9 / 9 = 1.
    prior = np.array([0.9, 0.1])
    correction = Correction(logit_offset("logit_adjusted", prior), prior)
    logits = np.array([[0.0, np.log(9.0)]])
    np.testing.assert_allclose(np.exp(correction.log_posterior(logits)), [[0.1, 0.9]])
    np.testing.assert_allclose(np.exp(correction.log_posterior(logits, prior)), [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("output", "smoothing", "posterior"),
    [
        ([0.86, 0.14], 0.1, [0.9, 0.1]),  # 0.9 * 0.9 + 0.05 = 0.86 and 0.9 * 0.1 + 0.05 = 0.14
        ([0.5, 0.5], 0.3, [0.5, 0.5]),
        ([0.655, 0.115, 0.115, 0.115], 0.1, [0.7, 0.1, 0.1, 0.1]),  # 0.9 * 0.7 + 0.1 / 4 and 0.9 * 0.1 + 0.1 / 4
        ([0.55, 0.3, 0.15], 0.3, [0.45 / 0.7, 0.2 / 0.7, 0.05 / 0.7]),  # less 0.3 / 3, divided by 0.7
    ],
)
def test_smoothed_labels_are_unsmoothed_as_worked_out(output, smoothing, posterior):
    np.testing.assert_allclose(np.exp(undo_label_smoothing(np.log([output]), smoothing)), [posterior])
    fed = np.full(len(output), 1 / len(output))
    np.testing.assert_allclose(corrected(np.log([output]), fed, label_smoothing=smoothing), [posterior])


def test_the_focal_loss_is_undone_as_worked_out():
    # h(v) = v / ((1 - v)^2 - 2 (1 - v) v log v), with log 0.7 = -0.356675 and log 0.3 = -1.203973:
    # h(0.7) = 0.7 / (0.09 + 0.42 * 0.356675) = 0.7 / 0.2398035 = 2.919057
    # h(0.3) = 0.3 / (0.49 + 0.42 * 1.203973) = 0.3 / 0.9956687 = 0.301305
    # 2.919057 / (2.919057 + 0.301305) = 0.906438
    found = np.exp(undo_focal_loss(np.log([[0.7, 0.3]])))
    np.testing.assert_allclose(found, [[0.906438, 0.093562]], atol=1e-6)
    np.testing.assert_allclose(corrected(np.log([[0.7, 0.3]]), [0.5, 0.5], focal=True), found)


def test_a_smoothed_label_of_a_weighted_row_is_unsmoothed_before_it_is_unweighted():
    # Rows 90 and 10 weighted 1 and 9: fed 0.5 and 0.5. Where the posterior is 0.1, the weighted one has odds 9 / 9 = 1;
    # smoothing by 0.2 makes 0.8 * 0.5 + 0.1 = 0.5 of it. Where it is 0.5, the weighted one is 0.9, and the output
    # 0.8 * 0.9 + 0.1 = 0.82.
    fed = fed_frequencies((90, 10), {1: 9})
    outputs = np.log([[0.5, 0.5], [0.18, 0.82]])
    np.testing.assert_allclose(corrected(outputs, fed, [0.9, 0.1], label_smoothing=0.2), [[0.9, 0.1], [0.5, 0.5]])


# ---------------------------------------------------------------- minimisers of the losses that are trained


def minimising_output(posterior, *, weight=1.0, smoothing=0.0, gamma=0.0, offset=0.0):
    """Logits that minimise the expected loss where the classes have the probabilities `posterior`."""
    n_classes = len(posterior)
    targets = (1 - smoothing) * np.eye(n_classes) + smoothing / n_classes
    mass = (posterior * weight) @ targets

    def risk(z):
        log_v = log_softmax(z + offset)
        return -(mass * (-np.expm1(log_v)) ** gamma * log_v).sum()

    return minimize(risk, np.zeros(n_classes), method="BFGS", options={"gtol": 1e-9}).x[None]


@given(posteriors, st.sampled_from([0.0, 2.0]), st.one_of(st.just(0.0), smoothings))
@example(np.array([0.99, 0.01]), 2.0, 0.0)
def test_what_minimises_a_loss_gives_the_posterior_back(posterior, gamma, smoothing):
    """Label smoothing under the focal loss: the focal loss is outermost, so that it is undone first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, of a last step too small to gain anything
        logits = minimising_output(posterior, gamma=gamma, smoothing=smoothing)
    uniform = np.full(len(posterior), 1 / len(posterior))
    found = corrected(logits, uniform, focal=gamma > 0, label_smoothing=smoothing)
    np.testing.assert_allclose(found[0], posterior, atol=2e-4)


@pytest.mark.parametrize("loss", ["log_loss", "focal", "logit_adjusted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_every_loss_under_class_weights_and_smoothing_gives_the_posterior_back(loss, smoothing):
    prior, posterior = np.array([0.7, 0.2, 0.1]), np.array([0.6, 0.1, 0.3])
    weight = np.array([1.0, 2.0, 5.0])
    fed = prior * weight / (prior * weight).sum()
    offset = logit_offset(loss, fed)
    logits = minimising_output(
        posterior, weight=weight, smoothing=smoothing, gamma=2.0 * (loss == "focal"), offset=offset
    )
    correction = Correction(offset, fed, loss == "focal", smoothing)
    np.testing.assert_allclose(np.exp(correction.log_posterior(logits, prior))[0], posterior, atol=2e-4)


def test_undoing_the_smoothing_before_the_focal_loss_would_be_wrong():
    posterior = np.array([0.99, 0.01])
    log_v = log_softmax(minimising_output(posterior, gamma=2.0, smoothing=0.2), axis=1)
    right = np.exp(undo_label_smoothing(undo_focal_loss(log_v), 0.2))[0]
    wrong = np.exp(undo_focal_loss(undo_label_smoothing(log_v, 0.2)))[0]
    np.testing.assert_allclose(right, posterior, atol=1e-4)
    assert wrong[1] > 5 * posterior[1]


# ---------------------------------------------------------------- properties of corrections


@given(logits3, priors3, priors3)
def test_a_correction_and_its_inverse_cancel(logits, fed, target):
    there = Correction(np.zeros(3), fed).log_posterior(logits, target)
    back = Correction(np.zeros(3), target).log_posterior(there, fed)
    np.testing.assert_allclose(back, log_softmax(logits, axis=1), atol=1e-9)


@given(logits3, priors3, st.booleans(), st.sampled_from([0.0, 0.1]))
def test_correcting_to_uniform_frequencies_twice_is_correcting_once(logits, fed, focal, smoothing):
    once = Correction(np.zeros(3), fed, focal, smoothing).log_posterior(logits)
    twice = Correction(np.zeros(3), np.full(3, 1 / 3)).log_posterior(once)
    np.testing.assert_allclose(twice, once, atol=1e-9)


@given(logits3, priors3, priors3, st.booleans(), st.sampled_from([0.0, 0.1]))
def test_no_prior_means_uniform_ones_and_any_other_can_be_put_on_later(logits, fed, prior, focal, smoothing):
    correction = Correction(np.log(fed), fed, focal, smoothing)
    uniform = correction.log_posterior(logits)
    np.testing.assert_allclose(correction.log_posterior(logits, np.full(3, 1 / 3)), uniform, atol=1e-9)
    later = log_softmax(uniform + np.log(prior), axis=1)
    np.testing.assert_allclose(later, correction.log_posterior(logits, prior), atol=1e-9)


@given(logits3, priors3, priors3)
def test_the_correction_of_a_network_is_that_of_any_classifier(logits, fed, prior):
    expected = correct_prior(softmax(logits, axis=1), fed, prior)
    np.testing.assert_allclose(corrected(logits, fed, prior), expected, atol=1e-9)


@given(logits3, priors3)
def test_the_offset_of_the_logit_adjusted_loss_is_undone(logits, prior):
    shifted = Correction(np.log(prior), prior).log_posterior(logits, prior)
    np.testing.assert_allclose(shifted, log_softmax(logits + np.log(prior), axis=1), atol=1e-9)
    uniform = Correction(np.log(prior), prior).log_posterior(logits, np.full(3, 1 / 3))
    np.testing.assert_allclose(uniform, log_softmax(logits, axis=1), atol=1e-9)


@given(logits3, priors3, st.permutations(range(3)), st.booleans(), st.sampled_from([0.0, 0.2]))
def test_permuting_the_classes_permutes_the_probabilities(logits, prior, order, focal, smoothing):
    fed, offset = np.array([0.5, 0.3, 0.2]), np.array([0.1, -0.4, 0.7])
    plain = Correction(offset, fed, focal, smoothing).log_posterior(logits, prior)
    permuted = Correction(offset[order], fed[order], focal, smoothing).log_posterior(logits[:, order], prior[order])
    np.testing.assert_allclose(np.exp(permuted), np.exp(plain[:, order]), atol=1e-9)


@given(arrays(float, (4, 1), elements=st.floats(-50, 50)), st.booleans(), st.sampled_from([0.0, 0.3]))
def test_one_output_is_corrected_as_two_logits_are(z, focal, smoothing):
    correction = Correction(np.array([0.2, -0.1]), np.array([0.7, 0.3]), focal, smoothing)
    two = np.column_stack([np.zeros(4), z[:, 0]])
    np.testing.assert_allclose(correction.log_posterior(z), correction.log_posterior(two))


@given(st.integers(2, 4), st.data(), st.booleans(), st.sampled_from([0.0, 0.05, 0.9]))
def test_corrected_rows_are_finite_and_sum_to_one(n_classes, data, focal, smoothing):
    logits = data.draw(arrays(float, (4, n_classes), elements=st.floats(-700, 700)))
    fed = np.arange(1.0, n_classes + 1) / np.arange(1, n_classes + 1).sum()
    log_proba = Correction(np.zeros(n_classes), fed, focal, smoothing).log_posterior(logits, fed[::-1])
    assert np.isfinite(log_proba).all()
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1.0)


# ---------------------------------------------------------------- focal loss


@given(arrays(float, (4, 2), elements=st.floats(-700, 700)))
def test_focal_correction_stays_finite_and_normalised(logits):
    log_proba = undo_focal_loss(log_softmax(logits, axis=1))
    assert not np.isnan(log_proba).any()
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1.0)


@given(arrays(float, (6, 3), elements=st.floats(-10, 10)))
def test_focal_correction_with_exponent_zero_changes_nothing(logits):
    log_v = log_softmax(logits, axis=1)
    np.testing.assert_allclose(undo_focal_loss(log_v, gamma=0.0), log_v, atol=1e-8)


# ---------------------------------------------------------------- label smoothing


@given(posteriors, st.floats(0.0, 0.99))
def test_smoothing_and_unsmoothing_cancel(posterior, smoothing):
    output = (1 - smoothing) * posterior + smoothing / len(posterior)
    np.testing.assert_allclose(np.exp(undo_label_smoothing(np.log([output]), smoothing))[0], posterior, atol=1e-9)


def test_smoothing_of_nothing_changes_nothing():
    log_q = log_softmax(np.random.default_rng(0).normal(0, 4, (50, 3)), axis=1)
    np.testing.assert_allclose(undo_label_smoothing(log_q, 0.0), log_q, atol=2e-4)  # exact down to 1e-4


@given(arrays(float, (4, 3), elements=st.floats(-700, 700)), st.floats(0.0, 0.99))
def test_any_output_is_unsmoothed_to_a_finite_positive_logarithm(logits, smoothing):
    log_proba = undo_label_smoothing(log_softmax(logits, axis=1), smoothing)
    assert np.isfinite(log_proba).all()
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1.0)


@given(st.lists(st.integers(-3000, 3000), min_size=2, max_size=30, unique=True), st.floats(0.0, 0.95))
def test_unsmoothing_keeps_the_order_of_the_rows(hundredths, smoothing):
    """Also beyond what a smoothed label can lead to: rows that all mean certainty are still told apart."""
    z = np.sort(np.array(hundredths)) / 100.0
    log_proba = undo_label_smoothing(log_softmax(expand_logits(z[:, None]), axis=1), smoothing)
    assert (np.diff(log_proba[:, 1] - log_proba[:, 0]) > 0).all()


@given(logits3, st.floats(0.0, 0.95))
def test_unsmoothing_keeps_the_order_of_the_classes_within_a_row(logits, smoothing):
    log_q = log_softmax(logits, axis=1)
    log_proba = undo_label_smoothing(log_q, smoothing)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        clear = np.abs(log_q[:, one] - log_q[:, other]) > 1e-6
        np.testing.assert_array_equal(
            np.sign(log_proba[clear, one] - log_proba[clear, other]), np.sign(log_q[clear, one] - log_q[clear, other])
        )


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_unsmoothing_has_no_jump_where_outputs_mean_certainty(n_classes):
    smoothing = 0.1
    lowest = smoothing / n_classes + (1 - smoothing) * 1e-4
    around = lowest * np.array([1 - 1e-9, 1 + 1e-9])
    q = np.column_stack([around, *[(1 - around) / (n_classes - 1)] * (n_classes - 1)])
    log_proba = undo_label_smoothing(np.log(q), smoothing)
    np.testing.assert_allclose(log_proba[0], log_proba[1], atol=1e-5)
    assert np.exp(log_proba[0, 0]) == pytest.approx(1e-4, rel=1e-3)


# ---------------------------------------------------------------- logits and losses


def test_one_output_becomes_two_logits():
    z = np.array([[0.3], [-2.0]])
    np.testing.assert_allclose(softmax(expand_logits(z), axis=1)[:, 1], 1 / (1 + np.exp(-z[:, 0])))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_outputs_stay_as_they_are_and_the_type_is_kept(dtype):
    two = np.array([[0.5, -1.0], [3.0, 2.0]], dtype)
    assert expand_logits(two) is two
    assert expand_logits(two[:, :1]).dtype == dtype


@given(st.integers(2, 5).flatmap(lambda k: arrays(float, (3, k), elements=st.floats(-1e4, 1e4))))
def test_the_logarithm_of_the_softmax_is_that_of_scipy(scores):
    np.testing.assert_allclose(our_log_softmax(scores), log_softmax(scores, axis=1), atol=1e-9, rtol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=30))
def test_balanced_accuracy_agrees_with_scikit_learn(pairs):
    y, predicted = np.array(pairs).T
    weight = np.linspace(1, 3, len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-learn's: y_pred holds a class that y_true does not
        expected = balanced_accuracy_score(y, predicted, sample_weight=weight)
    assert balanced_accuracy(predicted, y, weight) == pytest.approx(expected)


@given(arrays(float, (12, 3), elements=st.floats(-5, 5)), st.integers(0, 2**31))
def test_natural_log_loss_is_that_of_scikit_learn_at_the_frequencies_of_the_rows(logits, seed):
    rng = np.random.default_rng(seed)
    y, weight = np.append([0, 1, 2], rng.integers(0, 3, 9)), rng.uniform(0.1, 2, 12)
    frequencies = np.bincount(y, weights=weight) / weight.sum()
    proba = np.exp(log_softmax(logits)) * frequencies
    expected = log_loss(y, proba / proba.sum(axis=1, keepdims=True), sample_weight=weight)
    assert natural_log_loss(log_softmax(logits), y, weight) == pytest.approx(expected)


def test_a_class_without_rows_costs_nothing_in_the_natural_log_loss():
    y = np.array([0, 0, 1])
    with_it = np.log(np.full((3, 3), 1 / 3))
    without = np.log(np.full((3, 2), 1 / 2))
    assert natural_log_loss(with_it, y, np.ones(3)) == pytest.approx(natural_log_loss(without, y, np.ones(3)))


def test_balance_is_the_share_of_the_largest_entropy():
    assert balance(np.array([0, 1, 2]), np.ones(3)) == pytest.approx(1)
    assert balance(np.array([0, 2]), np.array([3.0, 1.0])) == pytest.approx(
        -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2)
    )
    assert balance(np.array([1, 1]), np.ones(2)) == 1


def test_a_diverged_network_gives_no_number_and_no_warning_of_numpy():
    scores = np.array([[np.inf, np.inf], [0.0, 0.0]])
    assert np.isnan(our_log_softmax(scores)[0]).all()  # warnings are errors here
    assert np.isnan(our_log_softmax(np.pad(scores, ((0, 0), (0, 1)))[:1])).any()
