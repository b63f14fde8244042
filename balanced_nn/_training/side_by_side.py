"""How do networks train at the same time? Their trainings in threads, all else in turn, in the calling thread.

So what a user brings along (samplers, scalers, callbacks) is called in the thread that called `fit`, warnings are given
there, and an interrupt arrives there. What a network becomes does not depend on when the others are trained.
"""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, ParamSpec, TypeVar

import joblib
from joblib.parallel import get_active_backend

P = ParamSpec("P")
T = TypeVar("T")
# The way of a network: it yields each future that it waits for, gets the result sent, and returns what it became.
Steps = Generator[Future[Any], Any, T]


def jobs_at_once(n_jobs: int | None) -> int:
    """Find how many networks may be trained at the same time.

    Parameters
    ----------
    n_jobs : int or None
        In joblib's sense, but for None: where ``joblib.parallel_config`` says no number, as many as this process may
        use cores, and one in a worker of joblib, which shares them with others. The cores are those of
        ``joblib.cpu_count``, and not more than ``OMP_NUM_THREADS``.
    """
    backend, configured = get_active_backend()
    if n_jobs is not None or configured is not None:
        return int(joblib.effective_n_jobs(n_jobs))
    if backend.nesting_level:
        return 1
    granted = os.environ.get("OMP_NUM_THREADS", "")
    cores = int(joblib.cpu_count())
    return min(cores, int(granted)) if granted.isdecimal() and int(granted) else cores


class Workers:
    """Where trainings run: several in threads, one alone in the calling thread.

    Parameters
    ----------
    n_jobs : int
        Networks at the same time, at least 1.
    """

    def __init__(self, n_jobs: int) -> None:
        self._n_jobs = n_jobs
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()  # to be made in the calling thread
        self._ended = Event()
        self._threads = ThreadPoolExecutor(n_jobs, "balanced_nn_network") if n_jobs > 1 else None  # starts none yet

    @property
    def ended(self) -> bool:
        """Whether nobody waits for the trainings any more."""
        return self._ended.is_set()

    def submit(self, train: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a training run, in the caller's context, and return its result or its error when there is one."""
        if self._threads is not None:
            return self._threads.submit(copy_context().run, partial(train, *args, **kwargs))
        done: Future[T] = Future()
        _answer(done, partial(train, *args, **kwargs))
        return done

    def heard(self, tell: Callable[P, T]) -> Callable[P, T]:
        """Return what a training may call in the place of `tell`: it waits until the calling thread has answered."""
        if self._threads is None:
            return tell

        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            answer: Future[T] = Future()
            self._calls.put(partial(self._tell, answer, partial(tell, *args, **kwargs)))
            if self.ended:  # nobody looks into the queue any more
                raise CancelledError
            return answer.result()

        return ask

    def run(self, networks: Sequence[Steps[T]]) -> Generator[T, None, None]:
        """Go the way of each network, of as many at once as there are jobs, and yield what they become, in order.

        Whatever ends the iteration also ends the trainings that still run: at their next chunk of batches.

        Parameters
        ----------
        networks : sequence of generators
            They begin in this order.
        """
        became: dict[int, T] = {}
        begun = ended = 0

        def advance(number: int, answered: Future[Any] | None) -> None:
            nonlocal ended
            if self.ended:
                return
            way, error = networks[number], None if answered is None else answered.exception()
            try:
                if error is not None:
                    future = way.throw(error)
                else:
                    future = way.send(None if answered is None else answered.result())
            except StopIteration as end:
                became[number], ended = end.value, ended + 1
            else:
                future.add_done_callback(lambda done: self._calls.put(partial(advance, number, done)))

        try:
            for number in range(len(networks)):
                while number not in became:
                    if begun < len(networks) and begun - ended < self._n_jobs:
                        begun += 1
                        advance(begun - 1, None)
                    else:
                        self._calls.get()()
                yield became.pop(number)
        finally:
            self._end()

    def _tell(self, answer: Future[T], tell: Callable[[], T]) -> None:
        if self.ended:
            answer.set_exception(CancelledError())
        else:
            _answer(answer, tell)

    def _end(self) -> None:
        """End the trainings that run, and wait until they have ended."""
        self._ended.set()
        with suppress(Empty):
            while True:
                self._calls.get_nowait()()  # is refused
        if self._threads is not None:
            self._threads.shutdown(wait=True)


def _answer(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # an interrupt too: it is raised where the result is asked for
        future.set_exception(error)
