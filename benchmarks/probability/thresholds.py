"""How sure is a tuned threshold? Fits real tables with several seeds, and counts where the other seeds' thresholds lie.

    python -m benchmarks.probability.thresholds --data FOLDER    fit, and append to results/probability_thresholds.csv
    python -m benchmarks.probability.thresholds report           write the table into benchmarks/README.md

A rule that was tuned prints an interval. For each seed of a table it is counted how many thresholds of the other seeds
lie inside. FOLDER holds one .parquet file for each set, with the label in the last column, `target`; it may also be
named by the environment variable BALANCED_NN_DATA. Sets of two classes are used, 2,500 rows of each. What is in the
results already is skipped.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
import pandas as pd

from balanced_nn import BalancedNNClassifier
from balanced_nn._decision.rule import threshold_of
from benchmarks.common.command_line import add_data_folder, make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows

ROWS = RESULTS / "probability_thresholds.csv"
BEGIN, END = "<!-- thresholds: begin -->", "<!-- thresholds: end -->"
SETS = (
    "abalone", "cervical", "churn", "climate_crashes", "framingham", "ozone_level", "phoneme", "stroke", "us_crime",
    "wine_quality",
)  # fmt: skip
SEEDS, MOST_ROWS, METRIC = 8, 2_500, "f1"


@dataclass(frozen=True)
class Row:
    """The threshold of one fit, and the interval that its rule prints."""

    dataset: str
    seed: int
    threshold: float
    low: float
    high: float


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser("benchmarks.probability.thresholds", __doc__)
    parser.add_argument("command", nargs="?", choices=("run", "report"), default="run")
    add_data_folder(parser)
    arguments = parser.parse_args(argv)
    if arguments.command == "report":
        fill(README, BEGIN, END, table(read_rows(ROWS, Row)))
        return 0
    if arguments.data is None:
        parser.error("--data, or BALANCED_NN_DATA, must name a folder of parquet files")
    done = {(row.dataset, row.seed) for row in read_rows(ROWS, Row)}
    for name, seed in product(SETS, range(SEEDS)):
        if (name, seed) not in done:
            append_row(ROWS, fit(pd.read_parquet(arguments.data / f"{name}.parquet"), name, seed))
            print(name, seed, flush=True)
    return 0


def fit(frame: pd.DataFrame, name: str, seed: int) -> Row:
    rows = np.random.default_rng(0).permutation(len(frame))[:MOST_ROWS]  # the same for each seed
    frame = frame.iloc[rows]
    clf = BalancedNNClassifier(decision=METRIC, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rule = clf.fit(frame.drop(columns="target"), frame["target"]).decision_rule_
    low, high = sorted(threshold_of(offsets, rule.positive) for offsets in rule.tuning.spread)
    return Row(name, seed, rule.threshold, low, high)


def coverage(rows: Sequence[Row]) -> float:
    """Share of the other seeds' thresholds that lie inside each interval."""
    inside = [row.low <= other.threshold <= row.high for row in rows for other in rows if other is not row]
    return float(np.mean(inside))


def table(rows: Sequence[Row]) -> str:
    lines = ["| set | thresholds of the seeds | median width of the interval | others inside |", "|---|---|---:|---:|"]
    shares = []
    for name in SETS:
        own = [row for row in rows if row.dataset == name]
        if len(own) < 2:
            continue
        found = sorted(row.threshold for row in own)
        shares.append(coverage(own))
        width = np.median([row.high - row.low for row in own])
        lines.append(f"| {name} | {found[0]:.3f} to {found[-1]:.3f} | {width:.3f} | {shares[-1]:.2f} |")
    lines.append(f"| mean | | | {np.mean(shares):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
