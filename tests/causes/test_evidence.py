"""Are the facts about data, curves and probes what their names say, for any numbers?"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from balanced_nn._causes.evidence import (
    ACTION_OF,
    Cause,
    Curve,
    LayerProbe,
    Probe,
    RepairAction,
    chance_loss,
    data_facts,
    probe_rows,
)

LAYER = LayerProbe("relu", 4, spread=1.0, dead=0.0, saturated=0.0, largest=1.0, gradient=1.0, weight=0.5)


def layer(**numbers) -> LayerProbe:
    return dataclasses.replace(LAYER, **numbers)


def probe(*layers: LayerProbe, finite: bool = True) -> Probe:
    return Probe(layers, loss=0.7, chance_loss=0.7, finite=finite)


def table(seed: int, n_rows: int = 40, n_columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_columns)), np.arange(n_rows) % 2


# ---------------------------------------------------------------- causes and actions


def test_every_cause_but_labels_and_features_without_signal_has_an_action():
    assert set(Cause) - set(ACTION_OF) == {Cause.BAD_LABELS, Cause.NO_SIGNAL}


def test_every_action_mends_a_cause():
    assert set(ACTION_OF.values()) == set(RepairAction)


# ---------------------------------------------------------------- the table and the labels


def test_scales_and_offsets_are_ratios_of_columns():
    column = np.tile([-1.0, 1.0], 10)
    facts = data_facts(np.column_stack([column, 1000 * column, 5 + 0.1 * column]), np.arange(20) % 2, 2)
    assert facts.scale_ratio == pytest.approx(10_000)
    assert facts.offset_ratio == pytest.approx(50)
    assert facts.largest == pytest.approx(1000)
    assert (facts.n_constant, facts.n_duplicated, facts.n_not_finite) == (0, 0, 0)


def test_a_table_without_varying_columns_has_no_ratio():
    facts = data_facts(np.full((10, 2), 0.1), np.arange(10) % 2, 2)
    assert facts.n_constant == 2
    assert (facts.scale_ratio, facts.offset_ratio) == (1.0, 0.0)
    assert data_facts(np.empty((10, 0)), np.arange(10) % 2, 2).largest == 0.0


def test_a_column_is_no_duplicate_of_its_multiple():
    X, y = table(0)
    assert data_facts(np.column_stack([X, 2 * X]), y, 2).n_duplicated == 0


def test_cells_that_are_not_finite_are_counted_and_left_out():
    X, y = table(0)
    X[0, 0], X[1, 1], X[2, 2] = np.nan, np.inf, -np.inf
    facts = data_facts(X, y, 2)
    assert facts.n_not_finite == 3
    assert np.isfinite([facts.largest, facts.scale_ratio, facts.offset_ratio]).all()


@pytest.mark.parametrize("size", [1e-300, 1e200, 1e300])
def test_numbers_of_any_size_give_facts_without_a_warning(size):
    X, y = table(0)
    usual, other = data_facts(X, y, 2), data_facts(size * X, y, 2)
    assert other.scale_ratio == pytest.approx(usual.scale_ratio)
    assert other.n_duplicated == 0


@pytest.mark.parametrize(("y", "said"), [([1, 1, 1], "same label"), ([0, 1, 1], "")])
def test_labels_of_one_class_are_bad(y, said):
    facts = data_facts(np.zeros((3, 1)), np.array(y), 2)
    assert said in facts.bad_labels
    assert bool(facts.bad_labels) == bool(said)


def test_shares_are_weighted_and_rows_are_counted():
    facts = data_facts(np.zeros((4, 1)), np.array([0, 0, 0, 1]), 3, np.array([1.0, 1.0, 1.0, 9.0]))
    assert facts.class_share == pytest.approx((0.25, 0.75, 0.0))
    assert facts.class_rows == (3, 1, 0)


def test_the_callers_matrix_is_not_written_to():
    X, y = table(0)
    X[0, 0] = np.nan
    X.setflags(write=False)
    data_facts(X, y, 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(0, 8))
def test_columns_that_come_again_are_counted_wherever_they_stand(seed, n_columns, n_copies):
    rng = np.random.default_rng(seed)
    X, y = table(seed, n_rows=int(rng.integers(8, 80)), n_columns=n_columns)
    copies = X[:, rng.integers(n_columns, size=n_copies)]
    shuffled = np.column_stack([X, copies])[:, rng.permutation(n_columns + n_copies)]
    assert data_facts(shuffled.astype(np.float32), y, 2).n_duplicated == n_copies


@given(arrays(np.float64, (8, 3), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_any_matrix_gives_facts(X):
    facts = data_facts(X, np.arange(8) % 2, 2)
    assert facts.scale_ratio >= 1.0
    assert facts.offset_ratio >= 0.0
    assert np.isfinite(facts.largest)
    assert 0 <= facts.n_constant + facts.n_duplicated <= 3


# ---------------------------------------------------------------- rows of a probe, loss of chance


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=200).map(np.array),
    st.integers(1, 60),
)
def test_a_probe_holds_every_class_and_few_rows_of_each(y, n_rows):
    rows = probe_rows(y, n_rows)
    labels = np.unique(y)
    assert (np.diff(rows) > 0).all()
    assert set(y[rows]) == set(labels)
    each = max(1, n_rows // len(labels))
    assert np.bincount(y[rows]).max() <= each
    assert len(rows) <= max(n_rows, len(labels))


def test_a_class_with_few_rows_is_probed_with_all_of_them():
    y = np.repeat([0, 1], [1000, 3])
    assert np.bincount(y[probe_rows(y, 20)]).tolist() == [10, 3]


def test_no_rows_give_an_empty_probe():
    assert probe_rows(np.empty(0, dtype=int)).size == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50).map(np.array), st.permutations(range(4)))
def test_the_loss_of_chance_lies_between_one_class_and_even_shares(y, order):
    loss = chance_loss(y, 4)
    assert -1e-12 <= loss <= np.log(4) + 1e-12
    assert chance_loss(np.array(order)[y], 4) == pytest.approx(loss)


# ---------------------------------------------------------------- what a probe says


def test_a_probe_reports_its_worst_hidden_layer():
    seen = probe(layer(dead=0.1, largest=3.0), layer(dead=0.2), layer(dead=1.0))
    assert (seen.dead, seen.largest) == (0.2, 3.0)
    assert probe(*seen.layers, finite=False).largest == np.inf


def test_the_spread_of_the_last_hidden_layer_is_compared_with_that_of_the_first():
    seen = probe(layer(spread=2.0), layer(spread=0.5), layer(spread=9.0))
    assert seen.spread_ratio == 0.25


@pytest.mark.parametrize(
    "layers", [(), (LAYER,), (LAYER, LAYER), (layer(spread=0.0), LAYER, LAYER), (layer(spread=np.nan), LAYER, LAYER)]
)
def test_no_ratio_of_spreads_without_two_hidden_layers_that_vary(layers):
    assert probe(*layers).spread_ratio is None


def test_a_probe_without_layers_says_nothing():
    seen = probe()
    assert (seen.dead, seen.largest) == (0.0, 0.0)


# ---------------------------------------------------------------- losses


def test_a_curve_that_falls_steadily_says_how_far():
    curve = Curve((8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0))
    assert curve.finite
    assert curve.falling == pytest.approx(2 / 3)  # from 3 to 1


def test_a_curve_that_rose_again_fell_by_less_than_nothing():
    assert Curve((4.0, 1.0, 2.0, 3.0)).falling < 0


def test_a_curve_without_epochs_says_nothing():
    curve = Curve(())
    assert curve.falling == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_curve_that_met_a_number_that_is_not_finite_is_not_falling(bad):
    curve = Curve((1.0, 0.5, bad, 0.2))
    assert not curve.finite
    assert curve.falling == 0.0


losses = st.lists(st.floats(1e-6, 1e6), min_size=4, max_size=30)


@given(losses, st.floats(1e-3, 1e3))
def test_the_scale_of_the_loss_does_not_matter(values, scale):
    one, other = Curve(tuple(values)), Curve(tuple(scale * value for value in values))
    assert other.falling == pytest.approx(one.falling)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=12))
def test_any_curve_gives_numbers(values):
    curve = Curve(tuple(values))
    assert isinstance(curve.falling, float)
