"""Which rows does a fit from files keep in memory, and which does each network read from disk?"""

import tempfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator

from balanced_nn._data.copies import find_copies
from balanced_nn._data.dataset import MAX_COPIES
from balanced_nn._data.labelled_rows import LabelledRows
from balanced_nn._data.row_hashes import mix
from balanced_nn._data.row_sketch import hash_rows
from balanced_nn._data.table import Table, read_table
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._streaming.buckets import Buckets, BucketWriter
from balanced_nn._streaming.source import Advance, Block, Source, open_source
from balanced_nn._streaming.survey import Sample, random_bits, survey
from balanced_nn._typing import BoolArray, FloatArray, IntArray

_COPIES, _BUCKETS = 22, 23  # streams of random numbers
_SAMPLERS = (None, "under", "over")
# Shows how far a pass over the rows is: called with its name and with what counts the rows of all files.
Show: TypeAlias = Callable[[str, Callable[[], int | None]], AbstractContextManager[Advance]]


def show_nothing(title: str, count: Callable[[], int | None]) -> AbstractContextManager[Advance]:
    """Show nothing of a pass over the rows."""
    return nullcontext(lambda n_rows: None)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a network takes of all rows.

    Parameters
    ----------
    preprocessing : Preprocessing
        What cleans them.
    held_out : LabelledRows or None
        Sampled rows that are left out, with their copies, or with all rows of their groups.
    seed : int
        Which rows are left out or repeated, and where each goes, follows from it and the number of the row.
    """

    preprocessing: Preprocessing
    held_out: LabelledRows | None
    seed: int


@dataclass(frozen=True, eq=False)
class Stream:
    """All rows of files: a sample of them in memory, and the way to the others.

    Parameters
    ----------
    source : Source
        The files.
    sample : Sample
        What is in memory.
    folder : Path
        Where shuffled rows may be written; whoever made it deletes it.
    estimator : estimator
        Knows the columns.
    show : callable, default=show_nothing
        Shows how far a pass over the rows is.
    """

    source: Source
    sample: Sample
    folder: Path
    estimator: BaseEstimator
    show: Show = show_nothing

    @property
    def rows(self) -> LabelledRows:
        """The sampled rows."""
        return self.sample.rows

    def uniform(self, rows: IntArray) -> IntArray:
        """Those of some sampled rows that are a uniform sample of all."""
        return rows[self.sample.uniform[rows]]

    def class_rows(self, held_out: LabelledRows | None) -> IntArray:
        """All rows of each class without those that were held out."""
        if held_out is None:
            return self.sample.class_rows
        return self.sample.class_rows - np.bincount(held_out.y, minlength=len(self.sample.class_rows))

    def levels(self, held_out: LabelledRows | None) -> Mapping[int, Counter[Hashable]]:
        """How often each level of a category column occurs in all rows without those that were held out."""
        levels = {position: counts.copy() for position, counts in self.sample.levels.items()}
        if held_out is not None:
            for position, counts in levels.items():
                column = held_out.table.category(position, held_out.rows)
                *used, n_missing = column.levels_in_use().tolist()
                counts.subtract({**dict(zip(column.levels, used, strict=True)), None: n_missing})
        return levels

    def spill(self, wanted: Sequence[Wanted], sampler: str | None) -> tuple[Buckets, ...]:
        """Read all rows a second time, and write those of each network to a new folder, cleaned and shuffled.

        Parameters
        ----------
        wanted : sequence of Wanted
            What each network takes.
        sampler : {None, "under", "over"}
            How often a row occurs, by its class.

        Raises
        ------
        OSError
            If there is no space for them.
        """
        shares: list[_Share] = []
        for each in wanted:
            shares.append(_Share(self, each, sampler, reserved=sum(share.n_bytes for share in shares)))
        for block in self._shown_blocks("Shuffling the rows"):
            rows = _BlockRows(self, block)
            for share in shares:
                share.add(rows)
        return tuple(share.buckets() for share in shares)

    def _shown_blocks(self, title: str) -> Iterator[Block]:
        with self.show(title, self.source.count_rows) as advance:
            yield from self.source.blocks(advance)

    @cached_property
    def _copies(self) -> tuple[np.ndarray, BoolArray] | None:
        """Bits of each sampled row with its class, and which rows tell their copies apart from others by nature."""
        if self.rows.groups is not None:
            return None
        number = find_copies(self.rows.table, self.rows.rows, self.rows.y)
        if number is None:
            return None
        bits = self._row_bits(self.rows.table, self.rows.y)
        _, same, n_equal = np.unique(bits, return_inverse=True, return_counts=True)
        return bits, (np.bincount(number)[number] > 1) | (n_equal[same] == 1)

    def _row_bits(self, table: Table, y: IntArray) -> np.ndarray:
        categories = tuple(sorted(self.source.categories))
        numeric = np.array([j for j in range(len(self.source.features)) if j not in categories], dtype=np.intp)
        return mix(hash_rows(table, None, numeric, categories) + y.astype(np.uint64))

    def _find_left_out(self, held_out: LabelledRows) -> "_LeftOut":
        rows, groups, copies = held_out.rows, None, None
        if self.sample.groups is not None:
            groups = np.unique(self.sample.groups[rows])
        elif self._copies is not None:
            bits, tells = self._copies
            copies = np.unique(bits[rows][tells[rows]])
        return _LeftOut(np.sort(self.sample.numbers[rows]), groups, copies)


@dataclass(frozen=True, eq=False)
class _BlockRows:
    """A part of the files, as all networks read it."""

    stream: Stream
    block: Block

    @cached_property
    def table(self) -> Table:
        """Its features."""
        return read_table(self.stream.estimator, self.block.frame, reset=False)

    @cached_property
    def y(self) -> IntArray:
        """Its class indices."""
        return self.block.class_indices(self.stream.rows.classes)

    @cached_property
    def bits(self) -> np.ndarray:
        """Bits of each row with its class."""
        return self.stream._row_bits(self.table, self.y)

    @cached_property
    def sampled(self) -> IntArray:
        """Those that are copies of sampled rows."""
        assert self.stream._copies is not None
        return np.flatnonzero(np.isin(self.bits, self.stream._copies[0]))

    def positions(self, numbers: IntArray) -> IntArray:
        """Where the rows are whose numbers are among these."""
        here = self.block.numbers  # ascending
        place = np.searchsorted(here, numbers)
        numbers, place = numbers[place < len(here)], place[place < len(here)]
        return place[here[place] == numbers]


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """Rows that a network is not trained on: the numbers of some, all of some groups, all copies of some."""

    numbers: IntArray
    groups: np.ndarray | None
    copies: np.ndarray | None

    def among(self, rows: _BlockRows) -> BoolArray:
        """Which rows of a block these are."""
        found = np.zeros(len(rows.block.numbers), dtype=bool)
        found[rows.positions(self.numbers)] = True
        if self.groups is not None and rows.block.groups is not None:
            found |= np.isin(rows.block.groups, self.groups)
        if self.copies is not None:
            found[rows.sampled] |= np.isin(rows.bits[rows.sampled], self.copies)
        return found


class _Share:
    """The rows of one network, on their way from all blocks to its buckets."""

    def __init__(self, stream: Stream, wanted: Wanted, sampler: str | None, reserved: int) -> None:
        self._stream, self._wanted = stream, wanted
        class_rows = stream.class_rows(wanted.held_out)
        self._rates, self._stands_for = resampling_rates(sampler, class_rows)
        folder = Path(tempfile.mkdtemp(dir=stream.folder))
        n_rows = int(class_rows @ self._rates)
        self._writer = BucketWriter(folder, n_rows, wanted.preprocessing.n_cleaned, reserved)
        self.n_bytes = self._writer.n_bytes
        self._left_out = None if wanted.held_out is None else stream._find_left_out(wanted.held_out)
        n_classes = len(class_rows)
        self._before = np.zeros(n_classes, dtype=np.intp)  # rows of each class in the blocks before
        self._class_rows, self._class_mass = np.zeros(n_classes, dtype=np.intp), np.zeros(n_classes)

    def add(self, rows: _BlockRows) -> None:
        """Write the rows of a block that the network takes."""
        block, seed, n_classes = rows.block, self._wanted.seed, len(self._rates)
        trains = block.weight > 0
        if self._left_out is not None:
            trains &= ~self._left_out.among(rows)
        each = np.flatnonzero(trains)
        chosen, bits = _repeat(each, _times(rows.y[each], self._before, self._rates, seed), block, seed)
        self._before += np.bincount(rows.y[each], minlength=n_classes)
        y = rows.y[chosen]
        weight = block.weight[chosen] / self._stream.sample.mean_weight * self._stands_for[y]
        self._writer.add(self._wanted.preprocessing.clean(rows.table, chosen), y, weight, bits)
        self._class_rows += np.bincount(y, minlength=n_classes)
        self._class_mass += np.bincount(y, weights=weight, minlength=n_classes)

    def buckets(self) -> Buckets:
        """What was written."""
        return Buckets(
            self._writer.folder,
            self._writer.sizes,
            self._wanted.preprocessing,
            self._class_rows,
            self._class_mass,
            max(1.0, self._rates.max()),
            np.ones(len(self._rates)),
        )


@contextmanager
def open_stream(
    estimator: BaseEstimator,
    source: Any,
    columns: Mapping[str, Any],
    cache_dir: Any,
    seed: int,
    show: Show = show_nothing,
) -> Iterator[Stream]:
    """Open files, and read them a first time; whatever is written while the block runs is deleted behind it.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and the names of the features.
    source : str, path or pyarrow.dataset.Dataset
        See `open_source`.
    columns : mapping
        "target", "sample_weight" and "groups": names of columns; the last two may be None.
    cache_dir : str, path or None
        Where a folder for the shuffled rows is made; None takes that of the system for temporary files.
    seed : int
        Seed of the fit.
    show : callable, default=show_nothing
        Shows how far a pass over the rows is.
    """
    found = open_source(source, **columns)
    if cache_dir is not None and not Path(cache_dir).is_dir():
        raise FileNotFoundError(f"cache_dir={str(cache_dir)!r} is no folder. Make it, or pass None.")
    with show("Counting the rows", found.count_rows) as advance:
        sample = survey(found, estimator, seed, advance)
    place = None if cache_dir is None else Path(cache_dir).absolute()  # which is another one where workers stand
    with tempfile.TemporaryDirectory(prefix="balanced_nn_", dir=place) as folder:
        yield Stream(found, sample, Path(folder), estimator, show)


def check_sampler(sampler: Any) -> None:
    """Refuse a sampler that needs all rows at once.

    Raises
    ------
    ValueError
        If it is not None, "under" or "over".
    """
    if not (sampler is None or isinstance(sampler, str)) or sampler not in _SAMPLERS:
        raise ValueError(
            f"sampler={sampler!r} needs all rows of a class at once, and fit_dataset never holds them. "
            'Use None, "under" or "over".'
        )


def resampling_rates(sampler: str | None, class_rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """How often a row of each class occurs on average, and for how many rows each of these stands then.

    Examples
    --------
    >>> resampling_rates("under", np.array([100, 10]))
    (array([0.1, 1. ]), array([1., 1.]))
    >>> resampling_rates("over", np.array([100, 10]))
    (array([1., 4.]), array([1. , 2.5]))
    """
    counts, ones = np.maximum(class_rows, 1), np.ones(len(class_rows))
    if sampler == "under":
        return counts[class_rows > 0].min() / counts, ones
    if sampler == "over":
        rates = np.minimum(counts.max() / counts, MAX_COPIES)
        return rates, counts.max() / (rates * counts)
    return ones, ones


def _times(y: IntArray, before: IntArray, rates: FloatArray, seed: int) -> IntArray:
    """How often each row occurs: as `rates` of its class say, within 2 in any stretch of the rows of the class.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Classes of rows in their order.
    before : ndarray of shape (n_classes,)
        Rows of each class that came before.
    rates : ndarray of shape (n_classes,)
    seed : int
    """

    def drawn(n_rows: IntArray, label: IntArray) -> IntArray:
        """Of so many rows of a class: one from each stretch of 1 / rate rows, anywhere in it."""
        exact = n_rows * rates[label]
        whole = np.floor(exact)
        place = random_bits(whole.astype(np.intp) * len(rates) + label, seed, _COPIES) >> np.uint64(11)
        return (whole + (place / 2.0**53 < exact - whole)).astype(np.intp)

    order = np.argsort(y, kind="stable")
    label = y[order]
    counts = np.bincount(y, minlength=len(rates))
    starts = np.cumsum(counts) - counts
    with_it = drawn((before - starts)[label] + np.arange(1, len(y) + 1), label)  # of the rows up to each, and with it
    without = np.roll(with_it, 1)
    present = np.flatnonzero(counts)
    without[starts[present]] = drawn(before[present], present)
    times = np.empty(len(y), dtype=np.intp)
    times[order] = with_it - without
    return times


def _repeat(rows: IntArray, times: IntArray, block: Block, seed: int) -> tuple[IntArray, np.ndarray]:
    """Return rows of a block as often as they occur, and random bits of each occurrence."""
    chosen = np.repeat(rows, times)
    starts = np.cumsum(times) - times
    copy = np.arange(len(chosen)) - np.repeat(starts, times)
    return chosen, random_bits(block.numbers[chosen] * (MAX_COPIES + 1) + copy, seed, _BUCKETS)
