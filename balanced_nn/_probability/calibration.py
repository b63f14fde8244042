"""Are the probabilities overconfident, underconfident, or biased? Fitted on held-out rows."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from balanced_nn._probability.correction import log_softmax
from balanced_nn._typing import FloatArray, IntArray

# Held-out rows of the rarest class from which on a calibration is fitted. On 43 real sets, two splits each, it lowered
# the log-loss of single networks from about 40 such rows on, and raised it on some sets with fewer than 20.
MIN_ROWS_OF_RAREST = 20
# How far it may go without much evidence: standard deviations of normal priors on log(temperature) and the intercepts.
TEMPERATURE_SD, INTERCEPT_SD = 0.25, 0.2
SMALLEST_MEAN = 1e-300  # of a class, whose logarithm is still finite
SHARE_OF_TAIL = 0.005  # of the scores at each end, that are cut where the spread of networks is measured
MEAN_STEPS = 10  # towards the mean probabilities that are kept; each leaves a fraction of the difference
SYNTHETIC_SD = 0.5  # of both where a sampler changed what a class looks like


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the network predicts for rows that it was not trained on.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Log-probabilities at uniform class frequencies: what the features say, before the base rates; float32.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    in_training : bool
        Whether the rows had to be training rows, as none were held out.
    network : ndarray of shape (n_samples,) or None, default=None
        Number of the network, from 0, that gave each row its scores; None where all of them did together.
    """

    scores: FloatArray
    y: IntArray
    weight: FloatArray
    in_training: bool
    network: NDArray[np.uint16] | None = None

    def log_proba_at(self, prior: FloatArray) -> FloatArray:
        """Log-probabilities at the class frequencies `prior`."""
        return log_softmax(self.scores.astype(np.float64) + np.log(prior))

    def calibrated(self, calibration: "Calibration") -> "HeldOut":
        """The same rows, their scores calibrated."""
        scores = calibration.log_posterior(self.scores.astype(np.float64), np.ones(self.scores.shape[1]))
        return replace(self, scores=scores.astype(np.float32))

    def log_loss(self, prior: FloatArray) -> float:
        """Log-loss at the class frequencies `prior`, summed over the rows by :meth:`weights_at`, in nats."""
        log_proba = self.log_proba_at(prior)[np.arange(len(self.y)), self.y]
        return float(-(self.weights_at(prior) @ log_proba))

    def weights_at(self, prior: FloatArray) -> FloatArray:
        """Weights by which the classes have the frequencies `prior`, as far as they are present; their mean is 1."""
        mass = np.bincount(self.y, weights=self.weight, minlength=len(prior))
        factor = np.divide(prior, mass, out=np.zeros_like(prior), where=mass > 0)
        weight = self.weight * factor[self.y]
        return weight / weight.mean()


@dataclass(frozen=True, eq=False)
class Calibration:
    """One temperature, and one intercept per class.

    Parameters
    ----------
    temperature : float
        Scores are divided by it: above 1 it makes probabilities less confident; 1 leaves them unchanged.
    intercepts : ndarray of shape (n_classes,)
        Added to the scores, in nats.
    """

    temperature: float
    intercepts: FloatArray

    @classmethod
    def none(cls, n_classes: int) -> "Calibration":
        """The calibration that changes nothing."""
        return cls(1.0, np.zeros(n_classes))

    @property
    def changes_nothing(self) -> bool:
        """Whether it is that of :meth:`none`."""
        return self.temperature == 1.0 and not self.intercepts.any()

    def log_posterior(self, scores: FloatArray, prior: FloatArray) -> FloatArray:
        """Log-probabilities at the class frequencies `prior`, of shape (n_samples, n_classes).

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_classes)
            Log-probabilities at uniform class frequencies.
        prior : ndarray of shape (n_classes,)
            Class frequencies; positive, sum 1.

        Examples
        --------
        A temperature weakens the evidence and leaves the base rate alone:

        >>> calibration = Calibration(2.0, np.zeros(2))
        >>> scores = np.log([[0.2, 0.8], [0.5, 0.5]])
        >>> np.exp(calibration.log_posterior(scores, np.array([0.9, 0.1]))).round(3)
        array([[0.818, 0.182],
               [0.9  , 0.1  ]])
        """
        return log_softmax(scores / self.temperature + (self.intercepts + np.log(prior)))


def averaging_factor(scores: FloatArray, weight: FloatArray, networks_a_row: FloatArray) -> float:
    """By what the temperature of single networks is multiplied for the mean of several, which has less noise.

    A score is taken for signal plus noise, the noise independent between networks. What a temperature divides the
    scores by is then their variance over that of the signal, up to what all networks share. The mean of K networks
    keeps the signal, and a K-th of the noise. The highest and lowest scores of each class are cut, half a percent of
    them each with two classes, and less with more: one row for which a network answers without measure says nothing of
    the others.

    Parameters
    ----------
    scores : ndarray of shape (n_networks, n_samples, n_classes)
        What each network scores the same rows, log-probabilities at uniform class frequencies.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    networks_a_row : ndarray of shape (n_held_out,)
        Over how many networks each score was averaged that the temperature was fitted to.

    Returns
    -------
    float
        From 1 / n_networks, where all is noise, to 1, where nothing is, if each score is that of one network.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.normal(size=(1, 10_000)), rng.normal(size=(4, 10_000))
    >>> scores = np.stack([np.zeros((4, 10_000)), signal + noise], axis=2)
    >>> averaging_factor(scores, np.ones(10_000), np.ones(10_000))  # doctest: +ELLIPSIS
    0.62...
    """
    n_networks = len(scores)
    if n_networks == 1:
        return 1.0
    centered = scores - scores.mean(axis=2, keepdims=True)
    share = SHARE_OF_TAIL * 2 / centered.shape[2]  # of many classes each is high in few rows
    centered = np.clip(centered, *np.quantile(centered, [share, 1.0 - share], axis=(0, 1)))
    of_one = float(np.mean([_variance(each, weight) for each in centered]))
    of_mean = _variance(centered.mean(axis=0), weight)
    noise = max(0.0, of_one - of_mean) * n_networks / (n_networks - 1)
    signal = max(0.0, of_mean - noise / n_networks)
    fitted_to = signal + noise * float(np.mean(1.0 / networks_a_row))
    return (signal + noise / n_networks) / fitted_to if fitted_to > 0.0 else 1.0


def calibrate_mean(
    calibration: Calibration, factor: float, scores: FloatArray, weight: FloatArray, prior: FloatArray
) -> Calibration:
    """Multiply the temperature for the mean of several networks, and keep the mean probability of each class.

    Parameters
    ----------
    calibration : Calibration
        That of single networks.
    factor : float
        What :func:`averaging_factor` returns.
    scores : ndarray of shape (n_networks, n_samples, n_classes)
        What each network scores the same rows, log-probabilities at uniform class frequencies.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    prior : ndarray of shape (n_classes,)
        Class frequencies at which the probabilities of the networks are averaged.
    """

    def mean_proba(calibration: Calibration) -> FloatArray:
        proba = np.exp(calibration.log_posterior(scores, prior))
        return np.maximum(np.average(proba.mean(axis=0), axis=0, weights=weight), SMALLEST_MEAN)

    wanted = mean_proba(calibration)
    found = replace(calibration, temperature=calibration.temperature * factor)
    for _ in range(MEAN_STEPS):
        found = replace(found, intercepts=found.intercepts + np.log(wanted / mean_proba(found)))
    return found


def _variance(scores: FloatArray, weight: FloatArray) -> float:
    """Variance from row to row, summed over the classes."""
    return float(np.sum(np.average((scores - np.average(scores, axis=0, weights=weight)) ** 2, axis=0, weights=weight)))


def calibrate(held_out: HeldOut, prior: FloatArray, *, synthetic: bool) -> Calibration:
    """Fit a calibration if there are enough rows.

    Parameters
    ----------
    held_out : HeldOut
        Rows that the networks were not trained on.
    prior : ndarray of shape (n_classes,)
        Natural class frequencies.
    synthetic : bool
        Whether a sampler changed what the classes look like, as SMOTE does with synthetic rows. Then a calibration is
        fitted to however few rows.

    Returns
    -------
    Calibration
        The one that changes nothing if no rows were held out, or fewer than 20 of a class that has any.
    """
    n_classes = len(prior)
    counts = np.bincount(held_out.y, minlength=n_classes)
    present = np.flatnonzero(counts)
    if held_out.in_training or len(present) < 2 or (not synthetic and counts[present].min() < MIN_ROWS_OF_RAREST):
        return Calibration.none(n_classes)
    sds = (SYNTHETIC_SD, SYNTHETIC_SD) if synthetic else (TEMPERATURE_SD, INTERCEPT_SD)
    scores = held_out.scores[:, present].astype(np.float64)
    y, weight = np.searchsorted(present, held_out.y), held_out.weights_at(prior)
    fitted = fit_calibration(scores, y, weight, prior[present] / prior[present].sum(), sds)
    intercepts = np.zeros(n_classes)
    intercepts[present] = fitted.intercepts
    return Calibration(fitted.temperature, intercepts)


def fit_calibration(
    scores: FloatArray, y: IntArray, weight: FloatArray, prior: FloatArray, sds: tuple[float, float]
) -> Calibration:
    """Find the maximum a posteriori temperature and intercepts: log-loss plus two normal priors.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Log-probabilities at uniform class frequencies.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Weights of mean 1, by which the classes have the frequencies `prior`.
    prior : ndarray of shape (n_classes,)
        Class frequencies.
    sds : tuple of float
        Standard deviations of the priors on log(temperature) and on each intercept.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    .. [2] A. M. Alexandari, A. Kundaje, A. Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is
       Hard-To-Beat at Label Shift Adaptation", ICML 2020: temperature with intercepts.

    Examples
    --------
    Scores that are twice as far apart as they should be, on many rows:

    >>> rng = np.random.default_rng(0)
    >>> evidence = rng.normal(size=20_000)
    >>> y = (rng.random(20_000) < 1 / (1 + np.exp(-evidence))).astype(int)
    >>> scores = np.column_stack([np.zeros(20_000), 2 * evidence])
    >>> fit_calibration(scores, y, np.ones(20_000), np.array([0.5, 0.5]), (0.25, 0.2)).temperature  # doctest: +ELLIPSIS
    1.9...
    """
    rows, n_classes = np.arange(len(y)), scores.shape[1]
    log_prior = np.log(prior)
    truth = np.eye(n_classes)[y]
    precision = np.concatenate([[sds[0] ** -2], np.full(n_classes, sds[1] ** -2)])

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        cooled = scores * np.exp(-theta[0])
        log_proba = log_softmax(cooled + (theta[1:] + log_prior))
        residual = weight[:, None] * (np.exp(log_proba) - truth)
        gradient = np.concatenate([[-(residual * cooled).sum()], residual.sum(axis=0)])
        value = -(weight * log_proba[rows, y]).sum() + 0.5 * precision @ theta**2
        return value, gradient + precision * theta

    best = minimize(loss, np.zeros(n_classes + 1), jac=True, method="L-BFGS-B").x
    return Calibration(float(np.exp(best[0])), best[1:])
