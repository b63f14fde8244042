"""Has a fit or a prediction become dearer? Compilations, steps, bytes and modules are counted; nothing is timed."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from balanced_nn import BalancedNNClassifier, clear_compiled_programs
from balanced_nn._preprocessing.normal_scores import KNOTS
from balanced_nn._training.auto_settings import auto_batch_size, auto_members
from balanced_nn._training.keras.compiled import CHUNK_BYTES, ProgramKey
from balanced_nn._training.keras.model import padded_width
from balanced_nn._training.keras.pool import POOL
from balanced_nn._training.keras.program import TrainingProgram
from balanced_nn._training.learning_rate import RANGE_TEST_RATES

X, Y = make_classification(500, 6, n_informative=4, weights=[0.8], random_state=0)
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 3, "on_collapse": "ignore", "n_members": 1, "random_state": 0}


def run_python(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600, env={**os.environ, **environment},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


# Compilations

GRID_SEARCH = f"""
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from balanced_nn import BalancedNNClassifier
X, y = make_classification(500, 6, n_informative=4, weights=[0.8], random_state=0)
grid = {{"learning_rate_init": [1e-3, 1e-2], "alpha": [0.0, 0.1], "dropout": [0.1, 0.3], "sampler": [None, "over"]}}
GridSearchCV(BalancedNNClassifier(n_bins=None, **{QUICK}), grid, cv=3).fit(X, y)
BalancedNNClassifier(n_bins=None, dropout=0.2, **{QUICK}).fit(X[:400, :5], y[:400])  # other rows, columns and rate
"""


def test_xla_compiles_the_training_steps_of_a_whole_grid_search_once(tmp_path):
    """Counted by XLA itself, which writes a file for each program that it compiles."""
    run_python(GRID_SEARCH, XLA_FLAGS=f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text")
    compiled = [path.name for path in tmp_path.glob("*after_optimizations.txt") if "__loop_" in path.name]
    assert len(compiled) == 1


def test_a_grid_with_and_without_dropout_builds_two_programs():
    clear_compiled_programs()
    before = POOL.n_built
    grid = {"dropout": [0.0, 0.1, 0.5], "learning_rate_init": [1e-3, 1e-2], "alpha": [0.0, 0.1]}
    GridSearchCV(BalancedNNClassifier(**QUICK, screen_columns=False), grid, cv=3).fit(X, Y)
    assert POOL.n_built == before + 2  # folds may differ in which columns have bins if they are screened


def test_networks_whose_rows_hold_fewer_values_share_the_program_of_the_first():
    """One row alone has a third value in some columns; the network that holds it out needs no bins there."""
    rare = np.where(np.arange(len(Y))[:, None] == 0, 2.0, np.random.default_rng(0).integers(0, 2, (len(Y), 8)))
    clf = BalancedNNClassifier(**{**QUICK, "n_bins": 3, "n_members": 4, "screen_columns": False})
    clear_compiled_programs()
    before = POOL.n_built
    clf.fit(np.hstack([X, rare]), Y)
    widths = [member.preprocessing.possible_width for member in clf.members_]
    assert padded_width(max(widths)) != padded_width(min(widths))
    assert widths[0] == max(widths)
    assert POOL.n_built == before + 1


def test_cleared_programs_are_built_again():
    BalancedNNClassifier(**QUICK).fit(X, Y)
    before = POOL.n_built
    BalancedNNClassifier(**QUICK).fit(X, Y)
    assert POOL.n_built == before
    clear_compiled_programs()
    BalancedNNClassifier(**QUICK).fit(X, Y)
    assert POOL.n_built == before + 1


def test_clearing_programs_does_not_load_tensorflow():
    run_python("import sys, balanced_nn; balanced_nn.clear_compiled_programs(); assert 'tensorflow' not in sys.modules")


# Steps


def test_a_fit_makes_the_steps_of_its_history_and_of_one_range_test(monkeypatch):
    steps, real = [], TrainingProgram.run

    def run(self, chunk, rates):
        steps.append(len(rates))
        return real(self, chunk, rates)

    monkeypatch.setattr(TrainingProgram, "run", run)
    clf = BalancedNNClassifier(**QUICK).fit(X, Y)
    assert sum(steps) == clf.history_.n_steps + RANGE_TEST_RATES[2]


@given(st.integers(2_500, 10_000) | st.integers(20_000, 10_000_000))
def test_the_search_of_the_rate_takes_at_most_a_tenth_of_the_steps_of_a_default_fit(n_rows):
    defaults = BalancedNNClassifier()
    trained = int(n_rows * (1 - defaults.validation_fraction))
    shortest = defaults.n_iter_no_change + 1  # epochs: training stops where no epoch improves on the first
    steps = auto_members(n_rows) * shortest * -(-trained // auto_batch_size(trained))
    assert RANGE_TEST_RATES[2] <= 0.1 * steps


# Bytes


@pytest.mark.parametrize("hidden", [(8,), (256, 128)])
def test_a_pickle_holds_the_weights_in_float32_and_little_else(hidden):
    clf = BalancedNNClassifier(**{**QUICK, "hidden_layer_sizes": hidden}).fit(X, Y)
    clf.predict_proba(X)
    clf.model_  # noqa: B018, built on first use, and not pickled
    n_weights = sum(array.size for array in clf.network_.arrays())
    assert len(pickle.dumps(clf)) < 4 * n_weights + 15_000


def test_normal_scores_add_at_most_256_pairs_of_numbers_for_each_heavy_column():
    heavy = np.sinh(5.0 * np.random.default_rng(0).normal(size=(1500, 3)))
    n_bytes = []
    for table in (heavy, np.arcsinh(heavy)):
        clf = BalancedNNClassifier(n_bins=None, **QUICK).fit(table, np.arange(1500) % 3 > 0)
        n_weights = sum(array.size for array in clf.network_.arrays())
        n_bytes.append(len(pickle.dumps(clf)) - 4 * n_weights)
    assert len(clf.preprocessing_.scores) == 0
    assert 2_000 < (n_bytes[0] - n_bytes[1]) / 3 < 2 * 8 * KNOTS + 300


# Modules


def test_the_package_loads_no_library_beyond_what_it_is_built_on():
    script = (
        "import sys, sklearn, imblearn, scipy; before = set(sys.modules); import balanced_nn; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    allowed = {"balanced_nn", "sklearn", "imblearn", "scipy", "numpy", "joblib", "narwhals", *sys.stdlib_module_names}
    assert set(run_python(script).split()) <= allowed


# Memory

MEMORY = """
import sys, threading, time
import numpy as np
from balanced_nn import BalancedNNClassifier

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6  # MB

def table(n_rows):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 30), dtype=np.float32)
    return X, (X[:, 0] > 1).astype(int)
"""
on_linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")

PEAK = (
    MEMORY
    + """
X, y = table(1_000_000)
model = BalancedNNClassifier((64,), max_iter=1, early_stopping=sys.argv[1] == "True", on_collapse="ignore")
model.fit(X[:2000], y[:2000])  # TensorFlow's own memory is there
before, highest, done = resident(), [0.0], threading.Event()

def watch():
    while not done.wait(0.005):
        highest[0] = max(highest[0], resident())

watcher = threading.Thread(target=watch)
watcher.start()
model.fit(X, y)
done.set()
watcher.join()
print(highest[0] - before)
"""
)


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_fit_takes_at_most_two_and_a_half_times_the_matrix(early_stopping):
    peak = float(run_python(PEAK.replace("sys.argv[1]", f'"{early_stopping}"')))
    assert peak < 2.5 * 120 + 50  # MB: a million rows of 30 float32 numbers, and a constant


MANY_FITS = (
    MEMORY
    + """
X, y = table(1000)
model = BalancedNNClassifier((32,), max_iter=2, on_collapse="ignore")
for _ in range(20):
    model.fit(X, y)
told = [resident()]
for _ in range(4):
    for _ in range(25):
        model.fit(X, y)
    told.append(resident())
print(min(np.diff(told)))
"""
)


@on_linux
@pytest.mark.slow
def test_a_hundred_fits_leave_no_memory_behind():
    # What is left behind grows with each 25 fits; an allocator's new arena comes once.
    assert float(run_python(MANY_FITS)) < 5  # MB


def test_rows_are_gathered_into_chunks_of_bounded_size():
    for n_inputs in (16, 4096, 2**20):
        key = ProgramKey(n_inputs, 2, (64,), "relu", True, False, False, 256)
        assert key.batches_per_chunk == 1 or 4 * key.batches_per_chunk * key.batch_size * n_inputs <= CHUNK_BYTES


def test_chunks_of_a_large_network_are_short_so_that_an_interrupt_is_seen_soon():
    keys = (ProgramKey(32, 2, (width, width), "relu", True, False, False, 1024) for width in (64, 1024, 8192))
    assert [key.batches_per_chunk for key in keys] == [32, 2, 1]


def test_numbers_in_an_array_are_not_checked_a_second_time_by_scikit_learn(monkeypatch):
    """Its checks take as long as a network on a row."""
    clf = BalancedNNClassifier(**QUICK).fit(X, Y)
    expected = clf.predict_proba(X)
    with monkeypatch.context() as patched:
        patched.setattr("balanced_nn._data.table.validate_data", None)
        np.testing.assert_array_equal(clf.predict_proba(X), expected)
    infinite = X.copy()
    infinite[3, 2] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        clf.predict_proba(infinite)
    with pytest.raises(ValueError, match="5 features"):
        clf.predict_proba(X[:, :5])
    with pytest.raises(ValueError, match="0 sample"):
        clf.predict_proba(X[:0])


def test_a_million_rows_are_predicted_in_blocks(monkeypatch):
    clf = BalancedNNClassifier(**QUICK).fit(X, Y)
    shapes, real = [], type(clf.network_).logits

    def watched(self, matrix):
        shapes.append(matrix.nbytes)
        return real(self, matrix)

    monkeypatch.setattr(type(clf.network_), "logits", watched)
    many = np.zeros((1_000_000, 6), np.float32)
    assert clf.predict_proba(many).shape == (1_000_000, 2)
    assert max(shapes) <= 2**21
