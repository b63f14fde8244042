"""What does the learning-rate range test of the estimator say, by itself?"""

from numbers import Integral, Real
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import clone

from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._data.labelled_rows import read_rows
from balanced_nn._network.specs import RangeTestTrace
from balanced_nn._sklearn import Interval, validate_params
from balanced_nn._training.attempts import make_task
from balanced_nn._training.learning_rate import RANGE_TEST_RATES, range_test_rates
from balanced_nn._training.preparation import make_plan, split_rows
from balanced_nn._training.settings import FitSettings

_LOWEST, _HIGHEST, _STEPS = RANGE_TEST_RATES


@validate_params(
    {
        "estimator": [BalancedNNClassifier],
        "min_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "n_steps": [Interval(Integral, 2, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def learning_rate_range_test(
    estimator: BalancedNNClassifier,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    min_learning_rate: float = _LOWEST,
    max_learning_rate: float = _HIGHEST,
    n_steps: int = _STEPS,
) -> RangeTestTrace:
    """Train a throw-away network for a few batches while the learning rate grows, and record the losses.

    The data is held out, cleaned, balanced and batched exactly as ``estimator.fit(X, y, sample_weight)`` would do it.
    The estimator is not changed.

    Parameters
    ----------
    estimator : BalancedNNClassifier
        Its parameters describe the network; it need not be fitted.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The training table.
    y : array-like of shape (n_samples,)
        Class labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. None weighs each row 1.
    min_learning_rate : float, default=0.0001
        First learning rate.
    max_learning_rate : float, default=1.0
        Last learning rate.
    n_steps : int, default=64
        Number of batches, one learning rate each.

    Returns
    -------
    RangeTestTrace
        Learning rates and losses; pass it to :func:`suggest_learning_rate`.

    Raises
    ------
    ValueError
        If `estimator` is not a BalancedNNClassifier (for a Pipeline, pass its last step and the transformed table), the
        rates are not positive, finite and ascending, or `n_steps` is less than 2.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from balanced_nn import BalancedNNClassifier, learning_rate_range_test
    >>> X, y = make_classification(n_samples=600, weights=[0.95], random_state=0)
    >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), random_state=0)
    >>> trace = learning_rate_range_test(clf, X, y, n_steps=50)
    >>> trace.losses.shape
    (50,)
    """
    if not min_learning_rate < max_learning_rate:
        raise ValueError(
            f"min_learning_rate={min_learning_rate!s} and max_learning_rate={max_learning_rate!s} must be ascending. "
            "Use, for example, 1e-5 and 1.0."
        )
    throw_away = clone(estimator)
    throw_away._validate_params()
    settings, seed = FitSettings.of(throw_away), throw_away._draw_seed()
    split, *_ = split_rows(settings, read_rows(throw_away, X, y, sample_weight), None, seed)
    task = make_task(make_plan(settings, split, seed), seed)  # its warnings come with fit
    from balanced_nn._training.keras.train import run_range_test  # deferred: loads TensorFlow

    return run_range_test(task, range_test_rates(min_learning_rate, max_learning_rate, n_steps))
