"""Is every training shown, and are those that were kept told from the others?"""

import pickle
from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier, TrainingCurveDisplay
from balanced_nn._displays.training_curve import TrainingCurve, find_loss_range, list_trainings, summarize_trainings
from balanced_nn._network.specs import History
from balanced_nn.exceptions import CollapseWarning
from tests.helpers.pictures import SIZES, text_faults

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, random_state=0)
LOSSES = tuple(np.geomspace(2.0, 0.1, 30))
HISTORY = History(LOSSES, LOSSES[::-1], (0.5, *[0.8] * 29), 0.001, 20, 300, "patience")
ALONE = replace(HISTORY, validation_loss=(), validation_balanced_accuracy=(), best_epoch=30, stop_reason="max_iter")
LOST = History((float("nan"),), (), (), 10.0, 0, 10, "diverged")
REPAIRED = (
    TrainingCurve(replace(HISTORY, learning_rate=10.0, train_loss=(1e6, float("inf"), *[3e5] * 28)), kept=False),
    TrainingCurve(HISTORY, change="other initial weights and batches, 0.1 times the learning rate"),
    TrainingCurve(replace(HISTORY, learning_rate=0.002), 1),
)
CASES = {
    "one": (TrainingCurve(HISTORY),),
    "eight": tuple(TrainingCurve(HISTORY, number) for number in range(8)),
    "repaired": REPAIRED,
    "no hold-out": (TrainingCurve(ALONE),),
    "lost": (TrainingCurve(LOST),),
    "one epoch": (TrainingCurve(History((0.7,), (0.6,), (0.5,), 0.1, 1, 9, "max_iter")),),
}


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def repaired() -> BalancedNNClassifier:
    """A rate at which nothing is learned: each network is trained three times."""
    clf = BalancedNNClassifier((8,), learning_rate_init=1e-9, max_iter=3, n_members=2, random_state=0)
    with pytest.warns(CollapseWarning, match="Collapsed"):
        return clf.fit(X, Y)


def test_every_attempt_of_every_network_is_listed(repaired):
    curves = pickle.loads(pickle.dumps(repaired))
    curves = list_trainings(curves.members_, curves.repairs_)
    assert [(curve.network, bool(curve.change)) for curve in curves] == [
        (network, attempt > 0) for network in (0, 1) for attempt in range(3)
    ]
    for network, member in enumerate(repaired.members_):
        assert [curve.history for curve in curves if curve.network == network and curve.kept] == [member.history]
    assert [curve.change for curve in curves if curve.change] == [repair.change for repair in repaired.repairs_]


def test_curves_of_a_fit_are_drawn_with_the_best_epochs(repaired):
    display = TrainingCurveDisplay.from_estimator(make_pipeline(StandardScaler().fit(X), repaired))
    assert len(display.lines_) == 6 * 3  # losses of both kinds, and accuracies
    best = {float(mark.get_xdata()[0]) for mark in display.best_}
    assert best == {float(member.history.best_epoch) for member in repaired.members_}
    assert "2 networks" in display.figure_._suptitle.get_text()


def test_what_was_not_kept_differs_in_colour_and_marker():
    display = TrainingCurveDisplay(REPAIRED, n_classes=2).plot()
    discarded, kept = display.lines_[0], display.lines_[2]
    assert discarded.get_color() != kept.get_color()
    assert discarded.get_marker() == "x"
    labels = [text.get_text() for text in display.axes_[0, 0].get_legend().get_texts()]
    assert labels.count("attempt not kept") == labels.count("not finite") == 1
    assert display.axes_[0, 0].get_yscale() == "log"


def test_the_summary_tells_rates_and_repairs():
    told = summarize_trainings(REPAIRED)
    assert told.startswith(
        "2 networks; learning rates 0.001 (1x), 0.002 (1x); network 1 kept another attempt: other init"
    )
    failed = (replace(REPAIRED[0], kept=True), replace(REPAIRED[1], kept=False))
    assert summarize_trainings(failed) == "learning rate 10; network 1: no further attempt was better than the first"
    assert summarize_trainings(CASES["lost"]) == "learning rate 10; diverged"
    mixed = (*CASES["one"], replace(CASES["lost"][0], network=1))
    assert summarize_trainings(mixed) == "2 networks; learning rates 0.001 (1x), 10 (1x); 1 diverged"
    many = tuple(replace(curve, network=2 * number + curve.network) for number in range(4) for curve in REPAIRED)
    assert summarize_trainings(many).endswith("further attempts for 2 more")


def test_without_a_hold_out_there_is_no_panel_of_accuracy():
    display = TrainingCurveDisplay(CASES["no hold-out"], n_classes=2).plot()
    assert display.axes_.size == 1
    assert display.best_ == []
    assert summarize_trainings(CASES["one"]) == "learning rate 0.001"


def test_losses_that_are_not_finite_leave_the_range_alone():
    assert find_loss_range(CASES["lost"]) == (0.1, 1.0)
    low, high = find_loss_range(REPAIRED)
    assert (low, high) == pytest.approx((0.1, 1e6))


def test_no_curves_leave_nothing_to_draw():
    with pytest.raises(ValueError, match="curves is empty"):
        TrainingCurveDisplay([]).plot()
    assert plt.get_fignums() == []


def test_keywords_of_lines_are_followed_by_any_of_their_names():
    display = TrainingCurveDisplay(CASES["one"]).plot(line_kw={"c": "red", "lw": 3})
    assert {line.get_color() for line in display.lines_} == {"red"}
    assert {line.get_linewidth() for line in display.lines_} == {3}


@pytest.mark.parametrize(
    ("case", "size"),
    [
        ("one", "own"), ("eight", "small"), ("repaired", "small, plain"), ("repaired", "own"), ("no hold-out", "small"),
        ("lost", "own"), ("one epoch", "large"),
    ],
)  # fmt: skip
def test_no_text_is_cut_or_covered(case, size):
    display = TrainingCurveDisplay(CASES[case], n_classes=3).plot(ax=SIZES[size](plt))
    assert text_faults(display.figure_) == []
