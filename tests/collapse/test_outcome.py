"""What counts as collapse: each rule, its borders, and the properties that hold for any data."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from balanced_nn._collapse.outcome import (
    CONSTANT_SPREAD,
    MISSING_MIN_ROWS,
    MISSING_MIN_SHARE,
    Outcome,
    find_outcome,
    uniform_prior_proba,
)
from tests.helpers.outcomes import constant, draw_part, one_hot, parts, two_columns


def noisy_labels(n=400, share=0.1, seed=0):
    return (np.random.default_rng(seed).random(n) < share).astype(int)


# ---------------------------------------------------------------- the rules


def test_the_same_probability_for_every_row_is_constant():
    y = noisy_labels()
    report = find_outcome(y, two_columns(np.full(y.size, 0.1)))
    assert report.outcome is Outcome.CONSTANT
    assert report.collapsed
    assert report.spread == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("deviation", "outcome"),
    [(CONSTANT_SPREAD * 0.99, Outcome.CONSTANT), (CONSTANT_SPREAD * 1.01, Outcome.HEALTHY)],
)
def test_constant_ends_at_a_standard_deviation_of_one_thousandth(deviation, outcome):
    y = np.tile([0, 1], 50)
    report = find_outcome(y, two_columns(0.5 + np.where(y == 1, deviation, -deviation)))
    assert report.outcome is outcome
    assert report.spread == pytest.approx(deviation)
    assert report.class_spread == pytest.approx((deviation, deviation))


def test_constant_is_judged_at_a_uniform_prior_so_a_rare_class_is_not_called_constant():
    y = noisy_labels(20_000, share=0.001)
    p = np.where(y == 1, 0.004, 0.0005)  # the natural probabilities differ by less than the limit
    assert p.std() < CONSTANT_SPREAD
    assert find_outcome(y, two_columns(p)).outcome is Outcome.HEALTHY


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_probability_that_is_not_finite_counts_as_constant(bad):
    y = np.tile([0, 1], 20)
    proba = one_hot(y, 2)
    proba[3, 1] = bad
    report = find_outcome(y, proba)
    assert report.outcome is Outcome.CONSTANT
    assert report.spread == 0.0
    assert report.roc_auc is None


def test_one_class_predicted_with_scores_that_do_not_order_the_rows_is_one_class():
    rng = np.random.default_rng(0)
    y = noisy_labels(500, share=0.3)
    report = find_outcome(y, two_columns(rng.uniform(0.1, 0.4, y.size)), np.zeros(y.size, dtype=int))
    assert report.outcome is Outcome.ONE_CLASS
    assert report.collapsed
    assert report.roc_auc < 0.65
    assert report.predicted_share == (1.0, 0.0)


def test_one_class_predicted_with_scores_that_order_the_rows_is_a_matter_of_the_threshold():
    y = noisy_labels(500, share=0.3)
    proba = two_columns(np.where(y == 1, 0.4, 0.1))
    report = find_outcome(y, proba, np.zeros(y.size, dtype=int))
    assert report.outcome is Outcome.THRESHOLD
    assert not report.collapsed
    assert report.missing_classes == (1,)
    assert find_outcome(y, proba).outcome is Outcome.HEALTHY  # the balanced decision finds both


def test_constant_comes_before_one_class_and_one_class_before_missing():
    y = np.tile([0, 1], 50)
    proba = two_columns(np.where(y == 1, 0.5004, 0.5))
    assert find_outcome(y, proba, np.zeros(100, dtype=int)).outcome is Outcome.CONSTANT
    spread = two_columns(np.tile([0.2, 0.2, 0.4, 0.4], 25))
    report = find_outcome(y, spread, np.zeros(100, dtype=int))
    assert report.outcome is Outcome.ONE_CLASS
    assert report.missing_classes == (1,)


def test_a_frequent_class_that_is_never_found_is_missing():
    y = np.repeat([0, 1, 2], 30)
    predicted = np.where(y == 2, 1, y)
    report = find_outcome(y, one_hot(predicted, 3), predicted)
    assert report.outcome is Outcome.MISSING
    assert report.collapsed
    assert report.missing_classes == (2,)
    assert report.recall == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("n_lost", "n_other", "outcome"),
    [
        (MISSING_MIN_ROWS, 20, Outcome.MISSING),
        (MISSING_MIN_ROWS - 1, 20, Outcome.HEALTHY),  # too few rows
        (5, 95, Outcome.MISSING),  # 5 % exactly
        (5, 96, Outcome.HEALTHY),  # just under 5 %
    ],
)
def test_missing_needs_five_rows_and_five_percent(n_lost, n_other, outcome):
    y = np.concatenate([np.full(n_lost, 2), np.arange(n_other) % 2])
    predicted = np.where(y == 2, 1, y)
    assert (n_lost / y.size >= MISSING_MIN_SHARE) == (n_other <= 95)
    assert find_outcome(y, one_hot(predicted, 3), predicted).outcome is outcome


@pytest.mark.parametrize("label", [0, 1])
def test_of_a_part_with_one_class_nothing_can_be_told(label):
    y = np.full(40, label)
    for p in (np.full(40, 0.3), np.full(40, np.nan)):
        report = find_outcome(y, two_columns(p), np.zeros(40, dtype=int))
        assert (report.outcome, report.collapsed) == (Outcome.UNKNOWN, False)
        assert report.roc_auc is None
        assert report.missing_classes == ()


def test_of_a_part_without_rows_nothing_can_be_told():
    report = find_outcome(np.empty(0, dtype=int), np.empty((0, 3)))
    assert report.outcome is Outcome.UNKNOWN
    assert report.n_rows == 0
    assert report.true_share == (0.0, 0.0, 0.0)
    assert report.recall == (None, None, None)


def test_of_a_single_column_of_probabilities_nothing_can_be_told():
    assert find_outcome([0, 0, 0], np.ones((3, 1))).outcome is Outcome.UNKNOWN


def test_a_class_whose_rows_all_weigh_nothing_is_none():
    report = find_outcome([0, 0, 1], two_columns([0.1, 0.2, 0.9]), sample_weight=[1.0, 1.0, 0.0])
    assert report.outcome is Outcome.UNKNOWN


# ---------------------------------------------------------------- numbers, priors, weights


def test_the_area_under_the_curve_is_scikit_learns():
    rng = np.random.default_rng(1)
    y, p, w = noisy_labels(200, 0.4), rng.random(200), rng.random(200)
    report = find_outcome(y, two_columns(p), prior=[0.5, 0.5], sample_weight=w)
    assert report.roc_auc == pytest.approx(roc_auc_score(y, p, sample_weight=w))


def test_the_multi_class_area_averages_the_classes_that_are_present():
    rng = np.random.default_rng(2)
    y = np.repeat([0, 2], 50)
    proba = rng.dirichlet(np.ones(3), 100)
    report = find_outcome(y, proba, prior=np.full(3, 1 / 3))
    expected = np.mean([roc_auc_score(y == c, proba[:, c]) for c in (0, 2)])
    assert report.roc_auc == pytest.approx(expected)
    assert report.recall[1] is None


def test_a_given_prior_replaces_the_shares_of_the_part():
    y = np.tile([0, 1], 50)
    proba = two_columns(np.where(y == 1, 0.03, 0.005))
    assert find_outcome(y, proba, prior=[0.99, 0.01]).recall == (1.0, 1.0)
    assert find_outcome(y, proba).recall == (1.0, 0.0)


def test_a_class_without_a_share_gets_half_the_share_of_the_rarest():
    given = uniform_prior_proba([[0.5, 0.3, 0.2]], [0.8, 0.2, 0.0])
    np.testing.assert_allclose(given, uniform_prior_proba([[0.5, 0.3, 0.2]], [0.8, 0.2, 0.1]))
    np.testing.assert_allclose(uniform_prior_proba([[0.5, 0.5]], [0.0, 0.0]), [[0.5, 0.5]])


def test_rows_of_weight_zero_are_left_out():
    y = np.array([0, 1, 0, 1, 0, 1])
    proba = one_hot(y, 2)
    proba[5] = np.nan
    weight = [1, 1, 1, 1, 1, 0]
    assert find_outcome(y, proba, sample_weight=weight) == find_outcome(y[:5], proba[:5])
    assert find_outcome(y, proba, sample_weight=np.zeros(6)).n_rows == 0


def test_extreme_weights_and_probabilities_give_finite_numbers():
    y = np.tile([0, 1], 20)
    report = find_outcome(
        y, two_columns(np.where(y == 1, 1e-300, 0.0)), prior=[1.0, 1e-300], sample_weight=np.full(40, 1e308)
    )
    assert np.isfinite([report.spread, report.roc_auc, *report.true_share]).all()


def test_a_report_survives_pickling_and_compares_equal():
    report = find_outcome([0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    assert pickle.loads(pickle.dumps(report)) == report


def test_the_callers_arrays_are_not_written_to():
    arrays = [np.tile([0, 1], 10), one_hot(np.tile([0, 1], 10), 2), np.array([0.5, 0.5]), np.ones(20)]
    for array in arrays:
        array.setflags(write=False)
    find_outcome(arrays[0], arrays[1], arrays[0], prior=arrays[2], sample_weight=arrays[3])


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [0, 1, 0]}, r"y has shape \(3,\), but proba has 2 rows"),
        ({"predicted": [0, 1, 1]}, r"predicted has shape \(3,\), but proba has 2 rows"),
        ({"sample_weight": [1.0]}, r"sample_weight has shape \(1,\), but proba has 2 rows"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, message):
    arguments = {"y": [0, 1], "proba": [[0.5, 0.5], [0.4, 0.6]]} | change
    with pytest.raises(ValueError, match=message):
        find_outcome(**arguments)


# ---------------------------------------------------------------- properties


@settings(deadline=None, max_examples=60)
@given(parts)
def test_renaming_the_classes_renames_the_report(part):
    y, proba, rng, n_classes = draw_part(part)
    order = rng.permutation(n_classes)  # new class c is old class order[c]
    new_name = np.argsort(order)
    before = find_outcome(y, proba, proba.argmax(axis=1))
    after = find_outcome(new_name[y], proba[:, order], new_name[proba.argmax(axis=1)])
    assert after.outcome is before.outcome
    assert after.recall == tuple(before.recall[c] for c in order)
    assert set(after.missing_classes) == {int(new_name[c]) for c in before.missing_classes}
    assert after.spread == pytest.approx(before.spread)
    assert after.class_rows == tuple(before.class_rows[c] for c in order)
    assert after.chance == before.chance
    assert after.standard_error == pytest.approx(before.standard_error)
    assert after.balanced_accuracy == pytest.approx(before.balanced_accuracy)
    assert after.ranking == pytest.approx(before.ranking)


@settings(deadline=None, max_examples=60)
@given(parts)
def test_a_doubled_weight_gives_the_numbers_of_a_duplicated_row(part):
    y, proba, rng, _ = draw_part(part)
    times = rng.integers(1, 4, size=y.size)
    weighted = find_outcome(y, proba, sample_weight=times)
    repeated = find_outcome(np.repeat(y, times), np.repeat(proba, times, axis=0))
    assert weighted.spread == pytest.approx(repeated.spread)
    assert weighted.true_share == pytest.approx(repeated.true_share)
    assert weighted.recall == pytest.approx(repeated.recall)
    assert weighted.roc_auc == pytest.approx(repeated.roc_auc)


@settings(deadline=None, max_examples=60)
@given(parts, st.floats(1e-6, 1e6))
def test_the_scale_of_the_weights_does_not_matter(part, scale):
    y, proba, rng, _ = draw_part(part)
    weight = rng.random(y.size) + 0.1
    one, other = find_outcome(y, proba, sample_weight=weight), find_outcome(y, proba, sample_weight=scale * weight)
    assert other.outcome is one.outcome
    assert other.spread == pytest.approx(one.spread)


@settings(deadline=None, max_examples=60)
@given(parts)
def test_uniform_prior_probabilities_sum_to_one_and_a_uniform_prior_changes_nothing(part):
    _, proba, rng, n_classes = draw_part(part)
    np.testing.assert_allclose(uniform_prior_proba(proba, rng.dirichlet(np.ones(n_classes))).sum(axis=1), 1.0)
    np.testing.assert_allclose(uniform_prior_proba(proba, np.full(n_classes, 1 / n_classes)), proba, atol=1e-12)


@pytest.mark.parametrize(("n_classes", "missed"), [(30, True), (10, True), (3, True)])
def test_a_class_of_even_share_counts_however_many_classes_there_are(n_classes, missed):
    y = np.repeat(np.arange(n_classes), 20)
    answers = np.where(y == n_classes - 1, 0, y)
    report = find_outcome(y, np.eye(n_classes)[answers], answers)
    assert (report.missing_classes == (n_classes - 1,)) == missed


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_a_constant_answer_has_the_balanced_accuracy_of_chance(n_classes):
    report = constant((30,) * n_classes)
    assert report.balanced_accuracy == pytest.approx(1 / n_classes)
    assert report.chance == pytest.approx(1 / n_classes)
    assert report.class_rows == (30,) * n_classes


def test_classes_without_rows_do_not_count_for_chance():
    y = np.repeat([0, 2], 20)
    report = find_outcome(y, one_hot(y, 4))
    assert report.chance == 0.5
    assert report.balanced_accuracy == 1.0
    assert report.class_rows == (20, 0, 20, 0)


def test_a_part_without_rows_has_no_balanced_accuracy():
    report = find_outcome(np.empty(0, dtype=int), np.empty((0, 3)))
    assert np.isnan(report.balanced_accuracy)
    assert report.chance == 1.0
    assert report.standard_error == 0.0


def test_the_standard_error_is_that_of_random_answers():
    rng, rows = np.random.default_rng(0), np.array([40, 10])
    y = np.repeat([0, 1], rows)
    drawn = []
    for _ in range(2000):
        answers = rng.integers(2, size=50)
        drawn.append(np.mean([np.mean(answers[y == c] == c) for c in (0, 1)]))
    assert constant((40, 10)).standard_error == pytest.approx(np.std(drawn), rel=0.1)


def test_the_ranking_is_that_of_the_balanced_decision_whatever_was_decided():
    y = np.repeat([0, 1], [90, 10])
    proba = two_columns(np.where(y == 1, 0.3, 0.02))
    report = find_outcome(y, proba, np.zeros(100, dtype=int))
    assert (report.balanced_accuracy, report.ranking) == (0.5, 1.0)
    assert find_outcome(np.zeros(9, dtype=int), np.full((9, 2), 0.5)).ranking is None


@settings(deadline=None, max_examples=60)
@given(parts)
def test_the_balanced_accuracy_is_the_mean_recall_and_chance_counts_the_classes(part):
    y, proba, _, n_classes = draw_part(part)
    report = find_outcome(y, proba)
    present = np.unique(y)
    assert report.balanced_accuracy == pytest.approx(np.mean([report.recall[c] for c in present]))
    assert report.chance == pytest.approx(1 / len(present))
    assert sum(report.class_rows) == report.n_rows == y.size
    assert report.ranking == (None if len(present) < 2 else pytest.approx(report.balanced_accuracy))
    assert 0 <= report.standard_error <= 0.5
