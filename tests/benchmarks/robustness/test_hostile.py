"""Are the cases the same whenever they are drawn, and is each fault noticed?"""

from dataclasses import replace

import numpy as np
import pytest

from balanced_nn import BalancedNNClassifier
from benchmarks.robustness import hostile, strategies

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = (X[:, 0] > 0.5).astype(int)
CASE = strategies.Case(X, Y, None, X[:50], Y[:50], {"max_iter": 5, "n_members": 1, "random_state": 0}, "", False)


@pytest.fixture(scope="module")
def fitted() -> BalancedNNClassifier:
    return BalancedNNClassifier((8,), **CASE.settings, on_collapse="ignore").fit(X, Y)


def test_a_number_is_always_the_same_case():
    for number in (3, 4):
        one, other = strategies.draw_case(number), strategies.draw_case(number)
        assert one.settings.keys() == other.settings.keys()
        assert str(one.X) == str(other.X)
        np.testing.assert_array_equal(one.y, other.y)


def test_cases_are_within_their_bounds():
    cases = [strategies.draw_case(number) for number in range(30)]
    assert all(2 <= len(case.y) <= strategies.MOST_ROWS for case in cases if case.trouble != "short y")
    assert all(1 <= case.X.shape[1] <= strategies.MOST_COLUMNS + 1 for case in cases)
    assert len({type(case.X).__name__ for case in cases}) > 1
    assert set().union(*(case.settings for case in cases)) == {
        name for name in BalancedNNClassifier().get_params() if name not in {"checkpoint", "verbose", "warm_start"}
    }


@pytest.mark.parametrize("name", hostile.CHECKS)
def test_a_sound_fit_passes_each_check(name, fitted):
    assert hostile.CHECKS[name](fitted, CASE) == ""


class Broken:
    """A fitted classifier with one method replaced."""

    def __init__(self, fitted, **methods):
        self._fitted, self._methods = fitted, methods

    def __getattr__(self, name):
        return self._methods[name] if name in self._methods else getattr(self._fitted, name)


def test_each_kind_of_wrong_number_is_noticed(fitted):
    def check(name, **methods):
        return hostile.CHECKS[name](Broken(fitted, **methods), CASE)

    proba = fitted.predict_proba
    assert check("numbers", predict_proba=lambda X: proba(X) * np.nan) == "a probability is not one"
    assert check("numbers", predict_proba=lambda X: proba(X) / 2) == "probabilities do not sum to 1"
    assert check("numbers", predict=lambda X: np.full(len(X), 7)) == "an answer is no label"
    assert check("decision", decision_function=lambda X: -fitted.decision_function(X)) == "predict differs"
    assert "by themselves differ" in check("rows", predict_proba=lambda X: proba(X) * [1, 0] + [0, len(X)])


def test_messages_have_to_name_something():
    assert hostile.names_something("max_iter must be positive", CASE)
    assert hostile.names_something("X has infinity", CASE)
    assert not hostile.names_something("operands could not be broadcast together", CASE)


def test_a_refusal_that_names_nothing_is_a_fault(monkeypatch):
    def fit(self, *_, **__):
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(BalancedNNClassifier, "fit", fit)
    monkeypatch.setattr(hostile, "draw_case", lambda number: CASE)
    assert hostile.run_case(0).faults == "unnamed"


def test_trouble_that_is_accepted_is_a_fault(monkeypatch):
    monkeypatch.setattr(hostile, "draw_case", lambda number: replace(CASE, trouble="infinity"))
    assert hostile.run_case(0).faults == "trouble"
