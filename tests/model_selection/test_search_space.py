"""Can people who tune use the search space, whatever they tune with?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401, makes the next import possible
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, ParameterGrid, ParameterSampler
from sklearn.naive_bayes import GaussianNB
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


def rows_of_the_rarest(estimator, X, y):
    return float(np.bincount(y, minlength=len(estimator.classes_)).min())


@pytest.mark.parametrize("shares", [[0.95], [0.98], [0.99], [0.6, 0.38]], ids=str)
@pytest.mark.parametrize("n_splits", [2, 5, 10])
def test_every_fold_of_halving_keeps_rows_of_the_rarest_class(shares, n_splits):
    X, y = make_classification(6000, 4, n_redundant=0, n_informative=4, n_classes=len(shares) + 1,
                               n_clusters_per_class=1, weights=shares, flip_y=0, random_state=0)  # fmt: skip
    first = search_space(X, y, n_splits=n_splits).min_resources
    for seed in range(3):
        search = HalvingRandomSearchCV(
            GaussianNB(), {"var_smoothing": np.logspace(-9, -1, 9)}, n_candidates=9, min_resources=first, cv=n_splits,
            scoring=rows_of_the_rarest, error_score="raise", random_state=seed,
        ).fit(X, y)  # fmt: skip
        folds = [search.cv_results_[f"split{i}_{part}_score"] for i in range(n_splits) for part in ("test", "train")]
        assert np.min(folds) >= 2
        assert search.n_resources_[-1] >= 0.99 * len(y)


@pytest.mark.parametrize("rare", [0.05, 0.02, 0.01])
def test_halving_over_it_fails_at_no_fit(rare):
    X, y = make_classification(1500, 5, weights=[1 - rare], flip_y=0, random_state=0)
    space = search_space(X, y, n_splits=2)
    settings = {name: space.distributions()[name] for name in ("dropout", "class_weight", "alpha")}
    search = HalvingRandomSearchCV(
        BalancedNNClassifier(**QUICK), settings, n_candidates=3, min_resources=space.min_resources, cv=2,
        scoring="average_precision", error_score="raise", random_state=0, refit=False,
    ).fit(X, y)  # fmt: skip
    assert (search.cv_results_["mean_test_score"] > 0).all()


@pytest.mark.parametrize("counts", [(400, 1), (3, 3), (900, 900, 2)])
def test_halving_starts_with_all_rows_where_a_class_has_few(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    assert search_space(np.arange(len(y))[:, None], y).min_resources == len(y)


@pytest.mark.parametrize("n_splits", [1, 0, -3])
def test_less_than_two_folds_are_refused(n_splits):
    with pytest.raises(ValueError, match=f"n_splits={n_splits} must be 2 or more"):
        search_space(X, Y, n_splits=n_splits)


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
