"""Which settings are worth searching on this table, and between which values?"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import hypergeom, loguniform, uniform

from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._data.hold_outs import MAX_FRACTION_OF_RARE_CLASS, MIN_HELD_OUT_ROWS
from balanced_nn._data.labelled_rows import read_rows
from balanced_nn._training.auto_settings import auto_bins
from balanced_nn._typing import IntArray

WIDE_FROM = 1000  # rows from which three wide layers are worth a try
FEW_BINS = 4  # where the default has none
SMALL_BATCH = 32  # rows; larger ones than the default would not fit into the first rounds of successive halving
FIRST_ROUNDS = (9, 3)  # parts of the rows, by the factor 3 of scikit-learn: one of the next rounds has all rows
ROWS_TO_TEST = 2  # of each class, in a fold of the first round
ROWS_TO_TRAIN = ceil(MIN_HELD_OUT_ROWS / MAX_FRACTION_OF_RARE_CLASS)  # enough of them to hold out some
UNLIKELY = 0.001  # that a fold of the first round has fewer


@dataclass(frozen=True)
class Choice:
    """A setting with some values to choose from, the default first."""

    values: tuple[Any, ...]

    def distribution(self) -> list[Any]:
        """What a randomised search of scikit-learn draws from."""
        return list(self.values)

    def suggest(self, trial: Any, name: str) -> Any:
        """Let a trial of Optuna choose, by number: its storages hold plain values only."""
        return self.values[trial.suggest_categorical(name, list(range(len(self.values))))]


@dataclass(frozen=True)
class Range:
    """A number between two others, evenly or, where `log` is set, evenly in its logarithm."""

    low: float
    high: float
    log: bool
    values: tuple[float, ...]  # of a grid, the default first

    def distribution(self) -> Any:
        """What a randomised search of scikit-learn draws from."""
        return loguniform(self.low, self.high) if self.log else uniform(self.low, self.high - self.low)

    def suggest(self, trial: Any, name: str) -> float:
        """Let a trial of Optuna choose."""
        return float(trial.suggest_float(name, self.low, self.high, log=self.log))


@dataclass(frozen=True)
class SearchSpace:
    """Settings of :class:`BalancedNNClassifier` that are worth searching, most important first.

    Made by :func:`search_space`. It supports three formats: for randomised searches (:meth:`distributions`), for
    grid searches (:meth:`grid`) and for Optuna (:meth:`suggest`).

    Parameters
    ----------
    settings : dict of {str: Choice or Range}
        The allowed values of each parameter.
    min_resources : int
        Rows to start successive halving with, for the parameter of that name of HalvingRandomSearchCV.

    Notes
    -----
    Successive halving draws the rows of each fold without regard to their classes, and by default may start with so few
    that no rare one is among them. `min_resources` is a ninth, a third or all of the rows: the fewest with which a
    stratified fold has, with a probability of 99.9 % by the hypergeometric distribution, 2 rows of the rarest class to
    test on and 7 to train on, of which two can be held out. With `n_candidates` of 9 or more and ``factor=3``, the last
    round has all rows.

    Examples
    --------
    >>> from balanced_nn import search_space
    >>> space = search_space([[0.0], [1.0]] * 50, [0, 1] * 50)
    >>> len(space), next(iter(space))
    (8, 'dropout')
    >>> space.distributions(prefix="balancednnclassifier__")["balancednnclassifier__batch_size"]
    ['auto', 32]

    The rarer a class, the more rows successive halving starts with, here of 2,000:

    >>> X = [[float(i)] for i in range(2000)]
    >>> [search_space(X, [0] * (2000 - rare) + [1] * rare).min_resources for rare in (500, 200, 20)]
    [222, 666, 2000]
    """

    settings: dict[str, Choice | Range]
    min_resources: int

    def distributions(self, prefix: str = "") -> dict[str, Any]:
        """Return what RandomizedSearchCV and HalvingRandomSearchCV take as `param_distributions`.

        Parameters
        ----------
        prefix : str, default=""
            What stands before the names, such as ``"balancednnclassifier__"`` where the classifier is a step of a
            pipeline.

        Returns
        -------
        dict of {str: list or scipy.stats distribution}
        """
        return {prefix + name: setting.distribution() for name, setting in self.settings.items()}

    def grid(self, n_candidates: int = 12, prefix: str = "") -> dict[str, list[Any]]:
        """Return a `param_grid` for GridSearchCV with at most `n_candidates` candidates.

        In addition to the default, the settings get their further values in turn, in order of importance.

        Parameters
        ----------
        n_candidates : int, default=12
            Candidates at most, 1 or more.
        prefix : str, default=""
            What stands before the names.

        Returns
        -------
        dict of {str: list}
            The default is among the candidates.

        Raises
        ------
        ValueError
            If `n_candidates` is less than 1.
        """
        if n_candidates < 1:
            raise ValueError(f"n_candidates={n_candidates} must be 1 or more. Use, for example, 12.")
        counts = dict.fromkeys(self.settings, 1)
        for size, (name, setting) in product(range(2, n_candidates + 1), self.settings.items()):
            more = counts | {name: size}
            if size <= len(setting.values) and prod(more.values()) <= n_candidates:
                counts = more
        return {prefix + name: list(self.settings[name].values[:n]) for name, n in counts.items() if n > 1}

    def suggest(self, trial: Any, prefix: str = "") -> dict[str, Any]:
        """Return the parameters that a trial of Optuna chooses; for ``classifier.set_params(**parameters)``.

        Parameters
        ----------
        trial : optuna.Trial
            Whatever has ``suggest_float(name, low, high, log=...)`` and ``suggest_categorical(name, choices)``.
        prefix : str, default=""
            What stands before the names.

        Returns
        -------
        dict of {str: object}
        """
        return {prefix + name: setting.suggest(trial, prefix + name) for name, setting in self.settings.items()}

    def __iter__(self) -> Iterator[str]:
        """Names of the parameters."""
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)


def search_space(X: Any, y: ArrayLike, *, n_splits: int = 5) -> SearchSpace:
    """Choose the settings of :class:`BalancedNNClassifier` that are worth searching on a table.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The training table, as it is given to `fit`.
    y : array-like of shape (n_samples,)
        Class labels.
    n_splits : int, default=5
        Folds of the search, 2 or more. Only `min_resources` depends on it.

    Returns
    -------
    SearchSpace
        `distributions()` gives what RandomizedSearchCV and HalvingRandomSearchCV take, `grid()` what GridSearchCV
        takes, `suggest(trial)` the choice of a trial of Optuna. The first value of each setting is the default of the
        estimator. `min_resources` is with how many rows successive halving keeps the rare ones.

    Raises
    ------
    ValueError
        If `X` or `y` is not what `fit` takes, or if `n_splits` is less than 2.

    See Also
    --------
    make_collapse_aware_scorer : A scorer with which no collapsed candidate wins.

    Notes
    -----
    Most tables are not worth a search: on 41 real ones, of up to 4,000 training rows, the best of twenty candidates had
    no higher average precision than the default. Folds with tens or hundreds of rare rows cannot tell candidates
    apart that differ by a hundredth. Search where the labels follow from the features almost without noise, or where
    the rare class has thousands of rows; `docs/tuning.md` has the figures.

    Examples
    --------
    Successive halving: all candidates see some of the rows, the best third of them three times as many, and so on:

    >>> from sklearn.datasets import make_classification
    >>> from sklearn.experimental import enable_halving_search_cv
    >>> from sklearn.model_selection import HalvingRandomSearchCV, cross_val_score
    >>> from balanced_nn import BalancedNNClassifier, search_space
    >>> X, y = make_classification(n_samples=600, weights=[0.7], random_state=0)
    >>> space = search_space(X, y, n_splits=2)
    >>> list(space)[:3]
    ['dropout', 'hidden_layer_sizes', 'n_bins']
    >>> few = {name: space.distributions()[name] for name in ("dropout", "class_weight", "alpha")}
    >>> quick = BalancedNNClassifier((8,), n_members=1, max_iter=3, learning_rate_init=0.01, random_state=0)
    >>> search = HalvingRandomSearchCV(
    ...     quick.set_params(on_collapse="ignore"), few, n_candidates=3, min_resources=space.min_resources, cv=2,
    ...     scoring="average_precision", random_state=0,
    ... )
    >>> search.fit(X, y).n_resources_
    [200, 600]

    A grid of four candidates, and Optuna's way:

    >>> space.grid(4)
    {'dropout': [0.0, 0.1], 'hidden_layer_sizes': [(256, 128), (64,)]}
    >>> def objective(trial):
    ...     clf = BalancedNNClassifier(n_members=1, random_state=0).set_params(**space.suggest(trial))
    ...     return cross_val_score(clf, X, y, scoring="average_precision").mean()
    """
    if n_splits < 2:
        raise ValueError(f"n_splits={n_splits} must be 2 or more, the number of folds. Use, for example, 5.")
    defaults = BalancedNNClassifier()
    rows = read_rows(defaults, X, y, None)
    n_rows, n_numeric = len(rows.y), len(rows.table.numeric_positions)
    counts = np.bincount(rows.y)
    trained = (1 - defaults.validation_fraction) * counts
    bins = auto_bins(np.maximum(trained, 1).tolist(), n_numeric)
    wide = [(256, 256, 256)] if n_rows >= WIDE_FROM else []
    settings: dict[str, Choice | Range] = {
        "dropout": Range(0.0, 0.5, log=False, values=(0.0, 0.1, 0.3)),
        "hidden_layer_sizes": Choice(((256, 128), (64,), *wide)),
        "n_bins": Choice(("auto", None) if bins else ("auto", FEW_BINS)),
        "class_weight": Choice(("balanced", None)),
        "label_smoothing": Range(0.0, 0.1, log=False, values=(0.0, 0.05)),
        "alpha": Range(1e-3, 1.0, log=True, values=(0.01, 0.1, 1.0)),
        "batch_size": Choice(("auto", SMALL_BATCH)),
        "learning_rate_init": Choice(("auto", 3e-4, 1e-3, 3e-3)),
    }
    if n_numeric == 0:
        del settings["n_bins"]
    return SearchSpace(settings, _rows_of_first_round(counts, n_splits))


def _rows_of_first_round(counts: IntArray, n_splits: int) -> int:
    """Rows with which a fold of successive halving is almost sure to have enough of each class, at most all."""
    n_rows, rarest = int(counts.sum()), int(counts.min())
    for parts in FIRST_ROUNDS:
        drawn = n_rows // parts
        too_few = [
            hypergeom.cdf(enough - 1, n_rows * folds // n_splits, rarest * folds // n_splits, drawn * folds // n_splits)
            for enough, folds in ((ROWS_TO_TEST, 1), (ROWS_TO_TRAIN, n_splits - 1))
        ]
        if max(too_few) < UNLIKELY:
            return drawn
    return n_rows
