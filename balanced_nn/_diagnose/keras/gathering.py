"""What can be seen of a Keras model, in one forward and one backward pass? It is never changed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._causes.evidence import Curve, NetworkFacts, Probe, chance_loss, probe_rows
from balanced_nn._causes.layer_statistics import layer_probe
from balanced_nn._causes.observation import Observation, ObservedNetwork, Snapshot
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._data.column_shift import far_apart
from balanced_nn._diagnose.case import find_baseline
from balanced_nn._diagnose.keras.data import KerasRows, as_matrix, class_probabilities, decide, encode_labels, take_rows
from balanced_nn._diagnose.keras.layers import (
    Unit,
    cloned,
    dense_layers,
    flat_layers,
    layer_from,
    lone_loss,
    network_facts,
    quietly,
    units_of,
)
from balanced_nn._diagnose.keras.replaying import find_replay
from balanced_nn._network.global_seeds import random_state_kept
from balanced_nn._probability.correction import balanced_accuracy
from balanced_nn._typing import FloatArray, IntArray, Rows

BATCH_NORM_ROWS = 1_000


def outputs_of(model: keras.Model, X: Rows, *, batch_statistics: bool = False) -> FloatArray:
    """Outputs for some rows, in one call."""
    with quietly():
        tensors = keras.tree.map_structure(tf.convert_to_tensor, X)
        outputs: FloatArray = np.asarray(model(tensors, training=batch_statistics))
    return outputs.reshape(len(outputs), -1)


def repeated_outputs(model: keras.Model, X: Rows) -> Callable[[], FloatArray]:
    """Return what computes the outputs for some rows again and again, by the weights of the moment.

    Compiled, as ``fit`` compiles its step, but for a model that runs eagerly or cannot be compiled.
    """
    tensors = keras.tree.map_structure(tf.convert_to_tensor, X)
    forward = partial(model, tensors, training=False)
    if not model.run_eagerly:
        compiled = tf.function(lambda: model(tensors, training=False))
        with quietly(), suppress(Exception):  # code of the user's own may need numbers at hand
            forward = compiled.get_concrete_function()

    def outputs() -> FloatArray:
        with quietly():
            values: FloatArray = np.asarray(forward())
        return values.reshape(len(values), -1)

    return outputs


_NOISE = {
    keras.layers.Dropout: "rate",
    keras.layers.GaussianDropout: "rate",
    keras.layers.AlphaDropout: "rate",
    keras.layers.GaussianNoise: "stddev",
}


def probe_copy(model: keras.Model, weights: list[FloatArray] | None) -> keras.Model | None:
    """Copy a model without its dropout, with given weights or freshly drawn ones; None where it cannot be copied."""

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
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


def probe_model(
    model: keras.Model, facts: NetworkFacts, X: Rows, y: IntArray, *, batch_statistics: bool = False
) -> Probe:
    """Pass rows through a model, on request with their own BatchNorm statistics, and the gradient of its loss back.

    Of a subclassed model only the gradients are seen.
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
    found = [] if seen is None else [np.asarray(out).reshape(len(y), -1) for out in seen]
    parts = zip(units, found, kernels, gradients, strict=True) if found else ()
    return Probe(
        layers=tuple(layer_probe(unit.activation, out, kernel.numpy(), slope) for unit, out, kernel, slope in parts),
        loss=float(loss),
        chance_loss=chance_loss(y, facts.n_classes),
        finite=all(bool(np.isfinite(out).all()) for out in (*found, values)),
    )


def _forward(
    model: keras.Model, units: list[Unit], X: Rows, training: bool
) -> tuple[list[tf.Tensor] | None, tf.Tensor]:
    """Outputs of each unit, None where they cannot be reached, and of the model."""
    wanted = {id(unit.outputs_of) for unit in units}
    if isinstance(model, keras.Sequential):
        outputs: dict[int, tf.Tensor] = {}
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


def _mean_loss(model: keras.Model, facts: NetworkFacts, y: IntArray, outputs: tf.Tensor) -> tf.Tensor:
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


def batch_norm_gap(copy: keras.Model | None, facts: NetworkFacts, X: Rows, y: IntArray) -> float | None:
    """Balanced accuracy with the statistics of the rows, less that with the stored ones; None without BatchNorm."""
    if copy is None or not facts.batch_norm:
        return None
    rows = probe_rows(y, BATCH_NORM_ROWS)
    scores = []
    for batch_statistics in (True, False):
        before = copy.get_weights()
        outputs = outputs_of(copy, take_rows(X, rows), batch_statistics=batch_statistics)
        copy.set_weights(before)  # the first call moved the stored statistics
        scores.append(balanced_accuracy(decide(class_probabilities(outputs, facts)), y[rows], np.ones(len(rows))))
    return scores[0] - scores[1]


def judge(
    model: keras.Model, facts: NetworkFacts, X: Rows, y: IntArray, weight: FloatArray | None = None
) -> OutcomeReport:
    """The outcome of a model's own decision on some rows."""
    return judge_outputs(outputs_of(model, X), facts, y, weight)


def judge_outputs(
    outputs: FloatArray, facts: NetworkFacts, y: IntArray, weight: FloatArray | None = None
) -> OutcomeReport:
    """The outcome of the decision that outputs for some rows stand for."""
    proba = class_probabilities(outputs, facts)
    return find_outcome(y, proba, decide(proba), sample_weight=weight)


@dataclass(frozen=True, eq=False)
class WatchedTraining:
    """What only somebody knows who was there."""

    initial_weights: list[FloatArray] | None  # None for a model that was built by the training
    curve: Curve
    n_steps: int


def observe(model: keras.Model, rows: KerasRows, training: WatchedTraining | None = None) -> Observation:
    """Say what a diagnosis can look at.

    Parameters
    ----------
    model : keras.Model
        After training; it is not changed.
    rows : KerasRows
        Where those judged are those trained on, quick models are judged on folds of them.
    training : WatchedTraining or None, default=None
        None reads the model's history and optimizer.
    """
    facts, initial_weights, curve = network_facts(model, rows.n_classes), None, _history(model)
    if training is not None:
        initial_weights, curve = training.initial_weights, training.curve
        facts = replace(facts, epochs=len(curve.loss), n_steps=training.n_steps)
    X = as_matrix(rows.X)
    judged = None if rows.X_val is rows.X else (as_matrix(rows.X_val), rows.y_val)
    outcome = judge(model, facts, rows.X_val, rows.y_val, rows.weight_val)
    return Observation(
        outcome=outcome,
        X=X,
        y=rows.y,
        n_classes=rows.n_classes,
        reference=find_baseline(X, rows.y, judged, rows.weight_val, rows.n_classes, outcome),
        bad_labels=rows.bad_labels,
        other_table=judged is not None and far_apart(X, judged[0]).size > 0,
        judges_training=judged is None,
        network=observe_network(model, facts, rows, initial_weights, curve),
    )


def observe_network(
    model: keras.Model, facts: NetworkFacts, rows: KerasRows, initial: list[FloatArray] | None, curve: Curve | None
) -> ObservedNetwork:
    """Copy a model before and after training; without `initial` with some drawn by the same initialisers."""
    before, after = probe_copy(model, initial), probe_copy(model, model.get_weights())
    ends = model if after is None else after
    replay = find_replay(model, facts, rows, initial)

    def probe(copy: keras.Model | None, batch_statistics: bool, chosen: IntArray) -> Probe | None:
        if copy is None:
            return None
        return probe_model(copy, facts, take_rows(rows.X, chosen), rows.y[chosen], batch_statistics=batch_statistics)

    return ObservedNetwork(
        facts=facts,
        y=rows.y,
        after=Snapshot(partial(probe, ends, False), _kernels(model.get_weights())),
        before=Snapshot(partial(probe, before, facts.batch_norm), _kernels(initial or [])),
        is_redrawn=initial is None,
        batch_norm_gap=batch_norm_gap(after, facts, rows.X_val, rows.y_val),
        curve=curve,
        replay=tuple if replay is None else replay.trials,
    )


def _kernels(weights: list[FloatArray]) -> list[FloatArray]:
    return [array for array in weights if array.ndim >= 2]


def _history(model: keras.Model) -> Curve | None:
    losses = getattr(getattr(model, "history", None), "history", {}).get("loss")
    return Curve(tuple(map(float, losses))) if losses else None
