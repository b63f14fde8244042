"""What has a benchmark measured so far, and where in a page do its tables go?"""

import csv
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

Record = TypeVar("Record")


def read_rows(path: Path, kind: type[Record]) -> list[Record]:
    """Rows of a CSV file as values of a dataclass of str, int, float and bool; empty where there is no file."""
    if not path.exists():
        return []
    types = {field.name: field.type for field in fields(kind)}
    with path.open(newline="") as lines:
        return [kind(**{name: _value(line[name], types[name]) for name in types}) for line in csv.DictReader(lines)]


def _value(text: str, kind: Any) -> Any:
    return text == "True" if kind is bool else kind(text)


def append_row(path: Path, row: Any) -> None:
    """Add a dataclass to a CSV file, which is made if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def drop_rows(path: Path, kind: type[Record], unwanted: Callable[[Record], bool]) -> None:
    """Write a CSV file again without some of its rows."""
    kept = [row for row in read_rows(path, kind) if not unwanted(row)]
    path.unlink(missing_ok=True)
    for row in kept:
        append_row(path, row)


def fill(page: Path, begin: str, end: str, text: str) -> None:
    """Put a text between two markers of a page."""
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
