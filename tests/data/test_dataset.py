"""Does the hold-out keep what it promises, for any class sizes?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._data.dataset import Dataset, hold_outs, thin_out

sizes = st.lists(st.integers(1, 60), min_size=2, max_size=5)


@given(sizes, st.floats(0.05, 0.9), st.integers(0, 2**31))
def test_both_parts_are_disjoint_complete_and_leave_every_class_in_training(counts, fraction, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    (split,) = hold_outs(y, fraction, np.random.default_rng(seed), len(counts))
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.valid])), np.arange(len(y)))
    assert set(y[split.train]) == set(range(len(counts)))


@given(sizes, st.floats(0.05, 0.3), st.integers(0, 2**31))
def test_a_class_is_held_out_with_two_rows_or_more_or_not_at_all(counts, fraction, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    (split,) = hold_outs(y, fraction, np.random.default_rng(seed), len(counts))
    held = np.bincount(y[split.valid], minlength=len(counts))
    assert all(n == 0 or n >= 2 for n in held)
    assert {c for c, n in enumerate(held) if n == 0} == set(split.classes_without)
    assert all(n <= max(round(fraction * total), 0.3 * total) for n, total in zip(held, counts, strict=True))


@pytest.mark.parametrize(("n_rare", "held"), [(100, 15), (20, 3), (8, 2), (7, 2), (6, 0), (1, 0)])
def test_the_fraction_grows_for_a_rare_class_and_only_for_that(n_rare, held):
    y = np.repeat([0, 1, 2], [1000, 1000, n_rare])
    (split,) = hold_outs(y, 0.15, np.random.default_rng(0), 3)
    np.testing.assert_array_equal(np.bincount(y[split.valid], minlength=3), [150, 150, held])


def test_nothing_is_held_out_where_only_one_class_could_be():
    (split,) = hold_outs(np.repeat([0, 1], [100, 5]), 0.15, np.random.default_rng(0), 2)
    assert len(split.valid) == 0
    assert len(split.train) == 105


def test_the_seed_decides_the_split():
    y = np.repeat([0, 1], [90, 10])
    one, same, other = (hold_outs(y, 0.2, np.random.default_rng(seed), 2)[0].valid for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


# ---------------------------------------------------------------- several parts


@given(sizes, st.floats(0.05, 0.9), st.integers(1, 6), st.integers(0, 2**31))
def test_the_first_part_is_the_only_one_of_a_single_network(counts, fraction, n_parts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    (alone,) = hold_outs(y, fraction, np.random.default_rng(seed), len(counts))
    parts = hold_outs(y, fraction, np.random.default_rng(seed), len(counts), n_parts)
    assert len(parts) == n_parts
    np.testing.assert_array_equal(parts[0].valid, alone.valid)
    np.testing.assert_array_equal(parts[0].train, alone.train)


@given(sizes, st.floats(0.05, 0.9), st.integers(1, 6), st.integers(0, 2**31))
def test_every_part_is_a_split_of_its_own_with_the_sizes_of_the_first(counts, fraction, n_parts, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = hold_outs(y, fraction, np.random.default_rng(seed), len(counts), n_parts)
    for part in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([part.train, part.valid])), np.arange(len(y)))
        assert (np.diff(part.valid) > 0).all()
        assert (np.diff(part.train) > 0).all()
        np.testing.assert_array_equal(np.bincount(y[part.valid]), np.bincount(y[parts[0].valid]))
        assert part.classes_without == parts[0].classes_without
        assert set(y[part.train]) == set(range(len(counts)))


@given(sizes, st.floats(0.05, 0.9), st.integers(2, 8), st.integers(0, 2**31))
def test_no_row_is_held_out_again_before_all_rows_of_its_class_were(counts, fraction, n_parts, seed):
    """Parts are disjoint while rows last; a rare class then starts again, so that its rows come equally often."""
    y = np.repeat(np.arange(len(counts)), counts)
    parts = hold_outs(y, fraction, np.random.default_rng(seed), len(counts), n_parts)
    times = np.bincount(np.concatenate([part.valid for part in parts]), minlength=len(y))
    for label in range(len(counts)):
        assert np.ptp(times[y == label]) <= 1


def test_parts_of_classes_with_rows_enough_have_no_row_in_common():
    y = np.repeat([0, 1], [900, 100])
    parts = hold_outs(y, 0.1, np.random.default_rng(0), 2, n_parts=10)
    held = np.concatenate([part.valid for part in parts])
    np.testing.assert_array_equal(np.sort(held), np.arange(1000))  # ten parts of a tenth: each row once


def test_a_rare_class_starts_again_with_its_first_rows():
    # Seven rows give two to a part: the fourth part has the seventh and, again, the first.
    y = np.repeat([0, 1], [400, 7])
    rare = [part.valid[part.valid >= 400] for part in hold_outs(y, 0.15, np.random.default_rng(0), 2, n_parts=4)]
    assert [len(held) for held in rare] == [2, 2, 2, 2]
    seen = set(np.concatenate(rare[:3]))
    assert len(seen) == 6
    assert len(set(rare[3]) & seen) == 1
    assert len(set(rare[3]) & set(rare[0])) == 1


def test_nothing_is_held_out_of_any_part_where_only_one_class_could_be():
    parts = hold_outs(np.repeat([0, 1], [100, 5]), 0.15, np.random.default_rng(0), 2, n_parts=3)
    assert [(len(part.train), len(part.valid), part.classes_without) for part in parts] == [(105, 0, (0, 1))] * 3


# ---------------------------------------------------------------- samples


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
