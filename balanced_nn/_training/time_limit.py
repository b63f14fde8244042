"""When does a fit with a time limit end? Each network gets its share of what is left."""

from math import ceil, inf
from time import monotonic

from sklearn.exceptions import ConvergenceWarning

from balanced_nn._network.specs import History
from balanced_nn._training.callbacks import Epoch, Training

MAX_TIME = "max_time"  # why a training ended


def network_ends_at(now: float, end: float, networks_left: int, n_jobs: int = 1) -> float:
    """Return until when a network may be trained: it and those after it share what is left evenly.

    Parameters
    ----------
    now, end : float
        When it begins, and when the fit has to end, in seconds.
    networks_left : int
        How many networks have not begun before it, it among them.
    n_jobs : int, default=1
        Networks that are trained at the same time.

    Examples
    --------
    >>> network_ends_at(10.0, 30.0, 4), network_ends_at(10.0, 30.0, 4, n_jobs=2)
    (15.0, 20.0)
    >>> network_ends_at(31.0, 30.0, 1)
    31.0
    """
    return now + max(0.0, end - now) / ceil(networks_left / n_jobs)


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
    n_jobs : int
        Networks that are trained at the same time.
    """

    def __init__(self, seconds: float | None, began: float, n_networks: int, n_jobs: int) -> None:
        self._seconds = inf if seconds is None else seconds
        self._end = began + self._seconds
        self._n_networks, self._n_jobs = n_networks, n_jobs
        self._ends: dict[int, float] = {}  # of the networks that have begun
        self._n_kept = n_networks  # those that had begun when the time was over
        self._n_shortened = 0  # trainings

    def training_begins(self, training: Training) -> None:
        """Give the network its share; a repair has what is left of it."""
        if training.attempt == 0:
            networks_left = self._n_networks - training.network
            self._ends[training.network] = network_ends_at(monotonic(), self._end, networks_left, self._n_jobs)

    def epoch_ends(self, network: int, epoch: Epoch) -> str:
        """Say whether the share is used up."""
        return MAX_TIME if self._now() >= self._ends[network] else ""

    def training_ends(self, network: int, history: History) -> None:
        """Count the trainings that were cut short."""
        self._n_shortened += history.stop_reason == MAX_TIME and network < self._n_kept

    def network_ends(self, network: int) -> bool:
        """Say whether this is the last one: it is if no other had begun when the time was over."""
        self._now()
        return network >= self._n_kept - 1

    def _now(self) -> float:
        now = monotonic()
        if now >= self._end:
            self._n_kept = min(self._n_kept, len(self._ends))
        return now

    def notes(self) -> tuple[Warning, ...]:
        """What the limit cost; nothing where it was not reached."""
        n_skipped = self._n_networks - self._n_kept
        if not self._n_shortened and not n_skipped:
            return ()
        message = (
            f"max_time={self._seconds:g} seconds were over: {self._n_shortened} of the trainings ended early, and "
            f"{n_skipped} of {self._n_networks} networks were not trained. The best weights so far are kept. Give "
            "max_time more seconds, or train fewer networks (n_members)."
        )
        return (ConvergenceWarning(message),)
