"""Can the training of a given Keras model be done again in NumPy? For dense layers, usual losses and optimizers."""

from dataclasses import replace
from itertools import pairwise

import keras
import numpy as np

from balanced_nn._causes.evidence import NetworkFacts
from balanced_nn._diagnose.keras.data import KerasRows, class_probabilities, decide
from balanced_nn._diagnose.keras.layers import flat_layers
from balanced_nn._replay.program import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    Activation,
    Dense,
    Dropout,
    Layer,
    Norm,
    Optimizer,
    Program,
)
from balanced_nn._replay.trials import Replay
from balanced_nn._typing import FloatArray, IntArray

MOST_CELLS = 5_000_000  # of the rows: what is larger is not tried again
_INITIALIZERS = {
    "GlorotUniform": "glorot_uniform",
    "GlorotNormal": "glorot_normal",
    "HeUniform": "he_uniform",
    "HeNormal": "he_normal",
    "LecunUniform": "lecun_uniform",
    "LecunNormal": "lecun_normal",
    "Zeros": "zeros",
    "Ones": "ones",
}
_NORMAL = frozenset({"RandomNormal", "TruncatedNormal"})
USUAL_DEVIATION = 0.05  # of weights that an initialiser draws that we do not know


def find_replay(
    model: keras.Model, facts: NetworkFacts, rows: KerasRows, initial: list[FloatArray] | None
) -> Replay | None:
    """The training as something that can be done again; None where it cannot be told or not be followed.

    Where the weights that it began with are lost, others are drawn by the same rules, if these are known.
    """
    if rows.weight_val is not None and np.ptp(rows.weight_val) > 0:
        return None
    layers, optimizer = _layers(model), _optimizer(model)
    if not isinstance(rows.X, np.ndarray) or layers is None or optimizer is None or facts.loss not in LOSSES:
        return None
    X, X_val = (np.asarray(part, np.float32).reshape(len(part), -1) for part in (rows.X, rows.X_val))
    epochs, n_steps = facts.epochs or 0, facts.n_steps or 0
    if not epochs or not n_steps or X.size > MOST_CELLS or not np.isfinite(X).all() or not np.isfinite(X_val).all():
        return None
    size = max(1, -(-len(X) * epochs // n_steps))
    program = Program(tuple(layers), X.shape[1], facts.loss, facts.from_logits, optimizer, size, epochs)
    if initial is None and all(_draws_as_known(layer) for layer in flat_layers(model)):
        initial = program.draw(np.random.default_rng(1))
    if initial is None or [array.shape for array in initial] != program.shapes or len(np.unique(rows.y)) < 2:
        return None

    def answers(program: Program, outputs: FloatArray) -> IntArray:
        now = replace(
            facts,
            n_outputs=program.n_outputs,
            output_activation=program.output_activation,
            loss=program.loss,
            from_logits=program.from_logits,
        )
        return decide(class_probabilities(outputs, now))

    return Replay(program, initial, X, rows.y, X_val, rows.y_val, rows.n_classes, answers)


def _layers(model: keras.Model) -> list[Layer] | None:
    """Layers one behind the other; None where another kind is among them, or where they branch."""
    inner = list(flat_layers(model))
    if not inner or len(getattr(model, "inputs", [])) != 1:
        return None
    if not isinstance(model, keras.Sequential) and not _is_chain(model):
        return None
    found: list[Layer] = []
    for layer in inner:
        parts = _read(layer)
        if parts is None:
            return None
        found += parts
    dense = [i for i, layer in enumerate(found) if isinstance(layer, Dense)]
    after = found[dense[-1] + 1 :] if dense else []
    if not dense or not all(isinstance(layer, Activation) for layer in after) or len(after) > 1:
        return None
    return found if after else [*found, Activation("linear")]


def _is_chain(model: keras.Model) -> bool:
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    pairs = pairwise(layers)
    return all(len(layer._inbound_nodes) == 1 for layer in layers) and all(b.input is a.output for a, b in pairs)


def _read(layer: keras.layers.Layer) -> list[Layer] | None:
    """A layer of Keras in our words; empty for one that computes nothing, None for one that we do not know."""
    match type(layer).__name__:
        case "InputLayer" | "Flatten":
            return []
        case "Dropout":
            return [Dropout(float(layer.rate))]
        case "BatchNormalization" if layer.axis in (-1, 1) and layer.center and layer.scale and layer.trainable:
            return [Norm(float(layer.momentum), float(layer.epsilon))]
        case "ReLU" if not layer.negative_slope and layer.max_value is None:
            return [Activation("relu")]
        case "LeakyReLU":
            return [Activation("leaky_relu", float(layer.negative_slope))]
        case "Softmax":
            return [Activation("softmax")]
        case "Activation":
            return _activation(layer)
        case "Dense" if layer.trainable and layer.kernel_regularizer is None and layer.kernel_constraint is None:
            behind = _activation(layer)
            return None if behind is None else [_dense(layer), *behind]
    return None


def _activation(layer: keras.layers.Layer) -> list[Layer] | None:
    name = getattr(layer.activation, "__name__", "")
    if name not in ACTIVATIONS:
        return None
    return [] if name == "linear" else [Activation(name)]


def _dense(layer: keras.layers.Dense) -> Dense:
    """A dense layer, with how its weights are drawn: of initialisers that we do not know, the size."""
    kind, settings = type(layer.kernel_initializer).__name__, layer.kernel_initializer.get_config()
    kernel: str | float = _INITIALIZERS.get(kind, USUAL_DEVIATION)
    if kind in _NORMAL:
        kernel = float(settings["stddev"])
    elif kind == "RandomUniform":
        kernel = float(settings["maxval"] - settings["minval"]) / 12**0.5
    bias = getattr(layer.bias_initializer, "value", 0.0) if layer.use_bias else None
    return Dense(int(layer.units), kernel, bias if bias is None else float(bias))


def _draws_as_known(layer: keras.layers.Layer) -> bool:
    """Whether a layer's kernel, if it has one, is drawn by a rule that we know, around 0."""
    if not hasattr(layer, "kernel_initializer"):
        return True
    kind, settings = type(layer.kernel_initializer).__name__, layer.kernel_initializer.get_config()
    if kind == "RandomUniform":
        return bool(settings["minval"] == -settings["maxval"])
    return kind in _INITIALIZERS or (kind in _NORMAL and not settings["mean"])


def _optimizer(model: keras.Model) -> Optimizer | None:
    """The optimizer; None for one that we do not know, or with more to it than its rate and momenta."""
    if getattr(model, "optimizer", None) is None:
        return None
    name, s = type(model.optimizer).__name__.lower(), model.optimizer.get_config()
    more = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "amsgrad", "centered")
    if name not in OPTIMIZERS or any(s.get(key) for key in (*more, "gradient_accumulation_steps")):
        return None
    rho = {"adam": "beta_2", "adamax": "beta_2"}.get(name, "rho")
    return Optimizer(
        name,
        float(model.optimizer.learning_rate),
        float(s.get("beta_1", s.get("momentum", 0.0))),
        bool(s.get("nesterov")),
        float(s.get(rho, 0.9)),
        float(s.get("epsilon", 1e-7)),
        float(s.get("initial_accumulator_value", 0.1)),
    )
