"""Does training know in what kind of process it runs?"""

import io
import os
import subprocess
import sys
from importlib.metadata import version
from unittest.mock import Mock

import pytest

from balanced_nn._training.keras.process import MAPS_TO_SPARE, MAX_MAPS, may_compile, quiet_start, threads_of_a_worker


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


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Set how many memory maps the process uses, and the text of the system's limit; None is no such file."""

    def write(in_use, most):
        for name, text in (("MAPS", "a map\n" * in_use), ("MAX_MAPS", most)):
            monkeypatch.setattr(f"balanced_nn._training.keras.process.{name}", tmp_path / name)
            if text is not None:
                (tmp_path / name).write_text(text)

    return write


def test_programs_are_compiled_until_the_memory_maps_run_short(pretend):
    pretend(10, f"{MAPS_TO_SPARE + 10}\n")
    assert may_compile()
    pretend(11, f"{MAPS_TO_SPARE + 10}\n")
    with pytest.warns(RuntimeWarning, match=r"nearly used up the 2,010 memory maps .* vm.max_map_count"):
        assert not may_compile()


@pytest.mark.parametrize("most", [None, "unlimited"])
def test_where_no_limit_is_known_programs_are_compiled(most, pretend):
    pretend(10**5, most)
    assert may_compile()


FULL = """
import ctypes, warnings
from pathlib import Path
import numpy as np
from balanced_nn import BalancedNNClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 5))
y = X[:, 0] > 0
BalancedNNClassifier((8,), n_members=1, max_iter=2, on_collapse="ignore", random_state=0).fit(X, y)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
most = int(Path("/proc/sys/vm/max_map_count").read_text())
missing = most - 100 - Path("/proc/self/maps").read_bytes().count(b"\\n")
pages = libc.mmap(None, 4096 * missing, 1, 0x22, -1, 0)
for page in range(0, missing, 2):  # neighbours with other rights are maps of their own
    libc.mprotect(pages + 4096 * page, 4096, 3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clf = BalancedNNClassifier((9,), n_members=1, max_iter=20, random_state=0).fit(X, y)
assert any("memory maps" in str(warning.message) for warning in caught)
assert clf.score(X, y) > 0.8
"""


@pytest.mark.skipif(not MAX_MAPS.exists(), reason="the limit is one of Linux")
def test_a_process_without_memory_maps_trains_on():
    """Compiling there would kill it."""
    if int(MAX_MAPS.read_text()) > 300_000:
        pytest.skip("the limit is too high to be reached")
    subprocess.run([sys.executable, "-c", FULL], check=True, timeout=300)


QUIET = """
import os
import numpy as np
from balanced_nn import BalancedNNClassifier
before = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
X = np.random.default_rng(0).normal(size=(60, 2))
BalancedNNClassifier((4,), max_iter=2, n_members=1, on_collapse="ignore").fit(X, X[:, 0] > 0)
assert os.environ.get("TF_CPP_MIN_LOG_LEVEL") == before
"""


@pytest.mark.skipif(version("tensorflow") < "2.21", reason="2.19 logs these lines as errors, whatever the level")
@pytest.mark.parametrize(("level", "speaks"), [(None, False), ("0", True)])
def test_a_first_fit_writes_nothing_beside_the_output_unless_it_is_asked_to(level, speaks):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    command = [sys.executable, "-c", QUIET]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, env=environment).stderr
    assert ("XLA" in said and "InitializeLog" in said) if speaks else said == ""


@pytest.fixture
def not_loaded(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)


def test_a_start_keeps_back_only_what_tensorflow_always_writes(not_loaded, capfd):
    def fail():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1.1 1 port.cc:153] oneDNN custom operations are on. You may see\nE0000 no memory\n")
        raise ImportError("no libdevice")

    with pytest.raises(ImportError, match="no libdevice"), quiet_start(), quiet_start():
        fail()
    os.write(2, b", and on")
    assert capfd.readouterr().err == "E0000 no memory\n, and on"


@pytest.mark.parametrize("errors", [None, io.StringIO()])
def test_a_start_needs_no_standard_error(errors, not_loaded, monkeypatch):
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(os, "dup", Mock(side_effect=OSError))  # as where descriptor 2 is closed
    with quiet_start():
        print("said", file=sys.stderr or io.StringIO())
    assert errors is None or errors.getvalue() == "said\n"
