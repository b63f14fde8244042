"""Is any fitted classifier judged, its fault named, and nothing about it changed?"""

import copy
import json
import warnings
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier, Cause, diagnose
from balanced_nn._diagnose.sklearn_models import mlp_networks

pytestmark = pytest.mark.filterwarnings(r"ignore:[\s\S]*softmax over axis:UserWarning")  # Keras, about a lone unit

X, Y = make_classification(400, 8, n_informative=5, class_sep=1.5, flip_y=0, random_state=0)
X3, Y3 = make_classification(400, 8, n_informative=5, n_classes=3, class_sep=2, flip_y=0, random_state=0)
TEXT = np.array(["no", "yes"])[Y]
FRAME = pd.DataFrame(X, columns=list("abcdefgh"))
RARE = np.r_[np.flatnonzero(Y == 0), np.flatnonzero(Y == 1)[:12]]
SLOW = {"learning_rate_init": 1e-7, "max_iter": 20, "n_iter_no_change": 20, "random_state": 2}


def fit(model: Any, rows: Any = X, labels: Any = Y) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows, labels)


def slow(**settings: Any) -> MLPClassifier:
    return MLPClassifier(**{**SLOW, **settings})


@pytest.fixture(scope="module")
def mlp() -> MLPClassifier:
    return fit(slow(), X, TEXT)


def named(report: Any) -> list[tuple[str, str]]:
    return [(finding.cause.value, finding.status) for finding in report.causes]


def assert_can_be_shown(report: Any) -> None:
    prose = [line for line in str(report).splitlines() if line and not line.startswith("    ")]
    assert f"({report.facts.n_rows} {report.judged_on}; " in prose[0]
    for line in prose:
        assert line[0].isupper()
        assert line.endswith((".", ")", "?", ":"))
    assert any(line.startswith("Why: ") for line in prose) == (report.outcome != "healthy")
    assert report._repr_html_().startswith("<div")
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["outcome"] == report.outcome


# MLPClassifier


@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
@pytest.mark.parametrize(
    ("rows", "labels"), [(X, Y), (X3, Y3), (X.astype(np.float32), TEXT)], ids=["2", "3", "float32"]
)
def test_the_weights_that_an_mlp_began_with_are_drawn_again(activation, rows, labels):
    settings = {"activation": activation, "learning_rate_init": 1e-30, "max_iter": 1, "random_state": 42}
    model = fit(MLPClassifier((7, 5), solver="sgd", alpha=0.0, **settings), rows, labels)
    before, after = mlp_networks(model)
    for drawn, kernel, bias in zip(before.layers, model.coefs_, model.intercepts_, strict=True):
        np.testing.assert_array_equal(drawn.kernel, kernel)
        np.testing.assert_array_equal(drawn.bias, bias)
    np.testing.assert_array_equal(after.layers[-1].kernel, model.coefs_[-1])


@pytest.mark.parametrize(
    ("settings", "rows", "labels", "held_out"),
    [
        ({}, X, Y, False),
        ({}, X, TEXT, True),
        ({}, X, Y.astype(bool), True),
        ({}, X3, Y3, True),
        ({"early_stopping": True}, X, Y, True),
        ({"solver": "sgd"}, X3, Y3, False),
        ({"hidden_layer_sizes": 5}, X, TEXT, True),
    ],
)
def test_an_mlp_that_learns_too_slowly_is_told_so(settings, rows, labels, held_out):
    model = fit(slow(**settings), rows, labels)
    report = diagnose(model, rows, labels, **({"X_val": rows, "y_val": labels} if held_out else {}))
    assert report.causes[0].cause is Cause.LEARNING_RATE_TOO_LOW
    assert report.judged_on == ("held-out rows" if held_out else "given rows")
    assert report.classes == tuple(np.unique(labels).tolist())
    assert report.evidence.movement < 0.01
    assert (report.evidence.network.epochs, report.evidence.network.n_steps) == (20, 40)  # 2 batches of 200 an epoch
    assert_can_be_shown(report)


@pytest.mark.parametrize("state", [None, np.random.RandomState(0)])
def test_without_a_seed_the_first_weights_are_only_like_the_real_ones(state):
    evidence = diagnose(fit(slow(random_state=state)), X, Y).evidence
    assert evidence.initial_is_redrawn
    assert evidence.movement is None


def test_an_mlp_trained_by_lbfgs_has_no_learning_rate():
    report = diagnose(fit(MLPClassifier(solver="lbfgs", max_iter=1, random_state=0), X3, Y3), X3, Y3)
    assert (report.evidence.network.learning_rate, report.evidence.network.n_steps) == (None, None)
    assert report.evidence.curve is None


def test_a_sound_mlp_is_healthy_without_causes():
    report = diagnose(fit(MLPClassifier(random_state=0)), X, Y, confirm=True)
    assert (report.outcome, report.causes) == ("healthy", ())
    assert_can_be_shown(report)


def test_a_diagnosis_changes_neither_the_model_nor_the_rows_nor_the_generators(mlp):
    before, rows, labels = copy.deepcopy(vars(mlp)), X.copy(), TEXT.copy()
    state = np.random.get_state()[1].copy()
    first = diagnose(mlp, rows, labels, confirm=True)
    assert first.to_dict() == diagnose(mlp, rows, labels, confirm=True).to_dict()
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(labels, TEXT)
    assert set(vars(mlp)) == set(before)
    for old, now in zip(before["coefs_"], mlp.coefs_, strict=True):
        np.testing.assert_array_equal(old, now)
    assert mlp.get_params()["learning_rate_init"] == 1e-7


# Tables and compositions


MIXED = FRAME.assign(h=FRAME["h"] > 0)  # NumPy makes a table of objects of it


@pytest.mark.parametrize(
    "rows",
    [FRAME, MIXED, X.tolist(), sparse.csr_matrix(X), sparse.coo_matrix(X), X.astype(np.float32)],
    ids=["frame", "mixed", "lists", "sparse", "coo", "float32"],
)
def test_any_table_is_taken_and_trained_on_again(rows):
    report = diagnose(fit(slow(), rows, TEXT.tolist()), rows, TEXT.tolist(), confirm=True)
    assert named(report)[0] == ("learning_rate_too_low", "confirmed")
    assert report.facts.n_rows == 400


def test_held_out_rows_may_come_in_any_sparse_format():
    rows = sparse.coo_matrix(X)
    report = diagnose(fit(slow(), rows, Y), rows, Y, X_val=rows, y_val=Y)
    assert (report.facts.n_rows, report.judged_on) == (400, "held-out rows")


@pytest.mark.parametrize("held_out", [False, True])
def test_labels_may_come_as_a_table_with_one_column(mlp, held_out):
    column = pd.DataFrame({"label": TEXT})
    given = {"X_val": X, "y_val": column} if held_out else {}
    as_text = {"X_val": X, "y_val": TEXT} if held_out else {}
    one = diagnose(mlp, X, column, confirm=True, **given)
    assert one.to_dict() == diagnose(mlp, X, TEXT, confirm=True, **as_text).to_dict()
    assert named(one)[0] == ("learning_rate_too_low", "confirmed")


def composed() -> dict[str, Any]:
    grid = GridSearchCV(make_pipeline(StandardScaler(), slow()), {"mlpclassifier__alpha": [1e-4]}, cv=2)
    sampling = SamplingPipeline(
        [("scale", StandardScaler()), ("draw", RandomOverSampler(random_state=0)), ("mlp", slow())]
    )
    return {
        "pipeline": make_pipeline(StandardScaler(), slow()),
        "frames": make_pipeline("passthrough", StandardScaler().set_output(transform="pandas"), slow()),
        "nested": make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), slow())),
        "search": grid,
        "sampler": sampling,
        "alone": make_pipeline(slow()),
    }


@pytest.mark.parametrize("case", composed())
def test_the_network_inside_pipelines_and_searches_is_found(case):
    report = diagnose(fit(composed()[case], FRAME, TEXT), FRAME, TEXT, X_val=FRAME[::2], y_val=TEXT[::2])
    assert named(report)[0] == ("learning_rate_too_low", "suspected")
    assert len(report.evidence.final.layers) == 2


def test_a_sampler_counts_as_balance_and_draws_again_when_training_again():
    model = fit(composed()["sampler"], X[RARE], Y[RARE])
    report = diagnose(model, X[RARE], Y[RARE], confirm=True)
    assert report.evidence.data.class_share == pytest.approx((0.5, 0.5))
    assert report.evidence.data.class_rows[1] == 12
    assert Cause.CLASS_IMBALANCE not in {finding.cause for finding in report.causes}
    assert named(report)[0] == ("learning_rate_too_low", "confirmed")


def test_a_sampler_that_needs_more_rows_than_are_passed_is_passed_over():
    model = fit(SamplingPipeline([("draw", SMOTE(random_state=0)), ("mlp", slow())]), X[RARE], Y[RARE])
    few = np.r_[np.flatnonzero(Y == 0)[:60], np.flatnonzero(Y == 1)[:3]]  # SMOTE asks for six of a class
    report = diagnose(model, X[few], Y[few])
    assert report.evidence.data.class_share == pytest.approx((60 / 63, 3 / 63))
    assert diagnose(model, X[RARE], Y[RARE]).evidence.data.class_share == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("balance", "share"), [(None, 12 / 212), ("balanced", 0.5), ({0: 1.0, 1: 200 / 12}, 0.5)])
def test_class_weights_count_as_balance(balance, share):
    report = diagnose(LogisticRegression(C=1e-9, class_weight=balance).fit(X[RARE], Y[RARE]), X[RARE], Y[RARE])
    assert report.outcome == "constant"
    assert report.evidence.data.class_share[1] == pytest.approx(share, rel=0.05)


def test_class_weights_of_a_forest_count_too():
    for balance, share in {None: 12 / 212, "balanced_subsample": 0.5}.items():
        forest = RandomForestClassifier(3, max_depth=1, class_weight=balance, random_state=0).fit(X[RARE], Y[RARE])
        assert diagnose(forest, X[RARE], Y[RARE]).evidence.data.class_share[1] == pytest.approx(share, rel=0.01)


@pytest.mark.parametrize(
    ("model", "outcome"),
    [
        (LogisticRegression(), "healthy"),
        (HistGradientBoostingClassifier(max_iter=10), "healthy"),
        (RidgeClassifier(), "healthy"),
        (DummyClassifier(), "constant"),
        (DummyClassifier(strategy="constant", constant=1), "constant"),
    ],
    ids=["linear", "trees", "scores", "prior", "constant"],
)
def test_any_other_classifier_is_judged(model, outcome):
    report = diagnose(model.fit(X, Y), X, Y)
    assert (report.outcome, report.evidence.network, report.causes) == (outcome, None, ())
    assert_can_be_shown(report)


def test_what_no_repair_mends_is_said():
    report = diagnose(DummyClassifier().fit(X, Y), X, Y, confirm=True)
    assert report.outcome == "constant"
    assert "no repair restored the result" in str(report)


def test_features_without_signal_are_not_trained_on_again():
    noise = np.random.default_rng(0).normal(size=(400, 3))
    report = diagnose(fit(slow(), noise, Y), noise, Y, confirm=True)
    assert (report.outcome, named(report)) == ("no_signal", [("no_signal", "suspected")])


def test_a_label_that_the_model_never_saw_is_a_class_that_it_misses(mlp):
    held = np.array([*TEXT[:200], *["maybe"] * 50])
    report = diagnose(mlp, X, TEXT, X_val=X[:250], y_val=held)
    assert report.classes == ("maybe", "no", "yes")
    assert report.facts.recall[0] == 0
    assert len(report.evidence.final.layers) == 2


# BalancedNNClassifier and Keras models


@pytest.fixture(scope="module")
def ours() -> dict[str, BalancedNNClassifier]:
    small = {"hidden_layer_sizes": (16,), "max_iter": 8, "random_state": 0, "batch_size": 32, "on_collapse": "ignore"}
    rates = {"sound": 0.01, "slow": 1e-7}
    return {
        name: BalancedNNClassifier(**small, learning_rate_init=rate).fit(FRAME, TEXT) for name, rate in rates.items()
    }


def test_our_own_classifier_is_judged_on_any_rows(ours):
    assert diagnose(ours["sound"], FRAME, TEXT).outcome == "healthy"
    flipped = diagnose(ours["sound"], FRAME, np.where(TEXT == "no", "yes", "no"))
    assert flipped.outcome in {"worse_than_reference", "missing"}  # the better it is, the worse
    assert not flipped.evidence.initial  # nobody looked while it trained, as all was well
    report = diagnose(ours["slow"], FRAME, TEXT, X_val=FRAME[:100], y_val=TEXT[:100])
    assert named(report) == [("learning_rate_too_low", "suspected")]
    assert report.facts.n_rows == 100
    assert_can_be_shown(report)


@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.ColumnWarning")
def test_columns_that_ours_misreads_are_blamed_for_features_without_a_signal():
    prices = np.char.mod("%.2f EUR", np.random.default_rng(0).uniform(size=600))
    table, labels = pd.DataFrame({"price": prices}), np.arange(600) % 2
    settings = {"learning_rate_init": 0.01, "max_iter": 2, "n_members": 1, "on_collapse": "ignore", "random_state": 2}
    model = BalancedNNClassifier((4,), **settings)
    report = diagnose(model.fit(table[:300], labels[:300]), table[300:], labels[300:])
    assert report.outcome == "no_signal"
    assert "Column 'price' holds numbers as text" in report.causes[0].seen


def test_the_cause_of_a_failure_of_our_own_is_confirmed(ours):
    before = ours["slow"].predict_proba(FRAME)
    report = diagnose(ours["slow"], FRAME, TEXT, confirm=True)
    assert named(report) == [("learning_rate_too_low", "confirmed")]
    assert report.causes[0].change == {"learning_rate_init": "auto"}
    np.testing.assert_array_equal(ours["slow"].predict_proba(FRAME), before)


def test_no_keras_model_is_built_in_our_own_classifier(ours):
    for model in ours.values():
        before = set(vars(model))
        diagnose(model, FRAME, TEXT, X_val=FRAME, y_val=TEXT)
        diagnose(model, FRAME, TEXT, confirm=True)
        assert set(vars(model)) == before
        assert "_keras_model" not in before


class Wrapper(ClassifierMixin, BaseEstimator):
    """As SciKeras does it: labels of any kind, and the Keras model in `model_`."""

    def __init__(self, activation: str = "softmax") -> None:
        self.activation = activation

    def fit(self, rows: Any, labels: Any) -> "Wrapper":
        keras.utils.set_random_seed(0)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(1, self.activation)]
        self.model_ = keras.Sequential([keras.Input((8,)), *layers])
        self.model_.compile("adam", "binary_crossentropy")
        self.model_.fit(np.asarray(rows), codes, epochs=12, batch_size=16, verbose=0)
        return self

    def predict_proba(self, rows: Any) -> Any:
        positive = self.model_(np.asarray(rows)).numpy()
        return np.hstack([1 - positive, positive])

    def predict(self, rows: Any) -> Any:
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


@pytest.fixture(scope="module")
def wrapped() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(StandardScaler(), Wrapper()).fit(FRAME, TEXT)


class Bare:
    """A classifier of nobody's base class, which tells what it is as scikit-learn asked for before tags."""

    _estimator_type: str | None = "classifier"

    def fit(self, rows: Any, labels: Any) -> "Bare":
        self.inner = LogisticRegression().fit(rows, labels)
        self.classes_ = self.inner.classes_.tolist()
        return self

    def predict(self, rows: Any) -> Any:
        return self.inner.predict(rows)

    def predict_proba(self, rows: Any) -> Any:
        return self.inner.predict_proba(rows)


class Unnamed(Bare, BaseEstimator):
    _estimator_type = None


class Broken(Bare):
    def __sklearn_tags__(self) -> Any:
        return super().__sklearn_tags__()  # type: ignore[misc]


@pytest.mark.filterwarnings("ignore:The following error was raised:DeprecationWarning")  # of scikit-learn 1.7
@pytest.mark.parametrize("kind", [Bare, Unnamed, Broken])
def test_what_behaves_as_a_classifier_is_one(kind):
    expected = diagnose(LogisticRegression().fit(X, TEXT), X, TEXT).to_dict()
    assert diagnose(kind().fit(X, TEXT), X, TEXT).to_dict() == expected
    unfitted = rf"This {kind.__name__} instance (has no classes yet\. Fit it|is not fitted yet)"
    with pytest.raises(NotFittedError, match=unfitted):
        diagnose(kind(), X, TEXT)


def test_a_classifier_without_parameters_cannot_be_trained_again():
    with pytest.raises(ValueError, match=r"Bare cannot be copied: it has no get_params. Use confirm=False"):
        diagnose(Bare().fit(X * 1e-9, TEXT), X * 1e-9, TEXT, confirm=True)


def test_the_keras_model_inside_a_wrapper_is_looked_at(wrapped):
    report = diagnose(wrapped, FRAME, TEXT, X_val=FRAME, y_val=TEXT)
    assert (report.outcome, report.classes, report.judged_on) == ("constant", ("no", "yes"), "held-out rows")
    assert report.causes[0].cause is Cause.OUTPUT_ACTIVATION


def test_the_cause_of_a_failure_of_a_keras_model_is_confirmed(wrapped):
    model, rows = wrapped[-1].model_, wrapped[:-1].transform(FRAME).astype(np.float32)
    before, state = model.get_weights(), [variable.numpy() for variable in model.optimizer.variables]
    params = {"epochs": 12, "batch_size": 16, "sample_weight": np.ones(400)}
    reports = [diagnose(model, rows, Y, confirm=True, fit_params=params) for _ in range(2)]
    assert named(reports[0])[0] == ("output_activation", "confirmed")
    assert reports[0].to_dict() == reports[1].to_dict()
    assert len(params["sample_weight"]) == 400
    for old, now in zip([*before, *state], [*model.get_weights(), *model.optimizer.variables], strict=True):
        np.testing.assert_array_equal(old, now if isinstance(now, np.ndarray) else now.numpy())
    assert_can_be_shown(reports[0])


def test_labels_at_fault_are_not_trained_on_again(wrapped):
    rows = wrapped[:-1].transform(FRAME).astype(np.float32)
    report = diagnose(wrapped[-1].model_, rows, Y + 1, confirm=True)
    assert named(report)[0] == ("bad_labels", "suspected")


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.last = keras.layers.Dense(1, "softmax")

    def call(self, x: Any) -> Any:
        return self.last(x)


def test_a_subclassed_model_cannot_be_trained_again():
    model = Subclassed()
    model.compile("adam", "binary_crossentropy")
    assert diagnose(model, X, Y).causes[0].cause is Cause.OUTPUT_ACTIVATION
    with pytest.raises(ValueError, match="Subclassed is a subclassed Keras model, .* Use confirm=False, or write"):
        diagnose(model, X, Y, confirm=True)


# Wrong calls


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X,), "^y is None. Pass one label"),
        ((X, TEXT, X), "X_val was passed without y_val. Pass both, or neither"),
        ((X, TEXT, None, TEXT), "y_val was passed without X_val. Pass both, or neither"),
        ((X, TEXT[:-1]), r"X has 400 rows, but y has shape \(399,\)"),
        ((X, TEXT, X, TEXT[:-1]), r"X_val has 400 rows, but y_val has shape \(399,\)"),
        ((X, Y), "y holds 0, 1, but MLPClassifier was trained on no, yes"),
        ((X, TEXT, X, Y), "y_val holds 0, 1, but MLPClassifier was trained on no, yes"),
        ((X, np.where(Y, "yes", "maybe"), X, TEXT), "y holds maybe, yes, but MLPClassifier was trained on no, yes"),
        ((X, np.column_stack([TEXT, TEXT])), "1d array"),
    ],
)
def test_rows_and_labels_that_do_not_fit_are_refused(mlp, arguments, message):
    names = dict(zip(("X", "y", "X_val", "y_val"), arguments, strict=False))
    with pytest.raises(ValueError, match=message):
        diagnose(mlp, **names)


@pytest.mark.parametrize("model", ["text", object(), MLPClassifier, MLPRegressor(), make_pipeline(MLPRegressor())])
def test_what_is_no_classifier_is_refused(model):
    with pytest.raises(
        TypeError, match="model must be a fitted classifier or a keras.Model; got .* the last step must"
    ):
        diagnose(model, X, Y)


@pytest.mark.parametrize("model", [MLPClassifier(), make_pipeline(StandardScaler(), MLPClassifier())])
def test_a_model_that_is_not_fitted_is_refused(model):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        diagnose(model, X, Y)


def test_a_search_that_kept_no_classifier_is_refused():
    search = fit(GridSearchCV(slow(), {"alpha": [1e-4]}, cv=2, refit=False))
    with pytest.raises(NotFittedError, match="refit"):
        diagnose(search, X, Y)


def test_parameters_of_keras_are_refused_for_other_classifiers(mlp, ours):
    for model in (mlp, ours["slow"], make_pipeline(StandardScaler(), mlp)):
        with pytest.raises(ValueError, match="fit_params is for Keras models.*Omit it"):
            diagnose(model, X, TEXT, fit_params={"epochs": 3})
    assert diagnose(mlp, X, TEXT, fit_params={}).outcome == "worse_than_reference"


def test_a_failure_by_luck_is_put_down_to_no_cause():
    """The weights at fault are not those that training gives."""
    model = fit(MLPClassifier((16,), max_iter=150, random_state=0), X, TEXT)
    for kernel in (*model.coefs_, *model.intercepts_):
        kernel[:] = 0
    report = diagnose(model, X, TEXT, confirm=True)
    assert report.outcome == "constant"
    assert report.search.repairs == frozenset()
    assert {finding.status for finding in report.causes} <= {"plausible", "refuted"}
    assert "unchanged, it works, so the failure was bad luck" in str(report)


@pytest.mark.parametrize("weight", [np.r_[np.ones(200), np.zeros(200)], np.r_[np.full(200, 2.5), np.zeros(200)]])
def test_judged_rows_that_weigh_nothing_are_left_out(mlp, weight):
    weighted = diagnose(mlp, X, TEXT, X_val=X, y_val=TEXT, sample_weight=weight)
    plain = diagnose(mlp, X, TEXT, X_val=X[:200], y_val=TEXT[:200])
    assert weighted.facts.n_rows == 200
    assert weighted.outcome == plain.outcome
    assert weighted.facts.recall == pytest.approx(plain.facts.recall)


def test_weights_that_are_none_are_refused(mlp):
    with pytest.raises(ValueError, match="sample_weight holds 400 negative weights"):
        diagnose(mlp, X, TEXT, sample_weight=-np.ones(400))


def test_columns_that_are_no_numbers_are_refused_with_a_remedy():
    rows = FRAME.assign(kind=pd.Categorical(TEXT))
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype").fit(rows, Y)
    with pytest.raises(ValueError, match="reads columns that are not numbers.*Encode them in an earlier step"):
        diagnose(model, rows, Y)


@pytest.mark.parametrize(
    "model",
    [slow(), HistGradientBoostingClassifier(max_iter=3), make_pipeline(StandardScaler(), LogisticRegression())],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("held_out", [True, False])
def test_of_judged_rows_of_one_class_nothing_can_be_told(model, held_out):
    fit(model)
    one = Y == 1
    report = diagnose(model, X, Y, X_val=X[one], y_val=Y[one]) if held_out else diagnose(model, X[one], Y[one])
    assert (report.outcome.value, report.collapsed) == ("unknown", False)
    assert report.headline == "Nothing can be told: all rows to judge on are labelled 1"
    assert [cause for cause, _ in named(report)] == ["bad_labels"]
    assert "healthy" not in str(report)
    assert "What to do: " in str(report)


def test_a_model_that_knows_one_class_cannot_be_judged():
    report = diagnose(HistGradientBoostingClassifier(max_iter=2).fit(X, np.ones(len(X))), X, np.ones(len(X)))
    assert report.outcome.value == "unknown"


def test_a_search_over_nothing_that_can_be_told_trains_nothing():
    report = diagnose(fit(slow()), X[Y == 0], Y[Y == 0], confirm=True)
    assert (report.outcome.value, report.search) == ("unknown", None)


def test_rows_of_another_scale_are_told_of_where_columns_were_made_smaller():
    rng = np.random.default_rng(0)
    wide, labels = rng.normal(size=(80, 200)), np.arange(80) % 2
    wide[:, 0] += 2 * labels
    settings = {"n_members": 1, "max_iter": 5, "learning_rate_init": 0.01, "on_collapse": "ignore", "random_state": 2}
    model = BalancedNNClassifier((8,), **settings).fit(wide, labels)
    assert np.median(model.preprocessing_.weights) < 0.25
    report = diagnose(model, 1e3 * (wide + 5.0), labels)
    assert report.outcome.value == "unknown"
    assert "hold other values than those of training" in str(report)
