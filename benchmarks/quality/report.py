"""How good is ours on real tables beside other classifiers? The tables and pictures of docs/quality.md."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanced_nn._collapse.outcome import Outcome
from benchmarks.common.paths import DOCS, ROOT
from benchmarks.common.records import fill
from benchmarks.probability.report import table
from benchmarks.quality.ablation import ABLATION, DEFAULT, gain_of, gains
from benchmarks.quality.distortions import RATIO, losses
from benchmarks.quality.peers import NETWORK_METHODS, OURS, TUNED
from benchmarks.quality.pictures import draw
from benchmarks.quality.statistics import (
    COMPARED,
    DECISION,
    DIGITS,
    FIGURES,
    LARGE,
    LOWER_IS_BETTER,
    OK,
    Ranks,
    Row,
    as_frame,
    compare,
    friedman,
    half_of,
    means_of_sets,
    median_seconds,
    methods_beside_ours,
    of_ranking,
    pair,
    rank_methods,
    where_both_ran,
)
from benchmarks.quality.tuning import N_CANDIDATES, beside_default

BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
NO_RESULTS = "No results yet."
README_BEGIN, README_END = "<!-- short table: begin -->", "<!-- short table: end -->"
# What a reader of the README uses today.
SHORT = ("MLPClassifier", "MLPClassifier, SMOTE", "Keras MLP", "Keras MLP, class weights", "LightGBM", "CatBoost")
COLLAPSED = {str(outcome) for outcome in (Outcome.CONSTANT, Outcome.ONE_CLASS, Outcome.MISSING)}
ENOUGH_ROWS, FAR_BELOW = 50, 0.05  # rare test rows of a set that is looked at, and average precision it lags by
TIME = "time of a fit, peer / ours"
AS_FAST = 1.1
# What the figures of the table in the README mean.
IN_WORDS = {
    "average precision": "ours ranks rows better (average precision)",
    "balanced accuracy": "ours finds each class better (balanced accuracy)",
    "log-loss": "ours has the better probabilities (log-loss)",
}
PAIR_FORMATS = {"sets": "{}"}
for _text in COMPARED.values():
    PAIR_FORMATS |= {f"{_text}: ours better on": "{:.0%}", f"{_text}: difference": "{:+.3f}", f"{_text}: p": "{}"}
PAIR_FORMATS[TIME] = "{:,.2f}"
BETTER, GAINED = "average precision: ours better on", "average precision: difference"
OF_TUNING = ("average_precision", "balanced_accuracy", "log_loss")


def write_report(rows: Iterable[Row], page: Path = DOCS / "quality.md", pictures: Path = DOCS / "images") -> None:
    """Put the tables between the markers of a page, and the pictures into a folder."""
    fits = as_frame(rows)
    drawn = draw(of_ranking(fits))
    for name, figure in drawn.items():
        pictures.mkdir(parents=True, exist_ok=True)
        figure.savefig(pictures / name, bbox_inches="tight", dpi=300)
    fill(page, BEGIN, END, report(fits, drawn, Path(os.path.relpath(pictures, page.parent)).as_posix()))


def write_short_table(rows: Iterable[Row], page: Path = ROOT / "README.md") -> None:
    """Put some lines and columns of the table of pairs between the markers of a page."""
    fits = of_ranking(as_frame(rows))
    lines = [pair_line(fits, method) for method in SHORT if method in set(fits["method"])]
    fill(page, README_BEGIN, README_END, short_table(pd.DataFrame(lines)) if lines else NO_RESULTS)


def short_table(lines: pd.DataFrame) -> str:
    """The table of pairs for a reader who has no time: shares of tables, and times in words."""
    words = pd.DataFrame({"compared with": lines["method"]})
    for metric, text in IN_WORDS.items():
        share = lines[f"{metric}: ours better on"]
        words[text] = [f"on {part:.0%} of {sets} tables" for part, sets in zip(share, lines["sets"], strict=True)]
    words["its fit is"] = lines[TIME].map(pace)
    return render(words.set_index("compared with"), dict.fromkeys(words.columns[1:], "{}"))


def pace(ratio: float) -> str:
    """In words, how fast a peer is that takes `ratio` times as long as ours."""
    if not np.isfinite(ratio):
        return "-"
    times, word = (ratio, "slower") if ratio > 1 else (1 / ratio, "faster")
    return "as fast" if times < AS_FAST else f"{times:.{0 if times >= 9.5 else 1}f} times {word}"


def report(fits: pd.DataFrame, drawn: Collection[str], folder: str) -> str:
    ranking, large = of_ranking(fits), fits[fits["table"] == LARGE]
    parts = []
    if len(ranking):
        parts += [
            report_confirming(ranking),
            report_summary(ranking),
            picture("quality_time.png", "Mean rank in average precision against the seconds of a fit", drawn, folder),
            report_ranks(ranking),
            picture("quality_ranks.png", "Mean ranks, with bars that join equals", drawn, folder),
            report_pairs(ranking),
            picture("quality_scatter.png", "Average precision by set, ours against three peers", drawn, folder),
            report_worst(ranking),
        ]
    if len(large):
        parts.append(report_large(large))
    parts.append(report_distortions(fits))
    parts += [report_tuning(beside_default(fits)), report_ablation(fits[fits["table"] == ABLATION])]
    return "\n\n".join(part for part in parts if part) or NO_RESULTS


def picture(name: str, text: str, drawn: Collection[str], folder: str) -> str:
    return f"![{text}]({folder}/{name})" if name in drawn else ""


def render(lines: pd.DataFrame, formats: Mapping[str, str]) -> str:
    """Markdown of a frame whose index is the first column; what is not there is a dash."""
    heads = {str(lines.index.name): "---", **dict.fromkeys(formats, "---:")}
    cells = (
        [str(name), *("-" if pd.isna(line[head]) else text.format(line[head]) for head, text in formats.items())]
        for name, line in lines.iterrows()
    )
    return table(heads, cells)


# The half of the sets that is kept for confirming


def report_confirming(fits: pd.DataFrame) -> str:
    fits = fits[fits["set"].isin(half_of(fits["set"], "confirming"))]
    if not len(fits):
        return ""
    methods = methods_beside_ours(fits, ["set"])
    lines = rank_methods(fits, methods).means.rename(columns=COMPARED).add_prefix("mean rank, ")
    beside = {method: interval_beside(fits, method) for method in methods if method != OURS}
    lines = lines.join(pd.DataFrame.from_dict(beside, orient="index")).sort_values("mean rank, average precision")
    n_splits = len(fits[["set", "seed"]].drop_duplicates())
    formats = dict.fromkeys([*lines.columns[:3]], "{:.2f}") | {BETTER: "{:.0%}", GAINED: "{:+.3f}"}
    text = (
        f"The {fits['set'].nunique()} sets of the half that is kept for confirming, {n_splits} splits. Ranks as below; "
        "beside each method, on which share of the sets the average precision of ours is higher, and by how much in "
        "the mean, with its 95 % confidence interval over sets."
    )
    return f"### Sets kept for confirming\n\n{text}\n\n{render(lines.rename_axis('method'), formats)}"


def interval_beside(fits: pd.DataFrame, method: str) -> dict[str, Any]:
    means = pair(fits, method)["average_precision"]
    return {BETTER: compare(means[OURS], means[method]).share, GAINED: gain_of(means[OURS] - means[method])}


# What distorted tables cost


def report_distortions(fits: pd.DataFrame) -> str:
    lines = losses(fits)
    if not len(lines):
        return ""
    formats = {
        "method": "{}",
        "sets": "{}",
        "splits": "{}",
        "average precision": "{:.3f}",
        "change": "{:+.3f}",
        "worst set": "{:+.3f}",
        RATIO: "{:.2f}",
    }
    text = (
        "Sets of the half that is kept for confirming, with their numbers distorted, in training and test rows alike: "
        "each numeric column under a monotone map drawn for it (exponential, cube, signed exponential, another unit, "
        "arctangent); a few cells far too large; columns of noise. The change is that of the average precision against "
        "the same method on the undistorted tables."
    )
    return f"### Distorted tables\n\n{text}\n\n{render(lines.set_index('distortion'), formats)}"


# The summary of each method


def report_summary(fits: pd.DataFrame) -> str:
    n_sets, n_fits = fits["set"].nunique(), int((fits["method"] == OURS).sum())
    scores = ("average precision", "ours on the same", *FIGURES.values())
    formats = {
        **dict.fromkeys(("sets", "fits"), "{}"),
        "mean rank": "{:.2f}",
        **dict.fromkeys(scores, "{:.3f}"),
        **dict.fromkeys(("collapses", "failures"), "{}"),
        "fit s": "{:.2f}",
        "predict s": "{:.3f}",
    }
    text = (
        f"Means over {n_sets} sets of means over splits, {n_fits} splits of ours. A method with fewer sets has its "
        "means over those it has; beside its average precision stands that of ours on the same sets and splits. The "
        "mean rank is that in average precision. The better decision of a peer is, for each set, the one with the "
        "higher balanced accuracy on the test rows: its `predict`, or the class whose probability is highest over its "
        "share in training; of ours it is always `predict`. A collapse is a constant prediction, one answer for "
        "all rows, or a class that is never found. Seconds are the median of processor time on one thread."
    )
    return f"### All methods\n\n{text}\n\n{render(summarise(fits), formats)}"


def summarise(fits: pd.DataFrame) -> pd.DataFrame:
    """A line for each method, by mean rank in average precision; then those without one, by average precision."""
    ranks = rank_methods(fits, methods_beside_ours(fits, ["set"])).means["average_precision"]
    lines = pd.DataFrame([summary_of(fits, method) for method in fits["method"].unique()]).set_index("method")
    lines.insert(0, "mean rank", ranks.reindex(lines.index))
    return lines.sort_values(["mean rank", "average precision"], ascending=[True, False])


def summary_of(fits: pd.DataFrame, method: str) -> dict[str, Any]:
    of_method = fits[fits["method"] == method]
    ran = of_method[of_method["status"] == OK]
    n_sets, n_all = ran["set"].nunique(), fits["set"].nunique()
    means = means_of_sets(ran).mean()
    return {
        "method": method,
        "sets": str(n_all) if n_sets == n_all else f"{n_sets} of {n_all}",
        "fits": len(ran),
        **{text: means[name] for name, text in FIGURES.items()},
        "ours on the same": np.nan if method == OURS else pair(fits, method)["average_precision", OURS].mean(),
        "collapses": int(ran["outcome"].isin(COLLAPSED).sum()),
        "failures": len(of_method) - len(ran),
        "fit s": ran["fit_seconds"].median(),
        "predict s": ran["predict_seconds"].median(),
    }


# Ranks


def report_ranks(fits: pd.DataFrame) -> str:
    with_sets, with_splits = (methods_beside_ours(fits, key) for key in (["set"], ["set", "seed"]))
    text = (
        "Ranks on each set, 1 for the best; a method that failed on a split of a set is last on it, and equal ones "
        "share the mean of their ranks. Peers have their better decision. The means of a set are over the splits that "
        "all methods of the table have. Two methods differ at the 5 % level if their mean ranks are a critical "
        "difference apart (Nemenyi test; [Demsar 2006](https://www.jmlr.org/papers/v7/demsar06a.html))."
    )
    parts = ["### Mean ranks", text, *rank_table(rank_methods(fits, with_sets))]
    left_out = fits[~fits["method"].isin(with_sets)].groupby("method")["set"].nunique()
    if len(left_out):
        named = "; ".join(f"{method} ({count} of {fits['set'].nunique()} sets)" for method, count in left_out.items())
        parts.append(f"Left out, because they have no row on some sets: {named}.")
    fewer = [method for method in with_sets if method not in with_splits]
    if fewer and len(with_splits) > 1:
        parts += [f"Without {', '.join(fewer)}, which have fewer splits:", *rank_table(rank_methods(fits, with_splits))]
    return "\n\n".join(parts)


def rank_table(ranks: Ranks) -> list[str]:
    """The table, and what the tests say of it."""
    lines = ranks.means.sort_values("average_precision").rename(columns=COMPARED).rename_axis("method")
    tests = "; ".join(f"{text} {probability(friedman(ranks.by_figure[name]))}" for name, text in COMPARED.items())
    note = (
        f"{len(lines)} methods on {len(ranks.by_figure['average_precision'])} sets and {ranks.n_splits} splits. "
        f"Critical difference: {number(ranks.critical_difference)}. p of the Friedman test: {tests}."
    )
    return [render(lines, dict.fromkeys(COMPARED.values(), "{:.2f}")), note]


def number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def probability(value: float) -> str:
    return "-" if np.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


# Ours against each peer


def report_pairs(fits: pd.DataFrame) -> str:
    lines = [pair_line(fits, method) for method in summarise(fits).index if method != OURS]
    if not lines:
        return ""
    text = (
        "On the sets and splits on which both ran. A tie counts half; the difference is the mean of ours - peer, so "
        "that a negative one is good for log-loss; p is that of the Wilcoxon signed-rank test, two-sided. Peers have "
        "their better decision. Times are medians."
    )
    return f"### Ours against each method\n\n{text}\n\n{render(pd.DataFrame(lines).set_index('method'), PAIR_FORMATS)}"


def pair_line(fits: pd.DataFrame, method: str) -> dict[str, Any]:
    means = pair(fits, method)
    line: dict[str, Any] = {"method": method, "sets": len(means)}
    for name, text in COMPARED.items():
        found = compare(means[name, OURS], means[name, method], name in LOWER_IS_BETTER)
        line[f"{text}: ours better on"] = found.share
        line[f"{text}: difference"] = found.difference
        line[f"{text}: p"] = probability(found.p_value)
    seconds = median_seconds(fits, method)
    return {**line, TIME: seconds[method] / seconds[OURS]}


def report_worst(fits: pd.DataFrame) -> str:
    lines = worst_sets(fits)
    formats = {"rare test rows": "{:.0f}", "ours": "{:.3f}", "best network": "{}", "its": "{:.3f}", "gap": "{:.3f}"}
    text = (
        f"Sets with at least {ENOUGH_ROWS} test rows of the rarest class (mean over splits) on which the average "
        f"precision of ours is more than {FAR_BELOW} below that of the best other network on the same splits."
    )
    return f"### Worst sets\n\n{text}\n\n{render(lines, formats) if len(lines) else 'None.'}"


def worst_sets(fits: pd.DataFrame) -> pd.DataFrame:
    """Sets on which another network is far better, with the one that is furthest ahead."""
    rare = fits[fits["method"] == OURS].groupby("set")["rarest_test"].mean()
    found = []
    for method in fits.loc[fits["method"].isin(NETWORK_METHODS), "method"].unique():
        scores = pair(fits, method)["average_precision"]
        lines = pd.DataFrame({"ours": scores[OURS], "its": scores[method], "gap": scores[method] - scores[OURS]})
        found.append(lines.round(DIGITS).assign(**{"best network": method, "rare test rows": rare}))
    if not found:
        return pd.DataFrame()
    lines = pd.concat(found).sort_values("gap", ascending=False)
    lines = lines[~lines.index.duplicated()].rename_axis("set")
    return lines[(lines["rare test rows"] >= ENOUGH_ROWS) & (lines["gap"] > FAR_BELOW)]


# The large table


def report_large(fits: pd.DataFrame) -> str:
    means = means_of_sets(fits)
    order = means["average_precision"].groupby("method").mean().sort_values(ascending=False).index
    sizes = fits.groupby("set")[["rows", "rarest"]].first()
    named = "; ".join(f"{name} {size['rows']:,} ({size['rarest']:,})" for name, size in sizes.iterrows())
    parts = [
        "### Large sets",
        f"Training rows, and those of the rarest class: {named}. A dash is a fit that failed or was not made; a mean "
        "over fewer sets says over how many.",
    ]
    for name, text in {**COMPARED, "fit_seconds": "seconds of a fit"}.items():
        wide = means[name].unstack("set").reindex(order)
        formats = {**dict.fromkeys(wide, "{:.1f}" if name == "fit_seconds" else "{:.3f}"), "mean": "{}"}
        wide["mean"] = [mean_with_count(line, formats[line.index[0]]) for _, line in wide.iterrows()]
        heading = f"{text[0].upper()}{text[1:]}" + (", peers with their better decision" if name == DECISION else "")
        parts += [f"{heading}:", render(wide, formats)]
    return "\n\n".join(parts)


def mean_with_count(values: pd.Series, form: str) -> str:
    there = values.dropna()
    if not len(there):
        return "-"
    return form.format(there.mean()) + ("" if len(there) == len(values) else f" ({len(there)} of {len(values)})")


# What a search adds


def report_tuning(fits: pd.DataFrame) -> str:
    both = where_both_ran(fits, TUNED) if len(fits) else fits
    if not len(both):
        return ""
    formats = {"default": "{:.3f}", "tuned": "{:.3f}", "tuned better on": "{:.0%}", "difference": "{:+.3f}", "p": "{}"}
    seconds, n_failures = median_seconds(fits, TUNED), int((fits["status"] != OK)[fits["method"] == TUNED].sum())
    text = (
        f"The default beside the best of {N_CANDIDATES} settings that `search_space` proposed: a random search with "
        "one network a candidate and three folds, by successive halving over the rows where that leaves two rows of "
        "each class in a fold, judged by average precision with two classes and by log-loss with more; then a fit "
        f"with the default number of networks. Means over {both['set'].nunique()} sets and {len(both) // 2} splits on "
        "which both ran; a tie counts half; the difference is the mean of tuned - default, so that a negative one is "
        "good for log-loss; p is that of the Wilcoxon signed-rank test, two-sided. Search and fit take "
        f"{seconds[TUNED] / seconds[OURS]:,.0f} times as long as the fit of the default (medians {seconds[TUNED]:,.0f} "
        f"and {seconds[OURS]:,.1f} s). Failures of the tuned one: {n_failures}."
    )
    return f"### Tuned beside the default\n\n{text}\n\n{render(tuning_lines(fits), formats)}"


def tuning_lines(fits: pd.DataFrame) -> pd.DataFrame:
    """A line for each figure, tuned against the default on the same sets and splits."""
    means, lines = pair(fits, TUNED), []
    for name in OF_TUNING:
        tuned, default = means[name, TUNED], means[name, OURS]
        found = compare(tuned, default, name in LOWER_IS_BETTER)
        line = {"figure": FIGURES[name], "default": default.mean(), "tuned": tuned.mean()}
        line |= {"tuned better on": found.share, "difference": found.difference, "p": probability(found.p_value)}
        lines.append(line)
    return pd.DataFrame(lines).set_index("figure")


# What each component of the default pays


def report_ablation(fits: pd.DataFrame) -> str:
    if DEFAULT not in set(fits["method"]) or fits["method"].nunique() < 2:
        return ""
    formats = {
        "sets": "{}",
        "gain in average precision": "{:+.3f}",
        "default better on": "{:.0%}",
        "gain in balanced accuracy of `predict`": "{:+.3f}",
        "gain in log-loss, %": "{:+.1f}",
        "time of a fit, variant / default": "{:.2f}",
        "failures": "{}",
    }
    text = (
        "The default beside variants that differ in one setting, on the sets and splits on which both ran. A gain is "
        "that of the default: the mean of default - variant; of log-loss, by how many percent that of the variant is "
        "higher (geometric mean over sets). Where it is positive, the component of the default pays. In brackets is "
        'the 95 % confidence interval of the paired t test, over sets, of means over splits. "Better" is by average '
        "precision, and a tie counts half. Times are medians; failures are fits of the variant."
    )
    return f"### What each component pays\n\n{text}\n\n{render(gains(fits), formats)}"
