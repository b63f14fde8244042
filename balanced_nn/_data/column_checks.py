"""Which columns of a table are likely not what they should be? Identifiers, free text, dates and numbers as text."""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import Template

import numpy as np

from balanced_nn._data.names import listed
from balanced_nn._data.table import CategoryColumn, Table, to_dense
from balanced_nn._typing import Label
from balanced_nn.exceptions import ColumnWarning

FEWEST_ROWS = 20  # of fewer, all may differ by chance
ALMOST_ALL = 0.9  # of the rows hold a value that no other row has
MOSTLY = 0.5  # of the different cells
LOOKED_AT = 1000  # different cells of a column, at most, where there is nothing to be found among the others
MOST_CODES = 64  # whole numbers as text that may well be names of categories
FEW_CODES = 9  # levels, of which digits and numbers with a unit may well be names of categories
FEWEST_NUMBERS = 3  # beside which other text is odd
WORDS_OF_A_TEXT = 3  # on average, of cells that are written freely

# A year of two digits stands behind days and months of two: 10.2.13 is a version.
_DATE = re.compile(r"(\d{4}([-/.])\d\d?\2\d\d?|\d\d?([-/.])\d\d?\3\d{4}|\d\d([-/.])\d\d\4\d\d)(?![\d./-])")
_ORDERS = ((0, 1, 2), (2, 1, 0), (2, 0, 1))  # of year, month and day among the three numbers of a date
_YEARS = range(1800, 2200)  # that dates of a table are of
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([ '.,_\u2019\u00a0\u202f])\d{3}(\1\d{3})*([.,]\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_CURRENCY = r"[$€£¥₹₽₩₺]|CHF|EUR|USD|GBP|JPY|CAD|AUD|CNY|INR|SEK|NOK|DKK|PLN|CZK"
_WITH_CURRENCY = re.compile(rf"([+-]?)(?:{_CURRENCY})\s*(.+)|(.*\d[.,]?[-\u2013]?)\s*(?:{_CURRENCY})", re.IGNORECASE)
_WITH_UNIT = re.compile(r"([+-]?[\d.,]*\d)\s*([^\W\d_]{1,4}[²³]?|°[A-Z]?)")


class Reason(StrEnum):
    """Why a column deserves a look; the text goes behind its name."""

    DATES = "hold${s} dates as text, each of which becomes a category"
    NUMBERS = "hold${s} numbers as text, such as $example, each of which becomes a category: their size is lost"
    MIXED = "hold${s} numbers, but also text such as $example: each different number becomes a category"
    UNIQUE = "hold${s} another text in almost every row (identifiers, names, free text?), useless for others"
    FREE_TEXT = "hold${s} free text, such as $example, each of which becomes a category"
    ROW_NUMBERS = "number${s} the rows"


REMEDIES = {
    Reason.DATES: "Turn $it into dates (pandas.to_datetime), or drop $it.",
    Reason.NUMBERS: "Turn $it into numbers.",
    Reason.MIXED: "Repair or empty these cells, and turn $it into numbers.",
    Reason.UNIQUE: "Drop $it, or turn $it into categories.",
    Reason.FREE_TEXT: "Drop $it, or turn $it into numbers (TfidfVectorizer and TruncatedSVD).",
    Reason.ROW_NUMBERS: "Drop $it: the row order of a file is not a feature.",
}


@dataclass(frozen=True)
class SuspiciousColumn:
    """A column that deserves a look, why, and a cell that shows it."""

    name: str
    reason: Reason
    example: str = ""


def suspicious_columns(table: Table) -> tuple[SuspiciousColumn, ...]:
    """Find category columns that hold something else than categories.

    Examples
    --------
    >>> ages = CategoryColumn(("31", "45", "7", "n/a?"), np.array([0, 1, 2, 3, 0]))
    >>> found = suspicious_columns(Table(5, np.empty((5, 0)), np.arange(0), {0: ages}, ("age",)))
    >>> print(*describe(found))
    Column 'age' holds numbers, but also text such as 'n/a?': each different number becomes a category. Repair or empty
    these cells, and turn it into numbers.
    """
    checked = ((table.name(position), _check(column)) for position, column in table.categories.items())
    return tuple(SuspiciousColumn(name, *found) for name, found in checked if found is not None)


def row_numbers(table: Table) -> tuple[SuspiciousColumn, ...]:
    """Find numeric columns that hold consecutive whole numbers."""
    if len(table) < FEWEST_ROWS:
        return ()
    counted = [bool(np.all(np.diff(column.astype(np.float64)) == 1.0)) for column in to_dense(table.numeric).T]
    positions = map(int, table.numeric_positions[np.array(counted, dtype=bool)])
    return tuple(SuspiciousColumn(table.name(j), Reason.ROW_NUMBERS) for j in positions if j not in table.dates)


def describe(columns: Iterable[SuspiciousColumn]) -> tuple[str, ...]:
    """Say what is odd about columns, and what to do about them: a sentence for each reason."""
    columns = tuple(columns)
    grouped = {reason: [column for column in columns if column.reason is reason] for reason in Reason}
    return tuple(f"{_words(reason, found)}. {_remedy(reason, found)}" for reason, found in grouped.items() if found)


def column_notes(columns: Iterable[SuspiciousColumn]) -> tuple[Warning, ...]:
    """Return what `fit` warns of."""
    return tuple(ColumnWarning(sentence) for sentence in describe(columns))


def _words(reason: Reason, columns: Sequence[SuspiciousColumn]) -> str:
    noun, s = ("Column", "s") if len(columns) == 1 else ("Columns", "")
    words = Template(reason.value).substitute(s=s, example=columns[0].example)
    return f"{noun} {listed(repr(column.name) for column in columns)} {words}"


def _remedy(reason: Reason, columns: Sequence[SuspiciousColumn]) -> str:
    return Template(REMEDIES[reason]).substitute(it="it" if len(columns) == 1 else "them")


def _check(column: CategoryColumn) -> tuple[Reason, str] | None:
    counts = column.levels_in_use()[:-1]
    levels = [level for level, count in zip(column.levels, counts, strict=True) if count]
    texts = [level for level in levels if isinstance(level, str)]
    if not texts:
        return (Reason.UNIQUE, "") if _differs(len(levels), int(counts.sum()), ALMOST_ALL) else None
    seen = texts[:: -(-len(texts) // LOOKED_AT)]
    if _are_dates(seen):
        return Reason.DATES, ""
    return (
        _numbers_as_text(levels, texts, seen)
        or ((Reason.UNIQUE, "") if _differs(len(levels), int(counts.sum()), ALMOST_ALL) else None)
        or _free_text(seen, differs=_differs(len(levels), int(counts.sum()), MOSTLY))
    )


def _are_dates(texts: Sequence[str]) -> bool:
    """Whether most texts begin with what looks like a date, and almost all of these are dates in the same order.

    >>> _are_dates(["31.12.2024", "1.2.2025"]), _are_dates(["10.2.13", "10.2.14"]), _are_dates(["13/13/2024"])
    (True, False, False)
    """
    found = [[*map(int, re.findall(r"\d+", match[1]))] for text in texts if (match := _DATE.match(text.strip()))]
    return len(found) > MOSTLY * len(texts) and any(
        sum(_is_date(*(numbers[place] for place in order)) for numbers in found) >= ALMOST_ALL * len(found)
        for order in _ORDERS
    )


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year if year >= 100 else 2000 + year, month, day)
    except ValueError:
        return False
    return year < 100 or year in _YEARS


def _differs(n_levels: int, n_rows: int, share: float) -> bool:
    return n_rows >= FEWEST_ROWS and n_levels >= share * n_rows


def _free_text(texts: Sequence[str], *, differs: bool) -> tuple[Reason, str] | None:
    if not differs or np.mean([len(text.split()) for text in texts]) < WORDS_OF_A_TEXT:
        return None
    return Reason.FREE_TEXT, repr(texts[0] if len(texts[0]) <= 30 else f"{texts[0][:27]}...")


def _numbers_as_text(levels: Sequence[Label], texts: Sequence[str], seen: Sequence[str]) -> tuple[Reason, str] | None:
    n_others = len(levels) - len(texts)  # numbers that are numbers
    forms = [form for text in seen if (form := number_form(text)) is not None]
    n_numbers = len(forms) * len(texts) / len(seen) + n_others
    if n_numbers <= MOSTLY * len(levels):
        return None
    if len(levels) <= FEW_CODES and (set(forms) == {"unit"} or _are_digits(levels)):
        return None  # sizes, grades or codes: "2G" and "4G"; 0, 1, 2 and "3+"
    odd = next((text for text in texts if number_form(text) is None), None)
    if odd is not None:
        return (Reason.MIXED, repr(odd)) if n_numbers >= FEWEST_NUMBERS else None
    # "1,355" may be either; beside "0,355" it is no thousand
    form = "decimal comma" if "decimal comma" in forms else Counter(forms).most_common(1)[0][0]
    if n_others == 0 and len(texts) <= MOST_CODES and all(map(_may_be_a_code, texts)):
        return None
    if n_others == 0 and any(len(text) > 1 and text.isdigit() and text[0] == "0" for text in seen):
        return None  # codes: numbers do not begin with 0
    example = next(text for text in texts if number_form(text) == form)
    return Reason.NUMBERS, f"{example!r}{f' ({form})' if form else ''}"


def _are_digits(levels: Sequence[Label]) -> bool:
    numbers = [str(level).removesuffix(".0") for level in levels if number_form(str(level)) is not None]
    return all(len(number) == 1 for number in numbers)


def _may_be_a_code(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()


def number_form(text: str) -> str | None:
    """Return in which form a text writes a number: "" for the plain one, None where it is no number.

    Examples
    --------
    >>> [number_form(text) for text in ("-1.5e3", "1,5", "12 %", "1,234,567", "€ 3.50", "7 kg", "A7", "?", "nan")]
    ['', 'decimal comma', 'percent sign', 'thousands separator', 'currency', 'unit', None, None, None]
    """
    text = text.strip().replace("\u2212", "-")
    if _PLAIN.fullmatch(text):
        return ""
    if text.endswith(("%", "\u2030")):
        return None if number_form(text[:-1]) is None else "percent sign"
    if _GROUPED.fullmatch(text):
        return "thousands separator"
    if _COMMA.fullmatch(text):
        return "decimal comma"
    if match := _WITH_CURRENCY.fullmatch(text):
        amount = (match[3] or f"{match[1]}{match[2]}").rstrip("-\u2013").rstrip(".,")
        return None if number_form(amount) is None else "currency"
    if match := _WITH_UNIT.fullmatch(text):
        return None if number_form(match[1]) is None else "unit"
    return None
