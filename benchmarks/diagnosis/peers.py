"""What would published monitors and static checks say of the same training? Their thresholds, re-implemented.

Each answers with symptoms, the most urgent first. The tables that map a symptom to repairs are generous: they name
every repair of the menu that the tool's own advice could be read as.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from balanced_nn._causes.evidence import RepairAction as Do
from benchmarks.diagnosis.faults import Recipe

Actions = tuple[Do, ...]
BOUNDED = ("sigmoid", "tanh")


@dataclass(frozen=True)
class LayerState:
    """One Dense layer on the first training batch."""

    gradient: float  # Euclidean norm, kernel
    mean_gradient: float  # mean absolute entry
    zero_gradient: float  # fraction of entries that are exactly 0
    weight: float  # Euclidean norm
    weight_variance: float
    inactive: float  # fraction of outputs that are not positive
    large: float  # fraction of outputs before the activation of size 5 or more


@dataclass(frozen=True)
class Checkpoint:
    """The network at the end of an epoch."""

    epoch: int
    loss: float
    finite: bool
    layers: tuple[LayerState, ...]


def checkpoint(model: keras.Sequential, loss: Any, x: Any, targets: Any, weight: Any, *, epoch: int) -> Checkpoint:
    """Forward and backward pass on one batch."""
    kernels, before, outputs = [], [], x
    with tf.GradientTape() as tape:
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dense):
                kernels.append(layer.kernel.value)
                before.append(tf.matmul(outputs, layer.kernel) + layer.bias)
                outputs = layer.activation(before[-1])
            else:
                outputs = layer(outputs, training=False)
        value = loss(targets, outputs, sample_weight=weight)
    gradients = tape.gradient(value, kernels)
    layers = tuple(
        state(np.asarray(g) if g is not None else np.zeros(k.shape), np.asarray(k), np.asarray(z))
        for g, k, z in zip(gradients, kernels, before, strict=True)
    )
    finite = np.isfinite(float(value)) and all(np.isfinite([s.gradient, s.weight]).all() for s in layers)
    return Checkpoint(epoch, float(value), bool(finite), layers)


def state(gradient: NDArray, kernel: NDArray, before: NDArray) -> LayerState:
    with np.errstate(all="ignore"):
        return LayerState(
            gradient=float(np.linalg.norm(gradient)),
            mean_gradient=float(np.abs(gradient).mean()),
            zero_gradient=float((gradient == 0).mean()),
            weight=float(np.linalg.norm(kernel)),
            weight_variance=float(kernel.var()),
            inactive=float((before <= 0).mean()),
            large=float((np.abs(before) >= 5).mean()),
        )


@dataclass(frozen=True)
class Watched:
    """What a monitor knows when training has ended."""

    recipe: Recipe
    n_classes: int
    X: NDArray[np.float32]
    loss: NDArray[np.float64]  # of each epoch
    accuracy: NDArray[np.float64]
    checkpoints: tuple[Checkpoint, ...]


def wrong_output(recipe: Recipe, n_classes: int) -> bool:
    """Static: units, activation and loss that do not belong together."""
    units, activation, loss = recipe.output(n_classes)
    wanted = {
        "binary_crossentropy": (1, "sigmoid"),
        "categorical_crossentropy": (n_classes, "softmax"),
        "sparse_categorical_crossentropy": (n_classes, "softmax"),
    }
    if loss not in wanted:
        return True  # a loss that is not for classes
    asked_units, asked = wanted[loss]
    fits = activation == ("linear" if recipe.from_logits else asked)
    return not fits or units != asked_units or (loss.startswith("binary") and n_classes > 2)


# AutoTrainer (Zhang et al., ICSE 2021)

AUTOTRAINER: dict[str, Actions] = {
    "data": (Do.SCALE_FEATURES,),
    "output": (Do.MATCH_OUTPUT,),  # "improper activation", "improper loss"
    "explode": (Do.SOUND_HIDDEN_LAYERS, Do.ADD_BATCH_NORM),  # selu, relu, clipping, tanh, batch normalisation
    "vanish": (Do.SOUND_HIDDEN_LAYERS, Do.ADD_BATCH_NORM),  # selu, relu, batch normalisation
    "dying": (Do.SOUND_HIDDEN_LAYERS, Do.ADD_BATCH_NORM),  # selu, batch normalisation, re-initialisation, leaky ReLU
    "oscillating": (Do.SET_LEARNING_RATE,),  # Adam, learning rate, schedule, batch size
    "slow": (Do.SET_LEARNING_RATE, Do.SOUND_HIDDEN_LAYERS),  # optimizer, learning rate, initialisation
    "not_converged": (Do.SET_LEARNING_RATE, Do.TRAIN_LONGER),  # no repair of its own
}


def autotrainer(seen: Watched) -> list[str]:
    """Its thresholds: gradient ratios at every third epoch, accuracy over all epochs."""
    symptoms: list[str] = []
    if np.abs(seen.X).mean() >= 10:
        symptoms.append("data")
    if wrong_output(seen.recipe, seen.n_classes):
        symptoms.append("output")
    if any(explodes(check) for check in seen.checkpoints) or not np.isfinite(seen.loss).all():
        symptoms.append("explode")
    if any(vanishes(check) for check in seen.checkpoints):
        symptoms.append("vanish")
    if any(np.mean([layer.zero_gradient >= 0.7 for layer in check.layers]) > 0 for check in seen.checkpoints):
        symptoms.append("dying")
    if oscillates(seen.accuracy):
        symptoms.append("oscillating")
    gains = np.diff(seen.accuracy)
    if len(gains) and gains[int(0.3 * len(gains)) :].max() < 0.01 and seen.accuracy[-1] < 0.9:
        symptoms.append("slow")
    if seen.accuracy[-1] < 0.7:
        symptoms.append("not_converged")
    return symptoms


def explodes(check: Checkpoint) -> bool:
    first, last = check.layers[0].gradient, check.layers[-1].gradient
    return not check.finite or check.loss >= 1e3 or (last > 0 and first / last > 70)


def vanishes(check: Checkpoint) -> bool:
    first, last = check.layers[0].gradient, check.layers[-1].gradient
    return check.finite and first < 1e-4 and (last == 0 or first / last < 1e-3)


def oscillates(accuracy: NDArray[np.float64]) -> bool:
    """Local maxima followed by minima 0.03 lower, in a fifth of the epochs."""
    if len(accuracy) < 5:
        return False
    steps = np.diff(accuracy)
    falls = (steps[:-1] > 0) & (steps[1:] <= -0.03)
    return bool(falls.mean() >= 0.2)


# DeepDiagnosis (Wardat et al., ICSE 2022)

DEEPDIAGNOSIS: dict[str, Actions] = {
    "loss_not_finite": (Do.SET_LEARNING_RATE, Do.SCALE_FEATURES),
    "data_range": (Do.SCALE_FEATURES,),
    "output": (Do.MATCH_OUTPUT,),  # "change loss function", "change activation of the output"
    "dead": (Do.SOUND_HIDDEN_LAYERS,),
    "saturated": (Do.SOUND_HIDDEN_LAYERS,),  # "change activation function"
    "vanish": (Do.SOUND_HIDDEN_LAYERS, Do.ADD_BATCH_NORM),
    "weights": (Do.SOUND_HIDDEN_LAYERS,),  # "change initialisation"
    "update_large": (Do.SET_LEARNING_RATE,),
    "update_small": (Do.SET_LEARNING_RATE,),
    "accuracy_unchanged": (Do.SET_LEARNING_RATE, Do.TRAIN_LONGER),
    "loss_unchanged": (Do.SET_LEARNING_RATE, Do.MATCH_OUTPUT),
}


def deepdiagnosis(seen: Watched) -> list[str]:
    """Its thresholds, at the same checkpoints."""
    checks = [check for check in seen.checkpoints if check.finite]
    hidden = [layer for check in checks for layer in check.layers[:-1]]
    layers = [layer for check in checks for layer in check.layers]
    rate = seen.recipe.learning_rate
    updates = [rate * layer.gradient / layer.weight for layer in layers if layer.weight > 0]
    relu, bounded = seen.recipe.activation == "relu", seen.recipe.activation in BOUNDED
    found = {
        "loss_not_finite": len(checks) < len(seen.checkpoints) or not np.isfinite(seen.loss).all(),
        "data_range": bool(np.abs(seen.X).max() > 1),
        "output": wrong_output(seen.recipe, seen.n_classes),
        "dead": relu and any(layer.inactive >= 0.7 for layer in hidden),
        "saturated": bounded and any(layer.large > 0.5 for layer in hidden),
        "vanish": any(layer.mean_gradient < 1e-7 for layer in layers),
        "weights": any(not 1e-5 <= layer.weight_variance <= 10 for layer in layers),
        "update_large": any(update > 1e-1 for update in updates),
        "update_small": any(update < 1e-5 for update in updates),
        "accuracy_unchanged": unchanged(seen.accuracy, 20),
        "loss_unchanged": unchanged(seen.loss, 5),
    }
    # Inputs outside [-1, 1] are the rule for standardised columns: its own order of checks puts symptoms first.
    order = [name for name in found if name != "data_range"] + ["data_range"]
    return [name for name in order if found[name]]


def unchanged(values: NDArray[np.float64], epochs: int) -> bool:
    if len(values) < epochs:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(values, epochs)
    with np.errstate(invalid="ignore"):
        return bool((np.ptp(windows, axis=1) < 1e-6).any())


# Static checks, as UMLAUT and NeuraLint have them

LINTS: dict[str, Actions] = {
    "output": (Do.MATCH_OUTPUT,),
    "data_large": (Do.SCALE_FEATURES,),
    "rate_high": (Do.SET_LEARNING_RATE,),
    "rate_low": (Do.SET_LEARNING_RATE,),
    "linear": (Do.SOUND_HIDDEN_LAYERS,),
    "saturating": (Do.SOUND_HIDDEN_LAYERS,),
    "narrowing": (Do.ENLARGE_NETWORK,),
    "data_range": (Do.SCALE_FEATURES,),
}


def lints(seen: Watched) -> list[str]:
    """Rules over the program text and the table; nothing of the training."""
    recipe = seen.recipe
    found = {
        "output": wrong_output(recipe, seen.n_classes),
        "data_large": bool(np.abs(seen.X).max() > 100),
        "rate_high": recipe.learning_rate > 0.01,
        "rate_low": recipe.learning_rate < 1e-7,
        "linear": recipe.activation == "linear",
        "saturating": recipe.activation in BOUNDED and len(recipe.hidden) > 3,
        "narrowing": min(recipe.hidden) < seen.n_classes,
        "data_range": bool(np.abs(seen.X).max() > 1),
    }
    return [name for name in found if found[name]]


def named(peer: str, symptoms: Sequence[str]) -> Actions:
    """Repairs that symptoms stand for: first the first repair of each, then the second ones."""
    table = TABLES[peer]
    ranks = [[table[name][rank] for name in symptoms if len(table[name]) > rank] for rank in range(2)]
    return tuple(dict.fromkeys(action for rank in ranks for action in rank))


ALWAYS = "data_range"  # true of every standardised table, so that it is not counted as a false alarm
PEERS = {"AutoTrainer": autotrainer, "DeepDiagnosis": deepdiagnosis, "static checks": lints}
TABLES = {"AutoTrainer": AUTOTRAINER, "DeepDiagnosis": DEEPDIAGNOSIS, "static checks": LINTS}
