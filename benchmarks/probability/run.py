"""Are the probabilities honest, and the decisions good? Beside other libraries, and where the truth is known.

    python -m benchmarks.probability.run run sets --data FOLDER        probabilities on real tables
    python -m benchmarks.probability.run run decisions --data FOLDER   answers for a metric or for costs, same tables
    python -m benchmarks.probability.run run synthetic                 probabilities where the true ones are known
    python -m benchmarks.probability.run run averaging                 temperature of 1, 4 and 16 networks, likewise
    python -m benchmarks.probability.run report                        write the tables into benchmarks/README.md

Each run appends to its file in benchmarks/results, and what is there already is skipped, so it may be interrupted.
FOLDER holds one .parquet file for each set, with the label in the last column, `target`. It may also be named by the
environment variable BALANCED_NN_DATA. Each process computes on one thread. The peers include LightGBM and CatBoost.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
# One thread: workers do not wait for one another, and networks this small gain nothing by more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer, matthews_corrcoef
from sklearn.model_selection import TunedThresholdClassifierCV

from balanced_nn import BalancedNNClassifier
from benchmarks.common.command_line import add_data_folder, make_parser
from benchmarks.common.paths import RESULTS
from benchmarks.common.tables import Part, attempt, measures, read_part
from benchmarks.common.workers import add_workers, share
from benchmarks.probability.averaging import N_NETWORKS, N_PROBLEMS, Problem, run_averaging
from benchmarks.probability.peers import PEERS, Remembered, build_peer, timed
from benchmarks.probability.report import DECISIONS, DEFAULT, OK, SECTIONS, SKIPPED, TUNED, Results, write_reports

# Variants of ours: name and parameters. The name starts with that of the default.
OURS: dict[str, dict[str, Any]] = {DEFAULT: {}}


# Real tables


def run_sets(job: tuple[Path, int], results: Results, methods: Sequence[str]) -> None:
    wanted = [name for name in methods if not results.has(job[0].stem, job[1], name)]
    if not wanted:
        return
    part = read_part(*job)
    size = {"rows": len(part.y), "features": part.X.shape[1], "classes": len(part.counts)}
    for name in wanted:
        row = {"set": part.name, "seed": part.seed, "method": name, **size, "rarest": int(part.counts.min())}
        results.append(row | attempt(lambda name=name: score_method(name, part)))
    Remembered.memory.clear()


def score_method(name: str, part: Part) -> dict[str, Any]:
    if name in OURS:
        model = BalancedNNClassifier(random_state=part.seed, **OURS[name])
    else:
        model = build_peer(name, part.X, part.seed, int(part.counts.min()))
    if model is None:
        return {"status": SKIPPED}
    _, seconds = timed(lambda: model.fit(part.X, part.y))
    proba = np.asarray(model.predict_proba(part.X_test), dtype=np.float64)
    return {**measures(proba, part.y_test, part.prior), "fit_seconds": round(seconds, 3), "status": OK}


# Decisions

MISS_COST = 10.0  # of a row of the rarest class; any other error costs 1
COSTS = "costs"
SCORES: dict[str, Callable[[NDArray, NDArray], float]] = {
    "f1": f1_score,  # of two classes
    "f1_macro": partial(f1_score, average="macro"),  # of more
    "matthews_corrcoef": matthews_corrcoef,
    "balanced_accuracy": balanced_accuracy_score,
}


def run_decisions(job: tuple[Path, int], results: Results, methods: Sequence[str]) -> None:
    part = rarest_second(read_part(*job))
    binary = len(part.counts) == 2
    metrics = ("f1" if binary else "f1_macro", "matthews_corrcoef", "balanced_accuracy", COSTS)
    wanted = [
        (metric, name)
        for metric, name in product(metrics, methods)
        if not results.has(part.name, part.seed, metric, name) and (binary or name != TUNED)
    ]
    if wanted:  # programs are compiled before the clock runs, for whichever method comes first
        attempt(lambda: BalancedNNClassifier(max_iter=1, n_members=1, random_state=0).fit(part.X, part.y))
    for metric, name in wanted:
        row = {"set": part.name, "seed": part.seed, "metric": metric, "method": name, "classes": len(part.counts)}
        results.append(row | attempt(lambda metric=metric, name=name: score_decision(metric, name, part)))
    Remembered.memory.clear()


def rarest_second(part: Part) -> Part:
    """Of two classes the rarer one becomes class 1, of which scikit-learn's "f1" speaks."""
    if len(part.counts) > 2 or part.counts.argmin() == 1:
        return part
    return Part(part.name, part.seed, part.X, 1 - part.y, part.X_test, 1 - part.y_test)


def score_decision(metric: str, name: str, part: Part) -> dict[str, Any]:
    costs = cost_matrix(part.counts)
    network = Remembered(BalancedNNClassifier(decision="argmax", random_state=part.seed))
    fitted, seconds = timed(lambda: network.fit(part.X, part.y).estimator_)
    if name == TUNED:
        scorer = make_scorer(mean_cost, greater_is_better=False, costs=costs) if metric == COSTS else metric
        tuned, seconds = timed(lambda: TunedThresholdClassifierCV(network, scoring=scorer).fit(part.X, part.y))
        answers = tuned.predict(part.X_test)
    elif name == "ours":
        model = deepcopy(fitted)  # the fit is remembered as it is
        _, deciding = timed(lambda: model.set_decision(costs if metric == COSTS else metric))
        seconds += deciding
        answers = model.predict(part.X_test)
    else:
        proba = fitted.predict_proba(part.X_test)
        answers = np.argmax(proba if name == "argmax" else proba / part.prior, axis=1)
    score = mean_cost(part.y_test, answers, costs=costs) if metric == COSTS else SCORES[metric](part.y_test, answers)
    return {"score": round(float(score), 6), "seconds": round(seconds, 3), "status": OK}


def cost_matrix(counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rows are true classes, columns are answers."""
    costs = 1.0 - np.eye(len(counts))
    costs[counts.argmin()] *= MISS_COST
    return costs


def mean_cost(y: NDArray[np.intp], answers: NDArray[np.intp], *, costs: NDArray[np.float64]) -> float:
    return float(costs[y, answers].mean())


# Data with a known posterior

N_FEATURES = 5
DISTANCE = {2: 2.0, 3: 2.5, 10: 3.5}  # mean distance between the means of two classes
VARIANCES = (1.0, 1.5)  # of every other class, so that the log-odds are quadratic
EVEN = 0.5
PREVALENCES = (0.001, 0.01, 0.1, EVEN)
TEST_ROWS = 50_000
CLASS_WEIGHTS = ("none", "balanced", "costs")
SAMPLERS = ("none", "over", "under", "smote")
LOSSES = ("log_loss", "focal", "logit_adjusted")
RARE_WEIGHT = 5.0  # of the rarest class where class_weight states costs
# Where the rarest class has 1 row in 1,000, so that the grid takes an hour; the unbalanced network gets the same.
LARGE_SETS = {"batch_size": 2048, "max_iter": 60, "n_iter_no_change": 8}


@dataclass(frozen=True)
class Mixture:
    """Gaussian classes, the last the rarest."""

    n_classes: int
    prevalence: float  # of the rarest class; EVEN means the same of each

    @property
    def training_rows(self) -> int:
        return 200_000 if self.prevalence < 0.01 else 20_000

    @property
    def shares(self) -> NDArray[np.float64]:
        """Geometric from the largest class to the rarest."""
        if self.prevalence == EVEN:
            return np.full(self.n_classes, 1.0 / self.n_classes)
        low, high = 0.0, 1.0  # ratio of one class to the one before
        for _ in range(60):
            ratio = (low + high) / 2.0
            powers = ratio ** np.arange(self.n_classes)
            low, high = (ratio, high) if powers[-1] / powers.sum() < self.prevalence else (low, ratio)
        return powers / powers.sum()

    def draw(self, n_rows: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        means, variances = self._classes()
        y = rng.choice(self.n_classes, n_rows, p=self.shares)
        return means[y] + np.sqrt(variances[y])[:, None] * rng.standard_normal((n_rows, N_FEATURES)), y

    def posterior(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        means, variances = self._classes()
        squares = ((X[:, None, :] - means) ** 2).sum(axis=2)
        logs = np.log(self.shares) - N_FEATURES / 2.0 * np.log(variances) - squares / (2.0 * variances)
        densities = np.exp(logs - logs.max(axis=1, keepdims=True))
        return densities / densities.sum(axis=1, keepdims=True)

    def _classes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        means = np.random.default_rng(self.n_classes).standard_normal((self.n_classes, N_FEATURES))
        means *= DISTANCE[self.n_classes] / pdist(means).mean()
        return means, np.resize(VARIANCES, self.n_classes)


def run_synthetic(job: tuple[Mixture, int], results: Results, settings: Sequence[tuple[str, str, str]]) -> None:
    mixture, seed = job
    wanted = [names for names in settings if not results.has(mixture.n_classes, mixture.prevalence, *names, seed)]
    if not wanted:
        return
    rng = np.random.default_rng([seed, mixture.n_classes])
    X, y = mixture.draw(mixture.training_rows, rng)
    X_test, _ = mixture.draw(TEST_ROWS, rng)
    truth = mixture.posterior(X_test)
    counts = np.bincount(y, minlength=mixture.n_classes)
    for names in wanted:
        row = {"classes": mixture.n_classes, "prevalence": mixture.prevalence, "seed": seed}
        row |= dict(zip(("class_weight", "sampler", "loss"), names, strict=True))
        row |= {"training_rows": len(y), "rarest_rows": int(counts[-1])}
        network = synthetic_network(mixture, *names, seed)
        results.append(row | attempt(lambda network=network: compare(network, X, y, X_test, truth)))


def synthetic_network(mixture: Mixture, class_weight: str, sampler: str, loss: str, seed: int) -> BalancedNNClassifier:
    costs = dict.fromkeys(range(mixture.n_classes), 1.0) | {mixture.n_classes - 1: RARE_WEIGHT}
    return BalancedNNClassifier(
        (64, 32),
        class_weight={"none": None, "balanced": "balanced", "costs": costs}[class_weight],
        sampler=None if sampler == "none" else sampler,
        loss=loss,
        on_collapse="warn",
        random_state=seed,
        **(LARGE_SETS if mixture.prevalence < 0.01 else {}),
    )


def compare(
    network: BalancedNNClassifier,
    X: NDArray[np.float64],
    y: NDArray[np.intp],
    X_test: NDArray[np.float64],
    truth: NDArray[np.float64],
) -> dict[str, Any]:
    """Probabilities of test rows beside the true ones."""
    _, seconds = timed(lambda: network.fit(X, y))
    proba = network.predict_proba(X_test)
    rate = np.bincount(y) / len(y)
    # No model can know the classes' frequencies better than its training rows show them.
    error = np.sqrt(rate * (1.0 - rate) / len(y) + proba.var(axis=0) / len(proba))
    lists = {"mean_proba": proba.mean(axis=0), "true_rate": truth.mean(axis=0), "train_rate": rate, "se": error}
    return {
        **{name: json.dumps([float(f"{value:.6g}") for value in values]) for name, values in lists.items()},
        "mae": float(f"{np.abs(proba - truth).mean():.6g}"),
        "temperature": getattr(network, "temperature_", ""),
        "seconds": round(seconds, 3),
        "status": OK,
    }


# Command line


@dataclass(frozen=True)
class Plan:
    """What the command line asks of a section."""

    jobs: list[tuple[Any, int]]  # a file, a mixture or a problem, and a seed
    run: Callable[[Any, Results, Any], None]
    methods: Sequence[Any]
    chosen: Callable[[dict[str, str]], bool]  # whether a row of the results is part of it


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = parse(argv)
    if arguments.command == "report":
        write_reports(arguments.out)
        return 0
    try:
        plan = PLANS.get(arguments.section, plan_tables)(arguments)
    except ValueError as error:
        print(f"probability: {error}", file=sys.stderr)
        return 2
    results = Results(arguments.out, arguments.section)
    if arguments.again and arguments.shard is None:
        results.drop(plan.chosen)
    if arguments.workers > 1 and arguments.shard is None:
        return share(__spec__.name, argv, arguments.workers)
    first, step = arguments.shard or (0, 1)
    return run_jobs(plan, plan.jobs[first::step], results)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("section", nargs="?", choices=list(SECTIONS), help="of run")
    add_data_folder(parser)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the files that results are appended to")
    parser.add_argument("--seeds", type=int, nargs="+", help="of split, data and network; 0, synthetic: 0 to 4")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of sets")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help='names of methods, or "peers" or "ours"')
    parser.add_argument("--only-classes", type=int, nargs="+", default=list(DISTANCE), choices=DISTANCE)
    parser.add_argument("--prevalence", type=float, nargs="+", default=list(PREVALENCES), choices=PREVALENCES)
    parser.add_argument("--again", action="store_true", help="drop the rows that this command writes, then run")
    add_workers(parser, "the work")
    arguments = parser.parse_args(argv)
    if (arguments.command == "run") != (arguments.section is not None):
        parser.error("run needs a section, report takes none")
    return arguments


def plan_tables(arguments: argparse.Namespace) -> Plan:
    if arguments.data is None or not arguments.data.is_dir():
        raise ValueError(f"no folder {arguments.data}. Name one with --data or BALANCED_NN_DATA.")
    files = {file.stem: file for file in sorted(arguments.data.glob("*.parquet"))}
    names = arguments.only or list(files)
    of_sets = arguments.section == "sets"
    known = (*PEERS, *OURS) if of_sets else DECISIONS
    groups = {"peers": PEERS, "ours": tuple(OURS)} if of_sets else {}
    methods = [name for text in arguments.methods or known for name in groups.get(text, (text,))]
    if unknown := (set(names) - set(files)) | (set(methods) - set(known)):
        raise ValueError(f"no set or method {', '.join(sorted(unknown))}. Methods: {'; '.join(known)}.")
    seeds = arguments.seeds or [0]
    rows = set(product(names, map(str, seeds), methods))
    return Plan(
        [(files[name], seed) for seed in seeds for name in names],
        run_sets if of_sets else run_decisions,
        methods,
        lambda row: (row["set"], row["seed"], row["method"]) in rows,
    )


def plan_synthetic(arguments: argparse.Namespace) -> Plan:
    mixtures = [
        Mixture(n_classes, prevalence)
        for n_classes, prevalence in product(arguments.only_classes, arguments.prevalence)
        if prevalence < 1.0 / n_classes or prevalence == EVEN  # the rarest of ten classes with 10 % is even
    ]
    seeds = arguments.seeds or list(range(5))
    rows = {(str(m.n_classes), str(m.prevalence), str(seed)) for m in mixtures for seed in seeds}
    return Plan(
        [(mixture, seed) for seed in seeds for mixture in mixtures],
        run_synthetic,
        list(product(CLASS_WEIGHTS, SAMPLERS, LOSSES)),
        lambda row: (row["classes"], row["prevalence"], row["seed"]) in rows,
    )


def plan_averaging(arguments: argparse.Namespace) -> Plan:
    seeds = arguments.seeds or [0]
    return Plan(
        [(Problem(number), seed) for seed in seeds for number in range(N_PROBLEMS)],
        run_averaging,
        N_NETWORKS,
        lambda row: int(row["seed"]) in seeds,
    )


PLANS: dict[str, Callable[[argparse.Namespace], Plan]] = {"synthetic": plan_synthetic, "averaging": plan_averaging}


def run_jobs(plan: Plan, jobs: Sequence[tuple[Any, int]], results: Results) -> int:
    """Tell after each job how long the others will take, if they take as long as those so far."""
    import keras  # noqa: F401, before the clock runs

    start, worked = perf_counter(), 0
    for number, (what, seed) in enumerate(jobs, start=1):
        before = perf_counter()
        plan.run((what, seed), results, plan.methods)
        seconds = perf_counter() - before
        worked += seconds > 0.1  # otherwise its rows were there
        left = (perf_counter() - start) / max(worked, 1) * (len(jobs) - number)
        name = what.stem if isinstance(what, Path) else what
        print(f"{number:3}/{len(jobs)} {name}, seed {seed}: {seconds:.1f} s, {left / 60:.0f} min left", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
