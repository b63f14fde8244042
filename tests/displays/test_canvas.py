"""Do displays find their axes, and do they leave matplotlib as it was?"""

import sys
from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from balanced_nn import (
    BalancedNNClassifier,
    CollapseDisplay,
    DecisionDisplay,
    LearningRateDisplay,
    TrainingCurveDisplay,
)
from balanced_nn._displays.canvas import open_canvas
from balanced_nn._network.specs import RangeTestTrace
from tests.helpers.pictures import text_faults

Y = np.repeat(["no", "yes"], [40, 10])
PROBA = np.concatenate([np.linspace(0.01, 0.6, 40), np.linspace(0.2, 0.9, 10)])
TRACE = RangeTestTrace(np.geomspace(1e-4, 1.0, 40), np.linspace(1.0, 0.5, 40))
DRAW = {
    "collapse": lambda ax: CollapseDisplay.from_predictions(Y, PROBA, ax=ax),
    "decision": lambda ax: DecisionDisplay.from_predictions(Y, PROBA, ax=ax),
}


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("name", DRAW)
def test_without_axes_one_figure_is_made_and_with_axes_none(name):
    display = DRAW[name](None)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.bounding_ax_ is None
    figure, ax = plt.subplots()
    assert DRAW[name](ax).figure_ is figure
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("name", DRAW)
def test_one_axes_is_divided_and_an_array_of_axes_is_used_as_it_is(name):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(12, 4))
    display = DRAW[name](left)
    assert display.bounding_ax_ is left
    assert not left.axison
    assert display.axes_.shape == (1, 2)
    assert all(ax.get_position().x1 < right.get_position().x0 for ax in display.axes_.ravel())
    again = DRAW[name](plt.subplots(2, 1)[1])
    assert again.bounding_ax_ is None
    assert again.axes_.shape == (2,)


@pytest.mark.parametrize("name", DRAW)
def test_settings_of_matplotlib_stay_as_they_were(name):
    before = dict(mpl.rcParams)
    DRAW[name](None)
    assert dict(mpl.rcParams) == before


def test_a_larger_text_of_the_user_is_followed():
    with mpl.rc_context({"font.size": 7}):
        assert DRAW["decision"](None).axes_[0, 0].xaxis.label.get_fontsize() == 7


def test_the_same_display_can_be_drawn_twice():
    display = DRAW["decision"](None)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


def test_an_axes_is_divided_only_once():
    _, ax = plt.subplots()
    DRAW["decision"](ax)
    with pytest.raises(ValueError, match="ax was already divided by another display. Pass ax=display.axes_"):
        DRAW["decision"](ax)


def test_an_axes_without_a_grid_cannot_be_divided():
    ax = plt.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match="ax is not part of a grid, so it cannot be divided into 2 panels"):
        DRAW["decision"](ax)


def test_an_axes_without_a_grid_will_do_for_one_panel():
    ax = plt.figure().add_axes((0.15, 0.15, 0.7, 0.7))
    display = LearningRateDisplay.from_trace(TRACE, ax=ax)
    assert display.ax_ is ax
    assert text_faults(display.figure_) == []


def test_a_part_of_a_figure_will_do():
    left, right = plt.figure(figsize=(9, 3), layout="constrained").subfigures(1, 2)
    assert DRAW["decision"](left.subplots()).figure_ is left
    assert DRAW["collapse"](right.subplots(1, 2)).figure_ is right
    assert text_faults(left.figure) == []


def test_a_figure_whose_layout_was_taken_away_has_none():
    figure, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    figure.set_layout_engine("none")
    assert text_faults(DRAW["collapse"](ax).figure_) == []


def test_the_number_of_axes_has_to_fit():
    with pytest.raises(ValueError, match="ax holds 3 Axes, but there are 2 panels"):
        DRAW["decision"](plt.subplots(3)[1])


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda: TrainingCurveDisplay.from_estimator(None), "TrainingCurveDisplay.from_estimator"),
        (lambda: TrainingCurveDisplay([]).plot(), "TrainingCurveDisplay"),
        (lambda: LearningRateDisplay.from_estimator(None), "LearningRateDisplay.from_estimator"),
        (lambda: LearningRateDisplay.from_trace(TRACE), "LearningRateDisplay.from_trace"),
        (lambda: CollapseDisplay.from_estimator(None, None), "CollapseDisplay.from_estimator"),
        (lambda: DRAW["collapse"](None), "CollapseDisplay.from_predictions"),
        (lambda: DecisionDisplay.from_estimator(None), "DecisionDisplay.from_estimator"),
        (lambda: DRAW["decision"](None), "DecisionDisplay.from_predictions"),
    ],
)
def test_without_matplotlib_the_error_says_what_to_install(draw, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf"^{name} needs matplotlib: pip install 'balanced-nn\[plot\]'$"):
        draw()


@pytest.mark.parametrize("display", [TrainingCurveDisplay, LearningRateDisplay, DecisionDisplay])
def test_another_classifier_is_refused(display):
    with pytest.raises(TypeError, match=rf"^{display.__name__} shows a fitted BalancedNNClassifier.*; got ndarray"):
        display.from_estimator(np.zeros(3))
    with pytest.raises(ValueError, match="not fitted yet"):  # scikit-learn's NotFittedError
        display.from_estimator(BalancedNNClassifier())


def test_a_panel_of_the_user_keeps_its_size():
    _, ax = plt.subplots(figsize=(8, 4))
    canvas = open_canvas(ax, (2, 2), caller="test", panel=(9.0, 9.0), lower=0.1)
    assert canvas.panel[0] == pytest.approx(4.0)
    assert canvas.first_height + canvas.panel[1] == pytest.approx(4.0)
    assert canvas.panel[1] >= 0.5 * canvas.first_height
