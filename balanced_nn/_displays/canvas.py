"""Where do the displays draw? Panels in a figure of their own or in the caller's axes, with text that fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from balanced_nn._displays.labels import name_classes, wrap
from balanced_nn._displays.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LegendPlace: TypeAlias = Literal["best", "lower left", "upper left"]
SMALLEST_TEXT = 4.5  # points
PANEL_OF_FULL_TEXT = (3.1, 2.3)  # inches; in smaller panels the text shrinks
SMALLEST_LOWER = 0.6  # height of a lower panel, in that of the first one, in the space of somebody's Axes
AXES_SHARE = 0.72  # of the height of a panel, about; the rest is for labels
LETTER = 0.6  # mean width of a letter, in its size
LEGEND = 0.85  # size of the text of a legend, in that of other text
LINE = 1.3  # distance of two lines of text, in the size of the letters
# What may be passed as `ax`; an array may have the shape of the panels.
AxesLike: TypeAlias = "Axes | Sequence[Axes] | NDArray[np.object_] | None"


@dataclass(frozen=True, eq=False)
class Canvas:
    """The axes that a display draws in.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure.
    axes : ndarray of Axes
        One for each panel, in the shape that was asked for, or given.
    bounding_ax : matplotlib Axes or None
        The one whose space was divided.
    panel : tuple of float
        Width and height of the smallest panel, in inches.
    first_height : float
        Height of the panels of the first row, in inches.
    is_ours : bool
        Whether the figure was made for this display.
    """

    figure: "Figure | SubFigure"
    axes: NDArray[np.object_]
    bounding_ax: "Axes | None"
    panel: tuple[float, float]
    first_height: float
    is_ours: bool

    @property
    def text(self) -> float:
        """Size of the text, in points."""
        from matplotlib.font_manager import FontProperties

        size = fit_text_size(self.panel, float(FontProperties(size="medium").get_size_in_points()))
        if self.makes_room:
            return size
        margin = min(ax.get_position().y0 for ax in self.axes.ravel()) * measure_figure(self.figure)[1]
        return float(np.clip((72 * margin - 12.0) / 2.4, SMALLEST_TEXT, size))

    @property
    def makes_room(self) -> bool:
        """Whether axes shrink until their text fits; otherwise it has to do with the margins."""
        return has_layout(self.figure)

    def height(self, ax: "Axes") -> float:
        """Height of one of the axes of the first row, in points: about, as long as a layout is still to be found."""
        if self.makes_room:
            return 72 * AXES_SHARE * self.first_height
        return float(72 * ax.get_position().height * measure_figure(self.figure)[1])

    def legend_height(self, ax: "Axes", lines: int) -> float:
        """Height of a legend of so many lines, in points; at most half of the axes."""
        return min(0.5 * self.height(ax), LEGEND * self.text * (LINE * lines + 1.2))

    def letters(self, inches: float) -> int:
        """How many letters fit in a line of that width."""
        return max(6, int(inches * 72 / (LETTER * self.text)))

    def headline(self, text: str) -> None:
        """Write a sentence above the panels."""
        width = measure_figure(self.figure)[0] if self.is_ours else 0.8 * self.panel[0]
        write = self.figure.suptitle if self.is_ours else self.axes.ravel()[0].set_title
        sentence = f"{text[:1].upper()}{text[1:]}"
        write(wrap(sentence, self.letters(0.95 * width), most_lines=3 if self.makes_room else 2), fontsize=self.text)

    def finish(self, ax: "Axes", *, xlabel: str, ylabel: str, legend: LegendPlace | None = "best") -> None:
        """Write the labels of a panel, and its legend at the place `legend`, if there is anything to be told."""
        (width, height), lines = self.panel, 2 if self.makes_room else 1
        ax.set_xlabel(wrap(xlabel, self.letters(0.85 * width), most_lines=lines), fontsize=self.text)
        ax.set_ylabel(wrap(ylabel, self.letters(0.85 * height), most_lines=lines), fontsize=self.text)
        ax.tick_params(labelsize=0.9 * self.text)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        if legend and ax.get_legend_handles_labels()[0]:
            look: Style = {"handlelength": 1.8, "borderpad": 0.3, "labelspacing": 0.25, "framealpha": 0.8}
            ax.legend(loc=legend, fontsize=LEGEND * self.text, **look)


def find_pyplot(caller: str) -> ModuleType:
    """Import matplotlib, which is optional; `caller` is what needs it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise ImportError(f"{caller} needs matplotlib: pip install 'balanced-nn[plot]'") from exc
    return plt


def measure_figure(figure: "Figure | SubFigure") -> tuple[float, float]:
    """Width and height of a figure, or of a part of one (SubFigure), in inches."""
    return figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi


def has_layout(figure: "Figure | SubFigure") -> bool:
    """Whether a figure has a layout that shrinks axes until their text fits."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine, TightLayoutEngine

    return isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine | TightLayoutEngine)


def open_canvas(
    ax: AxesLike,
    shape: tuple[int, int],
    *,
    caller: str,
    panel: tuple[float, float] = (3.6, 2.9),
    lower: float | None = None,
) -> Canvas:
    """Find axes for panels, as scikit-learn's displays do.

    Parameters
    ----------
    ax : Axes, array-like of Axes or None
        An Axes is used as it is for one panel, and its space is divided for more. None makes a figure.
    shape : tuple of int
        Rows and columns of panels.
    caller : str
        What needs matplotlib.
    panel : tuple of float, default=(3.6, 2.9)
        Width and height of a panel of a new figure, in inches.
    lower : float or None, default=None
        Height of the panels below the first row, where that is another one, in inches.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError
        If the Axes cannot be divided, was divided before, or the number of Axes does not fit.
    """
    plt = find_pyplot(caller)
    rows, columns = shape
    ratios = [1.0, *[1.0 if lower is None else lower / panel[1]] * (rows - 1)]
    if ax is None:
        size = (columns * panel[0], panel[1] * sum(ratios))
        grid = {"height_ratios": ratios}
        figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, gridspec_kw=grid)
        return Canvas(figure, axes, None, (panel[0], panel[1] * min(ratios)), panel[1], is_ours=True)
    if not isinstance(ax, plt.Axes):
        axes = np.asarray(ax, dtype=object)
        if axes.size != rows * columns:
            raise ValueError(
                f"ax holds {axes.size} Axes, but there are {rows * columns} panels. Pass one Axes per panel."
            )
        width, height = np.min([_inches(one) for one in axes.ravel()], axis=0)
        return Canvas(axes.ravel()[0].figure, axes, None, (float(width), float(height)), height, is_ours=False)
    width, height = _inches(ax)
    if rows * columns == 1:
        return Canvas(ax.figure, np.array([[ax]], dtype=object), None, (width, height), height, is_ours=False)
    ratios = [1.0, *(max(ratio, SMALLEST_LOWER) for ratio in ratios[1:])]
    axes, share = _divide(ax, rows, columns, ratios), height / sum(ratios)
    return Canvas(ax.figure, axes, ax, (width / columns, share * min(ratios)), share, is_ours=False)


def _inches(ax: "Axes") -> tuple[float, float]:
    """Width and height of an Axes with the margins that its place in a grid of Axes leaves it."""
    spec, (width, height) = ax.get_subplotspec(), measure_figure(ax.figure)
    if spec is None:
        return width * ax.get_position().width, height * ax.get_position().height
    n_rows, n_columns, first, last = spec.get_geometry()
    part = (last % n_columns - first % n_columns + 1) / n_columns, (last // n_columns - first // n_columns + 1) / n_rows
    outer = spec.get_topmost_subplotspec().get_position(ax.figure)  # type: ignore[arg-type]  # a SubFigure will do
    if spec.get_topmost_subplotspec() is spec:
        return width * part[0], height * part[1]
    return width * outer.width * part[0], height * outer.height * part[1]


def _divide(ax: "Axes", rows: int, columns: int, ratios: list[float]) -> NDArray[np.object_]:
    if not ax.axison:
        raise ValueError("ax was already divided by another display. Pass ax=display.axes_ to draw in its panels.")
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError(
            f"ax is not part of a grid, so it cannot be divided into {rows * columns} panels. Use one from "
            f"plt.subplots(), or pass an array of {rows * columns} Axes."
        )
    ax.set_axis_off()
    # what a layout engine finds out by itself
    space = {} if has_layout(ax.figure) else {"wspace": 0.55, "hspace": 0.6}
    grid = spec.subgridspec(rows, columns, height_ratios=ratios, **space)
    axes = np.empty((rows, columns), dtype=object)
    for place in np.ndindex(rows, columns):
        axes[place] = ax.figure.add_subplot(grid[place])
    return axes


def fit_text_size(panel: tuple[float, float], usual: float) -> float:
    """Size of text in a panel of some inches: smaller in small panels.

    Examples
    --------
    >>> fit_text_size((6.0, 4.0), 10.0), round(fit_text_size((2.0, 1.5), 10.0), 1), fit_text_size((0.2, 0.2), 10.0)
    (10.0, 6.5, 4.5)
    """
    return float(np.clip(usual * min(np.divide(panel, PANEL_OF_FULL_TEXT)), min(SMALLEST_TEXT, usual), usual))


def list_classes(canvas: Canvas, ax: "Axes", labels: Sequence[Any], *, lines: int, named: bool = True) -> None:
    """Make the vertical axis one of classes, the first on top; where room is short, only every second one is named.

    Parameters
    ----------
    canvas : Canvas
        Where `ax` is.
    ax : matplotlib Axes
        The panel.
    labels : sequence
        Class labels, from top to bottom.
    lines : int
        Lines of a legend for which room is left below the classes.
    named : bool, default=True
        Whether to write the names; another panel beside this one may do so.
    """
    legend = canvas.legend_height(ax, lines)
    height = canvas.height(ax) - legend
    size = float(np.clip(height / (LINE * len(labels)), SMALLEST_TEXT, 0.9 * canvas.text))
    step = int(np.ceil(len(labels) * LINE * size / height - 1e-9)) or 1
    left_margin = ax.get_position().x0 * measure_figure(canvas.figure)[0]
    room = 0.36 * canvas.panel[0] if canvas.makes_room else max(0.3, left_margin - 0.22)
    names = name_classes(labels, max(4, int(room * 72 / (LETTER * size)))) if named else [""] * len(labels)
    ax.set_yticks(np.arange(len(labels))[::step], names[::step])
    ax.set_ylim(len(labels) - 0.4 + len(labels) * legend / height, -0.6)
    ax.grid(axis="y", color="#E0E0E0", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", labelsize=size)
