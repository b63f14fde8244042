"""What counts as collapse: each rule, its borders, and the properties that hold for any data."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from balanced_nn._outcome import (
    CLEARLY_ABOVE_CHANCE,
    CONSTANT_SPREAD,
    MISSING_MIN_ROWS,
    MISSING_MIN_SHARE,
    SIGNAL_FROM,
    SIGNAL_TO,
    WORSE_BY,
    Outcome,
    Reference,
    compare_with_reference,
    find_outcome,
    is_restored,
    needs_reference,
    uniform_prior_proba,
)


def two_columns(p):
    p = np.asarray(p, dtype=float)
    return np.column_stack([1 - p, p])


def one_hot(y, n_classes, confidence=0.9):
    rest = (1 - confidence) / (n_classes - 1)
    proba = np.full((len(y), n_classes), rest)
    proba[np.arange(len(y)), y] = confidence
    return proba


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
def test_a_part_with_one_class_is_never_collapsed(label):
    y = np.full(40, label)
    for p in (np.full(40, 0.3), np.full(40, np.nan)):
        report = find_outcome(y, two_columns(p), np.zeros(40, dtype=int))
        assert report.outcome is Outcome.HEALTHY
        assert report.roc_auc is None
        assert report.missing_classes == ()


def test_a_part_without_rows_is_healthy():
    report = find_outcome(np.empty(0, dtype=int), np.empty((0, 3)))
    assert report.outcome is Outcome.HEALTHY
    assert report.n_rows == 0
    assert report.true_share == (0.0, 0.0, 0.0)
    assert report.recall == (None, None, None)


def test_a_single_column_of_probabilities_is_healthy():
    assert find_outcome([0, 0, 0], np.ones((3, 1))).outcome is Outcome.HEALTHY


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
        ({"proba": [0.2, 0.8]}, r"proba has 1 dimension\(s\), not 2"),
        ({"y": [0, 1, 0]}, r"y has shape \(3,\), but proba has 2 rows"),
        ({"y": [0, 2]}, "y holds values from 0 to 2, but proba has 2 columns"),
        ({"predicted": [0, -1]}, "predicted holds values from -1 to 0"),
        ({"sample_weight": [1.0]}, r"sample_weight has shape \(1,\), but proba has 2 rows"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, message):
    arguments = {"y": [0, 1], "proba": [[0.5, 0.5], [0.4, 0.6]]} | change
    with pytest.raises(ValueError, match=message):
        find_outcome(**arguments)


# ---------------------------------------------------------------- properties

parts = st.tuples(st.integers(2, 4), st.integers(2, 40), st.integers(0, 2**32 - 1), st.sampled_from([0.02, 1.0, 20.0]))


def draw_part(part):
    n_classes, n, seed, concentration = part
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    return y, rng.dirichlet(np.full(n_classes, concentration), n), rng, n_classes


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


# ---------------------------------------------------------------- beside a reference


def constant(n_of=(200, 200)):
    y = np.repeat(np.arange(len(n_of)), n_of)
    return find_outcome(y, np.tile(np.eye(len(n_of))[0] * 0.1 + 0.9 / len(n_of), (y.size, 1)))


def half_right(n=200, accuracy=0.6):
    """Two classes, answers that differ, and this balanced accuracy."""
    y = np.repeat([0, 1], n)
    right = np.tile(np.arange(n) < accuracy * n, 2)
    return find_outcome(y, one_hot(np.where(right, y, 1 - y), 2))


def one_answer(separation):
    """One class is answered for all rows; the scores of the others lie this much higher."""
    y = np.repeat([0, 1], 200)
    p = 0.2 + 0.1 * np.random.default_rng(0).random(400) + separation * y
    return find_outcome(y, two_columns(p), np.zeros(400, dtype=int))


def test_a_reference_is_the_better_of_two_models():
    assert (Reference(0.8, 0.7).best, Reference(0.8, 0.7).name) == (0.8, "logistic regression")
    assert (Reference(0.7, 0.8).best, Reference(0.7, 0.8).name) == (0.8, "small boosted trees")


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


def test_a_part_without_rows_has_no_balanced_accuracy_and_needs_no_reference():
    report = find_outcome(np.empty(0, dtype=int), np.empty((0, 3)))
    assert np.isnan(report.balanced_accuracy)
    assert report.chance == 1.0
    assert report.standard_error == 0.0
    assert not needs_reference(report)
    assert not is_restored(report, None)


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


@pytest.mark.parametrize(
    ("report", "needed"),
    [
        (constant(), True),
        (half_right(accuracy=0.5 + CLEARLY_ABOVE_CHANCE - 0.01), True),
        (half_right(accuracy=0.5 + CLEARLY_ABOVE_CHANCE + 0.01), False),
        (half_right(accuracy=0.1), True),
        (find_outcome(np.zeros(9, dtype=int), np.full((9, 2), 0.5)), False),  # one class: nothing can be told
    ],
)
def test_a_reference_is_needed_near_chance_only(report, needed):
    assert needs_reference(report) is needed


@pytest.mark.parametrize("report", [constant(), half_right(accuracy=0.52), one_answer(0.0)])
def test_near_chance_where_the_reference_is_too_there_is_no_signal(report):
    judged = compare_with_reference(report, Reference(0.5, 0.5))
    assert judged.outcome is Outcome.NO_SIGNAL
    assert not judged.collapsed


@pytest.mark.parametrize(
    ("report", "best", "outcome"),
    [
        (constant(), 0.9, Outcome.CONSTANT),
        (half_right(accuracy=0.6), 0.6 + WORSE_BY - 0.01, Outcome.HEALTHY),
        (half_right(accuracy=0.6), 0.6 + WORSE_BY + 0.01, Outcome.WORSE_THAN_REFERENCE),
        (one_answer(0.0), 0.9, Outcome.ONE_CLASS),
        (one_answer(0.3), 0.9, Outcome.THRESHOLD),
    ],
)
def test_beside_a_reference_that_finds_something_a_network_is_judged_by_what_it_finds(report, best, outcome):
    judged = compare_with_reference(report, Reference(0.5, best))
    assert judged.outcome is outcome
    assert judged.collapsed == (outcome in {Outcome.CONSTANT, Outcome.ONE_CLASS, Outcome.WORSE_THAN_REFERENCE})


def test_one_answer_with_scores_as_good_as_the_reference_is_a_matter_of_the_threshold():
    report = replace(one_answer(0.0), ranking=0.64)
    assert report.outcome is Outcome.ONE_CLASS
    assert compare_with_reference(report, Reference(0.7, 0.6)).outcome is Outcome.THRESHOLD
    assert compare_with_reference(report, Reference(0.9, 0.6)).outcome is Outcome.ONE_CLASS


@pytest.mark.parametrize("ranking", [0.5 + SIGNAL_TO + 0.02, 0.8])
def test_there_is_a_signal_where_the_scores_of_the_model_rank_well(ranking):
    """The references found nothing, and the answers are at chance: but not the scores."""
    report = replace(one_answer(0.0), ranking=ranking)
    judged = compare_with_reference(report, Reference(0.5, 0.5))
    assert judged.outcome is Outcome.THRESHOLD
    assert not judged.collapsed


@pytest.mark.parametrize("ranking", [0.5, 0.5 + SIGNAL_TO - 0.01, None])
def test_there_is_no_signal_where_neither_scores_nor_answers_nor_references_show_one(ranking):
    report = replace(one_answer(0.0), ranking=ranking)
    assert compare_with_reference(report, Reference(0.5, 0.5)).outcome is Outcome.NO_SIGNAL


def test_on_few_rows_scores_that_rank_a_little_better_than_chance_are_no_signal():
    few = replace(constant((8, 8)), ranking=0.5 + SIGNAL_TO + 0.05)
    assert 1.96 * few.standard_error > SIGNAL_TO + 0.05
    assert compare_with_reference(few, Reference(0.5, 0.5)).outcome is Outcome.NO_SIGNAL


@pytest.mark.parametrize(
    ("accuracy", "ranking", "best", "outcome"),
    [
        (0.55, 0.64, 0.60, Outcome.THRESHOLD),  # near chance, does not lag, and the scores are worth more
        (0.55, 0.58, 0.60, Outcome.HEALTHY),  # the scores are near chance as well
        (0.62, 0.66, 0.60, Outcome.HEALTHY),  # the balanced decision gains too little
        (0.66, 0.90, 0.60, Outcome.HEALTHY),  # not near chance
    ],
)
def test_answers_that_waste_good_scores_are_a_matter_of_the_threshold(accuracy, ranking, best, outcome):
    report = replace(half_right(accuracy=accuracy), ranking=ranking)
    assert report.outcome is Outcome.HEALTHY
    assert report.balanced_accuracy >= best - WORSE_BY  # does not lag behind
    assert compare_with_reference(report, Reference(best, 0.5)).outcome is outcome


def test_a_missing_class_stays_missing_where_there_is_a_signal():
    y = np.repeat([0, 1, 2], 60)
    answers = np.where(y == 2, 1, y)
    report = find_outcome(y, one_hot(answers, 3), answers)
    assert compare_with_reference(report, Reference(0.9, 0.9)).outcome is Outcome.MISSING


def test_on_few_rows_more_is_asked_of_a_reference():
    """Four rows of each class: 0.57 is no proof of a signal, nor 0.14 below the reference one of a failure."""
    few, many = constant((4, 4)), constant((400, 400))
    assert compare_with_reference(few, Reference(0.57, 0.57)).outcome is Outcome.NO_SIGNAL
    assert compare_with_reference(many, Reference(0.57, 0.57)).outcome is Outcome.CONSTANT
    y = np.repeat([0, 1], 5)
    report = find_outcome(y, one_hot([0, 0, 0, 1, 1, 1, 1, 1, 0, 0], 2))
    assert compare_with_reference(report, Reference(0.74, 0.74)).outcome is Outcome.HEALTHY
    assert (
        compare_with_reference(half_right(accuracy=0.6), Reference(0.74, 0.74)).outcome is Outcome.WORSE_THAN_REFERENCE
    )


def test_a_reference_that_is_far_above_chance_is_a_signal_however_few_the_rows():
    assert compare_with_reference(constant((1, 1)), Reference(0.5, 0.5 + SIGNAL_TO)).outcome is Outcome.CONSTANT


def test_a_constant_answer_is_never_restored_and_a_good_one_is():
    assert not is_restored(constant(), None)
    assert is_restored(half_right(accuracy=0.9), None)
    assert is_restored(half_right(accuracy=0.9), Reference(0.9 + WORSE_BY - 0.01, 0.5))
    assert not is_restored(half_right(accuracy=0.9), Reference(0.9 + WORSE_BY + 0.001, 0.5))
    assert not is_restored(half_right(accuracy=0.5 + SIGNAL_FROM - 0.01), None)


def test_scores_that_rank_are_not_restored_while_all_rows_get_one_answer():
    assert one_answer(0.3).outcome is Outcome.THRESHOLD
    assert not is_restored(one_answer(0.3), None)


def draw_report(part):
    """Any report, for any decision and weights."""
    y, proba, rng, n_classes = draw_part(part)
    predicted = proba.argmax(axis=1) if rng.random() < 0.5 else np.full(y.size, rng.integers(n_classes))
    return find_outcome(y, proba, predicted, sample_weight=rng.random(y.size) + 0.1)


references = st.builds(Reference, st.floats(0, 1), st.floats(0, 1))


@settings(deadline=None, max_examples=100)
@given(parts, references, references)
def test_a_better_reference_never_turns_a_failure_into_none(part, one, other):
    report = draw_report(part)
    lower, higher = sorted((one, other), key=lambda reference: reference.best)
    assert compare_with_reference(report, lower).collapsed <= compare_with_reference(report, higher).collapsed
    assert is_restored(report, lower) >= is_restored(report, higher)
    no_signal = compare_with_reference(report, higher).outcome is Outcome.NO_SIGNAL
    assert not no_signal or compare_with_reference(report, lower).outcome is Outcome.NO_SIGNAL


@settings(deadline=None, max_examples=100)
@given(parts, references)
def test_a_comparison_changes_nothing_but_the_outcome_and_is_final(part, reference):
    report = draw_report(part)
    judged = compare_with_reference(report, reference)
    assert replace(judged, outcome=report.outcome) == report
    assert compare_with_reference(judged, reference) == judged
    assert compare_with_reference(report, Reference(reference.trees, reference.linear)) == judged


@settings(deadline=None, max_examples=60)
@given(parts, references)
def test_renaming_the_classes_does_not_change_the_comparison(part, reference):
    y, proba, rng, n_classes = draw_part(part)
    order = rng.permutation(n_classes)
    new_name = np.argsort(order)
    before = find_outcome(y, proba, proba.argmax(axis=1))
    after = find_outcome(new_name[y], proba[:, order], new_name[proba.argmax(axis=1)])
    assert after.class_rows == tuple(before.class_rows[c] for c in order)
    assert after.chance == before.chance
    assert after.standard_error == pytest.approx(before.standard_error)
    assert after.balanced_accuracy == pytest.approx(before.balanced_accuracy)
    assert after.ranking == pytest.approx(before.ranking)
    assert needs_reference(after) == needs_reference(before)
    assert compare_with_reference(after, reference).outcome is compare_with_reference(before, reference).outcome


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
