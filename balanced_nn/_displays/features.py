"""Which features does a classifier use, and how does its probability follow them?"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from balanced_nn._displays.canvas import AxesLike, Canvas, list_classes, open_canvas
from balanced_nn._displays.feature_effects import FeatureEffects, PartialDependence
from balanced_nn._displays.labels import shorten
from balanced_nn._displays.scales import set_few_ticks
from balanced_nn._displays.style import ANSWER, BLUE, GREY, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D


class ImportanceDisplay:
    """How far the ROC AUC falls where a feature is shuffled: the mean, and its spread over the shuffles.

    Parameters
    ----------
    effects : FeatureEffects
        What was measured.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel.
    figure_ : matplotlib Figure
        The figure.
    drops_ : matplotlib ErrorbarContainer
        The marks of the features, the most important one on top.
    """

    def __init__(self, effects: FeatureEffects) -> None:
        self.effects = effects

    def plot(self, *, ax: AxesLike = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        ImportanceDisplay
        """
        effects = self.effects
        height = 1.1 + 0.24 * len(effects.names)
        canvas = open_canvas(ax, (1, 1), caller=type(self).__name__, panel=(6.4, max(2.0, height)))
        self.figure_, self.ax_ = canvas.figure, canvas.axes.ravel()[0]
        places = np.arange(len(effects.names))
        self.ax_.hlines(places, 0.0, effects.mean, color=GREY, linewidth=1.0)
        self.ax_.axvline(0.0, color=GREY, linewidth=1.0)
        self.drops_: ErrorbarContainer = self.ax_.errorbar(
            effects.mean, places, xerr=effects.spread, **ANSWER, markersize=4.5, ecolor=BLUE, capsize=2.0
        )
        set_few_ticks(self.ax_, "x", 6)
        canvas.finish(self.ax_, xlabel="drop in ROC AUC, and its spread over shuffles", ylabel="")
        list_classes(canvas, self.ax_, effects.names, lines=0)
        return self


class DependenceDisplay:
    """How the mean probability of a class follows the most important features, a panel for each.

    All panels have the same axis of probabilities: a feature that moves nothing is a flat line. Numbers and dates lie
    on a line from left to right, categories below one another.

    Parameters
    ----------
    effects : FeatureEffects
        What was measured; at least one partial dependence is among it.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of matplotlib Line2D
        The marks of each panel.
    """

    def __init__(self, effects: FeatureEffects) -> None:
        self.effects = effects

    def plot(self, *, ax: AxesLike = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Where to draw: the space of one Axes is divided; of several, each takes a panel. None makes a figure.

        Returns
        -------
        DependenceDisplay
        """
        shown = self.effects.dependences
        shape = (1, len(shown)) if len(shown) < 3 else (2, 2)
        canvas = open_canvas(ax, shape, caller=type(self).__name__, panel=(3.9, 2.9))
        self.figure_, self.axes_ = canvas.figure, canvas.axes
        panels = canvas.axes.ravel()
        limits = self._find_limits()
        self.lines_: list[Line2D] = []
        for panel, dependence in zip(panels, shown, strict=False):
            self._draw(canvas, panel, dependence, limits)
        for panel in panels[len(shown) :]:
            panel.set_axis_off()
        canvas.headline(f"mean probability of {shorten(self.effects.label, 30)}; dashed: in the rows as they are")
        return self

    def _find_limits(self) -> tuple[float, float]:
        """Limits that the axes of probabilities have in common."""
        values = np.concatenate([[self.effects.probability], *(one.probability for one in self.effects.dependences)])
        low, high = float(values.min()), float(values.max())
        margin = max(0.08 * (high - low), 0.05 * high) or 0.01
        return low - margin, high + margin

    def _draw(self, canvas: Canvas, ax: "Axes", one: PartialDependence, limits: tuple[float, float]) -> None:
        aside = one.kind == "category"
        places = np.arange(len(one.values))
        mean: Style = {"color": GREY, "linestyle": "--", "linewidth": 1.0}
        if aside:
            ax.axvline(self.effects.probability, **mean)
            self.lines_ += ax.plot(one.probability, places, **ANSWER, markersize=4.5)
            ax.set_xlim(*limits)
        else:
            ax.axhline(self.effects.probability, **mean)
            across = np.array(one.values, dtype=np.float64) if one.kind == "number" else places
            self.lines_ += ax.plot(across, one.probability, **{**ANSWER, "linestyle": "-"}, markersize=4.0)
            ax.set_ylim(*limits)
        set_few_ticks(ax, "x" if aside else "y", 4)
        (ax.xaxis if aside else ax.yaxis).set_major_formatter(_percent)
        others = f" ({one.n_left_out:,} rarer ones left out)" if one.n_left_out else ""
        name = f"{shorten(one.name, 30)}{others}"
        canvas.finish(ax, xlabel="" if aside else name, ylabel=name if aside else "")
        if aside:
            list_classes(canvas, ax, one.values, lines=0)
        elif one.kind == "date":
            _name_dates(ax, one.values)
        else:
            set_few_ticks(ax, "x", 5)


def _percent(value: float, _: Any = None) -> str:
    return f"{100 * value:.3g} %"


def _name_dates(ax: "Axes", values: tuple[Any, ...]) -> None:
    """Name the first, a middle and the last one of some dates or durations, the time of day below the day."""
    places = sorted({0, len(values) // 2, len(values) - 1})
    ax.set_xticks(places, [str(values[i])[:16].removesuffix(" 00:00").replace(" ", "\n", 1) for i in places])
