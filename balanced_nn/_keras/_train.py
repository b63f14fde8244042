"""How is a network trained, and how is its learning rate tested? Both run the steps of one compiled program."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from balanced_nn._data import Dataset
from balanced_nn._decision import Correction, balanced_accuracy, balanced_log_loss
from balanced_nn._keras._program import POOL, ProgramKey, ProgramSettings, TrainingProgram
from balanced_nn._network import FittedNetwork
from balanced_nn._specs import FloatArray, History, IntArray, RangeTestTrace, TrainingSpec

BATCH_NORM_WINDOW = (5, 100)  # steps that the running statistics remember: one epoch, within these bounds
_RANGE_TEST_STREAM, _TRAINING_STREAM = 1, 2  # independent streams of random numbers from one seed


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """Everything that a training needs, except for the learning rate."""

    training: TrainingSpec
    initial: FittedNetwork
    data: Dataset  # as fed: resampled and weighted
    valid: Dataset | None  # natural frequencies; None: fixed epochs, last weights
    correction: Correction
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one is filled from the next epoch's rows."""
        return -(-len(self.data) // self.training.batch_size)

    def settings(self) -> ProgramSettings:
        """Values of the program's variables."""
        window = np.clip(self.steps_per_epoch, *BATCH_NORM_WINDOW)
        return ProgramSettings(
            self.training.weight_decay,
            self.training.dropout,
            1.0 - 1.0 / float(window),
            self.correction.logit_offset,
            self.seed,
        )

    def key(self) -> ProgramKey:
        """Key of the compiled program."""
        return ProgramKey.of(self.initial.spec, self.training)


class BatchStream:
    """An endless stream of rows: one permutation of the data after the other, so that every batch is full."""

    def __init__(self, n_rows: int, seed: int, stream: int) -> None:
        self._n_rows = n_rows
        self._rng = np.random.default_rng([seed, stream])
        self._pending = np.empty(0, dtype=np.intp)

    def next(self, n_rows: int) -> IntArray:
        """Indices of the next `n_rows` rows."""
        while len(self._pending) < n_rows:
            self._pending = np.concatenate([self._pending, self._rng.permutation(self._n_rows)])
        chosen, self._pending = self._pending[:n_rows], self._pending[n_rows:]
        return chosen


def run_range_test(task: TrainingTask, rates: FloatArray) -> RangeTestTrace:
    """Train a throw-away copy for one batch a rate and record the losses.

    Parameters
    ----------
    task : TrainingTask
        Data, weights, loss and batches exactly as training will use them.
    rates : ndarray of shape (n_steps,)
        Ascending learning rates.
    """
    stream = BatchStream(len(task.data), task.seed, _RANGE_TEST_STREAM)
    with POOL.lend(task.key()) as program:
        program.load(task.initial, task.settings())
        losses = program.run(task.data, stream.next(len(rates) * task.training.batch_size), rates)
    return RangeTestTrace(rates, losses.astype(np.float64))


def train_network(
    task: TrainingTask, learning_rate: float, on_epoch: Callable[[int, float, float | None], None] | None = None
) -> tuple[FittedNetwork, History]:
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
        Called with the epoch, its training loss and its validation loss after each epoch.

    Returns
    -------
    network : FittedNetwork
    history : History
    """
    stream = BatchStream(len(task.data), task.seed, _TRAINING_STREAM)
    rates = np.full(task.steps_per_epoch, learning_rate, dtype=np.float32)
    record = _Record(task, learning_rate)
    with POOL.lend(task.key()) as program:
        program.load(task.initial, task.settings())
        for epoch in range(1, task.training.max_epochs + 1):
            losses = program.run(task.data, stream.next(len(rates) * task.training.batch_size), rates)
            record.add(epoch, float(losses.mean()), program)
            if on_epoch is not None:
                on_epoch(epoch, record.train_loss[-1], record.valid_loss[-1] if record.valid_loss else None)
            if record.stop_reason:
                break
    return record.best, record.history()


class _Record:
    """The curves of one training, its best network so far, and whether it is time to stop."""

    def __init__(self, task: TrainingTask, learning_rate: float) -> None:
        self._task = task
        self._learning_rate = learning_rate
        self.best = task.initial
        self._best_epoch = 0
        self._best_loss = np.inf
        self._reference_loss, self._reference_epoch = np.inf, 0  # the last improvement of more than tol
        self.train_loss: list[float] = []
        self.valid_loss: list[float] = []
        self._valid_accuracy: list[float] = []
        self.stop_reason = ""

    def add(self, epoch: int, train_loss: float, program: TrainingProgram) -> None:
        """Record an epoch, after which `program` holds the network."""
        self.train_loss.append(train_loss)
        valid = self._task.valid
        outputs = np.zeros(0) if valid is None else program.outputs(valid.X)
        if not (np.isfinite(train_loss) and np.isfinite(outputs).all()):
            self.stop_reason = "diverged"
        elif valid is None:
            self._keep(epoch, program)
        else:
            self._compare(epoch, program, *validation_scores(outputs, valid, self._task.correction))

    def _compare(self, epoch: int, program: TrainingProgram, loss: float, accuracy: float) -> None:
        if loss < self._best_loss or not self._task.training.keep_best:
            self._keep(epoch, program)
        self._best_loss = min(loss, self._best_loss)
        self.valid_loss.append(loss)
        self._valid_accuracy.append(accuracy)
        if loss < self._reference_loss - self._task.training.tol:
            self._reference_loss, self._reference_epoch = loss, epoch
        if epoch - self._reference_epoch >= self._task.training.patience and not self.stop_reason:
            self.stop_reason = "patience"

    def _keep(self, epoch: int, program: TrainingProgram) -> None:
        network = program.network(self._task.initial.spec)
        if network.is_finite:
            self.best, self._best_epoch = network, epoch
        else:
            self.stop_reason = "diverged"

    def history(self) -> History:
        """Return what was recorded."""
        return History(
            tuple(self.train_loss),
            tuple(self.valid_loss),
            tuple(self._valid_accuracy),
            self._learning_rate,
            self._best_epoch,
            len(self.train_loss) * self._task.steps_per_epoch,
            self.stop_reason or "max_iter",
        )


def validation_scores(outputs: FloatArray, valid: Dataset, correction: Correction) -> tuple[float, float]:
    """Balanced log-loss (nats) and balanced accuracy (fraction) at a uniform prior, from the network's raw outputs."""
    log_proba = correction.log_posterior(outputs.astype(np.float64))
    loss = balanced_log_loss(log_proba, valid.y, valid.weight)
    return loss, balanced_accuracy(log_proba.argmax(axis=1), valid.y, valid.weight)
