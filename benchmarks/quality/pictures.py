"""How are the fits drawn? The pictures of docs/quality.md: mean ranks, pairs of scores, and rank against time."""

from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality.peers import NETWORK_METHODS, OURS
from benchmarks.quality.statistics import OK, joined, methods_beside_ours, pair, rank_methods

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOOSTED = ("CatBoost", "LightGBM", "XGBoost")
BESIDE = ("RealMLP-TD", "Keras MLP")  # further panels of the picture of sets
# Colours of Okabe and Ito, and markers
KINDS = {"ours": ("#D55E00", "D"), "other networks": ("#0072B2", "o"), "other methods": ("#555555", "s")}
SETS = "#009E73"  # a point that is no method
FONT = 9  # points
ADJACENT = 14  # pixels from a point to its label that need no line
DIRECTIONS = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]  # of a label from its point
Box = tuple[float, float, float, float]  # left, bottom, right, top


def kind_of(method: str) -> str:
    return "ours" if method == OURS else "other networks" if method in NETWORK_METHODS else "other methods"


def draw(fits: pd.DataFrame) -> "dict[str, Figure]":
    """The pictures that there are results for, by file name."""
    if not len(fits):
        return {}
    ranks = rank_methods(fits, methods_beside_ours(fits, ["set"]))
    means = ranks.means["average_precision"].dropna().sort_values()
    seconds = fits[fits["status"] == OK].groupby("method")["fit_seconds"].median()
    points = pd.DataFrame({"rank": means, "seconds": seconds.reindex(means.index)}).dropna()
    panels = scatter_panels(fits)
    found = {
        "quality_ranks.png": partial(draw_ranks, means, ranks.critical_difference) if len(means) > 1 else None,
        "quality_scatter.png": partial(draw_scatter, panels) if panels else None,
        "quality_time.png": partial(draw_time, points) if len(points) > 1 else None,
    }
    return {name: call() for name, call in found.items() if call is not None}


def scatter_panels(fits: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Average precision by set of the best boosted trees and of other peers, each beside ours on the same splits."""
    pairs = {name: pair(fits, name)["average_precision"].dropna() for name in (*BOOSTED, *BESIDE)}
    ahead = {name: (pairs[name][name] - pairs[name][OURS]).mean() for name in BOOSTED if len(pairs[name])}
    chosen = ([max(ahead, key=lambda name: ahead[name])] if ahead else []) + list(BESIDE)
    return {name: pairs[name] for name in chosen if len(pairs[name])}


def look_of(method: str) -> dict[str, str]:
    return {"color": KINDS[kind_of(method)][0], "weight": "bold" if method == OURS else "normal"}


def new_figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="none")
    FigureCanvasAgg(figure)
    return figure


def draw_ranks(means: pd.Series, difference: float) -> "Figure":
    """Mean ranks in ascending order on an axis with the best to the right, and bars that join equals."""
    bars, n_methods = joined(means.to_list(), difference), len(means)
    n_right = (n_methods + 1) // 2
    top = 0.5 * len(bars) + 1.0  # of the labels; y grows downwards, by 1 from label to label
    bottom = top + n_right
    figure = new_figure(8.0, 0.22 * (bottom + 3.5))
    axes = figure.add_axes((0.26, 0.0, 0.48, 1.0), xlim=(max(n_methods, 1 + difference), 1), ylim=(bottom, -3.5))
    axes.set_axis_off()
    black: dict[str, Any] = {"color": "black", "linewidth": 1}
    axes.hlines(0, 1, n_methods, **black)
    axes.vlines(range(1, n_methods + 1), -0.25, 0, **black)
    for rank in range(1, n_methods + 1):
        axes.text(rank, -0.4, str(rank), ha="center", va="bottom", fontsize=FONT)
    middle = 1 + difference / 2
    axes.errorbar(middle, -2.1, xerr=difference / 2, capsize=3, **black)
    axes.text(middle, -2.45, f"critical difference {difference:.2f}", ha="center", va="bottom", fontsize=FONT)
    for i, (first, last) in enumerate(bars):
        ends = means.iloc[first] - 0.06, means.iloc[last] + 0.06
        axes.hlines(0.5 * (i + 1), *ends, color="black", linewidth=3.5, capstyle="round")
    for i, (method, rank) in enumerate(means.items()):
        on_right = i < n_right
        label_rank(axes, str(method), rank, top + (i if on_right else n_methods - 1 - i), on_right)
    return figure


def label_rank(axes: Any, method: str, rank: float, depth: float, on_right: bool) -> None:
    """A line from the axis down and aside, to the name of the method."""
    left, right = axes.get_xlim()
    edge, gap, side = (right, 6, "left") if on_right else (left, -6, "right")  # gap in points
    look = look_of(method)
    axes.plot([rank, rank, edge], [0, depth, depth], color=look["color"], linewidth=1, clip_on=False)
    axes.annotate(
        f"{method}  {rank:.2f}", (edge, depth), xytext=(gap, 0), textcoords="offset points",
        ha=side, va="center", fontsize=FONT, annotation_clip=False, **look,
    )  # fmt: skip


def draw_scatter(panels: Mapping[str, pd.DataFrame]) -> "Figure":
    figure = new_figure(3.4 * len(panels), 3.6)
    figure.set_layout_engine("constrained")
    all_axes = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (method, pairs) in zip(all_axes, panels.items(), strict=True):
        higher = int((pairs[OURS] > pairs[method]).sum())
        axes.axline((0, 0), slope=1, color="black", linewidth=0.8)
        axes.scatter(pairs[method], pairs[OURS], s=26, color=SETS, alpha=0.7, linewidth=0, zorder=3)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axes.set_xlabel(method, fontsize=FONT)
        axes.set_title(f"ours higher on {higher} of {len(pairs)} sets", fontsize=FONT)
        axes.tick_params(labelsize=FONT - 1)
    all_axes[0].set_ylabel(OURS, fontsize=FONT)
    figure.suptitle("Average precision by set", fontsize=FONT + 1)
    return figure


def draw_time(points: pd.DataFrame) -> "Figure":
    """Columns rank and seconds, a line for each method."""
    figure = new_figure(8.0, 5.5)
    axes = figure.add_axes((0.1, 0.1, 0.88, 0.84), xscale="log")
    kinds = np.array([kind_of(str(method)) for method in points.index])
    for kind in [kind for kind in KINDS if kind in kinds]:
        colour, marker = KINDS[kind]
        part = points[kinds == kind]
        axes.scatter(part["seconds"], part["rank"], s=32, color=colour, marker=marker, label=kind, zorder=3)
    axes.margins(0.12)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("median seconds of a fit", fontsize=FONT)
    axes.set_ylabel("mean rank in average precision (1 is best)", fontsize=FONT)
    axes.tick_params(which="both", labelsize=FONT - 1)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(KINDS), frameon=False, fontsize=FONT)
    label_points(axes, points)
    return figure


def label_points(axes: Any, points: pd.DataFrame) -> None:
    """Write the name of each method beside its point, with a line to one that is further off."""
    axes.figure.draw_without_rendering()  # settles the limits
    at = axes.transData.transform(points[["seconds", "rank"]].to_numpy())
    texts = [axes.text(0, 0, name, fontsize=FONT, transform=axes.transAxes, **look_of(name)) for name in points.index]
    sizes = np.array([text.get_window_extent().size for text in texts])
    corners = place_labels(at, sizes, axes.bbox.padded(-6).extents)
    to_axes = axes.transAxes.inverted()
    for point, size, corner, text in zip(at, sizes, corners, texts, strict=True):
        text.set(position=to_axes.transform(corner), verticalalignment="bottom")
        end = np.clip(point, corner, corner + size)
        if np.hypot(*(end - point)) > ADJACENT:
            line = to_axes.transform([point, end])
            axes.plot(*line.T, transform=axes.transAxes, color=text.get_color(), linewidth=0.6, zorder=2)


def place_labels(points: NDArray[np.float64], sizes: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    """Lower left corners of labels, near their points, inside a box, clear of each other and of every point; pixels."""
    margin = 9.0  # about the half width of a marker
    taken = [(*(point - margin), *(point + margin)) for point in points]
    corners = []
    for point, size in zip(points, sizes, strict=True):
        for distance, direction in product(np.arange(12.0, 400.0, 6.0), np.array(DIRECTIONS)):
            corner = point + distance * direction + size * (direction - 1) / 2
            spot = (*corner, *(corner + size))
            if is_inside(spot, box) and not any(overlap(spot, other) for other in taken):
                break
        taken.append(spot)
        corners.append(corner)
    return np.array(corners)


def is_inside(spot: Box, box: Box) -> bool:
    return spot[0] >= box[0] and spot[1] >= box[1] and spot[2] <= box[2] and spot[3] <= box[3]


def overlap(spot: Box, other: Box) -> bool:
    return spot[0] < other[2] and other[0] < spot[2] and spot[1] < other[3] and other[1] < spot[3]
