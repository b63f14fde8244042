"""Is every text of a figure inside it, and does none lie on another? For tests of the displays."""

from itertools import combinations
from typing import Any

from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SLACK = 0.5  # pixels by which boxes may touch


def visible_texts(figure: Any) -> list[tuple[str, Bbox]]:
    """Each text that is drawn, with its box in pixels; ticks outside the limits of their axis are not drawn."""
    figure.draw_without_rendering()
    hidden: set[int] = set()
    for axis in figure.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        for minor in (False, True):
            ticks = axis.get_minor_ticks() if minor else axis.get_major_ticks()
            drawn = axis.axes.axison and axis.get_visible() and axis.axes.get_visible()
            for tick in ticks:
                if not (drawn and low <= tick.get_loc() <= high):
                    hidden |= {id(tick.label1), id(tick.label2)}
        if not axis.axes.axison:
            hidden |= {id(axis.label), id(axis.offsetText)}
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if id(text) not in hidden]


def text_faults(figure: Any) -> list[str]:
    """Say which texts are cut, and which lie on one another."""
    width, height = figure.canvas.get_width_height()
    texts = visible_texts(figure)
    cut = [
        f"cut: {text!r}"
        for text, box in texts
        if box.x0 < -SLACK or box.y0 < -SLACK or box.x1 > width + SLACK or box.y1 > height + SLACK
    ]
    overlaps = [
        f"overlap: {one!r} and {other!r}"
        for (one, a), (other, b) in combinations(texts, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > SLACK and min(a.y1, b.y1) - max(a.y0, b.y0) > SLACK
    ]
    return cut + overlaps


SIZES = {
    "own": lambda plt: None,
    "small": lambda plt: plt.subplots(figsize=(4, 3), layout="constrained")[1],
    "small, plain": lambda plt: plt.subplots(figsize=(4, 3))[1],
    "large": lambda plt: plt.subplots(figsize=(12, 8), layout="constrained")[1],
}
