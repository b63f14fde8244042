"""Which learning rate does a range test suggest, and why?"""

from numbers import Real

import numpy as np

from balanced_nn._network.specs import LearningRateSearch, RangeTestTrace
from balanced_nn._sklearn import Interval, validate_params
from balanced_nn._typing import FloatArray

FALLBACK_LEARNING_RATE = 1e-3  # the default of Adam, for a trace that gives no answer
MIN_POINTS = 20  # fewer losses say nothing about a slope
MIN_RELATIVE_FALL = 0.02  # a smoothed loss that never fell by 2 % gives no answer
SMOOTHING = 0.9  # weight of the past in the moving average of the losses
DIVERGENCE = 4.0  # times the lowest smoothed loss
# How far below the rate of the lowest loss the suggestion lies. On 14 real imbalanced sets that rate was 0.015 to 0.5,
# and a fiftieth of it beat each fixed rate of 1e-3, 3e-3 and 1e-2 in mean rank of average precision and of log-loss.
# At 3e-3 and above the best epoch was among the first few, which leaves early stopping little to choose from.
SAFETY = 50.0
# The same where a row is seen once or a few times and nothing stops early. `partial_fit` on ten batches of 2,000 rows
# reached an AUC of .934 in one pass and .944 in two, with 50 .912 and .932, and with 5 no more (five seeds).
SAFETY_OF_FEW_PASSES = 10.0
LOWEST, HIGHEST = 1e-4, 3e-3  # what AdamW trains these networks well with, whatever a noisy trace says
# Lowest, highest, steps. At most a tenth of the steps of a default fit on 10,000 rows; on 43 real sets the mean scores
# are those of 100 steps from 1e-5 (balanced accuracy .794 against .790, average precision .604 against .605).
RANGE_TEST_RATES = (1e-4, 1.0, 64)


def range_test_rates(lowest: float, highest: float, n_steps: int) -> FloatArray:
    """Learning rates that grow geometrically, one per batch.

    Examples
    --------
    >>> range_test_rates(1e-5, 1e-1, 5)
    array([1.e-05, 1.e-04, 1.e-03, 1.e-02, 1.e-01])
    """
    return np.geomspace(lowest, highest, n_steps)


def smoothed(losses: FloatArray, smoothing: float) -> FloatArray:
    """Exponential moving average, corrected for its start at zero.

    Examples
    --------
    >>> smoothed(np.array([2.0, 2.0, 2.0]), 0.9)
    array([2., 2., 2.])
    """
    average, out = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses):
        average = smoothing * average + (1.0 - smoothing) * loss
        out[i] = average / (1.0 - smoothing ** (i + 1))
    return out


def usable_part(trace: RangeTestTrace, smoothing: float = SMOOTHING) -> tuple[FloatArray, FloatArray]:
    """Rates and smoothed losses up to the first non-finite loss or to divergence (4 times the lowest loss so far)."""
    finite = np.isfinite(trace.losses)
    end = len(finite) if finite.all() else int(finite.argmin())
    curve = smoothed(trace.losses[:end], smoothing)
    diverged = curve > DIVERGENCE * np.minimum.accumulate(curve)
    if diverged.any():
        curve = curve[: int(diverged.argmax())]
    return trace.learning_rates[: len(curve)], curve


@validate_params(
    {"trace": [RangeTestTrace], "smoothing": [Interval(Real, 0, 1, closed="left")]}, prefer_skip_nested_validation=True
)
def suggest_learning_rate(trace: RangeTestTrace, *, smoothing: float = SMOOTHING) -> float:
    """Suggest a learning rate from the trace of a range test.

    The losses are smoothed and cut where they diverge. The suggestion is a fiftieth of the rate at which the
    smoothed loss is lowest, kept within [1e-4, 3e-3]. If the trace has fewer than 20 finite losses, or the
    smoothed loss never fell by 2 %, the suggestion is 1e-3; if such a short trace diverged, it is a fiftieth of the
    rate at which it did, kept within [1e-4, 1e-3].

    Parameters
    ----------
    trace : RangeTestTrace
        What :func:`learning_rate_range_test` returned.
    smoothing : float, default=0.9
        Weight of the past in the moving average of the losses, in [0, 1).

    Returns
    -------
    float
        A learning rate.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3.

    Examples
    --------
    >>> rates = np.geomspace(1e-5, 1.0, 101)
    >>> losses = 0.5 + np.log10(rates / 0.05) ** 2 / 10  # lowest at 0.05
    >>> round(suggest_learning_rate(RangeTestTrace(rates, losses), smoothing=0.0), 4)
    0.001
    """
    return search_learning_rate(trace, smoothing=smoothing).learning_rate


def search_learning_rate(
    trace: RangeTestTrace, *, smoothing: float = SMOOTHING, safety: float = SAFETY
) -> LearningRateSearch:
    """Choose as :func:`suggest_learning_rate` does, and say why; `safety` is how far below the rate of lowest loss."""
    rates, curve = usable_part(trace, smoothing)
    if len(curve) < MIN_POINTS:
        rate, why = FALLBACK_LEARNING_RATE, "the fallback"
        if len(curve) < len(trace.losses):  # the rate at which it diverged is known
            rate = float(np.clip(trace.learning_rates[len(curve)] / safety, LOWEST, rate))
            why = f"a {safety:.0f}th of the rate at which it diverged, within [{LOWEST:g}, {FALLBACK_LEARNING_RATE:g}]"
        reason = f"only {len(curve)} finite losses before divergence, fewer than {MIN_POINTS}: {why}"
        return LearningRateSearch(rate, reason, True, trace)
    lowest = int(curve.argmin())
    if curve[lowest] > (1.0 - MIN_RELATIVE_FALL) * curve[0]:
        reason = (
            f"the smoothed loss never fell by {MIN_RELATIVE_FALL:.0%} from its start at {curve[0]:.3g}: the fallback"
        )
        return LearningRateSearch(FALLBACK_LEARNING_RATE, reason, True, trace)
    wanted = float(rates[lowest] / safety)
    rate = float(np.clip(wanted, LOWEST, HIGHEST))
    fell = f"the smoothed loss fell from {curve[0]:.3g} to {curve[lowest]:.3g} at {rates[lowest]:.2g}"
    bound = "" if rate == wanted else f", {'raised' if rate > wanted else 'cut'} to {rate:g}"
    reason = f"{fell}; a {safety:.0f}th of that{bound}"
    return LearningRateSearch(rate, reason, False, trace)
