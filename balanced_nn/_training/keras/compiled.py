"""What is compiled once for all networks of a shape? Pure functions: all that a training has reached is passed in.

So trainings at the same time, in threads, share one executable. That is also why AdamW is written out: an optimizer of
Keras on TensorFlow holds its state, and cannot be handed another one.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._network.specs import Body, NetworkSpec, TrainingSpec
from balanced_nn._probability.correction import FOCAL_GAMMA
from balanced_nn._training.keras.body import SEED_STATE, counters
from balanced_nn._training.keras.model import CounterDropout, build_model, network_variables, padded_width
from balanced_nn._training.keras.process import may_compile
from balanced_nn._training.keras.threads import run_apart

BATCHES_PER_CHUNK = 32
BATCHES_OF_A_BODY = 8  # the same, where nobody knows how long a step takes
CHUNK_BYTES = 2**23  # bounds the buffer of a wide table
CHUNK_MULTIPLICATIONS = 2**33  # bounds the time of a call, about 0.2 s: a keyboard interrupt waits for its end
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # of AdamW, as in Keras
NOT_DECAYED = {"bias", "gamma", "beta"}


@dataclass(frozen=True)
class ProgramKey:
    """What a program is compiled for; every other setting is a variable of the program."""

    n_inputs: int  # padded, but for a body
    n_classes: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    batch_norm: bool
    has_dropout: bool
    focal: bool
    batch_size: int
    body: Body | None = None

    @classmethod
    def of(cls, network: NetworkSpec, training: TrainingSpec, width: int) -> "ProgramKey":
        """Key of the program that trains `network` as `training` says, with inputs of up to `width` columns."""
        n_inputs = padded_width(width) if network.body is None else network.n_inputs
        return cls(
            n_inputs, network.n_classes, network.hidden_layer_sizes, network.activation,
            network.batch_norm, training.dropout > 0, training.loss == "focal", training.batch_size,
            network.body,
        )  # fmt: skip

    @property
    def batches_per_chunk(self) -> int:
        """Number of batches in the buffer of one call."""
        by_bytes = CHUNK_BYTES // (4 * self.batch_size * self.n_inputs)
        if self.body is not None:
            return int(np.clip(by_bytes, 1, BATCHES_OF_A_BODY))
        widths = (self.n_inputs, *self.hidden_layer_sizes, self.n_classes)
        multiplications = 3 * self.batch_size * sum(a * b for a, b in pairwise(widths))  # forward, and twice backward
        return int(np.clip(min(by_bytes, CHUNK_MULTIPLICATIONS // multiplications), 1, BATCHES_PER_CHUNK))


class State(NamedTuple):
    """All that a training changes, and the settings in which it differs from others of its shape; variables.

    XLA updates variables in place; tensors that go in and out would be copied, which makes a step over 40,000 columns a
    third slower.
    """

    trainable: list[tf.Variable]  # in the order of the model
    others: list[tf.Variable]  # of the model: statistics of BatchNorm; rate, seed and counter of dropout
    first_moments: list[tf.Variable]
    second_moments: list[tf.Variable]
    step: tf.Variable
    weight_decay: tf.Variable
    momentum: tf.Variable  # of BatchNorm's statistics
    label_smoothing: tf.Variable
    logit_offset: tf.Variable


class CompiledSteps:
    """The training steps that XLA compiled for a key, and the forward pass; to be shared by threads."""

    def __init__(self, key: ProgramKey) -> None:
        self.key = key
        run_apart(self._trace)

    def _trace(self) -> None:
        """Trace each function for one signature: none can be compiled a second time."""
        key = self.key
        sizes, norm = key.hidden_layer_sizes, key.batch_norm
        self._spec = NetworkSpec(key.n_inputs, key.n_classes, sizes, key.activation, norm, key.body)
        dropout = CounterDropout if key.has_dropout else None
        self.model = build_model(self._spec, n_inputs=key.n_inputs, dropout_layer=dropout)
        self._counters = counters(self.model) if key.body is not None else []
        self._decays = [variable.name not in NOT_DECAYED for variable in self.model.trainable_variables]
        state, rows, n = self.new_state(), key.batches_per_chunk * key.batch_size, key.batches_per_chunk
        x, y = tf.TensorSpec((rows, key.n_inputs), tf.float32), tf.TensorSpec((rows,), tf.int32)
        w, rates, n_batches = tf.TensorSpec((rows,)), tf.TensorSpec((n,)), tf.TensorSpec((), tf.int32)
        compiles = key.body is None and may_compile()  # XLA does not know all layers of anybody's
        self.run = _traced(self._loop, state, x, y, w, rates, n_batches, jit_compile=compiles)
        # TensorFlow's own kernels need no compilation: the forward pass takes any number of rows.
        self.forward = _traced(self._forward, state.trainable, state.others, tf.TensorSpec((None, key.n_inputs)))
        # All arrays of a network in one call: reading the variables one by one takes three times as long.
        self.read = _traced(lambda variables: [tf.identity(v) for v in variables], self.network_of(state))
        # And setting them one by one ten times.
        arrays = [tf.TensorSpec(v.shape, v.dtype) for v in self.network_of(state)]
        scalars = [tf.TensorSpec(())] * 4
        self.start = _traced(self._start, state, arrays, scalars, tf.TensorSpec((key.n_classes,)), n_batches)

    def new_state(self) -> State:
        """Make the variables of a training."""

        def zeros(variables: list[Any]) -> list[tf.Variable]:
            return [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in variables]

        def scalar(dtype: tf.DType = tf.float32) -> tf.Variable:
            return tf.Variable(tf.zeros((), dtype), trainable=False)

        weights, others = self.model.trainable_variables, self.model.non_trainable_variables
        offset = tf.Variable(tf.zeros(self.key.n_classes), trainable=False)
        moments = zeros(weights), zeros(weights)
        return State(zeros(weights), zeros(others), *moments, scalar(tf.int32), scalar(), scalar(), scalar(), offset)

    def network_of(self, state: State) -> list[tf.Variable]:
        """Return the variables that hold the arrays of a network, in the order of ``Network.arrays``."""
        of = self._variables_of(state)
        return [of[id(variable)] for variable in network_variables(self.model, self._spec)]

    def _variables_of(self, state: State) -> dict[int, tf.Variable]:
        """Variable of a state for each of the model, by its id."""
        of_model = self.model.trainable_variables + self.model.non_trainable_variables
        return {id(v): own for v, own in zip(of_model, state.trainable + state.others, strict=True)}

    def dropout_calls(self, state: State) -> list[tf.Variable]:
        """Return the variables that count the steps of each dropout layer, from which its masks follow."""
        of = self._variables_of(state)
        return [of[id(layer.calls)] for layer in self._layers(CounterDropout)]

    def _layers(self, kind: type[keras.layers.Layer]) -> list[keras.layers.Layer]:
        return [layer for layer in self.model._flatten_layers() if isinstance(layer, kind)]

    def _start(
        self, state: State, arrays: list[tf.Tensor], scalars: list[tf.Tensor], offset: tf.Tensor, seed: tf.Tensor
    ) -> None:
        """Set all variables: those of the network to `arrays`, and dropout, decay, momentum and smoothing."""
        of = self._variables_of(state)
        for variable, array in zip(self.network_of(state), arrays, strict=True):
            variable.assign(array)
        for variable in (*state.first_moments, *state.second_moments, state.step):
            variable.assign(tf.zeros(variable.shape, variable.dtype))
        for i, layer in enumerate(self._layers(CounterDropout)):
            of[id(layer.rate)].assign(scalars[0])
            of[id(layer.seed)].assign(seed + i)
            of[id(layer.calls)].assign(0)
        for i, (variable, first) in enumerate(self._counters):
            own_seed = [tf.cast(seed + i, first.dtype), tf.zeros((), first.dtype)]  # and how many were drawn
            of[id(variable)].assign(tf.stack(own_seed) if variable.name == SEED_STATE else tf.constant(first))
        for variable, scalar in zip(
            (state.weight_decay, state.momentum, state.label_smoothing), scalars[1:], strict=True
        ):
            variable.assign(scalar)
        state.logit_offset.assign(offset)

    def _forward(self, trainable: list[tf.Variable], others: list[tf.Variable], x: tf.Tensor) -> tf.Tensor:
        """Run the model in inference mode."""
        return self.model.stateless_call(_values(trainable), _values(others), x, training=False)[0]

    def _loop(
        self, state: State, x: tf.Tensor, y: tf.Tensor, w: tf.Tensor, rates: tf.Tensor, n_batches: tf.Tensor
    ) -> tf.Tensor:
        """Make an update a batch, and return the losses before each."""
        size = self.key.batch_size
        for layer in self._layers(keras.layers.BatchNormalization):
            layer.momentum = state.momentum.read_value()

        def step(
            i: tf.Tensor,
            losses: tf.Tensor,
            weights: list[tf.Tensor],
            others: list[tf.Tensor],
            *moments: list[tf.Tensor],
        ) -> tuple[Any, ...]:
            first = i * size
            batch_x = tf.slice(x, [first, 0], [size, self.key.n_inputs])
            batch_y, batch_w = tf.slice(y, [first], [size]), tf.slice(w, [first], [size])
            with tf.GradientTape() as tape:
                tape.watch(weights)
                logits, others, *penalties = self.model.stateless_call(
                    weights, others, batch_x, training=True, return_losses=self.key.body is not None
                )
                # Divided by the batch size, not by the batch's own sum of weights: only so is the sum of all updates
                # the weighted loss whose minimum the prior correction undoes.
                loss = tf.reduce_sum(batch_w * self._row_loss(state, logits, batch_y)) / size
                loss = tf.add_n([loss, *itertools.chain(*penalties)])  # of regularizers
            gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # those of embeddings are sparse
            updated = self._adamw(weights, gradients, moments, rates[i], state.weight_decay, state.step + i + 1)
            return i + 1, tf.tensor_scatter_nd_update(losses, [[i]], [loss]), updated[0], others, *updated[1:]

        start = tf.constant(0), tf.zeros(self.key.batches_per_chunk), *map(_values, state[:4])
        _, losses, *reached = tf.while_loop(lambda i, *_: i < n_batches, step, start)
        for variables, values in zip(state[:4], reached, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        state.step.assign_add(n_batches)
        return losses

    def _adamw(
        self,
        weights: list[tf.Tensor],
        gradients: list[tf.Tensor],
        moments: tuple[list[tf.Tensor], ...],
        rate: tf.Tensor,
        decay: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
        """Update weights and moments once; `step` counts from 1."""
        t = tf.cast(step, tf.float32)
        size = rate * tf.sqrt(1.0 - BETA_2**t) / (1.0 - BETA_1**t)
        first = [m + (g - m) * (1.0 - BETA_1) for m, g in zip(moments[0], gradients, strict=True)]
        second = [v + (g * g - v) * (1.0 - BETA_2) for v, g in zip(moments[1], gradients, strict=True)]
        decayed = [w - w * decay * rate if decays else w for w, decays in zip(weights, self._decays, strict=True)]
        updated = [w - m * size / (tf.sqrt(v) + EPSILON) for w, m, v in zip(decayed, first, second, strict=True)]
        return updated, first, second

    def _row_loss(self, state: State, logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        if self.key.n_classes == 2:
            logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
        log_proba = tf.nn.log_softmax(logits + state.logit_offset)
        even = state.label_smoothing / self.key.n_classes
        target = tf.one_hot(y, self.key.n_classes) * (1.0 - state.label_smoothing) + even
        if self.key.focal:
            target *= tf.maximum(-tf.math.expm1(log_proba), 1e-7) ** FOCAL_GAMMA
        return -tf.reduce_sum(target * log_proba, axis=1)


def _traced(function: Callable[..., Any], *signature: Any, jit_compile: bool | None = None) -> Callable[..., Any]:
    return tf.function(function, jit_compile=jit_compile, autograph=False).get_concrete_function(*signature)


def _values(variables: list[tf.Variable]) -> list[tf.Tensor]:
    return [variable.read_value() for variable in variables]
