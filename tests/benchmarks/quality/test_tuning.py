"""Is the search sound where rows are rare, and is the tuned one compared on what both have?"""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

from benchmarks.quality import tuning
from benchmarks.quality.peers import METHODS, OURS, TUNED
from benchmarks.quality.report import report_tuning, tuning_lines
from benchmarks.quality.statistics import as_frame
from benchmarks.quality.tuning import TUNING
from tests.helpers.fits import fit

C = {"C": [-1.0, 0.01, 1.0]}  # the first one raises


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


# The search


@pytest.mark.parametrize(
    ("counts", "rows"),
    [
        ([3600, 400], 444),  # a ninth, a third, all
        ([500, 500], 111),
        ([3900, 100], 1333),  # a third, all
        ([1000, 1000, 2000, 95], 1365),
        ([3984, 16], None),
        ([3000, 997, 2, 1], None),
        ([3, 3], None),
    ],
)
def test_the_first_round_has_the_rows_that_the_rarest_class_needs(counts: list[int], rows: int | None) -> None:
    assert tuning.rows_of_first_round(counts) == rows


@pytest.mark.parametrize("rare", [250, 90])
def test_folds_of_the_first_round_hold_two_rows_of_each_class(rare: int) -> None:
    y = labels(4000 - rare, rare)
    first = tuning.rows_of_first_round([4000 - rare, rare])
    assert first is not None
    rng = np.random.default_rng(0)
    folds = [y[rng.permutation(np.arange(i % 3, 4000, 3))[: first // 3]] for i in range(300)]
    assert min(np.bincount(fold, minlength=2).min() for fold in folds) >= 2


@pytest.mark.parametrize(
    ("counts", "kind"),
    [((900, 300), HalvingRandomSearchCV), ((900, 20), RandomizedSearchCV), ((9, 1), RandomizedSearchCV)],
)
def test_few_rare_rows_are_searched_all_at_once(counts: tuple[int, int], kind: type) -> None:
    assert type(tuning.search_for(LogisticRegression(), C, labels(*counts), 0)) is kind


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # of scores that are not finite, and of fewer candidates than asked for
@pytest.mark.parametrize("weights", [[0.7], [0.95]], ids=["halving", "all rows"])
def test_a_candidate_that_raises_does_not_stop_the_search(weights: list[float]) -> None:
    X, y = make_classification(n_samples=600, weights=weights, random_state=0)
    search = tuning.search_for(LogisticRegression(), C, y, 0).fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).any()
    assert search.best_params_["C"] > 0


def test_of_two_classes_the_rarer_one_is_scored_whatever_its_code() -> None:
    X, y = make_classification(n_samples=300, weights=[0.2], random_state=0)
    model = LogisticRegression().fit(X, y)
    expected = average_precision_score(y == 0, model.predict_proba(X)[:, 0])
    assert tuning.scorer_for(np.bincount(y))(model, X, y) == pytest.approx(expected)


def test_of_more_classes_the_log_loss_counts_and_a_fold_may_lack_one() -> None:
    X, y = make_classification(n_samples=300, n_classes=4, n_informative=4, random_state=0)
    model = LogisticRegression().fit(X, y)
    scorer = tuning.scorer_for(np.bincount(y))
    assert scorer(model, X, y) == pytest.approx(-log_loss(y, model.predict_proba(X)))
    assert np.isfinite(scorer(model, X[y < 3], y[y < 3]))  # the test rows lack a class
    assert scorer(LogisticRegression().fit(X[y < 3], y[y < 3]), X, y) < scorer(model, X, y)  # the training rows do


# The comparison


def test_the_tuned_one_is_no_method_of_the_ranking() -> None:
    assert TUNED not in METHODS


def test_tuned_and_default_are_compared_on_the_splits_of_both_whatever_the_table() -> None:
    rows = [
        *(fit("a", OURS, score, seed) for seed, score in enumerate((0.5, 0.9))),
        *(fit("b", OURS, 0.4), fit("c", OURS, 0.3), fit("d", OURS, 0.1), fit("b", OURS, 0.0, table="large")),
        fit("a", TUNED, 0.6, table=TUNING, fit_seconds=100.0),
        fit("b", TUNED, 0.4, fit_seconds=200.0),
        fit("c", TUNED, np.nan, table=TUNING),
    ]
    fits = tuning.beside_default(as_frame(rows))
    line = tuning_lines(fits).loc["average precision"]
    assert (line["default"], line["tuned"]) == pytest.approx((0.45, 0.5))
    assert (line["tuned better on"], line["difference"]) == pytest.approx((0.75, 0.05))
    assert tuning_lines(fits).loc["log-loss", ["tuned better on", "difference"]].tolist() == pytest.approx(
        [0.75, -0.05]
    )
    text = report_tuning(fits)
    assert "Means over 2 sets and 2 splits" in text
    assert "75 times as long as the fit of the default (medians 150 and 2.0 s). Failures of the tuned one: 1." in text
    assert "| average precision | 0.450 | 0.500 | 75% | +0.050 | 1.000 |" in text


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [fit("a", OURS, 0.5)],
        [fit("a", TUNED, 0.5, table=TUNING)],
        [fit("a", OURS, 0.5), fit("b", TUNED, 0.5, table=TUNING)],
        [fit("a", OURS, 0.5), fit("a", TUNED, np.nan, table=TUNING)],
    ],
)
def test_without_a_pair_there_is_no_table(rows: list) -> None:
    assert report_tuning(tuning.beside_default(as_frame(rows))) == ""


def test_the_tuned_one_answers_with_the_default_number_of_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        best_params_ = {"dropout": 0.0, "hidden_layer_sizes": (64,)}

        def fit(self, X: pd.DataFrame, y: np.ndarray) -> "Found":
            return self

    monkeypatch.setattr(tuning, "search_for", lambda *_: Found())
    X, y = make_classification(n_samples=120, weights=[0.8], random_state=0)
    frame = pd.DataFrame(X).add_prefix("x")
    model = tuning.tuned(frame, 0).fit(frame, y)
    assert model.model_.get_params()["n_members"] == "auto"
    assert model.model_.get_params()["dropout"] == 0.0
    assert model.predict_proba(frame).shape == (120, 2)
