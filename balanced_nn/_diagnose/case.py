"""What is known of a model that is diagnosed, and how is it trained again?"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from balanced_nn._causes.advise import ModelKind
from balanced_nn._causes.evidence import Evidence, RepairAction
from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import OutcomeReport
from balanced_nn._typing import IntArray

CONFIRM_FRACTION = 0.3  # of the rows, held out to judge trainings where none were given for that
MIN_ROWS_TO_STRATIFY = 4  # of each class


@dataclass(frozen=True, eq=False)
class Case:
    """A model with all that is known of it, and how to train it again."""

    model: Any
    kind: ModelKind
    evidence: Evidence
    classes: tuple[Any, ...]
    judged_on: str
    trainer: Callable[[], tuple[Callable[[frozenset[RepairAction]], OutcomeReport], Reference | None]]
    settings: Mapping[str, Any]
    defaults: Mapping[str, Any] | None = None


def is_keras(model: Any) -> bool:
    """Whether a model is one of Keras."""
    keras = sys.modules.get("keras")  # whoever has a Keras model has loaded it
    return keras is not None and isinstance(model, keras.Model)


def judged_on_of(X_val: Any) -> str:
    """Which rows were judged, for a report."""
    return "given rows" if X_val is None else "held-out rows"


def split_rows_of(y: Any, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to train on and to judge on, stratified where each class has rows enough."""
    counts = np.unique(y, return_counts=True)[1]
    stratify = y if counts.min() >= MIN_ROWS_TO_STRATIFY else None
    kept, out = train_test_split(np.arange(len(y)), test_size=CONFIRM_FRACTION, stratify=stratify, random_state=seed)
    return kept, out
