"""How often is a network trained before we believe it? The rate search and the attempts (steps 5 to 7 of a fit)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanced_nn._causes.evidence import Curve, Evidence
from balanced_nn._causes.observation import Observation, ObservedNetwork, describe_fit, gather_evidence, take_snapshot
from balanced_nn._causes.repair import MAX_REPAIRS, Change, Repair, next_change
from balanced_nn._causes.rules import Finding, diagnose_evidence
from balanced_nn._collapse.baseline import Reference, find_reference, needs_reference
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._data.dataset import thin_out
from balanced_nn._network.network import FittedNetwork, initial_network
from balanced_nn._network.specs import History, LearningRateSearch, RangeTestTrace
from balanced_nn._network.weight_averaging import between
from balanced_nn._probability.correction import natural_log_loss
from balanced_nn._training.callbacks import NOBODY, Training, Watcher
from balanced_nn._training.keras.process import check_process
from balanced_nn._training.learning_rate import RANGE_TEST_RATES, range_test_rates, search_learning_rate
from balanced_nn._training.preparation import Plan, Split, make_plan
from balanced_nn._typing import FloatArray

if TYPE_CHECKING:  # loads TensorFlow
    from balanced_nn._training.keras.train import TrainingTask

STATISTICS_SAMPLE = 1024  # rows that give BatchNorm its first statistics: several batches
FACTS_ROWS = 5_000  # of a class, at most, whose scales a diagnosis looks at
_WEIGHTS = 5  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Attempt:
    """A trained network, how its training went, and what became of it."""

    plan: Plan
    search: LearningRateSearch | None  # None where the learning rate was set by hand
    task: "TrainingTask"
    network: FittedNetwork
    mean: FittedNetwork | None  # the mean of the weights of the last epochs
    history: History
    scores: FloatArray  # log-probabilities of the judged rows at uniform class frequencies
    change: Change  # against the first attempt
    loss: float  # log-loss of the judged rows, in nats; infinity where it is not finite
    outcome: OutcomeReport
    evidence: Evidence | None = None  # None where the outcome is plainly good
    trainings: tuple[History, ...] = ()  # of all attempts, in their order; one of them is `history`

    @property
    def initial(self) -> FittedNetwork:
        """The network before training."""
        return self.task.initial

    def towards_mean(self, share: float) -> "Attempt":
        """The same with weights `share` of the way to the mean of the last epochs, not yet judged anew."""
        from balanced_nn._training.keras.train import outputs_of  # deferred: loads TensorFlow

        assert self.mean is not None
        network = between(self.network, self.mean, share)
        scores = self.plan.correction.log_posterior(outputs_of(self.task, network).astype(np.float64))
        return replace(self, network=network, scores=scores)

    def judged_anew(self) -> "Attempt":
        """The same with the loss and the outcome of its scores."""
        return replace(self, loss=_monitored_loss(self.plan, self.scores), outcome=judge(self.plan, self.scores))

    @property
    def rank(self) -> tuple[bool, float]:
        """Lower is better: no failure first, then the monitored loss."""
        return self.outcome.collapsed, self.loss

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Causes of a failure."""
        return () if self.evidence is None else diagnose_evidence(self.evidence)


def training_task(plan: Plan, seed: int, number: int = 0) -> "TrainingTask":
    """Everything that an attempt needs but its learning rate; attempts differ in initial weights and batches.

    Parameters
    ----------
    plan : Plan
        What to train on.
    seed : int
        Seed of the fit.
    number : int, default=0
        Which attempt.
    """
    check_process()
    from balanced_nn._training.keras.model import product, share_the_processor  # deferred: loads TensorFlow
    from balanced_nn._training.keras.train import TrainingTask

    share_the_processor()  # before the first operation, which starts TensorFlow's threads

    rng = np.random.default_rng([seed, _WEIGHTS, number])
    output_bias = np.log(plan.correction.fed_prior) - plan.correction.logit_offset
    initial = initial_network(plan.network, output_bias, plan.data.sample(STATISTICS_SAMPLE), rng, product)
    seed_of_attempt = int(rng.integers(2**31))
    return TrainingTask(
        plan.training, initial, plan.data, plan.judged, plan.held_out, plan.correction, seed_of_attempt,
        plan.width,
    )  # fmt: skip


def range_test(task: "TrainingTask", rates: FloatArray) -> RangeTestTrace:
    """Run a range test with the network, the loss, the weights and the batches of `task`."""
    from balanced_nn._training.keras.train import run_range_test  # deferred: loads TensorFlow

    return run_range_test(task, rates)


def find_learning_rate(task: "TrainingTask") -> LearningRateSearch:
    """Step 5: search the learning rate."""
    return search_learning_rate(range_test(task, range_test_rates(*RANGE_TEST_RATES)))


def train_until_sound(
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any],
    split: Split,
    plan: Plan,
    seed: int,
    *,
    search: LearningRateSearch | None = None,
    watcher: Watcher = NOBODY,
) -> tuple[Attempt, tuple[Repair, ...]]:
    """Steps 5 to 7: find a rate, train, judge, and while the network failed and repairs are allowed, try again.

    Parameters
    ----------
    settings : mapping
        Parameters of the estimator.
    defaults : mapping
        Their default values: what differs from them is never changed.
    split : Split
        Training and validation rows, for attempts that prepare them otherwise.
    plan : Plan
        What the first attempt trains on.
    seed : int
        Seed of the network.
    search : LearningRateSearch or None, default=None
        One that another network of the same ensemble has made.
    watcher : Watcher, default=NOBODY
        Who is told of each training and each epoch. One that it ends is not repaired.

    Returns
    -------
    attempt : Attempt
        The best one.
    repairs : tuple of Repair
        One for each further attempt.
    """
    task = training_task(plan, seed)
    if search is None and settings["learning_rate_init"] == "auto":
        search = find_learning_rate(task)
    first_rate = float(settings["learning_rate_init"]) if search is None else search.learning_rate
    judged = plan.judged if plan.held_out else None
    find = cache(partial(find_reference, plan.data, judged, plan.network.n_classes))  # for all attempts, if one asks
    watcher.training_begins(Training(split.number, 0, first_rate, plan.training.max_epochs))
    best = attempt = _attempt(plan, task, search, first_rate, Change(), find, watcher)
    repairs: list[Repair] = []
    tried: list[Change] = []
    trainings = [best.history]
    while _may_repair(settings, best, attempt) and len(tried) < MAX_REPAIRS:
        change = next_change(best.findings, settings, defaults, tried, held_out=plan.held_out)
        tried.append(change)
        changed = replace(make_plan(SimpleNamespace(**{**settings, **change.settings}), split, seed), notes=plan.notes)
        task = training_task(changed, seed, len(tried))
        rate = change.rate_factor * first_rate
        watcher.training_begins(Training(split.number, len(tried), rate, changed.training.max_epochs))
        attempt = _attempt(changed, task, search, rate, change, find, watcher)
        repairs.append(_repair(change, best, attempt))
        trainings.append(attempt.history)
        best = min(best, attempt, key=lambda candidate: candidate.rank)
    return replace(best, trainings=tuple(trainings)), tuple(repairs)


def _may_repair(settings: Mapping[str, Any], best: Attempt, last: Attempt) -> bool:
    return settings["on_collapse"] == "repair" and best.outcome.collapsed and last.history.stop_reason != "callback"


def _repair(change: Change, before: Attempt, after: Attempt) -> Repair:
    cause = f"outcome {before.outcome.outcome}" if change.cause is None else f"cause {change.cause}"
    return Repair(
        change=str(change),
        reason=cause,
        learning_rate=after.history.learning_rate,
        loss_before=before.loss,
        loss_after=after.loss,
        helped=not after.outcome.collapsed,
    )


def _attempt(
    plan: Plan,
    task: "TrainingTask",
    search: LearningRateSearch | None,
    rate: float,
    change: Change,
    find: Callable[[], Reference | None],
    watcher: Watcher,
) -> Attempt:
    from balanced_nn._training.keras.train import train_network  # deferred: loads TensorFlow

    result = train_network(task, rate, watcher.epoch_ends)
    watcher.training_ends(result.history)
    scores = plan.correction.log_posterior(result.outputs.astype(np.float64))
    loss, outcome = _monitored_loss(plan, scores), judge(plan, scores)
    attempt = Attempt(
        plan=plan,
        search=search,
        task=task,
        network=result.network,
        mean=result.mean,
        history=result.history,
        scores=scores,
        change=change,
        loss=loss,
        outcome=outcome,
    )
    if not in_doubt(outcome):
        return attempt
    reference = find() if needs_reference(attempt.outcome) else None
    evidence = gather_evidence(observe(attempt, reference))
    return replace(attempt, evidence=evidence, outcome=evidence.outcome)


def in_doubt(outcome: OutcomeReport) -> bool:
    """Whether an outcome asks for a closer look: a failure, or answers near chance."""
    return outcome.collapsed or needs_reference(outcome)


def observe(attempt: Attempt, reference: Reference | None) -> Observation:
    """Say what a diagnosis of an attempt can look at: rows of each class, and the network before and after training.

    Parameters
    ----------
    attempt : Attempt
        A trained network.
    reference : Reference or None
        What quick models reach on the judged rows.
    """
    plan, data = attempt.plan, attempt.plan.data
    seen, weight = thin_out(data.y, data.weight, FACTS_ROWS)
    X, y = data.X[data.rows[seen]], data.y[seen]
    network = ObservedNetwork(
        facts=describe_fit(plan.network, attempt.history),
        y=y,
        after=take_snapshot(attempt.network, X, y),
        before=take_snapshot(attempt.initial, X, y),
        curve=Curve(attempt.history.train_loss),
    )
    return Observation(attempt.outcome, X, y, plan.network.n_classes, reference, weight=weight, network=network)


def _monitored_loss(plan: Plan, scores: FloatArray) -> float:
    loss = natural_log_loss(scores, plan.judged.y, plan.judged.weight)
    return loss if np.isfinite(loss) else float("inf")


def judge(plan: Plan, scores: FloatArray) -> OutcomeReport:
    """Find the outcome at the balanced decision, whatever the user wants, from the scores of the judged rows."""
    n_classes = plan.network.n_classes
    uniform = np.full(n_classes, 1.0 / n_classes)
    return find_outcome(plan.judged.y, np.exp(scores), prior=uniform, sample_weight=plan.judged.weight)
