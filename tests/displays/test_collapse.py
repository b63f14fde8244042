"""Does the picture of a report show what collapsed?"""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from balanced_nn import CollapseDisplay, CollapseReport
from balanced_nn._causes.evidence import Evidence, LayerProbe, Probe
from balanced_nn._collapse.outcome import find_outcome
from balanced_nn._displays.collapse import read_class_shares, read_layer_curves
from tests.helpers.evidence import DATA, OUTCOME
from tests.helpers.pictures import SIZES, text_faults

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, random_state=0)
NAMES = [f"Manufacturing of food, beverages and $tobacco$ products, group {i}" for i in range(25)]


def probe(gradients: list[float], dead: float = 0.1) -> Probe:
    layers = [LayerProbe("relu", 8, 1.0, dead, 0.0, 3.0, gradient, 0.3) for gradient in gradients]
    return Probe(tuple(layers), loss=0.7, chance_loss=0.69, finite=True)


def report(gradients: list[float], classes: tuple = ("no", "yes")) -> CollapseReport:
    evidence = Evidence(OUTCOME, DATA, initial=probe(gradients), final=probe(gradients, dead=1.0))
    return CollapseReport(OUTCOME, classes, "held-out rows", evidence=evidence)


def predictions(n_classes: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.r_[
        np.arange(n_classes),
        rng.choice(n_classes, 500, p=0.6 ** np.arange(n_classes) / sum(0.6 ** np.arange(n_classes))),
    ]
    return y, rng.dirichlet(np.ones(n_classes), len(y)) * spread + (1 - spread) / n_classes


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


def test_a_classifier_without_layers_has_two_panels():
    display = CollapseDisplay.from_estimator(LogisticRegression().fit(X, Y), X, Y)
    assert display.axes_.shape == (1, 2)
    assert display.dead_ == display.gradients_ == []
    np.testing.assert_allclose(np.sort(display.true_.get_xdata()), np.sort(np.bincount(Y) / len(Y)))
    assert not display.report.collapsed


def test_a_network_has_its_layers_drawn_before_and_after_training():
    mlp = MLPClassifier((8, 4), max_iter=20, n_iter_no_change=20, tol=0.0, random_state=0)
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, Y)
    display = CollapseDisplay.from_estimator(mlp, X, Y, sample_weight=np.ones(len(Y)))
    assert display.axes_.shape == (2, 2)
    before, after = display.gradients_
    assert len(after.get_xdata()) == 3
    assert len(display.dead_[0].get_xdata()) == 2
    assert before.get_linestyle() != after.get_linestyle()
    assert before.get_marker() != after.get_marker()
    final = display.report.evidence.final
    np.testing.assert_allclose(after.get_ydata(), [layer.gradient for layer in final.layers])


def test_held_out_rows_are_judged_where_they_are_given():
    model = LogisticRegression().fit(X[:200], Y[:200])
    display = CollapseDisplay.from_estimator(model, X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
    assert display.report.facts.n_rows == 100


def test_predictions_are_judged_as_everywhere():
    y, proba = predictions(3, 0.9)
    display = CollapseDisplay.from_predictions(y, proba)
    assert display.report.facts == find_outcome(y, proba)
    np.testing.assert_array_equal(display.spread_.get_xdata(), read_class_shares(display.report).spread)


def test_answers_and_the_order_of_columns_are_the_users():
    y = np.repeat(["no", "yes"], [30, 10])
    display = CollapseDisplay.from_predictions(
        y, np.column_stack([np.linspace(0, 1, 40), np.linspace(1, 0, 40)]), y_pred=["no"] * 40, classes=["yes", "no"]
    )
    assert display.report.classes == ("yes", "no")
    assert display.report.facts.predicted_share == (0.0, 1.0)
    assert display.report.facts.true_share == (0.25, 0.75)
    assert [text.get_text() for text in display.axes_[0, 0].get_yticklabels()] == ["no", "yes"]


def test_weights_count():
    y, weight = [0, 0, 1], [1.0, 0.0, 3.0]
    display = CollapseDisplay.from_predictions(y, [0.1, 0.2, 0.3], sample_weight=weight)
    assert display.report.facts.true_share == (0.25, 0.75)


def test_probabilities_that_are_not_numbers_are_a_collapse():
    display = CollapseDisplay.from_predictions([0, 1, 1], [np.nan, 0.5, 0.2])
    assert display.report.outcome.value == "constant"
    assert display.spread_.get_xdata().tolist() == [0.0, 0.0]


def test_classes_stand_in_the_order_of_their_frequency():
    shares = read_class_shares(CollapseReport(replace(OUTCOME, true_share=(0.2, 0.8)), ("a", "b"), "held-out rows"))
    assert shares.order.tolist() == [1, 0]
    assert shares.predicted.tolist() == [0.0, 1.0]


def test_layers_are_those_that_were_looked_at():
    assert read_layer_curves(None) == ()
    assert read_layer_curves(Evidence(OUTCOME, DATA)) == ()
    assert read_layer_curves(Evidence(OUTCOME, DATA, final=probe([1.0]))) == ()  # an output alone
    (only,) = read_layer_curves(Evidence(OUTCOME, DATA, final=probe([0.1, np.inf])))
    assert only.is_final
    assert np.isnan(only.gradient[1])
    redrawn, _ = read_layer_curves(
        Evidence(OUTCOME, DATA, initial=probe([1, 2]), final=probe([1, 2]), initial_is_redrawn=True)
    )
    assert redrawn.when == "before training (weights redrawn)"


def test_gradients_that_are_not_finite_are_marked():
    display = CollapseDisplay(report([0.1, np.nan, 0.3])).plot()
    labels = [text.get_text() for text in display.axes_[1, 1].get_legend().get_texts()]
    assert labels.count("not finite") == 1


@pytest.mark.parametrize(
    ("y_true", "y_proba", "more", "message"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], {}, "y_true holds the labels 0, 1, 2, but y_proba has 2 columns"),
        ([0, 1], [0.1, 0.2], {"classes": [0, 0]}, "classes names 0, 0, but y_proba has 2 columns"),
        ([0, 1], [0.1, 0.2, 0.3], {}, r"y_proba has shape \(3,\), but there are 2 labels"),
        ([0, 1], [0.1, 1.2], {}, "y_proba holds numbers from -0.2 to 1.2 and rows that sum to 1 to 1"),
        ([0, 1], [[0.3, 0.3], [0.5, 0.5]], {}, "rows that sum to 0.6 to 1"),
        ([0, 1], [0.1, 0.2], {"classes": [0, 5]}, "y_true holds 1, which is not a class of the training data"),
        ([0, 1], [0.1, 0.2], {"y_pred": [0, 7]}, "y_pred holds 7, which is not a class of the training data"),
        (
            [0, 1],
            [0.1, 0.2],
            {"y_pred": [0]},
            r"inconsistent numbers of samples: \[2, 1\]. y_true has 2 rows, and y_pred",
        ),
        ([0, 1], [0.1, 0.2], {"sample_weight": [1, -1]}, "sample_weight holds 1 negative weights"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(y_true, y_proba, more, message):
    with pytest.raises(ValueError, match=message):
        CollapseDisplay.from_predictions(y_true, y_proba, **more)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("n_classes", "spread", "size"),
    [(2, 0.9, "own"), (2, 0.0, "small, plain"), (12, 0.9, "small"), (25, 0.0, "own"), (25, 0.9, "small, plain")],
)
def test_no_text_is_cut_or_covered(n_classes, spread, size):
    y, proba = predictions(n_classes, spread)
    names = np.array(NAMES)
    display = CollapseDisplay.from_predictions(names[y], proba, classes=names[:n_classes], ax=SIZES[size](plt))
    assert text_faults(display.figure_) == []


@pytest.mark.parametrize(
    ("gradients", "size"),
    [
        ([1e-9, 1e-3, 0.1], "own"),
        ([0.0] * 12, "small"),
        ([0.0, 1e-30, 1e5, np.nan], "small, plain"),
        ([1e-9, 1.0], "small"),
        ([0.1, 0.2], "large"),
    ],
)
def test_no_text_is_cut_or_covered_where_there_are_layers(gradients, size):
    display = CollapseDisplay(report(gradients, (NAMES[0], NAMES[1]))).plot(ax=SIZES[size](plt))
    assert text_faults(display.figure_) == []
