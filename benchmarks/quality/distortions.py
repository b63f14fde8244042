"""What does a method lose where numbers are distorted as real ones are? Monotone maps, wild cells, columns of noise."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.common.tables import Part
from benchmarks.quality.peers import METHODS, OURS, Build
from benchmarks.quality.statistics import OK, RANKING

Distort = Callable[[Part], Part]

DISTORTED = "distorted: "  # begins the names of the tables; the distortion ends them
RATIO = "log-loss, distorted / undistorted"  # of means over sets
SHARE_OF_WILD_CELLS = 0.005
WILD_POWERS = (3.0, 6.0)  # of ten, by which a wild cell is too large
# Each is strictly increasing, of a number in standard deviations from its mean, as columns of amounts, counts, rates
# and changes of unit are.
MONOTONE_MAPS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "exponential": lambda z: np.exp(2.5 * z),
    "cube": lambda z: z**3,
    "signed exponential": lambda z: np.sign(z) * np.expm1(2.0 * np.abs(z)),
    "another unit": lambda z: 1e4 * z + 3e4,
    "arctangent": np.arctan,
}
# Ours beside what is invariant (trees) and what is not.
DISTORTED_METHODS: dict[str, Build] = {
    name: METHODS[name] for name in (OURS, "CatBoost", "LightGBM", "MLPClassifier", "RealMLP-TD")
}


def numeric_columns(X: pd.DataFrame) -> list[Any]:
    """Columns of numbers of more than two values."""
    return [
        name
        for name in X
        if pd.api.types.is_numeric_dtype(X[name]) and not pd.api.types.is_bool_dtype(X[name]) and X[name].nunique() > 2
    ]


def map_monotonically(part: Part) -> Part:
    """Send each numeric column through a monotone map drawn at random: what orders rows is all still there."""
    rng = np.random.default_rng([part.seed, 77])
    X, X_test = part.X.copy(), part.X_test.copy()
    maps = list(MONOTONE_MAPS.values())
    for name in numeric_columns(part.X):
        train = part.X[name].astype(float)
        mean, deviation = train.mean(), train.std() or 1.0
        change = maps[rng.integers(len(maps))]
        X[name] = change(((train - mean) / deviation).to_numpy())
        X_test[name] = change(((part.X_test[name].astype(float) - mean) / deviation).to_numpy())
    return replace(part, X=X, X_test=X_test)


def spoil_cells(part: Part) -> Part:
    """Multiply a few numeric cells of training and test rows by a thousand to a million."""
    rng = np.random.default_rng([part.seed, 78])
    names = numeric_columns(part.X)

    def spoil(X: pd.DataFrame) -> pd.DataFrame:
        X = X.copy()
        for name in names:
            numbers = X[name].to_numpy(dtype=float, copy=True)
            hit = rng.random(len(numbers)) < SHARE_OF_WILD_CELLS
            numbers[hit] *= 10.0 ** rng.uniform(*WILD_POWERS, hit.sum())
            X[name] = numbers
        return X

    return replace(part, X=spoil(part.X), X_test=spoil(part.X_test))


def add_noise(part: Part, n_columns: int) -> Part:
    """Add columns of standard normal noise."""
    rng = np.random.default_rng([part.seed, 79])

    def widen(X: pd.DataFrame) -> pd.DataFrame:
        noise = pd.DataFrame(rng.normal(size=(len(X), n_columns)), index=X.index).add_prefix("noise")
        return pd.concat([X, noise], axis=1)

    return replace(part, X=widen(part.X), X_test=widen(part.X_test))


DISTORTIONS: dict[str, Distort] = {
    "monotone maps": map_monotonically,
    "0.5 % of cells times 1e3 to 1e6": spoil_cells,
    "50 columns of noise": partial(add_noise, n_columns=50),
    "300 columns of noise": partial(add_noise, n_columns=300),
}


def losses(fits: pd.DataFrame) -> pd.DataFrame:
    """A line for each distortion and method: what is lost beside the undistorted fits of the same sets and splits."""
    ran = fits[fits["status"] == OK]
    figures = ran.set_index(["method", "set", "seed"])[["average_precision", "log_loss"]]
    table = ran["table"].to_numpy()
    plain = figures[table == RANKING].add_suffix(" plain")
    lines = []
    for kind in DISTORTIONS:
        both = figures[table == DISTORTED + kind].add_suffix(" distorted").join(plain, how="inner")
        for method, part in both.groupby("method", sort=False):
            means = part.groupby("set").mean()
            change = means["average_precision distorted"] - means["average_precision plain"]
            lines.append(
                {
                    "distortion": kind,
                    "method": method,
                    "sets": len(means),
                    "splits": part.index.get_level_values("seed").nunique(),
                    "average precision": means["average_precision distorted"].mean(),
                    "change": change.mean(),
                    "worst set": change.min(),
                    RATIO: means["log_loss distorted"].mean() / means["log_loss plain"].mean(),
                }
            )
    return pd.DataFrame(lines)
