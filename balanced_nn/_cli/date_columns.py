"""Which columns of a text file hold dates, beyond doubt, and which of them must?"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanced_nn import BalancedNNClassifier
from balanced_nn._cli.console import OneLineError
from balanced_nn._preprocessing.dates import DateEncoding

if TYPE_CHECKING:
    from pandas import DataFrame, Series

# ISO 8601; day and month are never mistaken for one another.
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def parse_dates(frame: "DataFrame") -> tuple["DataFrame", tuple[str, ...]]:
    """Turn columns of text into dates where each cell is one, and return which they are.

    Dates with a zone become times of UTC, as a file has no name for its zone.
    """
    parsed = {name: dates for name in frame.columns if (dates := _parse(frame[name])) is not None}
    return frame.assign(**parsed) if parsed else frame, tuple(map(str, parsed))


def restore_dates(model: Any, frame: "DataFrame", path: Path) -> "DataFrame":
    """Turn the columns of text that held dates when a BalancedNNClassifier was fitted into dates.

    Raises
    ------
    OneLineError
        If a cell of them is none.
    """
    for encoding in _date_encodings(model):
        name = model.feature_names_in_[encoding.position]
        texts = [cell for cell in frame[name].dropna() if isinstance(cell, str)]
        if not texts:
            continue
        dates = _parse(frame[name])
        if dates is None:
            odd = next((text for text in texts if not _is_date(text)), texts[0])
            raise OneLineError(
                f"column {name!r} of {path} held dates when the model was fitted, and now holds {odd!r}. Write all of "
                "its dates as 2024-12-31 or 2024-12-31T23:59:00, all with a zone (Z, +01:00) or all without"
            )
        aware = encoding.zone is not None and dates.dt.tz is not None
        frame = frame.assign(**{name: dates.dt.tz_convert(encoding.zone) if aware else dates})
    return frame


def _date_encodings(model: Any) -> Sequence[DateEncoding]:
    if not isinstance(model, BalancedNNClassifier) or not hasattr(model, "feature_names_in_"):
        return ()
    return [encoding for encoding in model.preprocessing_.dates if encoding.kind == "dates"]


def _parse(column: "Series") -> "Series | None":
    """Return a column as dates, None where a cell is none or where only some have a zone."""
    import pandas as pd

    cells = column.dropna()
    found = [_DATE.fullmatch(cell) if isinstance(cell, str) else None for cell in cells]
    zones = {match is not None and match[4] is not None for match in found}
    if not found or None in found or len(zones) > 1:
        return None
    try:
        return pd.to_datetime(column, format="ISO8601", utc=zones == {True})
    except ValueError:  # a month 13
        return None


def _is_date(text: str) -> bool:
    import pandas as pd

    return _DATE.fullmatch(text) is not None and not pd.isna(pd.to_datetime(text, format="ISO8601", errors="coerce"))
