"""Are dates and durations of every library read as the same moments, and what they are of told apart?"""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator

from balanced_nn._data.column_checks import row_numbers
from balanced_nn._data.column_shift import differing_columns
from balanced_nn._data.dates import DateColumn
from balanced_nn._data.table import Table, read_table

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = [datetime.datetime(2020, 7, 1, 12, 34, 56, 123456), None, datetime.datetime(1969, 5, 6, 7, 8)]
NAIVE = np.array(MOMENTS, dtype="datetime64[us]")
DAYS = [moment and moment.date() for moment in MOMENTS]
AWARE = [moment and moment.replace(tzinfo=BERLIN) for moment in MOMENTS]
LENGTHS = [datetime.timedelta(days=1), None, datetime.timedelta(hours=2)]


def read(X: Any) -> Table:
    return read_table(BaseEstimator(), X, reset=True)


def column(X: Any) -> DateColumn:
    return read(X).dates[0]


def series(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"when": pd.Series(values, dtype=dtype)})


@pytest.mark.parametrize(
    "X",
    [
        series(NAIVE),
        series(NAIVE.astype("datetime64[ns]")),
        series(MOMENTS, object),
        series(MOMENTS, pd.ArrowDtype(pa.timestamp("us"))),
        series(NAIVE).to_numpy(),
        series(NAIVE).assign(x="a")[["when", "x"]].to_numpy(),
        pl.DataFrame({"when": MOMENTS}),
        pl.DataFrame({"when": pl.Series(MOMENTS, dtype=pl.Object)}),
        pa.table({"when": MOMENTS}),
        NAIVE.reshape(-1, 1),
        [[moment] for moment in NAIVE],
        [[moment] for moment in MOMENTS],
        np.ma.masked_array(NAIVE.reshape(-1, 1).astype("datetime64[ns]"), mask=[[False], [True], [False]]),
    ],
    ids=range(13),
)
def test_dates_without_a_zone_are_read_from_every_library(X: Any) -> None:
    found = column(X)
    np.testing.assert_array_equal(found.seconds, [1593606896.123456, np.nan, -20710320.0])
    np.testing.assert_array_equal(found.clock, NAIVE)
    assert found.zone is None


@pytest.mark.parametrize(
    "X",
    [
        series(AWARE, "datetime64[us, Europe/Berlin]"),
        series(AWARE, pd.ArrowDtype(pa.timestamp("us", tz="Europe/Berlin"))),
        series(AWARE, object),
        pl.DataFrame({"when": pl.Series(MOMENTS).dt.replace_time_zone("Europe/Berlin")}),
    ],
    ids=range(4),
)
def test_dates_of_a_zone_count_in_utc_and_keep_their_clock(X: Any) -> None:
    found = column(X)
    np.testing.assert_array_equal(found.seconds, [1593599696.123456, np.nan, -20713920.0])  # 2 hours in summer, else 1
    np.testing.assert_array_equal(found.clock, NAIVE)
    assert found.zone == "Europe/Berlin"


@pytest.mark.parametrize(
    "X",
    [
        series(DAYS, object),
        series(DAYS, pd.ArrowDtype(pa.date32())),
        pl.DataFrame({"when": DAYS}),
        NAIVE.astype("datetime64[D]").reshape(-1, 1),
        series(pd.PeriodIndex(["2020-07-01", None, "1969-05-06"], freq="D")),
        series(pd.PeriodIndex(["2020-07-01", None, "1969-05-06"], freq="D"), object),
    ],
    ids=range(6),
)
def test_days_and_periods_begin_at_midnight(X: Any) -> None:
    np.testing.assert_array_equal(column(X).seconds, [1593561600.0, np.nan, -20736000.0])


@pytest.mark.parametrize(
    "X",
    [
        series(LENGTHS, "timedelta64[ns]"),
        series(LENGTHS, object),
        series(LENGTHS, pd.ArrowDtype(pa.duration("us"))),
        pl.DataFrame({"when": LENGTHS}),
        np.array(LENGTHS, dtype="timedelta64[us]").reshape(-1, 1),
    ],
    ids=range(5),
)
def test_durations_are_seconds(X: Any) -> None:
    np.testing.assert_array_equal(read(X).numeric, [[86400.0], [np.nan], [7200.0]])
    assert column(X).kind == "durations"


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", datetime.UTC, ZoneInfo("UTC")])
def test_utc_has_one_name(zone: Any) -> None:
    assert column(pd.DataFrame({"when": pd.Series(NAIVE).dt.tz_localize(zone)})).zone == "UTC"


def test_nanoseconds_of_today_are_told_apart() -> None:
    table = read(np.array([["2026-01-01T00:00:00.000000001"], ["2026-01-01T00:00:00.000000004"]], "datetime64[ns]"))
    block = np.array(table.numeric, dtype=np.float64)
    table.subtract(block[0].copy(), block, table.numeric_positions, slice(None))
    assert np.diff(block.ravel()) == pytest.approx(3e-9, rel=1e-6)


def test_a_column_of_missing_dates_among_objects_is_one_of_missing_numbers() -> None:
    assert read(series([pd.NaT, None], object)).dates == {}


@pytest.mark.parametrize("other", ["2020-01-01", 5, LENGTHS[0]])
def test_dates_beside_other_values_are_refused_by_name(other: object) -> None:
    with pytest.raises(TypeError, match=r"Column 'when' of X holds dates, but also .*Turn all of its cells into dates"):
        read(series([MOMENTS[0], other], object))


@pytest.mark.parametrize(
    ("second", "zones"),
    [
        (MOMENTS[0], "Europe/Berlin, no zone"),
        (AWARE[2].astimezone(ZoneInfo("Asia/Tokyo")), "Europe/Berlin, Asia/Tokyo"),
    ],
)
def test_times_of_several_zones_are_refused_by_name(second: object, zones: str) -> None:
    with pytest.raises(ValueError, match=f"Column 'when' holds times of several zones: {zones}. Convert them to one"):
        read(series([AWARE[0], second], object))


@pytest.mark.parametrize("X", [series([datetime.time(1)], object), pl.DataFrame({"when": [datetime.time(1)]})])
def test_times_of_day_are_refused_by_name(X: Any) -> None:
    with pytest.raises(TypeError, match=r"olumn 'when' .*Turn it into numbers or strings"):
        read(X)


def test_parts_of_a_table_keep_their_dates() -> None:
    part = read(series(NAIVE)).part(slice(2, 3))
    assert part.dates[0].clock.tolist() == [MOMENTS[2]]
    assert part.dates[0].seconds == part.numeric[:, 0]


def test_dates_are_no_row_numbers_and_not_scaled_by_the_time_that_passes() -> None:
    seconds = pd.date_range("2026", periods=40, freq="s")
    one, two = (
        read(pd.DataFrame({"from": seconds + gap, "to": seconds + gap})) for gap in pd.to_timedelta([0, 9], "D")
    )
    assert row_numbers(one) == ()
    assert differing_columns(one, np.arange(40), two, np.arange(40)) == ()
