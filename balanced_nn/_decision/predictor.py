"""What does a fitted classifier answer with? Networks, class frequencies and rule as one value."""

from dataclasses import dataclass

import numpy as np

from balanced_nn._data.table import Table
from balanced_nn._decision.rule import DecisionRule
from balanced_nn._network.ensemble import Ensemble
from balanced_nn._preprocessing.dates import range_notes
from balanced_nn._preprocessing.encoding import type_notes
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._typing import FloatArray

BLOCK_BYTES = 2**21  # of the rows preprocessed at a time: bounded memory, and they stay in the cache


@dataclass(frozen=True, eq=False)
class Predictor:
    """All that a fitted classifier answers with; another decision or other class frequencies make another one.

    Parameters
    ----------
    ensemble : Ensemble
        The networks, their preprocessing and their corrections.
    prior : ndarray of shape (n_classes,)
        Class frequencies that the probabilities refer to.
    rule : DecisionRule
        How classes are answered.
    classes : ndarray of shape (n_classes,)
        Class labels.
    columns : tuple of str
        Names of the columns of a table.
    """

    ensemble: Ensemble
    prior: FloatArray
    rule: DecisionRule
    classes: np.ndarray
    columns: tuple[str, ...]

    @property
    def first(self) -> Preprocessing:
        """The preprocessing of the first network; which columns are categories is the same for all networks."""
        return self.ensemble.members[0].preprocessing

    def type_notes(self, table: Table) -> tuple[Warning, ...]:
        """What the user should know of columns whose type, or whose dates, are not those of the training rows."""
        networks = [member.preprocessing for member in self.ensemble.members]
        notes = type_notes(table, self.first.numeric_positions, [network.encodings for network in networks])
        return notes + range_notes(table, [network.dates for network in networks])

    def log_proba(self, table: Table) -> FloatArray:
        """Log-probabilities of shape (n_samples, n_classes), at most 0, computed block by block."""
        block = max(1, BLOCK_BYTES // (4 * max(1, self.first.width)))
        with np.errstate(under="ignore"):  # what float64 cannot hold is 0, whatever NumPy is set to
            if len(table) <= block:
                return self.ensemble.log_proba_of_few(table, self.prior)
            out = np.empty((len(table), len(self.classes)))
            for start in range(0, len(table), block):
                rows = slice(start, start + block)
                out[rows] = self.ensemble.log_proba(table.part(rows), self.prior)
            return out
