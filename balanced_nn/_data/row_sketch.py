"""Which share of some rows was in a table of which a few kilobytes are left? A sketch of hashed rows."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from balanced_nn._data.row_hashes import Bits, hash_cells, mix
from balanced_nn._data.table import CategoryColumn, Table, level_text
from balanced_nn._typing import IntArray

SKETCH_ROWS = 1_024  # distinct rows that are kept: 4 KB
MOST_BY_NATURE = 0.5  # share of new rows that equal a row of the table by nature, beyond which nothing is told
BY_CHANCE = 1e-3  # probability with which new rows are told to have been in the table, at most
FEWEST_ROWS = 5  # among the kept hashes, below which nothing is told
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BLOCK_CELLS = 2**19  # hashed at a time: they stay in the cache


@dataclass(frozen=True, eq=False, repr=False)
class RowSketch:
    """The distinct rows of a table with the smallest hashes, a random sample of them.

    Which rows were sampled is known of any further row by its hash alone, so that the sampled ones among further rows
    can be looked up. Rows that occur several times tell nothing, as a new row may equal them by nature.

    Parameters
    ----------
    numeric : ndarray of int
        Positions of the numeric columns.
    categories : tuple of int
        Positions of the others.
    bound : int
        Hashes up to this one, of 64 bits, are sampled.
    once : ndarray of uint32
        The lower half of those that occur once.
    often : ndarray of uint32
        The lower half of those that occur more often.
    n_twice : int
        How many of these occur twice.
    """

    numeric: IntArray
    categories: tuple[int, ...]
    bound: int
    once: NDArray[np.uint32]
    often: NDArray[np.uint32]
    n_twice: int

    @property
    def by_nature(self) -> float:
        """Share of new rows that equal a row that occurs once, among those that equal it or none.

        That is the estimate of Good and Turing: a new row equals a row that occurs k times with a probability of k + 1
        times the number of those that occur k + 1 times, over the number of all rows.
        """
        n_twice, n_once = 2 * self.n_twice, len(self.once)
        return n_twice / (n_twice + n_once) if n_twice + n_once else 1.0

    @property
    def at_most_by_nature(self) -> float:
        """That share with three standard errors, or for none the share that is likely to show at least once."""
        share, n_rows = self.by_nature, len(self.once) + self.n_twice
        return min(share + 3 * (share * (1 - share) / n_rows) ** 0.5 + 3 / (n_rows + 3), 1.0) if n_rows else 1.0

    def find_seen_share(self, table: Table) -> float | None:
        """Estimate which share of the distinct rows of another table was in this one, for reasons other than nature.

        Parameters
        ----------
        table : Table
            With columns as they were.

        Returns
        -------
        float or None
            In (0, 1]; None where no row need have been there, or where that cannot be told.
        """
        hashes = np.unique(hash_rows(table, None, self.numeric, self.categories))
        found = hashes[hashes <= np.uint64(self.bound)].astype(np.uint32)
        found = found[~np.isin(found, self.often)]
        if self.by_nature > MOST_BY_NATURE or len(found) < FEWEST_ROWS:
            return None
        n_seen = int(np.isin(found, self.once).sum())
        if bdtrc(n_seen - 1, len(found), self.at_most_by_nature) > BY_CHANCE:
            return None
        return (n_seen / len(found) - self.by_nature) / (1 - self.by_nature)


def sketch_rows(table: Table, rows: IntArray) -> RowSketch:
    """Keep a sketch of some rows of a table."""
    hashes, counts = np.unique(hash_whole_rows(table, rows), return_counts=True)
    return sketch_hashes(hashes, counts, table.numeric_positions, tuple(table.categories))


def sketch_hashes(hashes: Bits, counts: IntArray, numeric: IntArray, categories: tuple[int, ...]) -> RowSketch:
    """Keep a sketch of rows whose distinct hashes, ascending, occur so often; of more than 1,024 the first suffice.

    Parameters
    ----------
    hashes : ndarray of uint64
        Those of :func:`hash_rows`.
    counts : ndarray of int
        How often each occurs.
    numeric, categories
        The columns that were hashed, as in :class:`RowSketch`.
    """
    bound = int(hashes[SKETCH_ROWS - 1]) if len(hashes) > SKETCH_ROWS else 2**64 - 1
    kept, counts = hashes[:SKETCH_ROWS].astype(np.uint32), counts[:SKETCH_ROWS]
    n_twice = int(np.count_nonzero(counts == 2))
    return RowSketch(numeric, categories, bound, kept[counts == 1], kept[counts > 1], n_twice)


def hash_whole_rows(table: Table, rows: IntArray) -> Bits:
    """Hash some rows by all columns of their own table."""
    return hash_rows(table, rows, table.numeric_positions, tuple(table.categories))


def hash_rows(table: Table, rows: IntArray | None, numeric: IntArray, categories: tuple[int, ...]) -> Bits:
    """64 bits of each row that are the same in each process and for each kind of table.

    Numbers count as float32 and levels as their text, so that neither the type of a column nor the last digit matters.
    """
    chosen = np.arange(len(table)) if rows is None else rows
    numbers, columns = table.numbers(numeric), [table.category(position) for position in categories]
    texts = [_hash_levels(column) for column in columns]
    factors = mix(np.arange(1, len(numeric) + len(categories) + 1, dtype=np.uint64) * _GOLDEN) | np.uint64(1)
    hashes = np.empty(len(chosen), dtype=np.uint64)
    n_rows = max(1, _BLOCK_CELLS // max(1, len(factors)))
    for start in range(0, len(chosen), n_rows):
        block = chosen[start : start + n_rows]
        with np.errstate(over="ignore", under="ignore"):  # numbers that float32 cannot hold are equal
            cells = numbers[block].astype(np.float32)
        codes = (text[column.codes[block]] for text, column in zip(texts, columns, strict=True))
        hashes[start : start + n_rows] = mix(hash_cells(cells, codes, factors) + _GOLDEN)
    return hashes


def _hash_levels(column: CategoryColumn) -> Bits:
    """64 bits of each level, and 0, last, of a missing cell, whose code is -1."""
    texts = (level_text(level).encode(errors="surrogatepass") for level in column.levels)
    hashes = [int.from_bytes(blake2b(text, digest_size=8).digest(), "little") for text in texts]
    return np.array([*hashes, 0], np.uint64)
