"""How do we compute with TensorFlow while the surrounding program has set a mode of it?

A graph, a tape, a strategy, a device and the callbacks of ``tf.debugging`` are modes of a thread, and a new thread has
none of them: what it computes is the same, whatever stands around the call, and the user's modes stay as they are.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
NAME = "balanced_nn_train"


class HasThread(Protocol):
    """Something that computes in a thread of its own."""

    thread: ThreadPoolExecutor


Self = TypeVar("Self", bound=HasThread)


def new_thread() -> ThreadPoolExecutor:
    """Return a thread for one call after the other; it ends when nobody holds it any more."""
    return ThreadPoolExecutor(1, thread_name_prefix=NAME)


def run_apart(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call in a new thread, and wait for the answer."""
    with new_thread() as thread:
        return thread.submit(call, *args, **kwargs).result()


def in_own_thread(method: Callable[Concatenate[Self, P], T]) -> Callable[Concatenate[Self, P], T]:
    """Let a method compute in ``self.thread``, while the caller waits; it must not call another one of these."""

    @wraps(method)
    def apart(self: Self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.thread.submit(method, self, *args, **kwargs).result()

    return apart
