"""What is done where networks are trained, which may be another process? TensorFlow is started there first."""

from typing import TYPE_CHECKING

from balanced_nn._network.specs import RangeTestTrace
from balanced_nn._training.checkpoint import KeptTraining
from balanced_nn._training.keras.process import check_process, quiet_start
from balanced_nn._training.keras.task import TrainingTask
from balanced_nn._typing import FloatArray

if TYPE_CHECKING:  # loads TensorFlow
    from balanced_nn._training.keras.train import TrainingResult


def start_keras() -> None:
    """Load TensorFlow where that has not been done, with the threads that this process may have.

    Raises
    ------
    RuntimeError
        If networks cannot be trained in this process.
    """
    check_process()
    with quiet_start():
        from balanced_nn._training.keras.model import check_modes, share_the_processor  # loads TensorFlow

    check_modes()
    share_the_processor()  # before the first operation, which starts TensorFlow's threads


def train_elsewhere(task: TrainingTask, learning_rate: float, kept: KeptTraining | None) -> "TrainingResult":
    """Train a network of which nobody hears before its end; see `train_network`.

    Raises
    ------
    FileNotFoundError
        If its rows, or what is kept of it, are on a disk that this process does not see.
    """
    _begin(task, kept)
    from balanced_nn._training.keras.train import train_network

    return train_network(task, learning_rate, kept=kept)


def test_rates_elsewhere(task: TrainingTask, rates: FloatArray) -> RangeTestTrace:
    """Make a range test; see `run_range_test`.

    Raises
    ------
    FileNotFoundError
        If the rows are on a disk that this process does not see.
    """
    _begin(task)
    from balanced_nn._training.keras.train import run_range_test

    return run_range_test(task, rates)


def _begin(task: TrainingTask, kept: KeptTraining | None = None) -> None:
    buckets = task.plan.buckets
    folders = {
        "cache_dir": None if buckets is None else buckets.folder,
        "checkpoint": None if kept is None else kept.folder,
    }
    for name, folder in folders.items():
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"A worker does not see {folder}. Pass as {name} a folder that all workers see.")
    start_keras()
