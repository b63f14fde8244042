"""Are copies of a row found, whatever kind of table it is, and chance repetitions left alone?"""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from balanced_nn._data.copies import find_copies
from balanced_nn._data.table import read_table

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).round(3)
X[::7, 1] = np.nan
Y = (np.arange(300) % 10 == 0).astype(int)
MIXED = pd.DataFrame(X, columns=list("abcd")).assign(city=RNG.choice(["x", "y"], 300), seen=X[:, 0] > 0)


def copies(table, y):
    return find_copies(read_table(BaseEstimator(), table, reset=True), np.arange(len(y)), y)


def repeated(kind):
    """Rows of class 1 ten times each, in a shuffled table of a kind; which row each was."""
    origin = RNG.permutation(np.concatenate([np.arange(300), np.repeat(np.flatnonzero(Y), 9)]))
    table = MIXED.iloc[origin].reset_index(drop=True) if kind == "frame" else X[origin]
    if kind == "sparse":
        table = sparse.csr_array(np.where(np.abs(table) > 1, table, 0.0))
    return (table.astype(np.float32) if kind == "float32" else table), Y[origin], origin


@pytest.mark.parametrize("kind", ["array", "float32", "frame", "sparse"])
def test_oversampled_rows_are_copies_of_one_another(kind):
    table, y, origin = repeated(kind)
    number = copies(table, y)
    for row in np.flatnonzero(Y)[:5]:
        assert len(np.unique(number[origin == row])) == 1
    if kind != "sparse":  # where most cells are 0, further rows are equal
        assert len(np.unique(number)) == 300


def test_a_table_that_was_joined_to_itself_holds_each_row_twice():
    number = copies(np.vstack([X, X]), np.tile(Y, 2))
    np.testing.assert_array_equal(number[:300], number[300:])
    assert len(np.unique(number)) == 300


def test_equal_cells_with_other_labels_are_no_copies():
    number = copies(np.vstack([X, X]), np.concatenate([Y, 1 - Y]))
    assert number is None


def test_minus_zero_is_zero_and_one_nan_is_another():
    table = np.vstack([X, X])
    table[0, 0], table[300, 0] = 0.0, -0.0
    table[300:, 1] = np.where(np.isnan(table[300:, 1]), -np.nan, table[300:, 1])
    number = copies(table, np.tile(Y, 2))
    np.testing.assert_array_equal(number[:300], number[300:])


@pytest.mark.parametrize(
    "table",
    [
        X,  # nothing is repeated
        np.random.default_rng(1).integers(0, 3, (600, 4)),  # few values: rows repeat by chance
        pd.DataFrame({name: np.random.default_rng(2).choice(["u", "v", "w"], 600) for name in "abcd"}),
        np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (50, 1)),  # four distinct rows
    ],
    ids=["distinct", "integers", "categories", "xor"],
)
def test_rows_that_are_equal_by_chance_are_no_copies(table):
    assert copies(table, (np.arange(len(table)) % 5 == 0).astype(int)) is None


def test_a_row_that_is_as_usual_as_an_empty_one_is_no_copy():
    """Rows without a purchase, say, in a table of amounts."""
    table = np.vstack([X, X[:20], np.zeros((700, 4))])
    number = copies(table, np.zeros(len(table), int) + (np.arange(len(table)) % 9 == 0))
    empty = number[320:]
    assert len(np.unique(empty)) == 700
    assert len(np.unique(number[:320])) < 320
