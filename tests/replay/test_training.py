"""Do copies that are trained in NumPy become what Keras makes of the same network?"""

import keras
import numpy as np
import pytest

from balanced_nn._replay.program import Activation, Dense, Layer, Norm, Optimizer, Program
from balanced_nn._replay.training import Copies

OPTIMIZERS = {
    "sgd": (keras.optimizers.SGD(0.1, 0.9), Optimizer("sgd", 0.1, 0.9)),
    "nesterov": (keras.optimizers.SGD(0.1, 0.9, nesterov=True), Optimizer("sgd", 0.1, 0.9, nesterov=True)),
    "rmsprop": (keras.optimizers.RMSprop(0.01), Optimizer("rmsprop", 0.01)),
    "adagrad": (keras.optimizers.Adagrad(0.1), Optimizer("adagrad", 0.1)),
    "adadelta": (keras.optimizers.Adadelta(1.0), Optimizer("adadelta", 1.0, rho=0.95)),
    "adam": (keras.optimizers.Adam(0.01), Optimizer("adam", 0.01, 0.9, rho=0.999)),
    "adamax": (keras.optimizers.Adamax(0.01), Optimizer("adamax", 0.01, 0.9, rho=0.999)),
}


@pytest.mark.parametrize(
    ("optimizer", "units", "output", "loss", "hidden", "norm"),
    [
        ("adam", 3, "softmax", "categorical_crossentropy", "relu", False),
        ("sgd", 3, "softmax", "sparse_categorical_crossentropy", "tanh", True),
        ("nesterov", 1, "sigmoid", "binary_crossentropy", "sigmoid", False),
        ("rmsprop", 1, "sigmoid", "mean_squared_error", "elu", False),
        ("adagrad", 3, "softmax", "mean_absolute_error", "selu", True),
        ("adadelta", 3, "sigmoid", "categorical_crossentropy", "softplus", False),
        ("adamax", 1, "relu", "binary_crossentropy", "leaky_relu", False),
        ("adam", 3, "tanh", "mean_squared_error", "softsign", False),
    ],
)
def test_copies_are_trained_as_keras_trains(
    optimizer: str, units: int, output: str, loss: str, hidden: str, norm: bool
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 3)).astype(np.float32), rng.integers(0, 3, 24)
    between: tuple[Layer, ...] = (Norm(), Activation(hidden)) if norm else (Activation(hidden),)
    layers = (Dense(5), *between, Dense(4), *between, Dense(units), Activation(output))
    theirs, ours = OPTIMIZERS[optimizer]
    program = Program(layers, 3, loss, False, ours, batch_size=24, epochs=10)
    start = program.draw(rng)

    def in_keras(layer: Layer) -> keras.layers.Layer:
        if isinstance(layer, Dense):
            return keras.layers.Dense(layer.units)
        return (
            keras.layers.Activation(layer.name) if isinstance(layer, Activation) else keras.layers.BatchNormalization()
        )

    model = keras.Sequential([keras.Input((3,)), *map(in_keras, layers)])
    model.set_weights(start)
    model.compile(type(theirs).from_config(theirs.get_config()), loss)
    one_hot = (y[:, None] > 0) if units == 1 else np.eye(3)[y]
    labels = y if loss.startswith("sparse") else one_hot.astype(np.float32)
    history = model.fit(X, labels, epochs=10, batch_size=24, verbose=0).history["loss"]

    copies = Copies(program, [start, start], [ours.rate, 0.0])
    losses = copies.train(X[None], one_hot.astype(np.float32), 10)

    np.testing.assert_allclose(losses[:, 0], history, rtol=2e-3)
    for own, other in zip(copies.copy(0), model.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=2e-3)
    for own, other in zip(copies.copy(1)[:1], start[:1], strict=True):
        np.testing.assert_array_equal(own, other)  # at a rate of 0
    np.testing.assert_allclose(copies.outputs(X[None])[0], model(X).numpy(), atol=2e-3)
