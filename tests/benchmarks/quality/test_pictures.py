"""Can the pictures of docs/quality.md be read?"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.quality import pictures
from benchmarks.quality.peers import METHODS


def overlaps(spots: Sequence[tuple[float, ...]], meet: Callable[..., bool]) -> list[tuple[int, int]]:
    return [(i, j) for i in range(len(spots)) for j in range(i) if meet(spots[i], spots[j])]


def test_labels_overlap_neither_each_other_nor_a_point_nor_the_edge() -> None:
    points = np.random.default_rng(0).uniform([0, 0], [1000, 700], (18, 2))
    points[:6] = points[0] + np.arange(6)[:, None]  # almost on one another
    sizes = np.tile([200.0, 18.0], (18, 1))
    box = (0.0, 0.0, 1000.0, 700.0)
    corners = pictures.place_labels(points, sizes, box)
    spots = [(*corner, *(corner + size)) for corner, size in zip(corners, sizes, strict=True)]
    assert overlaps(spots, pictures.overlap) == []
    assert all(pictures.is_inside(spot, box) for spot in spots)
    assert not any(pictures.overlap(spot, (*point, *point)) for spot in spots for point in points)


def test_rank_labels_of_all_methods_do_not_overlap() -> None:
    means = pd.Series(np.linspace(8.9, 9.1, len(METHODS)), index=list(METHODS))
    figure = pictures.draw_ranks(means, 3.9)
    figure.draw_without_rendering()
    spots = [text.get_window_extent().extents for text in figure.axes[0].texts]
    assert overlaps(spots, pictures.overlap) == []
