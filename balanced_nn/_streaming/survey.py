"""How many rows, classes and levels do files hold, and which of their rows are kept in memory? The first pass."""

from collections import Counter
from collections.abc import Hashable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from balanced_nn._data.column_checks import suspicious_columns
from balanced_nn._data.labelled_rows import LabelledRows
from balanced_nn._data.row_hashes import mix
from balanced_nn._data.row_sketch import SKETCH_ROWS, RowSketch, hash_rows, sketch_hashes
from balanced_nn._data.table import Table, read_table, to_dense
from balanced_nn._data.target import check_every_class_weighs, read_target
from balanced_nn._streaming.source import Advance, Block, Source, as_frame, join_tables
from balanced_nn._typing import BoolArray, FloatArray, IntArray

UNIFORM_ROWS = 200_000  # of all rows, at random
ROWS_OF_A_CLASS = 30_000  # of each class, at random
ROWS_OF_ALL_CLASSES = 300_000  # where there are so many classes that this is fewer of each
MOST_LEVELS = 100_000  # of a column that are counted; of more the sampled rows tell
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SAMPLE = 21  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows that are kept in memory, and what is known of all.

    Parameters
    ----------
    rows : LabelledRows
        A uniform sample, further rows of each class, and for each numeric column the rows of its lowest and its highest
        number, in the order of the files. Weights are such that each class weighs as much as in all rows together.
    uniform : ndarray of bool of shape (n_sampled,)
        Which of them are the uniform sample, with those of the lowest and highest number of a column that it holds one
        number of.
    numbers : ndarray of shape (n_sampled,)
        Their numbers among all rows, ascending.
    groups : ndarray of shape (n_sampled,) or None
        64 bits of the group of each.
    class_rows : ndarray of shape (n_classes,)
        All rows of each class; those of weight 0 do not count anywhere.
    mean_weight : float
        Of all rows.
    levels : mapping from position to Counter
        How often each level of a category column occurs in all rows; None counts the missing cells.
    sketch : RowSketch
        That of all rows.
    """

    rows: LabelledRows
    uniform: BoolArray
    numbers: IntArray
    groups: np.ndarray | None
    class_rows: IntArray
    mean_weight: float
    levels: Mapping[int, Counter[Hashable]]
    sketch: RowSketch


def random_bits(numbers: IntArray, *streams: int) -> np.ndarray:
    """64 random bits of each row, which follow from its number and the seeds alone."""
    start = np.random.SeedSequence(streams).generate_state(1, np.uint64)[0]
    return mix(mix(numbers.astype(np.uint64) * _GOLDEN + start) + _GOLDEN)


def survey(source: Source, estimator: BaseEstimator, seed: int, advance: Advance | None = None) -> Sample:
    """Read all rows once. Sets ``n_features_in_`` and the names of the features on `estimator`.

    `advance` hears how many further rows were read.

    Raises
    ------
    ValueError
        If there are no rows, a single class, a class without weight, infinite numbers, or missing labels.
    TypeError
        If a column holds neither numbers, dates nor text.
    """
    totals, kept, reader = _Totals(source), _Reservoir(seed), copy(estimator)
    for block in source.blocks(advance):
        table = read_table(reader, block.frame, reset=True)
        codes = totals.add(block, table)
        kept.add(block, table, codes)
    classes = totals.find_classes()
    rank = np.searchsorted(classes, np.array(totals.labels, dtype=classes.dtype))
    codes, weight, numbers, groups, uniform, features = kept.result()
    y = rank[codes]
    mass = np.zeros(len(classes))
    mass[rank] = totals.mass
    check_every_class_weighs(np.arange(len(classes)), mass, classes)
    class_rows = np.zeros(len(classes), dtype=np.intp)
    class_rows[rank] = totals.rows
    weight = weight / totals.largest
    share = mass / mass.sum() / np.bincount(y, weights=weight, minlength=len(classes))
    weight = weight * share[y] * len(y)
    table = read_table(estimator, as_frame(features), reset=True)
    uniform |= np.isin(numbers, kept.extremes[:, _constant(table, uniform)])
    group_numbers = None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.intp)
    rows = LabelledRows(
        table, np.arange(len(y)), y, weight, classes, group_numbers, suspicious=suspicious_columns(table)
    )
    mean_weight = totals.largest * (mass.sum() / class_rows.sum())
    return Sample(rows, uniform, numbers, groups, class_rows, mean_weight, totals.levels, totals.sketch())


def _constant(table: Table, rows: BoolArray) -> BoolArray:
    """Which numeric columns hold one number at most in some rows."""
    numeric = to_dense(table.numeric)[rows]
    return ~(np.fmin.reduce(numeric, axis=0) < np.fmax.reduce(numeric, axis=0))


class _Totals:
    """What is counted of all rows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._numeric = np.array([j for j in range(len(source.features)) if j not in source.categories], dtype=np.intp)
        self._categories = tuple(sorted(source.categories))
        self.labels: list[Any] = []  # in the order in which they came
        self._index: dict[Any, int] = {}
        self.rows = np.empty(0, dtype=np.intp)
        self.mass = np.empty(0)  # summed weights of each class, over the largest weight so far: the sum could overflow
        self.largest = 0.0
        self._levels: dict[int, Counter[Hashable] | None] = {j: Counter() for j in self._categories}
        self._hashes, self._counts = np.empty(0, np.uint64), np.empty(0, np.intp)

    def add(self, block: Block, table: Table) -> IntArray:
        """Count the rows of a block, and return their classes by number, in the order in which the labels came."""
        for label in block.labels.tolist():
            if label not in self._index:
                self._index[label] = len(self.labels)
                self.labels.append(label)
        if len(self.labels) > len(self.rows):
            self._check_labels()
        codes = np.array([self._index[label] for label in block.labels.tolist()], dtype=np.intp)[block.codes]
        counts = block.weight > 0
        n_labels, more = len(self.labels), len(self.labels) - len(self.rows)
        self.rows = np.pad(self.rows, (0, more)) + np.bincount(codes[counts], minlength=n_labels)
        before, self.largest = self.largest, max(self.largest, block.weight.max(initial=0.0))
        if self.largest > 0:
            mass = np.bincount(codes, weights=block.weight / self.largest, minlength=n_labels)
            self.mass = np.pad(self.mass * (before / self.largest), (0, more)) + mass
        else:
            self.mass = np.zeros(n_labels)
        self._count_levels(table, counts)
        self._add_hashes(hash_rows(table, np.flatnonzero(counts), self._numeric, self._categories))
        return codes

    @property
    def levels(self) -> dict[int, Counter[Hashable]]:
        """Counts of the levels of the columns that have not too many."""
        return {position: counts for position, counts in self._levels.items() if counts is not None}

    def find_classes(self) -> np.ndarray:
        """Return the sorted labels."""
        if not self.rows.sum():
            what = "no rows" if not len(self.rows) else "no rows of a weight above 0"
            raise ValueError(f"{self._source.origin} holds {what}. Check the path, and how the files were written.")
        classes = np.unique(self._check_labels())
        if len(classes) < 2:
            raise ValueError(
                f"The target column {self._source.target!r} holds 1 class, {classes[0]!s}; a classifier needs rows of "
                "at least two classes. Check how the files were selected."
            )
        return classes

    def sketch(self) -> RowSketch:
        """Return a sketch of all rows."""
        return sketch_hashes(self._hashes, self._counts, self._numeric, self._categories)

    def _check_labels(self) -> np.ndarray:
        of_text = any(isinstance(label, str) for label in self.labels)
        labels = np.array(self.labels, dtype=object if of_text else None)
        labels = np.repeat(labels, 3)  # what comes once in so many rows could be taken for a number to predict
        return read_target(labels, labels, name=self._source.target)

    def _count_levels(self, table: Table, counts: BoolArray) -> None:
        rows = np.flatnonzero(counts)
        for position, found in self._levels.items():
            if found is None:
                continue
            column = table.category(position)
            *used, n_missing = column.levels_in_use(rows).tolist()
            found.update({level: n for level, n in zip(column.levels, used, strict=True) if n})
            found[None] += n_missing
            if len(found) > MOST_LEVELS:
                self._levels[position] = None

    def _add_hashes(self, hashes: np.ndarray) -> None:
        """Keep the smallest hashes; each that is kept in the end was kept, and counted, since it first came."""
        if len(self._hashes) > SKETCH_ROWS:
            hashes = hashes[hashes <= self._hashes[-1]]
        found, counts = np.unique(hashes, return_counts=True)
        merged, index = np.unique(np.concatenate([self._hashes, found]), return_inverse=True)
        total = np.bincount(index, weights=np.concatenate([self._counts, counts])).astype(np.intp)
        self._hashes, self._counts = merged[: SKETCH_ROWS + 1], total[: SKETCH_ROWS + 1]


class _Reservoir:
    """The rows with the smallest random bits: of all, and of each class. Which these are does not depend on blocks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._parts: list[tuple[np.ndarray, ...]] = []  # bits, code, weight, number, group of the rows that are held
        self._features: list[Any] = []
        self._bound = np.uint64(2**64 - 1)  # of the bits of the uniform sample
        self._class_bounds = np.empty(0, np.uint64)
        self._has_groups = False
        self._n_held = self._n_after = 0  # rows; the same when they were last sorted out
        self._lowest, self._highest = np.empty(0), np.empty(0)  # number of each column
        self.extremes = np.empty((2, 0), dtype=np.intp)  # the numbers of the rows that hold them

    def add(self, block: Block, table: Table, codes: IntArray) -> None:
        """Look at the rows of a block."""
        bits = random_bits(block.numbers, self._seed, _SAMPLE)
        more = max(0, int(codes.max(initial=-1)) + 1 - len(self._class_bounds))
        self._class_bounds = np.pad(self._class_bounds, (0, more), constant_values=2**64 - 1)
        wanted = (bits <= self._bound) | (bits <= self._class_bounds[codes])
        wanted[self._find_extremes(table, block)] = True
        chosen = np.flatnonzero(wanted & (block.weight > 0))
        groups = np.zeros(len(codes), np.uint64) if block.groups is None else block.groups
        columns = bits, codes, block.weight, block.numbers, groups
        self._has_groups = block.groups is not None
        self._parts.append(tuple(column[chosen] for column in columns))
        self._features.append(block.features.take(chosen))
        self._n_held += len(chosen)
        if self._n_held > 2 * self._n_after + UNIFORM_ROWS:
            self._sort_out()

    def result(self) -> tuple[IntArray, FloatArray, IntArray, np.ndarray | None, BoolArray, Any]:
        """Return code, weight, number and group of the rows, which are of the uniform sample, and their features."""
        self._sort_out()
        (bits, codes, weight, numbers, groups), features = self._parts[0], self._features[0]
        uniform = bits <= self._bound
        return codes, weight, numbers, groups if self._has_groups else None, uniform, features

    def _sort_out(self) -> None:
        """Let rows go that are neither among the first of all, nor of their class, nor extreme."""
        bits, codes, weight, numbers, groups = map(np.concatenate, zip(*self._parts, strict=True))
        features = join_tables(self._features)
        self._bound = _smallest(bits, UNIFORM_ROWS)
        n_classes = len(self._class_bounds)
        most = min(ROWS_OF_A_CLASS, ROWS_OF_ALL_CLASSES // n_classes)
        self._class_bounds = np.array([_smallest(bits[codes == code], most) for code in range(n_classes)], np.uint64)
        wanted = (bits <= self._bound) | (bits <= self._class_bounds[codes]) | np.isin(numbers, self.extremes)
        chosen = np.flatnonzero(wanted)
        self._parts = [tuple(column[chosen] for column in (bits, codes, weight, numbers, groups))]
        self._features = [features.take(chosen).combine_chunks()]
        self._n_held = self._n_after = len(chosen)

    def _find_extremes(self, table: Table, block: Block) -> IntArray:
        """Rows of a block with the lowest or the highest number of a column so far."""
        numeric = to_dense(table.numeric).astype(np.float64)
        if len(self._lowest) != numeric.shape[1]:
            if len(self._lowest):
                return np.empty(0, dtype=np.intp)  # a column without any value in one of the blocks
            self._lowest, self._highest = np.full(numeric.shape[1], np.inf), np.full(numeric.shape[1], -np.inf)
            self.extremes = np.full((2, numeric.shape[1]), -1)
        counts = (block.weight > 0)[:, None] & ~np.isnan(numeric)
        for k, (sign, best) in enumerate(((1, self._lowest), (-1, self._highest))):
            values = np.where(counts, sign * numeric, np.inf)
            rows = values.argmin(axis=0)
            found = values[rows, np.arange(numeric.shape[1])]
            better = found < sign * best
            best[better] = sign * found[better]
            self.extremes[k, better] = block.first + rows[better]
        here = self.extremes[self.extremes >= block.first] - block.first
        return np.unique(here[here < len(block.codes)])


def _smallest(bits: np.ndarray, n: int) -> np.uint64:
    """The n-th smallest, or the largest that there is where there are not more."""
    return np.uint64(2**64 - 1) if len(bits) <= n else np.partition(bits, n - 1)[n - 1]
