"""Is it told rightly which features a classifier uses, on tables of any kind and in bounded time?"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score

from balanced_nn._displays.feature_effects import (
    MOST_FEATURES,
    MOST_VALUES,
    FeatureEffects,
    choose_features,
    explained_share,
    measure_effects,
    sample_rows,
    score_ranks,
)


class Formula(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are a known function of the table."""

    def __init__(self, formula: Any = None, classes: Any = ("no", "yes")) -> None:
        self.formula = formula
        self.classes = classes

    def fit(self, X: Any = None, y: Any = None) -> "Formula":
        self.classes_ = np.array(self.classes)
        self.n_rows_: list[int] = []
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        self.n_rows_.append(len(X))
        proba = np.asarray(self.formula(X), dtype=np.float64)
        return np.column_stack([1.0 - proba, proba]) if proba.ndim == 1 else proba

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def mixed_table(n_rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "whole": rng.integers(0, 50, n_rows),
            "noise": np.where(rng.random(n_rows) < 0.1, np.nan, rng.normal(size=n_rows)),
            "town": rng.choice(["A", "B", "C"], n_rows).astype(object),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n_rows), unit="D"),
            "flag": rng.random(n_rows) < 0.5,
        }
    )


def grow_with_whole(X: pd.DataFrame) -> np.ndarray:
    return 0.02 + 0.9 * X["whole"].to_numpy() / 50 + 0.05 * (X["town"] == "C").to_numpy()


def measure(formula: Any, X: pd.DataFrame, y: Any, **options: Any) -> FeatureEffects:
    effects = measure_effects(
        Formula(formula).fit(), X, np.asarray(y, dtype=np.intp), **{"positive": 1, "seed": 0, **options}
    )
    assert effects is not None
    return effects


def test_the_feature_that_is_used_comes_first_and_what_is_not_used_drops_nothing() -> None:
    X = mixed_table()
    y = (X["whole"] > 40).to_numpy().astype(int)
    effects = measure(grow_with_whole, X, y)
    assert effects.names[0] == "whole"
    assert effects.mean[0] > 0.3
    unused = [effects.names.index(name) for name in ("noise", "day", "flag")]
    assert not effects.mean[unused].any()
    assert not effects.spread[unused].any()
    assert effects.score == pytest.approx(roc_auc_score(y, grow_with_whole(X)))
    assert (effects.n_rows, effects.n_given, effects.n_left_out) == (400, 400, 0)
    assert effects.label == "yes"
    assert 1 <= effects.n_clear <= 2


def test_a_partial_dependence_is_the_mean_probability_at_each_value_of_every_kind() -> None:
    X = mixed_table()
    effects = measure(grow_with_whole, X, (X["whole"] > 40).to_numpy().astype(int))
    assert len(effects.dependences) == 4
    whole = effects.dependences[0]
    assert (whole.kind, len(whole.values)) == ("number", MOST_VALUES)
    share_of_c = (X["town"] == "C").mean()
    np.testing.assert_allclose(whole.probability, 0.02 + 0.9 * np.array(whole.values) / 50 + 0.05 * share_of_c)
    town = next(one for one in effects.dependences if one.name == "town")
    assert town.kind == "category"
    assert sorted(town.values) == ["A", "B", "C"]
    assert town.probability[town.values.index("C")] - town.probability[town.values.index("A")] == pytest.approx(0.05)
    assert effects.probability == pytest.approx(grow_with_whole(X).mean())


def test_the_first_of_two_classes_may_be_the_positive_one() -> None:
    X = mixed_table()
    y = (X["whole"] > 40).to_numpy().astype(int)
    second, first = measure(grow_with_whole, X, y), measure(grow_with_whole, X, y, positive=0)
    assert first.label == "no"
    assert first.probability == pytest.approx(1.0 - second.probability)
    np.testing.assert_allclose(first.dependences[0].probability, 1.0 - second.dependences[0].probability)


def test_of_many_classes_the_dependence_is_that_of_the_one_that_is_named() -> None:
    X = mixed_table()
    y = np.minimum(X["whole"].to_numpy() // 20, 2)

    def formula(rows: pd.DataFrame) -> np.ndarray:
        third = 0.5 * rows["whole"].to_numpy() / 50
        return np.column_stack([0.6 - third, np.full(len(rows), 0.4), third])

    effects = measure_effects(Formula(formula, ("a", "b", "c")).fit(), X, y, positive=2, seed=0)
    assert effects is not None
    assert effects.label == "c"
    np.testing.assert_allclose(effects.dependences[0].probability, 0.5 * np.array(effects.dependences[0].values) / 50)


def test_dates_booleans_missing_cells_and_many_levels_have_values_that_occur() -> None:
    X = mixed_table()[["day", "flag", "noise"]].assign(level=[f"k{i % 40}" for i in range(400)], none=np.nan)
    effects = measure(lambda rows: np.full(len(rows), 0.1), X, np.arange(400) % 2)
    kinds = {one.name: one for one in effects.dependences}
    assert set(kinds) == {"day", "flag", "noise", "level"}  # a column without a value has nothing to show
    assert kinds["day"].kind == "date"
    assert set(kinds["day"].values) <= set(X["day"])
    assert kinds["flag"].kind == "category"
    assert np.isfinite(kinds["noise"].values).all()
    assert (len(kinds["level"].values), kinds["level"].n_left_out) == (MOST_VALUES, 28)
    assert effects.n_clear == 0
    assert effects.score == 0.5


def test_a_column_that_is_nearly_constant_is_shown_at_values_that_occur() -> None:
    x = np.r_[np.zeros(390), np.arange(1, 21)]
    (one,) = measure(lambda rows: rows["x"].to_numpy() / 40, pd.DataFrame({"x": x}), x > 5).dependences
    assert set(one.values) <= set(x)
    assert len(set(one.values)) > 5


def test_of_a_wide_table_those_features_are_measured_that_go_with_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 100)), columns=[f"c{i}" for i in range(100)])
    X["town"] = rng.choice(["A", "B"], 600)

    def formula(rows: pd.DataFrame) -> np.ndarray:
        return 0.1 + 0.2 * (np.abs(rows["c77"]) > 1).to_numpy() + 0.6 * (rows["town"] == "B").to_numpy()

    y = (rng.random(600) < formula(X)).astype(int)
    model = Formula(formula).fit()
    effects = measure_effects(model, X, y, positive=1, seed=0)
    assert effects is not None
    assert set(effects.names[:2]) == {"town", "c77"}
    assert (len(effects.names), effects.n_left_out) == (MOST_FEATURES, 71)
    assert len(model.n_rows_) <= 210
    assert max(model.n_rows_) == effects.n_rows == 600


def test_a_table_of_very_many_columns_is_measured_on_few_rows() -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 3000)))
    effects = measure(lambda rows: np.full(len(rows), 0.5), X, np.arange(400) % 2)
    assert (effects.n_rows, effects.n_given) == (100, 400)


def test_rows_of_one_class_rank_nothing() -> None:
    assert measure_effects(Formula().fit(), mixed_table(), np.zeros(400, int), positive=1, seed=0) is None


def test_the_same_seed_measures_the_same_and_the_table_stays_as_it_was() -> None:
    X = mixed_table()
    before, y = X.copy(), (X["whole"] > 40).to_numpy().astype(int)
    one, other = measure(grow_with_whole, X, y), measure(grow_with_whole, X, y)
    np.testing.assert_array_equal(one.mean, other.mean)
    pd.testing.assert_frame_equal(X, before)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 200), st.integers(0, 5))
def test_rows_are_drawn_once_and_weigh_what_their_class_has(counts: list[int], most: int, seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    rows, weight = sample_rows(y, most, np.random.default_rng(seed))
    assert len(set(rows.tolist())) == len(rows) <= max(most, len(counts))
    np.testing.assert_allclose(np.bincount(y[rows], weight), counts)
    drawn = np.bincount(y[rows])
    assert len(rows) == len(y) or len(rows) >= most - len(counts) or most < len(counts)
    assert all(
        drawn[i] <= drawn[j] + 1 or drawn[j] == counts[j] for i in range(len(counts)) for j in range(len(counts))
    )


@given(st.lists(st.integers(0, 2), min_size=3, max_size=30), st.integers(0, 100))
def test_the_score_is_the_mean_of_the_classes_and_weights_are_repetitions(labels: list[int], seed: int) -> None:
    y = np.array([0, 1, *labels])
    rng = np.random.default_rng(seed)
    proba, weight = rng.dirichlet(np.ones(3), len(y)), rng.integers(1, 4, len(y))
    assert 0.0 <= score_ranks(proba, y, np.ones(len(y))) <= 1.0
    repeated = np.repeat(np.arange(len(y)), weight)
    once = score_ranks(proba[repeated], y[repeated], np.ones(len(repeated)))
    assert score_ranks(proba, y, weight.astype(float)) == pytest.approx(once)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(0, 100))
def test_the_explained_share_is_between_nothing_and_all(groups: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(len(groups), 2))
    assert 0.0 <= explained_share(np.array(groups), values) <= 1.0 + 1e-12
    assert explained_share(np.arange(len(groups)), values) == pytest.approx(1.0)
    assert explained_share(np.zeros(len(groups), int), values) == pytest.approx(0.0)


def test_all_features_of_a_narrow_table_are_chosen() -> None:
    assert choose_features(mixed_table(), np.full((400, 2), 0.5)) == ["whole", "noise", "town", "day", "flag"]
