"""Which causes does the evidence point to, and how certain is each? Rules over frozen facts, readable as a table."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from balanced_nn._causes import measurements as signals
from balanced_nn._causes.evidence import Cause, Evidence
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._replay.changes import Change
from balanced_nn._replay.trials import Trial


@dataclass(frozen=True)
class Finding:
    """One cause, why it is named, and what to do.

    Attributes
    ----------
    cause : Cause
        The cause.
    seen : str
        What was measured, in a sentence with the number.
    number : float
        The measurement.
    threshold : float
        What it was compared with.
    confidence : float
        How often the rule was right where it came first, on the tuning sets of the benchmark: ``(h + 1) / (n + 2)`` for
        h of n. In [0, 1].
    status : {"suspected", "confirmed", "plausible", "refuted"}
        "suspected" where nothing was trained again; otherwise what training again has shown: "confirmed" causes are
        those whose repairs together restore the result and none of which can be left out; "refuted" ones were repaired
        without effect; "plausible" ones were not tried.
    remedy : str
        What to do, in a sentence.
    code : str
        The same as code that can be pasted; empty where there is none.
    change : dict
        Parameters to set, for an estimator that has them.
    """

    cause: Cause
    seen: str
    number: float
    threshold: float
    confidence: float
    status: str = "suspected"
    remedy: str = ""
    code: str = ""
    change: dict[str, Any] = field(default_factory=dict)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A format that knows no enumerations, such as that of skops, gives the text of the cause.
        self.__dict__.update(state, cause=Cause(state["cause"]))


@dataclass(frozen=True)
class Rule:
    """One row of the table: names `cause` where `measure` gives a number above (or below) `threshold`.

    `measure` gives None where the rule does not apply; `seen` is filled with ``number``, ``threshold``,
    the fields of the evidence and what `_words` adds.
    """

    cause: Cause
    confidence: float
    measure: signals.Measurement
    sign: Literal["<", ">"]  # how the number must lie to the threshold
    threshold: float
    seen: str

    @property
    def above(self) -> bool:
        """Whether large numbers count."""
        return self.sign == ">"

    @property
    def row(self) -> str:
        """The rule as a line of a Markdown table: cause, measurement, threshold, confidence."""
        cause = self.cause.replace("_", " ")
        return f"| {cause} | {self.measure.words} | {self.sign} {self.threshold:g} | {self.confidence:.2f} |"

    def finding(self, evidence: Evidence) -> Finding | None:
        """The finding of this rule; None where it does not apply."""
        number = self.measure(evidence)
        if number is None or not (number > self.threshold if self.above else number < self.threshold):
            return None
        seen = self.seen.format(number=number, threshold=self.threshold, **_words(evidence))
        if not math.isfinite(number):
            seen = f"a measurement is not finite: {self.measure.words.lower()}"
        return Finding(self.cause, seen, float(number), self.threshold, self.confidence)


def diagnose_evidence(evidence: Evidence) -> tuple[Finding, ...]:
    """Name the causes of a failure, the most probable first.

    Parameters
    ----------
    evidence : Evidence
        What was seen.

    Returns
    -------
    tuple of Finding
        Each cause once, by the first rule that names it, in the order of the table. Empty for a healthy outcome. Only
        NO_SIGNAL (and BAD_LABELS) where quick models stay at chance too, or nothing can be told: nothing can then be
        learned about the network.
        Only causes of the decision where the scores are as good as can be expected.
    """
    outcome = evidence.outcome.outcome
    if outcome is Outcome.HEALTHY:
        return ()
    found = [finding for rule in RULES if (finding := rule.finding(evidence)) is not None]
    restoring = signals.restoring_trials(evidence)
    if outcome in {Outcome.NO_SIGNAL, Outcome.UNKNOWN}:
        found = [finding for finding in found if finding.cause in OF_THE_DATA]
    elif signals.decision_at_fault(evidence) and not restoring:
        found = [finding for finding in found if finding.cause in OF_THE_DECISION]
    first: dict[Cause, Finding] = {}
    for finding in found:
        first.setdefault(finding.cause, finding)
    ranked = tuple(first.values())
    return _ranked_by_trials(ranked, evidence, restoring) if evidence.trials else ranked


def _ranked_by_trials(
    ranked: tuple[Finding, ...], evidence: Evidence, restoring: tuple[Trial, ...]
) -> tuple[Finding, ...]:
    """First the causes whose change restored the result, last those whose change did not, each in their order."""
    shown_by: dict[Change, Trial] = {}
    confidence = SHOWN if restoring and len(restoring[0].changes) == 1 else SHOWN_TOGETHER
    helpful = signals.helpful_trials(evidence)
    if not restoring and helpful and evidence.outcome.outcome is not Outcome.NO_SIGNAL:
        restoring, confidence = helpful, HELPFUL
    for trial in restoring:
        for change in trial.changes:
            shown_by.setdefault(change, trial)
    vain_changes = {trial.changes[0] for trial in evidence.trials if trial.complete and len(trial.changes) == 1}
    vain_changes -= set(shown_by)
    first: list[Finding] = []
    shown: list[Finding] = []
    open_: list[Finding] = []
    vain: list[Finding] = []
    for finding in ranked:
        changes = CHANGES_OF.get(finding.cause, ())
        tried = next((shown_by[change] for change in changes if change in shown_by), None)
        if finding.cause in OF_THE_DATA:
            first.append(finding)
        elif tried is not None:
            shown.append(replace(finding, confidence=confidence, seen=_joined(finding.seen, _said(tried, evidence))))
        elif changes and vain_changes.issuperset(changes):
            in_vain = replace(finding, confidence=min(finding.confidence, IN_VAIN))
            (vain if shown_by else open_).append(in_vain)  # where nothing helped alone, it may be needed all the same
        else:
            open_.append(replace(finding, confidence=min(finding.confidence, UNTRIED)) if shown_by else finding)
    shown += _named_by_trials({finding.cause for finding in ranked}, shown_by, evidence, confidence)
    if restoring and len(restoring[0].changes) > 1:
        shown = _by_share(shown, restoring, evidence)
    return (*first, *shown, *open_, *vain)


def _named_by_trials(
    named: set[Cause], shown_by: dict[Change, Trial], evidence: Evidence, confidence: float
) -> list[Finding]:
    """The causes that a change answers, and that no rule has named."""
    found: dict[Cause, Finding] = {}
    for change in PREFERRED:
        cause = _cause_of(change, evidence)
        if change in shown_by and cause not in named:
            tried, now = shown_by[change], evidence.outcome.balanced_accuracy
            said = _said(tried, evidence)
            found.setdefault(cause, Finding(cause, said, tried.balanced_accuracy, now, confidence))
    return list(found.values())


def _by_share(found: list[Finding], pairs: tuple[Trial, ...], evidence: Evidence) -> list[Finding]:
    """First what most of the pairs that do better have in common, then what reached most alone.

    Last comes scaling where no rule sees anything wrong with the features: it has the effect of a higher rate.
    """

    def weight(finding: Finding) -> tuple[bool, int, float]:
        changes = set(CHANGES_OF.get(finding.cause, ()))
        in_common = sum(bool(changes & {*pair.changes}) for pair in pairs)
        single = [trial for trial in evidence.trials if len(trial.changes) == 1 and changes & {*trial.changes}]
        sound = finding.cause is Cause.UNSCALED_FEATURES and all(
            rule.finding(evidence) is None for rule in RULES if rule.cause is finding.cause
        )
        return not sound, in_common, max((trial.balanced_accuracy for trial in single), default=0.0)

    return sorted(found, key=weight, reverse=True)


def _joined(seen: str, said: str) -> str:
    """Two sentences as one; that weights were redrawn is said once."""
    return f"{seen.replace(REDRAWN, '')}; {said}"


def _said(trial: Trial, evidence: Evidence) -> str:
    now, redrawn = evidence.outcome.balanced_accuracy, REDRAWN if evidence.initial_is_redrawn else ""
    return (
        f"the same training with {trial.words} reaches a balanced accuracy of {trial.balanced_accuracy:.2f} instead of "
        f"{now:.2f}{redrawn}"
    )


def _cause_of(change: Change, evidence: Evidence) -> Cause:
    """The cause that a change answers, where no rule says more."""
    if change is Change.OUTPUT:
        loss = evidence.network.loss if evidence.network else None
        return Cause.OUTPUT_ACTIVATION if loss in signals.CROSS_ENTROPIES else Cause.LOSS_MISMATCH
    return next(cause for cause, changes in CHANGES_OF.items() if change in changes)


def _words(e: Evidence) -> dict[str, object]:
    """What the sentence of a rule may name, besides the fields of the evidence."""
    network = e.network
    return {
        **vars(e),
        "depth": len(network.hidden_sizes or ()) if network else 0,
        "n_classes": len(e.data.class_rows),
        "steps": f"{network.n_steps} steps" if network and network.n_steps is not None else "training",
        "rate": f" of learning rate {network.learning_rate:g}" if network and network.learning_rate else "",
        "roc_auc": e.outcome.roc_auc or 0.0,
        "rarest": min((share for share in e.data.class_share if share > 0), default=0.0),
        "redrawn": REDRAWN if e.initial_is_redrawn else "",
    }


# Which changes answer a cause; of several causes of one change the first is named where no rule says more.
CHANGES_OF: dict[Cause, tuple[Change, ...]] = {
    Cause.LEARNING_RATE_TOO_HIGH: (Change.RATE_OVER_10, Change.RATE_OVER_100, Change.LARGER_BATCH),
    Cause.LEARNING_RATE_TOO_LOW: (Change.RATE_TIMES_10, Change.RATE_TIMES_100),
    Cause.STOPPED_TOO_EARLY: (Change.EPOCHS_TIMES_10,),
    Cause.OUTPUT_ACTIVATION: (Change.OUTPUT,),
    Cause.LOSS_MISMATCH: (Change.OUTPUT,),
    Cause.POOR_INITIALIZATION: (Change.INITIALIZER,),
    Cause.EXPLODING_GRADIENT: (Change.INITIALIZER,),
    Cause.DEAD_RELU: (Change.INITIALIZER,),
    Cause.HIDDEN_ACTIVATION: (Change.ACTIVATION,),
    Cause.VANISHING_GRADIENT: (Change.ACTIVATION, Change.INITIALIZER),
    Cause.BATCH_NORM_STATISTICS: (Change.BATCH_NORM,),
    Cause.NETWORK_TOO_SMALL: (Change.WIDTH,),
    Cause.UNSCALED_FEATURES: (Change.SCALE,),
}
PREFERRED = tuple(change for changes in CHANGES_OF.values() for change in changes)
# Confidence, set on the programs for choosing. A change restored the result; two together did; one gained most.
SHOWN, SHOWN_TOGETHER, HELPFUL = 0.95, 0.8, 0.6
UNTRIED, IN_VAIN = 0.4, 0.4  # another change restored the result; the change of this cause did not

REDRAWN = " (weights redrawn by the same rule: the real ones are lost)"
OF_THE_DATA = frozenset({Cause.NO_SIGNAL, Cause.BAD_LABELS})
OF_THE_DECISION = frozenset({Cause.THRESHOLD, Cause.CLASS_IMBALANCE, Cause.BAD_LABELS, Cause.HIDDEN_ACTIVATION})
RARE = 0.25  # of an even share

# The first row that holds comes first. The confidence is how often that was right on the tuning sets; of the rows on
# bad labels and on no signal, which speak of the data by definition, it is set. Rows of 0.50 never came first there:
# some bring a repair that is needed earlier, the others are of faults that the benchmark does not plant.
# fmt: off
RULES: tuple[Rule, ...] = (
    Rule(Cause.BAD_LABELS,             0.99, signals.bad_labels, ">", 0.5,
         "{data.bad_labels}"),
    Rule(Cause.OUTPUT_ACTIVATION,      0.96, signals.lone_softmax, ">", 0.5,
         "softmax over a single unit is 1 for every row"),
    Rule(Cause.OUTPUT_ACTIVATION,      0.88, signals.spare_outputs, "<", 0,
         "{network.n_outputs} output unit(s) for {n_classes} classes"),
    Rule(Cause.LOSS_MISMATCH,          0.97, signals.wrong_loss, ">", 0.5,
         "the loss {network.loss} does not fit {network.n_outputs} {network.output_activation} unit(s) and class "
         "labels"),
    Rule(Cause.NO_SIGNAL,              0.95, signals.no_signal, "<", 1,
         "baseline models stay at chance too, with a balanced accuracy of {reference.best:.2f} "
         "of {reference.name}"),
    Rule(Cause.OUTPUT_ACTIVATION,      0.91, signals.no_probability, ">", 0.5,
         "the output is {network.output_activation}, but the loss {network.loss} expects probabilities"),
    Rule(Cause.NETWORK_TOO_SMALL,      0.95, signals.narrowest, "<", 4,
         "a hidden layer has {number:.0f} unit(s)"),
    Rule(Cause.HIDDEN_ACTIVATION,      0.95, signals.linear_gap, ">", 0.05,
         "all hidden layers are linear, and boosted trees beat a linear model by {number:.2f} in balanced accuracy"),
    Rule(Cause.NETWORK_TOO_SMALL,      0.50, signals.no_hidden_layer, ">", 0.05,
         "there is no hidden layer, and boosted trees beat a linear model by {number:.2f} in balanced accuracy"),
    Rule(Cause.THRESHOLD,              0.89, signals.decision_gap, ">", 0.1,
         "the scores are fine: with equally frequent classes they reach a balanced accuracy of "
         "{outcome.ranking:.2f}, the answers {outcome.balanced_accuracy:.2f}"),
    Rule(Cause.CLASS_IMBALANCE,        0.86, signals.decision_at_fault, ">", 0.5,
         "the rare classes are seldom the most probable ones, and neither training nor the decision compensates "
         "for that (ROC AUC {roc_auc:.2f})"),
    Rule(Cause.UNSCALED_FEATURES,      0.93, signals.scale_ratio, ">", 100,
         "the widest feature varies {number:,.0f} times as much as the narrowest"),
    Rule(Cause.DEAD_RELU,              0.98, signals.dead_at_start, ">", 0.4,
         "before training, {number:.0%} of the units of a layer output 0 for every row{redrawn}"),
    Rule(Cause.EXPLODING_GRADIENT,     0.95, signals.first_outputs, ">", 1000,
         "before training, hidden outputs reach {number:.3g} times the inputs{redrawn}"),
    Rule(Cause.VANISHING_GRADIENT,     0.98, signals.spread_of_saturating, "<", 0.01,
         "before training, the last of {depth} hidden {network.hidden_activations[0]} layers varies {number:.1e} "
         "times as much over the rows as the first{redrawn}"),
    Rule(Cause.POOR_INITIALIZATION,    0.97, signals.spread_of_others, "<", 0.001,
         "before training, the last hidden layer varies {number:.1e} times as much over the rows as the "
         "first{redrawn}"),
    Rule(Cause.POOR_INITIALIZATION,    0.96, signals.highest_gain, ">", 2.2,
         "initial weights are {number:.2g} times the size that keeps a signal in bounds{redrawn}"),
    Rule(Cause.LEARNING_RATE_TOO_LOW,  0.98, signals.other_rate, "<", 0.002,
         "a learning rate of {number:g} for plain gradient descent; 0.01 is usual"),
    Rule(Cause.LEARNING_RATE_TOO_LOW,  0.80, signals.relative_rate, "<", 0.15,
         "a learning rate of {network.learning_rate:g} is {number:.2g} times the usual one of {network.optimizer}"),
    Rule(Cause.LEARNING_RATE_TOO_HIGH, 0.80, signals.relative_rate, ">", 40,
         "a learning rate of {network.learning_rate:g} is {number:.2g} times the usual one of {network.optimizer}"),
    Rule(Cause.LEARNING_RATE_TOO_HIGH, 0.97, signals.adaptive_rate, ">", 0.05,
         "a learning rate of {number:g} for Adam-like steps; 0.001 is usual"),
    Rule(Cause.LEARNING_RATE_TOO_LOW,  0.98, signals.slow_rate, "<", 0.15,
         "{steps}{rate} moved the weights by {number:.1%}; a network that learns moves them by {threshold:.0%} or "
         "more"),
    Rule(Cause.BATCH_NORM_STATISTICS,  0.96, signals.batch_norm_alone, ">", 0.1,
         "with the statistics of the rows at hand balanced accuracy is {number:.2f} higher than with those that "
         "BatchNorm stored"),
    Rule(Cause.UNSCALED_FEATURES,      0.50, signals.largest_feature, ">", 100,
         "features reach {number:,.4g}; a network needs numbers around 1"),
    Rule(Cause.STOPPED_TOO_EARLY,      0.98, signals.few_steps, "<", 60,
         "training ended after {number:.0f} steps"),
    Rule(Cause.STOPPED_TOO_EARLY,      0.86, signals.few_moves, "<", 0.08,
         "training ended after {steps}, when the weights had moved by {number:.1%}"),
    Rule(Cause.LEARNING_RATE_TOO_HIGH, 0.50, signals.killed, ">", 0.7,
         "{number:.0%} of a layer's units died during training"),
    Rule(Cause.LEARNING_RATE_TOO_HIGH, 0.50, signals.not_finite, ">", 0.5,
         "training produced numbers that are not finite"),
    Rule(Cause.LEARNING_RATE_TOO_HIGH, 0.50, signals.other_rate, ">", 1,
         "a learning rate of {number:g}; 0.01 is usual"),
    Rule(Cause.LOSS_MISMATCH,          0.50, signals.twice_squashed, ">", 0.5,
         "from_logits=True, but the output is {network.output_activation} already"),
    Rule(Cause.STOPPED_TOO_EARLY,      0.90, signals.still_falling, ">", 0.02,
         "the loss still fell by {number:.0%} over the last quarter of the epochs"),
    Rule(Cause.LOSS_MISMATCH,          0.88, signals.squared_error, ">", 0.5,
         "mean squared error punishes a confident mistake little"),
    Rule(Cause.CLASS_IMBALANCE,        0.80, signals.rarest, "<", RARE,
         "the rarest class holds {rarest:.1%} of the rows, and nothing was seen that compensates for that"),
    Rule(Cause.BATCH_NORM_STATISTICS,  0.50, signals.batch_norm_gap, ">", 0.1,
         "with the statistics of the rows at hand balanced accuracy is {number:.2f} higher than with those that "
         "BatchNorm stored"),
    Rule(Cause.HIDDEN_ACTIVATION,      0.50, signals.all_linear, ">", 0.5,
         "all hidden layers are linear: together they amount to one"),
)
# fmt: on
