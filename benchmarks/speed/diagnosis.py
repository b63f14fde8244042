"""What does looking for causes cost?"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from balanced_nn import BalancedNNClassifier, CollapseReport
from balanced_nn._causes.advise import ModelKind, advise
from balanced_nn._causes.observation import gather_evidence
from balanced_nn._causes.rules import diagnose_evidence
from balanced_nn._collapse.baseline import find_reference
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._training.attempts import observe
from benchmarks.speed import peers
from benchmarks.speed.peers import quietly
from benchmarks.speed.timing import OURS, Row, compare, table

IGNORED = f'{OURS}(on_collapse="ignore")'  # asks no reference models


def diagnosis() -> list[Row]:
    """What looking for causes costs, on top of a default fit; a fit that went well does not pay for it.

    "evidence and causes" is what a failed fit adds: two passes over 256 rows, facts about the rows, the rules and the
    report. "reference models" are trained where balanced accuracy is less than 0.15 above chance: once for each network
    that failed, and once for all others. Labels drawn by lot show what they add to a whole fit of four networks.
    `CollapseMonitor` judges 1,000 held-out rows after each of 20 epochs of `keras.Model.fit`, and reports at the end.
    """
    rows = []
    for n_rows, n_columns in ((2_000, 20), (20_000, 30)):
        X, y = table(n_rows, n_columns)
        model = BalancedNNClassifier(random_state=0)
        attempt = one_attempt(clone(model).set_params(n_members=1), X, y)
        methods = {
            OURS: lambda model=model, X=X, y=y: model.fit(X, y),
            "evidence and causes": lambda attempt=attempt: causes_of(attempt),
            "reference models": lambda attempt=attempt: find_reference(attempt.plan.data, attempt.plan.judged, 2),
        }
        rows += compare("diagnosis", f"{n_rows:,} x {n_columns}, default fit", methods)
    noise, labels = table(1_700, 100)[0], np.random.default_rng(1).integers(2, size=1_700)
    methods = {
        IGNORED: lambda: quietly(BalancedNNClassifier(random_state=0, on_collapse="ignore").fit, noise, labels),
        OURS: lambda: quietly(BalancedNNClassifier(random_state=0).fit, noise, labels),
    }
    rows += compare("diagnosis", "1,700 x 100, labels drawn by lot", methods, to=IGNORED)
    from balanced_nn import CollapseMonitor  # loads TensorFlow

    X, y = table(5_000)
    plain = peers.keras_network(X.shape[1], (128, 64))
    watched = peers.keras_network(X.shape[1], (128, 64))
    monitor = CollapseMonitor(X[:1000], y[:1000])
    methods = {
        "keras.Model.fit": lambda: plain.fit(X, y, batch_size=64, epochs=20, verbose=0),
        "with CollapseMonitor": lambda: watched.fit(X, y, batch_size=64, epochs=20, verbose=0, callbacks=[monitor]),
    }
    return rows + compare("diagnosis", "5,000 x 30, 20 epochs of Keras", methods, to="keras.Model.fit")


def one_attempt(model: BalancedNNClassifier, X: NDArray, y: NDArray) -> Any:
    from balanced_nn._data.labelled_rows import read_rows
    from balanced_nn._training.attempts import train_until_sound
    from balanced_nn._training.preparation import make_plan, split_rows
    from balanced_nn._training.settings import FitSettings
    from balanced_nn._training.side_by_side import Workers

    settings = FitSettings.of(model)
    (split,) = split_rows(settings, read_rows(model, X, y, None), None, 0)
    workers = Workers(1)
    (network,) = workers.run([train_until_sound(settings, split, make_plan(settings, split, 0), 0, workers)])
    return network.kept


def causes_of(attempt: Any) -> str:
    """All that is done about a failure, whether the fit failed or not."""
    outcome = replace(attempt.outcome, outcome=Outcome.CONSTANT)
    evidence = replace(gather_evidence(observe(attempt, None)), outcome=outcome)
    settings = BalancedNNClassifier().get_params(deep=False)
    findings = advise(diagnose_evidence(evidence), ModelKind.OURS, settings=settings)
    return str(CollapseReport(outcome, (0, 1), "held-out rows", findings, evidence))
