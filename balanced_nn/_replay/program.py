"""What is a training of dense layers: which layers, which loss, which steps?"""

from dataclasses import dataclass
from math import prod

import numpy as np

from balanced_nn._typing import FloatArray

ACTIVATIONS = frozenset(
    {"linear", "relu", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "softplus", "softsign", "softmax"}
)
CROSS_ENTROPIES = frozenset({"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"})
LOSSES = CROSS_ENTROPIES | {"mean_squared_error", "mean_absolute_error"}
OPTIMIZERS = frozenset({"sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax"})


@dataclass(frozen=True)
class Dense:
    """A kernel and a bias; `initializer` is Keras' name, or the standard deviation of a normal distribution."""

    units: int
    initializer: str | float = "glorot_uniform"
    bias: float | None = 0.0  # that it begins with; None for a layer without


@dataclass(frozen=True)
class Activation:
    """An activation by Keras' name; of a leaky ReLU with the slope below 0."""

    name: str
    slope: float = 0.2


@dataclass(frozen=True)
class Norm:
    """Batch normalisation."""

    momentum: float = 0.99
    epsilon: float = 1e-3


@dataclass(frozen=True)
class Dropout:
    """A fraction of the outputs is dropped in training."""

    rate: float


Layer = Dense | Activation | Norm | Dropout


@dataclass(frozen=True)
class Optimizer:
    """An optimizer of Keras; momentum is that of plain gradient descent, the first of the two others of Adam."""

    name: str
    rate: float
    momentum: float = 0.0
    nesterov: bool = False
    rho: float = 0.9  # RMSprop 0.9, Adadelta 0.95; the second momentum of Adam 0.999
    epsilon: float = 1e-7
    start: float = 0.1  # of Adagrad's accumulator


@dataclass(frozen=True)
class Program:
    """A training from given weights."""

    layers: tuple[Layer, ...]
    n_inputs: int
    loss: str
    from_logits: bool
    optimizer: Optimizer
    batch_size: int
    epochs: int
    one_hot: bool = True  # whether the labels are, where the loss and the number of outputs take either

    @property
    def dense(self) -> tuple[Dense, ...]:
        """The layers with a kernel; the last one is the output."""
        return tuple(layer for layer in self.layers if isinstance(layer, Dense))

    @property
    def n_outputs(self) -> int:
        """Units of the output."""
        return self.dense[-1].units

    @property
    def output_activation(self) -> str:
        """Activation behind the output's kernel."""
        return next((x.name for x in self.layers[self.position(-1) :] if isinstance(x, Activation)), "linear")

    def position(self, number: int) -> int:
        """Where the dense layer `number` stands among all layers."""
        return [i for i, layer in enumerate(self.layers) if isinstance(layer, Dense)][number]

    def steps(self, n_rows: int) -> int:
        """Updates of the weights."""
        return self.epochs * -(-n_rows // self.batch_size)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of all weights, in Keras' order: kernel and bias; gamma, beta, mean and variance."""
        shapes: list[tuple[int, ...]] = []
        width = self.n_inputs
        for layer in self.layers:
            if isinstance(layer, Dense):
                shapes += [(width, layer.units)] + ([] if layer.bias is None else [(layer.units,)])
                width = layer.units
            elif isinstance(layer, Norm):
                shapes += [(width,)] * 4
        return shapes

    @property
    def n_weights(self) -> int:
        """How many numbers there are to learn and to keep."""
        return sum(prod(shape) for shape in self.shapes)

    def draw(self, rng: np.random.Generator) -> list[FloatArray]:
        """Weights as Keras would draw them, in its order."""
        drawn: list[FloatArray] = []
        width = self.n_inputs
        for layer in self.layers:
            if isinstance(layer, Dense):
                drawn.append(draw_kernel(layer.initializer, width, layer.units, rng))
                drawn += [] if layer.bias is None else [np.full(layer.units, layer.bias, np.float32)]
                width = layer.units
            elif isinstance(layer, Norm):
                drawn += [np.full(width, value, np.float32) for value in (1.0, 0.0, 0.0, 1.0)]
        return drawn


def draw_kernel(initializer: str | float, n_in: int, n_out: int, rng: np.random.Generator) -> FloatArray:
    """Draw a kernel as an initialiser of Keras does; a number is a standard deviation."""
    shape = (n_in, n_out)
    if not isinstance(initializer, str):
        return (initializer * rng.standard_normal(shape)).astype(np.float32)
    kind, _, law = initializer.partition("_")
    if kind in {"glorot", "he", "lecun"}:
        fan = {"glorot": (n_in + n_out) / 2, "he": n_in / 2, "lecun": n_in}[kind]
        if law == "uniform":
            bound = (3.0 / fan) ** 0.5
            return rng.uniform(-bound, bound, shape).astype(np.float32)
        normal = np.clip(rng.standard_normal(shape), -2.0, 2.0) / 0.88
        return (fan**-0.5 * normal).astype(np.float32)
    if kind in {"zeros", "ones"}:
        return np.full(shape, float(kind == "ones"), np.float32)
    if initializer == "random_uniform":
        return rng.uniform(-0.05, 0.05, shape).astype(np.float32)
    return (0.05 * rng.standard_normal(shape)).astype(np.float32)  # random_normal
