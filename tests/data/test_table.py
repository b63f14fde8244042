"""Does reading a table type each column as promised, in scikit-learn's own words where it refuses?"""

import datetime
import decimal
import fractions

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator

from balanced_nn._data.table import CategoryColumn, Table, level_text, read_table


class Model(BaseEstimator):
    """Stands for the estimator that reads a table."""


def read(X) -> Table:
    return read_table(Model(), X, reset=True)


def cells(X) -> list:
    """Return the cells of the only column of a table: numbers, or levels; None where missing."""
    table = read(X)
    if table.categories:
        column = table.categories[0]
        return [None if code < 0 else column.levels[code] for code in column.codes]
    return [None if np.isnan(x) else x for x in table.numeric[:, 0].tolist()]


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, np.uint64, np.float16])
def test_numeric_arrays_are_read_without_a_copy(dtype):
    X = np.arange(6).reshape(3, 2).astype(dtype)
    table = read(X)
    assert len(table) == 3
    assert table.numeric.dtype == dtype
    assert np.shares_memory(table.numeric, X)


def test_bool_arrays_hold_categories():
    table = read(np.array([[True, False], [False, False]]))
    assert table.numeric.shape == (2, 0)
    assert cells(np.array([[True], [False]])) == [True, False]


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "lil", "dok"])
@pytest.mark.parametrize("kind", [sparse.coo_matrix, sparse.coo_array])
def test_sparse_tables_of_any_format_are_read_as_csr(format, kind):
    X = kind(np.array([[1.0, 0.0], [0.0, 2.0]])).asformat(format)
    table = read(X)
    assert table.numeric.format == "csr"
    assert_array_equal(table.numeric.toarray(), X.toarray())


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2.5, np.nan, None], [1.0, 2.5, None, None]),
        ([True, False, 3, None], [1.0, 0.0, 3.0, None]),
        ([decimal.Decimal("1.5"), fractions.Fraction(1, 4), np.float32(2)], [1.5, 0.25, 2.0]),
        ([1, pd.NA], [1.0, None]),
        ([None, np.nan], [None, None]),
        ([True, None, False], [True, None, False]),
        ([np.True_, pd.NA], [True, None]),
        (["a", None, np.nan, pd.NA, float("nan"), "b"], ["a", None, None, None, None, "b"]),
        ([1, "a", 2.5, True, None], [1, "a", 2.5, 1, None]),
        ([b"a", np.str_("b")], ["a", "b"]),
    ],
)
def test_columns_of_objects_are_typed_by_content(column, expected):
    assert cells(np.array([[cell] for cell in column], dtype=object)) == expected
    assert cells(pd.DataFrame({"c": pd.Series(column, dtype=object)})) == expected


def test_nested_lists_keep_numbers_beside_strings():
    table = read([[1, "a"], [2.5, "b"]])
    assert_array_equal(table.numeric, [[1.0], [2.5]])
    assert table.categories[1].levels == ("a", "b")


@pytest.mark.parametrize("dtype", ["U3", object, np.dtypes.StringDType()])
def test_arrays_of_strings_hold_categories_even_if_they_look_like_numbers(dtype):
    assert cells(np.array([["1"], ["2"], ["1"]], dtype=dtype)) == ["1", "2", "1"]


@pytest.mark.parametrize("cell", [{"a": 1}, [1], datetime.time(1), object()])
def test_a_cell_that_is_neither_string_nor_number_is_refused_in_scikit_learns_words(cell):
    X = np.empty((2, 2), dtype=object)
    X[:] = 1.0
    X[0, 1] = cell
    with pytest.raises(TypeError, match=f"argument must be a string or a number, not '{type(cell).__name__}'.*'x1'"):
        read(X)


@pytest.mark.parametrize(
    "X", [np.array([[1j]]), np.array([[1j]], dtype=object), pd.DataFrame({"a": [1j]}), sparse.csr_array([[1j]]), [[1j]]]
)
def test_complex_numbers_are_refused_in_scikit_learns_words(X):
    with pytest.raises(ValueError, match="Complex data not supported"):
        read(X)


@pytest.mark.parametrize("X", [[1.0, 2.0], np.ones(3), ["a", "b"], pd.Series([1.0]), np.array(["a"])])
def test_one_dimension_is_refused_in_scikit_learns_words(X):
    with pytest.raises(ValueError, match=r"Expected (2D array|a 2-dimensional container)"):
        read(X)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_matrices_are_refused_in_scikit_learns_words():
    with pytest.raises(TypeError, match=r"np\.matrix is not supported"):
        read(np.asmatrix([[1.0]]))


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="inhomogeneous"):
        read([[1, 2], [3]])


@pytest.mark.parametrize(
    "convert", [np.asarray, pd.DataFrame, lambda X: pl.DataFrame(X, schema=["0", "1"][: X.shape[1]])]
)
def test_empty_tables_are_refused_in_scikit_learns_words(convert):
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1 is required by Model"):
        read(convert(np.ones((0, 2))))
    if convert is not np.asarray and not hasattr(convert(np.ones((1, 1))), "iloc"):
        return  # a polars frame without columns has no rows
    with pytest.raises(
        ValueError, match=r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1 is required by Model"
    ):
        read(convert(np.ones((2, 0))))


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": [1.0], "b": [np.inf]}),
        pd.DataFrame({"a": ["x"], "b": [-np.inf]}),
        pd.DataFrame({"a": [1.0], "b": pd.array([np.inf], dtype="Float64")}),
        pd.DataFrame({"a": [1.0], "b": pd.Series([10**400], dtype=object)}),
        pl.DataFrame({"a": [None], "b": [np.inf]}),
    ],
)
def test_infinity_in_a_frame_is_refused_and_its_column_named(X):
    with pytest.raises(ValueError, match=r"Input X contains infinity or a value too large for.*: column 'b'\. Replace"):
        read(X)


@pytest.mark.parametrize("X", [np.array([[np.inf]]), sparse.csr_array([[np.inf]]), np.array([[np.inf]], dtype=object)])
def test_infinity_in_an_array_is_refused_in_scikit_learns_words(X):
    with pytest.raises(ValueError, match="Input X contains infinity or a value too large for"):
        read(X)


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1.0, None]),
        (pd.Series([0.5, None], dtype="Float32"), [0.5, None]),
        (pd.Series([0, 1, 0], dtype="Sparse[int]"), [0.0, 1.0, 0.0]),
        (pd.Series([1, None], dtype="int64[pyarrow]"), [1.0, None]),
        (pd.Series([True, False]), [True, False]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series([True, None], dtype="bool[pyarrow]"), [True, None]),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["a", None], dtype="string[pyarrow]"), ["a", None]),
        (pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string())), ["a", None]),
        (pd.Series(["a", None], dtype=pd.ArrowDtype(pa.large_string())), ["a", None]),
        (pd.Series(["a", None, "b"], dtype="category"), ["a", None, "b"]),
        (pd.Series([3, None, 1], dtype="category"), [3, None, 1]),
        (pd.Series(pd.cut([0.5, 1.5], [0, 1, 2])), ["(0, 1]", "(1, 2]"]),
        (pl.Series([1, None]), [1.0, None]),
        (pl.Series([1, None], dtype=pl.UInt8), [1.0, None]),
        (pl.Series([0.5, None], dtype=pl.Float32), [0.5, None]),
        (pl.Series([decimal.Decimal("1.5"), None]), [1.5, None]),
        (pl.Series([True, None]), [True, None]),
        (pl.Series(["a", None], dtype=pl.String), ["a", None]),
        (pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        (pl.Series(["a", None], dtype=pl.Enum(["b", "a"])), ["a", None]),
        (pl.Series([None, None], dtype=pl.Null), [None, None]),
    ],
    ids=lambda value: f"{type(value).__module__.split('.')[0]}-{getattr(value, 'dtype', '')}",
)
def test_each_column_type_of_a_frame_is_read(series, expected):
    frame = pd.DataFrame({"c": series}) if isinstance(series, pd.Series) else pl.DataFrame({"c": series})
    assert cells(frame) == expected


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": pd.Series([None, None], dtype="string")}),
        pd.DataFrame({"c": pd.Series([None, None], dtype="category")}),
        pl.DataFrame({"c": pl.Series([None, None], dtype=pl.String)}),
        pl.DataFrame({"c": pl.Series([None, None], dtype=pl.Enum(["a"]))}),
    ],
)
def test_a_column_declared_as_text_is_a_category_even_if_all_its_cells_are_missing(frame):
    assert 0 in read(frame).categories
    assert cells(frame) == [None, None]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([datetime.time(1)]),
        pl.Series([[1, 2]]),
        pl.Series([{"a": 1}]),
    ],
    ids=lambda column: str(column.dtype),
)
def test_times_of_day_and_nested_columns_are_refused_by_name(column):
    frame = pl.DataFrame({"when": column})
    with pytest.raises(TypeError, match=r"Column 'when' holds .* values, which are neither.*Turn it into numbers"):
        read(frame)


def test_the_type_of_float32_frames_is_kept():
    assert read(pd.DataFrame({"a": np.ones(2, np.float32), "b": np.ones(2, np.float32)})).numeric.dtype == np.float32
    assert read(pl.DataFrame({"a": np.ones(2, np.float32), "b": ["x", "y"]})).numeric.dtype == np.float32


@pytest.mark.parametrize("labels", [["a", "a"], [0, 0]])
def test_duplicated_column_labels_are_read_by_position(labels):
    model = Model()
    frame = pd.DataFrame([[1.0, "x"], [2.0, "y"]], columns=labels)
    for reset in (True, False):
        table = read_table(model, frame, reset=reset)
        assert_array_equal(table.numeric, [[1.0], [2.0]])
        assert table.categories[1].levels == ("x", "y")
    assert model.n_features_in_ == 2
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("library", [pd, pl])
def test_feature_names_are_kept_and_compared(library):
    model = Model()
    read_table(model, library.DataFrame({"a": [1.0], "b": ["x"]}), reset=True)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        read_table(model, library.DataFrame({"b": ["x"], "a": [1.0]}), reset=False)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        read_table(model, np.array([[1.0, "x"]], dtype=object), reset=False)


@pytest.mark.parametrize("convert", [np.asarray, pd.DataFrame, sparse.csr_array, lambda X: X.astype(object)])
def test_another_number_of_columns_is_refused_in_scikit_learns_words(convert):
    model = Model()
    read_table(model, convert(np.ones((2, 3))), reset=True)
    with pytest.raises(ValueError, match="X has 2 features, but Model is expecting 3 features as input"):
        read_table(model, convert(np.ones((2, 2))), reset=False)


def test_the_callers_table_is_left_alone():
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": pd.array([1, None], dtype="Int64")})
    array = np.array([[1, "x", pd.NA], [None, np.nan, True]], dtype=object)
    frame_before, array_before = frame.copy(deep=True), array.copy()
    read(frame)
    read(array)
    pd.testing.assert_frame_equal(frame, frame_before)
    assert all(a is b for a, b in zip(array.ravel(), array_before.ravel(), strict=True))


# --- asking a table for a column of another kind ---------------------------------------------------------------------


def test_numbers_become_levels_when_a_category_is_asked_for():
    column = read(np.array([[2.0], [np.nan], [1.0], [2.0]])).category(0)
    assert [None if code < 0 else column.levels[code] for code in column.codes] == [2.0, None, 1.0, 2.0]
    column = read(sparse.csr_array([[0.0, 3.0], [0.0, 0.0]])).category(1)
    assert [column.levels[code] for code in column.codes] == [3.0, 0.0]


def test_bools_and_numeric_levels_become_numbers_when_numbers_are_asked_for():
    table = read(pd.DataFrame({"a": [True, False], "b": pd.Series([7, None], dtype="category"), "c": [1.0, 2.0]}))
    assert_array_equal(table.numbers(np.array([0, 1, 2])), [[1.0, 7.0, 1.0], [0.0, np.nan, 2.0]])


def test_text_is_refused_by_name_when_numbers_are_asked_for():
    table = read(pd.DataFrame({"age": ["abc", None]}))
    with pytest.raises(ValueError, match="Column 'age' held numbers when fitted and now holds the text 'abc'. Convert"):
        table.numbers(np.array([0]))


def test_some_of_the_numeric_columns_can_be_asked_for():
    assert_array_equal(read(np.array([[1.0, 2.0, 3.0]])).numbers(np.array([0, 2])), [[1.0, 3.0]])
    assert_array_equal(read(sparse.csr_array([[1.0, 2.0, 3.0]])).numbers(np.array([0, 2])).toarray(), [[1.0, 3.0]])


def test_levels_that_do_not_occur_are_counted_as_zero():
    column = CategoryColumn(("a", "b", "c"), np.array([0, -1, 0, 2], np.int8))
    assert column.levels_in_use().tolist() == [2, 0, 1, 1]
    assert column.levels_in_use(np.array([3, 1])).tolist() == [0, 0, 1, 1]


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_equal_numbers_have_one_text(number):
    assert level_text(number) == level_text(float(number)) == str(number)


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(-5, 5), st.booleans(), st.floats(allow_infinity=False))))
def test_every_column_of_strings_and_numbers_can_be_read_back(column):
    if not column:
        return
    read_back = cells(np.array([[cell] for cell in column], dtype=object))
    for cell, value in zip(column, read_back, strict=True):
        assert (value is None and (cell is None or cell != cell)) or value == cell


@pytest.mark.parametrize("kind", [float, int, object])
def test_masked_cells_are_missing(kind):
    table = read_table(Model(), np.ma.masked_array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]], dtype=kind), reset=True)
    np.testing.assert_array_equal(table.numeric, [[1, np.nan], [3, 4]])
