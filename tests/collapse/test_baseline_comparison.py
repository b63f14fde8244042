"""What quick models change in the judgement: each rule, its borders, and the properties that hold for any data."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanced_nn._collapse.baseline import (
    CLEARLY_ABOVE_CHANCE,
    SIGNAL_FROM,
    SIGNAL_TO,
    WORSE_BY,
    Reference,
    compare_with_reference,
    is_restored,
    is_settled_elsewhere,
    may_need_reference,
    needs_reference,
)
from balanced_nn._collapse.outcome import Outcome, find_outcome
from tests.helpers.outcomes import constant, draw_part, one_hot, parts, two_columns


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


@pytest.mark.parametrize("best", [0.0, 0.5, 1.0])
def test_no_reference_tells_anything_of_a_single_class(best):
    report = find_outcome(np.ones(40, dtype=int), two_columns(np.linspace(0.1, 0.9, 40)))
    assert compare_with_reference(report, Reference(best, best)) == report


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


def shifted_scores(shift, scale=1.0, n=300):
    """Scores of two classes that lie apart, cut where `shift` puts the border."""
    y = np.repeat([0, 1], n)
    score = np.random.default_rng(0).normal(size=2 * n) + 2.5 * y - 1.25
    return find_outcome(y, two_columns(1 / (1 + np.exp(-scale * score - shift))))


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (shifted_scores(-6.0), Outcome.THRESHOLD),
        (shifted_scores(3.6), Outcome.THRESHOLD),  # a few rows are answered otherwise
        (shifted_scores(0.0, scale=1e-4), Outcome.CONSTANT),
        (shifted_scores(0.0, scale=-1.0), Outcome.UNKNOWN),
    ],
    ids=["one answer", "nearly one answer", "no spread", "the wrong way round"],
)
def test_no_outcome_denies_a_ranking_that_the_report_shows(report, outcome):
    assert abs(report.roc_auc - 0.5) > 0.4
    report = replace(report, ranking=min(report.ranking, 0.5))
    if outcome in {Outcome.CONSTANT, Outcome.THRESHOLD}:
        report = replace(report, recall=(1.0, 0.02))
    assert compare_with_reference(report, Reference(0.5, 0.5)).outcome is outcome


@pytest.mark.parametrize(("n", "outcome"), [(4, Outcome.NO_SIGNAL), (400, Outcome.THRESHOLD)])
def test_a_ranking_of_few_rows_is_no_proof(n, outcome):
    report = replace(one_answer(0.0), roc_auc=0.7, class_rows=(n, n))
    assert compare_with_reference(report, Reference(0.5, 0.5)).outcome is outcome


@pytest.mark.parametrize(
    ("accuracy", "roc_auc", "outcome"),
    [(0.57, 0.96, Outcome.THRESHOLD), (0.57, 0.70, Outcome.HEALTHY), (0.7, 0.99, Outcome.HEALTHY)],
)
def test_answers_near_chance_from_scores_that_rank_well_are_a_matter_of_the_decision(accuracy, roc_auc, outcome):
    report = replace(half_right(accuracy=accuracy), roc_auc=roc_auc)
    assert compare_with_reference(report, Reference(accuracy, accuracy)).outcome is outcome


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
    y = np.repeat([0, 1], [68, 8])  # a network that holds out eight rare rows
    report = find_outcome(y, one_hot(np.where(np.r_[np.arange(68) < 48, np.arange(8) < 4], y, 1 - y), 2))
    assert report.balanced_accuracy == pytest.approx(0.603, abs=0.001)
    assert compare_with_reference(report, Reference(0.72, 0.43)).outcome is Outcome.HEALTHY
    assert compare_with_reference(report, Reference(0.80, 0.43)).outcome is Outcome.WORSE_THAN_REFERENCE
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
@given(st.floats(0.7, 1), st.integers(2, 60), references)
def test_answers_that_need_no_reference_are_healthy_beside_any(accuracy, n, reference):
    report = half_right(n, accuracy)
    if not may_need_reference(report):
        assert compare_with_reference(report, reference).outcome is Outcome.HEALTHY


def test_only_answers_near_perfect_ones_need_no_reference():
    assert not may_need_reference(half_right(accuracy=0.95))
    assert may_need_reference(half_right(accuracy=0.85))
    assert may_need_reference(constant())


@settings(deadline=None, max_examples=100)
@given(parts, references)
def test_no_failure_is_told_by_models_that_were_judged_on_other_rows(part, reference):
    report = draw_report(part)
    judged = compare_with_reference(report, reference)
    assert not (is_settled_elsewhere(report, reference) and (judged.collapsed or judged.outcome is Outcome.THRESHOLD))
    assert is_settled_elsewhere(report, reference) or judged.outcome is not Outcome.NO_SIGNAL


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
    assert needs_reference(after) == needs_reference(before)
    assert compare_with_reference(after, reference).outcome is compare_with_reference(before, reference).outcome


def test_a_part_without_rows_needs_no_reference_and_is_not_restored():
    report = find_outcome(np.empty(0, dtype=int), np.empty((0, 3)))
    assert not needs_reference(report)
    assert not is_restored(report, None)
