"""What is changed about a training of dense layers to see whether that restores it?"""

from dataclasses import replace

import numpy as np

from balanced_nn._data.names import Worded
from balanced_nn._replay.program import Activation, Dense, Dropout, Layer, Norm, Program
from balanced_nn._typing import FloatArray

SOUND_WIDTH, SOUND_MOMENTUM = 64, 0.9
BATCH_FACTOR, USUAL_BATCH = 8, 32


class Change(Worded):
    """One thing that differs from the training as it was; `words` says it behind "with"."""

    SCALE = "scale", "each feature scaled to mean 0 and standard deviation 1"
    OUTPUT = "output", "output units, activation and loss as the labels ask"
    RATE_TIMES_10 = "rate_times_10", "ten times the learning rate"
    RATE_OVER_10 = "rate_over_10", "a tenth of the learning rate"
    RATE_TIMES_100 = "rate_times_100", "a hundred times the learning rate"
    RATE_OVER_100 = "rate_over_100", "a hundredth of the learning rate"
    INITIALIZER = "initializer", "weights drawn by He's rule and biases of 0"
    ACTIVATION = "activation", "ReLU in the hidden layers"
    BATCH_NORM = "batch_norm", "BatchNorm whose statistics follow soon"
    WIDTH = "width", "hidden layers of 64 units"
    LARGER_BATCH = "larger_batch", "batches of 8 times as many rows"
    SMALLER_BATCH = "smaller_batch", "batches of an eighth of the rows"
    EPOCHS_TIMES_10 = "epochs_times_10", "ten times as many epochs"


RATE_FACTORS = {
    Change.RATE_TIMES_10: 10.0,
    Change.RATE_OVER_10: 0.1,
    Change.RATE_TIMES_100: 100.0,
    Change.RATE_OVER_100: 0.01,
}
# These leave the layers and the batches as they are: copies with them are trained side by side.
SIDE_BY_SIDE = frozenset({*RATE_FACTORS, Change.SCALE, Change.INITIALIZER})


def changed(program: Program, change: Change, n_classes: int) -> Program:
    """The training with one thing changed; the same where that changes nothing. Scaling is left to the rows."""
    if change in RATE_FACTORS:
        optimizer = replace(program.optimizer, rate=program.optimizer.rate * RATE_FACTORS[change])
        return replace(program, optimizer=optimizer)
    match change:
        case Change.OUTPUT:
            return _matched(program, n_classes)
        case Change.EPOCHS_TIMES_10:
            return replace(program, epochs=10 * program.epochs)
        case Change.LARGER_BATCH:
            return replace(program, batch_size=max(USUAL_BATCH, BATCH_FACTOR * program.batch_size))
        case Change.SMALLER_BATCH:
            return replace(program, batch_size=max(1, program.batch_size // BATCH_FACTOR))
    return replace(program, layers=tuple(_layers(program, change)))


def _matched(program: Program, n_classes: int) -> Program:
    lone = n_classes == 2 and program.n_outputs == 1
    matched = program.output_activation == "softmax" and program.n_outputs >= n_classes and program.n_outputs > 1
    if matched and program.loss in {"categorical_crossentropy", "sparse_categorical_crossentropy"}:
        return program
    at = program.position(-1)
    output = replace(program.dense[-1], units=1 if lone else max(n_classes, program.n_outputs))
    layers = (*program.layers[:at], output, Activation("sigmoid" if lone else "softmax"))
    loss = "binary_crossentropy" if lone else "sparse_categorical_crossentropy"
    return replace(program, layers=layers, loss=loss, from_logits=False, one_hot=True)


def _layers(program: Program, change: Change) -> list[Layer]:
    found: list[Layer] = []
    output = program.position(-1)
    has_norm = any(isinstance(layer, Norm) for layer in program.layers)
    for i, layer in enumerate(program.layers):
        new = layer
        if isinstance(layer, Dense) and change is Change.INITIALIZER:
            kernel = "he_normal" if i < output else "glorot_uniform"
            new = replace(layer, initializer=kernel, bias=None if layer.bias is None else 0.0)
        elif isinstance(layer, Dense) and change is Change.WIDTH:
            if i < output:
                new = replace(layer, units=max(SOUND_WIDTH, layer.units))
            elif output == program.position(0):  # there is no hidden layer
                found += [Dense(SOUND_WIDTH, "he_normal"), Activation("relu")]
        elif isinstance(layer, Activation) and change is Change.ACTIVATION and i < output:
            new = Activation("relu")
        elif isinstance(layer, Norm) and change is Change.BATCH_NORM:
            new = replace(layer, momentum=SOUND_MOMENTUM)
        found.append(new)
        if change is Change.BATCH_NORM and isinstance(layer, Dense) and i < output and not has_norm:
            found.append(Norm(SOUND_MOMENTUM))
        if change is Change.ACTIVATION and isinstance(layer, Dense) and i < output and _is_linear(program, i):
            found.append(Activation("relu"))
    return found


def _is_linear(program: Program, position: int) -> bool:
    """Whether no activation follows a dense layer before the next one."""
    for layer in program.layers[position + 1 :]:
        if isinstance(layer, Activation):
            return False
        if isinstance(layer, Dense):
            return True
    return True


def initial_weights(
    new: Program, old: Program, weights: list[FloatArray], rng: np.random.Generator
) -> list[FloatArray]:
    """Weights that a changed training begins with: those of the old one wherever a layer is the same."""
    drawn = new.draw(rng)
    before = dict(_arrays(old, weights))
    found: list[FloatArray] = []
    for key, arrays in _arrays(new, drawn):
        same = before.get(key, [])
        found += same if [a.shape for a in same] == [a.shape for a in arrays] else arrays
    return found


def _arrays(program: Program, weights: list[FloatArray]) -> list[tuple[tuple[int, Layer], list[FloatArray]]]:
    """Weights of each layer, under its number among the layers of its kind, from the end, and what it is."""
    found: list[tuple[tuple[int, Layer], list[FloatArray]]] = []
    counts = {kind: sum(isinstance(layer, kind) for layer in program.layers) for kind in (Dense, Norm)}
    first = 0
    for layer in program.layers:
        if isinstance(layer, Activation | Dropout):
            continue
        n = 4 if isinstance(layer, Norm) else 1 + (layer.bias is not None)
        found.append(((counts[type(layer)], layer), weights[first : first + n]))
        counts[type(layer)] -= 1
        first += n
    return found


def standardised(X: FloatArray, *others: FloatArray) -> tuple[FloatArray, ...]:
    """Rows, and others with the same numbers, with mean 0 and standard deviation 1 in each column of the first."""
    cells = X.astype(np.float64)
    mean, deviation = cells.mean(axis=0), cells.std(axis=0)
    scale = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
    return tuple(((part - mean) / scale).astype(np.float32) for part in (X, *others))
