"""Which rows of a table are copies of one another, as oversampling and joins leave them?"""

import numpy as np
from scipy import sparse

from balanced_nn._data.row_hashes import hash_cells
from balanced_nn._data.table import Table
from balanced_nn._typing import IntArray

# Rows that are equal by chance are no copies: a table of a few categories repeats itself.
FEWEST_DISTINCT = 50  # rows
LOOKED_AT = 1_000  # distinct rows, at most, whose columns are looked at
IDENTIFYING = 0.5  # of as many values as rows looked at, from which on a column tells rows apart
MORE_OFTEN = 2  # times as often as the rows of another class do those of one class occur that was oversampled
MOST_COPIES = 0.01  # of all rows, beyond which equal ones are no copies but a usual row, such as an empty one
_HASH_SEED = 12_345


def find_copies(table: Table, rows: IntArray, y: IntArray) -> IntArray | None:
    """Number the distinct rows, a row being its cells and its label.

    Equal rows count as copies where rows can be told apart: among 1,000 distinct rows a column has at least half as
    many values, or the rows of one class occur at least twice each, and twice as often as those of another class that
    has more distinct ones. Where no class was oversampled so, a row that is more than 1 % of all is no copy but usual.

    Parameters
    ----------
    table : Table
        The caller's table.
    rows : ndarray of shape (n_samples,)
        Which rows of it are meant.
    y : ndarray of shape (n_samples,)
        Their class indices.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        Number of the distinct row that each row equals; None where no row has a copy, or where equal rows say nothing.
    """
    cells = _row_hashes(table)[rows]
    _, number = np.unique(cells * np.uint64(len(np.unique(y)) + 1) + y.astype(np.uint64), return_inverse=True)
    n_distinct = int(number.max(initial=-1)) + 1
    if n_distinct == len(number) or n_distinct < FEWEST_DISTINCT:
        return None
    first = np.unique(number, return_index=True)[1]
    if _is_oversampled(y, y[first]):
        return number
    if not _can_be_told_apart(table, rows[first]):
        return None
    often = np.bincount(number)[number] > MOST_COPIES * len(number)  # an empty row, say: such ones are equal by nature
    return np.where(often, n_distinct + np.arange(len(number)), number)


def _is_oversampled(y: IntArray, y_distinct: IntArray) -> bool:
    """Whether a class is repeated as only a sampler repeats it: by chance rows of a class with many rows are."""
    distinct = np.bincount(y_distinct, minlength=y.max() + 1)
    repeats = np.bincount(y) / np.maximum(distinct, 1)
    most = int(repeats.argmax())
    others = (distinct > distinct[most]) & (MORE_OFTEN * repeats <= repeats[most])
    return bool(repeats[most] >= MORE_OFTEN and others.any())


def _row_hashes(table: Table) -> np.ndarray:
    """64 bits of each row; equal cells give equal bits, whatever type of number they have."""
    n_columns = table.numeric.shape[1] + len(table.categories)
    factors = np.random.default_rng(_HASH_SEED).integers(2**63, size=n_columns, dtype=np.uint64) | np.uint64(1)
    codes = [column.codes.astype(np.int64).view(np.uint64) for column in table.categories.values()]
    return hash_cells(table.numeric, codes, factors)


def _can_be_told_apart(table: Table, distinct: IntArray) -> bool:
    """Whether a column has nearly a value of its own for each of some distinct rows."""
    rows = distinct[:: -(-len(distinct) // LOOKED_AT)]
    numeric = table.numeric[rows]
    if sparse.issparse(numeric):
        numeric = sparse.csc_array(numeric)
        stored = np.split(numeric.data, numeric.indptr[1:-1])
        n_values = [len(np.unique(values[values != 0])) + (len(values) < len(rows)) for values in stored]
    else:
        n_values = [len(np.unique(numeric[:, column])) for column in range(numeric.shape[1])]
    n_values += [len(np.unique(column.codes[rows])) for column in table.categories.values()]
    return max(n_values, default=0) >= IDENTIFYING * len(rows)
