"""Does the hold-out keep what it promises, for any class sizes?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._data.hold_outs import grouped_hold_outs, hold_outs

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


# ---------------------------------------------------------------- rows that belong together


@given(st.lists(st.integers(1, 6), min_size=20, max_size=80), st.integers(0, 100), st.integers(1, 4))
def test_copies_stay_on_one_side(times, seed, n_parts):
    y_of_row = np.arange(len(times)) % 3
    number = np.repeat(np.arange(len(times)), times)
    parts = hold_outs(y_of_row[number], 0.2, np.random.default_rng(seed), 3, n_parts, copies=number)
    alone = hold_outs(y_of_row, 0.2, np.random.default_rng(seed), 3, n_parts)
    for part, single in zip(parts, alone, strict=True):
        assert set(number[part.valid]) == set(single.valid)
        assert set(number[part.train]) == set(single.train)


@given(st.integers(4, 30), st.integers(1, 8), st.floats(0.05, 0.5), st.integers(0, 100), st.integers(1, 6))
def test_groups_stay_on_one_side_and_no_class_leaves_training(n_groups, size, fraction, seed, n_parts):
    groups = np.repeat(np.arange(n_groups), size)
    y = np.random.default_rng(seed).integers(0, 3, len(groups))
    for part in grouped_hold_outs(y, groups, fraction, seed, 3, n_parts):
        assert np.intersect1d(groups[part.train], groups[part.valid]).size == 0
        np.testing.assert_array_equal(np.sort(np.concatenate([part.train, part.valid])), np.arange(len(y)))
        assert set(y[part.train]) == set(y)
        if len(part.valid):
            assert np.count_nonzero(np.bincount(y[part.valid]) >= 2) >= 2


def test_parts_of_several_networks_hold_other_groups_with_all_classes():
    patients = np.repeat(np.arange(150), 12)
    y = (np.random.default_rng(0).random(150) < 0.2).astype(int)[patients]
    parts = grouped_hold_outs(y, patients, 0.15, 0, 2, 4)
    held = [set(patients[part.valid]) for part in parts]
    assert sum(map(len, held)) == len(set.union(*held))
    for part in parts:
        assert 0.1 < len(part.valid) / len(y) < 0.2
        assert 0.1 < y[part.valid].mean() < 0.3


@pytest.mark.parametrize(
    ("y", "groups"),
    [
        ([0] * 9 + [1] * 3, [0] * 12),  # one group
        ([0] * 9 + [1] * 3, [0] * 9 + [1] * 3),  # a class is one group
        ([0, 1], [0, 1]),
    ],
)
def test_nothing_is_held_out_where_groups_leave_no_two_classes_on_both_sides(y, groups):
    (part,) = grouped_hold_outs(np.array(y), np.array(groups), 0.15, 0, 2)
    assert len(part.valid) == 0
    assert part.classes_without == (0, 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_group_of_most_rows_is_not_held_out_where_others_can_be(seed):
    groups = np.concatenate([np.zeros(1600, int), np.repeat(np.arange(1, 101), 4)])
    y = np.random.default_rng(seed).integers(0, 2, 2000)
    for part in grouped_hold_outs(y, groups, 0.15, seed, 2, 4):
        assert 0 < len(part.valid) < 600


def test_very_many_groups_are_drawn_like_rows():
    groups = np.repeat(np.arange(3000), 2)
    y = (np.random.default_rng(0).random(6000) < 0.05).astype(int)
    for part in grouped_hold_outs(y, groups, 0.15, 0, 2, 2):
        assert np.intersect1d(groups[part.train], groups[part.valid]).size == 0
        assert 0.12 < len(part.valid) / 6000 < 0.18
        assert 0.03 < y[part.valid].mean() < 0.07


def test_a_part_that_would_hold_one_class_gives_way_to_another_also_among_many_groups():
    """Of the ten groups with the rare class, which five parts share, one holds all rows of a third class too."""
    y = np.concatenate([np.zeros(6000, int), np.ones(10, int), np.full(30, 2)])
    groups = np.concatenate([np.repeat(np.arange(3000), 2), np.arange(3000, 3010), np.full(30, 3000)])
    for part in grouped_hold_outs(y, groups, 0.15, 0, 3, 5):
        assert np.count_nonzero(np.bincount(y[part.valid]) >= 2) == 2
