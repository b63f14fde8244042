"""What gives the answers? Networks, with the steps before and after each, and the mean of their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from balanced_nn._data.table import Table
from balanced_nn._network.network import Network
from balanced_nn._network.specs import History
from balanced_nn._network.stack import Stack, stack_networks
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._probability.calibration import Calibration
from balanced_nn._probability.correction import Correction, log_softmax
from balanced_nn._typing import FloatArray, IntArray

FEW_ROWS = 4  # up to which one pass over the stacked networks is faster than the networks one after the other


@dataclass(frozen=True, eq=False)
class Member:
    """One network of an ensemble, with the steps before and after it.

    Parameters
    ----------
    preprocessing : Preprocessing
        From a table to the matrix that the network reads; its statistics are those of the network's training rows.
    network : Network
        The weights as arrays, and the forward pass over them.
    correction : Correction
        What training did to the probabilities.
    history : History
        How training went.
    attempts : tuple of History
        The same of every attempt, in their order: `history` is the one that was kept.
    """

    preprocessing: Preprocessing
    network: Network
    correction: Correction = field(repr=False)
    history: History
    attempts: tuple[History, ...] = field(repr=False)

    def features(self, table: Table, rows: IntArray | None = None) -> FloatArray:
        """Matrix that the network reads, float32; None means all rows."""
        return self.preprocessing.expand(self.preprocessing.clean(table, rows))

    def scores(self, table: Table, rows: IntArray | None = None) -> FloatArray:
        """Log-probabilities at uniform class frequencies, of shape (n_rows, n_classes); None means all rows."""
        return self.correction.log_posterior(self.network.logits(self.features(table, rows)))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """An ensemble of networks, and its calibration.

    Parameters
    ----------
    members : tuple of Member
        At least one.
    calibration : Calibration
        The same for all.
    natural_prior : ndarray of shape (n_classes,)
        Class frequencies of the training data, at which the networks are averaged.
    """

    members: tuple[Member, ...]
    calibration: Calibration
    natural_prior: FloatArray

    def log_proba(self, table: Table, prior: FloatArray) -> FloatArray:
        """Logarithm of the mean of the networks' probabilities, corrected to the class frequencies `prior`."""
        return self.combine([member.scores(table) for member in self.members], prior)

    def log_proba_of_few(self, table: Table, prior: FloatArray) -> FloatArray:
        """The same for some rows alone, up to rounding: in one pass over all networks, where there are few."""
        stack = self._stack if len(table) <= FEW_ROWS else None
        return self.log_proba(table, prior) if stack is None else self.combine(stack.scores(table), prior)

    @cached_property
    def _stack(self) -> Stack | None:
        """The same whichever thread builds it first; not pickled."""
        members = self.members
        return stack_networks(
            [member.preprocessing for member in members],
            [member.network for member in members],
            [member.correction for member in members],
        )

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def combine(self, scores: Sequence[FloatArray] | FloatArray, prior: FloatArray) -> FloatArray:
        """The same from what each network scores, as :meth:`Member.scores` returns it."""
        each = self.calibration.log_posterior(np.asarray(scores), self.natural_prior)
        mean: FloatArray = each[0]
        if len(each) > 1:  # rounding may lift the mean of numbers near 1 above 1
            mean = np.minimum(np.logaddexp.reduce(each, axis=0) - np.log(len(each)), 0.0)
        if prior is self.natural_prior or np.array_equal(prior, self.natural_prior):
            return mean
        return log_softmax(mean + np.log(prior / self.natural_prior))
