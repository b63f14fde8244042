"""How well do we predict on real imbalanced tables, beside other networks and boosted trees, all at their defaults?

    python -m benchmarks.quality.run fetch --data FOLDER    download the sets of imbalanced-learn into FOLDER
    python -m benchmarks.quality.run run --data FOLDER      fit, and append to benchmarks/results/quality.csv
    python -m benchmarks.quality.run run --data FOLDER --table large    the same with up to 30,000 training rows
    python -m benchmarks.quality.run ablate --data FOLDER   fit variants of ours, and append to quality_ablation.csv
    python -m benchmarks.quality.run tune --data FOLDER     search, then fit the best of ours; into quality_tuned.csv
    python -m benchmarks.quality.run distort --data FOLDER  fit to distorted tables; into quality_distorted.csv
    python -m benchmarks.quality.run report                 write tables and pictures of all four into docs/quality.md,
                                                            and a few lines into README.md

A fit is a row, and what is there already is skipped, so that a run may be interrupted; `--again` drops the rows of the
methods that are named, with `ablate` those of the variants. FOLDER holds one .parquet file for each set, with the label
in the last column, `target`; it may also be named by the environment variable BALANCED_NN_DATA. Sets that a
manifest.json in it calls of role "scale" are left out of all but the large table. `--half` takes the half of the sets
on which settings are chosen, or the half on which they are confirmed: every other name. Each process computes on one
thread; `--workers` says how many share the work.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
from imblearn.metrics import geometric_mean_score
from sklearn.metrics import balanced_accuracy_score, matthews_corrcoef

from balanced_nn import clear_compiled_programs
from balanced_nn._collapse.outcome import find_outcome
from benchmarks.common.command_line import add_data_folder, make_parser
from benchmarks.common.paths import RESULTS
from benchmarks.common.records import append_row, drop_rows, read_rows
from benchmarks.common.tables import (
    MAX_ROWS,
    MAX_TRAINING_ROWS,
    Part,
    attempt,
    measures,
    one_against_rest_auc,
    read_part,
)
from benchmarks.common.workers import add_workers, share
from benchmarks.quality.ablation import ABLATION, ABLATION_METHODS
from benchmarks.quality.distortions import DISTORTED, DISTORTED_METHODS, DISTORTIONS, Distort
from benchmarks.quality.peers import METHODS, SLOW, TUNED, Build
from benchmarks.quality.report import write_report, write_short_table
from benchmarks.quality.statistics import HALVES, LARGE, RANKING, Row, half_of
from benchmarks.quality.tuning import TUNING, tuned

LARGE_SETS = 8  # those with the most rows
SECONDS_OF_A_FIT, SECONDS_OF_A_SEARCH = 15 * 60, 60 * 60


@dataclass(frozen=True)
class Task:
    """What a command fits."""

    table: str
    file: str  # below RESULTS
    methods: Mapping[str, Build]
    n_splits: int
    if_named: Mapping[str, Build] = field(default_factory=dict)  # further methods, which are fitted only on demand
    distortions: Mapping[str, Distort] = field(default_factory=lambda: {"": lambda part: part})  # by the name's end
    max_rows: tuple[int, int] = (MAX_ROWS, MAX_TRAINING_ROWS)  # of a set, and of those trained on


TASKS = {
    "run": Task(RANKING, "quality.csv", METHODS, 3, {TUNED: tuned}),
    "ablate": Task(ABLATION, "quality_ablation.csv", ABLATION_METHODS, 2),
    "tune": Task(TUNING, "quality_tuned.csv", {TUNED: tuned}, 1),
    "distort": Task(DISTORTED, "quality_distorted.csv", DISTORTED_METHODS, 3, distortions=DISTORTIONS),
}
LARGE_TASK = replace(TASKS["run"], table=LARGE, n_splits=1, max_rows=(100_000, 30_000))


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = parse(argv)
    if arguments.command == "report":
        rows = [row for task in TASKS.values() for row in read_rows(RESULTS / task.file, Row)]
        write_report(rows)
        write_short_table(rows)
        return 0
    if arguments.data is None:
        print("quality: name a folder with --data or BALANCED_NN_DATA.", file=sys.stderr)
        return 2
    if arguments.command == "fetch":
        return fetch(arguments.data)
    task = LARGE_TASK if arguments.table == LARGE else TASKS[arguments.command]
    files, builds = find_sets(arguments.data, task.table), {**task.methods, **task.if_named}
    if arguments.half is not None:
        files = {name: files[name] for name in half_of(files, arguments.half)}
    names, methods = arguments.only or list(files), arguments.methods or list(task.methods)
    if unknown := (set(names) - set(files)) | (set(methods) - set(builds)):
        print(f"quality: no set or method {', '.join(sorted(unknown))}.", file=sys.stderr)
        print(f"Sets: {', '.join(files)}. Methods: {'; '.join(builds)}.", file=sys.stderr)
        return 2
    out = arguments.out or RESULTS / task.file
    if arguments.again and arguments.shard is None:
        keys = set(product([task.table + kind for kind in task.distortions], names, methods))
        drop_rows(out, Row, lambda row: (row.table, row.set, row.method) in keys)
    if arguments.workers > 1 and arguments.shard is None:
        return share(__spec__.name, argv, arguments.workers)
    first, step = arguments.shard or (0, 1)
    chosen = [file for name, file in files.items() if name in names]
    run(task, chosen[first::step], {name: builds[name] for name in methods}, arguments.seeds, out)
    return 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["fetch", *TASKS, "report"])
    add_data_folder(parser)
    parser.add_argument("--out", type=Path, help="CSV file that results are appended to, if not that in results")
    parser.add_argument("--table", choices=[RANKING, LARGE], default=RANKING, help="of the command run")
    parser.add_argument("--half", choices=list(HALVES), help="of the sets")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of sets")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="names of methods or variants")
    parser.add_argument("--seeds", type=int, nargs="+", help="splits, from 0 on")
    parser.add_argument("--again", action="store_true", help="drop the rows that this command writes, then run")
    add_workers(parser, "the sets")
    arguments = parser.parse_args(argv)
    if arguments.table == LARGE and arguments.command != "run":
        parser.error("--table large goes with the command run")
    return arguments


def fetch(folder: Path) -> int:
    """Write the 27 sets that imbalanced-learn's users compare on."""
    import pandas as pd
    from imblearn.datasets import fetch_datasets

    folder.mkdir(parents=True, exist_ok=True)
    for name, bunch in fetch_datasets().items():
        frame = pd.DataFrame(bunch.data).add_prefix("x").assign(target=bunch.target)
        frame.to_parquet(folder / f"{name}.parquet")
        print(name)
    return 0


def find_sets(folder: Path, table: str) -> dict[str, Path]:
    """Sets of a folder for a table: those with the most rows, or all but those of role "scale"."""
    import pyarrow.parquet

    files = {file.stem: file for file in sorted(folder.glob("*.parquet"))}
    manifest = folder / "manifest.json"
    entries = json.loads(manifest.read_text()) if manifest.exists() else []
    roles = {entry["name"]: entry.get("role") for entry in entries}
    if table != LARGE:
        return {name: file for name, file in files.items() if roles.get(name) != "scale"}
    by_size = sorted(files, key=lambda name: -pyarrow.parquet.read_metadata(files[name]).num_rows)
    return {name: files[name] for name in by_size[:LARGE_SETS]}


def run(
    task: Task, files: Sequence[Path], methods: Mapping[str, Build], seeds: Sequence[int] | None, out: Path
) -> None:
    """Split by split, so that a run that is cut short has seen all sets."""
    import balanced_nn._training.keras.program  # noqa: F401, loads Keras before the clock runs

    done = {(row.table, row.set, row.seed, row.method) for row in read_rows(out, Row)}
    for seed, file, kind, method in product(seeds or range(task.n_splits), files, task.distortions, methods):
        if method in SLOW and seed > 0 and seeds is None:
            continue
        if (task.table + kind, file.stem, seed, method) in done:
            continue
        part = task.distortions[kind](read_part(file, seed, *task.max_rows))
        clear_compiled_programs()  # of variants alike, the first would otherwise compile for all
        found = attempt(partial(scores, method, methods[method], part))
        row = replace(describe(part, task.table + kind, method), **found)
        append_row(out, row)
        figures = f"{row.average_precision:.3f} {row.balanced_accuracy:.3f} {row.fit_seconds:.1f} s"
        print(f"{seed} {row.set:20} {method:30} {figures} {row.status}", flush=True)


def describe(part: Part, table: str, method: str) -> Row:
    """A row without figures."""
    n_rows, n_features = part.X.shape
    rarest_test = int(np.sum(part.y_test == part.counts.argmin()))
    sizes = (n_rows, n_features, len(part.counts), int(part.counts.min()), rarest_test)
    return Row(table, part.name, part.seed, method, *sizes)


def scores(method: str, build: Build, part: Part) -> dict[str, Any]:
    model = build(part.X, part.seed)
    start = process_time()
    with time_limit(SECONDS_OF_A_SEARCH if method == TUNED else SECONDS_OF_A_FIT):
        model.fit(part.X, part.y)
    fitted = process_time()
    proba = np.asarray(model.predict_proba(part.X_test), dtype=np.float64)
    predicted = process_time()
    answers = np.asarray(model.predict(part.X_test)).ravel()
    found = measures(proba, part.y_test, part.prior)
    return {
        **{name: found[name] for name in ("average_precision", "log_loss", "brier", "ece")},
        "roc_auc": one_against_rest_auc(part.y_test, proba),
        "balanced_accuracy": round(float(balanced_accuracy_score(part.y_test, answers)), 6),
        "balanced_accuracy_prior": found["balanced_accuracy"],
        "g_mean": round(float(geometric_mean_score(part.y_test, answers)), 6),
        "mcc": round(float(matthews_corrcoef(part.y_test, answers)), 6),
        "outcome": str(find_outcome(part.y_test, proba, answers, prior=part.prior).outcome),
        "fit_seconds": round(fitted - start, 3),
        "predict_seconds": round(predicted - fitted, 4),
    }


class OutOfTime(BaseException):
    """No `Exception`, which a search would take for the failure of a candidate, and go on."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Seconds of processor time, so that what else runs on the machine does not count."""
    expired = False

    def stop(number: int, frame: Any) -> None:
        nonlocal expired
        expired = True
        raise OutOfTime

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except (OutOfTime, KeyboardInterrupt):  # CatBoost makes the second of whatever a signal raises
        if not expired:
            raise
        raise TimeoutError(f"more than {seconds} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    sys.exit(main())
