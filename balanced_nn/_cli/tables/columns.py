"""Which columns has a table, and are those among them that are needed?"""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from balanced_nn._cli.console import MOST_NAMES, OneLineError
from balanced_nn._data.names import listed


def require_columns(columns: Collection[object], names: Sequence[str], path: Path) -> None:
    """Raise OneLineError for the first name that is no column of the table."""
    for name in names:
        if name not in columns:
            raise OneLineError(f"{path} has no column {name!r}; it has {quote_names(columns)}{doubt_header(columns)}")


def quote_names(names: Iterable[object]) -> str:
    """Name columns in a message."""
    return listed((repr(str(name)) for name in names), MOST_NAMES)


def doubt_header(columns: Iterable[object]) -> str:
    """Ask whether names that are numbers are the first row; nothing where none is."""
    numbers = [name for name in map(str, columns) if re.fullmatch(r"-?\d+(\.\d*)?", name)]
    return ". Its first line is read as the names of its columns: has it none?" if numbers else ""
