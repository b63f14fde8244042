"""Does anything of the held-out rows reach the network, its preprocessing or its resampling?"""

from typing import ClassVar

import numpy as np
import pytest
from imblearn.base import BaseSampler
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.under_sampling import EditedNearestNeighbours
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import PowerTransformer

from balanced_nn import BalancedNNClassifier
from balanced_nn._data.labelled_rows import read_rows
from balanced_nn._training.preparation import Plan, Split, make_plan, read_given_rows, split_rows
from balanced_nn._training.settings import FitSettings

SEED = 7
N_ROWS = 300
SAMPLERS = [None, "over", "under", "smote", RandomOverSampler(), SMOTE(), ADASYN(), EditedNearestNeighbours()]
SCALERS = [None, "standard", "robust", "minmax", "quantile", PowerTransformer()]


def some_rows() -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first column is their number, with two informative columns."""
    rng = np.random.default_rng(3)
    y = np.where(rng.random(N_ROWS) < 0.15, "rare", "usual")
    X = rng.normal(size=(N_ROWS, 3)) + 1.5 * (y == "rare")[:, None]
    X[:, 0] = np.arange(N_ROWS)
    return X, y


X, Y = some_rows()


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 4, "random_state": SEED, "on_collapse": "ignore", **params}
    return BalancedNNClassifier(**{"n_members": 1, **settings})


def split_of(clf: BalancedNNClassifier, table, weight=None, given=(None, None, None)) -> Split:
    rows = read_rows(clf, table, Y, weight)
    return split_rows(FitSettings.of(clf), rows, read_given_rows(clf, *given, rows.classes), clf._draw_seed())[0]


def plan_of(clf: BalancedNNClassifier, table, weight=None, given=(None, None, None)) -> Plan:
    return make_plan(FitSettings.of(clf), split_of(clf, table, weight, given), clf._draw_seed())


def fed(plan: Plan) -> tuple[np.ndarray, ...]:
    """The rows of the matrix as training draws them, with their classes and weights."""
    return plan.data.X[plan.data.rows], plan.data.y, plan.data.weight


HELD_OUT = split_of(small(), X).valid.rows
TRAINED = np.setdiff1d(np.arange(N_ROWS), HELD_OUT)


def poisoned(value: float = 1e6) -> np.ndarray:
    """The table with other values in every cell of the rows held out."""
    changed = X.copy()
    changed[HELD_OUT] = value * np.random.default_rng(0).normal(size=(len(HELD_OUT), 3))
    changed[HELD_OUT[::3], 1] = np.nan
    return changed


def test_rows_are_held_out_of_every_class_and_the_parts_share_none():
    split = split_of(small(), X)
    assert not set(split.train.rows) & set(split.valid.rows)
    assert len(split.train.rows) + len(split.valid.rows) == N_ROWS
    assert set(split.valid.y) == {0, 1}


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
@pytest.mark.parametrize("sampler", [None, "smote"])
def test_values_of_held_out_rows_change_no_statistic_and_no_row_that_is_fed(sampler, scaler):
    clf = small(sampler=sampler, scaler=scaler)
    plan, other = plan_of(clf, X), plan_of(clf, poisoned())
    for before, after in zip(fed(plan), fed(other), strict=True):
        np.testing.assert_array_equal(before, after)
    table = read_rows(small(), X, Y, None).table
    np.testing.assert_array_equal(plan.preprocessing.clean(table), other.preprocessing.clean(table))
    assert not np.array_equal(plan.judged.X, other.judged.X)  # the poison is there


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_values_of_held_out_rows_change_no_resampling(sampler):
    plan, other = (plan_of(small(sampler=sampler), table) for table in (X, poisoned()))
    for before, after in zip(fed(plan), fed(other), strict=True):
        np.testing.assert_array_equal(before, after)
    assert plan.correction.training_prior.tolist() == other.correction.training_prior.tolist()
    assert plan.class_weight.tolist() == other.class_weight.tolist()


def test_levels_that_only_held_out_rows_have_are_not_learned():
    words = np.array(["red", "green", "blue"], dtype=object)[np.arange(N_ROWS) % 3]
    other = words.copy()
    other[HELD_OUT] = [f"word {i}" for i in HELD_OUT]
    tables = [np.column_stack([X[:, 1].astype(object), column]) for column in (words, other)]
    plans = [plan_of(small(sampler="smote"), table) for table in tables]
    assert plans[0].network == plans[1].network
    for before, after in zip(fed(plans[0]), fed(plans[1]), strict=True):
        np.testing.assert_array_equal(before, after)


def test_weights_of_held_out_rows_do_not_reach_training():
    weight = np.random.default_rng(1).uniform(1, 2, N_ROWS)
    changed = weight.copy()
    changed[HELD_OUT] *= 100
    plan, other = plan_of(small(), X, weight), plan_of(small(), X, changed)
    np.testing.assert_array_equal(plan.data.weight, other.data.weight)
    assert plan.class_weight.tolist() == other.class_weight.tolist()


@pytest.mark.parametrize("sampler", ["over", "under", RandomOverSampler(), EditedNearestNeighbours()], ids=str)
def test_every_row_that_is_fed_is_a_training_row(sampler):
    plan = plan_of(small(sampler=sampler, scaler=None, screen_columns=False), X)
    rows, classes, _ = fed(plan)
    numbers = rows[:, 0].astype(int)
    assert set(numbers) <= set(TRAINED)
    np.testing.assert_array_equal(np.array(["rare", "usual"])[classes], Y[numbers])
    np.testing.assert_array_equal(rows, X[numbers].astype(np.float32))


@pytest.mark.parametrize("sampler", ["smote", SMOTE(), ADASYN()], ids=str)
def test_every_synthetic_row_lies_between_two_training_rows_of_its_class(sampler):
    plan = plan_of(small(sampler=sampler, scaler=None, screen_columns=False), X)
    rows, classes, _ = fed(plan)
    parents = X[TRAINED][Y[TRAINED] == "rare"]
    same_number = X[rows[:, 0].astype(int)].astype(np.float32)
    is_original = np.isin(rows[:, 0], TRAINED) & (rows == same_number).all(axis=1)
    synthetic = rows[~is_original].astype(float)
    assert len(synthetic) > 50
    assert set(classes[~is_original]) == {0}  # "rare" sorts first
    assert all(distance_to_segments(row, parents) < 1e-3 for row in synthetic)


def distance_to_segments(point: np.ndarray, ends: np.ndarray) -> float:
    """Distance to the nearest of all segments between two of the ends."""
    first, second = (ends[i] for i in np.triu_indices(len(ends), 1))
    along = second - first
    share = np.clip(np.sum((point - first) * along, axis=1) / np.sum(along**2, axis=1), 0, 1)
    return float(np.linalg.norm(first + share[:, None] * along - point, axis=1).min())


def test_the_judge_of_segments_refuses_children_of_held_out_rows():
    """Guards the test above: a synthetic row between a training row and a held-out one is far from every segment."""
    rare = Y == "rare"
    parents, held = X[TRAINED][rare[TRAINED]], X[HELD_OUT][rare[HELD_OUT]]
    assert all(distance_to_segments((parents[0] + child) / 2, parents) > 1e-3 for child in held)


class RecordingScaler(TransformerMixin, BaseEstimator):
    """Remembers the row numbers that it was fitted to."""

    seen: ClassVar[set[int]] = set()

    def fit(self, X, y=None):
        RecordingScaler.seen |= set(X[:, 0].astype(int).tolist())
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


class RecordingSampler(BaseSampler):
    """Remembers the row numbers that it was given."""

    _sampling_type = "bypass"
    _parameter_constraints: ClassVar[dict] = {}
    seen: ClassVar[set[int]] = set()

    def fit_resample(self, X, y):
        RecordingSampler.seen |= set(X[:, 0].astype(int).tolist())
        return X, y

    _fit_resample = fit_resample


def test_a_transformer_and_a_sampler_of_ones_own_see_training_rows_only():
    RecordingScaler.seen, RecordingSampler.seen = set(), set()
    small(scaler=RecordingScaler(), sampler=RecordingSampler()).fit(X, Y)
    assert RecordingScaler.seen == set(TRAINED)
    assert RecordingSampler.seen == set(TRAINED)


@pytest.mark.parametrize("sampler", [None, "smote"])
def test_held_out_rows_change_neither_the_rate_search_nor_a_training_step(sampler):
    """Same losses to the last bit: no update has seen a held-out row. Early stopping may keep another epoch."""
    clf, other = small(sampler=sampler).fit(X, Y), small(sampler=sampler).fit(poisoned(), Y)
    np.testing.assert_array_equal(clf.lr_search_.trace.losses, other.lr_search_.trace.losses)
    assert clf.learning_rate_ == other.learning_rate_
    assert clf.loss_curve_ == other.loss_curve_
    assert clf.history_.validation_loss != other.history_.validation_loss


def test_a_network_that_kept_the_same_epoch_is_the_same_network():
    clf, other = (small(max_iter=1).fit(table, Y) for table in (X, poisoned()))
    for layer, same in zip(clf.network_.layers, other.network_.layers, strict=True):
        np.testing.assert_array_equal(layer.kernel, same.kernel)


def test_rows_given_for_validation_are_never_fed():
    given = (X[:50], Y[:50], None)
    wild = (1e6 * X[:50], Y[:50][::-1], None)
    plan, other = plan_of(small(sampler="smote"), X, None, given), plan_of(small(sampler="smote"), X, None, wild)
    assert len(set(TRAINED)) < len(set(plan_of(small(), X, None, given).data.rows)) == N_ROWS  # nothing is held out
    for before, after in zip(fed(plan), fed(other), strict=True):
        np.testing.assert_array_equal(before, after)
    clf = small().fit(X, Y, X_val=given[0], y_val=given[1])
    with pytest.warns(UserWarning, match="of X_val hold other values than those of X"):
        other_clf = small().fit(X, Y, X_val=wild[0], y_val=wild[1])
    assert clf.loss_curve_ == other_clf.loss_curve_
    assert clf.class_prior_.tolist() == other_clf.class_prior_.tolist()


def test_validation_rows_keep_their_natural_frequencies():
    plan = plan_of(small(sampler="over"), X)
    held = np.unique(Y[HELD_OUT], return_counts=True)[1]
    np.testing.assert_array_equal(np.bincount(plan.judged.y), held)
    np.testing.assert_array_equal(plan.judged.weight, 1.0)
    assert np.ptp(np.bincount(plan.data.y, weights=plan.data.weight)) == pytest.approx(0, abs=1e-9)
