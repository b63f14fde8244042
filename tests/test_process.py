"""Does training know in what kind of process it runs?"""

import os
import subprocess
import sys

import pytest

from balanced_nn._process import threads_of_a_worker


@pytest.mark.parametrize(
    ("granted", "is_worker", "threads"),
    [("3", True, 3), ("3", False, None), ("", True, None), ("0", True, None), ("2,1", True, None)],
)
def test_only_a_worker_takes_the_threads_that_it_was_granted(granted, is_worker, threads, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", granted)
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object() if is_worker else None)
    assert threads_of_a_worker() == threads


def test_a_number_of_threads_that_the_user_set_for_tensorflow_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr("multiprocessing.parent_process", object)
    assert threads_of_a_worker() == 3
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert threads_of_a_worker() is None


IN_WORKERS = """
import numpy as np, joblib
from balanced_nn import BalancedNNClassifier

def threads_after_fit(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 4))
    BalancedNNClassifier((8,), max_iter=2, on_collapse="ignore", random_state=0).fit(X, X[:, 0] > 0)
    import tensorflow as tf
    return tf.config.threading.get_intra_op_parallelism_threads()

granted = max(1, joblib.cpu_count() // 2)
assert joblib.Parallel(n_jobs=2)(joblib.delayed(threads_after_fit)(seed) for seed in (0, 1)) == [granted, granted]
assert threads_after_fit(0) == 0, "this process is no worker: its setting is the user's"
"""


def test_a_worker_trains_with_its_share_of_the_processor_and_the_process_of_the_user_keeps_its_setting():
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    subprocess.run([sys.executable, "-c", IN_WORKERS], check=True, timeout=300, env=environment)
