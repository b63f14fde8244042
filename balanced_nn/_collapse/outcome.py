"""Did a classifier collapse on these rows? The one definition that every other part of the package calls."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

# Healthy networks spread by 0.3 to 0.5, under-trained ones by down to 0.05, collapsed ones by 1e-16 to 1e-3 (measured).
CONSTANT_SPREAD = 1e-3
# Above this area under the ROC curve the scores order the rows: a constant prediction is then a matter of the decision.
THRESHOLD_ROC_AUC = 0.65
# A class that is rarer than this, or has fewer rows, can have recall 0 by chance.
MISSING_MIN_SHARE = 0.05
MISSING_MIN_ROWS = 5
# With more than ten classes an even share comes near 5 %; half of it takes the place of MISSING_MIN_SHARE there.
MISSING_MIN_PART_OF_EVEN_SHARE = 0.5
# A class without a row in the part takes this fraction of the share of the rarest class that has one.
_ABSENT_FRACTION = 0.5


class Outcome(StrEnum):
    """What a classifier did on a part of the data."""

    HEALTHY = "healthy"
    CONSTANT = "constant"
    ONE_CLASS = "one_class"
    MISSING = "missing"
    THRESHOLD = "threshold"
    WORSE_THAN_REFERENCE = "worse_than_reference"
    NO_SIGNAL = "no_signal"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class OutcomeReport:
    """The outcome on one part of the data, with the numbers that it rests on.

    Rows of weight 0 are left out everywhere; shares and recalls are weighted, `n_rows` counts rows.

    Attributes
    ----------
    outcome : Outcome
        What happened.
    n_rows : int
        Number of rows with a positive weight.
    spread : float
        Maximum over classes of the standard deviation over rows of the uniform-prior probability, in [0, 0.5].
        0.0 where there is no row or where a probability is not finite.
    class_spread : tuple of float
        The same deviation of each class, by class index.
    roc_auc : float or None
        Area under the ROC curve of the uniform-prior probabilities; for several classes the mean of one-versus-rest
        over the classes present. None where the part holds fewer than two classes or a probability is not finite.
    true_share : tuple of float
        Share of each class among the rows, by class index; sums to 1.
    predicted_share : tuple of float
        Share of each class among the predictions, by class index; sums to 1.
    recall : tuple of (float or None)
        Share of the rows of each class that is predicted correctly, by class index; None for a class without rows.
    missing_classes : tuple of int
        Indices of the classes that have recall 0 although they hold at least 5 % of the weight and 5 rows.
        Always empty for a part with fewer than two classes.
    class_rows : tuple of int
        Number of rows of each class with a positive weight.
    ranking : float or None
        Balanced accuracy of the balanced decision over the same probabilities; None where `roc_auc` is.
    """

    outcome: Outcome
    n_rows: int
    spread: float
    class_spread: tuple[float, ...]
    roc_auc: float | None
    true_share: tuple[float, ...]
    predicted_share: tuple[float, ...]
    recall: tuple[float | None, ...]
    missing_classes: tuple[int, ...]
    class_rows: tuple[int, ...]
    ranking: float | None

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A format that knows no enumerations, such as that of skops, gives the text of the outcome.
        self.__dict__.update(state, outcome=Outcome(state["outcome"]))

    @property
    def collapsed(self) -> bool:
        """Whether training failed. THRESHOLD is a matter of the decision, NO_SIGNAL of the data, UNKNOWN of none."""
        return self.outcome in _FAILURES

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have rows; NaN without rows."""
        return _mean_recall(self.recall)

    @property
    def chance(self) -> float:
        """Balanced accuracy of a constant answer: one over the number of classes that have rows."""
        return 1.0 / max(1, sum(rows > 0 for rows in self.class_rows))

    @property
    def standard_error(self) -> float:
        """Standard error of a balanced accuracy at chance on these rows."""
        rows = np.asarray(self.class_rows, dtype=np.float64)
        rows = rows[rows > 0]
        variance = self.chance * (1.0 - self.chance) / rows
        return float(np.sqrt(variance.sum()) / max(1, rows.size))


_FAILURES = frozenset({Outcome.CONSTANT, Outcome.ONE_CLASS, Outcome.MISSING, Outcome.WORSE_THAN_REFERENCE})


def find_outcome(
    y: ArrayLike,
    proba: ArrayLike,
    predicted: ArrayLike | None = None,
    *,
    prior: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> OutcomeReport:
    """Decide whether the answers on held-out rows are a collapse, and of which kind.

    Parameters
    ----------
    y : array-like of int of shape (n_samples,)
        True class indices, in [0, n_classes).
    proba : array-like of shape (n_samples, n_classes)
        Predicted probabilities; each row sums to 1.
    predicted : array-like of int of shape (n_samples,) or None, default=None
        Predicted class indices. None takes the largest uniform-prior probability, which is the balanced decision.
    prior : array-like of shape (n_classes,) or None, default=None
        The class shares that `proba` refers to. None takes the weighted shares of `y`. A share of 0 is replaced by
        half the share of the rarest other class, because a probability cannot be divided by 0.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weight of each row; rows without a positive weight are left out. None weighs each row 1.

    Returns
    -------
    OutcomeReport

    Notes
    -----
    The uniform-prior probability of class c is ``p_c / prior_c``, divided by its sum over the classes. The rules, the
    first that holds:

    - UNKNOWN: fewer than two classes have rows, so that nothing can be told.
    - CONSTANT: the standard deviation over rows of every uniform-prior probability is under 1e-3, or a probability is
      not finite.
    - One class is predicted for all rows: THRESHOLD if the ROC AUC is above 0.65, else ONE_CLASS.
    - MISSING: recall 0 for a class with at least 5 rows and 5 % of the weight (with more than ten classes: half of an
      even share).
    - Otherwise HEALTHY.

    Examples
    --------
    >>> find_outcome([0, 0, 0, 1], [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]]).outcome.value
    'constant'
    >>> proba = [[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.6, 0.4]]
    >>> find_outcome([0, 0, 0, 1], proba, predicted=[0, 0, 0, 0]).outcome.value
    'threshold'
    >>> find_outcome([0, 0, 0, 1], proba).recall
    (1.0, 1.0)
    """
    labels, probabilities, answers, weight = _check_part(y, proba, predicted, sample_weight)
    n_classes = probabilities.shape[1]
    true_share = _shares(labels, weight, n_classes)
    uniform = uniform_prior_proba(probabilities, true_share if prior is None else prior)
    if answers is None:
        answers = uniform.argmax(axis=1)
    finite = bool(np.isfinite(uniform).all())
    n_rows_of = np.bincount(labels, minlength=n_classes)
    several = bool(np.count_nonzero(n_rows_of) >= 2)
    recall = _recall(labels, answers, weight, n_classes)
    missing = _missing(recall, true_share, n_rows_of) if several else ()
    class_spread = _spread(uniform, weight) if finite else np.zeros(n_classes)
    spread = float(class_spread.max(initial=0.0))
    roc_auc = _roc_auc(labels, uniform, weight) if finite and several else None
    balanced = _recall(labels, uniform.argmax(axis=1), weight, n_classes) if roc_auc is not None else ()
    one_class = np.unique(answers).size == 1
    return OutcomeReport(
        outcome=_name(several, spread, roc_auc, one_class, missing),
        n_rows=int(labels.size),
        spread=spread,
        class_spread=tuple(class_spread.tolist()),
        roc_auc=roc_auc,
        true_share=tuple(true_share.tolist()),
        predicted_share=tuple(_shares(answers, weight, n_classes).tolist()),
        recall=recall,
        missing_classes=missing,
        class_rows=tuple(n_rows_of.tolist()),
        ranking=_mean_recall(balanced) if balanced else None,
    )


def uniform_prior_proba(proba: ArrayLike, prior: ArrayLike) -> NDArray[np.float64]:
    """Return the probabilities that would hold if all classes were equally frequent.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Probabilities at the class frequencies `prior`.
    prior : array-like of shape (n_classes,)
        Class shares; a share of 0 is replaced by half the share of the rarest other class.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to 1. A row whose probabilities are all 0 becomes NaN.

    Examples
    --------
    >>> uniform_prior_proba([[0.9, 0.1]], [0.9, 0.1])
    array([[0.5, 0.5]])
    """
    shares = np.asarray(prior, dtype=np.float64)
    present = shares > 0
    if not present.any():
        shares = np.ones_like(shares)
    elif not present.all():
        shares = np.where(present, shares, _ABSENT_FRACTION * shares[present].min())
    # the smallest share as numerator keeps every factor in (0, 1]: nothing overflows
    ratio = np.clip(np.asarray(proba, dtype=np.float64), 0.0, None) * (shares.min() / shares)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ratio / ratio.sum(axis=1, keepdims=True))


def _name(several: bool, spread: float, roc_auc: float | None, one_class: bool, missing: tuple[int, ...]) -> Outcome:
    if not several:
        return Outcome.UNKNOWN
    if roc_auc is None or spread < CONSTANT_SPREAD:
        return Outcome.CONSTANT
    if one_class:
        return Outcome.THRESHOLD if roc_auc > THRESHOLD_ROC_AUC else Outcome.ONE_CLASS
    return Outcome.MISSING if missing else Outcome.HEALTHY


def _check_part(
    y: ArrayLike, proba: ArrayLike, predicted: ArrayLike | None, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp] | None, NDArray[np.float64]]:
    """Return y, proba, predicted and weight over the rows with a positive weight, the largest weight being 1."""
    probabilities = np.asarray(proba, dtype=np.float64)
    n_samples = len(probabilities)
    labels = _check_indices("y", y, n_samples)
    answers = None if predicted is None else _check_indices("predicted", predicted, n_samples)
    if sample_weight is None:
        return labels, probabilities, answers, np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but proba has {n_samples} rows. Pass one weight for each row."
        )
    keep = weight > 0
    labels, probabilities, weight = labels[keep], probabilities[keep], weight[keep]
    if keep.any():
        weight = weight / weight.max()  # so that no sum of weights overflows
    return labels, probabilities, None if answers is None else answers[keep], weight


def _check_indices(name: str, values: ArrayLike, n_samples: int) -> NDArray[np.intp]:
    indices = np.asarray(values)
    if indices.shape != (n_samples,):
        raise ValueError(
            f"{name} has shape {indices.shape}, but proba has {n_samples} rows. Pass one class index for each row."
        )
    return indices.astype(np.intp)


def _shares(labels: NDArray[np.intp], weight: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    if not labels.size:
        return np.zeros(n_classes)
    total = np.bincount(labels, weights=weight, minlength=n_classes)
    return np.asarray(total / total.sum())


def _recall(
    y: NDArray[np.intp], predicted: NDArray[np.intp], weight: NDArray[np.float64], n_classes: int
) -> tuple[float | None, ...]:
    total = np.bincount(y, weights=weight, minlength=n_classes)
    right = np.bincount(y, weights=weight * (predicted == y), minlength=n_classes)
    return tuple(float(r / t) if t > 0 else None for r, t in zip(right, total, strict=True))


def _mean_recall(recall: tuple[float | None, ...]) -> float:
    """Balanced accuracy: the mean over the classes that have rows; NaN without rows."""
    found = [value for value in recall if value is not None]
    return float(np.mean(found)) if found else float("nan")


def _missing(
    recall: tuple[float | None, ...], true_share: NDArray[np.float64], n_rows_of: NDArray[np.intp]
) -> tuple[int, ...]:
    enough = min(MISSING_MIN_SHARE, MISSING_MIN_PART_OF_EVEN_SHARE / len(recall))
    counts = (true_share >= enough) & (n_rows_of >= MISSING_MIN_ROWS)
    return tuple(c for c, value in enumerate(recall) if value == 0.0 and counts[c])


def _spread(uniform: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    if not weight.size:
        return np.zeros(uniform.shape[1])
    share = weight / weight.sum()
    deviation = uniform - share @ uniform
    return np.sqrt(share @ deviation**2)


def _roc_auc(y: NDArray[np.intp], uniform: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    n_classes = uniform.shape[1]
    # with two classes both one-versus-rest curves are the same one
    judged = [1] if n_classes == 2 else np.unique(y).tolist()
    return float(np.mean([roc_auc_score(y == c, uniform[:, c], sample_weight=weight) for c in judged]))
