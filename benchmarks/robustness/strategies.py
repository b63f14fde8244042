"""Which tables and settings might somebody hand over? Draws them at random, the number of a case being its seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 5_000, 300, 60
FRESH_ROWS = 300
KEPT = 0.75  # chance of a parameter to keep its default
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Case:
    """A table, fresh rows of the same kind, and settings."""

    X: Any
    y: Any
    weight: NDArray[np.float64] | None
    X_fresh: Any
    y_fresh: NDArray[Any]
    settings: dict[str, Any]
    trouble: str  # what was put in that has to be refused, if anything
    checkpoint: bool  # whether the fit keeps how far it has come

    @property
    def columns(self) -> list[str]:
        """Names by which a message may speak of a column."""
        return [str(name) for name in getattr(self.X, "columns", [])]


def log_uniform(rng: Rng, low: int, high: int) -> int:
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def draw_case(number: int) -> Case:
    rng = np.random.default_rng([number, 17])
    n_rows = log_uniform(rng, 2, MOST_ROWS)
    n_classes = int(rng.choice([2, rng.integers(3, 11), rng.integers(11, MOST_CLASSES + 1)], p=[0.6, 0.25, 0.15]))
    n_classes = min(n_classes, n_rows)
    y = draw_labels(rng, n_rows, n_classes)
    y_fresh = rng.choice(y, FRESH_ROWS)
    n_columns = log_uniform(rng, 1, MOST_COLUMNS)
    kinds = list(rng.choice(list(KINDS), size=int(rng.integers(1, 6))))
    strength = float(rng.choice([0.0, 0.5, 1.0, 2.0, 4.0]))
    both, columns = np.concatenate([y, y_fresh]), {}
    for j in range(n_columns):
        kind = str(rng.choice(kinds))
        shift = strength * rng.normal(size=n_classes) * (rng.random() < 0.5)
        columns[f"{kind}_{j}"] = lose_cells(rng, KINDS[kind](rng, both, shift))
    table = pd.DataFrame(columns)
    if n_columns > 1 and rng.random() < 0.2:
        table["copied"] = table.iloc[:, 0]
    names = draw_names(rng, n_classes)
    weight = draw_weights(rng, n_rows)
    settings = {"max_iter": 8, "n_members": 2, **draw_settings(rng, names), "random_state": number}
    X, X_fresh = in_container(rng, table.iloc[:n_rows].reset_index(drop=True), table.iloc[n_rows:])
    trouble, X, labels, weight = put_trouble_in(rng, X, names[y], weight)
    return Case(X, labels, weight, X_fresh, names[y_fresh], settings, trouble, bool(rng.random() < 0.25))


def draw_labels(rng: Rng, n_rows: int, n_classes: int) -> NDArray[np.intp]:
    """Class indices, each class with a row at least; the last one may have a single row."""
    match int(rng.integers(0, 4)):
        case 0:
            shares = np.ones(n_classes)
        case 1:
            shares = 0.5 ** np.arange(n_classes)
        case 2:
            shares = rng.dirichlet(np.full(n_classes, 0.3)) + 1e-9
        case _:
            shares = np.r_[np.ones(n_classes - 1), 0.0]  # one row of the last class
    drawn = rng.choice(n_classes, n_rows, p=shares / shares.sum())
    drawn[:n_classes] = np.arange(n_classes)
    return rng.permutation(drawn)


def draw_names(rng: Rng, n_classes: int) -> NDArray[Any]:
    """Labels of the classes, in any order."""
    choices = [
        np.arange(n_classes),
        rng.permutation(n_classes) * 10 - 100,
        np.array([f"class {i}" for i in range(n_classes)]),
        np.array([f"{'ÄÖ=<'[i % 4]}{i}" for i in range(n_classes)], dtype=object),
        np.arange(n_classes).astype(float),
    ]
    if n_classes == 2:
        choices.append(np.array([False, True]))
    return choices[int(rng.integers(len(choices)))]


def draw_weights(rng: Rng, n_rows: int) -> NDArray[np.float64] | None:
    """None, or weights over twelve orders of magnitude, some of them 0."""
    if rng.random() < 0.6:
        return None
    reach = float(rng.choice([0.5, 3.0, 6.0]))
    return np.where(rng.random(n_rows) < rng.choice([0.0, 0.1]), 0.0, 10 ** rng.uniform(-reach, reach, n_rows))


def _numbers(scale: float = 1.0, offset: float = 0.0) -> Callable[[Rng, NDArray[np.intp], NDArray[np.float64]], Any]:
    return lambda rng, y, shift: offset + scale * (rng.normal(size=len(y)) + shift[y])


def _levels(n_levels: int) -> Callable[[Rng, NDArray[np.intp], NDArray[np.float64]], Any]:
    def draw(rng: Rng, y: NDArray[np.intp], shift: NDArray[np.float64]) -> Any:
        code = np.floor(np.abs(rng.normal(size=len(y)) + shift[y]) * n_levels / 3.0) % n_levels
        return np.array([f"level {int(c)}" for c in code], dtype=object)

    return draw


def _extremes(rng: Rng, y: NDArray[np.intp], shift: NDArray[np.float64]) -> Any:
    cells = rng.normal(size=len(y)) + shift[y]
    cells[rng.random(len(y)) < 0.02] = rng.choice([1e15, -1e30, 1e300, -1e-300])
    return cells


KINDS: Mapping[str, Callable[[Rng, NDArray[np.intp], NDArray[np.float64]], Any]] = {
    "normal": _numbers(),
    "millions": _numbers(1e6, 1e9),
    "tiny": _numbers(1e-30),
    "huge": _numbers(1e30),
    "offset": _numbers(1e-3, 1e6),
    "heavy": lambda rng, y, shift: np.exp(3.0 * (rng.normal(size=len(y)) + shift[y])),
    "extremes": _extremes,
    "counts": lambda rng, y, shift: rng.poisson(np.exp(np.clip(shift[y], -3, 3))),
    "flags": lambda rng, y, shift: rng.normal(size=len(y)) + shift[y] > 0,
    "constant": lambda rng, y, shift: np.full(len(y), 3.0),
    "missing": lambda rng, y, shift: np.full(len(y), np.nan),
    "rare": lambda rng, y, shift: (rng.random(len(y)) < 0.002).astype(float),
    "town": _levels(4),
    "code": _levels(3_000),
    "key": lambda rng, y, shift: np.array([f"{i:x}" for i in rng.permutation(len(y))], dtype=object),
    "day": lambda rng, y, shift: (
        pd.Timestamp("2026-01-01") + pd.to_timedelta(np.round(200 * (rng.normal(size=len(y)) + shift[y])), unit="D")
    ),
    "nullable": lambda rng, y, shift: pd.array(np.round(rng.normal(size=len(y)) + shift[y]), dtype="Int64"),
    "mixed": lambda rng, y, shift: np.array([1, "x"], dtype=object)[(rng.random(len(y)) < 0.5).astype(int)],
}


def lose_cells(rng: Rng, cells: Any) -> Any:
    """Most columns are whole; of others some or nearly all cells are missing."""
    column = pd.Series(cells)
    share = float(rng.choice([0.0, 0.0, 0.0, 0.1, 0.5, 0.98]))
    if share == 0.0:
        return column
    if column.dtype == bool:
        column = column.astype(object)
    return column.mask(rng.random(len(column)) < share)


def in_container(rng: Rng, *tables: pd.DataFrame) -> list[Any]:
    """Frames, or where all columns are numbers arrays and sparse matrices."""
    is_numeric = all(dtype.kind in "fiub" and not hasattr(dtype, "na_value") for dtype in tables[0].dtypes)
    kinds = ["frame", "array", "float32", "fortran", "sparse", "object"] if is_numeric else ["frame", "frame", "object"]
    match str(rng.choice(kinds)):
        case "array":
            return [table.to_numpy(float) for table in tables]
        case "float32":
            with np.errstate(over="ignore"):
                return [np.clip(table.to_numpy(float), -3e38, 3e38).astype(np.float32) for table in tables]
        case "fortran":
            return [np.asfortranarray(table.to_numpy(float)) for table in tables]
        case "sparse":
            return [sparse.csr_matrix(table.to_numpy(float)) for table in tables]
        case "object":
            return [table.astype(object).to_numpy() for table in tables]
    return list(tables)


def put_trouble_in(rng: Rng, X: Any, y: Any, weight: Any) -> tuple[str, Any, Any, Any]:
    """One table in twelve holds something that nobody can train on."""
    trouble = str(rng.choice(["infinity", "missing label", "negative weight", "short y", *[""] * 44]))
    row = int(rng.integers(len(y)))
    if trouble == "infinity" and isinstance(X, np.ndarray) and X.dtype.kind == "f":
        X = X.copy()
        X[row, int(rng.integers(X.shape[1]))] = np.inf
    elif trouble == "missing label":
        y = y.astype(object)
        y[row] = None
    elif trouble == "negative weight":
        weight = np.ones(len(y))
        weight[row] = -1.0
    elif trouble == "short y":
        y = y[1:]
    else:
        trouble = ""
    return trouble, X, y, weight


def own_layers(n_inputs: int) -> Any:
    """Layers of the caller's own, small ones."""
    import keras

    return [keras.layers.Dense(8, activation="relu"), keras.layers.LayerNormalization()]


def draw_settings(rng: Rng, names: NDArray[Any]) -> dict[str, Any]:
    """Values for a quarter of the parameters; some of them are bad ideas."""
    n, labels = len(names), sorted(names.tolist())
    costs = rng.uniform(0, 10, (n, n)) * (1 - np.eye(n))
    few = {label: float(10 ** rng.uniform(-3, 3)) for label in labels}
    choices: dict[str, list[Any]] = {
        "hidden_layer_sizes": [(256, 128), (8,), (), 64, (2, 2, 2), (16,) * 8, (1,), own_layers],
        "activation": ["relu", "tanh", "logistic", "selu", "gelu", "identity"],
        "batch_norm": [True, False],
        "dropout": [0.0, 0.1, 0.5, 0.95],
        "alpha": [0.0, 0.01, 1.0, 100.0],
        "class_weight": [None, "balanced", few],
        "sampler": [None, "over", "under", "smote"],
        "loss": ["log_loss", "focal", "logit_adjusted"],
        "scaler": ["auto", None, "standard", "robust", "minmax", "quantile"],
        "screen_columns": [True, False],
        "n_bins": ["auto", None, 2, 8, 64],
        "learning_rate_init": ["auto", 1e-7, 1e-3, 0.1, 10.0, 1e6],
        "batch_size": ["auto", 1, 2, 32, 10_000],
        "max_iter": [1, 3, 15, 40],
        "max_time": [None, 0.01, 5.0],
        "early_stopping": [True, False],
        "validation_fraction": [0.01, 0.15, 0.5, 0.9],
        "n_iter_no_change": [1, 10, 100],
        "tol": [0.0, 1e-4, 1.0],
        "label_smoothing": [0.0, 0.1, 0.5, 0.99],
        "average_weights": [True, False],
        "n_members": [1, 2, 3, "auto"],
        "decision": [
            *("auto", "balanced", "argmax", 0.01, 0.5, 0.99, costs),
            *("f1", "f1_macro", "balanced_accuracy", "precision_macro", "geometric_mean_score"),
        ],
        "pos_label": [None, labels[0], labels[-1]],
        "on_collapse": ["repair", "warn", "raise", "ignore"],
        "n_jobs": [None, 1, 2, -1],
    }
    drawn = {name: values[int(rng.integers(len(values)))] for name, values in choices.items()}
    return {name: value for name, value in drawn.items() if rng.random() > KEPT}
