"""Does the mean of the later weights answer as far as held-out rows say that it knows more, and no further?"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier
from balanced_nn._blend import Pair, find_shares, side_by_side
from balanced_nn._correction import Correction
from balanced_nn._network import FittedNetwork, State, initial_network
from balanced_nn._specs import NetworkSpec

ROWS = 2_000


def a_network(spec: NetworkSpec, seed: int) -> FittedNetwork:
    """A network none of whose arrays is constant, as after training."""
    rng = np.random.default_rng(seed)
    first = initial_network(spec, np.zeros(spec.n_classes), rng.normal(size=(64, spec.n_inputs)), rng)
    return FittedNetwork.from_arrays(
        spec, (np.abs(array + rng.normal(0, 0.3, array.shape)).astype(np.float32) for array in first.arrays())
    )


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("sizes", [(), (5,), (6, 4, 3)])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_two_networks_side_by_side_answer_their_weighted_sum(sizes, n_classes, batch_norm):
    spec = NetworkSpec(7, n_classes, sizes, "relu", batch_norm)
    one, other = a_network(spec, 1), a_network(spec, 2)
    shift = np.linspace(-1, 1, spec.n_outputs)
    joined = side_by_side(one, other, (0.7, 0.2), shift)
    X = np.random.default_rng(3).normal(size=(50, 7))
    expected = 0.7 * one.logits(X) + 0.2 * other.logits(X) + shift
    np.testing.assert_allclose(joined.logits(X), expected, rtol=1e-4, atol=1e-4)
    assert joined.spec == replace(spec, hidden_layer_sizes=tuple(2 * size for size in sizes))
    assert {array.dtype for array in joined.arrays()} == {np.dtype(np.float32)}


def a_pair(best: np.ndarray, average: np.ndarray, y: np.ndarray, fed_prior=(0.5, 0.5)) -> Pair:
    network = a_network(NetworkSpec(1, 2, (2,), "relu", True), 0)
    states = (State(network, outputs.astype(np.float32)[:, None]) for outputs in (best, average))
    return Pair(*states, Correction(np.zeros(2), np.array(fed_prior)), y, np.ones(len(y)))


def known_rows(rng: np.random.Generator, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds, and labels that follow them; as many of one class as of the other."""
    log_odds = rng.normal(0, scale, ROWS)
    return log_odds, (rng.random(ROWS) < 1 / (1 + np.exp(-log_odds))).astype(np.intp)


def test_a_mean_that_knows_what_the_best_epoch_does_not_gets_the_share_that_its_boldness_asks_for():
    """Each state has seen one of two causes; the mean states its own five times too boldly."""
    rng = np.random.default_rng(0)
    causes = rng.normal(0, 1.5, (2, ROWS))
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-causes.sum(axis=0)))).astype(np.intp)
    best, average = find_shares([a_pair(causes[0], 5 * causes[1], y)])
    assert best == pytest.approx(1.0, abs=0.15)
    assert average == pytest.approx(0.2, abs=0.03)


def test_a_mean_that_knows_nothing_is_left_out():
    rng = np.random.default_rng(1)
    log_odds, y = known_rows(rng)
    assert find_shares([a_pair(log_odds, -5 * np.abs(log_odds), y)]) == (1.0, 0.0)


def test_a_mean_that_says_the_same_more_boldly_does_not_change_what_is_said():
    """However the shares are split, their sum says what the best epoch said."""
    log_odds, y = known_rows(np.random.default_rng(2))
    best, average = find_shares([a_pair(log_odds, 4 * log_odds, y)])
    assert best + 4 * average == pytest.approx(1.0, abs=0.15)


def test_few_rows_do_not_move_the_shares_far():
    rng = np.random.default_rng(3)
    y = np.array([0] * 10 + [1] * 2)
    best, average = find_shares([a_pair(np.zeros(12), np.where(y == 1, 1.0, -1.0) + rng.normal(0, 0.1, 12), y)])
    assert best == pytest.approx(1.0, abs=0.01)
    assert average < 0.6  # the rows would have it infinite


def test_shares_are_found_on_the_rows_of_all_networks_together():
    """What one network's rows deny, the other's outweigh only if they are more."""
    log_odds, y = known_rows(np.random.default_rng(4), 2.0)
    useful = a_pair(np.zeros(ROWS), log_odds, y)
    harmful = a_pair(np.zeros(ROWS), -log_odds, y)
    few = a_pair(np.zeros(100), -log_odds[:100], y[:100])
    assert find_shares([useful, harmful]) == (1.0, 0.0)
    assert 0.5 < find_shares([useful, few])[1] < find_shares([useful])[1]


def test_the_last_bits_of_the_outputs_do_not_decide():
    """The two states say much the same, so that one share can make up for the other."""
    rng = np.random.default_rng(6)
    causes = rng.normal(0, 1.5, (2, ROWS))
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-causes.sum(axis=0)))).astype(np.intp)
    best, average = causes[0] + 0.7 * causes[1], 3 * (0.7 * causes[0] + causes[1])
    shares = [find_shares([a_pair(best * (1 + noise * rng.normal(size=ROWS)), average, y)]) for noise in (0.0, 1e-6)]
    assert shares[0][1] > 0.1
    assert shares[1] == shares[0]


def test_the_loss_is_that_of_the_joined_state():
    log_odds, y = known_rows(np.random.default_rng(5))
    pair = a_pair(log_odds, 3 * log_odds, y, fed_prior=(0.9, 0.1))
    shares = (0.6, 0.3)
    joined = pair.joined(shares)
    alone = replace(pair, best=replace(joined, outputs=joined.outputs))
    assert alone.loss((1.0, 0.0)) == pytest.approx(pair.loss(shares), rel=1e-6)


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0), st.floats(0.01, 0.99))
def test_an_output_that_says_nothing_still_says_nothing_whatever_the_shares(best: float, average: float, rare: float):
    """A network that answers the class frequencies it was fed has scores without preference."""
    silent = np.full(3, np.log(rare / (1 - rare)))
    pair = a_pair(silent, silent, np.array([0, 1, 1]), fed_prior=(1 - rare, rare))
    scores = pair.correction.log_posterior(pair.joined((best, average)).outputs)
    np.testing.assert_allclose(scores, np.log(0.5), atol=1e-5)


X, Y = make_classification(
    1500, 8, n_informative=8, n_redundant=0, n_clusters_per_class=8, weights=[0.8], class_sep=1.0, random_state=0
)


def test_a_fit_joins_the_mean_of_the_weights_and_predicts_better_by_it():
    """Clusters that the network goes on learning after its held-out loss has turned."""
    X_new, y_new = X[1000:], Y[1000:]
    settings = {"random_state": 0, "n_members": 2, "learning_rate_init": 0.003, "max_iter": 25, "n_iter_no_change": 25}
    plain, averaged = (
        BalancedNNClassifier((64,), average=average, **settings).fit(X[:1000], Y[:1000]) for average in (False, True)
    )
    for alone, joined in zip(plain.members_, averaged.members_, strict=True):
        assert joined.network.spec.hidden_layer_sizes == (128,)
        np.testing.assert_array_equal(joined.network.layers[0].kernel[:, :64], alone.network.layers[0].kernel)
    losses = [-clf.predict_log_proba(X_new)[np.arange(len(y_new)), y_new].mean() for clf in (plain, averaged)]
    assert losses[1] < losses[0]


def test_without_held_out_rows_nothing_is_averaged():
    clf = BalancedNNClassifier(
        (16,), early_stopping=False, average=True, max_iter=8, random_state=0, on_collapse="ignore"
    ).fit(X, Y)
    assert clf.network_.spec.hidden_layer_sizes == (16,)
