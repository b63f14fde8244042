"""How are several copies of a small network trained at once, as Keras trains one?

All arrays have a leading axis of copies, so that a step of eight tiny networks costs little more than one of a single
network. The layers, losses and optimizers compute what Keras 3 computes, in float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from balanced_nn._replay.program import CROSS_ENTROPIES, Activation, Dense, Norm, Optimizer, Program
from balanced_nn._typing import FloatArray

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
_NOTHING: tuple[FloatArray, ...] = ()
EPSILON = 1e-7  # at which Keras clips probabilities


@dataclass(eq=False)
class Copies:
    """Copies of a network with weights of their own, trained on the same rows in the same order.

    Parameters
    ----------
    program : Program
        What they have in common: layers, loss, batch size, and the optimizer but for its rate.
    weights : sequence of list of ndarray
        For each copy its weights, in Keras' order.
    rates : sequence of float
        For each copy its learning rate.
    seed : int, default=0
        Of the order of rows and of dropout.
    """

    program: Program
    weights: Sequence[list[FloatArray]]
    rates: Sequence[float]
    seed: int = 0
    _optimizer: "_Steps" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Lay all weights that are learned side by side, so that a step is a few operations on one array."""
        program, n = self.program, len(self.weights)
        learned = [array for layer in self._split(list(range(len(program.shapes)))) for array in layer[0]]
        sizes = [int(np.prod(program.shapes[i])) for i in learned]
        self._flat = np.concatenate(
            [np.stack([w[i].reshape(-1) for w in self.weights]).astype(np.float32) for i in learned], axis=1
        )
        self._slope = np.zeros_like(self._flat)
        ends = np.cumsum(sizes)
        shape_of = program.shapes
        self.arrays: list[FloatArray] = [
            np.stack([w[i] for w in self.weights]).astype(np.float32) for i in range(len(shape_of))
        ]
        self._gradients: list[FloatArray | None] = [None] * len(shape_of)
        for i, size, end in zip(learned, sizes, ends, strict=True):
            part = slice(end - size, end)
            self.arrays[i] = self._flat[:, part].reshape(n, *shape_of[i])
            self._gradients[i] = self._slope[:, part].reshape(n, *shape_of[i])
        self._layers = self._split(list(range(len(shape_of))))
        self._optimizer = _Steps(program.optimizer, np.asarray(self.rates, np.float32)[:, None], self._flat)
        self._rng = np.random.default_rng([self.seed, 7])

    def _split(self, numbers: list[int]) -> list[tuple[list[int], list[int]]]:
        """For each layer the numbers of its weights: those that are learned, and those that are kept."""
        found: list[tuple[list[int], list[int]]] = []
        for layer in self.program.layers:
            if isinstance(layer, Dense):
                n = 1 if layer.bias is None else 2
                found.append((numbers[:n], []))
                numbers = numbers[n:]
            elif isinstance(layer, Norm):
                found.append((numbers[:2], numbers[2:4]))
                numbers = numbers[4:]
            else:
                found.append(([], []))
        return found

    def outputs(self, X: FloatArray) -> FloatArray:
        """Outputs, shape (n_copies, n_samples, n_outputs), of rows of shape (1 or n_copies, n_samples, n_inputs)."""
        with np.errstate(all="ignore"):
            return self._forward(X, training=False)[-1]

    def train(self, X: FloatArray, targets: FloatArray, epochs: int, *, steps: int | None = None) -> FloatArray:
        """Train for some epochs, or until so many steps are made.

        Parameters
        ----------
        X : ndarray of shape (1 or n_copies, n_samples, n_inputs)
            Rows; float32.
        targets : ndarray of shape (n_samples, n_outputs)
            Labels as the loss wants them, one-hot where it has several outputs; float32.
        epochs : int
            How often all rows are gone through.
        steps : int or None, default=None
            After which training ends.

        Returns
        -------
        ndarray of shape (n_epochs, n_copies)
            Mean loss of the batches of each epoch.
        """
        n_rows, size = X.shape[1], self.program.batch_size
        losses = np.zeros((epochs, len(self.weights)))
        left = np.inf if steps is None else steps
        with np.errstate(all="ignore"):
            for epoch in range(epochs):
                order = self._rng.permutation(n_rows)
                for first in range(0, n_rows, size):
                    if left <= 0:
                        return losses[:epoch]
                    rows = order[first : first + size]
                    losses[epoch] += self._step(X[:, rows], targets[rows]) * len(rows) / n_rows
                    left -= 1
        return losses

    def copy(self, number: int) -> list[FloatArray]:
        """Weights of one copy, in Keras' order."""
        return [array[number].copy() for array in self.arrays]

    def _step(self, x: FloatArray, targets: FloatArray) -> FloatArray:
        seen = self._forward(x, training=True)
        loss, error, through = loss_and_slope(self.program, seen[-1], seen, targets)
        self._backward(seen, error, through)
        self._optimizer.apply(self._flat, self._slope)
        return loss

    def _forward(self, x: FloatArray, *, training: bool) -> list[FloatArray]:
        """Inputs, and the outputs of each layer."""
        seen = [x]
        self._aside: list[tuple[FloatArray, ...]] = []  # what a layer needs on the way back
        for layer, (learned, kept) in zip(self.program.layers, self._layers, strict=True):
            x, aside = seen[-1], _NOTHING
            if isinstance(layer, Dense):
                x = x @ self.arrays[learned[0]]
                if layer.bias is not None:
                    x += self.arrays[learned[1]][:, None]
            elif isinstance(layer, Activation):
                x = activate(layer, x)
            elif isinstance(layer, Norm):
                x, aside = self._normalise(layer, x, learned, kept, training)
            elif training and layer.rate > 0:
                mask = (self._rng.random(x.shape, np.float32) >= layer.rate) / np.float32(1.0 - layer.rate)
                x, aside = x * mask, (mask,)
            seen.append(x)
            self._aside.append(aside)
        return seen

    def _normalise(
        self, layer: Norm, x: FloatArray, learned: list[int], kept: list[int], training: bool
    ) -> tuple[FloatArray, tuple[FloatArray, ...]]:
        gamma, beta = (self.arrays[i][:, None] for i in learned)
        mean, variance = (self.arrays[i] for i in kept)
        if not training:
            return (x - mean[:, None]) * (gamma / np.sqrt(variance[:, None] + np.float32(layer.epsilon))) + beta, ()
        middle, width = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
        for stored, now in ((mean, middle), (variance, width)):
            stored += np.float32(1.0 - layer.momentum) * (now[:, 0] - stored)
        scale = 1.0 / np.sqrt(width + np.float32(layer.epsilon))
        unit = (x - middle) * scale
        return unit * gamma + beta, (unit, scale)

    def _backward(self, seen: list[FloatArray], error: FloatArray, through: bool) -> None:
        """Fill in the slope; `through` says whether the error stands behind the last activation or in front of it."""
        n = len(self.program.layers)
        first = self.program.position(0)
        for i in range(n - 1 if through else n - 2, -1, -1):
            layer, (learned, _), x = self.program.layers[i], self._layers[i], seen[i]
            if isinstance(layer, Dense):
                np.matmul(x.swapaxes(1, 2), error, out=self._gradients[learned[0]])
                if layer.bias is not None:
                    np.sum(error, axis=1, out=self._gradients[learned[1]])
                if i == first:
                    return
                error = error @ self.arrays[learned[0]].swapaxes(1, 2)
            elif isinstance(layer, Activation):
                error = slope_of(layer, x, seen[i + 1], error)
            elif isinstance(layer, Norm):
                unit, scale = self._aside[i]
                np.sum(error * unit, axis=1, out=self._gradients[learned[0]])
                np.sum(error, axis=1, out=self._gradients[learned[1]])
                inner = error * self.arrays[learned[0]][:, None]
                error = scale * (
                    inner - inner.mean(axis=1, keepdims=True) - unit * (inner * unit).mean(axis=1, keepdims=True)
                )
            elif self._aside[i]:
                error = error * self._aside[i][0]


def activate(layer: Activation, x: FloatArray) -> FloatArray:
    """Outputs of an activation."""
    match layer.name:
        case "relu":
            return np.maximum(x, np.float32(0.0))
        case "leaky_relu":
            return np.where(x > 0, x, np.float32(layer.slope) * x)
        case "elu":
            return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        case "selu":
            return np.float32(SELU_SCALE) * np.where(x > 0, x, np.float32(SELU_ALPHA) * np.expm1(np.minimum(x, 0)))
        case "tanh":
            return np.tanh(x)
        case "sigmoid":
            return np.asarray(expit(x))
        case "softplus":
            return np.logaddexp(x, np.float32(0.0))
        case "softsign":
            return x / (1 + np.abs(x))
        case "softmax":
            return _softmax(x)
    return x


def slope_of(layer: Activation, x: FloatArray, out: FloatArray, error: FloatArray) -> FloatArray:
    """The error in front of an activation."""
    match layer.name:
        case "relu":
            return error * (x > 0)
        case "leaky_relu":
            return np.where(x > 0, error, np.float32(layer.slope) * error)
        case "elu":
            return np.where(x > 0, error, error * (out + 1))
        case "selu":
            return error * np.where(x > 0, np.float32(SELU_SCALE), out + np.float32(SELU_SCALE * SELU_ALPHA))
        case "tanh":
            return error * (1 - out * out)
        case "sigmoid":
            return error * (out * (1 - out))
        case "softplus":
            return np.asarray(error * expit(x))
        case "softsign":
            return error / (1 + np.abs(x)) ** 2
        case "softmax":
            return out * (error - (error * out).sum(axis=-1, keepdims=True))
    return error


def loss_and_slope(
    program: Program, outputs: FloatArray, seen: list[FloatArray], targets: FloatArray
) -> tuple[FloatArray, FloatArray, bool]:
    """Mean loss of a batch for each copy, its slope, and whether that slope has to pass the last activation.

    Behind a sigmoid or a softmax, whichever of them, Keras computes a cross-entropy from the logits.
    """
    n_rows, n_outputs = outputs.shape[1], outputs.shape[2]
    last = program.layers[-1]
    name = last.name if isinstance(last, Activation) else "linear"
    through = isinstance(last, Activation)
    logits = seen[-2] if through else outputs
    loss = program.loss
    squashed = name in {"sigmoid", "softmax"}
    if loss == "binary_crossentropy" and (squashed or program.from_logits):
        z = logits if squashed else outputs
        value = np.logaddexp(0, z) - targets * z
        slope = (expit(z) - targets) / (n_rows * n_outputs)
        return value.mean(axis=(1, 2)), slope.astype(np.float32), through and not squashed
    if loss in CROSS_ENTROPIES and loss != "binary_crossentropy" and (squashed or program.from_logits):
        z = logits if squashed else outputs
        p = _softmax(z)
        value = -(targets * np.log(np.maximum(p, 1e-30))).sum(axis=2)
        slope = (p * targets.sum(axis=-1, keepdims=True) - targets) / n_rows
        return value.mean(axis=1), slope.astype(np.float32), through and not squashed
    if loss == "mean_squared_error":
        gap = outputs - targets
        return (gap * gap).mean(axis=(1, 2)), gap * np.float32(2.0 / (n_rows * n_outputs)), True
    if loss == "mean_absolute_error":
        gap = outputs - targets
        return np.abs(gap).mean(axis=(1, 2)), np.sign(gap) / np.float32(n_rows * n_outputs), True
    inside = (outputs > EPSILON) & (outputs < 1 - EPSILON)
    p = np.clip(outputs, EPSILON, 1 - EPSILON)
    if loss == "binary_crossentropy":
        value = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
        slope = np.where(inside, (p - targets) / (p * (1 - p)), 0) / (n_rows * n_outputs)
        return value.mean(axis=(1, 2)), slope.astype(np.float32), True
    if loss == "sparse_categorical_crossentropy":  # of the logarithms, as if they were logits
        total = p.sum(axis=2, keepdims=True)
        value = -(targets * np.log(p / total)).sum(axis=2)
        slope = np.where(inside, 1 / total - targets / p, 0) / n_rows
        return value.mean(axis=1), slope.astype(np.float32), True
    total = outputs.sum(axis=2, keepdims=True)
    share = outputs / total
    p = np.clip(share, EPSILON, 1 - EPSILON)
    value = -(targets * np.log(p)).sum(axis=2)
    inner = np.where((share > EPSILON) & (share < 1 - EPSILON), -targets / p, 0)
    slope = (inner - (inner * share).sum(axis=2, keepdims=True)) / total / n_rows
    return value.mean(axis=1), slope.astype(np.float32), True


def _softmax(x: FloatArray) -> FloatArray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


class _Steps:
    """An optimizer of Keras over one array of all weights."""

    def __init__(self, optimizer: Optimizer, rates: FloatArray, flat: FloatArray) -> None:
        self.settings, self.rates, self.number = optimizer, rates, 0
        start = optimizer.start if optimizer.name == "adagrad" else 0.0
        self.first, self.second = np.zeros_like(flat), np.full_like(flat, start)

    def apply(self, flat: FloatArray, slope: FloatArray) -> None:
        """One step."""
        self.number += 1
        flat += getattr(self, f"_{self.settings.name}")(slope)

    def _sgd(self, g: FloatArray) -> FloatArray:
        s = self.settings
        if s.momentum == 0:
            return -self.rates * g
        self.first *= np.float32(s.momentum)
        self.first -= self.rates * g
        return self.first * np.float32(s.momentum) - self.rates * g if s.nesterov else self.first

    def _rmsprop(self, g: FloatArray) -> FloatArray:
        s = self.settings
        self.second += np.float32(1 - s.rho) * (g * g - self.second)
        step = self.rates * g / np.sqrt(self.second + np.float32(s.epsilon))
        if s.momentum == 0:
            return -step
        self.first *= np.float32(s.momentum)
        self.first += step
        return -self.first

    def _adagrad(self, g: FloatArray) -> FloatArray:
        self.second += g * g
        return -self.rates * g / np.sqrt(self.second + np.float32(self.settings.epsilon))

    def _adadelta(self, g: FloatArray) -> FloatArray:
        s = self.settings
        rest, epsilon = np.float32(1 - s.rho), np.float32(s.epsilon)
        self.second += rest * (g * g - self.second)
        delta = -np.sqrt((self.first + epsilon) / (self.second + epsilon)) * g
        self.first += rest * (delta * delta - self.first)
        return self.rates * delta

    def _adam(self, g: FloatArray) -> FloatArray:
        s, t = self.settings, self.number
        self.first += np.float32(1 - s.momentum) * (g - self.first)
        self.second += np.float32(1 - s.rho) * (g * g - self.second)
        alpha = self.rates * np.float32((1 - s.rho**t) ** 0.5 / (1 - s.momentum**t))
        return -alpha * self.first / (np.sqrt(self.second) + np.float32(s.epsilon))

    def _adamax(self, g: FloatArray) -> FloatArray:
        s, t = self.settings, self.number
        self.first += np.float32(1 - s.momentum) * (g - self.first)
        np.maximum(np.float32(s.rho) * self.second, np.abs(g), out=self.second)
        rate = self.rates / np.float32(1 - s.momentum**t)
        return -rate * self.first / (self.second + np.float32(s.epsilon))
