"""Does the public sampler work on every kind of table?"""

from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from imblearn.utils.estimator_checks import estimator_checks_generator as sampler_checks
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from balanced_nn._sampling.resampler import ClassResampler
from balanced_nn.exceptions import RareClassWarning
from tests.helpers.resampling import METHODS, counts, numeric_data


def mixed_columns(n=40, seed=0):
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) % 4 == 0, "yes", "no")
    columns = {
        "age": rng.integers(20, 60, n),
        "income": rng.normal(size=n),
        "member": rng.random(n) < 0.5,
        "town": rng.choice(["Rome", "Oslo", "Bonn"], n),
    }
    return columns, y


# ---------------------------------------------------------------- scikit-learn's and imbalanced-learn's own checks


@parametrize_with_checks([ClassResampler(method, random_state=0) for method in METHODS])
def test_every_method_passes_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for method in METHODS for pair in sampler_checks(ClassResampler(method, random_state=0))],
    ids=lambda value: value.func.__name__ if isinstance(value, partial) else value.method,
)
def test_every_method_passes_imbalanced_learns_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- sizes, indices, seeds


@pytest.mark.parametrize(("method", "size"), [("over", 30), ("under", 4), ("smote", 30)])
def test_all_classes_get_the_same_size(method, size):
    X, y = numeric_data()
    _, y_new = ClassResampler(method, random_state=0).fit_resample(X, y)
    assert counts(y_new) == {0: size, 1: size, 2: size}


@pytest.mark.parametrize("method", ["over", "under"])
def test_chosen_rows_are_rows_of_the_input(method):
    X, y = numeric_data()
    sampler = ClassResampler(method, random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new, X[sampler.sample_indices_])
    np.testing.assert_array_equal(y_new, y[sampler.sample_indices_])


def test_smote_keeps_all_rows_first_and_marks_synthetic_rows_with_minus_one():
    X, y = numeric_data()
    sampler = ClassResampler("smote", random_state=0)
    X_new, _ = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new[: y.size], X)
    np.testing.assert_array_equal(sampler.sample_indices_[: y.size], np.arange(y.size))
    assert set(sampler.sample_indices_[y.size :]) == {-1}


@pytest.mark.parametrize(
    ("method", "reference"), [("over", RandomOverSampler), ("under", RandomUnderSampler), ("smote", SMOTE)]
)
def test_the_rows_are_those_of_imbalanced_learn(method, reference):
    X, y = numeric_data(sizes=(30, 12, 8))
    X_new, y_new = ClassResampler(method, random_state=3).fit_resample(X, y)
    X_reference, y_reference = reference(random_state=3).fit_resample(X, y)
    np.testing.assert_allclose(X_new, X_reference)
    np.testing.assert_array_equal(y_new, y_reference)


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_repeats_the_result_and_a_generator_moves_on(method):
    X, y = numeric_data()
    seeded = ClassResampler(method, random_state=1)
    np.testing.assert_array_equal(seeded.fit_resample(X, y)[0], seeded.fit_resample(X, y)[0])
    moving = ClassResampler(method, random_state=np.random.RandomState(1))
    assert not np.array_equal(moving.fit_resample(X, y)[0], moving.fit_resample(X, y)[0])


@pytest.mark.parametrize(
    ("method", "strategy", "expected"),
    [
        ("over", 0.5, {0: 20, 1: 10}),
        ("under", 0.5, {0: 8, 1: 4}),
        ("smote", {1: 7}, {0: 20, 1: 7}),
        ("over", "minority", {0: 20, 1: 20}),
        ("under", lambda y: {0: 6}, {0: 6, 1: 4}),
    ],
)
def test_every_form_of_sampling_strategy_is_understood(method, strategy, expected):
    X, y = numeric_data(sizes=(20, 4))
    sampler = ClassResampler(method, sampling_strategy=strategy, random_state=0)
    assert counts(sampler.fit_resample(X, y)[1]) == expected


def test_fit_finds_the_strategy_and_forgets_the_last_resampling():
    X, y = numeric_data()
    sampler = ClassResampler("over").fit(X, y)
    assert sampler.sampling_strategy_ == {1: 22, 2: 26}
    sampler.fit_resample(X, y)
    assert not hasattr(sampler.fit(X, y), "sample_indices_")


def test_balanced_data_stay_as_they_are():
    X, y = numeric_data(sizes=(6, 6))
    for method in ("over", "smote"):
        X_new, y_new = ClassResampler(method, random_state=0).fit_resample(X, y)
        np.testing.assert_array_equal(X_new, X)
        np.testing.assert_array_equal(y_new, y)


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("method", METHODS)
def test_a_pandas_table_keeps_its_names_types_and_whole_numbers(method):
    columns, y = mixed_columns()
    X = pd.DataFrame(columns).astype({"town": "category", "age": "int32"})
    X["seen"] = pd.array(np.arange(len(X)) % 7, dtype="Int64")
    X_new, y_new = ClassResampler(method, random_state=0).fit_resample(X, pd.Series(y, name="bought"))
    assert isinstance(X_new, pd.DataFrame)
    pd.testing.assert_series_equal(X_new.dtypes, X.dtypes)
    assert len(set(counts(y_new).values())) == 1
    assert y_new.name == "bought"
    assert X_new.index.equals(y_new.index)
    assert set(X_new["town"]) <= {"Rome", "Oslo", "Bonn"}


@pytest.mark.parametrize("method", METHODS)
def test_a_polars_table_stays_one(method):
    columns, y = mixed_columns()
    X = pl.DataFrame(columns).with_columns(pl.col("town").cast(pl.Enum(["Bonn", "Oslo", "Rome"])))
    X_new, y_new = ClassResampler(method, random_state=0).fit_resample(X, pl.Series("bought", y))
    assert isinstance(X_new, pl.DataFrame)
    assert isinstance(y_new, pl.Series)
    assert X_new.schema == X.schema
    assert len(set(counts(y_new).values())) == 1


@pytest.mark.parametrize("method", ["over", "under"])
def test_missing_values_strings_and_dates_can_be_repeated_and_dropped(method):
    columns, y = mixed_columns()
    X = pd.DataFrame(columns)
    X.loc[::3, "income"] = np.nan
    X.loc[::5, "town"] = None
    X["when"] = pd.date_range("2026-01-01", periods=len(X))
    X_new, y_new = ClassResampler(method, random_state=0).fit_resample(X, y)
    assert len(X_new) == len(y_new)
    assert X_new["income"].isna().any()
    pd.testing.assert_series_equal(X_new.dtypes, X.dtypes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_matrices_stay_sparse(method, container):
    X, y = numeric_data()
    X_new, _ = ClassResampler(method, random_state=0).fit_resample(container(X), y)
    dense, _ = ClassResampler(method, random_state=0).fit_resample(X, y)
    assert sparse.issparse(X_new)
    np.testing.assert_allclose(X_new.toarray(), dense)


def test_whole_numbers_stay_whole_in_arrays_and_are_rounded_not_cut():
    X = np.array([[0], [0], [0], [0], [10], [11]])
    y = np.array([0, 0, 0, 0, 1, 1])
    sampler = ClassResampler("smote", sampling_strategy={1: 200, 0: 4}, random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    assert X_new.dtype == X.dtype
    assert 10.3 < X_new[y_new == 1].mean() < 10.7


def test_labels_keep_their_container():
    X, y = numeric_data(sizes=(6, 3))
    for labels in (y.tolist(), pd.Series(y), pd.DataFrame({"y": y}), pl.Series(y), y.astype(bool)):
        _, y_new = ClassResampler("smote", random_state=0).fit_resample(X, labels)
        assert type(y_new) is type(labels)


@pytest.mark.parametrize("method", METHODS)
def test_the_callers_data_are_not_written_to(method):
    X, y = numeric_data()
    before = X.copy(), y.copy()
    X.setflags(write=False)
    y.setflags(write=False)
    ClassResampler(method, random_state=0).fit_resample(X, y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


# ---------------------------------------------------------------- SMOTE with categories


@pytest.mark.parametrize("given", [[1, 2], [False, True, True], ["member", "town"], [-2, -1]])
def test_categories_are_named_by_index_mask_or_name(given):
    columns, y = mixed_columns()
    X = pd.DataFrame({name: columns[name] for name in ("income", "member", "town")})
    X["member"] = X["member"].astype(float)  # a number that only the caller knows to be a category
    X_new, _ = ClassResampler("smote", categorical_features=given, random_state=0).fit_resample(X, y)
    assert set(X_new["member"]) == {0.0, 1.0}
    assert set(X_new["town"]) == {"Rome", "Oslo", "Bonn"}


def test_code_columns_of_a_float_matrix_hold_codes_only_and_agree_with_smotenc():
    X, y = numeric_data(sizes=(40, 10))
    X[:, 1] = np.random.default_rng(0).integers(0, 4, y.size)
    X_new, _ = ClassResampler("smote", categorical_features=[1], random_state=0).fit_resample(X.astype(np.float32), y)
    assert X_new.dtype == np.float32
    assert set(X_new[:, 1]) <= {0.0, 1.0, 2.0, 3.0}
    reference, _ = SMOTENC([1], random_state=0).fit_resample(X.astype(np.float32), y)
    np.testing.assert_allclose(X_new, reference)


def test_columns_that_are_all_categorical_are_mixed_by_value():
    columns, y = mixed_columns()
    for X in (np.column_stack([columns["town"], columns["town"]]).astype(object), np.array([columns["member"]] * 2).T):
        mask = None if X.dtype == bool else [True, True]
        X_new, y_new = ClassResampler("smote", categorical_features=mask, random_state=0).fit_resample(X, y)
        assert X_new.dtype == X.dtype
        assert set(X_new.ravel().tolist()) == set(X.ravel().tolist())
        assert counts(y_new) == {"no": 30, "yes": 30}


def test_no_category_is_chosen_by_an_empty_list():
    columns, y = mixed_columns()
    X = pd.DataFrame({"member": columns["member"], "income": columns["income"]})
    sampler = ClassResampler("smote", categorical_features=[], random_state=0)
    assert len(sampler.fit_resample(X, y)[0]) == 60


# ---------------------------------------------------------------- rare classes


@pytest.mark.parametrize("rare", [2, 3, 5])
def test_the_number_of_neighbours_follows_the_rarest_resampled_class(rare):
    X, y = numeric_data(sizes=(30, rare))
    X_new, y_new = ClassResampler("smote", random_state=0).fit_resample(X, y)
    reference, _ = SMOTE(k_neighbors=min(5, rare - 1), random_state=0).fit_resample(X, y)
    assert counts(y_new) == {0: 30, 1: 30}
    np.testing.assert_allclose(X_new, reference)


def test_a_rare_class_that_is_not_resampled_does_not_lower_the_number_of_neighbours():
    X, y = numeric_data(sizes=(30, 10, 1))
    X_new, _ = ClassResampler("smote", sampling_strategy={1: 30}, random_state=0).fit_resample(X, y)
    reference, _ = SMOTE(sampling_strategy={1: 30}, random_state=0).fit_resample(X, y)
    np.testing.assert_allclose(X_new, reference)


def test_a_class_with_one_row_is_repeated_and_named():
    X, y = numeric_data(sizes=(10, 4, 1))
    labels = np.array(["big", "small", "lone"])[y]
    sampler = ClassResampler("smote", random_state=0)
    with pytest.warns(RareClassWarning, match="Class lone has 1 row, and SMOTE places new rows") as record:
        X_new, y_new = sampler.fit_resample(X, labels)
    assert record[0].filename == __file__
    assert counts(y_new) == {"big": 10, "lone": 10, "small": 10}
    lone = np.flatnonzero(labels == "lone")[0]
    np.testing.assert_array_equal(X_new[y_new == "lone"], np.repeat(X[[lone]], 10, axis=0))
    assert Counter(sampler.sample_indices_.tolist())[lone] == 10
    np.testing.assert_array_equal(sampler.sample_indices_ == -1, (np.arange(30) >= 15) & (y_new != "lone"))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_only_classes_with_one_row_can_be_short(container):
    X, y = numeric_data(sizes=(5, 1))
    with pytest.warns(RareClassWarning, match="Class 1 has 1 row"):
        X_new, y_new = ClassResampler("smote").fit_resample(container(X), y)
    assert X_new.shape[0] == 10
    assert counts(y_new) == {0: 5, 1: 5}


# ---------------------------------------------------------------- pipelines


@pytest.mark.parametrize("method", METHODS)
def test_it_is_a_step_of_an_imbalanced_learn_pipeline(method):
    X, y = numeric_data(sizes=(60, 20))
    model = make_pipeline(StandardScaler(), ClassResampler(method, random_state=0), LogisticRegression())
    assert cross_val_score(model, X, y, scoring="balanced_accuracy", cv=3).mean() > 0.7
    assert clone(model).set_params(classresampler__k_neighbors=2).fit(X, y).predict(X).size == y.size


# ---------------------------------------------------------------- messages

FRAME = pd.DataFrame({"age": np.arange(8.0), "town": ["a", "b"] * 4})
LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("parameters", "X", "error", "message"),
    [
        ({}, FRAME.assign(age=[np.nan, *range(7)]), ValueError, "NaN or other missing values in column age.*imputer"),
        ({}, FRAME.assign(town=[None] + ["a"] * 7), ValueError, "missing values in column town"),
        ({}, FRAME.assign(age=np.inf), ValueError, "infinity"),
        ({}, np.array([[np.nan, 1.0]] * 8), ValueError, "missing values in column 0.*method='over'"),
        (
            {},
            sparse.csr_array(np.full((8, 2), np.nan)),
            ValueError,
            "X contains NaN or other missing values, which SMOTE cannot",
        ),
        ({}, FRAME.assign(when=pd.date_range("2026", periods=8)), ValueError, "Column when holds datetime64"),
        ({}, FRAME.assign(town=pd.Series([1, "a"] * 4, dtype=object)), TypeError, r"town holds.*\(int, str\)"),
        ({"categorical_features": [True]}, FRAME, ValueError, r"mask of shape \(1,\), but X has 2 columns"),
        ({"categorical_features": [0, 2]}, FRAME, ValueError, "from 0 to 2, but X has 2 columns"),
        ({"categorical_features": ["city"]}, FRAME, ValueError, "names city, which X does not have; X has age, town"),
        (
            {"categorical_features": ["a"]},
            np.ones((8, 2)),
            ValueError,
            "holds a, but the columns of X have no string names",
        ),
        ({"categorical_features": [0]}, sparse.csr_array(np.ones((8, 2))), ValueError, "sparse and has 1 categorical"),
        ({"sampling_strategy": "majority"}, FRAME, ValueError, "cannot be used with over-sampler"),
        ({"sampling_strategy": {0: 1}}, FRAME, ValueError, "should be greater or equal"),
        (
            {"sampling_strategy": {7: 9}},
            FRAME,
            ValueError,
            "sampling_strategy names 7, which is not in y; y",
        ),
        ({"sampling_strategy": 2.0}, FRAME, ValueError, "'sampling_strategy' parameter of ClassResampler must be"),
        ({"method": "both"}, FRAME, ValueError, "'method' parameter of ClassResampler must be a str among"),
        ({"k_neighbors": 0}, FRAME, ValueError, "'k_neighbors' parameter of ClassResampler must be an int"),
    ],
)
@pytest.mark.parametrize("call", ["fit", "fit_resample"])
def test_what_cannot_be_resampled_is_named(parameters, X, error, message, call):
    sampler = ClassResampler(**{"method": "smote"} | parameters)
    with pytest.raises(error, match=message):
        getattr(sampler, call)(X, LABELS)


@pytest.mark.parametrize("method", METHODS)
def test_missing_and_single_labels_are_refused(method):
    with pytest.raises(ValueError, match="the target y is None"):
        ClassResampler(method).fit_resample(np.ones((4, 2)), None)
    with pytest.raises(ValueError, match="more than 1 class"):
        ClassResampler(method).fit_resample(np.ones((4, 2)), np.zeros(4))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ClassResampler(method).fit_resample(FRAME, LABELS[:3])


def test_pandas_na_in_an_array_of_objects_is_missing_to_smote():
    X = np.array([["a", 1.0], [pd.NA, 2.0], ["b", 3.0]] * 4, dtype=object)
    with pytest.raises(ValueError, match="NaN or other missing values in column 0"):
        ClassResampler("smote", categorical_features=[0]).fit_resample(X, [0] * 8 + [1] * 4)


@pytest.mark.parametrize("method", ["over", "under", "smote"])
def test_a_strategy_for_more_classes_than_a_fold_holds_says_nothing_of_those_it_lacks(method):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), np.repeat(["a", "b"], [30, 10])
    sizes = {"a": 30, "b": 10 if method == "under" else 20}
    _, y_new = ClassResampler(method, sampling_strategy={**sizes, "c": 20}, random_state=0).fit_resample(X, y)
    assert {label: int((y_new == label).sum()) for label in "ab"} == sizes


def test_a_strategy_that_may_be_mistyped_is_followed_with_a_warning():
    y = np.repeat(["a", "b"], [8, 4])
    with pytest.warns(RareClassWarning, match="sampling_strategy names 'bb', of which y holds no row"):
        _, y_new = ClassResampler("over", sampling_strategy={"b": 6, "bb": 9}).fit_resample(np.zeros((12, 1)), y)
    assert (y_new == "b").sum() == 6


def test_many_single_rows_give_one_short_warning():
    y = np.append(np.arange(200), np.repeat(200, 300))
    with pytest.warns(RareClassWarning, match=r"200 classes have 1 row each \(0, 1, .* and 190 more\)") as record:
        ClassResampler("smote", random_state=0).fit_resample(np.arange(1000.0).reshape(-1, 2), y)
    assert len(record) == 1
    assert len(str(record[0].message)) < 350
