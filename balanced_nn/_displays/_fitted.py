"""Which fitted BalancedNNClassifier is meant, alone or inside a pipeline or a search?"""

from collections.abc import Callable
from typing import Any

from sklearn.utils.validation import check_is_fitted

from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._diagnose.sklearn_models import unwrap


def fitted_classifier(estimator: Any, caller: str) -> tuple[BalancedNNClassifier, Callable[[Any], Any]]:
    """Return the classifier, and what turns rows into those that it reads.

    Parameters
    ----------
    estimator : estimator
        A fitted BalancedNNClassifier, or a pipeline or search object that ends in one.
    caller : str
        Who asks, for the messages.

    Raises
    ------
    TypeError
        If it is anything else.
    NotFittedError
        If it is not fitted.
    """
    found, read = unwrap(estimator)
    if not isinstance(found, BalancedNNClassifier):
        hint = " A search needs to be fitted with refit=True." if hasattr(found, "estimator") else ""
        name = found.__name__ if isinstance(found, type) else type(found).__name__
        raise TypeError(
            f"{caller} shows a fitted BalancedNNClassifier, or a pipeline or search that ends in one; got {name}.{hint}"
        )
    check_is_fitted(found, "members_")
    return found, read
