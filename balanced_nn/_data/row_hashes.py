"""What are 64 bits that equal rows share, and that other rows do not?"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from balanced_nn._typing import Matrix

Bits = NDArray[np.uint64]


def hash_cells(numeric: Matrix, codes: Iterable[Bits], factors: Bits) -> Bits:
    """Hash rows of numbers and codes; -0.0 is 0.0, there is one NaN, and equal numbers of other types are equal.

    Parameters
    ----------
    numeric : {ndarray, CSR} of shape (n_rows, n_numeric)
    codes : iterable of ndarray of shape (n_rows,)
        Further columns, as bits of each cell.
    factors : ndarray of shape (n_columns,)
        An odd number for each column: first the numeric ones, then the others.
    """
    n_rows, n_numeric = numeric.shape
    hashes = np.zeros(n_rows, dtype=np.uint64)
    if sparse.issparse(numeric):
        numeric = sparse.csr_array(numeric)
        bits = mix(_bits(numeric.data)) * factors[numeric.indices]
        bits[numeric.data == 0] = 0  # as a cell that is not stored
        np.add.at(hashes, np.repeat(np.arange(n_rows), np.diff(numeric.indptr)), bits)
    else:
        for column in range(n_numeric):
            hashes += mix(_bits(numeric[:, column])) * factors[column]
    for factor, cells in zip(factors[n_numeric:], codes, strict=True):
        hashes += mix(cells) * factor
    return hashes


def mix(bits: Bits) -> Bits:
    """Bits that differ everywhere where they differed anywhere: the finaliser of splitmix64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _bits(values: np.ndarray) -> Bits:
    """64 bits of numbers."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64).view(np.uint64)
    numbers = np.asarray(values).astype(np.float64) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.uint64)
