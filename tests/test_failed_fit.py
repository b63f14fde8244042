"""Does a fit that fails leave the estimator as it was, to the last bit?"""

import threading
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from balanced_nn import BalancedNNClassifier
from balanced_nn._training.keras.program import TrainingProgram
from balanced_nn.exceptions import CollapseError

RNG = np.random.default_rng(0)
Y = (RNG.random(300) < 0.2).astype(int)
X = pd.DataFrame(RNG.normal(size=(300, 4)) + 1.5 * Y[:, None], columns=list("abcd"))
TURNED = X[list("dcba")].rename(columns=str.upper)


class Refusing(BaseEstimator):
    """A sampler that always fails."""

    def fit_resample(self, X, y):
        raise RuntimeError("no rows today")


def small(**params):
    return BalancedNNClassifier((8,), **{"max_iter": 3, "n_members": 2, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted():
    return small(decision="f1").fit(X, Y)


def state(clf):
    """Everything that a caller can see, names of attributes included."""
    answers = clf.predict_proba(X), clf.predict(X), clf.decision_function(X)
    seen = {name: value for name, value in vars(clf).items() if name not in clf.get_params(deep=False)}
    return [part.tobytes() for part in answers], seen, (clf.class_prior_.tobytes(), str(clf.decision_rule_))


def interrupt_at(monkeypatch, call):
    calls, run = [], TrainingProgram.run

    def interrupted(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == call:
            raise KeyboardInterrupt
        return run(self, *args, **kwargs)

    monkeypatch.setattr(TrainingProgram, "run", interrupted)


FAILURES = {
    "one class": (ValueError, {}, (TURNED, np.zeros(300))),
    "continuous labels": (ValueError, {}, (TURNED, np.linspace(0, 1, 300))),
    "infinity": (ValueError, {}, (TURNED.assign(A=np.inf), Y)),
    "a sampler that raises": (RuntimeError, {"sampler": Refusing()}, (TURNED, Y)),
    "a parameter out of range": (ValueError, {"dropout": 2.0}, (TURNED, Y)),
    "a metric that is unknown": (ValueError, {"decision": "f17"}, (TURNED, Y)),
    "a collapse": (CollapseError, {"on_collapse": "raise", "learning_rate_init": 1e-9}, (TURNED, 1 - Y)),
    "weights that are negative": (ValueError, {}, (TURNED, Y, np.full(300, -1.0))),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_fit_that_raises_leaves_a_fitted_estimator_as_it_was(fitted, name):
    error, params, arguments = FAILURES[name]
    before, given = state(fitted), fitted.get_params(deep=False)
    try:
        with pytest.raises(error):
            fitted.set_params(**params).fit(*arguments)
    finally:
        fitted.set_params(**given)
    after = state(fitted)
    assert after[0] == before[0]
    assert after[1].keys() == before[1].keys()
    assert all(after[1][key] is value for key, value in before[1].items())
    assert after[2] == before[2]


@pytest.mark.parametrize("call", [1, 2, 4, 7])
def test_an_interrupted_fit_leaves_a_fitted_estimator_as_it_was(fitted, call, monkeypatch):
    before = state(fitted)
    interrupt_at(monkeypatch, call)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(TURNED.to_numpy(), 1 - Y)
    assert state(fitted)[0] == before[0]
    assert list(fitted.feature_names_in_) == list("abcd")


@pytest.mark.parametrize("name", ["one class", "a sampler that raises", "a collapse"])
def test_a_fit_that_raises_leaves_an_unfitted_estimator_unfitted(name):
    error, params, arguments = FAILURES[name]
    clf = small(**params)
    before = set(vars(clf))
    with pytest.raises(error):
        clf.fit(*arguments)
    assert set(vars(clf)) == before
    with pytest.raises(NotFittedError):
        clf.predict(X)


def test_a_fit_whose_warning_is_an_error_changes_nothing(fitted):
    before = state(fitted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="batch_size=5000 is larger"):
            fitted.set_params(batch_size=5000).fit(TURNED, Y)
    fitted.set_params(batch_size="auto")
    assert state(fitted)[0] == before[0]


def test_a_second_fit_forgets_the_names_of_the_first():
    clf = small(max_iter=1, n_members=1, on_collapse="ignore").fit(X, Y).fit(X.to_numpy(), Y)
    assert not hasattr(clf, "feature_names_in_")


# Threads


def test_a_prediction_beside_a_change_is_that_of_before_or_that_of_after(fitted):
    priors, rows = ([0.9, 0.1], [0.3, 0.7]), X.iloc[:20]
    expected = []
    for prior in priors:
        fitted.set_prior(prior)
        expected.append((fitted.predict(rows).tobytes(), fitted.predict_proba(rows).tobytes()))
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for prior in priors:
                fitted.set_prior(prior)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        seen = Counter(fitted.predict(rows).tobytes() for _ in range(300))
        proba = Counter(fitted.predict_proba(rows).tobytes() for _ in range(300))
    finally:
        stop.set()
        thread.join()
        fitted.set_prior(None)
    assert set(seen) <= {answers for answers, _ in expected}
    assert set(proba) <= {answers for _, answers in expected}


def test_the_keras_model_is_built_once_whoever_asks_for_it(fitted):
    models = [None] * 8

    def ask(number):
        models[number] = fitted.model_

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(model) for model in models}) == 1
