"""Parts of a data set, answers and reports for the tests of outcomes and of comparisons."""

import numpy as np
from hypothesis import strategies as st

from balanced_nn._collapse.outcome import find_outcome

parts = st.tuples(st.integers(2, 4), st.integers(2, 40), st.integers(0, 2**32 - 1), st.sampled_from([0.02, 1.0, 20.0]))


def draw_part(part):
    n_classes, n, seed, concentration = part
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    return y, rng.dirichlet(np.full(n_classes, concentration), n), rng, n_classes


def two_columns(p):
    p = np.asarray(p, dtype=float)
    return np.column_stack([1 - p, p])


def one_hot(y, n_classes, confidence=0.9):
    rest = (1 - confidence) / (n_classes - 1)
    proba = np.full((len(y), n_classes), rest)
    proba[np.arange(len(y)), y] = confidence
    return proba


def constant(n_of=(200, 200)):
    y = np.repeat(np.arange(len(n_of)), n_of)
    return find_outcome(y, np.tile(np.eye(len(n_of))[0] * 0.1 + 0.9 / len(n_of), (y.size, 1)))
