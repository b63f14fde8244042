"""What does a training need? It can be sent to another process, and knows nothing of Keras."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from balanced_nn._data.dataset import MAX_COPIES
from balanced_nn._network.network import Network
from balanced_nn._training.preparation import Plan


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """Everything that a training needs, except for the learning rate."""

    plan: Plan
    initial: Network  # drawn for this attempt
    seed: int  # of the batches and the dropout masks

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one is filled from the next epoch's rows.

        Where rows are repeated, an epoch is a part of them in which each row comes about once.
        """
        rows = self.plan.epoch
        return ceil(len(rows) / (min(rows.copies, MAX_COPIES) * self.plan.training.batch_size))

    def to_send(self) -> "TrainingTask":
        """Return what another process needs of it: where the training rows are on disk, none of those in memory."""
        return self if self.plan.buckets is None else self.without_rows()

    def without_rows(self) -> "TrainingTask":
        """Return the same without the matrix of the training rows in memory."""
        data = replace(self.plan.data, X=np.empty((0, self.plan.data.X.shape[1]), np.float32))
        return replace(self, plan=replace(self.plan, data=data))
