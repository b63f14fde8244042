"""What does a fitted classifier make of each feature? Permutation importance and partial dependence on some rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from scipy.stats import rankdata
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import roc_auc_score

from balanced_nn._typing import FloatArray, IntArray

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST_ROWS = 1_000  # that are predicted at a time
MOST_CELLS = 200_000  # of these rows: of wide tables fewer rows are taken
FEWEST_ROWS = 100  # however wide the table is
MOST_FEATURES = 30  # that are shuffled
N_REPEATS = 5  # shuffles of each
MOST_DEPENDENCES = 4
MOST_VALUES = 12  # at which a partial dependence is computed
N_GROUPS = 10  # of the values of a column, for the choice of features
INSIDE = 0.05, 0.95  # quantiles between which numbers and dates are shown

Kind: TypeAlias = Literal["number", "date", "category"]
Score: TypeAlias = Callable[[Any, "DataFrame", IntArray, FloatArray], float]


@dataclass(frozen=True, eq=False)
class PartialDependence:
    """The mean probability of a class, if a feature had one value in all rows.

    Parameters
    ----------
    name : str
        The feature.
    kind : {"number", "date", "category"}
        What its values are.
    values : tuple of shape (n_values,)
        Numbers and dates ascending; the most frequent categories, the most frequent first.
    probability : ndarray of shape (n_values,)
        Mean probability at each value.
    n_left_out : int, default=0
        Rarer categories that are not among them.
    """

    name: str
    kind: Kind
    values: tuple[Any, ...]
    probability: FloatArray
    n_left_out: int = 0


@dataclass(frozen=True, eq=False)
class FeatureEffects:
    """How much a classifier loses without each feature, and how its probability follows the first ones.

    Parameters
    ----------
    names : tuple of str of shape (n_measured,)
        The features that were shuffled, the most important first.
    mean, spread : ndarray of shape (n_measured,)
        Mean and standard deviation, over the shuffles, of the drop in ROC AUC.
    score : float
        ROC AUC with no feature shuffled, on the same rows.
    n_rows, n_given : int
        Rows that were used, and those that there were.
    n_features : int
        Features of the table.
    label : str
        The class whose probability the partial dependences show.
    probability : float
        Mean probability of that class in the rows as they are.
    dependences : tuple of PartialDependence
        Of the most important features, in that order; columns without a value have none.
    """

    names: tuple[str, ...]
    mean: FloatArray
    spread: FloatArray
    score: float
    n_rows: int
    n_given: int
    n_features: int
    label: str
    probability: float
    dependences: tuple[PartialDependence, ...]

    @property
    def n_left_out(self) -> int:
        """Features that were not shuffled."""
        return self.n_features - len(self.names)

    @property
    def n_clear(self) -> int:
        """Features without which the score falls by more than twice its spread over the shuffles."""
        return int(np.sum(self.mean > 2.0 * self.spread))


def measure_effects(model: Any, X: "DataFrame", y: IntArray, *, positive: int, seed: int) -> FeatureEffects | None:
    """Shuffle features, one at a time, and move the most important ones through their values.

    At most 30 features are shuffled, five times each, in at most 1,000 rows: about 200 predictions of these rows. Rarer
    classes give as many rows as more frequent ones where they can, and weights restore the shares of the classes. The
    score is the ROC AUC of the probabilities, so that it does not depend on a decision: of each class against the
    rest, and the mean of these.

    Parameters
    ----------
    model : classifier
        A fitted one with ``predict_proba``.
    X : DataFrame of shape (n_samples, n_features)
        Rows that it was not fitted on.
    y : ndarray of shape (n_samples,)
        Indices of their classes in ``model.classes_``; not every class needs to occur.
    positive : int
        Index of the class whose probability is shown.
    seed : int
        Of the rows that are drawn and of the shuffles.

    Returns
    -------
    FeatureEffects or None
        None where the rows hold fewer than two classes, so that nothing can be ranked.
    """
    if len(np.unique(y)) < 2:
        return None
    chosen, weight = sample_rows(y, _count_rows(X.shape[1]), np.random.default_rng(seed))
    rows, labels = X.iloc[chosen].reset_index(drop=True), y[chosen]
    proba = model.predict_proba(rows)
    names = choose_features(rows, proba)
    found = permutation_importance(
        model,
        rows[names],
        labels,
        scoring=_score_with_other_columns(rows),
        n_repeats=N_REPEATS,
        random_state=seed,
        sample_weight=weight,
    )
    order = np.argsort(-found.importances_mean, kind="stable")
    first = [names[i] for i in order if rows[names[i]].notna().any()][:MOST_DEPENDENCES]
    return FeatureEffects(
        names=tuple(str(names[i]) for i in order),
        mean=found.importances_mean[order],
        spread=found.importances_std[order],
        score=score_ranks(proba, labels, weight),
        n_rows=len(rows),
        n_given=len(y),
        n_features=X.shape[1],
        label=str(model.classes_.tolist()[positive]),
        probability=float(np.average(proba[:, positive], weights=weight)),
        dependences=tuple(_follow(model, rows, name, weight, positive) for name in first),
    )


def _count_rows(n_features: int) -> int:
    return int(np.clip(MOST_CELLS // n_features, FEWEST_ROWS, MOST_ROWS))


def sample_rows(y: IntArray, most: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Draw about `most` rows, as many of each class as there are, up to a common number, and at least one.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Indices of the classes.
    most : int
        How many rows, unless there are more classes.
    rng : Generator
        Which rows.

    Returns
    -------
    rows : ndarray of shape (n_drawn,)
        Indices of the rows, ascending.
    weight : ndarray of shape (n_drawn,)
        How many rows of its class each stands for.

    Examples
    --------
    >>> rows, weight = sample_rows(np.array([0] * 96 + [1] * 4), 20, np.random.default_rng(0))
    >>> len(rows), weight.tolist() == [6.0] * 16 + [1.0] * 4
    (20, True)
    """
    classes, counts = np.unique(y, return_counts=True)
    taken = {}
    left = most
    for place, i in enumerate(np.argsort(counts, kind="stable")):
        share = max(1, left // (len(classes) - place))
        taken[i] = min(int(counts[i]), share)
        left -= taken[i]
    rows = np.sort(
        np.concatenate([rng.permutation(np.flatnonzero(y == classes[i]))[:n_taken] for i, n_taken in taken.items()])
    )
    per_row = np.array([counts[i] / taken[i] for i in range(len(classes))])
    return rows, per_row[np.searchsorted(classes, y[rows])]


def score_ranks(proba: FloatArray, y: IntArray, weight: FloatArray) -> float:
    """Mean ROC AUC of the classes that occur, each against the rest.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities.
    y : ndarray of shape (n_samples,)
        Indices of the classes; at least two occur.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.

    Examples
    --------
    >>> score_ranks(np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]), np.array([0, 0, 1]), np.ones(3))
    0.5
    """
    present = np.unique(y)
    return float(np.mean([roc_auc_score(y == k, proba[:, k], sample_weight=weight) for k in present]))


def _score_with_other_columns(rows: "DataFrame") -> Score:
    """A scorer of the rows in which some columns are replaced."""

    def score(model: Any, X: "DataFrame", y: IntArray, sample_weight: FloatArray) -> float:
        whole = rows.copy()
        whole[list(X)] = X
        return score_ranks(model.predict_proba(whole), y, sample_weight)

    return score


def choose_features(rows: "DataFrame", proba: FloatArray) -> list[Any]:
    """Names of the features to shuffle: all, or the 30 whose values go best with the probabilities.

    Parameters
    ----------
    rows : DataFrame of shape (n_samples, n_features)
        The rows.
    proba : ndarray of shape (n_samples, n_classes)
        What the classifier answers for them.
    """
    names = list(rows)
    if len(names) <= MOST_FEATURES:
        return names
    ranks = rankdata(proba, axis=0)
    strength = [explained_share(_group_values(rows[name]), ranks) for name in names]
    return [names[i] for i in np.sort(np.argsort(-np.array(strength), kind="stable")[:MOST_FEATURES])]


def explained_share(groups: IntArray, values: FloatArray) -> float:
    """Share of the variance of some values that lies between groups of rows, from 0 to 1; the mean over columns.

    Parameters
    ----------
    groups : ndarray of shape (n_samples,)
        Number of the group of each row.
    values : ndarray of shape (n_samples, n_columns)
        The values.

    Examples
    --------
    >>> explained_share(np.array([0, 0, 1, 1]), np.array([[1.0, 1.0], [1.0, 2.0], [3.0, 1.0], [3.0, 2.0]]))
    0.5
    """
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    centred = values - values.mean(axis=0)
    sums = np.zeros((len(size), values.shape[1]))
    np.add.at(sums, group, centred)
    total = np.square(centred).sum(axis=0)
    between = (np.square(sums) / size[:, None]).sum(axis=0)
    return float(np.mean(np.divide(between, total, out=np.zeros_like(total), where=total > 0)))


def _kind_of(column: "Series") -> Kind:
    kinds: dict[str, Kind] = {"i": "number", "u": "number", "f": "number", "M": "date", "m": "date"}
    return kinds.get(column.dtype.kind, "category")


def _group_values(column: "Series") -> IntArray:
    """Tenths of the numbers, or the most frequent categories and the rest; missing cells are a group."""
    if _kind_of(column) != "category":
        tenths = np.ceil(column.rank(pct=True).to_numpy(dtype=np.float64) * N_GROUPS)
        return np.nan_to_num(tenths, nan=0.0).astype(np.intp)
    codes = column.factorize()[0] + 1  # 0 is missing
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:N_GROUPS]
    return np.where(np.isin(codes, frequent), codes, -1)


def _follow(model: Any, rows: "DataFrame", name: Any, weight: FloatArray, positive: int) -> PartialDependence:
    kind = _kind_of(rows[name])
    if kind == "number":  # whole numbers would be rounded to whole numbers
        rows = rows.astype({name: "float64"})
    values, n_left_out = _pick_values(rows[name], kind)
    place = rows.columns.get_loc(name)
    mean = partial_dependence(
        model,
        rows,
        [place],
        sample_weight=weight,
        response_method="predict_proba",
        method="brute",
        categorical_features=None if kind == "number" else [place],
        custom_values={place: values},
    ).average
    of_two = len(mean) == 1  # then it is that of the second class
    probability = mean[positive] if not of_two else mean[0] if positive == 1 else 1.0 - mean[0]
    return PartialDependence(str(name), kind, tuple(values), probability, n_left_out)


def _pick_values(column: "Series", kind: Kind) -> tuple[list[Any], int]:
    """The values to look at, and how many categories are not among them."""
    known = column.dropna()
    if kind == "category":
        frequent = known.value_counts()
        levels = frequent[frequent > 0].index.tolist()
        return levels[:MOST_VALUES], max(0, len(levels) - MOST_VALUES)
    distinct = known.drop_duplicates().sort_values()
    if len(distinct) <= MOST_VALUES:
        return distinct.tolist(), 0
    if kind == "number":
        low, high = known.quantile(list(INSIDE))
        if low < high:
            return np.linspace(low, high, MOST_VALUES).tolist(), 0
    places = np.quantile(np.arange(len(distinct)), np.linspace(*INSIDE, MOST_VALUES), method="nearest")
    return distinct.iloc[places].tolist(), 0  # of dates, and where nearly all cells are the same, values that occur
