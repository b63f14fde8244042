"""Is the decision good, and can the underlying probabilities be trusted?"""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from balanced_nn._decision.metrics import Metric, read_metric
from balanced_nn._decision.positive_class import find_positive
from balanced_nn._decision.rule import DecisionRule, read_decision, threshold_text
from balanced_nn._displays.canvas import AxesLike, Canvas, find_pyplot, list_classes, open_canvas
from balanced_nn._displays.decision_curves import (
    PLATEAU,
    ClassScores,
    Reliability,
    ThresholdCurve,
    evaluate_thresholds,
    score_classes,
)
from balanced_nn._displays.decision_rows import SeenRows, rows_given, rows_held_out
from balanced_nn._displays.inputs import find_classifier, read_predictions, read_proba
from balanced_nn._displays.labels import shorten
from balanced_nn._displays.scales import format_tick, set_few_ticks, set_scale
from balanced_nn._displays.style import ANSWER, BLACK, BLUE, GREY, SKY, VERMILION, Style
from balanced_nn._probability.calibration import HeldOut
from balanced_nn._typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

METRIC_OF_RULE = {"balanced": "balanced_accuracy", "argmax": "accuracy", "threshold": "balanced_accuracy"}
FAR_OUT = 0.1  # a threshold nearer to 0 or 1 is shown on a logistic axis
ENDS = 0.0005, 0.9995  # of that axis, but for thresholds near them
WIDER = 3.0  # nats of log-odds on either side of the threshold, at the least
FLAT = 1e-6  # a range of the metric that is nothing but rounding
BAND = "#CCE8F8"  # SKY, paler
SMALLEST_PROBABILITY = 1e-12


class DecisionDisplay:
    """What the decision does to the answers, and how reliable the underlying probabilities are.

    Use :meth:`from_estimator`, or :meth:`from_predictions` for those of any classifier. On the left, of two classes:
    a metric against the threshold, with the threshold of the rule and the plateau on which the metric is less than 1 %
    of its range below the best; where the rule was chosen for that metric and loses more on these rows, the plateau is
    so wide that it contains the threshold, and says how much that is. Where the rule was tuned, a bar shows how sure
    the threshold is. Of more classes: recall and precision of each, and the recall of the
    most probable class. On the right: how often a class was true where its probability was so high, with intervals of
    95 %; of more than two classes all are taken together, each against the rest.

    Parameters
    ----------
    rule : DecisionRule
        The decision rule.
    reliabilities : sequence of Reliability
        One for each kind of probabilities; the last one's are those that the rule reads.
    curve : ThresholdCurve or None, default=None
        The metric against the threshold.
    scores : ClassScores or None, default=None
        Recall and precision of each class, which are shown where there is no `curve`.
    rows : str, default="held-out rows"
        Which rows these are.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The two panels.
    figure_ : matplotlib Figure
        The figure.
    bounding_ax_ : matplotlib Axes or None
        The one whose space was divided.
    line_ : matplotlib Line2D or None
        The metric against the threshold.
    chosen_ : matplotlib Line2D or None
        The mark of the threshold of the rule.
    recall_, precision_ : matplotlib Line2D or None
        The marks of the classes.
    reliability_ : list of matplotlib ErrorbarContainer
        The curves of the reliability.

    See Also
    --------
    BalancedNNClassifier.set_decision : Change the rule.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from balanced_nn import BalancedNNClassifier, DecisionDisplay
    >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
    >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
    >>> display = DecisionDisplay.from_estimator(clf)
    >>> display.curve.metric, [one.name for one in display.reliabilities]
    ('balanced accuracy', ['as trained', 'corrected'])
    """

    def __init__(
        self,
        rule: DecisionRule,
        reliabilities: Sequence[Reliability],
        *,
        curve: ThresholdCurve | None = None,
        scores: ClassScores | None = None,
        rows: str = "held-out rows",
    ) -> None:
        self.rule = rule
        self.reliabilities = reliabilities
        self.curve = curve
        self.scores = scores
        self.rows = rows

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        metric: Any = None,
        n_bins: int = 10,
        ax: AxesLike = None,
    ) -> Self:
        """Draw the decision of a fitted classifier.

        Parameters
        ----------
        estimator : BalancedNNClassifier
            A fitted one, or a pipeline or search object that ends in one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            Rows to look at, best those that were not passed to `fit`. None takes the rows that were held out in `fit`,
            on which the probabilities were also calibrated and a metric tuned: they look a little better there.
        y : array-like of shape (n_samples,), default=None
            Their labels; required with `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights. In addition, the classes are weighted to ``class_prior_``.
        metric : str, scorer or None, default=None
            What is drawn against the threshold, as the parameter `decision` takes it. None takes the metric that was
            tuned; else balanced accuracy, for "argmax" accuracy, and for costs accuracy weighted by them.
        n_bins : int, default=10
            Bins of the reliability, at most.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        DecisionDisplay

        Raises
        ------
        ValueError
            If `X` is passed without `y`, `y` holds a label that `fit` did not see, or `metric` or `n_bins` is not
            understood.
        """
        find_pyplot(f"{cls.__name__}.from_estimator")
        classifier, read = find_classifier(estimator, cls.__name__)
        if (X is None) != (y is None) or (X is None and sample_weight is not None):
            raise ValueError(
                f"{cls.__name__} needs X and y together. Pass both, or neither to use the rows held out in fit."
            )
        if X is None or y is None:
            rows = "training rows" if classifier._held_out.in_training else "held-out rows"
            seen = rows_held_out(classifier)
        else:
            seen, rows = rows_given(classifier, read(X), y, sample_weight), "given rows"
        own = classifier._decision.metric
        return cls._of(classifier.decision_rule_, seen, rows, metric, own, n_bins).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        y_proba_before: ArrayLike | None = None,
        decision: Any = "argmax",
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        metric: Any = None,
        pos_label: Any = None,
        n_bins: int = 10,
        ax: AxesLike = None,
    ) -> Self:
        """Draw a decision over the probabilities of any classifier.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Probabilities; of two classes that of the second is enough.
        y_proba_before : array-like of the same shape, default=None
            Probabilities before they were corrected or calibrated, to compare with.
        decision : str, float, scorer or array-like, default="argmax"
            As the parameter of BalancedNNClassifier; "balanced" reads the class frequencies from `y_true`, and a
            metric is tuned on these rows.
        classes : array-like of shape (n_classes,), default=None
            Labels in the order of the columns. None takes the sorted labels of `y_true`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None weighs each 1.
        metric : str, scorer or None, default=None
            What is drawn against the threshold. None takes the metric that was tuned; else balanced accuracy, for
            "argmax" accuracy, and for costs accuracy weighted by them.
        pos_label : label or None, default=None
            The positive class of two. None takes 1 or True where there is such a label, and else the rarer class.
        n_bins : int, default=10
            Bins of the reliability, at most.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        DecisionDisplay

        Raises
        ------
        ValueError
            If rows, labels and columns do not fit together, the probabilities are not valid, a class has no rows, or
            a parameter is not understood.
        """
        find_pyplot(f"{cls.__name__}.from_predictions")
        given = read_predictions(y_true, y_proba, classes, sample_weight)
        before = None if y_proba_before is None else read_proba(y_proba_before, len(given.y), "y_proba_before")
        if before is not None and before.shape != given.proba.shape:
            raise ValueError(
                f"y_proba_before has {before.shape[1]} columns, y_proba {given.proba.shape[1]}. Pass the same classes."
            )
        for name, proba in (("y_proba", given.proba), ("y_proba_before", before)):
            if proba is not None and not np.isfinite(proba).all():
                n_bad = int((~np.isfinite(proba).all(axis=1)).sum())
                raise ValueError(f"{name} holds NaN in {n_bad} rows, for which there is no decision. Remove them.")
        mass = np.bincount(given.y, weights=given.weight, minlength=len(given.classes))
        if not mass.all():
            absent = given.classes[int(mass.argmin())]
            raise ValueError(f"y_true holds no row of class {absent!s} with weight. Leave it out, or add rows.")
        prior, kept = mass / mass.sum(), np.flatnonzero(given.weight)
        scores = np.log(np.maximum(given.proba[kept], SMALLEST_PROBABILITY)) - np.log(prior)
        rows = HeldOut(scores, given.y[kept], given.weight[kept], in_training=False)
        positive = find_positive(given.classes, prior, pos_label)
        decided = read_decision(decision, given.classes, None, positive=positive)
        names = ("before", "given" if before is None else "after")
        seen = SeenRows(rows, prior, None if before is None else before[kept], names)
        rule = decided.rule(prior, rows)
        return cls._of(rule, seen, "given rows", metric, decided.metric, n_bins).plot(ax=ax)

    @classmethod
    def _of(cls, rule: DecisionRule, seen: SeenRows, rows: str, metric: Any, own: Metric | None, n_bins: Any) -> Self:
        if isinstance(n_bins, bool) or not isinstance(n_bins, Integral) or n_bins < 1:
            raise ValueError(f"n_bins={n_bins!r} is not a number of bins. Give a whole number of at least 1.")
        if metric is not None and rule.threshold is None:
            raise ValueError(
                f"metric={metric!r} is drawn against a threshold, and this rule has none: it needs two classes. "
                "Omit metric."
            )
        reliabilities = seen.reliabilities(int(n_bins), rule.positive)
        log_proba, weight = seen.rows.log_proba_at(seen.prior), seen.rows.weights_at(seen.prior)
        if rule.threshold is None:
            return cls(rule, reliabilities, scores=score_classes(log_proba, seen.rows.y, weight, rule), rows=rows)
        is_tuned = metric is None and rule.name != "threshold"
        if metric is not None or (own is None and rule.name in METRIC_OF_RULE):
            wanted = metric if metric is not None else METRIC_OF_RULE[rule.name]
            own = read_metric(wanted, rule.classes, "metric", positive=rule.positive)
        curve = evaluate_thresholds(
            np.exp(log_proba[:, rule.positive]), seen.rows.y, weight, own, rule, is_tuned=is_tuned
        )
        return cls(rule, reliabilities, curve=curve, rows=rows)

    def plot(self, *, ax: AxesLike = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        DecisionDisplay
        """
        n_classes = len(self.rule.classes)
        height = 2.9 if self.scores is None else float(np.clip(1.3 + 0.21 * n_classes, 2.9, 12.0))
        canvas = open_canvas(ax, (1, 2), caller=type(self).__name__, panel=(3.9, height))
        self.figure_, self.axes_, self.bounding_ax_ = canvas.figure, canvas.axes, canvas.bounding_ax
        left, right = canvas.axes.ravel()
        self.line_: Line2D | None = None
        self.chosen_: Line2D | None = None
        self.recall_: Line2D | None = None
        self.precision_: Line2D | None = None
        self.reliability_: list[ErrorbarContainer] = []
        if self.curve is not None:
            self._draw_thresholds(canvas, left, self.curve)
        elif self.scores is not None:
            self._draw_classes(canvas, left, self.scores)
        self._draw_reliability(canvas, right)
        rule = str(replace(self.rule, tuning=None)).removesuffix(".")
        canvas.headline(f"{rule if self.curve is not None else rule.partition(':')[0]} ({self.rows})")
        return self

    def _draw_thresholds(self, canvas: Canvas, ax: "Axes", curve: ThresholdCurve) -> None:
        chosen, value = curve.chosen
        if min(chosen, 1.0 - chosen) < FAR_OUT:
            _logistic_axis(ax, curve)
        else:
            ax.set_xlim(0.0, 1.0)
            set_few_ticks(ax, "x", 5)
        low, high = ax.get_xlim()
        left, right = np.clip(curve.plateau, low, high)
        what = "about as good as" if curve.loss <= PLATEAU else f"at most {_percent(curve.loss)} below"
        # an edge, so that a plateau of no width is seen too; the marks of the threshold and of the curve lie above it
        ax.axvspan(left, right, facecolor=BAND, edgecolor=SKY, linewidth=2.0, zorder=0.5, label=f"{what} the best")
        thresholds = np.append(np.clip(curve.thresholds, low, high), high)
        values = np.append(curve.values, curve.values[-1])
        (self.line_,) = ax.plot(thresholds, values, color=BLUE, drawstyle="steps-post", linewidth=1.5)
        label = f"threshold {threshold_text(chosen)}"
        ax.axvline(chosen, color=VERMILION, linestyle="--", linewidth=1.0, label="" if np.isfinite(value) else label)
        mark: Style = {"marker": "D", "color": VERMILION, "markersize": 5, "zorder": 3, "linestyle": "none"}
        (self.chosen_,) = ax.plot([chosen], [value], label=label if np.isfinite(value) else "", **mark)
        if curve.interval is not None:
            # at the upper edge, where no legend lies over it; ends, so that a bar of no length is seen too
            bar: Style = {"color": BLACK, "linewidth": 2.5, "marker": "|", "markersize": 7, "clip_on": False}
            ends = np.clip(curve.interval, low, high)
            several = self.rule.tuning is not None and self.rule.tuning.n_networks > 1
            what = "four in five other fits" if several else "nine in ten resamples"
            ax.plot(ends, [1, 1], label=what, transform=ax.get_xaxis_transform(), **bar)
        _make_room_below(canvas, ax, np.append(curve.values, value), 2 + (curve.interval is not None))
        positive = shorten(self.rule.classes[self.rule.positive], 24)
        canvas.finish(ax, xlabel=f"threshold for {positive}", ylabel=curve.metric, legend="lower left")

    def _draw_classes(self, canvas: Canvas, ax: "Axes", scores: ClassScores) -> None:
        places = np.arange(len(scores.order))
        ax.hlines(places, scores.recall_of_argmax, scores.recall, color=GREY, linewidth=1.0)
        ax.plot(scores.recall_of_argmax, places, "|", color=BLACK, markersize=8, label="recall, most probable class")
        hollow: Style = {"marker": "o", "color": VERMILION, "markerfacecolor": "white", "linestyle": "none"}
        (self.precision_,) = ax.plot(scores.precision, places, label="precision", markersize=5, **hollow)
        (self.recall_,) = ax.plot(scores.recall, places, label="recall", markersize=4, **ANSWER)
        ax.set_xlim(-0.04, 1.04)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        canvas.finish(ax, xlabel="recall and precision", ylabel="", legend="lower left")
        list_classes(canvas, ax, [self.rule.classes[i] for i in scores.order], lines=3)

    def _draw_reliability(self, canvas: Canvas, ax: "Axes") -> None:
        looks: list[Style] = [
            {"color": GREY, "marker": "o", "linestyle": "--"},
            {"color": BLUE, "marker": "s", "linestyle": "-"},
        ]
        highest = max(float(one.high.max()) for one in self.reliabilities)
        highest = min(1.0, max(highest, *(float(one.predicted.max()) for one in self.reliabilities)))
        ax.plot([0, 1], [0, 1], color=BLACK, linestyle=":", linewidth=1.0)
        for one, look in zip(self.reliabilities, looks[-len(self.reliabilities) :], strict=True):
            # lists: of arrays of one element matplotlib makes numbers, which NumPy before 2.4 warns of
            reach = [(one.observed - one.low).tolist(), (one.high - one.observed).tolist()]
            look |= {"markersize": 4, "linewidth": 1.3, "elinewidth": 0.8}
            label = f"{one.name} (log-loss {one.log_loss:.3g})"
            self.reliability_.append(ax.errorbar(one.predicted, one.observed, yerr=reach, label=label, **look))
        ax.set_xlim(-0.03 * highest, 1.05 * highest)
        room = canvas.legend_height(ax, len(self.reliabilities)) / canvas.height(ax)
        ax.set_ylim(-0.03 * highest, 1.05 * highest / (1.0 - room))
        set_few_ticks(ax, "x", 4)
        ax.set_yticks([tick for tick in ax.get_xticks() if 0 <= tick <= highest + 1e-9])
        positive = shorten(self.rule.classes[self.rule.positive], 20)
        what = positive if len(self.rule.classes) == 2 else "each class"
        canvas.finish(ax, xlabel=f"probability of {what}", ylabel="observed frequency", legend="upper left")


def _percent(share: float) -> str:
    return f"{max(np.ceil(100 * share - 1e-9), 1):.0f} % of its range"


def _make_room_below(canvas: Canvas, ax: "Axes", values: FloatArray, lines: int) -> None:
    """Leave room for a legend below a curve, so that it covers nothing, and no ticks there."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    margin = 0.05 * (high - low) if high - low >= FLAT else 0.05
    low, high = low - margin, high + margin
    share = canvas.legend_height(ax, lines) / canvas.height(ax)
    ax.set_ylim(high - (high - low) / (1.0 - share), high)
    set_few_ticks(ax, "y", 6)
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])


def _logistic_axis(ax: "Axes", curve: ThresholdCurve) -> None:
    """Give small and large probabilities their room."""
    inside = logit(curve.thresholds[(curve.thresholds > 0) & (curve.thresholds < 1)])
    chosen, ends = logit(curve.chosen[0]), logit(ENDS)
    low = min(max(inside.min(initial=chosen), ends[0]), chosen - WIDER)
    high = max(min(inside.max(initial=chosen), ends[1]), chosen + WIDER)
    low, high = float(expit(low)), float(expit(high))
    powers = [10.0**power for power in range(-12, -1)]
    ticks = [tick for tick in (*powers, 0.1, 0.5, 0.9, *(1 - power for power in powers[::-1])) if low < tick < high]
    ticks = ticks[:: -(-len(ticks) // 5)]
    labels = {tick: format_tick(tick) if tick < 0.5 else threshold_text(tick) for tick in ticks}
    set_scale(ax, "x", "logit", labels, (low, high))
