"""What does one training hold beside the compiled steps? Its state, the buffers of its batches, and a thread."""

import numpy as np
import tensorflow as tf

from balanced_nn._data.dataset import Dataset
from balanced_nn._network.network import Network
from balanced_nn._network.specs import OptimizerState, TrainingSpec
from balanced_nn._training.keras.compiled import CompiledSteps
from balanced_nn._training.keras.model import FORWARD_ROWS
from balanced_nn._training.keras.threads import in_own_thread, new_thread
from balanced_nn._typing import FloatArray, IntArray

OUTPUT_BYTES = 2**22  # of the activations of one block of rows when the network is evaluated


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
    """What one fit at a time borrows to train with: compiled steps, shared with others, and a state of its own."""

    def __init__(self, compiled: CompiledSteps) -> None:
        self.key, self.compiled = compiled.key, compiled
        self.thread = new_thread()
        self._build()

    @in_own_thread
    def _build(self) -> None:
        self._state = self.compiled.new_state()
        self._network = self.compiled.network_of(self._state)
        rows = self.key.batches_per_chunk * self.key.batch_size
        self._chunks = (Chunk(rows, self.key.n_inputs), Chunk(rows, self.key.n_inputs))  # one is filled, one trained on
        self._rates = np.zeros(self.key.batches_per_chunk, np.float32)

    @in_own_thread
    def load(
        self, network: Network, training: TrainingSpec, *, momentum: float, logit_offset: FloatArray, seed: int
    ) -> None:
        """Start a training afresh: weights, statistics, optimizer slots, mask counters and settings.

        Parameters
        ----------
        network : Network
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
        if self.key.body is None:
            first = np.pad(first, ((0, self.key.n_inputs - len(first)), (0, 0)))  # padded inputs have no weight
        scalars = training.dropout, training.weight_decay, momentum, training.label_smoothing
        self.compiled.start(
            self._state,
            [tf.constant(array, tf.float32) for array in (first, *others)],
            [tf.constant(scalar, tf.float32) for scalar in scalars],
            tf.constant(logit_offset, tf.float32),
            tf.constant(seed, tf.int32),
        )
        for chunk in self._chunks:
            chunk.X[:] = 0.0

    @in_own_thread
    def network(self, like: Network) -> Network:
        """Return a network like another one with the current weights, without the padding of the inputs."""
        first, *others = (value.numpy() for value in self.compiled.read(self._network))
        return like.with_arrays((first if self.key.body else first[: like.spec.n_inputs], *others))

    @in_own_thread
    def optimizer(self) -> OptimizerState:
        """Return how far the optimizer has come, as arrays."""
        moments = self._state.first_moments, self._state.second_moments
        first, second = (tuple(variable.numpy() for variable in variables) for variables in moments)
        return OptimizerState(int(self._state.step.numpy()), first, second)

    @in_own_thread
    def resume(self, optimizer: OptimizerState) -> None:
        """Go on where the optimizer was, with the network that was loaded; the masks of dropout go on too."""
        state = self._state
        pairs = ((state.first_moments, optimizer.first_moments), (state.second_moments, optimizer.second_moments))
        for variables, arrays in pairs:
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        for counter in (state.step, *self.compiled.dropout_calls(state)):
            counter.assign(optimizer.step)

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
        arguments = *chunk.tensors, tf.constant(self._rates), tf.constant(len(rates))
        losses: FloatArray = self.compiled.run(self._state, *arguments).numpy()
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
        if self.key.body is not None:
            block = max(self.key.batch_size, FORWARD_ROWS)
        padding = ((0, 0), (0, self.key.n_inputs - X.shape[1]))
        parts = [np.pad(X[start : start + block], padding) for start in range(0, len(X), block)]
        trainable, others = self._state.trainable, self._state.others
        outputs = [self.compiled.forward(trainable, others, tf.constant(part)).numpy() for part in parts]
        return np.concatenate(outputs)
