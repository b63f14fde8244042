"""Do the pictures of features show what was measured, and does their text fit?"""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from balanced_nn._displays.feature_effects import FeatureEffects, PartialDependence
from balanced_nn._displays.features import DependenceDisplay, ImportanceDisplay
from tests.helpers.pictures import text_faults

DEPENDENCES = (
    PartialDependence(
        "income of the household in $ a year, before taxes", "number", (1e5, 2e5, 4e5), np.array([0.01, 0.03, 0.2])
    ),
    PartialDependence(
        "town", "category", ("A", "B", "a place with a name that is long"), np.array([0.02, 0.01, 0.05]), 7
    ),
    PartialDependence("day", "date", tuple(pd.date_range("2024-01-01", periods=5)), np.full(5, 0.02)),
    PartialDependence("hours", "number", (1.0,), np.array([0.02])),
)


def some_effects(n_features: int = 4, n_shown: int = 4) -> FeatureEffects:
    names = ([one.name for one in DEPENDENCES] + [f"column number {i}" for i in range(30)])[:n_features]
    drops = 0.1 / (1.0 + np.arange(n_features)) - 0.01
    return FeatureEffects(
        tuple(names),
        drops,
        np.full(n_features, 0.01),
        0.8,
        900,
        4000,
        50,
        "a $rare$ class",
        0.02,
        DEPENDENCES[:n_shown],
    )


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("n_features", [1, 4, 30])
def test_the_most_important_feature_is_on_top_and_every_text_fits(n_features: int) -> None:
    effects = some_effects(n_features)
    display = ImportanceDisplay(effects).plot()
    marks, _, _ = display.drops_
    np.testing.assert_allclose(marks.get_xdata(), effects.mean)
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]
    assert len(display.ax_.get_yticks()) == n_features
    assert text_faults(display.figure_) == []


@pytest.mark.parametrize("n_shown", [1, 2, 3, 4])
def test_there_is_a_panel_for_each_feature_on_one_axis_of_probabilities(n_shown: int) -> None:
    effects = some_effects(n_shown=n_shown)
    display = DependenceDisplay(effects).plot()
    assert len(display.lines_) == n_shown
    panels = display.axes_.ravel()[:n_shown]
    limits = [
        p.get_xlim() if one.kind == "category" else p.get_ylim() for p, one in zip(panels, DEPENDENCES, strict=False)
    ]
    assert len(set(limits)) == 1
    for line, one in zip(display.lines_, DEPENDENCES, strict=False):
        shown = line.get_xdata() if one.kind == "category" else line.get_ydata()
        np.testing.assert_allclose(shown, one.probability)
    assert text_faults(display.figure_) == []


def test_a_probability_that_nothing_moves_is_a_flat_line_within_the_panel() -> None:
    flat = PartialDependence("x", "number", (0.0, 1.0), np.zeros(2))
    effects = FeatureEffects(("x",), np.zeros(1), np.zeros(1), 0.5, 9, 9, 1, "yes", 0.0, (flat,))
    low, high = DependenceDisplay(effects).plot().axes_.ravel()[0].get_ylim()
    assert low < 0.0 < high
