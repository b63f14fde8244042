"""Does a fit end with its time, with the best networks so far, and say so?"""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from balanced_nn import BalancedNNClassifier
from balanced_nn._training.callbacks import Epoch, Training
from balanced_nn._training.time_limit import TimeLimit, network_ends_at

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] + 0.5 * RNG.normal(size=300) > 0.8).astype(int)


def small(**params) -> BalancedNNClassifier:
    settings = {
        "max_iter": 12,
        "n_jobs": 1,
        "n_iter_no_change": 12,
        "learning_rate_init": 0.02,
        "batch_size": 32,
        "n_members": 1,
    }
    return BalancedNNClassifier((8,), **{**settings, "random_state": 0, "on_collapse": "ignore", **params})


@pytest.fixture
def clock(monkeypatch):
    """A clock that is a second later whenever the limit looks at it."""
    seconds = itertools.count(101)
    monkeypatch.setattr("balanced_nn._classifier.monotonic", lambda: 100.0)
    monkeypatch.setattr("balanced_nn._training.time_limit.monotonic", lambda: float(next(seconds)))


def limit_of(warned) -> list[str]:
    return [str(w.message) for w in warned if w.category is ConvergenceWarning]


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 50))
def test_networks_share_what_is_left_and_none_gets_less_than_nothing(now, end, n):
    first = network_ends_at(now, end, n)
    assert now <= first <= max(now, end) + 1e-6
    assert network_ends_at(now, end, 1) == pytest.approx(max(now, end))
    if n > 1 and end > now:  # whoever uses up its share leaves the others theirs
        assert network_ends_at(first, end, n - 1) - first == pytest.approx(first - now, abs=1e-6)


def test_a_fit_that_is_out_of_time_at_once_has_one_network_of_one_epoch(recwarn):
    clf = small(max_time=1e-9, n_members=3).fit(X, Y)
    (told,) = limit_of(recwarn)
    assert told.startswith(
        "max_time=1e-09 seconds were over: 1 of the trainings ended early, and 2 of 3 networks were "
    )
    assert (len(clf.members_), clf.n_iter_, len(clf.loss_curve_)) == (1, 1, 1)
    assert clf.history_.stop_reason == "max_time"
    assert np.isfinite(clf.predict_proba(X)).all()
    assert recwarn[0].filename == __file__


def test_the_best_weights_so_far_are_those_of_a_shorter_fit(clock, recwarn):
    with pytest.warns(
        ConvergenceWarning, match="max_time=6 seconds were over: 1 of the trainings ended early, and 0 of"
    ):
        ended = small(max_time=6).fit(X, Y)
    n_epochs = ended.n_iter_
    assert 1 < n_epochs < 12
    same = small(max_iter=n_epochs).fit(X, Y)
    np.testing.assert_array_equal(ended.predict_proba(X), same.predict_proba(X))
    assert same.history_.stop_reason == "max_iter"


def test_each_network_has_its_share(clock):
    with pytest.warns(ConvergenceWarning, match="3 of the trainings ended early, and 0 of 3"):
        clf = small(max_time=18, n_members=3).fit(X, Y)
    epochs = [len(member.history.train_loss) for member in clf.members_]
    assert len(epochs) == 3
    assert min(epochs) > 1
    assert max(epochs) < 12


def test_networks_at_the_same_time_share_by_rounds_and_those_that_began_in_time_are_kept(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("balanced_nn._training.time_limit.monotonic", lambda: now[0])
    limit, epoch = TimeLimit(20.0, 0.0, 4, n_jobs=2), Epoch(1, 0.5, 0.5, 0.5)
    for network in (0, 1):
        limit.training_begins(Training(network, 0, 0.01, 200))
    now[0] = 9.0
    assert [limit.epoch_ends(network, epoch) for network in (0, 1)] == ["", ""]
    now[0] = 10.0
    assert [limit.epoch_ends(network, epoch) for network in (0, 1)] == ["max_time", "max_time"]
    assert [limit.network_ends(network) for network in (0, 1)] == [False, False]
    limit.training_begins(Training(2, 0, 0.01, 200))
    now[0] = 20.0
    assert limit.epoch_ends(2, epoch) == "max_time"
    limit.training_begins(Training(3, 0, 0.01, 200))  # in a thread that had become free, too late
    assert limit.epoch_ends(3, epoch) == "max_time"
    assert [limit.network_ends(network) for network in (0, 2)] == [False, True]
    assert "1 of 4 networks were not trained" in str(limit.notes()[0])


def test_a_limit_that_is_not_reached_changes_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        limited = small(max_time=1e6, n_members=2).fit(X, Y)
    np.testing.assert_array_equal(limited.predict_proba(X), small(n_members=2).fit(X, Y).predict_proba(X))


def test_what_ended_with_its_time_is_not_repaired(recwarn):
    clf = small(max_time=1e-9, learning_rate_init=1e-7, on_collapse="repair").fit(X, Y)
    assert len(clf.members_[0].attempts) == 1
    assert len(limit_of(recwarn)) == 1


@pytest.mark.parametrize("value", [0, -1.0, "1", float("inf"), float("nan")])
def test_a_limit_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="The 'max_time' parameter"):
        small(max_time=value).fit(X, Y)
