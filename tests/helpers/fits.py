"""Rows of the benchmark of quality by hand."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality import statistics
from benchmarks.quality.peers import OURS
from benchmarks.quality.statistics import Row

FAILED = "error: ValueError: no"


def fit(name: str, method: str, score: float, seed: int = 0, table: str = "ranking", **others: Any) -> Row:
    """A fit whose figures all follow one score; NaN is a failure."""
    sizes = {"rows": 700, "features": 5, "classes": 2, "rarest": 100, "rarest_test": 60}
    if np.isnan(score):
        return Row(table, name, seed, method, **{**sizes, "status": FAILED, **others})
    good = ("average_precision", "roc_auc", "balanced_accuracy", "balanced_accuracy_prior", "g_mean", "mcc")
    bad = dict.fromkeys(("log_loss", "brier", "ece"), 1.0 - score)
    done = {"outcome": "healthy", "fit_seconds": 2.0, "predict_seconds": 0.01}
    return Row(table, name, seed, method, **{**sizes, **dict.fromkeys(good, score), **bad, **done, **others})


def frame(*rows: Row) -> pd.DataFrame:
    return statistics.of_ranking(statistics.as_frame(rows))


def three_by_three() -> list[Row]:
    """On `b` two methods tie and the third one fails."""
    scores = {"a": (0.9, 0.8, 0.7), "b": (0.5, 0.5, np.nan), "c": (0.2, 0.3, 0.4)}
    methods = (OURS, "CatBoost", "Keras MLP")
    return [fit(name, *pair) for name, values in scores.items() for pair in zip(methods, values, strict=True)]
