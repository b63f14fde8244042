"""Are rows of a dataset thinned and counted as promised?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._data.dataset import Dataset, thin_out


@given(st.integers(1, 100), st.integers(1, 50))
def test_a_sample_holds_at_most_the_rows_asked_for(n_rows, most):
    data = Dataset(
        np.arange(n_rows, dtype=np.float32)[:, None], np.arange(n_rows), np.zeros(n_rows, int), np.ones(n_rows)
    )
    assert 1 <= len(data.sample(most)) <= min(most, n_rows)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(1, 30), st.integers(0, 100))
def test_thinned_rows_weigh_what_their_class_weighed(labels, most, seed):
    y = np.array(labels)
    weight = np.random.default_rng(seed).uniform(0.1, 5, len(y))
    rows, scaled = thin_out(y, weight, most)
    assert (np.diff(rows) > 0).all()
    assert np.bincount(y[rows]).max() <= most
    np.testing.assert_allclose(np.bincount(y[rows], weights=scaled), np.bincount(y, weights=weight))


def test_few_rows_are_not_thinned():
    weight = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    rows, scaled = thin_out(np.array([0, 1, 0, 1, 1]), weight, 3)
    np.testing.assert_array_equal(rows, np.arange(5))
    np.testing.assert_allclose(scaled, weight)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=4))
def test_copies_are_those_of_the_class_that_is_repeated_most(classes):
    """Of each class the number of its rows, and how often each of them comes."""
    y = np.repeat(np.arange(len(classes)), [n for n, _ in classes])
    rows = np.concatenate([np.tile(np.flatnonzero(y == code), times) for code, (_, times) in enumerate(classes)])
    data = Dataset(np.zeros((len(y), 1), np.float32), rows, y[rows], np.ones(len(rows)))
    assert data.copies == pytest.approx(max(times for _, times in classes))


def test_a_few_rows_that_come_twice_are_hardly_copies():
    rows = np.append(np.arange(100), 0)
    assert Dataset.of(np.zeros((100, 1)), np.zeros(100, np.intp)).copies == 1.0
    assert Dataset(np.zeros((100, 1)), rows, np.zeros(101, np.intp), np.ones(101)).copies == 1.01
