"""What is left of the probabilities and the decision inside scikit-learn's meta-estimators? Fits each, and measures it.

    python -m benchmarks.composition.run           fit and write benchmarks/results/composition.csv
    python -m benchmarks.composition.run report    write the table into docs/composition.md

The data are made up, a test part of 20,000 rows included. What is in the results already is skipped, so a run may be
interrupted. The seconds are those that a fit takes of the processor, all threads together, because these depend less on
what else the machine does; a first fit, which loads TensorFlow and compiles, is not counted.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier
from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import DOCS, RESULTS
from benchmarks.common.records import append_row, fill, read_rows

PAGE = DOCS / "composition.md"
ROWS = RESULTS / "composition.csv"
BEGIN, END = "<!-- composition: begin -->", "<!-- composition: end -->"

TRAINING_ROWS, TEST_ROWS, SEEDS = 4_000, 20_000, (0, 1, 2)
PLAIN = "BalancedNNClassifier"


# What is measured


def network(seed: int, **params: Any) -> BalancedNNClassifier:
    return BalancedNNClassifier((64, 32), random_state=seed, **params)


def mixed(seed: int) -> list[tuple[str, Any]]:
    """The network beside two classifiers that do not balance."""
    return [
        ("network", network(seed)),
        ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
        ("trees", RandomForestClassifier(random_state=seed)),
    ]


def voting(seed: int) -> VotingClassifier:
    return VotingClassifier(mixed(seed), voting="soft")


def calibrated(method: str, **params: Any) -> Callable[[int, float], Any]:
    return lambda seed, share: CalibratedClassifierCV(network(seed, **params), method=method)


# Name and maker; a maker gets the seed and the share of the rare class.
COMPOSITIONS: dict[str, Callable[[int, float], Any]] = {
    PLAIN: lambda seed, share: network(seed),
    f'{PLAIN}(decision="argmax")': lambda seed, share: network(seed, decision="argmax"),
    **{
        f'CalibratedClassifierCV, {method}, over decision="{decision}"': calibrated(method, decision=decision)
        for method in ("sigmoid", "isotonic", "temperature")
        for decision in ("balanced", "argmax")
    },
    "TunedThresholdClassifierCV": lambda seed, share: TunedThresholdClassifierCV(network(seed)),
    "FixedThresholdClassifier": lambda seed, share: FixedThresholdClassifier(network(seed)),
    'FixedThresholdClassifier, response_method="decision_function"': lambda seed, share: FixedThresholdClassifier(
        network(seed), response_method="decision_function"
    ),
    "VotingClassifier, hard, three networks": lambda seed, share: VotingClassifier(
        [(f"network_{i}", network(10 * seed + i)) for i in range(3)], voting="hard"
    ),
    "VotingClassifier, hard": lambda seed, share: VotingClassifier(mixed(seed), voting="hard"),
    "VotingClassifier, soft": lambda seed, share: voting(seed),
    "FixedThresholdClassifier, share of the rare class, over VotingClassifier, soft": lambda seed, share: (
        FixedThresholdClassifier(voting(seed), threshold=share, response_method="predict_proba")
    ),
    "TunedThresholdClassifierCV over VotingClassifier, soft": lambda seed, share: TunedThresholdClassifierCV(
        voting(seed)
    ),
    "StackingClassifier": lambda seed, share: StackingClassifier(mixed(seed)),
    "BaggingClassifier": lambda seed, share: BaggingClassifier(network(seed), random_state=seed),
    "FixedThresholdClassifier, share of the rare class, over BaggingClassifier": lambda seed, share: (
        FixedThresholdClassifier(
            BaggingClassifier(network(seed), random_state=seed), threshold=share, response_method="predict_proba"
        )
    ),
}


@dataclass(frozen=True)
class Row:
    """One fit; the columns of the results."""

    composition: str
    seed: int
    share: float  # of the rare class, of the test rows
    mean_probability: float  # of the rare class; NaN where there are no probabilities
    log_loss: float
    balanced_accuracy: float  # of `predict`
    fit_seconds: float  # of the processor


def draw(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Training and test part: one row in twenty is rare, and one in fifty has a random label."""
    X, y = make_classification(
        TRAINING_ROWS + TEST_ROWS,
        n_features=12,
        n_informative=6,
        n_clusters_per_class=3,
        weights=[0.96],
        flip_y=0.02,
        class_sep=1.2,
        random_state=seed,
    )
    return train_test_split(X, y, train_size=TRAINING_ROWS, stratify=y, random_state=seed)


def measure(name: str, seed: int) -> Row:
    X, X_test, y, y_test = draw(seed)
    model = COMPOSITIONS[name](seed, float(y.mean()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fold of a composition may warn; what comes of it is measured
        start = process_time()
        model.fit(X, y)
        seconds = process_time() - start
    proba = model.predict_proba(X_test)[:, 1] if hasattr(model, "predict_proba") else None
    return Row(
        name,
        seed,
        share=round(float(y_test.mean()), 4),
        mean_probability=float("nan") if proba is None else round(float(proba.mean()), 4),
        log_loss=float("nan") if proba is None else round(float(log_loss(y_test, proba)), 4),
        balanced_accuracy=round(float(balanced_accuracy_score(y_test, model.predict(X_test))), 4),
        fit_seconds=round(seconds, 2),
    )


def run(out: Path, seeds: Sequence[int]) -> None:
    done = {(row.composition, row.seed) for row in read_rows(out, Row)}
    wanted = [(name, seed) for seed in seeds for name in COMPOSITIONS if (name, seed) not in done]
    if wanted:
        measure(PLAIN, seed=0)  # loads TensorFlow and compiles
    for number, (name, seed) in enumerate(wanted, start=1):
        row = measure(name, seed)
        append_row(out, row)
        ratio = row.mean_probability / row.share
        scores = f"mean / share {ratio:.2f}  log-loss {row.log_loss:.4f}  balanced accuracy {row.balanced_accuracy:.3f}"
        print(f"{number:3}/{len(wanted)} {name}, seed {seed}: {scores}  {row.fit_seconds:.1f} s", flush=True)


# Results


def write_report(rows: Iterable[Row], page: Path) -> None:
    """Put the table between the markers of the page."""
    fill(page, BEGIN, END, table(list(rows)))


def table(rows: Sequence[Row]) -> str:
    plain = {row.seed: row.fit_seconds for row in rows if row.composition == PLAIN}
    lines = [
        "| composition | mean probability / share | log-loss | balanced accuracy of `predict` | fit, in plain fits |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in COMPOSITIONS:
        of_name = [row for row in rows if row.composition == name]
        if not of_name:
            continue
        ratio = np.mean([row.mean_probability / row.share for row in of_name])
        loss = np.mean([row.log_loss for row in of_name])
        accuracy = np.mean([row.balanced_accuracy for row in of_name])
        times = np.median([row.fit_seconds / plain[row.seed] for row in of_name])
        figures = ["none", "none"] if np.isnan(ratio) else [f"{ratio:.2f}", f"{loss:.3f}"]
        lines.append(f"| {name} | {' | '.join(figures)} | {accuracy:.3f} | {times:.1f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    if arguments.command == "report":
        write_report(read_rows(arguments.out, Row), PAGE)
    else:
        run(arguments.out, arguments.seeds)
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", nargs="?", choices=["run", "report"], default="run")
    parser.add_argument("--out", type=Path, default=ROWS, help="CSV file that results are appended to")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of data and networks")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
