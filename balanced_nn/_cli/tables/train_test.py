"""Which rows of a table is a model fitted on, and which judge it? Of a table that memory does not hold as well."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_nn import BalancedNNClassifier
from balanced_nn._cli.console import tell
from balanced_nn._cli.tables.parquet import ParquetTable, is_parquet, open_parquet
from balanced_nn._cli.tables.reading import (
    LabelledTable,
    check_named,
    find_dates,
    import_pandas,
    label_rows,
    read_labelled,
)
from balanced_nn._cli.tables.summary import TableSummary, leave_out_identifiers, number_copies, summarize_table
from balanced_nn._data.hold_outs import HoldOut, hold_outs
from balanced_nn._data.target import find_classes
from balanced_nn._streaming.parts import hold_out
from balanced_nn._streaming.source import Source, open_source
from balanced_nn._streaming.stream import Show
from balanced_nn._typing import FloatArray, IntArray

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_SAMPLED = 50_000  # rows to judge by that are kept beside one another
MOST_TEST_ROWS = 1_000_000  # of a large table: by so many, scores are known to three digits
FEWEST_OF_CLASS = 10  # rows on either side, on average, without which a class of a large table is not held out
_TEST = 11  # stream of random numbers


class Rows(Protocol):
    """The rows of a table, divided into those to fit on and those to judge by."""

    @property
    def summary(self) -> TableSummary:
        """What the table holds."""

    @property
    def classes(self) -> NDArray[Any]:
        """The sorted labels."""

    @property
    def without(self) -> tuple[str, ...]:
        """Classes of which no rows could be held out."""

    @property
    def judged_on(self) -> str:
        """How the rows to judge by were chosen, where this is to be told."""

    def fit(self, estimator: BalancedNNClassifier) -> BalancedNNClassifier:
        """Fit on those of training."""

    def held_out(self) -> Iterator[tuple[Any, IntArray]]:
        """Rows to judge by with the indices of their classes, part by part; nothing where there are none."""


@dataclass(frozen=True, eq=False)
class RowsInMemory:
    """A table in memory, of which the same fraction of each class is held out."""

    table: LabelledTable
    test_size: float
    seed: int

    judged_on = ""

    @cached_property
    def summary(self) -> TableSummary:
        """What the table holds."""
        return summarize_table(self.table)

    @property
    def classes(self) -> NDArray[Any]:
        """The sorted labels."""
        return self.table.classes

    @cached_property
    def _split(self) -> HoldOut:
        y, n_classes = self.table.y, len(find_classes(self.classes))
        if not self.test_size:
            return HoldOut(np.arange(len(y)), np.empty(0, dtype=np.intp), ())
        rng = np.random.default_rng([self.seed, _TEST])
        return hold_outs(y, self.test_size, rng, n_classes, copies=number_copies(self.table))[0]

    @property
    def without(self) -> tuple[str, ...]:
        """Classes of which no rows could be held out."""
        return tuple(str(self.classes[index]) for index in self._split.classes_without)

    def fit(self, estimator: BalancedNNClassifier) -> BalancedNNClassifier:
        """Fit on those of training."""
        train = self._split.train
        return estimator.fit(self.table.columns.iloc[train], self.table.labels[train])

    def held_out(self) -> Iterator[tuple[Any, IntArray]]:
        """Rows to judge by with the indices of their classes."""
        if len(valid := self._split.valid):
            yield self.table.columns.iloc[valid], self.table.y[valid]


@dataclass(frozen=True, eq=False)
class RowsInFiles:
    """Rows of files that are read part by part, of which about the same fraction of each class is held out.

    Parameters
    ----------
    summary : TableSummary
    source : Source
        All rows.
    class_rows : dict
        Rows of each label, in the order of the labels.
    test_size : float
    seed : int
    show : callable
        Shows how far a pass over the rows is.
    """

    summary: TableSummary
    source: Source
    class_rows: dict[Any, int]
    test_size: float
    seed: int
    show: Show

    @property
    def classes(self) -> NDArray[Any]:
        """The sorted labels."""
        return np.array(list(self.class_rows))

    @property
    def _shares(self) -> dict[Any, float]:
        share = min(self.test_size, MOST_TEST_ROWS / sum(self.class_rows.values()))
        smaller = min(share, 1.0 - share)
        held_out = {label: n * smaller >= FEWEST_OF_CLASS for label, n in self.class_rows.items()}
        return {label: share * (enough and sum(held_out.values()) > 1) for label, enough in held_out.items()}

    @property
    def without(self) -> tuple[str, ...]:
        """Classes of which no rows could be held out."""
        return tuple(str(label) for label, share in self._shares.items() if not share) if self.test_size else ()

    @property
    def judged_on(self) -> str:
        """How the rows to judge by were chosen."""
        most = f" (at most {MOST_TEST_ROWS:,})" if max(self._shares.values()) < self.test_size else ""
        return f"{max(self._shares.values()):.2g} of the rows of all files, drawn at random{most}"

    @cached_property
    def _parts(self) -> tuple[Source, Source]:
        return hold_out(self.source, self._shares, self.seed)

    def fit(self, estimator: BalancedNNClassifier) -> BalancedNNClassifier:
        """Fit on those of training."""
        source = self._parts[0] if any(self._shares.values()) else self.source
        return estimator.fit_dataset(source, self.source.target)

    def held_out(self) -> Iterator[tuple[Any, IntArray]]:
        """Rows to judge by with the indices of their classes, part by part."""
        if not any(self._shares.values()):
            return
        _, judged = self._parts
        with self.show("Evaluating", judged.count_rows) as advance:
            for block in judged.blocks(advance):
                yield block.frame, block.class_indices(self.classes)


class RowSample:
    """Some of the rows that come along in parts, drawn at random; all of them where they are one part.

    Attributes
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The rows so far.
    y : ndarray of shape (n_samples,)
        Indices of their classes.
    """

    X: "DataFrame"

    def __init__(self, rng: np.random.Generator) -> None:
        self.y: IntArray = np.empty(0, np.intp)
        self._rng = rng
        self._order: FloatArray = np.empty(0)  # those with the lowest numbers stay

    def watch(self, parts: Iterable[tuple["DataFrame", IntArray]]) -> Iterator[tuple["DataFrame", IntArray]]:
        """Pass parts on."""
        for X, y in parts:
            yield X, y
            order = self._rng.random(len(y))
            if not len(self.y):
                self.X, self.y, self._order = X, y, order
                continue
            self.y, self._order = np.append(self.y, y), np.append(self._order, order)
            kept = np.sort(np.argsort(self._order)[:MOST_SAMPLED])
            self.X = import_pandas().concat([self.X, X]).iloc[kept]
            self.y, self._order = self.y[kept], self._order[kept]


def open_rows(
    path: Path, target: str, drop: Sequence[str], encoding: str, *, test_size: float, seed: int, show: Show
) -> Rows:
    """Open a table, and leave out identifiers.

    A table of Parquet is in memory where its rows times its columns are not more than `MOST_CELLS`.

    Parameters
    ----------
    path : Path
        A CSV or Parquet file, or a folder of Parquet files.
    target : str
        The column that holds the labels.
    drop : sequence of str
        Columns to leave out.
    encoding : str
        Of a CSV file.
    test_size : float
        Fraction of the rows that is held out.
    seed : int
    show : callable
        Shows how far a pass over the rows is.

    Raises
    ------
    OneLineError
        If the table cannot be read, or columns or labels are missing.
    TypeError, ValueError
        What the package says of rows that it cannot use.
    """
    if is_parquet(path) and path.exists():
        files = open_parquet(path)
        if files.is_large:
            return _open_files(files, target, drop, test_size, seed, show)
    table = find_dates(read_labelled(path, target, drop, encoding=encoding))
    return RowsInMemory(leave_out_identifiers(table), test_size, seed)


def _open_files(
    files: ParquetTable, target: str, drop: Sequence[str], test_size: float, seed: int, show: Show
) -> RowsInFiles:
    check_named(files.names, target, drop, files.path)
    tell(f"{files.path} is read part by part, as it is too large to be held in memory.")
    source = open_source(files.dataset, target)
    source = replace(source, origin=str(files.path), dropped=frozenset(drop))
    counts: Counter[Any] = Counter()
    with show("Counting the labels", source.count_rows) as advance:
        for block in replace(source, dropped=frozenset({*drop, *source.features})).blocks(advance):
            rows = np.bincount(block.codes, minlength=len(block.labels))
            counts.update(dict(zip(block.labels.tolist(), rows.tolist(), strict=True)))
    preview = files.preview()
    seen = label_rows(preview, files.path, target, drop, classes=np.array(list(counts)))
    kept = leave_out_identifiers(seen)
    left_out = set(seen.columns.columns) - set(kept.columns.columns)
    class_rows = {label: counts[label] for label in kept.classes.tolist()}
    summary = summarize_table(kept, tuple(class_rows.values()))
    source = replace(source, dropped=source.dropped | left_out)
    return RowsInFiles(summary, source, class_rows, test_size, seed, show)
