"""How often is a network trained before we believe it? The rate search and the attempts (steps 5 to 7 of a fit)."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanced_nn._lr_search import RANGE_TEST_RATES, range_test_rates, search_learning_rate
from balanced_nn._network import FittedNetwork, initial_network
from balanced_nn._outcome import OutcomeReport, find_outcome
from balanced_nn._plan import Plan
from balanced_nn._process import check_process
from balanced_nn._repair import MAX_REPAIRS, Repair, attempt_rate, describe_change
from balanced_nn._specs import FloatArray, History, LearningRateSearch, RangeTestTrace

if TYPE_CHECKING:  # loads TensorFlow
    from balanced_nn._keras._train import TrainingTask

STATISTICS_SAMPLE = 1024  # rows that give BatchNorm its first statistics: several batches
_WEIGHTS = 5  # stream of random numbers

OnEpoch = Callable[[int, float, float | None], None]


@dataclass(frozen=True, eq=False)
class Attempt:
    """A trained network, how its training went, and what became of it."""

    network: FittedNetwork
    history: History
    outcome: OutcomeReport

    @property
    def rank(self) -> tuple[bool, float]:
        """Lower is better: no collapse first, then the monitored loss."""
        return self.outcome.collapsed, self.history.best_score


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
    from balanced_nn._keras._build import product, share_the_processor  # deferred: loads TensorFlow
    from balanced_nn._keras._train import TrainingTask

    share_the_processor()  # before the first operation, which starts TensorFlow's threads

    rng = np.random.default_rng([seed, _WEIGHTS, number])
    output_bias = np.log(plan.correction.fed_prior) - plan.correction.logit_offset
    initial = initial_network(plan.network, output_bias, plan.data.sample(STATISTICS_SAMPLE), rng, product)
    seed_of_attempt = int(rng.integers(2**31))
    return TrainingTask(plan.training, initial, plan.data, plan.judged, plan.held_out, plan.correction, seed_of_attempt)


def clear_compiled_programs() -> None:
    """Forget the training programs that this process has compiled and keeps for further fits.

    At most 16 programs are kept, the most recently used ones; each holds a Keras model, its optimizer and the buffers
    of two chunks of rows. Fitted classifiers do not need them. The next fit compiles its program again, which takes
    one to three seconds. TensorFlow is not loaded for this.

    Examples
    --------
    >>> from balanced_nn import clear_compiled_programs
    >>> clear_compiled_programs()
    """
    room = sys.modules.get("balanced_nn._keras._program")
    if room is not None:
        room.POOL.clear()


def range_test(task: "TrainingTask", rates: FloatArray) -> RangeTestTrace:
    """Run a range test with the network, the loss, the weights and the batches of `task`."""
    from balanced_nn._keras._train import run_range_test  # deferred: loads TensorFlow

    return run_range_test(task, rates)


def find_learning_rate(task: "TrainingTask") -> LearningRateSearch:
    """Step 5: search the learning rate."""
    return search_learning_rate(range_test(task, range_test_rates(*RANGE_TEST_RATES)))


def train_until_sound(
    plan: Plan,
    task: "TrainingTask",
    rate: float,
    seed: int,
    *,
    repair: bool,
    rate_is_free: bool,
    on_epoch: OnEpoch | None,
) -> tuple[Attempt, tuple[Repair, ...]]:
    """Steps 6 and 7: train, judge, and while the network collapsed and repairs are allowed, try again.

    Parameters
    ----------
    plan : Plan
        What to train on.
    task : TrainingTask
        The first attempt.
    rate : float
        Its learning rate.
    seed : int
        Seed of the fit.
    repair : bool
        Whether further attempts are allowed.
    rate_is_free : bool
        Whether further attempts may lower the rate.
    on_epoch : callable or None
        Called after each epoch.

    Returns
    -------
    attempt : Attempt
        The best one.
    repairs : tuple of Repair
        One for each further attempt.
    """
    best = _attempt(plan, task, rate, on_epoch)
    repairs: list[Repair] = []
    while repair and best.outcome.collapsed and len(repairs) < MAX_REPAIRS:
        number = len(repairs) + 1
        next_rate = attempt_rate(number, rate, rate_is_free=rate_is_free)
        attempt = _attempt(plan, training_task(plan, seed, number), next_rate, on_epoch)
        repairs.append(
            Repair(
                change=describe_change(next_rate, rate_is_free=rate_is_free),
                reason=f"outcome {best.outcome.outcome}",
                loss_before=best.history.best_score,
                loss_after=attempt.history.best_score,
                helped=not attempt.outcome.collapsed,
            )
        )
        best = min(best, attempt, key=lambda candidate: candidate.rank)
    return best, tuple(repairs)


def _attempt(plan: Plan, task: "TrainingTask", rate: float, on_epoch: OnEpoch | None) -> Attempt:
    from balanced_nn._keras._train import train_network  # deferred: loads TensorFlow

    network, history, outputs = train_network(task, rate, on_epoch)
    return Attempt(network, history, judge(plan, outputs))


def judge(plan: Plan, outputs: FloatArray) -> OutcomeReport:
    """Find the outcome at the balanced decision, whatever the user wants, from the raw outputs for the judged rows."""
    n_classes = plan.network.n_classes
    uniform = np.full(n_classes, 1.0 / n_classes)
    log_proba = plan.correction.log_posterior(outputs.astype(np.float64))
    return find_outcome(plan.judged.y, np.exp(log_proba), prior=uniform, sample_weight=plan.judged.weight)
