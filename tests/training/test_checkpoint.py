"""Does a fit that was killed go on where it was, to the bit, and does no other fit go on there?"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._storage.array_file import write_arrays
from balanced_nn._storage.atomic_file import replaced_file
from balanced_nn._training import checkpoint as module
from balanced_nn._training.checkpoint import MANIFEST, KeptTraining
from balanced_nn.exceptions import CollapseWarning

RNG = np.random.default_rng(0)
Y = (RNG.random(400) < 0.2).astype(int)
X = pd.DataFrame(RNG.normal(size=(400, 4)) + 0.9 * Y[:, None], columns=list("abcd"))


def small(**params):
    settings = {"max_iter": 8, "n_members": 2, "random_state": 0, "on_collapse": "ignore", "dropout": 0.1, **params}
    return BalancedNNClassifier((8,), **settings)


class KilledError(Exception):
    pass


@pytest.fixture
def stop_at(monkeypatch):
    """Let a fit end with an error behind the writing of this number, as if it were killed; each epoch is written."""
    monkeypatch.setattr(module, "COST", 0)
    real = KeptTraining.write

    def stop(number):
        calls = []

        def write(self, *content):
            real(self, *content)
            calls.append(None)
            if len(calls) == number:
                raise KilledError

        monkeypatch.setattr(KeptTraining, "write", write)
        return calls

    return stop


def same(one, two):
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    for a, b in zip(one.members_, two.members_, strict=True):
        assert a.history == b.history
    assert str(one.collapse_report_) == str(two.collapse_report_)


@pytest.mark.parametrize("number", [1, 3, 8, 11])
@pytest.mark.parametrize("params", [{}, {"early_stopping": False}])
def test_a_fit_goes_on_where_it_was(number, params, tmp_path, stop_at):
    folder = tmp_path / "deep" / "fit"
    whole = small(**params).fit(X, Y)
    stop_at(number)
    with pytest.raises(KilledError):
        small(checkpoint=folder, n_jobs=1, **params).fit(X, Y)
    assert len(list(folder.iterdir())) > 1
    written = stop_at(0)
    same(small(checkpoint=folder, n_jobs=2, **params).fit(X, Y), whole)
    assert len(written) == sum(len(member.history.train_loss) for member in whole.members_) - number
    assert not folder.exists()


def test_a_fit_of_files_goes_on_too(tmp_path, stop_at):
    X.assign(y=Y).to_parquet(tmp_path / "rows.parquet")
    whole = small().fit_dataset(tmp_path / "rows.parquet", "y")
    stop_at(5)
    with pytest.raises(KilledError):
        small(checkpoint=tmp_path / "fit").fit_dataset(tmp_path / "rows.parquet", "y")
    stop_at(0)
    same(small(checkpoint=tmp_path / "fit").fit_dataset(tmp_path / "rows.parquet", "y"), whole)


def test_repairs_go_on_too(tmp_path, stop_at):
    params = {"learning_rate_init": 1e-8, "on_collapse": "repair", "n_members": 1}
    with pytest.warns(CollapseWarning, match="Collapsed|first training failed"):
        whole = small(**params).fit(X, Y)
    stop_at(11)
    with pytest.raises(KilledError):
        small(checkpoint=tmp_path, **params).fit(X, Y)
    stop_at(0)
    with pytest.warns(CollapseWarning, match="Collapsed|first training failed"):
        again = small(checkpoint=tmp_path, **params).fit(X, Y)
    same(again, whole)
    assert again.repairs_ == whole.repairs_


def test_without_a_seed_the_one_of_the_first_fit_holds(tmp_path, stop_at):
    stop_at(4)
    clf = small(checkpoint=tmp_path, random_state=None)
    with pytest.raises(KilledError):
        clf.fit(X, Y)
    stop_at(0)
    seed = module.Checkpoint(tmp_path).seed
    clf.fit(X, Y)
    assert clf._reached.seed == seed


class Doubled:
    """A sampler that says nothing of itself."""

    def __init__(self, times):
        self.times = times

    def fit_resample(self, X, y):
        rare = np.repeat(np.flatnonzero(y == 1), self.times)
        rows = np.concatenate([np.flatnonzero(y == 0), rare])
        return np.asarray(X)[rows], y[rows]


def test_a_limit_of_time_ended_the_fit_that_was_killed_and_not_this_one(tmp_path, stop_at):
    stop_at(3)
    with pytest.raises(KilledError):
        small(checkpoint=tmp_path).fit(X, Y)
    stop_at(0)
    kept = next(tmp_path.glob("balanced_nn_training_*.npz"))
    values, arrays = module.read_arrays(kept)
    module.write_arrays(kept, {**values, "stop_reason": "max_time"}, arrays)
    clf = small(checkpoint=tmp_path).fit(X, Y)
    assert {member.history.stop_reason for member in clf.members_} <= {"max_iter", "patience"}
    np.testing.assert_array_equal(clf.predict_proba(X), small().fit(X, Y).predict_proba(X))


@pytest.mark.parametrize(
    ("params", "change", "text"),
    [
        ({"max_iter": 9}, lambda X, y: (X, y), "max_iter was 8 and is 9"),
        ({"random_state": 1}, lambda X, y: (X, y), "random_state gives another seed"),
        ({}, lambda X, y: (X.assign(a=X["a"] + 1), y), "X holds other values"),
        ({}, lambda X, y: (X, 1 - y), "y holds other values"),
        ({}, lambda X, y: (X.iloc[:300], y[:300]), r"the shape of X was \(400, 4\) and is \(300, 4\)"),
        ({}, lambda X, y: (X, y, 1.0 + y), "sample_weight holds other values"),
        ({"sampler": Doubled(3)}, lambda X, y: (X, y), "sampler holds other values"),
    ],
)
def test_another_fit_is_refused_with_what_differs(params, change, text, tmp_path, stop_at):
    stop_at(2)
    first = {"sampler": Doubled(2)} if "sampler" in params else {}
    with pytest.raises(KilledError):
        small(checkpoint=tmp_path, **first).fit(X, Y)
    stop_at(0)
    with pytest.raises(ValueError, match=f"keeps a fit that did not end.*{text}"):
        small(checkpoint=tmp_path, **params).fit(*change(X, Y))
    assert small(checkpoint=tmp_path, verbose=0, n_jobs=2, decision="argmax", **first).fit(X, Y).n_iter_


def test_files_of_others_are_left_alone_and_those_of_a_killed_writing_are_not(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    (tmp_path / ".balanced-nn-model.skops-0123.tmp").write_text("is being written")
    with replaced_file(tmp_path / MANIFEST) as file:
        left, temporary = list(tmp_path.glob(".*")), file.name
    assert len(left) == 2
    (tmp_path / MANIFEST).unlink()
    Path(temporary).write_text("half of a manifest")
    small(checkpoint=str(tmp_path)).fit(X, Y)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".balanced-nn-model.skops-0123.tmp", "mine.txt"]


def test_what_is_no_checkpoint_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match=r"file' is a file\. Name a folder"):
        small(checkpoint=tmp_path / "file").fit(X, Y)
    (tmp_path / MANIFEST).write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=f"{MANIFEST} cannot be read"):
        small(checkpoint=tmp_path).fit(X, Y)


def test_a_manifest_of_another_release_names_its_version(tmp_path):
    write_arrays(tmp_path / MANIFEST, {"seed": 3, "numpy": "0.1"}, {})
    with pytest.raises(ValueError, match=r"numpy was 0\.1 and is"):
        small(checkpoint=tmp_path).fit(X, Y)


def test_writing_takes_a_twentieth_of_the_time_at_most(tmp_path):
    kept = KeptTraining(tmp_path / "a.npz")
    assert kept.is_due
    kept.write({}, {"a": [np.zeros(10)]})
    assert not kept.is_due


KILLED = """
import sys
import numpy as np
from tests.training.test_checkpoint import X, Y, module, small
module.COST = 0
clf = small(max_iter=60, n_iter_no_change=60, checkpoint=sys.argv[1]).fit(X, Y)
np.save(sys.argv[2], clf.predict_proba(X))
"""


def begin(*command):
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})


@pytest.mark.slow
def test_a_process_that_is_killed_twice_loses_nothing(tmp_path):
    folder, answers = tmp_path / "fit", tmp_path / "answers.npy"
    command = sys.executable, "-c", KILLED, str(folder), str(answers)
    for seconds in (0.0, 0.3):  # behind the first file that is new
        before = {file.stat().st_mtime_ns for file in folder.glob("*training*")}
        process = begin(*command)
        try:
            until = time.monotonic() + 120
            while {file.stat().st_mtime_ns for file in folder.glob("*training*")} <= before:
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert folder.exists()
    assert begin(*command).wait(240) == 0
    np.testing.assert_array_equal(np.load(answers), small(max_iter=60, n_iter_no_change=60).fit(X, Y).predict_proba(X))
    assert not folder.exists()
