"""Are tables of two kinds told from tables of one kind?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

from balanced_nn._data.column_shift import differing_columns
from balanced_nn._data.table import read_table


def drawn(n_rows, seed):
    rng = np.random.default_rng(seed)
    columns = {
        "age": rng.integers(18, 90, n_rows),
        "income": rng.lognormal(10, 1, n_rows),
        "share": rng.random(n_rows),
        "visits": rng.poisson(3, n_rows),
    }
    return pd.DataFrame(columns).astype(float)


def compared(one, two):
    tables = [read_table(BaseEstimator(), table, reset=True) for table in (one, two)]
    return differing_columns(tables[0], np.arange(len(tables[0])), tables[1], np.arange(len(tables[1])))


@given(st.integers(20, 400), st.integers(20, 400), st.integers(0, 50))
def test_two_parts_of_one_table_are_of_one_kind(n_one, n_two, seed):
    assert compared(drawn(n_one, seed), drawn(n_two, seed + 1000)) == ()


@pytest.mark.parametrize("step", [StandardScaler(), MinMaxScaler(), QuantileTransformer(n_quantiles=50)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_transformed_table_and_a_raw_one_are_not(step, turned):
    raw = drawn(300, 0)
    scaled = pd.DataFrame(step.fit_transform(drawn(500, 1)), columns=raw.columns)
    found = compared(*((raw, scaled) if turned else (scaled, raw)))
    assert {"age", "income", "visits"} <= set(found)


def test_one_column_that_time_has_moved_is_no_other_table():
    assert compared(drawn(300, 0), drawn(300, 1).assign(age=1000.0)) == ()
    assert compared(drawn(300, 0)[["age"]], drawn(300, 1)[["age"]] + 1000.0) == ()


@pytest.mark.parametrize("table", [np.ones((100, 3)), np.full((100, 3), np.nan), sparse.csr_array(np.eye(100))])
def test_where_nothing_can_be_compared_nothing_is_said(table):
    assert compared(table, table[::-1]) == ()
