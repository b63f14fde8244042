"""How does a benchmark share its work with further processes of itself?"""

import subprocess
import sys
from collections.abc import Sequence


def share(module: str, argv: Sequence[str], n_workers: int) -> int:
    """Run a module with its arguments in several processes; `--shard K N` tells each its share. 1 where one failed."""
    command = [sys.executable, "-m", module, *argv, "--shard"]
    running = [subprocess.Popen([*command, str(k), str(n_workers)]) for k in range(n_workers)]
    codes = [process.wait() for process in running]
    return int(any(codes))
