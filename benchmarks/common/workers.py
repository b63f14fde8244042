"""How does a benchmark share its work with further processes of itself?"""

import argparse
import subprocess
import sys
from collections.abc import Sequence


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
