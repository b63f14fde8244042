"""Are the probabilities those of the natural class frequencies, and does every answer follow from them?"""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.metrics import balanced_accuracy_score

from balanced_nn import BalancedNNClassifier

ACTIVATIONS = ["relu", "tanh", "logistic", "selu", "gelu", "identity"]
BASE_RATE = 0.15
SHIFT = 1.2


def two_gaussians(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping classes whose posterior is known."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < BASE_RATE).astype(int)
    X = rng.normal(size=(n_rows, 2))
    X[:, 0] += SHIFT * y
    return X, y


def true_posterior(X: np.ndarray) -> np.ndarray:
    return expit(SHIFT * X[:, 0] - SHIFT**2 / 2 + np.log(BASE_RATE / (1 - BASE_RATE)))


def three_classes(n_rows: int = 450) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    y = rng.choice(3, n_rows, p=[0.7, 0.2, 0.1])
    return rng.normal(size=(n_rows, 4)) + 2 * np.eye(3, 4)[y], np.array(["c", "a", "b"])[y]


X, Y = two_gaussians(1000, 0)
X_NEW, Y_NEW = two_gaussians(4000, 1)
X3, Y3 = three_classes()


def small(**params) -> BalancedNNClassifier:
    """Trained at a rate set by hand: what is tested here does not hang on the rate search."""
    settings = {"hidden_layer_sizes": (16,), "max_iter": 20, "batch_size": 64, "learning_rate_init": 0.01, **params}
    return BalancedNNClassifier(**{"random_state": 0, **settings})


@pytest.fixture(scope="module")
def binary() -> BalancedNNClassifier:
    return small().fit(X, Y)


@pytest.fixture(scope="module")
def several() -> BalancedNNClassifier:
    return small().fit(X3, Y3)


# Natural class frequencies


@pytest.mark.parametrize("loss", ["log_loss", "focal", "logit_adjusted"])
@pytest.mark.parametrize("sampler", [None, "over", "under"])
@pytest.mark.parametrize("class_weight", ["balanced", None, {1: 4.0}], ids=str)
def test_probabilities_speak_of_the_natural_frequencies(class_weight, sampler, loss):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", 'loss="logit_adjusted" does nothing here')
        clf = small(class_weight=class_weight, sampler=sampler, loss=loss).fit(X, Y)
    proba = clf.predict_proba(X_NEW)[:, 1]
    # Left uncorrected, balanced training has a mean of 0.37 here.
    assert proba.mean() == pytest.approx(BASE_RATE, abs=0.05)
    assert np.abs(proba - true_posterior(X_NEW)).mean() < 0.06
    assert clf.class_prior_ == pytest.approx([1 - Y.mean(), Y.mean()])


def test_smote_is_corrected_too():
    """SMOTE changes the rows of a class, so that the correction is an approximation."""
    proba = small(sampler="smote").fit(X, Y).predict_proba(X_NEW)[:, 1]
    assert proba.mean() == pytest.approx(BASE_RATE, abs=0.08)


def test_weights_move_the_frequencies_that_probabilities_speak_of():
    weight = np.where(Y == 1, 3.0, 1.0)
    clf = small().fit(X, Y, weight)
    share = 3 * Y.mean() / (3 * Y.mean() + 1 - Y.mean())
    assert clf.class_prior_[1] == pytest.approx(share)
    assert clf.predict_proba(X_NEW)[:, 1].mean() == pytest.approx(0.28, abs=0.07)  # of the true posterior at that share


@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_class_prior_counts_all_rows_by_weight(early_stopping):
    weight = np.random.default_rng(0).uniform(0, 2, len(Y))
    clf = small(max_iter=1, early_stopping=early_stopping, on_collapse="ignore").fit(X, Y, weight)
    shares = np.bincount(Y, weights=weight) / weight.sum()
    np.testing.assert_allclose(clf.class_prior_, shares, rtol=1e-12)


def test_rows_given_for_validation_do_not_count_in_the_prior():
    clf = small(max_iter=1, on_collapse="ignore").fit(X, Y, X_val=X_NEW, y_val=np.roll(1 - Y_NEW, 1))
    np.testing.assert_allclose(clf.class_prior_, [1 - Y.mean(), Y.mean()], rtol=1e-12)


def test_several_classes_keep_their_frequencies(several):
    proba = several.predict_proba(X3)
    natural = np.unique(Y3, return_counts=True)[1] / len(Y3)
    np.testing.assert_allclose(several.class_prior_, natural, rtol=1e-12)
    np.testing.assert_allclose(proba.mean(axis=0), natural, atol=0.06)


# Shape and form


@pytest.mark.parametrize("which", ["binary", "several"])
def test_rows_of_probabilities_sum_to_one(which, request):
    clf = request.getfixturevalue(which)
    table = np.vstack([X if which == "binary" else X3, np.full((1, clf.n_features_in_), 1e12)])
    proba = clf.predict_proba(table)
    assert proba.shape == (len(table), len(clf.classes_))
    assert proba.min() >= 0
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(table)), proba, rtol=1e-12)
    assert np.isfinite(clf.predict_log_proba(table)).all()


@pytest.mark.parametrize("which", ["binary", "several"])
def test_a_row_gets_the_same_answer_alone_and_among_others(which, request):
    clf, table = request.getfixturevalue(which), X if which == "binary" else X3
    alone = np.vstack([clf.predict_proba(table[i : i + 1]) for i in range(40)])
    np.testing.assert_allclose(alone, clf.predict_proba(table)[:40], rtol=1e-9)


def test_blocks_of_rows_are_joined_in_order(binary, monkeypatch):
    expected = binary.predict_proba(X_NEW)
    monkeypatch.setattr("balanced_nn._decision.predictor.BLOCK_BYTES", 1000)
    np.testing.assert_allclose(binary.predict_proba(X_NEW), expected, rtol=1e-9)


def test_blocks_of_rows_of_a_mixed_table_are_joined_in_order(monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"number": X[:, 0], "text": rng.choice(["a", "b", "c", "d"], len(X))})
    frame.loc[::7, "text"] = None
    frame.loc[::5, "number"] = np.nan
    clf = small(max_iter=2, on_collapse="ignore").fit(frame, Y)
    expected = clf.predict_proba(frame)
    monkeypatch.setattr("balanced_nn._decision.predictor.BLOCK_BYTES", 200)  # a few rows: not all levels occur in each
    np.testing.assert_allclose(clf.predict_proba(frame), expected, rtol=1e-9)


def test_blocks_of_rows_of_a_sparse_table_are_joined_in_order(monkeypatch):
    table = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0.0))
    clf = small(max_iter=2, on_collapse="ignore").fit(table, Y)
    expected = clf.predict_proba(table)
    monkeypatch.setattr("balanced_nn._decision.predictor.BLOCK_BYTES", 200)
    np.testing.assert_allclose(clf.predict_proba(table), expected, rtol=1e-9)


# Decisions


def test_the_sign_of_the_binary_score_is_the_answer(binary):
    score = binary.decision_function(X_NEW)
    assert score.shape == (len(X_NEW),)
    np.testing.assert_array_equal(binary.classes_[(score > 0).astype(int)], binary.predict(X_NEW))


def test_the_largest_score_of_several_is_the_answer(several):
    score = several.decision_function(X3)
    assert score.shape == (len(X3), 3)
    np.testing.assert_array_equal(several.classes_[score.argmax(axis=1)], several.predict(X3))


@pytest.mark.parametrize("decision", ["auto", "balanced"])
def test_the_balanced_decision_divides_by_the_class_frequencies(decision):
    clf = small(decision=decision).fit(X, Y)
    assert clf.decision_rule_.name == "balanced"
    answers = (clf.predict_proba(X_NEW) / clf.class_prior_).argmax(axis=1)
    np.testing.assert_array_equal(clf.predict(X_NEW), answers)
    np.testing.assert_array_equal(clf.predict(X_NEW), clf.predict_proba(X_NEW)[:, 1] > clf.class_prior_[1])
    assert balanced_accuracy_score(Y_NEW, clf.predict(X_NEW)) > 0.68  # the optimum is 0.73


def test_the_argmax_decision_takes_the_most_probable_class(binary):
    clf = small(decision="argmax").fit(X, Y)
    np.testing.assert_array_equal(
        clf.predict_proba(X_NEW), binary.predict_proba(X_NEW)
    )  # a rule changes no probability
    np.testing.assert_array_equal(clf.predict(X_NEW), clf.predict_proba(X_NEW).argmax(axis=1))
    assert (clf.predict(X_NEW) != binary.predict(X_NEW)).any()


@pytest.mark.parametrize("threshold", [0.05, 0.15, 0.5, 0.9])
def test_a_threshold_is_one_on_the_probability_of_the_second_class(binary, threshold):
    clf = small(decision=threshold).fit(X, Y)
    assert clf.decision_rule_.name == "threshold"
    np.testing.assert_array_equal(clf.predict(X_NEW), clf.predict_proba(X_NEW)[:, 1] > threshold)
    np.testing.assert_array_equal(clf.decision_function(X_NEW) > 0, clf.predict(X_NEW))


@pytest.mark.parametrize("decision", ["balanced", "argmax"])
def test_decisions_of_several_classes(decision, several):
    clf = small(decision=decision).fit(X3, Y3)
    prior = clf.class_prior_ if decision == "balanced" else 1.0
    np.testing.assert_array_equal(clf.predict(X3), clf.classes_[(clf.predict_proba(X3) / prior).argmax(axis=1)])


@pytest.mark.parametrize("costs", [{0: 1.0, 1: 6.0}, {1: 6.0}, {0: 0.5, 1: 3.0}], ids=str)
def test_stated_costs_weigh_natural_probabilities(costs):
    clf = small(class_weight=costs).fit(X, Y)
    weights = np.array([costs.get(0, 1.0), costs[1]])
    proba = clf.predict_proba(X_NEW)
    assert clf.decision_rule_.name == "weights"
    np.testing.assert_array_equal(clf.class_weight_, weights)
    np.testing.assert_array_equal(clf.predict(X_NEW), (weights * proba).argmax(axis=1))
    assert proba[:, 1].mean() == pytest.approx(BASE_RATE, abs=0.05)


def test_stated_costs_of_several_classes():
    costs = {"a": 3.0, "b": 5.0}
    clf = small(class_weight=costs).fit(X3, Y3)
    weights = np.array([3.0, 5.0, 1.0])
    np.testing.assert_array_equal(clf.predict(X3), clf.classes_[(weights * clf.predict_proba(X3)).argmax(axis=1)])


@pytest.mark.parametrize("decision", ["balanced", "argmax", 0.3])
def test_a_decision_that_was_asked_for_goes_before_stated_costs(decision):
    clf = small(class_weight={1: 6.0}, decision=decision, max_iter=3).fit(X, Y)
    threshold = {"balanced": clf.class_prior_[1], "argmax": 0.5}.get(decision, decision)
    np.testing.assert_array_equal(clf.predict(X_NEW), clf.predict_proba(X_NEW)[:, 1] > threshold)


# The Keras model


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("batch_norm", "table", "y"), [(True, X, Y), (False, X3, Y3)], ids=["norm-2", "plain-3"])
def test_logits_agree_with_the_keras_model(activation, batch_norm, table, y):
    """The two other combinations are tested on untrained networks in test_keras_rooms."""
    clf = small(activation=activation, batch_norm=batch_norm, max_iter=2, on_collapse="ignore").fit(table, y)
    features = clf.preprocessing_.expand(clf.preprocessing_.clean(table_of(clf, table)))
    ours, theirs = clf.network_.logits(features), np.asarray(clf.model_(features))
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch_norm", "table", "y"), [(False, X, Y), (True, X3, Y3)], ids=["plain-2", "norm-3"])
def test_logits_agree_after_a_whole_training(batch_norm, table, y):
    clf = small(batch_norm=batch_norm, hidden_layer_sizes=(16, 8), max_iter=10).fit(table, y)
    features = clf.preprocessing_.expand(clf.preprocessing_.clean(table_of(clf, table)))
    np.testing.assert_allclose(clf.network_.logits(features), np.asarray(clf.model_(features)), rtol=1e-4, atol=1e-5)


def table_of(clf, X):
    from balanced_nn._data.table import read_table

    return read_table(clf, X, reset=False)


def test_the_keras_model_is_a_real_one_with_standard_layers(binary):
    import keras

    model = binary.model_
    assert isinstance(model, keras.Model)
    assert model is binary.model_
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert model.output_shape == (None, 1)
    assert "Dropout" not in {type(layer).__name__ for layer in model.layers}


def test_the_keras_model_belongs_to_the_last_fit():
    clf = small(max_iter=1, on_collapse="ignore").fit(X, Y)
    first = clf.model_
    clf.fit(X3, Y3)
    assert clf.model_ is not first
    assert clf.model_.output_shape == (None, 3)
