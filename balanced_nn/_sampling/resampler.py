"""How are training rows repeated, dropped or synthesized so that every class has its share?"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self, TypeAlias

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from imblearn.utils import check_sampling_strategy, check_target_type
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils import Tags, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from balanced_nn._data.names import MOST_LABELS, label_kind, listed, listed_labels
from balanced_nn._data.target import check_named_classes, check_same_length
from balanced_nn._sampling import smote
from balanced_nn._sklearn import Interval, StrOptions, fit_context, safe_indexing
from balanced_nn._typing import Label, Labels
from balanced_nn.exceptions import RareClassWarning

Strategy: TypeAlias = float | str | Mapping[Label, int] | Callable[[Labels], Mapping[Label, int]]
_STRATEGIES = {"auto", "all", "minority", "majority", "not minority", "not majority"}


class ClassResampler(OneToOneFeatureMixin, BaseEstimator):
    """Repeat, drop or synthesize rows until the classes have the wanted sizes.

    A sampler for the steps of an `imblearn.pipeline.Pipeline`, where it acts in `fit` and never in `predict`.

    Parameters
    ----------
    method : {"over", "under", "smote"}, default="over"
        "over" repeats rows of the small classes, "under" drops rows of the large ones. Both only choose rows, so that
        every kind of table works: numbers, strings, missing values, sparse matrices, pandas and polars.
        "smote" adds synthetic rows between neighbours of one class. It takes SMOTENC if some columns are categorical
        and SMOTEN if all are, and refuses missing values.
    sampling_strategy : float, str, dict or callable, default="auto"
        As in imbalanced-learn. A float in (0, 1] is the size of the small class divided by the size of the large one
        after resampling (two classes only); a str names the classes to resample, "auto" all but the one that sets the
        size; a dict gives the wanted number of rows by label, where labels that `y` lacks are left out; a callable
        takes `y` and returns such a dict.
    k_neighbors : int, default=5
        Number of neighbours for "smote", at least 1. It is lowered to the number of rows of the rarest resampled class
        minus 1. A class with a single row has no neighbour: its row is repeated, with a `RareClassWarning`.
    categorical_features : array-like of bool, int or str, or None, default=None
        For "smote": mask, indices or names of the categorical columns. None reads them from the column types: bool,
        category, string and object are categorical; an array that is not boolean has none.
    random_state : int, RandomState instance or None, default=None
        Decides which rows are chosen and where synthetic rows lie. An int gives the same result on every call.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (n_samples_new,)
        For each row of the result, its row index in `X`, or -1 for a synthetic row. For "smote" the
        rows of `X` come first, in their order.
    sampling_strategy_ : dict
        Number of rows by label: to add for "over" and "smote", to keep for "under".
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names, only if `X` has names that are all strings.

    See Also
    --------
    BalancedNNClassifier : Resamples its training part only, after the hold-out, with ``sampler=``.

    Notes
    -----
    Pandas rows keep their index labels under "over" and "under"; "smote" numbers the rows from 0. Whole-number columns
    stay whole: "smote" rounds to the nearest. Resampling changes the class frequencies, hence the probabilities that a
    later classifier learns; `BalancedNNClassifier` undoes that.

    References
    ----------
    .. [1] N. V. Chawla et al., "SMOTE: synthetic minority over-sampling technique", Journal of Artificial Intelligence
       Research 16, pp. 321-357, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.arange(10).reshape(5, 2), np.array(["no", "no", "no", "no", "yes"])
    >>> sampler = ClassResampler("over", random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> print(*y_new)
    no no no no yes yes yes yes
    >>> print(*sampler.sample_indices_)
    0 1 2 3 4 4 4 4
    """

    _parameter_constraints: dict = {
        "method": [StrOptions({"over", "under", "smote"})],
        "sampling_strategy": [Interval(Real, 0, 1, closed="right"), StrOptions(_STRATEGIES), dict, callable],
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        method: str = "over",
        *,
        sampling_strategy: Strategy = "auto",
        k_neighbors: int = 5,
        categorical_features: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.method = method
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.categorical_features = categorical_features
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Check the data and find how many rows each class gets; `fit_resample` does this too.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            Their labels, or a one-hot matrix of shape (n_samples, n_classes).

        Returns
        -------
        ClassResampler
            The fitted sampler itself.
        """
        self.__dict__.pop("sample_indices_", None)
        table, labels = self._validate(X, y)
        kind = "under-sampling" if self.method == "under" else "over-sampling"
        strategy, _ = strategy_of_present(self.sampling_strategy, labels)
        self.sampling_strategy_ = check_sampling_strategy(strategy, labels, kind)
        if self.method == "smote":
            self._encode(table)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the resampled rows and labels, in the types that came in.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            Their labels, or a one-hot matrix of shape (n_samples, n_classes).

        Returns
        -------
        X_resampled : {array-like, sparse matrix, dataframe} of shape (n_samples_new, n_features)
            The resampled rows.
        y_resampled : array-like of shape (n_samples_new,)
            Their labels.
        """
        X_resampled, y_resampled, notes = self._resample(X, y)
        for note in notes:
            warnings.warn(note, stacklevel=3)
        return X_resampled, y_resampled

    def _resample(self, X: Any, y: Any) -> tuple[Any, Any, tuple[Warning, ...]]:
        """Resample, and return what the user should be warned of."""
        table, labels = self._validate(X, y)
        strategy, notes = strategy_of_present(self.sampling_strategy, labels)
        if self.method != "smote":
            self._choose_rows(labels, strategy)
            return self._take(X, table), self._take(y, y), notes
        self.sampling_strategy_ = check_sampling_strategy(strategy, labels, "over-sampling")
        encoded = self._encode(table)
        added = smote.synthesize(encoded, labels, self.sampling_strategy_, self.k_neighbors, self.random_state)
        notes += _note_single_rows(added.single_row_labels)
        self.sample_indices_ = np.concatenate([np.arange(labels.size), added.origin])
        resampled = smote.append_rows(table, added.rows, encoded)
        return resampled.tolist() if isinstance(X, list) else resampled, smote.append_labels(y, added.label_rows), notes

    def __sklearn_tags__(self) -> Tags:
        # the tags of imbalanced-learn's own sampler, so that its tools treat this one alike
        tags = (SMOTE() if self.method == "smote" else RandomOverSampler()).__sklearn_tags__()
        tags.sampler_tags.sample_indices = True
        return tags

    def _validate(self, X: Any, y: Any) -> tuple[Any, Labels]:
        """Return X as a dataframe, array or CSR/CSC matrix, and the labels in one dimension."""
        if y is None:
            raise ValueError("ClassResampler requires y to be passed, but the target y is None. Pass the labels.")
        check_classification_targets(y)
        labels = np.asarray(check_target_type(np.asarray(y) if np.ndim(y) == 2 else y))
        check_same_length(X, labels)
        if smote.is_frame(X):
            validate_data(self, X, labels, skip_check_array=True)
            return X, labels
        numeric = self.method == "smote" and (self.categorical_features is None or sparse.issparse(X))
        dtype, formats = "numeric" if numeric else None, ("csr", "csc")
        table, labels = validate_data(self, X, labels, accept_sparse=formats, dtype=dtype, ensure_all_finite=False)
        return table, labels

    def _choose_rows(self, labels: Labels, strategy: Strategy) -> None:
        """Let imbalanced-learn resample a column of row numbers instead of the rows."""
        sampler_class = RandomOverSampler if self.method == "over" else RandomUnderSampler
        sampler = sampler_class(sampling_strategy=strategy, random_state=self.random_state)
        sampler.fit_resample(np.arange(labels.size).reshape(-1, 1), labels)
        self.sampling_strategy_ = sampler.sampling_strategy_
        self.sample_indices_ = sampler.sample_indices_.astype(np.int64)

    def _take(self, original: Any, checked: Any) -> Any:
        """Take the chosen rows; a list stays a list, other array-likes become what they were checked to be."""
        return safe_indexing(original if isinstance(original, list) else indexable(checked)[0], self.sample_indices_)

    def _encode(self, table: Any) -> smote.Encoded:
        names = getattr(self, "feature_names_in_", None)
        return smote.encode(table, smote.categorical_mask(table, self.categorical_features, names), names)


def strategy_of_present(strategy: Strategy, labels: Labels) -> tuple[Strategy, tuple[Warning, ...]]:
    """Leave out of a dict the classes that a fold lacks, and return what the user should be warned of.

    Raises
    ------
    ValueError
        If a label is of another kind than those in `labels`.

    Examples
    --------
    >>> strategy_of_present({0: 5, 1: 5, 2: 5}, np.array([0, 0, 1]))
    ({0: 5, 1: 5}, ())
    """
    if not isinstance(strategy, Mapping):
        return strategy, ()
    present = np.unique(labels).tolist()
    kept = {label: size for label, size in strategy.items() if label in present}
    absent = [label for label in strategy if label not in kept]
    notes: tuple[Warning, ...] = ()
    if absent and (not kept or not {*map(label_kind, absent)} <= {*map(label_kind, present)}):
        check_named_classes(strategy, present, "sampling_strategy")
    elif absent and len(kept) < len(present):
        text = f"sampling_strategy names {listed_labels(absent)}, of which y holds no row: there is none to resample."
        notes = (RareClassWarning(f"{text} Check the label, unless this part of the rows just lacks the class."),)
    return kept, notes


def _note_single_rows(labels: Sequence[Label]) -> tuple[Warning, ...]:
    if not labels:
        return ()
    named = listed(map(str, labels), MOST_LABELS)
    one = len(labels) == 1
    has = f"Class {named} has 1 row" if one else f"{len(labels):,} classes have 1 row each ({named})"
    return (
        RareClassWarning(
            f"{has}, and SMOTE places new rows between 2 rows of a class, so {'this one was' if one else 'these were'} "
            f"repeated. Collect more rows of {'this class' if one else 'these classes'}, or take 'over' for 'smote', "
            "which repeats rows of any class."
        ),
    )
