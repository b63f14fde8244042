"""Does a calibration repair what is off by much on many rows, and leave alone what few rows say?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

from balanced_nn._probability.calibration import (
    MIN_ROWS_OF_RAREST,
    Calibration,
    HeldOut,
    averaging_factor,
    calibrate,
    calibrate_mean,
    fit_calibration,
)

SDS = (0.25, 0.2)
scores3 = arrays(float, (30, 3), elements=st.floats(-8, 3))
labels3 = st.lists(st.integers(0, 2), min_size=27, max_size=27).map(lambda rest: np.array([0, 1, 2, *rest]))
priors3 = arrays(float, 3, elements=st.floats(0.05, 1)).map(lambda p: p / p.sum())


def held_out(scores, y, weight=None, *, in_training=False):
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    return HeldOut(log_softmax(scores, axis=1).astype(np.float32), np.asarray(y), weight, in_training)


def simulated(counts, *, boldness=1.0, shift=0.0, seed=0):
    """Held-out rows of Gaussian classes whose exact scores are multiplied by `boldness`, the last one then shifted."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    centres = 1.5 * np.eye(len(counts))
    x = centres[y] + rng.normal(size=(len(y), len(counts)))
    scores = boldness * -0.5 * ((x[:, None] - centres) ** 2).sum(axis=2)
    scores[:, -1] += shift
    return held_out(scores, y)


def frequencies(counts):
    return np.asarray(counts) / sum(counts)


def assert_same(one, other, atol=1e-9):
    assert one.temperature == pytest.approx(other.temperature, abs=atol)
    np.testing.assert_allclose(one.intercepts, other.intercepts, atol=atol)


def assert_changes_nothing(calibration, n_classes):
    assert calibration.temperature == 1.0
    np.testing.assert_array_equal(calibration.intercepts, np.zeros(n_classes))


# ---------------------------------------------------------------- what a calibration does


def test_a_calibration_is_applied_as_worked_out_by_hand():
    # Temperature 2 takes roots: 0.2 and 0.8 become 0.4472 and 0.8944, of ratio 2. An intercept of log 3 makes it 6, and
    # the base rates 0.9 and 0.1 make it 6 / 9 = 2/3: 0.6 and 0.4.
    calibration = Calibration(2.0, np.array([0.0, np.log(3.0)]))
    proba = np.exp(calibration.log_posterior(np.log([[0.2, 0.8]]), np.array([0.9, 0.1])))
    np.testing.assert_allclose(proba, [[0.6, 0.4]])


@given(scores3, priors3)
def test_the_calibration_without_effect_only_adds_the_base_rates(scores, prior):
    found = Calibration.none(3).log_posterior(scores, prior)
    np.testing.assert_allclose(found, log_softmax(scores + np.log(prior), axis=1), atol=1e-9)


@given(st.floats(0.1, 10), priors3)
def test_a_temperature_leaves_the_base_rate_alone(temperature, prior):
    """Evidence is cooled, and base rates are known: a row without evidence keeps their probabilities."""
    proba = np.exp(Calibration(temperature, np.zeros(3)).log_posterior(np.zeros((1, 3)), prior))
    np.testing.assert_allclose(proba[0], prior)


@given(scores3, priors3, st.floats(0.2, 5), arrays(float, 3, elements=st.floats(-1, 1)))
def test_calibrated_rows_sum_to_one_and_permute_with_the_classes(scores, prior, temperature, intercepts):
    found = Calibration(temperature, intercepts).log_posterior(scores, prior)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0)
    order = [2, 0, 1]
    permuted = Calibration(temperature, intercepts[order]).log_posterior(scores[:, order], prior[order])
    np.testing.assert_allclose(permuted, found[:, order], atol=1e-9)


# ---------------------------------------------------------------- rows that were held out


@given(labels3, arrays(float, 30, elements=st.floats(0.1, 10)), priors3)
def test_weights_give_the_classes_the_frequencies_that_are_wanted(y, weight, prior):
    found = held_out(np.zeros((30, 3)), y, weight).weights_at(prior)
    np.testing.assert_allclose(np.bincount(y, weights=found) / found.sum(), prior)
    assert found.mean() == pytest.approx(1.0)
    for label in range(3):  # within a class, rows keep their proportions
        ratio = found[y == label] / weight[y == label]
        np.testing.assert_allclose(ratio, ratio[0])


def test_weights_share_what_an_absent_class_leaves_in_proportion():
    found = held_out(np.zeros((5, 3)), [0, 0, 0, 2, 2]).weights_at(np.array([0.3, 0.4, 0.3]))
    np.testing.assert_allclose([found[:3].sum(), found[3:].sum()], [2.5, 2.5])


@given(scores3, priors3, priors3)
def test_scores_are_read_at_any_frequencies(scores, one, other):
    rows = held_out(scores, np.zeros(30, int))
    np.testing.assert_allclose(np.exp(rows.log_proba_at(np.full(3, 1 / 3))), np.exp(rows.scores), atol=1e-6)
    shifted = log_softmax(rows.log_proba_at(one) - np.log(one) + np.log(other), axis=1)
    np.testing.assert_allclose(rows.log_proba_at(other), shifted, atol=1e-9)
    assert rows.log_proba_at(one).dtype == np.float64


@given(scores3, priors3, st.floats(0.5, 2), arrays(float, 3, elements=st.floats(-1, 1)))
def test_calibrated_rows_say_what_the_calibration_says(scores, prior, temperature, intercepts):
    rows = held_out(scores, np.arange(30) % 3, np.linspace(1, 2, 30))
    calibration = Calibration(temperature, intercepts)
    calibrated = rows.calibrated(calibration)
    expected = calibration.log_posterior(rows.scores.astype(float), prior)
    np.testing.assert_allclose(calibrated.log_proba_at(prior), expected, atol=1e-4)
    assert calibrated.scores.dtype == np.float32
    assert calibrated.y is rows.y
    assert calibrated.weight is rows.weight


# ---------------------------------------------------------------- what is fitted


@pytest.mark.parametrize("boldness", [2.0, 1.0, 0.5])
@pytest.mark.parametrize("counts", [(16_000, 4000), (6000, 3000, 1000)])
def test_the_temperature_of_many_rows_is_how_bold_their_scores_are(counts, boldness):
    found = calibrate(simulated(counts, boldness=boldness), frequencies(counts), synthetic=False)
    assert found.temperature == pytest.approx(boldness, rel=0.05)
    np.testing.assert_allclose(found.intercepts, 0, atol=0.05)


def test_the_temperature_of_few_rows_stays_nearer_to_one():
    """By how much depends on the chance of the rows, and on whether samplers made the scores less trustworthy."""
    prior, found = np.array([0.5, 0.5]), []
    for seed in range(30):
        rows = simulated((20, 20), boldness=2.0, seed=seed)
        free = fit_calibration(rows.scores.astype(float), rows.y, rows.weight, prior, (100.0, 100.0))
        cautious, synthetic = (calibrate(rows, prior, synthetic=synthetic) for synthetic in (False, True))
        found.append([free.temperature, synthetic.temperature, cautious.temperature])
    far, nearer, nearest = np.abs(np.log(found)).mean(axis=0)
    assert far > nearer > nearest
    assert nearest < 0.5 * far
    assert 1.0 < np.median(found, axis=0)[2] < 1.5


@pytest.mark.parametrize("shift", [0.6, -0.6])
def test_the_intercepts_of_many_rows_take_a_shift_of_the_scores_back(shift):
    found = calibrate(simulated((8000, 2000), shift=shift), np.array([0.8, 0.2]), synthetic=False)
    assert found.intercepts[1] - found.intercepts[0] == pytest.approx(-shift, abs=0.08)
    assert found.intercepts.sum() == pytest.approx(0, abs=1e-3)  # the smaller of equals, by their prior
    assert found.temperature == pytest.approx(1.0, abs=0.08)


def test_calibrated_probabilities_have_the_base_rate_as_their_mean():
    counts = (6000, 3000, 1000)
    prior, rows = np.array([0.9, 0.07, 0.03]), simulated(counts, boldness=1.7, shift=0.8)
    calibrated = rows.calibrated(calibrate(rows, prior, synthetic=False))
    weight = rows.weights_at(prior)
    before, after = (np.average(np.exp(r.log_proba_at(prior)), axis=0, weights=weight) for r in (rows, calibrated))
    np.testing.assert_allclose(after, prior, atol=0.005)
    assert np.abs(before - prior).max() > 0.01


@settings(max_examples=30)
@given(scores3, labels3, priors3)
def test_no_calibration_nearby_is_better(scores, y, prior):
    """What is minimised is the weighted sum of the log-loss and half the squares of normal deviates."""
    weight = held_out(scores, y).weights_at(prior)
    found = fit_calibration(scores, y, weight, prior, SDS)

    def loss(log_temperature, intercepts):
        log_proba = log_softmax(scores * np.exp(-log_temperature) + intercepts + np.log(prior), axis=1)
        deviates = np.append(log_temperature / SDS[0], intercepts / SDS[1])
        return -(weight * log_proba[np.arange(30), y]).sum() + 0.5 * deviates @ deviates

    best = loss(np.log(found.temperature), found.intercepts)
    assert best <= loss(0.0, np.zeros(3)) + 1e-9
    for step in np.vstack([np.eye(4), -np.eye(4)]) * 0.02:
        assert best < loss(np.log(found.temperature) + step[0], found.intercepts + step[1:]) + 1e-6


@settings(max_examples=30)
@given(scores3, labels3, priors3, st.integers(0, 29))
def test_a_repeated_row_equals_a_doubled_weight(scores, y, prior, row):
    weight = np.linspace(0.5, 1.5, 30)
    repeated = [np.concatenate([array, array[[row]]]) for array in (scores, y, weight)]
    weight[row] *= 2
    assert_same(fit_calibration(*repeated, prior, SDS), fit_calibration(scores, y, weight, prior, SDS), 1e-5)


@settings(max_examples=30)
@given(scores3, labels3, priors3, st.permutations(range(3)))
def test_permuting_the_classes_permutes_the_calibration(scores, y, prior, order):
    plain = calibrate(held_out(scores, y), prior, synthetic=True)
    permuted = calibrate(held_out(scores[:, order], np.argsort(order)[y]), prior[order], synthetic=True)
    assert_same(permuted, Calibration(plain.temperature, plain.intercepts[order]), 2e-3)


@settings(max_examples=30)
@given(scores3, labels3, priors3, st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_changes_nothing(scores, y, prior, scale):
    weight = np.linspace(1, 2, 30)
    plain = calibrate(held_out(scores, y, weight), prior, synthetic=True)
    assert_same(calibrate(held_out(scores, y, scale * weight), prior, synthetic=True), plain, 1e-5)


# ---------------------------------------------------------------- rows that are too few, or the wrong ones


@pytest.mark.parametrize("n_rarest", [2, MIN_ROWS_OF_RAREST - 1])
@pytest.mark.parametrize("others", [(3000,), (3000, 500)])
def test_fewer_than_twenty_rows_of_the_rarest_class_are_not_fitted_to(n_rarest, others):
    counts = (*others, n_rarest)
    rows, prior = simulated(counts, boldness=2.0), frequencies(counts)
    assert_changes_nothing(calibrate(rows, prior, synthetic=False), len(counts))
    assert calibrate(rows, prior, synthetic=True).temperature > 1.1
    one_more = (*others, MIN_ROWS_OF_RAREST)
    assert calibrate(simulated(one_more, boldness=2.0), frequencies(one_more), synthetic=False).temperature > 1.1


@pytest.mark.parametrize("synthetic", [False, True])
def test_rows_of_the_training_are_not_fitted_to(synthetic):
    rows = simulated((200, 100), boldness=2.0)
    seen = HeldOut(rows.scores, rows.y, rows.weight, in_training=True)
    assert_changes_nothing(calibrate(seen, np.array([0.7, 0.3]), synthetic=synthetic), 2)


@pytest.mark.parametrize("synthetic", [False, True])
def test_rows_of_a_single_class_are_not_fitted_to(synthetic):
    rows = held_out(np.random.default_rng(0).normal(size=(100, 2)), np.ones(100, int))
    assert_changes_nothing(calibrate(rows, np.array([0.7, 0.3]), synthetic=synthetic), 2)


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_without_rows_keeps_intercept_zero_and_does_not_disturb_the_others(absent):
    present = np.delete(np.arange(3), absent)
    rows = simulated((300, 100), boldness=1.6, shift=0.5)
    scores = np.full((400, 3), -1.0)
    scores[:, present] = rows.scores
    prior = np.insert(np.array([0.6, 0.2]), absent, 0.2)
    three = HeldOut(scores.astype(np.float32), present[rows.y], rows.weight, in_training=False)
    found = calibrate(three, prior, synthetic=False)
    assert found.intercepts[absent] == 0.0
    alone = calibrate(rows, np.array([0.75, 0.25]), synthetic=False)
    assert_same(Calibration(found.temperature, found.intercepts[present]), alone, 1e-4)
    assert abs(alone.intercepts[1]) > 0.05


def noisy_networks(n_networks, noise, *, seed=0):
    """Scores of networks that see a common signal, each with noise of its own, of shape (n_networks, 20000, 2)."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=20_000)
    scores = signal + noise * rng.normal(size=(n_networks, 20_000))
    return np.stack([np.zeros_like(scores), scores], axis=2)


@pytest.mark.parametrize("n_networks", [2, 4, 16])
@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_averaging_takes_from_the_temperature_what_it_takes_from_the_noise(n_networks, noise):
    found = averaging_factor(noisy_networks(n_networks, noise), np.ones(20_000), np.ones(20_000))
    assert found == pytest.approx((1 + noise**2 / n_networks) / (1 + noise**2), abs=0.02)


def test_scores_that_were_averaged_already_leave_less_to_take():
    scores = noisy_networks(4, 1.0)
    assert averaging_factor(scores, np.ones(20_000), np.full(500, 4.0)) == pytest.approx(1.0)
    assert averaging_factor(scores, np.ones(20_000), np.full(500, 2.0)) == pytest.approx(1.25 / 1.5, abs=0.02)


@pytest.mark.parametrize(
    ("scores", "why"), [(np.zeros((1, 50, 3)), "one network"), (np.zeros((3, 50, 3)), "no spread")]
)
def test_where_nothing_is_averaged_away_the_factor_is_1(scores, why):
    assert averaging_factor(scores, np.ones(50), np.ones(50)) == 1.0


def test_networks_that_contradict_one_another_are_all_noise():
    found = np.random.default_rng(0).normal(size=500)
    one = np.stack([np.zeros(500), found], axis=1)
    scores = np.stack([one, -one, one, -one])  # whose mean is the same for all rows
    assert averaging_factor(scores, np.ones(500), np.ones(500)) == pytest.approx(0.25)


def test_rows_count_by_their_weight():
    scores = noisy_networks(4, 1.0)
    scores[:, 10_000:] = scores[:1, 10_000:]  # half of the rows, on which the networks agree
    weight = np.repeat([1.0, 1e-9], 10_000)
    assert averaging_factor(scores, weight, np.ones(9)) == pytest.approx(1.25 / 2, abs=0.02)


def test_a_row_for_which_one_network_answers_without_measure_changes_nothing():
    scores = noisy_networks(4, 0.3)
    expected = averaging_factor(scores, np.ones(20_000), np.ones(9))
    scores[2, 0, -1] += 3e4
    assert averaging_factor(scores, np.ones(20_000), np.ones(9)) == pytest.approx(expected, abs=1e-3)


def test_the_scores_of_one_class_among_many_are_no_outliers():
    rng = np.random.default_rng(0)
    signal = 8.0 * np.eye(300)[rng.integers(300, size=3_000)]
    scores = signal + rng.normal(size=(4, 3_000, 300))
    variance = 64 / 300
    expected = (variance + 0.25) / (variance + 1.0)
    assert averaging_factor(scores, np.ones(3_000), np.ones(9)) == pytest.approx(expected, abs=0.03)


def test_the_mean_of_networks_keeps_the_mean_probabilities_of_single_ones():
    scores, prior = noisy_networks(4, 1.0) * 2, np.array([0.97, 0.03])
    one = Calibration(1.4, np.array([0.1, -0.1]))
    mean = calibrate_mean(one, 0.6, scores, np.ones(20_000), prior)
    assert mean.temperature == pytest.approx(0.84)
    wanted, found = (np.exp(c.log_posterior(scores, prior)).mean(axis=(0, 1)) for c in (one, mean))
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_a_factor_of_1_changes_no_calibration():
    one = Calibration(1.4, np.array([0.1, -0.1]))
    mean = calibrate_mean(one, 1.0, noisy_networks(2, 0.5), np.ones(20_000), np.array([0.8, 0.2]))
    assert_same(mean, one)
