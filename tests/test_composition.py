"""Does the estimator work inside what scikit-learn and imbalanced-learn build from estimators?"""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, get_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler

from balanced_nn import BalancedNNClassifier, TabularPreprocessor
from tests.helpers.installed import HAS_TEMPERATURE

X, Y = make_classification(n_samples=360, n_features=6, weights=[0.75], class_sep=1.5, flip_y=0.01, random_state=0)
FRAME = pd.DataFrame(X, columns=list("abcdef")).assign(
    colour=pd.Categorical(np.array(["red", "green", "blue"])[(X[:, 0] > 0) + (X[:, 1] > 0).astype(int)])
)
LABELS = pd.Series(np.where(Y == 1, "yes", "no"))


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 8, "random_state": 0, "learning_rate_init": 0.01, **params}
    return BalancedNNClassifier(**{"batch_size": 32, "on_collapse": "ignore", **settings})


@pytest.fixture(scope="module")
def fitted() -> BalancedNNClassifier:
    return small().fit(FRAME, LABELS)


# Searches

GRID = {
    "clf__learning_rate_init": [0.01, "auto"],
    "clf__hidden_layer_sizes": [(16,), 8],
    "clf__sampler": [None, "over"],
    "clf__scaler": ["standard", RobustScaler()],
    "clf__class_weight": ["balanced", {"yes": 3.0}],
}


def columns() -> ColumnTransformer:
    return ColumnTransformer(
        [("numbers", StandardScaler(), list("abcdef")), ("words", OneHotEncoder(sparse_output=False), ["colour"])]
    )


@pytest.mark.slow  # 64 fits in two processes, which load TensorFlow first
def test_a_grid_over_the_main_parameters_runs_in_two_processes_behind_a_column_transformer():
    pipeline = Pipeline([("columns", columns()), ("clf", small(max_iter=5))])
    search = GridSearchCV(pipeline, GRID, cv=2, n_jobs=2, scoring="balanced_accuracy", error_score="raise")
    search.fit(FRAME, LABELS)
    assert len(search.cv_results_["params"]) == 32
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.8
    assert set(search.predict(FRAME)) == {"no", "yes"}


def test_a_search_gives_the_same_scores_with_one_and_with_two_jobs():
    pipeline = Pipeline([("columns", columns()), ("clf", small(max_iter=5))])
    grid = {"clf__sampler": ["over", "smote"]}
    one, two = (
        GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, scoring="neg_log_loss").fit(FRAME, LABELS)
        for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])


def test_a_search_in_threads_gives_the_same_scores_as_one_after_the_other():
    search = GridSearchCV(small(), {"alpha": [0.0, 0.1], "sampler": [None, "under"]}, cv=2, scoring="neg_log_loss")
    one_by_one = clone(search).fit(X, Y).cv_results_["mean_test_score"]
    with joblib.parallel_config("threading", n_jobs=2):
        at_once = clone(search).fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(at_once, one_by_one)


@pytest.mark.slow  # as many fits
@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomUnderSampler(random_state=0)], ids=str)
def test_a_search_inside_a_pipeline_that_samples(sampler):
    pipeline = SamplingPipeline([("columns", columns()), ("sampler", sampler), ("clf", small())])
    search = GridSearchCV(pipeline, GRID, cv=2, n_jobs=2, scoring="balanced_accuracy", error_score="raise")
    search.fit(FRAME, LABELS)
    assert search.best_score_ > 0.8


def test_a_search_over_the_parameters_of_a_nested_sampler():
    grid = {"sampler__k_neighbors": [1, 4], "sampler__sampling_strategy": [0.6, "auto"]}
    search = GridSearchCV(small(sampler=SMOTE()), grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 4
    assert (
        search.best_estimator_.sampler.get_params().items()
        >= {name.removeprefix("sampler__"): value for name, value in search.best_params_.items()}.items()
    )


def test_the_own_preprocessor_stands_before_the_estimator():
    pipeline = make_pipeline(TabularPreprocessor("robust"), small(scaler=None)).fit(FRAME, LABELS)
    assert pipeline.score(FRAME, LABELS) > 0.8


# Copies


def by_joblib(clf: BalancedNNClassifier, folder: Path) -> BalancedNNClassifier:
    joblib.dump(clf, folder / "clf.joblib")
    return joblib.load(folder / "clf.joblib")


COPIERS: dict[str, Callable[[Any, Path], Any]] = {
    "pickle": lambda clf, _: pickle.loads(pickle.dumps(clf)),
    "deepcopy": lambda clf, _: copy.deepcopy(clf),
    "copy": lambda clf, _: copy.copy(clf),
    "joblib": by_joblib,
}


@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("used_model", [False, True])
def test_copies_of_a_fitted_estimator_predict_the_same(copier, used_model, fitted, tmp_path):
    clf = copy.deepcopy(fitted)
    if used_model:
        _ = clf.model_
    twin = COPIERS[copier](clf, tmp_path)
    np.testing.assert_array_equal(twin.predict_proba(FRAME), fitted.predict_proba(FRAME))
    np.testing.assert_array_equal(twin.predict(FRAME), fitted.predict(FRAME))
    assert twin.history_ == fitted.history_
    assert twin.collapse_report_ == fitted.collapse_report_
    assert twin.model_.count_params() == fitted.model_.count_params()


def test_a_pickle_is_small_and_holds_no_keras(fitted):
    text = pickle.dumps(fitted)
    assert len(text) < 50_000
    assert b"keras" not in text.replace(b"_keras_model", b"")


def test_a_copy_of_an_unfitted_estimator_is_fitted_like_the_original(fitted):
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(small())).fit(FRAME, LABELS).predict_proba(FRAME), fitted.predict_proba(FRAME)
    )


def test_a_clone_has_the_parameters_and_nothing_of_the_fit(fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    assert not [name for name in vars(twin) if name.endswith("_")]
    with pytest.raises(NotFittedError):
        twin.predict(FRAME)


def test_a_clone_has_its_own_nested_parts():
    original = small(sampler=SMOTE(), scaler=StandardScaler(), class_weight={0: 2.0})
    twin = clone(original)
    assert twin.sampler is not original.sampler
    assert twin.scaler is not original.scaler
    assert twin.class_weight == original.class_weight


def test_nested_parameters_are_set_from_outside():
    pipeline = Pipeline([("clf", small(sampler=SMOTE(), scaler=StandardScaler()))])
    pipeline.set_params(clf__sampler__k_neighbors=2, clf__scaler__with_mean=False, clf__max_iter=4)
    assert pipeline["clf"].sampler.k_neighbors == 2
    assert pipeline["clf"].scaler.with_mean is False
    assert len(pipeline.fit(X, Y)["clf"].loss_curve_) <= 4
    pipeline.set_params(clf__sampler="under", clf__scaler=None)
    assert pipeline.fit(X, Y)["clf"].preprocessing_.scaler.width == 6


def test_an_unknown_parameter_is_refused():
    with pytest.raises(ValueError, match="Invalid parameter 'hiden'"):
        small().set_params(hiden=3)


def test_a_nested_sampler_without_a_seed_follows_the_estimators_seed():
    first, second = (small(sampler=SMOTE()).fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_representation_shows_what_was_set():
    assert repr(BalancedNNClassifier()) == "BalancedNNClassifier()"
    assert repr(BalancedNNClassifier(max_iter=3)) == "BalancedNNClassifier(max_iter=3)"
    assert "BalancedNNClassifier" in small()._repr_html_()


# Weights on their way


def test_metadata_routing_brings_weights_to_fit():
    weight = np.where(Y == 1, 5.0, 1.0)
    share = 5 * Y.sum() / (5 * Y.sum() + (1 - Y).sum())
    with config_context(enable_metadata_routing=True):
        asks = small(max_iter=2).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        plain = small(max_iter=2).set_fit_request(sample_weight=False)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        weighted = make_pipeline(scaler, asks).fit(X, Y, sample_weight=weight)[-1]
        unweighted = make_pipeline(scaler, plain)
        grid = {"balancednnclassifier__alpha": [0.0, 0.1]}
        scoring = get_scorer("balanced_accuracy").set_score_request(sample_weight=True)
        search = GridSearchCV(make_pipeline(scaler, asks), grid, cv=2, scoring=scoring)
        searched = search.fit(X, Y, sample_weight=weight).best_estimator_[-1]
        folds = cross_validate(asks, X, Y, cv=2, params={"sample_weight": weight}, return_estimator=True)
        with pytest.raises(TypeError, match="sample_weight"):
            unweighted.fit(X, Y, sample_weight=weight)
    assert weighted.class_prior_[1] == pytest.approx(share)
    assert searched.class_prior_[1] == pytest.approx(share)
    assert all(clf.class_prior_[1] == pytest.approx(share, abs=0.02) for clf in folds["estimator"])


def test_validation_rows_can_be_routed_to_fit():
    with config_context(enable_metadata_routing=True):
        clf = small(max_iter=2).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(clf).fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    assert pipeline[-1].collapse_report_.judged_on == "rows given for validation"


def test_weights_reach_the_estimator_through_a_pipeline_without_routing():
    weight = np.where(Y == 1, 5.0, 1.0)
    pipeline = Pipeline([("clf", small(max_iter=2))]).fit(X, Y, clf__sample_weight=weight)
    assert pipeline["clf"].class_prior_[1] == pytest.approx(5 * Y.sum() / (5 * Y.sum() + (1 - Y).sum()))


# Built on top


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_runs_on_top(method):
    clf = CalibratedClassifierCV(small(decision="argmax"), method=method, cv=2).fit(FRAME, LABELS)
    assert clf.predict_proba(FRAME)[:, 1].mean() == pytest.approx(Y.mean(), abs=0.05)


def test_calibration_of_a_frozen_estimator_runs_on_top(fitted):
    clf = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(FRAME, LABELS)
    assert clf.score(FRAME, LABELS) > 0.85


def test_a_tuned_threshold_runs_on_top():
    clf = TunedThresholdClassifierCV(small(), cv=2, scoring="balanced_accuracy").fit(FRAME, LABELS)
    assert get_scorer("balanced_accuracy")(clf, FRAME, LABELS) > 0.85


def test_a_fixed_threshold_runs_on_top(fitted):
    clf = FixedThresholdClassifier(FrozenEstimator(fitted), threshold=0.5, pos_label="yes").fit(FRAME, LABELS)
    np.testing.assert_array_equal(clf.predict(FRAME) == "yes", fitted.predict_proba(FRAME)[:, 1] >= 0.5)


def test_permutation_importance_finds_the_columns_that_matter(fitted):
    result = permutation_importance(fitted, FRAME, LABELS, n_repeats=3, random_state=0, scoring="neg_log_loss")
    assert result.importances_mean.shape == (7,)
    assert result.importances_mean.max() > 0.02


def test_a_learning_curve_runs_on_top():
    sizes, train, test = learning_curve(
        small(), X, Y, train_sizes=[0.5, 1.0], cv=2, scoring="roc_auc", shuffle=True, random_state=0
    )
    assert sizes.tolist() == [90, 180]
    assert (test[-1] > 0.8).all()


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting_runs_on_top(voting):
    members = [("network", small()), ("linear", LogisticRegression())]
    clf = VotingClassifier(members, voting=voting).fit(X, Y)
    assert clf.score(X, Y) > 0.85
    assert clf.named_estimators_["network"].classes_.tolist() == [0, 1]


def test_stacking_and_bagging_run_on_top():
    stack = StackingClassifier([("network", small()), ("linear", LogisticRegression())], cv=2).fit(X, Y)
    bag = BaggingClassifier(small(), n_estimators=2, random_state=0).fit(X, Y)
    assert min(stack.score(X, Y), bag.score(X, Y)) > 0.85


def test_one_versus_rest_runs_on_top():
    y = np.digitize(X[:, 0], [-1, 1])
    assert OneVsRestClassifier(small()).fit(X, y).predict_proba(X).shape == (360, 3)


def test_scorers_of_every_kind_read_the_estimator(fitted):
    for name in ("accuracy", "balanced_accuracy", "roc_auc", "average_precision", "neg_log_loss", "neg_brier_score"):
        y = Y if name in {"average_precision", "neg_brier_score"} else LABELS
        clf = small().fit(FRAME, Y) if y is Y else fitted
        assert np.isfinite(get_scorer(name)(clf, FRAME, y))


# What docs/composition.md says is kept, and what is lost

X_RARE, Y_RARE = make_classification(1500, 6, n_informative=4, weights=[0.93], class_sep=0.8, random_state=0)
SHARE = Y_RARE.mean()


@pytest.fixture(scope="module")
def balanced() -> BalancedNNClassifier:
    return small().fit(X_RARE, Y_RARE)


@pytest.mark.skipif(not HAS_TEMPERATURE, reason="came with scikit-learn 1.8")
@pytest.mark.parametrize(("decision", "low", "high"), [("balanced", 2.5, 20.0), ("argmax", 0.7, 1.3)])
def test_a_temperature_on_top_gives_wrong_probabilities_over_any_decision_but_the_most_probable(decision, low, high):
    clf = CalibratedClassifierCV(small(decision=decision), method="temperature", cv=2).fit(X_RARE, Y_RARE)
    assert low < clf.predict_proba(X_RARE)[:, 1].mean() / SHARE < high


@pytest.mark.skipif(not HAS_TEMPERATURE, reason="came with scikit-learn 1.8")
def test_a_temperature_on_top_keeps_the_answers_of_the_decision_inside(balanced):
    clf = CalibratedClassifierCV(FrozenEstimator(balanced), method="temperature").fit(X_RARE, Y_RARE)
    np.testing.assert_array_equal(clf.predict(X_RARE), balanced.predict(X_RARE))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_to_other_calibrations_on_top_the_decision_inside_does_not_matter(method):
    over = {
        decision: CalibratedClassifierCV(small(decision=decision), method=method, cv=2).fit(X_RARE, Y_RARE)
        for decision in ("balanced", "argmax")
    }
    probas = {decision: clf.predict_proba(X_RARE) for decision, clf in over.items()}
    np.testing.assert_allclose(probas["balanced"], probas["argmax"], atol=0.01)
    assert probas["balanced"][:, 1].mean() == pytest.approx(SHARE, rel=0.2)
    answers = over["balanced"].predict(X_RARE)
    np.testing.assert_array_equal(answers, probas["balanced"].argmax(axis=1))
    assert answers.mean() < SHARE  # the balanced decision answers more rows with the rare class than there are


def test_soft_voting_answers_the_most_probable_class_of_averaged_probabilities():
    clf = VotingClassifier([("network", small()), ("linear", LogisticRegression())], voting="soft").fit(X_RARE, Y_RARE)
    mean = np.mean([member.predict_proba(X_RARE) for member in clf.estimators_], axis=0)
    np.testing.assert_allclose(clf.predict_proba(X_RARE), mean)
    np.testing.assert_array_equal(clf.predict(X_RARE), mean.argmax(axis=1))
    assert clf.predict(X_RARE).mean() < SHARE < clf.named_estimators_["network"].predict(X_RARE).mean()


def test_hard_voting_counts_the_answers_of_the_decisions_inside():
    clf = VotingClassifier([(f"network_{i}", small(random_state=i)) for i in range(3)]).fit(X_RARE, Y_RARE)
    votes = np.sum([member.predict(X_RARE) for member in clf.estimators_], axis=0)
    np.testing.assert_array_equal(clf.predict(X_RARE), votes >= 2)
    assert clf.predict(X_RARE).mean() > SHARE


def test_stacking_reads_natural_probabilities():
    clf = StackingClassifier([("network", small())], cv=2).fit(X_RARE, Y_RARE)
    read = clf.transform(X_RARE)
    np.testing.assert_array_equal(read[:, 0], clf.estimators_[0].predict_proba(X_RARE)[:, 1])
    assert read.mean() == pytest.approx(SHARE, rel=0.3)
    np.testing.assert_array_equal(clf.predict(X_RARE), clf.predict_proba(X_RARE).argmax(axis=1))


def test_bagging_answers_the_most_probable_class_of_averaged_probabilities():
    clf = BaggingClassifier(small(), n_estimators=2, random_state=0).fit(X_RARE, Y_RARE)
    mean = np.mean([member.predict_proba(X_RARE) for member in clf.estimators_], axis=0)
    np.testing.assert_allclose(clf.predict_proba(X_RARE), mean)
    np.testing.assert_array_equal(clf.predict(X_RARE), mean.argmax(axis=1))


def test_a_tuned_threshold_on_top_is_what_is_followed():
    clf = TunedThresholdClassifierCV(small(), cv=2, scoring="balanced_accuracy").fit(X_RARE, Y_RARE)
    rare = clf.predict_proba(X_RARE)[:, 1]
    np.testing.assert_array_equal(clf.predict(X_RARE), rare >= clf.best_threshold_)
    tuned, most_probable = (balanced_accuracy_score(Y_RARE, answers) for answers in (clf.predict(X_RARE), rare > 0.5))
    assert tuned > most_probable + 0.1


def test_a_fixed_threshold_on_top_overrules_the_decision_unless_it_reads_the_decision_function(balanced):
    of_proba, of_decision = (
        FixedThresholdClassifier(FrozenEstimator(balanced), response_method=method).fit(X_RARE, Y_RARE)
        for method in ("auto", "decision_function")
    )
    np.testing.assert_array_equal(of_proba.predict(X_RARE), balanced.predict_proba(X_RARE)[:, 1] >= 0.5)
    np.testing.assert_array_equal(of_decision.predict(X_RARE), balanced.predict(X_RARE))
    assert of_proba.predict(X_RARE).mean() < SHARE < of_decision.predict(X_RARE).mean()


def test_the_share_of_the_rare_class_as_a_threshold_is_the_balanced_decision(balanced):
    clf = FixedThresholdClassifier(FrozenEstimator(balanced), threshold=SHARE, response_method="predict_proba")
    np.testing.assert_array_equal(clf.fit(X_RARE, Y_RARE).predict(X_RARE), balanced.predict(X_RARE))


def test_the_share_of_the_rare_class_as_a_threshold_restores_what_soft_voting_lost():
    members = [("network", small()), ("linear", LogisticRegression())]
    voting = VotingClassifier(members, voting="soft").fit(X_RARE, Y_RARE)
    clf = FixedThresholdClassifier(FrozenEstimator(voting), threshold=SHARE, response_method="predict_proba")
    lost, restored = (
        balanced_accuracy_score(Y_RARE, model.predict(X_RARE)) for model in (voting, clf.fit(X_RARE, Y_RARE))
    )
    assert restored > lost + 0.1


def test_one_versus_rest_answers_the_class_that_is_furthest_above_its_threshold():
    y = np.digitize(X[:, 0], [-1, 1])
    clf = OneVsRestClassifier(small()).fit(X, y)
    scores = np.column_stack([member.decision_function(X) for member in clf.estimators_])
    np.testing.assert_array_equal(clf.predict(X), scores.argmax(axis=1))


# Changed after fit, inside something else


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline([("scaler", StandardScaler()), ("clf", small())]).fit(X_RARE, Y_RARE)


def test_a_decision_is_set_on_the_step_of_a_pipeline(pipeline):
    as_fitted = pipeline.predict(X_RARE)
    pipeline["clf"].set_decision("argmax")
    np.testing.assert_array_equal(pipeline.predict(X_RARE), pipeline.predict_proba(X_RARE).argmax(axis=1))
    assert pipeline.predict(X_RARE).mean() < as_fitted.mean()
    pipeline["clf"].set_decision("f1", pipeline[:-1].transform(X_RARE), Y_RARE)
    assert pipeline["clf"].decision_rule_.tuning.n_rows == len(Y_RARE)


def test_a_prior_is_set_on_the_step_of_a_pipeline(pipeline):
    before = pipeline.predict_proba(X_RARE)
    pipeline["clf"].set_prior([0.5, 0.5])
    np.testing.assert_array_equal(pipeline.classes_, [0, 1])
    assert (pipeline.predict_proba(X_RARE)[:, 1] > before[:, 1]).all()
    pipeline["clf"].set_prior(None)
    np.testing.assert_array_equal(pipeline.predict_proba(X_RARE), before)


@pytest.mark.parametrize("copier", COPIERS)
def test_copies_keep_the_decision_and_the_prior_that_were_set(copier, pipeline, tmp_path):
    clf = pipeline["clf"].set_prior([0.6, 0.4]).set_decision("f1")
    twin = COPIERS[copier](clf, tmp_path)
    np.testing.assert_array_equal(twin.class_prior_, [0.6, 0.4])
    np.testing.assert_array_equal(twin.predict_proba(X_RARE), clf.predict_proba(X_RARE))
    np.testing.assert_array_equal(twin.predict(X_RARE), clf.predict(X_RARE))
    assert str(twin.decision_rule_) == str(clf.decision_rule_)
    assert str(twin.set_prior(None).decision_rule_) == str(clf.set_prior(None).decision_rule_)


def test_a_copy_may_be_changed_without_the_original(balanced):
    rule = str(balanced.decision_rule_)
    copy.deepcopy(balanced).set_prior([0.5, 0.5]).set_decision("argmax")
    assert str(balanced.decision_rule_) == rule
    np.testing.assert_allclose(balanced.class_prior_, [1 - SHARE, SHARE])


def test_a_clone_forgets_the_decision_and_the_prior_that_were_set(pipeline):
    clf = pipeline["clf"].set_prior([0.5, 0.5]).set_decision("argmax")
    assert clf.decision == "auto"
    twin = clone(clf).fit(X_RARE, Y_RARE)
    assert twin.decision_rule_.name == "balanced"
    np.testing.assert_allclose(twin.class_prior_, [1 - SHARE, SHARE])


def routed(composition: str) -> Any:
    asks = small(max_iter=2).set_fit_request(sample_weight=True)
    linear = LogisticRegression().set_fit_request(sample_weight=True)
    if composition == "calibrated":
        return CalibratedClassifierCV(asks, cv=2, ensemble=False)
    if composition == "tuned":
        scoring = get_scorer("balanced_accuracy").set_score_request(sample_weight=True)
        return TunedThresholdClassifierCV(asks, scoring=scoring, cv=2)
    if composition == "fixed":
        return FixedThresholdClassifier(asks)
    if composition == "voting":
        return VotingClassifier([("network", asks), ("linear", linear)])
    return StackingClassifier([("network", asks)], linear, cv=2)


@pytest.mark.parametrize("composition", ["calibrated", "tuned", "fixed", "voting", "stacking"])
def test_weights_are_routed_through_a_composition(composition):
    weight = np.where(Y_RARE == 1, 5.0, 1.0)
    with config_context(enable_metadata_routing=True):
        model = routed(composition).fit(X_RARE, Y_RARE, sample_weight=weight)
    inside = {
        "calibrated": lambda: model.calibrated_classifiers_[0].estimator,
        "tuned": lambda: model.estimator_,
        "fixed": lambda: model.estimator_,
        "voting": lambda: model.estimators_[0],
        "stacking": lambda: model.estimators_[0],
    }
    assert inside[composition]().class_prior_[1] == pytest.approx(5 * SHARE / (1 + 4 * SHARE))
