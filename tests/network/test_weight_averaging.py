"""Do the weights move towards the mean of the last epochs as far as held-out rows ask for it, and no further?"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, log_loss

from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.observation import gather_evidence
from balanced_nn._data.table import read_table
from balanced_nn._network.network import FittedNetwork, initial_network
from balanced_nn._network.specs import NetworkSpec
from balanced_nn._network.weight_averaging import NEWEST, SHARES, WeightMean, between
from balanced_nn._probability.calibration import HeldOut
from balanced_nn._training import attempts, members
from balanced_nn._training.attempts import TrainedNetwork


def of_one_weight(value: float) -> FittedNetwork:
    spec = NetworkSpec(1, 2, (), "relu", False)
    return FittedNetwork.from_arrays(spec, [np.full((1, 1), value, np.float32), np.zeros(1, np.float32)])


def the_weight(network: FittedNetwork) -> float:
    return network.layers[0].kernel.item()


def test_of_few_epochs_the_mean_is_that_of_all_and_of_many_that_of_the_last():
    mean = WeightMean()
    mean.add(of_one_weight(1.0))
    assert mean.network() is None
    mean.add(of_one_weight(4.0))
    assert the_weight(mean.network()) == pytest.approx(2.5)
    for value in range(1, 101):
        mean.add(of_one_weight(value))
    assert the_weight(mean.network()) == pytest.approx(100 - (1 / NEWEST - 1), abs=0.01)


def test_weights_that_are_not_finite_are_in_no_mean():
    mean = WeightMean()
    for value in (1.0, np.inf, 2.0):
        mean.add(of_one_weight(value))
    assert the_weight(mean.network()) == pytest.approx(1.5)


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(0, 1))
def test_a_network_between_two_has_weights_between_theirs(one: float, other: float, share: float):
    weight = the_weight(between(of_one_weight(one), of_one_weight(other), share))
    assert weight == pytest.approx((1 - share) * one + share * other, abs=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_between_two_states_every_array_moves(batch_norm):
    rng = np.random.default_rng(0)
    spec = NetworkSpec(5, 3, (16, 8), "relu", batch_norm)
    start = initial_network(spec, np.zeros(3), rng.normal(size=(200, 5)), rng)
    end = FittedNetwork.from_arrays(spec, (array + np.float32(1) for array in start.arrays()))
    for array, first in zip(between(start, end, 0.25).arrays(), start.arrays(), strict=True):
        np.testing.assert_allclose(array, first + 0.25, rtol=1e-6)
        assert array.dtype == np.float32


CLUSTERS, GROUPS = make_classification(
    6000, 8, n_informative=8, n_redundant=0, n_clusters_per_class=8, weights=[0.8], class_sep=1.0, random_state=2
)  # that a network goes on learning after its held-out loss has turned
EASY, LABELS = make_classification(400, 6, n_informative=4, weights=[0.8], class_sep=2.0, random_state=0)
LONG = {"n_members": 2, "learning_rate_init": 0.01, "max_iter": 30, "random_state": 0}


@pytest.fixture(scope="module")
def best_and_averaged() -> list[BalancedNNClassifier]:
    rows = CLUSTERS[:1500], GROUPS[:1500]
    return [BalancedNNClassifier((64,), average_weights=wanted, **LONG).fit(*rows) for wanted in (False, True)]


def test_weights_move_to_the_mean_of_the_last_epochs_as_far_as_held_out_rows_ask_for(best_and_averaged):
    best, averaged = best_and_averaged
    assert best.average_share_ == 0.0
    assert averaged.average_share_ in SHARES
    for one, other in zip(best.members_, averaged.members_, strict=True):
        assert one.history == other.history
        assert not np.array_equal(one.network.layers[0].kernel, other.network.layers[0].kernel)

    def held_out_loss(clf):
        held = clf._held_out
        return log_loss(held.y, np.exp(held.log_proba_at(clf.class_prior_)), sample_weight=held.weight)

    assert held_out_loss(averaged) < held_out_loss(best)
    rows, labels = CLUSTERS[1500:], GROUPS[1500:]
    assert log_loss(labels, averaged.predict_proba(rows)) < log_loss(labels, best.predict_proba(rows))


def test_the_report_speaks_of_the_weights_that_answer():
    clf = BalancedNNClassifier((64,), **(LONG | {"n_members": 1})).fit(
        CLUSTERS[:1500], GROUPS[:1500], X_val=CLUSTERS[1500:], y_val=GROUPS[1500:]
    )
    assert clf.average_share_ > 0.0
    answers = clf.members_[0].scores(read_table(clf, CLUSTERS[1500:], reset=False)).argmax(axis=1)
    expected = balanced_accuracy_score(GROUPS[1500:], answers)
    assert clf.collapse_report_.facts.balanced_accuracy == pytest.approx(expected, abs=1e-4)
    assert clf.network_.spec.hidden_layer_sizes == (64,)


def moved_fit(monkeypatch: pytest.MonkeyPatch, change=None, **params) -> BalancedNNClassifier:
    """Fit with averages that always seem to pay, after attempts were changed."""
    if change is not None:
        train = members.train_until_sound

        def changed(*args, **kwargs):
            return change((yield from train(*args, **kwargs)))

        monkeypatch.setattr(members, "train_until_sound", changed)
    monkeypatch.setattr(members, "SMALLEST_GAIN", -np.inf)
    settings = {"n_members": 2, "learning_rate_init": 0.01, "max_iter": 6, "random_state": 0, **params}
    return BalancedNNClassifier((16,), **settings).fit(EASY, LABELS)


@pytest.mark.parametrize(
    ("losses", "share"),
    [
        ([100.0, 99.5], 0.0),
        ([100.0, 90.0, 91.0], 0.25),
        ([100.0, 95.0, 90.0, 89.5], 0.5),
        ([100.0, 95.0, 90.0, 85.0, 80.0], 1.0),
    ],
)
def test_the_weights_move_until_the_held_out_loss_falls_by_less_than_a_nat(losses, share, monkeypatch):
    remaining = iter(losses)
    monkeypatch.setattr(HeldOut, "log_loss", lambda held_out, prior: next(remaining))
    clf = BalancedNNClassifier((16,), n_members=1, learning_rate_init=0.01, max_iter=6, random_state=0)
    assert clf.fit(EASY, LABELS).average_share_ == share
    assert list(remaining) == []


@pytest.mark.parametrize(
    "params",
    [{"average_weights": False}, {"max_iter": 4}, {"early_stopping": False}],
    ids=str,
)
def test_without_a_mean_the_weights_stay_where_they_are(params, monkeypatch):
    assert moved_fit(monkeypatch, **params).average_share_ == 0.0


def test_the_last_weights_stay_where_rows_are_given_but_do_not_stop():
    clf = BalancedNNClassifier((16,), early_stopping=False, max_iter=12, learning_rate_init=0.01, random_state=0)
    clf.fit(EASY[:300], LABELS[:300], X_val=EASY[300:], y_val=LABELS[300:])
    assert clf.average_share_ == 0.0


def test_one_network_without_a_mean_or_in_doubt_keeps_all_where_they_are(monkeypatch):
    seen: list[TrainedNetwork] = []

    def without_mean(network):
        seen.append(network)
        return network if len(seen) != 2 else replace(network, kept=replace(network.kept, mean=None))

    def in_doubt(network):
        seen_of = gather_evidence(attempts.observe(network.kept, None))
        return replace(network, kept=replace(network.kept, evidence=seen_of))

    for change in (without_mean, in_doubt):
        with monkeypatch.context() as patch:
            assert moved_fit(patch, change, on_collapse="ignore").average_share_ == 0.0


def test_a_repaired_training_may_move_too(monkeypatch):
    """A repair that helped leaves a sound training, whose weights move as any other."""
    judge, seen = attempts.judge, []

    def collapsed_first(plan, scores):
        seen.append(scores)
        return judge(plan, np.full_like(scores, -np.log(2)) if len(seen) == 1 else scores)

    monkeypatch.setattr(attempts, "judge", collapsed_first)
    clf = moved_fit(monkeypatch, n_members=1)
    assert len(clf.repairs_) == 1
    assert clf.average_share_ == 1.0


def test_weights_that_would_be_in_doubt_are_not_moved(monkeypatch):
    monkeypatch.setattr(members, "in_doubt", lambda outcome: True)
    assert moved_fit(monkeypatch).average_share_ == 0.0
