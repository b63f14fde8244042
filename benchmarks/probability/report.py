"""What do the results of the benchmark of probabilities say? The files that hold them, and the tables of them."""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.paths import DOCS, README
from benchmarks.common.records import fill

BEGIN, END = "<!-- probability: begin -->", "<!-- probability: end -->"
HEADING = "Probabilities and decisions"
DEFAULT = "BalancedNNClassifier"
TUNED = "TunedThresholdClassifierCV"
DECISIONS = ("argmax", "balanced", "ours", TUNED)
OK, SKIPPED = "ok", "skipped"


@dataclass(frozen=True)
class Section:
    """What a part of the benchmark writes: a row for each value of the key."""

    key: tuple[str, ...]
    figures: tuple[str, ...]


SECTIONS = {
    "sets": Section(
        ("set", "seed", "method"),
        (
            *("rows", "features", "classes", "rarest", "log_loss", "ece", "brier", "average_precision"),
            *("mean_rare_proba", "rare_rate", "balanced_accuracy", "fit_seconds", "status"),
        ),
    ),
    "decisions": Section(("set", "seed", "metric", "method"), ("classes", "score", "seconds", "status")),
    "synthetic": Section(
        ("classes", "prevalence", "class_weight", "sampler", "loss", "seed"),
        (
            *("training_rows", "rarest_rows", "mean_proba", "true_rate", "train_rate", "se", "mae", "temperature"),
            *("seconds", "status"),
        ),
    ),
    "averaging": Section(
        ("problem", "networks", "seed"),
        (
            *("rows", "features", "rarest", "single_temperature", "averaging_factor", "further_before", "further"),
            *("log_loss_before", "log_loss", "lowest_log_loss", "seconds", "status"),
        ),
    ),
}


class Results:
    """The file of a section, and which rows are in it."""

    def __init__(self, folder: Path, section: str) -> None:
        self.path = folder / f"probability_{section}.csv"
        self.section = SECTIONS[section]
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._write([])
        self.done = {self._key(row) for row in self._read() if row["status"] in (OK, SKIPPED)}

    def has(self, *key: Any) -> bool:
        return tuple(map(str, key)) in self.done

    def append(self, row: dict[str, Any]) -> None:
        with self.path.open("a", newline="") as file:
            self._writer(file).writerow(row)
        self.done.add(self._key(row))

    def drop(self, unwanted: Callable[[dict[str, str]], bool]) -> None:
        kept = [row for row in self._read() if not unwanted(row)]
        self._write(kept)
        self.done = {self._key(row) for row in kept}

    def _key(self, row: dict[str, Any]) -> tuple[str, ...]:
        return tuple(str(row[name]) for name in self.section.key)

    def _read(self) -> list[dict[str, str]]:
        with self.path.open(newline="") as lines:
            return list(csv.DictReader(lines))

    def _write(self, rows: Iterable[dict[str, str]]) -> None:
        with self.path.open("w", newline="") as file:
            writer = self._writer(file)
            writer.writeheader()
            writer.writerows(rows)

    def _writer(self, file: Any) -> csv.DictWriter:
        return csv.DictWriter(file, [*self.section.key, *self.section.figures], lineterminator="\n", restval="")


# Tables

ON_PAGE = ("sets", "decisions", "averaging")  # sections that docs/probabilities.md shows
MAX_RATIO = 1.3  # of the mean absolute error to that of the unbalanced network
ENOUGH_ROWS = 200  # of the rarest class, in the mean
SETTING = ["class_weight", "sampler", "loss"]
YARDSTICK = ("none", "none", "log_loss")  # the unbalanced network


def write_reports(folder: Path) -> None:
    """Put the tables between the markers of benchmarks/README.md, and of docs/probabilities.md if it has them."""
    found = {name: read_section(folder, name) for name in SECTIONS}
    parts = {name: TABLES[name](rows) for name, rows in found.items() if len(rows)}
    if BEGIN not in README.read_text():
        README.write_text(f"{README.read_text().rstrip()}\n\n## {HEADING}\n\n{BEGIN}\n{END}\n")
    fill(README, BEGIN, END, "\n\n".join(parts.values()))
    page = DOCS / "probabilities.md"
    if page.exists() and BEGIN in page.read_text():
        fill(page, BEGIN, END, "\n\n".join(parts[name] for name in ON_PAGE if name in parts))


def read_section(folder: Path, section: str) -> pd.DataFrame:
    """The last row of each key: a fit that failed is tried again."""
    path = folder / f"probability_{section}.csv"
    names = SECTIONS[section]
    if not path.exists():
        return pd.DataFrame(columns=[*names.key, *names.figures])
    return pd.read_csv(path, keep_default_na=False, na_values=[""]).drop_duplicates(list(names.key), keep="last")


def table(columns: dict[str, str], lines: Iterable[Iterable[str]]) -> str:
    """Markdown; `columns` gives each heading its alignment."""
    rows = [columns, columns.values(), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def report_sets(rows: pd.DataFrame) -> str:
    ran = rows[rows["status"] == OK]
    figures = ["log_loss", "ece", "brier", "average_precision", "balanced_accuracy"]
    wide = {name: ran.pivot_table(index="set", columns="method", values=name) for name in [*figures, "fit_seconds"]}
    methods = list(dict.fromkeys(rows["method"]))
    n_sets = rows["set"].nunique()
    broad = [name for name in methods if rows.loc[rows["method"] == name, "set"].nunique() > n_sets / 2]
    common = wide["log_loss"].reindex(columns=broad).dropna().index
    lines = []
    for method in methods:
        of_method = rows[rows["method"] == method]
        n_ran = int((of_method["status"] == OK).sum())
        means = [f"{wide[name].loc[common, method].mean():.3f}" if method in broad else "" for name in figures]
        seconds = f"{wide['fit_seconds'][method].median():.1f}" if n_ran else ""
        better = [share_better(wide[name], method) for name in ("log_loss", "ece")]
        lines.append([method, *means, seconds, *better, f"{n_ran} of {len(of_method)}"])
    means = dict.fromkeys(("log-loss", "ECE", "Brier", "average precision", "balanced accuracy", "CPU s"), "---:")
    shares = {"ours has lower log-loss": "---:", "ours has lower ECE": "---:", "fits": "---:"}
    left_out = sorted(set(rows["set"]) - set(common))
    return "\n".join(
        [
            "### Real tables",
            "",
            f"Means over the {len(common)} sets on which every method with means ran"
            + (f" (without {', '.join(left_out)})" if left_out else "")
            + ", and the median of the seconds of processor time that a fit takes on one thread; shares are of "
            "the sets on which both ran.",
            "",
            table({"method": "---", **means, **shares}, lines),
        ]
    )


def share_better(wide: pd.DataFrame, method: str) -> str:
    """Share of sets on which our defaults have a lower figure than a method."""
    if DEFAULT not in wide or method not in wide or method == DEFAULT:
        return ""
    both = wide[[DEFAULT, method]].dropna()
    return f"{(both[DEFAULT] < both[method]).mean():.0%}"


def report_decisions(rows: pd.DataFrame) -> str:
    ran = rows[rows["status"] == OK]
    lines, ratios = [], []
    for (many, metric), part in ran.groupby([ran["classes"] > 2, "metric"]):
        scores = part.pivot_table(index=["set", "seed"], columns="method", values="score").reindex(columns=DECISIONS)
        if metric == "costs":
            scores = -scores
        present = scores.dropna(axis="columns", how="all").dropna().groupby("set").mean()
        means = [f"{abs(present[name].mean()):.4f}" if name in present else "" for name in DECISIONS]
        shares = [
            f"{(present['ours'] >= present[name]).mean():.0%}" if {"ours", name} <= set(present) else ""
            for name in DECISIONS
            if name != "ours"
        ]
        lines.append([metric, "3 or more" if many else "2", str(len(present)), *means, *shares])
        seconds = part.pivot_table(index=["set", "seed"], columns="method", values="seconds")
        if {"ours", TUNED} <= set(seconds):
            ratios.append((seconds[TUNED] / seconds["ours"]).dropna())
    heads = ("sets", *DECISIONS, *(f"ours as good as {name}, or better" for name in DECISIONS if name != "ours"))
    text = (
        f"Means over sets of means over splits, of which there are {ran['seed'].nunique()}, and shares of sets; of "
        "costs, the mean of a row is given, and less is better."
    )
    if ratios:
        text += f" Fitting and deciding takes {TUNED} {pd.concat(ratios).median():.1f} times as long as ours (median)."
    body = table({"metric": "---", "classes": "---", **dict.fromkeys(heads, "---:")}, lines)
    return f"### Decisions\n\n{text}\n\n{body}"


def report_synthetic(rows: pd.DataFrame) -> str:
    ran = rows[rows["status"] == OK]
    return "\n\n".join(["### Known probabilities", counts_of(rows), base_rates(ran), errors(ran)])


def counts_of(rows: pd.DataFrame) -> str:
    n_sets = len(rows[["classes", "prevalence"]].drop_duplicates())
    failed = int((rows["status"] != OK).sum())
    return f"{len(rows)} fits to {n_sets} data sets, {failed} of which failed."


def base_rates(ran: pd.DataFrame) -> str:
    """Whether the mean probability of a class is its frequency; a cell is a class of a fit."""
    names = ["mean_proba", "true_rate", "se"]
    cells = ran[["sampler", *names]].assign(**{name: ran[name].map(json.loads) for name in names})
    cells = cells.explode(names).astype(dict.fromkeys(names, float))
    off = (cells["mean_proba"] - cells["true_rate"]).abs()
    cells["met"] = off <= 2.0 * cells["se"] + 0.1 * cells["true_rate"]
    cells["off"] = off / cells["true_rate"]
    groups = [(sampler, cells[cells["sampler"] == sampler]) for sampler in dict.fromkeys(cells["sampler"])]
    lines = [
        [name, str(len(part)), f"{part['met'].mean():.1%}", f"{part['off'].median():.1%}", f"{part['off'].max():.0%}"]
        for name, part in [*groups, ("all", cells)]
    ]
    text = (
        "Mean probability of a class over the test rows beside the mean of the true one. A cell is a class of a fit; "
        "it is met within two standard errors and a tenth of the frequency."
    )
    heads = ("cells", "met", "median deviation", "largest deviation")
    return f"{text}\n\n{table({'sampler': '---', **dict.fromkeys(heads, '---:')}, lines)}"


def errors(ran: pd.DataFrame) -> str:
    """Mean absolute error of probabilities beside the unbalanced network on the same rows."""
    ratios = error_ratios(ran)
    lines = [
        [*setting, f"{part.median():.2f}", f"{part.max():.2f}", f"{(part <= MAX_RATIO).sum()} of {len(part)}"]
        for setting, part in ratios.groupby(SETTING, sort=False)
    ]
    sampler = ratios.index.get_level_values("sampler")
    groups = {"no sampler, or over": sampler.isin(["none", "over"]), "under": sampler == "under"}
    groups["smote"] = sampler == "smote"
    counts = [
        f"{name}: {(ratios[of_group] <= MAX_RATIO).sum()} of {of_group.sum()}" for name, of_group in groups.items()
    ]
    text = (
        "Mean absolute error of the probabilities, divided by that of the unbalanced network (class_weight=None, "
        "sampler=None, log-loss) on the same rows with the same seed; a cell is a setting on a data set, the mean over "
        f"seeds. At most {MAX_RATIO} are, by sampler, {'; '.join(counts)}."
    )
    heads = ("median ratio", "largest ratio", f"at most {MAX_RATIO}")
    return f"{text}\n\n{table({**dict.fromkeys(SETTING, '---'), **dict.fromkeys(heads, '---:')}, lines)}"


def error_ratios(ran: pd.DataFrame) -> pd.Series:
    """Mean over seeds of the ratio, by setting and data set, where the rarest class has enough rows in the mean."""
    data, fit = ["classes", "prevalence"], ["classes", "prevalence", "seed"]
    is_yardstick = (ran[SETTING] == YARDSTICK).all(axis=1)
    yardstick = ran[is_yardstick].set_index(fit)["mae"].rename("yardstick")
    share = np.minimum(ran["prevalence"], 1.0 / ran["classes"])
    enough = ran[share * ran["training_rows"] >= ENOUGH_ROWS - 1e-9].join(yardstick, on=fit, how="inner")
    ratio = enough["mae"] / enough["yardstick"]
    return ratio.groupby([enough[name] for name in [*SETTING, *data]], sort=False).mean()


def report_averaging(rows: pd.DataFrame) -> str:
    ran = rows[rows["status"] == OK]
    lines = []
    for networks, part in ran.groupby("networks"):
        factors = ("single_temperature", "averaging_factor", "further_before", "further")
        geometric = [f"{np.exp(np.log(part[name]).mean()):.3f}" for name in factors]
        losses = [f"{part[name].mean():.4f}" for name in ("log_loss_before", "log_loss", "lowest_log_loss")]
        lines.append([str(networks), str(len(part)), *geometric, *losses])
    text = (
        "Made-up problems of two classes with 20,000 test rows each. The same networks answer at the temperature that "
        "was fitted to single ones, and at that times the averaging factor, as a fit does. The further temperature is "
        "the one that would give the lowest log-loss on the test rows: below 1 the mean is underconfident, above 1 "
        "overconfident. Temperatures are geometric means over problems. Where too few rows were held out for a "
        "calibration, temperature and factor are 1."
    )
    heads = (
        *("problems", "temperature of single networks", "averaging factor"),
        *("further temperature without the factor", "further temperature with it"),
        *("log-loss without the factor", "log-loss with it", "log-loss at the further temperature"),
    )
    return f"### Averaging\n\n{text}\n\n{table({'networks': '---:', **dict.fromkeys(heads, '---:')}, lines)}"


TABLES: dict[str, Callable[[pd.DataFrame], str]] = {
    "sets": report_sets,
    "decisions": report_decisions,
    "synthetic": report_synthetic,
    "averaging": report_averaging,
}
