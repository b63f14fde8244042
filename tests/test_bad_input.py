"""What does the estimator say about input that it cannot use, and does it leave the caller's objects alone?"""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier
from balanced_nn.exceptions import RareClassWarning

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.7], class_sep=1.5, random_state=0)


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 3, "n_members": 1, "random_state": 0, **params}
    return BalancedNNClassifier(**settings)


def with_cell(value, dtype=float) -> np.ndarray:
    changed = X.astype(dtype)
    changed[3, 4] = value
    return changed


@pytest.fixture(scope="module")
def fitted() -> BalancedNNClassifier:
    return small().fit(X, Y)


# The table


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (X[:0], ValueError, "Found array with 0 sample"),
        (X[:, :0], ValueError, "Found array with 0 feature"),
        (pd.DataFrame(X[:0]), ValueError, "Found array with 0 sample"),
        (X[:, 0], ValueError, "Expected 2D array, got 1D array"),
        (with_cell(np.inf), ValueError, "X contains infinity"),
        (with_cell(-np.inf), ValueError, "X contains infinity"),
        (
            pd.DataFrame(with_cell(np.inf), columns=list("abcdef")),
            ValueError,
            "X contains infinity.*column 'e'.*Replace",
        ),
        (
            pl.DataFrame(with_cell(np.inf), schema=list("abcdef")),
            ValueError,
            "X contains infinity.*column 'e'.*Replace",
        ),
        (sparse.csr_matrix(with_cell(np.inf)), ValueError, "X contains infinity"),
        (with_cell(np.inf, object), ValueError, "X contains infinity.*column 'x4'"),
        (with_cell([1, 2], object), TypeError, "must be a string or a number, not 'list': column 'x4'.*or drop it"),
        (with_cell({"a": 1}, object), TypeError, "must be a string or a number, not 'dict': column 'x4'.*or drop it"),
        (with_cell(1j, complex), ValueError, "Complex data not supported"),
        (
            pd.DataFrame({"day": pd.Series([*pd.date_range("2020", periods=299), "?"], dtype=object)}),
            TypeError,
            "Column 'day' of X holds dates, but also '\\?'.*or drop",
        ),
    ],
    ids=range(14),
)
def test_a_table_that_cannot_be_read_is_refused(table, error, message):
    with pytest.raises(error, match=message):
        small().fit(table, Y[: table.shape[0]])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X[:, :3], "X has 3 features, but BalancedNNClassifier is expecting 6 features"),
        (X[:0], "Found array with 0 sample"),
        (with_cell(np.inf), "X contains infinity"),
    ],
    ids=["columns", "rows", "infinity"],
)
def test_prediction_refuses_what_fit_would_refuse(fitted, method, table, message):
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(table)


def test_other_column_names_are_refused():
    named = small().fit(pd.DataFrame(X, columns=list("abcdef")), Y)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(pd.DataFrame(X, columns=list("abcdeg")))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_prediction_before_fit_says_so(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(BalancedNNClassifier(), method)(X)


def test_the_keras_model_before_fit_says_so():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        _ = BalancedNNClassifier().model_


# The target and the weights


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, ValueError, "requires y to be passed, but the target y is None"),
        (np.zeros(300), ValueError, "y holds 1 class, 0.0; a classifier needs rows of at least two classes"),
        (["only"] * 300, ValueError, "y holds 1 class, only; a classifier needs"),
        (X[:, 0], ValueError, "Unknown label type: continuous"),
        (np.where(Y == 1, np.nan, 0.0), ValueError, f"y contains NaN or None in {Y.sum()} of 300 rows"),
        (np.where(Y == 1, None, "a"), ValueError, f"y contains NaN or None in {Y.sum()} of 300 rows"),
        (np.c_[Y, Y], ValueError, "y should be a 1d array"),
        (Y[:-1], ValueError, "inconsistent numbers of samples: \\[300, 299\\]. X has 300 rows, and y has 299"),
    ],
    ids=["None", "one number", "one word", "continuous", "NaN", "None cells", "two columns", "short"],
)
def test_a_target_that_cannot_be_learned_is_refused(y, error, message):
    with pytest.raises(error, match=message):
        small().fit(X, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(Y == 1, 0.0, 1.0), "sample_weight is zero for every row of class 1. Remove these rows"),
        (
            np.where(Y == 1, -2.0, 1.0),
            f"sample_weight holds {Y.sum()} negative weights, the lowest -2. Weights must be 0",
        ),
        (np.zeros(300), "sample_weight is zero for every row"),
        (np.full(300, np.nan), "sample_weight contains NaN"),
        (np.full(300, np.inf), "sample_weight contains infinity"),
        (np.ones(5), "sample_weight has shape \\(5,\\); X has 300 rows. Give one weight per row"),
        (np.ones((300, 2)), "sample_weight has shape \\(300, 2\\); X has 300 rows"),
    ],
    ids=["class", "negative", "zero", "NaN", "inf", "short", "2-D"],
)
def test_weights_that_make_no_sense_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, Y, weight)


# Rows given for validation


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X}, "X_val was passed without y_val. Pass both, or neither"),
        ({"y_val": Y}, "y_val was passed without X_val. Pass both, or neither"),
        ({"sample_weight_val": np.ones(300)}, "sample_weight_val was passed without X_val"),
        ({"X_val": X, "y_val": Y * 0}, "y_val holds a single class, 0; .*Give validation rows of at least two classes"),
        (
            {"X_val": X, "y_val": Y + 1},
            f"y_val holds 2, which is not a class of the training data; these are 0, 1. Check .* these {Y.sum()} rows",
        ),
        ({"X_val": X, "y_val": Y.astype(str)}, "y_val holds '1', which is not a class"),
        ({"X_val": X, "y_val": np.where(Y == 1, np.nan, 0)}, f"y_val contains NaN or None in {Y.sum()} of 300 rows"),
        (
            {"X_val": X[:9], "y_val": Y},
            "inconsistent numbers of samples: \\[9, 300\\]. X_val has 9 rows, and y_val",
        ),
        ({"X_val": X[:, :3], "y_val": Y}, "X has 3 features, but BalancedNNClassifier is expecting 6"),
        ({"X_val": with_cell(np.inf), "y_val": Y}, "contains infinity"),
        (
            {"X_val": X, "y_val": Y, "sample_weight_val": -Y},
            "sample_weight_val holds .* negative weights, the lowest -1",
        ),
        ({"X_val": X, "y_val": Y, "sample_weight_val": 0 * Y}, "sample_weight_val"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": Y[1:]}, "sample_weight_val has shape .*; X_val has"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": Y}, "y_val holds a single class, 1"),
    ],
    ids=range(14),
)
def test_validation_rows_that_make_no_sense_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, Y, **given)


def test_validation_rows_that_lack_a_class_are_used_and_the_class_is_named():
    y = np.where(np.arange(300) % 7 == 0, 2, Y)
    known = y < 2
    with pytest.warns(RareClassWarning, match="y_val holds no row of class 2.*Add rows of it") as record:
        clf = small(on_collapse="ignore").fit(X, y, X_val=X[known], y_val=y[known])
    assert record[0].filename == __file__
    assert clf.predict_proba(X).shape == (300, 3)
    assert clf.collapse_report_.judged_on == "rows given for validation"


# Parameters


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hidden_layer_sizes", ["abc", 0, -3, 1.5, None, (16, 0), (16, -1), (16.5,), [[16]], ("a",)]),
        ("activation", ["swish", None, 3]),
        ("batch_norm", ["yes", 2, None]),
        ("dropout", [1.0, -0.1, "a", np.nan, None]),
        ("alpha", [-1, np.inf, np.nan, "x"]),
        ("class_weight", ["balance", [1, 2], 3]),
        ("sampler", ["SMOTE", 3, StandardScaler()]),
        ("loss", ["mse", None]),
        ("scaler", ["std", 5, SMOTE()]),
        ("n_bins", [0, 1, 2.5, "many"]),
        ("learning_rate_init", [0, -1, "adaptive", np.inf, np.nan, None]),
        ("batch_size", [0, -1, "big", 1.5, None]),
        ("max_iter", [0, 1.5, "x", None]),
        ("early_stopping", ["x", None, 2]),
        ("validation_fraction", [0, 1, 0.0, 1.0, -0.5, "x", np.nan]),
        ("n_iter_no_change", [0, 2.5]),
        ("tol", [-1, np.nan, "x"]),
        ("decision", [0, 1, 0.0, 1.0, 1.5, None, np.nan]),
        ("label_smoothing", [-0.1, 1.0, "much"]),
        ("n_members", [0, 1.5, "many", None]),
        ("on_collapse", ["ignor", None, True]),
        ("random_state", ["a", -1, 1.5, np.random.default_rng(0)]),
        ("verbose", [-1, "x"]),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name_and_value(name, values):
    for value in values:
        with pytest.raises((ValueError, TypeError), match=name) as caught:
            small(**{name: value}).fit(X, Y)
        assert str(value) in str(caught.value)
        assert "must be" in str(caught.value)


def test_every_parameter_has_a_constraint_and_no_other_name_has():
    assert set(BalancedNNClassifier._parameter_constraints) == set(BalancedNNClassifier().get_params())


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ({0: -1}, ValueError, "class_weight gives 0 the weight -1; a weight must be positive and finite"),
        ({0: 0}, ValueError, "class_weight gives 0 the weight 0; a weight must be positive"),
        ({0: np.nan}, ValueError, "class_weight gives 0 the weight nan; a weight must be positive"),
        ({7: 1}, ValueError, "class_weight names 7, which is not in y; y holds 0, 1. Remove it"),
        ({"0": 1}, ValueError, "class_weight names '0', which is not in y.*have the same type"),
        ({0: "heavy"}, TypeError, "class_weight gives 0 the weight 'heavy'"),
        ({0: None}, TypeError, "class_weight gives 0 the weight None"),
    ],
)
def test_a_bad_class_weight_is_named(class_weight, error, message):
    with pytest.raises(error, match=message):
        small(class_weight=class_weight).fit(X, Y)


def test_a_threshold_for_three_classes_is_refused():
    with pytest.raises(ValueError, match="decision=0.3 is a threshold, which needs two classes; y holds 3"):
        small(decision=0.3, on_collapse="ignore").fit(X, np.arange(300) % 3)


def test_a_threshold_for_three_classes_is_refused_before_training_starts(monkeypatch):
    monkeypatch.setattr("balanced_nn._classifier.train_members", lambda *_, **__: pytest.fail("trained in vain"))
    with pytest.raises(ValueError, match="decision=0.3 is a threshold"):
        small(decision=0.3, learning_rate_init=0.01).fit(X, np.arange(300) % 3)


# Few rows


@pytest.mark.parametrize(("batch_size", "sampler", "rows"), [(1000, None, 255), (256, None, 255), (1000, "under", 154)])
def test_a_batch_larger_than_the_data_is_cut_with_a_warning(batch_size, sampler, rows):
    said = f"batch_size={batch_size} is larger than the {rows} training rows; a step takes all {rows} instead.*auto"
    with pytest.warns(UserWarning, match=said) as r:
        clf = small(batch_size=batch_size, sampler=sampler, on_collapse="ignore").fit(X, Y)
    assert r[0].filename == __file__
    assert clf.n_iter_ == 3


@pytest.mark.parametrize("n_rows", [2, 10])
def test_too_few_rows_to_hold_any_out_train_with_a_warning(n_rows):
    y = np.arange(n_rows) % 2
    with pytest.warns(
        RareClassWarning, match="No rows could be held out.*0: .*, 1: .*keeps the last weights"
    ) as record:
        clf = small(on_collapse="ignore").fit(X[:n_rows], y)
    assert record[0].filename == __file__
    assert clf.predict(X).shape == (300,)
    assert clf.history_.validation_loss == ()
    assert clf.collapse_report_.judged_on.startswith("training rows")


@pytest.mark.parametrize(("max_iter", "epochs"), [(2, 2), (99, 99), (300, 100)])
def test_the_epochs_that_are_told_are_those_that_are_run(max_iter, epochs):
    with pytest.warns(RareClassWarning, match=f"runs for at most {epochs} epochs"):
        clf = small(max_iter=max_iter, on_collapse="ignore").fit(X[:4], [0, 1, 0, 1])
    assert clf.n_iter_ == epochs


@pytest.mark.parametrize("groups", [None, np.arange(300) // 30])
def test_why_a_class_of_many_rows_could_not_be_held_out_is_told(groups):
    y, table = np.where(np.arange(300) < 30, 5, Y), np.where(np.arange(300)[:, None] < 30, X[:1], X)
    reason = "copies of a row" if groups is None else "rows of a group"
    with pytest.warns(RareClassWarning, match=rf"class 5 \(30\); {reason} stay together"):
        small(on_collapse="ignore").fit(table, y, groups=groups)


@pytest.mark.parametrize("sampler", [None, "over", "under", "smote"])
def test_a_class_of_one_row_is_kept_and_named(sampler):
    y = np.where(np.arange(300) == 150, 5, Y)
    with pytest.warns(RareClassWarning) as record:
        clf = small(sampler=sampler, on_collapse="ignore").fit(X, y)
    texts = [str(warning.message) for warning in record]
    assert any("Too few rows to hold two of them out: class 5 (1)" in text for text in texts)
    assert {warning.filename for warning in record} == {__file__}
    assert clf.classes_.tolist() == [0, 1, 5]
    assert clf.class_prior_[2] == pytest.approx(1 / 300)
    proba = clf.predict_proba(X)
    assert proba.shape == (300, 3)
    assert np.isfinite(proba).all()
    assert (proba[:, 2] > 0).any()


# What belongs to the caller


def is_unchanged(before, after) -> bool:
    return pickle.dumps(before) == pickle.dumps(after)


def frozen(array: np.ndarray) -> np.ndarray:
    copied = array.copy()
    copied.setflags(write=False)
    return copied


@pytest.mark.parametrize("sampler", [None, "over", "under", "smote", SMOTE(k_neighbors=2)], ids=str)
@pytest.mark.parametrize("scaler", ["standard", "quantile", None, StandardScaler()], ids=str)
def test_nothing_of_the_callers_is_written_to(sampler, scaler):
    table, y, weight = frozen(with_cell(np.nan)), frozen(Y), frozen(np.linspace(1, 2, 300))
    table_val, y_val = frozen(X[:50]), frozen(Y[:50])
    class_weight = {0: 1.0, 1: 3.0}
    before = copy.deepcopy((sampler, scaler, class_weight))
    clf = small(sampler=sampler, scaler=scaler, class_weight=class_weight, on_collapse="ignore", max_iter=1)
    params = clf.get_params(deep=False)
    clf.fit(table, y, weight, X_val=table_val, y_val=y_val, sample_weight_val=frozen(np.ones(50)))
    clf.predict(table)
    assert is_unchanged(before, (sampler, scaler, class_weight))
    assert all(clf.get_params(deep=False)[name] is value for name, value in params.items())


def test_read_only_tables_are_read_as_they_are():
    expected = small().fit(X, Y).predict_proba(X)
    for table in (frozen(X), np.asfortranarray(X), X[::-1][::-1]):
        np.testing.assert_array_equal(small().fit(table, frozen(Y)).predict_proba(table), expected)


@pytest.mark.parametrize("frame", ["pandas", "polars", "sparse"])
def test_frames_are_not_written_to(frame):
    pandas = pd.DataFrame({"a": X[:, 0], "b": np.where(Y == 1, "x", None), "c": pd.Categorical(Y), "d": Y > 0})
    table = {"pandas": pandas, "polars": pl.DataFrame(pandas.assign(c=Y)), "sparse": sparse.csr_array(X * (X > 0))}[
        frame
    ]
    before = copy.deepcopy(table)
    labels = pd.Series(Y, dtype="category")
    clf = small().fit(table, labels)
    clf.predict(table)
    if frame == "pandas":
        pd.testing.assert_frame_equal(table, before)
    elif frame == "polars":
        assert table.equals(before)
    else:
        assert (table != before).nnz == 0
        np.testing.assert_array_equal(table.data, before.data)
    pd.testing.assert_series_equal(labels, pd.Series(Y, dtype="category"))


def test_a_failed_fit_leaves_an_unfitted_estimator_unfitted():
    clf = small()
    with pytest.raises(ValueError, match="y holds 1 class"):
        clf.fit(X, np.zeros(300))
    with pytest.raises(NotFittedError):
        clf.predict(X)
