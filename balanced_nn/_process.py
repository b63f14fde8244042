"""May TensorFlow train in this process, and with how many threads?"""

import multiprocessing
import os
import sys

_parent_with_tensorflow: int | None = None  # process id of the parent that this process was forked from


def _notice_fork() -> None:
    global _parent_with_tensorflow  # noqa: PLW0603: one fact about this process
    if "tensorflow" in sys.modules:
        _parent_with_tensorflow = os.getppid()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_notice_fork)


def check_process() -> None:
    """Refuse to train in a child that was forked after its parent loaded TensorFlow, where any call would hang.

    Raises
    ------
    RuntimeError
        If this process is such a child.
    """
    if _parent_with_tensorflow is not None:
        raise RuntimeError(
            f"Process {os.getpid()} was forked from {_parent_with_tensorflow} after TensorFlow had started there; "
            'TensorFlow hangs in such a child. Use joblib\'s default backend "loky" or the "spawn" start method; '
            "predict works here."
        )


def threads_of_a_worker() -> int | None:
    """Return the number of threads that joblib grants to this worker; None in a process that is no worker.

    joblib divides the processor among its workers and says so in ``OMP_NUM_THREADS``, which BLAS and OpenMP read and
    TensorFlow does not.
    """
    granted = os.environ.get("OMP_NUM_THREADS", "")
    is_worker = multiprocessing.parent_process() is not None
    return int(granted) if is_worker and granted.isdecimal() and int(granted) > 0 else None
