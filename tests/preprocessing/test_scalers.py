"""Do scalers follow their formulas, column by column, for every number?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

from balanced_nn._preprocessing.scalers import BUILT_IN_SCALERS, RobustSmoothScaler, column_blocks, fit_built_in_scaler


@parametrize_with_checks([RobustSmoothScaler()])
@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", [None, *BUILT_IN_SCALERS])
def test_fitting_by_blocks_of_columns_equals_fitting_all_at_once(monkeypatch, name):
    X = np.random.default_rng(0).normal(size=(50, 7))
    X[::9, 2:4] = np.nan
    rows = np.arange(3, 41)
    expected = fit_built_in_scaler(name, column_blocks(X, rows)).apply(np.nan_to_num(X))
    monkeypatch.setattr("balanced_nn._preprocessing.scalers.COLUMN_BLOCK_BYTES", 8 * 50 * 2)
    result = fit_built_in_scaler(name, column_blocks(X, rows)).apply(np.nan_to_num(X))
    assert_allclose(result, expected, rtol=1e-12)


def test_the_robust_map_follows_the_formula():
    x = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    z = (x - 2) / 2
    assert_allclose(RobustSmoothScaler().fit_transform(x[:, None])[:, 0], z / np.sqrt(1 + (z / 3) ** 2))


def test_the_range_replaces_equal_quartiles():
    x = np.array([0.0, 5.0, 5.0, 5.0, 5.0, 5.0, 10.0])
    z = 2 * (x - 5) / 10
    assert_allclose(RobustSmoothScaler().fit_transform(x[:, None])[:, 0], z / np.sqrt(1 + (z / 3) ** 2))


def test_the_robust_map_of_a_constant_column_is_zero_and_keeps_missing_values():
    scaler = RobustSmoothScaler().fit([[5.0, np.nan], [5.0, np.nan]])
    assert_array_equal(scaler.transform([[5.0, 1.0], [1.7e308, -1e308], [np.nan, 2.0]]), [[0, 0], [0, 0], [np.nan, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_the_robust_map_is_monotone_bounded_and_keeps_type_and_missing_values(dtype, data):
    # No signalling NaN: scikit-learn's own validation warns of it.
    numbers = st.floats(allow_nan=False, allow_infinity=False, width=np.dtype(dtype).itemsize * 8)
    elements = numbers | st.just(np.nan)
    x = data.draw(hnp.arrays(dtype, st.integers(1, 20), elements=elements))
    before = x.copy()
    result = RobustSmoothScaler().fit_transform(x[:, None])[:, 0]
    assert result.dtype == dtype
    assert_array_equal(np.isnan(result), np.isnan(x))
    ordered = result[np.argsort(x)][: np.isfinite(x).sum()]
    assert (np.diff(ordered) >= -1e-6).all()  # up to rounding
    assert (np.abs(ordered) <= 3 + 1e-6).all()
    assert_array_equal(x, before)


def test_the_robust_map_names_its_columns_and_gives_frames():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, None]})
    scaler = RobustSmoothScaler().set_output(transform="pandas").fit(frame)
    assert scaler.get_feature_names_out().tolist() == ["a", "b"]
    assert list(scaler.transform(frame).columns) == ["a", "b"]


@pytest.mark.parametrize("name", ["auto", "auto-robust"])
def test_a_column_of_two_values_keeps_its_distance_in_deviations(name):
    rare = np.zeros((1000, 2))
    rare[0, 0] = 5.0
    rare[:, 1] = np.linspace(-50.0, 1.0, 1000) ** 5  # a tail
    rare[1, 0] = np.nan
    scaled = fit_built_in_scaler(name, column_blocks(rare)).apply(np.nan_to_num(rare))
    expected = fit_built_in_scaler("standard", column_blocks(rare)).apply(np.nan_to_num(rare))
    assert_array_equal(scaled[:, 0], expected[:, 0])
    assert scaled[0, 0] > 30
    assert np.abs(scaled[:, 1]).max() <= 8


@pytest.mark.parametrize("name", ["auto", "auto-robust"])
def test_a_further_value_of_a_column_of_two_is_no_farther_than_they_are(name):
    flag = np.zeros((1000, 2))
    flag[0, 0], flag[:500, 1] = 5.0, 1.0
    scaler = fit_built_in_scaler(name, column_blocks(flag))
    wild = scaler.apply(np.array([[1e9, 1e9], [-1e9, -1e9], [5.0, 1.0]]))
    assert_array_equal(wild[0], [wild[2, 0], 8.0])
    assert_array_equal(wild[1], -wild[0])
    assert wild[2] == pytest.approx([999**0.5, 1.0])
