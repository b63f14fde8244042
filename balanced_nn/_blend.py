"""What does the mean of the later weights know that the best epoch does not? Weighed on held-out rows, and added."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import minimize

from balanced_nn._correction import Correction, natural_log_loss
from balanced_nn._data import thin_out
from balanced_nn._network import FittedNetwork, State
from balanced_nn._specs import FloatArray, IntArray

SHARE_SD = 0.25  # standard deviation of a normal prior on each share, around 1 of the best epoch and 0 of the mean
DECIMALS = 2  # of a share; what rounds to 0 is left out
PRECISE = {"ftol": 1e-13, "gtol": 1e-8}
WEIGHED_ROWS = 5_000  # of each class and network, at most, on which shares are found

Shares: TypeAlias = tuple[float, float]  # of the best epoch, and of the mean of the later weights


@dataclass(frozen=True, eq=False)
class Pair:
    """Two states of one training, and the held-out rows that they are judged on.

    Parameters
    ----------
    best, average : State
        That of the best epoch, and the mean of the weights of later epochs.
    correction : Correction
        What training did to the probabilities; the same for both.
    y : ndarray of shape (n_samples,)
        Class indices of the held-out rows.
    weight : ndarray of shape (n_samples,)
        Their weights.
    """

    best: State
    average: State
    correction: Correction
    y: IntArray
    weight: FloatArray

    def joined(self, shares: Shares) -> State:
        """One network that does the work of both."""
        shift = self._shift(shares)
        outputs = _mixed(self.best.outputs, self.average.outputs, shares, shift)
        return State(side_by_side(self.best.network, self.average.network, shares, shift), outputs)

    def thinned(self) -> "Pair":
        """The same with at most so many rows as are needed to find two shares."""
        rows, weight = thin_out(self.y, self.weight, WEIGHED_ROWS)
        best, average = (replace(state, outputs=state.outputs[rows]) for state in (self.best, self.average))
        return replace(self, best=best, average=average, y=self.y[rows], weight=weight)

    def loss(self, shares: Shares) -> float:
        """Summed natural log-loss of the held-out rows, in nats."""
        outputs = _mixed(self.best.outputs, self.average.outputs, shares, self._shift(shares))
        return len(self.y) * natural_log_loss(self.correction.log_posterior(outputs), self.y, self.weight)

    def _shift(self, shares: Shares) -> FloatArray:
        """What keeps an output in its place that says nothing, whatever the shares sum to."""
        silent = np.log(self.correction.fed_prior) - self.correction.logit_offset
        if self.best.outputs.shape[1] == 1:
            silent = np.diff(silent)
        return (1.0 - sum(shares)) * silent


def _mixed(best: FloatArray, average: FloatArray, shares: Shares, shift: FloatArray) -> FloatArray:
    return shares[0] * best.astype(np.float64) + shares[1] * average.astype(np.float64) + shift


def find_shares(pairs: Sequence[Pair]) -> Shares:
    """Find by how much the outputs of both states are multiplied, the same for all networks.

    They have the highest posterior probability on the held-out rows: log-loss plus normal priors.

    Parameters
    ----------
    pairs : sequence of Pair
        One for each network, with the rows that it was not trained on.

    Returns
    -------
    tuple of float
        (1, 0) where the mean of the weights adds nothing.

    Notes
    -----
    A network that has gone on after its best epoch is too bold, and its log-loss is high; yet it may order the rows
    better. Added with a small share, its boldness does no harm.

    References
    ----------
    .. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.
    .. [2] P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018.
    """
    seen = [pair.thinned() for pair in pairs]

    def loss(shares: FloatArray) -> float:
        best, average = shares.tolist()
        surprise = ((best - 1.0) ** 2 + average**2) / (2.0 * SHARE_SD**2)
        return sum(pair.loss((best, average)) for pair in seen) + surprise

    # One share can make up for the other, so that their sum is found quickly and the rest slowly: with differences on
    # one side, an earlier end, or more digits, the last bits of the outputs would decide.
    found = minimize(loss, [1.0, 0.0], bounds=[(0.0, None)] * 2, method="L-BFGS-B", jac="3-point", options=PRECISE)
    best, average = found.x.round(DECIMALS).tolist()
    return (best, average) if average > 0.0 else (1.0, 0.0)


def side_by_side(one: FittedNetwork, other: FittedNetwork, shares: Shares, shift: FloatArray) -> FittedNetwork:
    """Return the network whose output is the sum of the outputs of two, times their shares, plus `shift`.

    Parameters
    ----------
    one, other : FittedNetwork
        Networks of the same architecture.
    shares : tuple of float
        What their outputs are multiplied by.
    shift : ndarray of shape (n_outputs,)
        Added to the sum.

    Returns
    -------
    FittedNetwork
        With twice as many units in each hidden layer, those of `one` first; no unit reads one of the other network.
    """
    *hidden, kernels, biases = zip(one.arrays(), other.arrays(), strict=True)
    arrays = [_beside(*both, first=number == 0) for number, both in enumerate(hidden)]
    scaled = [share * kernel for share, kernel in zip(shares, kernels, strict=True)]
    kernel = np.concatenate(scaled) if hidden else scaled[0] + scaled[1]
    bias = shares[0] * biases[0] + shares[1] * biases[1] + shift
    spec = replace(one.spec, hidden_layer_sizes=tuple(2 * size for size in one.spec.hidden_layer_sizes))
    return FittedNetwork.from_arrays(spec, (array.astype(np.float32) for array in (*arrays, kernel, bias)))


def _beside(one: FloatArray, other: FloatArray, *, first: bool) -> FloatArray:
    """Put arrays of a hidden layer beside one another; kernels behind the first layer read their own units only."""
    if one.ndim == 1 or first:
        return np.concatenate([one, other], axis=-1)
    return block_diag(one, other)
