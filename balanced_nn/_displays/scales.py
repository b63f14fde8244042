"""Which ticks does an axis get, and how are they written? Linear and logarithmic scales."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from balanced_nn._typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def set_few_ticks(ax: "Axes", axis: str, most: int, *, whole: bool = False) -> None:
    """Give an axis with a linear scale about `most` ticks, at whole numbers only if `whole`."""
    from matplotlib.ticker import MaxNLocator

    getattr(ax, f"{axis}axis").set_major_locator(
        MaxNLocator(most, integer=whole, min_n_ticks=1, steps=[1, 2, 5, 10] if whole else [1, 2, 2.5, 5, 10])
    )


def pick_log_ticks(lowest: float, highest: float, most: int = 5) -> list[float]:
    """Ticks of a logarithmic axis: about `most` powers of ten, over few decades also twice and five times these.

    Examples
    --------
    >>> pick_log_ticks(3e-4, 2.0), pick_log_ticks(0.03, 0.6), pick_log_ticks(1e-9, 1.0, most=3)
    ([0.001, 0.01, 0.1, 1.0], [0.05, 0.1, 0.2, 0.5], [1e-09, 1e-05, 0.1])
    """
    first, last = int(np.floor(np.log10(lowest))), int(np.ceil(np.log10(highest)))
    steps = (1, 2, 5) if highest < 50 * lowest else (1,)
    ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    inside = [tick for tick in ticks if lowest * (1 - 1e-9) <= tick <= highest * (1 + 1e-9)]
    return inside[:: max(1, -(-len(inside) // most))]


def set_log_scale(ax: "Axes", axis: str, lowest: float, highest: float) -> None:
    """Make an axis ("x" or "y") logarithmic, with few ticks."""
    ticks = pick_log_ticks(lowest, highest)
    set_scale(ax, axis, "log", {tick: format_tick(tick) for tick in ticks}, (lowest, highest))


def set_scale(
    ax: "Axes", axis: str, scale: str, labels: Mapping[float, str], limits: tuple[float, float], **options: Any
) -> None:
    """Give an axis ("x" or "y") a scale of matplotlib and its limits, with these labels and no other ticks."""
    from matplotlib.ticker import NullLocator

    getattr(ax, f"set_{axis}scale")(scale, **options)
    getattr(ax, f"set_{axis}ticks")(list(labels), list(labels.values()))
    getattr(ax, f"set_{axis}lim")(limits)
    getattr(ax, f"{axis}axis").set_minor_locator(NullLocator())


def pick_decades(values: ArrayLike, floor: float, most: int = 5) -> list[float]:
    """Ticks of a logarithmic axis that begins with 0: at most so many powers of ten from `floor` to the largest value.

    Examples
    --------
    >>> pick_decades([0.0, 0.02, 0.5], 0.001)
    [0.0, 0.001, 0.01, 0.1, 1.0]
    >>> pick_decades([1e9], 1e-3, most=4)
    [0.0, 0.001, 10.0, 100000.0, 1000000000.0]
    """
    first = int(np.floor(np.log10(floor) + 1e-9))
    largest = float(np.asarray(values, dtype=np.float64).max(initial=floor))
    last = max(first + 1, int(np.ceil(np.log10(largest) - 1e-9)))
    step = -(-(last - first) // (most - 1))
    return [0.0, *(float(f"1e{power}") for power in range(first, last + 1, step))]


def set_log_scale_with_zero(ax: "Axes", axis: str, values: FloatArray, floor: float, *, percent: bool = False) -> None:
    """Make an axis ("x" or "y") logarithmic from `floor` upwards, with a place for 0 below it."""
    ticks = pick_decades(values, floor, 4 if axis == "x" else 5)
    # 0 lies a fifth of the axis below the first power of ten
    scale = {"linthresh": ticks[1], "linscale": max(0.6, 0.22 * np.log10(ticks[-1] / ticks[1]))}
    top = max(ticks[-1], 1.3 * float(np.max(values, initial=0.0)))
    labels = {tick: format_tick(tick, percent=percent) for tick in ticks}
    set_scale(ax, axis, "symlog", labels, (-0.25 * ticks[1], 1.3 * top), **scale)


def format_tick(value: float, *, percent: bool = False) -> str:
    """Write a power of ten.

    Examples
    --------
    >>> format_tick(0.01, percent=True), format_tick(0.1), format_tick(0.0), format_tick(1e-6)
    ('1 %', '0.1', '0', '1e-6')
    """
    if percent:
        return "0" if value == 0 else f"{100 * value:g} %"
    return f"{value:g}".replace("e-0", "e-").replace("e+0", "e")
