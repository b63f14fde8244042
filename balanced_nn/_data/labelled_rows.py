"""Which rows of a table count, with which class and which weight? Step 1 of a fit."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from balanced_nn._data.column_checks import SuspiciousColumn, column_notes, suspicious_columns
from balanced_nn._data.dataset import class_frequencies
from balanced_nn._data.names import MOST_LABELS, listed
from balanced_nn._data.table import Table, is_missing, read_table
from balanced_nn._data.target import (
    check_every_class_weighs,
    encode_labels,
    read_classes,
    read_target,
    read_weights,
    target_notes,
)
from balanced_nn._typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """The rows of a table that have weight, with their class indices and weights."""

    table: Table
    rows: IntArray
    y: IntArray
    weight: FloatArray
    classes: np.ndarray
    groups: IntArray | None = None  # number of the group of each row; None where each stands for itself
    suspicious: tuple[SuspiciousColumn, ...] = ()  # columns that are likely not what they should be

    @property
    def prior(self) -> FloatArray:
        """Class frequencies by weight."""
        return class_frequencies(self.y, self.weight, len(self.classes))

    @property
    def notes(self) -> tuple[Warning, ...]:
        """What the user should be warned of about the table and its labels."""
        return column_notes(self.suspicious) + target_notes(np.bincount(self.y), self.classes)

    def take(self, chosen: IntArray) -> "LabelledRows":
        """Return some of the rows."""
        groups = None if self.groups is None else self.groups[chosen]
        return LabelledRows(self.table, self.rows[chosen], self.y[chosen], self.weight[chosen], self.classes, groups)

    def names(self, indices: IntArray | tuple[int, ...]) -> str:
        """Labels of some classes, for a message."""
        return listed((str(self.classes[i]) for i in indices), MOST_LABELS)


def read_rows(
    estimator: BaseEstimator,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    groups: ArrayLike | None = None,
) -> LabelledRows:
    """Step 1: check rows, labels and weights; rows of weight 0 leave. Sets ``n_features_in_`` on `estimator`."""
    table = read_table(estimator, X, reset=True)
    codes, classes = read_classes(y, X)
    weight = read_weights(sample_weight, X)
    check_every_class_weighs(codes, weight, classes)
    numbers = None if groups is None else read_groups(groups, len(table))
    rows = _with_weight(table, codes, weight, classes, numbers)
    return replace(rows, suspicious=suspicious_columns(table))


def read_labelled(
    estimator: BaseEstimator,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    classes: np.ndarray,
    names: tuple[str, str, str] = ("X", "y", "sample_weight"),
    *,
    reset: bool = False,
) -> LabelledRows:
    """Check further rows whose labels must be among `classes`; `names` are those of the three in messages.

    With `reset` they are the first rows, which set ``n_features_in_`` on `estimator`.
    """
    table = read_table(estimator, X, reset=reset)
    rows, labels, weights = names
    codes = encode_labels(read_target(y, X, name=labels, table=rows), classes, name=labels)
    return _with_weight(table, codes, read_weights(sample_weight, X, name=weights, table=rows), classes)


def read_groups(groups: ArrayLike, n_rows: int) -> IntArray:
    """Number the groups of the rows.

    Raises
    ------
    ValueError
        If there is not one group a row, or if one is missing.

    Examples
    --------
    >>> read_groups(["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    values = np.asarray(groups)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.ravel()
    if values.shape != (n_rows,):
        raise ValueError(f"groups has shape {values.shape}, but X has {n_rows} rows. Pass one group a row.")
    missing = np.array([is_missing(value) for value in values.tolist()])
    if missing.any():
        raise ValueError(
            f"groups is missing in {np.count_nonzero(missing)} rows, first in row {int(missing.argmax())}. "
            "Give each of these rows a group of its own, or leave it out."
        )
    if values.dtype.kind == "O":
        values = values.astype(str)
    return np.unique(values, return_inverse=True)[1].astype(np.intp)


def _with_weight(
    table: Table, codes: IntArray, weight: FloatArray, classes: np.ndarray, groups: IntArray | None = None
) -> LabelledRows:
    return LabelledRows(table, np.arange(len(table)), codes, weight, classes, groups).take(np.flatnonzero(weight))
