"""Rows for the tests of resampling."""

from collections import Counter

import numpy as np

METHODS = ["over", "under", "smote"]


def counts(y):
    return dict(sorted(Counter(np.asarray(y).tolist()).items()))


def numeric_data(sizes=(30, 8, 4), n_features=3, seed=0):
    y = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(seed)
    order = rng.permutation(y.size)
    return (rng.normal(size=(y.size, n_features)) + y[:, None])[order], y[order]
