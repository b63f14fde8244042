"""Which classifiers are asked for probabilities? Other libraries' as their users write them, and calibrators."""

from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Any, ClassVar, Self

import joblib
import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.class_weight import compute_class_weight

CALIBRATORS = ("isotonic", "sigmoid", "temperature")
MAX_CATEGORIES = 50  # one-hot columns of a feature; the rarer categories share one
FOLDS = 5  # default of CalibratedClassifierCV
LEARNING_RATE, PATIENCE, MAX_EPOCHS, VALIDATION_FRACTION, BATCH_SIZE = 1e-3, 5, 100, 0.2, 32
STEPS_PER_EXECUTION = 32  # gives bit-identical weights in less time


# A fit that is made once


class Remembered(ClassifierMixin, BaseEstimator):
    """Fits an estimator unless this process has fitted an equal one to the same rows.

    It changes no result: each estimator here carries its seed, so that a second fit would be the first again. The
    three calibrators of a classifier split its rows into the same folds, and so share five fits. `timed` counts each
    fit in full wherever it is used.
    """

    memory: ClassVar[dict[str, tuple[Any, float]]] = {}  # fitted estimators, and seconds that the fit took
    saved: ClassVar[float] = 0.0  # seconds that the fits since the start of `timed` would have taken

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: pd.DataFrame, y: NDArray) -> Self:
        start = process_time()
        key = joblib.hash([self.estimator, pd.util.hash_pandas_object(X, index=False).to_numpy(), y])
        if key not in self.memory:
            fit_start = process_time()
            fitted = clone(self.estimator).fit(X, y)
            self.memory[key] = (fitted, process_time() - fit_start)
        self.estimator_, seconds = self.memory[key]
        self.classes_ = self.estimator_.classes_
        Remembered.saved += seconds - (process_time() - start)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        return self.estimator_.predict_proba(X)

    def predict(self, X: pd.DataFrame) -> NDArray:
        return self.estimator_.predict(X)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds of a call, as if it had made each fit that was remembered.

    Processor time, which other work on the machine does not lengthen; on one thread it is what a clock would show.
    """
    Remembered.saved = 0.0
    start = process_time()
    result = call()
    return result, process_time() - start + Remembered.saved


# Networks


class KerasMLP(ClassifierMixin, BaseEstimator):
    """The Keras network of the tutorials, for any number of classes."""

    def __init__(self, class_weight: str | None = None, random_state: int = 0) -> None:
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: NDArray, y: NDArray) -> Self:
        import keras

        self.classes_, codes = np.unique(y, return_inverse=True)
        inputs = np.asarray(X, dtype=np.float32)
        train, valid = self._hold_out(codes)
        keras.utils.set_random_seed(self.random_state)
        model = self._network(inputs.shape[1])
        history = model.fit(
            inputs[train],
            codes[train],
            validation_data=(inputs[valid], codes[valid]),  # unweighted, as class_weight leaves it
            class_weight=self._class_weight(codes[train]),
            epochs=MAX_EPOCHS,
            batch_size=BATCH_SIZE,
            callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)],
            verbose=0,
        )
        self.n_iter_ = len(history.history["loss"])
        self.weights_ = model.get_weights()
        return self

    def predict_proba(self, X: NDArray) -> NDArray[np.float64]:
        """What ``model.predict`` computes, without the second that it takes to compile."""
        rows = np.asarray(X, dtype=np.float32)
        *hidden, (kernel, bias) = zip(self.weights_[::2], self.weights_[1::2], strict=True)
        for hidden_kernel, hidden_bias in hidden:
            rows = np.maximum(rows @ hidden_kernel + hidden_bias, 0.0)
        logits = rows @ kernel + bias
        if logits.shape[1] == 1:
            positive = expit(logits[:, 0]).astype(np.float64)
            return np.column_stack([1.0 - positive, positive])
        return softmax(logits, axis=1).astype(np.float64)

    def predict(self, X: NDArray) -> NDArray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _network(self, n_inputs: int) -> Any:
        import keras

        binary = len(self.classes_) == 2
        output = (
            keras.layers.Dense(1, activation="sigmoid")
            if binary
            else keras.layers.Dense(len(self.classes_), activation="softmax")
        )
        hidden = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(64, activation="relu")]
        model = keras.Sequential([keras.Input((n_inputs,)), *hidden, output])
        model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss="binary_crossentropy" if binary else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        return model

    def _class_weight(self, codes: NDArray[np.intp]) -> dict[int, float] | None:
        if self.class_weight is None:
            return None
        present = np.unique(codes)
        weights = compute_class_weight(self.class_weight, classes=present, y=codes)
        return dict(zip(present.tolist(), weights.tolist(), strict=True))

    def _hold_out(self, codes: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Training and validation rows, stratified; the row of a class that has only one is trained on."""
        single = np.bincount(codes)[codes] == 1
        rows = np.flatnonzero(~single)
        n_valid = max(round(VALIDATION_FRACTION * len(rows)), len(np.unique(codes[rows])))
        train, valid = train_test_split(rows, test_size=n_valid, stratify=codes[rows], random_state=self.random_state)
        return np.concatenate([train, np.flatnonzero(single)]), valid


class SmallClassSMOTE(BaseEstimator):
    """SMOTE with as many neighbours as the rarest class allows; of a single row it can only make copies."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit_resample(self, X: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        rarest = int(np.unique(y, return_counts=True)[1].min())
        if rarest == 1:
            return RandomOverSampler(random_state=self.random_state).fit_resample(X, y)
        return SMOTE(k_neighbors=min(5, rarest - 1), random_state=self.random_state).fit_resample(X, y)


def columns_of_categories(X: pd.DataFrame) -> list[str]:
    """Whatever is not a number: categories, strings, booleans."""
    is_number = pd.api.types.is_numeric_dtype
    is_bool = pd.api.types.is_bool_dtype
    return [name for name in X if is_bool(X[name]) or not is_number(X[name])]


def preprocessor(X: pd.DataFrame) -> ColumnTransformer:
    """Numbers imputed and standardised, everything else one-hot."""
    categories = columns_of_categories(X)
    numbers = [name for name in X if name not in categories]
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=MAX_CATEGORIES, sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("categories", one_hot, categories),
        ]
    )


def keras_mlp(X: pd.DataFrame, seed: int, class_weight: str | None) -> Any:
    return make_pipeline(preprocessor(X), KerasMLP(class_weight, seed))


def smote_mlp(X: pd.DataFrame, seed: int) -> Any:
    return make_sampling_pipeline(preprocessor(X), SmallClassSMOTE(seed), MLPClassifier(random_state=seed))


# Trees


def lightgbm(X: pd.DataFrame, seed: int, class_weight: str | None) -> Any:
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(class_weight=class_weight, n_jobs=1, random_state=seed, verbose=-1)
    return make_pipeline(FunctionTransformer(table_for_lightgbm), model)


def table_for_lightgbm(X: pd.DataFrame) -> pd.DataFrame:
    """Categories by dtype, and names without the characters of JSON, which LightGBM refuses."""
    table = X.astype(dict.fromkeys(columns_of_categories(X), "category"))
    return table.set_axis([f"column_{i}" for i in range(X.shape[1])], axis=1)


def catboost(X: pd.DataFrame, seed: int, class_weight: str | None) -> Any:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(
        auto_class_weights=class_weight,
        cat_features=columns_of_categories(X),
        random_seed=seed,
        thread_count=1,
        verbose=0,
        allow_writing_files=False,
    )
    return make_pipeline(FunctionTransformer(table_for_catboost), model)


def table_for_catboost(X: pd.DataFrame) -> pd.DataFrame:
    """Categories as strings, which must not be missing."""
    texts = {name: X[name].astype(object).where(X[name].notna(), "missing").astype(str) for name in X}
    return X.assign(**{name: texts[name] for name in columns_of_categories(X)})


# By name

NETWORKS: dict[str, Callable[[pd.DataFrame, int], Any]] = {
    "Keras MLP": partial(keras_mlp, class_weight=None),
    "Keras MLP, class weights": partial(keras_mlp, class_weight="balanced"),
    "SMOTE + MLP": smote_mlp,
}
TREES: dict[str, Callable[[pd.DataFrame, int], Any]] = {
    "LightGBM": partial(lightgbm, class_weight=None),
    "LightGBM, balanced": partial(lightgbm, class_weight="balanced"),
    "CatBoost": partial(catboost, class_weight=None),
    "CatBoost, balanced": partial(catboost, class_weight="Balanced"),
}
CALIBRATED = {f"{name} + {method}": (name, method) for name in NETWORKS for method in CALIBRATORS}
PEERS = tuple(
    name for network in NETWORKS for name in (network, *(f"{network} + {method}" for method in CALIBRATORS))
) + tuple(TREES)


def build_peer(name: str, X: pd.DataFrame, seed: int, rarest: int) -> Any:
    """A peer for a table, or None where its calibration would need more rows of the rarest class than the one there."""
    if name in TREES:
        return TREES[name](X, seed)
    network, method = CALIBRATED.get(name, (name, None))
    model = Remembered(NETWORKS[network](X, seed))
    if method is None:
        return model
    return CalibratedClassifierCV(model, method=method, cv=min(FOLDS, rarest)) if rarest > 1 else None
