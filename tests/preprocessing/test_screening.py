"""Do columns without evidence shrink where they are many, and only there?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from balanced_nn import BalancedNNClassifier
from balanced_nn._preprocessing.screening import (
    ROWS_OF_A_COLUMN,
    best_cuts,
    column_weights,
    find_false_rates,
    rank_bins,
)

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(120, 60)).astype(np.float32)
Y = np.repeat([0, 1], [90, 30])
ONES = np.ones(120)


def test_the_best_cut_gains_what_a_tree_of_one_cut_gains():
    columns = np.column_stack([NOISE[:, 0] + Y, NOISE[:, 1] - 2 * Y, NOISE[:, 2]]).round(1)  # few different numbers
    weight = (1.0 / np.bincount(Y))[Y]
    for column, gain in zip(columns.T, best_cuts(rank_bins(columns), Y, ONES), strict=True):
        tree = DecisionTreeClassifier(criterion="entropy", max_depth=1).fit(column[:, None], Y, weight).tree_
        shares = tree.weighted_n_node_samples[1:] / tree.weighted_n_node_samples[0]
        best = np.log(2.0) * (tree.impurity[0] - shares @ tree.impurity[1:])
        assert 0.9 * best <= gain <= best + 1e-9  # not each number is tried


def test_where_columns_are_few_none_shrinks():
    n_columns = int(4 / (1 / 90 + 1 / 30) / ROWS_OF_A_COLUMN)
    assert_array_equal(column_weights(NOISE[:, :n_columns], Y, ONES), np.ones(n_columns))


@pytest.mark.parametrize("n_columns", [0, 1])
def test_of_a_single_column_or_none_there_is_nothing_to_screen(n_columns):
    assert_array_equal(column_weights(NOISE[:8, :n_columns], Y[86:94], ONES[:8]), np.ones(n_columns))


def test_a_small_table_of_categories_alone_is_fitted():
    X = np.array([[first, second] for first in "abcd" for second in "efgh"])
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=2, learning_rate_init=0.01, on_collapse="ignore")
    assert clf.fit(X, np.arange(16) % 2).predict(X).shape == (16,)


def test_noise_shrinks_and_a_column_that_decides_does_not():
    columns = NOISE.copy()
    columns[:, 7] += 3.0 * Y
    weights = column_weights(columns, Y, ONES)
    assert weights[7] == 1.0
    others = np.delete(weights, 7)
    assert np.median(others) < 0.6
    assert others.min() > 0.0


@settings(max_examples=40)
@given(st.integers(2, 80), st.integers(20, 40), st.integers(2, 4), st.integers(0, 2**31))
def test_weights_are_positive_at_most_1_and_do_not_depend_on_increasing_functions(n_rows, n_columns, n_classes, seed):
    rng = np.random.default_rng(seed)
    columns = rng.integers(-5, 6, (n_rows, n_columns)).astype(np.float32)
    y = rng.integers(0, n_classes, n_rows)
    weights = column_weights(columns, y, rng.uniform(0.5, 2.0, n_rows))
    assert weights.shape == (n_columns,)
    assert ((weights > 0) & (weights <= 1)).all()
    assert_allclose(column_weights(columns**3, y, np.ones(n_rows)), column_weights(columns, y, np.ones(n_rows)))


def test_hundreds_of_columns_that_say_a_little_each_keep_their_size():
    columns = RNG.normal(size=(400, 100)).astype(np.float32)
    y = (RNG.random(400) < 0.25).astype(int)
    columns += 0.4 * y[:, None]
    assert np.mean(column_weights(columns, y, np.ones(400)) > 0.9) > 0.5
    assert np.mean(column_weights(columns, RNG.permutation(y), np.ones(400)) > 0.9) < 0.1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.integers(1, 4), st.integers(0, 2**31))
def test_false_rates_are_shares_that_fall_as_gains_rise(gains, n_draws, seed):
    by_chance = np.random.default_rng(seed).exponential(size=(n_draws, len(gains)))
    false_rates = find_false_rates(np.array(gains), by_chance)
    assert ((false_rates >= 0) & (false_rates <= 1)).all()
    assert (np.diff(false_rates[np.argsort(gains)]) <= 0).all()


def test_a_rare_class_counts_as_much_as_the_others():
    y = np.repeat([0, 1], [1990, 10])
    column = RNG.normal(size=2000).astype(np.float32) + 3 * y
    assert best_cuts(rank_bins(column[:, None]), y, np.ones(2000))[0] > 0.3  # of at most log(2)


def test_a_network_finds_the_one_column_that_decides():
    X = RNG.normal(size=(1150, 150))
    y = (X[:, 0] > 1.0).astype(int)

    def area(screen: bool) -> float:
        settings = {"max_iter": 10, "n_members": 1, "learning_rate_init": 0.01, "random_state": 0}
        clf = BalancedNNClassifier((16,), screen_columns=screen, on_collapse="ignore", **settings)
        clf.fit(X[:150], y[:150])
        return roc_auc_score(y[150:], clf.predict_proba(X[150:])[:, 1])

    assert area(True) > area(False) + 0.1
