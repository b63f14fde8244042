"""Do settings that were left open follow the number of rows?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._defaults import LARGEST_BATCH, auto_batch_size, auto_members


@given(st.integers(1, 10**9))
def test_a_batch_is_a_power_of_two_of_no_more_rows_than_there_are(n_rows):
    size = auto_batch_size(n_rows)
    assert size.bit_count() == 1
    assert size <= min(n_rows, LARGEST_BATCH)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_rows_never_make_batches_smaller(one, other):
    fewer, more = sorted((one, other))
    assert auto_batch_size(fewer) <= auto_batch_size(more)


@pytest.mark.parametrize(("n_rows", "members"), [(2, 3), (500, 3), (10_000, 3), (10_001, 1), (1_000_000, 1)])
def test_small_tables_get_three_networks_and_large_ones_one(n_rows, members):
    assert auto_members(n_rows) == members
