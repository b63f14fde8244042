"""How does a benchmark share its work with further processes of itself?"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any


def share(module: str, argv: Sequence[str], n_workers: int) -> int:
    """Run a module with its arguments in several processes; `--shard K N` tells each its share. 1 where one failed."""
    command = [sys.executable, "-m", module, *argv, "--shard"]
    running = [subprocess.Popen([*command, str(k), str(n_workers)]) for k in range(n_workers)]
    codes = [process.wait() for process in running]
    return int(any(codes))


def add_workers(parser: argparse.ArgumentParser, shared: str, default: int = 1) -> None:
    """``--workers``, and the ``--shard K N`` that each of them is started with."""
    parser.add_argument("--workers", type=int, default=default, help=f"processes that share {shared}")
    parser.add_argument("--shard", type=int, nargs=2, help=argparse.SUPPRESS)  # this is a worker


def answers_of(pipe: Any, process: Any, time_limit: float) -> Iterator[tuple[int, Any, float]]:
    """What a process sends: a number with None where it begins a task, then with the answer and the seconds it took.

    Yields
    ------
    number, answer, seconds
        The last answer may be "timeout", where nothing came for `time_limit` seconds and the process was ended, or
        "crash", where it ended by itself.
    """
    number = -1
    try:
        while True:
            if not pipe.poll(time_limit):
                process.kill()
                yield number, "timeout", time_limit
                return
            number, answer, seconds = pipe.recv()
            if answer is not None:
                yield number, answer, seconds
                number = -1
    except EOFError:
        if number >= 0:
            yield number, "crash", 0.0
