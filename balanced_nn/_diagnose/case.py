"""What was handed over to be diagnosed, what is known of it, and how is it trained again?"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import train_test_split

from balanced_nn._causes.advise import ModelKind
from balanced_nn._causes.evidence import RepairAction
from balanced_nn._causes.observation import Observation
from balanced_nn._collapse.baseline import Reference, find_reference, may_need_reference
from balanced_nn._collapse.outcome import OutcomeReport
from balanced_nn._data.column_checks import SuspiciousColumn
from balanced_nn._data.dataset import Dataset
from balanced_nn._typing import FloatArray, IntArray, Rows

CONFIRM_FRACTION = 0.3  # of the rows, held out to judge trainings where none were given for that
MIN_ROWS_TO_STRATIFY = 4  # of each class

Trainer = Callable[[frozenset[RepairAction]], OutcomeReport]  # trains with these repairs, and judges


@dataclass(frozen=True, eq=False)
class Request:
    """What the caller of `diagnose` passed along with the model, under the same names."""

    X: Rows
    y: ArrayLike | None
    X_val: Rows | None = None
    y_val: ArrayLike | None = None
    sample_weight: ArrayLike | None = None
    fit_params: Mapping[str, Any] | None = None
    seed: int = 0

    @property
    def judged_on(self) -> str:
        """Which rows are judged, for a report."""
        return "given rows" if self.X_val is None else "held-out rows"


@dataclass(frozen=True, eq=False)
class Case:
    """A model with all that is known of it, and how to train it again."""

    model: Any
    kind: ModelKind
    observation: Observation
    classes: tuple[Any, ...]
    judged_on: str
    prepare_training: Callable[[], tuple[Trainer, Reference | None]]  # with the quick models of the rows it judges on
    settings: Mapping[str, Any]
    defaults: Mapping[str, Any] | None = None
    seen_share: float | None = None  # of the rows that are judged: in training, where many were
    suspicious: tuple[SuspiciousColumn, ...] = ()  # columns that the model itself likely misreads


def is_keras(model: Any) -> bool:
    """Whether a model is one of Keras."""
    keras = sys.modules.get("keras")  # whoever has a Keras model has loaded it
    return keras is not None and isinstance(model, keras.Model)


def is_keras_dataset(X: Rows) -> bool:
    """Whether rows are a ``tf.data.Dataset``, which brings its labels along."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(X, tensorflow.data.Dataset)


def find_baseline(
    X: FloatArray,
    y: IntArray,
    judged: tuple[FloatArray, IntArray] | None,
    weight: FloatArray | None,
    n_classes: int,
    outcome: OutcomeReport | None = None,
) -> Reference | None:
    """Judge quick models on the rows that the model is judged on, whose weights these are; None: on folds of `X`.

    None too where, beside them, nothing else could be said of an `outcome` that is known.
    """
    if outcome is not None and not may_need_reference(outcome):
        return None
    if judged is None:
        return find_reference(Dataset.of(X, y, weight), None, n_classes)
    return find_reference(Dataset.of(X, y), Dataset.of(*judged, weight), n_classes)


def split_rows(y: ArrayLike, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to train on and to judge on, stratified where each class has rows enough."""
    labels, counts = np.asarray(y), np.unique(y, return_counts=True)[1]
    stratify = labels if counts.min() >= MIN_ROWS_TO_STRATIFY else None
    kept, out = train_test_split(
        np.arange(len(labels)), test_size=CONFIRM_FRACTION, stratify=stratify, random_state=seed
    )
    return kept, out
