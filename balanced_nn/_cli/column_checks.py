"""Which columns of a file are likely not what they should be? Identifiers, dates as text, numbers among text."""

import re
from collections.abc import Callable, Sequence
from string import Template

import numpy as np

from balanced_nn._causes.data_checks import MOST_NAMES, listed
from balanced_nn._data.table import CategoryColumn, Table, to_dense

FEWEST_ROWS = 20  # of fewer, all may differ by chance
ALMOST_ALL = 0.9  # of the rows hold a value that no other row has
MOSTLY = 0.5  # of the different texts
_OWN_TEXT = "another text in almost every row (identifiers, names, free text?)"
_NUMBER = re.compile(r"[-+]?\d{1,3}([ .,'\u00a0\u202f]\d{3})+([.,]\d+)?")  # of which thousands are set apart
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")


def check_columns(table: Table) -> tuple[str, ...]:
    """Say which columns deserve a look before they are trained on, and what to do about them.

    Examples
    --------
    >>> import numpy as np
    >>> ages = CategoryColumn(("31", "45", "n/a?"), np.array([0, 1, 2, 0]))
    >>> for sentence in check_columns(Table(4, np.empty((4, 0)), np.arange(0), {0: ages}, ("age",))):
    ...     print(sentence)
    Column 'age' holds numbers, but also text such as 'n/a?': it is read as categories. Mend or empty these cells.
    """
    texts = {table.name(position): _list_texts(column) for position, column in table.categories.items()}
    dates = [name for name, levels in texts.items() if _are_dates(levels)]
    numbers = [name for name, levels in texts.items() if name not in dates and _are_numbers(levels)]
    single = find_identifiers(table)
    counted = [table.name(int(position)) for position in table.numeric_positions[_find_row_numbers(table)]]
    return (
        *_describe(
            "hold${s} dates as text, of which each becomes a category",
            dates,
            "Turn $it into numbers (days since a date, month, weekday), or drop $it.",
        ),
        *(_describe_mixture(name, texts[name]) for name in numbers[:MOST_NAMES]),
        *([f"So do {len(numbers) - MOST_NAMES:,} more columns."] if len(numbers) > MOST_NAMES else []),
        *_describe(
            f"hold${{s}} {_OWN_TEXT}: that says nothing of others",
            single,
            "Drop $it, or turn $it into categories; balanced-nn fit leaves $it out.",
        ),
        *_describe("number${s} the rows", counted, "Drop $it: the order of a file is no feature."),
    )


def _list_texts(column: CategoryColumn) -> list[str]:
    counts = column.levels_in_use()[:-1]
    return [level for level, count in zip(column.levels, counts, strict=True) if count and isinstance(level, str)]


def find_identifiers(table: Table) -> list[str]:
    """Name the columns that hold another text in almost every row, but for dates and numbers."""
    return [
        table.name(position)
        for position, column in table.categories.items()
        if _differs_in_each_row(column)
        and not _are_dates(_list_texts(column))
        and not _are_numbers(_list_texts(column))
    ]


def describe_left_out(names: Sequence[str]) -> str:
    """Say that columns are left out as they hold identifiers."""
    return " ".join(_describe(f"hold${{s}} {_OWN_TEXT}", names, "$They left out."))


def _are_dates(levels: Sequence[str]) -> bool:
    return _measure_share(levels, _DATE.match) > MOSTLY


def _are_numbers(levels: Sequence[str]) -> bool:
    return _measure_share(levels, _is_number) > MOSTLY


def _measure_share(levels: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(level)) for level in levels) / len(levels) if levels else 0.0


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return _NUMBER.fullmatch(text.strip()) is not None
    return True


def _differs_in_each_row(column: CategoryColumn) -> bool:
    counts = column.levels_in_use()[:-1]
    n_rows = int(counts.sum())
    return n_rows >= FEWEST_ROWS and int(np.count_nonzero(counts)) >= ALMOST_ALL * n_rows


def _find_row_numbers(table: Table) -> np.ndarray:
    """Which numeric columns hold consecutive whole numbers."""
    columns = to_dense(table.numeric).T
    if len(table) < FEWEST_ROWS:
        return np.zeros(len(columns), dtype=bool)
    return np.array([bool(np.all(np.diff(column.astype(np.float64)) == 1.0)) for column in columns], dtype=bool)


def _describe_mixture(name: str, levels: Sequence[str]) -> str:
    others = [level for level in levels if not _is_number(level)]
    if others:
        return (
            f"Column {name!r} holds numbers, but also text such as {others[0]!r}: it is read as categories. Mend or "
            "empty these cells."
        )
    return (
        f"Column {name!r} holds numbers as text, such as {levels[0]!r}: it is read as categories. Turn it into numbers."
    )


def _describe(what: str, names: Sequence[str], remedy: str) -> tuple[str, ...]:
    """Put a finding about some columns into words; ${s} is the s of a verb in the singular, $it may be them."""
    if not names:
        return ()
    noun, s, it, they = ("Column", "s", "it", "It is") if len(names) == 1 else ("Columns", "", "them", "They are")
    words = Template(f"{what}. {remedy}").substitute(s=s, it=it, They=they)
    return (f"{noun} {listed(map(repr, names))} {words}",)
