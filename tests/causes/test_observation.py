"""Does everything that a kind of model lets be seen reach the evidence, and nothing that was not seen?"""

from dataclasses import replace

import numpy as np
import pytest

from balanced_nn._causes.observation import (
    Observation,
    ObservedNetwork,
    Snapshot,
    describe_network,
    gather_evidence,
    settled,
    take_snapshot,
)
from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._network.network import initial_network
from balanced_nn._network.specs import NetworkSpec
from balanced_nn._replay.changes import Change
from balanced_nn._replay.trials import Trial
from tests.helpers.evidence import NETWORK, OUTCOME, USUAL

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(600, 3)).astype(np.float32), np.repeat([0, 1], [550, 50])
SPEC = NetworkSpec(3, 2, (4, 2), "logistic", batch_norm=False)
ANSWERS = Observation(OUTCOME, X, Y, n_classes=2, reference=None)


def draw(seed: int):
    return initial_network(SPEC, np.zeros(2), X[:50], np.random.default_rng(seed), np.matmul)


BEFORE, AFTER = take_snapshot(draw(0), X, Y), take_snapshot(draw(1), X, Y)
TRAINED = ObservedNetwork(NETWORK, Y, AFTER, BEFORE)


def test_of_a_model_without_a_network_only_answers_and_data_are_known():
    evidence = gather_evidence(ANSWERS)
    assert evidence.outcome is OUTCOME
    assert evidence.data.class_rows == (550, 50)
    assert (evidence.network, evidence.initial, evidence.final, evidence.movement) == (None, None, None, None)


def test_quick_models_are_heard_before_the_causes_are_named():
    reference = Reference(0.5, 0.5)
    evidence = gather_evidence(replace(ANSWERS, reference=reference))
    assert evidence.outcome.outcome is Outcome.NO_SIGNAL
    assert evidence.reference is reference


def test_both_ends_of_a_training_are_probed_with_the_same_rows_of_each_class():
    seen: list[np.ndarray] = []

    def spied(snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, probe=lambda rows: (seen.append(rows), snapshot.probe(rows))[1])

    network = replace(TRAINED, after=spied(AFTER), before=spied(BEFORE))
    evidence = gather_evidence(replace(ANSWERS, network=network))
    np.testing.assert_array_equal(*seen)
    assert np.bincount(Y[seen[0]])[1] == 50
    assert evidence.initial == BEFORE.probe(seen[0])
    assert evidence.final == AFTER.probe(seen[0])


def test_weights_that_were_drawn_anew_have_not_moved_anywhere():
    assert gather_evidence(replace(ANSWERS, network=TRAINED)).movement > 0.1
    redrawn = gather_evidence(replace(ANSWERS, network=replace(TRAINED, is_redrawn=True)))
    assert redrawn.initial_is_redrawn
    assert redrawn.initial is not None
    assert redrawn.movement is None


def test_without_first_weights_only_the_last_are_probed():
    evidence = gather_evidence(replace(ANSWERS, network=replace(TRAINED, before=None)))
    assert (evidence.initial, evidence.movement) == (None, None)
    assert evidence.final is not None


def test_evidence_of_the_fit_itself_is_kept_but_for_the_judgement():
    evidence = gather_evidence(replace(ANSWERS, reference=Reference(0.5, 0.5), earlier=USUAL))
    assert evidence.outcome.outcome is Outcome.NO_SIGNAL
    assert replace(evidence, outcome=USUAL.outcome, reference=USUAL.reference) == USUAL


@pytest.mark.parametrize(
    ("known", "y", "said"),
    [
        ("", Y, ""),
        ("", 0 * Y, "all rows have the same label"),
        ("labels run from 1 to 2", 0 * Y, "labels run from 1 to 2"),
    ],
)
def test_what_is_known_of_bad_labels_goes_before_what_the_class_indices_show(known, y, said):
    assert gather_evidence(replace(ANSWERS, y=y, bad_labels=known)).data.bad_labels == said


@pytest.mark.parametrize(
    ("n_classes", "output", "loss", "logits"),
    [
        (2, "sigmoid", "binary_crossentropy", False),
        (3, "softmax", "sparse_categorical_crossentropy", False),
        (3, "linear", "sparse_categorical_crossentropy", True),
    ],
)
def test_a_network_in_arrays_is_described_in_the_words_of_keras(n_classes, output, loss, logits):
    facts = describe_network(
        replace(SPEC, n_classes=n_classes),
        output, optimizer="sgd", rate=0.1, epochs=3, n_steps=30
    )  # fmt: skip
    assert (facts.hidden_sizes, facts.hidden_activations) == ((4, 2), ("sigmoid", "sigmoid"))
    assert (facts.loss, facts.from_logits) == (loss, logits)


def tried(change: Change | None, judged: float, on_training: float) -> Trial:
    return Trial(() if change is None else (change,), judged, True, on_training)


def test_answers_that_no_quick_model_beats_are_poor_where_the_training_fits_its_own_rows_better_with_a_change():
    answers = replace(OUTCOME, outcome=Outcome.HEALTHY, recall=(0.7, 0.7))
    reference, again = Reference(0.7, 0.7), tried(None, 0.7, 0.72)
    longer = tried(Change.EPOCHS_TIMES_10, 0.9, 0.95)
    assert settled(answers, answers, reference, (again, longer)).outcome is Outcome.WORSE_THAN_REFERENCE
    lucky = replace(longer, on_training=0.75)  # on the judged rows alone
    assert settled(answers, answers, reference, (again, lucky)) is answers
    alone = replace(ANSWERS, outcome=answers, network=replace(TRAINED, replay=lambda: (again, longer)))
    assert gather_evidence(alone).outcome.outcome is Outcome.WORSE_THAN_REFERENCE  # a class of one row: no quick model
    learned = replace(again, balanced_accuracy=0.9, on_training=0.95)  # as well without a change
    assert settled(answers, answers, reference, (learned, longer)) is answers


@pytest.mark.parametrize(("n_rows", "judges_training", "n_tried"), [(20, True, 1), (100, True, 0), (100, False, 1)])
def test_labels_learned_by_heart_are_no_signal(n_rows, judges_training, n_tried):
    called = []
    network = replace(TRAINED, replay=lambda: called.append(1) or ())
    outcome = replace(OUTCOME, n_rows=n_rows)
    seen = replace(ANSWERS, outcome=outcome, reference=Reference(0.5, 0.5), network=network)
    gather_evidence(replace(seen, judges_training=judges_training))
    assert len(called) == n_tried
