"""Do networks in one pass score as they do one after the other?"""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier, TabularPreprocessor
from balanced_nn._data.table import Table, read_table
from balanced_nn._network import stack
from balanced_nn._network.ensemble import FEW_ROWS, Ensemble, Member
from balanced_nn._network.network import FittedNetwork, initial_network
from balanced_nn._network.specs import History, NetworkSpec
from balanced_nn._preprocessing.preprocessing import fit_preprocessing
from balanced_nn._probability.calibration import Calibration
from balanced_nn._probability.correction import Correction

RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 5))
Y = (X[:, 0] + 0.5 * RNG.normal(size=N) > 1.0).astype(int)
THREE = Y + (X[:, 1] > 1.0)


def heavy() -> np.ndarray:
    table = np.column_stack([np.sinh(4.0 * X[:, :2]), X[:, 2:], RNG.integers(0, 9, N), 1e9 + X[:, 0]])
    table[::7, 3] = np.nan
    table[5, 1] = np.nan  # missing in the rows of some networks only
    return table


def mixed() -> pd.DataFrame:
    table = pd.DataFrame(X[:, :2], columns=["a", "b"])
    table["level"] = RNG.choice(["x", "y", "z"], N)
    table.loc[3, "level"] = "seen by some networks only"
    table["two"], table["flag"] = RNG.choice(["p", "q"], N), X[:, 2] > 0
    table["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 9000, N), unit="h")
    table.loc[::5, ["a", "level", "day"]] = None
    return table


@dataclass(frozen=True)
class Case:
    """A table, and what its networks are like."""

    table: Any
    y: np.ndarray = field(default_factory=lambda: Y)
    scalers: tuple[Any, ...] = ("auto", "auto-robust", "auto")
    hidden: tuple[int, ...] = (8, 4)
    activation: str = "relu"
    smoothing: float = 0.0
    n_bins: int = 8

    def read(self, rows: slice) -> Table:
        reader = TabularPreprocessor()
        read_table(reader, self.table, reset=True)
        return read_table(reader, self.table[rows], reset=False)

    def ensemble(self) -> Ensemble:
        """Networks with random weights; each preprocessing has seen other rows."""
        table, rng = self.read(slice(None)), np.random.default_rng(1)
        n_classes, members = len(np.unique(self.y)), []
        for k, scaler in enumerate(self.scalers):
            rows = np.flatnonzero(np.arange(N) % 5 != k)
            steps = fit_preprocessing(table, rows, scaler=scaler)
            cleaned, y, weight = steps.clean(table, rows), self.y[rows], np.ones(len(rows))
            steps = steps.with_weights(cleaned, y, weight).with_bins(cleaned, y, weight, self.n_bins)
            spec = NetworkSpec(steps.width, n_classes, self.hidden, self.activation, True)
            network = initial_network(spec, np.zeros(n_classes), steps.expand(cleaned), rng)
            arrays = [array + 0.1 * rng.random(array.shape, np.float32) for array in network.arrays()]
            prior = rng.dirichlet(np.full(n_classes, 9.0))
            correction = Correction(np.log(prior), prior, focal=self.smoothing > 0, label_smoothing=self.smoothing)
            members.append(Member(steps, FittedNetwork.from_arrays(spec, arrays), correction, HISTORY, (HISTORY,)))
        calibration = Calibration(1.3, rng.normal(size=n_classes))
        return Ensemble(tuple(members), calibration, np.full(n_classes, 1.0 / n_classes))


HISTORY = History((), (), (), 0.01, 0, 0, "patience")
CASES = {
    "numeric": Case(X),
    "three classes": Case(X, THREE),
    "heavy tails and missing numbers": Case(heavy()),
    "mixed, with dates": Case(mixed()),
    "categories alone": Case(mixed()[["level", "two"]]),
    "sparse": Case(sparse.csr_array(np.where(np.abs(X) > 1.0, X, 0.0)), n_bins=0),
    "quantiles": Case(X, scalers=("quantile", "quantile")),
    "unscaled": Case(X, scalers=(None, None)),
    "losses to be undone": Case(X, THREE, smoothing=0.1),
    "no hidden layer": Case(X, hidden=()),
    "hyperbolic tangent": Case(X, activation="tanh"),
    "one network": Case(X, scalers=("auto",)),
}


def each(ensemble: Ensemble, table: Table) -> np.ndarray:
    return np.stack([member.scores(table) for member in ensemble.members])


@pytest.mark.parametrize("name", CASES)
def test_one_pass_scores_as_the_networks_one_after_the_other(name):
    case, ensemble = CASES[name], CASES[name].ensemble()
    among_others = each(ensemble, case.read(slice(60)))
    for n_rows in (1, 3):
        for start in range(0, 60, n_rows):
            found = ensemble._stack.scores(case.read(slice(start, start + n_rows)))
            assert_allclose(found, among_others[:, start : start + n_rows], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("number", [0.0, -0.0, 1e-300, 1e9, -1e300, np.finfo(float).max])
def test_numbers_far_from_those_of_training_are_scored_alike(number):
    case = CASES["heavy tails and missing numbers"]
    ensemble, table = case.ensemble(), replace(case, table=np.full((1, 7), number)).read(slice(1))
    assert_allclose(ensemble._stack.scores(table), each(ensemble, table), rtol=1e-12, atol=1e-12)


def test_numbers_at_the_edges_of_bins_are_scored_alike():
    ensemble = CASES["numeric"].ensemble()
    first = ensemble.members[0].preprocessing
    column = first.bins.source[0]
    starts = first.bins.start[first.bins.source == column]
    edges = starts / first.scaler.factor[column] + first.scaler.center[column]
    for edge in np.concatenate([np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)]):
        row = X[:1].copy()
        row[0, column] = edge
        table = replace(CASES["numeric"], table=row).read(slice(1))
        assert_allclose(ensemble._stack.scores(table), each(ensemble, table), rtol=1e-12, atol=1e-12)


def test_few_rows_ask_no_network_by_itself_and_many_do(monkeypatch):
    ensemble, prior = CASES["numeric"].ensemble(), np.array([0.8, 0.2])
    few, more = (CASES["numeric"].read(slice(n)) for n in (FEW_ROWS, FEW_ROWS + 1))
    expected = ensemble.log_proba(more, prior)
    assert_array_equal(ensemble.log_proba_of_few(more, prior), expected)
    monkeypatch.setattr(FittedNetwork, "logits", None)
    assert_allclose(ensemble.log_proba_of_few(few, prior), expected[:-1], rtol=1e-12)
    with pytest.raises(TypeError):
        ensemble.log_proba_of_few(more, prior)


def test_networks_that_cannot_be_stacked_answer_one_after_the_other(monkeypatch):
    ensemble = CASES["numeric"].ensemble()
    first, *others = ensemble.members
    layers = first.network.layers
    lost = replace(layers[0], kernel=np.full_like(layers[0].kernel, np.nan))
    for odd in (
        *replace(CASES["numeric"], hidden=(9, 4), scalers=("auto",)).ensemble().members,
        *replace(CASES["numeric"], activation="tanh", scalers=("auto",)).ensemble().members,
        *replace(CASES["numeric"], scalers=(StandardScaler(),)).ensemble().members,
        replace(first, correction=replace(first.correction, focal=True)),
    ):
        mixed_up = replace(ensemble, members=(odd, *others))
        assert mixed_up._stack is None
        assert mixed_up.log_proba_of_few(CASES["numeric"].read(slice(1)), np.array([0.5, 0.5])).shape == (1, 2)
    not_finite = replace(first, network=replace(first.network, layers=(lost, *layers[1:])))
    assert replace(ensemble, members=(not_finite, *others))._stack is None
    monkeypatch.setattr(stack, "LARGEST_KERNELS", 100)
    assert replace(ensemble)._stack is None


@pytest.mark.parametrize("name", ["numeric", "heavy tails and missing numbers"])
def test_a_pickle_holds_no_stack(name):
    ensemble, row = CASES[name].ensemble(), CASES[name].read(slice(1))
    size = len(pickle.dumps(ensemble))
    expected = ensemble._stack.scores(row)
    assert len(pickle.dumps(ensemble)) == size
    assert_array_equal(pickle.loads(pickle.dumps(ensemble))._stack.scores(row), expected)


def test_threads_that_ask_first_at_the_same_time_get_the_same_answers():
    case, prior = CASES["numeric"], np.array([0.8, 0.2])
    ensemble, rows = case.ensemble(), [case.read(slice(i, i + 1)) for i in range(20)]
    expected = [ensemble.log_proba_of_few(row, prior) for row in rows]
    for _ in range(5):
        new = replace(ensemble)
        with ThreadPoolExecutor(2) as threads:
            assert_array_equal(list(threads.map(lambda row, new=new: new.log_proba_of_few(row, prior), rows)), expected)


def test_a_fitted_classifier_answers_a_row_alone_as_among_others():
    clf = BalancedNNClassifier((8,), n_members=2, max_iter=2, n_bins=8, on_collapse="ignore", random_state=0)
    clf.fit(CASES["heavy tails and missing numbers"].table, Y)
    assert clf._predictor.ensemble._stack is not None
    rows = CASES["heavy tails and missing numbers"].table[:40]
    alone = np.vstack([clf.predict_proba(rows[i : i + 1]) for i in range(40)])
    assert_allclose(alone, clf.predict_proba(rows), rtol=1e-11)
