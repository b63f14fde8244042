"""Does what is exported answer as the estimator does, as a Keras model, as an ONNX model, and formula by formula?"""

import json
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier
from balanced_nn._export.formulas import keras_model, write_decision_scores, write_log_proba
from balanced_nn._export.onnx import onnx_model
from balanced_nn._network.network import FittedNetwork
from balanced_nn._preprocessing.preprocessing import fit_preprocessing
from balanced_nn._probability.calibration import Calibration
from balanced_nn._probability.correction import Correction, log_softmax
from tests.helpers.exports import heavy_and_many, mixed_table, plain_table, predictor_of, predictor_over, untrained

SCALERS = [None, "auto", "standard", "robust", "minmax", "quantile"]
KERAS_TOLERANCE = 2e-6
ONNX_TOLERANCE = 1e-9
LARGEST = float(np.finfo(np.float64).max)


def rows(seed: int, n_rows: int) -> np.ndarray:
    """Columns of very different scales, with missing cells, of numbers that are exact in float32."""
    X = np.random.default_rng(seed).normal(size=(n_rows, 5))
    X[:, 3] = np.round(X[:, 3])  # repeated values
    X[::9, 4] = np.nan
    return (X * [1.0, 1e6, 1e-6, 1.0, 30.0] + [0.0, 1e6, 0.0, 0.0, 1e3]).astype(np.float32).astype(np.float64)


X, X_NEW = rows(0, 300), rows(1, 100)
SCORE = X[:, 0] + (X[:, 1] - 1e6) / 1e6 - X[:, 2] * 1e6
Y = (SCORE > 1.2).astype(int)
Y3 = np.array(["b", "a", "c"])[Y + (X[:, 3] > 0)]


def small(**params: Any) -> BalancedNNClassifier:
    training = {"hidden_layer_sizes": (8,), "max_iter": 8, "batch_size": 32, "learning_rate_init": 0.03, "n_bins": 6}
    others = {"n_members": 1, "random_state": 0, "on_collapse": "ignore"}
    return BalancedNNClassifier(**{**training, **others, **params})


SETTINGS: dict[str, dict[str, Any]] = {
    **{f"scaler={name}": {"scaler": name} for name in SCALERS},
    "four members": {"n_members": 4, "sampler": "over"},
    "focal loss": {"loss": "focal", "label_smoothing": 0.1},
    "logit-adjusted loss": {"loss": "logit_adjusted", "class_weight": None},
    "SMOTE": {"sampler": "smote"},
    "undersampling": {"sampler": "under", "class_weight": "balanced"},
}


@cache
def fitted(name: str) -> BalancedNNClassifier:
    if name == "three classes":
        return small(n_members=2, loss="focal", label_smoothing=0.1).fit(X, Y3)
    return small(**SETTINGS[name]).fit(X, Y)


def run_onnx(model: Any, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    label, proba = session.run(["label", "probabilities"], {"X": table})
    return label, proba


# Whole models

MODELS = [*SETTINGS, "three classes"]


@pytest.mark.parametrize("name", MODELS)
def test_onnx_answers_as_the_estimator(name: str) -> None:
    clf = fitted(name)
    label, proba = run_onnx(clf.to_onnx(), X_NEW)
    assert np.ptp(proba[:, 1]) > 0.1
    np.testing.assert_allclose(proba, clf.predict_proba(X_NEW), atol=ONNX_TOLERANCE)
    np.testing.assert_array_equal(label, clf.predict(X_NEW))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saving
@pytest.mark.parametrize("name", ["scaler=None", "scaler=robust", "scaler=quantile", "four members", "three classes"])
def test_a_saved_keras_model_answers_as_the_estimator(name: str, tmp_path: Path) -> None:
    clf = fitted(name)
    clf.to_keras().save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    proba = model.predict(X_NEW.astype(np.float32), verbose=0)
    assert proba.dtype == np.float32
    np.testing.assert_allclose(proba, clf.predict_proba(X_NEW), atol=KERAS_TOLERANCE)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saving
def test_a_saved_keras_model_names_nothing_but_keras(tmp_path: Path) -> None:
    fitted("scaler=quantile").to_keras().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()

    def modules(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["module"]} if part.get("module") else set()
            return own.union(*map(modules, part.values()))
        return set().union(*map(modules, part)) if isinstance(part, list) else set()

    assert {module.partition(".")[0] for module in modules(json.loads(config))} == {"keras"}
    assert "Lambda" not in config


HEAVY, HEAVY_Y = heavy_and_many(400, 0)


@pytest.fixture(scope="module")
def screened() -> BalancedNNClassifier:
    """Two networks, which scale differently, with normal scores, bins of these, and weights of columns."""
    clf = small(n_members=2).fit(HEAVY, HEAVY_Y)
    parts = [member.preprocessing for member in clf.members_]
    assert [part.scaler.smooth for part in parts] == [False, True]
    for part in parts:
        assert part.scores.source.tolist() == [0, 1]
        assert 0 < part.weights.min() < 0.9 < part.weights.max()
        assert np.isin(part.bins.source, [40, 41]).any()
    assert clf.averaging_factor_ < 1.0
    return clf


def heavy_new() -> np.ndarray:
    """New rows, some of them beyond all that training saw."""
    new = heavy_and_many(100, 1)[0]
    new[:4, :2] = np.array([[1e30, 1e30], [-1e30, -1e30], [0.0, np.nan], [1e-30, -1e-30]], np.float32)
    return new


def test_onnx_answers_as_the_estimator_on_heavy_tails_and_many_columns(screened: BalancedNNClassifier) -> None:
    label, proba = run_onnx(screened.to_onnx(), heavy_new())
    assert np.ptp(proba[:, 1]) > 0.1
    np.testing.assert_allclose(proba, screened.predict_proba(heavy_new()), atol=ONNX_TOLERANCE)
    np.testing.assert_array_equal(label, screened.predict(heavy_new()))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saving
def test_a_saved_keras_model_answers_alike_on_heavy_tails_and_many_columns(
    screened: BalancedNNClassifier, tmp_path: Path
) -> None:
    screened.to_keras().save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    proba = model.predict(heavy_new().astype(np.float32), verbose=0)
    np.testing.assert_allclose(proba, screened.predict_proba(heavy_new()), atol=KERAS_TOLERANCE)


def test_exports_speak_of_the_class_frequencies_set_last() -> None:
    clf = small().fit(X, Y).set_prior({0: 0.5, 1: 0.5})
    label, proba = run_onnx(clf.to_onnx(), X_NEW)
    np.testing.assert_allclose(proba, clf.predict_proba(X_NEW), atol=ONNX_TOLERANCE)
    np.testing.assert_array_equal(label, clf.predict(X_NEW))
    np.testing.assert_allclose(clf.to_keras().predict(X_NEW, verbose=0), proba, atol=KERAS_TOLERANCE)


def test_the_calibration_is_exported() -> None:
    assert any(fitted(name).temperature_ != 1.0 for name in MODELS)


COSTS = [[0.0, 1.0, 5.0], [2.0, 0.0, 1.0], [9.0, 3.0, 0.0]]


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        *(("four members", decision) for decision in ("balanced", "argmax", 0.3, [[0, 1], [7, 0]], "f1")),
        *(("three classes", decision) for decision in ("balanced", "argmax", COSTS, "f1_macro")),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.DecisionWarning")
def test_onnx_follows_the_decision_set_last(name: str, decision: Any) -> None:
    clf = fitted(name).set_decision(decision)
    try:
        np.testing.assert_array_equal(run_onnx(clf.to_onnx(), X_NEW)[0], clf.predict(X_NEW))
    finally:
        clf.set_decision("balanced")


@pytest.mark.parametrize(
    "names",
    [np.array([False, True]), np.array([3, 7], np.uint8), np.array([0.0, 2.0]), np.array(["no", "ja ü"])],
    ids=str,
)
def test_onnx_answers_labels_of_every_kind(names: Any) -> None:
    clf = small().fit(X, np.asarray(names)[Y])
    label = run_onnx(clf.to_onnx(), X_NEW)[0]
    assert label.shape == (len(X_NEW),)
    np.testing.assert_array_equal(label, clf.predict(X_NEW))


def test_a_network_behind_a_transformer_is_exported_by_itself() -> None:
    pipeline = make_pipeline(StandardScaler(), small(scaler=None)).fit(X, Y)
    scaled = pipeline[:-1].transform(X_NEW)
    proba = run_onnx(pipeline[-1].to_onnx(), scaled)[1]
    np.testing.assert_allclose(proba, pipeline.predict_proba(X_NEW), atol=ONNX_TOLERANCE)


# What cannot be exported


@pytest.mark.parametrize("method", ["to_keras", "to_onnx"])
def test_an_export_needs_a_fit(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(small(), method)()


@pytest.mark.parametrize("method", ["to_keras", "to_onnx"])
def test_a_transformer_of_your_own_is_refused(method: str) -> None:
    clf = small(scaler=StandardScaler()).fit(X, Y)
    with pytest.raises(ValueError, match=rf"{method} cannot export scaler=StandardScaler\(\).* scaler=None"):
        getattr(clf, method)()


def test_keras_refuses_columns_of_categories() -> None:
    with pytest.raises(ValueError, match="'x1' held categories when fitted. Use to_onnx"):
        keras_model(predictor_over(mixed_table()))


# Formula by formula, without a training


class NumpyGraph:
    """The operations of a graph, done at once; the matrix that networks read is kept."""

    add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide
    minimum, maximum, less, less_equal, equal = np.minimum, np.maximum, np.less, np.less_equal, np.equal
    exp, expm1, log, sqrt, is_missing, matmul = np.exp, np.expm1, np.log, np.sqrt, np.isnan, np.matmul
    where, table, join = staticmethod(np.where), staticmethod(np.ravel), staticmethod(np.hstack)
    log_softmax = staticmethod(log_softmax)

    def cast(self, a: np.ndarray, dtype: str) -> np.ndarray:
        return a.astype(dtype)

    def columns(self, a: np.ndarray, which: np.ndarray) -> np.ndarray:
        return a[:, which]

    def lookup(self, table: np.ndarray, index: np.ndarray) -> np.ndarray:
        return table[index]

    def network(self, features: np.ndarray, network: FittedNetwork, number: int) -> np.ndarray:
        self.features = features
        return network.logits(features)


CELLS = st.one_of(
    st.floats(-1e3, 1e3), st.integers(-3, 3).map(float), st.sampled_from([np.nan, 1e-300, 1e9 + 0.5, 1e300, -LARGEST])
)


@pytest.mark.filterwarnings("ignore:overflow encountered in multiply:RuntimeWarning")  # cut at once
@pytest.mark.parametrize("scaler", SCALERS)
@settings(max_examples=25)
@given(train=arrays(np.float64, (12, 2), elements=CELLS), new=arrays(np.float64, (9, 2), elements=CELLS))
def test_the_formulas_of_the_preprocessing_are_those_of_the_estimator(
    scaler: str | None, train: np.ndarray, new: np.ndarray
) -> None:
    table, y = plain_table(train), np.arange(12) % 2
    preprocessing = fit_preprocessing(table, None, scaler=scaler)
    preprocessing = preprocessing.with_bins(preprocessing.clean(table), y, np.ones(12), 4)
    network = untrained(preprocessing)
    found = predictor_of(
        [(preprocessing, network, Correction(np.zeros(2), np.full(2, 0.5)))], Calibration.none(2), np.full(2, 0.5), 2
    )
    for block in (train, new):
        graph = NumpyGraph()
        with np.errstate(over="ignore"):
            write_log_proba(graph, found, block)
        expected = preprocessing.expand(preprocessing.clean(plain_table(block)))
        np.testing.assert_allclose(graph.features, expected, rtol=2e-6, atol=2e-6)


WILD_CELLS = st.one_of(CELLS, st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=25)
@given(
    seed=st.integers(0, 99),
    wild=arrays(np.float64, (4, 3), elements=WILD_CELLS),
    new=arrays(np.float64, (9, 3), elements=WILD_CELLS),
    scaler=st.sampled_from(["auto", "auto-robust"]),
)
def test_the_formulas_of_normal_scores_and_column_weights_are_those_of_the_estimator(
    seed: int, wild: np.ndarray, new: np.ndarray, scaler: str
) -> None:
    rng = np.random.default_rng(seed)
    train = np.vstack([np.sinh(rng.normal(size=(296, 3)) * [1.0, 4.0, 9.0]), wild])
    table = plain_table(train)
    preprocessing = fit_preprocessing(table, None, scaler=scaler)
    assert len(preprocessing.scores) > 0
    preprocessing = preprocessing.with_bins(preprocessing.clean(table), np.arange(300) % 2, np.ones(300), 4)
    weights = rng.uniform(0.1, 1.0, preprocessing.n_numeric).astype(np.float32)
    preprocessing = replace(preprocessing, weights=weights)
    member = preprocessing, untrained(preprocessing), Correction(np.zeros(2), np.full(2, 0.5))
    found = predictor_of([member], Calibration.none(2), np.full(2, 0.5), 3)
    for block in (train, new):
        graph = NumpyGraph()
        with np.errstate(over="ignore"):
            write_log_proba(graph, found, block)
        expected = preprocessing.expand(preprocessing.clean(plain_table(block)))
        np.testing.assert_allclose(graph.features, expected, rtol=2e-6, atol=2e-6)


@settings(max_examples=40)
@given(
    focal=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.2]),
    n_classes=st.integers(2, 4),
    n_members=st.integers(1, 3),
    scale=st.sampled_from([1.0, 30.0, 1000.0]),
    seed=st.integers(0, 99),
)
def test_the_formulas_of_the_probabilities_are_those_of_the_estimator(
    focal: bool, smoothing: float, n_classes: int, n_members: int, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(20, 3))
    preprocessing = fit_preprocessing(plain_table(numbers), None)

    def member(number: int) -> tuple[Any, FittedNetwork, Correction]:
        network = untrained(preprocessing, n_classes=n_classes, seed=seed + number)
        *hidden, last = network.layers
        fed, offset = rng.dirichlet(np.ones(n_classes)) + 1e-3, rng.normal(size=n_classes)
        correction = Correction(offset, fed / fed.sum(), focal, smoothing)
        return preprocessing, replace(network, layers=(*hidden, replace(last, kernel=last.kernel * scale))), correction

    calibration = Calibration(rng.uniform(0.5, 2.0), rng.normal(size=n_classes))
    prior = rng.dirichlet(np.ones(n_classes)) + 1e-3
    found = predictor_of([member(k) for k in range(n_members)], calibration, prior / prior.sum(), 3)
    expected = found.ensemble.log_proba(plain_table(numbers), found.prior)
    written = write_log_proba(NumpyGraph(), found, numbers)
    np.testing.assert_allclose(written, expected, rtol=1e-9, atol=1e-9)
    scores = write_decision_scores(NumpyGraph(), found.rule, written)
    second, first = np.sort(scores, axis=1)[:, -2:].T
    clear = first - second > 1e-9  # a tie to rounding may be broken either way
    np.testing.assert_array_equal(scores.argmax(axis=1)[clear], found.rule.decide(expected)[clear])


@pytest.mark.parametrize(
    ("activation", "batch_norm"),
    [
        *(("relu", True), ("relu", False), ("tanh", True), ("logistic", False)),
        *(("selu", True), ("gelu", False), ("identity", True)),
    ],
)
def test_networks_of_every_kind_are_exported(activation: str, batch_norm: bool) -> None:
    preprocessing = fit_preprocessing(plain_table(X), None)
    network = untrained(preprocessing, n_classes=3, activation=activation, batch_norm=batch_norm)
    correction = Correction(np.zeros(3), np.array([0.2, 0.3, 0.5]), focal=True)
    found = predictor_of([(preprocessing, network, correction)], Calibration.none(3), np.full(3, 1 / 3), X.shape[1])
    expected = np.exp(found.ensemble.log_proba(plain_table(X_NEW), found.prior))
    tolerance = 1e-5 if activation == "gelu" else ONNX_TOLERANCE
    np.testing.assert_allclose(run_onnx(onnx_model(found), X_NEW)[1], expected, atol=tolerance)
    np.testing.assert_allclose(keras_model(found).predict(X_NEW, verbose=0), expected, atol=1e-5)
