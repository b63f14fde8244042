"""What is known of a fit, which fits are comparable, and what do ranks and pairs of them say?

Means over splits are taken first, so that each set counts once.
The tests on ranks follow J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, studentized_range, wilcoxon

from benchmarks.quality.peers import OURS, TUNED

RANKING, LARGE = "ranking", "large"  # tables
OK = "ok"
DECISION = "decision"  # balanced accuracy; of a peer, of the better one of its two decisions
FIGURES = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "ece": "ECE",
    "balanced_accuracy": "balanced accuracy of `predict`",
    DECISION: "balanced accuracy, better decision",
    "g_mean": "G-mean",
    "mcc": "MCC",
}
COMPARED = {"average_precision": "average precision", DECISION: "balanced accuracy", "log_loss": "log-loss"}
LOWER_IS_BETTER = {"log_loss"}
LEVEL = 0.05  # of the tests
DIGITS = 9  # results have 6; their means are compared without the noise of summing


HALVES = {"choosing": 0, "confirming": 1}  # where every other set begins, in the order of their names


def half_of(sets: Iterable[str], half: str) -> list[str]:
    """Sets on which settings are chosen, or those on which they are confirmed: the same for good.

    Examples
    --------
    >>> half_of(["yeast", "abalone", "glass"], "choosing")
    ['abalone', 'yeast']
    """
    return sorted(set(sets))[HALVES[half] :: 2]


# Fits and their means over splits


@dataclass(frozen=True)
class Row:
    """One fit; the columns of the results."""

    table: str
    set: str
    seed: int
    method: str
    rows: int
    features: int
    classes: int
    rarest: int  # training rows of the rarest class
    rarest_test: int
    average_precision: float = np.nan
    roc_auc: float = np.nan
    log_loss: float = np.nan
    brier: float = np.nan
    ece: float = np.nan
    balanced_accuracy: float = np.nan  # of `predict`
    balanced_accuracy_prior: float = np.nan  # of the class with the highest probability over its share in training
    g_mean: float = np.nan
    mcc: float = np.nan
    outcome: str = ""
    fit_seconds: float = np.nan
    predict_seconds: float = np.nan
    status: str = "ok"


def as_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """A line for each fit; where one was made twice, the last counts."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Row)])
    return frame.drop_duplicates(["table", "set", "seed", "method"], keep="last")


def of_ranking(fits: pd.DataFrame) -> pd.DataFrame:
    """Fits to the sets of the ranking on which ours has rows; all methods are at their defaults."""
    fits = fits[(fits["table"] == RANKING) & (fits["method"] != TUNED)]
    return fits[fits["set"].isin(fits.loc[fits["method"] == OURS, "set"])]


def means_of_sets(fits: pd.DataFrame) -> pd.DataFrame:
    """Means over the splits that ran, by set and method; a peer's better decision is chosen for each set."""
    decisions = ["balanced_accuracy", "balanced_accuracy_prior"]
    names = list(dict.fromkeys([*FIGURES, *decisions, "fit_seconds", "rarest_test"]))
    means = fits.groupby(["set", "method"])[[name for name in names if name != DECISION]].mean()
    is_ours = means.index.get_level_values("method").isin([OURS, TUNED])
    decision = means[decisions].max(axis=1).mask(is_ours, means["balanced_accuracy"])
    return means.assign(**{DECISION: decision}).round(DIGITS)


def methods_beside_ours(fits: pd.DataFrame, key: Sequence[str]) -> list[str]:
    """Methods with a row for every value of the key that ours has one for."""
    found = {method: set(part[list(key)].itertuples(index=False, name=None)) for method, part in fits.groupby("method")}
    return [method for method, values in found.items() if values >= found[OURS]]


def on_common_splits(fits: pd.DataFrame, methods: Collection[str]) -> pd.DataFrame:
    """Fits of some methods to the splits that all of them have."""
    chosen = fits[fits["method"].isin(methods)]
    return chosen[chosen.groupby(["set", "seed"])["method"].transform("nunique") == len(methods)]


def where_both_ran(fits: pd.DataFrame, method: str, ours: str = OURS) -> pd.DataFrame:
    return on_common_splits(fits[fits["status"] == OK], {ours, method})


def pair(fits: pd.DataFrame, method: str, ours: str = OURS) -> pd.DataFrame:
    """Means by set on the splits where both ours and a peer ran; the columns are (figure, method)."""
    means = means_of_sets(where_both_ran(fits, method, ours))
    return means.unstack("method").reindex(columns=pd.MultiIndex.from_product([FIGURES, [ours, method]]))


def median_seconds(fits: pd.DataFrame, method: str, ours: str = OURS) -> pd.Series:
    """Of a fit of ours and of one of a peer, by method, where both ran."""
    return where_both_ran(fits, method, ours).groupby("method")["fit_seconds"].median().reindex([ours, method])


# Ranks


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of methods on each set; the best has rank 1."""

    by_figure: dict[str, pd.DataFrame]  # sets x methods
    n_splits: int

    @property
    def means(self) -> pd.DataFrame:
        """Mean ranks, methods x figures."""
        return pd.DataFrame({name: ranks.mean() for name, ranks in self.by_figure.items()})

    @property
    def critical_difference(self) -> float:
        n_sets, n_methods = self.by_figure["average_precision"].shape
        return critical_difference(n_methods, n_sets)


def rank_methods(fits: pd.DataFrame, methods: Collection[str]) -> Ranks:
    """Ranks by means over the splits that all methods have; one with a failed fit to a set is last on it."""
    common = on_common_splits(fits, methods)
    means = means_of_sets(common)
    failed = (common["status"] != OK).groupby([common["set"], common["method"]]).any()
    ranked = {}
    for name in COMPARED:
        loss = (means[name] if name in LOWER_IS_BETTER else -means[name]).mask(failed)
        ranked[name] = loss.unstack("method").reindex(columns=list(methods)).rank(axis=1, na_option="bottom")
    return Ranks(ranked, len(common[["set", "seed"]].drop_duplicates()))


def critical_difference(n_methods: int, n_sets: int) -> float:
    """Of the Nemenyi test: mean ranks that lie this far apart differ."""
    if n_methods < 2 or not n_sets:
        return np.nan
    quantile = studentized_range.ppf(1 - LEVEL, n_methods, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_sets)))


def friedman(ranks: pd.DataFrame) -> float:
    """How likely ranks as different as these are among equally good methods; NaN where there is nothing to test."""
    if ranks.shape[1] < 3 or len(ranks) < 2 or (ranks.nunique(axis=1) == 1).all():
        return np.nan
    return float(friedmanchisquare(*ranks.to_numpy().T).pvalue)


def joined(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """First and last of the longest runs of ascending mean ranks that are not a critical difference apart."""
    ranks = np.asarray(mean_ranks)
    runs: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.flatnonzero(ranks - rank < difference)[-1])
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs


# Pairs


@dataclass(frozen=True)
class Comparison:
    """A figure of ours beside that of a peer on the same sets."""

    share: float  # of sets on which ours is better; a tie counts half
    difference: float  # mean of ours - peer
    p_value: float  # Wilcoxon signed-rank test, two-sided; NaN where there is no difference


def compare(ours: pd.Series, peer: pd.Series, lower_is_better: bool = False) -> Comparison:
    difference = (ours - peer).round(DIGITS).to_numpy()
    if not len(difference):
        return Comparison(np.nan, np.nan, np.nan)
    better = -difference if lower_is_better else difference
    different = difference[difference != 0]
    # Named, because what "auto" does about ties differs between versions of SciPy.
    p_value = float(wilcoxon(different, method="exact").pvalue) if len(different) else np.nan
    return Comparison(float(np.mean((better > 0) + 0.5 * (better == 0))), float(difference.mean()), p_value)
