"""Which rows does a classifier train on after any sampler, and how much does each weigh?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from balanced_nn._data.dataset import MAX_COPIES
from balanced_nn._data.names import listed_labels, quoted
from balanced_nn._sampling.resampler import ClassResampler, strategy_of_present
from balanced_nn._typing import BoolArray, FloatArray, IntArray, Labels, Sampler


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

    X: FloatArray
    rows: NDArray[np.int64]
    y: IntArray
    weight: NDArray[np.float64]
    notes: tuple[Warning, ...] = ()


def resample_rows(
    X: FloatArray,
    y: IntArray,
    sample_weight: NDArray[np.float64],
    sampler: str | Sampler | None,
    *,
    categorical_features: BoolArray,
    seed: int,
    classes: Labels | None = None,
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
    fitted, notes = _prepare_sampler(sampler, labels, categorical_features, seed)
    if isinstance(fitted, ClassResampler) and fitted.method != "smote":
        fitted.fit_resample(np.arange(y.size).reshape(-1, 1), labels)  # it only chooses rows: X stays where it is
        rows = fitted.sample_indices_
        _check_classes(labels[rows], labels, fitted)
        return Resampled(X, rows, y[rows], sample_weight[rows], notes)
    X_new, labels_new, further_notes = _call_sampler(fitted, X, labels)
    notes += further_notes
    X_new = _whole_codes(X_new, X, categorical_features, type(fitted).__name__)
    found, first_row = _check_classes(labels_new, labels, fitted)
    y_new = y[first_row][np.searchsorted(found, labels_new)]
    origin = _origin(X, labels, X_new, labels_new, getattr(fitted, "sample_indices_", None))
    class_mean = np.bincount(y, weights=sample_weight) / np.maximum(np.bincount(y), 1)
    weight = np.where(origin >= 0, sample_weight[origin], class_mean[y_new])
    if (origin >= 0).all() and np.array_equal(X_new, X[origin], equal_nan=True):
        return Resampled(X, origin, y_new, weight, notes)
    return Resampled(X_new, np.arange(y_new.size, dtype=np.int64), y_new, weight, notes)


def _copied_rows(y: IntArray, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows of all classes, each as often as it may be repeated, and for how many it stands then."""
    sizes = np.bincount(y)
    wanted = np.minimum(sizes.max(), MAX_COPIES * sizes)
    added = [
        np.resize(rng.permutation(np.flatnonzero(y == code)), missing) for code, missing in enumerate(wanted - sizes)
    ]
    rows = np.concatenate([np.arange(y.size), *added])
    return rows, (sizes.max() / np.maximum(wanted, 1))[y[rows]]


def draws_at_random(sampler: str | Sampler | None) -> bool:
    """Whether a sampler leaves each class as it is, as far as it goes: rows are repeated or dropped at random.

    No prior undoes other changes to a class: synthetic rows, or rows dropped because of their position.

    Examples
    --------
    >>> [draws_at_random(sampler) for sampler in (None, "under", "smote", ClassResampler("over"))]
    [True, True, False, True]
    """
    if sampler is None or isinstance(sampler, str):
        return sampler != "smote"
    if isinstance(sampler, ClassResampler):
        return sampler.method != "smote"
    if isinstance(sampler, RandomOverSampler):
        return sampler.shrinkage is None
    return isinstance(sampler, RandomUnderSampler)


def _prepare_sampler(
    sampler: str | Sampler, labels: Labels, categorical_features: BoolArray, seed: int
) -> tuple[Sampler, tuple[Warning, ...]]:
    """Return a copy of the sampler that is seeded and knows the categorical columns and the classes, and notes."""
    if isinstance(sampler, str):
        sampler = ClassResampler(sampler)
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        kind = f"the class {sampler.__name__}" if isinstance(sampler, type) else f"a {type(sampler).__name__}"
        raise TypeError(
            f"sampler is {kind}, which has no fit_resample to call. "
            "Pass None, 'over', 'under', 'smote', or an instance such as RandomOverSampler()."
        )
    copy = clone(sampler, safe=False)
    notes: tuple[Warning, ...] = ()
    if hasattr(copy, "get_params"):
        parameters = copy.get_params(deep=True).items()
        for name, value in parameters:
            if name.split("__")[-1] == "sampling_strategy" and isinstance(value, Mapping):
                strategy, further_notes = strategy_of_present(value, labels)
                copy.set_params(**{name: strategy})
                notes += further_notes
        unset = [name for name, value in parameters if value is None and name.split("__")[-1] == "random_state"]
        copy.set_params(**dict.fromkeys(unset, seed))
        if "categorical_features" in copy.get_params(deep=False):
            copy.set_params(categorical_features=np.flatnonzero(categorical_features).tolist())
    return copy, notes


def _whole_codes(X_new: FloatArray, X: FloatArray, categorical_features: BoolArray, name: str) -> FloatArray:
    """Round what a sampler put between the codes of two levels; refuse it between those of more."""
    codes = X_new[:, categorical_features]
    whole = np.rint(codes)
    between = (codes != whole).any(axis=0)
    if not between.any():
        return X_new
    n_refused = np.count_nonzero(between & (X[:, categorical_features].max(axis=0) > 1))
    if n_refused:
        raise ValueError(
            f"sampler {name} placed rows between the levels of {n_refused} category columns, which is meaningless. "
            "Use sampler='smote', which keeps levels whole, or imbalanced-learn's SMOTENC."
        )
    rounded = X_new.copy()
    rounded[:, categorical_features] = whole
    return rounded


def _call_sampler(sampler: Sampler, X: FloatArray, labels: Labels) -> tuple[FloatArray, Labels, tuple[Warning, ...]]:
    """Return what fit_resample gives as two arrays that belong together, or say what is wrong with it."""
    views = X.view(), labels.view()
    for view in views:
        view.setflags(write=False)  # a sampler that writes into its input fails instead of changing our rows
    if isinstance(sampler, ClassResampler):
        return sampler._resample(*views)  # ours: warnings are the caller's to raise
    name = type(sampler).__name__
    try:
        result = sampler.fit_resample(*views)
    except ValueError as exc:
        sizes = dict(zip(*np.unique(labels, return_counts=True), strict=True))
        rarest = min(sizes, key=lambda label: int(sizes[label]))
        raise ValueError(
            f"sampler {name} failed on the {len(labels)} training rows, of which {sizes[rarest]} are of class "
            f"{rarest!s}: {str(exc).rstrip('.')}. Lower its number of neighbours below that, or use 'smote', which "
            "lowers it, or 'over'."
        ) from exc
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
            f"{X.shape}. Return one label for each row, and the original columns."
        )
    try:
        return np.ascontiguousarray(X_new, dtype=X.dtype), labels_new, ()
    except (TypeError, ValueError) as exc:
        raise TypeError(f"sampler {name} returned X of type {X_new.dtype}. Return numbers, as in the input.") from exc


def _check_classes(labels_new: Labels, labels: Labels, sampler: Sampler) -> tuple[Labels, IntArray]:
    """Return the labels that there are and a row of each; refuse a result with more or fewer."""
    name = type(sampler).__name__
    found, first_row = np.unique(labels, return_index=True)
    foreign = np.unique(labels_new[~np.isin(labels_new, found)])
    if foreign.size:
        raise ValueError(
            f"sampler {name} returned the label {quoted(foreign[0])}, which is not among the labels that it was given, "
            f"{listed_labels(found)}. Return labels from y."
        )
    lost = found[~np.isin(found, labels_new)]
    if lost.size:
        raise ValueError(
            f"sampler {name} removed all rows of class {listed_labels(lost)}. "
            "Change its sampling_strategy so that each class keeps a row."
        )
    return found, first_row


def _origin(
    X: FloatArray, labels: Labels, X_new: FloatArray, labels_new: Labels, sample_indices: ArrayLike | None
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
