"""What did the range test show about the learning rate, and what was chosen?"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from balanced_nn._displays.canvas import AxesLike, find_pyplot, open_canvas
from balanced_nn._displays.inputs import find_classifier
from balanced_nn._displays.scales import set_few_ticks, set_log_scale
from balanced_nn._displays.style import BLACK, BLUE, GREY, SKY, VERMILION, Style, merge_line_style
from balanced_nn._network.specs import LearningRateSearch, RangeTestTrace
from balanced_nn._training.learning_rate import SMOOTHING, search_learning_rate, usable_part
from balanced_nn._typing import FloatArray


@dataclass(frozen=True, eq=False)
class RangeTestCurve:
    """The losses of a range test, and what was read from them.

    Parameters
    ----------
    learning_rates, smoothed : ndarray of shape (n_usable,)
        Up to divergence.
    lowest : tuple of float or None
        Learning rate and smoothed loss where that is lowest; None where nothing is left.
    diverged_at : float or None
        Learning rate at which it diverged.
    shown : tuple of float
        Lowest and highest loss worth showing.
    """

    learning_rates: FloatArray
    smoothed: FloatArray
    lowest: tuple[float, float] | None
    diverged_at: float | None
    shown: tuple[float, float]


def summarize_trace(trace: RangeTestTrace, smoothing: float) -> RangeTestCurve:
    """Smooth a trace and find its landmarks.

    Parameters
    ----------
    trace : RangeTestTrace
        Of a range test.
    smoothing : float
        Weight of the past in the moving average, in [0, 1).

    Examples
    --------
    >>> trace = RangeTestTrace(np.array([0.001, 0.01, 0.1, 1.0]), np.array([1.0, 0.5, 0.7, np.inf]))
    >>> curve = summarize_trace(trace, 0.0)
    >>> curve.lowest, curve.diverged_at
    ((0.01, 0.5), 1.0)
    """
    rates, smoothed = usable_part(trace, smoothing)
    n_usable = len(rates)
    diverged_at = float(trace.learning_rates[n_usable]) if n_usable < len(trace.losses) else None
    lowest = (float(rates[smoothed.argmin()]), float(smoothed.min())) if n_usable else None
    worth = np.concatenate([smoothed, trace.losses[:n_usable]])
    if not worth.size:
        worth = trace.losses[np.isfinite(trace.losses)]
    low, high = (float(worth.min()), float(worth.max())) if worth.size else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.1 * max(abs(high), 1e-3)
    return RangeTestCurve(rates, smoothed, lowest, diverged_at, (low - margin, high + margin))


class LearningRateDisplay:
    """The range test of a learning rate, with the rate that was chosen and why.

    Use :meth:`from_estimator` or :meth:`from_trace`.

    Parameters
    ----------
    search : LearningRateSearch
        Trace, choice and reason: the ``lr_search_`` of a fitted classifier.
    smoothing : float, default=0.9
        Weight of the past in the moving average of the losses that the choice was read from, in [0, 1).

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel.
    figure_ : matplotlib Figure
        The figure.
    line_ : matplotlib Line2D
        The smoothed loss.
    losses_ : matplotlib Line2D
        The loss of each batch.
    chosen_ : matplotlib Line2D
        The line at the learning rate that was chosen.

    See Also
    --------
    learning_rate_range_test : Makes a trace.
    suggest_learning_rate : The rule of the choice.

    Examples
    --------
    >>> from balanced_nn import LearningRateDisplay
    >>> rates = np.geomspace(1e-5, 1.0, 101)
    >>> losses = 0.5 + np.log10(rates / 0.05) ** 2 / 10  # lowest at 0.05
    >>> display = LearningRateDisplay.from_trace(RangeTestTrace(rates, losses), smoothing=0.0)
    >>> round(display.search.learning_rate, 4)
    0.001
    """

    def __init__(self, search: LearningRateSearch, *, smoothing: float = SMOOTHING) -> None:
        self.search = search
        self.smoothing = smoothing

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: AxesLike = None, line_kw: Style | None = None) -> Self:
        """Draw the range test that a fitted classifier made.

        Parameters
        ----------
        estimator : BalancedNNClassifier
            A fitted one, or a pipeline or search object that ends in one.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a figure.
        line_kw : dict or None, default=None
            Keywords for the line of the smoothed loss, as ``Axes.plot`` takes them.

        Returns
        -------
        LearningRateDisplay

        Raises
        ------
        ValueError
            If the learning rate was set by hand.
        """
        find_pyplot(f"{cls.__name__}.from_estimator")
        classifier, _ = find_classifier(estimator, cls.__name__)
        if classifier.lr_search_ is None:
            raise ValueError(
                f"learning_rate_init={classifier.learning_rate_init} was set by hand, so fit made no range test. "
                'Use learning_rate_init="auto", or pass what learning_rate_range_test returns to '
                "LearningRateDisplay.from_trace."
            )
        return cls(classifier.lr_search_).plot(ax=ax, line_kw=line_kw)

    @classmethod
    def from_trace(
        cls,
        trace: RangeTestTrace,
        *,
        smoothing: float = SMOOTHING,
        ax: AxesLike = None,
        line_kw: Style | None = None,
    ) -> Self:
        """Draw a range test, and the suggestion of :func:`suggest_learning_rate`.

        Parameters
        ----------
        trace : RangeTestTrace
            What :func:`learning_rate_range_test` returned.
        smoothing : float, default=0.9
            Weight of the past in the moving average of the losses, in [0, 1).
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a figure.
        line_kw : dict or None, default=None
            Keywords for the line of the smoothed loss, as ``Axes.plot`` takes them.

        Returns
        -------
        LearningRateDisplay

        Raises
        ------
        TypeError
            If `trace` is not a RangeTestTrace.
        """
        find_pyplot(f"{cls.__name__}.from_trace")
        if not isinstance(trace, RangeTestTrace):
            raise TypeError(
                f"trace must be what learning_rate_range_test returns; got {type(trace).__name__}. "
                "For a fitted classifier use LearningRateDisplay.from_estimator."
            )
        return cls(search_learning_rate(trace, smoothing=smoothing), smoothing=smoothing).plot(ax=ax, line_kw=line_kw)

    def plot(self, *, ax: AxesLike = None, line_kw: Style | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a figure.
        line_kw : dict or None, default=None
            Keywords for the line of the smoothed loss, as ``Axes.plot`` takes them.

        Returns
        -------
        LearningRateDisplay
        """
        search, curve = self.search, summarize_trace(self.search.trace, self.smoothing)
        canvas = open_canvas(ax, (1, 1), caller=type(self).__name__, panel=(4.8, 3.4))
        self.figure_, self.ax_ = canvas.figure, canvas.axes.ravel()[0]
        rates, losses = search.trace.learning_rates, search.trace.losses
        seen: FloatArray = np.where(np.isfinite(losses), losses, np.nan)
        (self.losses_,) = self.ax_.plot(rates, seen, ".", color=GREY, markersize=3.5, label="batch loss")
        line = merge_line_style({"color": BLUE, "linewidth": 1.8, "label": "smoothed"}, line_kw)
        (self.line_,) = self.ax_.plot(curve.learning_rates, curve.smoothed, **line)
        if curve.lowest is not None and not search.is_fallback:
            point = {"marker": "v", "color": BLACK, "linestyle": "none", "zorder": 3}
            self.ax_.plot(*([value] for value in curve.lowest), label="lowest", **point)
        fallback = " (the fallback)" if search.is_fallback else ""
        chosen = f"chosen: {search.learning_rate:.3g}{fallback}"
        self.chosen_ = self.ax_.axvline(search.learning_rate, color=VERMILION, linestyle="--", label=chosen)
        lowest, highest = min(rates[0], search.learning_rate) / 1.2, max(rates[-1], search.learning_rate) * 1.2
        if curve.diverged_at is not None:
            look = {"facecolor": "none", "edgecolor": SKY, "hatch": "///", "linewidth": 0.0, "zorder": 0}
            self.ax_.axvspan(curve.diverged_at, highest, label="diverged", **look)
        set_log_scale(self.ax_, "x", lowest, highest)
        self.ax_.set_ylim(*curve.shown)
        set_few_ticks(self.ax_, "y", 6)
        canvas.finish(self.ax_, xlabel="learning rate", ylabel="training loss (nats)")
        canvas.headline(search.reason)
        return self
