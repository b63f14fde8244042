"""Does a model stand what a service does to it? Eight threads predict while one fits it again and changes its priors.

    python -m benchmarks.robustness.soak run       both models in turn, append to benchmarks/results/soak.csv
    python -m benchmarks.robustness.soak report    write the table into benchmarks/README.md

One object serves all. A thread fits it on one table, then on another, and sets class frequencies between; with an
integer `random_state` each state is known to the bit beforehand. The others ask for one row after the other, and each
answer has to be that of one of these states: an answer between two of them is wrong. Beside it the same threads ask an
`MLPClassifier`, while a thread fits another one, as fitting the one that answers would change it in steps.
"""

import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier
from benchmarks.common.command_line import make_parser
from benchmarks.common.memory import resident
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows

ROWS = RESULTS / "soak.csv"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
ASKED = 100  # different rows
PRIORS = (None, [0.5, 0.5], [0.9, 0.1])
SETTLED = 0.25  # of the time, after which memory counts as flat or not


@dataclass(frozen=True)
class Row:
    """One model; the columns of the results."""

    model: str
    threads: int
    minutes: float
    predictions: int
    wrong: int
    errors: int
    fits: int
    changes: int  # of class frequencies
    median: float  # milliseconds of a row
    p99: float
    memory_settled: float  # megabytes
    memory_end: float


@dataclass
class Tally:
    """What one thread saw."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    errors: list[str] = field(default_factory=list)


def tables() -> list[tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """Two tables of the same columns."""
    X, y = make_classification(3_000, 20, n_informative=8, weights=[0.95], class_sep=1.2, random_state=0)
    return [(X[:1_500], y[:1_500]), (X[1_500:], y[1_500:])]


def our_model() -> BalancedNNClassifier:
    return BalancedNNClassifier(max_iter=30, random_state=0, n_jobs=1)


def known_answers(asked: NDArray[np.float64]) -> NDArray[np.float64]:
    """Answers of all states, of shape (n_states, n_asked, 2), each row asked for by itself."""
    states = []
    for table in tables():
        clf = our_model().fit(*table)
        for prior in PRIORS:
            clf.set_prior(prior)
            states.append([clf.predict_proba(row[None])[0] for row in asked])
    return np.array(states)


def refit(clf: BalancedNNClassifier, ended: threading.Event) -> tuple[int, int]:
    """Fit and set priors by turns, until the end; returns how often."""
    fits = changes = 0
    while not ended.is_set():
        clf.fit(*tables()[fits % 2])
        fits += 1
        for prior in (*PRIORS[1:], *PRIORS):
            clf.set_prior(prior)
            changes += 1
            ended.wait(0.2)
    return fits, changes


def refit_another(model: Any, ended: threading.Event) -> tuple[int, int]:
    fits = 0
    while not ended.is_set():
        clone(model).fit(*tables()[fits % 2])
        fits += 1
        ended.wait(1.0)
    return fits, 0


def ask(
    model: Any, asked: NDArray[np.float64], known: NDArray[np.float64], ended: threading.Event, seed: int, tally: Tally
) -> None:
    """Ask for one row after the other, and compare."""
    rng = np.random.default_rng(seed)
    while not ended.is_set():
        number = int(rng.integers(len(asked)))
        start = perf_counter()
        try:
            proba = model.predict_proba(asked[number : number + 1])
        except Exception as error:
            tally.errors.append(f"{type(error).__name__}: {error}")
            continue
        tally.seconds.append(perf_counter() - start)
        tally.wrong += not (proba[0] == known[:, number]).all(axis=1).any()


def soak(
    name: str, model: Any, known: NDArray[np.float64], asked: NDArray[np.float64],
    change: Callable[..., tuple[int, int]], minutes: float, n_threads: int,
) -> Row:  # fmt: skip
    """Let threads ask a model for some minutes, while another one changes something."""
    ended, tallies, counts = threading.Event(), [Tally() for _ in range(n_threads)], [(0, 0)]
    changing = threading.Thread(target=lambda: counts.append(change(model, ended)))
    jobs = [(model, asked, known, ended, seed, tally) for seed, tally in enumerate(tallies)]
    threads = [threading.Thread(target=ask, args=job) for job in jobs]
    for thread in (changing, *threads):
        thread.start()
    start, settled = monotonic(), float("nan")
    while (passed := (monotonic() - start) / 60) < minutes:
        if passed > SETTLED * minutes and np.isnan(settled):
            settled = resident()
        ended.wait(1.0)
    memory = resident()
    ended.set()
    for thread in (changing, *threads):
        thread.join()
    seconds = np.concatenate([tally.seconds for tally in tallies])
    errors = [error for tally in tallies for error in tally.errors]
    print(*sorted(set(errors)), sep="\n")
    return Row(
        model=name,
        threads=n_threads,
        minutes=minutes,
        predictions=len(seconds),
        wrong=sum(tally.wrong for tally in tallies),
        errors=len(errors),
        fits=counts[-1][0],
        changes=counts[-1][1],
        median=round(1e3 * float(np.median(seconds)), 3),
        p99=round(1e3 * float(np.quantile(seconds, 0.99)), 3),
        memory_settled=round(settled, 1),
        memory_end=round(memory, 1),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--out", type=Path, default=ROWS, help="CSV file that results are appended to")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each model")
    parser.add_argument("--threads", type=int, default=8, help="that predict")
    arguments = parser.parse_args(argv)
    if arguments.command == "report":
        fill(README, BEGIN, END, "\n".join(table_of(read_rows(arguments.out, Row))))
        return 0
    asked = make_classification(ASKED, 20, n_informative=8, class_sep=1.2, random_state=1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of early ends
        known = known_answers(asked)
        clf = our_model().fit(*tables()[0])
        ours = soak("BalancedNNClassifier", clf, known, asked, refit, arguments.minutes, arguments.threads)
        mlp = make_pipeline(StandardScaler(), MLPClassifier((256, 128), max_iter=30, random_state=0)).fit(*tables()[0])
        alone = np.array([[mlp.predict_proba(row[None])[0] for row in asked]])
        theirs = soak("MLPClassifier", mlp, alone, asked, refit_another, arguments.minutes, arguments.threads)
    for row in (ours, theirs):
        append_row(arguments.out, row)
        print(row, flush=True)
    return int(ours.wrong + ours.errors > 0)


def table_of(rows: Sequence[Row]) -> list[str]:
    counts = "minutes | threads | predictions | wrong | errors | fits | changes of priors"
    lines = [
        f"| model | {counts} | median | 99th percentile | memory after a quarter | at the end |",
        f"|---|{'---:|' * 11}",
    ]
    for row in rows:
        cells = [row.model, f"{row.minutes:g}", row.threads, f"{row.predictions:,}", row.wrong, row.errors, row.fits]
        cells += [row.changes, f"{row.median:.2f} ms", f"{row.p99:.1f} ms"]
        cells += [f"{row.memory_settled:.0f} MB", f"{row.memory_end:.0f} MB"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
