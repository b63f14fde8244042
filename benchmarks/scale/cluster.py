"""Do searches, `partial_fit` and predictions on a cluster give what one process gives, also where a worker is killed?

    python -m benchmarks.scale.cluster search         60 fits in one process, and on two workers of which one is killed
    python -m benchmarks.scale.cluster incremental    `Incremental` of dask-ml over ten partitions beside `fit`
    python -m benchmarks.scale.cluster prediction     probabilities through Dask, and through Spark if it is installed
    python -m benchmarks.scale.cluster report         write the tables into benchmarks/README.md

Figures are appended to benchmarks/results/cluster.csv. The cluster is a `LocalCluster` of Dask: two workers, processes
with one thread each. dask-ml and pyspark belong to no extra: `make bench-cluster` installs them in an environment of
their own.
"""

import copy
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np

from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows
from benchmarks.scale.online import N_PARTITIONS, N_ROWS, make_rows

if TYPE_CHECKING:
    import pandas as pd

ROWS = RESULTS / "cluster.csv"
BEGIN, END = "<!-- cluster: begin -->", "<!-- cluster: end -->"
N_WORKERS = 2
GRID = {"alpha": [0.0, 0.001, 0.01, 0.1, 1.0], "label_smoothing": [0.0, 0.02, 0.05, 0.1]}  # compiled once
SCORES = ["average_precision", "neg_log_loss"]
PASSES = (1, 2, 5)
COPIED, AS_THEY_COME = "two workers, each with a copy of the arrays", "two workers, arrays as joblib sends them"
NONE, NAN = -1, float("nan")


@dataclass(frozen=True)
class Row:
    """A search, a model or the answers of an engine; the columns of the results."""

    question: str  # "search", "incremental" or "prediction"
    method: str
    seconds: float
    seed: int = 0
    tasks: int = NONE  # fits of a search, calls of partial_fit, parts of a table
    networks: int = 1
    passes: int = NONE  # over all partitions
    killed_after: int = NONE  # so many fits was a worker killed
    again: int = NONE  # fits that were begun once more
    difference: float = NAN  # the largest from one process, of a score or a probability
    auc: float = NAN
    processes: int = NONE  # that answered
    with_tensorflow: int = NONE  # of them
    megabytes: float = NAN  # of the model's pickle
    error: str = ""


@contextmanager
def start_cluster() -> Iterator[Any]:
    """A client of two worker processes."""
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def measure_search(kills: Sequence[int]) -> Iterator[Row]:
    """Search in one process, then on workers of which one is killed behind so many fits."""
    from sklearn.datasets import make_classification
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    from balanced_nn import BalancedNNClassifier

    X, y = make_classification(3_000, 12, n_informative=6, weights=[0.9], random_state=0)
    folds = list(StratifiedKFold(3).split(X, y))
    clf = BalancedNNClassifier((32, 16), n_members=1, max_iter=20, on_collapse="ignore", random_state=0)
    search = GridSearchCV(clf, GRID, cv=folds, scoring=SCORES, refit=False, error_score="raise")
    start = time.perf_counter()
    alone = _scores(search.fit(X, y))
    yield Row("search", "one process", time.perf_counter() - start, tasks=alone[0].size)
    for method, copied in ((COPIED, [X, y, *(rows for fold in folds for rows in fold)]), (AS_THEY_COME, None)):
        for kill_after in kills:
            yield _search_with_a_kill(method, search, (X, y), copied, kill_after, alone)


def _search_with_a_kill(
    method: str,
    search: Any,
    rows: tuple[np.ndarray, np.ndarray],
    copied: list[np.ndarray] | None,
    kill_after: int,
    alone: np.ndarray,
) -> Row:
    from distributed.client import FutureCancelledError
    from joblib import parallel_config

    with start_cluster() as client, ThreadPoolExecutor(1) as watching:
        if copied is not None:
            client.amm.stop()  # which would drop all copies but one
        start, over = time.perf_counter(), threading.Event()
        killed = watching.submit(kill_a_worker, client, kill_after, over)
        error, difference = "", NAN
        try:
            with parallel_config(backend="dask", scatter=copied):
                difference = float(np.abs(_scores(search.fit(*rows)) - alone).max())
        except FutureCancelledError as lost:
            error = type(lost).__name__
        finally:
            over.set()
        seconds = time.perf_counter() - start
        n_begun, n_tasks = client.run_on_scheduler(_begun)
    if not error and n_tasks != alone[0].size:
        raise RuntimeError(f"{alone[0].size} fits were {n_tasks} tasks: joblib puts fits together that are too short")
    return Row(
        "search", method, seconds, tasks=alone[0].size, killed_after=killed.result(), again=n_begun - n_tasks,
        difference=difference, error=error,
    )  # fmt: skip


def _scores(search: Any) -> np.ndarray:
    """Scores of each split: of shape (metrics, splits, candidates)."""
    found = search.cv_results_
    return np.array([[found[f"split{k}_test_{name}"] for k in range(search.n_splits_)] for name in SCORES])


def kill_a_worker(client: Any, after: int, over: threading.Event) -> int:
    """Kill a process that is fitting, once so many fits are done; return how many were."""
    processes = client.run(os.getpid)  # by address
    while not over.wait(0.05):
        n_done, fitting = client.run_on_scheduler(_progress)
        if n_done >= after and fitting:
            os.kill(processes[fitting[0]], signal.SIGKILL)
            return n_done
    raise RuntimeError(f"the search was over before {after} fits were done and a worker could be killed")


def _progress(dask_scheduler: Any) -> tuple[int, list[str]]:
    """How many tasks are done, and which workers have one."""
    done = {step.key for step in dask_scheduler.transition_log if (step.start, step.finish) == ("processing", "memory")}
    return len(done), [address for address, worker in dask_scheduler.workers.items() if worker.processing]


def _begun(dask_scheduler: Any) -> tuple[int, int]:
    """How often a task was begun, and how many different ones were."""
    begun = [step.key for step in dask_scheduler.transition_log if step.finish == "processing"]
    return len(begun), len(set(begun))


def measure_incremental(seed: int) -> Iterator[Row]:
    """`fit` with one network and at its default, and `Incremental` with as many."""
    from sklearn.metrics import roc_auc_score

    from balanced_nn import BalancedNNClassifier

    X, y, X_new, y_new = make_rows(seed)

    def row(method: str, clf: BalancedNNClassifier, seconds: float, **columns: Any) -> Row:
        auc = float(roc_auc_score(y_new, clf.predict_proba(X_new)[:, 1]))
        return Row("incremental", method, seconds, seed, networks=len(clf.members_), auc=auc, **columns)

    for n_members in (1, "auto"):
        start = time.perf_counter()
        fitted = BalancedNNClassifier(n_members=n_members, random_state=seed).fit(X, y)
        yield row("fit", fitted, time.perf_counter() - start)
        clf = BalancedNNClassifier(n_members=len(fitted.members_), random_state=seed)
        with start_cluster():
            spread = list(_pass_with_dask(clf, X, y))
        for passes, ((theirs, seconds), ours) in enumerate(zip(spread, _pass_alone(clf, X, y), strict=True), 1):
            if passes in PASSES:
                difference = float(np.abs(theirs.predict_proba(X_new) - ours.predict_proba(X_new)).max())
                yield row(
                    "Incremental", theirs, seconds, passes=passes, tasks=passes * N_PARTITIONS, difference=difference
                )


def _pass_with_dask(clf: Any, X: np.ndarray, y: np.ndarray) -> Iterator[tuple[Any, float]]:
    """What `Incremental` has behind each pass over the partitions, and the seconds until then."""
    import dask.array as da
    from dask_ml.wrappers import Incremental

    parts = [da.from_array(array, chunks=(N_ROWS // N_PARTITIONS, *array.shape[1:])) for array in (X, y)]
    model, start = Incremental(clf, shuffle_blocks=False), time.perf_counter()
    for _ in range(max(PASSES)):
        model.partial_fit(*parts, classes=[0, 1])
        yield model.estimator_, time.perf_counter() - start


def _pass_alone(clf: Any, X: np.ndarray, y: np.ndarray) -> Iterator[Any]:
    """The same calls in this process."""
    for _ in range(max(PASSES)):
        for part in np.array_split(np.arange(N_ROWS), N_PARTITIONS):
            clf = copy.deepcopy(clf).partial_fit(X[part], y[part], classes=[0, 1])
        yield clf


def measure_prediction() -> Iterator[Row]:
    """Answers of each engine for a table of numbers and strings, beside those for the whole table."""
    import pandas as pd

    from balanced_nn import BalancedNNClassifier

    X, y, *_ = make_rows(0)
    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    table["town"] = np.random.default_rng(0).choice([f"town {k}" for k in range(20)], len(table))
    clf = BalancedNNClassifier(max_iter=5, on_collapse="ignore", random_state=0).fit(table, y)
    alone, megabytes = clf.predict_proba(table), len(pickle.dumps(clf)) / 1e6
    for engine, package, ask in (("Dask", "dask", _ask_dask), ("Spark", "pyspark", _ask_spark)):
        if find_spec(package) is None:
            print(f"{engine} is not installed", flush=True)
            continue
        start = time.perf_counter()
        answers = ask(table, clf)
        seconds = time.perf_counter() - start
        yield Row(
            "prediction", engine, seconds, tasks=int(answers["part"].nunique()), networks=len(clf.members_),
            difference=float(np.abs(answers[["probability_0", "probability_1"]].to_numpy() - alone).max()),
            processes=int(answers["process"].nunique()),
            with_tensorflow=int(answers.loc[answers["tensorflow"], "process"].nunique()), megabytes=megabytes,
        )  # fmt: skip


def answer(part: "pd.DataFrame", clf: Any) -> "pd.DataFrame":
    """Answers for some rows, and what the process that gives them has loaded."""
    from balanced_nn import predict_frame

    first = part["row"].min() if len(part) else NONE  # names the part
    return predict_frame(part, clf).assign(
        row=part["row"], part=first, process=os.getpid(), tensorflow="tensorflow" in sys.modules
    )


def _ask_dask(table: "pd.DataFrame", clf: Any) -> "pd.DataFrame":
    import dask.dataframe as dd

    numbered = table.assign(row=range(len(table)))
    with start_cluster():
        parts = dd.from_pandas(numbered, npartitions=N_PARTITIONS)
        return parts.map_partitions(answer, clf, meta=answer(numbered.iloc[:0], clf)).compute()


def _ask_spark(table: "pd.DataFrame", clf: Any) -> "pd.DataFrame":
    from pyspark.sql import SparkSession

    def answers(parts: Iterator["pd.DataFrame"]) -> Iterator["pd.DataFrame"]:
        for part in parts:
            yield answer(part, clf)

    os.environ["PYSPARK_PYTHON"] = sys.executable  # the Python that has the package
    spark = SparkSession.builder.master(f"local[{N_WORKERS}]").config("spark.ui.enabled", "false").getOrCreate()
    rows = spark.createDataFrame(table.assign(row=range(len(table)))).repartition(N_PARTITIONS)
    schema = (
        "prediction long, probability_0 double, probability_1 double, row long, part long, process long, "
        "tensorflow boolean"
    )
    found = rows.mapInPandas(answers, schema).toPandas().sort_values("row")
    spark.stop()
    return found


def report() -> None:
    """Write the tables."""
    rows = read_rows(ROWS, Row)
    tables = [
        make([row for row in rows if row.question == question])
        for question, make in (("search", _searches), ("incremental", _models), ("prediction", _answers))
    ]
    fill(README, BEGIN, END, "\n\n".join("\n".join(lines) for lines in tables))


def _searches(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| searched in | fits | done when a worker was killed | begun once more | largest difference of a score | s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        spread = row.killed_after != NONE
        cells = [row.killed_after, row.again, f"{row.difference:.1g}"] if spread else ["", "", ""]
        if row.error:
            cells[1:] = ["", f"none: `{row.error}`"]
        lines.append(f"| {row.method} | {row.tasks} | {' | '.join(map(str, cells))} | {row.seconds:.0f} |")
    return lines


def _models(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| method | networks | passes | seeds | AUC | less that of as many in `fit` | from one process | s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    fits = {(row.networks, row.seed): row.auc for row in rows if row.method == "fit"}
    for kind in dict.fromkeys((row.networks, row.method, row.passes) for row in rows):
        same = [row for row in rows if (row.networks, row.method, row.passes) == kind]
        networks, method, passes = kind
        auc, seconds = (float(np.mean([getattr(row, name) for row in same])) for name in ("auc", "seconds"))
        is_fit = method == "fit"
        less = "" if is_fit else f"{np.mean([row.auc - fits[row.networks, row.seed] for row in same]):+.4f}"
        difference = "" if is_fit else f"{max(row.difference for row in same):.1g}"
        lines.append(
            f"| `{method}` | {networks} | {'' if is_fit else passes} | {len(same)} | {auc:.4f} | {less} | {difference} "
            f"| {seconds:.1f} |"
        )
    return lines


def _answers(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| engine | parts | processes | of them with TensorFlow | pickle | largest difference of a probability | s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {row.method} | {row.tasks} | {row.processes} | {row.with_tensorflow} | {row.megabytes:.1f} MB "
        f"| {row.difference:.1g} | {row.seconds:.0f} |"
        for row in rows
    ]


def main() -> None:
    """Do what the command line says."""
    parser = make_parser("benchmarks.scale.cluster", __doc__)
    parser.add_argument("what", choices=["search", "incremental", "prediction", "report"])
    parser.add_argument("--kills", type=int, nargs="*", default=[1, 20, 40], help="fits before a worker is killed")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4], help="of incremental")
    given = parser.parse_args()
    if given.what == "report":
        report()
        return
    measured: dict[str, Callable[[], Iterator[Row]]] = {
        "search": lambda: measure_search(given.kills),
        "incremental": lambda: (row for seed in given.seeds for row in measure_incremental(seed)),
        "prediction": measure_prediction,
    }
    for row in measured[given.what]():
        append_row(ROWS, row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
