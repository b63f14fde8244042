"""Which compiled program runs the training steps, and who owns it?

A program holds one Keras model, one Keras optimizer and one function that XLA compiled for a fixed-size chunk of rows
and any number of batches in it. Everything that may differ between two fits of one architecture is a variable.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._keras._build import CounterDropout, assign_network, build_model, padded_width, read_network
from balanced_nn._network import FittedNetwork
from balanced_nn._specs import FOCAL_GAMMA, FloatArray, IntArray, NetworkSpec, TrainingSpec

BATCHES_PER_CHUNK = 32
CHUNK_BYTES = 2**25  # bounds the buffer of a wide table
MAX_IDLE_PROGRAMS = 16

_PROCESS_ID = os.getpid()  # of the process that loaded TensorFlow


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
    def of(cls, network: NetworkSpec, training: TrainingSpec) -> "ProgramKey":
        """Key of the program that trains `network` as `training` says."""
        return cls(
            padded_width(network.n_inputs), network.n_classes, network.hidden_layer_sizes, network.activation,
            network.batch_norm, training.dropout > 0, training.loss == "focal", training.batch_size,
        )  # fmt: skip

    @property
    def batches_per_chunk(self) -> int:
        """Number of batches in the buffer of one call."""
        return int(min(BATCHES_PER_CHUNK, max(1, CHUNK_BYTES // (4 * self.batch_size * self.n_inputs))))


@dataclass(frozen=True, eq=False)
class ProgramSettings:
    """Values of the variables of a program, for one fit."""

    weight_decay: float
    dropout: float
    batch_norm_momentum: float
    logit_offset: FloatArray  # shape (n_classes,)
    seed: int


class TrainingProgram:
    """One Keras model and AdamW optimizer with the compiled loop that updates them."""

    def __init__(self, key: ProgramKey) -> None:
        self.key = key
        spec = NetworkSpec(key.n_inputs, key.n_classes, key.hidden_layer_sizes, key.activation, key.batch_norm)
        dropout = CounterDropout if key.has_dropout else None
        self.model = build_model(spec, batch_size=key.batch_size, n_inputs=key.n_inputs, dropout_layer=dropout)
        self._weight_decay = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._momentum = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._logit_offset = tf.Variable(tf.zeros(key.n_classes), trainable=False)
        for layer in self._layers(keras.layers.BatchNormalization):
            layer.momentum = self._momentum
        self.optimizer = keras.optimizers.AdamW(learning_rate=1e-3, weight_decay=self._weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(self.model.trainable_variables)
        self._steps = tf.function(self._loop, jit_compile=True, autograph=False)
        rows = key.batches_per_chunk * key.batch_size
        self._x = np.zeros((rows, key.n_inputs), np.float32)
        self._y = np.zeros(rows, np.int32)
        self._w = np.zeros(rows, np.float32)
        self._rates = np.zeros(key.batches_per_chunk, np.float32)

    def _layers(self, kind: type[keras.layers.Layer]) -> list[Any]:
        return [layer for layer in self.model.layers if isinstance(layer, kind)]

    def load(self, network: FittedNetwork, settings: ProgramSettings) -> None:
        """Start a training afresh: weights, statistics, optimizer slots, mask counters and settings."""
        assign_network(self.model, network)
        for variable in self.optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        for i, layer in enumerate(self._layers(CounterDropout)):
            layer.rate.assign(settings.dropout)
            layer.seed.assign((settings.seed + i) % 2**31)
            layer.calls.assign(0)
        self._weight_decay.assign(settings.weight_decay)
        self._momentum.assign(settings.batch_norm_momentum)
        self._logit_offset.assign(settings.logit_offset.astype(np.float32))

    def network(self, spec: NetworkSpec) -> FittedNetwork:
        """Return the current weights as arrays."""
        return read_network(self.model, spec)

    def run(self, X: FloatArray, rows: IntArray, y: IntArray, weight: FloatArray, rates: FloatArray) -> FloatArray:
        """Make one update a batch, in the given order.

        Parameters
        ----------
        X : ndarray of shape (n_matrix_rows, n_features)
            The matrix, float32.
        rows, y, weight : ndarray of shape (n_batches * batch_size,)
            Matrix rows, class indices and weights of the batches, one batch after the other.
        rates : ndarray of shape (n_batches,)
            Learning rate of each update.

        Returns
        -------
        ndarray of shape (n_batches,)
            Loss of each batch before its update, in nats.
        """
        size, most = self.key.batch_size, self.key.batches_per_chunk
        losses = []
        for first in range(0, len(rates), most):
            n_batches = min(most, len(rates) - first)
            part = slice(first * size, (first + n_batches) * size)
            n_rows = n_batches * size
            np.take(X, rows[part], axis=0, out=self._x[:n_rows, : X.shape[1]], mode="clip")
            self._x[:n_rows, X.shape[1] :] = 0.0
            self._y[:n_rows] = y[part]
            self._w[:n_rows] = weight[part]
            self._rates[:n_batches] = rates[first : first + n_batches]
            chunk = self._steps(self._x, self._y, self._w, self._rates, tf.constant(n_batches))
            losses.append(chunk.numpy()[:n_batches])
        return np.concatenate(losses)

    def _loop(self, x: Any, y: Any, w: Any, rates: Any, n_batches: Any) -> Any:
        size = self.key.batch_size

        def step(i: Any, losses: Any) -> tuple[Any, Any]:
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

    def _row_loss(self, x: Any, y: Any) -> Any:
        logits = self.model(x, training=True)
        if self.key.n_classes == 2:
            logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
        log_proba = tf.nn.log_softmax(logits + self._logit_offset)
        log_true = tf.reduce_sum(tf.one_hot(y, self.key.n_classes) * log_proba, axis=1)
        if not self.key.focal:
            return -log_true
        return -log_true * tf.maximum(-tf.math.expm1(log_true), 1e-7) ** FOCAL_GAMMA

    @property
    def n_compilations(self) -> int:
        """How many times the function was traced and compiled: 0 before its first call, then 1."""
        return int(self._steps.experimental_get_tracing_count())


class ProgramPool:
    """Idle programs, least recently used first; each is lent to one fit at a time."""

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._idle: OrderedDict[int, TrainingProgram] = OrderedDict()
        self._lock = threading.Lock()
        self.n_built = 0

    @contextmanager
    def lend(self, key: ProgramKey) -> Iterator[TrainingProgram]:
        """Lend a program for `key`, built if none is idle; it comes back when the block ends, however it ends."""
        check_process()
        program = self._take(key) or self._build(key)
        try:
            yield program
        finally:
            self._put_back(program)

    def clear(self) -> None:
        """Forget all idle programs and what they hold in memory."""
        with self._lock:
            self._idle.clear()

    def _take(self, key: ProgramKey) -> TrainingProgram | None:
        with self._lock:
            for name, program in reversed(self._idle.items()):
                if program.key == key:
                    return self._idle.pop(name)
        return None

    def _build(self, key: ProgramKey) -> TrainingProgram:
        program = TrainingProgram(key)
        with self._lock:
            self.n_built += 1
        return program

    def _put_back(self, program: TrainingProgram) -> None:
        with self._lock:
            self._idle[id(program)] = program
            while len(self._idle) > self._max_idle:
                self._idle.popitem(last=False)


def check_process() -> None:
    """Refuse to train in a child that was forked after its parent loaded TensorFlow, where any call would hang.

    Raises
    ------
    RuntimeError
        If this process is not the one that loaded TensorFlow.
    """
    if os.getpid() != _PROCESS_ID:
        raise RuntimeError(
            f"Process {os.getpid()} was forked from {_PROCESS_ID} after TensorFlow had started there; TensorFlow hangs "
            'in such a child. Use joblib\'s default backend "loky" or the "spawn" start method; predict works here.'
        )


POOL = ProgramPool(MAX_IDLE_PROGRAMS)
