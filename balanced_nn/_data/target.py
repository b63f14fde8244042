"""Which classes does a target hold, and how much does each row weigh?"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from balanced_nn._data.names import MOST_LABELS, label_kind, listed, listed_labels, quoted
from balanced_nn._data.table import check_computed, is_missing
from balanced_nn._sklearn import num_samples
from balanced_nn._typing import FloatArray, IntArray, Label

MOST_NUMBERED_CLASSES = 20  # beyond, with few rows of each, numbers look like a quantity
FEW_ROWS = 10
NEGLIGIBLE_MASS = 1e-100  # share of all weights: balancing a class so light would overflow


def check_same_length(X: Any, labels: np.ndarray, *, name: str = "y", table: str = "X") -> None:
    """Refuse labels that are not one for each row of `X`; `name` and `table` are what messages call both.

    Raises
    ------
    ValueError
        If there are more or fewer.
    """
    n_rows, n_labels = num_samples(X), len(labels)
    if n_rows != n_labels:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{n_rows}, {n_labels}]. "
            f"{table} has {n_rows:,} rows, and {name} has {n_labels:,} labels. Pass one label for each row."
        )


def read_target(y: ArrayLike, X: Any, *, name: str = "y", table: str = "X") -> np.ndarray:
    """Check a classification target and return it as a one-dimensional array of labels.

    Messages call it `name`, and the rows that it belongs to `table`.

    Raises
    ------
    ValueError
        If `y` is missing, continuous, holds missing values, is not one-dimensional, or differs from `X` in length.
    TypeError
        If it mixes strings with other labels, holds objects that are neither numbers nor strings, or is a lazy frame.
    """
    if y is None:
        raise ValueError(
            f"This BalancedNNClassifier estimator requires y to be passed, but the target {name} is None. "
            "Pass one label per row."
        )
    check_computed(y, name)
    found = _as_array(y)
    if found.ndim == 2 and found.shape[1] > 1:
        raise _several_columns(found, name)
    labels = column_or_1d(found, warn=True)
    check_same_length(X, labels, name=name, table=table)
    missing = find_missing(labels)
    if missing.any():
        raise ValueError(
            f"Input {name} contains NaN or None in {missing.sum()} of {len(labels)} rows. "
            "Remove these rows: a label cannot be imputed."
        )
    labels = _plain_type(labels, name, is_list=isinstance(y, list | tuple))
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for {labels.dtype!r}. Remove these rows."
        )
    check_classification_targets(labels)
    return labels


def _as_array(y: Any) -> np.ndarray:
    """Return an array that keeps missing labels missing and integers exact."""
    if hasattr(y, "to_numpy"):
        return np.asarray(y.to_numpy())  # pandas and polars, nullable types included
    if isinstance(y, list | tuple):
        return np.array(y, dtype=object)  # of strings and NaN, NumPy would make the string "nan"
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        cells = np.array(y.data, dtype=object)
        cells[np.ma.getmaskarray(y)] = None
        return cells
    return np.asarray(y)


def _several_columns(labels: np.ndarray, name: str) -> ValueError:
    text = f"y should be a 1d array, got an array of shape {labels.shape} instead"
    if labels.dtype.kind in "biufO" and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all():
        way = f"np.asarray({name}).argmax(axis=1), or {name}.idxmax(axis=1) of a pandas frame"
        return ValueError(f"{text}: {name} is one-hot, a column for each class. Pass one label a row: {way}.")
    return ValueError(f"{text}. Pass one label a row in {name}; several labels a row are not supported.")


def find_missing(values: np.ndarray) -> np.ndarray:
    """Return which elements of an array of one dimension are missing."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind != "O":
        return np.zeros(len(values), dtype=bool)
    return np.array([is_missing(value) for value in values], dtype=bool)


def _plain_type(labels: np.ndarray, name: str, *, is_list: bool) -> np.ndarray:
    """Give objects the type that NumPy has for them, but leave an object array of strings; refuse a mixture."""
    if labels.dtype.kind != "O" or len(labels) == 0:
        return labels
    kinds = sorted({type(label).__name__ for label in labels})
    is_text = [isinstance(label, str) for label in labels]
    if all(is_text) and not is_list:
        return labels
    if any(is_text) and not all(is_text):
        raise TypeError(
            f"{name} mixes labels of the types {', '.join(kinds)}, which cannot be sorted. Convert them to one type."
        )
    plain = str | bytes | Real | np.bool_ | np.datetime64
    odd = next((label for label in labels if not isinstance(label, plain)), None)
    if odd is not None:
        whole = isinstance(odd, Decimal) and all(label == int(label) for label in labels)
        way = "label.name" if isinstance(odd, Enum) else "int(label)" if whole else "str(label)"
        raise TypeError(
            f"{name} holds labels of the type {type(odd).__name__}, such as {odd!r}; a label must be a string, a whole "
            f"number or a boolean. Convert them: [{way} for label in {name}]."
        )
    return np.array(labels.tolist())


def find_classes(labels: np.ndarray) -> np.ndarray:
    """Return the sorted labels.

    Raises
    ------
    ValueError
        If there is only one.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"y holds 1 class, {classes[0]!s}; a classifier needs rows of at least two classes. "
            "Check how the data was selected or split."
        )
    return classes


def read_classes(y: ArrayLike, X: Any) -> tuple[IntArray, np.ndarray]:
    """Return the class of each row as an index, and the sorted labels; see `read_target` and `find_classes`."""
    labels = read_target(y, X)
    classes = find_classes(labels)
    return np.searchsorted(classes, labels), classes


def encode_labels(labels: np.ndarray, classes: np.ndarray, *, name: str) -> IntArray:
    """Turn labels into indices of `classes`.

    Raises
    ------
    ValueError
        If a label is not in `classes`.
    """
    unknown = ~np.isin(labels, classes)
    if unknown.any():
        raise ValueError(
            f"{name} holds {quoted(labels[unknown][0])}, which is not a class of the training data; these are "
            f"{listed_labels(classes)}. "
            f"Check that the labels have the same type, or remove these {unknown.sum()} rows."
        )
    return np.searchsorted(classes, labels)


def read_weights(
    sample_weight: ArrayLike | None, X: Any, *, name: str = "sample_weight", table: str = "X"
) -> FloatArray:
    """Return float64 weights, one a row; ones where None was passed. `name` and `table` are those of messages.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, or their number is not that of the rows.
    """
    n_rows = num_samples(X)
    if sample_weight is None:
        return np.ones(n_rows)
    weights = check_array(sample_weight, dtype=np.float64, ensure_2d=False, copy=True, input_name=name)
    if weights.shape != (n_rows,):
        raise ValueError(f"{name} has shape {weights.shape}; {table} has {n_rows} rows. Give one weight per row.")
    if (weights < 0).any():
        raise ValueError(
            f"{name} holds {(weights < 0).sum()} negative weights, the lowest {weights.min():g}. "
            "Weights must be 0 or larger; a row of weight 0 is left out."
        )
    if not weights.any():
        raise ValueError(
            f"{name} is zero for every row, so nothing is left to learn from. Give some rows a positive weight."
        )
    with np.errstate(over="ignore"):
        too_large = not np.isfinite(weights.sum())
    return weights / weights.max() if too_large else weights


def check_every_class_weighs(y: IntArray, weights: FloatArray, classes: np.ndarray) -> None:
    """Refuse weights that take a class away as a whole.

    Raises
    ------
    ValueError
        If all rows of a class have weight 0.
    """
    mass = np.bincount(y, weights=weights, minlength=len(classes))
    lost = classes[mass <= NEGLIGIBLE_MASS * mass.sum()]
    if len(lost) > 0:
        raise ValueError(
            f"sample_weight is zero for every row of class {listed(map(str, lost), MOST_LABELS)}. "
            "Remove these rows from X and y, or give them a positive weight."
        )


def target_notes(class_rows: IntArray, classes: np.ndarray) -> tuple[Warning, ...]:
    """Warn where the labels look like a quantity: many different numbers, with few rows of each.

    Examples
    --------
    >>> target_notes(np.full(10, 2), np.arange(10)), len(target_notes(np.full(40, 3), np.arange(40)))
    ((), 1)
    """
    if len(classes) <= MOST_NUMBERED_CLASSES or classes.dtype.kind not in "iuf":
        return ()
    median, scattered = float(np.median(class_rows)), float(np.mean(class_rows <= 2))
    if median >= FEW_ROWS and not (median < 2 * FEW_ROWS and scattered > 0.1):
        return ()
    return (
        UserWarning(
            f"y holds {len(classes):,} different numbers in {class_rows.sum():,} rows, half of them in at most "
            f"{median:.0f} rows: it looks like a quantity, and each number is taken for a class. Use a regressor, or "
            "cut it into classes (pandas.cut); if the numbers name classes, pass them as strings."
        ),
    )


def check_named_classes(named: Collection[Label], classes: Sequence[Label], name: str) -> None:
    """Refuse a setting by label that names what is no class, unless it is plainly one for more classes than there are.

    A fold of a cross-validation may lack a class: where every class that is present is named, further labels of the
    same kind are allowed.

    Raises
    ------
    ValueError
        If a label is of another kind than the classes, or if a class is not named though a label is that is none.

    Examples
    --------
    >>> check_named_classes({0: 1, 1: 5, 2: 20}, [0, 1], "class_weight")
    """
    absent = [label for label in named if label not in classes]
    if not absent:
        return
    which = f"{name} names {listed_labels(absent)}, which {'is' if len(absent) == 1 else 'are'} not in y; "
    which += f"y holds {listed_labels(classes)}. "
    kinds = set(map(label_kind, classes))
    foreign = [label for label in absent if label_kind(label) not in kinds]
    if foreign:
        types = type(foreign[0]).__name__, type(plain_label(classes[0])).__name__
        raise ValueError(
            f"{which}{quoted(foreign[0])} is of type {types[0]}, and the labels of y of type {types[1]}: "
            "they must have the same type."
        )
    unnamed = [label for label in classes if label not in named]
    if unnamed:
        raise ValueError(
            f"{which}Remove it, or name {listed_labels(unnamed)} too: where every class that is present is named, "
            "further ones are ignored."
        )


def plain_label(label: Label) -> Label:
    """Return a label as a value of Python, not of NumPy."""
    return label.item() if isinstance(label, np.generic) else label


def in_class_order(values: Any, classes: Sequence[Label], name: str, *, further: bool = False) -> Any:
    """Bring what pandas labels by class into the order of the classes; anything else is taken to be in it.

    Parameters
    ----------
    values : Series or DataFrame whose index (and columns) hold the labels, or any other object
        A default index, 0, 1, ..., over other labels says nothing, and the order stays.
    classes : sequence
        Class labels.
    name : str
        What the caller passed it as, for messages.
    further : bool, default=False
        Whether there may be labels of further classes, which are left out.

    Raises
    ------
    ValueError
        If there are labels, but not those of the classes, each once.
    """
    if not hasattr(values, "to_numpy") or callable(getattr(values, "index", len)):
        return values
    result = np.asarray(values.to_numpy())
    for axis, index in enumerate([values.index, *([values.columns] if result.ndim == 2 else [])]):
        labels = index.tolist()
        once = len(set(labels)) == len(labels) and (further or len(labels) == len(classes))
        if once and set(labels) >= set(classes):
            result = result.take([labels.index(label) for label in classes], axis=axis)
        elif labels != list(range(len(labels))):
            raise ValueError(
                f"{name} is labelled {labels!r}; it needs each of the classes {list(classes)!r} once. "
                "Use these labels, or pass an array in the order of classes_."
            )
    return result
