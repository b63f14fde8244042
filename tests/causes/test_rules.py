"""Does each rule fire where its number says so and nowhere else, and are the causes ranked?"""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._causes.evidence import Cause, Curve, DataFacts, Evidence, LayerProbe, NetworkFacts, Probe
from balanced_nn._causes.rules import RULES, Rule, diagnose_evidence
from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import Outcome, OutcomeReport
from balanced_nn._replay.changes import Change
from balanced_nn._replay.trials import Trial
from tests.helpers.evidence import EXAMPLES, NETWORK, ONLY_ANSWERS, PROBE, USUAL, with_data, with_network, with_outcome

FAILURES = sorted(set(Outcome) - {Outcome.HEALTHY, Outcome.NO_SIGNAL, Outcome.UNKNOWN})
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.cause}-{rule.measure.read.__name__}")


def causes(evidence: Evidence) -> list[Cause]:
    return [finding.cause for finding in diagnose_evidence(evidence)]


def beside(rule: Rule, kind: str) -> tuple[float, float]:
    """A number at which the rule fires, and one at which it does not, both near its threshold."""
    threshold, way = rule.threshold, 1 if rule.above else -1
    if kind == "flag":
        return (1, 0) if rule.above else (0, 1)
    if kind == "count":
        return (
            (math.floor(threshold) + 1, math.floor(threshold))
            if rule.above
            else (math.ceil(threshold) - 1, math.ceil(threshold))
        )
    margin = 0.005 * abs(threshold) + 1e-9
    return threshold + way * margin, threshold - way * margin


def reading(rule: Rule, number: float | None) -> Rule:
    """The rule, where it measures `number`."""
    return replace(rule, measure=replace(rule.measure, read=lambda evidence: number))


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_rule(cause):
    assert any(rule.cause is cause for rule in RULES)


@each_rule
def test_every_rule_has_an_example(rule):
    assert rule.measure in EXAMPLES, f"add {rule.measure.read.__name__} to tests/helpers/evidence.py"


@each_rule
def test_a_confidence_is_a_share(rule):
    assert 0 < rule.confidence < 1


@each_rule
def test_a_rule_fires_on_its_side_of_the_threshold(rule):
    build, kind = EXAMPLES[rule.measure]
    fires, _ = beside(rule, kind)
    finding = rule.finding(build(fires))
    assert finding is not None
    assert finding.cause is rule.cause
    assert finding.number == pytest.approx(fires)
    assert finding.threshold == rule.threshold
    assert finding.confidence == rule.confidence
    assert finding.status == "suspected"
    assert (finding.remedy, finding.code, finding.change) == ("", "", {})


@each_rule
def test_a_rule_does_not_fire_on_the_other_side(rule):
    build, kind = EXAMPLES[rule.measure]
    _, quiet = beside(rule, kind)
    assert rule.finding(build(quiet)) is None


@each_rule
def test_a_rule_does_not_fire_at_its_threshold_or_without_its_number(rule):
    for number in (None, float("nan"), rule.threshold):
        assert reading(rule, number).finding(USUAL) is None


@each_rule
def test_a_rule_says_what_was_seen_in_words(rule):
    build, kind = EXAMPLES[rule.measure]
    seen = rule.finding(build(beside(rule, kind)[0])).seen
    assert not set("{}") & set(seen)
    assert "None" not in seen
    assert "  " not in seen
    assert not seen.endswith(".")


@each_rule
@pytest.mark.parametrize("number", [0.0, 1e-300, 12345.678, -1.0, np.inf, np.float32(0.5)])
def test_any_number_can_be_put_into_the_words(rule, number):
    always = replace(reading(rule, number), sign=">", threshold=-2.0)
    for evidence in (with_network(), with_network(n_steps=None, epochs=None)):
        assert always.finding(evidence).number == number


def test_a_number_that_is_not_finite_is_named():
    seen = with_network(learning_rate=np.inf)
    (finding,) = (found for found in diagnose_evidence(seen) if found.cause is Cause.LEARNING_RATE_TOO_HIGH)
    assert finding.seen.startswith("a measurement is not finite: learning rate of an optimizer whose steps do not")


TOLD = """
import sys
from balanced_nn._causes.advise import advise
from balanced_nn._causes.report import CollapseReport
from balanced_nn._causes.rules import RULES, diagnose_evidence
from tests.helpers.evidence import with_network

evidence = with_network(learning_rate=float("inf"), hidden_sizes=(1, 1))
findings = advise(diagnose_evidence(evidence), "keras", settings=vars(evidence.network))
words = [str(CollapseReport(evidence.outcome, (0, 1), "rows", findings, evidence)), *(rule.row for rule in RULES)]
"""


def test_the_words_are_the_same_without_docstrings():
    script = TOLD + 'print(advise.__doc__, "tensorflow" in sys.modules, *words, sep="\\n")'
    names: dict[str, list[str]] = {}
    exec(TOLD, names)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}
    told = subprocess.run(
        [sys.executable, "-OO", "-c", script], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == ["None", "False", *"\n".join(names["words"]).splitlines()]


def test_words_say_where_the_first_weights_are_lost():
    rules = [rule for rule in RULES if "{redrawn}" in rule.seen]
    assert rules
    for rule in rules:
        build, kind = EXAMPLES[rule.measure]
        evidence = build(beside(rule, kind)[0])
        assert "redrawn" not in rule.finding(evidence).seen
        assert "redrawn" in rule.finding(replace(evidence, initial_is_redrawn=True)).seen


# ---------------------------------------------------------------- the ranking


@each_rule
def test_a_cause_that_is_seen_is_named(rule):
    build, kind = EXAMPLES[rule.measure]
    evidence = build(beside(rule, kind)[0])
    assert rule.cause in causes(evidence)


@pytest.mark.parametrize("outcome", FAILURES)
def test_nothing_unusual_means_no_cause(outcome):
    assert causes(with_outcome(outcome)) == []


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        (with_data(scale_ratio=1e7, largest=1e7), Cause.UNSCALED_FEATURES),
        (with_network(learning_rate=50.0), Cause.LEARNING_RATE_TOO_HIGH),
        (replace(with_network(learning_rate=1e-8), movement=1e-5), Cause.LEARNING_RATE_TOO_LOW),
        (with_network(n_steps=3), Cause.STOPPED_TOO_EARLY),
        (with_network(n_outputs=1, output_activation="softmax"), Cause.OUTPUT_ACTIVATION),
        (with_network(loss="categorical_crossentropy", n_outputs=1), Cause.LOSS_MISMATCH),
        (with_network(hidden_sizes=(1, 1)), Cause.NETWORK_TOO_SMALL),
        (with_data(class_share=(0.999, 0.001)), Cause.CLASS_IMBALANCE),
        (replace(USUAL, batch_norm_gap=0.45), Cause.BATCH_NORM_STATISTICS),
        (with_data(bad_labels="all rows have the same label"), Cause.BAD_LABELS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_single_plain_fault_comes_first(evidence, cause):
    assert causes(evidence)[0] is cause


def test_each_cause_is_named_once_by_the_rule_that_is_surest():
    bad = with_network(learning_rate=1e3)
    bad = replace(bad, movement=1e6, curve=Curve((1.0, 0.5, np.nan)), final=replace(PROBE, finite=False))
    firing = [rule for rule in RULES if rule.cause is Cause.LEARNING_RATE_TOO_HIGH and rule.finding(bad)]
    assert len(firing) > 1
    (finding,) = [finding for finding in diagnose_evidence(bad) if finding.cause is Cause.LEARNING_RATE_TOO_HIGH]
    assert finding.seen == firing[0].finding(bad).seen


@each_rule
def test_a_healthy_network_has_no_cause_whatever_is_seen(rule):
    build, kind = EXAMPLES[rule.measure]
    assert causes(with_outcome(Outcome.HEALTHY, build(beside(rule, kind)[0]))) == []


@each_rule
def test_without_a_signal_nothing_is_said_about_the_network(rule):
    build, kind = EXAMPLES[rule.measure]
    found = causes(
        with_outcome(Outcome.NO_SIGNAL, replace(build(beside(rule, kind)[0]), reference=Reference(0.5, 0.5)))
    )
    assert set(found) <= {Cause.NO_SIGNAL, Cause.BAD_LABELS}
    assert Cause.NO_SIGNAL in found


@pytest.mark.parametrize("outcome", FAILURES)
def test_answers_alone_do_not_name_a_cause_inside_the_network(outcome):
    about_data = {Cause.CLASS_IMBALANCE, Cause.THRESHOLD, Cause.BAD_LABELS}
    assert set(causes(with_outcome(outcome, ONLY_ANSWERS))) <= about_data


# ---------------------------------------------------------------- any evidence at all

numbers = st.floats(allow_nan=True, allow_infinity=True)
positive = st.floats(0, 1e9)
fractions = st.floats(0, 1)


def maybe(strategy):
    return st.none() | strategy


ACTIVATIONS = ("relu", "sigmoid", "tanh", "linear", "softmax", "gelu", "a_function_of_their_own")
layers = st.builds(
    LayerProbe,
    st.sampled_from(ACTIVATIONS),
    st.integers(1, 100),
    numbers,
    fractions,
    fractions,
    numbers,
    numbers,
    numbers,
)
probes = st.builds(Probe, st.lists(layers, max_size=4).map(tuple), numbers, positive, st.booleans())
networks = st.integers(0, 3).flatmap(
    lambda depth: st.builds(
        NetworkFacts,
        hidden_sizes=st.tuples(*(st.integers(1, 100),) * depth),
        hidden_activations=st.tuples(*(st.sampled_from(ACTIVATIONS),) * depth),
        batch_norm=st.booleans(),
        n_outputs=st.integers(1, 4),
        output_activation=st.sampled_from(ACTIVATIONS),
        n_classes=st.integers(1, 4),
        loss=maybe(st.sampled_from(["binary_crossentropy", "mean_squared_error", "hinge", "a_loss_of_their_own"])),
        from_logits=st.booleans(),
        optimizer=maybe(st.sampled_from(["adam", "sgd", "an_optimizer_of_their_own"])),
        learning_rate=maybe(positive),
        epochs=maybe(st.integers(0, 1000)),
        n_steps=maybe(st.integers(0, 10**6)),
    )
)
tables = st.lists(st.tuples(fractions, st.integers(0, 1000)), min_size=1, max_size=4).flatmap(
    lambda classes: st.builds(
        DataFacts,
        n_rows=st.integers(1, 1000),
        n_features=st.integers(1, 100),
        class_share=st.just(tuple(share for share, _ in classes)),
        class_rows=st.just(tuple(rows for _, rows in classes)),
        largest=positive,
        scale_ratio=positive,
        offset_ratio=positive,
        n_constant=st.integers(0, 3),
        n_duplicated=st.integers(0, 3),
        n_not_finite=st.integers(0, 3),
        bad_labels=st.sampled_from(["", "all rows have the same label"]),
    )
)
outcomes = st.builds(
    OutcomeReport,
    outcome=st.sampled_from(Outcome),
    n_rows=st.integers(0, 100),
    spread=fractions,
    roc_auc=maybe(fractions),
    true_share=st.just((0.5, 0.5)),
    predicted_share=st.just((0.5, 0.5)),
    recall=st.tuples(maybe(fractions), maybe(fractions)),
    missing_classes=st.just(()),
    class_rows=st.tuples(st.integers(0, 50), st.integers(0, 50)),
    ranking=maybe(fractions),
)
anything = st.builds(
    Evidence,
    outcomes,
    tables,
    reference=maybe(st.builds(Reference, fractions, fractions)),
    network=maybe(networks),
    initial=maybe(probes),
    final=maybe(probes),
    initial_is_redrawn=st.booleans(),
    movement=maybe(numbers),
    batch_norm_gap=maybe(numbers),
    curve=maybe(st.lists(numbers, max_size=8).map(tuple).map(Curve)),
)


@given(anything)
def test_any_evidence_is_diagnosed(evidence):
    findings = diagnose_evidence(evidence)
    found = [finding.cause for finding in findings]
    assert len(set(found)) == len(found)
    firing = [rule.cause for rule in RULES if rule.finding(evidence) is not None]
    named = [finding.cause for finding in findings]
    assert named == [cause for cause in dict.fromkeys(firing) if cause in named]
    if evidence.outcome.outcome is Outcome.HEALTHY:
        assert findings == ()
    if evidence.outcome.outcome in {Outcome.NO_SIGNAL, Outcome.UNKNOWN}:
        assert set(found) <= {Cause.NO_SIGNAL, Cause.BAD_LABELS}
    assert all(isinstance(finding.number, float) and not np.isnan(finding.number) for finding in findings)
    assert all(finding.seen for finding in findings)


@pytest.mark.parametrize("rate", [1e-3, 1e-6])
def test_words_never_say_none(rate):
    still = replace(with_network(n_steps=None, learning_rate=rate), movement=1e-9)
    assert not [finding.seen for finding in diagnose_evidence(still) if "None" in finding.seen]


def test_a_network_without_hidden_layers_has_no_linear_ones():
    bare = replace(NETWORK, hidden_sizes=(), hidden_activations=())
    assert Cause.HIDDEN_ACTIVATION not in causes(replace(USUAL, network=bare, reference=Reference(0.5, 0.9)))


@each_rule
def test_the_documentation_shows_every_rule(rule):
    assert rule.row in (Path(__file__).parents[2] / "docs/diagnosis.md").read_text()


# ---------------------------------------------------------------- what changes of the training showed


def tried(*found: tuple[tuple[Change, ...], float], **facts: object) -> Evidence:
    seen = with_network(hidden_sizes=(2,), learning_rate=1e-5, **facts)
    return replace(seen, trials=tuple(Trial(changes, score, True) for changes, score in found))


def test_the_change_that_restores_the_result_names_the_first_cause():
    found = diagnose_evidence(tried(((Change.WIDTH,), 0.5), ((Change.RATE_TIMES_10,), 0.9)))
    assert found[0].cause is Cause.LEARNING_RATE_TOO_LOW
    assert "with ten times the learning rate reaches a balanced accuracy of 0.90 instead of" in found[0].seen
    assert found[-1].cause is Cause.NETWORK_TOO_SMALL
    assert found[-1].confidence < 0.5 < found[0].confidence


def test_a_cause_that_no_rule_named_is_named_by_what_restores_the_result():
    found = diagnose_evidence(tried(((Change.SCALE,), 0.9), ((Change.RATE_TIMES_10,), 0.5)))
    assert found[0].cause is Cause.UNSCALED_FEATURES


def test_of_two_changes_that_restore_it_together_both_causes_come_first():
    pair = (Change.WIDTH, Change.RATE_TIMES_10)
    found = diagnose_evidence(tried(((Change.WIDTH,), 0.55), ((Change.RATE_TIMES_10,), 0.55), (pair, 0.9)))
    assert {finding.cause for finding in found[:2]} == {Cause.NETWORK_TOO_SMALL, Cause.LEARNING_RATE_TOO_LOW}


def test_trials_that_restore_nothing_leave_the_order_of_the_rules():
    plain = diagnose_evidence(tried())
    found = diagnose_evidence(tried(((Change.SCALE,), 0.5), ((Change.WIDTH,), 0.5)))
    assert [finding.cause for finding in found] == [finding.cause for finding in plain]
    assert found[0].cause is Cause.NETWORK_TOO_SMALL
    assert found[0].confidence < plain[0].confidence


def test_what_the_same_training_reaches_once_more_is_no_merit_of_a_change():
    lucky = diagnose_evidence(tried(((), 0.9), ((Change.RATE_TIMES_10,), 0.9), ((Change.SCALE,), 0.9)))
    assert lucky[0].cause is Cause.NETWORK_TOO_SMALL
    assert not any("instead of" in finding.seen for finding in lucky)


def test_that_weights_were_drawn_anew_is_said_once():
    found = diagnose_evidence(replace(tried(((Change.INITIALIZER,), 0.9)), initial_is_redrawn=True))
    assert found[0].seen.count("weights redrawn") == 1
