"""Does a table of counts get the score that scikit-learn gives to its rows?"""

import copy
import pickle
import re
import warnings
from functools import partial

import imblearn.metrics
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from imblearn.metrics import geometric_mean_score, make_index_balanced_accuracy
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    fbeta_score,
    get_scorer_names,
    hamming_loss,
    jaccard_score,
    make_scorer,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from balanced_nn._decision.metrics import ROWS_OF_A_TABLE, read_metric

LABELS = {2: ("no", "yes"), 3: ("a", "b", "c"), 4: (10, 20, 30, 40)}
A_TABLE = np.array([[[80.0, 20.0], [5.0, 15.0]]])
PER_CLASS = [f1_score, precision_score, recall_score, jaccard_score, fbeta_score]


def share_right(y_true, y_pred):
    """Share of right answers, which takes no weights."""
    return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))


def tables_of(n_classes, largest=6):
    """Tables of counts, whole and half ones, many of them with empty rows and columns."""
    cells = arrays(int, (n_classes, n_classes), elements=st.integers(0, largest)).filter(lambda table: table.any())
    return st.tuples(cells, st.sampled_from([1.0, 0.5, 4.0])).map(lambda drawn: drawn[0] * drawn[1])


any_table = st.sampled_from(sorted(LABELS)).flatmap(tables_of)


def by_scikit_learn(function, table, **kwargs):
    """Score of rows with one weight a cell; what is undefined is 0."""
    labels = np.asarray(LABELS[len(table)])
    true, answered = np.nonzero(table)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what is ill-defined, and classes that only one side holds
        score = function(labels[true], labels[answered], sample_weight=table[true, answered], **kwargs)
    return np.nan_to_num(score)


def read_or_refuse(metric, classes):
    """Return the metric, or None and the message of its refusal."""
    try:
        return read_metric(metric, classes), ""
    except ValueError as error:
        return None, str(error)


# ---------------------------------------------------------------- formulas


def test_scores_are_those_worked_out_by_hand():
    # 100 rows are "no", of which 80 are answered so; 20 "yes", of which 15. Answered "yes" are 35.
    expected = {
        "accuracy": 95 / 120,
        "balanced_accuracy": (0.8 + 0.75) / 2,
        "precision": 15 / 35,
        "recall": 0.75,
        "f1": 2 * 15 / (20 + 35),
        "jaccard": 15 / (20 + 20),
        "matthews_corrcoef": (15 * 80 - 20 * 5) / np.sqrt(35 * 20 * 100 * 85),
        "geometric_mean_score": np.sqrt(0.8 * 0.75),
        "hamming_loss": -25 / 120,
    }
    found = {name: read_metric(name, ("no", "yes")).of_tables(A_TABLE)[0] for name in expected}
    assert found == pytest.approx(expected)
    kappa = read_metric(make_scorer(cohen_kappa_score), ("no", "yes"))
    chance = (100 * 85 + 20 * 35) / 120**2
    assert kappa.of_tables(A_TABLE)[0] == pytest.approx((95 / 120 - chance) / (1 - chance))


@settings(max_examples=60)
@given(any_table)
@pytest.mark.parametrize("function", [accuracy_score, balanced_accuracy_score, matthews_corrcoef, cohen_kappa_score])
def test_a_formula_agrees_with_scikit_learn(function, table):
    metric = read_metric(make_scorer(function), LABELS[len(table)])
    assert metric.is_fast
    assert metric.of_tables(table[None])[0] == pytest.approx(by_scikit_learn(function, table), abs=1e-9)


@settings(max_examples=30)
@given(any_table, st.floats(0.2, 5))
@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("function", PER_CLASS)
def test_a_formula_of_a_mean_over_classes_agrees_with_scikit_learn(function, average, table, beta):
    kwargs = {"average": average, **({"beta": beta} if function is fbeta_score else {})}
    metric = read_metric(make_scorer(function, **kwargs), LABELS[len(table)])
    assert metric.is_fast
    expected = by_scikit_learn(function, table, zero_division=0, **kwargs)
    assert metric.of_tables(table[None])[0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30)
@given(tables_of(2), st.sampled_from([None, "no", "yes"]), st.floats(0.2, 5))
@pytest.mark.parametrize("function", PER_CLASS)
def test_a_formula_of_the_positive_class_agrees_with_scikit_learn(function, table, positive, beta):
    """The second of two classes is the positive one by default, unless the scorer names it."""
    kwargs = {"beta": beta} if function is fbeta_score else {}
    named = {} if positive is None else {"pos_label": positive}
    metric = read_metric(make_scorer(function, **kwargs, **named), ("no", "yes"))
    assert metric.is_fast
    expected = by_scikit_learn(function, table, zero_division=0, pos_label=positive or "yes", **kwargs)
    assert metric.of_tables(table[None])[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("classes", "positive"),
    [((0, 1), 1), ((1, 2), 0), ((-1, 1), 1), ((False, True), 1), ((4, 7), 0), (("no", "yes"), 1)],
)
@pytest.mark.parametrize("name", ["f1", "precision", "recall", "jaccard", "f1_score"])
def test_a_metric_speaks_of_the_positive_class(name, classes, positive):
    expected = read_metric(name, ("no", "yes")).of_tables(A_TABLE if positive else A_TABLE[:, ::-1, ::-1])
    np.testing.assert_allclose(read_metric(name, classes, positive=positive).of_tables(A_TABLE), expected)
    if name == "f1" and 1 in classes:
        y, answers = np.repeat(classes, [100, 20]), np.repeat(np.array(classes)[[0, 1, 0, 1]], [80, 20, 5, 15])
        assert expected[0] == pytest.approx(f1_score(y, answers))


@settings(max_examples=30)
@given(st.sampled_from(["f1_macro", "matthews_corrcoef", "balanced_accuracy", "f1_weighted"]), st.data())
def test_many_tables_get_the_scores_that_each_gets_alone(name, data):
    tables = np.array(data.draw(st.lists(tables_of(3), min_size=1, max_size=6)))
    metric = read_metric(name, LABELS[3])
    alone = [metric.of_tables(table[None])[0] for table in tables]
    np.testing.assert_allclose(metric.of_tables(tables), alone)


@settings(max_examples=30)
@given(tables_of(3), st.floats(0.1, 10), st.permutations(range(3)))
@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "matthews_corrcoef", "f1_macro", "jaccard_weighted"])
def test_scores_ignore_the_scale_of_the_weights_and_the_order_of_the_classes(name, table, scale, order):
    metric = read_metric(name, LABELS[3])
    variants = np.array([table, scale * table, table[np.ix_(order, order)]])
    np.testing.assert_allclose(metric.of_tables(variants), metric.of_tables(table[None])[0], atol=1e-7)


@pytest.mark.parametrize("mass", [1.0, 12.9, 23.1])
def test_agreement_of_a_single_class_with_itself_is_no_better_than_chance(mass):
    """Also where the rounding of the weights leaves a difference: 0 of 0 is 0."""
    metric = read_metric(make_scorer(cohen_kappa_score), ("no", "yes"))
    np.testing.assert_array_equal(metric.of_tables(np.array([[[mass, 0.0], [0.0, 0.0]]])), [0.0])


# ---------------------------------------------------------------- metrics without a formula


@settings(max_examples=30)
@given(any_table)
@pytest.mark.parametrize("function", [hamming_loss, sklearn.metrics.zero_one_loss])
def test_a_loss_is_scored_below_zero(function, table):
    metric = read_metric(function.__name__, LABELS[len(table)])
    assert not metric.is_fast
    assert metric.of_tables(table[None])[0] == pytest.approx(-by_scikit_learn(function, table), abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [
        ("hamming_loss", 0, 1),
        ("zero_one_loss", 0, 1),
        ("neg_mean_absolute_error", 0, 1),
        ("mean_absolute_error", 0, 1),
        ("max_error", 0, 1),
        ("mean_poisson_deviance", 0, 1),
        ("mean_tweedie_deviance", 0, 1),
        ("r2_score", 0, 1),
        (make_scorer(hamming_loss, greater_is_better=False), 0, 1),
        (make_scorer(hamming_loss), 1, 0),  # as its author says
    ],
)
def test_more_right_answers_score_higher(metric, better, worse):
    tables = np.array([[[9.0, 0.0], [0.0, 3.0]], [[8.0, 1.0], [2.0, 1.0]]])
    scores = read_metric(metric, (1, 2)).of_tables(tables)
    assert scores[better] > scores[worse]


@settings(max_examples=30)
@given(any_table)
def test_the_geometric_mean_agrees_with_imbalanced_learn(table):
    metric = read_metric("geometric_mean_score", LABELS[len(table)])
    expected = by_scikit_learn(geometric_mean_score, table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metric.of_tables(table[None])[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("specificity_score", 0.8),
        ("sensitivity_score", 0.75),
        (make_scorer(geometric_mean_score, average="binary"), np.sqrt(0.8 * 0.75)),
        (make_scorer(geometric_mean_score, average="macro"), 0.775),
        # (1 + alpha * dominance) times the square of the geometric mean, dominance being sensitivity less specificity:
        # by class 0.05 and -0.05 with a geometric mean squared of 0.6 each, hence 0.6 * 1.005 and 0.6 * 0.995
        (make_scorer(make_index_balanced_accuracy(alpha=0.1)(geometric_mean_score)), 0.6),
    ],
    ids=["specificity", "sensitivity", "geometric mean binary", "geometric mean macro", "index balanced"],
)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_metrics_of_imbalanced_learn_count_by_weight(metric, expected, scale):
    """Its specificity counts the entries where it should sum their weights, so that it may exceed 1."""
    assert read_metric(metric, ("no", "yes")).of_tables(scale * A_TABLE)[0] == pytest.approx(expected, abs=0.003)


@settings(max_examples=30)
@given(tables_of(3, largest=3000))
def test_a_function_without_weights_is_given_repeated_rows(table):
    metric = read_metric(make_scorer(share_right), LABELS[3])
    assert metric.name == "share_right"
    assert not metric.is_fast
    assert metric.of_tables(table[None])[0] == pytest.approx(np.trace(table) / table.sum(), abs=2e-3 + 2 / table.sum())


def test_a_large_table_is_not_written_out_in_full():
    seen = []

    def counting(y_true, y_pred):
        seen.append(len(y_true))
        return share_right(y_true, y_pred)

    table = np.array([[[9e8, 1e8], [1e8, 9e8]]])
    assert read_metric(make_scorer(counting), ("no", "yes")).of_tables(table)[0] == pytest.approx(0.9)
    assert seen[-1] == ROWS_OF_A_TABLE[1]


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_a_small_table_is_written_out_finely_enough(scale):
    table = scale * np.array([[[80.0, 20.0], [5.0, 15.0]]])
    metric = read_metric(make_scorer(share_right), ("no", "yes"))
    assert metric.of_tables(table)[0] == pytest.approx(95 / 120, abs=0.01)


@pytest.mark.parametrize(
    "kwargs", [{"average": "micro"}, {"labels": ["b", "c"], "average": "macro"}, {"average": "macro", "beta": 2.0}]
)
def test_arguments_without_a_formula_are_passed_on(kwargs):
    function = fbeta_score if "beta" in kwargs else f1_score
    table = np.array([[50.0, 4, 1], [6, 20, 3], [2, 3, 5]])
    metric = read_metric(make_scorer(function, **kwargs), LABELS[3])
    assert metric.is_fast == ("beta" in kwargs)
    assert metric.of_tables(table[None])[0] == pytest.approx(by_scikit_learn(function, table, **kwargs))


@pytest.mark.parametrize("kwargs", [{"adjusted": True}, {"adjusted": False}])
def test_arguments_of_a_metric_that_has_a_formula_without_them_count(kwargs):
    metric = read_metric(make_scorer(balanced_accuracy_score, **kwargs), ("no", "yes"))
    expected = by_scikit_learn(balanced_accuracy_score, A_TABLE[0], **kwargs)
    assert metric.of_tables(A_TABLE)[0] == pytest.approx(expected)


def test_arguments_that_are_bound_to_a_function_count():
    metric = read_metric(make_scorer(partial(f1_score, average="macro")), ("no", "yes"))
    expected = by_scikit_learn(f1_score, A_TABLE[0], average="macro")
    assert metric.of_tables(A_TABLE)[0] == pytest.approx(expected)
    assert "f1_score" in metric.name
    assert " at 0x" not in metric.name  # a memory address is no name


# ---------------------------------------------------------------- names


def of_fewer_and_fewer_errors(metric):
    n_classes = len(metric.classes)
    errors = 1 - np.eye(n_classes)
    return metric.of_tables(np.array([100 * np.eye(n_classes) + n * errors for n in (40, 20, 1)]))


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c"), (0, 1), (1, 2, 3)], ids=str)
@pytest.mark.parametrize("name", get_scorer_names())
def test_every_scorer_of_scikit_learn_works_or_is_refused_as_documented(name, classes):
    metric, refusal = read_or_refuse(name, classes)
    if metric is None:
        assert re.match(f"decision='{name}' (reads .* and no decision changes it|cannot be computed for)", refusal)
        return
    poor, good, best = of_fewer_and_fewer_errors(metric)
    assert poor <= good <= best
    assert np.isfinite([poor, good, best]).all()
    assert metric.name == name


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c"), (0, 1, 2)], ids=str)
@pytest.mark.parametrize(
    "name",
    [
        *(name for name in sklearn.metrics.__all__ if name not in get_scorer_names()),
        *(name for name in imblearn.metrics.__all__ if name not in sklearn.metrics.__all__),
    ],
)
def test_every_name_in_a_module_of_metrics_works_or_is_refused_as_documented(name, classes):
    metric, refusal = read_or_refuse(name, classes)
    if metric is None:
        assert re.match(
            f"decision='{name}' (is neither|cannot be computed for|does not return a single number)", refusal
        )
        return
    poor, good, best = of_fewer_and_fewer_errors(metric)
    assert poor <= good <= best


@pytest.mark.parametrize(("name", "classes"), [("f1", ("a", "b", "c")), ("f1_samples", ("no", "yes"))])
def test_the_reason_of_a_refusal_ends_in_one_full_stop(name, classes):
    with pytest.raises(ValueError, match="cannot be computed") as caught:
        read_metric(name, classes)
    assert ".." not in str(caught.value)


def test_the_metrics_that_people_tune_are_found_by_either_name():
    for short, long in [
        ("f1", "f1_score"),
        ("precision", "precision_score"),
        ("recall", "recall_score"),
        ("jaccard", "jaccard_score"),
        ("balanced_accuracy", "balanced_accuracy_score"),
        ("accuracy", "accuracy_score"),
    ]:
        one, other = (read_metric(name, ("no", "yes")) for name in (short, long))
        assert one.is_fast
        assert other.is_fast
        assert one.of_tables(A_TABLE) == other.of_tables(A_TABLE)


def test_cohens_kappa_is_found_by_its_name():
    """Whose arguments scikit-learn calls y1 and y2."""
    found = read_metric("cohen_kappa_score", ("no", "yes")).of_tables(A_TABLE)[0]
    assert found == pytest.approx(cohen_kappa_score([0] * 100 + [1] * 20, [0] * 80 + [1] * 20 + [0] * 5 + [1] * 15))


@pytest.mark.parametrize(
    "metric", ["f1", "f1_macro", "geometric_mean_score", "hamming_loss", make_scorer(fbeta_score, beta=2)], ids=str
)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
def test_a_metric_can_be_copied_and_pickled(metric, duplicate):
    original = read_metric(metric, ("no", "yes"))
    again = duplicate(original)
    assert again.is_fast == original.is_fast
    assert (again.name, again.sign, again.classes) == (original.name, original.sign, original.classes)
    np.testing.assert_array_equal(again.of_tables(A_TABLE), original.of_tables(A_TABLE))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("metric", "classes", "message"),
    [
        (
            "f2",
            ("no", "yes"),
            "decision='f2' is neither \"auto\", .* nor the name of a scikit-learn metric of the answers",
        ),
        (
            "roc_auc_score",
            ("no", "yes"),
            r"is neither .* Use, for example, \"f1\", .*; sklearn\.metrics\.get_scorer_nam",
        ),
        ("pairwise", ("no", "yes"), "decision='pairwise' is neither"),
        ("DistanceMetric", ("no", "yes"), "decision='DistanceMetric' is neither"),
        ("roc_auc", ("no", "yes"), "decision='roc_auc' reads decision_function or predict_proba, and no decision chan"),
        ("neg_log_loss", ("no", "yes"), "reads predict_proba, and no decision changes it. Use a metric of the answer"),
        (make_scorer(sklearn.metrics.log_loss, response_method="predict_proba"), ("no", "yes"), "'log_loss' reads"),
        ("f1", ("a", "b", "c"), r"decision='f1' cannot be computed for these classes: Target is multiclass .*f1_macro"),
        ("precision", ("a", "b", "c"), 'With more than two classes use, for example, "f1_macro"'),
        ("neg_mean_squared_error", ("no", "yes"), "cannot be computed for these classes: could not convert string"),
        (
            make_scorer(f1_score, pos_label="maybe"),
            ("no", "yes"),
            "cannot be computed .*pos_label=maybe is not a valid",
        ),
        ("fbeta_score", ("no", "yes"), "decision='fbeta_score' cannot be computed for these classes: .*beta"),
        ("fbeta_score", ("a", "b", "c"), "decision='fbeta_score' cannot be computed for these classes: .*beta"),
        ("confusion_matrix", ("no", "yes"), "decision='confusion_matrix' does not return a single number"),
        (
            make_scorer(f1_score, average=None),
            ("no", "yes"),
            "'f1_score' does not return a single number. Set its average",
        ),
        (
            f1_score,
            ("no", "yes"),
            r"is not a scikit-learn scorer. Pass the name of one, or what sklearn\.metrics\.make",
        ),
        (3, ("no", "yes"), "decision=3 is not a scikit-learn scorer"),
    ],
)
def test_what_is_no_metric_of_the_answers_is_refused(metric, classes, message):
    with pytest.raises(ValueError, match=message):
        read_metric(metric, classes)


def test_two_classes_are_not_pointed_at_metrics_for_more():
    with pytest.raises(ValueError, match="cannot be computed") as caught:
        read_metric("neg_mean_squared_error", ("no", "yes"))
    assert "f1_macro" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("classes", [(0, 1), ("churn", "stay")])
@pytest.mark.parametrize(
    ("metric", "one_sided"),
    [
        ("recall", True),
        ("precision", True),
        ("specificity_score", True),
        (make_scorer(fbeta_score, beta=4), False),
        ("f1", False),
        ("accuracy", False),
        ("matthews_corrcoef", False),
        ("geometric_mean_score", False),
    ],
)
def test_a_metric_that_one_answer_satisfies_is_one_sided(metric, one_sided, classes):
    assert read_metric(metric, classes).is_one_sided is one_sided
