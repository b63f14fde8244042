"""Does a network learn from batch after batch, and is what it does not know left unsaid?"""

import copy
import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from balanced_nn import BalancedNNClassifier, DecisionDisplay, diagnose
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._training.keras.pool import POOL

RNG = np.random.default_rng(0)
Y = (RNG.random(1200) < 0.2).astype(int)
X = RNG.normal(size=(1200, 5)) + 1.2 * Y[:, None]
BATCHES = np.split(np.arange(1200), 6)


def small(**params):
    return BalancedNNClassifier((8,), **{"random_state": 0, "learning_rate_init": 0.01, **params})


def learn(clf, X=X, y=Y, batches=BATCHES, passes=1, **params):
    for _ in range(passes):
        for rows in batches:
            clf.partial_fit(X[rows], y[rows], classes=np.unique(y), **params)
    return clf


# What it learns


def test_passes_over_partitions_come_near_a_fit():
    table, labels = make_classification(4000, 6, n_informative=4, weights=[0.9], random_state=0)
    train, test = np.split(np.arange(4000), [2000])
    settings = {"batch_size": 64, "n_bins": None, "random_state": 0}  # one program for both
    fitted = BalancedNNClassifier((8,), max_iter=30, n_members=1, **settings).fit(table[train], labels[train])
    clf = BalancedNNClassifier((8,), **settings)
    learn(clf, table, labels, np.split(train, 4), passes=12)
    areas = [roc_auc_score(labels[test], model.predict_proba(table[test])[:, 1]) for model in (fitted, clf)]
    assert areas[1] > areas[0] - 0.015
    assert clf.lr_search_ is not None
    assert clf.n_iter_ == len(clf.loss_curve_) == 48


@pytest.mark.parametrize("params", [{}, {"class_weight": None}, {"class_weight": {1: 3.0}}, {"loss": "logit_adjusted"}])
def test_probabilities_have_the_class_frequencies_of_all_rows_so_far(params):
    clf = learn(small(**params), passes=4)
    np.testing.assert_allclose(clf.class_prior_, [1 - Y.mean(), Y.mean()])
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(Y.mean(), rel=0.25)


def test_class_weights_follow_the_rows_so_far():
    clf = small().partial_fit(X[:400], np.repeat([0, 1], [300, 100]), classes=[0, 1])
    np.testing.assert_allclose(clf.class_weight_, [400 / 600, 2.0])
    clf.partial_fit(X[:200], np.repeat([0, 1], [0, 200]))
    np.testing.assert_allclose(clf.class_weight_, [1.0, 1.0])
    np.testing.assert_allclose(clf.class_prior_, [0.5, 0.5])


def test_weights_of_rows_count_and_rows_of_weight_zero_do_not():
    weight = np.where(np.arange(200) < 100, 1.0, 0.0)
    clf = small().partial_fit(X[:200], Y[:200], [0, 1], weight)
    alone = small().partial_fit(X[:100], Y[:100], [0, 1])
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_allclose(
        small().partial_fit(X, Y, [0, 1], 1 + 3.0 * Y).class_prior_[1], 4 * Y.sum() / (1200 + 3 * Y.sum())
    )


def test_a_class_may_come_late():
    first, late = np.flatnonzero(Y == 0)[:300], np.arange(1200)
    clf = small().partial_fit(X[first], Y[first], classes=[0, 1])
    assert np.isfinite(clf.predict_log_proba(X)).all()
    assert clf.predict_proba(X)[:, 1].mean() < 0.05
    for _ in range(4):
        clf.partial_fit(X[late], Y[late])
    assert roc_auc_score(Y, clf.predict_proba(X)[:, 1]) > 0.9
    assert clf.class_prior_[1] == pytest.approx(4 * Y.sum() / 5100)


def test_three_classes_text_and_missing_cells_are_learned():
    labels = np.array(["a", "b", "c"])[Y + (X[:, 0] > 1)]
    table = pd.DataFrame(X).add_prefix("x").assign(kind=np.where(X[:, 1] > 0, "up", "down"))
    table.loc[::7, "x0"] = np.nan
    clf = small()
    for rows in BATCHES:
        clf.partial_fit(table.iloc[rows], labels[rows], classes=["c", "a", "b"])
    assert list(clf.classes_) == ["a", "b", "c"]
    clf.partial_fit(table.assign(kind="sideways"), labels)  # a level that is new is unknown
    with pytest.warns(UserWarning, match="kind"):
        clf.partial_fit(table.assign(kind=1.0), labels)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.partial_fit(table[table.columns[::-1]], labels)


def test_several_networks_learn_from_the_same_batches():
    clf = learn(small(n_members=3, scaler="standard"))
    assert len(clf.members_) == 3
    weights = [member.network.layers[0].kernel for member in clf.members_]
    assert not np.array_equal(weights[0], weights[1])
    assert clf.n_iter_ == 6


# What stays known


def test_nothing_is_said_of_an_outcome_that_was_not_checked():
    clf = learn(small())
    assert clf.collapse_report_.outcome is Outcome.UNKNOWN
    assert "diagnose" in str(clf.collapse_report_)
    assert diagnose(clf, X, Y).outcome is Outcome.HEALTHY
    with pytest.raises(ValueError, match="partial_fit holds none out"):
        clf.set_decision("f1")
    with pytest.raises(ValueError, match="Pass X and y"):
        DecisionDisplay.from_estimator(clf)
    clf.set_decision("f1", X, Y).set_prior([0.9, 0.1])
    assert clf.decision_rule_.name == "f1"
    with pytest.raises(ValueError, match="decision='f1' is tuned on rows that were held out"):
        small(decision="f1").partial_fit(X, Y, classes=[0, 1])


def test_a_fit_begins_anew_and_a_clone_knows_nothing():
    clf = learn(small(max_iter=2, on_collapse="ignore", n_members=1))
    with pytest.raises(NotFittedError):
        clone(clf).predict(X)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        clone(clf).partial_fit(X, Y)
    again, anew = clf.fit(X, Y), small(max_iter=2, on_collapse="ignore", n_members=1).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), anew.predict_proba(X))
    assert vars(again).keys() == vars(anew).keys()


def test_a_fit_is_trained_further():
    clf = small(max_iter=5, n_members=2, on_collapse="ignore", learning_rate_init="auto").fit(X, Y)
    before, rates = clf.predict_proba(X), [member.history.learning_rate for member in clf.members_]
    temperature, kernel = clf.temperature_, clf.network_.layers[0].kernel
    clf.partial_fit(X[:100], Y[:100])
    assert 0 < np.abs(clf.predict_proba(X) - before).max() < 0.2
    assert clf.temperature_ == temperature
    assert np.abs(clf.network_.layers[0].kernel - kernel).max() < 0.1
    assert [member.history.learning_rate for member in clf.members_] == rates
    assert clf.collapse_report_.outcome is Outcome.UNKNOWN
    np.testing.assert_allclose(clf.class_prior_[1], (Y.sum() + Y[:100].sum()) / 1300)


# State


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf))])
def test_a_copy_goes_on_to_the_bit(copied):
    one, other = small(dropout=0.1), small(dropout=0.1)
    for rows in BATCHES:
        one.partial_fit(X[rows], Y[rows], classes=[0, 1])
        kept = copied(other).partial_fit(X[rows], Y[rows], classes=[0, 1])
        if hasattr(other, "members_"):
            assert other.n_iter_ == kept.n_iter_ - 1  # a copy shares nothing that changes
        other = kept
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_state_is_made_of_arrays_and_small():
    clf = learn(small())
    data = pickle.dumps(clf)
    assert b"keras" not in data.replace(b"_keras", b"")
    assert b"tensorflow" not in data
    weights = sum(array.nbytes for array in clf.network_.arrays())
    state = clf._reached
    optimizer = state.optimizers[0]
    moments = [*optimizer.first_moments, *optimizer.second_moments]
    assert {array.dtype for array in moments} == {np.dtype(np.float32)}
    assert sum(array.nbytes for array in moments) < 5 * weights
    json.dumps([state.seed, state.n_batches, state.batch_size, optimizer.step])


def test_batches_of_one_width_share_a_program_whatever_their_rows():
    clf = small().partial_fit(X[:300], Y[:300], classes=[0, 1])
    before = POOL.n_built
    for n_rows in (300, 17, 2, 900):
        clf.partial_fit(X[:n_rows], Y[:n_rows])
    copy.deepcopy(clf).partial_fit(X, Y)
    assert POOL.n_built == before


def test_a_call_that_raises_changes_nothing():
    clf = learn(small())
    before, seen = clf.predict_proba(X), dict(vars(clf))
    for arguments in ((X[:, :4], Y), (X, Y + 1), (X, Y, [0, 1, 2]), (X, Y, None, -np.ones(len(Y)))):
        with pytest.raises(ValueError, match=r"features|label|class|weights"):
            clf.partial_fit(*arguments)
    assert vars(clf) == seen
    np.testing.assert_array_equal(clf.predict_proba(X), before)


# What is refused


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"hidden_layer_sizes": (16,)}, r"hidden_layer_sizes is \(16,\), but the fitted networks.* have \(8,\)"),
        ({"activation": "tanh"}, "activation is 'tanh'"),
        ({"batch_norm": False}, "batch_norm is False"),
        ({"n_members": 2}, "n_members is 2"),
    ],
)
def test_settings_that_do_not_go_on_are_refused(params, text):
    clf = small().partial_fit(X[:100], Y[:100], classes=[0, 1])
    with pytest.raises(ValueError, match=text):
        clf.set_params(**params).partial_fit(X[100:200], Y[100:200])


def test_a_sampler_has_no_batches():
    clf = small(sampler="over")
    assert not hasattr(clf, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit") as caught:
        clf.partial_fit(X, Y, classes=[0, 1])
    assert "sampler='over' needs all rows of a class" in str(caught.value.__cause__)


def test_labels_and_classes_are_refused_by_name():
    clf = small().partial_fit(X[:100], Y[:100], classes=[0, 1])
    with pytest.raises(ValueError, match="y holds 7, which is not a class of the training data; these are 0, 1"):
        clf.partial_fit(X[:2], [0, 7])
    with pytest.raises(ValueError, match="classes names 0, 1, 2, but on the call before they were 0, 1"):
        clf.partial_fit(X[:2], [0, 1], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="classes names 1 class, 0"):
        small().partial_fit(X[:2], [0, 0], classes=[0])


def test_one_row_is_refused_where_there_is_batch_norm():
    clf = small().partial_fit(X[:100], Y[:100], classes=[0, 1])
    with pytest.raises(ValueError, match="X holds 1 row"):
        clf.partial_fit(X[:1], Y[:1])
    plain = small(batch_norm=False).partial_fit(X[:100], Y[:100], classes=[0, 1])
    assert plain.partial_fit(X[:1], Y[:1]).n_iter_ == 2


def test_a_rate_that_breaks_the_weights_is_refused():
    clf = small().partial_fit(X[:100], Y[:100], classes=[0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ValueError, match="no longer finite"):
            clf.set_params(learning_rate_init=1e38).partial_fit(X, Y)
    assert np.isfinite(clf.predict_proba(X)).all()
