"""Do the defaults work on many real imbalanced tables? Fits each of them once and measures it.

    python -m benchmarks.robustness.sets --data FOLDER           fit and append to benchmarks/results/sets.csv
    python -m benchmarks.robustness.sets report                  write the table into benchmarks/README.md

FOLDER holds one .parquet file for each set, with the label in the last column, `target`. It may also be named by the
environment variable BALANCED_NN_DATA. A set that is in the results already is skipped, so a run may be interrupted.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, log_loss

from balanced_nn import BalancedNNClassifier
from balanced_nn._collapse.outcome import Outcome, find_outcome
from benchmarks.common.command_line import add_data_folder, make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows
from benchmarks.common.tables import average_precision, split, subsample

ROWS = RESULTS / "sets.csv"
BEGIN, END = "<!-- sets: begin -->", "<!-- sets: end -->"
ERROR = "error"
COLLAPSED = {str(outcome) for outcome in (Outcome.CONSTANT, Outcome.ONE_CLASS, Outcome.MISSING)}

NO_SCORES = {
    **dict.fromkeys(("balanced_accuracy", "average_precision", "log_loss", "learning_rate"), float("nan")),
    **dict.fromkeys(("fit_seconds", "predict_seconds"), float("nan")),
    "epochs": 0,
    "outcome_fit": ERROR,
    "outcome_test": ERROR,
}


@dataclass(frozen=True)
class Row:
    """One fit; the columns of the results."""

    set: str
    seed: int
    max_rows: int
    rows: int
    features: int
    classes: int
    rarest: int  # rows of the rarest class, of the rows used
    balanced_accuracy: float
    average_precision: float
    log_loss: float
    outcome_fit: str  # collapse_report_.outcome, or "error"
    outcome_test: str
    warnings: str
    learning_rate: float
    epochs: int
    fit_seconds: float
    predict_seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    if arguments.command == "report":
        write_report(read_rows(arguments.out, Row), README)
        return 0
    if arguments.data is None or not arguments.data.is_dir():
        print(f"sets: no folder {arguments.data}. Name one with --data or BALANCED_NN_DATA.", file=sys.stderr)
        return 2
    files = sorted(arguments.data.glob("*.parquet"))
    chosen = [file for file in files if not arguments.only or file.stem in arguments.only]
    if unknown := set(arguments.only) - {file.stem for file in files}:
        print(f"sets: no such set: {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    return run(chosen, arguments.out, arguments.seed, arguments.max_rows)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", nargs="?", choices=["run", "report"], default="run")
    add_data_folder(parser)
    parser.add_argument("--out", type=Path, default=ROWS, help="CSV file that results are appended to")
    parser.add_argument("--seed", type=int, default=0, help="seed of subsample, split and network")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of sets")
    parser.add_argument("--max-rows", type=int, default=20_000, help="larger sets are subsampled, stratified")
    return parser.parse_args(argv)


def run(files: Sequence[Path], out: Path, seed: int, max_rows: int) -> int:
    """Fit the sets that are not in the results yet; 1 where one failed."""
    done = {(row.set, row.seed, row.max_rows) for row in read_rows(out, Row) if row.outcome_fit != ERROR}
    failed = 0
    import keras  # noqa: F401, before the clock runs

    for number, file in enumerate(files, start=1):
        if (file.stem, seed, max_rows) in done:
            continue
        row = measure(file, seed, max_rows)
        append_row(out, row)
        failed += row.outcome_fit == ERROR
        scores = f"balanced accuracy {row.balanced_accuracy:.3f}  average precision {row.average_precision:.3f}"
        outcomes = f"{row.outcome_fit}/{row.outcome_test}"
        print(f"{number:3}/{len(files)} {row.set:20} {scores}  {outcomes}  {row.fit_seconds:.1f} s  {row.warnings}")
        sys.stdout.flush()
    return int(failed > 0)


def measure(file: Path, seed: int, max_rows: int) -> Row:
    """Fit the defaults on 70 % of a set and measure them on the rest."""
    frame = pd.read_parquet(file)
    X, labels = frame.drop(columns="target"), frame["target"].to_numpy()
    classes, y = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(seed)
    kept = subsample(y, max_rows, rng)
    train, test = split(y, kept, rng)
    size = {
        "set": file.stem,
        "seed": seed,
        "max_rows": max_rows,
        "rows": len(kept),
        "features": X.shape[1],
        "classes": len(classes),
        "rarest": int(np.bincount(y[kept]).min()),
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            scores = fit_and_score(X, labels, y, train, test, seed)
        except Exception as error:  # a set that fails is a result of this benchmark
            return Row(**size, **NO_SCORES, warnings=f"{type(error).__name__}: {error}")
    messages = (f"{warning.category.__name__}: {warning.message}" for warning in caught)
    return Row(**size, **scores, warnings=" | ".join(dict.fromkeys(messages)))


def fit_and_score(
    X: pd.DataFrame, labels: NDArray, y: NDArray[np.intp], train: NDArray[np.intp], test: NDArray[np.intp], seed: int
) -> dict:
    start = perf_counter()
    model = BalancedNNClassifier(random_state=seed).fit(X.iloc[train], labels[train])
    fitted = perf_counter()
    proba = model.predict_proba(X.iloc[test])
    predicted_in = perf_counter() - fitted
    answers = np.searchsorted(model.classes_, model.predict(X.iloc[test]))
    return {
        "balanced_accuracy": round(float(balanced_accuracy_score(y[test], answers)), 4),
        "average_precision": round(average_precision(y[test], proba, model.class_prior_), 4),
        "log_loss": round(float(log_loss(y[test], proba, labels=np.arange(proba.shape[1]))), 4),
        "outcome_fit": str(model.collapse_report_.outcome),
        "outcome_test": str(find_outcome(y[test], proba, answers, prior=model.class_prior_).outcome),
        "learning_rate": float(f"{model.learning_rate_:.3g}"),
        "epochs": int(model.n_iter_),
        "fit_seconds": round(fitted - start, 2),
        "predict_seconds": round(predicted_in, 3),
    }


def write_report(rows: Iterable[Row], page: Path) -> None:
    """Put the table between the markers of a page; where a set was run twice, the last run counts."""
    last = {row.set: row for row in rows}
    fill(page, BEGIN, END, table([last[name] for name in sorted(last)]))


def table(rows: Sequence[Row]) -> str:
    head = (
        "| set | rows | features | classes | rarest | balanced accuracy | average precision | log-loss "
        "| held-out | test | learning rate | epochs | fit s | predict s | warnings |"
    )
    lines = [head, "|---|" + "---:|" * 7 + "---|---|" + "---:|" * 4 + "---|"]
    lines += [
        f"| {r.set} | {r.rows} | {r.features} | {r.classes} | {r.rarest} | {r.balanced_accuracy:.3f} "
        f"| {r.average_precision:.3f} | {r.log_loss:.3f} | {r.outcome_fit} | {r.outcome_test} | {r.learning_rate:.2g} "
        f"| {r.epochs} | {r.fit_seconds:.1f} | {r.predict_seconds:.2f} | {warning_names(r)} |"
        for r in rows
    ]
    return "\n".join([*lines, "", summary(rows)])


def summary(rows: Sequence[Row]) -> str:
    failed = sum(r.outcome_fit == ERROR for r in rows)
    held_out, test = (sum(getattr(r, name) in COLLAPSED for r in rows) for name in ("outcome_fit", "outcome_test"))
    sound = [r for r in rows if r.outcome_fit != ERROR]
    means = [np.mean([getattr(r, name) for r in sound]) for name in ("balanced_accuracy", "average_precision")]
    return (
        f"{len(rows)} sets: {failed} errors, {held_out} collapsed on held-out rows, {test} on test rows; mean balanced "
        f"accuracy {means[0]:.3f}, mean average precision {means[1]:.3f}, {sum(r.fit_seconds for r in sound):.0f} s to "
        "fit them all."
    )


def warning_names(row: Row) -> str:
    return ", ".join(dict.fromkeys(text.partition(":")[0] for text in row.warnings.split(" | ") if text))


if __name__ == "__main__":
    sys.exit(main())
