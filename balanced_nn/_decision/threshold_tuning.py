"""Which log-offsets of the classes maximise a metric? Search over all thresholds of held-out rows."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balanced_nn._data.dataset import thin_out
from balanced_nn._decision.metrics import Metric
from balanced_nn._typing import FloatArray, IntArray

# A held-out row counts half as its label says and half as its probabilities say. Against labels alone that raised the
# F1 score of the answers on test rows by .01, Matthews' coefficient by .01 and balanced accuracy by .004 (means over 60
# splits of real two-class sets), because few rows of a rare class are few labels, but many probabilities.
LABEL_SHARE = 0.5
PLATEAU = 0.002  # of the range of the metric: less than that below the best counts as equally good
RESAMPLES, FEWER_RESAMPLES = 25, 5  # fewer for a slow metric, and for many classes
# How sure a threshold is. Between these quantiles, over resamples of the networks and of the rows that each held out,
# lie the thresholds of about four in five fits with other seeds; benchmarks/probability/thresholds.py measures it.
SPREAD, RESAMPLES_OF_NETWORKS = (0.05, 0.95), 60
MANY_CLASSES = 10
# Thresholds that a slow metric is asked for, of each kind: evenly spread over the rows of a class, and over the others.
CANDIDATES, FEWEST_CANDIDATES = 50, 10  # with two classes, and with many
ROWS_OF_A_CLASS = 20_000
ROWS_OF_ONE_OF_MANY = 50  # classes: thinned no further
STEPS = 2_000_000  # of one pass over the classes: rows of all classes, times classes, times classes
PASSES = 5  # over the classes, at most
FEWEST_ROWS = 5  # of one of several classes, whose offset is moved: no rows would say that it is best never answered
OUTSIDE = 1.0  # nats beyond the outermost score, where a threshold has no score on one side


@dataclass(frozen=True, eq=False)
class Tuning:
    """How a decision was tuned.

    Parameters
    ----------
    metric : str
        Name of the metric.
    score : float
        Its value for the rows tuned on, by their labels; as the metric has it: of a loss, lower is better.
    n_rows : int
        Rows tuned on.
    n_rarest : int
        Those of their rarest class.
    log_offsets : ndarray of shape (n_classes,)
        What was found: the median over the resamples.
    spread : ndarray of shape (2, n_classes)
        Fifth and 95th percentile of the offsets over resamples of the networks and of the rows that each held out.
    n_networks : int, default=1
        How many networks were resampled; of one alone, `spread` leaves out how trainings differ.
    is_coarse : bool, default=False
        Whether the metric could not tell thresholds apart, as it takes no weights.
    is_one_sided : bool, default=False
        Whether an answer of one class for (nearly) all rows scores as a perfect one does.
    """

    metric: str
    score: float
    n_rows: int
    n_rarest: int
    log_offsets: FloatArray = field(repr=False)
    spread: FloatArray = field(repr=False)
    n_networks: int = 1
    is_coarse: bool = False
    is_one_sided: bool = False


def tune_offsets(
    log_proba: FloatArray,
    y: IntArray,
    weight: FloatArray,
    metric: Metric,
    start: FloatArray,
    *,
    network: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Tuning:
    """Find the offsets of the log-probabilities that maximise a metric of the answers.

    For two classes all thresholds are tried at once. For more, class by class, from the offsets `start` and from none,
    until no class gains; the offset of a class of fewer than five rows is not searched. Both is done on
    resamples of the rows, stratified, and the medians are taken.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
        Log-probabilities of held-out rows.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    metric : Metric
        What is made best.
    start : ndarray of shape (n_classes,)
        Offsets to begin with.
    network : ndarray of shape (n_samples,), default=None
        Number of the network that gave each row its log-probabilities; None where all of them did.
    seed : int, default=0
        Of the resamples.

    Returns
    -------
    Tuning
        The offset of the first class is 0.

    Examples
    --------
    >>> from balanced_nn._decision.metrics import read_metric
    >>> rng = np.random.default_rng(0)
    >>> p = rng.beta(1, 9, 4000)
    >>> y = (rng.random(4000) < p).astype(int)
    >>> f1 = read_metric("f1", (0, 1))
    >>> tuning = tune_offsets(np.log(np.column_stack([1 - p, p])), y, np.ones(4000), f1, np.zeros(2))
    >>> threshold = 1 / (1 + np.exp(tuning.log_offsets[1]))
    >>> bool(0.1 < threshold < 0.2)  # half of the best F1 score, as theory has it
    True
    """
    n_classes = log_proba.shape[1]
    most = min(ROWS_OF_A_CLASS, max(STEPS // n_classes**3, ROWS_OF_ONE_OF_MANY))
    chosen, thinned = thin_out(y, weight, most)
    scores, labels = log_proba[chosen], y[chosen]
    target = LABEL_SHARE * np.eye(n_classes)[labels] + (1 - LABEL_SHARE) * np.exp(scores)
    movable = np.flatnonzero(np.bincount(labels, minlength=n_classes) >= FEWEST_ROWS)
    search = _Search(scores, target, metric, movable)
    rng = np.random.default_rng(seed)
    found = search.from_starts(thinned, [start] if n_classes == 2 else [start, np.zeros(n_classes)])
    is_cheap = metric.is_fast and n_classes <= MANY_CLASSES
    resampled = [
        search.from_starts(_resample(labels, thinned, rng), [found])
        for _ in range(RESAMPLES if is_cheap else FEWER_RESAMPLES)
    ]
    offsets = np.quantile(resampled, 0.5, axis=0)
    networks = np.unique(np.zeros(len(labels)) if network is None else network[chosen], return_inverse=True)[1]
    if is_cheap and n_classes == 2:  # how sure the threshold is
        resampled = [
            search.from_starts(_resample_networks(labels, networks, thinned, rng), [found])
            for _ in range(RESAMPLES_OF_NETWORKS)
        ]
    answers = (log_proba + offsets).argmax(axis=1)
    cells = np.bincount(y * n_classes + answers, weights=weight, minlength=n_classes**2)
    table = cells.reshape(n_classes, n_classes)
    score = metric.as_reported(float(metric.of_tables(table[None])[0]))
    counts = np.bincount(y)
    n_rarest = int(counts[counts > 0].min())
    low, high = np.quantile(resampled, SPREAD, axis=0)
    spread = np.array([np.minimum(low, offsets), np.maximum(high, offsets)])
    n_networks = int(networks.max(initial=0)) + 1
    flaws = {"is_coarse": metric.is_coarse(table), "is_one_sided": metric.is_one_sided}
    return Tuning(metric.name, score, len(y), n_rarest, offsets, spread, n_networks, **flaws)


def _resample(y: IntArray, weight: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Weights of a bootstrap resample that keeps the number of rows of each class."""
    counts = np.zeros(len(y))
    for label in np.flatnonzero(np.bincount(y)):
        members = np.flatnonzero(y == label)
        counts += np.bincount(rng.choice(members, len(members)), minlength=len(y))
    return counts * weight


def _resample_networks(y: IntArray, network: IntArray, weight: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Weights of a bootstrap in two stages: networks are drawn, then of each its own rows, class by class."""
    n_networks = int(network.max(initial=0)) + 1
    total = np.zeros(len(y))
    for drawn in rng.choice(n_networks, n_networks):
        own = np.flatnonzero(network == drawn)
        total[own] += _resample(y[own], weight[own], rng)
    return total


@dataclass(frozen=True, eq=False)
class _Search:
    """Coordinate search over offsets for fixed rows, whose weights may change."""

    log_proba: FloatArray
    target: FloatArray  # how much of a row counts as of each class
    metric: Metric
    movable: IntArray  # classes whose offset is searched, where there are more than two

    def from_starts(self, weight: FloatArray, starts: list[FloatArray]) -> FloatArray:
        """Best offsets from several starts; that of the first class is 0."""
        results = [self._climb(weight, start - start[0]) for start in starts]
        return max(results, key=lambda result: result[0])[1]

    def _climb(self, weight: FloatArray, offsets: FloatArray) -> tuple[float, FloatArray]:
        if len(offsets) == 2:
            return self._sweep(weight, offsets, 1)
        best = self._value(weight, offsets)
        for _ in range(PASSES):
            before = best
            for label in self.movable:
                score, moved = self._sweep(weight, offsets, label)
                if score > best + 1e-12:
                    best, offsets = score, moved - moved[0]
            if best <= before + 1e-12:
                break
        return best, offsets

    def _value(self, weight: FloatArray, offsets: FloatArray) -> float:
        """Value of the metric at some offsets."""
        answers = (self.log_proba + offsets).argmax(axis=1)
        counted = weight[:, None] * self.target
        table = np.stack([counted[answers == label].sum(axis=0) for label in range(len(offsets))], axis=1)
        value = float(self.metric.of_tables(table[None])[0])
        return value if np.isfinite(value) else -np.inf

    def _sweep(self, weight: FloatArray, offsets: FloatArray, label: int) -> tuple[float, FloatArray]:
        """Best offset of one class, the others staying, and the metric's value there."""
        scores = self.log_proba + offsets
        own = scores[:, label] - offsets[label]
        scores[:, label] = -np.inf
        other = scores.argmax(axis=1)
        gap = scores[np.arange(len(own)), other] - own  # the row is answered `label` where its offset exceeds this
        order = np.argsort(gap, kind="stable")
        gap = gap[order]
        cuts = self._cuts(gap, self.target[order, label] > LABEL_SHARE)
        values = self._values(weight[order, None] * self.target[order], other[order], label, cuts)
        values = np.where(np.isfinite(values), values, -np.inf)  # a threshold at which the metric is undefined
        if np.isneginf(values).all():
            return -np.inf, offsets
        low, high = about_as_good(values, PLATEAU)
        ends = np.concatenate([[gap[0] - OUTSIDE], gap, [gap[-1] + OUTSIDE]])
        moved = offsets.copy()
        moved[label] = 0.5 * (ends[cuts[low]] + ends[cuts[high] + 1])
        return float(values.max()), moved

    def _cuts(self, gap: FloatArray, positive: np.ndarray) -> IntArray:
        """Numbers of rows, in the order of `gap`, that may be answered with the class; equal rows stay together."""
        cuts = np.flatnonzero(np.concatenate([[True], gap[1:] > gap[:-1], [True]]))
        most = max(FEWEST_CANDIDATES, CANDIDATES // (self.log_proba.shape[1] - 1))
        if self.metric.is_fast or len(cuts) <= 2 * most:
            return cuts
        passed = np.concatenate([[0], np.cumsum(positive)])[cuts]
        wanted = [np.linspace(0, passed[-1], most), np.linspace(0, cuts[-1] - passed[-1], most)]
        by_class = [np.searchsorted(passed, wanted[0]), np.searchsorted(cuts - passed, wanted[1])]
        return cuts[np.unique(np.clip(np.concatenate(by_class), 0, len(cuts) - 1))]

    def _values(self, counted: FloatArray, other: IntArray, label: int, cuts: IntArray) -> FloatArray:
        """Values of the metric where the first rows, as many as `cuts` says, are answered `label` and the rest `other`.

        A fast metric reads no more than the margins of the tables, whose size does not grow with the square of the
        number of classes.
        """
        if not self.metric.is_fast:
            return self.metric.of_tables(_tables(counted, other, label, cuts))
        rows = np.arange(len(other))
        right = _passed(counted[:, label], counted[rows, other], other, label, counted.shape[1], cuts)
        of_a_row = counted.sum(axis=1)
        answered = _passed(of_a_row, of_a_row, other, label, counted.shape[1], cuts)
        return self.metric.of_margins(right, np.broadcast_to(counted.sum(axis=0), right.shape), answered)


def _passed(
    gained: FloatArray, lost: FloatArray, other: IntArray, label: int, n_classes: int, cuts: IntArray
) -> FloatArray:
    """Sums of shape (n_cuts, n_classes) where the first rows leave that of `other` and enter that of `label`."""
    changes = np.zeros((len(other) + 1, n_classes))
    changes[0] = np.bincount(other, weights=lost, minlength=n_classes)
    changes[np.arange(1, len(other) + 1), other] = -lost
    changes[1:, label] = gained
    return np.maximum(np.cumsum(changes, axis=0)[cuts], 0.0)  # differences of sums may round below 0


def _tables(counted: FloatArray, other: IntArray, label: int, cuts: IntArray) -> FloatArray:
    """Tables of counts where the first rows, as many as `cuts` says, are answered `label` and the rest `other`."""
    n_classes = counted.shape[1]
    between = np.searchsorted(cuts, np.arange(len(other)), side="right")  # cuts before which a row is not passed
    passed = np.zeros((len(cuts) + 1, n_classes, n_classes))  # by the answer that is lost, and by true class
    np.add.at(passed, (between, other), counted)
    passed = np.cumsum(passed, axis=0)
    tables = (passed[-1] - passed[:-1]).swapaxes(1, 2)
    tables[:, :, label] += passed[:-1].sum(axis=1)
    return np.maximum(tables, 0.0)  # differences of sums may round below 0


def about_as_good(values: FloatArray, share: float, rounding: float = 0.0) -> tuple[int, int]:
    """First and last of the neighbours of the best value that are about as good.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        At least one of them finite; minus infinity where there is none.
    share : float
        Fraction of the range of the values: what lies less than that below the best one is about as good.
    rounding : float, default=0.0
        What is no difference in any case.

    Examples
    --------
    >>> about_as_good(np.array([0.0, 0.9, 0.999, 1.0, 0.995, 0.2, 1.0]), 0.01)
    (2, 4)
    """
    best = int(np.argmax(values))
    lowest = values[np.isfinite(values)].min()
    worse = np.flatnonzero(values < values[best] - share * (values[best] - lowest) - rounding)
    below, above = worse[worse < best], worse[worse > best]
    return (int(below[-1]) + 1 if len(below) else 0), (int(above[0]) - 1 if len(above) else len(values) - 1)
