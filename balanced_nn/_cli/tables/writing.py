"""How are answers written, to a file or to whoever reads the output?"""

import importlib
import os
import re
import sys
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from balanced_nn._cli.console import OneLineError, tell
from balanced_nn._cli.tables.columns import quote_names
from balanced_nn._cli.tables.csv_layout import NUMBER
from balanced_nn._cli.tables.parquet import SUFFIXES
from balanced_nn._storage.atomic_file import replaced_file

if TYPE_CHECKING:
    from pandas import DataFrame

# How text begins that spreadsheets compute, with something to compute in it; the blanks are skipped by some.
_FORMULA = re.compile(r"[\t\r\n]*[=+\-@](?=.*[^\W_])(?!(inf|infinity|nan)$)", re.IGNORECASE | re.DOTALL)


def is_formula(cell: object) -> bool:
    """Whether a spreadsheet would take a cell of a CSV file for a formula, which a number or a lone sign is not.

    >>> [cell for cell in ("=1+1", "@SUM(A1)", "-2+3", "-1", "+1,5e3", "-", "a=b", -1) if is_formula(cell)]
    ['=1+1', '@SUM(A1)', '-2+3']
    """
    return isinstance(cell, str) and bool(_FORMULA.match(cell)) and not NUMBER.fullmatch(cell)


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
    if path.suffix.lower() in SUFFIXES:
        try:
            importlib.import_module("pyarrow")
        except ImportError as error:
            raise ImportError(f"writing {path} needs pandas and pyarrow: pip install pandas pyarrow") from error


def write_frames(frames: Iterable["DataFrame"], path: Path | None, *, escape: bool = True) -> None:
    """Write tables with the same columns one below the other, as CSV or Parquet, as the suffix says.

    Where `escape` is set, CSV gets an apostrophe before each text and name that a spreadsheet would take for a formula,
    and a line says so. None writes CSV to standard output.
    """
    if path is None:
        _write_csv(frames, sys.stdout, escape=escape)
        return
    with replaced_file(path) as file:
        if path.suffix.lower() in SUFFIXES:
            _write_parquet(frames, file)
        else:
            _write_csv(frames, file, escape=escape)


def _write_csv(frames: Iterable["DataFrame"], file: Any, *, escape: bool) -> None:
    found: dict[str, None] = {}  # columns with formulas, in their order
    for number, frame in enumerate(frames):
        escaped, names = _escape_formulas(frame) if escape else (frame, [])
        found |= dict.fromkeys(names)
        escaped.to_csv(file, index=False, header=number == 0)
    if found:
        tell(
            f"Text in {quote_names(found)} that a spreadsheet would take for a formula is written with an apostrophe "
            "before it; --no-escape leaves it as it is."
        )


def _escape_formulas(frame: "DataFrame") -> tuple["DataFrame", list[str]]:
    """Return the table as CSV may hold it, and which columns hold a formula or are named so."""

    def escape(cell: object) -> object:
        return f"'{cell}" if is_formula(cell) else cell

    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"])
    formulas = {name: int(texts[name].map(is_formula).sum()) for name in texts}
    escaped = frame.assign(**{name: texts[name].map(escape) for name, n_cells in formulas.items() if n_cells})
    escaped.columns = [str(escape(name)) for name in frame.columns]
    return escaped, [name for name in frame.columns if formulas.get(name) or is_formula(name)]


def _write_parquet(frames: Iterable["DataFrame"], file: IO[bytes]) -> None:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    with ExitStack() as stack:
        writer = None
        for frame in frames:
            schema = None if writer is None else writer.schema
            table = arrow.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata(None)
            if writer is None:
                writer = stack.enter_context(parquet.ParquetWriter(file, table.schema))
            writer.write_table(table)
