"""Where between the best epoch and the mean of the last ones do the weights lie?"""

from collections.abc import Sequence

import numpy as np

from balanced_nn._network.network import Network
from balanced_nn._typing import FloatArray

FIRST_EPOCH = 4  # whose weights are in the mean
NEWEST = 0.2  # weight of the newest epoch in the running mean, from its fifth on
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the way from the best epoch to the mean, tried one after the other
SMALLEST_GAIN = 1.0  # nats, in the summed log-loss of the held-out rows: what one more number gains by chance


class WeightMean:
    """The mean of the weights of the last epochs: of all at first, then a running one."""

    def __init__(self, like: Network | None = None, arrays: Sequence[FloatArray] = (), n_epochs: int = 0) -> None:
        self._like = like if arrays else None  # of the same architecture
        self.arrays = list(arrays)  # float64
        self.n_epochs = n_epochs

    def add(self, network: Network) -> None:
        """Take in the weights of one more epoch, if they are finite."""
        if not network.is_finite:
            return
        self.n_epochs += 1
        if self._like is None:
            self._like, self.arrays = network, [array.astype(np.float64) for array in network.arrays()]
        share = max(1.0 / self.n_epochs, NEWEST)
        for mean, array in zip(self.arrays, network.arrays(), strict=True):
            mean += share * (array - mean)

    def network(self) -> Network | None:
        """Return the mean as a network, or None of fewer than two epochs."""
        if self._like is None or self.n_epochs < 2:
            return None
        return self._like.with_arrays(array.astype(np.float32) for array in self.arrays)


def between(one: Network, other: Network, share: float) -> Network:
    """Return the network whose weights lie between those of two, `share` of the way from `one` to `other`.

    Parameters
    ----------
    one, other : Network
        Two states of one training. Of two trainings, the units would not correspond.
    share : float
        In [0, 1].

    References
    ----------
    .. [1] P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018.
    """
    pairs = zip(one.arrays(), other.arrays(), strict=True)
    return one.with_arrays((a + np.float32(share) * (b - a) for a, b in pairs))
