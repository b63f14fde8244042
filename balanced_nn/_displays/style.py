"""In which colours, markers and lines do the displays draw?"""

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Style: TypeAlias = dict[str, Any]  # keywords of matplotlib, of many kinds
# M. Okabe and K. Ito, "Color Universal Design", 2008: told apart with any kind of colour vision. Where two things are
# to be told apart, line styles or markers differ too, for a print in black and white.
BLACK, BLUE, VERMILION, SKY, GREY = "#000000", "#0072B2", "#D55E00", "#56B4E9", "#767676"
TRUTH: Style = {"marker": "o", "color": BLACK, "markerfacecolor": "white", "linestyle": "none"}
ANSWER: Style = {"marker": "s", "color": BLUE, "linestyle": "none"}


def new_label(ax: "Axes", label: str) -> str | None:
    """Return a label, or None where the legend of the axes has it already."""
    return None if label in ax.get_legend_handles_labels()[1] else label


def merge_line_style(look: Style, line_kw: Style | None) -> Style:
    """Let the keywords of a caller, long or short, overrule how a line looks."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return {**look, **normalize_kwargs(line_kw or {}, Line2D)}
