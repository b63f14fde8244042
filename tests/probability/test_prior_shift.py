"""Do corrected probabilities and estimated class frequencies agree with the formulas, with simulations, and by hand?"""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import norm

from balanced_nn import correct_prior, estimate_prior
from balanced_nn._probability.prior_shift import find_prior, read_prior
from balanced_nn.exceptions import PriorWarning


def scaled(values):
    return values / values.sum(axis=-1, keepdims=True)


priors3 = arrays(float, 3, elements=st.floats(0.01, 1)).map(scaled)
rows3 = arrays(float, (6, 3), elements=st.floats(0.01, 1)).map(scaled)
told_apart = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).dirichlet([0.5] * 3, 12))


def two_columns(p):
    return np.column_stack([1 - p, p])


def gaussian_rows(n_rows, prior, *, train_prior, distance, seed):
    """Exact probabilities, at `train_prior`, of rows around -distance/2 and distance/2 of which `prior` is positive."""
    rng = np.random.default_rng(seed)
    y = rng.random(n_rows) < prior
    x = rng.normal(distance * (y - 0.5))
    odds = np.exp(distance * x) * train_prior / (1 - train_prior)
    return two_columns(odds / (1 + odds))


def standard_error(n_rows, prior, distance):
    """Of the most likely frequency of the positive class: 1 over the root of the Fisher information."""

    def information(x):
        negative, positive = norm.pdf(x, -distance / 2), norm.pdf(x, distance / 2)
        return (positive - negative) ** 2 / (prior * positive + (1 - prior) * negative)

    return (n_rows * quad(information, -10, 10)[0]) ** -0.5


def estimate_silently(*args, **kwargs):
    """Estimate frequencies of rows that may be too few for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorWarning)
        return estimate_prior(*args, **kwargs)


# ---------------------------------------------------------------- probabilities at other class frequencies


def test_probabilities_of_an_undersampled_model_are_corrected_as_in_the_worked_example():
    # Prior 1 %, undersampled to 50:50, so that a share of beta = 0.01 / 0.99 = 0.0101 of the negatives was kept.
    # p = beta p_s / (beta p_s - p_s + 1): 0.00505 / 0.50505 = 0.01 for p_s = 0.5; 0.00909 / 0.10909 = 0.0833 for 0.9.
    found = correct_prior([[0.5, 0.5], [0.1, 0.9]], [0.5, 0.5], [0.99, 0.01])
    np.testing.assert_allclose(found[:, 1], [0.01, 1 / 12])


def test_probabilities_under_class_weights_are_corrected_by_weight_times_frequency():
    # Natural 0.6, 0.3, 0.1 with weights 1, 2, 6: mass 0.6, 0.6, 0.6, so that the model speaks of 1/3 each.
    natural, weight = np.array([0.6, 0.3, 0.1]), np.array([1, 2, 6])
    # 0.2, 0.3, 0.5 times 0.6, 0.3, 0.1 is 0.12, 0.09, 0.05, with sum 0.26.
    found = correct_prior([[0.2, 0.3, 0.5]], weight * natural, natural)
    np.testing.assert_allclose(found, [[12 / 26, 9 / 26, 5 / 26]])


@given(rows3, priors3)
def test_equal_frequencies_change_nothing(proba, prior):
    np.testing.assert_allclose(correct_prior(proba, prior, prior), proba, atol=1e-12)


@given(rows3, priors3, priors3)
def test_a_correction_and_its_inverse_cancel(proba, train, target):
    there = correct_prior(proba, train, target)
    np.testing.assert_allclose(correct_prior(there, target, train), proba, atol=1e-9)


@given(rows3, priors3, priors3, priors3)
def test_two_corrections_are_one(proba, first, second, third):
    by_steps = correct_prior(correct_prior(proba, first, second), second, third)
    np.testing.assert_allclose(by_steps, correct_prior(proba, first, third), atol=1e-9)


@given(rows3, priors3)
def test_correcting_to_uniform_frequencies_twice_is_correcting_once(proba, train):
    once = correct_prior(proba, train, [1, 1, 1])
    np.testing.assert_allclose(correct_prior(once, [1, 1, 1], [1, 1, 1]), once, atol=1e-12)


@given(rows3, priors3, priors3, st.permutations(range(3)))
def test_permuting_the_classes_permutes_the_corrected_columns(proba, train, target, order):
    permuted = correct_prior(proba[:, order], train[order], target[order])
    np.testing.assert_allclose(permuted, correct_prior(proba, train, target)[:, order], atol=1e-12)


@given(rows3, priors3, priors3, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_frequencies_may_be_counts_or_masses(proba, train, target, one, other):
    found = correct_prior(proba, one * train, other * target)
    np.testing.assert_allclose(found, correct_prior(proba, train, target), atol=1e-12)


@given(arrays(float, (5, 4), elements=st.floats(0, 1)), priors3)
def test_corrected_rows_sum_to_one(values, prior):
    assume((values.sum(axis=1) > 0.01).all())
    target = np.append(prior, 0.2)
    found = correct_prior(scaled(values), [1, 2, 3, 4], target)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_certainty_stays_certainty():
    np.testing.assert_array_equal(correct_prior([[1, 0], [0, 1]], [0.5, 0.5], [0.999, 0.001]), [[1, 0], [0, 1]])


def test_probabilities_of_single_precision_and_of_a_table_are_read():
    proba = scaled(np.random.default_rng(0).random((1000, 3)))
    expected = correct_prior(proba, [0.5, 0.3, 0.2], [1, 1, 1])
    single = correct_prior(proba.astype(np.float32), [0.5, 0.3, 0.2], [1, 1, 1])
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, expected, atol=1e-6)
    table = pd.DataFrame(proba, columns=["a", "b", "c"])
    np.testing.assert_array_equal(correct_prior(table, [0.5, 0.3, 0.2], [1, 1, 1]), expected)


# ---------------------------------------------------------------- estimated class frequencies


@pytest.mark.parametrize("n_steps", [1, 2])
def test_the_steps_of_the_iteration_are_those_worked_out_by_hand(n_steps):
    """Saerens et al. 2002, equation 2.9, for two rows and three classes."""
    train = [0.5, 0.3, 0.2]
    proba = [[0.8, 0.1, 0.1], [0.2, 0.6, 0.2]]
    # Step 1 begins with the frequencies of training, at which nothing is corrected: the mean of the rows.
    step_1 = [0.5, 0.35, 0.15]
    # Step 2 multiplies by 0.5 / 0.5 = 1, 0.35 / 0.3 = 7/6 and 0.15 / 0.2 = 3/4:
    # 0.8, 0.116667, 0.075 with sum 0.991667, hence 0.806723, 0.117647, 0.075630;
    # 0.2, 0.7, 0.15 with sum 1.05, hence 0.190476, 0.666667, 0.142857; and their mean.
    step_2 = [0.498599, 0.392157, 0.109244]
    found = estimate_silently(proba, train, max_iter=n_steps)
    np.testing.assert_allclose(found, (step_1, step_2)[n_steps - 1], atol=1e-6)


@given(told_apart, priors3)
def test_the_estimate_is_the_mean_of_the_probabilities_that_it_corrects(proba, train):
    """The fixed point of the iteration, which is where the likelihood is highest."""
    found = estimate_silently(proba, train, tol=1e-8)
    np.testing.assert_allclose(correct_prior(proba, train, found).mean(axis=0), found, atol=1e-6)


@given(told_apart, priors3, priors3)
def test_no_other_frequencies_are_more_likely(proba, train, other):
    found = estimate_silently(proba, train, tol=1e-8)

    def log_likelihood(prior):
        return np.log((proba / train) @ prior).sum()

    assert log_likelihood(found) >= log_likelihood(other) - 1e-4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("prior", "train_prior", "distance"), [(0.4, 0.1, 2.0), (0.02, 0.3, 3.0), (0.9, 0.5, 1.5), (0.1, 0.1, 2.0)]
)
def test_known_frequencies_of_simulated_rows_are_found(prior, train_prior, distance, seed):
    n_rows = 4000
    proba = gaussian_rows(n_rows, prior, train_prior=train_prior, distance=distance, seed=seed)
    found = estimate_prior(proba, [1 - train_prior, train_prior])
    assert abs(found[1] - prior) < 3 * standard_error(n_rows, prior, distance)


def test_known_frequencies_of_three_classes_are_found():
    rng = np.random.default_rng(0)
    centres, prior, train = np.array([[0, 0], [3, 0], [0, 3]]), np.array([0.2, 0.3, 0.5]), np.array([0.8, 0.15, 0.05])
    y = rng.choice(3, 6000, p=prior)
    x = centres[y] + rng.normal(size=(6000, 2))
    proba = scaled(train * np.exp(-0.5 * ((x[:, None] - centres) ** 2).sum(axis=2)))
    np.testing.assert_allclose(estimate_prior(proba, train), prior, atol=0.02)


def test_rows_that_are_certain_are_counted():
    proba = [[1, 0, 0]] * 60 + [[0, 1, 0]] * 30 + [[0, 0, 1]] * 10
    np.testing.assert_allclose(estimate_prior(proba, [1, 1, 1]), [0.6, 0.3, 0.1])


@given(told_apart, priors3, st.permutations(range(3)))
def test_permuting_the_classes_permutes_the_estimate(proba, train, order):
    permuted = estimate_silently(proba[:, order], train[order])
    np.testing.assert_allclose(permuted, estimate_silently(proba, train)[order], atol=1e-4)


@given(told_apart, priors3, st.floats(1e-3, 1e3))
def test_the_scale_of_the_training_frequencies_changes_nothing(proba, train, scale):
    np.testing.assert_allclose(estimate_silently(proba, scale * train), estimate_silently(proba, train), atol=1e-6)


@given(told_apart, priors3, arrays(int, 12, elements=st.integers(0, 4)))
def test_a_weight_counts_as_repetition(proba, train, times):
    assume(times.sum() > 0)
    weighted = estimate_silently(proba, train, sample_weight=times)
    np.testing.assert_allclose(weighted, estimate_silently(np.repeat(proba, times, axis=0), train), atol=1e-6)


def test_rows_of_weight_zero_say_nothing():
    proba = [[1.0, 0.0]] * 40 + [[0.0, 1.0]]
    weight = [1.0] * 40 + [0.0]
    np.testing.assert_allclose(estimate_silently(proba, [0.5, 0.5], sample_weight=weight), [1, 0], atol=1e-9)


@given(told_apart, priors3, st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_changes_nothing(proba, train, scale):
    weight = np.linspace(0.5, 3.0, 12)
    plain, note = find_prior(proba, train, weight)
    other, other_note = find_prior(proba, train, scale * weight)
    np.testing.assert_allclose(other, plain, atol=1e-6)
    assert (note is None) == (other_note is None)


@given(told_apart, priors3)
def test_estimates_are_positive_and_sum_to_one(proba, train):
    found = estimate_silently(proba, train)
    assert (found > 0).all()
    assert found.sum() == pytest.approx(1.0)
    assert np.isfinite(np.log(found)).all()


def test_a_finer_tolerance_iterates_further():
    proba = gaussian_rows(2000, 0.5, train_prior=0.1, distance=0.8, seed=0)
    coarse, fine, finest = (estimate_prior(proba, [0.9, 0.1], tol=tol)[1] for tol in (1e-2, 1e-6, 1e-9))
    assert abs(coarse - finest) > 0.01
    assert abs(fine - finest) < 1e-3


# ---------------------------------------------------------------- rows that cannot tell


@pytest.mark.parametrize("distance", [1.5, 3.0])
def test_many_rows_told_apart_well_lead_to_no_warning(distance):
    proba = gaussian_rows(2000, 0.3, train_prior=0.1, distance=distance, seed=0)
    assert find_prior(proba, [0.9, 0.1])[1] is None
    estimate_prior(proba, [0.9, 0.1])  # a warning would be an error


@given(st.integers(1, 5000), st.lists(st.integers(1, 50), min_size=2, max_size=4))
def test_rows_that_all_repeat_the_training_frequencies_say_nothing(n_rows, masses):
    train = np.array(masses) / sum(masses)
    with pytest.warns(PriorWarning, match="the estimate is undetermined. Pass more rows"):
        found = estimate_prior(np.tile(train, (n_rows, 1)), masses)
    np.testing.assert_allclose(found, train, atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 50, 5000])
@pytest.mark.parametrize(
    ("row", "train"), [([0.2, 0.8], [0.5, 0.5]), ([0.5, 0.5], [0.99, 0.01]), ([0.6, 0.3, 0.1], [0.4, 0.3, 0.3])]
)
def test_rows_that_all_say_the_same_lead_to_a_warning_however_many_they_are(n_rows, row, train):
    """Such as those of a collapsed network, whose training frequencies are not those that are believed."""
    with pytest.warns(PriorWarning, match="cannot be estimated"):
        estimate_prior([row] * n_rows, train)


def test_classes_that_are_not_told_apart_lead_to_a_warning():
    first = gaussian_rows(3000, 0.3, train_prior=0.4, distance=3.0, seed=0)
    proba = np.column_stack([first[:, 0], 0.5 * first[:, 1], 0.5 * first[:, 1]])  # two classes that look the same
    with pytest.warns(PriorWarning, match="3000 rows cannot be estimated: for the class in column . the estimate is"):
        found = estimate_prior(proba, [0.6, 0.2, 0.2])
    assert found[0] == pytest.approx(0.7, abs=0.05)  # that one is told


def test_few_rows_lead_to_a_warning_with_the_interval_worked_out_by_hand():
    # One certain row in 20: 0.05 with the standard error (0.05 * 0.95 / 20)^(1/2) = 0.0487, times 1.96 is 0.0955.
    message = r"these 20 rows cannot be estimated: for the class in column 1 the estimate is 0\.05 ± 0\.096"
    with pytest.warns(PriorWarning, match=message):
        estimate_prior([[1, 0]] * 19 + [[0, 1]], [0.5, 0.5])
    # Four in 20: 0.2 with (0.2 * 0.8 / 20)^(1/2) = 0.0894, times 1.96 is 0.175, which is less than the estimate.
    estimate_prior([[1, 0]] * 16 + [[0, 1]] * 4, [0.5, 0.5])


def test_a_rare_class_may_be_uncertain_by_less_than_five_percent():
    # One certain row in 100: 0.01 with (0.01 * 0.99 / 100)^(1/2) = 0.00995, times 1.96 is 0.0195: more than 0.01, and
    # yet little.
    np.testing.assert_allclose(estimate_prior([[1, 0]] * 99 + [[0, 1]], [0.5, 0.5]), [0.99, 0.01])


def test_rows_of_unequal_weight_count_as_fewer():
    proba, weight = [[1, 0]] * 80 + [[0, 1]] * 20, np.ones(100)
    estimate_prior(proba, [0.5, 0.5], sample_weight=weight)
    weight[[0, 99]] = 1000, 250  # effectively little more than the two
    with pytest.warns(PriorWarning, match="100 rows cannot be estimated"):
        estimate_prior(proba, [0.5, 0.5], sample_weight=weight)


def test_the_interval_of_the_warning_is_that_of_the_information():
    proba = gaussian_rows(60, 0.1, train_prior=0.5, distance=1.0, seed=3)
    with pytest.warns(PriorWarning) as record:
        found = estimate_prior(proba, [0.5, 0.5])
    stated = re.search(r"estimate is (\S+) ± (\S+)\.", str(record[0].message))
    assert stated is not None
    assert float(stated[1]) == pytest.approx(found[1], rel=0.06)
    slopes = (proba[:, 1] - proba[:, 0]) / (proba @ found)
    assert float(stated[2]) == pytest.approx(1.96 / np.sqrt(slopes @ slopes), rel=0.06)


def test_the_warning_points_at_the_line_that_asked():
    with pytest.warns(PriorWarning) as record:
        estimate_prior([[0.5, 0.5]], [0.5, 0.5])
    assert len(record) == 1
    assert record[0].filename == __file__


def test_find_prior_returns_the_warning_and_the_estimate():
    proba = gaussian_rows(30, 0.3, train_prior=0.5, distance=0.5, seed=0)
    found, note = find_prior(proba, [0.5, 0.5])
    assert isinstance(note, PriorWarning)
    np.testing.assert_array_equal(found, estimate_silently(proba, [0.5, 0.5]))


# ---------------------------------------------------------------- what is refused

CALLS = [
    pytest.param(lambda proba: correct_prior(proba, [1, 1], [1, 1]), id="correct"),
    pytest.param(lambda proba: estimate_prior(proba, [1, 1]), id="estimate"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("proba", "message"),
    [
        ([[0.5, 0.5], [0.9, 0.2]], r"row 1 is \[0\.9, 0\.2\], with sum 1\.1\. Pass the result of predict_proba"),
        ([[0.5, 0.5], [1.2, -0.2], [0.9, 0.9]], r"y_proba must hold probabilities: row 1 is \[1\.2, -0\.2\], with sum"),
        ([[3.0, -1.0]], r"row 0 is \[3\.0, -1\.0\], with sum 2"),
        (
            [[0.5], [0.7]],
            r"a column for each class, at least two; got shape \(2, 1\)\. For one column p with two classes",
        ),
        ([0.5, 0.5], "Expected 2D array, got 1D array"),
        ([[0.5, np.nan]], "Input y_proba contains NaN"),
        (np.empty((0, 2)), "Found array with 0 sample"),
    ],
)
def test_what_holds_no_probabilities_is_refused(call, proba, message):
    with pytest.raises(ValueError, match=message):
        call(proba)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ([0.5, 0.3, 0.2], r"one frequency for each of the 2 classes; got shape \(3,\)\. Give them in the order of the"),
        (0.5, r"one frequency for each of the 2 classes; got shape \(\)"),
        ([[0.5, 0.5]], r"one frequency for each of the 2 classes; got shape \(1, 2\)"),
        ([1.0, 0.0], r"positive, finite numbers; got \[1\.0, 0\.0\]\. Give an absent class a small frequency"),
        ([1.5, -0.5], r"must hold positive, finite numbers; got \[1\.5, -0\.5\]"),
        ([np.nan, 1.0], r"must hold positive, finite numbers; got \[nan, 1\.0\]"),
        ([np.inf, 1.0], r"must hold positive, finite numbers; got \[inf, 1\.0\]"),
    ],
)
def test_frequencies_that_do_not_fit_are_refused_by_name(prior, message):
    proba = [[0.4, 0.6]]
    with pytest.raises(ValueError, match=f"^prior must hold {message.removeprefix('must hold ')}"):
        read_prior(prior, 2)
    with pytest.raises(ValueError, match="^train_prior must hold"):
        correct_prior(proba, prior, [0.5, 0.5])
    with pytest.raises(ValueError, match="^target_prior must hold"):
        correct_prior(proba, [0.5, 0.5], prior)
    with pytest.raises(ValueError, match="^train_prior must hold"):
        estimate_prior(proba, prior)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([0.0, 0.0], "sample_weight is zero for every row"),
        ([1.0, -1.0], "sample_weight holds 1 negative weights, the lowest -1"),
        ([1.0, np.nan], "Input sample_weight contains NaN"),
        ([1.0, np.inf], "Input sample_weight contains infinity"),
        ([1.0], "sample_weight has shape"),
        ([[1.0, 2.0], [1.0, 2.0]], "sample_weight has shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        estimate_prior([[0.5, 0.5], [0.2, 0.8]], [0.5, 0.5], sample_weight=weight)


@pytest.mark.parametrize("prior", [(9, 1), [0.9, 0.1], np.array([90.0, 10.0]), pd.Series([0.9, 0.1])])
def test_frequencies_are_scaled_to_sum_one(prior):
    np.testing.assert_allclose(read_prior(prior, 2), [0.9, 0.1])
