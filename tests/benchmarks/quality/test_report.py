"""Do the tables and pictures of docs/quality.md say what the fits say?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import report
from benchmarks.quality.ablation import ABLATION, DEFAULT
from benchmarks.quality.distortions import DISTORTED
from benchmarks.quality.peers import METHODS, OURS, SLOW, TUNED
from benchmarks.quality.statistics import Row
from benchmarks.quality.tuning import TUNING
from tests.helpers.fits import fit, frame, three_by_three

NOISE = "50 columns of noise"
PICTURES = ("quality_ranks.png", "quality_scatter.png", "quality_time.png")


def many(methods: Sequence[str], n_sets: int, table: str, seeds: int) -> list[Row]:
    """Sets and methods with scores at random; some methods are slow and have one split."""
    rng = np.random.default_rng(0)
    return [
        fit(f"set_{i}", method, float(rng.uniform(0.2, 0.9)), seed, table, fit_seconds=float(rng.uniform(0.1, 50)))
        for i in range(n_sets)
        for method in methods
        for seed in range(1 if method in SLOW else seeds)
    ]


def write(rows: Sequence[Row], folder: Path) -> str:
    """Text between the markers of a page that had other text on both sides."""
    page = folder / "quality.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_report(rows, page, folder / "images")
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    return text.partition(report.BEGIN)[2].partition(report.END)[0].strip()


# The tables of ranks


def test_methods_that_miss_a_set_are_not_ranked_but_named() -> None:
    rows = [*three_by_three(), fit("a", "XGBoost", 0.9)]
    assert "XGBoost" not in report.methods_beside_ours(frame(*rows), ["set"])
    assert "no row on some sets: XGBoost (1 of 3 sets)." in report.report_ranks(frame(*rows))


def test_a_second_table_of_ranks_leaves_out_methods_with_fewer_splits() -> None:
    rows = [*three_by_three(), *(fit(name, OURS, 0.5, seed=1) for name in "abc")]
    rows += [fit(name, "CatBoost", 0.6, seed=1) for name in "abc"]
    text = report.report_ranks(frame(*rows))
    assert "Without Keras MLP, which have fewer splits:" in text
    assert "3 methods on 3 sets and 3 splits." in text
    assert "2 methods on 3 sets and 6 splits." in text


def test_there_is_no_table_of_ranks_of_ours_alone() -> None:
    rows = [*three_by_three(), *(fit(name, OURS, 0.5, seed=1) for name in "abc")]
    text = report.report_ranks(frame(*rows))
    assert "which have fewer splits" not in text
    assert text.count("Critical difference:") == 1


# The summary


def test_the_summary_counts_and_compares_on_the_same_splits() -> None:
    rows = [
        fit("a", OURS, 0.6, 0),
        fit("a", OURS, 0.8, 1, outcome="one_class"),
        fit("b", OURS, 0.2, 0, outcome="threshold"),
        fit("a", "TabM-D", 0.5, 0, outcome="constant"),
        fit("b", "TabM-D", np.nan, 0),
    ]
    lines = report.summarise(frame(*rows))
    ours, peer = lines.loc[OURS], lines.loc["TabM-D"]
    assert (ours["sets"], ours["fits"], ours["collapses"], ours["failures"]) == ("2", 3, 1, 0)
    assert (peer["sets"], peer["fits"], peer["collapses"], peer["failures"]) == ("1 of 2", 1, 1, 1)
    assert ours["average precision"] == pytest.approx((0.7 + 0.2) / 2)
    assert peer["ours on the same"] == pytest.approx(0.6)


def test_the_summary_is_in_the_order_of_mean_ranks_with_those_without_one_at_the_end() -> None:
    rows = [*three_by_three(), fit("a", "LightGBM", 0.3), fit("a", "XGBoost", 0.99)]
    assert report.summarise(frame(*rows)).index.tolist()[2:] == ["Keras MLP", "XGBoost", "LightGBM"]


# Ours against each peer


def test_without_differences_there_is_no_p_value() -> None:
    same = pd.Series([0.1, 0.2])
    found = report.compare(same, same)
    assert (found.share, found.difference) == (0.5, 0.0)
    assert report.probability(found.p_value) == "-"


def test_pairs_are_of_the_splits_on_which_both_ran() -> None:
    rows = [fit("a", OURS, 0.6, 0, fit_seconds=4.0), fit("a", OURS, 0.9, 1), fit("b", OURS, 0.9)]
    rows += [fit("a", "TabM-D", 0.7, 0, fit_seconds=10.0), fit("b", "TabM-D", np.nan)]
    line = report.pair_line(frame(*rows), "TabM-D")
    assert line["sets"] == 1
    assert line["average precision: difference"] == pytest.approx(-0.1)
    assert line["time of a fit, peer / ours"] == pytest.approx(2.5)


# The worst sets


def test_a_worst_set_is_far_below_another_network_and_has_enough_rare_rows() -> None:
    rows = [
        *(fit("far", method, score) for method, score in ((OURS, 0.5), ("Keras MLP", 0.6), ("MLPClassifier", 0.65))),
        *(fit("near", method, score) for method, score in ((OURS, 0.5), ("Keras MLP", 0.55))),
        *(fit("trees", method, score) for method, score in ((OURS, 0.5), ("Keras MLP", 0.4), ("CatBoost", 0.9))),
        *(fit("few", method, score, rarest_test=49) for method, score in ((OURS, 0.1), ("Keras MLP", 0.9))),
    ]
    lines = report.worst_sets(frame(*rows))
    assert lines.index.tolist() == ["far"]
    assert lines.loc["far", "best network"] == "MLPClassifier"
    assert lines.loc["far", "gap"] == pytest.approx(0.15)


def test_the_gap_of_a_network_with_one_split_is_that_on_its_split() -> None:
    rows = [fit("a", OURS, 0.7, 0), fit("a", OURS, 0.3, 1), fit("a", "TabM-D", 0.71, 0)]
    assert report.report_worst(frame(*rows)).endswith("None.")


def test_without_other_networks_there_is_no_worst_set() -> None:
    assert report.report_worst(frame(fit("a", OURS, 0.1), fit("a", "CatBoost", 0.9))).endswith("None.")


# The large table


def test_the_large_table_says_over_how_many_sets_a_mean_is() -> None:
    rows = [fit("a", OURS, 0.5), fit("b", OURS, 0.7), fit("a", "CatBoost", 0.4), fit("b", "CatBoost", np.nan)]
    text = report.report_large(report.as_frame(rows))
    assert f"| {OURS} | 0.500 | 0.700 | 0.600 |" in text
    assert "| CatBoost | 0.400 | - | 0.400 (1 of 2) |" in text


# The confirming half, and distorted tables


def test_the_confirming_half_is_compared_alone() -> None:
    text = report.report_confirming(frame(*three_by_three()))  # the half is b
    assert "The 1 sets of the half that is kept for confirming, 1 splits." in text
    lines = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert lines["| CatBoost"] == "| CatBoost | 1.50 | 1.50 | 1.50 | 50% | +0.000 |"
    assert lines[f"| {OURS}"].endswith("| 1.50 | 1.50 | 1.50 | - | - |")


def test_one_set_confirms_nothing() -> None:
    assert report.report_confirming(frame(fit("a", OURS, 0.5))) == ""


def test_the_table_of_distortions_has_a_line_for_each_kind_and_method() -> None:
    rows = [fit(name, OURS, 0.8, table=table) for name in "ab" for table in ("ranking", f"{DISTORTED}{NOISE}")]
    rows[-1] = fit("b", OURS, 0.6, table=f"{DISTORTED}{NOISE}")
    text = report.report_distortions(report.as_frame(rows))
    assert text.startswith("### Distorted tables")
    assert f"| {NOISE} | {OURS} | 2 | 1 | 0.700 | -0.100 | -0.200 | 1.50 |" in text


def test_without_distorted_tables_there_is_no_table_of_them() -> None:
    assert report.report_distortions(report.as_frame([fit("a", OURS, 0.5)])) == ""


# Page and pictures


def test_the_report_fills_the_page_and_draws_the_pictures(tmp_path: Path) -> None:
    methods = list(METHODS)
    rows = [*many(methods, 6, "ranking", seeds=2), *many(methods[:4], 2, "large", seeds=1)]
    rows += [*many([TUNED], 6, TUNING, seeds=1), *many([DEFAULT, "no bins"], 6, ABLATION, seeds=2)]
    rows += many(methods[:2], 6, f"{DISTORTED}{NOISE}", seeds=2)
    text = write(rows, tmp_path)
    headings = ("All methods", "Mean ranks", "Ours against each method", "Worst sets", "Large sets")
    for heading in (
        *headings,
        "Sets kept for confirming",
        "Distorted tables",
        "Tuned beside the default",
        "What each component pays",
    ):
        assert f"### {heading}" in text
    for name in PICTURES:
        assert f"](images/{name})" in text
        assert (tmp_path / "images" / name).read_bytes().startswith(b"\x89PNG")
    assert "nan" not in text


@pytest.mark.parametrize(
    ("rows", "expected", "missing"),
    [
        ([], "No results yet.", "###"),
        ([fit("a", "CatBoost", 0.5)], "No results yet.", "###"),
        ([fit("a", OURS, 0.5, table="large")], "### Large sets", "### All methods"),
        ([fit("a", OURS, 0.5)], "### All methods", "### Large sets"),
        ([fit("a", OURS, 0.5), fit("a", TUNED, 0.9)], "### Tuned beside", f"| {TUNED} |"),
        ([fit("a", method, 0.5, table=ABLATION) for method in (DEFAULT, "x")], "### What each component", "### All"),
        ([fit("a", OURS, np.nan)], "### All methods", "images/"),
        ([fit("a", OURS, np.nan, table="large")], "### Large sets", "nan"),
    ],
)
def test_what_is_not_there_is_left_out(rows: list[Row], expected: str, missing: str, tmp_path: Path) -> None:
    text = write(rows, tmp_path)
    assert expected in text
    assert missing not in text


def test_the_short_table_has_some_lines_of_the_table_of_pairs(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{report.README_BEGIN}\nold\n{report.README_END}\nafter\n")
    report.write_short_table(many([OURS, "LightGBM", "XGBoost"], 4, "ranking", 1), page)
    lines = page.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")] == [
        "| compared with", "| ---", "| LightGBM",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.0, "as fast"), (1.05, "as fast"), (0.95, "as fast"), (0.78, "1.3 times faster"), (0.02, "50 times faster"),
        (6.82, "6.8 times slower"), (20.6, "21 times slower"), (np.nan, "-"),
    ],
)  # fmt: skip
def test_the_pace_of_a_peer_in_words(ratio: float, words: str) -> None:
    assert report.pace(ratio) == words


def test_without_a_peer_of_the_short_table_it_says_so(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"{report.README_BEGIN}{report.README_END}")
    report.write_short_table([fit("a", OURS, 0.5)], page)
    assert report.NO_RESULTS in page.read_text()


@pytest.mark.parametrize("failing", [OURS, "CatBoost", "RealMLP-TD"])
def test_a_method_with_only_failures_is_last_and_breaks_nothing(failing: str, tmp_path: Path) -> None:
    methods = [OURS, "CatBoost", "RealMLP-TD", "Keras MLP"]
    rows = [
        fit(f"set_{i}", method, np.nan if method == failing else 0.1 * i, table=table)
        for table in ("ranking", "large")
        for i in range(1, 4)
        for method in methods
    ]
    text = write(rows, tmp_path)
    assert "nan" not in text
    assert f"| {failing} | 0 of 3 | 0 | 4.00 |" in text
