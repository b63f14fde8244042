"""What does somebody who follows a fit get to know, and when?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from balanced_nn._typing import History


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
    """Somebody who follows a fit: each network in turn, and of each network at least one training."""

    def training_begins(self, training: Training) -> None:
        """Take notice of a training before its first epoch."""

    def epoch_ends(self, epoch: Epoch) -> bool:
        """Take notice of an epoch, and say whether this training should end here."""

    def training_ends(self, history: History) -> None:
        """Take notice of a training that has ended."""

    def network_ends(self) -> bool:
        """Take notice of a network whose last training has ended, and say whether no further one is wanted."""


@dataclass(frozen=True)
class Watchers:
    """Several that follow the same fit; without any, nobody does."""

    each: Sequence[Watcher] = ()

    def training_begins(self, training: Training) -> None:
        """Tell each of a training that begins."""
        for watcher in self.each:
            watcher.training_begins(training)

    def epoch_ends(self, epoch: Epoch) -> bool:
        """Tell each of an epoch; one is enough to end the training."""
        wishes = [watcher.epoch_ends(epoch) for watcher in self.each]
        return any(wishes)

    def training_ends(self, history: History) -> None:
        """Tell each of a training that has ended."""
        for watcher in self.each:
            watcher.training_ends(history)

    def network_ends(self) -> bool:
        """Tell each of a network that is finished; one is enough to want no further one."""
        wishes = [watcher.network_ends() for watcher in self.each]
        return any(wishes)


NOBODY = Watchers()
