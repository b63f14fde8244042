"""On which rows is a decision shown, with which probabilities before and after their correction?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._data.labelled_rows import read_labelled
from balanced_nn._displays.decision_curves import Reliability, measure_reliability
from balanced_nn._probability.calibration import HeldOut
from balanced_nn._probability.correction import log_softmax
from balanced_nn._typing import FloatArray

OF_A_FIT = ("as trained", "corrected")  # probabilities before and after the correction


@dataclass(frozen=True, eq=False)
class SeenRows:
    """Rows with their probabilities before and after the correction."""

    rows: HeldOut
    prior: FloatArray
    before: FloatArray | None
    names: tuple[str, str]  # of the probabilities before and after

    def reliabilities(self, n_bins: int, positive: int) -> tuple[Reliability, ...]:
        weight = self.rows.weights_at(self.prior)
        both = zip(self.names, (self.before, np.exp(self.rows.log_proba_at(self.prior))), strict=True)
        return tuple(
            measure_reliability(name, proba, self.rows.y, weight, n_bins, positive=positive)
            for name, proba in both
            if proba is not None
        )


def rows_held_out(classifier: BalancedNNClassifier) -> SeenRows:
    """The rows that were held out; what calibration and priors did to them is undone for the time before."""
    rows, calibration = classifier._held_out, classifier._calibration_of_one
    if not len(rows.y):
        raise ValueError("partial_fit holds no rows out, so that there are none to show. Pass X and y.")
    priors = np.stack([member.correction.training_prior for member in classifier.members_])
    # scores are known up to a constant of each row, which the softmax takes away
    scores = calibration.temperature * (rows.scores.astype(np.float64) - calibration.intercepts)
    return SeenRows(rows, classifier.class_prior_, np.exp(log_softmax(scores + np.log(priors)[rows.network])), OF_A_FIT)


def rows_given(classifier: BalancedNNClassifier, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> SeenRows:
    """Rows of the caller, which all networks answer."""
    given = read_labelled(classifier, X, y, sample_weight, classifier.classes_)
    if len(classifier.classes_) == 2 and len(np.unique(given.y)) < 2:
        raise ValueError(
            f"y holds a single class, {given.names(given.y[:1])}; no threshold is better than another on its "
            "rows. Pass rows of both classes."
        )
    members, prior = classifier.members_, classifier.class_prior_
    each = [member.scores(given.table)[given.rows] for member in members]
    before = [
        np.exp(log_softmax(own + np.log(member.correction.training_prior)))
        for member, own in zip(members, each, strict=True)
    ]
    scores = classifier._predictor.ensemble.combine(each, prior) - np.log(prior)
    rows = HeldOut(scores, given.y, given.weight, in_training=False)
    return SeenRows(rows, prior, np.mean(before, axis=0), OF_A_FIT)
