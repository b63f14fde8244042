"""What has a training reached, and is it time to stop? Its curves, and its best network so far."""

from dataclasses import astuple

import numpy as np

from balanced_nn._data.dataset import Dataset
from balanced_nn._network.network import Network
from balanced_nn._network.specs import History, OptimizerState
from balanced_nn._network.weight_averaging import FIRST_EPOCH, WeightMean
from balanced_nn._probability.correction import Correction, balance, balanced_accuracy, natural_log_loss
from balanced_nn._training.callbacks import CALLBACK, Epoch
from balanced_nn._training.checkpoint import KeptTraining
from balanced_nn._training.keras.program import TrainingProgram
from balanced_nn._training.preparation import Plan
from balanced_nn._training.time_limit import MAX_TIME
from balanced_nn._typing import FloatArray


class Record:
    """The curves of one training, its best network so far, and whether it is time to stop."""

    def __init__(self, plan: Plan, initial: Network, learning_rate: float, steps_per_epoch: int) -> None:
        self._plan = plan
        self._steps_per_epoch = steps_per_epoch
        self._learning_rate = learning_rate
        self.best = initial
        self.best_outputs: FloatArray | None = None  # for the held-out rows; None where they have to be computed anew
        self._best_epoch = 0
        self._best_loss = np.inf
        self._reference_loss, self._reference_epoch = np.inf, 0  # the last improvement of more than tol
        self._tol = plan.training.tol * balance(plan.judged.y, plan.judged.weight)
        self._mean = WeightMean()
        self.epochs: list[Epoch] = []
        self.stop_reason = ""

    @property
    def has_ended(self) -> bool:
        """Whether there is no further epoch."""
        return bool(self.stop_reason) or len(self.epochs) >= self._plan.training.max_epochs

    def add(self, epoch: int, train_loss: float, program: TrainingProgram) -> None:
        """Record an epoch, after which `program` holds the network."""
        scores: tuple[float, float] | tuple[None, None] = (None, None)
        outputs = program.outputs(self._plan.judged.X) if self._plan.held_out else None
        if not (np.isfinite(train_loss) and (outputs is None or np.isfinite(outputs).all())):
            self.stop_reason = "diverged"
        elif outputs is None:
            self._keep(epoch, program.network(self.best), None)
        else:
            scores = self._compare(epoch, program, outputs)
        self.epochs.append(Epoch(epoch, train_loss, *scores))

    def _compare(
        self, epoch: int, program: TrainingProgram, outputs: FloatArray
    ) -> tuple[float, float] | tuple[None, None]:
        """Return loss and balanced accuracy of the held-out rows; none where the network diverged."""
        loss, accuracy = validation_scores(outputs, self._plan.judged, self._plan.correction)
        averaged = self._plan.training.average_weights and epoch >= FIRST_EPOCH
        better = loss < self._best_loss or not self._plan.training.keep_best
        network = program.network(self.best) if averaged or better else self.best
        if averaged:
            self._mean.add(network)
        if better:
            self._keep(epoch, network, outputs)
            if self.stop_reason:
                return None, None
            self._best_loss = loss
        if loss < self._reference_loss - self._tol:
            self._reference_loss, self._reference_epoch = loss, epoch
        if epoch - self._reference_epoch >= self._plan.training.patience:
            self.stop_reason = "patience"
        return loss, accuracy

    def _keep(self, epoch: int, network: Network, outputs: FloatArray | None) -> None:
        if network.is_finite:
            self.best, self._best_epoch, self.best_outputs = network, epoch, outputs
        else:
            self.stop_reason = "diverged"

    def mean(self) -> Network | None:
        """Return the mean of the weights of the last epochs, unless training ended because it diverged."""
        return None if self.stop_reason == "diverged" else self._mean.network()

    def history(self) -> History:
        """Return what was recorded."""
        return History(
            tuple(e.train_loss for e in self.epochs),
            tuple(e.validation_loss for e in self.epochs if e.validation_loss is not None),
            tuple(e.validation_balanced_accuracy for e in self.epochs if e.validation_balanced_accuracy is not None),
            self._learning_rate,
            self._best_epoch,
            len(self.epochs) * self._steps_per_epoch,
            self.stop_reason or "max_iter",
        )

    def write(self, kept: KeptTraining, network: Network, optimizer: OptimizerState) -> None:
        """Write down all of this, with the network and the optimizer that the next epoch goes on from."""
        values = {
            "epochs": [astuple(epoch) for epoch in self.epochs],
            "best": [self._best_epoch, float(self._best_loss)],
            "reference": [float(self._reference_loss), self._reference_epoch],
            "stop_reason": self.stop_reason,
            "n_mean": self._mean.n_epochs,
            "step": optimizer.step,
        }
        arrays = {
            "network": network.arrays(),
            "best": self.best.arrays(),
            "mean": self._mean.arrays,
            "first": optimizer.first_moments,
            "second": optimizer.second_moments,
        }
        kept.write(values, arrays)

    def read(self, kept: KeptTraining) -> tuple[Network, OptimizerState] | None:
        """Take over what was written down, and return network and optimizer; None where nothing was."""
        found = kept.read()
        if found is None:
            return None
        values, arrays = found
        self.epochs = [Epoch(*epoch) for epoch in values["epochs"]]
        self._best_epoch, self._best_loss = values["best"]
        self._reference_loss, self._reference_epoch = values["reference"]
        if values["stop_reason"] not in {CALLBACK, MAX_TIME}:  # these ended the fit that was killed, not this one
            self.stop_reason = values["stop_reason"]
        self.best = self.best.with_arrays(arrays["best"])
        self._mean = WeightMean(self.best, arrays.get("mean", ()), values["n_mean"])
        optimizer = OptimizerState(values["step"], tuple(arrays["first"]), tuple(arrays["second"]))
        return self.best.with_arrays(arrays["network"]), optimizer


def validation_scores(outputs: FloatArray, valid: Dataset, correction: Correction) -> tuple[float, float]:
    """Natural log-loss (nats) and balanced accuracy (fraction) of validation rows, from the raw outputs for them.

    However the network was balanced, the loss is that of its corrected probabilities.
    """
    log_proba = correction.log_posterior(outputs.astype(np.float64))
    loss = natural_log_loss(log_proba, valid.y, valid.weight)
    return loss, balanced_accuracy(log_proba.argmax(axis=1), valid.y, valid.weight)
