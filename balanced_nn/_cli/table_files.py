"""How does a table come out of a file, and go into one?"""

import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balanced_nn import BalancedNNClassifier
from balanced_nn._cli.console import MOST_NAMES, OneLineError, join_lines, tell
from balanced_nn._cli.csv_layout import NUMBER, CsvLayout, open_text, read_layout
from balanced_nn._data.names import listed
from balanced_nn._data.target import read_target
from balanced_nn._preprocessing.dates import DateEncoding
from balanced_nn._storage.atomic_file import replaced_file
from balanced_nn._typing import IntArray

if TYPE_CHECKING:
    from pandas import DataFrame, Series

PARQUET = (".parquet", ".pq")
UTF8 = "utf-8"
# Marks of a missing value: those of pandas, which may get others.
MISSING = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
]
# A date of ISO 8601, in which day and month are never mistaken for one another; the fourth group is its zone.
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
# How text begins that spreadsheets compute, with something to compute in it; the blanks are skipped by some.
_FORMULA = re.compile(r"[\t\r\n]*[=+\-@](?=.*[^\W_])(?!(inf|infinity|nan)$)", re.IGNORECASE | re.DOTALL)
BOOLEANS = {word: word.lower() == "true" for word in ("True", "TRUE", "true", "False", "FALSE", "false")}


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """The rows of a file that have a label.

    Parameters
    ----------
    path : Path
        The file.
    target : str
        The column that held the labels.
    columns : DataFrame of shape (n_rows, n_columns)
        The other columns, but for those that were dropped.
    labels : ndarray of shape (n_rows,)
        The labels in their own type.
    y : ndarray of shape (n_rows,)
        Class indices.
    classes : ndarray of shape (n_classes,)
        The sorted labels; one may be all there is.
    """

    path: Path
    target: str
    columns: "DataFrame"
    labels: NDArray[Any]
    y: IntArray
    classes: NDArray[Any]


def read_frame(
    path: Path, encoding: str = UTF8, *, text: Collection[str] = (), target: str | None = None
) -> "DataFrame":
    """Read a CSV or Parquet file with pandas, which is needed here only.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str, default="utf-8"
        Of a CSV file.
    text : collection of str, default=()
        Columns of a CSV file to be read as they are written, whatever they look like; an empty cell is missing.
    target : str or None, default=None
        A column in which of all marks of a missing value only an empty cell is one: NA, null and None are names.

    Raises
    ------
    OneLineError
        If there is no such file, or no table in it.
    ImportError
        Without pandas, or without pyarrow for a Parquet file.
    """

    def parse(pandas: ModuleType) -> "DataFrame":
        layout = read_layout(path, encoding)
        missing = {name: [""] if name == target else MISSING for name in layout.fields}
        frame = _read_csv(pandas, path, encoding, layout, dtype=dict.fromkeys(text, str), na_values=missing)
        for note in layout.notes:
            tell(note)
        return frame

    return _read(path, encoding, parse)


def _read(path: Path, encoding: str, parse: Callable[[ModuleType], "DataFrame"]) -> "DataFrame":
    """Read a Parquet file, or a CSV file with `parse`, and say in one line what went wrong."""
    if not path.is_file():
        raise OneLineError(f"there is no file {path}")
    parquet = path.suffix.lower() in PARQUET
    try:
        pandas = _import_pandas()
        return pandas.read_parquet(path) if parquet else parse(pandas)
    except OneLineError:
        raise
    except ImportError as error:
        needed = "pandas pyarrow" if parquet else "pandas"
        raise ImportError(f"reading {path} needs {' and '.join(needed.split())}: pip install {needed}") from error
    except UnicodeError as error:
        raise OneLineError(
            f"cannot read {path}: it is not encoded in {encoding} ({join_lines(error)}). Name its encoding, such as "
            "--encoding cp1252"
        ) from error
    except Exception as error:  # pandas, pyarrow and each kind of compressed file have errors of their own
        raise OneLineError(f"cannot read {path}: {join_lines(error)}") from error


def _import_pandas() -> ModuleType:
    return importlib.import_module("pandas")


def _read_csv(pandas: ModuleType, path: Path, encoding: str, layout: CsvLayout, **options: Any) -> "DataFrame":
    settings = {
        "sep": layout.separator,
        "skiprows": layout.n_skipped,
        "header": 0,
        "names": layout.fields,
        "usecols": layout.positions,
        "index_col": False,  # or pandas would take the first field of longer rows for row names
        "keep_default_na": False,
        "low_memory": False,  # one kind a column, not a chunk
    }
    with open_text(path, encoding) as lines:
        return pandas.read_csv(lines, **(settings | options))


def read_as_written(
    frame: "DataFrame", names: Sequence[str], path: Path, encoding: str = UTF8
) -> dict[str, NDArray[Any]]:
    """Return columns that are passed on: those of a CSV file as its text, in which 00002 is no number."""

    def parse(pandas: ModuleType) -> "DataFrame":
        layout = read_layout(path, encoding)
        chosen = [layout.fields.index(name) for name in dict.fromkeys(names)]
        return _read_csv(pandas, path, encoding, layout, usecols=chosen, dtype=str)

    if names and path.suffix.lower() not in PARQUET:
        frame = _read(path, encoding, parse)
    return {name: frame[name].to_numpy() for name in names}


def read_labelled(
    path: Path, target: str, drop: Sequence[str] = (), text: Collection[str] = (), encoding: str = UTF8
) -> LabelledTable:
    """Read a table, and encode its target.

    Parameters
    ----------
    path : Path
        A CSV or Parquet file.
    target : str
        The column that holds the labels.
    drop : sequence of str, default=()
        Columns to leave out.
    text : collection of str, default=()
        Columns of a CSV file that are text even where they look like numbers.
    encoding : str, default="utf-8"
        Of a CSV file.

    Raises
    ------
    OneLineError
        If the table has no such column, no row with a label, or no further column, or the labels are continuous or of
        several kinds.
    """
    frame = read_frame(path, encoding, text=text, target=target)
    require_columns(frame, [target, *drop], path)
    if target in drop:
        raise OneLineError(f"column {target!r} cannot be both the target and dropped")
    values = frame[target]
    labelled = values.notna().to_numpy()
    if not labelled.all():
        tell(f"{(~labelled).sum():,} of {len(frame):,} rows have no label and are skipped.")
    if not labelled.any():
        raise OneLineError(f"{path} has no row with a label in column {target!r}")
    columns = frame[labelled].drop(columns=[target, *drop])
    if columns.shape[1] == 0:
        raise OneLineError(f"{path} has no column besides {target!r}{' that is not dropped' if drop else ''}")
    try:
        with warnings.catch_warnings():
            # scikit-learn's on very many classes, which a finding says better
            warnings.simplefilter("ignore", UserWarning)
            labels = read_target(_restore_labels(values[labelled].to_numpy()), columns)
    except (TypeError, ValueError) as error:
        raise OneLineError(join_lines(error)) from error
    classes, y = np.unique(labels, return_inverse=True)
    return LabelledTable(path, target, columns, labels, y, classes)


def find_dates(given: LabelledTable) -> LabelledTable:
    """Read the columns of a CSV file that hold ISO dates as dates, and say so; those of a Parquet file have types."""
    if given.path.suffix.lower() in PARQUET:
        return given
    columns, names = parse_dates(given.columns)
    if names:
        noun, are = ("Column", "is") if len(names) == 1 else ("Columns", "are")
        tell(f"{noun} {_quote(names)} {are} read as dates.")
    return replace(given, columns=columns)


def _restore_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Return labels in their own type: where one is missing, pandas reads integers as floats and bools as objects."""
    if values.dtype.kind == "O" and all(isinstance(value, bool | np.bool_) for value in values):
        return values.astype(bool)
    whole = values.dtype.kind == "f" and bool(np.all(values == np.floor(values)) and np.all(np.abs(values) < 2**53))
    return values.astype(np.int64) if whole else values


def require_columns(frame: "DataFrame", names: Sequence[str], path: Path) -> None:
    """Raise OneLineError for the first name that is no column of the table."""
    for name in names:
        if name not in frame.columns:
            raise OneLineError(f"{path} has no column {name!r}; it has {_quote(frame.columns)}{_doubt_header(frame)}")


def _quote(names: Iterable[object]) -> str:
    return listed((repr(str(name)) for name in names), MOST_NAMES)


def _doubt_header(frame: "DataFrame") -> str:
    numbers = [name for name in map(str, frame.columns) if re.fullmatch(r"-?\d+(\.\d*)?", name)]
    return ". Its first line is read as the names of its columns: has it none?" if numbers else ""


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
        if _doubt_header(frame) and [*map(str, frame.columns)] != [*map(str, range(frame.shape[1]))]:
            tell(f"The first line of {path} is read as the names of its columns: {_quote(frame.columns)}.")
        return frame.to_numpy()
    missing = [str(name) for name in names if name not in frame.columns]
    if missing:
        raise OneLineError(f"the model was fitted with columns that {path} does not have: {_quote(missing)}")
    chosen = frame[list(names)].copy()
    for name in _find_category_columns(model, of_text=False):
        chosen[name] = chosen[name].map(_read_boolean)
    return _restore_dates(model, chosen, path)


def _read_boolean(cell: object) -> object:
    return BOOLEANS.get(cell, cell) if isinstance(cell, str) else cell


def parse_dates(frame: "DataFrame") -> tuple["DataFrame", tuple[str, ...]]:
    """Turn columns of text into dates where each cell is one, and return which they are.

    Dates with a zone become times of UTC, as a file has no name for its zone.
    """
    parsed = {name: dates for name in frame.columns if (dates := _parse_dates_of(frame[name])) is not None}
    return frame.assign(**parsed) if parsed else frame, tuple(map(str, parsed))


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
        dates = _parse_dates_of(frame[name])
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


def _parse_dates_of(column: "Series") -> "Series | None":
    """Return a column as dates, None where a cell is none or where only some have a zone."""
    cells = column.dropna()
    found = [ISO_DATE.fullmatch(cell) if isinstance(cell, str) else None for cell in cells]
    zones = {match is not None and match[4] is not None for match in found}
    if not found or None in found or len(zones) > 1:
        return None
    try:
        return _import_pandas().to_datetime(column, format="ISO8601", utc=zones == {True})
    except ValueError:  # a month 13
        return None


def _is_date(text: str) -> bool:
    return _parse_dates_of(_import_pandas().Series([text])) is not None


def is_formula(cell: object) -> bool:
    """Whether a spreadsheet would take a cell of a CSV file for a formula, which a number or a lone sign is not.

    >>> [cell for cell in ("=1+1", "@SUM(A1)", "-2+3", "-1", "+1,5e3", "-", "a=b", -1) if is_formula(cell)]
    ['=1+1', '@SUM(A1)', '-2+3']
    """
    return isinstance(cell, str) and bool(_FORMULA.match(cell)) and not NUMBER.fullmatch(cell)


def _escape_formulas(frame: "DataFrame") -> "DataFrame":
    def escape(cell: object) -> object:
        return f"'{cell}" if is_formula(cell) else cell

    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"])
    formulas = {name: int(texts[name].map(is_formula).sum()) for name in texts}
    escaped = frame.assign(**{name: texts[name].map(escape) for name, n_cells in formulas.items() if n_cells})
    escaped.columns = [str(escape(name)) for name in frame.columns]
    found = [name for name in frame.columns if formulas.get(name) or is_formula(name)]
    if found:
        tell(
            f"Text in {_quote(found)} that a spreadsheet would take for a formula is written with an apostrophe before "
            "it; --no-escape leaves it as it is."
        )
    return escaped


def check_output(path: Path, suffixes: Collection[str], what: str) -> None:
    """Raise OneLineError where a file cannot be written, before anything is computed for it."""
    if path.suffix.lower() not in suffixes:
        raise OneLineError(f"{what} {path} must end in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise OneLineError(f"there is no folder {path.parent} for {what} {path.name}")
    if path.is_dir():
        raise OneLineError(f"{what} {path} is a folder")
    if not all(os.access(place, os.W_OK) for place in (path.resolve().parent, path) if place.exists()):
        raise OneLineError(f"{what} {path} must not be written: permission denied")


def check_writer(path: Path) -> None:
    """Raise an ImportError where the format of a table to be written needs a package that is not there."""
    if path.suffix.lower() in PARQUET:
        try:
            importlib.import_module("pyarrow")
        except ImportError as error:
            raise ImportError(f"writing {path} needs pandas and pyarrow: pip install pandas pyarrow") from error


def write_frame(columns: dict[str, NDArray[Any]], path: Path | None, *, escape: bool = True) -> None:
    """Write columns as CSV or Parquet, as the suffix says; None writes CSV to standard output.

    Where `escape` is set, CSV gets an apostrophe before each text and name that a spreadsheet would take for a formula,
    and a line says so.
    """
    frame = _import_pandas().DataFrame(columns)
    if escape and (path is None or path.suffix.lower() not in PARQUET):
        frame = _escape_formulas(frame)
    if path is None:
        frame.to_csv(sys.stdout, index=False)
        return
    with replaced_file(path) as file:
        if path.suffix.lower() in PARQUET:
            frame.to_parquet(file, index=False)
        else:
            frame.to_csv(file, index=False)
