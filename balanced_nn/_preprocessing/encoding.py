"""What are the levels of a category column, and which code does each cell get?"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.column_checks import number_form
from balanced_nn._data.names import quoted
from balanced_nn._data.table import CategoryColumn, Table, level_text
from balanced_nn._typing import IntArray
from balanced_nn.exceptions import ColumnWarning

__all__ = ["Encoding", "choose_levels", "fit_encoding", "type_notes"]


@dataclass(frozen=True, eq=False)
class Encoding:
    """The levels of one category column, as seen in the training rows."""

    position: int  # of the column in the caller's table
    codes: Mapping[
        Hashable, int
    ]  # code of each level, a text or a number, True as 1; without those that became "infrequent"
    labels: tuple[str, ...]  # of each code: levels in ascending order, then "missing", then "infrequent"
    missing: int  # code of a missing cell
    unseen: int  # code of a level that is not in `codes`: that of "infrequent" if there is one, else -1
    by_text: bool  # the column mixes numbers and strings: levels are compared by `level_text`

    def encode(self, column: CategoryColumn) -> NDArray[np.float32]:
        """Return the code of each cell."""
        codes = [self.unseen if code is None else code for code in self.find(column.levels)]
        return np.array([*codes, self.missing], dtype=np.float32)[column.codes]  # -1, missing, is the last element

    @property
    def of_text(self) -> bool:
        """Whether the levels are texts; those of a column that mixed texts with numbers are too."""
        return any(isinstance(level, str) for level in self.codes)

    def find(self, levels: Sequence[Hashable]) -> list[int | None]:
        """Return the code of each level, None where it has none; a level of another type is known by what it says.

        The number 7 is the text "7" or "7.0", and True is "True".
        """
        if self.by_text:
            return [self.codes.get(level_text(level)) for level in levels]
        found = [self.codes.get(level) for level in levels]
        of_text = self.of_text
        if all(isinstance(level, str) is of_text for level in levels):
            return found
        if of_text:
            values: dict[Hashable, int] = {}
            for text, code in self.codes.items():
                values.setdefault(_number_of(text), code)
            return [
                self.codes.get(str(level), values.get(level)) if code is None else code
                for level, code in zip(levels, found, strict=True)
            ]
        truths = {"true": 1, "false": 0} if {*self.labels} & {"True", "False"} else {}
        numbers = [truths.get(str(level).strip().lower(), _number_of(level)) for level in levels]
        return [
            code if code is not None or number is None else self.codes.get(number)
            for number, code in zip(numbers, found, strict=True)
        ]


def fit_encoding(position: int, column: CategoryColumn, rows: IntArray | None, max_categories: int | None) -> Encoding:
    """Choose the levels of a category column by how often they occur in the training rows."""
    *counts, n_missing = column.levels_in_use(rows).tolist()
    return choose_levels(position, {**dict(zip(column.levels, counts, strict=True)), None: n_missing}, max_categories)


def choose_levels(position: int, counts: Mapping[Hashable, int], max_categories: int | None) -> Encoding:
    """Choose the levels of a category column by how often each occurs; None counts the missing cells."""
    n_missing = counts.get(None, 0)
    used = [(level, count) for level, count in counts.items() if count > 0 and level is not None]
    by_text = len({isinstance(level, str) for level, _ in used}) == 2
    frequency: Counter[Hashable] = Counter()
    for level, count in used:
        frequency[level_text(level) if by_text else level] += count
    levels: list[Any] = sorted(frequency)  # all strings, or all numbers
    n_kept = len(levels)
    if max_categories is not None and len(levels) + (n_missing > 0) > max_categories:
        n_kept = max_categories - 1 - (n_missing > 0)
    kept = set(sorted(levels, key=lambda level: -frequency[level])[:n_kept])
    chosen = [level for level in levels if level in kept]
    # True is found under 1, which it equals, and skops reads the key "False" back as bool("False"), which is True.
    codes = {int(level) if isinstance(level, bool) else level: code for code, level in enumerate(chosen)}
    labels = [str(level) if isinstance(level, bool) else level_text(level) for level in chosen]
    labels += ["missing"] * (n_missing > 0) + ["infrequent"] * (n_kept < len(levels))
    unseen = len(labels) - 1 if n_kept < len(levels) else -1
    return Encoding(position, codes, tuple(labels), len(codes) if n_missing else unseen, unseen, by_text)


def _number_of(text: Hashable) -> int | float | None:
    """Return the number that a text writes, None where it writes none."""
    try:
        return int(str(text))
    except ValueError:
        return float(str(text)) if number_form(str(text)) == "" else None


def type_notes(table: Table, numeric: IntArray, networks: Sequence[Sequence[Encoding]]) -> tuple[Warning, ...]:
    """Say which category columns hold cells of another type than in `fit`, none of which is known.

    Parameters
    ----------
    table : Table
        What was passed to predict.
    numeric : ndarray of int
        Positions of the columns that were numeric in `fit`.
    networks : sequence of sequence of Encoding
        Those of each network; a level is known that one of them knows.
    """
    notes = [
        _type_note(table.name(position), "numbers", "booleans", "they are taken for 0 and 1")
        for position, column in table.categories.items()
        if position in numeric and len(table) > 1 and column.levels == (False, True)
    ]
    for encodings in zip(*networks, strict=True):
        position, of_text = encodings[0].position, any(encoding.of_text for encoding in encodings)
        if position in table.dates or any(encoding.by_text or not encoding.codes for encoding in encodings):
            continue
        stored = table.categories.get(position)
        if not of_text if stored is None else all(isinstance(level, str) is of_text for level in stored.levels):
            continue  # the type that it had in fit
        column = table.category(position)
        used = [level for level, count in zip(column.levels, column.levels_in_use(), strict=False) if count]
        if used and not any(code is not None for encoding in encodings for code in encoding.find(used)):
            label = encodings[0].labels[0]
            kind = "text" if of_text else "booleans" if label in {"True", "False"} else "numbers"
            before = f"{kind}, such as {quoted(label) if of_text else label},"
            now = f"{_type_name(used[0])}, such as {quoted(used[0])}"
            said = "no cell is a level that fit has seen, and all are taken for unseen ones"
            notes.append(_type_note(table.name(position), before, now, said))
    return tuple(notes)


def _type_name(level: Hashable) -> str:
    return "text" if isinstance(level, str) else "booleans" if isinstance(level, bool) else "numbers"


def _type_note(name: str, before: str, now: str, said: str) -> Warning:
    text = f"Column {name} held {before} in fit and now holds {now}: {said}. "
    return ColumnWarning(f"{text}Convert the column to the type that it had in fit.")
