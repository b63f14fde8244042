"""Do networks that train at the same time become what they become one after the other, and end together?"""

import threading
import time
import warnings
from concurrent.futures import CancelledError, Future
from pickle import PicklingError

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier, clear_compiled_programs
from balanced_nn._training import members
from balanced_nn._training.callbacks import Watchers
from balanced_nn._training.keras.pool import POOL
from balanced_nn._training.keras.program import TrainingProgram
from balanced_nn._training.side_by_side import _Tasks, jobs_at_once, open_workers
from balanced_nn.exceptions import CollapseWarning
from tests.helpers.installed import HAS_CALLBACKS

X, Y = make_classification(400, 6, n_informative=4, weights=[0.75], class_sep=1.5, random_state=0)
THREE = make_classification(400, 6, n_informative=4, n_classes=3, class_sep=1.5, random_state=0)
JOBS = (1, 2, 4)


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 8, "n_members": 4, "n_bins": None, "random_state": 0}
    return BalancedNNClassifier(**{**settings, **params})


def one_layer(n_inputs):
    """Layers of one's own."""
    import keras

    return keras.layers.Dense(8, activation="relu")


def what_became(clf: BalancedNNClassifier, table: np.ndarray) -> tuple:
    """All that a fit found, comparable."""
    told = [(member.history, member.attempts) for member in clf.members_], clf.repairs_, clf.average_share_
    return clf.predict_proba(table).tobytes(), repr(told), str(clf.collapse_report_), str(clf.decision_rule_)


# The same result


@pytest.mark.parametrize(
    ("rows", "params"),
    [
        ((X, Y), {"max_iter": 60, "n_iter_no_change": 2, "decision": "f1"}),
        (THREE, {"max_iter": 60, "n_iter_no_change": 2, "dropout": 0.2, "sampler": "over"}),
        ((X, Y), {"learning_rate_init": 0.01, "early_stopping": False}),
    ],
    ids=["two classes", "three classes", "no early stopping"],
)
def test_the_result_is_the_same_to_the_last_bit_for_any_number_of_jobs(rows, params):
    fits = [small(n_jobs=n_jobs, **params).fit(*rows) for n_jobs in JOBS]
    lengths = {len(member.history.train_loss) for member in fits[0].members_}
    assert len(lengths) > 1 or "early_stopping" in params  # each network stops by itself
    assert len({what_became(clf, rows[0]) for clf in fits}) == 1


def test_repairs_are_the_same_for_any_number_of_jobs():
    """Two epochs at a rate of 1e-9 learn nothing, and a scaler left open is the only thing to try."""
    fits = []
    for n_jobs in JOBS:
        clf = small(n_jobs=n_jobs, n_members=3, max_iter=2, learning_rate_init=1e-9)
        with pytest.warns(CollapseWarning) as told:
            fits.append((*what_became(clf.fit(X, Y), X), *(str(note.message) for note in told)))
    assert clf.repairs_
    assert len(set(fits)) == 1


def test_networks_at_the_same_time_share_a_compilation():
    clear_compiled_programs()
    built = POOL.n_built
    small(n_jobs=4, max_iter=2, on_collapse="ignore").fit(X, Y)
    assert POOL.n_built == built + 1


# Where things are done


class Watched(StandardScaler):
    """Remembers the threads that it was fitted in, and warns."""

    threads: list = []

    def fit(self, X, y=None, sample_weight=None):
        self.threads.append(threading.current_thread())
        warnings.warn("a scaler that warns", UserWarning, stacklevel=2)
        return super().fit(X, y, sample_weight)


def test_what_the_user_brings_along_is_called_in_the_calling_thread_and_each_warning_is_given_once():
    counts = []
    for n_jobs in (1, 4):
        Watched.threads.clear()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            small(n_jobs=n_jobs, scaler=Watched(), max_iter=2, on_collapse="ignore").fit(X, Y)
        assert set(Watched.threads) == {threading.current_thread()}
        counts.append(len([note for note in told if "a scaler that warns" in str(note.message)]))
    assert counts[0] == counts[1] == 4


def test_trainings_run_at_the_same_time(monkeypatch):
    """Each network waits in its first step until the other one is there too."""
    meeting, run, met = threading.Barrier(2, timeout=60), TrainingProgram.run, set()

    def run_after_the_meeting(self, *args):
        if id(self) not in met:
            met.add(id(self))
            meeting.wait()
        return run(self, *args)

    monkeypatch.setattr(TrainingProgram, "run", run_after_the_meeting)
    small(n_jobs=2, n_members=2, max_iter=1, learning_rate_init=0.01, on_collapse="ignore").fit(X, Y)
    assert len(met) == 2


# In other processes


@pytest.mark.parametrize(
    "params",
    [
        {"sampler": "under", "max_iter": 60, "n_iter_no_change": 2, "decision": "f1"},
        {"max_iter": 2, "learning_rate_init": 1e-9, "hidden_layer_sizes": (8, 8)},
        {"hidden_layer_sizes": one_layer, "max_iter": 2, "on_collapse": "ignore", "n_members": 2},
    ],
    ids=["undersampled", "repaired", "own layers"],
)
def test_the_result_is_the_same_in_other_processes(params, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        here = small(n_jobs=1, **params).fit(X, Y)
        with joblib.parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=1):
            elsewhere = small(**params).fit(X, Y)
    assert what_became(elsewhere, X) == what_became(here, X)
    assert bool(here.repairs_) == ("learning_rate_init" in params)


def test_a_checkpoint_goes_on_from_what_other_processes_wrote(tmp_path, monkeypatch):
    """The fit is interrupted behind the last training, and none is left to be made when it is begun anew."""
    params = {"n_members": 2, "learning_rate_init": 0.01, "on_collapse": "ignore"}
    expected = small(**params).fit(X, Y)

    def interrupted(*_):
        raise KeyboardInterrupt

    clf = small(checkpoint=tmp_path / "kept", **params)
    with monkeypatch.context() as patch, joblib.parallel_config(backend="loky", n_jobs=2):
        patch.setattr(members.Trained, "held_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(X, Y)
    assert len(list((tmp_path / "kept").glob("*training*"))) == 2
    monkeypatch.setattr(TrainingProgram, "run", interrupted)
    assert what_became(clf.fit(X, Y), X) == what_became(expected, X)


def test_what_cannot_be_sent_to_another_process_is_refused_with_a_way_out():
    def not_sent():
        raise PicklingError("cannot pickle 'lock' objects")

    tasks = _Tasks(1, one_by_one=False)
    tasks.submit(not_sent)
    with pytest.raises(PicklingError, match="cannot pickle 'lock' objects. Let `scaler`.* train in threads"):
        tasks.take()


def test_a_search_that_names_a_backend_of_processes_trains_the_last_networks_there():
    quick = small(n_members=2, max_iter=2, on_collapse="ignore", learning_rate_init=0.01)
    alone = GridSearchCV(quick, {"alpha": [0.0, 0.1]}, cv=2).fit(X, Y)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        search = GridSearchCV(quick, {"alpha": [0.0, 0.1]}, cv=2).fit(X, Y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(search.predict_proba(X), alone.predict_proba(X))


def test_networks_are_tasks_of_a_backend_of_processes_that_was_named(tmp_path):
    def elsewhere(**settings) -> bool:
        return open_workers(None, 2, **{"hears_epochs": False, **settings}).in_processes

    assert not elsewhere()
    with joblib.parallel_config(n_jobs=2):
        assert not elsewhere()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert not elsewhere()
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        assert not elsewhere()
    with joblib.parallel_config(backend="loky"):  # one job, if nothing else is said
        assert not elsewhere()
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert elsewhere()
        assert not elsewhere(hears_epochs=True)  # of callbacks, and of the clock behind max_time
        assert not open_workers(None, 1, hears_epochs=False).in_processes
        nested = joblib.Parallel()(joblib.delayed(elsewhere_in_a_worker)() for _ in range(2))
    assert nested == [False, False]


def elsewhere_in_a_worker() -> bool:
    return open_workers(None, 2, hears_epochs=False).in_processes


# Callbacks


class Recorder:
    """Writes down the tasks of each network, and the threads; ends a network where `stop` says so."""

    max_propagation_depth = None

    def __init__(self, stop="nothing"):
        self.told, self.threads, self.stop = {}, set(), stop

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.note("end", context)
        return context.task_name == self.stop

    def note(self, what, context):
        self.threads.add(threading.current_thread())
        top = context
        while not top.task_name.startswith("network") and top.parent is not None:
            top = top.parent
        self.told.setdefault(top.task_name, []).append((what, context.task_name, context.task_id))


@pytest.mark.skipif(not HAS_CALLBACKS, reason="they came with scikit-learn 1.9")
@pytest.mark.parametrize("stop", ["nothing", "network 2"])
def test_callbacks_see_the_same_of_each_network_and_may_do_without_the_next_ones(stop):
    fits, told = [], []
    for n_jobs in JOBS:
        recorder = Recorder(stop)
        fits.append(small(n_jobs=n_jobs).set_callbacks(recorder).fit(X, Y))
        told.append([recorder.told[f"network {number}"] for number in (1, 2)])
        assert recorder.threads == {threading.current_thread()}
    assert len(fits[0].members_) == (4 if stop == "nothing" else 2)
    assert told[0] == told[1] == told[2]
    assert len({what_became(clf, X) for clf in fits}) == 1


def test_each_network_gets_its_line(capsys):
    small(n_jobs=4, max_iter=2, on_collapse="ignore", verbose=1).fit(X, Y)
    lines = sorted(line for line in capsys.readouterr().err.splitlines() if line.startswith("network"))
    assert [line.split(":")[0] for line in lines] == [f"network {number} of 4" for number in (1, 2, 3, 4)]


# The end


def a_training(started: Future, ended) -> None:
    """Train for ever, as long as somebody waits."""
    started.set_result(None)
    while not ended():
        time.sleep(0.001)
    raise CancelledError


def test_an_error_in_one_network_ends_the_others_and_is_raised():
    workers, started = open_workers(2, 2), Future()

    def endless():
        yield workers.submit(a_training, started, lambda: workers.ended)

    def failing():
        yield started
        yield workers.submit(lambda: 1 / 0)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(workers.run([endless(), failing()]))
    assert threading.active_count() == before  # nothing goes on behind the caller's back


@pytest.mark.parametrize("where", ["an epoch", "a step"])
def test_an_interrupt_ends_all_networks_and_leaves_the_estimator_as_it_was(where, monkeypatch):
    clf = small(n_jobs=4, max_iter=3, on_collapse="ignore").fit(X, Y)
    before, threads = clf.predict_proba(X), threading.active_count()
    calls = []

    def interrupted(*_):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(*_)

    owner, name = (Watchers, "epoch_ends") if where == "an epoch" else (TrainingProgram, "run")
    run = getattr(owner, name)
    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[::-1], Y)
    assert threading.active_count() <= threads
    assert len(POOL._lent) == 0
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_a_training_that_tells_something_after_the_end_is_refused():
    workers = open_workers(2, 2)
    (answer,) = workers.run([one_that_tells(workers)])
    assert answer == "heard in MainThread"
    with pytest.raises(CancelledError):
        workers.heard(lambda: None)()


def one_that_tells(workers):
    told = workers.heard(lambda: f"heard in {threading.current_thread().name}")
    return (yield workers.submit(told))


# How many


def test_none_takes_all_cores_but_in_a_worker_of_joblib(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert jobs_at_once(None) == 3
    assert jobs_at_once(1) == 1
    assert jobs_at_once(2) == 2
    assert joblib.Parallel(2, "threading")(joblib.delayed(jobs_at_once)(n) for n in (None, 2)) == [1, 2]
    with joblib.parallel_config(n_jobs=2):
        assert jobs_at_once(None) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert jobs_at_once(None) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert jobs_at_once(None) == 3


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all"])
def test_a_number_of_jobs_that_means_nothing_is_refused(n_jobs):
    with pytest.raises(ValueError, match="'n_jobs' parameter"):
        small(n_jobs=n_jobs).fit(X, Y)


def test_the_networks_of_a_search_in_workers_are_trained_one_after_the_other(monkeypatch):
    counts, make = [], members.open_workers

    def counted(*args, **kwargs):
        workers = make(*args, **kwargs)
        counts.append(workers._n_jobs)
        return workers

    monkeypatch.setattr(members, "open_workers", counted)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    quick = small(n_members=2, max_iter=1, on_collapse="ignore", learning_rate_init=0.01)
    with joblib.parallel_config("threading"):
        GridSearchCV(quick, {"alpha": [0.0, 0.1]}, cv=2, n_jobs=2, refit=True).fit(X, Y)
    assert counts == [1] * 4 + [2]  # the candidates in workers, the last fit in the process itself
