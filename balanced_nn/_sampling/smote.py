"""How is a table turned into numbers, given synthetic rows by SMOTE, and turned back?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, indexable

from balanced_nn._data.target import find_missing
from balanced_nn._sklearn import safe_indexing
from balanced_nn._typing import BoolArray, Label, Labels, Matrix


@dataclass(frozen=True, eq=False)
class Encoded:
    """A table as numbers, with what is needed to read it back."""

    values: Matrix  # float array, or CSR/CSC matrix
    categorical: BoolArray
    levels: tuple[Labels | None, ...] = ()  # by column the values that its codes stand for; () if never coded


@dataclass(frozen=True, eq=False)
class Added:
    """The rows that SMOTE adds, in the encoding of the table."""

    rows: Matrix
    origin: NDArray[np.int64]  # the row that each repeats, -1 for a synthetic one
    label_rows: NDArray[np.int64]  # for each a row of the table that has its label
    single_row_labels: list[Label]


def synthesize(
    encoded: Encoded,
    labels: Labels,
    n_to_add: Mapping[Label, int],
    k_neighbors: int,
    random_state: int | np.random.RandomState | None,
) -> Added:
    """Let imbalanced-learn synthesize rows, and repeat the row of a class with a single one."""
    rows_of = {label: np.flatnonzero(labels == label) for label, n in n_to_add.items() if n > 0}
    single = [label for label, rows in rows_of.items() if rows.size == 1]
    wanted = {label: rows.size + n_to_add[label] for label, rows in rows_of.items() if rows.size > 1}
    values, label_rows = encoded.values[:0], np.empty(0, dtype=np.int64)
    if wanted:
        k_neighbors = min(k_neighbors, *(rows_of[label].size - 1 for label in wanted))
        arguments = {"sampling_strategy": wanted, "k_neighbors": k_neighbors, "random_state": random_state}
        resampled, resampled_labels = _smote(encoded.categorical, arguments).fit_resample(encoded.values, labels)
        values = resampled[labels.size :]
        first_row = {label: rows[0] for label, rows in rows_of.items()}
        label_rows = np.array([first_row[label] for label in resampled_labels[labels.size :]], dtype=np.int64)
    repeated = np.concatenate([np.repeat(rows_of[label], n_to_add[label]) for label in single] or [label_rows[:0]])
    return Added(
        rows=_stack(values, encoded.values[repeated]) if repeated.size else values,
        origin=np.concatenate([np.full(label_rows.size, -1), repeated]),
        label_rows=np.concatenate([label_rows, repeated]),
        single_row_labels=single,
    )


def _smote(categorical: BoolArray, arguments: Mapping[str, Any]) -> SMOTE:
    if not categorical.any():
        return SMOTE(**arguments)
    if categorical.all():
        return SMOTEN(**arguments)
    return SMOTENC(np.flatnonzero(categorical).tolist(), **arguments)


def is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def _column_kind(dtype: Any) -> str:
    """Return "float", "integer", "category" or "other" for a NumPy, pandas or polars type."""
    kind = getattr(dtype, "kind", None)
    if kind is not None:
        return {"f": "float", "i": "integer", "u": "integer"}.get(kind, "category" if kind in "bOUST" else "other")
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "float"
    return "other" if dtype.is_temporal() else "category"


def categorical_mask(table: Any, given: ArrayLike | None, names: Labels | None) -> BoolArray:
    """Return which columns are categorical, from mask, indices or names, or from the column types."""
    n_features = table.shape[1]
    if given is None:
        if is_frame(table):
            return np.array([_column_kind(dtype) == "category" for dtype in table.dtypes], dtype=bool)
        return np.full(n_features, table.dtype.kind == "b")
    wanted = np.asarray(given)
    mask = np.zeros(n_features, dtype=bool)
    if wanted.size == 0:
        return mask
    if wanted.dtype.kind == "b":
        if wanted.shape != (n_features,):
            raise ValueError(
                f"categorical_features is a mask of shape {wanted.shape}, but X has {n_features} columns. "
                "Pass one bool for each column, or the indices of the categorical columns."
            )
        return wanted.copy()
    if wanted.dtype.kind in "iu":
        if wanted.min() < -n_features or wanted.max() >= n_features:
            raise ValueError(
                f"categorical_features holds indices from {wanted.min()!s} to {wanted.max()!s}, but X has {n_features} "
                f"columns. Pass indices from 0 to {n_features - 1}."
            )
        mask[wanted] = True
        return mask
    return _named_mask(wanted, names, mask)


def _named_mask(wanted: Labels, names: Labels | None, mask: BoolArray) -> BoolArray:
    if names is None:
        raise ValueError(
            f"categorical_features holds {wanted.ravel()[0]!s}, but the columns of X have no string names. "
            "Pass a mask or indices, or a dataframe with named columns."
        )
    unknown = [str(name) for name in wanted.ravel() if name not in set(names)]
    if unknown:
        raise ValueError(
            f"categorical_features names {', '.join(unknown)}, which X does not have; X has {', '.join(names)}. "
            "Correct the names, or pass a mask or indices."
        )
    return np.asarray(mask | np.isin(names, wanted.astype(object)))


def encode(table: Any, categorical: BoolArray, names: Labels | None) -> Encoded:
    """Return the table as numbers; refuse what SMOTE cannot interpolate."""
    if sparse.issparse(table) and categorical.any():
        raise ValueError(
            f"X is sparse and has {categorical.sum()} categorical columns, which SMOTE needs dense. Pass X.toarray()."
        )
    if is_frame(table) or table.dtype.kind not in "biuf":
        encoded = _encode_columns(table, categorical, names)
    else:
        values = table if table.dtype in (np.float32, np.float64) else table.astype(np.float64)
        encoded = Encoded(values, categorical)
    numbers = encoded.values if isinstance(encoded.values, np.ndarray) else encoded.values.data
    missing = np.isnan(numbers)
    if missing.any():
        columns = np.flatnonzero(missing.any(axis=0)).tolist() if missing.ndim == 2 else []
        raise _missing_error([_column_name(c, names) for c in columns])
    assert_all_finite(numbers, input_name="X")
    return encoded


def _encode_columns(table: Any, categorical: BoolArray, names: Labels | None) -> Encoded:
    values = np.empty(table.shape, dtype=np.float64)
    levels: list[Labels | None] = []
    for c in range(table.shape[1]):
        column, name = safe_indexing(table, c, axis=1), _column_name(c, names)
        if _has_missing(column):
            raise _missing_error([name])
        if categorical[c]:
            try:
                found, codes = np.unique(np.asarray(column), return_inverse=True)
            except TypeError as exc:
                kinds = sorted({type(value).__name__ for value in np.asarray(column)})
                raise TypeError(
                    f"Column {name} holds values of several types ({', '.join(kinds)}), which cannot be told apart as "
                    "categories. Convert the column to strings."
                ) from exc
            values[:, c] = codes
            levels.append(found)
            continue
        if _column_kind(column.dtype) == "other":
            raise ValueError(
                f"Column {name} holds {column.dtype!s}, which SMOTE cannot interpolate. "
                "Convert it to numbers, or name it in categorical_features."
            )
        values[:, c] = np.asarray(column, dtype=np.float64)
        levels.append(None)
    return Encoded(values, categorical, tuple(levels))


def _has_missing(column: Any) -> bool:
    return bool((column.isna() if hasattr(column, "isna") else find_missing(np.asarray(column))).any())


def _column_name(c: int, names: Labels | None) -> str:
    return str(c) if names is None else str(names[c])


def _missing_error(columns: Sequence[str]) -> ValueError:
    place = f" in column {', '.join(columns[:5])}" if columns else ""
    return ValueError(
        f"X contains NaN or other missing values{place}, which SMOTE cannot interpolate. "
        "Put an imputer before the resampler, or use method='over'."
    )


def append_rows(table: Any, added: Matrix, encoded: Encoded) -> Any:
    """Return the rows of the table, then the added rows, in the type of the table."""
    if is_frame(table):
        return _append_to_frame(table, added, encoded)
    if not encoded.levels:
        return _stack(table, (added if table.dtype.kind == "f" else np.rint(added)).astype(table.dtype))
    decoded = np.empty(added.shape, dtype=table.dtype)
    for c, found in enumerate(encoded.levels):
        decoded[:, c] = _decode(added[:, c], found)
    return np.vstack([table, decoded])


def _append_to_frame(table: Any, added: NDArray[np.float64], encoded: Encoded) -> Any:
    columns = []
    for c, (found, dtype) in enumerate(zip(encoded.levels, table.dtypes, strict=True)):
        new = _decode(added[:, c], found)
        if found is None and _column_kind(dtype) == "integer":
            new = np.rint(new).astype(np.int64)
        columns.append(np.concatenate([np.asarray(safe_indexing(table, c, axis=1)), new]))
    if hasattr(table, "schema"):  # polars
        return type(table)([column.tolist() for column in columns], schema=table.schema, orient="col")
    frame = type(table)(dict(enumerate(columns))).astype(dict(enumerate(table.dtypes)))
    frame.columns = table.columns
    return frame


def _decode(values: NDArray[np.floating], found: Labels | None) -> Labels:
    return values if found is None else found[np.rint(values).astype(np.intp)]


def append_labels(y: Any, label_rows: NDArray[np.int64]) -> Any:
    y = indexable(y)[0]
    n_samples = len(y)
    appended = safe_indexing(y, np.concatenate([np.arange(n_samples), label_rows]))
    return appended.reset_index(drop=True) if hasattr(appended, "reset_index") else appended


def _stack(top: Matrix, bottom: Matrix) -> Matrix:
    if isinstance(top, np.ndarray):
        return np.vstack([top, bottom])
    return sparse.vstack([top, bottom], format=top.format)
