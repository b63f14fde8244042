"""When does a fit with a time limit end? Each network gets its share of what is left."""

from math import inf
from time import monotonic

from sklearn.exceptions import ConvergenceWarning

from balanced_nn._network.specs import History
from balanced_nn._training.callbacks import Epoch, Training

MAX_TIME = "max_time"  # why a training ended


def network_ends_at(now: float, end: float, networks_left: int) -> float:
    """Return until when a network may be trained: it and those after it share what is left evenly.

    Parameters
    ----------
    now, end : float
        When it begins, and when the fit has to end, in seconds.
    networks_left : int
        How many networks are not trained yet, it among them.

    Examples
    --------
    >>> network_ends_at(10.0, 30.0, 4)
    15.0
    >>> network_ends_at(31.0, 30.0, 1)
    31.0
    """
    return now + max(0.0, end - now) / networks_left


class TimeLimit:
    """A watcher that ends the training of a network with its share, repairs included, and the fit with its time.

    Parameters
    ----------
    seconds : float or None
        For the whole fit; None sets no limit. The first network is trained for an epoch at least.
    began : float
        When the fit began, by ``time.monotonic``.
    n_networks : int
        How many networks are wanted.
    """

    def __init__(self, seconds: float | None, began: float, n_networks: int) -> None:
        self._seconds, self._n_networks = inf if seconds is None else seconds, n_networks
        self._network_end = self._end = began + self._seconds
        self._n_trained = self._n_shortened = 0  # networks, trainings
        self._is_over = False

    def training_begins(self, training: Training) -> None:
        """Give the network its share; a repair has what is left of it."""
        if training.attempt == 0:
            networks_left = self._n_networks - training.network
            self._network_end = network_ends_at(monotonic(), self._end, networks_left)

    def epoch_ends(self, epoch: Epoch) -> str:
        """Say whether the share is used up."""
        return MAX_TIME if monotonic() >= self._network_end else ""

    def training_ends(self, history: History) -> None:
        """Count the trainings that were cut short."""
        self._n_shortened += history.stop_reason == MAX_TIME

    def network_ends(self) -> bool:
        """Say whether there is no time for a further network."""
        self._n_trained += 1
        self._is_over = monotonic() >= self._end
        return self._is_over

    def notes(self) -> tuple[Warning, ...]:
        """What the limit cost; nothing where it was not reached."""
        n_skipped = self._n_networks - self._n_trained if self._is_over else 0
        if not self._n_shortened and not n_skipped:
            return ()
        message = (
            f"max_time={self._seconds:g} seconds were over: {self._n_shortened} of the trainings ended early, and "
            f"{n_skipped} of {self._n_networks} networks were not trained. The best weights so far are kept. Give "
            "max_time more seconds, or train fewer networks (n_members)."
        )
        return (ConvergenceWarning(message),)
