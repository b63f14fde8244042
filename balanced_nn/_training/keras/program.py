"""Which compiled program runs the training steps?

A program holds one Keras model, one Keras optimizer and one function that XLA compiled for a fixed-size chunk of rows
and any number of batches in it. Everything that may differ between two fits of one architecture is a variable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._data.dataset import Dataset
from balanced_nn._network.network import FittedNetwork
from balanced_nn._network.specs import NetworkSpec, TrainingSpec
from balanced_nn._probability.correction import FOCAL_GAMMA
from balanced_nn._training.keras.model import CounterDropout, build_model, network_variables, padded_width
from balanced_nn._training.keras.process import may_compile
from balanced_nn._training.keras.threads import in_own_thread, new_thread
from balanced_nn._typing import FloatArray, IntArray

BATCHES_PER_CHUNK = 32
CHUNK_BYTES = 2**23  # bounds the buffer of a wide table
CHUNK_MULTIPLICATIONS = 2**33  # bounds the time of a call, about 0.2 s: a keyboard interrupt waits for its end
OUTPUT_BYTES = 2**22  # of the activations of one block of rows when the network is evaluated


@dataclass(frozen=True)
class ProgramKey:
    """What a program is compiled for; every other setting is a variable of the program."""

    n_inputs: int  # padded
    n_classes: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    batch_norm: bool
    has_dropout: bool
    focal: bool
    batch_size: int

    @classmethod
    def of(cls, network: NetworkSpec, training: TrainingSpec, width: int) -> "ProgramKey":
        """Key of the program that trains `network` as `training` says, with inputs of up to `width` columns."""
        return cls(
            padded_width(width), network.n_classes, network.hidden_layer_sizes, network.activation,
            network.batch_norm, training.dropout > 0, training.loss == "focal", training.batch_size,
        )  # fmt: skip

    @property
    def batches_per_chunk(self) -> int:
        """Number of batches in the buffer of one call."""
        widths = (self.n_inputs, *self.hidden_layer_sizes, self.n_classes)
        multiplications = 3 * self.batch_size * sum(a * b for a, b in pairwise(widths))  # forward, and twice backward
        by_bytes = CHUNK_BYTES // (4 * self.batch_size * self.n_inputs)
        return int(np.clip(min(by_bytes, CHUNK_MULTIPLICATIONS // multiplications), 1, BATCHES_PER_CHUNK))


class Chunk:
    """The batches of one call: NumPy buffers of the size that a program was compiled for, and tensors that share them.

    Copying a chunk into fresh tensors takes as long as two of its 32 steps.
    """

    def __init__(self, n_rows: int, n_inputs: int) -> None:
        self.X = _aligned((n_rows, n_inputs), np.float32)
        self.y = _aligned((n_rows,), np.int32)
        self.weight = _aligned((n_rows,), np.float32)
        self.tensors = tuple(tf.experimental.dlpack.from_dlpack(a.__dlpack__()) for a in (self.X, self.y, self.weight))
        self.n_rows = 0  # that are there; those behind them are not looked at

    def fill(self, data: Dataset, chosen: IntArray) -> None:
        """Gather the chosen rows of `data`, one batch after the other; further columns keep their zeros."""
        self.n_rows, width = len(chosen), data.X.shape[1]
        self.X[: self.n_rows, :width] = data.X.take(data.rows[chosen], axis=0)
        data.y.take(chosen, out=self.y[: self.n_rows], mode="clip")
        data.weight.take(chosen, out=self.weight[: self.n_rows], mode="clip")


def _aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> FloatArray:
    """Zeros at a multiple of 64 bytes, which TensorFlow asks of memory that it shares."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(n_bytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


class TrainingProgram:
    """One Keras model and AdamW optimizer with the compiled loop that updates them, in a thread of its own."""

    def __init__(self, key: ProgramKey) -> None:
        self.key = key
        self.thread = new_thread()
        self._build()

    @in_own_thread
    def _build(self) -> None:
        key = self.key
        spec = NetworkSpec(key.n_inputs, key.n_classes, key.hidden_layer_sizes, key.activation, key.batch_norm)
        dropout = CounterDropout if key.has_dropout else None
        self.model = build_model(spec, n_inputs=key.n_inputs, dropout_layer=dropout)
        self._network = network_variables(self.model)
        self._weight_decay = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._momentum = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._label_smoothing = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._logit_offset = tf.Variable(tf.zeros(key.n_classes), trainable=False)
        for layer in self._layers(keras.layers.BatchNormalization):
            layer.momentum = self._momentum
        self.optimizer = keras.optimizers.AdamW(learning_rate=1e-3, weight_decay=self._weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(self.model.trainable_variables)
        rows = key.batches_per_chunk * key.batch_size
        self._chunks = (Chunk(rows, key.n_inputs), Chunk(rows, key.n_inputs))  # one is filled, the other trained on
        self._rates = np.zeros(key.batches_per_chunk, np.float32)

    @cached_property
    def _steps(self) -> Callable[..., tf.Tensor]:
        """The loop, traced for one signature: it cannot be compiled a second time."""
        tensors = (*self._chunks[0].tensors, tf.constant(self._rates), tf.constant(0))
        loop = tf.function(self._loop, jit_compile=may_compile(), autograph=False)
        return loop.get_concrete_function(*map(tf.TensorSpec.from_tensor, tensors))

    @cached_property
    def _forward(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The model in inference mode, for any number of rows; TensorFlow's own kernels need no compilation."""
        signature = tf.TensorSpec((None, self.key.n_inputs), tf.float32)
        forward = tf.function(lambda x: self.model(x, training=False), autograph=False)
        return forward.get_concrete_function(signature)

    def _layers(self, kind: type[keras.layers.Layer]) -> list[keras.layers.Layer]:
        return [layer for layer in self.model.layers if isinstance(layer, kind)]

    @cached_property
    def _read(self) -> Callable[[], list[tf.Tensor]]:
        """All arrays of the network in one call: reading the variables one by one takes three times as long."""
        return tf.function(lambda: [tf.identity(v) for v in self._network], autograph=False).get_concrete_function()

    @cached_property
    def _start(self) -> Callable[[list[tf.Tensor], list[tf.Tensor], tf.Tensor, tf.Tensor], None]:
        """Set all variables in one call: setting them one by one takes ten times as long."""
        dropouts = self._layers(CounterDropout)

        def start(arrays: list[tf.Tensor], scalars: list[tf.Tensor], logit_offset: tf.Tensor, seed: tf.Tensor) -> None:
            for variable, array in zip(self._network, arrays, strict=True):
                variable.assign(array)
            for variable in self.optimizer.variables:
                variable.assign(tf.zeros(variable.shape, variable.dtype))
            for i, layer in enumerate(dropouts):
                layer.rate.assign(scalars[0])
                layer.seed.assign(seed + i)
                layer.calls.assign(0)
            self._weight_decay.assign(scalars[1])
            self._momentum.assign(scalars[2])
            self._label_smoothing.assign(scalars[3])
            self._logit_offset.assign(logit_offset)

        return tf.function(start, autograph=False)

    @in_own_thread
    def load(
        self, network: FittedNetwork, training: TrainingSpec, *, momentum: float, logit_offset: FloatArray, seed: int
    ) -> None:
        """Start a training afresh: weights, statistics, optimizer slots, mask counters and settings.

        Parameters
        ----------
        network : FittedNetwork
            The weights and statistics to start from.
        training : TrainingSpec
            Weight decay, dropout and label smoothing.
        momentum : float
            That of BatchNorm's running statistics.
        logit_offset : ndarray of shape (n_classes,)
            Added to the logits in the loss.
        seed : int
            Seed of the dropout masks.
        """
        first, *others = network.arrays()
        first = np.pad(first, ((0, self.key.n_inputs - len(first)), (0, 0)))  # padded inputs have no weight
        scalars = training.dropout, training.weight_decay, momentum, training.label_smoothing
        self._start(
            [tf.constant(array, tf.float32) for array in (first, *others)],
            [tf.constant(scalar, tf.float32) for scalar in scalars],
            tf.constant(logit_offset, tf.float32),
            tf.constant(seed, tf.int32),
        )
        for chunk in self._chunks:
            chunk.X[:] = 0.0

    @in_own_thread
    def network(self, spec: NetworkSpec) -> FittedNetwork:
        """Return the current weights as arrays, without the padding of the inputs."""
        first, *others = (value.numpy() for value in self._read())
        return FittedNetwork.from_arrays(spec, (first[: spec.n_inputs], *others))

    def chunk_sizes(self, n_steps: int) -> list[int]:
        """Rows of each call of :meth:`run` that `n_steps` batches take."""
        most = self.key.batches_per_chunk
        return [min(most, n_steps - first) * self.key.batch_size for first in range(0, n_steps, most)]

    def gather(self, data: Dataset, chosen: IntArray | None = None) -> Chunk:
        """Make a chunk of the chosen rows of `data`, None being all; it is good until the next but one is made."""
        self._chunks = self._chunks[::-1]
        self._chunks[0].fill(data, np.arange(len(data)) if chosen is None else chosen)
        return self._chunks[0]

    @in_own_thread
    def run(self, chunk: Chunk, rates: FloatArray) -> FloatArray:
        """Make one update a batch, in the given order.

        Parameters
        ----------
        chunk : Chunk
            The batches.
        rates : ndarray of shape (n_batches,)
            Learning rate of each update.

        Returns
        -------
        ndarray of shape (n_batches,)
            Loss of each batch before its update, in nats.
        """
        self._rates[: len(rates)] = rates
        losses: FloatArray = self._steps(*chunk.tensors, tf.constant(self._rates), tf.constant(len(rates))).numpy()
        return losses[: len(rates)]

    @in_own_thread
    def outputs(self, X: FloatArray) -> FloatArray:
        """Raw outputs of the network as it is now, with BatchNorm at its running statistics.

        Computed by TensorFlow: the threads of NumPy's BLAS go on spinning for a while after a product, and would take
        the processor from the next training steps.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The matrix, float32.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            float32.
        """
        block = max(1, OUTPUT_BYTES // (4 * max((self.key.n_inputs, *self.key.hidden_layer_sizes))))
        padding = ((0, 0), (0, self.key.n_inputs - X.shape[1]))
        parts = [np.pad(X[start : start + block], padding) for start in range(0, len(X), block)]
        return np.concatenate([self._forward(tf.constant(part)).numpy() for part in parts])

    def _loop(self, x: tf.Tensor, y: tf.Tensor, w: tf.Tensor, rates: tf.Tensor, n_batches: tf.Tensor) -> tf.Tensor:
        size = self.key.batch_size

        def step(i: tf.Tensor, losses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            first = i * size
            batch_x = tf.slice(x, [first, 0], [size, self.key.n_inputs])
            batch_y, batch_w = tf.slice(y, [first], [size]), tf.slice(w, [first], [size])
            with tf.GradientTape() as tape:
                # Divided by the batch size, not by the batch's own sum of weights: only so is the sum of all updates
                # the weighted loss whose minimum the prior correction undoes.
                loss = tf.reduce_sum(batch_w * self._row_loss(batch_x, batch_y)) / size
            gradients = tape.gradient(loss, self.model.trainable_variables)
            self.optimizer.learning_rate.assign(rates[i])
            self.optimizer.apply(gradients, self.model.trainable_variables)
            return i + 1, tf.tensor_scatter_nd_update(losses, [[i]], [loss])

        losses = tf.zeros(self.key.batches_per_chunk)
        return tf.while_loop(lambda i, _: i < n_batches, step, (tf.constant(0), losses))[1]

    def _row_loss(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        logits = self.model(x, training=True)
        if self.key.n_classes == 2:
            logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
        log_proba = tf.nn.log_softmax(logits + self._logit_offset)
        even = self._label_smoothing / self.key.n_classes
        target = tf.one_hot(y, self.key.n_classes) * (1.0 - self._label_smoothing) + even
        if self.key.focal:
            target *= tf.maximum(-tf.math.expm1(log_proba), 1e-7) ** FOCAL_GAMMA
        return -tf.reduce_sum(target * log_proba, axis=1)
