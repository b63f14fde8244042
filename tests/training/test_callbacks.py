"""Do the callbacks of scikit-learn see the networks, epochs and repairs of a fit, and may they end it?"""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.repair import MAX_REPAIRS
from balanced_nn._training.callbacks import NOBODY, call_back
from tests.helpers.installed import HAS_CALLBACKS

X, Y = make_classification(300, 6, weights=[0.75], class_sep=1.5, flip_y=0.01, random_state=0)
needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="they came with scikit-learn 1.9")


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 4, "n_members": 2, "n_bins": None, "random_state": 0, **params}
    return BalancedNNClassifier(**settings)


class Recorder:
    """Writes down what it is told, and ends each task of which the name begins with `stop`."""

    max_propagation_depth = None

    def __init__(self, stop="nothing"):
        self.told, self.stop, self.scores = [], stop, []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        if isinstance(estimator, BalancedNNClassifier):
            self.told.append(f"begin {context.task_name}")
            assert (X is None) == (context.task_name != "fit")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        if not isinstance(estimator, BalancedNNClassifier):
            return False
        self.told.append(f"end {context.task_name}")
        if fitted_estimator is not None:
            self.scores.append((fitted_estimator.score(X, y), metadata))
        return context.task_name.startswith(self.stop)

    def count(self, what):
        return self.told.count(what)


@needs_callbacks
def test_a_fit_is_a_tree_of_networks_and_epochs():
    recorder = Recorder()
    clf = small(n_jobs=1).set_callbacks(recorder).fit(X, Y)
    epochs = [["begin epoch", "end epoch"] * len(member.history.train_loss) for member in clf.members_]
    assert recorder.told == [
        "setup",
        "begin fit",
        *("begin network 1", *epochs[0], "end network 1"),
        *("begin network 2", *epochs[1], "end network 2"),
        "end fit",
        "teardown",
    ]
    assert recorder.scores == [(clf.score(X, Y), None)]
    np.testing.assert_array_equal(clf.predict_proba(X), small().fit(X, Y).predict_proba(X))


@needs_callbacks
def test_weights_are_passed_on():
    recorder = Recorder()
    small(max_iter=1, n_members=1, on_collapse="ignore").set_callbacks(recorder).fit(X, Y, sample_weight=np.ones(300))
    assert recorder.scores[0][1]["sample_weight"].sum() == 300


@needs_callbacks
@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
def test_repairs_are_tasks_of_their_network():
    recorder = Recorder()
    clf = small(n_members=1, max_iter=2, learning_rate_init=1e-9).set_callbacks(recorder).fit(X, Y)
    assert len(clf.repairs_) == MAX_REPAIRS
    assert recorder.count("end epoch") == 2 * (1 + MAX_REPAIRS)
    names = [told for told in recorder.told if "epoch" not in told]
    assert names[2:-2] == [
        "begin network 1",
        "begin repair 1",
        "end repair 1",
        "begin repair 2",
        "end repair 2",
        "end network 1",
    ]


@needs_callbacks
@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
def test_a_callback_may_end_a_training_which_is_then_not_repaired():
    clf = small(learning_rate_init=1e-9).set_callbacks(Recorder(stop="epoch")).fit(X, Y)
    assert [member.history.stop_reason for member in clf.members_] == ["callback", "callback"]
    assert [len(member.history.train_loss) for member in clf.members_] == [1, 1]
    assert clf.repairs_ == ()


@needs_callbacks
def test_a_callback_may_do_without_further_networks():
    clf = small(n_members=4).set_callbacks(Recorder(stop="network 2")).fit(X, Y)
    assert len(clf.members_) == 2
    assert clf.predict(X).shape == (300,)


@needs_callbacks
def test_a_fit_that_fails_closes_its_callbacks():
    recorder = Recorder()
    clf = small(n_members=1, max_iter=1, learning_rate_init=1e-9, on_collapse="raise").set_callbacks(recorder)
    with pytest.raises(RuntimeError):
        clf.fit(X, Y)
    assert recorder.told[-1] == "teardown"
    assert not any(name.startswith("_callback") for name in vars(clf))


@needs_callbacks
def test_a_search_over_a_pipeline_passes_its_callbacks_on():
    recorder = Recorder()
    pipeline = make_pipeline(StandardScaler(), small(max_iter=2, n_members=1, on_collapse="ignore"))
    search = GridSearchCV(pipeline, {"balancednnclassifier__dropout": [0.0]}, cv=2)
    search.set_callbacks(recorder).fit(X, Y)
    assert recorder.count("begin fit") == recorder.count("end fit") == 3
    assert recorder.count("end epoch") == 6
    assert recorder.count("setup") == 1


@needs_callbacks
def test_the_progress_bar_of_scikit_learn_shows_the_networks_and_verbose_adds_its_lines(capsys):
    from sklearn.callback import ProgressBar

    clf = small(verbose=1).set_callbacks(ProgressBar())
    clone(clf).fit(X, Y)
    printed = capsys.readouterr()
    for text in ("BalancedNNClassifier - fit", "network 1 #0", "network 2 #1", "100%"):
        assert text in printed.out
    assert printed.err.count("best epoch") == 2


@needs_callbacks
def test_a_scoring_monitor_scores_the_fitted_estimator():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="balanced_accuracy")
    clf = small().set_callbacks(monitor).fit(X, Y)
    scores = [row["balanced_accuracy"] for row in monitor.get_logs().data if "balanced_accuracy" in row]
    assert scores == [pytest.approx(0.5 * sum((clf.predict(X) == Y)[k == Y].mean() for k in (0, 1)))]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict(X), clf.predict(X))


def test_before_scikit_learn_had_callbacks_nobody_is_told():
    with call_back(object(), 1, X, Y, None) as watcher:
        assert watcher is NOBODY
