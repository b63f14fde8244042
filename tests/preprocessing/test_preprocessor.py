"""Does preprocessing give a finite, row-wise, well-named matrix for every table, scaler and level?"""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from balanced_nn._data.table import read_table
from balanced_nn._preprocessing.preprocessing import Preprocessing, fit_preprocessing
from balanced_nn._preprocessing.preprocessor import TabularPreprocessor
from balanced_nn._preprocessing.scalers import RobustSmoothScaler

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.just(np.nan)  # no signalling NaN: scikit-learn warns
BUILT_IN = [None, "auto", "standard", "robust", "minmax", "quantile"]


@parametrize_with_checks([TabularPreprocessor(scaler) for scaler in [*BUILT_IN, PowerTransformer()]])
@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)


def mixed_frame(n_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n_rows) < 0.2, np.nan, rng.normal(40, 10, n_rows)),
            "visits": pd.array(rng.integers(0, 9, n_rows), dtype="Int64"),
            "smoker": rng.random(n_rows) < 0.3,
            "sex": rng.choice(["f", "m"], n_rows),
            "city": pd.Series(rng.choice(["Rome", "Oslo", "Bonn", None], n_rows), dtype=object),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n_rows), categories=["s", "m", "l", "xl"], ordered=True),
        }
    )


def fit(X, scaler="standard", rows=None, max_categories=64) -> Preprocessing:
    table = read_table(TabularPreprocessor(), X, reset=True)
    return fit_preprocessing(table, rows, scaler=scaler, max_categories=max_categories)


def objects(*columns) -> np.ndarray:
    X = np.empty((len(columns[0]), len(columns)), dtype=object)
    for j, column in enumerate(columns):
        X[:, j] = column
    return X


# --- numeric columns --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        (None, FunctionTransformer()),
        ("standard", StandardScaler()),
        ("minmax", MinMaxScaler()),
        ("robust", RobustSmoothScaler()),
        ("quantile", QuantileTransformer(output_distribution="normal", n_quantiles=200)),
    ],
)
def test_a_scaler_by_name_agrees_with_its_transformer(name, reference):
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.normal(1e3, 50, 200), rng.exponential(20, 200), rng.integers(0, 4, 200), rng.uniform(-1, 1, 200)]
    )
    new = np.vstack([X, rng.normal(0, 1e4, (50, 4)), X.min(axis=0), X.max(axis=0)])
    expected = reference.fit(X).transform(new)
    assert_allclose(TabularPreprocessor(name).fit(X).transform(new), expected, rtol=1e-6, atol=1e-6)
    assert_allclose(TabularPreprocessor(reference).fit(X).transform(new), expected, rtol=1e-6, atol=1e-6)


def test_quantiles_of_many_rows_agree_with_scikit_learn():
    X = np.random.default_rng(0).lognormal(3, 2, (5000, 2))
    reference = QuantileTransformer(output_distribution="normal", n_quantiles=1000, subsample=None).fit(X)
    assert_allclose(TabularPreprocessor("quantile").fit(X).transform(X), reference.transform(X), rtol=1e-6, atol=1e-6)


def test_quantiles_do_not_depend_on_the_unit_of_a_column():
    X = np.random.default_rng(0).normal(size=(200, 1))
    expected = TabularPreprocessor("quantile").fit_transform(X)
    assert_allclose(TabularPreprocessor("quantile").fit_transform(X * 2.0**-40), expected, atol=1e-4)


@pytest.mark.parametrize("name", BUILT_IN)
def test_statistics_ignore_missing_values_which_become_the_median(name):
    rng = np.random.default_rng(0)
    full = rng.normal(size=(1001, 1))  # enough for 1000 quantiles
    X = np.vstack([full, np.full((500, 1), np.nan)])
    cleaned = TabularPreprocessor(name).fit_transform(X)
    assert_allclose(cleaned[:1001, 0], TabularPreprocessor(name).fit_transform(full)[:, 0], rtol=1e-5, atol=1e-6)
    assert_allclose(cleaned[1001:, 0], np.median(cleaned[:1001, 0]), rtol=1e-5, atol=1e-6)


def test_statistics_come_from_the_training_rows_only():
    frame = mixed_frame()
    rows = np.arange(0, 60, 2)
    changed = frame.copy()
    changed.loc[1::2, "age"] = 1e9
    changed.loc[1::2, "city"] = "Elsewhere"
    cleaned = [
        fit(X, rows=rows).clean(read_table(TabularPreprocessor(), X, reset=True), rows) for X in (frame, changed)
    ]
    assert_array_equal(*cleaned)


def test_a_column_with_missing_values_gets_an_indicator_and_no_other_column_does():
    X = np.array([[1.0, 5.0, np.nan], [np.nan, 6.0, np.nan], [3.0, 7.0, np.nan]])
    preprocessor = TabularPreprocessor().fit(X)
    assert preprocessor.get_feature_names_out().tolist() == ["x0", "x1", "x2", "missingindicator_x0"]
    assert_array_equal(preprocessor.transform([[np.nan, np.nan, np.nan], [1.0, 1.0, 1.0]])[:, 3], [1.0, -1.0])


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("column", [[7.0, 7.0, 7.0], [np.nan, np.nan, np.nan], [np.nan, 7.0, 7.0]])
def test_a_constant_column_is_always_zero(name, column):
    X = np.column_stack([column, [1.0, 2.0, 3.0]])
    preprocessor = TabularPreprocessor(name).fit(X)
    assert not preprocessor.transform(X)[:, 0].any()
    assert not preprocessor.transform([[-3.0, 1.0], [1.7e308, 1.0], [np.nan, 1.0]])[:, 0].any()


@pytest.mark.parametrize("name", BUILT_IN)
def test_numbers_next_to_zero_beside_ordinary_ones_give_finite_results(name):
    X = np.array([[1.0], [6.7e-308], [5e-324], [0.0], [0.0], [-2e-310]])
    assert np.isfinite(TabularPreprocessor(name).fit_transform(X)).all()


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("magnitude", [1e300, 1e-300, 1.7e308, 5e-324, 1e30])
def test_extreme_numbers_give_finite_results(name, magnitude):
    X = np.array([[1.0], [-1.0], [0.5], [0.0], [np.nan], [0.25]]) * magnitude
    ordinary = np.array([[1.0], [2.0], [3.0]])
    for fitted, new in [(X, X), (ordinary, X), (X, ordinary)]:
        assert np.isfinite(TabularPreprocessor(name).fit(fitted).transform(new)).all()
    if magnitude in (1e300, 1e-300, 1e30) and name is not None:  # beyond, differences overflow or lose their digits
        expected = TabularPreprocessor(name).fit_transform(X / magnitude)
        assert_allclose(TabularPreprocessor(name).fit_transform(X), expected, rtol=1e-5, atol=1e-6)


@given(
    X=hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=NUMBERS),
    name=st.sampled_from(BUILT_IN),
    seed=st.integers(0, 99),
)
def test_every_number_gives_a_finite_result_in_order_that_does_not_depend_on_other_rows(X, name, seed):
    preprocessor = TabularPreprocessor(name).fit(X)
    whole = preprocessor.transform(X)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    rows = np.random.default_rng(seed).permutation(len(X))[: 1 + seed % len(X)]
    assert_array_equal(preprocessor.transform(X[rows]), whole[rows])
    for j in range(X.shape[1]):
        order = np.argsort(X[:, j])
        assert (np.diff(whole[order[~np.isnan(X[order, j])], j]) >= -1e-6).all()  # up to rounding


@given(rows=st.lists(st.integers(0, 59), min_size=1, max_size=70), name=st.sampled_from(BUILT_IN))
def test_cleaning_some_rows_gives_those_rows_of_the_whole(rows, name):
    table = read_table(TabularPreprocessor(), mixed_frame(), reset=True)
    preprocessing = fit_preprocessing(table, None, scaler=name, max_categories=3)
    whole = preprocessing.clean(table)
    some = preprocessing.clean(table, np.array(rows))
    assert_array_equal(some, whole[rows])
    assert_array_equal(preprocessing.expand(some), preprocessing.expand(whole)[rows])


@pytest.mark.parametrize("name", BUILT_IN)
def test_blocks_leave_no_trace_in_large_tables(name):
    X = np.random.default_rng(0).normal(size=(40_000, 30))  # several blocks of rows
    X[::7, 3] = np.nan
    preprocessor = TabularPreprocessor(name).fit(X)
    whole = preprocessor.transform(X)
    for part in (slice(0, 1), slice(8_000, 9_000), slice(39_999, 40_000)):
        assert_array_equal(preprocessor.transform(X[part]), whole[part])


# --- categories -------------------------------------------------------------------------------------------------------


def test_levels_become_one_signed_column_or_one_hot_columns():
    X = objects(["b", "a", "b", "a"], ["z", "x", "y", "x"], ["k", "k", "k", "k"])
    preprocessor = TabularPreprocessor().fit(X)
    assert preprocessor.get_feature_names_out().tolist() == ["x0_b", "x1_x", "x1_y", "x1_z", "x2_k"]
    assert preprocessor.categories_ == {0: ["a", "b"], 1: ["x", "y", "z"], 2: ["k"]}
    new = objects(["a", "b", "?"], ["x", "z", "?"], ["k", "?", None])
    assert_array_equal(preprocessor.transform(new), [[-1, 1, 0, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]])


def test_missing_is_a_level_of_its_own_when_it_was_seen():
    preprocessor = TabularPreprocessor().fit(objects(["b", None, "a", np.nan]))
    assert preprocessor.categories_ == {0: ["a", "b", "missing"]}
    assert_array_equal(preprocessor.transform(objects([None, "b", "?"])), [[0, 0, 1], [0, 1, 0], [0, 0, 0]])
    assert_array_equal(TabularPreprocessor().fit(objects(["a", "b", "c"])).transform(objects([None])), [[0, 0, 0]])


def test_rare_levels_share_one_level_that_unseen_levels_join():
    column = ["a"] * 3 + ["b"] * 2 + ["d"] * 2 + ["c"] * 2 + ["e"]
    preprocessor = TabularPreprocessor(max_categories=3).fit(objects(column))
    assert preprocessor.categories_ == {0: ["a", "b", "infrequent"]}  # b, c, d tie: the first in order stays
    assert_array_equal(preprocessor.transform(objects(["a", "c", "?", None]))[:, 2], [0, 1, 1, 1])
    preprocessor = TabularPreprocessor(max_categories=3).fit(objects([*column, None]))
    assert preprocessor.categories_ == {0: ["a", "missing", "infrequent"]}
    assert_array_equal(preprocessor.transform(objects([None, "b"])), [[0, 1, 0], [0, 0, 1]])
    assert len(TabularPreprocessor(max_categories=None).fit(objects(column)).categories_[0]) == 5


def test_a_level_called_like_ours_stays_apart():
    preprocessor = TabularPreprocessor(max_categories=4).fit(objects(["missing", "infrequent", None, "x"]))
    assert preprocessor.get_feature_names_out().tolist() == ["x0_infrequent", "x0_missing", "x0_x", "x0_missing_2"]


def test_levels_that_never_occur_in_training_do_not_count():
    rows = np.array([0, 1, 2])
    preprocessing = fit(pd.DataFrame({"c": pd.Categorical(["a", "b", "a", "c"], categories=list("abcd"))}), rows=rows)
    assert preprocessing.level_counts == (2,)


def test_numeric_levels_are_equal_by_value_and_to_the_text_of_it():
    frame = pd.DataFrame({"c": pd.Series([3, 1, 20], dtype="category")})
    preprocessor = TabularPreprocessor().fit(frame)
    assert preprocessor.categories_ == {0: ["1", "3", "20"]}
    for same in ([20, 3], [20.0, 3.0], np.array([20, 3], np.float32), ["20", "3"]):
        assert_array_equal(preprocessor.transform(pd.DataFrame({"c": same})), [[0, 0, 1], [0, 1, 0]])
    assert_array_equal(preprocessor.transform(pd.DataFrame({"c": ["20", "3.0"]})), [[0, 0, 1], [0, 1, 0]])


def test_bools_and_zeros_and_ones_are_the_same_levels():
    preprocessor = TabularPreprocessor().fit(pd.DataFrame({"c": [True, False, True]}))
    assert preprocessor.get_feature_names_out().tolist() == ["c_True"]
    for same in ([True, False], [1, 0], [1.0, 0.0], pd.array([True, False], dtype="boolean")):
        assert_array_equal(preprocessor.transform(pd.DataFrame({"c": same})), [[1], [-1]])


@pytest.mark.filterwarnings("ignore:Column 'x0' holds numbers, but also text")
def test_a_column_of_numbers_and_strings_is_compared_by_text():
    preprocessor = TabularPreprocessor().fit(objects([1, "a", 2.0, "2", "b"]))
    assert preprocessor.categories_ == {0: ["1", "2", "a", "b"]}
    for one in (1, 1.0, "1", True):
        assert_array_equal(preprocessor.transform(objects([one])), [[1, 0, 0, 0]])


def test_a_numeric_column_refuses_text_later():
    preprocessor = TabularPreprocessor().fit(pd.DataFrame({"age": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="Column 'age' held numbers when fitted and now holds the text 'abc'"):
        preprocessor.transform(pd.DataFrame({"age": ["abc", "1"]}))


def test_a_column_that_is_all_missing_later_keeps_its_kind():
    preprocessor = TabularPreprocessor().fit(pd.DataFrame({"n": [1.0, 3.0], "c": ["a", "b"]}))
    assert_array_equal(preprocessor.transform(pd.DataFrame({"n": [None], "c": [None]})), [[0.0, 0.0]])


@pytest.mark.parametrize(
    ("frame", "array"),
    [
        (pd.DataFrame({"a": [1.0, np.nan, 3.0], "c": ["x", "y", None]}), objects([1.0, np.nan, 3.0], ["x", "y", None])),
        (pl.DataFrame({"a": [1, None, 3], "c": ["x", "y", None]}), objects([1, None, 3], ["x", "y", None])),
    ],
)
def test_a_frame_and_its_array_give_the_same_matrix(frame, array):
    assert_array_equal(TabularPreprocessor().fit_transform(frame), TabularPreprocessor().fit_transform(array))


def test_pandas_and_polars_give_the_same_matrix():
    frame = mixed_frame()
    expected = TabularPreprocessor().fit(frame)
    actual = TabularPreprocessor().fit(pl.from_pandas(frame))
    assert_array_equal(actual.transform(pl.from_pandas(frame)), expected.transform(frame))
    assert actual.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()


@pytest.mark.parametrize("name", [*BUILT_IN, StandardScaler()])
@pytest.mark.parametrize("convert", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_tables_give_the_matrix_of_dense_ones(name, convert):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((30, 4)) < 0.6, 0.0, rng.normal(size=(30, 4)))
    X[3, 1] = np.nan
    expected = TabularPreprocessor(name).fit(X)
    assert_array_equal(TabularPreprocessor(name).fit_transform(convert(X)), expected.transform(X))
    assert_array_equal(expected.transform(convert(X)), expected.transform(X))
    rows = np.array([5, 3, 8, 9])
    assert_array_equal(fit(convert(X), name, rows).fill, fit(X, name, rows).fill)


# --- transformers of the user's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transformer", "n_columns"),
    [
        (PCA(2), 2),
        (KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), 9),
        (StandardScaler().set_output(transform="pandas"), 3),
        (FunctionTransformer(lambda X: X[:, :1]), 1),
    ],
)
def test_any_transformer_scales_the_imputed_numbers(transformer, n_columns):
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[0, 0] = np.nan
    preprocessor = TabularPreprocessor(transformer).fit(X)
    imputed = SimpleImputer(strategy="median").fit_transform(X)
    expected = transformer.fit_transform(imputed)
    expected = expected.toarray() if sparse.issparse(expected) else np.asarray(expected)
    assert preprocessor.n_features_out_ == n_columns + 1
    assert_allclose(preprocessor.transform(X)[:, :n_columns], expected, rtol=1e-5, atol=1e-6)
    assert len(set(preprocessor.get_feature_names_out())) == n_columns + 1


def test_the_users_transformer_is_cloned_and_not_fitted():
    transformer = StandardScaler()
    TabularPreprocessor(transformer).fit(np.eye(3))
    assert not hasattr(transformer, "mean_")


def test_a_transformer_that_makes_missing_values_is_refused():
    X = np.array([[1.0], [2.0]])
    logarithm = FunctionTransformer(lambda X: np.where(X > 0, X, np.nan))
    with pytest.raises(ValueError, match=r"scaler=FunctionTransformer.* returned NaN for 1 cells.*Pass a transformer"):
        TabularPreprocessor(logarithm).fit(X).transform([[-1.0], [1.0]])


def test_a_transformer_is_left_out_where_no_column_is_numeric():
    assert TabularPreprocessor(PCA(5)).fit_transform(objects(["a", "b"])).tolist() == [[-1.0], [1.0]]


@pytest.mark.parametrize("scaler", ["normal", 3, object()])
def test_an_unknown_scaler_is_refused(scaler):
    with pytest.raises(ValueError, match="The 'scaler' parameter of TabularPreprocessor must be"):
        TabularPreprocessor(scaler).fit(np.eye(2))


@pytest.mark.parametrize("max_categories", [1, 0, 2.5, "many"])
def test_a_limit_of_less_than_two_levels_is_refused(max_categories):
    with pytest.raises(ValueError, match="The 'max_categories' parameter of TabularPreprocessor must be"):
        TabularPreprocessor(max_categories=max_categories).fit(np.eye(2))


# --- the estimator among others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", BUILT_IN)
def test_a_built_in_preprocessing_holds_no_transformer_and_survives_copies(scaler):
    preprocessor = TabularPreprocessor(scaler).fit(mixed_frame())
    expected = preprocessor.transform(mixed_frame())
    dump = pickle.dumps(preprocessor.preprocessing_)
    assert b"sklearn" not in dump
    assert_array_equal(pickle.loads(pickle.dumps(preprocessor)).transform(mixed_frame()), expected)
    assert_array_equal(copy.deepcopy(preprocessor).transform(mixed_frame()), expected)


def test_codes_are_marked_and_counted():
    preprocessing = fit(mixed_frame())
    cleaned = preprocessing.clean(read_table(TabularPreprocessor(), mixed_frame(), reset=True))
    assert preprocessing.categorical_features.tolist() == [False] * 2 + [True] * 5
    assert preprocessing.level_counts == (2, 2, 2, 4, 3)
    assert cleaned.shape[1] == 7
    for j, n_levels in enumerate(preprocessing.level_counts, start=2):
        assert set(cleaned[:, j]) == set(range(n_levels))
    assert preprocessing.expand(cleaned).shape[1] == preprocessing.width == 2 + 3 + 4 + 3


def test_names_are_unique_even_when_columns_collide():
    frame = pd.DataFrame({"a": ["b_c", "x", "y"], "a_b": ["c", "d", "e"], "a_b_c": [1.0, 2.0, 3.0]})
    names = TabularPreprocessor().fit(frame).get_feature_names_out().tolist()
    assert names == ["a_b_c", "a_b_c_2", "a_x", "a_y", "a_b_c_3", "a_b_d", "a_b_e"]
    duplicated = pd.DataFrame([[1.0, "x"], [2.0, "y"]], columns=["a", "a"])
    assert TabularPreprocessor().fit(duplicated).get_feature_names_out(["a", "a"]).tolist() == ["a", "a_y"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_gives_a_named_frame(library):
    preprocessor = TabularPreprocessor().set_output(transform=library)
    frame = preprocessor.fit_transform(mixed_frame())
    assert type(frame).__module__.startswith(library)
    assert list(frame.columns) == preprocessor.get_feature_names_out().tolist()


def test_it_works_in_pipelines_and_column_transformers():
    X = mixed_frame()
    y = (X["smoker"] | (X["visits"] > 5).astype(bool)).to_numpy(dtype=bool)
    model = make_pipeline(TabularPreprocessor("quantile"), LogisticRegression())
    assert model.fit(X, y).score(X, y) > 0.8
    columns = ColumnTransformer(
        [
            ("numbers", RobustSmoothScaler(), make_column_selector(dtype_include="number")),
            ("rest", TabularPreprocessor(), ["city", "size", "sex"]),
        ]
    ).fit(X)
    names = columns.get_feature_names_out().tolist()
    assert names[:2] == ["numbers__age", "numbers__visits"]
    assert "rest__city_missing" in names
    assert columns.transform(X).shape == (60, len(names))


def test_the_callers_table_is_left_alone():
    frame, array = mixed_frame(), np.array([[1.0, np.nan], [2.0, 3.0], [4.0, 9.0]])
    for scaler in [*BUILT_IN, StandardScaler(copy=False)]:
        TabularPreprocessor(scaler).fit_transform(frame)
        TabularPreprocessor(scaler).fit_transform(array)
    pd.testing.assert_frame_equal(frame, mixed_frame())
    assert_array_equal(array, [[1.0, np.nan], [2.0, 3.0], [4.0, 9.0]])


def test_a_second_fit_forgets_the_first():
    preprocessor = TabularPreprocessor().fit(mixed_frame())
    preprocessor.fit(np.array([[1.0], [2.0]]))
    assert preprocessor.get_feature_names_out().tolist() == ["x0"]
    assert preprocessor.categories_ == {}


# ---------------------------------------------------------------- numbers far from 0

FAR_OFF = {
    "array": lambda x: x[:, None],
    "unsigned": lambda x: x.astype(np.uint64)[:, None],
    "frame": lambda x: pd.DataFrame({"x": x}),
    "beside floats": lambda x: pd.DataFrame({"x": x, "y": np.linspace(0, 1, len(x))}),
    "beside text": lambda x: pd.DataFrame({"x": x, "y": ["a", "b"] * (len(x) // 2)}),
    "nullable": lambda x: pd.DataFrame({"x": pd.array(x, dtype="Int64")}),
    "polars": lambda x: pl.DataFrame({"x": x, "y": np.linspace(0, 1, len(x))}),
}


@pytest.mark.parametrize("kind", FAR_OFF)
@pytest.mark.parametrize("scaler", ["standard", "robust", "minmax", "quantile"])
def test_integers_that_float64_cannot_hold_are_scaled_by_their_differences(scaler, kind):
    differences = np.random.default_rng(0).integers(-90, 90, 400)
    expected = TabularPreprocessor(scaler).fit_transform(differences[:, None].astype(float))
    table = FAR_OFF[kind](2**60 + differences)
    preprocessor = TabularPreprocessor(scaler).fit(table)
    assert_array_equal(preprocessor.transform(table)[:, :1], expected)
    assert_array_equal(preprocessor.transform(table[:3])[:, :1], expected[:3])


@pytest.mark.parametrize(("offset", "unit"), [(1e15, 8.0), (-3e12, 0.5), (40.0, 2.0**-40), (0.0, 1e-17)])
@pytest.mark.parametrize("scaler", ["standard", "robust", "minmax", "quantile"])
def test_a_column_that_varies_is_scaled_alike_wherever_it_lies(scaler, offset, unit):
    steps = np.random.default_rng(1).integers(-50, 50, (300, 1)).astype(float)
    steps[::17] = np.nan
    expected = TabularPreprocessor(scaler).fit_transform(steps)
    assert_allclose(TabularPreprocessor(scaler).fit_transform(offset + unit * steps), expected, atol=1e-6)


def test_bins_cut_a_column_that_lies_far_from_0():
    x = 1.7e18 + 1e6 * np.random.default_rng(0).normal(size=(500, 1))
    assert TabularPreprocessor(n_bins=4).fit(x, (x[:, 0] > 1.7e18).astype(int)).n_features_out_ > 2


def test_a_transformer_of_the_user_sees_numbers_as_they_are():
    x = 1e15 + np.arange(20.0)[:, None]
    seen = TabularPreprocessor(FunctionTransformer(lambda block: block - 1e15)).fit_transform(x)
    assert_array_equal(seen[:, 0], np.arange(20))
