"""Does a network learn from dates, and is it said where they are others than in fit?"""

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import balanced_accuracy_score

from balanced_nn import BalancedNNClassifier, TabularPreprocessor
from balanced_nn.exceptions import ColumnWarning

HOURS = pd.Series(np.datetime64("2024-01-01", "h") + np.random.default_rng(0).integers(0, 366 * 24, 900))
DAYS = pd.Series(pd.date_range("2024-02-01", periods=20))


def frame(when: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(float(len(when))), "when": when})


def names(X: Any) -> list[str]:
    return list(TabularPreprocessor().fit(X).get_feature_names_out())


def test_the_parts_that_vary_become_columns_behind_the_numbers() -> None:
    assert names(frame(HOURS)) == [
        *("x", "when_total_seconds", "when_month_sin", "when_month_cos", "when_weekday_sin", "when_weekday_cos"),
        *("when_day_sin", "when_day_cos", "when_hour_sin", "when_hour_cos"),
    ]
    assert names(frame(DAYS))[2:] == ["when_weekday_sin", "when_weekday_cos", "when_day_sin", "when_day_cos"]
    years = pd.Series(pd.to_datetime(["2020-03-02", "2026-03-02"]))  # both are Mondays
    assert names(frame(years)) == ["x", "when_total_seconds", "when_year"]
    assert names(frame(years[[0, 0]].to_numpy())) == ["x", "when_total_seconds"]


def test_only_training_rows_say_which_parts_vary() -> None:
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=1, random_state=0, on_collapse="ignore")
    clf.fit(frame(DAYS), [0, 1] * 10, X_val=frame(DAYS + pd.Timedelta("36h")), y_val=[0, 1] * 10)
    assert clf.preprocessing_.dates[0].parts == ("weekday", "day")


def test_parts_are_those_of_the_clock_as_points_on_a_circle() -> None:
    when = pd.Series(pd.to_datetime(["2024-01-01 00:00", "2025-04-03 06:00", "2025-07-17 12:00"]))
    for X in (frame(when), frame(when.dt.tz_localize("America/Lima"))):
        fitted = TabularPreprocessor(scaler=None).fit(X)
        found = pd.DataFrame(fitted.transform(X), columns=fitted.get_feature_names_out())
        np.testing.assert_array_equal(found["when_year"], [2024, 2025, 2025])
        for part, period, values in (("hour", 24, [0, 6, 12]), ("month", 12, [0, 3, 6]), ("weekday", 7, [0, 3, 3])):
            angle = 2 * np.pi * np.array(values) / period
            np.testing.assert_allclose(found[f"when_{part}_sin"], np.sin(angle), atol=1e-7)
            np.testing.assert_allclose(found[f"when_{part}_cos"], np.cos(angle), atol=1e-7)
        np.testing.assert_allclose(found["when_total_seconds"], (when - when[0]).dt.total_seconds(), rtol=1e-7)


def test_a_sine_that_is_always_0_stays_0() -> None:
    noons = pd.Series(pd.date_range("2024-01-01", periods=10, freq="12h"))
    fitted = TabularPreprocessor().fit(frame(noons))
    sine = list(fitted.get_feature_names_out()).index("when_hour_sin")
    assert not fitted.transform(frame(noons + pd.Timedelta("6h")))[:, sine].any()


@pytest.mark.parametrize("scaler", [None, "standard", "robust", "minmax", "quantile"])
def test_seconds_of_one_day_keep_their_digits_in_float32(scaler: str | None) -> None:
    when = pd.Series(pd.date_range("2026-05-05", periods=50, freq="ms"))
    assert len(np.unique(TabularPreprocessor(scaler).fit_transform(when.to_frame())[:, 0])) == 50


def test_missing_dates_get_one_indicator_and_the_median() -> None:
    X = frame(DAYS.where(DAYS.index != 3))
    fitted = TabularPreprocessor().fit(X)
    assert list(fitted.get_feature_names_out())[-1] == "missingindicator_when"
    result = fitted.transform(X)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(np.flatnonzero(result[:, -1] == 1), [3])
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(fitted.transform(X.assign(when=None).iloc[[3]]), result[[3]])


def test_columns_beside_dates_are_those_of_a_table_without_them() -> None:
    X = pd.DataFrame({"when": DAYS, "c": list("abcde") * 4, "x": [np.nan, *range(19)]})
    with_dates, without = TabularPreprocessor().fit(X), TabularPreprocessor().fit(X[["c", "x"]])
    shared = without.get_feature_names_out()
    chosen = [list(with_dates.get_feature_names_out()).index(name) for name in shared]
    np.testing.assert_array_equal(with_dates.transform(X)[:, chosen], without.transform(X[["c", "x"]]))


def test_one_table_of_each_library_gives_one_matrix() -> None:
    X = frame(HOURS[:50])
    expected = TabularPreprocessor().fit_transform(X)
    for other in (pl.from_pandas(X), X.assign(when=X["when"].astype("timestamp[us][pyarrow]")), X.astype(object)):
        np.testing.assert_array_equal(TabularPreprocessor().fit_transform(other), expected)


# --- the classifier ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, np.ndarray]:
    y = ((HOURS.dt.day_of_week >= 5) & (HOURS.dt.hour >= 6)).to_numpy().astype(int)
    return pd.DataFrame({"when": HOURS, "c": ["a", "b", "c"] * 300, "x": np.arange(900.0) % 7}), y


@pytest.fixture(scope="module")
def fitted(data: tuple[pd.DataFrame, np.ndarray]) -> BalancedNNClassifier:
    X, y = data
    return BalancedNNClassifier((32,), n_members=2, max_iter=40, random_state=0).fit(X[:600], y[:600])


def test_a_weekend_is_learned(fitted: BalancedNNClassifier, data: tuple[pd.DataFrame, np.ndarray]) -> None:
    X, y = data
    assert balanced_accuracy_score(y[600:], fitted.predict(X[600:])) > 0.85


def test_predictions_are_those_of_each_row_and_of_the_stored_model(fitted: BalancedNNClassifier, data: Any) -> None:
    X, proba, matrix = data[0], fitted.predict_proba(data[0]), fitted.preprocess(data[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), proba)
    for row in (0, 7, 450):
        np.testing.assert_array_equal(fitted.preprocess(X[row : row + 1]), matrix[[row]])
        np.testing.assert_allclose(fitted.predict_proba(X[row : row + 1]), proba[[row]], rtol=1e-5)


@pytest.mark.parametrize("method", ["to_onnx", "to_keras"])
def test_exports_have_no_calendar(fitted: BalancedNNClassifier, method: str) -> None:
    with pytest.raises(ValueError, match=f"{method} exports only numbers and categories, but 'when' held dates .*Turn"):
        getattr(fitted, method)()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"when": HOURS.astype(str)}, r"'when' held dates when fitted and now holds other values, such as '2024"),
        (
            {"when": HOURS.astype("int64")},
            r"'when' held dates .* now holds other values, such as \d+.*pandas.to_datetime",
        ),
        ({"when": True}, "'when' held dates when fitted and now holds other values, such as True"),
        ({"when": HOURS - HOURS[0]}, "'when' held dates when fitted and now holds durations"),
        ({"x": HOURS}, "'x' held no dates when fitted and now holds dates. Convert it"),
        ({"c": HOURS}, "'c' held no dates when fitted and now holds dates. Convert it"),
        ({"when": HOURS.dt.tz_localize("UTC")}, r"times of no zone when fitted .* of UTC.*tz_localize\(None\)"),
    ],
    ids=range(7),
)
def test_a_column_that_is_of_dates_only_once_is_an_error(
    fitted: BalancedNNClassifier, data: Any, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"Column {message}|Column 'when' held {message}"):
        fitted.predict(data[0].assign(**change))


def test_another_zone_is_an_error_that_says_how_to_convert() -> None:
    preprocessor = TabularPreprocessor().fit(frame(DAYS.dt.tz_localize("Asia/Tokyo")))
    for other in (DAYS, DAYS.dt.tz_localize("UTC")):
        with pytest.raises(
            ValueError, match=r"'when' held times of Asia/Tokyo .*tz_(localize|convert)\('Asia/Tokyo'\)"
        ):
            preprocessor.transform(frame(other))


def test_numbers_where_durations_were_are_an_error() -> None:
    preprocessor = TabularPreprocessor().fit(frame(DAYS - DAYS[0]))
    with pytest.raises(
        ValueError, match="'when' held durations .* such as 3.0. Convert it, such as by pandas.to_timed"
    ):
        preprocessor.transform(frame(3.0 + 0 * np.arange(2)))


def test_dates_far_from_those_of_fit_are_named(fitted: BalancedNNClassifier, data: Any) -> None:
    later = data[0].assign(when=HOURS + pd.Timedelta(days=300))
    with warnings.catch_warnings(action="error"):
        fitted.predict(later)
    with pytest.warns(ColumnWarning, match=r"Column when holds 900 dates far from .* were 2024-01-01 to 2024") as said:
        fitted.predict(later.assign(when=HOURS + pd.Timedelta(days=900)))
    assert said[0].filename == __file__
    with pytest.warns(ColumnWarning, match="Column when holds 20 dates far from"):
        TabularPreprocessor().fit(frame(DAYS)).transform(frame(DAYS - pd.Timedelta(days=900)))
