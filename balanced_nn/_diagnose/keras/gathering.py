"""What does a Keras model of anybody's show in one forward and one backward pass? It is never changed."""

from contextlib import suppress
from dataclasses import replace
from inspect import signature
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._causes.evidence import Curve, Evidence, NetworkFacts, Probe, chance_loss, data_facts, probe_rows
from balanced_nn._causes.layer_statistics import layer_probe, movement
from balanced_nn._collapse.baseline import Reference, compare_with_reference, find_reference
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._data.dataset import Dataset
from balanced_nn._diagnose.keras.data import as_matrix, class_probabilities, decide, encode_labels, take_rows
from balanced_nn._diagnose.keras.layers import (
    Unit,
    cloned,
    dense_layers,
    flat_layers,
    layer_from,
    lone_loss,
    network_facts,
    quietly,
    random_state_kept,
    units_of,
)
from balanced_nn._probability.correction import balanced_accuracy
from balanced_nn._typing import FloatArray, IntArray

BATCH_NORM_ROWS = 1_000


def outputs_of(model: Any, X: Any, *, batch_statistics: bool = False) -> FloatArray:
    """Outputs for some rows, in one call."""
    with quietly():
        tensors = keras.tree.map_structure(tf.convert_to_tensor, X)
        outputs: FloatArray = np.asarray(model(tensors, training=batch_statistics))
    return outputs.reshape(len(outputs), -1)


_NOISE = {
    keras.layers.Dropout: "rate",
    keras.layers.GaussianDropout: "rate",
    keras.layers.AlphaDropout: "rate",
    keras.layers.GaussianNoise: "stddev",
}


def probe_copy(model: Any, weights: list[FloatArray] | None) -> Any | None:
    """Copy a model without its dropout, with given weights or freshly drawn ones; None where it cannot be copied."""

    def copied(layer: Any) -> Any:
        config = layer.get_config()
        for kind, amount in _NOISE.items():
            if isinstance(layer, kind):
                config = {**config, amount: 0.0}
        return layer_from(layer, config)

    if not list(flat_layers(model)):
        return None
    with random_state_kept(0), quietly():
        try:
            copy = cloned(model, copied)
            if {id(v) for v in copy.variables} & {id(v) for v in model.variables}:
                return None  # a layer of the user's own hands its variables on: to set them would change the model
            if weights is not None:
                copy.set_weights(weights)
        except Exception:  # a layer of the user's own that cannot be made again may raise anything
            return None
    return copy


def probe_model(model: Any, facts: NetworkFacts, X: Any, y: IntArray, *, batch_statistics: bool = False) -> Probe:
    """Pass some rows through a model and the gradient of its loss back.

    Parameters
    ----------
    model : keras.Model
        Of a subclassed model only gradients are seen.
    facts : NetworkFacts
        What it is.
    X : array or nested arrays
        The rows.
    y : ndarray of shape (n_samples,)
        Class indices.
    batch_statistics : bool, default=False
        Whether BatchNorm uses the statistics of these rows.
    """
    tensors = keras.tree.map_structure(tf.convert_to_tensor, X)
    units = units_of(model)
    layers = [unit.layer for unit in units] or dense_layers(model)
    kernels = [layer.kernel for layer in layers]
    with quietly(), tf.GradientTape() as tape:
        tape.watch([kernel.value for kernel in kernels])
        seen, outputs = _forward(model, units, tensors, batch_statistics)
        loss = _mean_loss(model, facts, y, outputs)
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    values = np.asarray(outputs).reshape(len(y), -1)
    proba = class_probabilities(values, facts)
    found = [] if seen is None else [np.asarray(out).reshape(len(y), -1) for out in seen]
    return Probe(
        layers=tuple(
            layer_probe(unit.activation, out, kernel.numpy(), None if g is None else np.asarray(g))
            for unit, out, kernel, g in zip(units, found, kernels, gradients, strict=True)
        )
        if found
        else (),
        loss=float(loss),
        chance_loss=chance_loss(y, facts.n_classes),
        spread=float(np.nan_to_num(proba).std(axis=0).max()),
        finite=all(bool(np.isfinite(out).all()) for out in (*found, values)),
    )


def _forward(model: Any, units: list[Unit], X: Any, training: bool) -> tuple[list[Any] | None, Any]:
    """Outputs of each unit, None where they cannot be reached, and of the model."""
    wanted = {id(unit.outputs_of) for unit in units}
    if isinstance(model, keras.Sequential):
        outputs: dict[int, Any] = {}
        hidden = X
        for layer in flat_layers(model):
            keywords = {"training": training} if "training" in signature(layer.call).parameters else {}
            hidden = layer(hidden, **keywords)
            outputs[id(layer)] = hidden
        return [outputs[id(unit.outputs_of)] for unit in units], hidden
    if units and wanted <= {id(layer) for layer in model.layers}:
        extractor = keras.Model(model.inputs, [*(unit.outputs_of.output for unit in units), model.outputs[0]])
        *seen, last = extractor(X, training=training)
        return seen, last
    return None, model(X, training=training)


def _mean_loss(model: Any, facts: NetworkFacts, y: IntArray, outputs: Any) -> Any:
    """The loss as trained; cross-entropy for a model without one, and where it refuses class labels."""
    logits = facts.output_activation == "linear"
    if facts.n_outputs == 1:
        usual = keras.losses.BinaryCrossentropy(from_logits=logits)
    else:
        usual = keras.losses.CategoricalCrossentropy(from_logits=logits)
    usual_facts = replace(facts, loss=usual.name)
    own = lone_loss(model)
    if own is not None:
        sparse = replace(facts, loss="sparse")  # a loss of the user's own may want one-hot labels or indices
        for encoded in (encode_labels(y, facts), encode_labels(y, sparse)):
            with suppress(Exception):  # what a loss raises that does not fit its labels is not for us to list
                return tf.reduce_mean(own(tf.constant(encoded), outputs))
    return tf.reduce_mean(usual(tf.constant(encode_labels(y, usual_facts)), outputs))


def kernels_of(weights: list[FloatArray]) -> list[FloatArray]:
    """The kernels among the weights of a model."""
    return [array for array in weights if array.ndim >= 2]


def batch_norm_gap(copy: Any, facts: NetworkFacts, X: Any, y: IntArray) -> float | None:
    """Balanced accuracy with the statistics of the rows, less that with the stored ones; None without BatchNorm."""
    if copy is None or not facts.batch_norm:
        return None
    scores = []
    for batch_statistics in (True, False):
        before = copy.get_weights()
        proba = class_probabilities(outputs_of(copy, X, batch_statistics=batch_statistics), facts)
        copy.set_weights(before)  # the first call moved the stored statistics
        scores.append(balanced_accuracy(decide(proba), y, np.ones(len(y))))
    return scores[0] - scores[1]


def judge(model: Any, facts: NetworkFacts, X: Any, y: IntArray, weight: FloatArray | None = None) -> OutcomeReport:
    """The outcome of a model's own decision on some rows."""
    proba = class_probabilities(outputs_of(model, X), facts)
    return find_outcome(y, proba, decide(proba), sample_weight=weight)


def keras_evidence(
    model: Any,
    X: Any,
    y: IntArray,
    X_val: Any,
    y_val: IntArray,
    *,
    n_classes: int,
    initial_weights: list[FloatArray] | None = None,
    curve: Curve | None = None,
    n_steps: int | None = None,
    epochs: int | None = None,
    reference: Reference | None = None,
    outcome: OutcomeReport | None = None,
    weight_val: FloatArray | None = None,
    bad_labels: str = "",
) -> Evidence:
    """Gather what a diagnosis of a trained model needs.

    Parameters
    ----------
    model : keras.Model
        After training; it is not changed.
    X, y : array or nested arrays, ndarray of shape (n_samples,)
        Rows that it was trained on, as it reads them, and class indices.
    X_val, y_val : array or nested arrays, ndarray of shape (n_rows,)
        Rows to judge on. Where they are the rows trained on, reference models are judged on folds of them.
    n_classes : int
        Number of classes.
    initial_weights : list of ndarray or None, default=None
        ``model.get_weights()`` before training; None draws fresh ones by the same initialisers.
    curve : Curve or None, default=None
        None reads the model's history.
    n_steps, epochs : int or None, default=None
        None reads the optimizer and the history.
    reference : Reference or None, default=None
        None trains quick models.
    outcome : OutcomeReport or None, default=None
        None judges the model on the rows to judge on.
    weight_val : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows to judge on.
    bad_labels : str, default=""
        What :func:`find_bad_labels` found.
    """
    facts = network_facts(model, n_classes, epochs=epochs, n_steps=n_steps)
    if outcome is None:
        outcome = judge(model, facts, X_val, y_val, weight_val)
    matrix = as_matrix(X)
    if reference is None:
        same = X_val is X
        judged = None if same else Dataset.of(as_matrix(X_val), y_val, weight_val)
        reference = find_reference(Dataset.of(matrix, y, weight_val if same else None), judged, n_classes)
    if reference is not None:
        outcome = compare_with_reference(outcome, reference)
    facts_of_data = data_facts(matrix, y, n_classes)
    rows = probe_rows(y)
    seen_X, seen_y = take_rows(X, rows), y[rows]
    final_weights = model.get_weights()
    before = probe_copy(model, initial_weights)
    after = probe_copy(model, final_weights)
    ends = model if after is None else after
    final = probe_model(ends, facts, seen_X, seen_y)
    initial = None if before is None else probe_model(before, facts, seen_X, seen_y, batch_statistics=facts.batch_norm)
    chosen = probe_rows(y_val, BATCH_NORM_ROWS)
    gap = batch_norm_gap(after, facts, take_rows(X_val, chosen), y_val[chosen])
    train_rows = probe_rows(y, BATCH_NORM_ROWS)
    train_proba = class_probabilities(outputs_of(ends, take_rows(X, train_rows)), facts)
    moved = None if initial_weights is None else movement(kernels_of(initial_weights), kernels_of(final_weights))
    return Evidence(
        outcome=outcome,
        data=replace(facts_of_data, bad_labels=bad_labels or facts_of_data.bad_labels),
        reference=reference,
        network=facts,
        initial=initial,
        final=final,
        initial_is_redrawn=initial_weights is None,
        movement=moved,
        batch_norm_gap=gap,
        train_balanced_accuracy=balanced_accuracy(decide(train_proba), y[train_rows], np.ones(len(train_rows))),
        curve=curve or _history(model),
    )


def _history(model: Any) -> Curve | None:
    recorded = getattr(getattr(model, "history", None), "history", {})
    if not recorded.get("loss"):
        return None
    return Curve(tuple(map(float, recorded["loss"])), tuple(map(float, recorded.get("val_loss", ()))))
