"""Are normal scores those of the ranks, whatever increasing function a column was put through?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, rankdata

from balanced_nn import TabularPreprocessor
from balanced_nn._preprocessing.normal_scores import HEAVY, KNOTS, NormalScores, fit_normal_scores, scores_of_column

RNG = np.random.default_rng(0)
MILD = RNG.normal(size=500)
INCREASING = {
    "exponential": lambda x: np.exp(2.5 * x),
    "power of nine": lambda x: x**9,
    "hyperbolic sine": lambda x: np.sinh(3.0 * x),
    "far away": lambda x: 1e9 + np.sinh(3.0 * x),
}


def scores_of(column: np.ndarray) -> tuple[NormalScores, np.ndarray]:
    scores = fit_normal_scores([column[:, None].copy()])
    return scores, scores.apply(column[:, None])


def test_the_scores_are_the_normal_quantiles_of_the_ranks():
    column = np.exp(3.0 * RNG.normal(size=200))  # fewer numbers than knots
    assert_allclose(scores_of(column)[1][:, 0], norm.ppf((rankdata(column) - 0.5) / 200), atol=1e-12)


@pytest.mark.parametrize("name", INCREASING)
def test_an_increasing_function_of_a_column_changes_no_score(name):
    expected = norm.ppf((rankdata(MILD) - 0.5) / len(MILD))
    assert_allclose(scores_of(INCREASING[name](MILD))[1][:, 0], expected, atol=0.02)  # few knots, straight between them


@given(st.integers(3, 400), st.integers(0, 2**31))
def test_scores_ascend_with_the_numbers_and_are_as_few_as_promised(n_rows, seed):
    rng = np.random.default_rng(seed)
    column = rng.choice([0.0, 1e-300, -1e308, 1e308, 5.0], n_rows) * rng.choice([1.0, 0.5], n_rows)
    knots, values = scores_of_column(column)
    assert len(knots) == len(values) <= KNOTS
    assert (np.diff(knots) > 0).all()
    assert (np.diff(values) > 0).all()
    assert np.isfinite(np.interp(column, knots, values)).all()


def test_only_columns_with_heavy_tails_of_more_than_two_values_have_scores():
    rare = np.zeros(500)
    rare[0] = 1.0  # 22 standard deviations away
    three = np.zeros(500)
    three[:2] = 1.0, 2.0
    block = np.column_stack([MILD, rare, np.sinh(4.0 * MILD), np.full(500, np.nan), np.full(500, 7.0), three])
    assert_array_equal(fit_normal_scores([block[:, :3].copy(), block[:, 3:].copy()]).source, [2, 5])


def test_room_is_kept_for_columns_whose_tails_may_be_heavy_in_other_rows():
    column = MILD.copy()
    column[0] = 8.0  # between the two limits
    scores = fit_normal_scores([column[:, None]])
    assert len(scores) == 0
    assert scores.n_possible == 1


def test_equal_numbers_share_the_middle_of_their_ranks():
    column = np.concatenate([np.zeros(300), np.exp(5.0 * RNG.normal(size=100))])
    assert scores_of(column)[1][0, 0] == pytest.approx(norm.ppf(150 / 400))


def test_beyond_the_training_rows_the_outermost_score_counts():
    column = np.sinh(4.0 * MILD)
    scores, _ = scores_of(column)
    beyond = scores.apply(np.array([[-1e300], [column.min()], [column.max()], [1e300]]))
    assert beyond[0] == beyond[1] < beyond[2] == beyond[3]


def test_a_preprocessor_puts_them_behind_the_scaled_columns_and_names_them():
    X = np.column_stack([np.sinh(4.0 * MILD), MILD])
    preprocessor = TabularPreprocessor("auto").fit(X)
    assert preprocessor.get_feature_names_out(["amount", "size"]).tolist() == ["amount", "size", "amount_normal_score"]
    out = preprocessor.transform(X)
    assert np.abs(out[:, 0]).max() == HEAVY  # cut off
    assert_allclose(out[:, 1], TabularPreprocessor("standard").fit_transform(X)[:, 1])
    assert_allclose(out[:, 2], scores_of(X[:, 0])[1][:, 0], atol=1e-6)


def test_bins_of_a_heavy_column_are_those_of_its_scores():
    amount, label = np.exp(4.0 * MILD), (np.abs(MILD) < 0.5).astype(int)
    bins = TabularPreprocessor("auto", n_bins=8).fit(amount[:, None], label).preprocessing_.bins
    assert len(bins) > 1
    assert set(bins.source.tolist()) == {1}
