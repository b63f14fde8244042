"""Do settings that were left open follow the number of rows?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._training.auto_settings import (
    CELLS_OF_BINS,
    COLUMNS_OF_BINS,
    LARGEST_BATCH,
    MOST_BINS,
    auto_batch_size,
    auto_bins,
    auto_members,
)


@given(st.integers(1, 10**9))
def test_a_batch_is_a_power_of_two_of_no_more_rows_than_there_are(n_rows):
    size = auto_batch_size(n_rows)
    assert size.bit_count() == 1
    assert size <= min(n_rows, LARGEST_BATCH)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_rows_never_make_batches_smaller(one, other):
    fewer, more = sorted((one, other))
    assert auto_batch_size(fewer) <= auto_batch_size(more)


@pytest.mark.parametrize(("n_rows", "members"), [(2, 4), (500, 4), (50_000, 4), (50_001, 1), (1_000_000, 1)])
def test_small_tables_get_four_networks_and_large_ones_one(n_rows, members):
    assert auto_members(n_rows) == members


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=5), st.integers(0, 2000))
def test_bins_are_none_or_two_or_more_within_all_limits(counts, n_columns):
    most = auto_bins(counts, n_columns)
    assert most == 0 or 2 <= most <= MOST_BINS
    assert most * n_columns <= COLUMNS_OF_BINS
    assert most * n_columns * sum(counts) <= CELLS_OF_BINS


@given(st.integers(1, 10**5), st.integers(1, 10**5))
def test_more_rows_of_the_rare_class_never_mean_fewer_bins(one, other):
    fewer, more = sorted((one, other))
    assert auto_bins([10**5, fewer], 1) <= auto_bins([10**5, more], 1)


@pytest.mark.parametrize(
    ("counts", "n_columns", "most"),
    [
        ([1000, 39], 10, 0),  # four times 39 rows, nearly, are fewer than twice 80
        ([1000, 50], 10, 2),
        ([1000, 66], 10, 3),
        ([1000, 1000], 10, 16),
        ([1000, 1000], 100, 5),  # 512 columns
        ([1000, 1000], 300, 0),
        ([50_000, 50_000], 30, 5),  # 64 MB
        ([500_000, 500_000], 30, 0),
        ([1000, 1000], 0, 0),
        ([1], 3, 0),
    ],
)
def test_bins_worked_out_by_hand(counts, n_columns, most):
    assert auto_bins(counts, n_columns) == most
