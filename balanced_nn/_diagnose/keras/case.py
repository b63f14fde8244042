"""What is known of a Keras model, and how is it trained again?"""

from dataclasses import replace
from functools import partial
from typing import Any

import keras

from balanced_nn._causes.advise import ModelKind
from balanced_nn._collapse.baseline import Reference
from balanced_nn._data.target import read_weights
from balanced_nn._diagnose.case import Case, Request, Trainer, find_baseline, split_rows
from balanced_nn._diagnose.keras import data, layers
from balanced_nn._diagnose.keras.data import KerasRows
from balanced_nn._diagnose.keras.gathering import observe
from balanced_nn._diagnose.keras.retraining import KerasTrainer


def keras_case(model: keras.Model, request: Request) -> Case:
    """Look at a Keras model."""
    trained = data.materialise(request.X, request.y, name="X")
    X, labels = trained.X, trained.labels
    layers.check_model(model, X)
    facts = layers.network_facts(model, len(data.class_indices(labels)[1]))
    classes = data.known_classes(labels, facts)
    y = data.class_indices(labels, classes)[0]
    judged, judged_y = trained, y
    if request.X_val is not None:
        judged = data.materialise(request.X_val, request.y_val, name="X_val")
        judged_y = data.class_indices(judged.labels, classes)[0]
    weight = judged.weights(request.sample_weight, "sample_weight")
    weight = None if weight is None else read_weights(weight, judged_y)
    rows = KerasRows(X, y, judged.X, judged_y, len(classes), weight, data.find_bad_labels(labels, facts))
    params = dict(request.fit_params or {})
    params["sample_weight"] = trained.weights(params.get("sample_weight"), "fit_params['sample_weight']")
    return Case(
        model,
        ModelKind.KERAS,
        observe(model, rows),
        classes,
        request.judged_on,
        partial(_prepare_training, model, rows, params, request),
        settings=vars(layers.network_facts(model, len(classes))),
    )


def _prepare_training(
    model: keras.Model, rows: KerasRows, params: dict[str, Any], request: Request
) -> tuple[Trainer, Reference | None]:
    if request.X_val is None:
        kept, out = split_rows(rows.y, request.seed)
        if params["sample_weight"] is not None:
            params = {**params, "sample_weight": params["sample_weight"][kept]}
        train, held = data.take_rows(rows.X, kept), data.take_rows(rows.X, out)
        rows = replace(rows, X=train, y=rows.y[kept], X_val=held, y_val=rows.y[out])
    judged = data.as_matrix(rows.X_val), rows.y_val
    reference = find_baseline(data.as_matrix(rows.X), rows.y, judged, None, rows.n_classes)
    return KerasTrainer(model, rows, params, request.seed), reference
