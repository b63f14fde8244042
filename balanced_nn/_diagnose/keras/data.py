"""How are rows, labels and outputs of a given Keras model read?"""

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from balanced_nn._causes.evidence import NetworkFacts
from balanced_nn._typing import FloatArray, IntArray, Rows

DATASET_ROWS = 5_000
ROWS_OF_A_CLASS = 20  # that are drawn in any case, as far as a class has them
# Rows that are read of a dataset that never ends, and of one that does not say whether it does.
ENDLESS_ROWS, UNCERTAIN_ROWS = 100_000, 1_000_000
HINGES = ("hinge", "squared_hinge")
_LABELS_OF = {"X": "y", "X_val": "y_val", "X_train": "y_train"}


@dataclass(frozen=True, eq=False)
class KerasRows:
    """Rows as a Keras model reads them, and class indices."""

    X: Rows  # trained on
    y: IntArray
    X_val: Rows  # judged; the very same object as `X` where no others are given
    y_val: IntArray
    n_classes: int
    weight_val: FloatArray | None = None
    bad_labels: str = ""  # what is wrong with them


@dataclass(frozen=True, eq=False)
class ReadRows:
    """Rows and labels as arrays, and which of all rows that were given they are."""

    X: Rows
    labels: NDArray[Any]
    numbers: IntArray | slice
    n_given: int
    own_weight: FloatArray | None = None  # that a dataset gives along with them

    def weights(self, given: ArrayLike | None, name: str) -> FloatArray | None:
        """Weights of these rows: out of those of all rows, or else the dataset's own."""
        if given is None:
            return self.own_weight
        if len(np.atleast_1d(given)) != self.n_given:
            raise ValueError(
                f"{name} has {len(np.atleast_1d(given))} entries for {self.n_given} rows. Pass one for each row."
            )
        weights: FloatArray = np.asarray(given)[self.numbers]
        return weights


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Rows of a dataset, a random number for each, and what goes with it."""

    X: Rows
    labels: NDArray[Any]
    lot: FloatArray
    number: IntArray
    weight: FloatArray


def class_probabilities(outputs: FloatArray, facts: NetworkFacts) -> FloatArray:
    """Turn the outputs of a model into one probability per class, as its users would read them.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_outputs)
        What ``model.predict`` gives.
    facts : NetworkFacts
        Tells logits from probabilities.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Numbers that are not finite stay so.
    """
    proba = _probabilities(np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1), facts)
    unknown = max(0, facts.n_classes - proba.shape[1])  # classes that no output stands for
    return np.pad(proba, ((0, 0), (0, unknown)))


def _probabilities(values: FloatArray, facts: NetworkFacts) -> FloatArray:
    logits = facts.from_logits and facts.output_activation == "linear"
    if values.shape[1] == 1:
        if logits:
            p = expit(values[:, 0])
        elif facts.loss in HINGES and facts.output_activation in {"tanh", "linear"}:
            p = (np.clip(values[:, 0], -1.0, 1.0) + 1.0) / 2.0
        else:
            p = np.clip(values[:, 0], 0.0, 1.0)
        return np.column_stack([1.0 - p, p])
    with np.errstate(all="ignore"):
        if logits:
            return np.asarray(softmax(values, axis=1))
        positive = np.clip(values, 1e-12, None)
        return np.asarray(positive / positive.sum(axis=1, keepdims=True))


def decide(proba: FloatArray) -> IntArray:
    """Answer the most probable class; a tie, and what is not finite, goes to the first."""
    return np.nan_to_num(proba, nan=0.0).argmax(axis=1)


def encode_labels(y: IntArray, facts: NetworkFacts) -> FloatArray:
    """Labels in the form that the loss of a model expects."""
    loss = facts.loss or ""
    if facts.n_outputs == 1:
        labels = 2.0 * y - 1.0 if loss in HINGES else y.astype(np.float64)
        return labels[:, None].astype(np.float32)
    if loss.startswith("sparse"):
        return y.astype(np.int32)
    one_hot: FloatArray = (np.arange(facts.n_outputs) == y[:, None]).astype(np.float32)
    return one_hot


def materialise(X: Rows, y: ArrayLike | None, *, name: str) -> ReadRows:
    """Read rows and labels as arrays; of a dataset 5,000 rows, drawn from all of it.

    Parameters
    ----------
    X : array, nested arrays or tf.data.Dataset
        The rows.
    y : array-like or None
        The labels; None with a dataset.
    name : {"X", "X_val", "X_train"}
        What the rows are called in messages.

    Raises
    ------
    ValueError
        If arrays come without labels or with another number of them, a dataset without batches of pairs, or labels
        are numbers that are not whole.
    """
    labels_name = _LABELS_OF[name]
    if isinstance(X, tf.data.Dataset):
        if y is not None:
            raise ValueError(f"{name} is a tf.data.Dataset, which contains its own labels. Pass {labels_name}=None.")
        read = _draw_rows(X, name)
        labels_name = f"the dataset {name}"
    elif y is None:
        raise ValueError(
            f"{labels_name} is None. Pass one label for each row of {name}; only a tf.data.Dataset contains its own."
        )
    else:
        table = isinstance(X, list) and np.ndim(keras.tree.flatten(X)[0]) == 0  # nested lists of numbers
        labels = np.asarray(y)
        read = ReadRows(np.asarray(X) if table else X, labels, slice(None), len(np.atleast_1d(labels)))
    rows, labels = keras.tree.map_structure(_as_numbers, read.X), read.labels
    for part in keras.tree.flatten(rows):
        if part.ndim == 0 or labels.ndim == 0 or len(part) != len(labels):
            raise ValueError(
                f"{name} has rows of shape {part.shape}, but the labels ({labels_name}) have shape {labels.shape}. "
                "Pass arrays with one label for each row."
            )
    _check_labels(labels, labels_name)
    return replace(read, X=rows)


def _draw_rows(dataset: tf.data.Dataset, name: str) -> ReadRows:
    """Draw rows from all batches with equal chances, in their order, while at most twice as many are in memory."""
    rng = np.random.default_rng(0)
    endless = dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    most = ENDLESS_ROWS if endless else UNCERTAIN_ROWS if dataset.cardinality() < 0 else np.inf
    parts: list[_Drawn] = []
    n_held = n_read = 0
    weighted = False
    for batch in dataset:
        if not isinstance(batch, tuple) or len(batch) < 2:
            raise ValueError(f"{name} must give batches of (rows, labels); got {type(batch).__name__}.")
        labels = np.asarray(batch[1])
        if labels.ndim == 0:
            raise ValueError(f"{name} gives single rows. Pass {name}.batch(32), as model.fit needs it too.")
        n_rows, weighted = len(labels), len(batch) > 2
        weight = np.asarray(batch[2] if weighted else np.ones(n_rows), dtype=np.float64)
        if weight.size != n_rows:
            raise ValueError(f"{name} gives weights of shape {weight.shape} for {n_rows} rows. Pass one for each row.")
        X, numbers = keras.tree.map_structure(np.asarray, batch[0]), np.arange(n_read, n_read + n_rows)
        parts.append(_Drawn(X, labels, rng.random(n_rows), numbers, weight.ravel()))
        n_held, n_read = n_held + n_rows, n_read + n_rows
        if n_held > 2 * DATASET_ROWS:
            parts = [_thinned(parts)]
            n_held = len(parts[0].labels)
        if n_read >= most:
            break
    if not parts:
        raise ValueError(f"{name} is an empty tf.data.Dataset. Pass one that gives rows.")
    drawn = _thinned(parts)
    return ReadRows(drawn.X, drawn.labels, drawn.number, n_read, drawn.weight if weighted else None)


def _thinned(parts: list[_Drawn]) -> _Drawn:
    """Put batches together and keep the rows of the lowest lots: of all rows, and some of each class."""
    X = keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *(part.X for part in parts))
    labels, lot, number, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "lot", "number", "weight")
    )
    joined = _Drawn(X, labels, lot, number, weight)
    if len(labels) <= DATASET_ROWS:
        return joined
    y, classes = class_indices(labels)
    order = np.lexsort((lot, y))
    rank = np.arange(len(y)) - np.searchsorted(y[order], y[order])  # of a row within its class
    kept = lot <= np.partition(lot, DATASET_ROWS - 1)[DATASET_ROWS - 1]
    kept[order[rank < min(ROWS_OF_A_CLASS, max(1, DATASET_ROWS // len(classes)))]] = True
    chosen = np.flatnonzero(kept)
    return _Drawn(take_rows(X, chosen), labels[chosen], lot[chosen], number[chosen], weight[chosen])


def _as_numbers(part: ArrayLike) -> NDArray[Any]:
    """An array; floats as float32, and so the cells of a DataFrame with columns of several kinds."""
    values = np.asarray(part)
    if values.dtype.kind == "O" and hasattr(part, "columns"):
        try:
            return values.astype(np.float32)
        except (TypeError, ValueError):
            return values
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _check_labels(labels: NDArray[Any], name: str) -> None:
    if not len(labels):
        raise ValueError(f"{name} holds no labels. Pass at least one row of each class.")
    one_hot = labels.ndim > 1 and labels.shape[1] > 1
    if labels.dtype.kind != "f" or one_hot:
        return
    broken = labels[np.isfinite(labels) & (labels != np.round(labels))]
    if broken.size:
        raise ValueError(
            f"{name} holds numbers that are not whole, such as {broken.flat[0]:g}; a diagnosis is for classifiers. "
            "Pass class labels."
        )


def class_indices(labels: ArrayLike, classes: tuple[Any, ...] | None = None) -> tuple[IntArray, tuple[Any, ...]]:
    """Class indices and classes of labels of any kind; one-hot rows give the number of the column.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
        The labels.
    classes : tuple or None, default=None
        The classes that are known already.

    Raises
    ------
    ValueError
        For a label that is not among `classes`.
    """
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] > 1:
        return values.argmax(axis=1), tuple(range(values.shape[1]))
    found, positions = np.unique(values.ravel(), return_inverse=True)
    if classes is None:
        classes = tuple(found.tolist())
    index = {_key(label): i for i, label in enumerate(classes)}
    strange = [label for label in found.tolist() if _key(label) not in index]
    if strange:
        raise ValueError(
            f"The rows for evaluation are labelled {', '.join(map(str, strange[:5]))}, which are not among the classes "
            f"{', '.join(map(str, classes[:10]))}. Pass labels of the same kind as in training."
        )
    numbers = np.array([index[_key(label)] for label in found.tolist()], dtype=np.intp)
    return numbers[positions.ravel()], classes


def _key(label: Any) -> Any:
    return "NaN" if label != label else label


def known_classes(labels: ArrayLike, facts: NetworkFacts) -> tuple[Any, ...]:
    """The classes of the labels, and one for each output that has none."""
    classes = class_indices(labels)[1]
    numbers = np.asarray(classes)
    whole = numbers.dtype.kind in "iufb" and bool(np.isfinite(numbers).all())
    whole = whole and bool((numbers == numbers.astype(int)).all() and (numbers >= 0).all())
    n_known = max(2, facts.n_outputs)
    if whole and numbers.max() < n_known:
        return tuple(range(n_known))
    return (*classes, *(f"output {i}" for i in range(len(classes), n_known)))


def find_bad_labels(labels: ArrayLike, facts: NetworkFacts) -> str:
    """Say what keeps the loss of a model from understanding the labels; empty where nothing does."""
    values = np.asarray(labels)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "labels hold NaN or infinity"
    if (values.ndim == 2 and values.shape[1] > 1) or values.dtype.kind not in "iufb":
        return ""
    lowest, highest = values.min(), values.max()
    if lowest == highest:
        return "all rows have the same label"
    if facts.loss in HINGES or facts.loss is None:
        return ""
    largest = 1 if facts.n_outputs == 1 else facts.n_outputs - 1
    n_found = len(np.unique(values))
    if lowest == 0 and n_found == highest + 1 > largest + 1:
        return ""  # sound class indices, of which the network has too few outputs
    if lowest < 0 or highest > largest:
        return f"labels run from {lowest:g} to {highest:g}, but {facts.n_outputs} output(s) need 0 to {largest}"
    return ""


def take_rows(X: Rows, rows: IntArray) -> Rows:
    """Rows of one array, or of each array of a nested structure."""
    return keras.tree.map_structure(lambda part: np.asarray(part)[rows], X)


def as_matrix(X: Rows) -> FloatArray:
    """All numeric inputs side by side; float64."""
    parts = [np.asarray(part) for part in keras.tree.flatten(X)]
    numeric = [part.reshape(len(part), -1).astype(np.float64) for part in parts if part.dtype.kind in "fiub"]
    if not numeric:
        raise ValueError(
            f"X holds {parts[0].dtype} instead of numbers, which a diagnosis cannot read. "
            "Pass the output of the layers that turn them into numbers, and a model without those layers."
        )
    return np.hstack(numeric)
