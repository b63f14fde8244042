"""May TensorFlow train in this process, and with how many threads?"""

import multiprocessing
import os
import sys

_forked_from: list[int] = []  # process id of the parent, where it had loaded TensorFlow when it forked


def _notice_fork() -> None:
    if "tensorflow" in sys.modules:
        _forked_from[:] = [os.getppid()]


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_notice_fork)


def check_process() -> None:
    """Refuse to train in a child that was forked after its parent loaded TensorFlow, where any call may hang.

    A fork is noticed if this package had been imported before it.

    Raises
    ------
    RuntimeError
        If this process is such a child.
    """
    if _forked_from:
        raise RuntimeError(
            f"Process {os.getpid()} was forked from {_forked_from[0]} after TensorFlow had been loaded there; "
            'TensorFlow may hang in such a child. Use joblib\'s default backend "loky" or the "spawn" start method; '
            "predict works here."
        )


def threads_of_a_worker() -> int | None:
    """Return the number of threads that joblib grants to this worker.

    joblib divides the processor among its workers and says so in ``OMP_NUM_THREADS``, which BLAS and OpenMP read and
    TensorFlow does not. None in a process that is no worker, and where ``TF_NUM_INTRAOP_THREADS`` says another number.
    """
    if os.environ.get("TF_NUM_INTRAOP_THREADS"):
        return None
    granted = os.environ.get("OMP_NUM_THREADS", "")
    is_worker = multiprocessing.parent_process() is not None
    return int(granted) if is_worker and granted.isdecimal() and int(granted) > 0 else None
