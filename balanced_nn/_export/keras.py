"""How is a fitted predictor written as a Keras model? With the operations of ``keras.ops`` and standard layers."""

from collections.abc import Callable, Sequence

import keras
from keras import ops

from balanced_nn._export.graph import Graph, Node
from balanced_nn._network.network import Network
from balanced_nn._training.keras.model import fitted_keras_model
from balanced_nn._typing import FloatArray, IntArray


class KerasGraph:
    """The `Graph` of a functional model: nodes are symbolic tensors, and Keras saves each operation by its name."""

    add = staticmethod(ops.add)
    subtract = staticmethod(ops.subtract)
    multiply = staticmethod(ops.multiply)
    divide = staticmethod(ops.divide)
    minimum = staticmethod(ops.minimum)
    maximum = staticmethod(ops.maximum)
    exp = staticmethod(ops.exp)
    expm1 = staticmethod(ops.expm1)
    log = staticmethod(ops.log)
    sqrt = staticmethod(ops.sqrt)
    less = staticmethod(ops.less)
    less_equal = staticmethod(ops.less_equal)
    equal = staticmethod(ops.equal)
    is_missing = staticmethod(ops.isnan)
    where = staticmethod(ops.where)
    cast = staticmethod(ops.cast)
    matmul = staticmethod(ops.matmul)
    log_softmax = staticmethod(ops.log_softmax)

    def columns(self, a: keras.KerasTensor, which: IntArray) -> keras.KerasTensor:
        """Return some columns of a matrix."""
        return ops.take(a, which, axis=1)

    def join(self, parts: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Put matrices side by side."""
        return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def table(self, array: FloatArray) -> keras.layers.Embedding:
        """Store the elements of an array as the weights of a layer: what operations are given is saved as text."""
        layer = keras.layers.Embedding(array.size, 1, embeddings_initializer="zeros", dtype="float64", trainable=False)
        layer.build()
        layer.embeddings.assign(array.reshape(-1, 1))
        return layer

    def lookup(self, table: keras.layers.Embedding, index: keras.KerasTensor) -> keras.KerasTensor:
        """Return elements of a stored array by their place in it."""
        return ops.squeeze(table(index), axis=-1)

    def network(self, features: keras.KerasTensor, network: Network, number: int) -> keras.KerasTensor:
        """Return the raw outputs of a network as float64."""
        return ops.cast(fitted_keras_model(network, name=f"network_{number}")(features), "float64")


def model_of(n_features: int, log_proba: Callable[[Graph, Node], Node]) -> keras.Model:
    """Build the model whose log-probabilities a function writes.

    Parameters
    ----------
    n_features : int
        Columns of the raw matrix.
    log_proba : callable
        Takes the graph and the raw matrix as float64, and returns log-probabilities.

    Returns
    -------
    keras.Model
        From float32 of shape (n_samples, n_features) to float32 of shape (n_samples, n_classes).
    """
    inputs = keras.Input((n_features,), dtype="float32", name="X")
    outputs = ops.exp(log_proba(KerasGraph(), ops.cast(inputs, "float64")))
    # A layer at the end gives the output its name.
    named = keras.layers.Activation("linear", dtype="float32", name="probabilities")
    return keras.Model(inputs, named(ops.cast(outputs, "float32")), name="balanced_nn")
