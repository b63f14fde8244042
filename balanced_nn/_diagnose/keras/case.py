"""What does a Keras model of anybody's show?"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from balanced_nn._causes.advise import ModelKind
from balanced_nn._causes.evidence import RepairAction
from balanced_nn._collapse.baseline import Reference, find_reference
from balanced_nn._collapse.outcome import OutcomeReport
from balanced_nn._data.dataset import Dataset
from balanced_nn._data.target import read_weights
from balanced_nn._diagnose.case import Case, judged_on_of, split_rows_of
from balanced_nn._typing import IntArray


def is_keras_dataset(X: Any) -> bool:
    """Whether rows are a ``tf.data.Dataset``, which brings its labels along."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(X, tensorflow.data.Dataset)


def keras_case(
    model: Any,
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    sample_weight: Any,
    fit_params: Mapping[str, Any] | None,
    seed: int,
) -> Case:
    """Gather the evidence of a Keras model."""
    from balanced_nn._diagnose.keras import (
        data,
        gathering,
        layers,  # deferred: loads TensorFlow
    )
    from balanced_nn._diagnose.keras.retraining import KerasTrainer

    rows, labels = data.materialise(X, y, name="X")
    layers.check_model(model, rows)
    facts = layers.network_facts(model, len(data.class_indices(labels)[1]))
    classes = data.known_classes(labels, facts)
    codes = data.class_indices(labels, classes)[0]
    judged, judged_codes = rows, codes
    if X_val is not None:
        judged, judged_labels = data.materialise(X_val, y_val, name="X_val")
        judged_codes = data.class_indices(judged_labels, classes)[0]
    evidence = gathering.keras_evidence(
        model, rows, codes, judged, judged_codes,
        n_classes=len(classes), bad_labels=data.find_bad_labels(labels, facts),
        weight_val=None if sample_weight is None else read_weights(sample_weight, judged_codes),
    )  # fmt: skip

    def trainer() -> tuple[Callable[[frozenset[RepairAction]], OutcomeReport], Reference | None]:
        train, held = rows, judged
        train_codes, held_codes = codes, judged_codes
        params = dict(fit_params or {})
        if X_val is None:
            kept, out = split_rows_of(codes, seed)
            train, held = data.take_rows(rows, kept), data.take_rows(rows, out)
            train_codes, held_codes = codes[kept], codes[out]
            params = _of_rows(params, kept)
        reference = find_reference(
            Dataset.of(data.as_matrix(train), train_codes), Dataset.of(data.as_matrix(held), held_codes), len(classes)
        )
        again = KerasTrainer(model, train, train_codes, held, held_codes, len(classes), params, seed)
        return again, reference

    return Case(model, ModelKind.KERAS, evidence, classes, judged_on_of(X_val), trainer, vars(evidence.network))


def _of_rows(fit_params: dict[str, Any], rows: IntArray) -> dict[str, Any]:
    """Keep the weights of some rows."""
    weight = fit_params.get("sample_weight")
    return fit_params if weight is None else {**fit_params, "sample_weight": np.asarray(weight)[rows]}
