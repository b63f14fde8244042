"""How is somebody's Keras model built and trained again, with some things about it repaired?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from balanced_nn._causes.evidence import NetworkFacts, RepairAction
from balanced_nn._causes.remedies import SOUND_MOMENTUM, SOUND_WIDTH, USUAL_RATE
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._data.dataset import class_frequencies
from balanced_nn._data.hold_outs import hold_outs
from balanced_nn._diagnose.keras.data import KerasRows, encode_labels, take_rows
from balanced_nn._diagnose.keras.gathering import judge
from balanced_nn._diagnose.keras.layers import (
    Unit,
    cloned,
    has_batch_norm,
    layer_from,
    network_facts,
    quietly,
    units_of,
)
from balanced_nn._network.global_seeds import random_state_kept
from balanced_nn._typing import FloatArray, IntArray, Rows

LONGER_EPOCHS, LONGER_STEPS, LONGER_PATIENCE = 4, 3_000, 20  # times as many epochs; at least so many steps; epochs
SMALL_BATCH = 32
STOPPING_FRACTION = 0.15  # of the training rows
_FIT_PARAMETERS = set(signature(keras.Model.fit).parameters)


@dataclass(frozen=True, eq=False)
class KerasTrainer:
    """Trains a copy of a model from fresh weights, with a set of repairs, and judges it; the model is not changed.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional, compiled.
    rows : KerasRows
        Rows to train on and to judge on.
    fit_params : mapping
        What ``fit`` was given. Epochs (by default those of the model's history), batch size and weights are used;
        callbacks and validation rows are not: callbacks may write files, and hold a state of their own.
    seed : int
        Seed of the initial weights.
    """

    model: keras.Model
    rows: KerasRows
    fit_params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject parameters that ``fit`` does not know."""
        unknown = set(self.fit_params) - _FIT_PARAMETERS
        if unknown:
            raise ValueError(
                f"fit_params holds {', '.join(sorted(unknown))}, which keras.Model.fit does not accept. "
                'Pass what fit was given, such as {"epochs": 20, "batch_size": 32}.'
            )

    def __call__(self, repairs: frozenset[RepairAction]) -> OutcomeReport:
        """Train with `repairs` and say what becomes of it."""
        n_classes = self.rows.n_classes
        with random_state_kept(self.seed), quietly():
            try:
                model = repaired_model(self.model, repairs, n_classes, self.seed)
            except ValueError:  # repairs that do not go with the shapes of other layers
                repaired_model(self.model, frozenset(), n_classes, self.seed)  # raises where nothing can be built
                return self._failed()
            facts = network_facts(model, n_classes)
            X, X_val = self._features(repairs)
            try:
                model.fit(self._batches(X, repairs, facts), **self._options(repairs, X, facts))
            except (tf.errors.InvalidArgumentError, ValueError):  # a loss that refuses the labels: nothing is learned
                return self._failed()
            return judge(model, facts, X_val, self.rows.y_val)

    def _failed(self) -> OutcomeReport:
        y = self.rows.y_val
        return find_outcome(y, np.full((len(y), self.rows.n_classes), np.nan), np.zeros_like(y))

    def _features(self, repairs: frozenset[RepairAction]) -> tuple[Rows, Rows]:
        if RepairAction.SCALE_FEATURES not in repairs:
            return self.rows.X, self.rows.X_val
        kinds = "fiub" if _reads_numbers(self.model) else "f"
        pairs = [
            _standardised(train, judged, kinds)
            for train, judged in zip(keras.tree.flatten(self.rows.X), keras.tree.flatten(self.rows.X_val), strict=True)
        ]
        train, judged = (keras.tree.pack_sequence_as(self.rows.X, list(parts)) for parts in zip(*pairs, strict=True))
        return train, judged

    def _batches(self, X: Rows, repairs: frozenset[RepairAction], facts: NetworkFacts) -> tf.data.Dataset:
        """Rows, labels and weights, shuffled with the seed; ``fit`` would draw on TensorFlow's global one."""
        weight = self.fit_params.get("sample_weight")
        if RepairAction.BALANCE_CLASSES in repairs:
            share = class_frequencies(self.rows.y, np.ones(len(self.rows.y)), self.rows.n_classes)
            weight = 1.0 / (np.count_nonzero(share) * share[self.rows.y])
        labels = encode_labels(self.rows.y, facts)
        parts = [X, labels] if weight is None else [X, labels, np.asarray(weight, dtype=np.float32)]
        tensors = keras.tree.lists_to_tuples(keras.tree.map_structure(tf.convert_to_tensor, parts))
        chosen = self._split(repairs)[0]
        rows = tf.data.Dataset.from_tensor_slices(chosen).shuffle(len(chosen), seed=self.seed)
        rows = rows.batch(self._batch_size(repairs))
        return rows.map(lambda chosen: keras.tree.map_structure(lambda part: tf.gather(part, chosen), tensors))

    def _split(self, repairs: frozenset[RepairAction]) -> tuple[IntArray, IntArray]:
        """Rows to train on, and rows to stop on where that is part of the repairs."""
        everything = np.arange(len(self.rows.y))
        if RepairAction.TRAIN_LONGER not in repairs:
            return everything, everything[:0]
        (split,) = hold_outs(self.rows.y, STOPPING_FRACTION, np.random.default_rng(self.seed), self.rows.n_classes)
        return (split.train, split.valid) if len(split.valid) else (everything, everything)

    def _batch_size(self, repairs: frozenset[RepairAction]) -> int:
        size = int(self.fit_params.get("batch_size") or SMALL_BATCH)
        return min(size, SMALL_BATCH) if RepairAction.TRAIN_LONGER in repairs else size

    def _options(self, repairs: frozenset[RepairAction], X: Rows, facts: NetworkFacts) -> dict[str, Any]:
        epochs = int(self.fit_params.get("epochs") or network_facts(self.model, self.rows.n_classes).epochs or 1)
        options: dict[str, Any] = {"epochs": epochs, "verbose": 0}
        if RepairAction.BALANCE_CLASSES not in repairs:
            options["class_weight"] = self.fit_params.get("class_weight")
        if RepairAction.TRAIN_LONGER in repairs:
            steps = -(-len(self.rows.y) // self._batch_size(repairs))
            options["epochs"] = max(LONGER_EPOCHS * epochs, -(-LONGER_STEPS // steps))
            options["callbacks"] = [keras.callbacks.EarlyStopping(patience=LONGER_PATIENCE, restore_best_weights=True)]
            held = self._split(repairs)[1]  # of the training: the rows to judge on must not choose the epoch
            options["validation_data"] = (take_rows(X, held), encode_labels(self.rows.y[held], facts))
        return options


_READ_INTEGERS = (
    keras.layers.Embedding,
    keras.layers.IntegerLookup,
    keras.layers.CategoryEncoding,
    keras.layers.Hashing,
)


def _reads_numbers(model: keras.Model) -> bool:
    """Whether whole numbers are quantities to the model, not indices that name something."""
    typed = all("float" in str(part.dtype) for part in keras.tree.flatten(model.inputs))
    return typed and not any(isinstance(layer, _READ_INTEGERS) for layer in model._flatten_layers())


def _standardised(train: ArrayLike, judged: ArrayLike, kinds: str) -> tuple[FloatArray, FloatArray]:
    """Both parts with mean 0 and standard deviation 1 in the first; what does not vary, or is no such kind, stays."""
    train, judged = np.asarray(train), np.asarray(judged)
    if train.dtype.kind not in kinds:
        return train, judged
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    scale = np.where(deviation > 0, deviation, 1.0)
    return ((train - mean) / scale).astype(np.float32), ((judged - mean) / scale).astype(np.float32)


def repaired_model(model: keras.Model, repairs: frozenset[RepairAction], n_classes: int, seed: int) -> keras.Model:
    """Rebuild a model with fresh weights and some repairs, and compile it.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional, compiled.
    repairs : frozenset of RepairAction
        Those about data and epochs change nothing here.
    n_classes : int
        Classes that the labels hold.
    seed : int
        Seed of the initial weights.

    Raises
    ------
    ValueError
        For a subclassed model, or one with a layer that cannot be made again from its configuration.
    """
    units = units_of(model)
    if not units:
        raise ValueError(
            f"{type(model).__name__} is a subclassed Keras model, which cannot be rebuilt. "
            "Use confirm=False, or write the model as keras.Sequential or with the functional API."
        )
    rebuild = _Rebuild(units, repairs, n_classes, seed, has_batch_norm(model))
    try:
        copy = cloned(model, rebuild.layer)
    except Exception as exc:  # get_config and from_config of a layer of the user's own may raise anything
        raise ValueError(
            f"{model.name} has a layer that cannot be rebuilt: {str(exc).strip().splitlines()[0]} "
            "Use confirm=False, or give the layer get_config() and from_config()."
        ) from exc
    copy.compile(optimizer=_optimizer(model, repairs), loss=_loss(model, repairs, n_classes))
    return copy


class _Rebuild:
    """Makes the layers of the repaired model one by one."""

    def __init__(
        self, units: list[Unit], repairs: frozenset[RepairAction], n_classes: int, seed: int, has_norm: bool
    ) -> None:
        self._last = units[-1]
        self._hidden = {id(unit.layer): unit for unit in units[:-1]}
        self._activations = {id(unit.outputs_of) for unit in units[:-1] if unit.outputs_of is not unit.layer}
        self._repairs = repairs
        self._n_classes = n_classes
        self._has_norm = has_norm
        self._rng = np.random.default_rng(seed)

    def layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer that takes the place of `layer`."""
        config = self._seeded(layer.get_config())
        if isinstance(layer, keras.layers.BatchNormalization) and RepairAction.ADD_BATCH_NORM in self._repairs:
            config["momentum"] = SOUND_MOMENTUM
        if id(layer) in self._hidden and isinstance(layer, keras.layers.Dense):
            return self._hidden_layer(layer, config)
        if layer is self._last.layer and isinstance(layer, keras.layers.Dense):
            return self._output_layer(config)
        if id(layer) in self._activations and RepairAction.SOUND_HIDDEN_LAYERS in self._repairs:
            return keras.layers.Activation("relu", name=layer.name)
        if layer is self._last.outputs_of and RepairAction.MATCH_OUTPUT in self._repairs:
            return keras.layers.Activation("linear", name=layer.name)  # the unit in front of it has the activation
        return layer_from(layer, config)

    def _hidden_layer(self, layer: keras.layers.Layer, config: dict[str, Any]) -> keras.layers.Layer:
        activation = config["activation"]
        if RepairAction.SOUND_HIDDEN_LAYERS in self._repairs:
            config["kernel_initializer"] = keras.initializers.HeNormal(seed=self._draw())
            config["bias_initializer"] = "zeros"
            if id(layer) in self._hidden and self._hidden[id(layer)].outputs_of is layer:
                activation = "relu"
        if RepairAction.ENLARGE_NETWORK in self._repairs:
            config["units"] = max(config["units"], SOUND_WIDTH)
        if RepairAction.ADD_BATCH_NORM not in self._repairs or self._has_norm:
            return keras.layers.Dense.from_config({**config, "activation": activation})
        name = config.pop("name")
        return keras.Sequential(
            [
                keras.layers.Dense.from_config({**config, "activation": "linear", "use_bias": False}),
                keras.layers.BatchNormalization(momentum=SOUND_MOMENTUM),
                keras.layers.Activation(keras.activations.get(activation)),
            ],
            name=name,
        )

    def _output_layer(self, config: dict[str, Any]) -> keras.layers.Layer:
        if RepairAction.MATCH_OUTPUT in self._repairs:
            lone = self._n_classes == 2 and config["units"] == 1
            config["units"] = 1 if lone else max(self._n_classes, config["units"] if config["units"] > 1 else 0)
            config["activation"] = "sigmoid" if lone else "softmax"
        output = keras.layers.Dense.from_config(config)
        if RepairAction.ENLARGE_NETWORK not in self._repairs or self._hidden:
            return output
        hidden = keras.layers.Dense(
            SOUND_WIDTH, activation="relu", kernel_initializer=keras.initializers.HeNormal(seed=self._draw())
        )
        return keras.Sequential([hidden, output])

    def _seeded(self, config: dict[str, Any]) -> dict[str, Any]:
        """Give every initialiser a seed: without one it draws from a global generator."""
        seeded = dict(config)
        for key, value in config.items():
            if key.endswith("initializer") and isinstance(value, dict) and "seed" in value.get("config", {}):
                seeded[key] = {**value, "config": {**value["config"], "seed": self._draw()}}
        return seeded

    def _draw(self) -> int:
        return int(self._rng.integers(2**31))


def _optimizer(model: keras.Model, repairs: frozenset[RepairAction]) -> keras.optimizers.Optimizer:
    if RepairAction.SET_LEARNING_RATE in repairs or getattr(model, "optimizer", None) is None:
        return keras.optimizers.Adam(USUAL_RATE)
    return type(model.optimizer).from_config(model.optimizer.get_config())


def _loss(model: keras.Model, repairs: frozenset[RepairAction], n_classes: int) -> Any:
    loss = model.loss
    if RepairAction.MATCH_OUTPUT not in repairs and loss is not None:
        return loss
    lone = n_classes == 2 and units_of(model)[-1].layer.kernel.shape[-1] == 1
    return "binary_crossentropy" if lone else "sparse_categorical_crossentropy"
