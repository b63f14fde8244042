"""How near does `partial_fit` over partitions come to `fit`, and what does a call cost?

    python -m benchmarks.scale.online run       20,000 x 20 rows of make_classification in ten partitions, five seeds
    python -m benchmarks.scale.online report    write the tables into benchmarks/README.md

Figures are appended to benchmarks/results/online.csv. Each call is made on a deep copy of the estimator, as
`IncrementalSearchCV` of dask-ml makes it. Judged on 20,000 further rows.
"""

import copy
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np

from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows

ROWS = RESULTS / "online.csv"
BEGIN, END = "<!-- online: begin -->", "<!-- online: end -->"
N_ROWS, N_COLUMNS, N_PARTITIONS = 20_000, 20, 10
PASSES = (1, 2, 5, 10, 20)
CALL_ROWS = (1, 100, 1_000, 10_000)  # of the calls that are timed
N_CALLS = 20


@dataclass(frozen=True)
class Row:
    """One model, or the time of a call; the columns of the results."""

    question: str  # "quality" or "call"
    method: str  # "fit", or "partial_fit"
    passes: int
    rows: int
    seed: int
    seconds: float
    auc: float  # NaN of a call
    log_loss: float


def make_rows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows to train on, their labels, and as many to judge on."""
    from sklearn.datasets import make_classification

    X, y = make_classification(
        2 * N_ROWS, N_COLUMNS, n_informative=8, n_clusters_per_class=4, weights=[0.9], random_state=seed
    )
    return X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:]


def measure_quality(seed: int) -> Iterator[Row]:
    """Fit on all rows, and pass over their partitions."""
    from sklearn.metrics import log_loss, roc_auc_score

    from balanced_nn import BalancedNNClassifier

    X, y, X_new, y_new = make_rows(seed)

    def row(clf: BalancedNNClassifier, method: str, passes: int, seconds: float) -> Row:
        proba = clf.predict_proba(X_new)[:, 1]
        auc, loss = float(roc_auc_score(y_new, proba)), float(log_loss(y_new, proba))
        return Row("quality", method, passes, N_ROWS, seed, seconds, auc, loss)

    for n_members in ("auto", 1):
        start = time.perf_counter()
        clf = BalancedNNClassifier(n_members=n_members, random_state=seed).fit(X, y)
        yield row(clf, f"fit, {len(clf.members_)} networks", clf.n_iter_, time.perf_counter() - start)
    clf, seconds = BalancedNNClassifier(random_state=seed), 0.0
    for passes in range(1, max(PASSES) + 1):
        start = time.perf_counter()
        for part in np.array_split(np.arange(N_ROWS), N_PARTITIONS):
            clf = copy.deepcopy(clf).partial_fit(X[part], y[part], classes=[0, 1])
        seconds += time.perf_counter() - start
        if passes in PASSES:
            yield row(clf, "partial_fit", passes, seconds)


def measure_calls() -> Iterator[Row]:
    """Time further calls with few and many rows; with one row there is no BatchNorm."""
    from balanced_nn import BalancedNNClassifier

    X, y, *_ = make_rows(0)
    for n_rows in CALL_ROWS:
        clf = BalancedNNClassifier(batch_norm=n_rows > 1, learning_rate_init=1e-3, random_state=0)
        clf.partial_fit(X[:2_000], y[:2_000], classes=[0, 1])
        seconds = []
        for _ in range(N_CALLS):
            start = time.perf_counter()
            clf.partial_fit(X[:n_rows], y[:n_rows])
            seconds.append(time.perf_counter() - start)
        yield Row("call", "partial_fit", 1, n_rows, 0, float(np.median(seconds)), float("nan"), float("nan"))


def report() -> None:
    """Write the tables."""
    rows = read_rows(ROWS, Row)
    fill(README, BEGIN, END, "\n".join([*_quality(rows), "", *_calls(rows)]))


def _quality(rows: Sequence[Row]) -> list[str]:
    lines = ["| method | passes | seeds | AUC | log-loss | s |", "|---|---:|---:|---:|---:|---:|"]
    judged = [row for row in rows if row.question == "quality"]
    for method, passes in dict.fromkeys((r.method, r.passes if r.method == "partial_fit" else 0) for r in judged):
        same = [r for r in judged if r.method == method and passes in (r.passes, 0)]
        auc, loss, seconds, epochs = (
            float(np.mean([getattr(r, name) for r in same])) for name in ("auc", "log_loss", "seconds", "passes")
        )
        lines.append(f"| `{method}` | {epochs:.0f} | {len(same)} | {auc:.4f} | {loss:.4f} | {seconds:.1f} |")
    return lines


def _calls(rows: Sequence[Row]) -> list[str]:
    lines = ["| rows of a call | ms |", "|---:|---:|"]
    return lines + [f"| {r.rows:,} | {1000 * r.seconds:.1f} |" for r in rows if r.question == "call"]


def main() -> None:
    """Do what the command line says."""
    parser = make_parser("benchmarks.scale.online", __doc__)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    if given.what == "report":
        report()
        return
    for found in (*(measure_quality(seed) for seed in range(given.seeds)), measure_calls()):
        for row in found:
            append_row(ROWS, row)
            print(row, flush=True)


if __name__ == "__main__":
    main()
