"""How are the rows of a table read: as a whole, with their labels, or part by part?"""

import importlib
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balanced_nn._cli.console import OneLineError, join_lines, tell
from balanced_nn._cli.tables.columns import quote_names, require_columns
from balanced_nn._cli.tables.csv_layout import CsvLayout, open_text, read_layout
from balanced_nn._cli.tables.dates import parse_dates
from balanced_nn._cli.tables.parquet import is_parquet, open_parquet, to_frame
from balanced_nn._data.target import read_target
from balanced_nn._streaming.source import Advance
from balanced_nn._typing import IntArray

if TYPE_CHECKING:
    from pandas import DataFrame

UTF8 = "utf-8"
# Marks of a missing value: those of pandas, which may get others.
MISSING = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
]


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
    """Read a CSV or Parquet file, or a folder of Parquet files, with pandas.

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
    """Read Parquet, or a CSV file with `parse`, and say in one line what went wrong."""
    if path.is_dir():
        return open_parquet(path).read()
    if not path.is_file():
        raise OneLineError(f"there is no file {path}")
    parquet = is_parquet(path)
    try:
        pandas = import_pandas()
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


def import_pandas() -> ModuleType:
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


def read_as_written(frame: "DataFrame", names: Sequence[str], path: Path, encoding: str = UTF8) -> "DataFrame":
    """Return columns that are passed on: those of a CSV file as its text, in which 00002 is no number."""

    def parse(pandas: ModuleType) -> "DataFrame":
        layout = read_layout(path, encoding)
        chosen = [layout.fields.index(name) for name in dict.fromkeys(names)]
        return _read_csv(pandas, path, encoding, layout, usecols=chosen, dtype=str)

    if names and not is_parquet(path):
        frame = _read(path, encoding, parse)
    return frame[list(dict.fromkeys(names))]


@dataclass(frozen=True, eq=False)
class Part:
    """Consecutive rows of a table, and those of its columns that are passed on, as they were written."""

    frame: "DataFrame"
    kept: "DataFrame"


def read_parts(
    path: Path,
    columns: Callable[[Sequence[str]], Sequence[str]],
    keep: Sequence[str],
    encoding: str = UTF8,
    *,
    text: Collection[str] = (),
    advance: Advance | None = None,
) -> Iterator[Part]:
    """Read Parquet part by part, a CSV file in one.

    Parameters
    ----------
    path : Path
    columns : callable
        Chooses among the columns of Parquet those that are needed.
    keep : sequence of str
        Columns that are passed on: those of a CSV file as its text, in which 00002 is no number.
    encoding, text
        As in :func:`read_frame`.
    advance : callable or None, default=None
        Hears how many further rows have been used.
    """
    if not is_parquet(path):
        frame = read_frame(path, encoding, text=text)
        require_columns(frame.columns, keep, path)
        yield Part(frame, read_as_written(frame, keep, path, encoding))
        return
    table = open_parquet(path)
    require_columns(table.names, keep, path)
    pandas, kept = import_pandas(), list(dict.fromkeys(keep))
    wanted = [name for name in table.names if name in {*columns(table.names), *kept}]
    for part in table.parts(wanted, advance):
        yield Part(to_frame(part), part.select(kept).to_pandas(types_mapper=pandas.ArrowDtype, ignore_metadata=True))


def check_named(columns: Sequence[str], target: str, drop: Sequence[str], path: Path) -> None:
    """Raise OneLineError where the target or a column to be dropped is none of the table, or both are one."""
    require_columns(columns, [target, *drop], path)
    if target in drop:
        raise OneLineError(f"column {target!r} cannot be both the target and dropped")
    if not {*columns} - {target, *drop}:
        raise OneLineError(f"{path} has no column besides {target!r}{' that is not dropped' if drop else ''}")


def read_labelled(
    path: Path, target: str, drop: Sequence[str] = (), text: Collection[str] = (), encoding: str = UTF8
) -> LabelledTable:
    """Read a table, and encode its target.

    Parameters
    ----------
    path : Path
        A CSV or Parquet file, or a folder of Parquet files.
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
    return label_rows(read_frame(path, encoding, text=text, target=target), path, target, drop)


def label_rows(
    frame: "DataFrame",
    path: Path,
    target: str,
    drop: Sequence[str] = (),
    *,
    classes: NDArray[Any] | None = None,
) -> LabelledTable:
    """Encode the target of a table that was read.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    path : Path
        Where it comes from.
    target, drop
        As in :func:`read_labelled`.
    classes : ndarray or None, default=None
        All labels, where these rows are a part of the table; None takes those that occur.
    """
    check_named(frame.columns, target, drop, path)
    values = frame[target]
    labelled = values.notna().to_numpy()
    if not labelled.all():
        tell(f"{(~labelled).sum():,} of {len(frame):,} rows have no label and are skipped.")
    if not labelled.any():
        raise OneLineError(f"{path} has no row with a label in column {target!r}")
    columns = frame[labelled].drop(columns=[target, *drop])
    try:
        with warnings.catch_warnings():
            # scikit-learn's on very many classes, which a finding says better
            warnings.simplefilter("ignore", UserWarning)
            labels = read_target(_restore_labels(values[labelled].to_numpy()), columns)
    except (TypeError, ValueError) as error:
        raise OneLineError(join_lines(error)) from error
    known = np.unique(labels if classes is None else classes)
    return LabelledTable(path, target, columns, labels, np.searchsorted(known, labels), known)


def find_dates(given: LabelledTable) -> LabelledTable:
    """Read the columns of a CSV file that hold ISO dates as dates, and say so; those of a Parquet file have types."""
    if is_parquet(given.path):
        return given
    columns, names = parse_dates(given.columns)
    if names:
        noun, are = ("Column", "is") if len(names) == 1 else ("Columns", "are")
        tell(f"{noun} {quote_names(names)} {are} read as dates.")
    return replace(given, columns=columns)


def _restore_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Return labels in their own type: where one is missing, pandas reads integers as floats and bools as objects."""
    if values.dtype.kind == "O" and all(isinstance(value, bool | np.bool_) for value in values):
        return values.astype(bool)
    whole = values.dtype.kind == "f" and bool(np.all(values == np.floor(values)) and np.all(np.abs(values) < 2**53))
    return values.astype(np.int64) if whole else values
