"""How did training go? Losses, balanced accuracy, best epochs and further attempts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from balanced_nn._causes.repair import Repair
from balanced_nn._displays.canvas import AxesLike, Canvas, find_pyplot, open_canvas
from balanced_nn._displays.inputs import find_classifier
from balanced_nn._displays.scales import set_few_ticks, set_log_scale
from balanced_nn._displays.style import BLACK, BLUE, GREY, VERMILION, Style, merge_line_style, new_label
from balanced_nn._network.ensemble import Member
from balanced_nn._network.specs import History
from balanced_nn._typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

MANY_TIMES = 8.0  # the largest loss over the smallest, from which on the axis is logarithmic
FEW_EPOCHS = 5  # so few that points say more than a line
MOST_REPAIRS = 2  # that are told in words
TRAINING: Style = {"label": "training, as weighted", "color": BLUE, "linestyle": "--"}
HELD_OUT: Style = {"label": "held-out rows", "color": VERMILION, "linestyle": "-"}


@dataclass(frozen=True)
class TrainingCurve:
    """One training of one network.

    Parameters
    ----------
    history : History
        What it recorded.
    network : int, default=0
        Number of the network, from 0.
    kept : bool, default=True
        Whether its weights are those that predict; if not, another attempt was better.
    change : str, default=""
        What it did differently from the first attempt; empty for that.
    """

    history: History
    network: int = 0
    kept: bool = True
    change: str = ""


def list_trainings(members: Sequence[Member], repairs: Sequence[Repair]) -> tuple[TrainingCurve, ...]:
    """List the trainings of all networks.

    Parameters
    ----------
    members : sequence of Member
        The networks.
    repairs : sequence of Repair
        The further attempts, in the order of the networks.
    """
    changes = iter(repairs)
    curves = []
    for network, member in enumerate(members):
        kept = member.attempts.index(member.history)
        for number, history in enumerate(member.attempts):
            change = next(changes).change if number else ""
            curves.append(TrainingCurve(history, network, number == kept, change))
    return tuple(curves)


def summarize_trainings(curves: Sequence[TrainingCurve]) -> str:
    """Say how many networks there are, at which learning rates, and what became of further attempts.

    Parameters
    ----------
    curves : sequence of TrainingCurve
        All trainings.

    Examples
    --------
    >>> history = History((0.7, 0.6), (), (), 0.001, 2, 20, "max_iter")
    >>> summarize_trainings([TrainingCurve(history)])
    'learning rate 0.001; no rows held out'
    >>> summarize_trainings([TrainingCurve(history, kept=False), TrainingCurve(history, change="scaler='quantile'")])
    "learning rate 0.001; no rows held out; network 1 kept another attempt: scaler='quantile'"
    """
    kept = [curve for curve in curves if curve.kept]
    rates = Counter(f"{curve.history.learning_rate:.3g}" for curve in kept)
    told = ", ".join(rate if len(rates) == 1 else f"{rate} ({n}x)" for rate, n in rates.items())
    parts = [f"{len(kept)} networks"] if len(kept) > 1 else []
    parts.append(f"learning rate{'s' if len(rates) > 1 else ''} {told}")
    diverged = sum(curve.history.stop_reason == "diverged" for curve in kept)
    if diverged:
        parts.append("diverged" if diverged == len(kept) else f"{diverged} diverged")
    elif not any(curve.history.validation_loss for curve in kept):
        parts.append("no rows held out")
    tried_again = {curve.network for curve in curves if curve.change}
    repaired = [curve for curve in kept if curve.network in tried_again]
    for curve in repaired[:MOST_REPAIRS]:
        found = f" kept another attempt: {curve.change}"
        if not curve.change:
            found = ": no further attempt was better than the first"
        parts.append(f"network {curve.network + 1}{found}")
    if len(repaired) > MOST_REPAIRS:
        parts.append(f"further attempts for {len(repaired) - MOST_REPAIRS} more")
    return "; ".join(parts)


def find_loss_range(curves: Sequence[TrainingCurve]) -> tuple[float, float]:
    """Smallest and largest positive finite loss; (0.1, 1) where there is none.

    Parameters
    ----------
    curves : sequence of TrainingCurve
        All trainings.

    Examples
    --------
    >>> find_loss_range([TrainingCurve(History((float("nan"), 8.0, 2.0), (), (), 1.0, 3, 3, "diverged"))])
    (2.0, 8.0)
    """
    recorded = [(*curve.history.train_loss, *curve.history.validation_loss) for curve in curves]
    losses = np.array([loss for each in recorded for loss in each], dtype=np.float64)
    losses = losses[np.isfinite(losses) & (losses > 0)]
    return (float(losses.min()), float(losses.max())) if losses.size else (0.1, 1.0)


class TrainingCurveDisplay:
    """Training and validation losses, balanced accuracy, best epochs and further attempts of a fit.

    Use :meth:`from_estimator`. With several networks there is a line for each; different styles mark training,
    held-out rows, and attempts that were not kept.

    Parameters
    ----------
    curves : sequence of TrainingCurve
        The trainings. Each has ``history``, ``network`` (its number, from 0), ``kept`` and ``change``.
    n_classes : int or None, default=None
        Number of classes, for a line at the balanced accuracy of chance; None draws none.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panel of the losses, and that of balanced accuracy if rows were held out.
    figure_ : matplotlib Figure
        The figure.
    bounding_ax_ : matplotlib Axes or None
        The one whose space was divided.
    lines_ : list of matplotlib Line2D
        The curves, those of the losses first.
    best_ : list of matplotlib Line2D
        The marks of the best epochs.

    See Also
    --------
    LearningRateDisplay : How the learning rate was found.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from balanced_nn import BalancedNNClassifier, TrainingCurveDisplay
    >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
    >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(clf)
    >>> len(display.curves), display.axes_.size
    (4, 2)
    """

    def __init__(self, curves: Sequence[TrainingCurve], *, n_classes: int | None = None) -> None:
        self.curves = curves
        self.n_classes = n_classes

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: AxesLike = None, line_kw: Style | None = None) -> Self:
        """Draw how a fitted classifier was trained.

        Parameters
        ----------
        estimator : BalancedNNClassifier
            A fitted one, or a pipeline or search object that ends in one.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.
        line_kw : dict or None, default=None
            Keywords for the lines, as ``Axes.plot`` takes them.

        Returns
        -------
        TrainingCurveDisplay
        """
        find_pyplot(f"{cls.__name__}.from_estimator")
        classifier, _ = find_classifier(estimator, cls.__name__)
        curves = list_trainings(classifier.members_, classifier.repairs_)
        return cls(curves, n_classes=len(classifier.classes_)).plot(ax=ax, line_kw=line_kw)

    def plot(self, *, ax: AxesLike = None, line_kw: Style | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.
        line_kw : dict or None, default=None
            Keywords for the lines, as ``Axes.plot`` takes them.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        ValueError
            If there are no curves.
        """
        find_pyplot(type(self).__name__)
        if not self.curves:
            raise ValueError("curves is empty, so there is nothing to draw. Use TrainingCurveDisplay.from_estimator.")
        held_out = any(curve.history.validation_balanced_accuracy for curve in self.curves)
        canvas = open_canvas(ax, (1, 1 + held_out), caller=type(self).__name__)
        self.figure_, self.axes_, self.bounding_ax_ = canvas.figure, canvas.axes, canvas.bounding_ax
        self.lines_: list[Line2D] = []
        self.best_: list[Line2D] = []
        panels = canvas.axes.ravel()
        self._draw_losses(canvas, panels[0], line_kw or {})
        if held_out:
            self._draw_accuracy(canvas, panels[1], line_kw or {})
        canvas.headline(summarize_trainings(self.curves))
        return self

    def _draw_losses(self, canvas: Canvas, ax: "Axes", line_kw: Style) -> None:
        for curve in self.curves:
            self._draw_line(ax, curve.history.train_loss, curve.kept, TRAINING, line_kw)
            self._draw_line(ax, curve.history.validation_loss, curve.kept, HELD_OUT, line_kw)
            self._mark_best(ax, curve, curve.history.validation_loss)
        lowest, highest = find_loss_range(self.curves)
        if highest > MANY_TIMES * lowest:
            set_log_scale(ax, "y", lowest / 1.3, highest * 1.3)
        else:
            set_few_ticks(ax, "y", 6)
        self._count_epochs(ax)
        canvas.finish(ax, xlabel="epoch", ylabel="loss (nats)")

    def _draw_accuracy(self, canvas: Canvas, ax: "Axes", line_kw: Style) -> None:
        for curve in self.curves:
            accuracy = curve.history.validation_balanced_accuracy
            self._draw_line(ax, accuracy, curve.kept, HELD_OUT, line_kw)
            self._mark_best(ax, curve, accuracy)
        if self.n_classes is not None:
            ax.axhline(1.0 / self.n_classes, color=BLACK, linestyle=":", linewidth=1.0, label="chance")
        ax.set_ylim(-0.03, 1.03)
        set_few_ticks(ax, "y", 6)
        self._count_epochs(ax)
        canvas.finish(ax, xlabel="epoch", ylabel="balanced accuracy")

    def _count_epochs(self, ax: "Axes") -> None:
        ax.set_xlim(0.5, max((len(curve.history.train_loss) for curve in self.curves), default=1) + 0.5)
        set_few_ticks(ax, "x", 5, whole=True)

    def _draw_line(self, ax: "Axes", values: Sequence[float], kept: bool, of_kept: Style, line_kw: Style) -> None:
        if not values:
            return
        shown: FloatArray = np.where(np.isfinite(values), values, np.nan)
        look: Style = {**of_kept, "linewidth": 1.4, "zorder": 2.5}
        if not kept:
            look |= {"label": "attempt not kept", "color": GREY, "linewidth": 0.9, "zorder": 2}
            look |= {"marker": "x", "markevery": [len(values) - 1]}
        if len(values) <= FEW_EPOCHS and kept:
            look |= {"marker": ".", "markersize": 5}
        look["label"] = new_label(ax, look["label"])
        epochs = np.arange(1, len(values) + 1)
        lost = epochs[np.isnan(shown)]
        if lost.size:
            mark: Style = {"color": BLACK, "marker": "^", "linestyle": "none", "label": new_label(ax, "not finite")}
            ax.plot(lost, np.ones(len(lost)), transform=ax.get_xaxis_transform(), clip_on=False, **mark)
        self.lines_ += ax.plot(epochs, shown, **merge_line_style(look, line_kw))

    def _mark_best(self, ax: "Axes", curve: TrainingCurve, values: Sequence[float]) -> None:
        epoch = curve.history.best_epoch
        if not curve.kept or not 1 <= epoch <= len(values):
            return
        look: Style = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": BLACK, "linestyle": "none"}
        label = new_label(ax, "best epoch")
        self.best_ += ax.plot([epoch], [values[epoch - 1]], label=label, markersize=5, zorder=3, **look)
