"""Does a seed decide everything, wherever a fit runs, and does a fit leave the rest of the process alone?"""

import hashlib
import multiprocessing
import os
import pickle
import random
import select
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import cross_val_predict, cross_validate

from balanced_nn import BalancedNNClassifier
from balanced_nn._training.callbacks import Watchers

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.2, flip_y=0.02, random_state=0)
HANG = 60  # seconds after which a child is taken to hang


def small(**params) -> BalancedNNClassifier:
    return BalancedNNClassifier(**{"hidden_layer_sizes": (16,), "max_iter": 6, "random_state": 0, **params})


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return small().fit(X, Y).predict_proba(X)


# The same seed, the same bits


@pytest.mark.parametrize("params", [{}, {"sampler": "smote"}, {"dropout": 0.0}, {"loss": "focal"}], ids=str)
def test_two_fits_in_one_process_agree_to_the_last_bit(params):
    first = small(**params).fit(X, Y)
    small(random_state=5, alpha=0.5, learning_rate_init=0.1, on_collapse="ignore", **params).fit(2 * X[:200], Y[:200])
    second = small(**params).fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.history_ == second.history_


def test_another_seed_gives_another_network(expected):
    assert not np.array_equal(small(random_state=1).fit(X, Y).predict_proba(X), expected)


def test_a_random_state_instance_works_as_everywhere(expected):
    clf = small(random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(clf.fit(X, Y).predict_proba(X), expected)
    assert not np.array_equal(clf.fit(X, Y).predict_proba(X), expected)  # the generator has moved on


def test_rows_of_weight_zero_might_as_well_not_be_there():
    extra = np.vstack([X, 100 * X[:50]])
    weight = np.concatenate([np.linspace(1, 2, 300), np.zeros(50)])
    with_them = small().fit(extra, np.concatenate([Y, 1 - Y[:50]]), weight)
    without = small().fit(X, Y, weight[:300])
    np.testing.assert_array_equal(with_them.predict_proba(X), without.predict_proba(X))


@pytest.mark.parametrize("factor", [4.0, 2.0**-900, 2.0**1020], ids=["4", "2**-900", "2**1020"])
def test_the_scale_of_the_weights_does_not_matter(factor):
    weight = np.linspace(1, 2, 300)
    one, other = (small().fit(X, Y, scale * weight).predict_proba(X) for scale in (1.0, factor))
    np.testing.assert_array_equal(one, other)


SCRIPT = """
import hashlib, pickle, sys
X, Y, clf = pickle.load(sys.stdin.buffer)
print(hashlib.sha256(clf.fit(X, Y).predict_proba(X).tobytes()).hexdigest())
"""


def run_python(script: str, *, stdin: bytes = b"", timeout: float = 3 * HANG, **environment: str) -> str:
    """Run a script in a fresh process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout.decode().strip()


def test_another_process_gives_the_same_bits(expected):
    """With another hash seed, and with one thread where this process has several."""
    data = pickle.dumps((X, Y, small()))
    digest = run_python(SCRIPT, stdin=data, PYTHONHASHSEED="77", OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1")
    assert digest == hashlib.sha256(expected.tobytes()).hexdigest()


def test_one_job_and_two_jobs_give_the_same_bits():
    one, two = (cross_val_predict(small(), X, Y, cv=2, method="predict_proba", n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_one_job_and_two_jobs_train_the_same_bits_with_default_layers_and_three_classes():
    """Workers train with other numbers of threads, in TensorFlow's kernels as in XLA's.

    The training gives the same bits. The products of a prediction are those of NumPy's BLAS, whose last bit may depend
    on the number of threads.
    """
    y = Y + (X[:, 0] > np.quantile(X[:, 0], 0.7))
    clf = BalancedNNClassifier(max_iter=5, random_state=0, on_collapse="ignore")
    settings = {"cv": 2, "return_estimator": True}
    one, two = (cross_validate(clf, X, y, n_jobs=n_jobs, **settings)["estimator"] for n_jobs in (1, 2))
    for same, other in zip(one, two, strict=True):
        assert [m.history for m in same.members_] == [m.history for m in other.members_]
        for member, twin in zip(same.members_, other.members_, strict=True):
            for array, copy in zip(member.network.arrays(), twin.network.arrays(), strict=True):
                np.testing.assert_array_equal(array, copy)
        np.testing.assert_allclose(same.predict_proba(X), other.predict_proba(X), rtol=1e-12)


# Threads


def run_in_threads(*jobs: Callable[[], np.ndarray]) -> list[np.ndarray]:
    """Start all jobs at once and return their results."""
    results: list = [None] * len(jobs)
    gate = threading.Barrier(len(jobs))

    def work(i: int, job: Callable[[], np.ndarray]) -> None:
        gate.wait()
        results[i] = job()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG)
    assert not any(thread.is_alive() for thread in threads)
    assert all(result is not None for result in results)
    return results


def test_two_threads_at_once_give_what_one_alone_gives(expected):
    def fit(seed: int) -> Callable[[], np.ndarray]:
        return lambda: small(random_state=seed).fit(X, Y).predict_proba(X)

    other = fit(1)()
    first, second, third = run_in_threads(fit(0), fit(1), fit(0))
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, other)
    np.testing.assert_array_equal(third, expected)


# What a fit must leave alone


def state_of_the_process() -> tuple:
    """Everything global that a fit could change; drawing from the generators is left to the caller."""
    import keras
    import tensorflow as tf

    numpy_state = np.random.get_state()
    return (
        (numpy_state[0], numpy_state[1].tolist(), *numpy_state[2:]),
        random.getstate(),
        tf.random.get_global_generator().state.numpy().tolist(),
        tf.config.threading.get_intra_op_parallelism_threads(),
        tf.config.threading.get_inter_op_parallelism_threads(),
        tf.config.functions_run_eagerly(),
        tf.get_logger().level,
        keras.config.floatx(),
        keras.config.epsilon(),
        keras.config.backend(),
        keras.config.image_data_format(),
        keras.config.dtype_policy().name,
        keras.config.is_traceback_filtering_enabled(),
        np.geterr(),
        np.get_printoptions(),
        list(warnings.filters),
        dict(os.environ),
    )


@pytest.mark.parametrize("random_state", [None, 0])
@pytest.mark.parametrize("sampler", [None, "smote"])
def test_global_states_are_unchanged_after_a_fit(random_state, sampler):
    small(max_iter=1, on_collapse="ignore").fit(X, Y)  # loads TensorFlow
    before = state_of_the_process()
    small(random_state=random_state, sampler=sampler, hidden_layer_sizes=(16,)).fit(X, Y).model_  # noqa: B018
    assert state_of_the_process() == before


def test_the_generators_of_tensorflow_and_keras_draw_what_they_would_have_drawn():
    script = """
import os, random, keras, numpy as np, tensorflow as tf
from balanced_nn import BalancedNNClassifier
keras.utils.set_random_seed(11)
if os.environ["WITH_FIT"] == "yes":
    X = np.random.RandomState(0).normal(size=(200, 3))
    BalancedNNClassifier((8,), batch_size=32, max_iter=2, on_collapse="ignore").fit(X, X[:, 0] > 0).model_
print(tf.random.uniform([3]).numpy().tolist(), keras.random.uniform((3,)).numpy().tolist(), random.random())
print(np.random.random(), keras.config.floatx())
"""
    assert run_python(script, WITH_FIT="yes") == run_python(script, WITH_FIT="no") != ""


def test_no_seed_takes_fresh_entropy_and_not_the_global_generator():
    state = np.random.get_state()
    try:
        np.random.seed(0)
        first = small(random_state=None, max_iter=2, on_collapse="ignore").fit(X, Y).predict_proba(X)
        np.random.seed(0)
        second = small(random_state=None, max_iter=2, on_collapse="ignore").fit(X, Y).predict_proba(X)
    finally:
        np.random.set_state(state)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("policy", ["float64", "mixed_float16"])
def test_the_callers_precision_is_neither_used_nor_changed(policy, expected):
    import keras

    before = keras.config.dtype_policy(), keras.config.floatx()
    try:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx("float64")
        clf = small(random_state=0)
        np.testing.assert_array_equal(clf.fit(X, Y).predict_proba(X), expected)
        assert clf.model_(clf.preprocess(X[:1])).dtype == "float32"
        assert keras.config.dtype_policy().name == policy
        assert keras.config.floatx() == "float64"
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_floatx(before[1])


# Without TensorFlow


def test_importing_the_package_loads_neither_tensorflow_nor_keras():
    run_python("import sys, balanced_nn; assert not {'tensorflow', 'keras'} & set(sys.modules)")


@pytest.mark.parametrize("dump", ["pickle", "joblib"])
def test_a_fitted_estimator_predicts_where_tensorflow_cannot_be_imported(dump, tmp_path, expected):
    import joblib

    clf = small().fit(X, Y)
    _ = clf.model_  # a copy that holds a Keras model would need Keras
    path = Path(tmp_path) / "model"
    path.write_bytes(pickle.dumps(clf)) if dump == "pickle" else joblib.dump(clf, path)
    np.save(tmp_path / "X.npy", X)
    script = f"""
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None  # any import of them fails
import numpy as np, joblib, pickle
path, X = {str(path)!r}, np.load({str(tmp_path / "X.npy")!r})
clf = pickle.load(open(path, "rb")) if {dump == "pickle"} else joblib.load(path)
assert (clf.predict(X) == clf.classes_[(clf.decision_function(X) > 0).astype(int)]).all()
assert clf.collapse_report_.outcome == "healthy" and str(clf.collapse_report_)
np.save({str(tmp_path / "proba.npy")!r}, clf.predict_proba(X))
"""
    run_python(script)
    np.testing.assert_allclose(np.load(tmp_path / "proba.npy"), expected, rtol=1e-12)


# A child that was forked

needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")


def in_a_forked_child(work: Callable[[], str]) -> str:
    """Fork, let the child do some work, and return what it answers; a child that hangs fails the test."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork with threads: our very case
        child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode()[:4000])
        os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], HANG)
        assert ready, "the child hangs"
        return os.read(reader, 4000).decode()
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@needs_fork
def test_fit_in_a_forked_child_raises_and_names_loky(expected):
    answer = in_a_forked_child(lambda: str(small().fit(X, Y)))
    assert answer.startswith("RuntimeError: Process ")
    assert f"was forked from {os.getpid()} after TensorFlow was loaded there" in answer
    assert 'backend "loky" or the "spawn" start method; predict works here' in answer


@needs_fork
def test_predict_in_a_forked_child_works(expected):
    clf = small().fit(X, Y)
    digest = in_a_forked_child(lambda: hashlib.sha256(clf.predict_proba(X).tobytes()).hexdigest())
    assert digest == hashlib.sha256(expected.tobytes()).hexdigest()


FORK_AFTER_PLAIN_TENSORFLOW = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, balanced_nn, keras, tensorflow as tf
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((500, 2)), np.ones(500), verbose=0)
child = os.fork()
if child == 0:
    try:
        y = np.arange(100) % 2
        balanced_nn.BalancedNNClassifier((16,), max_iter=1, random_state=0).fit(np.c_[y, y], y)
        print("fitted", flush=True)
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
import time
for _ in range(60):
    if os.waitpid(child, os.WNOHANG)[0]:
        break
    time.sleep(0.5)
else:
    os.kill(child, 9)
    print("hangs")
"""


@needs_fork
def test_a_child_of_a_parent_that_used_tensorflow_without_us_does_not_hang():
    answer = run_python(FORK_AFTER_PLAIN_TENSORFLOW)
    assert "loky" in answer or answer == "fitted"


# Interruptions


class Interrupts:
    """A sampler that is interrupted."""

    def fit_resample(self, X, y):
        raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["an epoch", "the sampler", "a step"])
def test_an_interrupted_fit_leaves_the_next_one_untouched(where, expected, monkeypatch, capsys):
    from balanced_nn._training.keras.pool import POOL
    from balanced_nn._training.keras.program import TrainingProgram

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    small().fit(X, Y)  # the program may have left the pool since
    built = POOL.n_built
    with monkeypatch.context() as patch:
        if where == "an epoch":
            patch.setattr(Watchers, "epoch_ends", interrupt)
        if where == "a step":
            patch.setattr(TrainingProgram, "run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            small(sampler=Interrupts() if where == "the sampler" else None).fit(X, Y)
    np.testing.assert_array_equal(small().fit(X, Y).predict_proba(X), expected)
    assert POOL.n_built == built  # the program came back


INTERRUPTED = """
import faulthandler, os, signal, threading, time
faulthandler.dump_traceback_later(170, exit=True)  # tells where it hangs
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it
import numpy as np
from balanced_nn import BalancedNNClassifier, clear_compiled_programs
rng = np.random.default_rng(0)
X = rng.standard_normal((200_000, 30), dtype=np.float32)
y = (X[:, 0] > 1).astype(int)
model = BalancedNNClassifier((64,), max_iter=1, random_state=0, early_stopping=False, learning_rate_init=1e-3)
expected = model.fit(X[:2000], y[:2000]).predict_proba(X[:100])
threads = set(threading.enumerate())
pressed = []

def press():
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)  # to the process: what one thread raises wakes no other

# Again after a while, as people do: Python drops an interrupt that arrives while an object is finalised.
timers = [threading.Timer(seconds, press) for seconds in (2.0, 60.0, 120.0)]
for timer in timers:
    timer.start()
try:
    model.set_params(max_iter=10_000).fit(X, y)
except KeyboardInterrupt:
    waited = time.perf_counter() - pressed[-1]
else:
    raise SystemExit("was not interrupted")
for timer in timers:
    timer.cancel()
    timer.join()
clear_compiled_programs()  # each of which trains in a thread of its own
for thread in set(threading.enumerate()) - threads:
    thread.join(10)
assert set(threading.enumerate()) <= threads, "a thread is left behind"
again = model.set_params(max_iter=1).fit(X[:2000], y[:2000]).predict_proba(X[:100])
assert np.array_equal(again, expected)
assert waited < 10, waited  # not a matter of speed: an epoch takes less than a second, the fit an hour
"""


def test_ctrl_c_stops_a_fit_between_two_chunks_and_leaves_nothing_behind():
    run_python(INTERRUPTED)
