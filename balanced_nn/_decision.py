"""From logits to honest probabilities, and from probabilities to an answer: which corrections, which rule?"""

from dataclasses import dataclass

import numpy as np

from balanced_nn._specs import FOCAL_GAMMA, FloatArray, IntArray


def expand_logits(logits: FloatArray) -> FloatArray:
    """Give each class a logit: the single output ``z`` of a two-class network becomes ``(0, z)``.

    Examples
    --------
    >>> expand_logits(np.array([[2.0], [-1.0]]))
    array([[ 0.,  2.],
           [ 0., -1.]])
    """
    if logits.shape[1] > 1:
        return logits
    expanded = np.zeros((len(logits), 2), logits.dtype)
    expanded[:, 1:] = logits
    return expanded


def log_softmax(scores: FloatArray) -> FloatArray:
    """Logarithm of the softmax of each row; that of SciPy takes 35 us a call, a third of a prediction of one row.

    Examples
    --------
    >>> np.exp(log_softmax(np.array([[0.0, 0.0], [800.0, 0.0]])))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    if scores.shape[1] == 2:
        log_sum: FloatArray = np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return scores - log_sum
    shifted: FloatArray = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Correction:
    """What training did to the posterior, so that it can be undone.

    Parameters
    ----------
    logit_offset : ndarray of shape (n_classes,)
        Added to the logits in training (logit-adjusted loss), otherwise zeros.
    fed_prior : ndarray of shape (n_classes,)
        Class frequencies that training saw, after resampling and weighting.
    focal : bool
        Whether the loss was the focal loss.
    """

    logit_offset: FloatArray
    fed_prior: FloatArray
    focal: bool

    def log_posterior(self, outputs: FloatArray, prior: FloatArray | None = None) -> FloatArray:
        """Log-probabilities at the class frequencies `prior`.

        With ``q = softmax(logits + logit_offset)`` the posterior as trained (focal loss undone first), the result is
        proportional to ``q * prior / fed_prior``.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_outputs)
            Raw outputs of the network: one column for two classes (see `expand_logits`), otherwise one a class.
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

        >>> correction = Correction(np.zeros(2), np.array([0.5, 0.5]), focal=False)
        >>> np.exp(correction.log_posterior(np.zeros((1, 2)), np.array([0.99, 0.01])))
        array([[0.99, 0.01]])
        """
        trained = expand_logits(outputs) + self.logit_offset
        if self.focal:
            trained = undo_focal_loss(log_softmax(trained))
        log_prior = 0.0 if prior is None else np.log(prior)
        return log_softmax(trained + (log_prior - np.log(self.fed_prior)))


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


@dataclass(frozen=True, eq=False)
class DecisionRule:
    """Answer the class with the highest ``log(probability) + log_offset``.

    Parameters
    ----------
    name : str
        "balanced", "argmax", "cost" or "threshold".
    log_offsets : ndarray of shape (n_classes,)
        Added to the log-probabilities.
    """

    name: str
    log_offsets: FloatArray

    def scores(self, log_proba: FloatArray) -> FloatArray:
        """Scores of shape (n_samples, n_classes) whose argmax is the answer."""
        return log_proba + self.log_offsets

    def decide(self, log_proba: FloatArray) -> IntArray:
        """Class indices of shape (n_samples,); a tie between two classes goes to the first."""
        return self.scores(log_proba).argmax(axis=1)


def decision_rule(decision: str | float, prior: FloatArray, stated_costs: FloatArray | None) -> DecisionRule:
    """Turn the parameter `decision` into a rule.

    Parameters
    ----------
    decision : {"auto", "balanced", "argmax"} or float in (0, 1)
        "balanced" answers the class with the highest ``p / prior``, which maximises balanced accuracy; "argmax" the
        most probable class; a float (two classes only) answers the second class where its probability is above it;
        "auto" weighs probabilities by the costs stated in a `class_weight` mapping, or is "balanced" without one.
    prior : ndarray of shape (n_classes,)
        Natural class frequencies.
    stated_costs : ndarray of shape (n_classes,) or None
        Weights from a `class_weight` mapping.

    Returns
    -------
    DecisionRule

    Raises
    ------
    ValueError
        If `decision` is a threshold and there are more than two classes.

    References
    ----------
    .. [1] A. K. Menon, H. Narasimhan, S. Agarwal, S. Chawla, "On the Statistical Consistency of Algorithms for Binary
       Classification under Class Imbalance", ICML 2013.

    Examples
    --------
    >>> rule = decision_rule("balanced", np.array([0.99, 0.01]), None)
    >>> rule.decide(np.log([[0.97, 0.03], [0.995, 0.005]]))
    array([1, 0])
    >>> decision_rule(0.2, np.array([0.5, 0.5]), None).decide(np.log([[0.7, 0.3], [0.9, 0.1]]))
    array([1, 0])
    """
    if decision == "auto":
        decision = "balanced" if stated_costs is None else "cost"
    if decision == "balanced":
        return DecisionRule("balanced", -np.log(prior))
    if decision == "argmax":
        return DecisionRule("argmax", np.zeros_like(prior))
    if decision == "cost":
        assert stated_costs is not None
        return DecisionRule("cost", np.log(stated_costs))
    if len(prior) > 2:
        raise ValueError(
            f"decision={decision!s} is a threshold, which needs two classes; y holds {len(prior)}. "
            'Use decision="balanced" or "argmax".'
        )
    threshold = float(decision)
    return DecisionRule("threshold", np.array([0.0, np.log1p(-threshold) - np.log(threshold)]))


def balanced_log_loss(log_proba: FloatArray, y: IntArray, sample_weight: FloatArray) -> float:
    """Log-loss averaged over the classes present, each class being the weighted mean of its rows, in nats.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
        Log-probabilities at a uniform prior.
    y : ndarray of shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Examples
    --------
    Rows of chance level score ``log(n_classes)``, whatever the imbalance:

    >>> round(balanced_log_loss(np.log(np.full((4, 2), 0.5)), np.array([0, 0, 0, 1]), np.ones(4)), 4)
    0.6931
    """
    row_loss = -log_proba[np.arange(len(y)), y]
    mass = np.bincount(y, weights=sample_weight, minlength=log_proba.shape[1])
    total = np.bincount(y, weights=sample_weight * row_loss, minlength=log_proba.shape[1])
    present = mass > 0
    return float(np.mean(total[present] / mass[present]))


def balanced_accuracy(predicted: IntArray, y: IntArray, sample_weight: FloatArray) -> float:
    """Mean over the classes present of the weighted share of rows answered rightly.

    Examples
    --------
    >>> balanced_accuracy(np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1]), np.ones(4))
    0.75
    """
    mass = np.bincount(y, weights=sample_weight)
    hits = np.bincount(y, weights=sample_weight * (predicted == y))
    return float(np.mean(hits[mass > 0] / mass[mass > 0]))
