"""What does a search over `search_space` add to the default? The default with the best of twenty settings."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401, makes the next import possible
from sklearn.metrics import average_precision_score, log_loss, make_scorer
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV, StratifiedKFold

from balanced_nn import BalancedNNClassifier, search_space
from benchmarks.quality.peers import OURS, TUNED
from benchmarks.quality.statistics import RANKING

TUNING = "tuned"  # the table of these fits
N_CANDIDATES, FACTOR, N_FOLDS = 20, 3, 3
FURTHER_ROUNDS = (2, 1)  # of successive halving: after the first, with all, one with 7 and one with 3, or one with 7
ENOUGH = 2  # rows of each class in a fold
UNLIKELY = 0.001  # that a fold of the first round has fewer


class Tuned(ClassifierMixin, BaseEstimator):
    """The default with the parameters that a search with one network a candidate found best."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: NDArray[np.intp]) -> "Tuned":
        """Classes are coded 0, 1, ..."""
        candidate = BalancedNNClassifier(n_members=1, on_collapse="warn", random_state=self.random_state)
        search = search_for(candidate, search_space(X, y).distributions(), y, self.random_state).fit(X, y)
        self.best_params_ = search.best_params_
        self.model_ = BalancedNNClassifier(random_state=self.random_state, **search.best_params_).fit(X, y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        return self.model_.predict_proba(X)

    def predict(self, X: pd.DataFrame) -> NDArray:
        return self.model_.predict(X)


def tuned(X: pd.DataFrame, seed: int) -> Any:
    return Tuned(seed)


def search_for(estimator: Any, distributions: Mapping[str, Any], y: NDArray[np.intp], seed: int) -> Any:
    """Successive halving over the rows where the rarest class has enough of them, else a search on all rows."""
    counts = np.bincount(y)
    settings = {
        "scoring": scorer_for(counts),
        "cv": StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed),
        "error_score": np.nan,  # a candidate that fails is no candidate
        "refit": False,
        "random_state": seed,
    }
    first = rows_of_first_round(counts.tolist())
    if first is None:
        return RandomizedSearchCV(estimator, distributions, n_iter=N_CANDIDATES, **settings)
    return HalvingRandomSearchCV(
        estimator, distributions, n_candidates=N_CANDIDATES, factor=FACTOR, min_resources=first, **settings
    )


def rows_of_first_round(counts: Sequence[int]) -> int | None:
    """Rows to start from so that the last round has all of them; None where a fold might hold too few of a class.

    Halving draws the rows of a fold without regard to their classes.
    """
    n_rows, rarest = sum(counts), min(counts)
    for rounds in FURTHER_ROUNDS:
        first = n_rows // FACTOR**rounds
        too_few = hypergeom.cdf(ENOUGH - 1, n_rows // N_FOLDS, rarest // N_FOLDS, first // N_FOLDS)
        if too_few < UNLIKELY:
            return first
    return None


def scorer_for(counts: NDArray[np.intp]) -> Any:
    """Average precision of the rarer of two classes; of more, the log-loss."""
    if len(counts) > 2:
        return partial(negative_log_loss, n_classes=len(counts))
    return make_scorer(average_precision_score, response_method="predict_proba", pos_label=int(counts.argmin()))


def negative_log_loss(estimator: Any, X: Any, y: NDArray[np.intp], n_classes: int) -> float:
    """A scorer that knows the classes which a fold lacks."""
    proba = np.zeros((len(y), n_classes))
    proba[:, estimator.classes_] = estimator.predict_proba(X)
    return -float(log_loss(y, proba, labels=np.arange(n_classes)))


def beside_default(fits: pd.DataFrame) -> pd.DataFrame:
    """Fits of the tuned one, and those of the default to the tables of the ranking."""
    is_default = (fits["method"] == OURS) & (fits["table"] == RANKING)
    is_tuned = (fits["method"] == TUNED) & fits["table"].isin([RANKING, TUNING])
    return fits[is_default | is_tuned].drop_duplicates(["set", "seed", "method"], keep="last")
