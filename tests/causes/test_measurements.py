"""Does each signal read the number that its name promises, and none where it was not seen?"""

from dataclasses import replace

import pytest

from balanced_nn._causes import measurements as signals
from balanced_nn._causes.evidence import Curve
from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import Outcome
from tests.helpers.evidence import (
    EXAMPLES,
    LAYER,
    ONLY_ANSWERS,
    PROBE,
    USUAL,
    with_data,
    with_layers,
    with_network,
    with_outcome,
)

SIGNALS = [value for value in vars(signals).values() if isinstance(value, signals.Measurement)]
VALUES = {"flag": (0, 1), "count": (-1, 0), "number": (0.25, 0.5)}


@pytest.mark.parametrize("signal", EXAMPLES, ids=lambda signal: signal.read.__name__)
def test_a_signal_reads_the_number_that_was_put_in(signal):
    build, kind = EXAMPLES[signal]
    for value in VALUES[kind]:
        if kind == "count" and signal is not signals.spare_outputs:
            value += 20
        assert signal(build(value)) == pytest.approx(value)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.read.__name__)
def test_a_signal_of_the_network_is_none_where_only_the_answers_were_seen(signal):
    of_the_answers = {signals.bad_labels, signals.decision_gap, signals.rarest}
    assert (signal(ONLY_ANSWERS) is not None) == (signal in of_the_answers)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.read.__name__)
@pytest.mark.parametrize("name", ["reference", "network", "initial", "final", "movement", "batch_norm_gap", "curve"])
def test_any_single_fact_may_be_missing(signal, name):
    number = signal(replace(USUAL, **{name: None}))
    assert number is None or isinstance(number, float | int)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.read.__name__)
def test_a_probe_whose_layers_could_not_be_told_apart_is_no_obstacle(signal):
    blind = replace(PROBE, layers=())
    number = signal(replace(USUAL, initial=blind, final=blind))
    assert number is None or isinstance(number, float | int)


# ---------------------------------------------------------------- output and loss


@pytest.mark.parametrize(
    ("n_outputs", "n_classes", "lacking"), [(1, 2, 0), (2, 2, 1), (1, 3, -2), (3, 3, 0), (4, 3, 1)]
)
def test_two_classes_need_one_output_and_more_need_one_each(n_outputs, n_classes, lacking):
    assert signals.spare_outputs(with_network(n_outputs=n_outputs, n_classes=n_classes)) == lacking


@pytest.mark.parametrize(
    ("facts", "number"),
    [
        ({"output_activation": "linear"}, 1.0),
        ({"output_activation": "relu"}, 1.0),
        ({"output_activation": "softmax"}, 0.0),
        ({"output_activation": "linear", "from_logits": True}, None),
        ({"output_activation": "linear", "loss": "hinge"}, None),
        ({"output_activation": "linear", "loss": None}, None),
    ],
)
def test_a_cross_entropy_needs_probabilities_unless_it_reads_logits(facts, number):
    assert signals.no_probability(with_network(**facts)) == number


@pytest.mark.parametrize(
    ("facts", "number"),
    [
        ({"n_outputs": 1, "loss": "categorical_crossentropy"}, 1.0),
        ({"n_outputs": 1, "loss": "sparse_categorical_crossentropy"}, 1.0),
        ({"n_outputs": 2, "loss": "sparse_categorical_crossentropy"}, 0.0),
        ({"n_outputs": 2, "loss": "mean_absolute_error"}, 1.0),
        ({"loss": "mean_squared_error"}, 0.0),
        ({"loss": "a_loss_of_their_own"}, 0.0),
        ({"loss": None}, None),
    ],
)
def test_a_loss_is_wrong_for_a_single_output_or_for_classes(facts, number):
    assert signals.wrong_loss(with_network(**facts)) == number


def test_softmax_over_several_units_is_no_fault():
    assert signals.lone_softmax(with_network(output_activation="softmax", n_outputs=2)) == 0.0


# ---------------------------------------------------------------- before training


def test_the_spread_is_read_by_one_of_two_signals():
    initial = with_layers(LAYER, replace(LAYER, spread=0.01))
    for activation, saturating in (("tanh", True), ("sigmoid", True), ("relu", False), ("gelu", False)):
        seen = replace(with_network(hidden_activations=(activation, activation)), initial=initial)
        assert (signals.spread_of_saturating(seen) is not None) == saturating
        assert (signals.spread_of_others(seen) is not None) != saturating


def test_the_highest_gain_is_that_of_the_layer_whose_weights_are_largest_for_its_inputs():
    seen = replace(USUAL, initial=with_layers(replace(LAYER, weight=1.1), replace(LAYER, weight=1.0)))
    assert signals.highest_gain(seen) == pytest.approx(1.0 * 8)  # 64 units, against 1.1 * 4 for 16 features


def test_large_features_do_not_pass_for_large_outputs():
    initial = with_layers(replace(LAYER, largest=1e6), LAYER)
    assert signals.first_outputs(replace(with_data(largest=1e6), initial=initial)) == pytest.approx(1.0)


# ---------------------------------------------------------------- during training


@pytest.mark.parametrize(
    ("optimizer", "adaptive"), [("adam", True), ("adamw", True), ("rmsprop", True), ("sgd", False), (None, None)]
)
def test_a_rate_is_read_by_the_signal_of_its_optimizer(optimizer, adaptive):
    seen = with_network(optimizer=optimizer)
    assert (signals.adaptive_rate(seen) is not None) == (adaptive is True)
    assert (signals.other_rate(seen) is not None) == (adaptive is False)


def test_little_movement_is_put_down_to_the_rate_or_to_the_steps_but_not_to_both():
    slow, usual = with_network(learning_rate=1e-6), with_network(learning_rate=1e-3)
    assert signals.slow_rate(slow) is not None
    assert signals.few_moves(slow) is None
    assert signals.slow_rate(usual) is None
    assert signals.few_moves(usual) is not None


def test_where_the_movement_is_unknown_the_reach_of_the_steps_takes_its_place():
    seen = replace(with_network(learning_rate=1e-6, n_steps=1000), movement=None)
    assert signals.slow_rate(seen) == pytest.approx(1e-3 / LAYER.weight)
    assert signals.slow_rate(replace(seen, initial=with_layers(*(replace(LAYER, weight=0.0),) * 2))) is not None
    assert signals.slow_rate(replace(seen, initial=None)) is None


def test_units_that_were_dead_before_were_not_killed():
    dead = with_layers(LAYER, replace(LAYER, dead=0.75))
    assert signals.killed(replace(USUAL, initial=dead, final=dead)) == 0.0
    assert signals.killed(replace(USUAL, final=dead)) == 0.75


def test_a_loss_that_is_not_finite_counts_although_the_network_is():
    assert signals.not_finite(replace(USUAL, curve=Curve((0.7, float("nan"))))) == 1.0
    assert signals.not_finite(replace(USUAL, curve=None)) == 0.0


# ---------------------------------------------------------------- answers


def test_a_decision_is_to_blame_only_where_the_scores_reach_the_reference():
    seen = with_outcome(Outcome.THRESHOLD, ranking=0.8)
    assert signals.decision_gap(replace(seen, reference=Reference(0.82, 0.8))) == pytest.approx(0.3)
    assert signals.decision_gap(replace(seen, reference=Reference(0.99, 0.8))) is None
    assert signals.decision_gap(with_outcome(Outcome.CONSTANT, ranking=None)) is None


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_classes_of_even_share_are_equally_rare_however_many_there_are(n_classes):
    share = (1 / n_classes,) * n_classes
    seen = with_data(class_share=(*share, 0.0), class_rows=(50,) * n_classes + (0,))
    assert signals.rarest(seen) == pytest.approx(1.0)


def test_a_single_class_is_not_rare():
    assert signals.rarest(with_data(class_share=(1.0, 0.0), class_rows=(50, 0))) is None


def test_a_gain_of_trees_matters_only_to_a_network_that_is_linear():
    seen = replace(with_network(hidden_activations=("linear", "relu")), reference=Reference(0.5, 0.9))
    assert signals.linear_gap(seen) is None
