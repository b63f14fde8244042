"""Does skops store fitted models safely, and read back what predicts, reports and decides as before?"""

import importlib
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.metrics import f1_score, make_scorer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from balanced_nn import SKOPS_TYPES, BalancedNNClassifier, ClassResampler, RobustSmoothScaler, TabularPreprocessor
from balanced_nn._causes.evidence import Cause
from balanced_nn._collapse.outcome import Outcome
from tests.helpers.bodies import wide_and_deep
from tests.helpers.exports import heavy_and_many

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 4))
Y = (X[:, 0] + 0.5 * RNG.normal(size=240) > 0.8).astype(int)
Y3 = np.array(["a", "b", "c"])[Y + (X[:, 1] > 0.5)]
MIXED = pd.DataFrame({"size": X[:, 0], "flag": X[:, 1] > 0, "kind": RNG.choice(["p", "q", "r"], 240)}).assign(
    grade=pd.Categorical(RNG.choice([1, 2, 3], 240)), day=pd.date_range("2026-01-01", periods=240, tz="UTC")
)
MIXED.loc[:30, "size"] = np.nan


def small(**params: Any) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (8,), "max_iter": 4, "batch_size": 32, "learning_rate_init": 0.02, **params}
    return BalancedNNClassifier(**{"n_members": 1, "random_state": 0, "on_collapse": "ignore", **settings})


HEAVY, HEAVY_Y = heavy_and_many(400, 0)
MODELS: dict[str, tuple[Any, Any, np.ndarray]] = {
    "binary, rate searched": (small(learning_rate_init="auto"), X, Y),
    "multi-class": (small(), X, Y3),
    "mixed columns, ensemble": (small(n_members=2), MIXED, Y == 1),
    "tuned decision": (small(decision="f1", scaler="quantile"), X, Y),
    "transformer of scikit-learn": (small(scaler=MaxAbsScaler()), X, Y),
    "pipeline": (make_pipeline(StandardScaler(), RobustSmoothScaler(), TabularPreprocessor(), small()), X, Y),
    "normal scores, weights of columns": (small(n_members=2), HEAVY, HEAVY_Y),
    "labels without a signal": (small(on_collapse="warn"), X, RNG.permutation(Y)),
    "collapsed, tried again": (small(on_collapse="repair", learning_rate_init=1e-7), X, Y),
}


@pytest.fixture(scope="module")
def fitted() -> dict[str, tuple[Any, bytes]]:
    found = {}
    for name, (model, table, y) in MODELS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of networks that were hardly trained
            model.fit(table, y)
        found[name] = model, skops.io.dumps(model)
    return found


def test_the_types_to_trust_are_those_that_fitted_models_are_made_of(fitted: dict[str, tuple[Any, bytes]]) -> None:
    resampler = ClassResampler(random_state=0)
    resampler.fit_resample(X, Y)
    learned = small().partial_fit(X, Y, classes=[0, 1])
    own_layers = small(hidden_layer_sizes=wide_and_deep, max_iter=1).fit(X, Y)
    stored = [*(data for _, data in fitted.values()), *map(skops.io.dumps, (resampler, learned, own_layers))]
    found = {name for data in stored for name in skops.io.get_untrusted_types(data=data)}
    assert found - set(SKOPS_TYPES) == {"tests.helpers.bodies.wide_and_deep"}  # what a caller brings is not ours
    assert set(SKOPS_TYPES) <= found


@pytest.mark.parametrize("name", SKOPS_TYPES)
def test_each_type_to_trust_exists_where_its_name_says(name: str) -> None:
    module, _, own = name.rpartition(".")
    found = getattr(importlib.import_module(module), own)
    assert isinstance(found, type)
    assert (found.__module__, found.__qualname__) == (module, own)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_read_back_predicts_to_the_bit(name: str, fitted: dict[str, tuple[Any, bytes]]) -> None:
    model, data = fitted[name]
    table = MODELS[name][1]
    for again in (skops.io.loads(data, trusted=SKOPS_TYPES), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
        np.testing.assert_array_equal(again.predict(table), model.predict(table))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_read_back_reports_and_decides(name: str, fitted: dict[str, tuple[Any, bytes]]) -> None:
    model, data = fitted[name]
    again = skops.io.loads(data, trusted=SKOPS_TYPES)
    model, again = (step[-1] if isinstance(step, Pipeline) else step for step in (model, again))
    assert isinstance(again.collapse_report_.outcome, Outcome)
    assert str(again.collapse_report_) == str(model.collapse_report_)
    assert again.collapse_report_.to_dict() == model.collapse_report_.to_dict()
    assert str(again.decision_rule_) == str(model.decision_rule_)
    shifted = [1.0] * len(model.classes_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a decision that was tuned on few rows
        rules = [str(one.set_prior(shifted).set_decision("f1_macro").decision_rule_) for one in (again, model)]
        for one in (again, model):
            one.set_prior(None).set_decision(one.decision)
    assert rules[0] == rules[1]


def test_causes_come_back_as_causes(fitted: dict[str, tuple[Any, bytes]]) -> None:
    again = skops.io.loads(fitted["collapsed, tried again"][1], trusted=SKOPS_TYPES)
    assert again.collapse_report_.causes
    assert all(isinstance(finding.cause, Cause) for finding in again.collapse_report_.causes)


def test_booleans_come_back_as_levels_of_their_column(fitted: dict[str, tuple[Any, bytes]]) -> None:
    again = skops.io.loads(fitted["mixed columns, ensemble"][1], trusted=SKOPS_TYPES)
    table = MIXED.assign(flag=False)
    np.testing.assert_array_equal(again.predict_proba(table), fitted["mixed columns, ensemble"][0].predict_proba(table))
    assert np.abs(again.predict_proba(table) - again.predict_proba(MIXED.assign(flag=True))).max() > 0


def recall_of_the_first(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.mean(y_pred[y_true == 0] == 0))


def tuned_for(scorer: Any) -> BalancedNNClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return small().fit(X, Y).set_decision(scorer)


def test_a_metric_of_your_own_is_not_trusted_unseen() -> None:
    data = skops.io.dumps(tuned_for(make_scorer(recall_of_the_first)))
    (own,) = set(skops.io.get_untrusted_types(data=data)) - set(SKOPS_TYPES)
    assert own.endswith("recall_of_the_first")
    again = skops.io.loads(data, trusted=[*SKOPS_TYPES, own])
    assert again._decision.metric.function is recall_of_the_first


@pytest.mark.parametrize("metric", ["f1", make_scorer(f1_score, average="macro"), make_scorer(recall_of_the_first)])
def test_a_pickle_keeps_the_metric(metric: Any) -> None:
    model = tuned_for(metric)
    kept, again = model._decision.metric, pickle.loads(pickle.dumps(model))._decision.metric
    assert again.function is kept.function
    assert again.kwargs == kept.kwargs
    tables = np.array([[[50.0, 3.0], [4.0, 9.0]]])
    np.testing.assert_array_equal(again.of_tables(tables), kept.of_tables(tables))
