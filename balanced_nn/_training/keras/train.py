"""How is a network trained, and how is its learning rate tested? Both run the steps of one compiled program."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from balanced_nn._network.network import Network
from balanced_nn._network.specs import History, OptimizerState, RangeTestTrace
from balanced_nn._streaming.buckets import BucketStream
from balanced_nn._training.callbacks import Epoch
from balanced_nn._training.checkpoint import KeptTraining
from balanced_nn._training.keras.batches import BatchStream, feed
from balanced_nn._training.keras.compiled import ProgramKey
from balanced_nn._training.keras.pool import POOL
from balanced_nn._training.keras.program import Chunk, TrainingProgram
from balanced_nn._training.keras.record import Record
from balanced_nn._training.keras.task import TrainingTask
from balanced_nn._typing import FloatArray

BATCH_NORM_WINDOW = (5, 100)  # steps that the running statistics remember: one epoch, within these bounds
_RANGE_TEST_STREAM, _TRAINING_STREAM = 1, 2  # independent streams of random numbers from one seed


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
    kept: KeptTraining | None = None,
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
    kept : KeptTraining, default=None
        Where the training is kept: it goes on behind the epoch that was written there last.

    Returns
    -------
    TrainingResult

    Raises
    ------
    CancelledError
        Where `ended` answers True.
    """
    rates = np.full(task.steps_per_epoch, learning_rate, dtype=np.float32)
    record = Record(task.plan, task.initial, learning_rate, task.steps_per_epoch)
    reached = None if kept is None else record.read(kept)
    with _started(task, _TRAINING_STREAM, task.steps_per_epoch, reached) as (program, endless):
        chunks = endless if ended is None else _until(ended, endless)
        while not record.has_ended:
            epoch = len(record.epochs) + 1
            losses = _steps(program, chunks, rates)
            record.add(epoch, float(losses.mean()), program)
            if on_epoch is not None and (wish := on_epoch(record.epochs[-1])) and not record.stop_reason:
                record.stop_reason = wish
            if kept is not None and (kept.is_due or record.has_ended):
                record.write(kept, program.network(task.initial), program.optimizer())
        outputs = record.best_outputs
        if outputs is None:
            _load(program, task, record.best)
            outputs = program.outputs(task.plan.judged.X)
    return TrainingResult(record.best, outputs, record.mean(), record.history())


def train_further(
    task: TrainingTask, learning_rate: float, optimizer: OptimizerState | None
) -> tuple[Network, OptimizerState, float]:
    """Go on for one epoch.

    Parameters
    ----------
    task : TrainingTask
        What to train on, and the network to go on from.
    learning_rate : float
        Step size of AdamW.
    optimizer : OptimizerState or None
        How far it had come with this network; None begins anew.

    Returns
    -------
    network : Network
    optimizer : OptimizerState
        What the next call goes on from.
    loss : float
        Mean loss of the batches, each before its update, in nats.
    """
    rates = np.full(task.steps_per_epoch, learning_rate, dtype=np.float32)
    with _started(task, _TRAINING_STREAM, task.steps_per_epoch) as (program, chunks):
        if optimizer is not None:
            program.resume(optimizer)
        losses = _steps(program, chunks, rates)
        return program.network(task.initial), program.optimizer(), float(losses.mean())


def outputs_of(task: TrainingTask, network: Network) -> FloatArray:
    """Raw outputs of another network of the task for the rows of ``task.plan.judged``, float32."""
    with POOL.lend(key_of(task)) as program:
        _load(program, task, network)
        return program.outputs(task.plan.judged.X)


def key_of(task: TrainingTask) -> ProgramKey:
    """Key of the compiled program of a task."""
    return ProgramKey.of(task.plan.network, task.plan.training, task.plan.width)


def _load(program: TrainingProgram, task: TrainingTask, network: Network) -> None:
    """Start afresh in `program`, with the weights of `network`."""
    momentum = 1.0 - 1.0 / float(np.clip(task.steps_per_epoch, *BATCH_NORM_WINDOW))
    offset = task.plan.correction.logit_offset
    program.load(network, task.plan.training, momentum=momentum, logit_offset=offset, seed=task.seed)


@contextmanager
def _started(
    task: TrainingTask,
    stream: int,
    n_steps: int,
    reached: tuple[Network, OptimizerState] | None = None,
) -> Iterator[tuple[TrainingProgram, Iterator[Chunk]]]:
    """Lend a program that holds the initial network, with the chunks of its epochs of `n_steps` batches.

    Where the training had reached another network at the end of an epoch, it goes on there, with the batches to come.
    """
    with POOL.lend(key_of(task)) as program:
        _load(program, task, task.initial if reached is None else reached[0])
        n_done = 0
        if reached is not None:
            program.resume(reached[1])
            n_done = reached[1].step * program.key.batch_size
        with _feed(task, stream, program, program.chunk_sizes(n_steps), n_done) as chunks:
            yield program, chunks


def _until(ended: Callable[[], bool], chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        if ended():
            raise CancelledError
        yield chunk


def _feed(
    task: TrainingTask, stream: int, program: TrainingProgram, sizes: list[int], n_done: int
) -> AbstractContextManager[Iterator[Chunk]]:
    """Chunks of the rows in memory, or of those on disk, behind the first ones."""
    data, buckets = task.plan.data, task.plan.buckets
    if buckets is None:
        rows = BatchStream(len(data), task.seed, stream)
        rows.skip(n_done)
        return feed(partial(program.gather, data), rows, sizes)
    shuffled = BucketStream(buckets, task.seed, stream)
    shuffled.skip(n_done)
    return feed(program.gather, shuffled, sizes)


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
