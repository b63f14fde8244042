"""Predictors of random weights, whose export is compared with what they answer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from balanced_nn._data.table import CategoryColumn, Table
from balanced_nn._decision.predictor import Predictor
from balanced_nn._decision.rule import read_decision
from balanced_nn._network.ensemble import Ensemble, Member
from balanced_nn._network.network import FittedNetwork, initial_network
from balanced_nn._network.specs import History, NetworkSpec
from balanced_nn._preprocessing.preprocessing import fit_preprocessing
from balanced_nn._probability.calibration import Calibration
from balanced_nn._probability.correction import Correction


def heavy_and_many(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two columns with heavy tails, one with missing cells, that tell the classes apart among many of noise.

    The numbers are exact in float32.
    """
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(n_rows, 40))
    y = (normal[:, 0] - normal[:, 1] > 1.2).astype(int)
    X = normal.copy()
    X[:, 0], X[:, 1] = np.sinh(5.0 * normal[:, 0]), 1e6 * np.exp(3.0 * normal[:, 1])
    X[::9, 1] = np.nan
    return X.astype(np.float32).astype(np.float64), y


def untrained(
    preprocessing: Any, *, n_classes: int = 2, activation: str = "relu", batch_norm: bool = True, seed: int = 0
) -> FittedNetwork:
    """A network of random weights, whose outputs differ between rows."""
    rng = np.random.default_rng(seed)
    spec = NetworkSpec(preprocessing.width, n_classes, (7, 5), activation, batch_norm)
    sample = rng.normal(size=(50, spec.n_inputs))
    initial = initial_network(spec, np.zeros(n_classes), sample, rng)
    *hidden, last = initial.layers
    kernel = rng.normal(size=last.kernel.shape).astype(np.float32)
    return FittedNetwork(spec, (*hidden, replace(last, kernel=kernel)))


def predictor_of(
    members: Sequence[tuple[Any, FittedNetwork, Correction]], calibration: Calibration, prior: np.ndarray, width: int
) -> Predictor:
    n_classes = len(prior)
    history = History((), (), (), 0.0, 0, 0, "max_iter")
    natural = np.full(n_classes, 1 / n_classes)
    ensemble = Ensemble(tuple(Member(*member, history, (history,)) for member in members), calibration, natural)
    classes = np.arange(n_classes)
    rule = read_decision("balanced", classes.tolist(), None).rule(prior)
    return Predictor(ensemble, prior, rule, classes, tuple(f"x{j}" for j in range(width)))


def predictor_over(table: Table, **settings: Any) -> Predictor:
    """Two classes, one network, whose preprocessing is fitted to a table."""
    preprocessing = fit_preprocessing(table, None, **settings)
    member = preprocessing, untrained(preprocessing), Correction(np.zeros(2), np.full(2, 0.5))
    width = len(table.numeric_positions) + len(table.categories)
    found = predictor_of([member], Calibration.none(2), np.full(2, 0.5), width)
    return found if table.names is None else replace(found, columns=table.names)


def plain_table(numbers: np.ndarray) -> Table:
    return Table(len(numbers), numbers, np.arange(numbers.shape[1]))


def text_table(cells: Sequence[str | None], name: str = "x0") -> Table:
    """One column of text."""
    levels = tuple({cell: None for cell in cells if cell is not None})
    codes = np.array([-1 if cell is None else levels.index(cell) for cell in cells])
    return Table(
        len(cells), np.empty((len(cells), 0)), np.empty(0, np.intp), {0: CategoryColumn(levels, codes)}, (name,)
    )


def mixed_table() -> Table:
    """One column of numbers, and one of text."""
    text = CategoryColumn(("low", "high"), np.array([0, 0, 1, 1]))
    return Table(4, np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0]), {1: text})
