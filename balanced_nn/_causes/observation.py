"""How does what was seen of a model, whoever built it, become the evidence of a diagnosis?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from balanced_nn._causes.evidence import Curve, Evidence, NetworkFacts, Probe, data_facts, probe_rows
from balanced_nn._causes.layer_statistics import kernels, movement, probe_network, probe_outputs
from balanced_nn._collapse.baseline import Reference, compare_with_reference, lags_behind, may_need_reference
from balanced_nn._collapse.outcome import Outcome, OutcomeReport
from balanced_nn._network.network import KERAS_NAMES, FittedNetwork, Network
from balanced_nn._network.specs import History, NetworkSpec
from balanced_nn._replay.trials import Trial
from balanced_nn._typing import FloatArray, IntArray

# Balanced accuracy above chance, 2.5 standard errors at least, as several changes are tried; behind the reference.
BETTER_BY_TRIAL, LAG_OF_TRIAL = 0.15, 0.1
MANY_ROWS = 60  # with fewer, that quick models find no signal on folds of the rows proves nothing


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at one moment."""

    probe: Callable[[IntArray], Probe | None]  # passes the rows at these positions; None where that cannot be done
    kernels: list[FloatArray]


@dataclass(frozen=True, eq=False)
class ObservedNetwork:
    """What can be seen of the network in a model."""

    facts: NetworkFacts
    y: IntArray  # class indices, by its outputs, of the rows that it can be probed with
    after: Snapshot
    before: Snapshot | None = None  # training; None where the first weights are lost
    is_redrawn: bool = False  # whether `before` has weights drawn anew by the same rule
    batch_norm_gap: float | None = None
    curve: Curve | None = None
    replay: Callable[[], tuple[Trial, ...]] = tuple  # tries single changes


@dataclass(frozen=True, eq=False)
class Observation:
    """What was seen of a trained model: all that differs from one kind of model to the next."""

    outcome: OutcomeReport  # of its own decision, before quick models are asked
    X: FloatArray  # the numbers that it reads, NaN and infinity included
    y: IntArray  # class indices
    n_classes: int
    reference: Reference | None
    weight: FloatArray | None = None  # with which training saw the rows; None weighs each 1
    bad_labels: str = ""  # what is known to be wrong with them
    other_table: bool = False  # whether the rows that are judged hold other values than those of training
    judges_training: bool = False  # whether the rows that are judged are those that changes are trained on
    network: ObservedNetwork | None = None
    earlier: Evidence | None = None  # that the fit itself gathered: of the network no more can be seen


def gather_evidence(seen: Observation) -> Evidence:
    """Compare with the quick models, look at the data, and probe the network before and after training."""
    reference, network = seen.reference, seen.network
    outcome = compared(seen.outcome, reference)
    if seen.other_table and outcome.outcome is not Outcome.HEALTHY:
        outcome = replace(outcome, outcome=Outcome.UNKNOWN)
    if seen.earlier is not None:
        data = replace(seen.earlier.data, other_table=seen.other_table)
        return replace(seen.earlier, outcome=outcome, reference=reference, data=data)
    data = data_facts(seen.X, seen.y, seen.n_classes, seen.weight)
    one_judged = "" if sum(n > 0 for n in outcome.class_rows) > 1 else "all rows that are judged have the same label"
    data = replace(data, bad_labels=seen.bad_labels or data.bad_labels or one_judged, other_table=seen.other_table)
    if network is None:
        return Evidence(outcome, data, reference)
    rows, before, after = probe_rows(network.y), network.before, network.after
    trials = network.replay() if _is_in_doubt(outcome, seen) and not data.bad_labels else ()
    outcome = settled(outcome, seen.outcome, reference, trials)
    return Evidence(
        outcome,
        data,
        reference,
        network=network.facts,
        initial=None if before is None else before.probe(rows),
        final=after.probe(rows),
        initial_is_redrawn=network.is_redrawn,
        movement=None if before is None or network.is_redrawn else movement(before.kernels, after.kernels),
        batch_norm_gap=network.batch_norm_gap,
        curve=network.curve,
        trials=trials,
    )


def compared(outcome: OutcomeReport, reference: Reference | None) -> OutcomeReport:
    """The outcome beside that of quick models, where these were asked."""
    return outcome if reference is None else compare_with_reference(outcome, reference)


def _is_in_doubt(outcome: OutcomeReport, seen: Observation) -> bool:
    """Whether it is worth knowing what changes of the training do.

    Not of answers that leave nothing to be desired, and not where a change can only show that labels without a signal
    can be learned by heart.
    """
    match outcome.outcome:
        case Outcome.HEALTHY:
            return may_need_reference(outcome)
        case Outcome.NO_SIGNAL:
            return not seen.judges_training or outcome.n_rows < MANY_ROWS
    return outcome.outcome is not Outcome.UNKNOWN


def settled(
    outcome: OutcomeReport, alone: OutcomeReport, reference: Reference | None, trials: tuple[Trial, ...]
) -> OutcomeReport:
    """The outcome with what changes of the training reach taken into account.

    Parameters
    ----------
    outcome : OutcomeReport
        That was found beside the quick models.
    alone : OutcomeReport
        The same without them.
    reference : Reference or None
        What they reach.
    trials : tuple of Trial
        What changes reach.
    """
    if outcome.outcome in {Outcome.HEALTHY, Outcome.NO_SIGNAL} and shows_better(outcome, reference, trials):
        found = alone.outcome if alone.collapsed else Outcome.WORSE_THAN_REFERENCE
        return replace(outcome, outcome=found)
    return outcome


def shows_better(outcome: OutcomeReport, reference: Reference | None, trials: tuple[Trial, ...]) -> bool:
    """Whether the same training with a change leads clearly above chance, and above what was reached.

    Of answers that are no collapse it must come to the reference, behind which they lag by what may be chance alone;
    or do clearly better than the same training unchanged on the judged rows and on its own, which a sound one has
    learned.
    """
    single = (trial.balanced_accuracy for trial in trials if len(trial.changes) == 1)
    best = max(single, default=0.0)
    if outcome.outcome is not Outcome.HEALTHY:
        return best > outcome.chance + max(BETTER_BY_TRIAL, 2.5 * outcome.standard_error)
    least = outcome.balanced_accuracy + LAG_OF_TRIAL
    if reference is not None and lags_behind(outcome, reference) and best > max(reference.best - LAG_OF_TRIAL, least):
        return True
    unchanged = [trial for trial in trials if not trial.changes]
    better = [trial for trial in trials if trial.changes and trial.balanced_accuracy > least]
    return any(_fits_better(trial, again) for again in unchanged for trial in better)


def _fits_better(trial: Trial, again: Trial) -> bool:
    """Whether a change does clearly better than the same training unchanged, on the judged rows and on its own."""
    judged = trial.balanced_accuracy - again.balanced_accuracy
    return min(judged, trial.on_training - again.on_training) > LAG_OF_TRIAL


def take_snapshot(network: Network, X: FloatArray, y: IntArray) -> Snapshot:
    """A network in arrays, to be probed with some of these rows; of layers that are not ours only outputs are seen."""
    if isinstance(network, FittedNetwork):
        return Snapshot(lambda rows: probe_network(network, X[rows], y[rows]), kernels(network))
    matrices = [array for array in network.arrays() if array.ndim > 1]
    return Snapshot(lambda rows: probe_outputs(network.logits(X[rows]), y[rows], network.spec.n_classes), matrices)


def describe_fit(spec: NetworkSpec, history: History) -> NetworkFacts:
    """Describe one of our networks like any other model."""
    epochs, rate = len(history.train_loss), history.learning_rate
    return describe_network(spec, "linear", optimizer="adamw", rate=rate, epochs=epochs, n_steps=history.n_steps)


def describe_network(
    spec: NetworkSpec, output: str, *, optimizer: str, rate: float | None, epochs: int, n_steps: int | None
) -> NetworkFacts:
    """Describe a network in arrays, trained with a cross-entropy of this output activation, as one of anybody's."""
    activation = KERAS_NAMES.get(spec.activation, spec.activation)
    return NetworkFacts(
        hidden_sizes=None if spec.body else spec.hidden_layer_sizes,
        hidden_activations=(activation,) * len(spec.hidden_layer_sizes),
        batch_norm=spec.batch_norm and not spec.body,
        n_outputs=spec.n_outputs,
        output_activation=output,
        n_classes=spec.n_classes,
        loss="binary_crossentropy" if spec.n_outputs == 1 else "sparse_categorical_crossentropy",
        from_logits=output == "linear",
        optimizer=optimizer,
        learning_rate=rate,
        epochs=epochs,
        n_steps=n_steps,
    )
