"""Does BalancedNNClassifier collapse in silence? Fits it in trouble of its own making, and on data that make trouble.

    python -m benchmarks.robustness.trouble run       fit and append to benchmarks/results/trouble.csv
    python -m benchmarks.robustness.trouble report    write the tables into benchmarks/README.md

Settings: parameters that are known to ruin a network, each with 10 seeds on two made-up tables. A failure is silent if
the answers on 4,000 test rows are a collapse, or worse than those of quick models, and the report does not say so.
Where the report says that the fit failed, its first remedy is followed, and the fit judged again. One network a fit:
several of them would hide from each other what ruins each.

Data: tables that are known to ruin a network, each with 10 seeds, at defaults. Where the answers on the test rows are a
collapse, 50 networks with random settings are tried on the same rows, to see whether any network can do better.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier
from balanced_nn._collapse.baseline import compare_with_reference, needs_reference, quick_reference
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._collapse.predictions import read_answers
from balanced_nn._data.dataset import Dataset
from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows

ROWS = RESULTS / "trouble.csv"
BEGIN, END = "<!-- trouble: begin -->", "<!-- trouble: end -->"
TEST_ROWS = 4_000
TRIES = 50

Table = tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]

SETTINGS: dict[str, dict[str, Any]] = {
    "learning rate 1e-7": {"learning_rate_init": 1e-7},
    "learning rate 1": {"learning_rate_init": 1.0},
    "learning rate 10": {"learning_rate_init": 10.0},
    "20 sigmoid layers": {"hidden_layer_sizes": (32,) * 20, "activation": "logistic", "batch_norm": False},
    "20 tanh layers": {"hidden_layer_sizes": (32,) * 20, "activation": "tanh", "batch_norm": False},
    "2 units": {"hidden_layer_sizes": (2,)},
    "batch of 8": {"batch_size": 8},
    "one epoch": {"max_iter": 1},
}


@dataclass(frozen=True)
class Row:
    """One fit; the columns of the results."""

    part: str  # "settings" or "data"
    case: str
    table: str
    seed: int
    outcome_fit: str
    outcome_test: str
    accuracy: float  # balanced, on the test rows
    reference: float  # balanced accuracy of the better quick model on the test rows
    failed: bool  # on the test rows
    silent: bool  # failed, and the report says nothing
    cause: str  # first of the report
    repairs: int
    remedy_accuracy: float  # after the first remedy was followed; NaN where none was needed
    remedy_failed: bool
    best_of_search: float  # balanced accuracy of the best random network; NaN where none was needed
    search_sound: bool  # whether one of them did not fail
    seconds: float


def two_clouds(n_rows: int, shares: Sequence[float], n_features: int, seed: int, distance: float = 2.5) -> Table:
    """Gaussian classes around random centres; test rows of the same kind, each class with 2 % of them at least."""
    rng = np.random.default_rng([seed, 7])
    centres = rng.normal(size=(len(shares), n_features))
    centres *= distance / np.linalg.norm(centres, axis=1, keepdims=True)

    def draw(n: int, least: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        counts = np.maximum(np.round(np.array(shares) * n).astype(int), least)
        y = np.repeat(np.arange(len(shares)), counts)
        return rng.normal(size=(len(y), n_features)) + centres[y], y

    return *draw(n_rows, 1), *draw(TEST_ROWS, TEST_ROWS // 50)


def exactly(counts: Sequence[int], n_features: int = 10) -> Callable[[int], Table]:
    """Clouds with given numbers of training rows."""

    def make(seed: int) -> Table:
        X, y, X_test, y_test = two_clouds(sum(counts), np.array(counts) / sum(counts), n_features, seed)
        return X, y, X_test, y_test

    return make


def wild_features(seed: int) -> Table:
    """Features in millions, with log-normal tails, and constant ones."""
    X, y, X_test, y_test = two_clouds(2000, (0.9, 0.1), 12, seed)
    for part in (X, X_test):
        part[:, :4] *= 1e6
        part[:, 4:8] = np.exp(2.0 * part[:, 4:8])
        part[:, 8] = 5.0
    return X, y, X_test, y_test


def noisy_labels(seed: int) -> Table:
    """40 % of the training labels drawn anew."""
    X, y, X_test, y_test = two_clouds(2000, (0.7, 0.3), 10, seed)
    rng = np.random.default_rng([seed, 8])
    flipped = rng.random(len(y)) < 0.4
    y = np.where(flipped, rng.permutation(y), y)
    return X, y, X_test, y_test


def curved(seed: int) -> Table:
    """A table that a linear model does not fit well."""
    X, y = make_classification(
        2000 + TEST_ROWS, 15, n_informative=6, n_clusters_per_class=3, weights=[0.85], flip_y=0.01, random_state=seed
    )
    return X[:2000], y[:2000], X[2000:], y[2000:]


TABLES: dict[str, Callable[[int], Table]] = {
    "clouds": lambda seed: two_clouds(2000, (0.95, 0.05), 10, seed),
    "clusters": curved,
}
DATA: dict[str, Callable[[int], Table]] = {
    "features in millions, log-normal, constant": wild_features,
    "99.9 : 0.1": exactly((9990, 10)),
    "1 row of the rare class": exactly((1000, 1)),
    "2 rows of the rare class": exactly((1000, 2)),
    "5 rows of the rare class": exactly((1000, 5)),
    "label noise 40 %": noisy_labels,
    "300 rows of 20 classes": exactly((15,) * 20, 20),
    "60 rows in all": exactly((45, 15)),
}


def judged(model: BalancedNNClassifier, table: Table) -> tuple[OutcomeReport, float]:
    """The outcome on the test rows, and what the better quick model reaches there (NaN where it was not asked)."""
    X, y, X_test, y_test = table
    answers = read_answers(model, X_test, y_test)
    outcome = find_outcome(answers.y, answers.proba, answers.predicted, prior=answers.prior)
    if not needs_reference(outcome):
        return outcome, float("nan")
    parts = [
        Dataset(part, np.arange(len(part)), labels, np.ones(len(part))) for part, labels in ((X, y), (X_test, y_test))
    ]
    reference = quick_reference(parts[0], parts[1], len(answers.labels))
    return compare_with_reference(outcome, reference), reference.best


def is_failure(outcome: OutcomeReport) -> bool:
    return outcome.collapsed or outcome.outcome == "threshold"


def is_collapse(outcome: OutcomeReport) -> bool:
    return is_failure(outcome) and outcome.outcome != "worse_than_reference"


def measure(part: str, case: str, table_name: str, table: Table, params: dict[str, Any], seed: int) -> Row:
    start = perf_counter()
    model = BalancedNNClassifier(random_state=seed, n_members=1, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(table[0], table[1])
        report = model.collapse_report_
        outcome, reference = judged(model, table)
        remedied = remedy(model, table) if part == "settings" and report.outcome != "healthy" else (float("nan"), False)
        searched = (float("nan"), False)
        if part == "data" and is_collapse(outcome):
            searched = random_search(table, seed)
    return Row(
        part=part,
        case=case,
        table=table_name,
        seed=seed,
        outcome_fit=str(report.outcome),
        outcome_test=str(outcome.outcome),
        accuracy=round(outcome.balanced_accuracy, 4),
        reference=round(reference, 4),
        failed=is_failure(outcome) if part == "settings" else is_collapse(outcome),
        silent=is_failure(outcome) and report.outcome == "healthy",
        cause=str(report.causes[0].cause) if report.causes else "",
        repairs=len(model.repairs_),
        remedy_accuracy=round(remedied[0], 4),
        remedy_failed=remedied[1],
        best_of_search=round(searched[0], 4),
        search_sound=searched[1],
        seconds=round(perf_counter() - start, 2),
    )


def remedy(model: BalancedNNClassifier, table: Table) -> tuple[float, bool]:
    """Follow the first remedy of the report that says what to set."""
    change = next((cause.change for cause in model.collapse_report_.causes if cause.change), {})
    again = BalancedNNClassifier(**{**model.get_params(), **change}).fit(table[0], table[1])
    outcome, _ = judged(again, table)
    return outcome.balanced_accuracy, is_failure(outcome)


def random_search(table: Table, seed: int) -> tuple[float, bool]:
    """Networks with random settings, until one of them is sound."""
    rng = np.random.default_rng([seed, 9])
    best, sound = 0.0, False
    for _ in range(TRIES):
        width = int(rng.choice([8, 16, 32, 64, 128]))
        model = BalancedNNClassifier(
            (width,) * int(rng.integers(1, 4)),
            activation=str(rng.choice(["relu", "tanh", "selu"])),
            batch_norm=bool(rng.random() < 0.5),
            dropout=float(rng.choice([0.0, 0.1, 0.3])),
            alpha=float(10 ** rng.uniform(-4, 0)),
            class_weight=[None, "balanced"][rng.integers(2)],
            sampler=[None, "over", "smote"][rng.integers(3)],
            scaler=str(rng.choice(["standard", "robust", "quantile"])),
            learning_rate_init=float(10 ** rng.uniform(-4, -1.5)),
            max_iter=int(rng.choice([20, 60, 200])),
            early_stopping=bool(rng.random() < 0.5),
            n_members=1,
            on_collapse="ignore",
            random_state=int(rng.integers(2**31)),
        )
        try:
            outcome, _ = judged(model.fit(table[0], table[1]), table)
        except ValueError:  # SMOTE with a single row of a class
            continue
        best = max(best, outcome.balanced_accuracy)
        sound = sound or not is_collapse(outcome)
        if sound:
            break
    return best, sound


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--out", type=Path, default=ROWS, help="CSV file that results are appended to")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    arguments = parser.parse_args(argv)
    if arguments.command == "report":
        write_report(read_rows(arguments.out, Row))
        return 0
    done = {(row.part, row.case, row.table, row.seed) for row in read_rows(arguments.out, Row)}
    for part, case, table_name, make, params in plan():
        for seed in range(arguments.seeds):
            if (part, case, table_name, seed) in done:
                continue
            row = measure(part, case, table_name, make(seed), params, seed)
            append_row(arguments.out, row)
            print(row, flush=True)
    return 0


def plan() -> list[tuple[str, str, str, Callable[[int], Table], dict[str, Any]]]:
    settings = [
        ("settings", case, name, make, params) for case, params in SETTINGS.items() for name, make in TABLES.items()
    ]
    return settings + [("data", case, "", make, {}) for case, make in DATA.items()]


def write_report(rows: Sequence[Row]) -> None:
    settings, data = ([row for row in rows if row.part == part] for part in ("settings", "data"))
    text = "\n".join([*settings_table(settings), "", *data_table(data)])
    fill(README, BEGIN, END, text)


def cases(rows: Sequence[Row]) -> list[list[Row]]:
    return [[row for row in rows if row.case == case] for case in dict.fromkeys(row.case for row in rows)]


def settings_table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| setting | fits | failed on test rows | silent collapses | silently worse than quick models | reported "
        "| first cause | restored by its remedy |",
        "|---|---:|---:|---:|---:|---:|---|---:|",
    ]
    for group in cases(rows):
        told = [row for row in group if row.outcome_fit != "healthy"]
        causes = ", ".join(dict.fromkeys(row.cause for row in told if row.cause))
        restored = sum(not row.remedy_failed for row in told)
        worse = sum(row.silent and row.outcome_test == "worse_than_reference" for row in group)
        silent = sum(row.silent for row in group) - worse
        lines.append(
            f"| {group[0].case} | {len(group)} | {sum(r.failed for r in group)} | {silent} | {worse} "
            f"| {len(told)} | {causes} | {f'{restored} of {len(told)}' if told else ''} |"
        )
    return lines


def data_table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| data | fits | collapsed on test rows | where a random network did not | worse than quick models "
        "| balanced accuracy |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for group in cases(rows):
        failed = [row for row in group if row.failed]
        accuracy = np.mean([row.accuracy for row in group])
        worse = sum(row.outcome_test == "worse_than_reference" for row in group)
        sound = sum(row.search_sound for row in failed)
        lines.append(f"| {group[0].case} | {len(group)} | {len(failed)} | {sound} | {worse} | {accuracy:.3f} |")
    avoidable = sum(row.failed and row.search_sound for row in rows)
    lines += ["", f"{avoidable} of {len(rows)} fits collapsed where one of {TRIES} random networks did not."]
    return lines


if __name__ == "__main__":
    sys.exit(main())
