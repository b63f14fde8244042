"""Which numbers do the rules of a diagnosis compare? Each reads one from the evidence, None if it is not there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from balanced_nn._causes.evidence import Curve, Evidence
from balanced_nn._collapse.baseline import decision_is_to_blame
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._replay.trials import Trial

CROSS_ENTROPIES = {"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"}
PROBABILITIES = {"sigmoid", "softmax"}
SATURATING = {"sigmoid", "tanh", "softsign", "hard_sigmoid"}
ADAPTIVE = {"adam", "adamw", "nadam", "adamax", "rmsprop", "lamb"}  # a step moves a weight by about the rate
USUAL_RATE_OF = {"adagrad": 0.05, "adadelta": 1.0}  # whose steps become smaller, or begin small
NOT_FOR_CLASSES = {
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "log_cosh", "huber_loss",
    "huber", "hinge", "squared_hinge", "categorical_hinge", "cosine_similarity", "poisson",
}  # fmt: skip
LOWEST_USUAL_RATE = 3e-4  # of an adaptive optimizer: from there on few steps are why weights stay put, not short ones
LARGE = 3.0  # which numbers of a standardised column seldom exceed
LEARNED = 0.25  # of the entropy of the classes: a training loss under that has learned its rows
DECISION_LAG = 0.1  # by which the balanced decision may lag behind the reference and still count as sound
TRIAL_LAG, TRIAL_GAIN = 0.1, 0.1  # balanced accuracy behind the best, and above what was reached

Read: TypeAlias = Callable[[Evidence], float | None]


@dataclass(frozen=True)
class Measurement:
    """A number that is read from the evidence, and what it is in words."""

    words: str
    read: Read

    def __call__(self, evidence: Evidence) -> float | None:
        """Read it."""
        return self.read(evidence)


def measurement(words: str) -> Callable[[Read], Measurement]:
    """Make a measurement of the function below."""
    return lambda read: Measurement(words, read)


@measurement("1 where the labels are not what the loss expects")
def bad_labels(e: Evidence) -> float:
    return float(bool(e.data.bad_labels))


@measurement("Balanced accuracy of the better quick model, where neither it nor the model is above chance")
def no_signal(e: Evidence) -> float | None:
    return e.reference.best if e.reference and e.outcome.outcome is Outcome.NO_SIGNAL else None


# What the network is


@measurement("1 for softmax over a single unit")
def lone_softmax(e: Evidence) -> float | None:
    n = e.network
    return None if n is None else float(n.output_activation == "softmax" and n.n_outputs == 1)


@measurement("Output units beyond those that the classes need")
def spare_outputs(e: Evidence) -> float | None:
    if e.network is None:
        return None
    return float(e.network.n_outputs - (1 if e.network.n_classes == 2 else e.network.n_classes))


@measurement("1 where a cross-entropy of probabilities gets an output that is none")
def no_probability(e: Evidence) -> float | None:
    n = e.network
    if n is None or n.loss not in CROSS_ENTROPIES or n.from_logits:
        return None
    return float(n.output_activation not in PROBABILITIES)


@measurement("1 for a loss that is not for classes, or a categorical one over a single unit")
def wrong_loss(e: Evidence) -> float | None:
    n = e.network
    if n is None or n.loss is None:
        return None
    lone = n.n_outputs == 1 and n.loss in {"categorical_crossentropy", "sparse_categorical_crossentropy"}
    return float(lone or n.loss in NOT_FOR_CLASSES)


@measurement("1 where a loss of logits gets probabilities")
def twice_squashed(e: Evidence) -> float | None:
    n = e.network
    return None if n is None else float(n.from_logits and n.output_activation in PROBABILITIES)


@measurement("1 for the mean squared error")
def squared_error(e: Evidence) -> float | None:
    return None if e.network is None else float(e.network.loss == "mean_squared_error")


@measurement("Units of the narrowest hidden layer")
def narrowest(e: Evidence) -> float | None:
    return float(min(e.network.hidden_sizes)) if e.network and e.network.hidden_sizes else None


@measurement("What trees gain over a linear model, for a network without a hidden layer")
def no_hidden_layer(e: Evidence) -> float | None:
    if e.network is None or e.network.hidden_sizes != () or e.reference is None:
        return None
    return e.reference.trees - e.reference.linear


@measurement("What trees gain over a linear model, for a network whose hidden layers are all linear")
def linear_gap(e: Evidence) -> float | None:
    return e.reference.trees - e.reference.linear if all_linear(e) and e.reference else None


@measurement("1 where all hidden layers are linear")
def all_linear(e: Evidence) -> float | None:
    return None if e.network is None else float(set(e.network.hidden_activations) == {"linear"})


# What it reads


@measurement("Largest over smallest standard deviation of a feature that a network reads, where one exceeds 3")
def scale_ratio(e: Evidence) -> float | None:
    # Among numbers from 0 to 1 a narrow column is a pixel that hardly ever changes, not one in another unit.
    return e.data.scale_ratio if e.network and e.data.largest > LARGE else None


@measurement("Largest absolute value that a network reads")
def largest_feature(e: Evidence) -> float | None:
    return e.data.largest if e.network else None


@measurement("Share of the rarest class over an even share")
def rarest(e: Evidence) -> float | None:
    share = [s for s, rows in zip(e.data.class_share, e.data.class_rows, strict=True) if rows]
    return min(share) * len(share) if len(share) > 1 else None


# What the layers do before training


@measurement("Fraction of dead units in the worst hidden layer before training")
def dead_at_start(e: Evidence) -> float | None:
    return e.initial.dead if e.initial and e.initial.layers else None


@measurement("Largest output of a hidden layer before training, over the largest input")
def first_outputs(e: Evidence) -> float | None:
    return e.initial.largest / max(1.0, e.data.largest) if e.initial and e.initial.layers else None


@measurement("Spread over rows of the last hidden layer over that of the first, before training (sigmoid, tanh)")
def spread_of_saturating(e: Evidence) -> float | None:
    return e.initial.spread_ratio if e.initial and _saturates(e) else None


@measurement("Spread over rows of the last hidden layer over that of the first, before training (other activations)")
def spread_of_others(e: Evidence) -> float | None:
    return e.initial.spread_ratio if e.initial and not _saturates(e) else None


@measurement(
    "Largest root mean square of a hidden kernel before training, times the root of its inputs, without BatchNorm"
)
def highest_gain(e: Evidence) -> float | None:
    if e.network is None or e.network.batch_norm or e.initial is None or not e.initial.layers:
        return None
    inputs = (e.data.n_features, *(e.network.hidden_sizes or ()))
    return max((layer.weight * n**0.5 for layer, n in zip(e.initial.hidden, inputs, strict=False)), default=None)


# What training did


@measurement("Learning rate of an optimizer whose steps do not depend on the size of the gradient (Adam and its like)")
def adaptive_rate(e: Evidence) -> float | None:
    n = e.network
    return n.learning_rate if n and n.optimizer in ADAPTIVE else None


@measurement("Learning rate of another optimizer (SGD)")
def other_rate(e: Evidence) -> float | None:
    n = e.network
    return n.learning_rate if n and n.optimizer and n.optimizer not in ADAPTIVE | set(USUAL_RATE_OF) else None


@measurement("Learning rate of Adagrad or Adadelta over one that is usual for it, 0.05 or 1")
def relative_rate(e: Evidence) -> float | None:
    n = e.network
    usual = USUAL_RATE_OF.get(n.optimizer or "") if n else None
    return n.learning_rate / usual if n and usual and n.learning_rate is not None else None


@measurement("Movement of the weights, or rate times steps over their size, at a rate under 3e-4 (Adam and its like)")
def slow_rate(e: Evidence) -> float | None:
    rate = adaptive_rate(e)
    if rate is None or rate >= LOWEST_USUAL_RATE:
        return None
    return e.movement if e.movement is not None else _reach(e)


@measurement("Movement of the weights at a usual rate")
def few_moves(e: Evidence) -> float | None:
    rate = adaptive_rate(e)
    return e.movement if rate is None or rate >= LOWEST_USUAL_RATE else None


@measurement("Updates of the weights")
def few_steps(e: Evidence) -> float | None:
    return float(e.network.n_steps) if e.network and e.network.n_steps is not None else None


@measurement("Fraction of dead units in the worst hidden layer after training, less that before")
def killed(e: Evidence) -> float | None:
    if e.initial is None or e.final is None or not e.final.layers:
        return None
    return e.final.dead - e.initial.dead


@measurement("1 where training produced numbers that are not finite")
def not_finite(e: Evidence) -> float | None:
    return float(not e.final.finite or bool(e.curve and not e.curve.finite)) if e.final else None


@measurement("Fall of the training loss over the last quarter of the epochs, over the entropy of the classes")
def still_falling(e: Evidence) -> float | None:
    if e.curve is None or e.final is None or e.network is None or not e.final.chance_loss > 0:
        return None
    if e.network.loss not in CROSS_ENTROPIES:
        return e.curve.falling  # over the loss itself: it has another unit
    if e.curve.loss and e.curve.loss[-1] < LEARNED * e.final.chance_loss:
        return 0.0  # what is left to fall is little
    return e.curve.falling * _last_start(e.curve) / e.final.chance_loss


@measurement("Balanced accuracy with BatchNorm statistics of the rows, less that with the stored ones")
def batch_norm_gap(e: Evidence) -> float | None:
    return e.batch_norm_gap


@measurement("The same, where the statistics of the rows bring it near the quick models")
def batch_norm_alone(e: Evidence) -> float | None:
    gap = e.batch_norm_gap
    if gap is None or e.reference is None or e.outcome.balanced_accuracy + gap < e.reference.best - DECISION_LAG:
        return None
    return gap


# What it answers


@measurement(
    "Balanced accuracy of the balanced decision less that of the answers, where it comes near the quick models"
)
def decision_gap(e: Evidence) -> float | None:
    ranking = e.outcome.ranking
    if ranking is None or (e.reference is not None and ranking < e.reference.best - DECISION_LAG):
        return None
    return ranking - e.outcome.balanced_accuracy


@measurement("1 where the answers lag behind the quick models because of the decision")
def decision_at_fault(e: Evidence) -> float | None:
    if e.reference is None or e.outcome.outcome is not Outcome.THRESHOLD:
        return None
    return float(decision_is_to_blame(e.outcome, e.reference))


# What single changes make of the training


def restoring_trials(e: Evidence) -> tuple[Trial, ...]:
    """The trials that lead near the best of them and the reference, and clearly above what the training reached.

    Of one change each, or where none of these does, of two. What the same training reaches once more, with nothing
    changed, is no merit of a change.
    """
    if not e.trials:
        return ()
    lag = max(TRIAL_LAG, e.outcome.standard_error)
    expected = 0.0 if e.reference is None else e.reference.best
    reached = max(e.outcome.balanced_accuracy, e.outcome.chance, repetition(e))
    least = max(expected - lag, reached + TRIAL_GAIN)
    for n_changes in (1, 2):
        tried = [trial for trial in e.trials if len(trial.changes) == n_changes]
        best = max((trial.balanced_accuracy for trial in tried), default=0.0)
        good = tuple(t for t in tried if t.balanced_accuracy >= max(best - lag, least) - 1e-9)
        if good:
            return good
    return ()


def repetition(e: Evidence) -> float:
    """Balanced accuracy of the same training once more; 0 where that was not tried."""
    return next((trial.balanced_accuracy for trial in e.trials if not trial.changes), 0.0)


def helpful_trials(e: Evidence) -> tuple[Trial, ...]:
    """The trial that gains most by one change, where that is much although it does not restore the result.

    Or the best pairs of changes, where these clearly do better. To come from below chance up to it is no help.
    """
    reached = max(e.outcome.balanced_accuracy, e.outcome.chance, repetition(e))
    single, pairs = ([trial for trial in e.trials if len(trial.changes) == n] for n in (1, 2))
    best = max(single, key=lambda trial: trial.balanced_accuracy, default=None)
    alone = 0.0 if best is None else best.balanced_accuracy
    together = max((trial.balanced_accuracy for trial in pairs), default=0.0)
    if together >= max(alone, reached + TRIAL_GAIN) + TRIAL_GAIN:
        return tuple(trial for trial in pairs if trial.balanced_accuracy >= together - TRIAL_LAG)
    return (best,) if best is not None and alone >= reached + 2 * TRIAL_GAIN else ()


def _last_start(curve: Curve) -> float:
    """Loss at the start of the last quarter of the epochs."""
    return abs(curve.loss[-1 - len(curve.loss) // 4]) if curve.loss else 0.0


def _saturates(e: Evidence) -> bool:
    return e.network is not None and bool(SATURATING & set(e.network.hidden_activations))


def _reach(e: Evidence) -> float | None:
    """How far the updates can have moved a weight at most, over the size of the weights."""
    rate = adaptive_rate(e)
    weights = [layer.weight for layer in e.initial.layers] if e.initial else []
    if rate is None or e.network is None or e.network.n_steps is None or not weights or not max(weights) > 0:
        return None
    return rate * e.network.n_steps / max(weights)
