"""Do the bins lie where the classes part, and do they say what their formula says?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from balanced_nn import BalancedNNClassifier, TabularPreprocessor
from balanced_nn._preprocessing.piecewise_linear import NO_BINS, Bins, fit_bins

X = np.linspace(-2, 2, 400, dtype=np.float32)[:, None]
INSIDE = (np.abs(X[:, 0]) < 0.5).astype(int)


def edges_of(bins: Bins, column: int = 0) -> np.ndarray:
    mine = bins.source == column
    return np.append(bins.start[mine], bins.start[mine][-1] + 1 / bins.slope[mine][-1])


def fit(x: np.ndarray, y: np.ndarray, most: int = 16) -> Bins:
    return fit_bins(np.asarray(x, np.float32), y, np.ones(len(y)), most)


def test_the_cuts_are_where_the_classes_part():
    np.testing.assert_allclose(edges_of(fit(X, INSIDE)), [-2, -0.5, 0.5, 2], atol=0.01)


@given(st.integers(2, 20), st.integers(0, 2**31))
def test_bins_adjoin_cover_the_column_and_are_no_more_than_asked_for(most, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 1)).astype(np.float32)
    bins = fit(x, (np.sin(3 * x[:, 0]) + rng.normal(size=200) > 0).astype(int), most)
    assert len(bins) <= bins.n_possible == most
    if len(bins):
        edges = edges_of(bins)
        np.testing.assert_allclose(edges[[0, -1]], [x.min(), x.max()], rtol=1e-5)
        np.testing.assert_allclose(1 / bins.slope, np.diff(edges), rtol=1e-3)


def test_each_bin_rises_from_0_below_it_to_1_above_it():
    bins = fit(X, INSIDE)
    encoded = bins.encode(X)
    assert (np.diff(encoded, axis=0) >= 0).all()
    assert (encoded[0] == 0).all()
    np.testing.assert_allclose(encoded[-1], 1, atol=1e-6)
    np.testing.assert_allclose(bins.encode(np.float32([[-99], [99]])), encoded[[0, -1]], atol=1e-6)  # flat beyond


def test_a_rare_class_moves_the_cuts_as_much_as_a_frequent_one():
    """Counted by rows, the 4,000 of the frequent classes that part a little at 0.5 have more to say than ten."""
    rng = np.random.default_rng(0)
    x = np.append(rng.uniform(0, 1, 4000), rng.uniform(0.8, 0.801, 10))
    y = np.append(rng.random(4000) < np.where(x[:4000] < 0.5, 0.35, 0.65), np.full(10, 2)).astype(int)
    assert edges_of(fit(x[:, None], y, 2))[1] == pytest.approx(0.8, abs=0.01)
    by_rows = DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=2).fit(x[:, None], y)
    assert by_rows.tree_.threshold[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("column", "y"),
    [
        pytest.param(np.zeros(400), np.repeat([0, 1], 200), id="constant"),
        pytest.param(np.arange(400) % 2, np.repeat([0, 1], 200), id="two values need no bins"),
        pytest.param(np.arange(400) % 4, np.arange(400) // 4 % 2, id="no cut helps"),
    ],
)
def test_a_column_has_no_bins(column, y):
    assert len(fit(column[:, None], y)) == 0


@pytest.mark.parametrize("most", [0, 1])
def test_fewer_than_two_bins_are_none(most):
    assert fit(X, INSIDE, most) is NO_BINS


def test_possible_bins_do_not_depend_on_the_cuts():
    x = np.column_stack([X[:, 0], np.arange(400) % 5, np.arange(400) % 2, np.zeros(400)])
    assert fit(x, INSIDE).n_possible == fit(x, 1 - INSIDE).n_possible == 16 + 5
    assert fit(x, np.arange(400) % 2).n_possible == 16 + 5


def test_row_weights_move_the_cuts():
    """Within a class, rows that weigh more count more: the band of heavy ones is cut out, that of light ones is not."""
    bands = (np.abs(X[:, 0] - 1) < 0.3) | (np.abs(X[:, 0] + 1) < 0.3)
    y, heavy = bands.astype(int), np.where(X[:, 0] > 0, 100.0, 1.0)
    for weight, band in ((heavy, 1), (heavy[::-1], -1)):
        edges = edges_of(fit_bins(X, y, weight, 3))[1:-1]
        np.testing.assert_allclose(edges, [band - 0.3, band + 0.3], atol=0.02)


def test_columns_of_few_values_have_room_for_all_their_bins():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (600, 5))
    y = (rng.random(600) < np.where(x.sum(axis=1) % 2, 0.2, 0.6)).astype(int)
    bins = fit(x, y)
    assert len(bins) <= bins.n_possible == 15
    BalancedNNClassifier(max_iter=1, n_members=1, on_collapse="ignore", random_state=0).fit(x, y)


@given(st.integers(0, 2**31), st.integers(3, 40), st.integers(2, 20))
def test_there_is_always_room_for_the_bins_that_are_found(seed, n_values, most):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_values)[rng.integers(0, n_values, (300, 2))]
    bins = fit(x, rng.integers(0, 2, 300), most)
    assert len(bins) <= bins.n_possible
    assert np.isfinite(bins.encode(np.float32(x))).all()


@pytest.mark.parametrize("outlier", [1e3, 1e7, 1e20])
def test_an_outlier_does_not_hide_a_band(outlier):
    """After scaling, the bulk of the column lies closer together than scikit-learn's trees can tell."""
    x = np.append(np.linspace(-1, 1, 400), outlier) / outlier
    y = (np.abs(np.append(np.linspace(-1, 1, 400), 9)) < 0.5).astype(int)
    bins = fit(x[:, None], y)
    np.testing.assert_allclose(edges_of(bins)[1:3] * outlier, [-0.5, 0.5], atol=0.05)


def test_a_preprocessor_with_bins_needs_labels_and_names_its_columns():
    frame = pd.DataFrame({"size": X[:, 0], "colour": np.where(INSIDE, "red", "blue")})
    preprocessor = TabularPreprocessor(n_bins=4).fit(frame, INSIDE)
    names = preprocessor.get_feature_names_out().tolist()
    assert names == ["size", "size_bin1", "size_bin2", "size_bin3", "colour_red"]
    assert preprocessor.transform(frame).shape == (400, 5)
    with pytest.raises(ValueError, match="n_bins"):
        TabularPreprocessor(n_bins=4).fit(frame)


def test_a_small_network_finds_a_band_that_it_cannot_find_without_bins():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1500, 8))
    y = (np.abs(x[:, 0] - 0.3) < 0.06).astype(int)
    params = {"hidden_layer_sizes": (8,), "max_iter": 15, "n_members": 1, "random_state": 0, "on_collapse": "ignore"}
    accuracy = {
        n_bins: np.mean(BalancedNNClassifier(n_bins=n_bins, **params).fit(x, y).predict(x) == y)
        for n_bins in ("auto", None)
    }
    assert accuracy["auto"] > accuracy[None] + 0.05


def test_the_estimator_takes_as_many_bins_as_the_rows_allow_and_none_if_told_so():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    y = (x[:, 0] + rng.normal(size=600) > 1).astype(int)
    params = {"hidden_layer_sizes": (4,), "max_iter": 1, "n_members": 1, "random_state": 0, "on_collapse": "ignore"}

    def most(n_bins):
        bins = BalancedNNClassifier(n_bins=n_bins, **params).fit(x, y).preprocessing_.bins
        return max(np.bincount(bins.source), default=0) if len(bins) else 0

    assert most(None) == 0
    assert 2 < most("auto") <= 4
    assert 4 < most(8) <= 8
