"""Can people who tune use the search space, whatever they tune with?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401, makes the next import possible
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, ParameterGrid, ParameterSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from balanced_nn import BalancedNNClassifier, search_space

X, Y = make_classification(n_samples=400, n_features=5, weights=[0.8], random_state=0)
SPACE = search_space(X, Y)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 2, "n_members": 1, "random_state": 0, "on_collapse": "ignore"}


class Trial:
    """What Optuna's trials do with a space: numbers within the limits, one of the choices."""

    def __init__(self, rng):
        self.rng, self.asked = rng, []

    def suggest_float(self, name, low, high, *, log=False):
        self.asked.append(name)
        assert low > 0 or not log
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))) if log else self.rng.uniform(low, high))

    def suggest_categorical(self, name, choices):
        self.asked.append(name)
        assert all(isinstance(choice, int) for choice in choices)  # what a storage of Optuna keeps as it is
        return choices[self.rng.integers(len(choices))]


def test_the_first_value_of_each_setting_is_the_default():
    defaults = BalancedNNClassifier().get_params()
    assert {name: setting.values[0] for name, setting in SPACE.settings.items()} == {
        name: defaults[name] for name in SPACE
    }
    assert len(SPACE) == len(list(SPACE))


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_every_draw_is_valid(seed):
    (drawn,) = ParameterSampler(SPACE.distributions(), 1, random_state=seed)
    BalancedNNClassifier(**drawn)._validate_params()
    trial = Trial(np.random.default_rng(seed))
    suggested = SPACE.suggest(trial)
    BalancedNNClassifier(**suggested)._validate_params()
    assert trial.asked == list(SPACE) == list(suggested)


@given(st.integers(1, 500))
def test_a_grid_has_no_more_candidates_than_asked_for_and_holds_the_default(n_candidates):
    grid = SPACE.grid(n_candidates)
    candidates = list(ParameterGrid(grid))
    assert len(candidates) <= n_candidates < 4 * len(candidates)
    assert {name: values[0] for name, values in grid.items()} in candidates
    assert all(len(values) > 1 for values in grid.values())
    assert all(set(map(repr, values)) <= set(map(repr, SPACE.settings[name].values)) for name, values in grid.items())


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(ValueError, match="n_candidates=0 must be 1 or more"):
        SPACE.grid(0)


def test_a_prefix_serves_pipelines():
    pipeline = make_pipeline(FunctionTransformer(), BalancedNNClassifier(**QUICK))
    prefix = "balancednnclassifier__"
    for names in (
        SPACE.distributions(prefix),
        SPACE.grid(8, prefix),
        SPACE.suggest(Trial(np.random.default_rng(0)), prefix),
    ):
        assert set(names) <= set(pipeline.get_params())
    search = GridSearchCV(pipeline, SPACE.grid(2, prefix), cv=2, scoring="average_precision").fit(X, Y)
    assert set(search.best_params_) == {f"{prefix}dropout"}


def test_halving_runs_over_it():
    space = {name: setting for name, setting in SPACE.distributions().items() if name != "hidden_layer_sizes"}
    search = HalvingRandomSearchCV(
        BalancedNNClassifier(**QUICK), space, n_candidates=4, factor=2, min_resources=200, cv=2,
        scoring="average_precision", random_state=0,
    ).fit(X, Y)  # fmt: skip
    assert set(search.best_params_) == set(space)


def test_the_table_says_what_is_worth_a_search():
    words = pd.DataFrame({"colour": np.where(X[:, 0] > 0, "red", "blue")})
    assert "n_bins" not in search_space(words, Y)
    assert SPACE.settings["n_bins"].values == ("auto", None)
    few = np.arange(400) < 20
    assert search_space(X, few).settings["n_bins"].values == ("auto", 4)  # the default has none there
    wide = search_space(np.tile(X, (3, 1)), np.tile(Y, 3)).settings["hidden_layer_sizes"].values
    assert (256, 256, 256) in wide
    assert (256, 256, 256) not in SPACE.settings["hidden_layer_sizes"].values


def test_bad_tables_are_refused_like_in_fit():
    with pytest.raises(ValueError, match="y holds 1 class"):
        search_space(X, np.zeros(400))
