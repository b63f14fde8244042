"""Does training leave the modes of TensorFlow aside that the surrounding program has set?"""

import gc
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tensorflow as tf

from balanced_nn import BalancedNNClassifier, clear_compiled_programs
from balanced_nn._training.keras.threads import NAME

RNG = np.random.default_rng(0)
Y = (RNG.random(200) < 0.3).astype(int)
X = RNG.normal(size=(200, 3)) + 1.5 * Y[:, None]


def probabilities(**params):
    clf = BalancedNNClassifier((6,), max_iter=4, n_members=1, on_collapse="ignore", random_state=0, **params)
    return clf.fit(X, Y).predict_proba(X)


@pytest.fixture(scope="module")
def expected():
    return probabilities()


@contextmanager
def switched(switch, back):
    switch()
    try:
        yield
    finally:
        back()


def dump(folder):
    return switched(
        lambda: tf.debugging.experimental.enable_dump_debug_info(str(folder), tensor_debug_mode="NO_TENSOR"),
        tf.debugging.experimental.disable_dump_debug_info,
    )


MODES = {
    "a mirrored strategy": lambda _: tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
    "a graph": lambda _: tf.Graph().as_default(),
    "a tape": lambda _: tf.GradientTape(),
    "a device": lambda _: tf.device("/CPU:0"),
    "a scope of Keras": lambda _: keras.StatelessScope(),
    "checked numbers": lambda _: switched(tf.debugging.enable_check_numerics, tf.debugging.disable_check_numerics),
    "dumped numbers": dump,
    "eager functions": lambda _: switched(
        lambda: tf.config.run_functions_eagerly(True), lambda: tf.config.run_functions_eagerly(False)
    ),
    "half precision": lambda _: switched(
        lambda: keras.config.set_dtype_policy("mixed_float16"), lambda: keras.config.set_dtype_policy("float32")
    ),
    "double precision": lambda _: switched(
        lambda: keras.config.set_floatx("float64"), lambda: keras.config.set_floatx("float32")
    ),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_fit_in_a_mode_is_the_same_fit(mode, expected, tmp_path):
    clear_compiled_programs()
    with MODES[mode](tmp_path):
        np.testing.assert_array_equal(probabilities(), expected)


def test_a_fit_in_a_function_is_the_same_fit(expected):
    found = []
    tf.function(lambda: found.append(probabilities()), autograph=False)()
    np.testing.assert_array_equal(found[0], expected)


def test_checked_numbers_do_not_stop_a_training_that_diverges():
    with switched(tf.debugging.enable_check_numerics, tf.debugging.disable_check_numerics):
        assert np.isfinite(probabilities(learning_rate_init=1e30, batch_norm=False)).all()


def test_a_mode_is_as_it_was_after_a_fit():
    with tf.Graph().as_default() as graph, tf.device("/CPU:0"):
        probabilities()
        assert tf.compat.v1.get_default_graph() is graph
        assert tf.constant(1.0).device.endswith("CPU:0")
        assert not graph.get_operations()[:-1], "nothing of the training was put into the user's graph"


def test_forgotten_programs_leave_no_threads():
    probabilities()
    clear_compiled_programs()
    gc.collect()
    for thread in threading.enumerate():
        if thread.name.startswith(NAME):
            thread.join(10)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


REFUSED = """
import numpy as np
from balanced_nn import BalancedNNClassifier
X = np.random.default_rng(0).normal(size=(60, 2))
try:
    BalancedNNClassifier((4,), max_iter=2).fit(X, X[:, 0] > 0)
except RuntimeError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("first", "backend", "said"),
    [
        ("import tensorflow as tf; tf.compat.v1.disable_eager_execution()", "tensorflow", "without eager execution"),
        ("import tensorflow as tf; tf.compat.v1.disable_v2_behavior()", "", "without eager execution"),
        ("", "jax", "Keras runs on 'jax' in this process"),
        ("", "torch", "Keras runs on 'torch' in this process"),
        ("import keras; keras.config.backend = lambda: 'openvino'", "", "Keras runs on 'openvino' in this process"),
    ],
)
def test_a_mode_of_the_process_in_which_nothing_trains_is_named(first, backend, said):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, "-c", first + REFUSED]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, env=environment).stdout
    assert said in out
    assert "predict works here" in out
