"""What does a table hold, and what should be checked before anything is trained on it?"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from balanced_nn._causes.data_checks import preflight, table_facts, too_many_classes
from balanced_nn._causes.evidence import DataFacts
from balanced_nn._cli.console import OneLineError, tell
from balanced_nn._cli.tables.reading import LabelledTable
from balanced_nn._data.column_checks import Reason, describe, row_numbers, suspicious_columns
from balanced_nn._data.copies import find_copies
from balanced_nn._data.names import listed
from balanced_nn._data.table import Table, read_table
from balanced_nn._preprocessing.preprocessor import TabularPreprocessor
from balanced_nn._typing import IntArray

MOST_CLASSES = 20  # that are listed


@dataclass(frozen=True)
class TableSummary:
    """What a table holds.

    Parameters
    ----------
    path : Path
        Its file.
    target : str
        The column of the labels.
    facts : DataFacts
        Rows, columns and classes in numbers.
    classes : tuple
        Class labels, in the order of the facts.
    n_categories : int
        Columns that hold no numbers.
    n_dates : int
        Columns that hold dates.
    findings : tuple of str
        What to check, the most serious first.
    n_seen : int or None, default=None
        By how many rows the columns are described; None of all.
    """

    path: Path
    target: str
    facts: DataFacts
    classes: tuple[Any, ...]
    n_categories: int
    n_dates: int
    findings: tuple[str, ...]
    n_seen: int | None = None

    @property
    def headline(self) -> str:
        """Rows and columns in a sentence."""
        facts, dates = self.facts, f"{self.n_dates:,} of dates, " if self.n_dates else ""
        return (
            f"{self.path}: {facts.n_rows:,} rows, {facts.n_features:,} columns besides {self.target!r} "
            f"({facts.n_features - self.n_categories - self.n_dates:,} of numbers, {dates}{self.n_categories:,} of "
            "categories)."
            f"{'' if self.n_seen is None else f' Columns are described by {self.n_seen:,} of the rows.'}"
        )

    @property
    def largest_first(self) -> list[tuple[int, float, str]]:
        """Rows, share and name of each class; of equally many rows by name."""
        counted = zip(self.facts.class_rows, self.facts.class_share, map(str, self.classes), strict=True)
        return sorted(counted, key=lambda row: (-row[0], row[2]))

    def __str__(self) -> str:
        rows = self.largest_first
        width = max(len(name) for _, _, name in rows[:MOST_CLASSES])
        lines = [
            self.headline,
            "",
            *(f"  {name:<{width}}  {count:>9,} rows  {share:6.1%}" for count, share, name in rows[:MOST_CLASSES]),
            *([f"  and {len(rows) - MOST_CLASSES:,} more classes"] if len(rows) > MOST_CLASSES else []),
            "",
        ]
        if not self.findings:
            return "\n".join([*lines, "Nothing in this table prevents training a network."])
        return "\n".join([*lines, "To check before a network is trained:", *(f"- {s}" for s in self.findings)])

    def to_dict(self) -> dict[str, Any]:
        """Return what was seen as plain values."""
        return {**asdict(self.facts), "classes": list(self.classes), "findings": self.findings}


def summarize_table(given: LabelledTable, class_rows: tuple[int, ...] | None = None) -> TableSummary:
    """Count rows and classes, and find what deserves a look.

    Parameters
    ----------
    given : LabelledTable
        All rows, or some of them.
    class_rows : tuple of int or None, default=None
        All rows of each class, where these are some of them; what is said of columns is said by these.

    Raises
    ------
    TypeError
        If a column holds neither numbers nor text.
    """
    table = _read_unbounded(given)
    classes = given.classes.tolist()
    facts = table_facts(table, given.y, len(classes))
    n_seen = None
    if class_rows is not None:
        facts, n_seen = _of_all_rows(facts, class_rows), facts.n_rows
    findings = (
        *_question_target(given, facts),
        *preflight(facts, classes),
        *describe((*suspicious_columns(table), *row_numbers(table))),
    )
    n_dates = sum(column.kind == "dates" for column in table.dates.values())
    n_categories = len(table.categories)
    return TableSummary(given.path, given.target, facts, tuple(classes), n_categories, n_dates, findings, n_seen)


def _of_all_rows(facts: DataFacts, class_rows: tuple[int, ...]) -> DataFacts:
    """What some rows say of the columns of all."""
    n_rows = sum(class_rows)
    share = tuple(rows / n_rows for rows in class_rows)
    n_not_finite = round(facts.n_not_finite * n_rows / facts.n_rows)
    return replace(facts, n_rows=n_rows, class_rows=class_rows, class_share=share, n_not_finite=n_not_finite)


def number_copies(given: LabelledTable) -> IntArray | None:
    """Number the distinct rows, of which copies have to stay together; None where no row has a copy that matters."""
    return find_copies(_read_unbounded(given), np.arange(len(given.y)), given.y)


def _read_unbounded(given: LabelledTable) -> Table:
    """Read the columns with infinity as missing: a finding, though an error for an estimator."""
    columns = given.columns.replace([np.inf, -np.inf], np.nan)
    return read_table(TabularPreprocessor(), columns, reset=True)


def _question_target(given: LabelledTable, facts: DataFacts) -> tuple[str, ...]:
    """Doubt that many different numbers are the names of classes, where no finding says so of any labels."""
    if given.classes.dtype.kind not in "iuf" or len(given.classes) <= MOST_CLASSES or too_many_classes(facts):
        return ()
    return (
        f"The target {given.target!r} holds {len(given.classes):,} different numbers, each of which becomes a class: "
        "is it a quantity to be estimated? Take another column, or group the values.",
    )


def leave_out_identifiers(given: LabelledTable) -> LabelledTable:
    """Leave out the columns that hold another text in almost every row, and say so.

    Raises
    ------
    OneLineError
        If there is no other column.
    """
    texts = given.columns.select_dtypes(exclude=["number", "bool"])
    if texts.shape[1] == 0:
        return given
    names = [
        column.name
        for column in suspicious_columns(read_table(TabularPreprocessor(), texts, reset=True))
        if column.reason is Reason.UNIQUE
    ]
    if not names:
        return given
    noun, hold, are = ("Column", "holds", "It is") if len(names) == 1 else ("Columns", "hold", "They are")
    told = f"{noun} {listed(map(repr, names))} {hold} another text in almost every row (identifiers?). {are} left out."
    if len(names) == given.columns.shape[1]:
        raise OneLineError(f"{given.path} has nothing to learn from beside {given.target!r}. {told}")
    tell(told)
    return replace(given, columns=given.columns.drop(columns=names))
