"""Which class is answered, given the probabilities? From what is wanted to a rule, and its description in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import balanced_accuracy_score

from balanced_nn._data.target import in_class_order
from balanced_nn._decision.metrics import Metric, read_metric
from balanced_nn._decision.threshold_tuning import Tuning, tune_offsets
from balanced_nn._probability.calibration import HeldOut
from balanced_nn._typing import FloatArray, IntArray
from balanced_nn.exceptions import DecisionWarning


@dataclass(frozen=True, eq=False)
class DecisionRule:
    """How `predict` turns probabilities into answers; printing it shows it in words.

    It answers the class with the highest ``log(probability) + log_offset``; with `costs` that no offsets express, the
    class with the lowest expected cost.

    Parameters
    ----------
    name : str
        "balanced", "argmax", "threshold", "weights", "costs", or the name of the metric that was tuned.
    classes : tuple
        Class labels.
    log_offsets : ndarray of shape (n_classes,)
        Added to the log-probabilities.
    costs : ndarray of shape (n_classes, n_classes) or None, default=None
        Cost of each answer (column) for each true class (row), where the offsets do not say it.
    tuning : Tuning or None, default=None
        How the offsets were found, where a metric was tuned.
    positive : int, default=1
        Index of the positive class of two.
    """

    name: str
    classes: tuple[Any, ...]
    log_offsets: FloatArray
    costs: FloatArray | None = None
    tuning: Tuning | None = None
    positive: int = 1

    def scores(self, log_proba: FloatArray) -> FloatArray:
        """Scores of shape (n_samples, n_classes) whose argmax is the answer."""
        if self.costs is not None:
            return -np.exp(log_proba) @ self.costs
        return log_proba + self.log_offsets

    def decide(self, log_proba: FloatArray) -> IntArray:
        """Class indices of shape (n_samples,); a tie between two classes goes to the first."""
        return self.scores(log_proba).argmax(axis=1)

    @property
    def threshold(self) -> float | None:
        """Probability of the positive class above which it is answered; None where there is no such number."""
        if len(self.classes) != 2 or self.costs is not None:
            return None
        return threshold_of(self.log_offsets, self.positive)

    def __str__(self) -> str:
        wanted = _WORDS.get(self.name, f"Tuned for {self.name}")
        return f"{wanted}: {self._how()}.{'' if self.tuning is None else self._tuned_on(self.tuning)}"

    def _how(self) -> str:
        if self.costs is not None:
            return f"answers the class with the lowest expected cost, given the costs {self.costs.tolist()}"
        if self.threshold is not None:
            positive = self.classes[self.positive]
            return f"answers {positive!s} where its probability is above {threshold_text(self.threshold)}"
        if not self.log_offsets.any():
            return "answers the most probable class"
        factors = np.exp(self.log_offsets - self.log_offsets.min())
        named = ", ".join(f"{label!s} x {factor:.3g}" for label, factor in zip(self.classes, factors, strict=True))
        return f"answers the class with the largest probability after scaling ({named})"

    def _tuned_on(self, tuning: Tuning) -> str:
        spread = ""
        if len(self.classes) == 2:
            low, high = sorted(threshold_of(offsets, self.positive) for offsets in tuning.spread)
            between = f"between {threshold_text(low)} and {threshold_text(high)}"
            if tuning.n_networks > 1:
                spread = f"; about four in five fits with other seeds would put the threshold {between}"
            else:
                spread = f"; nine in ten resamples of these rows put the threshold {between}, the training left out"
        rows = f"{tuning.n_rows} rows, {tuning.n_rarest} of the rarest class"
        return f" Found on {rows}, where {tuning.metric} is {tuning.score:.3g}{spread}."


_WORDS = {
    "balanced": "Balanced, so each class counts the same",
    "argmax": "Argmax",
    "threshold": "A threshold set by hand",
    "weights": "Weighted by the costs in class_weight",
    "costs": "Lowest expected cost",
}


def threshold_of(log_offsets: FloatArray, positive: int = 1) -> float:
    """Probability of the positive one of two classes above which offsets answer it."""
    return float(expit(log_offsets[1 - positive] - log_offsets[positive]))


def threshold_text(threshold: float) -> str:
    digits = 3 + max(0, int(-np.log10(max(1 - threshold, 1e-12))) - 1)  # as many more as there are nines
    return f"{threshold:.{digits}g}"


@dataclass(frozen=True, eq=False)
class Decision:
    """What the answers should optimise, validated; it makes a rule for any class frequencies.

    Parameters
    ----------
    name : str
        As in `DecisionRule`.
    classes : tuple
        Class labels.
    log_offsets : ndarray of shape (n_classes,) or None, default=None
        Where they are known; else they follow from the class frequencies or from a metric.
    costs : ndarray of shape (n_classes, n_classes) or None, default=None
        Costs that no offsets express.
    metric : Metric or None, default=None
        What is tuned.
    positive : int, default=1
        Index of the positive class of two.
    """

    name: str
    classes: tuple[Any, ...]
    log_offsets: FloatArray | None = None
    costs: FloatArray | None = None
    metric: Metric | None = None
    positive: int = 1

    def rule(self, prior: FloatArray, rows: HeldOut | None = None) -> DecisionRule:
        """Make the rule.

        Parameters
        ----------
        prior : ndarray of shape (n_classes,)
            Class frequencies that the probabilities refer to.
        rows : HeldOut or None, default=None
            Rows that a metric is tuned on; required where there is one.

        Returns
        -------
        DecisionRule

        Raises
        ------
        ValueError
            If a metric has no rows to be tuned on, as after `partial_fit`.
        """
        balanced = -np.log(prior)
        rule = DecisionRule(self.name, self.classes, balanced, self.costs, positive=self.positive)
        if self.metric is not None and rows is not None:
            if not len(rows.y):
                raise ValueError(
                    f"decision={self.name!r} is tuned on rows that were held out, and partial_fit holds none out. "
                    'Set decision="auto", and call set_decision with rows and labels of your own afterwards.'
                )
            log_proba, weight = rows.log_proba_at(prior), rows.weights_at(prior)
            tuning = tune_offsets(log_proba, rows.y, weight, self.metric, balanced, network=rows.network)
            return replace(rule, log_offsets=tuning.log_offsets, tuning=tuning)
        return rule if self.log_offsets is None else replace(rule, log_offsets=self.log_offsets)


def decision_notes(rule: DecisionRule, rows: HeldOut, prior: FloatArray) -> tuple[Warning, ...]:
    """Return what the user should be warned of about a rule that was tuned."""
    if rule.tuning is None:
        return ()
    wanted = f"decision={rule.name!r}"
    answered = np.unique(rule.decide(rows.log_proba_at(prior)))
    others = ("f1" if len(rule.classes) == 2 else "f1_macro", "balanced_accuracy")
    named = " or ".join(f'"{name}"' for name in others if name != rule.name)
    remedy = f"Use a metric that counts both kinds of error, such as {named}."
    notes = (
        (rows.in_training,
         f"{wanted} was tuned on training rows, as none were held out; on these the network looks better than it is. "
         "Use early_stopping=True with enough rows to hold out, or pass other rows to set_decision."),
        (not np.isfinite(rule.tuning.score),
         f"{wanted} could not be computed for the answers, so nothing was tuned. Use a metric that is defined for all "
         "answers, even if a class is never predicted."),
        (rule.tuning.is_coarse,
         f"{wanted} takes no weights, and at these class frequencies a class has too few rows for it: the threshold "
         "is imprecise. Give the function a sample_weight parameter."),
        (len(answered) == 1,
         f"For {wanted} the best answer is {rule.classes[answered[0]]!s} for every row tuned on. {remedy}"),
        (len(answered) > 1 and rule.tuning.is_one_sided,
         f"{wanted} looks at one kind of error only: a classifier that answers one class for (nearly) every row "
         f"scores as a perfect one does. {remedy}"),
    )  # fmt: skip
    return tuple(DecisionWarning(note) for applies, note in notes if applies)


def read_decision(
    decision: Any, classes: Sequence[Any], class_weight: FloatArray | None, *, positive: int = 1
) -> Decision:
    """Check the parameter `decision`.

    Parameters
    ----------
    decision : str, float in (0, 1), array-like of shape (n_classes, n_classes), or scorer
        "balanced" answers the class with the highest ``p / prior``, which maximises balanced accuracy [1]_; "argmax"
        the most probable class; a float (two classes only) answers the positive class where its probability is above
        it; a matrix of costs (true class by answer) the class of the lowest expected cost [2]_; a metric is tuned,
        except "balanced_accuracy", which is "balanced"; "auto" weighs probabilities by `class_weight`, or is "balanced"
        without it.
    classes : sequence
        Class labels.
    class_weight : ndarray of shape (n_classes,) or None
        Costs from a `class_weight` mapping.
    positive : int, default=1
        Index of the positive class of two: see :func:`~balanced_nn._decision.positive_class.find_positive`.

    Returns
    -------
    Decision

    Raises
    ------
    ValueError
        If a threshold or a matrix does not fit the classes, if costs are not finite or make the right answer cost more
        than a wrong one, or if a metric cannot be tuned.

    References
    ----------
    .. [1] A. K. Menon, H. Narasimhan, S. Agarwal, S. Chawla, "On the Statistical Consistency of Algorithms for Binary
       Classification under Class Imbalance", ICML 2013.
    .. [2] C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, equation 1.

    Examples
    --------
    >>> rule = read_decision("balanced", ("no", "yes"), None).rule(np.array([0.99, 0.01]))
    >>> rule.decide(np.log([[0.97, 0.03], [0.995, 0.005]]))
    array([1, 0])
    >>> print(rule)
    Balanced, so each class counts the same: answers yes where its probability is above 0.01.
    >>> print(read_decision([[0, 1], [9, 0]], ("no", "yes"), None).rule(np.array([0.5, 0.5])))
    Lowest expected cost: answers yes where its probability is above 0.1.
    """
    return replace(_read_wanted(decision, tuple(classes), class_weight, positive), positive=positive)


def _read_wanted(decision: Any, labels: tuple[Any, ...], class_weight: FloatArray | None, positive: int) -> Decision:
    n_classes = len(labels)
    if isinstance(decision, str) and decision == "auto":
        decision = "balanced"
        if class_weight is not None:
            return Decision("weights", labels, np.log(class_weight))
    if isinstance(decision, str) and decision in {"balanced", "argmax"}:
        return Decision(decision, labels, np.zeros(n_classes) if decision == "argmax" else None)
    if isinstance(decision, float | np.floating):
        return Decision("threshold", labels, _offsets_of_threshold(float(decision), n_classes, positive))
    if isinstance(decision, str) or callable(decision):
        metric = read_metric(decision, labels, positive=positive)
        if metric.function is balanced_accuracy_score and metric.sign > 0:
            return Decision("balanced", labels)  # its best thresholds are known: nothing is left to tune
        return Decision(metric.name, labels, metric=metric)
    return _read_costs(decision, labels)


def _offsets_of_threshold(threshold: float, n_classes: int, positive: int) -> FloatArray:
    if n_classes > 2:
        raise ValueError(
            f"decision={threshold} is a threshold, which needs two classes; y holds {n_classes}. "
            'Use decision="balanced" or "argmax", a metric, or a matrix of costs.'
        )
    if not 0 < threshold < 1:
        raise ValueError(f"decision={threshold} is not a threshold on a probability. Give a number between 0 and 1.")
    offsets = np.zeros(2)
    offsets[positive] = np.log1p(-threshold) - np.log(threshold)
    return offsets


def _read_costs(decision: Any, classes: tuple[Any, ...]) -> Decision:
    n_classes = len(classes)
    given = in_class_order(decision, classes, "decision", further=True)
    try:
        costs = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        costs = np.empty(0)
    if costs.shape != (n_classes, n_classes) or not np.isfinite(costs).all():
        raise ValueError(
            f'decision={decision!r} is not understood. Give "balanced", "argmax", the name of a metric, a threshold as '
            f"a float between 0 and 1, or a matrix of costs: {n_classes} rows (true classes "
            f"{', '.join(map(str, classes))}) of {n_classes} finite numbers (the answers, in the same order)."
        )
    extra = costs - np.diag(costs)[:, None]  # what a wrong answer costs more than the right one
    row, column = np.unravel_index(extra.argmin(), extra.shape)
    fault = "" if extra.any() else "no answer costs more than the right one"
    if extra[row, column] < 0:
        right, wrong = f"{costs[row, row]:g}", f"{costs[row, column]:g}"
        fault = f"for class {classes[row]!s} the right answer costs {right}, and {classes[column]!s} {wrong}"
    if fault:
        raise ValueError(
            f"decision is a matrix of costs (true classes by answers) in which {fault}. "
            "Give costs that are lowest for the right answers; for gains, pass their negatives."
        )
    if n_classes == 2 and extra[0, 1] > 0 and extra[1, 0] > 0:
        return Decision("costs", classes, np.array([0.0, np.log(extra[1, 0]) - np.log(extra[0, 1])]))
    return Decision("costs", classes, np.zeros(n_classes), costs)
