"""Which columns of text hold dates, beyond doubt?"""

import importlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame, Series

# A date of ISO 8601, in which day and month are never mistaken for one another; the fourth group is its zone.
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def parse_dates(frame: "DataFrame") -> tuple["DataFrame", tuple[str, ...]]:
    """Turn columns of text into dates where each cell is one, and return which they are.

    Dates with a zone become times of UTC, as a file has no name for its zone.
    """
    parsed = {name: dates for name in frame.columns if (dates := parse_dates_of(frame[name])) is not None}
    return frame.assign(**parsed) if parsed else frame, tuple(map(str, parsed))


def parse_dates_of(column: "Series") -> "Series | None":
    """Return a column as dates, None where a cell is none or where only some have a zone."""
    cells = column.dropna()
    found = [ISO_DATE.fullmatch(cell) if isinstance(cell, str) else None for cell in cells]
    zones = {match is not None and match[4] is not None for match in found}
    if not found or None in found or len(zones) > 1:
        return None
    try:
        return importlib.import_module("pandas").to_datetime(column, format="ISO8601", utc=zones == {True})
    except ValueError:  # a month 13
        return None


def is_date(text: str) -> bool:
    """Whether a cell is a date."""
    return parse_dates_of(importlib.import_module("pandas").Series([text])) is not None
