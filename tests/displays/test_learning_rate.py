"""Does the picture of a range test show what was chosen, and why?"""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier, LearningRateDisplay, learning_rate_range_test, suggest_learning_rate
from balanced_nn._displays.learning_rate import summarize_trace
from balanced_nn._network.specs import RangeTestTrace
from tests.helpers.pictures import SIZES, text_faults

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, random_state=0)
RATES = np.geomspace(1e-5, 1.0, 101)
VALLEY = 0.5 + np.log10(RATES / 0.05) ** 2 / 10
TRACES = {
    "valley": RangeTestTrace(RATES, VALLEY),
    "diverges": RangeTestTrace(RATES, np.where(RATES > 0.3, 1e9, VALLEY)),
    "ends in NaN": RangeTestTrace(RATES, np.where(RATES > 0.3, np.nan, VALLEY)),
    "flat": RangeTestTrace(RATES, np.full(101, 0.69)),
    "lost at once": RangeTestTrace(RATES, np.full(101, np.nan)),
    "two steps": RangeTestTrace(RATES[:2], VALLEY[:2]),
    "huge": RangeTestTrace(RATES, 1e6 * VALLEY),
}


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted() -> BalancedNNClassifier:
    return BalancedNNClassifier((8,), max_iter=2, n_members=1, on_collapse="ignore", random_state=0).fit(X, Y)


def test_the_search_of_a_fit_is_drawn(fitted):
    display = LearningRateDisplay.from_estimator(fitted)
    assert display.search is fitted.lr_search_
    assert display.chosen_.get_xdata()[0] == fitted.learning_rate_
    reason = display.ax_.get_figure()._suptitle.get_text().replace("\n", " ")
    assert reason.lower() == fitted.lr_search_.reason.lower()


def test_a_trace_is_drawn_with_the_rate_that_it_suggests():
    estimator = BalancedNNClassifier((8,), random_state=0)
    trace = learning_rate_range_test(estimator, X, Y, n_steps=30)
    display = LearningRateDisplay.from_trace(trace, smoothing=0.5)
    assert display.search.learning_rate == suggest_learning_rate(trace, smoothing=0.5)
    np.testing.assert_array_equal(display.losses_.get_ydata(), trace.losses)


def test_a_rate_set_by_hand_leaves_nothing_to_show():
    clf = BalancedNNClassifier((8,), max_iter=2, n_members=1, learning_rate_init=0.01, on_collapse="ignore")
    with pytest.raises(ValueError, match=r"learning_rate_init=0.01 was set by hand.*LearningRateDisplay.from_trace"):
        LearningRateDisplay.from_estimator(clf.fit(X, Y))


def test_what_is_no_trace_is_refused(fitted):
    with pytest.raises(TypeError, match="got BalancedNNClassifier. For a fitted classifier use"):
        LearningRateDisplay.from_trace(fitted)


@pytest.mark.parametrize(("name", "diverged"), [("valley", None), ("diverges", 0.3), ("ends in NaN", 0.3)])
def test_landmarks_are_found(name, diverged):
    curve = summarize_trace(TRACES[name], 0.0)
    assert curve.lowest == pytest.approx((0.05, 0.5), rel=0.1)
    assert curve.diverged_at == (None if diverged is None else pytest.approx(diverged, rel=0.15))
    assert curve.shown[1] < 2.0


def test_divergence_and_the_fallback_are_told():
    display = LearningRateDisplay.from_trace(TRACES["lost at once"])
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "diverged" in labels
    assert any(label.endswith("(the fallback)") for label in labels)
    assert "lowest" not in labels


def test_keywords_change_the_smoothed_line():
    assert LearningRateDisplay.from_trace(TRACES["valley"], line_kw={"c": "red"}).line_.get_color() == "red"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("valley", "own"), ("diverges", "small"), ("ends in NaN", "large"), ("flat", "small, plain"),
        ("lost at once", "small"), ("two steps", "small, plain"), ("huge", "small, plain"),
    ],
)  # fmt: skip
def test_no_text_is_cut_or_covered(name, size):
    display = LearningRateDisplay.from_trace(TRACES[name], ax=SIZES[size](plt))
    assert text_faults(display.figure_) == []
