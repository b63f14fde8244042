"""Which classifiers is the quality of ours compared with? Each at its own defaults, as its users run it."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier, RUSBoostClassifier
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.class_weight import compute_sample_weight

from balanced_nn import BalancedNNClassifier
from benchmarks.probability.peers import NETWORKS, TREES, columns_of_categories, preprocessor

OURS = "BalancedNNClassifier"
TUNED = "BalancedNNClassifier, tuned"  # tuning.py; not at its defaults, hence not among the methods here
Build = Callable[[pd.DataFrame, int], Any]


def mlp(X: pd.DataFrame, seed: int) -> Any:
    return make_pipeline(preprocessor(X), MLPClassifier(random_state=seed))


def oversampled_mlp(X: pd.DataFrame, seed: int) -> Any:
    return make_sampling_pipeline(
        preprocessor(X), RandomOverSampler(random_state=seed), MLPClassifier(random_state=seed)
    )


def logistic_regression(X: pd.DataFrame, seed: int) -> Any:
    return make_pipeline(preprocessor(X), LogisticRegression(class_weight="balanced", max_iter=1000))


def resampling_ensemble(X: pd.DataFrame, seed: int, kind: type) -> Any:
    return make_pipeline(preprocessor(X), kind(random_state=seed))


class OnItsTable(ClassifierMixin, BaseEstimator):
    """Hands each table to `model_` as `_table` makes it."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(self.model_.predict_proba(self._table(X)), dtype=np.float64)

    def predict(self, X: pd.DataFrame) -> NDArray:
        return self.model_.predict(self._table(X))

    @abstractmethod
    def _table(self, X: pd.DataFrame) -> pd.DataFrame:
        """What the model reads."""


class XGBoost(OnItsTable):
    """XGBoost on a data frame, categories by dtype."""

    def __init__(self, balanced: bool = False, random_state: int = 0) -> None:
        self.balanced = balanced
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: NDArray) -> "XGBoost":
        from xgboost import XGBClassifier

        self.model_ = XGBClassifier(enable_categorical=True, n_jobs=1, random_state=self.random_state)
        self.levels_ = {name: X[name].astype(str).astype("category").dtype for name in columns_of_categories(X)}
        weight = compute_sample_weight("balanced", y) if self.balanced else None
        self.model_.fit(self._table(X), y, sample_weight=weight)
        return self

    def _table(self, X: pd.DataFrame) -> pd.DataFrame:
        """Levels that were not trained on are missing."""
        return X.assign(**{name: X[name].astype(str).astype(levels) for name, levels in self.levels_.items()})


class OfPytabkit(OnItsTable):
    """A network of pytabkit behind the imputation that it asks for."""

    def __init__(self, name: str, random_state: int = 0) -> None:
        self.name = name
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: NDArray) -> "OfPytabkit":
        import pytabkit

        self.categories_ = columns_of_categories(X)
        numbers = [name for name in X if name not in self.categories_]
        self.impute_ = ColumnTransformer(
            [("numbers", SimpleImputer(strategy="median", keep_empty_features=True), numbers)],
            verbose_feature_names_out=False,
        ).set_output(transform="pandas")
        self.model_ = getattr(pytabkit, self.name)(device="cpu", n_threads=1, random_state=self.random_state)
        self.impute_.fit(X)
        self.model_.fit(self._table(X), y, cat_col_names=self.categories_)
        return self

    def _table(self, X: pd.DataFrame) -> pd.DataFrame:
        numbers = self.impute_.transform(X).astype(np.float32)
        return pd.concat([numbers, X[self.categories_].astype(str)], axis=1)


def of_pytabkit(X: pd.DataFrame, seed: int, name: str) -> Any:
    return OfPytabkit(name, seed)


def xgboost(X: pd.DataFrame, seed: int, balanced: bool) -> Any:
    return XGBoost(balanced, seed)


def ours(X: pd.DataFrame, seed: int) -> Any:
    return BalancedNNClassifier(random_state=seed)


NETWORK_METHODS: dict[str, Build] = {
    "Keras MLP": NETWORKS["Keras MLP"],
    "Keras MLP, class weights": NETWORKS["Keras MLP, class weights"],
    "MLPClassifier": mlp,
    "MLPClassifier, oversampling": oversampled_mlp,
    "MLPClassifier, SMOTE": NETWORKS["SMOTE + MLP"],
    "RealMLP-TD": partial(of_pytabkit, name="RealMLP_TD_Classifier"),
    "TabM-D": partial(of_pytabkit, name="TabM_D_Classifier"),
}
OTHER_METHODS: dict[str, Build] = {
    "Logistic regression, balanced": logistic_regression,
    "BalancedRandomForest": partial(resampling_ensemble, kind=BalancedRandomForestClassifier),
    "EasyEnsemble": partial(resampling_ensemble, kind=EasyEnsembleClassifier),
    "RUSBoost": partial(resampling_ensemble, kind=RUSBoostClassifier),
    "xRFM-D": partial(of_pytabkit, name="XRFM_D_Classifier"),
    **TREES,
    "XGBoost": partial(xgboost, balanced=False),
    "XGBoost, balanced": partial(xgboost, balanced=True),
}
METHODS: dict[str, Build] = {OURS: ours, **NETWORK_METHODS, **OTHER_METHODS}
SLOW = ("RealMLP-TD", "TabM-D")  # one split is enough of a method at a minute or more a fit
