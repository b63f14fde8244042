"""Which parts of dates does a network read, and do dates at prediction continue those of the training rows?

Their seconds are a numeric column already. The parts are numeric columns behind the last column of the caller's table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.dates import DateColumn, zone_text
from balanced_nn._data.names import quoted
from balanced_nn._data.table import Table, to_dense
from balanced_nn._typing import FloatArray, IntArray
from balanced_nn.exceptions import ColumnWarning

__all__ = ["DateEncoding", "add_date_parts", "find_starts", "fit_dates", "range_notes"]

PERIODS = {"month": 12, "weekday": 7, "day": 31, "hour": 24}  # after which a part begins again
DIGITS = 9  # of sines and cosines: what should be 0 is 0


@dataclass(frozen=True, eq=False)
class DateEncoding:
    """What was learned of one column of dates or durations."""

    position: int  # of the column in the caller's table
    kind: str  # "dates" or "durations"
    zone: str | None  # whose clock the parts are read from; None where the dates have none
    parts: tuple[str, ...]  # of "year", "month", "weekday", "day" and "hour", those that varied in the training rows
    first: float  # second of the first training row, NaN where all were missing
    last: float

    def names(self, label: str) -> list[str]:
        """Return the names of the columns of the parts, of a column of this label."""
        each = [[f"{part}_sin", f"{part}_cos"] if part in PERIODS else [part] for part in self.parts]
        return [f"{label}_{name}" for names in each for name in names]

    def encode(self, table: Table) -> list[FloatArray]:
        """Return the columns of the parts, NaN where a date is missing."""
        if not self.parts:
            return []
        found = table.dates.get(self.position)
        clock = None if found is None else found.clock
        values = read_parts(np.full(len(table), "NaT", "datetime64[s]") if clock is None else clock)
        columns: list[FloatArray] = []
        for part in self.parts:
            if part not in PERIODS:
                columns.append(values[part])
                continue
            angle = 2 * np.pi / PERIODS[part] * values[part]
            columns += [np.sin(angle).round(DIGITS), np.cos(angle).round(DIGITS)]
        return columns


def read_parts(clock: NDArray[np.datetime64]) -> dict[str, FloatArray]:
    """Return the year, and the number of the month, weekday (Monday is 0), day and hour from 0 on; NaN is missing.

    >>> read_parts(np.array(["1969-12-31T23:30"], dtype="datetime64[m]"))
    {'year': array([1969.]), 'month': array([11.]), 'weekday': array([2.]), 'day': array([30.]), 'hour': array([23.])}
    """
    years, months, days, hours = (clock.astype(f"datetime64[{unit}]") for unit in "YMDh")
    return {
        "year": 1970 + (years - np.datetime64(0, "Y")) / np.timedelta64(1, "Y"),
        "month": (months - years) / np.timedelta64(1, "M"),
        "weekday": ((days - np.datetime64(0, "D")) / np.timedelta64(1, "D") + 3) % 7,  # 1970 began on a Thursday
        "day": (days - months) / np.timedelta64(1, "D"),
        "hour": (hours - days) / np.timedelta64(1, "h"),
    }


def fit_dates(table: Table, rows: IntArray | None) -> tuple[DateEncoding, ...]:
    """Learn which parts of dates vary in the training rows; None means all rows."""
    chosen = slice(None) if rows is None else rows
    return tuple(_fit(position, column, chosen) for position, column in table.dates.items())


def _fit(position: int, column: DateColumn, rows: slice | IntArray) -> DateEncoding:
    parts = {} if column.clock is None else read_parts(column.clock[rows])
    varying = tuple(part for part, values in parts.items() if np.fmin.reduce(values) < np.fmax.reduce(values))
    seconds = column.seconds[rows]
    return DateEncoding(
        position, column.kind, column.zone, varying, float(np.fmin.reduce(seconds)), float(np.fmax.reduce(seconds))
    )


def add_date_parts(table: Table, dates: Sequence[DateEncoding]) -> Table:
    """Append the parts of dates to the numeric columns of a table.

    Parameters
    ----------
    table : Table
        A table without dates is returned as it is.
    dates : sequence of DateEncoding
        What was learned of the columns of dates of the training rows.

    Raises
    ------
    ValueError
        If a column holds dates only now or only in fit, or dates of another zone.
    """
    if not dates and not table.dates:
        return table
    _check_dates(table, dates)
    columns = [values for encoding in dates for values in encoding.encode(table)]
    positions = np.append(table.numeric_positions, table.width + np.arange(len(columns)))
    return replace(table, numeric=np.column_stack([to_dense(table.numeric), *columns]), numeric_positions=positions)


def find_starts(block: FloatArray, positions: IntArray, dates: Sequence[DateEncoding]) -> FloatArray:
    """Return the first second of each column of dates of a block, 0 for all other columns."""
    is_date = np.isin(positions, [encoding.position for encoding in dates if encoding.kind == "dates"])
    return np.where(is_date, np.nan_to_num(np.fmin.reduce(block, axis=0)), 0.0)


def _check_dates(table: Table, dates: Sequence[DateEncoding]) -> None:
    """Refuse dates where there were none in fit, others where there were dates, and dates of another zone."""
    held = {encoding.position: encoding.kind for encoding in dates}
    present = {position: column for position, column in table.dates.items() if not column.all_missing}
    for position, column in present.items():
        if held.get(position) != column.kind:
            raise ValueError(
                f"Column {table.name(position)!r} held {held.get(position, f'no {column.kind}')} when fitted and now "
                f"holds {column.kind}. Convert it to the type that it had, or fit again on a table of this kind."
            )
    for encoding in dates:
        name, found = table.name(encoding.position), present.get(encoding.position)
        if encoding.position not in table.dates:
            others = table.category(encoding.position)
            used = [level for level, n in zip(others.levels, others.levels_in_use(), strict=False) if n]
            if used:
                function = "pandas.to_datetime" if encoding.kind == "dates" else "pandas.to_timedelta"
                raise ValueError(
                    f"Column {name!r} held {encoding.kind} when fitted and now holds other values, such as "
                    f"{quoted(used[0])}. Convert it, such as by {function}, or fit again on a table of this kind."
                )
        elif found is not None and found.zone != encoding.zone:
            remedy = "tz_localize" if None in (found.zone, encoding.zone) else "tz_convert"
            raise ValueError(
                f"Column {name!r} held times of {zone_text(encoding.zone)} when fitted and now holds times of "
                f"{zone_text(found.zone)}. Convert them to that zone, such as by pandas.Series.dt.{remedy}"
                f"({encoding.zone!r}), or fit again."
            )


def range_notes(table: Table, networks: Sequence[Sequence[DateEncoding]]) -> tuple[Warning, ...]:
    """Say which dates lie further from those of the training rows than these from one another.

    Parameters
    ----------
    table : Table
        What was passed to predict.
    networks : sequence of sequence of DateEncoding
        Those of each network.

    Raises
    ------
    ValueError
        As `add_date_parts`, before anything is warned of.
    """
    _check_dates(table, networks[0])
    notes = []
    for encodings in zip(*networks, strict=True):
        column = table.dates.get(encodings[0].position)
        first, last = min(encoding.first for encoding in encodings), max(encoding.last for encoding in encodings)
        if column is None or column.clock is None or not first < last:
            continue
        far = np.fmax(column.seconds - last, first - column.seconds) > last - first
        if far.any():
            text = (
                f"Column {table.name(encodings[0].position)} holds {np.count_nonzero(far):,} dates far from those of "
                f"fit, such as {_day(float(column.seconds[far][0]))}; these were {_day(first)} to {_day(last)}. A "
                "network does not know how time goes on: fit again on rows up to now, or drop the column."
            )
            notes.append(ColumnWarning(text))
    return tuple(notes)


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))
