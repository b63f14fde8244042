"""Are undersampled networks that a cluster trains the same for any number of workers, and as good as whole ones?

    python -m benchmarks.scale.networks run [--rows N]    sixteen undersampled networks, and four that see all rows
    python -m benchmarks.scale.networks report            write the table into benchmarks/README.md

Figures are appended to benchmarks/results/networks.csv. The rows are those of `benchmarks.scale.run`, in files. Sixteen
networks are trained by Dask on one, two and three worker processes, of which one is killed in the middle; their
probabilities are compared bit by bit. Once more they are trained without a cluster, where TensorFlow has more threads,
and hence other last bits. Each fit has a process of its own, whose start is not counted; that of the workers is, with
TensorFlow.
"""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.processes import measure_apart
from benchmarks.common.records import append_row, fill, read_rows
from benchmarks.scale.run import COLUMNS, TEST_ROWS, make_rows, write_files

ROWS = RESULTS / "networks.csv"
BEGIN, END = "<!-- networks: begin -->", "<!-- networks: end -->"
SETTINGS = {"hidden_layer_sizes": [64, 32], "max_iter": 30, "n_iter_no_change": 3, "random_state": 0}
UNDER = {"sampler": "under", "n_members": 16}
WHOLE = {"n_members": 4}
KILLED_AFTER = 5.0  # seconds of training


@dataclass(frozen=True)
class Row:
    """One fit; the columns of the results."""

    rows: int
    method: str  # "under" or "whole"
    networks: int
    workers: int  # processes of a cluster; 0 trains in threads of one process
    killed: int  # workers
    seconds: float
    average_precision: float
    auc: float
    log_loss: float
    answers: str  # hash of the probabilities


@contextmanager
def cluster_of(n_workers: int, *, kill: bool) -> Iterator[Callable[[], int]]:
    """Let a fit in this block train on worker processes; yields what says how many of them were killed."""
    if not n_workers:
        yield lambda: 0
        return
    from distributed import Client, LocalCluster
    from joblib import parallel_config

    killed: list[int] = []

    def kill_one(cluster: LocalCluster) -> None:
        workers = cluster.scheduler.workers
        while not any(worker.processing for worker in list(workers.values())):
            time.sleep(0.1)
        time.sleep(KILLED_AFTER)
        (victim, *_) = [worker for worker in list(workers.values()) if worker.processing]
        pid = cluster.workers[victim.name].process.pid
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    threads = 2 if n_workers == 1 else 1  # joblib hands nothing to a cluster of one thread; TensorFlow takes one always
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=threads, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        if kill:
            threading.Thread(target=kill_one, args=(cluster,), daemon=True).start()
        with parallel_config(backend="dask"):
            yield lambda: len(killed)


def fit_once(folder: str, n_workers: int, kill: bool, params: dict[str, Any]) -> dict[str, Any]:
    """Fit, and judge on new rows."""
    import pandas as pd
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    from balanced_nn import BalancedNNClassifier

    start = time.perf_counter()
    with cluster_of(n_workers, kill=kill) as count_killed:
        clf = BalancedNNClassifier(**params).fit_dataset(folder, "y", cache_dir=Path(folder).parent)
        n_killed = count_killed()
        seconds = time.perf_counter() - start
    X, y = make_rows(TEST_ROWS, 999_999_937)
    proba = clf.predict_proba(pd.DataFrame(X, columns=COLUMNS))[:, 1]
    return {
        "networks": len(clf.members_), "workers": n_workers, "killed": n_killed, "seconds": seconds,
        "average_precision": float(average_precision_score(y, proba)), "auc": float(roc_auc_score(y, proba)),
        "log_loss": float(log_loss(y, proba)), "answers": sha256(proba.tobytes()).hexdigest()[:16],
    }  # fmt: skip


def measure(folder: Path, n_rows: int, method: str, n_workers: int = 0, *, kill: bool = False) -> None:
    """Fit in a process of its own, and append to the results."""
    params = {**SETTINGS, **(UNDER if method == "under" else WHOLE)}
    figures = measure_apart(
        "benchmarks.scale.networks", folder=str(folder), n_workers=n_workers, kill=kill, params=params
    )
    row = Row(n_rows, method, **figures)
    append_row(ROWS, row)
    print(row, flush=True)


def run(n_rows: int, scratch: Path | None) -> None:
    """Measure all."""
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        folder = Path(place, "rows")
        folder.mkdir()
        write_files(folder, n_rows, 0, "none")
        for n_workers in (2, 1, 3, 0):
            measure(folder, n_rows, "under", n_workers, kill=n_workers == 3)
        measure(folder, n_rows, "whole")


def report() -> None:
    """Write the table."""
    fill(README, BEGIN, END, "\n".join(_lines(read_rows(ROWS, Row))))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield "| rows | networks | workers | killed | s | average precision | AUC | log-loss | probabilities |"
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---|"
    for row in sorted(rows, key=lambda r: (r.rows, r.method, r.workers)):
        same = {other.answers for other in rows if other.workers and other.rows == row.rows}
        name = {"under": "undersampled", "whole": "of all rows"}[row.method]
        told = "" if not row.workers else "the same, bit by bit" if len(same) == 1 else f"hash {row.answers}"
        yield (
            f"| {row.rows:,} | {row.networks} {name} | {row.workers or 'none'} | {row.killed} | {row.seconds:.0f} "
            f"| {row.average_precision:.4f} | {row.auc:.4f} | {row.log_loss:.5f} | {told} |"
        )


def main() -> None:
    """Do what the command line says."""
    parser = make_parser("benchmarks.scale.networks", __doc__)
    parser.add_argument("what", choices=["run", "report", "one"])
    parser.add_argument("arguments", nargs="?", help="of one fit, as JSON")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--scratch", type=Path, help="folder for the files (default: that of the system)")
    given = parser.parse_args()
    if given.what == "one":
        print(json.dumps(fit_once(**json.loads(given.arguments))))
    elif given.what == "report":
        report()
    else:
        run(given.rows, given.scratch)


if __name__ == "__main__":
    main()
