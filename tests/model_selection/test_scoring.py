"""What a search sees of a collapsed split, with scikit-learn's own estimators, searches and metrics."""

import pickle
import re
import warnings

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, make_scorer, mean_squared_error, recall_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from balanced_nn import BalancedNNClassifier
from balanced_nn._collapse.outcome import find_outcome
from balanced_nn._model_selection.scoring import COLLAPSED_SCORE, collapse_aware_scorer, make_collapse_aware_scorer

X, Y = make_classification(n_samples=300, weights=[0.85], class_sep=1.5, flip_y=0.0, random_state=0)
X3, Y3 = make_classification(
    n_samples=300, n_classes=3, n_informative=4, class_sep=1.5, weights=[0.6, 0.3], flip_y=0.0, random_state=0
)


def cost(y_true, y_pred):
    return 1e9 * float(np.sum((y_true == 1) & (y_pred == 0))) + float(np.sum((y_true == 0) & (y_pred == 1)))


big_cost = make_scorer(cost, greater_is_better=False)


def plain_accuracy(estimator, X, y):
    return estimator.score(X, y)


def two_metrics(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "n": float(len(y))}


def nan_metric(estimator, X, y):
    return np.nan


class CollapsesSometimes(ClassifierMixin, BaseEstimator):
    """Logistic regression, but constant on the training sets that lack the row `marked` (one split of several)."""

    def __init__(self, C=1.0, marked=None):
        self.C = C
        self.marked = marked

    def fit(self, X, y):
        self.model_ = LogisticRegression(C=self.C).fit(X, y)
        self.classes_ = self.model_.classes_
        self.collapsed_ = self.marked is not None and not np.equal(X, self.marked).all(axis=1).any()
        return self

    def predict_proba(self, X):
        proba = self.model_.predict_proba(X)
        return np.full_like(proba, 1 / proba.shape[1]) if self.collapsed_ else proba

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Fixed(ClassifierMixin, BaseEstimator):
    """Answers what it was given, whatever the rows."""

    def __init__(self, proba, predicted, classes=(0, 1), prior=None):
        self.proba = proba
        self.predicted = predicted
        self.classes = classes
        self.prior = prior

    def fit(self, X, y):
        self.classes_ = np.asarray(self.classes)
        if self.prior is not None:
            self.class_prior_ = np.asarray(self.prior)
        return self

    def predict_proba(self, X):
        return np.asarray(self.proba)

    def predict(self, X):
        return np.asarray(self.predicted)


def binary(p):
    return np.column_stack([1 - np.asarray(p), p])


METRICS = [
    "accuracy",
    "balanced_accuracy",
    "f1",
    "matthews_corrcoef",
    "roc_auc",
    "average_precision",
    "neg_log_loss",
    "neg_brier_score",
    big_cost,
    plain_accuracy,
]

NAMES = [getattr(metric, "__name__", str(metric)) for metric in METRICS]

# ---------------------------------------------------------------- single scores


@pytest.mark.parametrize("scoring", METRICS, ids=NAMES)
def test_an_honest_score_is_the_metrics_own(scoring):
    model = LogisticRegression().fit(X, Y)
    assert make_collapse_aware_scorer(scoring)(model, X, Y) == sklearn.metrics.check_scoring(scoring=scoring)(
        model, X, Y
    )


@pytest.mark.parametrize("scoring", METRICS, ids=NAMES)
@pytest.mark.parametrize("strategy", ["prior", "most_frequent"])
def test_a_constant_answer_scores_the_collapsed_score(scoring, strategy):
    model = DummyClassifier(strategy=strategy).fit(X, Y)
    assert make_collapse_aware_scorer(scoring)(model, X, Y) == COLLAPSED_SCORE


def test_the_ready_scorer_is_balanced_accuracy():
    model = LogisticRegression().fit(X, Y)
    assert collapse_aware_scorer(model, X, Y) == get_scorer("balanced_accuracy")(model, X, Y)


def test_the_collapsed_score_stays_finite_in_means_and_standard_deviations():
    scores = np.array([COLLAPSED_SCORE, 1.0, -1e9, COLLAPSED_SCORE])
    assert np.isfinite([scores.mean(), scores.std(), np.average(scores)]).all()


def test_multi_class_collapse_is_seen():
    assert collapse_aware_scorer(DummyClassifier().fit(X3, Y3), X3, Y3) == COLLAPSED_SCORE
    model = LogisticRegression().fit(X3, Y3)
    assert make_collapse_aware_scorer("roc_auc_ovr")(model, X3, Y3) == get_scorer("roc_auc_ovr")(model, X3, Y3)
    missing = Fixed(model.predict_proba(X3), np.where(model.predict(X3) == 2, 0, model.predict(X3)), (0, 1, 2))
    assert collapse_aware_scorer(missing.fit(X3, Y3), X3, Y3) == COLLAPSED_SCORE


def test_a_network_with_an_exploding_learning_rate_collapses():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier((5,), learning_rate_init=300.0, max_iter=5, random_state=0).fit(X, Y)
    assert np.unique(model.predict(X)).size == 1
    assert make_collapse_aware_scorer("neg_log_loss")(model, X, Y) == COLLAPSED_SCORE


def test_probabilities_that_are_not_finite_are_a_collapse_even_where_the_metric_would_fail():
    model = Fixed(np.full((300, 2), np.nan), np.zeros(300, dtype=int)).fit(X, Y)
    assert make_collapse_aware_scorer("neg_log_loss")(model, X, Y) == COLLAPSED_SCORE


# ---------------------------------------------------------------- decisions and metrics that do not read them


@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "f1", plain_accuracy])
def test_a_threshold_that_hides_a_class_is_a_collapse_for_metrics_of_predictions(scoring):
    model = Fixed(binary(np.where(Y == 1, 0.4, 0.1)), np.zeros(300, dtype=int)).fit(X, Y)
    assert make_collapse_aware_scorer(scoring)(model, X, Y) == COLLAPSED_SCORE


@pytest.mark.parametrize(
    "scoring",
    ["roc_auc", "average_precision", "neg_log_loss", make_scorer(lambda y, p: 7.0, response_method="predict_proba")],
)
def test_a_threshold_that_hides_a_class_does_not_touch_metrics_of_scores(scoring):
    model = Fixed(binary(np.where(Y == 1, 0.4, 0.1)), np.zeros(300, dtype=int)).fit(X, Y)
    assert make_collapse_aware_scorer(scoring)(model, X, Y) > -10


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_weak_but_honest_ranking_keeps_its_roc_auc(class_weight):
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.05).astype(int)
    weak = (rng.normal(size=2000) + 0.35 * y).reshape(-1, 1)
    model = LogisticRegression(class_weight=class_weight).fit(weak, y)
    score = make_collapse_aware_scorer("roc_auc")(model, weak, y)
    assert 0.5 < score < 0.65
    assert score == get_scorer("roc_auc")(model, weak, y)


def test_scores_without_order_that_no_decision_separates_are_a_collapse_for_roc_auc():
    y = np.tile([0, 1], 100)
    model = Fixed(binary(np.random.default_rng(0).uniform(0.1, 0.4, 200)), np.zeros(200, dtype=int)).fit(None, None)
    assert make_collapse_aware_scorer("roc_auc")(model, np.zeros((200, 1)), y) == COLLAPSED_SCORE


# ---------------------------------------------------------------- classifiers of every kind


@pytest.mark.parametrize("model", [LinearSVC(C=1e-6), LinearSVC(), SVC(), SVC(decision_function_shape="ovo")], ids=repr)
@pytest.mark.parametrize(("data", "labels"), [(X, Y), (X3, Y3)], ids=["binary", "multi-class"])
def test_classifiers_without_probabilities_are_judged_on_their_answers(model, data, labels):
    model.fit(data, labels)
    honest = np.unique(model.predict(data)).size == np.unique(labels).size
    score = collapse_aware_scorer(model, data, labels)
    assert (score == get_scorer("balanced_accuracy")(model, data, labels)) if honest else (score == COLLAPSED_SCORE)


def test_a_classifier_with_answers_only_is_judged_on_them():
    class AnswersOnly(ClassifierMixin, BaseEstimator):
        classes_ = np.array(["no", "yes"])

        def predict(self, X):
            return np.where(X[:, 0] > 0, "yes", "no")

    rows = np.array([[-1.0], [1.0]] * 10)
    labels = np.array(["no", "yes"] * 10)
    assert make_collapse_aware_scorer("accuracy")(AnswersOnly(), rows, labels) == 1.0
    assert make_collapse_aware_scorer("accuracy")(AnswersOnly(), np.abs(rows), labels) == COLLAPSED_SCORE


def test_a_column_of_positive_probabilities_is_understood():
    proba = np.where(Y == 1, 0.9, 0.1).reshape(-1, 1)
    assert make_collapse_aware_scorer("accuracy")(Fixed(proba, Y).fit(X, Y), X, Y) == 1.0


def test_held_out_rows_of_one_class_are_never_a_collapse():
    model = DummyClassifier(strategy="most_frequent").fit(X, Y)
    assert make_collapse_aware_scorer("accuracy")(model, X[Y == 0], Y[Y == 0]) == 1.0


RARE, FREQUENT = np.flatnonzero(Y == 1), np.flatnonzero(Y == 0)
COMMON = ["accuracy", "balanced_accuracy", "neg_log_loss"]
OF_TWO = [*COMMON, "f1", "roc_auc", "average_precision"]
OF_THREE = [*COMMON, "f1_macro", "roc_auc_ovr"]
ENDS_RARE = np.concatenate([RARE[:10], FREQUENT, RARE[10:]])  # test parts: frequent only, both, rare only
STARTS_FREQUENT = np.concatenate([FREQUENT[:80], RARE, FREQUENT[80:]])
THIRD_LATE = np.argsort(Y3 == 2, kind="stable")
FOLDS = {
    "test parts of one class": (X[ENDS_RARE], Y[ENDS_RARE], TimeSeriesSplit(3, test_size=30), None, OF_TWO),
    "a training part of one class": (X[STARTS_FREQUENT], Y[STARTS_FREQUENT], TimeSeriesSplit(3), None, OF_TWO),
    "each group is a class": (X3, Y3, GroupKFold(3), Y3, OF_THREE),
    "a class comes late": (X3[THIRD_LATE], Y3[THIRD_LATE], TimeSeriesSplit(3), None, OF_THREE),
}


def scores_and_warnings(model, rows, labels, **settings):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        result = cross_validate(model, rows, labels, **settings)
    told = [warning for warning in record if issubclass(warning.category, UserWarning | RuntimeWarning)]
    # those about answers of the model differ from model to model
    told = [warning for warning in told if not re.search("ill-defined|y_pred", str(warning.message).splitlines()[0])]
    scores = np.array([result[name] for name in sorted(result) if name.startswith("test_")])
    return scores, sorted(warning.category.__name__ for warning in told)


@pytest.mark.parametrize(("rows", "labels", "cv", "groups", "metrics"), FOLDS.values(), ids=FOLDS)
def test_folds_that_lack_a_class_score_as_those_of_scikit_learn(rows, labels, cv, groups, metrics):
    network = BalancedNNClassifier(
        (4,), n_members=1, max_iter=2, learning_rate_init=0.01, on_collapse="ignore", random_state=0
    )
    linear, told = scores_and_warnings(LogisticRegression(), rows, labels, cv=cv, groups=groups, scoring=metrics)
    ours, told_of_ours = scores_and_warnings(network, rows, labels, cv=cv, groups=groups, scoring=metrics)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(linear))
    assert told_of_ours == told
    aware, told_by_aware = scores_and_warnings(
        LogisticRegression(), rows, labels, cv=cv, groups=groups, scoring=make_collapse_aware_scorer(metrics)
    )
    np.testing.assert_array_equal(aware, linear)
    assert told_by_aware == told
    assert np.isnan(linear).any()
    assert np.isfinite(linear).any()


def test_held_out_rows_may_lack_a_class_and_have_a_new_one():
    model = LogisticRegression().fit(X3[Y3 != 2], Y3[Y3 != 2])
    some = np.flatnonzero(Y3 != 2)[:100]
    with_one_new = np.append(some, np.flatnonzero(Y3 == 2)[0])
    accuracy = make_collapse_aware_scorer("accuracy")
    assert accuracy(model, X3[with_one_new], Y3[with_one_new]) == model.score(X3[with_one_new], Y3[with_one_new])
    assert accuracy(model, X3, Y3) == model.score(X3, Y3)  # no classifier finds a class that it was not shown
    found = np.isin(Y3, [0, 2])
    assert accuracy(model, X3[found], Y3[found]) == model.score(X3[found], Y3[found])  # one known class tells nothing
    constant = DummyClassifier().fit(X3[Y3 != 2], Y3[Y3 != 2])
    assert accuracy(constant, X3, Y3) == COLLAPSED_SCORE
    full = LogisticRegression().fit(X3, Y3)
    assert accuracy(full, X3[some], Y3[some]) == full.score(X3[some], Y3[some])


@pytest.mark.parametrize(
    "names", [np.array(["no", "yes"]), np.array(["no", "yes"], dtype=object), np.array([False, True])]
)
def test_labels_of_every_type_work(names):
    model = LogisticRegression().fit(X, names[Y])
    assert collapse_aware_scorer(model, X, names[Y]) > 0.5
    assert collapse_aware_scorer(DummyClassifier().fit(X, names[Y]), X, names[Y]) == COLLAPSED_SCORE
    assert collapse_aware_scorer(model, X, names[Y].tolist()) > 0.5


def nested_in_nothing(model):
    return model


def nested_in_a_pipeline(model):
    return make_pipeline("passthrough", model)


def nested_in_a_search_of_a_pipeline(model):
    every = np.arange(200)
    return GridSearchCV(make_pipeline("passthrough", model), {"fixed__classes": [(0, 1)]}, cv=[(every, every)])


def nested_in_a_threshold(model):
    return FixedThresholdClassifier(model, threshold=0.0003, response_method="predict_proba")


@pytest.mark.parametrize(
    "nest", [nested_in_nothing, nested_in_a_pipeline, nested_in_a_search_of_a_pipeline, nested_in_a_threshold]
)
def test_the_classifiers_own_prior_is_found_wherever_it_is_nested(nest):
    # the probabilities speak of a prior of 0.03 %; at the shares of this part they would seem constant
    y, rows = np.tile([0, 1], 100), np.zeros((200, 1))
    proba = binary(np.where(y == 1, 0.0006, 0.0001))
    assert collapse_aware_scorer(nest(Fixed(proba, y)).fit(rows, y), rows, y) == COLLAPSED_SCORE
    assert collapse_aware_scorer(nest(Fixed(proba, y, prior=(0.9997, 0.0003))).fit(rows, y), rows, y) == 1.0


def test_a_prior_of_another_shape_is_not_used():
    model = LogisticRegression().fit(X, Y)
    model.class_prior_ = [0.2, 0.3, 0.5]
    assert collapse_aware_scorer(model, X, Y) > 0.5


# ---------------------------------------------------------------- searches


@pytest.mark.parametrize("scoring", METRICS, ids=NAMES)
def test_one_collapsed_split_ranks_a_candidate_below_all_honest_ones(scoring):
    grid = [{"C": [1.0], "marked": [X[0]]}, {"C": [0.1], "marked": [None]}]
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GridSearchCV(
            CollapsesSometimes(), grid, scoring=make_collapse_aware_scorer(scoring), cv=cv, error_score="raise"
        ).fit(X, Y)
    collapsed, honest = search.cv_results_["mean_test_score"]
    splits = [search.cv_results_[f"split{i}_test_score"][0] for i in range(4)]
    assert splits.count(COLLAPSED_SCORE) == 1
    assert np.isfinite(search.cv_results_["std_test_score"]).all()
    assert collapsed < honest
    assert search.best_params_["marked"] is None


def test_halving_search_leaves_the_collapsed_candidates_behind():
    model = MLPClassifier((8,), solver="lbfgs", max_iter=40, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = HalvingGridSearchCV(
            model, {"alpha": [1e-4, 1e-3, 1e7, 1e8]}, scoring=collapse_aware_scorer, cv=3, factor=2, random_state=0
        ).fit(X, Y)
    assert search.best_params_["alpha"] < 1
    results = search.cv_results_
    ruined = np.array([alpha > 1 for alpha in results["param_alpha"]])
    assert results["mean_test_score"][ruined].max() < -1e98
    assert results["mean_test_score"][~ruined].min() > 0


@pytest.mark.parametrize(
    "scoring", [["roc_auc", "f1"], ("roc_auc", "f1"), {"roc_auc", "f1"}], ids=["list", "tuple", "set"]
)
def test_several_metrics_work_in_cross_validate(scoring):
    result = cross_validate(DummyClassifier(), X, Y, scoring=make_collapse_aware_scorer(scoring), cv=3)
    assert (result["test_roc_auc"] == COLLAPSED_SCORE).all()
    assert (result["test_f1"] == COLLAPSED_SCORE).all()
    result = cross_validate(LogisticRegression(), X, Y, scoring=make_collapse_aware_scorer(scoring), cv=3)
    reference = cross_validate(LogisticRegression(), X, Y, scoring=["roc_auc", "f1"], cv=3)
    np.testing.assert_array_equal(result["test_roc_auc"], reference["test_roc_auc"])
    np.testing.assert_array_equal(result["test_f1"], reference["test_f1"])


def test_several_metrics_work_in_a_grid_search_with_refit():
    scoring = make_collapse_aware_scorer({"auc": "roc_auc", "cost": big_cost, "mine": plain_accuracy})
    search = GridSearchCV(LogisticRegression(), {"C": [1e-2, 1.0]}, scoring=scoring, refit="auc", cv=3).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_cost"]).all()
    assert search.score(X, Y) == get_scorer("roc_auc")(search.best_estimator_, X, Y)


def test_a_callable_that_returns_several_scores_keeps_their_names():
    scorer = make_collapse_aware_scorer(two_metrics)
    assert scorer(DummyClassifier().fit(X, Y), X, Y) == {"accuracy": COLLAPSED_SCORE, "n": COLLAPSED_SCORE}
    assert scorer(LogisticRegression().fit(X, Y), X, Y)["n"] == 300.0


def test_scorers_are_pickled_and_sent_to_processes():
    for scoring in ("roc_auc", big_cost, plain_accuracy):
        scorer = pickle.loads(pickle.dumps(make_collapse_aware_scorer(scoring)))
        assert scorer(DummyClassifier().fit(X, Y), X, Y) == COLLAPSED_SCORE
    result = cross_validate(LogisticRegression(), X, Y, scoring=collapse_aware_scorer, cv=2, n_jobs=2)
    assert (result["test_score"] > 0).all()


# ---------------------------------------------------------------- weights and metadata


def test_weights_reach_the_metric_and_the_judgement():
    model = LogisticRegression().fit(X, Y)
    weight = np.random.default_rng(0).random(300)
    scorer = make_collapse_aware_scorer("accuracy")
    assert scorer(model, X, Y, sample_weight=weight) == model.score(X, Y, sample_weight=weight)
    lost = Fixed(binary(np.where(np.arange(300) < 30, 0.9, 0.1)), np.where(np.arange(300) < 30, 1, 0)).fit(X, Y)
    y = np.where(np.arange(300) < 30, 1, 0)
    y[30:] = np.arange(270) % 2
    only_first = np.where(np.arange(300) < 30, 1.0, 0.0)
    assert scorer(lost, X, y, sample_weight=only_first) == 1.0


def test_a_weighted_search_passes_its_weights_to_metrics_that_take_them():
    weight = np.random.default_rng(0).random(300)
    fit = {"sample_weight": weight}
    ours, theirs = (
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, scoring=scoring, cv=3).fit(X, Y, **fit)
        for scoring in (make_collapse_aware_scorer("accuracy"), "accuracy")
    )
    np.testing.assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])


def test_metadata_routing_is_the_metrics_own():
    weight = np.random.default_rng(0).random(300)
    with sklearn.config_context(enable_metadata_routing=True):
        original = make_scorer(recall_score)
        scorer = make_collapse_aware_scorer(original).set_score_request(sample_weight="cost")
        assert original.get_metadata_routing().score.requests.get("sample_weight") is None
        assert scorer.get_metadata_routing().score.requests["sample_weight"] == "cost"
        model = LogisticRegression().set_fit_request(sample_weight=False)
        ours = cross_validate(model, X, Y, scoring=scorer, cv=3, params={"cost": weight})
        reference = make_scorer(recall_score).set_score_request(sample_weight="cost")
        theirs = cross_validate(model, X, Y, scoring=reference, cv=3, params={"cost": weight})
        with pytest.raises(AttributeError, match=r"plain function, which cannot request metadata.*make_scorer"):
            make_collapse_aware_scorer(plain_accuracy).set_score_request(sample_weight=True)
    np.testing.assert_array_equal(ours["test_score"], theirs["test_score"])


# ---------------------------------------------------------------- edges and messages


def test_a_score_that_is_not_finite_by_itself_is_left_alone():
    assert np.isnan(make_collapse_aware_scorer(nan_metric)(LogisticRegression().fit(X, Y), X, Y))


def test_wrapping_twice_is_wrapping_once():
    assert repr(make_collapse_aware_scorer(collapse_aware_scorer)) == repr(collapse_aware_scorer)


@pytest.mark.parametrize(
    ("scoring", "text"),
    [
        ("roc_auc", "make_collapse_aware_scorer('roc_auc')"),
        (plain_accuracy, "make_collapse_aware_scorer(plain_accuracy)"),
        (big_cost, "make_collapse_aware_scorer(make_scorer(cost, greater_is_better=False, response_method='predict'))"),
    ],
    ids=["name", "function", "scorer"],
)
def test_the_text_form_can_be_typed_again(scoring, text):
    assert repr(make_collapse_aware_scorer(scoring)) == text


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        (None, TypeError, "scoring must be a metric's name.*got None"),
        ([], ValueError, "scoring contains no metric"),
        ([big_cost], TypeError, "or a dict of callables by name"),
        ("no_such_metric", ValueError, "no_such_metric"),
        (recall_score, ValueError, "looks like it is a metric function rather than a scorer"),
    ],
)
def test_what_is_no_metric_is_refused(scoring, error, message):
    with pytest.raises(error, match=message):
        make_collapse_aware_scorer(scoring)


@pytest.mark.parametrize("scoring", ["f1", "recall", "jaccard", "average_precision"])
@pytest.mark.parametrize("names", [["no", "yes"], ["stay", "churn"], [2, 3]], ids=str)
def test_a_metric_that_misses_its_positive_class_says_what_to_write(scoring, names):
    labels = np.array(names)[Y]  # the second one is rarer
    model = LogisticRegression().fit(X, labels)
    with pytest.raises(ValueError, match=rf"'{scoring}'\) looks for a positive class .* not among .*Name it") as caught:
        make_collapse_aware_scorer(scoring)(model, X, labels)
    written = re.search(r"for example (make_collapse_aware_scorer\(make_scorer\(.*\)\))\.$", str(caught.value))[1]
    advised = eval(written, vars(sklearn.metrics) | {"make_collapse_aware_scorer": make_collapse_aware_scorer})
    assert advised(model, X, labels) == pytest.approx(get_scorer(scoring)(LogisticRegression().fit(X, Y), X, Y))


def test_an_error_of_a_metric_of_the_users_own_is_its_own():
    def fails(estimator, X, y):
        raise ValueError("pos_label is not what it was")

    with pytest.raises(ValueError, match="pos_label is not what it was"):
        make_collapse_aware_scorer(fails)(LogisticRegression().fit(X, Y), X, Y)


@pytest.mark.parametrize("model", [LinearRegression(), KMeans(2, n_init=1)], ids=repr)
def test_what_is_no_classifier_is_refused(model):
    scorer = make_collapse_aware_scorer(make_scorer(mean_squared_error))
    with pytest.raises(TypeError, match=f"scores single-label classifiers; {type(model).__name__} has no classes_"):
        scorer(model.fit(X, Y), X, Y)


def test_several_outputs_are_refused():
    both = np.column_stack([Y, Y])
    with pytest.raises(TypeError, match="DummyClassifier predicts several outputs"):
        make_collapse_aware_scorer("accuracy")(DummyClassifier().fit(X, both), X, both)
    model = MLPClassifier((2,), max_iter=1, solver="lbfgs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, both)
    with pytest.raises(ValueError, match=r"y has shape \(300, 2\), but collapse is defined only for one label"):
        make_collapse_aware_scorer("accuracy")(model, X, both)


def test_an_unfitted_classifier_says_so():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        collapse_aware_scorer(LogisticRegression(), X, Y)


def test_labels_that_the_classifier_does_not_know_are_left_to_the_metric():
    assert make_collapse_aware_scorer("accuracy")(LogisticRegression().fit(X, Y), X, Y + 10) == 0.0


@given(st.integers(2, 4), st.integers(5, 60), st.integers(0, 2**31 - 1))
def test_a_metric_of_predictions_is_replaced_exactly_where_the_definition_says_so(n_classes, n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    proba = rng.dirichlet(np.full(n_classes, 0.3), n)
    predicted = rng.integers(n_classes, size=n) if seed % 2 else np.full(n, seed % n_classes)
    report = find_outcome(y, proba, predicted)
    model = Fixed(proba, predicted, tuple(range(n_classes))).fit(None, None)
    score = make_collapse_aware_scorer("accuracy")(model, np.zeros((n, 1)), y)
    expected = COLLAPSED_SCORE if report.collapsed or report.outcome == "threshold" else np.mean(predicted == y)
    assert score == pytest.approx(expected)


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "neg_log_loss", "balanced_accuracy"])
def test_balanced_probabilities_of_a_weak_model_are_no_collapse(scoring):
    """Probabilities near 0.5 at a base rate of 0.2 %: divided by the shares of the data they would look constant."""
    rng = np.random.default_rng(0)
    y = (np.arange(20_000) < 40).astype(int)
    X = rng.normal(size=(20_000, 3)) + 0.5 * y[:, None]
    model = LogisticRegression(class_weight="balanced").fit(X, y)
    expected = sklearn.metrics.check_scoring(scoring=scoring)(model, X, y)
    assert make_collapse_aware_scorer(scoring)(model, X, y) == expected


def test_the_shared_scorer_is_copied_before_it_can_be_changed():
    assert make_collapse_aware_scorer(collapse_aware_scorer) is not collapse_aware_scorer
