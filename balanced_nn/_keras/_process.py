"""May TensorFlow train in this process, and with how many threads?"""

import multiprocessing
import os
from contextlib import suppress

import tensorflow as tf

_PROCESS_ID = os.getpid()  # of the process that loaded TensorFlow


def check_process() -> None:
    """Refuse to train in a child that was forked after its parent loaded TensorFlow, where any call would hang.

    Raises
    ------
    RuntimeError
        If this process is not the one that loaded TensorFlow.
    """
    if os.getpid() != _PROCESS_ID:
        raise RuntimeError(
            f"Process {os.getpid()} was forked from {_PROCESS_ID} after TensorFlow had started there; TensorFlow hangs "
            'in such a child. Use joblib\'s default backend "loky" or the "spawn" start method; predict works here.'
        )


def threads_of_a_worker() -> int | None:
    """Return the number of threads that joblib grants to this worker; None in a process that is no worker.

    joblib divides the processor among its workers and says so in ``OMP_NUM_THREADS``, which BLAS and OpenMP read and
    TensorFlow does not.
    """
    granted = os.environ.get("OMP_NUM_THREADS", "")
    is_worker = multiprocessing.parent_process() is not None
    return int(granted) if is_worker and granted.isdecimal() and int(granted) > 0 else None


def share_the_processor() -> None:
    """Give TensorFlow the threads that a worker may have, where nobody has set their number or started it yet."""
    threads = threads_of_a_worker()
    if threads is None or tf.config.threading.get_intra_op_parallelism_threads() != 0:
        return
    with suppress(RuntimeError):  # TensorFlow has started in this worker, for somebody else
        tf.config.threading.set_intra_op_parallelism_threads(threads)
