"""What does `fit_dataset` cost in memory and time beside `fit`, and is the result as good?

    python -m benchmarks.scale.run memory [--rows N]     peak memory and speed on N x 30
    python -m benchmarks.scale.run quality [--rows N]    five seeds, and files sorted by the label and by a feature
    python -m benchmarks.scale.run report                write the tables into benchmarks/README.md

Figures are appended to benchmarks/results/scale.csv. The rows are made up: 30 numbers of which some act by themselves,
some together, and 2 % of the rows in the rare class. Each fit has a process of its own. Memory is the largest resident
memory less that after `import balanced_nn`; speed is rows of all epochs by seconds of processor, of the whole fit.
"""

import json
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np

from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.processes import measure_apart
from benchmarks.common.records import append_row, fill, read_rows

ROWS = RESULTS / "scale.csv"
BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"
COLUMNS = [f"x{j}" for j in range(30)]
PART = 250_000  # rows of a file
TEST_ROWS = 200_000
IN_MEMORY, FROM_FILES = "fit", "fit_dataset"


@dataclass(frozen=True)
class Row:
    """One fit; the columns of the results."""

    question: str
    rows: int
    order: str  # by which the files are sorted
    seed: int
    method: str
    epochs: int
    seconds: float
    processor_seconds: float
    megabytes: float  # above import
    auc: float
    average_precision: float
    log_loss: float
    mean_probability: float  # over the share of the rare class

    @property
    def speed(self) -> float:
        """Rows of all epochs by seconds of processor."""
        return self.rows * self.epochs / self.processor_seconds


def make_rows(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as float32, and labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, len(COLUMNS))).astype(np.float32)
    score = 0.9 * X[:, 0] + 0.6 * X[:, 1] - 0.5 * X[:, 2] + 0.7 * X[:, 3] * X[:, 4] + 0.6 * np.abs(X[:, 5])
    score += 0.2 * X[:, 6:12].sum(axis=1)
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(5.6 - score))).astype(np.int8)


def write_files(folder: Path, n_rows: int, seed: int, order: str) -> None:
    """Write the rows as files of parquet; sorted ones pass through memory as a whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for number, (X, y) in enumerate(_parts(n_rows, seed, order)):
        table = pa.table({**dict(zip(COLUMNS, X.T, strict=True)), "y": y})
        pq.write_table(table, folder / f"part{number:04}.parquet", row_group_size=PART // 2)


def _parts(n_rows: int, seed: int, order: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if order == "none":
        for start in range(0, n_rows, PART):
            yield make_rows(min(PART, n_rows - start), 1_000_000 * seed + start)
        return
    parts = list(_parts(n_rows, seed, "none"))
    X, y = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    by = np.argsort(y if order == "label" else X[:, 0], kind="stable")
    for start in range(0, n_rows, PART):
        chosen = by[start : start + PART]
        yield X[chosen], y[chosen]


def measure(question: str, folder: Path, n_rows: int, order: str, seed: int, method: str, **params: Any) -> Row:
    """Fit in a process of its own."""
    figures = measure_apart("benchmarks.scale.run", folder=str(folder), seed=seed, method=method, params=params)
    return Row(question, n_rows, order, seed, method, **figures)


def fit_once(folder: str, seed: int, method: str, params: dict[str, Any]) -> dict[str, float]:
    """Fit, and judge on new rows."""
    import pandas as pd
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    from balanced_nn import BalancedNNClassifier

    clf = BalancedNNClassifier(**params, n_members=1, random_state=seed)
    with _Peak() as peak:
        start, processor = time.perf_counter(), _processor_seconds()
        if method == IN_MEMORY:
            table = pd.read_parquet(folder)
            y = table.pop("y")
            clf.fit(table, y)
        else:
            clf.fit_dataset(folder, "y", cache_dir=Path(folder).parent)
        seconds, processor = time.perf_counter() - start, _processor_seconds() - processor
    X, y = make_rows(TEST_ROWS, 999_999_937 + seed)
    proba = clf.predict_proba(pd.DataFrame(X, columns=COLUMNS))[:, 1]
    return {
        "epochs": clf.n_iter_, "seconds": seconds, "processor_seconds": processor, "megabytes": peak.megabytes,
        "auc": float(roc_auc_score(y, proba)), "average_precision": float(average_precision_score(y, proba)),
        "log_loss": float(log_loss(y, proba)), "mean_probability": float(proba.mean() / y.mean()),
    }  # fmt: skip


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class _Peak:
    """Watches by how many megabytes the resident memory grows at most."""

    megabytes = 0.0

    def __enter__(self) -> "_Peak":
        self._before, self._done = self._resident(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.megabytes = max(self.megabytes, self._resident() - self._before)

    @staticmethod
    def _resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def run(question: str, n_rows: int, scratch: Path | None, seeds: Sequence[int], methods: Sequence[str]) -> None:
    """Measure, and append to the results."""
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        for order in ("none",) if question == "memory" else ("none", "label", "feature"):
            for seed in seeds if order == "none" else seeds[:1]:
                folder = Path(place, f"{order}{seed}")
                folder.mkdir()
                write_files(folder, n_rows, seed, order)
                params: dict[str, Any] = {"hidden_layer_sizes": [64, 32]}
                params |= {"max_iter": 3, "early_stopping": True} if question == "memory" else {"max_iter": 30}
                for method in methods:
                    row = measure(question, folder, n_rows, order, seed, method, **params)
                    append_row(ROWS, row)
                    print(row, flush=True)
                shutil.rmtree(folder)


def report() -> None:
    """Write the tables."""
    rows = read_rows(ROWS, Row)
    fill(README, BEGIN, END, "\n".join([*_cost([r for r in rows if r.question == "memory"]), "", *_quality(rows)]))


def _cost(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| rows | method | peak MB above import | s | s of processor | rows/s of processor | of `fit` |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda r: (r.rows, r.method)):
        whole = [other.speed for other in rows if other.rows == row.rows and other.method == IN_MEMORY]
        ratio = f"{row.speed / np.mean(whole):.2f}" if whole else ""
        lines.append(
            f"| {row.rows:,} | `{row.method}` | {row.megabytes:,.0f} | {row.seconds:.0f} | {row.processor_seconds:.0f} "
            f"| {row.speed:,.0f} | {ratio} |"
        )
    return lines


def _quality(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| rows | files sorted by | seeds | method | AUC | average precision | log-loss | mean probability / share |",
        "|---:|---|---:|---|---:|---:|---:|---:|",
    ]
    judged = [row for row in rows if row.question == "quality"]
    for n_rows, order, method in sorted({(row.rows, row.order, row.method) for row in judged}):
        same = [row for row in judged if (row.rows, row.order, row.method) == (n_rows, order, method)]
        auc, precision, loss, mean = (
            float(np.mean([getattr(row, name) for row in same]))
            for name in ("auc", "average_precision", "log_loss", "mean_probability")
        )
        by = {"none": "nothing", "label": "the label", "feature": "a feature"}[order]
        lines.append(
            f"| {n_rows:,} | {by} | {len(same)} | `{method}` | {auc:.4f} | {precision:.4f} | {loss:.5f} | {mean:.3f} |"
        )
    return lines


def main() -> None:
    """Do what the command line says."""
    parser = make_parser("benchmarks.scale.run", __doc__)
    parser.add_argument("what", choices=["memory", "quality", "report", "one"])
    parser.add_argument("arguments", nargs="?", help="of one fit, as JSON")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=5, help="of quality")
    methods = (FROM_FILES, IN_MEMORY)
    parser.add_argument("--methods", nargs="+", choices=methods, default=methods, help="memory may not hold all rows")
    parser.add_argument("--scratch", type=Path, help="folder for the files (default: that of the system)")
    given = parser.parse_args()
    if given.what == "one":
        print(json.dumps(fit_once(**json.loads(given.arguments))))
    elif given.what == "report":
        report()
    else:
        seeds = range(1 if given.what == "memory" else given.seeds)
        run(given.what, given.rows, given.scratch, seeds, given.methods)


if __name__ == "__main__":
    main()
