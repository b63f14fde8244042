"""Which rows does a training step see next, and who gathers them?"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

import numpy as np

from balanced_nn._typing import IntArray

T = TypeVar("T")
Chosen = TypeVar("Chosen")
Chosen_co = TypeVar("Chosen_co", covariant=True)


class RowStream(Protocol[Chosen_co]):
    """An endless stream of rows, in whatever form they are gathered from."""

    def next(self, n_rows: int) -> Chosen_co:
        """The next `n_rows` rows."""


class BatchStream:
    """An endless stream of rows: one permutation of the data after the other, so that every batch is full."""

    def __init__(self, n_rows: int, seed: int, stream: int) -> None:
        self._n_rows = n_rows
        self._rng = np.random.default_rng([seed, stream])
        self._pending = np.empty(0, dtype=np.intp)

    def next(self, n_rows: int) -> IntArray:
        """Indices of the next `n_rows` rows."""
        while len(self._pending) < n_rows:
            self._pending = np.concatenate([self._pending, self._rng.permutation(self._n_rows)])
        chosen, self._pending = self._pending[:n_rows], self._pending[n_rows:]
        return chosen

    def skip(self, n_rows: int) -> None:
        """Leave out the next `n_rows` rows."""
        while n_rows:
            n_rows -= len(self.next(min(n_rows, self._n_rows)))


@contextmanager
def feed(gather: Callable[[Chosen], T], stream: RowStream[Chosen], sizes: list[int]) -> Iterator[Iterator[T]]:
    """Gather chunk after chunk, each in a second thread while the one before is trained on.

    A row of a large matrix costs a few cache misses, as much as a third of its training; the thread hides that.

    Parameters
    ----------
    gather : callable
        Makes a chunk of what the stream gives. Called in the second thread, one call at a time.
    stream : RowStream
        The order of the rows.
    sizes : list of int
        Rows of each chunk of an epoch.

    Yields
    ------
    iterator of what `gather` returns
        Endless.
    """

    def chunks(worker: ThreadPoolExecutor) -> Iterator[T]:
        next_rows = map(stream.next, itertools.cycle(sizes))
        following = worker.submit(lambda: gather(next(next_rows)))
        while True:
            chunk = following.result()
            following = worker.submit(lambda: gather(next(next_rows)))
            yield chunk

    with ThreadPoolExecutor(1, thread_name_prefix="balanced_nn_feed") as worker:
        yield chunks(worker)
