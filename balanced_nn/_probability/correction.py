"""What did training do to the probabilities, and how is it undone? From raw outputs to log-probabilities."""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from balanced_nn._typing import FloatArray, IntArray

FOCAL_GAMMA = 2.0  # Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, use 2
LOGIT_ADJUSTMENT_TAU = 1.0  # Menon et al., "Long-tail learning via logit adjustment", ICLR 2021: consistent only at 1

SMALLEST_FREQUENCY = 1e-12  # of a class without rows
# Posterior below which an output no longer tells one from another, see `undo_label_smoothing`.
SMALLEST_UNSMOOTHED = 1e-4


def expand_logits(logits: FloatArray) -> FloatArray:
    """Give each class a logit: the single output ``z`` of a two-class network becomes ``(0, z)``.

    Examples
    --------
    >>> expand_logits(np.array([[2.0], [-1.0]]))
    array([[ 0.,  2.],
           [ 0., -1.]])
    """
    if logits.shape[-1] > 1:
        return logits
    expanded = np.zeros((*logits.shape[:-1], 2), logits.dtype)
    expanded[..., 1:] = logits
    return expanded


def log_softmax(scores: FloatArray) -> FloatArray:
    """Logarithm of the softmax of each row; that of SciPy takes 35 us a call, a third of a prediction of one row.

    A row of a network whose weights grew beyond all numbers becomes NaN.

    Examples
    --------
    >>> np.exp(log_softmax(np.array([[0.0, 0.0], [800.0, 0.0]])))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    with np.errstate(invalid="ignore"):
        if scores.shape[-1] == 2:
            log_sum: FloatArray = np.logaddexp.reduce(scores, axis=-1, keepdims=True)
            return scores - log_sum
        shifted: FloatArray = scores - scores.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Correction:
    """What training did to the posterior, so that it can be undone.

    Parameters
    ----------
    logit_offset : ndarray of shape (n_classes,)
        Added to the logits in training (logit-adjusted loss), otherwise zeros.
    training_prior : ndarray of shape (n_classes,)
        Class frequencies that training saw, after resampling and weighting.
    focal : bool, default=False
        Whether the loss was the focal loss.
    label_smoothing : float, default=0.0
        Share of the target that was spread evenly over the classes, in [0, 1).
    """

    logit_offset: FloatArray
    training_prior: FloatArray
    focal: bool = False
    label_smoothing: float = 0.0

    def log_posterior(self, outputs: FloatArray, prior: FloatArray | None = None) -> FloatArray:
        """Log-probabilities at the class frequencies `prior`.

        With ``q = softmax(logits + logit_offset)`` the posterior as trained (the focal loss, which is outermost, undone
        first, then label smoothing), the result is proportional to ``q * prior / training_prior``.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_outputs)
            Raw outputs of the network: one column for two classes (see `expand_logits`), otherwise one per class.
        prior : ndarray of shape (n_classes,), default=None
            Target class frequencies; positive, sum 1. None means uniform ones.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        References
        ----------
        .. [1] C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, theorem 2.
        .. [2] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori
           Probabilities", Neural Computation 14(1), 2002, equation 2.4.

        Examples
        --------
        A network trained on 50:50 data says 1/2; at a base rate of 1 % that means 1 %.

        >>> correction = Correction(np.zeros(2), np.array([0.5, 0.5]))
        >>> np.exp(correction.log_posterior(np.zeros((1, 2)), np.array([0.99, 0.01])))
        array([[0.99, 0.01]])
        """
        trained = expand_logits(outputs) + self.logit_offset
        if self.focal:
            trained = undo_focal_loss(log_softmax(trained))
        if self.label_smoothing:
            trained = undo_label_smoothing(log_softmax(trained), self.label_smoothing)
        return log_softmax(trained - np.log(self.training_prior if prior is None else self.training_prior / prior))


def undo_focal_loss(log_confidence: FloatArray, gamma: float = FOCAL_GAMMA) -> FloatArray:
    """Recover the log-posterior from the softmax output that minimises the focal loss.

    The posterior is proportional to ``h(v) = v / ((1 - v)**gamma - gamma * (1 - v)**(gamma - 1) * v * log(v))``.

    Parameters
    ----------
    log_confidence : ndarray of shape (n_samples, n_classes)
        Logarithm of the softmax output ``v``.
    gamma : float, default=2.0
        Exponent of the focal loss; 0 is the log-loss.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Log-probabilities.

    References
    ----------
    .. [1] N. Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation: A Theoretical
       Perspective", CVPR 2021, theorem 11.

    Examples
    --------
    The focal loss is under-confident: its 0.7 means 0.91.

    >>> np.exp(undo_focal_loss(np.log([[0.7, 0.3]]))).round(2)
    array([[0.91, 0.09]])
    """
    log_v = np.minimum(log_confidence, -1e-30)  # keeps 1 - v positive where v rounds to 1
    one_minus_v = -np.expm1(log_v)
    slope = one_minus_v - gamma * np.exp(log_v) * log_v
    return log_softmax(log_v - (gamma - 1.0) * np.log(one_minus_v) - np.log(slope))


def undo_label_smoothing(log_confidence: FloatArray, smoothing: float) -> FloatArray:
    """Recover the log-posterior from the softmax output that minimises a loss with smoothed labels.

    The output is ``q = (1 - smoothing) * p + smoothing / n_classes``. A network may answer less than the smallest value
    that a posterior can lead to; from a posterior of 1e-4 downwards the result is therefore proportional to ``q``, so
    that it stays positive and keeps the order of the rows.

    Parameters
    ----------
    log_confidence : ndarray of shape (n_samples, n_classes)
        Logarithm of the softmax output ``q``.
    smoothing : float
        Share of the target that was spread evenly over the classes, in [0, 1).

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Log-probabilities.

    References
    ----------
    .. [1] C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.

    Examples
    --------
    With a tenth spread over two classes, 0.95 means certainty and 0.86 means 0.9:

    >>> np.exp(undo_label_smoothing(np.log([[0.86, 0.14]]), 0.1))
    array([[0.9, 0.1]])
    """
    even = smoothing / log_confidence.shape[-1]
    lowest = even + (1.0 - smoothing) * SMALLEST_UNSMOOTHED  # the output that means a posterior of that size
    confidence = np.exp(log_confidence)
    unsmoothed = (np.maximum(confidence, lowest) - even) / (1.0 - smoothing)
    return log_softmax(np.log(unsmoothed) + np.minimum(log_confidence - np.log(lowest), 0.0))


def natural_log_loss(log_proba: FloatArray, y: IntArray, sample_weight: FloatArray) -> float:
    """Log-loss of rows with probabilities at the class frequencies of these rows, in nats.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
        Log-probabilities at a uniform prior.
    y : ndarray of shape (n_samples,)
        Class indices. A class without rows gets no probability.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Examples
    --------
    Who knows nothing but the class frequencies has their entropy:

    >>> frequencies = np.array([0.75, 0.25])
    >>> loss = natural_log_loss(np.log(np.full((4, 2), 0.5)), np.array([0, 0, 0, 1]), np.ones(4))
    >>> round(loss, 4), round(float(-frequencies @ np.log(frequencies)), 4)
    (0.5623, 0.5623)
    """
    frequencies = np.bincount(y, weights=sample_weight, minlength=log_proba.shape[1]) / sample_weight.sum()
    natural = log_softmax(log_proba + np.log(np.maximum(frequencies, SMALLEST_FREQUENCY)))
    return float(np.average(-natural[np.arange(len(y)), y], weights=sample_weight))


def balance(y: IntArray, sample_weight: FloatArray) -> float:
    """How balanced the classes present are: the entropy of their frequencies over its largest value, in (0, 1].

    Examples
    --------
    >>> round(balance(np.array([0, 0, 1, 1]), np.ones(4)), 3), round(balance(np.array([0] * 99 + [1]), np.ones(100)), 3)
    (1.0, 0.081)
    """
    mass = np.bincount(y, weights=sample_weight)
    n_present = np.count_nonzero(mass)
    return float(entr(mass / mass.sum()).sum() / np.log(n_present)) if n_present > 1 else 1.0


def balanced_accuracy(predicted: IntArray, y: IntArray, sample_weight: FloatArray) -> float:
    """Mean over the classes present of the weighted share of correctly answered rows.

    Examples
    --------
    >>> balanced_accuracy(np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1]), np.ones(4))
    0.75
    """
    mass = np.bincount(y, weights=sample_weight)
    hits = np.bincount(y, weights=sample_weight * (predicted == y))
    return float(np.mean(hits[mass > 0] / mass[mass > 0]))


def logit_offset(loss: str, training_prior: FloatArray) -> FloatArray:
    """Offset that training adds to the logits: ``tau * log(prior)`` for the logit-adjusted loss, otherwise 0.

    Parameters
    ----------
    loss : {"log_loss", "focal", "logit_adjusted"}
        The training loss.
    training_prior : ndarray of shape (n_classes,)
        Class frequencies in training, after resampling and weighting.

    References
    ----------
    .. [1] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, equation 10.

    Examples
    --------
    >>> logit_offset("log_loss", np.array([0.9, 0.1]))
    array([0., 0.])
    >>> logit_offset("logit_adjusted", np.array([0.9, 0.1])).round(3)
    array([-0.105, -2.303])
    """
    if loss == "logit_adjusted":
        return LOGIT_ADJUSTMENT_TAU * np.log(training_prior)
    return np.zeros_like(training_prior)
