"""How do our arrays become a Keras model, and how do they come back?"""

from collections.abc import Callable
from contextlib import suppress

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._network.global_seeds import random_state_kept
from balanced_nn._network.network import BATCH_NORM_EPSILON, KERAS_NAMES, Network
from balanced_nn._network.specs import NetworkSpec
from balanced_nn._training.keras.body import apply_body, check_copies, float_variables
from balanced_nn._training.keras.process import NOT_TENSORFLOW, threads_of_a_worker
from balanced_nn._training.keras.threads import run_apart
from balanced_nn._typing import FloatArray

FORWARD_ROWS = 256  # that layers of unknown size see at once
WIDTH_MULTIPLE = 16  # inputs are padded with zero columns, so that folds with other one-hot widths share a program


def check_modes() -> None:
    """Refuse modes of the whole process in which we cannot train.

    Raises
    ------
    RuntimeError
        If Keras runs on something else than TensorFlow, or TensorFlow's eager execution was switched off.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(NOT_TENSORFLOW.format(keras.config.backend()))
    if not run_apart(tf.executing_eagerly):
        raise RuntimeError(
            "TensorFlow runs without eager execution, which tf.compat.v1.disable_eager_execution() or "
            "disable_v2_behavior() switched off for the whole process. Train in a process that does not call them; "
            "predict works here, unless hidden_layer_sizes is a function."
        )


def share_the_processor() -> None:
    """Give TensorFlow the threads that a worker may have, where nobody has set their number or started it yet."""
    threads = threads_of_a_worker()
    if threads is None or tf.config.threading.get_intra_op_parallelism_threads() != 0:
        return
    with suppress(RuntimeError):  # TensorFlow has started in this worker, for somebody else
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def padded_width(n_inputs: int) -> int:
    """Round a number of columns up to a multiple of 16."""
    return -(-max(n_inputs, 1) // WIDTH_MULTIPLE) * WIDTH_MULTIPLE


class CounterDropout(keras.layers.Layer):
    """Dropout whose rate is a variable and whose mask is a hash of (seed, call, unit).

    In a compiled loop on a CPU, the generator behind ``keras.layers.Dropout`` costs about 1,000 ns a number and this
    hash 3 ns. The mixing steps are the 32-bit finaliser of MurmurHash3 (A. Appleby, public domain).
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the rate, the seed and the call counter."""

        def scalar(name: str, dtype: str) -> keras.Variable:
            return self.add_weight(shape=(), dtype=dtype, initializer="zeros", trainable=False, name=name)

        self.rate = scalar("rate", "float32")
        self.seed = scalar("seed", "int32")
        self.calls = scalar("calls", "int32")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Zero a random `rate` of the inputs and scale the others by ``1 / (1 - rate)``, in training only."""
        if not training:
            return inputs
        calls = self.calls.assign_add(1)
        key = _mix(tf.cast(calls, tf.uint32) ^ _mix(tf.cast(self.seed, tf.uint32)))
        unit = tf.cast(tf.range(tf.size(inputs)), tf.uint32)
        uniform = tf.cast(tf.bitwise.right_shift(_mix(unit ^ key), tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24
        kept = tf.reshape(uniform, tf.shape(inputs)) >= self.rate
        return tf.where(kept, inputs / (1.0 - self.rate), tf.zeros_like(inputs))


def _mix(bits: tf.Tensor) -> tf.Tensor:
    def shifted(value: tf.Tensor, n_bits: int) -> tf.Tensor:
        return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, tf.constant(n_bits, tf.uint32)))

    bits = shifted(bits, 16) * tf.constant(0x85EBCA6B, tf.uint32)
    bits = shifted(bits, 13) * tf.constant(0xC2B2AE35, tf.uint32)
    return shifted(bits, 16)


def build_model(
    spec: NetworkSpec,
    *,
    n_inputs: int,
    dropout_layer: type[keras.layers.Layer] | None = None,
    name: str = "balanced_mlp",
    seed: int = 0,
) -> keras.Model:
    """Build the network of a specification: Dense, BatchNorm, activation, dropout, or the body; then logits.

    Parameters
    ----------
    spec : NetworkSpec
        The architecture.
    n_inputs : int
        Number of input columns, padding included.
    dropout_layer : subclass of keras.layers.Layer or None, default=None
        Layer put behind each hidden activation.
    name : str, default="balanced_mlp"
        Name of the model.
    seed : int, default=0
        Of what the layers of a body draw; ours draw nothing.
    """
    inputs = keras.Input((n_inputs,), dtype="float32", name="features")
    if spec.body is None:
        hidden = _hidden_layers(spec, inputs, dropout_layer)
    else:
        with random_state_kept(seed):
            hidden = apply_body(spec.body, inputs)
    outputs = _dense(spec.n_outputs, use_bias=True, name="logits")(hidden)
    return keras.Model(inputs, outputs, name=name)


def _hidden_layers(
    spec: NetworkSpec, hidden: keras.KerasTensor, dropout_layer: type[keras.layers.Layer] | None
) -> keras.KerasTensor:
    activation = KERAS_NAMES.get(spec.activation, spec.activation)
    for i, width in enumerate(spec.hidden_layer_sizes, start=1):
        hidden = _dense(width, use_bias=not spec.batch_norm, name=f"dense_{i}")(hidden)
        if spec.batch_norm:
            norm = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, dtype="float32", name=f"batch_norm_{i}")
            hidden = norm(hidden)
        hidden = keras.layers.Activation(activation, dtype="float32", name=f"activation_{i}")(hidden)
        if dropout_layer is not None:
            hidden = dropout_layer(dtype="float32", name=f"dropout_{i}")(hidden)
    return hidden


def _dense(width: int, *, use_bias: bool, name: str) -> keras.layers.Layer:
    # Zeros: the weights are assigned from NumPy, and an initialiser would draw from a global generator.
    return keras.layers.Dense(width, use_bias=use_bias, kernel_initializer="zeros", dtype="float32", name=name)


def network_variables(model: keras.Model, spec: NetworkSpec) -> list[keras.Variable]:
    """Return the variables of `model` that hold the arrays of a network, in the order of ``Network.arrays``."""
    if spec.body is not None:
        return float_variables(model)
    found: list[keras.Variable] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            found += [layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance]
        elif isinstance(layer, keras.layers.Dense):
            found += [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
    return found


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Multiply two matrices with the threads of TensorFlow instead of those of NumPy's BLAS."""
    return run_apart(lambda: tf.matmul(left, right).numpy())


def draw_arrays(spec: NetworkSpec, output_bias: FloatArray, seed: int) -> list[FloatArray]:
    """Draw what a network with a body starts from, as its layers say; the output starts at the class frequencies.

    Parameters
    ----------
    spec : NetworkSpec
        With a body.
    output_bias : ndarray of shape (n_classes,)
        As for ``initial_network``.
    seed : int
        Of the layers' initialisers.
    """

    def draw() -> list[FloatArray]:
        model = build_model(spec, n_inputs=spec.n_inputs, seed=seed)
        assert spec.body is not None
        check_copies(spec.body, model, build_model(spec, n_inputs=spec.n_inputs))
        bias = output_bias[1:] - output_bias[:1] if spec.n_outputs == 1 else output_bias
        model.get_layer("logits").bias.assign(bias)
        return [variable.numpy() for variable in network_variables(model, spec)]

    return run_apart(draw)


def fitted_keras_model(network: Network, name: str = "balanced_mlp") -> keras.Model:
    """Return `network` as a ``keras.Model``, from the preprocessed matrix to raw logits; of standard layers, or a body.

    Raises
    ------
    ValueError
        If the function that made the body makes other layers now.
    """
    share_the_processor()
    spec = network.spec
    model = build_model(spec, n_inputs=spec.n_inputs, name=name)
    variables, arrays = network_variables(model, spec), network.arrays()
    if [tuple(variable.shape) for variable in variables] != [array.shape for array in arrays]:
        raise ValueError(
            f"The function {spec.body} makes other layers than those that were trained; restore it as it was in fit."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return model


def forward_pass(network: Network) -> Callable[[FloatArray], FloatArray]:
    """Return what computes the raw outputs of a network for rows, float64, through Keras."""

    def trace() -> Callable[[tf.Tensor], tf.Tensor]:
        model = fitted_keras_model(network)
        signature = tf.TensorSpec((None, network.spec.n_inputs), tf.float32)
        return tf.function(lambda X: model(X, training=False), autograph=False).get_concrete_function(signature)

    forward = run_apart(trace)

    def compute(X: FloatArray) -> FloatArray:
        blocks = [X[start : start + FORWARD_ROWS] for start in range(0, len(X), FORWARD_ROWS)] or [X]
        parts = [forward(tf.constant(block, tf.float32)).numpy() for block in blocks]
        return np.concatenate(parts).astype(np.float64)

    return lambda X: run_apart(compute, X)
