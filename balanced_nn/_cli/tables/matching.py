"""How does a table become what a model was fitted on?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from balanced_nn import BalancedNNClassifier
from balanced_nn._cli.console import OneLineError, tell
from balanced_nn._cli.tables.columns import doubt_header, quote_names
from balanced_nn._cli.tables.dates import is_date, parse_dates_of
from balanced_nn._cli.tables.parquet import is_parquet
from balanced_nn._preprocessing.dates import DateEncoding

if TYPE_CHECKING:
    from pandas import DataFrame

BOOLEANS = {word: word.lower() == "true" for word in ("True", "TRUE", "true", "False", "FALSE", "false")}


def find_text_columns(model: Any) -> list[str]:
    """Name the columns that held text when a BalancedNNClassifier was fitted; of other models nothing is known."""
    return _find_category_columns(model, of_text=True)


def _find_category_columns(model: Any, *, of_text: bool) -> list[str]:
    """Name the category columns whose levels were text, or those whose levels were not."""
    names = getattr(model, "feature_names_in_", None)
    if names is None or not isinstance(model, BalancedNNClassifier):
        return []
    encodings = [encoding for member in model.members_ for encoding in member.preprocessing.encodings]
    positions = {encoding.position for encoding in encodings}
    text = {encoding.position for encoding in encodings if any(isinstance(code, str) for code in encoding.codes)}
    return [str(names[position]) for position in sorted(text if of_text else positions - text)]


def needed_columns(model: Any, columns: Sequence[str]) -> Sequence[str]:
    """Choose what a model was fitted on among the columns of a table: all of one without names."""
    names = getattr(model, "feature_names_in_", None)
    return columns if names is None else [name for name in columns if name in set(names)]


def select_columns(model: Any, frame: "DataFrame", path: Path) -> "DataFrame | NDArray[Any]":
    """Return the table as a model was fitted on it: with its columns by name, or as an array.

    Where one cell of a CSV file is neither True nor False, pandas reads all of its column as text; what the model
    learned as booleans is given back to it as booleans, and what it learned as dates as dates.

    Raises
    ------
    OneLineError
        If columns are missing, or text stands where there were dates.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        if (
            not is_parquet(path)
            and doubt_header(frame.columns)
            and [*map(str, frame.columns)] != [*map(str, range(frame.shape[1]))]
        ):
            tell(f"The first line of {path} is read as the names of its columns: {quote_names(frame.columns)}.")
        return frame.to_numpy()
    missing = [str(name) for name in names if name not in frame.columns]
    if missing:
        raise OneLineError(f"the model was fitted with columns that {path} does not have: {quote_names(missing)}")
    chosen = frame[list(names)].copy()
    for name in _find_category_columns(model, of_text=False):
        chosen[name] = chosen[name].map(_read_boolean)
    return _restore_dates(model, chosen, path)


def _read_boolean(cell: object) -> object:
    return BOOLEANS.get(cell, cell) if isinstance(cell, str) else cell


def _restore_dates(model: Any, frame: "DataFrame", path: Path) -> "DataFrame":
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
        dates = parse_dates_of(frame[name])
        if dates is None:
            odd = next((text for text in texts if not is_date(text)), texts[0])
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
