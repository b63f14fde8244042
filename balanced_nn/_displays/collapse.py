"""Do the answers and the probabilities differ, and are the layers alive? The picture of a collapse report."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from balanced_nn._causes.evidence import Evidence, Probe
from balanced_nn._causes.report import CollapseReport
from balanced_nn._collapse.outcome import CONSTANT_SPREAD, find_outcome
from balanced_nn._data.target import read_target
from balanced_nn._diagnose.diagnose import diagnose
from balanced_nn._displays.canvas import AxesLike, Canvas, LegendPlace, find_pyplot, list_classes, open_canvas
from balanced_nn._displays.inputs import encode_in_order, read_predictions
from balanced_nn._displays.scales import format_tick, set_few_ticks, set_log_scale, set_log_scale_with_zero
from balanced_nn._displays.style import ANSWER, BLACK, BLUE, GREY, TRUTH, VERMILION, Style, new_label
from balanced_nn._typing import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

SMALL_SHARE = 0.03  # of a class: the shares are then shown on a logarithmic axis
SMALLEST_SPREAD = 1e-6  # that is told from 0
GRADIENT_DECADES = 12  # below the largest norm, smaller ones are drawn at 0


@dataclass(frozen=True, eq=False)
class ClassShares:
    """What a report says about each class, the most frequent one first.

    Parameters
    ----------
    order : ndarray of shape (n_classes,)
        Indices of the classes in that order; what follows is in it.
    true, predicted, spread : ndarray of shape (n_classes,)
        Share of the rows and of the answers; standard deviation of the probability over rows.
    """

    order: IntArray
    true: FloatArray
    predicted: FloatArray
    spread: FloatArray


def read_class_shares(report: CollapseReport) -> ClassShares:
    """Read the numbers of each class from a report.

    Parameters
    ----------
    report : CollapseReport
        Any.

    Examples
    --------
    >>> facts = find_outcome([0, 1, 1, 1], [[0.9, 0.1]] * 4)
    >>> shares = read_class_shares(CollapseReport(facts, ("no", "yes"), "held-out rows"))
    >>> shares.order, shares.true, shares.spread
    (array([1, 0]), array([0.75, 0.25]), array([0., 0.]))
    """
    facts = report.facts
    true = np.array(facts.true_share)
    order = np.argsort(-true, kind="stable")
    return ClassShares(order, true[order], np.array(facts.predicted_share)[order], np.array(facts.class_spread)[order])


@dataclass(frozen=True, eq=False)
class LayerCurve:
    """What the layers of a network showed at one time.

    Parameters
    ----------
    when : str
        Which moment of the training.
    is_final : bool
        Whether that was after training.
    dead : ndarray of shape (n_hidden,)
        Fraction of the units of each hidden layer that answer 0 for every row.
    gradient : ndarray of shape (n_hidden + 1,)
        Norm of the gradient of each kernel, that of the output last; NaN where it is not finite.
    """

    when: str
    is_final: bool
    dead: FloatArray
    gradient: FloatArray


def read_layer_curves(evidence: Evidence | None) -> tuple[LayerCurve, ...]:
    """Read the layers from the evidence of a report; empty where no hidden layer was looked at.

    Parameters
    ----------
    evidence : Evidence or None
        Of a report.
    """
    if evidence is None:
        return ()
    redrawn = " (weights redrawn)" if evidence.initial_is_redrawn else ""
    probes = (("before training" + redrawn, evidence.initial), ("after training", evidence.final))
    return tuple(_read_layer_curve(when, probe) for when, probe in probes if probe is not None and probe.hidden)


def _read_layer_curve(when: str, probe: Probe) -> LayerCurve:
    gradient = np.array([layer.gradient for layer in probe.layers], dtype=np.float64)
    dead = np.array([layer.dead for layer in probe.hidden])
    return LayerCurve(when, when == "after training", dead, np.where(np.isfinite(gradient), gradient, np.nan))


class CollapseDisplay:
    """The share of each class among the answers, the spread of the probabilities, and the state of the layers.

    Pass a report, such as the ``collapse_report_`` of a fitted classifier, what :func:`diagnose` returned or the
    ``report_`` of a CollapseMonitor, or use :meth:`from_estimator` or :meth:`from_predictions`. The classes are in
    the order of their frequency. The probabilities are those at uniform class frequencies; where all of them spread by
    less than 0.001, they are constant. Layers are shown where the report looked at them: that of a fit does where the
    fit was near a failure, :func:`diagnose` does for every network.

    Parameters
    ----------
    report : CollapseReport
        What is drawn.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels: shares and spreads, then dead units and gradients if layers are shown.
    figure_ : matplotlib Figure
        The figure.
    bounding_ax_ : matplotlib Axes or None
        The one whose space was divided.
    true_, predicted_ : matplotlib Line2D
        The marks of the shares of the classes.
    spread_ : matplotlib Line2D
        The marks of the spreads of the probabilities.
    dead_, gradients_ : list of matplotlib Line2D
        The curves over the layers; empty where none are shown.

    See Also
    --------
    diagnose : Makes a report of any classifier.

    Examples
    --------
    >>> from balanced_nn import CollapseDisplay
    >>> y, proba = ["no"] * 9 + ["yes"], [[0.9, 0.1]] * 10
    >>> display = CollapseDisplay.from_predictions(y, proba)
    >>> display.report.headline
    'Collapsed: the same probability for every row'
    """

    def __init__(self, report: CollapseReport) -> None:
        self.report = report

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        ax: AxesLike = None,
    ) -> Self:
        """Diagnose a classifier, and draw the report.

        Parameters
        ----------
        estimator : estimator or keras.Model
            Whatever :func:`diagnose` takes.
        X : {array-like, sparse matrix, DataFrame, tf.data.Dataset} of shape (n_samples, n_features)
            Rows as `estimator` takes them, preferably those that it was trained on.
        y : array-like of shape (n_samples,), default=None
            Their labels. None with a dataset.
        X_val : like `X`, default=None
            Held-out rows to judge on; None judges on `X`.
        y_val : like `y`, default=None
            Their labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows that are judged. None weighs each 1.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        CollapseDisplay
        """
        find_pyplot(f"{cls.__name__}.from_estimator")
        report = diagnose(estimator, X, y, X_val=X_val, y_val=y_val, sample_weight=sample_weight)
        return cls(report).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        y_pred: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        ax: AxesLike = None,
    ) -> Self:
        """Evaluate the probabilities of any model, and draw the result; there are no layers.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Probabilities; with two classes that of the second is enough.
        y_pred : array-like of shape (n_samples,), default=None
            Answers. None takes those of the balanced decision.
        classes : array-like of shape (n_classes,), default=None
            Labels in the order of the columns. None takes the sorted labels of `y_true`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None weighs each 1.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        CollapseDisplay

        Raises
        ------
        ValueError
            If rows, labels and columns do not fit together, or the probabilities are not valid.
        """
        find_pyplot(f"{cls.__name__}.from_predictions")
        given = read_predictions(y_true, y_proba, classes, sample_weight)
        answers = None
        if y_pred is not None:
            labels = read_target(y_pred, y_true, name="y_pred", table="y_true")
            answers = encode_in_order(labels, given.classes, "y_pred")
        facts = find_outcome(given.y, given.proba, answers, sample_weight=given.weight)
        return cls(CollapseReport(facts, given.classes, "given rows")).plot(ax=ax)

    def plot(self, *, ax: AxesLike = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        CollapseDisplay
        """
        shares, layers = read_class_shares(self.report), read_layer_curves(self.report.evidence)
        height = float(np.clip(1.1 + 0.21 * len(shares.true), 2.6, 12.0))
        shape = (2 if layers else 1, 2)
        canvas = open_canvas(ax, shape, caller=type(self).__name__, panel=(3.9, height), lower=2.5)
        self.figure_, self.axes_, self.bounding_ax_ = canvas.figure, canvas.axes, canvas.bounding_ax
        panels = canvas.axes.ravel()
        self._draw_shares(canvas, panels[0], shares)
        self._draw_spreads(canvas, panels[1], shares)
        self.dead_: list[Line2D] = []
        self.gradients_: list[Line2D] = []
        if layers:
            self._draw_dead(canvas, panels[2], layers)
            self._draw_gradients(canvas, panels[3], layers)
        canvas.headline(self.report.headline)
        return self

    def _draw_shares(self, canvas: Canvas, ax: "Axes", shares: ClassShares) -> None:
        places = np.arange(len(shares.true))
        ax.hlines(places, shares.true, shares.predicted, color=GREY, linewidth=1.0)
        (self.true_,) = ax.plot(shares.true, places, **TRUTH, markersize=6, label="rows")
        (self.predicted_,) = ax.plot(shares.predicted, places, **ANSWER, markersize=4, label="answers")
        positive = shares.true[shares.true > 0]
        values = np.concatenate([shares.true, shares.predicted])
        if positive.size and positive.min() < SMALL_SHARE:
            set_log_scale_with_zero(ax, "x", values, max(10 ** np.floor(np.log10(positive.min())), 1e-6), percent=True)
        else:
            ax.set_xlim(-0.04, 1.04)
            ax.set_xticks([0, 0.5, 1], [format_tick(tick, percent=True) for tick in (0, 0.5, 1)])
        canvas.finish(ax, xlabel="share of each class", ylabel="", legend="lower left")
        list_classes(canvas, ax, [self.report.classes[i] for i in shares.order], lines=2)

    def _draw_spreads(self, canvas: Canvas, ax: "Axes", shares: ClassShares) -> None:
        places = np.arange(len(shares.spread))
        shown = np.where(shares.spread < SMALLEST_SPREAD, 0.0, shares.spread)
        ax.hlines(places, 0.0, shown, color=GREY, linewidth=1.0)
        (self.spread_,) = ax.plot(shown, places, **{**ANSWER, "marker": "D"}, markersize=4.5, clip_on=False)
        ax.axvline(CONSTANT_SPREAD, color=VERMILION, linestyle="--", label=f"constant below {CONSTANT_SPREAD:g}")
        set_log_scale_with_zero(ax, "x", np.array([0.5]), SMALLEST_SPREAD)
        canvas.finish(ax, xlabel="spread of its probability (s.d.)", ylabel="", legend="lower left")
        given = canvas.bounding_ax is None and not canvas.is_ours
        list_classes(canvas, ax, [self.report.classes[i] for i in shares.order], lines=2, named=given)

    def _draw_dead(self, canvas: Canvas, ax: "Axes", layers: tuple[LayerCurve, ...]) -> None:
        for curve in layers:
            self.dead_ += ax.plot(1 + np.arange(len(curve.dead)), curve.dead, **_style_curve(curve))
        ax.set_ylim(-0.05, 1.05)
        ax.set_yticks([0, 0.5, 1], [format_tick(tick, percent=True) for tick in (0, 0.5, 1)])
        ax.set_xlim(0.6, len(layers[0].dead) + 0.4)
        set_few_ticks(ax, "x", 6, whole=True)
        canvas.finish(ax, xlabel="hidden layer", ylabel="dead units")

    def _draw_gradients(self, canvas: Canvas, ax: "Axes", layers: tuple[LayerCurve, ...]) -> None:
        norms = np.concatenate([curve.gradient for curve in layers])
        largest = max(float(np.nanmax(norms, initial=0.0)), 1e-12)
        seen = norms[norms >= largest * 10.0**-GRADIENT_DECADES]
        floor = float(seen.min(initial=largest))
        for curve in layers:
            places = 1 + np.arange(len(curve.gradient))
            shown = np.where(curve.gradient < floor, 0.0, curve.gradient)
            self.gradients_ += ax.plot(places, shown, **_style_curve(curve))
            gone = places[np.isnan(curve.gradient)]
            if gone.size:
                label = new_label(ax, "not finite")
                ax.plot(gone, np.full(len(gone), largest), "x", color=VERMILION, markersize=6, label=label)
        if (norms < floor).any():
            set_log_scale_with_zero(ax, "y", np.array([largest]), floor)
        else:
            set_log_scale(ax, "y", floor / 3, largest * 3)
        n_layers = len(layers[0].gradient)
        ax.set_xlim(0.6, n_layers + 0.4)
        set_few_ticks(ax, "x", 6, whole=True)
        legend: LegendPlace | None = "best" if np.isnan(norms).any() else None
        canvas.finish(ax, xlabel=f"layer ({n_layers} is the output)", ylabel="norm of the gradient", legend=legend)


def _style_curve(curve: LayerCurve) -> Style:
    if curve.is_final:
        return {"color": BLUE, "marker": "s", "markersize": 4, "linestyle": "-", "label": curve.when}
    white = {"markerfacecolor": "white", "markersize": 6}
    return {"color": BLACK, "marker": "o", "linestyle": "--", "linewidth": 1.0, "label": curve.when, **white}
