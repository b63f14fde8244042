"""How are rows shuffled that do not fit into memory? Each goes to a random file, and files are read whole, by turns."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.dataset import Dataset
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._typing import FloatArray, IntArray

BUCKET_BYTES = 2**26  # of a file, about: that much is in memory at a time
_LABEL, _WEIGHT = -2, -1  # columns behind those of a cleaned row


@dataclass(frozen=True, eq=False)
class Buckets:
    """Training rows on disk, cleaned, each in a random one of several files.

    Parameters
    ----------
    folder : Path
        Where the files are.
    sizes : ndarray of shape (n_buckets,)
        Rows of each.
    preprocessing : Preprocessing
        What cleaned them, and expands them when they are read.
    class_rows : ndarray of shape (n_classes,)
        Rows of each class.
    class_mass : ndarray of shape (n_classes,)
        Their summed weights, which are the user's, times what makes up for copies that are not there.
    copies : float
        How often a row of the class that is repeated most occurs.
    class_factor : ndarray of shape (n_classes,)
        By what the weights of each class are multiplied when they are read.
    """

    folder: Path
    sizes: IntArray
    preprocessing: Preprocessing
    class_rows: IntArray
    class_mass: FloatArray
    copies: float
    class_factor: FloatArray

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def read(self, bucket: int) -> NDArray[np.float32]:
        """All rows of a file: cleaned columns, class index, weight."""
        width = self.preprocessing.n_cleaned + 2
        return np.fromfile(_path(self.folder, bucket), np.float32).reshape(-1, width)

    def expand(self, rows: NDArray[np.float32]) -> Dataset:
        """What a network is trained on, of rows as they are in a file."""
        y = rows[:, _LABEL].astype(np.intp)
        weight = rows[:, _WEIGHT] * self.class_factor[y]
        return Dataset(self.preprocessing.expand(rows[:, :_LABEL]), np.arange(len(rows)), y, weight)

    def sample(self, n_rows: int) -> FloatArray:
        """At most `n_rows` expanded rows, at random."""
        rows = self.read(int(self.sizes.argmax()))
        return self.expand(rows[:: max(1, -(-len(rows) // n_rows))]).X

    def discard(self) -> None:
        """Delete the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


class BucketStream:
    """An endless stream of rows: all buckets in a random order, each shuffled, then all in another order."""

    def __init__(self, buckets: Buckets, seed: int, stream: int) -> None:
        self._buckets = buckets
        self._rng = np.random.default_rng([seed, stream])
        self._order = self._endless()
        self._bucket = -1  # that is open
        self._rows: NDArray[np.float32] | None = None  # its rows, as soon as some are wanted
        self._pending = np.empty(0, dtype=np.intp)

    def next(self, n_rows: int) -> Dataset:
        """The next `n_rows` rows."""
        parts = []
        for chosen in self._turns(n_rows):
            if self._rows is None:
                self._rows = self._buckets.read(self._bucket)
            parts.append(self._rows.take(chosen, axis=0))
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._buckets.expand(rows)

    def skip(self, n_rows: int) -> None:
        """Leave out the next `n_rows` rows; files of which no row is wanted are not read."""
        for _ in self._turns(n_rows):
            pass

    def _turns(self, n_rows: int) -> Iterator[IntArray]:
        """Choose the next rows, bucket after bucket."""
        missing = n_rows
        while missing:
            if not len(self._pending):
                self._rows = None  # before the next ones come
                self._bucket = next(self._order)
                self._pending = self._rng.permutation(int(self._buckets.sizes[self._bucket]))
            chosen, self._pending = self._pending[:missing], self._pending[missing:]
            missing -= len(chosen)
            yield chosen

    def _endless(self) -> Iterator[int]:
        filled = np.flatnonzero(self._buckets.sizes)
        while True:
            yield from self._rng.permutation(filled).tolist()


class BucketWriter:
    """Deals rows out to the files of a new folder; `reserved` bytes of the disk are for other ones."""

    def __init__(self, folder: Path, n_rows: int, width: int, reserved: int = 0) -> None:
        self.folder, self._width = folder, width + 2
        self.n_bytes = n_rows * self._width * np.dtype(np.float32).itemsize
        free = shutil.disk_usage(folder).free
        if reserved + self.n_bytes > free:
            raise _no_space(folder, f"it takes {_size(reserved + self.n_bytes)}, and {_size(free)} are free")
        self.sizes = np.zeros(max(1, -(-self.n_bytes // BUCKET_BYTES)), dtype=np.intp)

    def add(self, cleaned: NDArray[np.float32], y: IntArray, weight: FloatArray, bits: NDArray[np.uint64]) -> None:
        """Deal out rows by their random bits."""
        bucket = (bits % np.uint64(len(self.sizes))).astype(np.intp)
        order = np.argsort(bucket, kind="stable")
        rows = np.empty((len(y), self._width), np.float32)
        rows[:, :_LABEL], rows[:, _LABEL], rows[:, _WEIGHT] = cleaned, y, weight
        rows = rows.take(order, axis=0)
        counts = np.bincount(bucket, minlength=len(self.sizes))
        stops = np.cumsum(counts)
        try:
            for number in np.flatnonzero(counts):
                with _path(self.folder, int(number)).open("ab") as file:
                    file.write(rows[stops[number] - counts[number] : stops[number]].data)
        except OSError as error:
            raise _no_space(self.folder, str(error)) from error
        self.sizes += counts


def _path(folder: Path, bucket: int) -> Path:
    return folder / f"{bucket}.bin"


def _no_space(folder: Path, why: str) -> OSError:
    return OSError(
        f"The shuffled rows cannot be written to {folder.parent}: {why}. Make space there, or pass cache_dir, a folder "
        "on a larger disk."
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"
