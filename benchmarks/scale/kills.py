"""Does a fit that is killed at any moment, and begun anew, end as one that nothing interrupted?

    python -m benchmarks.scale.kills [--kills 10] [--seed 0]

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
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np

from benchmarks.common.command_line import make_parser
from benchmarks.scale.run import COLUMNS, FROM_FILES, IN_MEMORY, make_rows, write_files

N_ROWS = 8_000
SETTINGS = {"hidden_layer_sizes": [32, 16], "max_iter": 20, "n_members": 2, "random_state": 0}
BEGUN = "begun"  # what a process says as soon as TensorFlow is loaded


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
    command = [sys.executable, "-m", "benchmarks.scale.kills", "--one", json.dumps(arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while BEGUN not in (line := process.stdout.readline()):
        if not line:
            raise RuntimeError("the process ended before it began to fit")
    return process


def kill_and_resume(method: str, n_kills: int, rng: np.random.Generator, place: Path) -> None:
    """Print what came of each moment."""
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
            state = "had ended"
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            state = f"killed, {len(list(kept.glob('*training*')))} trainings kept"
        if not resumed.exists():
            begin(folder=rows, method=method, checkpoint=str(kept), answers=str(resumed)).wait()
        same = "bit-identical" if np.array_equal(np.load(whole), np.load(resumed)) else "DIFFERENT"
        left = "FILES LEFT" if kept.exists() else "nothing left"
        print(f"{method}: {moment:.1f} s of {seconds:.1f}: {state}; {same}; {left}", flush=True)
        resumed.unlink()


def main() -> None:
    """Do what the command line says."""
    parser = make_parser("benchmarks.scale.kills", __doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--one", help="one fit, as JSON")
    given = parser.parse_args()
    if given.one:
        fit_once(**json.loads(given.one))
        return
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "rows")
        folder.mkdir()
        write_files(folder, N_ROWS, 0, "none")
        for method in (IN_MEMORY, FROM_FILES):
            kill_and_resume(method, given.kills, rng, Path(place))


if __name__ == "__main__":
    main()
