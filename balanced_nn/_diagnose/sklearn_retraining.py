"""How is somebody's scikit-learn classifier trained again, with some things about it repaired?"""

import warnings
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from balanced_nn._causes.advise import CHANGES, ModelKind
from balanced_nn._causes.evidence import RepairAction
from balanced_nn._causes.remedies import is_same
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._collapse.predictions import read_answers
from balanced_nn._typing import Rows


def menu_of(model: Any, kind: ModelKind) -> tuple[RepairAction, ...]:
    """What can be mended about a model and changes something, from the cheapest to the most expensive."""
    if kind is ModelKind.KERAS:
        return tuple(RepairAction)
    table, settings = CHANGES.get(kind, {}), model.get_params(deep=False)

    def changes(action: RepairAction) -> bool:
        if action in table:
            return any(not is_same(settings[name], value) for name, value in table[action](settings).items())
        if action is RepairAction.BALANCE_CLASSES:
            return settings.get("class_weight", "balanced") is None or has_fit_parameter(model, "sample_weight")
        return action is RepairAction.SCALE_FEATURES

    return tuple(action for action in RepairAction if changes(action))


@dataclass(frozen=True, eq=False)
class SklearnTrainer:
    """Trains a clone of a classifier with a set of repairs, and judges it; the classifier is not changed.

    Parameters
    ----------
    model : estimator
        A classifier, fitted or not.
    kind : ModelKind
        Which parameters it has.
    X, y : array-like of shape (n_samples, n_features), array-like of shape (n_samples,)
        Rows to train on, and labels.
    X_val, y_val : array-like of shape (n_rows, n_features), array-like of shape (n_rows,)
        Rows to judge on.
    """

    model: Any
    kind: ModelKind
    X: Rows
    y: NDArray[Any]
    X_val: Rows
    y_val: NDArray[Any]

    def __call__(self, repairs: frozenset[RepairAction]) -> OutcomeReport:
        """Train with `repairs` and say what becomes of it."""
        model, fit_params = clone(self.model), {}
        table, settings = CHANGES.get(self.kind, {}), self.model.get_params(deep=False)
        for action in repairs:
            if action in table:
                model.set_params(**table[action](settings))
        if RepairAction.BALANCE_CLASSES in repairs and RepairAction.BALANCE_CLASSES not in table:
            if "class_weight" in settings:
                model.set_params(class_weight="balanced")
            elif has_fit_parameter(model, "sample_weight"):
                fit_params = {"sample_weight": compute_sample_weight("balanced", self.y)}
        if self.kind is ModelKind.OURS:
            # Repairs of its own would be credited to these, and a checkpoint is for the user's fits.
            model.set_params(on_collapse="ignore", checkpoint=None, warm_start=False)
        X, X_val = self.X, self.X_val
        if RepairAction.SCALE_FEATURES in repairs and RepairAction.SCALE_FEATURES not in table:
            scaler = StandardScaler(with_mean=not issparse(X)).fit(X)
            X, X_val = scaler.transform(X), scaler.transform(X_val)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the outcome tells
            warnings.simplefilter("ignore", RuntimeWarning)  # overflow, on the way to the error below
            try:
                model.fit(X, self.y, **fit_params)
            except ValueError as error:
                if "non-finite" not in str(error):  # so that MLPClassifier says that it diverged
                    raise
                model = DummyClassifier().fit(X, self.y)
        answers = read_answers(model, X_val, self.y_val)
        return find_outcome(answers.y, answers.proba, answers.predicted, prior=answers.prior)
