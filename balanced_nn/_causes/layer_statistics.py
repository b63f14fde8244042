"""What do rows do on their way through a network, and what does the gradient do on its way back? In NumPy."""

import numpy as np
from scipy.special import erf, expit

from balanced_nn._causes.evidence import LayerProbe, Probe, chance_loss
from balanced_nn._network.network import (
    BATCH_NORM_EPSILON,
    KERAS_NAMES,
    SELU_ALPHA,
    SELU_SCALE,
    FittedNetwork,
    LayerArrays,
    activate,
)
from balanced_nn._probability.correction import expand_logits, log_softmax
from balanced_nn._typing import FloatArray, IntArray

FLAT = {"sigmoid": (0.5, 0.4933), "tanh": (0.0, 0.9999)}  # centre, distance from it that inputs of -5 and 5 reach


def layer_probe(activation: str, outputs: FloatArray, kernel: FloatArray, gradient: FloatArray | None) -> LayerProbe:
    """Sum up one layer.

    Parameters
    ----------
    activation : str
        Name in Keras.
    outputs : ndarray of shape (n_samples, n_units)
        Behind the activation.
    kernel : ndarray
        Weights of the layer.
    gradient : ndarray or None
        Gradient of the loss with respect to them; None where nothing reaches them.

    Examples
    --------
    >>> dead = layer_probe("relu", np.array([[0.0, 1.0], [0.0, 3.0]]), np.ones((1, 2)), None)
    >>> dead.dead, dead.largest
    (0.5, 3.0)
    """
    values = np.where(np.isfinite(outputs), outputs, 0.0).astype(np.float64)
    centre, reach = FLAT.get(activation, (0.0, np.inf))
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.sqrt(np.mean(values.std(axis=0) ** 2)))
        norm = 0.0 if gradient is None else float(np.linalg.norm(np.asarray(gradient, dtype=np.float64)))
        weight = float(np.sqrt(np.mean(np.asarray(kernel, dtype=np.float64) ** 2)))
    return LayerProbe(
        activation=activation,
        units=int(values.shape[1]),
        spread=spread,
        dead=float(np.mean((np.asarray(outputs) == 0.0).all(axis=0))),  # NaN is not 0
        saturated=float(np.mean(np.abs(values - centre) >= reach)),
        largest=float(np.abs(values).max(initial=0.0)),
        gradient=norm,
        weight=weight,
    )


def probe_network(network: FittedNetwork, X: FloatArray, y: IntArray) -> Probe:
    """Pass some rows through a network, and the gradient of the mean cross-entropy back.

    BatchNorm uses its stored statistics.

    Parameters
    ----------
    network : FittedNetwork
        The weights.
    X : ndarray of shape (n_samples, n_inputs)
        Preprocessed rows.
    y : ndarray of shape (n_samples,)
        Class indices.
    """
    n_classes = network.spec.n_classes
    folded = [layer.folded() for layer in network.layers]
    activation = KERAS_NAMES.get(network.spec.activation, network.spec.activation)
    with np.errstate(all="ignore"):
        inputs, sums = [np.asarray(X, dtype=np.float64)], []
        for kernel, bias in folded[:-1]:
            sums.append(inputs[-1] @ kernel + bias)
            inputs.append(activate(sums[-1].copy(), network.spec.activation))
        outputs = inputs[-1] @ folded[-1][0] + folded[-1][1]
        log_proba = log_softmax(expand_logits(outputs))
        loss = float(-np.mean(log_proba[np.arange(len(y)), y]))
        error = np.exp(log_proba) - (np.arange(n_classes) == y[:, None])
        error = (error if outputs.shape[1] > 1 else error[:, 1:]) / len(y)
        gradients = [inputs[-1].T @ error]
        for (kernel, _), z, below in zip(reversed(folded[1:]), reversed(sums), reversed(inputs[:-1]), strict=True):
            error = (error @ kernel.T) * _slope(z, network.spec.activation)
            gradients.append(below.T @ error)
        # of the kernel itself, in front of BatchNorm's factor
        gradients = [g * _factor(layer) for g, layer in zip(gradients[::-1], network.layers, strict=True)]
    behind = [*inputs[1:], outputs]
    names = [activation] * len(sums) + ["softmax" if outputs.shape[1] > 1 else "sigmoid"]
    arrays = zip(names, behind, network.layers, gradients, strict=True)
    return Probe(
        layers=tuple(layer_probe(name, out, layer.kernel, gradient) for name, out, layer, gradient in arrays),
        loss=loss,
        chance_loss=chance_loss(y, n_classes),
        finite=all(bool(np.isfinite(out).all()) for out in behind),
    )


def probe_outputs(outputs: FloatArray, y: IntArray, n_classes: int) -> Probe:
    """What raw outputs alone tell of a network.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_outputs)
        Logits.
    y : ndarray of shape (n_samples,)
        Class indices.
    n_classes : int

    Examples
    --------
    >>> probe = probe_outputs(np.zeros((2, 1)), np.array([0, 1]), 2)
    >>> round(probe.loss, 4), probe.layers
    (0.6931, ())
    """
    with np.errstate(all="ignore"):
        loss = float(-np.mean(log_softmax(expand_logits(outputs))[np.arange(len(y)), y]))
    return Probe((), loss, chance_loss(y, n_classes), finite=bool(np.isfinite(outputs).all()))


def movement(before: list[FloatArray], after: list[FloatArray]) -> float:
    """Norm of the change of all kernels over the norm they began with.

    Examples
    --------
    >>> movement([np.ones((2, 2))], [np.full((2, 2), 1.5)])
    0.5
    """
    with np.errstate(over="ignore", invalid="ignore"):
        start = sum(float(np.sum(np.square(a, dtype=np.float64))) for a in before)
        change = sum(float(np.sum(np.square(b.astype(np.float64) - a))) for a, b in zip(before, after, strict=True))
    return float(np.sqrt(change / max(start, 1e-300))) if np.isfinite(change) else float("inf")


def kernels(network: FittedNetwork) -> list[FloatArray]:
    """Kernels of the hidden layers, and that of the output."""
    return [layer.kernel for layer in network.layers]


def _factor(layer: LayerArrays) -> FloatArray | float:
    """What BatchNorm multiplies each unit's kernel with; 1 without."""
    if layer.norm is None:
        return 1.0
    return np.asarray(layer.norm.gamma / np.sqrt(layer.norm.variance.astype(np.float64) + BATCH_NORM_EPSILON))


def _slope(z: FloatArray, activation: str) -> FloatArray:
    """Derivative of a hidden activation at its input."""
    match activation:
        case "relu":
            return (z > 0.0).astype(np.float64)
        case "tanh":
            return np.asarray(1.0 - np.tanh(z) ** 2)
        case "logistic":
            sigmoid = expit(z)
            return np.asarray(sigmoid * (1.0 - sigmoid))
        case "gelu":
            return np.asarray(0.5 * (1.0 + erf(z / np.sqrt(2.0))) + z * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi))
        case "selu":
            return np.where(z > 0.0, SELU_SCALE, SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(z, 0.0)))
    return np.ones_like(z)
