"""Are fits compared on what they share, and are the tests on ranks those of the books?"""

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import statistics
from benchmarks.quality.peers import OURS, TUNED
from tests.helpers.fits import fit, frame, three_by_three

# Fits


def test_sets_without_rows_of_ours_do_not_count() -> None:
    rows = [*three_by_three(), fit("d", "CatBoost", 0.9)]
    assert set(frame(*rows)["set"]) == {"a", "b", "c"}


def test_the_tuned_one_does_not_rank_among_defaults() -> None:
    rows = [*three_by_three(), *(fit(name, TUNED, 0.9) for name in "abc")]
    assert TUNED not in set(frame(*rows)["method"])


def test_of_two_rows_of_a_fit_the_last_counts() -> None:
    rows = [fit("a", OURS, np.nan), fit("a", OURS, 0.7)]
    assert statistics.as_frame(rows)["average_precision"].tolist() == [0.7]


# Ranks and their tests


def test_ranks_share_the_mean_where_methods_tie_and_a_failure_is_last() -> None:
    ranks = statistics.rank_methods(frame(*three_by_three()), [OURS, "CatBoost", "Keras MLP"])
    for name in statistics.COMPARED:
        found = ranks.by_figure[name]
        assert found.loc["a"].tolist() == [1, 2, 3]
        assert found.loc["b"].tolist() == [1.5, 1.5, 3]
        assert found.loc["c"].tolist() == [3, 2, 1]
    assert ranks.means["average_precision"].tolist() == pytest.approx([5.5 / 3, 5.5 / 3, 7 / 3])


def test_two_failures_on_a_set_share_the_last_ranks() -> None:
    rows = [fit("a", OURS, 0.5), fit("a", "CatBoost", np.nan), fit("a", "XGBoost", np.nan)]
    ranks = statistics.rank_methods(frame(*rows), [OURS, "CatBoost", "XGBoost"])
    assert ranks.by_figure["average_precision"].loc["a"].tolist() == [1, 2.5, 2.5]


def test_a_failure_on_one_split_makes_a_method_last_on_the_set() -> None:
    rows = [fit("a", method, score, seed) for method, score in ((OURS, 0.5), ("CatBoost", 0.9)) for seed in (0, 1)]
    rows[-1] = fit("a", "CatBoost", np.nan, seed=1)
    ranks = statistics.rank_methods(frame(*rows), [OURS, "CatBoost"])
    assert ranks.by_figure["average_precision"].loc["a"].tolist() == [1, 2]


def test_ranks_are_over_the_splits_that_all_methods_have() -> None:
    rows = [fit("a", OURS, 0.6, 0), fit("a", OURS, 0.9, 1), fit("a", "TabM-D", 0.7, 0)]
    ranks = statistics.rank_methods(frame(*rows), [OURS, "TabM-D"])
    assert ranks.by_figure["average_precision"].loc["a"].tolist() == [2, 1]
    assert ranks.n_splits == 1


def test_critical_difference_is_that_of_demsar() -> None:
    assert statistics.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert statistics.critical_difference(4, 14) == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=0.001)


@pytest.mark.parametrize(("n_methods", "n_sets"), [(1, 14), (4, 0)])
def test_there_is_no_critical_difference_without_methods_or_sets(n_methods: int, n_sets: int) -> None:
    assert np.isnan(statistics.critical_difference(n_methods, n_sets))


def test_friedman_sees_a_constant_order_and_no_difference_in_turns() -> None:
    assert statistics.friedman(pd.DataFrame([[1, 2, 3]] * 8)) < 0.001
    assert statistics.friedman(pd.DataFrame([[1, 2, 3], [2, 3, 1], [3, 1, 2]])) == pytest.approx(1.0)


@pytest.mark.parametrize("ranks", [[[1, 2]] * 5, [[1, 2, 3]], [[2, 2, 2]] * 5])
def test_friedman_is_not_asked_where_there_is_nothing_to_test(ranks: list[list[float]]) -> None:
    assert np.isnan(statistics.friedman(pd.DataFrame(ranks)))


@pytest.mark.parametrize(
    ("ranks", "runs"),
    [
        ([1, 1.5, 3, 3.5, 6], [(0, 1), (2, 3)]),
        ([1, 2, 3, 4], [(0, 1), (1, 2), (2, 3)]),
        ([1, 4], []),
        ([2, 2], [(0, 1)]),
    ],
)
def test_bars_join_the_longest_runs_of_equals(ranks: list[float], runs: list[tuple[int, int]]) -> None:
    assert statistics.joined(ranks, 1.4) == runs


# The better decision


def test_a_peer_has_the_decision_with_the_higher_mean_on_each_set_and_ours_has_its_own() -> None:
    rows = [
        fit("a", "CatBoost", 0.5, 0, balanced_accuracy=0.9, balanced_accuracy_prior=0.6),
        fit("a", "CatBoost", 0.5, 1, balanced_accuracy=0.5, balanced_accuracy_prior=0.7),  # means 0.7 and 0.65
        fit("b", "CatBoost", 0.5, 0, balanced_accuracy=0.5, balanced_accuracy_prior=0.8),
        fit("b", OURS, 0.5, 0, balanced_accuracy=0.6, balanced_accuracy_prior=0.9),
    ]
    decision = statistics.means_of_sets(statistics.as_frame(rows))[statistics.DECISION]
    assert decision["a", "CatBoost"] == pytest.approx(0.7)
    assert decision["b", "CatBoost"] == pytest.approx(0.8)
    assert decision["b", OURS] == pytest.approx(0.6)


# Halves of the sets


def test_each_set_is_in_one_half_whatever_the_order_and_the_repetition_of_names() -> None:
    names = ["d", "b", "a", "e", "c", "a"]
    assert statistics.half_of(names, "choosing") == ["a", "c", "e"]
    assert statistics.half_of(names, "confirming") == ["b", "d"]


# Pairs


def test_a_tie_counts_half() -> None:
    found = statistics.compare(pd.Series([0.9, 0.5, 0.4, 0.1]), pd.Series([0.8, 0.5, 0.6, 0.4]))
    assert found.share == pytest.approx((1 + 0.5) / 4)
    assert found.difference == pytest.approx(-0.4 / 4)
    assert found.p_value == pytest.approx(0.5)  # a rank sum of 1 or less comes in 2 of 8 cases; two-sided


def test_a_lower_loss_is_better() -> None:
    found = statistics.compare(pd.Series([0.1, 0.2]), pd.Series([0.3, 0.1]), lower_is_better=True)
    assert found.share == 0.5
    assert found.difference == pytest.approx(-0.05)
