"""How do probabilities change under label shift, and which class frequencies do unlabelled rows have?"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from balanced_nn._data.target import in_class_order, read_weights
from balanced_nn._typing import FloatArray
from balanced_nn.exceptions import PriorWarning

SMALLEST_PRIOR = 1e-12  # of an estimate, so that its logarithm is finite
WIDEST_INTERVAL = 0.05  # half of a 95 % interval that is tolerated for an estimate below it
CONSTANT_RANGE = 1e-3  # of each class's probabilities: rows that all say the same tell of the model, not of themselves
SUM_TOLERANCE = 1e-3  # of probabilities that came from a float32 softmax


def correct_prior(y_proba: ArrayLike, train_prior: ArrayLike, target_prior: ArrayLike) -> FloatArray:
    """Adjust probabilities from one set of class frequencies to another (label shift).

    The result is proportional to ``y_proba * target_prior / train_prior``. It is exact where the rows of each class
    look as they did in training and only the frequencies differ: after class weights, after over- or undersampling, or
    where a model is used on another population.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_classes)
        Probabilities of any classifier; rows sum to 1.
    train_prior : array-like of shape (n_classes,)
        Class frequencies behind these, all positive: those of the training rows after resampling, each class
        multiplied by its class weight. They are scaled to sum 1.
    target_prior : array-like of shape (n_classes,)
        Class frequencies for the result, all positive. They are scaled to sum 1.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to 1.

    Raises
    ------
    ValueError
        If the shapes do not agree, a probability is negative, a row does not sum to 1, or a frequency is not positive.

    See Also
    --------
    estimate_prior : Class frequencies of unlabelled rows.
    BalancedNNClassifier.set_prior : The same for a fitted network.

    References
    ----------
    .. [1] C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, theorem 2.
    .. [2] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori
       Probabilities", Neural Computation 14(1), 2002, equation 2.4.
    .. [3] A. Dal Pozzolo, O. Caelen, R. A. Johnson, G. Bontempi, "Calibrating Probability with Undersampling for
       Unbalanced Classification", IEEE SSCI 2015, equation 4: the case of two classes and undersampling.

    Examples
    --------
    A model of rows undersampled to 50:50 says 0.5 and 0.9. The base rate is 1 %:

    >>> from balanced_nn import correct_prior
    >>> correct_prior([[0.5, 0.5], [0.1, 0.9]], train_prior=[0.5, 0.5], target_prior=[0.99, 0.01]).round(4)
    array([[0.99  , 0.01  ],
           [0.9167, 0.0833]])
    """
    proba = _read_proba(y_proba)
    target = read_prior(target_prior, proba.shape[1], "target_prior")
    weighted = proba * (target / read_prior(train_prior, proba.shape[1], "train_prior"))
    return weighted / weighted.sum(axis=1, keepdims=True)


def estimate_prior(
    y_proba: ArrayLike,
    train_prior: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-6,
    max_iter: int = 10_000,
) -> FloatArray:
    """Estimate the class frequencies of unlabelled rows from a classifier's probabilities for them.

    Expectation maximisation: correct the probabilities to the current estimate, take their mean as the new
    estimate, and repeat. It finds the maximum-likelihood frequencies, if the rows of each class look as they did in
    training and the probabilities are calibrated.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_classes)
        Probabilities of the unlabelled rows; rows sum to 1.
    train_prior : array-like of shape (n_classes,)
        Class frequencies behind these, all positive; scaled to sum 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows. None weighs each row 1.
    tol : float, default=1e-6
        Largest change of a frequency at which iteration stops.
    max_iter : int, default=10000
        Largest number of iterations.

    Returns
    -------
    ndarray of shape (n_classes,)
        Estimated frequencies; they sum to 1.

    Raises
    ------
    ValueError
        As :func:`correct_prior`, or if there is no row of positive weight.

    Warns
    -----
    PriorWarning
        If the rows cannot show the frequencies: the probabilities hardly differ between rows or classes, or the rows
        are too few, so that an approximate 95 % interval around an estimate reaches as far as the estimate itself and
        further than 0.05.

    See Also
    --------
    correct_prior : Probabilities at other class frequencies.
    BalancedNNClassifier.estimate_prior : The same for a fitted network.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori
       Probabilities", Neural Computation 14(1), 2002, section 2.2.
    .. [2] A. M. Alexandari, A. Kundaje, A. Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is
       Hard-To-Beat at Label Shift Adaptation", ICML 2020.

    Examples
    --------
    The second class, once a tenth of the rows, is more than a third of the new ones:

    >>> from balanced_nn import estimate_prior
    >>> y_proba = [[0.99, 0.01]] * 200 + [[0.08, 0.92]] * 100
    >>> estimate_prior(y_proba, train_prior=[0.9, 0.1]).round(2)
    array([0.64, 0.36])
    """
    found, note = find_prior(y_proba, train_prior, sample_weight, tol=tol, max_iter=max_iter)
    if note is not None:
        warnings.warn(note, stacklevel=2)
    return found


def find_prior(
    y_proba: ArrayLike,
    train_prior: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    classes: Sequence[Any] | None = None,
) -> tuple[FloatArray, PriorWarning | None]:
    """Estimate class frequencies as :func:`estimate_prior` does, and return what the user should be warned of.

    The warning names the columns by `classes`, where those are given.
    """
    proba = _read_proba(y_proba)
    prior = read_prior(train_prior, proba.shape[1], "train_prior")
    weight = read_weights(sample_weight, proba)
    proba, weight = proba[weight > 0], weight[weight > 0]
    ratio = proba / prior  # proportional to the likelihood of each class
    share = weight / weight.sum()
    found = prior
    for _ in range(max_iter):
        joint = ratio * found
        following = share @ (joint / joint.sum(axis=1, keepdims=True))
        change, found = np.abs(following - found).max(), following
        if change < tol:
            break
    found = np.maximum(found, SMALLEST_PRIOR)
    found = found / found.sum()
    errors = _standard_errors(ratio, found, weight)
    if np.ptp(proba, axis=0).max() < CONSTANT_RANGE:
        errors = np.full(len(found), np.inf)
    names = [f"in column {column}" for column in range(len(found))] if classes is None else classes
    return found, _note_if_unidentified(found, errors, len(proba), names)


def _standard_errors(ratio: FloatArray, prior: FloatArray, weight: FloatArray) -> FloatArray:
    """Standard error of each frequency from the information of the rows; infinite where there is none.

    The log-likelihood of the mixture is ``sum(w * log(ratio @ prior))``; frequencies have one degree of freedom less
    than there are classes, so that the last one is written as 1 minus the others.
    """
    mixture = ratio @ prior
    slopes = (ratio[:, :-1] - ratio[:, -1:]) / mixture[:, None]
    size = weight.sum() ** 2 / (weight @ weight)  # effective number of rows
    information = size * (slopes * (weight / weight.sum())[:, None]).T @ slopes
    if np.linalg.cond(information) > 1e12:
        return np.full(len(prior), np.inf)
    covariance = np.linalg.inv(information)
    return np.sqrt(np.append(np.diag(covariance), covariance.sum()))


def _note_if_unidentified(
    prior: FloatArray, errors: FloatArray, n_rows: int, names: Sequence[Any]
) -> PriorWarning | None:
    half_width = 1.96 * errors
    excess = half_width - np.maximum(prior, WIDEST_INTERVAL)
    if excess.max() <= 0:
        return None
    worst = int(excess.argmax())
    says = "undetermined" if half_width[worst] > 1 else f"{prior[worst]:.2g} ± {half_width[worst]:.2g}"
    return PriorWarning(
        f"The class frequencies of these {n_rows} rows cannot be estimated: for the class {names[worst]!s} the "
        f"estimate is {says}. Pass more rows, or probabilities of a classifier that separates the classes "
        "better, or set the frequencies by hand."
    )


def read_class_prior(prior: ArrayLike | Mapping[Any, float], classes: Sequence[Any]) -> FloatArray:
    """Check class frequencies that may be named by their labels, in a mapping or in the index of a Series.

    Raises
    ------
    ValueError
        If there is not one for each class, or one is not positive and finite.
    """
    if isinstance(prior, Mapping):
        if set(prior) != set(classes):
            raise ValueError(
                f"prior must name each class once: {list(classes)!r}; got {list(prior)!r}. "
                "Add what is missing; give an absent class a small frequency, such as 1e-6."
            )
        prior = [prior[label] for label in classes]
    return read_prior(in_class_order(prior, classes, "prior"), len(classes))


def read_prior(prior: ArrayLike, n_classes: int, name: str = "prior") -> FloatArray:
    """Check class frequencies and scale them to sum 1.

    Raises
    ------
    ValueError
        If there is not one for each class, or one is not positive and finite.
    """
    try:
        values = np.asarray(prior, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}={prior!r} holds no numbers. Give one frequency for each of the {n_classes} classes."
        ) from error
    if values.shape != (n_classes,):
        raise ValueError(
            f"{name} must hold one frequency for each of the {n_classes} classes; got shape {values.shape}. "
            "Give them in the order of the columns."
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(
            f"{name} must hold positive, finite numbers; got {values.tolist()}. "
            "Give an absent class a small frequency, such as 1e-6."
        )
    return values / values.sum()


def _read_proba(y_proba: ArrayLike) -> FloatArray:
    proba = check_array(y_proba, dtype=np.float64, input_name="y_proba")
    if proba.shape[1] < 2:
        raise ValueError(
            f"y_proba must have a column for each class, at least two; got shape {proba.shape}. "
            "For one column p with two classes, use np.column_stack([1 - p, p])."
        )
    sums = proba.sum(axis=1)
    if proba.min() < 0 or np.abs(sums - 1).max() > SUM_TOLERANCE:
        row = int(np.argmax(np.where(proba.min(axis=1) < 0, np.inf, np.abs(sums - 1))))
        raise ValueError(
            f"y_proba must hold probabilities: row {row} is {proba[row].tolist()}, with sum {sums[row]:g}. "
            "Pass the result of predict_proba."
        )
    return proba
