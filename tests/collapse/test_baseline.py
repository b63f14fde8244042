"""Are quick models a fair yardstick: fast, on one thread, for weights, gaps and rare classes?"""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_info, threadpool_limits

import balanced_nn._collapse.baseline as baseline_module
from balanced_nn._collapse import baseline
from balanced_nn._collapse.baseline import (
    MOST_CLASSES_FOR_TREES,
    REFERENCE_ROWS,
    TREES_IN_ALL,
    Reference,
    compare_with_reference,
    find_reference,
    is_truth_table,
    quick_reference,
)
from balanced_nn._collapse.outcome import Outcome, find_outcome
from balanced_nn._data.dataset import Dataset


def dataset(X, y, weight=None) -> Dataset:
    y = np.asarray(y)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
    return Dataset(np.asarray(X, dtype=np.float32), np.arange(len(y)), y, weight)


def drawn(n=300, share=0.3, seed=0, **options):
    X, y = make_classification(n, 6, weights=[1 - share], class_sep=1.5, random_state=seed, **options)
    return X, y


def exclusive_or(n=400, seed=0):
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def halves(X, y, weight=None):
    both = dataset(X, y, weight)
    middle = len(y) // 2
    return tuple(
        Dataset(both.X, both.rows[part], both.y[part], both.weight[part])
        for part in (slice(middle), slice(middle, None))
    )


# ---------------------------------------------------------------- what the models reach


def test_both_models_find_classes_that_lie_apart():
    result = quick_reference(*halves(*drawn()), 2)
    assert min(result.linear, result.trees) > 0.85


def test_trees_find_what_no_line_separates():
    result = quick_reference(*halves(*exclusive_or()), 2)
    assert result.trees > 0.9
    assert result.linear < 0.65
    assert replace(result, flexible=float("nan")).best == result.trees
    assert replace(result, flexible=float("nan")).name == "small boosted trees"


def test_a_rare_class_is_found_because_the_classes_are_balanced():
    X, y = drawn(2000, share=0.03, flip_y=0)
    assert quick_reference(*halves(X, y), 2).linear > 0.8


@pytest.mark.parametrize("n_classes", [3, 5])
def test_several_classes_are_judged_by_the_mean_of_their_recalls(n_classes):
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=400)
    result = quick_reference(*halves(np.eye(n_classes)[y] + 0.1 * rng.normal(size=(400, n_classes)), y), n_classes)
    assert result == Reference(1.0, 1.0, 1.0)


def test_features_without_a_signal_stay_at_chance():
    y = np.arange(200) % 2
    assert quick_reference(*halves(np.zeros((200, 3)), y), 2) == Reference(0.5, 0.5, 0.5)


@pytest.mark.parametrize("repeats", [1, 10])
def test_a_table_of_all_combinations_leaves_nothing_to_chance(repeats):
    X = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (repeats, 1)).astype(float)
    y = np.logical_xor(*X.T).astype(int)
    result = find_reference(Dataset.of(X, y), None, 2)
    assert result.is_truth_table
    assert (result.best, result.name) == (1.0, "the table of all combinations")
    answers = np.where(np.arange(len(y)) % 4 == 3, 1, y)
    three_of_four = find_outcome(y, np.eye(2)[answers], answers)
    assert compare_with_reference(three_of_four, result).outcome is Outcome.WORSE_THAN_REFERENCE


def test_equal_rows_with_two_labels_are_no_truth_table():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1]], dtype=float)
    assert not is_truth_table(X, np.array([0, 1, 1, 0, 1]))
    assert not is_truth_table(X[:3], np.array([0, 1, 1]))


def test_a_nearest_neighbour_sees_what_neither_a_line_nor_greedy_trees_do():
    rng = np.random.default_rng(0)
    corner = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 30, axis=0)
    X, y = corner + 0.05 * rng.normal(size=corner.shape), np.logical_xor(*corner.T).astype(int)
    order = rng.permutation(len(y))
    result = quick_reference(*halves(X[order], y[order]), 2)
    assert result.flexible > 0.95
    assert result.best > 0.95


# ---------------------------------------------------------------- what may be in the rows


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_missing_cells_are_no_obstacle(share):
    X, y = drawn()
    X[np.random.default_rng(0).random(X.shape) < share] = np.nan
    result = quick_reference(*halves(X, y), 2)
    assert result.best > 0.7 if share < 1 else result.best == 0.5


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_cells_are_no_obstacle(bad):
    X, y = drawn()
    X[::7, 0] = bad
    result = quick_reference(*halves(X, y), 2)
    assert min(result.linear, result.trees) > 0.7


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_scale_of_the_features_does_not_matter(scale):
    X, y = drawn()
    usual, other = quick_reference(*halves(X, y), 2), quick_reference(*halves(scale * X, y), 2)
    assert other.linear == pytest.approx(usual.linear, abs=0.02)
    assert other.trees == pytest.approx(usual.trees, abs=0.1)


def test_features_too_large_for_a_square_give_no_warning():
    X, y = drawn()
    train, judged = (Dataset(1e300 * X, part.rows, part.y, part.weight) for part in halves(X, y))
    assert quick_reference(train, judged, 2).linear > 0.85


def test_a_single_class_gives_no_reference_above_chance():
    train, judged = halves(*drawn())
    one = Dataset(train.X, train.rows[train.y == 0], train.y[train.y == 0], train.weight[train.y == 0])
    assert find_reference(one, judged, 2) is None


def test_a_class_that_only_the_judged_rows_hold_is_missed():
    X, y = drawn()
    train, _ = halves(X, y)
    judged = dataset(X[:60], np.where(np.arange(60) < 30, y[:60], 2))
    assert quick_reference(train, judged, 3).best < 2 / 3 + 0.01


@settings(max_examples=5)
@given(st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_does_not_matter(scale):
    X, y = drawn(120)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    one, other = quick_reference(*halves(X, y, weight), 2), quick_reference(*halves(X, y, scale * weight), 2)
    assert other.linear == pytest.approx(one.linear, abs=0.02)
    assert other.trees == pytest.approx(one.trees, abs=0.1)


def test_heavy_rows_are_listened_to():
    X, y = exclusive_or(400)
    flipped = np.arange(400) % 2 == 0
    y = np.where(flipped, 1 - y, y)  # half of the rows say the opposite
    train = dataset(X, y, np.where(flipped, 1e-3, 1.0))
    judged = dataset(*exclusive_or(200, seed=1))
    assert quick_reference(train, judged, 2).trees > 0.85


def test_the_judged_rows_are_weighted():
    train, judged = halves(*drawn(flip_y=0.1))
    light = quick_reference(train, judged, 2)
    wrong = baseline._trees(train.X[train.rows], train.y, train.weight, judged.X[judged.rows]) != judged.y
    heavy = Dataset(judged.X, judged.rows, judged.y, np.where(wrong, 100.0, 1.0))
    assert wrong.any()
    assert quick_reference(train, heavy, 2).trees < light.trees


def test_many_rows_are_thinned_out(monkeypatch):
    seen = []
    monkeypatch.setattr(baseline, "_trees", lambda X, y, weight, tested: seen.append(y) or np.zeros(len(tested)))
    X, y = drawn(4 * REFERENCE_ROWS)
    find_reference(dataset(X, y), dataset(X[:50], y[:50]), 2)
    assert np.bincount(seen[0]).max() <= REFERENCE_ROWS


def test_the_rows_are_not_written_to_and_results_are_reproducible():
    train, judged = halves(*drawn(160))
    for part in (train, judged):
        for array in (part.X, part.rows, part.y, part.weight):
            array.setflags(write=False)
    assert quick_reference(train, judged, 2) == quick_reference(train, judged, 2)


# ---------------------------------------------------------------- threads


@pytest.mark.parametrize("fails", [False, True])
def test_the_models_run_on_one_thread_and_the_limits_come_back(fails, monkeypatch):
    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    during = []

    def linear(X, y, weight, tested):
        during.extend(threads())
        if fails:
            raise RuntimeError("stopped")
        return np.zeros(len(tested), dtype=int)

    monkeypatch.setattr(baseline, "_linear", linear)
    train, judged = halves(*drawn(100))
    with threadpool_limits(2):
        before = threads()
        if fails:
            with pytest.raises(RuntimeError, match="stopped"):
                quick_reference(train, judged, 2)
        else:
            quick_reference(train, judged, 2)
        assert threads() == before
    assert set(during) == {1}
    assert max(before) > 1


def test_references_that_overlap_in_threads_leave_the_limits_as_they_were(monkeypatch):
    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    real, inside, at_once, results = baseline._linear, [], [], []
    first_is_inside, second_begins = threading.Event(), threading.Event()

    def linear(X, y, weight, tested):
        inside.append(1)
        first_is_inside.set()
        assert second_begins.wait(30)
        time.sleep(0.3)  # without a lock the second one would now come in, and go out later
        at_once.append(len(inside))
        inside.pop()
        return real(X, y, weight, tested)

    monkeypatch.setattr(baseline, "_linear", linear)
    train, judged = halves(*drawn(100))

    def refer(begins=None):
        if begins is not None:
            begins.set()
        results.append(find_reference(train, judged, 2))

    before = threads()
    first, second = threading.Thread(target=refer), threading.Thread(target=refer, args=(second_begins,))
    first.start()
    assert first_is_inside.wait(30)
    second.start()
    first.join(60)
    second.join(60)
    assert threads() == before
    assert at_once == [1, 1]
    assert results[0] == results[1]


# ---------------------------------------------------------------- cross-validation


def test_without_judged_rows_the_training_rows_are_cross_validated():
    result = find_reference(dataset(*drawn()), None, 2)
    assert 0.8 < result.linear < 1.0
    assert find_reference(dataset(*drawn()), None, 2) == result


def test_cross_validation_does_not_judge_rows_that_were_trained_on():
    rng = np.random.default_rng(0)
    noise = dataset(rng.normal(size=(200, 5)), np.arange(200) % 2)
    assert quick_reference(noise, noise, 2).trees > 0.9  # by heart
    assert find_reference(noise, None, 2).trees < 0.7


@pytest.mark.parametrize(
    "y", [np.zeros(30, dtype=int), np.r_[np.zeros(29, dtype=int), 1]], ids=["one_class", "one_row"]
)
def test_no_reference_where_a_class_cannot_be_held_out(y):
    assert find_reference(dataset(np.random.default_rng(0).normal(size=(30, 2)), y), None, 2) is None


def test_two_rows_of_a_class_are_enough_and_absent_classes_do_not_matter():
    y = np.r_[np.zeros(28, dtype=int), 2, 2]
    result = find_reference(dataset(np.where(y == 2, 5.0, 0.0)[:, None], y), None, 4)
    assert result.linear == 1.0


@pytest.mark.parametrize("n_classes", [2, MOST_CLASSES_FOR_TREES, MOST_CLASSES_FOR_TREES + 1, 200])
def test_the_work_of_quick_models_is_bounded_whatever_the_number_of_classes(n_classes, monkeypatch):
    work = {}
    real_linear, real_trees = baseline_module._linear, baseline_module.HistGradientBoostingClassifier

    def linear(X, y, weight, tested):
        work["linear"] = len(y) * n_classes
        return real_linear(X, y, weight, tested)

    def trees(**settings):
        work["trees"] = settings["max_iter"] * (n_classes if n_classes > 2 else 1)
        return real_trees(**settings)

    monkeypatch.setattr(baseline_module, "_linear", linear)
    monkeypatch.setattr(baseline_module, "HistGradientBoostingClassifier", trees)
    y = np.arange(30 * n_classes) % n_classes
    rows = Dataset.of(np.eye(n_classes)[y] + 0.01 * np.arange(len(y))[:, None] / len(y), y)
    found = quick_reference(rows, rows, n_classes)
    assert work["linear"] <= baseline_module.ROWS_TIMES_CLASSES
    assert work.get("trees", 0) <= TREES_IN_ALL
    assert ("trees" in work) == (n_classes <= MOST_CLASSES_FOR_TREES) == (found.trees == found.trees)
    assert found.best == max(found.linear, np.nan_to_num(found.trees))


def test_a_reference_without_trees_is_the_linear_one():
    alone = Reference(0.3, float("nan"))
    assert (alone.best, alone.name) == (0.3, "logistic regression")
