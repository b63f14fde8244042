"""Does an epoch go through every row once, however rows were sorted, and is each epoch another one?"""

import numpy as np
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._data.table import read_table
from balanced_nn._preprocessing.preprocessing import fit_preprocessing
from balanced_nn._streaming import buckets
from balanced_nn._streaming.survey import random_bits

N = 8_000


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Rows that are numbered and sorted by class, in about ten files."""
    monkeypatch.setattr(buckets, "BUCKET_BYTES", N * 12 // 10)
    table = read_table(BalancedNNClassifier(), np.arange(N, dtype=np.float64)[:, None], reset=True)
    preprocessing = fit_preprocessing(table, None, scaler=None)
    writer = buckets.BucketWriter(tmp_path, N, 1)
    for start in range(0, N, 1_000):
        rows = np.arange(start, start + 1_000)
        writer.add(preprocessing.clean(table, rows), (rows >= N // 2).astype(int), 1.0 + rows % 2, random_bits(rows, 0))
    counts = np.array([N // 2, N // 2])
    return buckets.Buckets(tmp_path, writer.sizes, preprocessing, counts, 1.5 * counts, 1.0, np.array([1.0, 10.0]))


def test_rows_go_to_files_of_about_one_size_that_mix_the_classes(stored):
    assert len(stored) == N
    assert stored.sizes == pytest.approx(N / len(stored.sizes), rel=0.25)
    for number in range(len(stored.sizes)):
        assert stored.expand(stored.read(number)).y.mean() == pytest.approx(0.5, abs=0.1)


def test_an_epoch_holds_every_row_once_with_its_label_and_weight(stored):
    stream = buckets.BucketStream(stored, 0, 1)
    epochs = []
    for _ in range(2):
        parts = [stream.next(500) for _ in range(N // 500)]
        numbers = np.concatenate([part.X[:, 0] for part in parts]).astype(int)
        y, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in ("y", "weight"))
        np.testing.assert_array_equal(np.sort(numbers), np.arange(N))
        np.testing.assert_array_equal(y, numbers >= N // 2)
        np.testing.assert_allclose(weight, (1 + numbers % 2) * np.where(y, 10, 1))
        epochs.append(numbers)
    assert (epochs[0] == epochs[1]).mean() < 0.01
    assert set(epochs[0][:500]) != set(epochs[1][:500])


def test_one_seed_gives_one_order_whatever_the_size_of_the_chunks(stored):
    whole = buckets.BucketStream(stored, 3, 1).next(6_000).X
    stream = buckets.BucketStream(stored, 3, 1)
    np.testing.assert_array_equal(np.concatenate([stream.next(n).X for n in (1, 2_999, 3_000)]), whole)
    assert not np.array_equal(buckets.BucketStream(stored, 4, 1).next(6_000).X, whole)


@pytest.mark.parametrize("n_rows", [0, 1, 2_999, 7_000])
def test_rows_that_are_skipped_are_those_that_would_have_come(stored, n_rows, monkeypatch):
    whole, stream = buckets.BucketStream(stored, 3, 1), buckets.BucketStream(stored, 3, 1)
    read, real = [], buckets.Buckets.read
    monkeypatch.setattr(buckets.Buckets, "read", lambda self, bucket: read.append(bucket) or real(self, bucket))
    stream.skip(n_rows)
    assert read == []
    np.testing.assert_array_equal(stream.next(500).X, whole.next(n_rows + 500).X[n_rows:])


def test_a_sample_is_spread_over_all_rows(stored):
    sample = stored.sample(200)[:, 0]
    assert 100 < len(sample) <= 200
    assert sample.mean() == pytest.approx(N / 2, rel=0.1)
