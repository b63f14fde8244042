"""How is a network trained, and how is its learning rate tested? Both run the steps of one compiled program."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np

from balanced_nn._data.dataset import MAX_COPIES, Dataset
from balanced_nn._network.network import Network
from balanced_nn._network.specs import History, RangeTestTrace
from balanced_nn._network.weight_averaging import FIRST_EPOCH, WeightMean
from balanced_nn._probability.correction import Correction, balance, balanced_accuracy, natural_log_loss
from balanced_nn._streaming.buckets import BucketStream
from balanced_nn._training.callbacks import Epoch
from balanced_nn._training.keras.batches import BatchStream, feed
from balanced_nn._training.keras.compiled import ProgramKey
from balanced_nn._training.keras.pool import POOL
from balanced_nn._training.keras.program import Chunk, TrainingProgram
from balanced_nn._training.preparation import Plan
from balanced_nn._typing import FloatArray

BATCH_NORM_WINDOW = (5, 100)  # steps that the running statistics remember: one epoch, within these bounds
_RANGE_TEST_STREAM, _TRAINING_STREAM = 1, 2  # independent streams of random numbers from one seed


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """Everything that a training needs, except for the learning rate."""

    plan: Plan
    initial: Network  # drawn for this attempt
    seed: int  # of the batches and the dropout masks

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one is filled from the next epoch's rows.

        Where rows are repeated, an epoch is a part of them in which each row comes about once.
        """
        rows = self.plan.epoch
        return ceil(len(rows) / (min(rows.copies, MAX_COPIES) * self.plan.training.batch_size))

    def load(self, program: TrainingProgram, network: Network) -> None:
        """Start afresh in `program`, with the weights of `network`."""
        momentum = 1.0 - 1.0 / float(np.clip(self.steps_per_epoch, *BATCH_NORM_WINDOW))
        offset = self.plan.correction.logit_offset
        program.load(network, self.plan.training, momentum=momentum, logit_offset=offset, seed=self.seed)

    def key(self) -> ProgramKey:
        """Key of the compiled program."""
        return ProgramKey.of(self.plan.network, self.plan.training, self.plan.width)


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training leaves behind.

    Parameters
    ----------
    network : Network
        That of the best epoch; of the last where no rows were held out.
    outputs : ndarray of shape (n_judged, n_outputs)
        Its raw outputs for the rows of ``task.plan.judged``, float32.
    mean : Network or None
        The mean of the weights of the last epochs. None where it was not wanted, no rows were held out, training
        ended before there was one, or it diverged.
    history : History
    """

    network: Network
    outputs: FloatArray
    mean: Network | None
    history: History


def run_range_test(task: TrainingTask, rates: FloatArray) -> RangeTestTrace:
    """Train a throw-away copy for one batch a rate and record the losses.

    Parameters
    ----------
    task : TrainingTask
        Data, weights, loss and batches exactly as training will use them.
    rates : ndarray of shape (n_steps,)
        Ascending learning rates.
    """
    with _started(task, _RANGE_TEST_STREAM, len(rates)) as (program, chunks):
        losses = _steps(program, chunks, rates)
    return RangeTestTrace(rates, losses.astype(np.float64))


def train_network(
    task: TrainingTask,
    learning_rate: float,
    on_epoch: Callable[[Epoch], str] | None = None,
    ended: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train until the validation loss stops falling, and return the best network.

    Without a validation part, train for all epochs and return the last network. A training that meets a number that
    is not finite ends there, with the best network before it.

    Parameters
    ----------
    task : TrainingTask
        What to train on, and how.
    learning_rate : float
        Step size of AdamW.
    on_epoch : callable, default=None
        Called after each epoch; training ends where it says why.
    ended : callable, default=None
        Asked before each chunk of batches whether nobody waits for the result any more.

    Returns
    -------
    TrainingResult

    Raises
    ------
    CancelledError
        Where `ended` answers True.
    """
    rates = np.full(task.steps_per_epoch, learning_rate, dtype=np.float32)
    record = _Record(task, learning_rate)
    with _started(task, _TRAINING_STREAM, task.steps_per_epoch) as (program, endless):
        chunks = endless if ended is None else _until(ended, endless)
        for epoch in range(1, task.plan.training.max_epochs + 1):
            losses = _steps(program, chunks, rates)
            record.add(epoch, float(losses.mean()), program)
            if on_epoch is not None and (wish := on_epoch(record.epochs[-1])) and not record.stop_reason:
                record.stop_reason = wish
            if record.stop_reason:
                break
        outputs = record.best_outputs
        if outputs is None:
            if record.stop_reason == "diverged":
                task.load(program, record.best)
            outputs = program.outputs(task.plan.judged.X)
    return TrainingResult(record.best, outputs, record.mean(), record.history())


def outputs_of(task: TrainingTask, network: Network) -> FloatArray:
    """Raw outputs of another network of the task for the rows of ``task.plan.judged``, float32."""
    with POOL.lend(task.key()) as program:
        task.load(program, network)
        return program.outputs(task.plan.judged.X)


@contextmanager
def _started(task: TrainingTask, stream: int, n_steps: int) -> Iterator[tuple[TrainingProgram, Iterator[Chunk]]]:
    """Lend a program that holds the initial network, with the chunks of its epochs of `n_steps` batches."""
    with POOL.lend(task.key()) as program:
        task.load(program, task.initial)
        with _feed(task, stream, program, program.chunk_sizes(n_steps)) as chunks:
            yield program, chunks


def _until(ended: Callable[[], bool], chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        if ended():
            raise CancelledError
        yield chunk


def _feed(
    task: TrainingTask, stream: int, program: TrainingProgram, sizes: list[int]
) -> AbstractContextManager[Iterator[Chunk]]:
    """Chunks of the rows in memory, or of those on disk."""
    data, buckets = task.plan.data, task.plan.buckets
    if buckets is None:
        return feed(partial(program.gather, data), BatchStream(len(data), task.seed, stream), sizes)
    return feed(program.gather, BucketStream(buckets, task.seed, stream), sizes)


def _steps(program: TrainingProgram, chunks: Iterator[Chunk], rates: FloatArray) -> FloatArray:
    """Make a step a rate, and return their losses."""
    losses: list[FloatArray] = []
    done = 0
    while done < len(rates):
        chunk = next(chunks)
        following = done + chunk.n_rows // program.key.batch_size
        losses.append(program.run(chunk, rates[done:following]))
        done = following
    return np.concatenate(losses)


class _Record:
    """The curves of one training, its best network so far, and whether it is time to stop."""

    def __init__(self, task: TrainingTask, learning_rate: float) -> None:
        self._plan = task.plan
        self._steps_per_epoch = task.steps_per_epoch
        self._learning_rate = learning_rate
        self.best = task.initial
        self.best_outputs: FloatArray | None = None  # for the held-out rows
        self._best_epoch = 0
        self._best_loss = np.inf
        self._reference_loss, self._reference_epoch = np.inf, 0  # the last improvement of more than tol
        self._tol = self._plan.training.tol * balance(self._plan.judged.y, self._plan.judged.weight)
        self._mean = WeightMean()
        self.epochs: list[Epoch] = []
        self.stop_reason = ""

    def add(self, epoch: int, train_loss: float, program: TrainingProgram) -> None:
        """Record an epoch, after which `program` holds the network."""
        scores: tuple[float, float] | tuple[None, None] = (None, None)
        outputs = program.outputs(self._plan.judged.X) if self._plan.held_out else None
        if not (np.isfinite(train_loss) and (outputs is None or np.isfinite(outputs).all())):
            self.stop_reason = "diverged"
        elif outputs is None:
            self._keep(epoch, program.network(self.best), None)
        else:
            scores = self._compare(epoch, program, outputs)
        self.epochs.append(Epoch(epoch, train_loss, *scores))

    def _compare(
        self, epoch: int, program: TrainingProgram, outputs: FloatArray
    ) -> tuple[float, float] | tuple[None, None]:
        """Return loss and balanced accuracy of the held-out rows; none where the network diverged."""
        loss, accuracy = validation_scores(outputs, self._plan.judged, self._plan.correction)
        averaged = self._plan.training.average_weights and epoch >= FIRST_EPOCH
        better = loss < self._best_loss or not self._plan.training.keep_best
        network = program.network(self.best) if averaged or better else self.best
        if averaged:
            self._mean.add(network)
        if better:
            self._keep(epoch, network, outputs)
            if self.stop_reason:
                return None, None
            self._best_loss = loss
        if loss < self._reference_loss - self._tol:
            self._reference_loss, self._reference_epoch = loss, epoch
        if epoch - self._reference_epoch >= self._plan.training.patience:
            self.stop_reason = "patience"
        return loss, accuracy

    def _keep(self, epoch: int, network: Network, outputs: FloatArray | None) -> None:
        if network.is_finite:
            self.best, self._best_epoch, self.best_outputs = network, epoch, outputs
        else:
            self.stop_reason = "diverged"

    def mean(self) -> Network | None:
        """Return the mean of the weights of the last epochs, unless training ended because it diverged."""
        return None if self.stop_reason == "diverged" else self._mean.network()

    def history(self) -> History:
        """Return what was recorded."""
        return History(
            tuple(e.train_loss for e in self.epochs),
            tuple(e.validation_loss for e in self.epochs if e.validation_loss is not None),
            tuple(e.validation_balanced_accuracy for e in self.epochs if e.validation_balanced_accuracy is not None),
            self._learning_rate,
            self._best_epoch,
            len(self.epochs) * self._steps_per_epoch,
            self.stop_reason or "max_iter",
        )


def validation_scores(outputs: FloatArray, valid: Dataset, correction: Correction) -> tuple[float, float]:
    """Natural log-loss (nats) and balanced accuracy (fraction) of validation rows, from the raw outputs for them.

    However the network was balanced, the loss is that of its corrected probabilities.
    """
    log_proba = correction.log_posterior(outputs.astype(np.float64))
    loss = natural_log_loss(log_proba, valid.y, valid.weight)
    return loss, balanced_accuracy(log_proba.argmax(axis=1), valid.y, valid.weight)
