"""When are the dates of any library, what does a clock show then, and how long are durations?

pandas and polars are recognised by what they offer, never imported.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.names import listed
from balanced_nn._typing import FloatArray

__all__ = ["DateColumn", "read_moments", "read_pandas_dates", "read_polars_dates"]

_SECOND = np.timedelta64(1, "s")
_UTC = {"UTC", "utc", "Etc/UTC", "GMT", "Z", "UTC+00:00", "+00:00", "tzutc()"}


@dataclass(frozen=True, eq=False)
class DateColumn:
    """A column of dates, or of durations."""

    # of a duration, or of a date since 1970 in UTC, without a zone by its own clock; NaN is missing
    seconds: NDArray[np.float64]
    lost: NDArray[np.float64]  # what float64 loses of these seconds: up to a tenth of a microsecond today
    clock: NDArray[np.datetime64] | None  # what a clock in the column's zone shows; None of durations
    zone: str | None = None  # None without one

    @classmethod
    def of(
        cls, clock: NDArray[np.datetime64], instant: NDArray[np.datetime64] | None = None, zone: str | None = None
    ) -> "DateColumn":
        """Return the column of what clocks show, and when that is in UTC; None where there is no zone."""
        moments = clock if instant is None else instant
        whole = moments.astype("datetime64[s]")
        return cls(*_add((whole - np.datetime64(0, "s")) / _SECOND, (moments - whole) / _SECOND), clock, zone)

    @classmethod
    def of_durations(cls, durations: NDArray[np.timedelta64]) -> "DateColumn":
        """Return the column of durations.

        >>> DateColumn.of_durations(np.array([1500, "NaT"], dtype="timedelta64[ms]")).seconds
        array([1.5, nan])
        """
        whole = durations.astype("timedelta64[s]")
        return cls(*_add(whole / _SECOND, (durations - whole) / _SECOND), None)

    def __len__(self) -> int:
        return len(self.seconds)

    def part(self, rows: slice) -> "DateColumn":
        """Return adjacent rows."""
        clock = None if self.clock is None else self.clock[rows]
        return DateColumn(self.seconds[rows], self.lost[rows], clock, self.zone)

    @property
    def kind(self) -> str:
        """What the column holds, in a message."""
        return "durations" if self.clock is None else "dates"

    @property
    def all_missing(self) -> bool:
        """Whether all cells are missing."""
        return bool(np.isnan(self.seconds).all())


def _add(whole: FloatArray, rest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a sum, and what float64 loses of it."""
    seconds = whole + rest
    return seconds, rest - (seconds - whole)


def read_pandas_dates(series: Any) -> DateColumn:
    """Read a series of dates, durations or periods, which count by their beginning."""
    if series.dtype.kind == "m":
        return DateColumn.of_durations(series.to_numpy())
    if series.dtype.name.startswith("period["):
        series = series.dt.to_timestamp()
    if series.dtype.type is datetime.date:  # days of PyArrow
        series = series.astype("datetime64[s]")
    if series.dt.tz is None:
        return DateColumn.of(series.to_numpy())
    if series.dtype.kind == "M" and hasattr(series.dtype, "pyarrow_dtype"):  # whose clock some versions of pandas lose
        series = series.astype(f"datetime64[{series.dt.unit}, {series.dt.tz}]")
    clock, instant = series.dt.tz_localize(None), series.dt.tz_convert("UTC").dt.tz_localize(None)
    return DateColumn.of(clock.to_numpy(), instant.to_numpy(), _zone_name(series.dt.tz))


def read_polars_dates(series: Any) -> DateColumn:
    """Read a series of dates or durations."""
    if type(series.dtype).__name__ == "Duration":
        return DateColumn.of_durations(series.to_numpy())
    zone = getattr(series.dtype, "time_zone", None)
    if zone is None:
        return DateColumn.of(series.to_numpy())
    clock, instant = (s.dt.replace_time_zone(None) for s in (series, series.dt.convert_time_zone("UTC")))
    return DateColumn.of(clock.to_numpy(), instant.to_numpy(), _zone_name(zone))


def read_moments(cells: Sequence[Any], name: str, kind: str) -> DateColumn:
    """Read Python objects, None where one is missing.

    Parameters
    ----------
    cells : sequence
        Dates, times, periods or durations.
    name : str
        Label of the column, for messages.
    kind : {"dates", "durations"}
        What they are.

    Raises
    ------
    ValueError
        If they are of several time zones.
    """
    if kind == "durations":
        return DateColumn.of_durations(np.array(cells, dtype="timedelta64[us]"))
    moments = [cell.to_timestamp() if type(cell).__name__ == "Period" else cell for cell in cells]
    zones = dict.fromkeys(_zone_of(moment) for moment in moments if moment is not None)
    if len(zones) > 1:
        raise ValueError(
            f"Column {name!r} holds times of several zones: {listed(map(zone_text, zones))}. Convert them to one zone, "
            "such as by pandas.to_datetime(..., utc=True)."
        )
    zone = next(iter(zones), None)
    if zone is None:
        return DateColumn.of(np.array(moments, dtype="datetime64[us]"))
    clock = [moment and moment.replace(tzinfo=None) for moment in moments]
    instant = [moment and moment.astimezone(datetime.UTC).replace(tzinfo=None) for moment in moments]
    return DateColumn.of(np.array(clock, "datetime64[us]"), np.array(instant, "datetime64[us]"), zone)


def zone_text(zone: str | None) -> str:
    """Name a zone in a message."""
    return "no zone" if zone is None else zone


def _zone_of(moment: Any) -> str | None:
    zone = getattr(moment, "tzinfo", None)
    return None if zone is None or moment.utcoffset() is None else _zone_name(zone)


def _zone_name(zone: object) -> str:
    return "UTC" if str(zone) in _UTC else str(zone)
