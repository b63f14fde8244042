"""May TensorFlow train in this process, may it compile there, and with how many threads?"""

import multiprocessing
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# A compiled program takes some 200 maps of memory, which TensorFlow keeps until the process ends. Past the limit of the
# system, after some 320 programs at Linux' default, it writes to memory that it did not get: the process is killed.
MAPS_TO_SPARE = 2_000
MAPS, MAX_MAPS = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")  # of Linux

NOT_TENSORFLOW = (
    "Keras runs on {!r} in this process, and this package trains with TensorFlow. "
    'Set KERAS_BACKEND="tensorflow" before Keras is imported, or train in another process; predict works here, '
    "unless hidden_layer_sizes is a function."
)

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
CHATTER = re.compile(
    rb"All log messages before absl::InitializeLog|oneDNN custom operations are on|Could not find cuda drivers|"
    rb"Unable to register cu\w+ factory|computation placer already registered|Could not find TensorRT|"
    rb"This TensorFlow binary is optimized|To enable the following instructions"
)
_STARTING = threading.RLock()

_forked_from: list[int] = []  # process id of the parent, where it had loaded TensorFlow when it forked


def _notice_fork() -> None:
    if "tensorflow" in sys.modules:
        _forked_from[:] = [os.getppid()]


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_notice_fork)


def check_process() -> None:
    """Refuse to train in a child that was forked after its parent loaded TensorFlow, where any call may hang.

    Refuse too where Keras would be loaded with another backend, which may not even be installed. A fork is noticed if
    this package had been imported before it.

    Raises
    ------
    RuntimeError
        If this process is such a child, or Keras is to run on another backend.
    """
    if _forked_from:
        raise RuntimeError(
            f"Process {os.getpid()} was forked from {_forked_from[0]} after TensorFlow was loaded there; "
            'TensorFlow may hang in such a child. Use joblib\'s default backend "loky" or the "spawn" start method; '
            "predict works here, unless hidden_layer_sizes is a function."
        )
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow" and "keras" not in sys.modules:
        raise RuntimeError(NOT_TENSORFLOW.format(backend))


@contextmanager
def quiet_start() -> Iterator[None]:
    """Load TensorFlow in this block, without what it always writes on its way.

    Its first lines come from C++ before any level is read, so what arrives at the file descriptor of standard error is
    kept until the block ends; then all but `CHATTER` is written there, that of other threads and of a failed import
    included. Nothing is kept back where TensorFlow is loaded already, or where the user has set TF_CPP_MIN_LOG_LEVEL to
    0, as is to be done where the system ends the process in these seconds.
    """
    with _STARTING:
        if "tensorflow" in sys.modules or os.environ.get(LEVEL) == "0":
            yield
            return
        ours = LEVEL not in os.environ
        if ours:
            os.environ[LEVEL] = "3"  # read while TensorFlow is loaded
        try:
            with _without_chatter():
                yield
        finally:
            if ours:
                del os.environ[LEVEL]


@contextmanager
def _without_chatter() -> Iterator[None]:
    with ExitStack() as stack:
        try:
            terminal = os.dup(2)
        except OSError:  # closed: nothing would be seen
            yield
            return
        stack.callback(os.close, terminal)
        written = stack.enter_context(tempfile.TemporaryFile())
        _flush_errors()
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            _flush_errors()
            os.dup2(terminal, 2)
            written.seek(0)
            told = b"".join(line for line in written if not CHATTER.search(line))
            with suppress(OSError), open(2, "wb", closefd=False) as errors:
                errors.write(told)


def _flush_errors() -> None:
    with suppress(AttributeError, OSError, ValueError):  # None without a console, closed, or another's
        sys.stderr.flush()


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


def may_compile() -> bool:
    """Whether the system grants this process the memory maps of another compiled program; warns where it does not.

    True where there is no such limit.
    """
    try:
        most = int(MAX_MAPS.read_text())
        with MAPS.open("rb") as lines:
            in_use = sum(1 for _ in lines)
    except (OSError, ValueError):
        return True
    if in_use + MAPS_TO_SPARE <= most:
        return True
    warnings.warn(
        f"This process has nearly used up the {most:,} memory maps that the system allows it; TensorFlow keeps those "
        "of each program that it compiled until the process ends. So networks of a new shape are trained without "
        "compiling, which takes up to twice as long. Search in processes (n_jobs), start a new process, or raise "
        "vm.max_map_count.",
        RuntimeWarning,
        stacklevel=2,
    )
    return False
