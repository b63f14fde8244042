"""Are all rows counted, and is the sample one at random that does not depend on how rows come?"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._data.row_sketch import sketch_rows
from balanced_nn._data.table import read_table
from balanced_nn._streaming import files, source, survey

N = 30_000
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.integers(0, 1_000, N), "text": RNG.choice(["u", "v"], N)})
TABLE["y"] = np.sort(RNG.choice(3, N, p=[0.9, 0.095, 0.005]))
TABLE["w"] = RNG.choice([0.0, 1.0, 2.5], N)


def look(table: pd.DataFrame = TABLE, **columns: str) -> survey.Sample:
    dataset = ds.dataset(pa.Table.from_pandas(table, preserve_index=False))
    return survey.survey(source.open_source(dataset, "y", **columns), BalancedNNClassifier(), 0)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(survey, "UNIFORM_ROWS", 4_000)
    monkeypatch.setattr(survey, "ROWS_OF_A_CLASS", 500)


def test_the_sample_is_uniform_and_holds_rows_of_each_class(small):
    sample = look()
    assert sample.uniform.sum() == 4_000
    shares = np.histogram(sample.numbers[sample.uniform], bins=10, range=(0, N))[0] / 4_000
    assert shares == pytest.approx(0.1, abs=0.02)
    rare = TABLE.y.value_counts()[2]
    held = np.bincount(sample.rows.y)
    assert held[2] == rare < 500 <= held[1]
    assert sample.rows.table.numeric[:, 0] == pytest.approx(TABLE.a[sample.numbers].to_numpy())
    assert sample.rows.y == pytest.approx(TABLE.y[sample.numbers].to_numpy())


def test_outermost_numbers_count_in_the_sample_where_a_column_else_holds_one(small):
    alone = np.where(np.arange(N) == 77, 5.0, 0.0)  # of 30,000 rows one
    sample = look(TABLE.assign(a=np.where(np.arange(N) == 99, 1e9, TABLE.a), alone=alone))
    uniform = sample.numbers[sample.uniform]
    assert 77 in uniform
    assert 99 in sample.numbers
    assert 99 not in uniform
    assert len(uniform) <= 4_002


def test_many_numbered_classes_are_no_numbers_to_predict(small):
    assert len(look(TABLE.assign(y=np.arange(N) % 40)).rows.classes) == 40  # a warning would be an error


def test_classes_weigh_in_the_sample_what_they_weigh_in_all_rows(small):
    sample = look(sample_weight="w")
    counted = TABLE[TABLE.w > 0]
    np.testing.assert_array_equal(sample.class_rows, np.bincount(counted.y))
    np.testing.assert_allclose(sample.rows.prior, np.bincount(counted.y, weights=counted.w) / counted.w.sum())
    assert (TABLE.w[sample.numbers] > 0).all()
    assert sample.rows.weight.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("block", [1_000, 7_777])
def test_the_sample_does_not_depend_on_the_blocks(block, small, monkeypatch):
    expected = look()
    monkeypatch.setattr(files, "BLOCK_ROWS", block)
    found = look()
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.uniform, expected.uniform)
    np.testing.assert_array_equal(found.rows.weight, expected.rows.weight)


def test_levels_are_counted_unless_they_are_very_many(small, monkeypatch):
    table = TABLE.assign(text=TABLE.text.where(np.arange(N) != 5, None))
    assert look(table).levels == {2: {**table.text.value_counts(), None: 1}}
    monkeypatch.setattr(survey, "MOST_LEVELS", 1)
    assert look(table).levels == {}


def test_the_sketch_is_that_of_all_rows(small, monkeypatch):
    monkeypatch.setattr(files, "BLOCK_ROWS", 2_000)
    whole = read_table(BalancedNNClassifier(), TABLE.drop(columns="y"), reset=True)
    expected, found = sketch_rows(whole, np.arange(N)), look().sketch
    assert (found.bound, found.n_twice) == (expected.bound, expected.n_twice)
    np.testing.assert_array_equal(found.once, expected.once)
    np.testing.assert_array_equal(found.often, expected.often)


def test_bits_follow_from_the_number_of_a_row_and_look_random():
    numbers = np.arange(100_000)
    bits = survey.random_bits(numbers, 0, 1)
    np.testing.assert_array_equal(bits[500:], survey.random_bits(numbers[500:], 0, 1))
    shares = bits / 2.0**64
    assert shares.mean() == pytest.approx(0.5, abs=0.005)
    assert np.corrcoef(shares[1:], shares[:-1])[0, 1] == pytest.approx(0.0, abs=0.02)
    other = survey.random_bits(numbers, 0, 2) / 2.0**64
    assert np.corrcoef(shares, other)[0, 1] == pytest.approx(0.0, abs=0.02)
    assert np.bincount((bits % np.uint64(8)).astype(int)) == pytest.approx(12_500, rel=0.05)
