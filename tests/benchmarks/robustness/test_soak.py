"""Does the soak count what is wrong?"""

import threading

import numpy as np

from benchmarks.robustness import soak

ASKED = np.arange(6.0).reshape(3, 2)


class Model:
    """Answers each row with itself, now and then with something else."""

    def __init__(self, wrong_every=None, fails=False):
        self.wrong_every, self.fails, self.calls, self.lock = wrong_every, fails, 0, threading.Lock()

    def predict_proba(self, X):
        with self.lock:
            self.calls += 1
            calls = self.calls
        if self.fails:
            raise ValueError("no")
        return X + (self.wrong_every is not None and calls % self.wrong_every == 0)


def change(model, ended):
    ended.wait()
    return 3, 4


def soaked(model) -> soak.Row:
    return soak.soak("model", model, np.stack([ASKED + 10, ASKED]), ASKED, change, 0.02, 2)


def test_right_answers_are_those_of_any_known_state():
    row = soaked(Model())
    assert (row.wrong, row.errors, row.fits, row.changes) == (0, 0, 3, 4)
    assert row.predictions > 10
    assert 0 < row.median <= row.p99
    assert row.memory_end > 0


def test_wrong_answers_and_errors_are_counted():
    row = soaked(Model(wrong_every=2))
    assert 0.4 < row.wrong / row.predictions < 0.6
