"""How are training rows repeated, dropped or invented so that every class has its share?"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from imblearn.utils import check_sampling_strategy, check_target_type
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, clone
from sklearn.utils import Tags, check_consistent_length, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from balanced_nn._data import MAX_COPIES
from balanced_nn._sklearn import Interval, StrOptions, fit_context, safe_indexing
from balanced_nn._smote import Encoded, append_labels, append_rows, categorical_mask, encode, is_frame, synthesize
from balanced_nn.exceptions import RareClassWarning

__all__ = ["ClassResampler", "Resampled", "draws_at_random", "resample_rows"]

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
        size; a dict gives the wanted number of rows by label; a callable takes `y` and returns such a dict.
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
        For each row of the result the index of the row of `X` that it is, or -1 for a synthetic row. For "smote" the
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
        sampling_strategy: float | str | Mapping[Any, int] | Callable[[Any], Mapping[Any, int]] = "auto",
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
        self.sampling_strategy_ = check_sampling_strategy(self.sampling_strategy, labels, kind)
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
        if self.method != "smote":
            self._choose_rows(labels)
            return self._take(X, table), self._take(y, y), ()
        self.sampling_strategy_ = check_sampling_strategy(self.sampling_strategy, labels, "over-sampling")
        encoded = self._encode(table)
        added = synthesize(encoded, labels, self.sampling_strategy_, self.k_neighbors, self.random_state)
        notes = tuple(
            RareClassWarning(
                f"Class {label!s} has 1 row, and SMOTE places new rows between 2 rows of a class, so this one was "
                "repeated. Collect more rows of this class, or use method='over', which repeats rows of any class."
            )
            for label in added.single_row_labels
        )
        self.sample_indices_ = np.concatenate([np.arange(labels.size), added.origin])
        resampled = append_rows(table, added.rows, encoded)
        return resampled.tolist() if isinstance(X, list) else resampled, append_labels(y, added.label_rows), notes

    def __sklearn_tags__(self) -> Tags:
        # the tags of imbalanced-learn's own sampler, so that its tools treat this one alike
        tags = (SMOTE() if self.method == "smote" else RandomOverSampler()).__sklearn_tags__()
        tags.sampler_tags.sample_indices = True
        return tags

    def _validate(self, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        """Return X as a dataframe, array or CSR/CSC matrix, and the labels in one dimension."""
        if y is None:
            raise ValueError("ClassResampler requires y to be passed, but the target y is None. Pass the labels.")
        check_classification_targets(y)
        labels = np.asarray(check_target_type(np.asarray(y) if np.ndim(y) == 2 else y))
        if is_frame(X):
            check_consistent_length(X, labels)
            validate_data(self, X, labels, skip_check_array=True)
            return X, labels
        numeric = self.method == "smote" and (self.categorical_features is None or sparse.issparse(X))
        table, labels = validate_data(
            self,
            X,
            labels,
            accept_sparse=("csr", "csc"),
            dtype="numeric" if numeric else None,
            ensure_all_finite=False,
        )
        return table, labels

    def _choose_rows(self, labels: NDArray[Any]) -> None:
        """Let imbalanced-learn resample a column of row numbers instead of the rows."""
        sampler_class = RandomOverSampler if self.method == "over" else RandomUnderSampler
        sampler = sampler_class(sampling_strategy=self.sampling_strategy, random_state=self.random_state)
        sampler.fit_resample(np.arange(labels.size).reshape(-1, 1), labels)
        self.sampling_strategy_ = sampler.sampling_strategy_
        self.sample_indices_ = sampler.sample_indices_.astype(np.int64)

    def _take(self, original: Any, checked: Any) -> Any:
        """Take the chosen rows; a list stays a list, other array-likes become what they were checked to be."""
        return safe_indexing(original if isinstance(original, list) else indexable(checked)[0], self.sample_indices_)

    def _encode(self, table: Any) -> Encoded:
        names = getattr(self, "feature_names_in_", None)
        return encode(table, categorical_mask(table, self.categorical_features, names), names)


@dataclass(frozen=True, eq=False)
class Resampled:
    """The rows to train on after resampling.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
        The matrix that `rows` points into: the very object that came in where rows were only chosen; else the rows
        that the sampler returned.
    rows : ndarray of int64 of shape (m,)
        The rows of `X` to train on; a row that occurs twice is trained on twice.
    y : ndarray of shape (m,)
        Class indices of these rows.
    weight : ndarray of float64 of shape (m,)
        Weights of these rows.
    notes : tuple of Warning
        What the user should be warned of.
    """

    X: NDArray[Any]
    rows: NDArray[np.int64]
    y: NDArray[np.intp]
    weight: NDArray[np.float64]
    notes: tuple[Warning, ...] = ()


def resample_rows(
    X: NDArray[Any],
    y: NDArray[np.intp],
    sample_weight: NDArray[np.float64],
    sampler: Any,
    *,
    categorical_features: NDArray[np.bool_],
    seed: int,
    classes: NDArray[Any] | None = None,
) -> Resampled:
    """Resample the training rows of a classifier, its weights with them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Numeric matrix; categories are codes.
    y : ndarray of int of shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the rows.
    sampler : None, "over", "under", "smote" or object with fit_resample
        None keeps all rows. "over" repeats rows until each class has as many as the largest, but no row more than
        four times: beyond that their weights are multiplied.
        An object is cloned first; its parameters called `random_state` that are None get `seed`.
        A parameter called `categorical_features` is set, because the columns of `X` are not the user's.
    categorical_features : ndarray of bool of shape (n_features,)
        Which columns of `X` are codes.
    seed : int
        Seed for the sampler.
    classes : ndarray of shape (n_classes,) or None, default=None
        The sorted labels that the class indices stand for. The sampler and the messages then see labels, so that a
        dict for `sampling_strategy` is written in labels. None shows them the class indices.

    Returns
    -------
    Resampled

    Notes
    -----
    A row that comes from a row of `X` keeps its weight: where the sampler says which one in `sample_indices_`, or where
    the result begins with all rows of `X`. Every other row carries the mean weight of its class.
    """
    if sampler is None or (isinstance(sampler, str) and np.unique(y).size < 2):
        return Resampled(X, np.arange(y.size, dtype=np.int64), y, sample_weight)
    if isinstance(sampler, str) and sampler == "over":
        rows, share = _copied_rows(y, np.random.default_rng(seed))
        return Resampled(X, rows, y[rows], sample_weight[rows] * share)
    labels = y if classes is None else np.asarray(classes)[y]
    fitted = _prepare_sampler(sampler, categorical_features, seed)
    if isinstance(fitted, ClassResampler) and fitted.method != "smote":
        fitted.fit_resample(np.arange(y.size).reshape(-1, 1), labels)  # it only chooses rows: X stays where it is
        rows = fitted.sample_indices_
        _check_classes(labels[rows], labels, fitted)
        return Resampled(X, rows, y[rows], sample_weight[rows])
    X_new, labels_new, notes = _call_sampler(fitted, X, labels)
    X_new = _whole_codes(X_new, X, categorical_features, type(fitted).__name__)
    found, first_row = _check_classes(labels_new, labels, fitted)
    y_new = y[first_row][np.searchsorted(found, labels_new)]
    origin = _origin(X, labels, X_new, labels_new, getattr(fitted, "sample_indices_", None))
    class_mean = np.bincount(y, weights=sample_weight) / np.maximum(np.bincount(y), 1)
    weight = np.where(origin >= 0, sample_weight[origin], class_mean[y_new])
    if (origin >= 0).all() and np.array_equal(X_new, X[origin], equal_nan=True):
        return Resampled(X, origin, y_new, weight, notes)
    return Resampled(X_new, np.arange(y_new.size, dtype=np.int64), y_new, weight, notes)


def _copied_rows(y: NDArray[np.intp], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows of all classes, each as often as it may be repeated, and for how many it stands then."""
    sizes = np.bincount(y)
    wanted = np.minimum(sizes.max(), MAX_COPIES * sizes)
    added = [
        np.resize(rng.permutation(np.flatnonzero(y == code)), missing) for code, missing in enumerate(wanted - sizes)
    ]
    rows = np.concatenate([np.arange(y.size), *added])
    return rows, (sizes.max() / np.maximum(wanted, 1))[y[rows]]


def draws_at_random(sampler: Any) -> bool:
    """Whether a sampler leaves each class as it is, as far as it goes: rows are repeated or dropped at random.

    What others do to the look of a class, no prior undoes: synthetic rows, or rows dropped for where they lie.

    Examples
    --------
    >>> [draws_at_random(sampler) for sampler in (None, "under", "smote", ClassResampler("over"))]
    [True, True, False, True]
    """
    if sampler is None or isinstance(sampler, str):
        return sampler != "smote"
    if isinstance(sampler, ClassResampler):
        return sampler.method != "smote"
    return isinstance(sampler, RandomUnderSampler) or (
        isinstance(sampler, RandomOverSampler) and sampler.shrinkage is None
    )


def _prepare_sampler(sampler: Any, categorical_features: NDArray[np.bool_], seed: int) -> Any:
    """Return a copy of the sampler that is seeded and knows the categorical columns."""
    if isinstance(sampler, str):
        sampler = ClassResampler(sampler)
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        kind = f"the class {sampler.__name__}" if isinstance(sampler, type) else f"a {type(sampler).__name__}"
        raise TypeError(
            f"sampler is {kind}, which has no fit_resample to call. "
            "Pass None, 'over', 'under', 'smote', or an instance such as RandomOverSampler()."
        )
    copy = clone(sampler, safe=False)
    if hasattr(copy, "get_params"):
        parameters = copy.get_params(deep=True).items()
        unset = [name for name, value in parameters if value is None and name.split("__")[-1] == "random_state"]
        copy.set_params(**dict.fromkeys(unset, seed))
        if "categorical_features" in copy.get_params(deep=False):
            copy.set_params(categorical_features=np.flatnonzero(categorical_features).tolist())
    return copy


def _whole_codes(
    X_new: NDArray[Any], X: NDArray[Any], categorical_features: NDArray[np.bool_], name: str
) -> NDArray[Any]:
    """Round what a sampler put between the codes of two levels; refuse it between those of more."""
    codes = X_new[:, categorical_features]
    whole = np.rint(codes)
    between = (codes != whole).any(axis=0)
    if not between.any():
        return X_new
    n_refused = np.count_nonzero(between & (X[:, categorical_features].max(axis=0) > 1))
    if n_refused:
        raise ValueError(
            f"sampler {name} placed rows between the levels of {n_refused} category columns, where nothing is. "
            "Use sampler='smote', which keeps levels whole, or imbalanced-learn's SMOTENC."
        )
    rounded = X_new.copy()
    rounded[:, categorical_features] = whole
    return rounded


def _call_sampler(
    sampler: Any, X: NDArray[Any], labels: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], tuple[Warning, ...]]:
    """Return what fit_resample gives as two arrays that belong together, or say what is wrong with it."""
    views = X.view(), labels.view()
    for view in views:
        view.setflags(write=False)  # a sampler that writes into its input fails instead of changing our rows
    if isinstance(sampler, ClassResampler):
        return sampler._resample(*views)  # ours: warnings are the caller's to raise
    result, name = sampler.fit_resample(*views), type(sampler).__name__
    if not isinstance(result, tuple) or len(result) < 2:
        raise TypeError(
            f"sampler {name} returned a {type(result).__name__} from fit_resample, not the pair X, y. "
            "Return the resampled rows and their labels."
        )
    X_new = np.asarray(result[0].toarray() if hasattr(result[0], "toarray") else result[0])
    labels_new = np.asarray(result[1])
    if X_new.ndim != 2 or X_new.shape[1] != X.shape[1] or labels_new.shape != X_new.shape[:1]:
        raise ValueError(
            f"sampler {name} returned X of shape {X_new.shape} and y of shape {labels_new.shape} for X of shape "
            f"{X.shape}. Return one label for each row, and the columns that came in."
        )
    try:
        return np.ascontiguousarray(X_new, dtype=X.dtype), labels_new, ()
    except (TypeError, ValueError) as exc:
        raise TypeError(f"sampler {name} returned X of type {X_new.dtype}. Return numbers, as they came in.") from exc


def _check_classes(
    labels_new: NDArray[Any], labels: NDArray[Any], sampler: Any
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the labels that there are and a row of each; refuse a result with more or fewer."""
    name = type(sampler).__name__
    found, first_row = np.unique(labels, return_index=True)
    foreign = np.unique(labels_new[~np.isin(labels_new, found)])
    if foreign.size:
        raise ValueError(
            f"sampler {name} returned the label {foreign[0]!s}, which is not among the labels that it was given, "
            f"{', '.join(map(str, found))}. Return labels from y."
        )
    lost = found[~np.isin(found, labels_new)]
    if lost.size:
        raise ValueError(
            f"sampler {name} removed all rows of class {', '.join(map(str, lost))}. "
            "Change its sampling_strategy so that each class keeps a row."
        )
    return found, first_row


def _origin(
    X: NDArray[Any], labels: NDArray[Any], X_new: NDArray[Any], labels_new: NDArray[Any], sample_indices: Any
) -> NDArray[np.int64]:
    """Return for each resampled row the row that it comes from, -1 where that is not known."""
    n, m = len(labels), len(labels_new)
    if sample_indices is not None:
        indices = np.asarray(sample_indices)
        if indices.shape == (m,) and indices.dtype.kind in "iu" and indices.min() >= 0 and indices.max() < n:
            return indices.astype(np.int64)
    origin = np.full(m, -1, dtype=np.int64)
    if m >= n and np.array_equal(labels_new[:n], labels) and np.array_equal(X_new[:n], X, equal_nan=True):
        origin[:n] = np.arange(n)
    return origin
