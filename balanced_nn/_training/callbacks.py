"""What does an observer of a fit learn, and when?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sklearn.base import BaseEstimator

from balanced_nn._causes.repair import MAX_REPAIRS
from balanced_nn._network.specs import History

CALLBACK = "callback"  # why a training ended


@dataclass(frozen=True)
class Training:
    """A training that begins."""

    network: int  # from 0
    attempt: int  # from 0; further ones are repairs
    learning_rate: float
    max_epochs: int


@dataclass(frozen=True)
class Epoch:
    """An epoch that has ended; the numbers of held-out rows are None where none were held out."""

    number: int  # from 1
    train_loss: float  # nats
    validation_loss: float | None  # nats
    validation_balanced_accuracy: float | None  # fraction


class Watcher(Protocol):
    """An observer of a fit, whose networks are numbered from 0; of each there is at least one training.

    Networks that are trained at the same time are told of as things happen, always in the thread that called `fit`.
    """

    def training_begins(self, training: Training) -> None:
        """Take notice of a training before its first epoch."""

    def epoch_ends(self, network: int, epoch: Epoch) -> str:
        """Take notice of an epoch, and say why this training should end here; nothing where it should not."""

    def training_ends(self, network: int, history: History) -> None:
        """Take notice of a training that has ended."""

    def network_ends(self, network: int) -> bool:
        """Take notice of a network whose last training has ended, and say whether no further one is wanted."""


@dataclass(frozen=True)
class Watchers:
    """Several that follow the same fit; without any, nobody does."""

    each: Sequence[Watcher] = ()

    def training_begins(self, training: Training) -> None:
        """Tell each of a training that begins."""
        for watcher in self.each:
            watcher.training_begins(training)

    def epoch_ends(self, network: int, epoch: Epoch) -> str:
        """Tell each of an epoch; one is enough to end the training."""
        wishes = [watcher.epoch_ends(network, epoch) for watcher in self.each]
        return next(filter(None, wishes), "")

    def training_ends(self, network: int, history: History) -> None:
        """Tell each of a training that has ended."""
        for watcher in self.each:
            watcher.training_ends(network, history)

    def network_ends(self, network: int) -> bool:
        """Tell each of a network that is finished; one is enough to want no further one."""
        wishes = [watcher.network_ends(network) for watcher in self.each]
        return any(wishes)


NOBODY = Watchers()


@contextmanager
def call_back(estimator: BaseEstimator, n_networks: int, X: Any, y: Any, sample_weight: Any) -> Iterator[Watcher]:
    """Call the callbacks that are set on an estimator, or come from one around it, while the block runs.

    To them a fit is a tree of tasks: the fit holds its networks, a network its epochs and its repairs, a repair its
    epochs. At the end of the block the estimator is fitted. Before scikit-learn 1.9 there are no callbacks.

    Parameters
    ----------
    estimator : BalancedNNClassifier
        Its method `fit` is running, decorated with scikit-learn's context of a fit, which closes the callbacks.
    n_networks : int
        How many networks will be trained.
    X, y, sample_weight : object
        What `fit` was given.
    """
    if not hasattr(estimator, "_init_callback_context"):
        yield NOBODY
        return
    fit = estimator._init_callback_context(max_subtasks=n_networks)
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    fit.call_on_fit_task_begin(estimator=estimator, X=X, y=y, metadata=metadata)
    yield _Tasks(estimator, fit)
    fit.call_on_fit_task_end(estimator=estimator, X=X, y=y, metadata=metadata, reconstruction_attributes={})


class _Tasks:
    """Turns what happens in a fit into tasks that begin and end."""

    def __init__(self, estimator: BaseEstimator, fit: Any) -> None:
        self._estimator, self._fit = estimator, fit
        self._networks: dict[int, Any] = {}
        self._trainings: dict[int, Any] = {}  # of each network: the network itself, or one of its repairs

    def training_begins(self, training: Training) -> None:
        number = training.network
        if training.attempt == 0:
            repairs = MAX_REPAIRS if self._estimator.on_collapse == "repair" else 0
            self._networks[number] = self._begin(self._fit, f"network {number + 1}", training.max_epochs + repairs)
            self._trainings[number] = self._networks[number]
        else:
            name = f"repair {training.attempt}"
            self._trainings[number] = self._begin(self._networks[number], name, training.max_epochs)

    def epoch_ends(self, network: int, epoch: Epoch) -> str:
        return CALLBACK if self._end(self._begin(self._trainings[network], "epoch", 0)) else ""

    def training_ends(self, network: int, history: History) -> None:
        if self._trainings[network] is not self._networks[network]:
            self._end(self._trainings[network])

    def network_ends(self, network: int) -> bool:
        return self._end(self._networks[network])

    def _begin(self, parent: Any, name: str, n_tasks: int) -> Any:
        task = parent.subcontext(task_name=name, max_subtasks=n_tasks)
        task.call_on_fit_task_begin(estimator=self._estimator)
        return task

    def _end(self, task: Any) -> bool:
        return bool(task.call_on_fit_task_end(estimator=self._estimator))
