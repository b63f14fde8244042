"""How is a real table split, and how good are probabilities and answers for its test rows?"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss, roc_auc_score

TEST_FRACTION = 0.3
MAX_ROWS, MAX_TRAINING_ROWS = 20_000, 4_000
BINS = 15
TINY = 1e-15


@dataclass(frozen=True, eq=False)
class Part:
    """A split of a set; classes are coded 0, 1, ..."""

    name: str
    seed: int
    X: pd.DataFrame
    y: NDArray[np.intp]
    X_test: pd.DataFrame
    y_test: NDArray[np.intp]

    @property
    def counts(self) -> NDArray[np.intp]:
        """Training rows of each class."""
        return np.bincount(self.y)

    @property
    def prior(self) -> NDArray[np.float64]:
        return self.counts / len(self.y)


def read_part(file: Path, seed: int, max_rows: int = MAX_ROWS, max_training_rows: int = MAX_TRAINING_ROWS) -> Part:
    """Split 70 to 30, stratified; larger sets are subsampled before, and their training rows after."""
    frame = pd.read_parquet(file)
    X, y = frame.drop(columns="target"), np.unique(frame["target"].to_numpy(), return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    train, test = split(y, subsample(y, max_rows, rng), rng)
    train = train[subsample(y[train], max_training_rows, rng)]
    return Part(file.stem, seed, X.iloc[train], y[train], X.iloc[test], y[test])


def average_precision(y: NDArray[np.intp], proba: NDArray[np.float64], prior: NDArray[np.float64]) -> float:
    """Average precision of the rarer of two classes; of more, the mean of one against the rest over those present."""
    columns = [int(np.argmin(prior))] if proba.shape[1] == 2 else np.unique(y).tolist()
    return float(np.mean([average_precision_score(y == c, proba[:, c]) for c in columns]))


def one_against_rest_auc(y: NDArray[np.intp], proba: NDArray[np.float64]) -> float:
    """Area under the ROC curve; of several classes the mean of one against the rest over those present."""
    columns = [1] if proba.shape[1] == 2 else np.unique(y).tolist()
    return round(float(np.mean([roc_auc_score(y == c, proba[:, c]) for c in columns])), 6)


def subsample(y: NDArray[np.intp], max_rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows of a stratified subsample; a class keeps 2 rows where it has them, so that it can be split."""
    if len(y) <= max_rows:
        return np.arange(len(y))
    counts = np.bincount(y)
    wanted = np.maximum(np.round(counts * max_rows / len(y)).astype(int), np.minimum(counts, 2))
    wanted[np.argmax(wanted)] -= max(0, int(wanted.sum()) - max_rows)  # the most frequent class pays for rounding
    chosen = [rng.choice(np.flatnonzero(y == c), n, replace=False) for c, n in enumerate(wanted)]
    return np.sort(np.concatenate(chosen))


def split(
    y: NDArray[np.intp], kept: NDArray[np.intp], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """70 % of each class to train on, 30 % to test: one row at least on each side, a single row in training."""
    train, test = [], []
    for c in np.unique(y[kept]):
        rows = rng.permutation(kept[y[kept] == c])
        n_test = min(max(round(TEST_FRACTION * len(rows)), 1), len(rows) - 1)
        test.append(rows[:n_test])
        train.append(rows[n_test:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def measures(proba: NDArray[np.float64], y: NDArray[np.intp], prior: NDArray[np.float64]) -> dict[str, float]:
    """How good the probabilities of test rows are; `prior` holds the class frequencies of the training rows."""
    n_classes, rare = len(prior), int(np.argmin(prior))
    proba = np.clip(proba, TINY, 1.0)
    proba /= proba.sum(axis=1, keepdims=True)
    columns = [rare] if n_classes == 2 else range(n_classes)
    found = {
        "log_loss": log_loss(y, proba, labels=np.arange(n_classes)),
        "ece": np.mean([calibration_error(proba[:, c], y == c) for c in columns]),
        "brier": np.mean(np.sum((proba - np.eye(n_classes)[y]) ** 2, axis=1)),
        "average_precision": average_precision(y, proba, prior),
        "mean_rare_proba": proba[:, rare].mean(),
        "rare_rate": np.mean(y == rare),
        "balanced_accuracy": balanced_accuracy_score(y, np.argmax(proba / prior, axis=1)),
    }
    return {name: round(float(value), 6) for name, value in found.items()}


def calibration_error(proba: NDArray[np.float64], is_class: NDArray[np.bool_]) -> float:
    """Expected calibration error of a class: bins of equally many rows, fewer where probabilities coincide."""
    edges = np.unique(np.quantile(proba, np.linspace(0.0, 1.0, BINS + 1)))
    bins = np.searchsorted(edges[1:-1], proba, side="right")
    return float(np.abs(np.bincount(bins, weights=proba - is_class)).sum() / len(proba))


def attempt(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A failure is a result of this benchmark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:
            return {"status": f"error: {type(error).__name__}: {error}"}
