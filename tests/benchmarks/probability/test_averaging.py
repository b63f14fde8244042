"""Does the benchmark of averaging measure what its table says?"""

import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

with patch.dict(os.environ):  # probability.run asks for single threads, which other tests must not inherit
    from benchmarks.probability import run as probability
from balanced_nn._probability.correction import log_softmax
from benchmarks.probability import averaging
from benchmarks.probability.averaging import Problem, further_temperature
from benchmarks.probability.report import Results, read_section, report_averaging

RNG = np.random.default_rng(0)
PRIOR = np.array([0.9, 0.1])


@pytest.fixture
def few_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(averaging, "TEST_ROWS", 500)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.5])
def test_the_further_temperature_is_by_what_the_scores_are_too_large(factor: float) -> None:
    scores = log_softmax(np.column_stack([np.zeros(5000), RNG.normal(size=5000)]))
    truth = np.exp(log_softmax(scores + np.log(PRIOR)))[:, 1]
    found = further_temperature(log_softmax(factor * scores + np.log(PRIOR)), PRIOR, truth)
    assert found.temperature == pytest.approx(factor, rel=1e-3)
    entropy = -np.mean(truth * np.log(truth) + (1 - truth) * np.log1p(-truth))
    assert found.lowest == pytest.approx(entropy, rel=1e-6)
    assert (found.log_loss > found.lowest + 1e-4) == (factor != 1.0)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.usefixtures("few_test_rows")
def test_a_problem_is_the_same_for_one_seed_and_its_truth_is_that_of_its_labels(number: int) -> None:
    rows, again, other = Problem(number).draw(0), Problem(number).draw(0), Problem(number).draw(1)
    np.testing.assert_array_equal(rows.X, again.X)
    assert rows.X.shape != other.X.shape or not np.array_equal(rows.X, other.X)
    assert len(rows.truth) == len(rows.X_test) == 500
    assert ((rows.truth >= 0) & (rows.truth <= 1)).all()
    assert rows.truth.mean() == pytest.approx(rows.y.mean(), abs=0.06)
    known = number % averaging.SMOOTH_EVERY == 0
    assert (np.unique(rows.truth).size > 2) == known


def test_the_truth_of_a_smooth_problem_is_how_often_its_label_is_1() -> None:
    _, y, truth = averaging.draw_smooth(20_000, np.random.default_rng(3))
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 1.0)):
        inside = (truth >= low) & (truth < high)
        assert y[inside].mean() == pytest.approx(truth[inside].mean(), abs=2 / np.sqrt(inside.sum()))


@pytest.mark.usefixtures("few_test_rows")
def test_a_run_fits_each_number_of_networks_once_and_the_report_has_a_line_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"hidden_layer_sizes": (8,), "max_iter": 3, "learning_rate_init": 0.01, "on_collapse": "ignore"}
    ours = averaging.BalancedNNClassifier
    monkeypatch.setattr(averaging, "BalancedNNClassifier", lambda **params: ours(**quick, **params))
    monkeypatch.setattr(probability, "N_PROBLEMS", 1)
    monkeypatch.setattr(probability, "N_NETWORKS", (1, 2))
    for _ in range(2):
        assert probability.main(["run", "averaging", "--out", str(tmp_path)]) == 0
    rows = read_section(tmp_path, "averaging")
    assert rows["status"].tolist() == ["ok", "ok"]
    assert Results(tmp_path, "averaging").has(0, 2, 0)
    one, two = rows.iloc[0], rows.iloc[1]
    assert (one["averaging_factor"], one["further_before"]) == (1.0, one["further"])
    assert two["averaging_factor"] < 1.0
    assert two["further"] == pytest.approx(two["further_before"] / two["averaging_factor"], rel=0.05)
    assert (rows["lowest_log_loss"] <= rows[["log_loss", "log_loss_before"]].min(axis=1) + 1e-4).all()
    lines = [line for line in report_averaging(rows).splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[:2] for line in lines] == [["| 1", "1"], ["| 2", "1"]]
