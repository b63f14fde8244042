"""Which private scikit-learn names do we use? This is their only door."""

from collections.abc import Callable
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions, validate_params
from sklearn.utils.parallel import _get_threadpool_controller as threadpool_controller
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _num_samples as num_samples

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Without callbacks there is nothing to support."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_feature_names_in",
    "fit_context",
    "has_callbacks",
    "num_samples",
    "safe_indexing",
    "scorer_parts",
    "scorer_response_methods",
    "threadpool_controller",
    "validate_params",
]


def has_callbacks(estimator: object) -> bool:
    """Whether callbacks of scikit-learn follow the fit of an estimator."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


def scorer_response_methods(scorer: object) -> tuple[str, ...] | None:
    """Return the methods of a classifier that a scorer of scikit-learn may read, None for any other callable."""
    methods = getattr(scorer, "_response_method", None)
    if isinstance(methods, str):
        return (methods,)
    return tuple(methods) if isinstance(methods, list | tuple) else None


def scorer_parts(scorer: object) -> tuple[Callable[..., float], int, dict[str, Any], tuple[str, ...]] | None:
    """Return function, sign, arguments and methods read of what ``make_scorer`` made, None for anything else."""
    methods, function = scorer_response_methods(scorer), getattr(scorer, "_score_func", None)
    if methods is None or not callable(function):
        return None
    return function, getattr(scorer, "_sign", 1), dict(getattr(scorer, "_kwargs", {})), methods
