"""How often is a network trained until it is accepted? The rate search and the attempts (steps 5 to 7 of a fit)."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from balanced_nn._causes.advise import ModelKind, advise, blame_columns
from balanced_nn._causes.evidence import Curve, Evidence
from balanced_nn._causes.observation import Observation, ObservedNetwork, describe_fit, gather_evidence, take_snapshot
from balanced_nn._causes.repair import MAX_REPAIRS, Change, Repair, next_change, setting_hints
from balanced_nn._causes.report import CollapseReport
from balanced_nn._causes.rules import Finding, diagnose_evidence
from balanced_nn._collapse.baseline import Reference, find_reference, is_settled_elsewhere, needs_reference
from balanced_nn._collapse.outcome import Outcome, OutcomeReport, find_outcome
from balanced_nn._data.column_checks import SuspiciousColumn
from balanced_nn._data.dataset import thin_out
from balanced_nn._network.ensemble import Member
from balanced_nn._network.network import Network, initial_network
from balanced_nn._network.specs import History, LearningRateSearch
from balanced_nn._network.weight_averaging import between
from balanced_nn._probability.correction import natural_log_loss
from balanced_nn._training.body_network import draw_body_network
from balanced_nn._training.callbacks import CALLBACK, NOBODY, Training, Watcher
from balanced_nn._training.checkpoint import Checkpoint
from balanced_nn._training.keras.task import TrainingTask
from balanced_nn._training.keras.worker import start_keras, test_rates_elsewhere, train_elsewhere
from balanced_nn._training.learning_rate import RANGE_TEST_RATES, range_test_rates, search_learning_rate
from balanced_nn._training.preparation import Plan, Split, make_plan
from balanced_nn._training.settings import FitSettings
from balanced_nn._training.side_by_side import Steps, Workers
from balanced_nn._training.time_limit import MAX_TIME
from balanced_nn._typing import FloatArray

if TYPE_CHECKING:  # loads TensorFlow
    from balanced_nn._training.keras.train import TrainingResult

STATISTICS_SAMPLE = 1024  # rows that give BatchNorm its first statistics: several batches
FACTS_ROWS = 5_000  # of a class, at most, whose scales a diagnosis looks at
OWN_LAYERS = "those of {}, trained through Keras and not compiled; to predict needs TensorFlow."
_WEIGHTS = 5  # stream of random numbers

ReferenceFinder = Callable[[OutcomeReport], Reference | None]  # of answers that are in doubt


@dataclass(frozen=True, eq=False)
class Attempt:
    """A trained network, how its training went, and what became of it."""

    task: TrainingTask
    search: LearningRateSearch | None  # None where the learning rate was set by hand
    change: Change  # against the first attempt
    network: Network
    mean: Network | None  # the mean of the weights of the last epochs
    history: History
    scores: FloatArray  # log-probabilities of the judged rows at uniform class frequencies
    evidence: Evidence | None = None  # None where the outcome is plainly good

    @property
    def plan(self) -> Plan:
        """What it was trained on."""
        return self.task.plan

    @cached_property
    def loss(self) -> float:
        """Log-loss of the judged rows, in nats; infinity where it is not finite."""
        loss = natural_log_loss(self.scores, self.plan.judged.y, self.plan.judged.weight)
        return loss if np.isfinite(loss) else float("inf")

    @cached_property
    def outcome(self) -> OutcomeReport:
        """What became of it, beside quick models where there is doubt."""
        return judge(self.plan, self.scores) if self.evidence is None else self.evidence.outcome

    @property
    def rank(self) -> tuple[bool, float]:
        """Lower is better: no failure first, then the monitored loss."""
        return self.outcome.collapsed, self.loss

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Causes of a failure."""
        return () if self.evidence is None else diagnose_evidence(self.evidence)

    def moved(self, share: float) -> "Attempt":
        """Return the same with weights `share` of the way to the mean of the last epochs."""
        from balanced_nn._training.keras.train import outputs_of  # deferred: loads TensorFlow

        assert self.mean is not None
        network = between(self.network, self.mean, share)
        scores = self.plan.correction.log_posterior(outputs_of(self.task, network).astype(np.float64))
        return replace(self, network=network, scores=scores)

    def without_rows(self) -> "Attempt":
        """Return the same, as it was judged, without the matrix of the training rows."""
        result = replace(self, task=self.task.without_rows())
        vars(result).update(loss=self.loss, outcome=self.outcome)
        return result


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """The best attempt at a network, and what it took."""

    kept: Attempt
    repairs: tuple[Repair, ...]  # one for each further attempt
    trainings: tuple[History, ...]  # of all attempts, in their order

    def without_rows(self) -> "TrainedNetwork":
        """Return the same without the matrix of the training rows: there is no further attempt."""
        return replace(self, kept=self.kept.without_rows())

    @property
    def member(self) -> Member:
        """What is needed of it to predict."""
        kept = self.kept
        return Member(kept.plan.preprocessing, kept.network, kept.plan.correction, kept.history, self.trainings)


def make_task(plan: Plan, seed: int, number: int = 0) -> TrainingTask:
    """Draw what an attempt starts from; attempts differ in initial weights and batches.

    A plan that says which network to go on from starts there.

    Parameters
    ----------
    plan : Plan
        What to train on.
    seed : int
        Seed of the fit.
    number : int, default=0
        Which attempt.
    """
    start_keras()
    from balanced_nn._training.keras.model import product

    rng = np.random.default_rng([seed, _WEIGHTS, number])
    output_bias = np.log(plan.correction.training_prior) - plan.correction.logit_offset
    initial: Network
    if plan.start is not None:
        initial = plan.start
    elif plan.network.body is None:
        initial = initial_network(plan.network, output_bias, plan.epoch.sample(STATISTICS_SAMPLE), rng, product)
    else:
        initial = draw_body_network(plan.network, output_bias, int(rng.integers(2**31)))
    return TrainingTask(plan, initial, int(rng.integers(2**31)))


def train_until_sound(
    settings: FitSettings,
    split: Split,
    plan: Plan,
    seed: int,
    workers: Workers,
    *,
    search: Future[LearningRateSearch | None] | None = None,
    find: ReferenceFinder | None = None,
    watcher: Watcher = NOBODY,
    checkpoint: Checkpoint | None = None,
) -> Steps[TrainedNetwork]:
    """Steps 5 to 7: find a rate, train, judge, and while the network failed and repairs are allowed, try again.

    Parameters
    ----------
    settings : FitSettings
        What differs from its default is never changed.
    split : Split
        Training and validation rows, for attempts that prepare them otherwise.
    plan : Plan
        What the first attempt trains on.
    seed : int
        Seed of the network.
    workers : Workers
        Where its trainings run.
    search : Future or None, default=None
        The range test of an ensemble, which its first network makes and the others wait for; None for a network alone.
    find : ReferenceFinder or None, default=None
        What trains quick models; None makes one for the rows of this network.
    watcher : Watcher, default=NOBODY
        Who is told of each training and each epoch. One that it ends is not repaired.
    checkpoint : Checkpoint or None, default=None
        Where its trainings are kept, and go on.

    Yields
    ------
    Future
        Whatever it waits for.
    """
    task = make_task(plan, seed)
    found = yield from _search(settings, task, search, split, workers)
    first_rate = _given_rate(settings, split) if found is None else found.learning_rate
    find = find or reference_finder(settings, plan)  # for all attempts
    follow = _Follower(split.number, watcher, workers, checkpoint)
    watcher.training_begins(Training(split.number, 0, first_rate, plan.training.max_epochs))
    best = last = yield from _attempt(task, found, first_rate, Change(), find, follow, 0)
    repairs: list[Repair] = []
    tried: list[Change] = []
    trainings = [best.history]
    while _may_repair(settings, best, last) and len(tried) < MAX_REPAIRS:
        change = next_change(best.findings, settings.values, settings.defaults, tried, held_out=plan.held_out)
        tried.append(change)
        anew = replace(split, start=None, spilled=None)  # the network that it went on from may be what failed
        changed = replace(make_plan(replace(settings, **change.settings), anew, seed), notes=plan.notes)
        rate = change.rate_factor * first_rate
        task = make_task(changed, seed, len(tried))
        watcher.training_begins(Training(split.number, len(tried), rate, changed.training.max_epochs))
        last = yield from _attempt(task, found, rate, change, find, follow, len(tried))
        repairs.append(_repair(change, best, last))
        trainings.append(last.history)
        best = min(best, last, key=lambda attempt: attempt.rank)
    return TrainedNetwork(best, tuple(repairs), tuple(trainings))


@dataclass(frozen=True)
class _Follower:
    """Who hears of the epochs of a network, and where they are trained."""

    network: int
    watcher: Watcher
    workers: Workers
    checkpoint: Checkpoint | None

    def train(self, task: TrainingTask, rate: float, number: int) -> "Future[TrainingResult]":
        from balanced_nn._training.keras.train import train_network  # deferred: loads TensorFlow

        kept = None if self.checkpoint is None else self.checkpoint.training(self.network, number)
        if self.workers.in_processes:
            return self.workers.submit(train_elsewhere, task.to_send(), rate, kept)
        _compile(task)
        on_epoch = self.workers.heard(partial(self.watcher.epoch_ends, self.network))
        return self.workers.submit(train_network, task, rate, on_epoch, lambda: self.workers.ended, kept)


def _compile(task: TrainingTask) -> None:
    """Trace what a task runs, if that was not done yet, in the thread whose warnings are heard."""
    from balanced_nn._training.keras.pool import POOL
    from balanced_nn._training.keras.train import key_of

    with POOL.lend(key_of(task)):
        pass


def _search(
    settings: FitSettings,
    task: TrainingTask,
    search: Future[LearningRateSearch | None] | None,
    split: Split,
    workers: Workers,
) -> Steps[LearningRateSearch | None]:
    """Find the learning rate, or wait until the first network has; None where it is known."""
    from balanced_nn._training.keras.train import run_range_test  # deferred: loads TensorFlow

    if settings.learning_rate_init != "auto" or split.start is not None:
        return None
    if search is not None and split.number > 0:
        shared: LearningRateSearch = yield search
        return shared
    rates = range_test_rates(*RANGE_TEST_RATES)
    if workers.in_processes:
        trace = yield workers.submit(test_rates_elsewhere, task.to_send(), rates)
    else:
        _compile(task)
        trace = yield workers.submit(run_range_test, task, rates)
    found = search_learning_rate(trace)
    if search is not None:
        search.set_result(found)
    return found


def _given_rate(settings: FitSettings, split: Split) -> float:
    """The rate that was set by hand, or else that of the network that is trained further."""
    if settings.learning_rate_init != "auto":
        return float(settings.learning_rate_init)
    assert split.start is not None
    return split.start.history.learning_rate


def reference_finder(settings: FitSettings, plan: Plan, of_fit: ReferenceFinder | None = None) -> ReferenceFinder:
    """Return what trains quick models on the rows of a network, once if need be; never where nobody would read.

    Parameters
    ----------
    settings : FitSettings
    plan : Plan
        The rows of the network.
    of_fit : ReferenceFinder or None, default=None
        That of the first network of the fit: what its quick models say is enough where it settles the matter.
    """
    if settings.on_collapse == "ignore":
        return lambda report: None
    judged = plan.judged if plan.held_out else None
    train = cache(partial(find_reference, plan.data, judged, plan.network.n_classes))

    def find(report: OutcomeReport) -> Reference | None:
        shared = None if of_fit is None else of_fit(report)
        if shared is not None and is_settled_elsewhere(report, shared):
            return shared
        return train()

    return find


def _may_repair(settings: FitSettings, best: Attempt, last: Attempt) -> bool:
    ended = last.history.stop_reason in {CALLBACK, MAX_TIME}
    return settings.on_collapse == "repair" and best.outcome.collapsed and not ended


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
    task: TrainingTask,
    search: LearningRateSearch | None,
    rate: float,
    change: Change,
    find: ReferenceFinder,
    follower: _Follower,
    number: int,
) -> Steps[Attempt]:
    """Train a network and judge it; where there is doubt, look for the causes."""
    result: TrainingResult = yield follower.train(task, rate, number)
    task.plan.release()
    follower.watcher.training_ends(follower.network, result.history)
    scores = task.plan.correction.log_posterior(result.outputs.astype(np.float64))
    attempt = Attempt(task, search, change, result.network, result.mean, result.history, scores)
    if not in_doubt(attempt.outcome):
        return attempt
    reference = find(attempt.outcome) if needs_reference(attempt.outcome) else None
    return replace(attempt, evidence=gather_evidence(observe(attempt, reference)))


def in_doubt(outcome: OutcomeReport) -> bool:
    """Whether an outcome needs a closer look: a failure, or answers near chance."""
    return outcome.collapsed or needs_reference(outcome)


def observe(attempt: Attempt, reference: Reference | None) -> Observation:
    """Say what a diagnosis of an attempt can look at: rows of each class, and the network before and after training.

    Parameters
    ----------
    attempt : Attempt
        A trained network.
    reference : Reference or None
        What baseline models reach on the judged rows.
    """
    plan, data = attempt.plan, attempt.plan.data
    seen, weight = thin_out(data.y, data.weight, FACTS_ROWS)
    X, y = data.X[data.rows[seen]], data.y[seen]
    network = ObservedNetwork(
        facts=describe_fit(plan.network, attempt.history),
        y=y,
        after=take_snapshot(attempt.network, X, y),
        before=take_snapshot(attempt.task.initial, X, y),
        curve=Curve(attempt.history.train_loss),
    )
    return Observation(
        attempt.outcome,
        X,
        y,
        plan.network.n_classes,
        reference,
        weight=weight,
        other_table=plan.other_table,
        network=network,
    )


def judge(plan: Plan, scores: FloatArray) -> OutcomeReport:
    """Find the outcome at the balanced decision, whatever the user wants, from the scores of the judged rows."""
    n_classes = plan.network.n_classes
    uniform = np.full(n_classes, 1.0 / n_classes)
    return find_outcome(plan.judged.y, np.exp(scores), prior=uniform, sample_weight=plan.judged.weight)


def report_outcome(
    attempt: Attempt, settings: FitSettings, labels: tuple[Any, ...], suspicious: tuple[SuspiciousColumn, ...]
) -> CollapseReport:
    """Put what became of an attempt into words, with the causes of a failure and what to do about them."""
    used = {**settings.values, **attempt.change.settings, "learning_rate_": attempt.history.learning_rate}
    advised = advise(attempt.findings, ModelKind.OURS, settings=used, defaults=settings.defaults)
    findings = blame_columns(advised, suspicious)
    hints = setting_hints(settings.values, settings.defaults)
    failed = attempt.outcome.outcome is not Outcome.HEALTHY
    judged_on = attempt.plan.judged_on
    layers = OWN_LAYERS.format(settings.body) if settings.body else ""
    return CollapseReport(
        attempt.outcome, labels, judged_on, findings, attempt.evidence, hints if failed else (), layers=layers
    )
