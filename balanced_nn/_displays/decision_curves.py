"""What do labelled rows show about thresholds, each class under a rule, and the reliability of probabilities?"""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_score, recall_score

from balanced_nn._decision.metrics import Metric
from balanced_nn._decision.rule import DecisionRule, threshold_of
from balanced_nn._decision.threshold_tuning import about_as_good
from balanced_nn._typing import FloatArray, IntArray

CUTS, CUTS_OF_SLOW_METRICS = 1_000, 100  # thresholds that are tried, at most
PLATEAU = 0.01  # of the range of the metric: what is less than that below the best is about as good
ROUNDING = 1e-9
Z = 1.96  # standard errors of an interval of 95 %


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """A metric of the answers to two classes against the threshold.

    Parameters
    ----------
    metric : str
        Its name.
    thresholds : ndarray of shape (n_thresholds,)
        Ascending; each value holds from its threshold up to the next.
    values : ndarray of shape (n_thresholds,)
        The metric as scikit-learn reports it; NaN where it is not defined.
    chosen : tuple of float
        The threshold of the rule, and the metric there.
    plateau : tuple of float
        Thresholds around the best one between which the metric is about as good.
    loss : float
        Less than that below the best one, as a fraction of its range, the metric is on the plateau: 1 %, or what a
        rule loses that was chosen for this metric, yet on resamples, by probabilities too, or on other rows.
    interval : tuple of float or None
        How sure a threshold is that was tuned: see `Tuning.spread`.
    """

    metric: str
    thresholds: FloatArray
    values: FloatArray
    chosen: tuple[float, float]
    plateau: tuple[float, float]
    loss: float
    interval: tuple[float, float] | None


def evaluate_thresholds(
    positive: FloatArray,
    y: IntArray,
    weight: FloatArray,
    metric: Metric | None,
    rule: DecisionRule,
    *,
    is_tuned: bool = False,
) -> ThresholdCurve:
    """Evaluate a metric at the thresholds between the probabilities of some rows.

    Parameters
    ----------
    positive : ndarray of shape (n_samples,)
        Probability of the positive class.
    y : ndarray of shape (n_samples,)
        Class indices, 0 or 1.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    metric : Metric or None
        None takes the accuracy in which a row counts as much as an error on it costs according to the rule.
    rule : DecisionRule
        One that has a threshold.
    is_tuned : bool, default=False
        Whether the rule was chosen for this metric, so that the plateau is to contain its threshold.

    Returns
    -------
    ThresholdCurve
    """
    assert rule.threshold is not None
    chosen = rule.threshold
    order = np.argsort(positive, kind="stable")
    ordered = positive[order]
    ends = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1, [len(ordered)]])  # rows answered the other class
    cuts = _thinned(ends, CUTS if metric is None or metric.is_fast else CUTS_OF_SLOW_METRICS)
    at_chosen = int(np.searchsorted(ordered, chosen, side="right"))
    tables = _tables((y[order] == rule.positive).astype(np.intp), weight[order], np.append(cuts, at_chosen))
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric is None:
            scores = _spared_cost(tables, chosen)
        else:
            scores = metric.of_tables(tables if rule.positive == 1 else tables[:, ::-1, ::-1])
    thresholds = np.concatenate([[0.0], ordered])[cuts]
    step = int(np.searchsorted(thresholds, chosen, side="right")) - 1
    low, high, loss = find_plateau(scores[:-1], step if is_tuned else None)
    reported = scores if metric is None else np.array([metric.as_reported(score) for score in scores])
    interval = None
    if rule.tuning is not None:
        low_end, high_end = sorted(threshold_of(offsets, rule.positive) for offsets in rule.tuning.spread)
        interval = (low_end, high_end)
    return ThresholdCurve(
        metric="accuracy, weighted by cost" if metric is None else metric.name.replace("_", " "),
        thresholds=thresholds,
        values=reported[:-1],
        chosen=(chosen, float(reported[-1])),
        plateau=(float(thresholds[low]), float(np.append(thresholds, 1.0)[high + 1])),
        loss=loss,
        interval=interval,
    )


def find_plateau(values: FloatArray, chosen: int | None = None) -> tuple[int, int, float]:
    """First and last of the neighbours of the highest value that are about as good, and by how much they may be worse.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        NaN where there is none.
    chosen : int or None, default=None
        One that is to be among them: what lies between it and the best may then be as bad as the worst of these.

    Returns
    -------
    first, last : int
        Indices.
    loss : float
        Fraction of the range of the values.

    Examples
    --------
    >>> values = np.array([0.0, 0.9, 0.999, 1.0, 0.995, 0.2, 1.0])
    >>> find_plateau(values)
    (2, 4, 0.01)
    >>> first, last, loss = find_plateau(values, chosen=1)
    >>> first, last, round(loss, 3)
    (1, 4, 0.1)
    """
    known = np.where(np.isnan(values), -np.inf, values)
    finite = known[np.isfinite(known)]
    if not finite.size:
        return 0, len(values) - 1, PLATEAU
    first, last = about_as_good(known, PLATEAU, ROUNDING)
    if chosen is None or first <= chosen <= last:
        return first, last, PLATEAU
    best, span = int(np.argmax(known)), float(np.ptp(finite))
    between = known[min(best, chosen) : max(best, chosen) + 1]
    loss = 1.0 if np.isneginf(between).any() else float((known[best] - between.min()) / span)
    first, last = about_as_good(known, loss, ROUNDING)
    return min(first, chosen), max(last, chosen), loss


def _thinned(cuts: IntArray, most: int) -> IntArray:
    return cuts if len(cuts) <= most else cuts[np.unique(np.linspace(0, len(cuts) - 1, most).astype(np.intp))]


def _tables(y: IntArray, weight: FloatArray, cuts: IntArray) -> FloatArray:
    """Tables of true class by answer, 1 being positive; of the first rows, as many as `cuts` says are answered 0."""
    tables = np.empty((len(cuts), 2, 2))
    for label in (0, 1):
        passed = np.concatenate([[0.0], np.cumsum(weight * (y == label))])
        tables[:, label, 0] = passed[cuts]
        tables[:, label, 1] = passed[-1] - passed[cuts]
    return tables


def _spared_cost(tables: FloatArray, threshold: float) -> FloatArray:
    """Accuracy where an error costs 1 - t on the positive class, and t on the other: t is then the best threshold."""
    cost = np.array([threshold, 1.0 - threshold])
    right = tables[:, 0, 0] * cost[0] + tables[:, 1, 1] * cost[1]
    return np.asarray(right / (tables.sum(axis=2) @ cost))


@dataclass(frozen=True, eq=False)
class ClassScores:
    """How well each class is answered, the most frequent one first.

    Parameters
    ----------
    order : ndarray of shape (n_classes,)
        Indices of the classes in that order; what follows is in it.
    recall, precision : ndarray of shape (n_classes,)
        Under the rule; NaN where there is no row, or no answer.
    recall_of_argmax : ndarray of shape (n_classes,)
        If the most probable class were answered.
    """

    order: IntArray
    recall: FloatArray
    precision: FloatArray
    recall_of_argmax: FloatArray


def score_classes(log_proba: FloatArray, y: IntArray, weight: FloatArray, rule: DecisionRule) -> ClassScores:
    """Score the answers class by class.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
        Log-probabilities.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    rule : DecisionRule
        How is answered.
    """
    order = np.argsort(-np.bincount(y, weights=weight, minlength=log_proba.shape[1]), kind="stable")
    options = {"labels": order, "average": None, "sample_weight": weight, "zero_division": np.nan}
    answers = rule.decide(log_proba)
    recall, recall_of_argmax = (recall_score(y, found, **options) for found in (answers, log_proba.argmax(axis=1)))
    return ClassScores(order, recall, precision_score(y, answers, **options), recall_of_argmax)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Observed frequencies against predicted probabilities, bin by bin.

    Parameters
    ----------
    name : str
        Whose probabilities.
    predicted, observed : ndarray of shape (n_bins,)
        Means over the rows of a bin.
    low, high : ndarray of shape (n_bins,)
        Wilson's interval of 95 % around what was observed.
    log_loss : float
        Of all rows, in nats.
    """

    name: str
    predicted: FloatArray
    observed: FloatArray
    low: FloatArray
    high: FloatArray
    log_loss: float


def measure_reliability(
    name: str, proba: FloatArray, y: IntArray, weight: FloatArray, n_bins: int, *, positive: int = 1
) -> Reliability:
    """Compare probabilities with labels; for more than two classes, all classes against the rest together.

    The bins hold equal parts of the variance ``p * (1 - p)`` that the probabilities announce: where a class is rare,
    very many rows near 0 share a bin, and the few that matter have their own.

    Parameters
    ----------
    name : str
        Whose probabilities.
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    n_bins : int
        Bins, at most.
    positive : int, default=1
        Index of the one of two classes that is looked at.

    Examples
    --------
    >>> proba = np.repeat([[0.9, 0.1], [0.5, 0.5]], 10, axis=0)
    >>> found = measure_reliability("mine", proba, np.repeat([0, 1, 0, 1], [9, 1, 5, 5]), np.ones(20), 5)
    >>> found.predicted, found.observed
    (array([0.1, 0.5]), array([0.1, 0.5]))
    """
    n_classes = proba.shape[1]
    shown = np.array([positive]) if n_classes == 2 else np.arange(n_classes)
    levels, level = np.unique(proba[:, shown].ravel(), return_inverse=True)  # equal probabilities share a bin
    hit, mass = (y[:, None] == shown).ravel().astype(np.float64), np.repeat(weight, len(shown))
    masses = np.bincount(level, weights=mass)
    variance = masses * (levels * (1.0 - levels) + 1e-12)
    middle = (np.cumsum(variance) - 0.5 * variance) / variance.sum()
    found, bins = np.unique((middle * n_bins).astype(np.intp), return_inverse=True)

    def of_bins(values: FloatArray) -> FloatArray:
        return np.bincount(bins, weights=values, minlength=len(found))

    total = of_bins(masses)
    observed = of_bins(np.bincount(level, weights=mass * hit)) / total
    rows = total**2 / of_bins(np.bincount(level, weights=mass**2))
    low, high = wilson_interval(observed, rows)
    chosen = np.maximum(proba[np.arange(len(y)), y], np.finfo(np.float64).eps)  # as scikit-learn's log_loss
    loss = float(np.average(-np.log(chosen), weights=weight))
    return Reliability(name, of_bins(masses * levels) / total, observed, low, high, loss)


def wilson_interval(share: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Interval of 95 % around observed shares of `n` rows each.

    Parameters
    ----------
    share : ndarray of shape (n_shares,)
        In [0, 1].
    n : ndarray of shape (n_shares,)
        Rows; with weights, the square of their sum over the sum of their squares.

    References
    ----------
    .. [1] E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.

    Examples
    --------
    >>> low, high = wilson_interval(np.array([0.0]), np.array([10.0]))
    >>> float(low[0]), round(float(high[0]), 3)
    (0.0, 0.278)
    """
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return np.clip(centre - reach, 0.0, share), np.clip(centre + reach, share, 1.0)
