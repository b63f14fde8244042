"""Does the picture of a decision show thresholds, classes and reliability as scikit-learn's metrics see them?"""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, make_scorer, precision_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from balanced_nn import BalancedNNClassifier, DecisionDisplay
from balanced_nn._data.table import read_table
from balanced_nn._decision.metrics import read_metric
from balanced_nn._decision.rule import read_decision
from balanced_nn._displays.decision_curves import (
    evaluate_thresholds,
    find_plateau,
    measure_reliability,
    score_classes,
    wilson_interval,
)
from balanced_nn._probability.correction import expand_logits, log_softmax
from tests.helpers.pictures import SIZES, text_faults

X, Y = make_classification(n_samples=400, n_features=6, weights=[0.8], class_sep=1.0, random_state=0)
NAMES = [f"Manufacturing of food, beverages and $tobacco$ products, group {i}" for i in range(25)]


def small(**params) -> BalancedNNClassifier:
    settings = {"max_iter": 3, "learning_rate_init": 0.01, "on_collapse": "ignore", "random_state": 0, **params}
    return BalancedNNClassifier((8,), **settings)


def made_up(n_classes: int, n_rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(0.6 ** np.arange(n_classes) + 0.05, n_rows)
    y = np.array([rng.choice(n_classes, p=row) for row in proba])
    y[:n_classes] = np.arange(n_classes)
    return y, proba


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def two() -> BalancedNNClassifier:
    """Two networks, trained with class weights."""
    return small(n_members=2, decision="f1").fit(X[:300], Y[:300])


# From a fitted classifier


def test_the_tuned_metric_is_that_of_scikit_learn_at_every_threshold(two):
    display = DecisionDisplay.from_estimator(two, X[300:], Y[300:])
    rows = two.predict_proba(X[300:])[:, 1]
    weight = np.bincount(Y[300:]) / 100
    weight = (two.class_prior_ / weight)[Y[300:]]
    for threshold, value in zip(display.curve.thresholds, display.curve.values, strict=True):
        expected = f1_score(Y[300:], rows > threshold + 1e-9, sample_weight=weight, zero_division=0)
        assert value == pytest.approx(expected, abs=1e-6)
    assert display.curve.metric == "f1"
    assert display.curve.chosen[0] == pytest.approx(two.decision_rule_.threshold)
    assert display.curve.chosen[1] == pytest.approx(f1_score(Y[300:], two.predict(X[300:]), sample_weight=weight))
    low, high = display.curve.interval
    assert low <= display.curve.chosen[0] <= high
    assert display.rows == "given rows"


def test_given_rows_are_shown_before_and_after_the_correction(two):
    display = DecisionDisplay.from_estimator(two, X[:300], Y[:300])
    before, after = display.reliabilities
    raw, table = [], read_table(two, X[:300], reset=False)
    for member in two.members_:
        logits = member.network.logits(member.preprocessing.expand(member.preprocessing.clean(table)))
        raw.append(np.exp(log_softmax(expand_logits(logits))))
    assert before.log_loss == pytest.approx(log_loss(Y[:300], np.mean(raw, axis=0)))
    assert after.log_loss == pytest.approx(log_loss(Y[:300], two.predict_proba(X[:300])))


def test_held_out_rows_look_as_they_do_when_given_again():
    clf = small(n_members=1, class_weight="balanced", label_smoothing=0.1).fit(
        X[:200], Y[:200], X_val=X[200:], y_val=Y[200:]
    )
    clf.set_prior(np.bincount(Y[200:]) / 200)
    kept, given_again = DecisionDisplay.from_estimator(clf), DecisionDisplay.from_estimator(clf, X[200:], Y[200:])
    assert kept.rows == "held-out rows"
    assert clf.temperature_ != 1.0
    for one, other in zip(kept.reliabilities, given_again.reliabilities, strict=True):
        assert one.log_loss == pytest.approx(other.log_loss, rel=1e-5)
    before, after = (one.predicted @ np.ones(len(one.predicted)) for one in kept.reliabilities)
    assert before > after  # balanced weights made the rare class look frequent


def test_rows_of_the_training_are_called_so():
    clf = small(n_members=1, early_stopping=False).fit(X, Y)
    assert DecisionDisplay.from_estimator(clf).rows == "training rows"


def test_a_pipeline_is_looked_into(two):
    pipeline = make_pipeline(FunctionTransformer(lambda X: X - 1.0).fit(X), two)
    shifted = DecisionDisplay.from_estimator(pipeline, X[300:] + 1.0, Y[300:], sample_weight=np.full(100, 2.0))
    plain = DecisionDisplay.from_estimator(two, X[300:], Y[300:])
    np.testing.assert_allclose(shifted.curve.values, plain.curve.values)


def test_a_metric_of_scores_is_refused_by_its_own_name(two):
    with pytest.raises(ValueError, match="metric='roc_auc' reads decision_function"):
        DecisionDisplay.from_estimator(two, metric="roc_auc")
    with pytest.raises(ValueError, match="metric='nothing' is not the name of a scikit-learn metric"):
        DecisionDisplay.from_estimator(two, metric="nothing")


def test_rows_of_one_class_have_no_threshold(two):
    with pytest.raises(ValueError, match="y holds a single class, 0; no threshold is better"):
        DecisionDisplay.from_estimator(two, X[Y == 0], Y[Y == 0])


def test_another_metric_can_be_asked_for(two):
    display = DecisionDisplay.from_estimator(two, metric="matthews_corrcoef")
    assert display.curve.metric == "matthews corrcoef"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X}, "DecisionDisplay needs X and y together"),
        ({"sample_weight": np.ones(3)}, "DecisionDisplay needs X and y together"),
        ({"X": X, "y": Y + 5}, "y holds 5, which is not a class of the training data"),
        ({"metric": "no_such_metric"}, "no_such_metric"),
        ({"n_bins": 0}, "n_bins=0 is not a number of bins"),
        ({"n_bins": 2.5}, "n_bins=2.5 is not a number of bins"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(two, arguments, message):
    with pytest.raises(ValueError, match=message):
        DecisionDisplay.from_estimator(two, **arguments)
    assert plt.get_fignums() == []


# From predictions


@pytest.mark.parametrize(
    ("decision", "metric", "threshold"),
    [
        ("argmax", "accuracy", 0.5),
        ("balanced", "balanced accuracy", 0.1),
        (0.3, "balanced accuracy", 0.3),
        ([[0, 1], [4, 0]], "accuracy, weighted by cost", 0.2),
    ],
)
def test_the_metric_follows_the_rule(decision, metric, threshold):
    y = np.repeat([0, 1], [90, 10])
    display = DecisionDisplay.from_predictions(y, np.linspace(0.01, 0.9, 100), decision=decision)
    assert display.curve.metric == metric
    assert display.curve.chosen[0] == pytest.approx(threshold)
    assert display.curve.interval is None
    assert [one.name for one in display.reliabilities] == ["given"]


def test_a_rule_of_costs_is_best_at_its_own_threshold():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 5, 50_000)
    y = (rng.random(50_000) < p).astype(int)
    curve = DecisionDisplay.from_predictions(y, p, decision=[[0, 1], [4, 0]]).curve
    assert curve.plateau[0] < 0.2 < curve.plateau[1]
    assert abs(curve.thresholds[np.argmax(curve.values)] - 0.2) < 0.05


def test_several_classes_show_recall_and_precision():
    y, proba = made_up(4)
    display = DecisionDisplay.from_predictions(y, proba, decision="balanced")
    prior = np.bincount(y) / len(y)
    answers, order = (proba / prior).argmax(axis=1), display.scores.order
    np.testing.assert_allclose(display.scores.recall, recall_score(y, answers, average=None)[order])
    np.testing.assert_allclose(display.scores.precision, precision_score(y, answers, average=None)[order])
    np.testing.assert_allclose(
        display.scores.recall_of_argmax, recall_score(y, proba.argmax(axis=1), average=None)[order]
    )
    assert display.curve is display.line_ is display.chosen_ is None


def test_costs_that_no_threshold_expresses_show_the_classes():
    y, proba = made_up(2)
    display = DecisionDisplay.from_predictions(y, proba, decision=[[0, 0], [1, 0]])
    assert display.curve is None
    assert display.scores.recall.shape == (2,)


def test_names_of_classes_are_no_mathematics():
    y, proba = made_up(2)
    display = DecisionDisplay.from_predictions(y, proba, classes=[0, 1])
    named = DecisionDisplay.from_predictions(np.array(["no", "$y$"])[y], proba, classes=["no", "$y$"])
    assert display.axes_[0, 0].get_xlabel() == "threshold for 1"
    assert named.axes_[0, 0].get_xlabel() == r"threshold for \$y\$"


def test_a_class_that_is_never_answered_has_no_precision():
    rule = read_decision("argmax", (0, 1, 2), None).rule(np.full(3, 1 / 3))
    scores = score_classes(np.log([[0.8, 0.1, 0.1]] * 3), np.array([0, 0, 1]), np.ones(3), rule)
    assert scores.recall[:2].tolist() == [1.0, 0.0]
    assert np.isnan(scores.recall[2])
    assert np.isnan(scores.precision[1:]).all()


def test_probabilities_before_a_correction_are_compared():
    y, proba = made_up(2)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    display = DecisionDisplay.from_predictions(
        y, proba, y_proba_before=np.sqrt(proba[:, 1]), sample_weight=weight, decision="f1"
    )
    before, given_ = display.reliabilities
    assert before.log_loss == pytest.approx(log_loss(y, np.sqrt(proba[:, 1]), sample_weight=weight))
    assert given_.log_loss == pytest.approx(log_loss(y, proba, sample_weight=weight))
    assert display.curve.interval is not None
    assert len(display.reliability_) == 2
    assert (before.name, given_.name) == ("before", "after")


@pytest.mark.parametrize(
    ("y_true", "y_proba", "more", "message"),
    [
        ([0, 1], [0.1, np.nan], {}, "y_proba holds NaN in 1 rows"),
        ([0, 1], [0.1, 0.5], {"y_proba_before": [np.nan, np.nan]}, "y_proba_before holds NaN in 2 rows"),
        ([0, 1], [0.1, 0.5], {"y_proba_before": [0.1]}, r"y_proba_before has shape \(1,\)"),
        ([0, 1], [0.1, 0.5], {"y_proba_before": np.eye(3)[:2]}, "y_proba_before has 3 columns, y_proba 2"),
        ([0, 1], np.eye(3)[:2], {"classes": [0, 1, 2]}, "y_true holds no row of class 2"),
        ([0, 1], [0.1, 0.5], {"decision": 1.5}, "decision=1.5 is not a threshold"),
        ([0, 1, 2], np.eye(3), {"metric": "f1_macro"}, "metric='f1_macro' is drawn against a threshold"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(y_true, y_proba, more, message):
    with pytest.raises(ValueError, match=message):
        DecisionDisplay.from_predictions(y_true, y_proba, **more)


# The curves


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]), st.booleans(), st.integers(1, 3)), min_size=2, max_size=30
    )
)
def test_a_curve_agrees_with_scikit_learn_at_every_threshold(rows):
    p, y, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    y = y.astype(int)
    y[:2] = [0, 1]
    rule = read_decision(0.3, (0, 1), None).rule(np.array([0.5, 0.5]))
    curve = evaluate_thresholds(p, y, weight, read_metric("balanced_accuracy", (0, 1)), rule)
    for threshold, value in zip(curve.thresholds[1:], curve.values[1:], strict=True):
        assert value == pytest.approx(balanced_accuracy_score(y, p > threshold, sample_weight=weight))
    assert curve.chosen[1] == pytest.approx(balanced_accuracy_score(y, p > 0.3, sample_weight=weight))
    assert curve.plateau[0] <= curve.plateau[1]


def test_a_loss_is_shown_as_scikit_learn_reports_it_and_slow_metrics_are_thinned():
    y, proba = made_up(2, 1_000)
    scorer = make_scorer(lambda y, answers: np.mean(y != answers), greater_is_better=False)
    display = DecisionDisplay.from_predictions(y, proba, metric=scorer)
    assert 0.0 < display.curve.values.min() < 0.3  # a share of errors, not its negative
    assert len(display.curve.thresholds) <= 100
    best = display.curve.thresholds[np.argmin(display.curve.values)]
    assert display.curve.plateau[0] <= best <= display.curve.plateau[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0], (0, 0)), ([0.5] * 4, (0, 3)), ([np.nan, np.nan], (0, 1)), ([np.nan, 1.0, 0.0], (1, 1))],
)
def test_a_plateau_is_found_on_any_curve(values, expected):
    assert find_plateau(np.array(values)) == (*expected, 0.01)


@given(st.lists(st.one_of(st.just(np.nan), st.floats(-1, 1)), min_size=1, max_size=20), st.data())
def test_a_plateau_contains_what_was_chosen_and_the_best(values, data):
    chosen = data.draw(st.integers(0, len(values) - 1))
    first, last, loss = find_plateau(np.array(values), chosen)
    assert first <= chosen <= last
    assert 0.01 <= loss <= 1.0
    if not np.isnan(values).all():
        assert first <= np.nanargmax(values) <= last
        worst = np.nanmin(values[first : last + 1])
        assert worst >= np.nanmax(values) - loss * np.ptp(np.array(values)[~np.isnan(values)]) - 1e-8


@given(st.integers(2, 5), st.integers(1, 12), st.integers(0, 10_000))
def test_reliability_keeps_the_means_and_its_intervals_hold_what_was_observed(n_classes, n_bins, seed):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, 0.3), 60)
    y, weight = rng.integers(0, n_classes, 60), rng.random(60) + 0.1
    found = measure_reliability("any", proba, y, weight, n_bins)
    assert 1 <= len(found.predicted) <= n_bins
    assert (np.diff(found.predicted) > 0).all()
    assert ((found.low <= found.observed) & (found.observed <= found.high)).all()
    assert found.log_loss == pytest.approx(log_loss(y, proba, sample_weight=weight, labels=range(n_classes)), rel=1e-3)


def test_equal_probabilities_share_a_bin():
    found = measure_reliability("constant", np.full((50, 2), 0.5), np.repeat([0, 1], [40, 10]), np.ones(50), 10)
    assert found.predicted.tolist() == [0.5]
    assert found.observed == pytest.approx([0.2])


def test_more_rows_narrow_an_interval():
    low, high = wilson_interval(np.array([0.5, 0.5]), np.array([10.0, 1000.0]))
    assert high[0] - low[0] > high[1] - low[1]


# Pictures


@pytest.mark.parametrize(
    ("decision", "size"),
    [("argmax", "own"), (0.004, "small"), (0.9996, "small, plain"), ([[0, 1], [4, 0]], "large"), ("f1", "small")],
)
def test_no_text_is_cut_or_covered_for_two_classes(decision, size):
    y, proba = made_up(2)
    names = np.array(NAMES)[:2]
    display = DecisionDisplay.from_predictions(
        names[y], proba, classes=names, decision=decision, ax=SIZES[size](plt), y_proba_before=np.sqrt(proba[:, 1])
    )
    assert text_faults(display.figure_) == []


@pytest.mark.parametrize(("n_classes", "size"), [(3, "small, plain"), (12, "small"), (25, "own"), (25, "small")])
def test_no_text_is_cut_or_covered_for_several_classes(n_classes, size):
    y, proba = made_up(n_classes)
    names = np.array(NAMES)[:n_classes]
    display = DecisionDisplay.from_predictions(
        names[y], proba, classes=names, decision="balanced", ax=SIZES[size](plt), y_proba_before=proba
    )
    assert text_faults(display.figure_) == []


@pytest.mark.parametrize("size", ["own", "small, plain"])
def test_no_text_is_cut_or_covered_where_probabilities_are_constant(size):
    y = np.repeat([0, 1], [95, 5])
    display = DecisionDisplay.from_predictions(y, np.full(100, 0.05), decision="balanced", ax=SIZES[size](plt))
    assert text_faults(display.figure_) == []


def shape_of_a_curve(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of which the F1 score has that shape over the thresholds."""
    rng = np.random.default_rng(0)
    if name == "wide":
        y = np.repeat([0, 1], 150)
        return y, np.where(y == 1, 0.7, 0.3) + 0.01 * rng.normal(size=300)
    if name == "flat":
        return np.repeat([0, 1], [270, 30]), np.full(300, 0.1)
    if name == "peaked":
        proba = np.clip(rng.beta(0.5, 9, 300), 1e-3, None)
        return (rng.random(300) < proba).astype(int), proba
    return rng.integers(0, 2, 300), 0.4 + 0.2 * rng.random(300)  # of noise


SHAPES = ["wide", "flat", "peaked", "noise"]


@pytest.mark.parametrize("decision", ["f1", "matthews_corrcoef", "balanced", "argmax"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_threshold_lies_in_the_band_that_is_drawn(shape, decision):
    y, proba = shape_of_a_curve(shape)
    display = DecisionDisplay.from_predictions(y, proba, decision=decision)
    (band,) = display.axes_[0, 0].patches
    drawn = band.get_extents().transformed(display.axes_[0, 0].transData.inverted())
    assert drawn.x0 - 1e-9 <= display.chosen_.get_xdata()[0] <= drawn.x1 + 1e-9
    is_near = display.curve.loss <= 0.01
    assert band.get_label() == "about as good as the best" or not is_near
    assert is_near or "% of its range below the best" in band.get_label()


def test_a_threshold_that_was_set_by_hand_may_lie_outside_the_band():
    y, proba = shape_of_a_curve("wide")
    curve = DecisionDisplay.from_predictions(y, proba, decision=0.9).curve
    assert curve.plateau[1] < curve.chosen[0]


@pytest.mark.parametrize("size", ["own", "small", "large"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_the_legend_names_is_seen(shape, size):
    y, proba = shape_of_a_curve(shape)
    ax = DecisionDisplay.from_predictions(y, proba, decision="f1", ax=SIZES[size](plt)).axes_[0, 0]
    ax.figure.canvas.draw()
    renderer, legend, panel = ax.figure.canvas.get_renderer(), ax.get_legend(), ax.get_window_extent()
    covered = legend.get_window_extent(renderer)
    handles, labels = ax.get_legend_handles_labels()
    assert [text.get_text() for text in legend.get_texts()] == labels
    assert labels[1:] == [f"threshold {labels[1].split()[1]}", "nine in ten resamples"]
    for handle in handles:
        box = handle.get_window_extent(renderer)
        width = handle.get_linewidth() + (handle.get_markersize() if hasattr(handle, "get_markersize") else 0)
        assert panel.x0 - 1 <= box.x0 <= box.x1 <= panel.x1 + 1
        assert box.width > 0 or width >= 2  # what has no width has an edge or a marker
        assert box.y1 > covered.y1  # the legend lies below
    curve = ax.lines[0].get_window_extent(renderer)
    assert curve.y0 >= covered.y1 - 1


@pytest.mark.parametrize("decision", [0.3, "f1", "balanced"])
def test_the_picture_is_that_of_the_positive_class(decision):
    """Names whose order is turned show the same curve."""
    rng = np.random.default_rng(0)
    proba = rng.beta(1, 6, 600)
    y = rng.random(600) < proba
    plain = DecisionDisplay.from_predictions(y.astype(int), proba, decision=decision)
    named = DecisionDisplay.from_predictions(
        np.where(y, "churn", "stay"), np.column_stack([proba, 1 - proba]), decision=decision
    )
    np.testing.assert_allclose(named.curve.chosen, plain.curve.chosen, atol=0.03)
    np.testing.assert_allclose(named.curve.values, plain.curve.values, atol=1e-9)
    np.testing.assert_allclose(named.reliabilities[0].observed, plain.reliabilities[0].observed, atol=1e-9)
    assert "churn" in named.axes_.ravel()[0].get_xlabel()
    other = DecisionDisplay.from_predictions(
        np.where(y, "churn", "stay"), np.column_stack([proba, 1 - proba]), decision=decision, pos_label="stay"
    )
    assert "stay" in other.axes_.ravel()[1].get_xlabel()
