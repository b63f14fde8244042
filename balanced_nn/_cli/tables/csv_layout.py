"""How is a text file divided into cells, and which of them are whose column? What pandas would guess, looked at."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO, Any, TextIO

from balanced_nn._cli.console import OneLineError

SEPARATORS = (",", ";", "\t", "|")  # the earlier of two that divide equally well; a blank where none does
_DECLARED = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)  # the first line that Excel reads and writes
# A number as any country writes it, with or without thousands.
NUMBER = re.compile(r"\s*[-+]?(\d+|\d{1,3}([.,'\u2019\xa0 ]\d{3})+)?([.,]\d*)?(e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)
_OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}
_JSON = re.compile(r"(\{|\[\s*[\[{\"\d-])")
# How other formats begin, by what they are.
_BEGINNINGS = {b"PAR1": "Parquet", b"PK\x03\x04": "a workbook or a ZIP archive", b"\x1f\x8b": "what gzip wrote"}
_MARKUP = re.compile(r"<(!|\?xml|(html|head|table)[\s>])", re.IGNORECASE)
_SNIFFED = 200  # bytes at the beginning
_LINES = 100  # by which the separator is chosen
_POINTED = re.compile(r"\s*[-+]?[1-9]\d{0,2}\.\d{3}\s*")
_FEWEST_POINTED = 10  # of measurements as many would hardly all end in three digits


@dataclass(frozen=True)
class CsvLayout:
    """How the rows of a text file are divided.

    Parameters
    ----------
    separator : str
        What stands between two fields.
    fields : tuple of str
        A name for each field that a row may have; those that are no column have one that no header holds.
    positions : tuple of int
        The fields that are columns.
    notes : tuple of str
        What the user is told of how the file was read.
    n_skipped : int, default=0
        Lines above the names: one where it declares the separator.
    """

    separator: str
    fields: tuple[str, ...]
    positions: tuple[int, ...]
    notes: tuple[str, ...] = ()
    n_skipped: int = 0


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[TextIO]:
    """Open a text file that may be compressed; a byte-order mark is no part of the text."""
    with ExitStack() as stack:
        if path.suffix.lower() == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = archive.namelist()
            if len(names) != 1:
                raise OneLineError(f"cannot read {path}: it holds {len(names)} files, and a table is one")
            raw: IO[bytes] = archive.open(names[0])
        else:
            raw = _OPENERS.get(path.suffix.lower(), lambda plain: plain.open("rb"))(path)
        yield stack.enter_context(io.TextIOWrapper(raw, encoding=_codec(encoding), newline=""))


def _codec(encoding: str) -> str:
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def read_layout(path: Path, encoding: str) -> CsvLayout:
    """Look at each row of a file once, and say which of its fields are columns.

    A last field that is empty in every row, with a name or without, is none; neither are the row names that pandas and
    R write first, under an empty name or under none.

    Raises
    ------
    OneLineError
        If the file is empty or of another format, if a name occurs twice, or if a row has a field without a name.
    """
    with open_text(path, encoding) as text:
        _refuse_other_formats(path, text.buffer.read(_SNIFFED), encoding)
    with open_text(path, encoding) as text:
        lines = list(islice(text, _LINES))
    declared = _DECLARED.fullmatch(lines[0]) if lines else None
    n_skipped = 1 if declared else 0
    quoted = all(line.startswith('"') for line in lines[n_skipped : n_skipped + 2])
    separator = declared[1] if declared else _find_separator(lines)
    with open_text(path, encoding) as text, _long_cells():
        reader = csv.reader(text, delimiter=separator)
        rows = _skip_blank(islice(reader, n_skipped, None))
        header = next(rows, None)
        if header is None:
            raise OneLineError(f"cannot read {path}: No columns to parse from file, which is empty")
        _refuse_doubles(path, header)
        seen = _Seen(len(header), [i for i, name in enumerate(header) if not name.strip()])
        for row in rows:
            seen.add(row, reader.line_num)
        layout = _lay_out(path, separator, header, seen, quoted=quoted)
        thousands = tuple(_note_thousands(path, list(csv.reader(lines[n_skipped:], delimiter=separator))))
    return replace(layout, notes=(*layout.notes, *thousands), n_skipped=n_skipped)


def _refuse_other_formats(path: Path, beginning: bytes, encoding: str) -> None:
    found = next((what for start, what in _BEGINNINGS.items() if beginning.startswith(start)), None)
    if found == "Parquet" and beginning[4:5] in b",;\t|":
        found = None  # a column of that name
    text = beginning.decode(_codec(encoding), errors="replace").lstrip()
    if path.suffix.lower() in {".json", ".jsonl", ".ndjson"} or _JSON.match(text):
        found = "JSON"
    if found or _MARKUP.match(text):
        raise OneLineError(
            f"cannot read {path}: it holds {found or 'HTML or XML'}, not CSV. Convert it to CSV or Parquet (.parquet)"
        )
    if "\0" in text:
        likely = "utf-16" if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-16-le"
        raise OneLineError(
            f"cannot read {path}: it holds NUL characters, so that it is not encoded in {encoding}. Name its "
            f"encoding, such as --encoding {likely}"
        )


def _find_separator(lines: list[str]) -> str:
    """Choose what divides names and rows into equally many fields, and of several such marks that of most numbers."""
    with _long_cells():
        rows = {mark: list(_skip_blank(csv.reader(lines, delimiter=mark))) for mark in (*SEPARATORS, " ")}
    best = max(SEPARATORS, key=lambda mark: _fitness(rows[mark]))
    if _fitness(rows[best]) == 0:
        widths = {len(row) for row in rows[" "]}
        return " " if widths and min(widths) > 1 and len(widths) <= 2 else ","
    return best


def _fitness(rows: list[list[str]]) -> float:
    """How well a mark divides; 0 where most rows have one field. Names count, then equal widths and numbers."""
    filled = max((i + 1 for row in rows for i, cell in enumerate(row) if cell.strip()), default=0)
    widths = [min(len(row), filled) for row in rows]  # empty last fields are nothing
    usual, n_usual = max(Counter(widths).items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    if usual < 2:
        return 0.0
    cells = [cell for row in rows[1:] for cell in row if cell.strip()]
    n_numbers = sum(1 for cell in cells if NUMBER.fullmatch(cell))
    n_blank = sum(cell.startswith(" ") for cell in cells)  # as after a comma in a sentence
    return 2 * (widths[0] == usual) + n_usual / len(rows) + (n_numbers - 0.1 * n_blank) / max(1, len(cells))


def _note_thousands(path: Path, rows: list[list[str]]) -> Iterator[str]:
    """Tell of columns such as 1.234, 12.500 and 999, which would be read as 1.234, 12.5 and 999."""
    for name, *cells in zip_longest(*rows, fillvalue=""):
        pointed = [cell for cell in cells if "." in cell]
        whole = sum(cell.strip().isdecimal() for cell in cells)
        if len(pointed) >= _FEWEST_POINTED and whole and all(map(_POINTED.fullmatch, pointed)):
            yield (
                f"Column {name!r} of {path} holds {pointed[0].strip()!r} beside whole numbers: the point is read as a "
                "decimal point. If it divides thousands, remove it."
            )


def _skip_blank(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    return (row for row in rows if len(row) > 1 or (row and row[0].strip()))


@contextmanager
def _long_cells() -> Iterator[None]:
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _refuse_doubles(path: Path, header: list[str]) -> None:
    double = next((name for i, name in enumerate(header) if name.strip() and name in header[:i]), None)
    if double is not None:
        raise OneLineError(
            f"cannot read {path}: its first line names the column {double!r} twice. Rename one, or remove it"
        )


@dataclass
class _Seen:
    """What the rows of a file hold beside their header."""

    n_names: int
    nameless: list[int]  # positions in the header
    n_rows: int = 0
    n_one_more: int = 0  # rows of one field more than there are names
    short: list[int] = field(default_factory=list)  # lines of rows with fewer fields
    surplus: tuple[int, int] | None = None  # line and number of fields of the first row with a cell beyond the names
    most: int = 0  # fields of a row
    first: set[str] = field(default_factory=set)  # first fields, as long as each row has one more than names
    filled: dict[int, int] = field(default_factory=dict)  # line of the first cell under each empty name

    def add(self, row: list[str], line: int) -> None:
        n = len(row)
        if n == self.n_names + 1 and self.n_one_more == self.n_rows:
            self.n_one_more += 1
            self.first.add(row[0])
        self.n_rows += 1
        self.most = max(self.most, n)
        if n < self.n_names:
            self.short.append(line)
        elif n > self.n_names and self.surplus is None and any(cell.strip() for cell in row[self.n_names :]):
            self.surplus = line, n
        for position in self.nameless:
            if position < n and position not in self.filled and row[position].strip():
                self.filled[position] = line


def _lay_out(path: Path, separator: str, header: list[str], seen: _Seen, *, quoted: bool) -> CsvLayout:
    notes = []
    if seen.short:
        rows = f"{len(seen.short):,} of {seen.n_rows:,} rows"
        notes.append(
            f"{rows} of {path} have fewer fields than there are names, the first in line {seen.short[0]}: what they "
            "lack is read as missing."
        )
    names, offset = header, 0
    if seen.surplus is not None:
        if seen.nameless or seen.n_one_more < seen.n_rows or not _are_row_names(seen, quoted=quoted):
            line, n = seen.surplus
            raise OneLineError(
                f"cannot read {path}: line {line} has {n} fields, and the first line {len(header)} names. Give each "
                f"field a name, put cells that hold {separator!r} in quotes, and remove a title above the names"
            )
        names, offset = ["", *header], 1
    elif (wrong := next((i for i in seen.filled if i > 0), None)) is not None:
        raise OneLineError(
            f"cannot read {path}: its column {wrong + 1} has no name, and holds a cell in line {seen.filled[wrong]}. "
            "Name it in the first line, or remove it"
        )
    if offset or 0 in seen.filled:
        notes.append(f"The first field of each row of {path} has no name: it is read as a row name, and left out.")
    width = max(seen.most, len(names))
    padded = [*names, *[""] * (width - len(names))]
    fields = tuple(name if name.strip() else f"\0{i}" for i, name in enumerate(padded))
    return CsvLayout(separator, fields, tuple(i for i, name in enumerate(padded) if name.strip()), tuple(notes))


def _are_row_names(seen: _Seen, *, quoted: bool) -> bool:
    """Whether first fields are the row names of R: all different, no measurements, and in quotes, text, or counted."""
    names = seen.first
    if len(names) < seen.n_rows or any(not name.strip() or _is_fraction(name) for name in names):
        return False
    whole = {int(name) for name in names if name.strip().isdecimal()}
    return quoted or not whole or whole in (set(range(len(names))), set(range(1, len(names) + 1)))


def _is_fraction(name: str) -> bool:
    try:
        return not float(name).is_integer()
    except (ValueError, OverflowError):
        return False
