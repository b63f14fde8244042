"""Is the best decision found, and does it stay put where rows are few?"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score
from scipy.special import expit, log_softmax, logit
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer, matthews_corrcoef, precision_score

from balanced_nn._decision import threshold_tuning
from balanced_nn._decision.metrics import read_metric
from balanced_nn._decision.threshold_tuning import CANDIDATES, PLATEAU, _Search, _tables, tune_offsets

BINARY = ("no", "yes")
labelled_scores = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1), st.integers(1, 3)), min_size=2, max_size=14)


def two_columns(p):
    return np.log(np.column_stack([1 - p, p]))


def threshold(offsets):
    return expit(offsets[0] - offsets[1])


def calibrated_rows(n_rows, a, b, seed=0):
    """Probabilities, and labels that follow them."""
    rng = np.random.default_rng(seed)
    p = rng.beta(a, b, n_rows)
    return p, (rng.random(n_rows) < p).astype(int)


def tuned(metric, p, y, weight=None, **kwargs):
    weight = np.ones(len(y)) if weight is None else weight
    return tune_offsets(two_columns(p), y, weight, read_metric(metric, BINARY), np.zeros(2), **kwargs)


def by_labels(log_proba, y, metric):
    """Search for the best value by the labels alone."""
    n_classes = log_proba.shape[1]
    return _Search(log_proba, np.eye(n_classes)[y], metric, np.arange(n_classes))


def value(metric, log_proba, offsets, y, weight):
    n_classes = log_proba.shape[1]
    answers = (log_proba + offsets).argmax(axis=1)
    table = np.bincount(y * n_classes + answers, weights=weight, minlength=n_classes**2)
    return metric.of_tables(table.reshape(1, n_classes, n_classes))[0]


def mean_of_right_answers(y_true, y_pred):
    """Geometric mean of the shares of each class that are answered rightly; takes no weights."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    shares = [(y_pred[y_true == label] == label).mean() for label in np.unique(y_true)]
    return float(np.prod(shares) ** (1 / len(shares)))


def f1_without_care(y_true, y_pred):
    """F1 score by its definition: NaN where the second class is never answered, or never rightly."""
    true, answered = np.asarray(y_true) == "yes", np.asarray(y_pred) == "yes"
    with np.errstate(invalid="ignore"):
        precision, recall = (np.float64((true & answered).sum()) / side.sum() for side in (answered, true))
        return float(2 * precision * recall / (precision + recall))


def f1_of_weights(y_true, y_pred, sample_weight):
    """F1 score by its definition, of weighted rows."""
    true, answered = y_true == "yes", y_pred == "yes"
    return float(2 * sample_weight[true & answered].sum() / (sample_weight[true].sum() + sample_weight[answered].sum()))


# ---------------------------------------------------------------- all thresholds of two classes


@settings(max_examples=50)
@given(labelled_scores)
@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "matthews_corrcoef", "jaccard", "accuracy"])
def test_no_threshold_is_better_than_the_one_found(name, drawn):
    tenths, y, weight = (np.array(column) for column in zip(*drawn, strict=True))
    p, metric = tenths / 10, read_metric(name, BINARY)
    found = by_labels(two_columns(p), y, metric).from_starts(weight.astype(float), [np.zeros(2)])
    tried = [
        value(metric, two_columns(p), [0.0, np.log(1 - t) - np.log(t)], y, weight) for t in np.arange(0.05, 1, 0.1)
    ]
    reached = value(metric, two_columns(p), found, y, weight)
    assert reached >= max(tried) - PLATEAU * (max(tried) - min(tried)) - 1e-9
    assert found[0] == 0.0


@pytest.mark.parametrize(("function", "name"), [(f1_score, "f1"), (matthews_corrcoef, "matthews_corrcoef")])
def test_the_threshold_found_is_the_best_by_scikit_learn(function, name, monkeypatch):
    monkeypatch.setattr(threshold_tuning, "LABEL_SHARE", 1.0)
    p, y = calibrated_rows(150, 1, 3)
    search = by_labels(two_columns(p), y, read_metric(name, (0, 1)))
    t = threshold(search.from_starts(np.ones(150), [np.zeros(2)]))
    values = [function(y, p > candidate) for candidate in np.concatenate([[0.0], p])]
    assert function(y, p > t) >= max(values) - PLATEAU * (max(values) - min(values))


def test_the_middle_of_equally_good_thresholds_is_taken():
    # 0.1, 0.2 and 0.3 are "no", 0.8 and 0.9 "yes". Any threshold from 0.3 to 0.8 answers all rows rightly; the middle
    # of the log-odds -0.847 and 1.386 is 0.270, a probability of 0.567.
    p, y = np.array([0.1, 0.8, 0.2, 0.9, 0.3]), np.array([0, 1, 0, 1, 0])
    found = by_labels(two_columns(p), y, read_metric("f1", BINARY)).from_starts(np.ones(5), [np.zeros(2)])
    assert found[1] == pytest.approx(-(np.log(3 / 7) + np.log(4)) / 2)
    assert threshold(found) == pytest.approx(0.567, abs=5e-4)


def test_a_threshold_beyond_all_rows_stays_one_nat_outside():
    p, y = np.array([0.2, 0.4, 0.3]), np.array([1, 1, 1])
    found = by_labels(two_columns(p), y, read_metric("f1", BINARY)).from_starts(np.ones(3), [np.zeros(2)])
    assert (p > threshold(found)).all()
    assert threshold(found) == pytest.approx(expit(np.log(0.2 / 0.8) - 0.5))  # the middle of the score and 1 beyond it


def test_rows_that_say_the_same_are_answered_alike():
    # Of three rows at 0.4 the first in the order of the rows is "yes". Answered alone it would give the F1 score 1;
    # together with its equals it gives 2 / (1 + 3), and alone the row at 0.2 gives 0.
    p, y = np.array([0.4, 0.4, 0.4, 0.2]), np.array([1, 0, 0, 0])
    for order in ([0, 1, 2, 3], [1, 2, 0, 3], [3, 1, 0, 2]):
        search = by_labels(two_columns(p[order]), y[order], read_metric("f1", BINARY))
        found = threshold(search.from_starts(np.ones(4), [np.zeros(2)]))
        assert 0.2 < found < 0.4


@settings(max_examples=50)
@given(labelled_scores, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(drawn, random):
    shuffled = random.sample(drawn, len(drawn))
    found = []
    for rows in (drawn, shuffled):
        tenths, y, weight = (np.array(column) for column in zip(*rows, strict=True))
        search = by_labels(two_columns(tenths / 10), y, read_metric("matthews_corrcoef", BINARY))
        found.append(search.from_starts(weight.astype(float), [np.zeros(2)]))
    np.testing.assert_allclose(*found, atol=1e-9)


def test_a_noisy_maximum_gives_way_to_the_plateau_beside_it():
    """A value higher by less than a five-hundredth of the range is no reason to prefer a single row's threshold."""
    p = np.concatenate([np.linspace(0.01, 0.2, 2000), np.linspace(0.6, 0.9, 2000)])
    y = np.repeat([0, 1], 2000)
    y[2000], y[1999] = 0, 1  # the best threshold is as good before as behind these
    found = by_labels(two_columns(p), y, read_metric("accuracy", BINARY)).from_starts(np.ones(4000), [np.zeros(2)])
    assert 0.25 < threshold(found) < 0.55


@given(labelled_scores, st.sampled_from(["balanced_accuracy", "matthews_corrcoef", "f1_macro", "accuracy"]))
def test_naming_the_classes_in_the_other_order_finds_as_good_a_threshold(drawn, name):
    tenths, y, weight = (np.array(column) for column in zip(*drawn, strict=True))
    weight = weight.astype(float)
    log_proba, metric = two_columns(tenths / 10), read_metric(name, BINARY)
    found = by_labels(log_proba, y, metric).from_starts(weight, [np.zeros(2)])
    swapped = by_labels(log_proba[:, ::-1], 1 - y, metric).from_starts(weight, [np.zeros(2)])
    one, other = (value(metric, log_proba, offsets, y, weight) for offsets in (found, swapped[::-1]))
    assert one == pytest.approx(other, abs=2 * PLATEAU)


@pytest.mark.parametrize("name", ["balanced_accuracy", "matthews_corrcoef"])
def test_naming_the_classes_in_the_other_order_mirrors_the_tuned_threshold(name):
    p, y = calibrated_rows(8000, 1, 4)
    found, swapped = tuned(name, p, y), tuned(name, 1 - p, 1 - y)
    assert threshold(found.log_offsets) == pytest.approx(1 - threshold(swapped.log_offsets), abs=0.03)
    assert found.score == pytest.approx(swapped.score, abs=0.01)


# ---------------------------------------------------------------- class by class


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(3, 4), st.sampled_from(["f1_macro", "balanced_accuracy", "accuracy"]))
def test_the_search_over_classes_never_ends_below_where_it_started(seed, n_classes, name):
    rng = np.random.default_rng(seed)
    log_proba = log_softmax(2 * rng.normal(size=(40, n_classes)), axis=1)
    y, weight = rng.integers(0, n_classes, 40), rng.uniform(0.5, 2, 40)
    metric = read_metric(name, tuple("abcd"[:n_classes]))
    starts = [np.zeros(n_classes), rng.normal(size=n_classes)]
    found = by_labels(log_proba, y, metric).from_starts(weight, starts)
    reached = value(metric, log_proba, found, y, weight)
    assert reached >= max(value(metric, log_proba, start, y, weight) for start in starts) - PLATEAU
    assert found[0] == pytest.approx(0.0)


def test_the_search_over_classes_comes_near_the_best_of_a_fine_grid():
    rng = np.random.default_rng(0)
    y = rng.choice(3, 600, p=[0.8, 0.15, 0.05])
    log_proba = log_softmax(rng.normal(size=(600, 3)) + 1.2 * np.eye(3)[y] + np.log([0.8, 0.15, 0.05]), axis=1)
    metric, weight = read_metric("f1_macro", ("a", "b", "c")), np.ones(600)
    found = by_labels(log_proba, y, metric).from_starts(weight, [-np.log([0.8, 0.15, 0.05]), np.zeros(3)])
    grid = np.linspace(-1, 5, 40)
    best = max(value(metric, log_proba, np.array([0.0, b, c]), y, weight) for b in grid for c in grid)
    assert value(metric, log_proba, found, y, weight) > best - 0.02
    assert best > value(metric, log_proba, np.zeros(3), y, weight) + 0.05


def test_three_classes_are_tuned_to_better_answers_on_other_rows():
    rng = np.random.default_rng(1)
    prior = np.array([0.9, 0.07, 0.03])

    def draw(n_rows):
        y = rng.choice(3, n_rows, p=prior)
        evidence = 1.5 * np.eye(3)[y] + rng.normal(size=(n_rows, 3))
        return log_softmax(1.5 * evidence + np.log(prior), axis=1), y

    log_proba, y = draw(3000)
    metric = read_metric("f1_macro", (0, 1, 2))
    found = tune_offsets(log_proba, y, np.ones(3000), metric, -np.log(prior))
    assert found.log_offsets[0] == 0.0
    assert (found.log_offsets[1:] > 0).all()
    log_proba, y = draw(20_000)
    after, before, balanced = (
        f1_score(y, (log_proba + offsets).argmax(axis=1), average="macro")
        for offsets in (found.log_offsets, np.zeros(3), -np.log(prior))
    )
    assert after > max(before, balanced) + 0.02


def test_permuting_three_classes_permutes_what_is_tuned():
    rng = np.random.default_rng(2)
    y = rng.choice(3, 3000, p=[0.6, 0.3, 0.1])
    log_proba = log_softmax(1.5 * np.eye(3)[y] + rng.normal(size=(3000, 3)) + np.log([0.6, 0.3, 0.1]), axis=1)
    metric, order = read_metric("balanced_accuracy", (0, 1, 2)), np.array([2, 0, 1])
    plain = tune_offsets(log_proba, y, np.ones(3000), metric, np.zeros(3)).log_offsets
    permuted = tune_offsets(log_proba[:, order], np.argsort(order)[y], np.ones(3000), metric, np.zeros(3)).log_offsets
    np.testing.assert_allclose(permuted, plain[order] - plain[order[0]], atol=0.3)


# ---------------------------------------------------------------- what theory says


@pytest.mark.parametrize(("a", "b"), [(1, 9), (0.5, 4.5), (2, 6)])
def test_the_best_threshold_for_f1_is_half_of_the_best_f1(a, b):
    """Lipton et al. 2014, theorem 1, for calibrated probabilities."""
    p, y = calibrated_rows(20_000, a, b)
    found = tuned("f1", p, y)
    descending = np.sort(p)[::-1]
    best_f1 = (2 * np.cumsum(descending) / (np.arange(1, 20_001) + p.sum())).max()  # in expectation
    assert threshold(found.log_offsets) == pytest.approx(best_f1 / 2, abs=0.02)
    assert found.score == pytest.approx(best_f1, abs=0.03)


@pytest.mark.parametrize(("a", "b"), [(1, 9), (1, 3), (3, 1)])
def test_the_best_threshold_for_balanced_accuracy_is_the_base_rate(a, b):
    p, y = calibrated_rows(20_000, a, b)
    assert threshold(tuned("balanced_accuracy", p, y).log_offsets) == pytest.approx(a / (a + b), abs=0.03)


@pytest.mark.parametrize(("a", "b"), [(1, 3), (3, 1)])
def test_the_best_threshold_for_accuracy_is_one_half(a, b):
    p, y = calibrated_rows(20_000, a, b)
    assert threshold(tuned("accuracy", p, y).log_offsets) == pytest.approx(0.5, abs=0.05)


def test_a_weight_shifts_the_threshold_as_a_frequency_does():
    p, y = calibrated_rows(20_000, 2, 2)
    weight = np.where(y == 1, 1.0, 9.0)  # rows of "yes" were nine times too many
    natural = p / (p + 9 * (1 - p))
    found = tune_offsets(two_columns(natural), y, weight, read_metric("f1", BINARY), np.zeros(2))
    best_f1 = max(
        2 * (natural * w)[natural > t].sum() / (w[natural > t].sum() + (natural * w).sum())
        for w in [np.where(y == 1, 1.0, 9.0)]
        for t in np.linspace(0.02, 0.9, 89)
    )
    assert threshold(found.log_offsets) == pytest.approx(best_f1 / 2, abs=0.04)


# ---------------------------------------------------------------- rows that are few, rare or many


@pytest.mark.parametrize("metric", ["f1", "hamming_loss"])
def test_a_seed_decides_what_is_found(metric):
    p, y = calibrated_rows(60, 1, 4)
    one, same, other = (tuned(metric, p, y, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.log_offsets, same.log_offsets)
    np.testing.assert_array_equal(one.spread, same.spread)
    assert not np.array_equal(one.log_offsets, other.log_offsets)


def test_the_global_generator_of_random_numbers_is_left_alone():
    before = np.random.get_state()[1].copy()
    tuned("f1", *calibrated_rows(50, 1, 4))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("metric", ["f1", "matthews_corrcoef", "balanced_accuracy", "geometric_mean_score"])
def test_the_spread_lies_around_what_is_found(metric):
    found = tuned(metric, *calibrated_rows(200, 1, 6))
    assert found.spread.shape == (2, 2)
    assert (found.spread[0] <= found.log_offsets).all()
    assert (found.log_offsets <= found.spread[1]).all()
    assert found.spread[0, 1] < found.spread[1, 1]


def test_networks_that_disagree_widen_the_spread_and_leave_the_threshold():
    p, y = calibrated_rows(3_000, 1, 6)
    network = np.arange(len(y)) % 4
    shifted = expit(logit(p) + network - 1.5)
    together, alone = tuned("f1", shifted, y, network=network), tuned("f1", shifted, y)
    np.testing.assert_array_equal(together.log_offsets, alone.log_offsets)
    assert (together.n_networks, alone.n_networks) == (4, 1)
    assert np.ptp(together.spread[:, 1]) > 2 * np.ptp(alone.spread[:, 1])


@pytest.mark.slow
def test_about_four_in_five_fits_with_other_seeds_lie_within_the_spread():
    """Other rows, and four networks whose probabilities are off by another shift each."""
    shifts, found, covered = np.random.default_rng(0), [], []
    for seed in range(40):
        p, y = calibrated_rows(800, 1, 6, seed)
        network = np.arange(len(y)) % 4
        shifted = expit(logit(p) + 0.3 * shifts.normal(size=4)[network])
        found.append(tuned("f1", shifted, y, network=network))
    thresholds = np.array([fit.log_offsets[1] for fit in found])
    for i, fit in enumerate(found):
        others = np.delete(thresholds, i)
        covered.append(np.mean((others >= fit.spread[0, 1]) & (others <= fit.spread[1, 1])))
    assert 0.7 < np.mean(covered) < 0.92


def test_more_rows_narrow_the_spread():
    few, many = (np.ptp(tuned("f1", *calibrated_rows(n, 1, 6)).spread[:, 1]) for n in (150, 15_000))
    assert many < few


def test_one_row_in_a_thousand_of_very_many_is_tuned():
    rng = np.random.default_rng(0)
    y = (np.arange(100_000) % 1000 == 0).astype(int)
    log_odds = 3.0 * rng.normal(3.0 * y, 1.0) - 4.5 + np.log(0.001 / 0.999)  # exact for these rows
    found = tuned("f1", expit(log_odds), y)
    assert (found.n_rows, found.n_rarest) == (100_000, 100)
    assert found.spread[0, 1] <= found.log_offsets[1] <= found.spread[1, 1]
    t = threshold(found.log_offsets)
    best = max(f1_score(y, expit(log_odds) > candidate) for candidate in np.linspace(0.02, 0.9, 45))
    assert f1_score(y, expit(log_odds) > t) == pytest.approx(found.score)
    assert found.score > best - 0.04
    assert 0.05 < t < 0.5


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "geometric_mean_score"])
@pytest.mark.parametrize("y", [[0, 1], [0, 0, 0, 1], [1, 0, 1, 1, 1]])
def test_a_handful_of_rows_gives_a_threshold(name, y):
    y = np.array(y)
    found = tuned(name, np.linspace(0.2, 0.6, len(y)), y)
    assert np.isfinite(found.log_offsets).all()
    assert np.isfinite(found.score)
    assert found.n_rarest == 1


def test_probabilities_that_never_differ_give_a_threshold_beside_them():
    found = tuned("f1", np.full(50, 0.2), np.arange(50) % 5 // 4)
    assert threshold(found.log_offsets) < 0.2  # all are answered "yes", which has the better F1 score


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_scale_of_the_weights_changes_nothing(seed, scale):
    p, y = calibrated_rows(60, 1, 3, seed)
    assume(y.sum() > 0)
    weight = np.linspace(1, 2, 60)
    plain, scaled = tuned("f1", p, y, weight), tuned("f1", p, y, scale * weight)
    np.testing.assert_allclose(scaled.log_offsets, plain.log_offsets)
    assert scaled.score == pytest.approx(plain.score)


@pytest.mark.parametrize("start", [-5.0, 0.0, 2.0])
def test_two_classes_are_tuned_alike_from_any_start(start):
    p, y = calibrated_rows(400, 1, 4)
    metric, log_proba = read_metric("f1", BINARY), two_columns(p)
    found = tune_offsets(log_proba, y, np.ones(400), metric, np.array([0.0, start]))
    np.testing.assert_array_equal(found.log_offsets, tuned("f1", p, y).log_offsets)


# ---------------------------------------------------------------- scores and slow metrics


def test_the_score_is_that_of_the_labels_by_scikit_learn():
    p, y = calibrated_rows(500, 1, 4)
    found = tuned("f1", p, y)
    assert (found.metric, found.n_rows, found.n_rarest) == ("f1", 500, y.sum())
    assert found.score == pytest.approx(f1_score(y, p > threshold(found.log_offsets)))


@pytest.mark.parametrize(("metric", "sign"), [("hamming_loss", 1), ("neg_mean_absolute_error", -1)])
def test_a_loss_is_made_small_and_reported_as_the_metric_has_it(metric, sign):
    p, y = calibrated_rows(200, 1, 2)
    found = tune_offsets(two_columns(p), y, np.ones(200), read_metric(metric, (0, 1)), np.zeros(2))
    wrong = ((p > threshold(found.log_offsets)) != y).mean()
    assert found.score == pytest.approx(sign * wrong)
    assert wrong < 0.35


def test_a_metric_without_formula_finds_what_its_formula_finds():
    p, y = calibrated_rows(5000, 1, 6)
    fast = tuned("balanced_accuracy", p, y)
    slow_metric = make_scorer(balanced_accuracy_score, adjusted=True)  # a line through the other
    assert not read_metric(slow_metric, BINARY).is_fast
    slow = tuned(slow_metric, p, y)
    assert threshold(slow.log_offsets) == pytest.approx(threshold(fast.log_offsets), abs=0.03)
    assert slow.score == pytest.approx(2 * fast.score - 1, abs=0.02)


@pytest.mark.parametrize("metric", ["geometric_mean_score", make_scorer(mean_of_right_answers)], ids=["named", "own"])
def test_the_geometric_mean_is_tuned_whether_it_takes_weights_or_not(metric):
    p, y = calibrated_rows(3000, 1, 6)
    found = tuned(metric, p, y)
    best = max(geometric_mean_score(y, p > t) for t in np.linspace(0.02, 0.6, 59))
    assert geometric_mean_score(y, p > threshold(found.log_offsets)) == pytest.approx(found.score, abs=1e-3)
    assert found.score > best - 0.02


def test_a_slow_metric_is_not_asked_of_every_row():
    calls = []

    def counting(y_true, y_pred):
        calls.append(len(y_true))
        return float(np.mean(y_true == y_pred))

    p, y = calibrated_rows(5000, 1, 3)
    metric = read_metric(make_scorer(counting), BINARY)
    calls.clear()
    tune_offsets(two_columns(p), y, np.ones(5000), metric, np.zeros(2))
    assert len(calls) <= 2 * CANDIDATES * (1 + threshold_tuning.FEWER_RESAMPLES) + 1


def test_slow_metrics_of_rare_classes_are_asked_of_thresholds_between_their_rows():
    rng = np.random.default_rng(0)
    y = (np.arange(20_000) >= 19_950).astype(int)
    p = expit(3.0 * rng.normal(3.0 * y, 1.0) - 4.5 + np.log(50 / 19_950))
    fast = tuned("f1", p, y)
    slow = tuned(make_scorer(f1_of_weights), p, y)
    assert not read_metric(make_scorer(f1_of_weights), BINARY).is_fast
    assert slow.score > fast.score - 0.05


def test_a_slow_metric_of_three_classes_is_tuned():
    rng = np.random.default_rng(0)
    y = rng.choice(3, 300, p=[0.8, 0.15, 0.05])
    log_proba = log_softmax(1.5 * np.eye(3)[y] + rng.normal(size=(300, 3)) + np.log([0.8, 0.15, 0.05]), axis=1)
    metric = read_metric(make_scorer(mean_of_right_answers), (0, 1, 2))
    assert not metric.is_fast
    found = tune_offsets(log_proba, y, np.ones(300), metric, -np.log([0.8, 0.15, 0.05]))
    assert found.score > geometric_mean_score(y, log_proba.argmax(axis=1)) + 0.05


def test_a_threshold_at_which_a_metric_is_undefined_is_not_taken():
    """NaN, where no row is answered "yes", is no value to compare with."""
    p, y = calibrated_rows(400, 1, 3)
    careless, careful = tuned(make_scorer(f1_without_care), p, y), tuned("f1", p, y)
    assert threshold(careless.log_offsets) == pytest.approx(threshold(careful.log_offsets), abs=0.05)
    assert careless.score == pytest.approx(careful.score, abs=0.03)


def test_what_is_ill_defined_at_some_thresholds_is_tuned_without_a_warning():
    """The threshold is only tried; what scikit-learn warns of there is not about the decision found."""
    precision = make_scorer(precision_score, labels=["yes"], average="macro")
    assert tuned(precision, *calibrated_rows(60, 1, 3)).score > 0.4


def test_a_class_of_few_rows_is_not_tuned_away():
    """Where a class has hardly a row here, answering it could only cost, which says nothing of new rows."""

    def offset(n_rare):
        rng = np.random.default_rng(0)
        y = np.concatenate([rng.integers(0, 2, 400), np.full(n_rare, 2)])
        log_proba = np.log(rng.dirichlet([1.0, 1.0, 0.2], len(y)))
        accuracy = read_metric("accuracy", (0, 1, 2))
        return tune_offsets(log_proba, y, np.ones(len(y)), accuracy, np.zeros(3)).log_offsets[2]

    assert min(offset(0), offset(4)) > -0.5
    assert offset(6) < -1.0  # from five rows on it is searched


# ---------------------------------------------------------------- many classes, and metrics that count rows


@settings(max_examples=40)
@given(st.integers(2, 5), st.integers(0, 10_000))
def test_margins_say_what_whole_tables_say(n_classes, seed):
    rng = np.random.default_rng(seed)
    log_proba, y = log_softmax(2 * rng.normal(size=(30, n_classes)), axis=1), rng.integers(n_classes, size=30)
    metric, label = read_metric("f1_macro", tuple(range(n_classes))), int(rng.integers(n_classes))
    search = by_labels(log_proba, y, metric)
    others = np.delete(np.arange(n_classes), label)
    other, cuts = rng.choice(others, 30), np.unique(rng.integers(0, 31, 8))
    counted = rng.random((30, 1)) * (0.5 * search.target + 0.5 * np.exp(log_proba))
    expected = []
    for cut in cuts:
        table = np.zeros((n_classes, n_classes))
        answers = np.where(np.arange(30) < cut, label, other)
        np.add.at(table.T, answers, counted)
        expected.append(table)
    np.testing.assert_allclose(_tables(counted, other, label, cuts), expected, atol=1e-12)
    np.testing.assert_allclose(
        search._values(counted, other, label, cuts), metric.of_tables(np.array(expected)), atol=1e-12
    )


def test_the_offsets_of_ninety_classes_are_tuned():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(90), 12)
    shift = rng.normal(scale=2.0, size=90)  # what must be undone
    log_proba = log_softmax(3.0 * np.eye(90)[y] + rng.normal(size=(len(y), 90)) + shift, axis=1)
    metric = read_metric("f1_macro", tuple(range(90)))
    found = tune_offsets(log_proba, y, np.ones(len(y)), metric, np.zeros(90))
    assert found.score > f1_score(y, log_proba.argmax(axis=1), average="macro") + 0.15
    assert np.count_nonzero(found.log_offsets) > 60


@pytest.mark.parametrize("share", [0.002, 5e-4])
def test_an_own_metric_without_weights_finds_the_threshold_of_a_rare_class(share):
    """Rows are written out for it: as many as the rarest class needs."""
    rng = np.random.default_rng(0)
    y = (np.arange(4000) >= 3900).astype(int)
    weight = np.where(y == 1, share / 0.025, (1 - share) / 0.975)
    p = expit(3.0 * rng.normal(3.0 * y, 1.0) - 4.5 + np.log(share / (1 - share)))
    named = tuned("f1", p, y, weight)
    own = tuned(make_scorer(f1_without_care), p, y, weight)
    assert threshold(own.log_offsets) == pytest.approx(threshold(named.log_offsets), rel=0.3)
    assert not own.is_coarse
    assert not named.is_coarse


def test_a_metric_that_cannot_be_shown_a_class_is_called_coarse():
    p, y = calibrated_rows(2000, 1, 9)
    weight = np.where(y == 1, 1e-5, 1.0)
    assert tuned(make_scorer(f1_without_care), p, y, weight).is_coarse
    assert not tuned(make_scorer(f1_of_weights), p, y, weight).is_coarse
