"""What do quick, well-behaved models reach on the same rows? The yardstick for a network near chance."""

import threading
import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from balanced_nn._collapse.baseline import Reference
from balanced_nn._data.dataset import Dataset, thin_out
from balanced_nn._probability.correction import balanced_accuracy
from balanced_nn._sampling.weights import class_frequencies
from balanced_nn._sklearn import threadpool_controller
from balanced_nn._typing import FloatArray, IntArray

REFERENCE_ROWS = 2_000  # of a class, at most
TREES, LEAVES = 40, 15
FOLDS = 3
_ONE_AT_A_TIME = threading.Lock()


def find_reference(train: Dataset, judged: Dataset | None, n_classes: int) -> Reference | None:
    """Judge quick models on the judged rows, or by cross-validation on the training rows where there are none.

    None where the training rows hold a single class, or too few rows of one for a cross-validation.
    """
    if len(np.unique(train.y)) < 2:
        return None
    return _cross_validated(train, n_classes) if judged is None else quick_reference(train, judged, n_classes)


def quick_reference(train: Dataset, judged: Dataset, n_classes: int) -> Reference:
    """Train logistic regression and small boosted trees with balanced classes, and judge them.

    Parameters
    ----------
    train : Dataset
        Rows to train on; NaN and infinity are allowed.
    judged : Dataset
        Rows to judge on.
    n_classes : int
        Number of classes.

    Returns
    -------
    Reference
        Balanced accuracies.
    """
    seen, weight = thin_out(train.y, train.weight, REFERENCE_ROWS)
    X, y = train.X[train.rows[seen]], train.y[seen]
    prior = class_frequencies(y, weight, n_classes)
    weight = weight / prior[y]
    weight *= len(weight) / weight.sum()
    tested = judged.X[judged.rows]
    # On so few rows threads cost more than they bring: beside other busy processes, half a minute instead of a second.
    # The lock: two overlapping limits in two threads would be taken back in the wrong order.
    with _ONE_AT_A_TIME, threadpool_controller().limit(limits=1):
        answers = _linear(X, y, weight, tested), _trees(X, y, weight, tested)
    return Reference(*(balanced_accuracy(predicted, judged.y, judged.weight) for predicted in answers))


def _cross_validated(data: Dataset, n_classes: int) -> Reference | None:
    """None where a class has a single row."""
    seen, weight = thin_out(data.y, data.weight, REFERENCE_ROWS)
    y, rows = data.y[seen], data.rows[seen]
    counts = np.bincount(y)
    folds = min(FOLDS, int(counts[counts > 0].min()))
    if folds < 2 or np.count_nonzero(counts) < 2:
        return None
    results = []
    for fit, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(rows, y):
        train, judged = (Dataset(data.X, rows[part], y[part], weight[part]) for part in (fit, test))
        results.append(quick_reference(train, judged, n_classes))
    linear, trees = (float(np.mean([getattr(r, name) for r in results])) for name in ("linear", "trees"))
    return Reference(linear, trees)


def _linear(X: FloatArray, y: IntArray, weight: FloatArray, tested: FloatArray) -> IntArray:
    cells, others = (np.nan_to_num(part.astype(np.float64), posinf=0.0, neginf=0.0) for part in (X, tested))
    unit = np.abs(cells).max(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    cells, others = cells / unit, others / unit  # so that no square overflows
    mean, deviation = cells.mean(axis=0), cells.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a yardstick
        model = LogisticRegression(max_iter=200).fit((cells - mean) / scale, y, sample_weight=weight)
    answers: IntArray = model.predict((others - mean) / scale)
    return answers


def _trees(X: FloatArray, y: IntArray, weight: FloatArray, tested: FloatArray) -> IntArray:
    leaf = max(1, min(20, len(y) // 20))
    X = np.where(np.isnan(X).all(axis=0), 0.0, X)  # scikit-learn cannot bin a column without a number
    model = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, min_samples_leaf=leaf, early_stopping=False, random_state=0
    )
    answers: IntArray = model.fit(X, y, sample_weight=weight).predict(tested)
    return answers
