"""Is told which share of some rows was in a table, and nobody accused of rows that are equal by nature?"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from balanced_nn._data.row_sketch import SKETCH_ROWS, RowSketch, sketch_rows
from balanced_nn._data.table import read_table

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3_000, 4))
X[::5, 1] = np.nan
X[::3, 2] = 0.0
MIXED = pd.DataFrame(X[:300], columns=list("abcd")).assign(
    town=np.where(RNG.random(300) < 0.1, None, RNG.choice(["é", "x", ""], 300)), flag=X[:300, 0] > 0, n=np.arange(300)
)


def sketch(table: Any, rows: Any = None) -> RowSketch:
    read = read_table(BaseEstimator(), table, reset=True)
    return sketch_rows(read, np.arange(len(read)) if rows is None else rows)


def seen_share(table: Any, others: Any) -> float | None:
    return sketch(table).find_seen_share(read_table(BaseEstimator(), others, reset=True))


@pytest.mark.parametrize(
    ("table", "same"),
    [
        (X, X.copy()),
        (X, X.astype(np.float32)),
        (X.astype(np.float32), X),
        (X, X.tolist()),
        (X, X.astype(object)),
        (X, np.nextafter(X, 9.0)),  # as a CSV file is read back
        (X, pd.DataFrame(X)),
        (X, pd.DataFrame(X).convert_dtypes()),
        (X, pl.DataFrame(X)),
        (np.nan_to_num(X), sparse.csr_array(np.nan_to_num(X))),
        (sparse.csc_array(np.nan_to_num(X)), -np.nan_to_num(-X)),
        (np.arange(600).reshape(300, 2), np.arange(600.0).reshape(300, 2)),
        (MIXED, pl.from_pandas(MIXED)),
        (MIXED, MIXED.to_numpy()),
        (MIXED, MIXED.astype({"town": "category", "n": float})),
        (MIXED.to_numpy(), MIXED.iloc[::-1]),
    ],
)
def test_equal_rows_are_known_whatever_table_they_come_in(table, same):
    assert seen_share(table, same) == 1.0


def test_about_the_share_that_was_there_is_told_of_a_large_table_of_which_a_part_is_kept():
    mixture = np.vstack([X[:1000], RNG.normal(size=(1000, 4))])
    assert len(X) > SKETCH_ROWS
    assert seen_share(X, mixture) == pytest.approx(0.5, abs=0.1)
    assert seen_share(MIXED, pd.concat([MIXED[:60], MIXED[:240].assign(a=-7.0 - X[:240, 0])])) == pytest.approx(0.2)


def test_nothing_is_told_of_new_rows():
    assert seen_share(X, RNG.normal(size=(5_000, 4))) is None


def test_rows_without_weight_were_not_there():
    half = sketch(X, np.arange(1_500))
    assert half.find_seen_share(read_table(BaseEstimator(), X[1_500:], reset=True)) is None


PRODUCTS = RNG.normal(size=(1_000, 4))
Draw = Callable[[int], Any]
REPEATING: dict[str, Draw] = {
    "few levels": lambda n: pd.DataFrame({name: RNG.choice(["u", "v", "w"], n) for name in "abcd"}),
    "rare flags": lambda n: RNG.random((n, 12)) < 0.1,
    "products": lambda n: PRODUCTS[RNG.integers(0, 1_000, n)],
    "some products": lambda n: np.vstack([PRODUCTS[RNG.integers(0, 100, n // 2)], RNG.normal(size=(n - n // 2, 4))]),
    "empty rows, now more, now fewer": lambda n: np.where(
        RNG.random((n, 1)) < RNG.random(), 0.0, RNG.normal(size=(n, 4))
    ),
}


@pytest.mark.parametrize("draw", REPEATING.values(), ids=REPEATING)
def test_nobody_is_accused_where_new_rows_equal_old_ones_by_nature(draw):
    for n_rows, n_new in ((1_500, 1_500), (1_500, 100), (200, 1_500), (50, 50)) * 3:
        share = seen_share(draw(n_rows), draw(n_new))
        assert share is None or share < 0.1


def test_rows_that_were_oversampled_are_known_nevertheless():
    """Nine copies of some rows do not make new rows equal old ones."""
    table = np.vstack([X[:500], np.repeat(X[:50], 9, axis=0)])
    assert seen_share(table, X[:500]) == 1.0
    assert seen_share(table, RNG.normal(size=(500, 4))) is None


@pytest.mark.parametrize("n_rows", [1, 4])
def test_a_few_rows_tell_nothing(n_rows):
    assert seen_share(X[:500], X[:n_rows]) is None


def test_hashes_are_those_that_files_of_models_hold():
    """A change would silently blind `diagnose` for models that were stored before it."""
    small = sketch(pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None], "c": [True, False]}))
    assert (small.once.tolist(), small.often.tolist()) == ([695687311, 1804530919], [])


def test_a_sketch_takes_four_kilobytes():
    kept = sketch(X)
    assert kept.once.nbytes + kept.often.nbytes == 4 * SKETCH_ROWS
