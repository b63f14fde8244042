"""How do networks train at the same time? Their trainings in threads or processes, all else in the calling thread.

So what a user brings along (samplers, scalers, callbacks) is called in the thread that called `fit`, warnings are given
there, and an interrupt arrives there. What a network becomes does not depend on when or where the others are trained.
"""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pickle import PicklingError
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, ParamSpec, TypeVar

import joblib
from joblib.parallel import MultiprocessingBackend, get_active_backend

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


def open_workers(
    n_jobs: int | None, n_networks: int, *, hears_epochs: bool = True, all_at_once: bool = False
) -> "Workers":
    """Return where the trainings of a fit run.

    Those of several networks are tasks of the backend that ``joblib.parallel_config(backend=...)`` names, if it is one
    of several processes, unless somebody wants to hear of each epoch; they are in threads of this process otherwise.

    Parameters
    ----------
    n_jobs : int or None
        See :func:`jobs_at_once`; that of joblib where trainings are tasks.
    n_networks : int
        How many networks there are.
    hears_epochs : bool, default=True
        Whether somebody is to be called after each epoch, or may end a training there.
    all_at_once : bool, default=False
        Whether all networks may begin before the first one is trained, where trainings are tasks: each holds its rows.
    """
    backend, _ = get_active_backend(prefer="threads")  # gives way to a backend that was named
    in_processes = not (backend.nesting_level or getattr(backend, "supports_sharedmem", False))
    in_processes &= type(backend) is not MultiprocessingBackend  # it forks, and TensorFlow runs here
    n_tasks = int(joblib.effective_n_jobs(n_jobs))
    if in_processes and n_tasks > 1 and n_networks > 1 and not hears_epochs:
        tasks = _Tasks(n_jobs, getattr(backend, "supports_return_generator", False))
        return Workers(n_networks if all_at_once else n_tasks, tasks)
    n_threads = min(jobs_at_once(n_jobs), n_networks)
    return Workers(n_threads, ThreadPoolExecutor(n_threads, "balanced_nn_network") if n_threads > 1 else None)


class _Tasks:
    """Trainings that are made in other processes. Those that wait begin together, when none is under way.

    Parameters
    ----------
    n_jobs : int or None
        In the sense of joblib.
    one_by_one : bool
        Whether the backend can return each as soon as there is one.
    """

    def __init__(self, n_jobs: int | None, one_by_one: bool) -> None:
        self._n_jobs, self._return_as = n_jobs, "generator_unordered" if one_by_one else "list"
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._under_way: dict[int, Future[Any]] = {}
        self._results: Iterator[tuple[int, Any]] = iter(())

    def submit(self, train: Callable[[], T]) -> Future[T]:
        """Let a training wait for the others."""
        future: Future[T] = Future()
        self._waiting.append((future, train))
        return future

    def take(self) -> None:
        """Wait for the next result.

        Raises
        ------
        PicklingError
            If what is needed cannot be sent to another process.
        """
        try:
            if not self._under_way:
                self._begin()
            number, result = next(self._results)
        except PicklingError as error:
            raise PicklingError(
                f"A network cannot be sent to another process: {error}. Let `scaler`, `sampler` and the function "
                'of `hidden_layer_sizes` be what can be pickled, or train in threads: parallel_config("threading").'
            ) from error
        self._under_way.pop(number).set_result(result)
        if not self._under_way:
            next(self._results, None)  # joblib takes one that is not read to its end for a reason to stop the workers

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._under_way = {number: future for number, (future, _) in enumerate(waiting)}
        tasks = (joblib.delayed(_numbered)(number, train) for number, (_, train) in enumerate(waiting))
        self._results = iter(joblib.Parallel(self._n_jobs, return_as=self._return_as)(tasks))

    def shutdown(self) -> None:
        """End the trainings that are under way."""
        if isinstance(self._results, Generator):
            self._results.close()


def _numbered(number: int, train: Callable[[], T]) -> tuple[int, T]:
    return number, train()


class Workers:
    """Where trainings run: several in threads or in processes, one alone in the calling thread.

    Parameters
    ----------
    n_jobs : int
        Networks that are on their way at the same time, at least 1.
    pool : ThreadPoolExecutor, _Tasks or None
        Who makes the trainings; None makes each at once, in the calling thread.
    """

    def __init__(self, n_jobs: int, pool: "ThreadPoolExecutor | _Tasks | None" = None) -> None:
        self._n_jobs, self._pool = n_jobs, pool
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()  # to be made in the calling thread
        self._ended = Event()
        self._takes_more = True

    @property
    def in_processes(self) -> bool:
        """Whether trainings run in other processes, whose epochs nobody hears of."""
        return isinstance(self._pool, _Tasks)

    @property
    def ended(self) -> bool:
        """Whether nobody waits for the trainings any more."""
        return self._ended.is_set()

    def submit(self, train: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a training run, in the caller's context, and return its result or its error when there is one."""
        call = partial(train, *args, **kwargs)
        if isinstance(self._pool, ThreadPoolExecutor):
            return self._pool.submit(copy_context().run, call)
        if self._pool is not None:
            return self._pool.submit(call)
        done: Future[T] = Future()
        _answer(done, call)
        return done

    def heard(self, tell: Callable[P, T]) -> Callable[P, T]:
        """Return what a training may call in the place of `tell`: it waits until the calling thread has answered."""
        if self._pool is None:
            return tell

        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            answer: Future[T] = Future()
            self._calls.put(partial(self._tell, answer, partial(tell, *args, **kwargs)))
            if self.ended:  # nobody looks into the queue any more
                raise CancelledError
            return answer.result()

        return ask

    def begin_no_further(self) -> None:
        """Let those that are being trained go on, and begin no other."""
        self._takes_more = False

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
                    if self._takes_more and begun < len(networks) and begun - ended < self._n_jobs:
                        begun += 1
                        advance(begun - 1, None)
                    elif number >= begun:
                        return
                    else:
                        self._next_call()()
                yield became.pop(number)
        finally:
            self._end()

    def _next_call(self) -> Callable[[], None]:
        """What is to be made next in the calling thread."""
        if isinstance(self._pool, _Tasks) and self._calls.empty():  # every network waits for a training
            self._pool.take()
        return self._calls.get()

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
        if self._pool is not None:
            self._pool.shutdown()


def _answer(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # an interrupt too: it is raised where the result is asked for
        future.set_exception(error)
