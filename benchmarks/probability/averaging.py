"""Is the mean of several networks as confident as it should be? Made-up problems with many test rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier
from balanced_nn._data.table import read_table
from balanced_nn._network.ensemble import Ensemble
from balanced_nn._probability.correction import log_softmax
from benchmarks.common.tables import attempt
from benchmarks.probability.peers import timed
from benchmarks.probability.report import OK, Results

N_PROBLEMS = 24
SMOOTH_EVERY = 3  # problems; the others are clusters of points
TEST_ROWS = 20_000
N_NETWORKS = (1, 4, 16)
LARGEST_LOGARITHM = 1.5  # of the further temperature that is searched for, on either side


class Rows(NamedTuple):
    """Training rows and test rows of two classes."""

    X: NDArray[np.float64]
    y: NDArray[np.intp]
    X_test: NDArray[np.float64]
    truth: NDArray[np.float64]  # probability of class 1 for each test row; its label where that is not known


@dataclass(frozen=True)
class Problem:
    """A table whose size, share of the rare class and difficulty are drawn at random."""

    number: int

    def draw(self, seed: int) -> Rows:
        rng = np.random.default_rng([seed, self.number])
        n_rows = int(rng.choice([1000, 2000, 4000]))
        X, y, truth = (draw_smooth if self.number % SMOOTH_EVERY == 0 else draw_clusters)(n_rows + TEST_ROWS, rng)
        return Rows(X[:n_rows], y[:n_rows], X[n_rows:], truth[n_rows:])


def draw_smooth(n_rows: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Log-odds that are a straight line and a few bends along some of the columns."""
    n_features = int(rng.integers(4, 30))
    n_used = min(n_features, int(rng.integers(2, 8)))
    kernel, output, slope = rng.normal(size=(n_used, 12)), rng.normal(size=12), rng.normal(size=n_used)
    X = rng.normal(size=(n_rows, n_features))
    used = X[:, :n_used] / np.sqrt(n_used)
    log_odds = rng.uniform(1.0, 4.0) * (np.tanh(1.5 * used @ kernel) @ output / 2.5 + 0.6 * used @ slope)
    rate = float(rng.choice([0.05, 0.1, 0.2, 0.4]))
    truth = expit(log_odds + brentq(lambda shift: expit(log_odds + shift).mean() - rate, -100.0, 100.0))
    return X, (rng.random(n_rows) < truth).astype(int), truth


def draw_clusters(n_rows: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Clusters of points at the corners of a cube, some of them with a wrong label."""
    n_features = int(rng.integers(6, 25))
    n_informative = int(rng.integers(3, min(n_features, 9)))
    X, y = make_classification(
        n_rows,
        n_features,
        n_informative=n_informative,
        n_redundant=min(2, n_features - n_informative),
        n_clusters_per_class=int(rng.integers(1, 4)),
        weights=[1.0 - float(rng.choice([0.05, 0.1, 0.2, 0.3]))],
        flip_y=float(rng.choice([0.0, 0.02, 0.05])),
        class_sep=float(rng.choice([0.5, 0.8, 1.2])),
        random_state=int(rng.integers(2**31)),
    )
    return X, y, y.astype(float)


def run_averaging(job: tuple[Problem, int], results: Results, n_networks: Sequence[int]) -> None:
    problem, seed = job
    wanted = [count for count in n_networks if not results.has(problem.number, count, seed)]
    if not wanted:
        return
    rows = problem.draw(seed)
    size = {"rows": len(rows.y), "features": rows.X.shape[1], "rarest": int(np.bincount(rows.y).min())}
    for count in wanted:
        row = {"problem": problem.number, "networks": count, "seed": seed, **size}
        network = BalancedNNClassifier(n_members=count, random_state=seed)
        results.append(row | attempt(lambda network=network: score(network, rows)))


def score(network: BalancedNNClassifier, rows: Rows) -> dict[str, Any]:
    """The same fitted networks at the temperature of single ones, and at that of their mean."""
    _, seconds = timed(lambda: network.fit(rows.X, rows.y))
    table, prior = read_table(network, rows.X_test, reset=False), network.class_prior_
    of_mean = Ensemble(network.members_, network.calibration_, prior)
    temperature = network.temperature_ / network.averaging_factor_
    of_single = replace(of_mean, calibration=replace(network.calibration_, temperature=temperature))
    scores = [member.scores(table) for member in network.members_]
    found = further_temperature(of_mean.combine(scores, prior), prior, rows.truth)
    before = further_temperature(of_single.combine(scores, prior), prior, rows.truth)
    figures = {
        "single_temperature": temperature,
        "averaging_factor": network.averaging_factor_,
        "further_before": before.temperature,
        "further": found.temperature,
        "log_loss_before": before.log_loss,
        "log_loss": found.log_loss,
        "lowest_log_loss": found.lowest,
    }
    return {name: float(f"{value:.6g}") for name, value in figures.items()} | {
        "seconds": round(seconds, 3),
        "status": OK,
    }


class Further(NamedTuple):
    """By what scores would have to be divided once more, and the log-loss as it is and would then be."""

    temperature: float
    log_loss: float
    lowest: float


def further_temperature(log_proba: NDArray[Any], prior: NDArray[Any], truth: NDArray[Any]) -> Further:
    """Find the temperature of the scores at uniform class frequencies that gives the lowest log-loss of the truth."""
    scores = log_softmax(log_proba - np.log(prior))

    def log_loss(logarithm: float) -> float:
        logs = log_softmax(scores / np.exp(logarithm) + np.log(prior))
        return -float(np.mean((1.0 - truth) * logs[:, 0] + truth * logs[:, 1]))

    bounds = (-LARGEST_LOGARITHM, LARGEST_LOGARITHM)
    best = minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return Further(float(np.exp(best.x)), log_loss(0.0), float(best.fun))
