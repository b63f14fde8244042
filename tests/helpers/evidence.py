"""Evidence by hand: a network that failed although nothing about it is unusual, and what to change to make it so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from balanced_nn._causes import measurements as signals
from balanced_nn._causes.evidence import Curve, DataFacts, Evidence, LayerProbe, NetworkFacts, Probe
from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import Outcome, OutcomeReport

OUTCOME = OutcomeReport(
    Outcome.CONSTANT,
    n_rows=100,
    spread=1e-5,
    class_spread=(1e-5, 1e-5),
    roc_auc=0.5,
    true_share=(0.5, 0.5),
    predicted_share=(1.0, 0.0),
    recall=(1.0, 0.0),
    missing_classes=(1,),
    class_rows=(50, 50),
    ranking=0.5,
)
DATA = DataFacts(
    n_rows=1000,
    n_features=16,
    class_share=(0.5, 0.5),
    class_rows=(500, 500),
    largest=3.0,
    scale_ratio=1.1,
    offset_ratio=0.1,
    n_constant=0,
    n_duplicated=0,
    n_not_finite=0,
)
NETWORK = NetworkFacts(
    hidden_sizes=(64, 64),
    hidden_activations=("relu", "relu"),
    batch_norm=False,
    n_outputs=1,
    output_activation="sigmoid",
    n_classes=2,
    loss="binary_crossentropy",
    from_logits=False,
    optimizer="adam",
    learning_rate=1e-3,
    epochs=100,
    n_steps=3000,
)
LAYER = LayerProbe("relu", 64, spread=1.0, dead=0.0, saturated=0.0, largest=3.0, gradient=0.1, weight=0.2)
PROBE = Probe((LAYER, LAYER, replace(LAYER, activation="sigmoid", units=1)), 0.7, chance_loss=0.69, finite=True)
USUAL = Evidence(
    OUTCOME,
    DATA,
    reference=Reference(linear=0.9, trees=0.9),
    network=NETWORK,
    initial=PROBE,
    final=PROBE,
    movement=1.0,
    batch_norm_gap=0.0,
    curve=Curve((0.9, 0.8, 0.7, 0.69, 0.69, 0.69, 0.69, 0.69)),
)
ONLY_ANSWERS = Evidence(OUTCOME, DATA)


def with_outcome(outcome: Outcome, evidence: Evidence = USUAL, **numbers: Any) -> Evidence:
    return replace(evidence, outcome=replace(evidence.outcome, outcome=outcome, **numbers))


def with_network(**facts: Any) -> Evidence:
    return replace(USUAL, network=replace(NETWORK, **facts))


def with_data(**facts: Any) -> Evidence:
    return replace(USUAL, data=replace(DATA, **facts))


def with_layers(*layers: LayerProbe) -> Probe:
    """Hidden layers in front of the usual output."""
    return replace(PROBE, layers=(*layers, PROBE.layers[-1]))


def _spread(value: float, activation: str) -> Evidence:
    initial = with_layers(LAYER, replace(LAYER, spread=value))
    return replace(with_network(hidden_activations=(activation,) * 2), initial=initial)


def _gain(value: float) -> Evidence:
    first, second = (replace(LAYER, weight=value / n_in**0.5) for n_in in (16, 64))
    return replace(USUAL, initial=with_layers(first, second))


def _second(**numbers: float) -> Probe:
    return with_layers(LAYER, replace(LAYER, **numbers))


class Example(NamedTuple):
    """How to build evidence of which a signal reads a number, and which numbers it can read."""

    build: Callable[[Any], Evidence]
    kind: str = "number"  # or "count", a whole number, or "flag", 0 or 1


# One line for each signal that a rule of the diagnosis reads.
EXAMPLES: dict[signals.Measurement, Example] = {
    signals.bad_labels: Example(lambda v: with_data(bad_labels="all rows have the same label" if v else ""), "flag"),
    signals.no_signal: Example(lambda v: replace(with_outcome(Outcome.NO_SIGNAL), reference=Reference(v - 0.1, v))),
    signals.lone_softmax: Example(lambda v: with_network(output_activation="softmax" if v else "sigmoid"), "flag"),
    signals.spare_outputs: Example(lambda v: with_network(n_classes=5, n_outputs=int(5 + v)), "count"),
    signals.no_probability: Example(lambda v: with_network(output_activation="relu" if v else "sigmoid"), "flag"),
    signals.wrong_loss: Example(lambda v: with_network(loss="hinge" if v else "binary_crossentropy"), "flag"),
    signals.twice_squashed: Example(lambda v: with_network(from_logits=bool(v)), "flag"),
    signals.squared_error: Example(
        lambda v: with_network(loss="mean_squared_error" if v else "binary_crossentropy"), "flag"
    ),
    signals.scale_ratio: Example(lambda v: with_data(scale_ratio=v, largest=10.0)),
    signals.largest_feature: Example(lambda v: with_data(largest=v)),
    signals.dead_at_start: Example(lambda v: replace(USUAL, initial=_second(dead=v))),
    signals.first_outputs: Example(
        lambda v: replace(USUAL, initial=with_layers(*(replace(LAYER, largest=v * DATA.largest),) * 2))
    ),
    signals.spread_of_saturating: Example(lambda v: _spread(v, "tanh")),
    signals.spread_of_others: Example(lambda v: _spread(v, "relu")),
    signals.highest_gain: Example(_gain),
    signals.adaptive_rate: Example(lambda v: with_network(learning_rate=v)),
    signals.other_rate: Example(lambda v: with_network(learning_rate=v, optimizer="sgd")),
    signals.relative_rate: Example(lambda v: with_network(learning_rate=v, optimizer="adadelta")),
    signals.killed: Example(lambda v: replace(USUAL, final=_second(dead=v))),
    signals.not_finite: Example(lambda v: replace(USUAL, final=replace(PROBE, finite=not v)), "flag"),
    signals.slow_rate: Example(lambda v: replace(with_network(learning_rate=1e-6), movement=v)),
    signals.few_steps: Example(lambda v: with_network(n_steps=int(v)), "count"),
    signals.few_moves: Example(lambda v: replace(USUAL, movement=v)),
    signals.still_falling: Example(lambda v: replace(USUAL, curve=Curve((0.69, 0.69, 0.69, 0.69 * (1.0 - v))))),
    signals.batch_norm_gap: Example(lambda v: replace(USUAL, batch_norm_gap=v)),
    signals.batch_norm_alone: Example(lambda v: replace(USUAL, batch_norm_gap=v, reference=Reference(0.5, 0.5 + v))),
    signals.decision_gap: Example(
        lambda v: replace(with_outcome(Outcome.THRESHOLD, ranking=0.5 + v), reference=Reference(0.5, 0.5 + v))
    ),
    signals.decision_at_fault: Example(lambda v: with_outcome(Outcome.THRESHOLD, ranking=0.9 if v else 0.5), "flag"),
    signals.rarest: Example(lambda v: with_data(class_share=(1 - v / 2, v / 2))),
    signals.narrowest: Example(lambda v: with_network(hidden_sizes=(64, int(v))), "count"),
    signals.no_hidden_layer: Example(
        lambda v: replace(with_network(hidden_sizes=(), hidden_activations=()), reference=Reference(0.5, 0.5 + v))
    ),
    signals.linear_gap: Example(
        lambda v: replace(with_network(hidden_activations=("linear",) * 2), reference=Reference(0.5, 0.5 + v))
    ),
    signals.all_linear: Example(
        lambda v: with_network(hidden_activations=("linear", "linear" if v else "relu")), "flag"
    ),
}
