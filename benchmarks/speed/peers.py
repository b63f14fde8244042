"""How does each peer train the same network? Fitted models of other libraries, and the matrix products alone."""

import os
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
from numpy.typing import NDArray

Fit = Callable[[], Any]


def keras_network(
    n_inputs: int,
    hidden: Sequence[int],
    *,
    rate: float = 1e-3,
    decay: float = 0.0,
    dropout: float = 0.0,
    **settings: Any,
) -> Any:
    """The network of BalancedNNClassifier as a Keras tutorial writes it: Dense, BatchNorm, ReLU, one sigmoid unit."""
    import keras

    model = keras.Sequential([keras.Input((n_inputs,))])
    for width in hidden:
        model.add(keras.layers.Dense(width))
        model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.Activation("relu"))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=decay) if decay else keras.optimizers.Adam(rate)
    model.compile(optimizer, "binary_crossentropy", **settings)
    return model


def keras_fit(X: NDArray, y: NDArray, hidden: Sequence[int], batch: int, epochs: int, **settings: Any) -> Fit:
    """``keras.Model.fit``, compiled already."""
    model = keras_network(X.shape[1], hidden, **settings)
    steps = settings.get("steps_per_execution", 1)
    model.fit(X[: batch * steps], y[: batch * steps], epochs=1, batch_size=batch, verbose=0)
    return lambda: model.fit(X, y, epochs=epochs, batch_size=batch, verbose=0)


def best_settings(dropout: float) -> dict[str, Any]:
    """The fastest settings of ``compile`` found; compiled by XLA, dropout takes several times as long as without."""
    return {"steps_per_execution": 32, "jit_compile": not dropout}


def mlp_classifier(hidden: Sequence[int], batch: int, epochs: int) -> Any:
    """scikit-learn's MLPClassifier (it has no BatchNorm and no dropout), for a fixed number of epochs."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        tuple(hidden), batch_size=batch, max_iter=epochs, n_iter_no_change=epochs, tol=0.0, random_state=0
    )


def mlp_fit(X: NDArray, y: NDArray, hidden: Sequence[int], batch: int, epochs: int) -> Fit:
    return lambda: quietly(mlp_classifier(hidden, batch, epochs).fit, X, y)


def skorch_classifier(n_inputs: int, hidden: Sequence[int], batch: int, epochs: int, dropout: float = 0.0) -> Any:
    import torch
    from skorch import NeuralNetClassifier

    layers: list[Any] = []
    for n_in, n_out in pairwise([n_inputs, *hidden]):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.BatchNorm1d(n_out), torch.nn.ReLU()]
        if dropout:
            layers.append(torch.nn.Dropout(dropout))
    network = torch.nn.Sequential(*layers, torch.nn.Linear(hidden[-1], 2))
    return NeuralNetClassifier(
        network, criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=1e-3, batch_size=batch,
        max_epochs=epochs, train_split=None, verbose=0,
    )  # fmt: skip


def skorch_fit(X: NDArray, y: NDArray, hidden: Sequence[int], batch: int, epochs: int, dropout: float = 0.0) -> Fit:
    model = skorch_classifier(X.shape[1], hidden, batch, epochs, dropout)
    labels = y.astype(np.int64)
    return lambda: model.fit(X, labels)


def scikeras_classifier(hidden: Sequence[int], batch: int, epochs: int) -> Any:
    """SciKeras over the Keras network; learning rate, weight decay and dropout can be searched."""
    from scikeras.wrappers import KerasClassifier

    def build(rate: float, decay: float, dropout: float, meta: dict[str, Any]) -> Any:
        return keras_network(meta["n_features_in_"], hidden, rate=rate, decay=decay, dropout=dropout)

    return KerasClassifier(build, rate=1e-3, decay=0.0, dropout=0.0, epochs=epochs, batch_size=batch, verbose=0)


def realmlp() -> Any:
    from pytabkit import RealMLP_TD_Classifier

    return RealMLP_TD_Classifier(device="cpu", random_state=0, verbosity=0)


def lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(random_state=0, verbose=-1)


def quietly(call: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)


def training_floor(n_rows: int, n_inputs: int, hidden: Sequence[int], batch: int, epochs: int) -> Fit:
    """The matrix products of training alone, through NumPy's BLAS in float32, into buffers that exist already."""
    rng = np.random.default_rng(0)
    widths = [n_inputs, *hidden, 1]
    kernels = [rng.standard_normal(shape, dtype=np.float32) for shape in pairwise(widths)]
    rows = [rng.standard_normal((batch, width), dtype=np.float32) for width in widths]
    outputs, inputs = [np.empty_like(array) for array in rows[1:]], [np.empty_like(array) for array in rows]
    gradients = [np.empty_like(kernel) for kernel in kernels]
    steps = epochs * -(-n_rows // batch)

    def products() -> None:
        for _ in range(steps):
            for i, kernel in enumerate(kernels):
                np.matmul(rows[i], kernel, out=outputs[i])
            for i in reversed(range(len(kernels))):
                np.matmul(rows[i].T, rows[i + 1], out=gradients[i])
                if i:  # the gradient of the features is not needed
                    np.matmul(rows[i + 1], kernels[i].T, out=inputs[i])

    return products


def prediction_floor(X: NDArray, hidden: Sequence[int], block: int) -> Fit:
    """The matrix products of a prediction alone, through NumPy's BLAS in float64, in blocks of rows."""
    rng = np.random.default_rng(0)
    kernels = [rng.standard_normal(shape) for shape in pairwise([X.shape[1], *hidden, 1])]
    buffers = [np.empty((block, kernel.shape[1])) for kernel in kernels]

    def products() -> None:
        for start in range(0, len(X), block):
            rows = X[start : start + block]
            for kernel, buffer in zip(kernels, buffers, strict=True):
                rows = np.matmul(rows, kernel, out=buffer[: len(rows)])

    return products
