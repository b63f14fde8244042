"""Does a fit that is killed at any moment, and begun anew, end as one that nothing interrupted?

    python -m benchmarks.scale.kills run [--kills 10] [--seed 0]    append to benchmarks/results/kills.csv
    python -m benchmarks.scale.kills report                         write the table into benchmarks/README.md

A fit in memory and one from files, each in a process that is killed by SIGKILL at a random moment, and begun anew. Its
probabilities are compared, bit by bit, with those of a fit without a checkpoint.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np

from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows
from benchmarks.scale.run import COLUMNS, FROM_FILES, IN_MEMORY, make_rows, write_files

ROWS = RESULTS / "kills.csv"
BEGIN, END = "<!-- kills: begin -->", "<!-- kills: end -->"
N_ROWS = 60_000
SETTINGS = {"hidden_layer_sizes": [32, 16], "max_iter": 40, "n_members": 2, "random_state": 0}
BEGUN = "begun"  # what a process says as soon as TensorFlow is loaded


@dataclass(frozen=True)
class Row:
    """One kill; the columns of the results."""

    method: str
    moment: float  # seconds behind the start of the fit
    seconds: float  # of a fit that nothing interrupts
    ended: bool  # before the moment came
    trainings_kept: int  # when it was killed
    identical: bool  # the probabilities in the end
    files_left: bool


def fit_once(folder: str, method: str, checkpoint: str | None, answers: str) -> None:
    """Fit, and write the probabilities of some rows."""
    import pandas as pd

    import balanced_nn._training.keras.train  # noqa: F401  (loads TensorFlow)
    from balanced_nn import BalancedNNClassifier

    print(BEGUN, flush=True)
    clf = BalancedNNClassifier(checkpoint=checkpoint, **SETTINGS)
    if method == IN_MEMORY:
        table = pd.read_parquet(folder)
        clf.fit(table, table.pop("y"))
    else:
        clf.fit_dataset(folder, "y")
    X, _ = make_rows(2_000, 999_999_937)
    np.save(answers, clf.predict_proba(pd.DataFrame(X, columns=COLUMNS)))


def begin(**arguments: str | None) -> subprocess.Popen[str]:
    """Begin a fit in a process of its own, and wait until TensorFlow is loaded."""
    command = [sys.executable, "-m", "benchmarks.scale.kills", "one", json.dumps(arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while BEGUN not in (line := process.stdout.readline()):
        if not line:
            raise RuntimeError("the process ended before it began to fit")
    return process


def kill_and_resume(method: str, n_kills: int, rng: np.random.Generator, place: Path) -> Iterator[Row]:
    """Return what came of each moment."""
    rows, kept, whole, resumed = str(place / "rows"), place / "kept", place / "whole.npy", place / "resumed.npy"
    process = begin(folder=rows, method=method, checkpoint=None, answers=str(whole))
    start = time.perf_counter()
    process.wait()
    seconds = time.perf_counter() - start
    for _ in range(n_kills):
        moment = float(rng.uniform(0, seconds))
        process = begin(folder=rows, method=method, checkpoint=str(kept), answers=str(resumed))
        try:
            process.wait(moment)
            ended, n_kept = True, 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            ended, n_kept = False, len(list(kept.glob("*training*")))
        if not resumed.exists():
            begin(folder=rows, method=method, checkpoint=str(kept), answers=str(resumed)).wait()
        identical = np.array_equal(np.load(whole), np.load(resumed))
        yield Row(method, moment, seconds, ended, n_kept, identical, kept.exists())
        resumed.unlink()


def run(n_kills: int, seed: int) -> None:
    """Kill fits in memory and from files, and append to the results."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "rows")
        folder.mkdir()
        write_files(folder, N_ROWS, 0, "none")
        for method in (IN_MEMORY, FROM_FILES):
            for row in kill_and_resume(method, n_kills, rng, Path(place)):
                append_row(ROWS, row)
                print(row, flush=True)


def report() -> None:
    """Write the table."""
    fill(README, BEGIN, END, "\n".join(_lines(read_rows(ROWS, Row))))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield "| method | s of the fit | killed at, s | with trainings kept | bit-identical in the end | files left |"
    yield "|---|---:|---|---:|---:|---:|"
    for method in (IN_MEMORY, FROM_FILES):
        killed = [row for row in rows if row.method == method and not row.ended]
        moments = ", ".join(f"{moment:.1f}" for moment in sorted(row.moment for row in killed))
        n_kept = sum(row.trainings_kept > 0 for row in killed)
        n_same, n_left = sum(row.identical for row in killed), sum(row.files_left for row in killed)
        seconds = np.mean([row.seconds for row in killed])
        yield f"| `{method}` | {seconds:.1f} | {moments} | {n_kept} | {n_same} of {len(killed)} | {n_left} |"


def main() -> None:
    """Do what the command line says."""
    parser = make_parser("benchmarks.scale.kills", __doc__)
    parser.add_argument("what", choices=["run", "report", "one"])
    parser.add_argument("arguments", nargs="?", help="of one fit, as JSON")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    if given.what == "one":
        fit_once(**json.loads(given.arguments))
    elif given.what == "report":
        report()
    else:
        run(given.kills, given.seed)


if __name__ == "__main__":
    main()
