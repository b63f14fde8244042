"""Neural networks for imbalanced tables that do not answer "all one class"."""

from importlib.metadata import version
from typing import Any

from balanced_nn._attempts import clear_compiled_programs
from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._diagnose import diagnose
from balanced_nn._displays._collapse import CollapseDisplay
from balanced_nn._displays._decision import DecisionDisplay
from balanced_nn._displays._learning_rate import LearningRateDisplay
from balanced_nn._displays._training import TrainingCurveDisplay
from balanced_nn._evidence import Cause
from balanced_nn._lr_search import suggest_learning_rate
from balanced_nn._preprocessing import RobustSmoothScaler, TabularPreprocessor
from balanced_nn._prior import correct_prior, estimate_prior
from balanced_nn._range_test import learning_rate_range_test
from balanced_nn._report import CollapseReport
from balanced_nn._resampling import ClassResampler
from balanced_nn._scoring import collapse_aware_scorer, make_collapse_aware_scorer
from balanced_nn._search_space import SearchSpace, search_space
from balanced_nn._skops import SKOPS_TYPES

__all__ = [
    "SKOPS_TYPES",
    "BalancedNNClassifier",
    "Cause",
    "ClassResampler",
    "CollapseDisplay",
    "CollapseMonitor",
    "CollapseReport",
    "DecisionDisplay",
    "LearningRateDisplay",
    "RobustSmoothScaler",
    "SearchSpace",
    "TabularPreprocessor",
    "TrainingCurveDisplay",
    "clear_compiled_programs",
    "collapse_aware_scorer",
    "correct_prior",
    "diagnose",
    "estimate_prior",
    "learning_rate_range_test",
    "make_collapse_aware_scorer",
    "search_space",
    "suggest_learning_rate",
]

__version__ = version("balanced-nn")


def __getattr__(name: str) -> Any:
    """Load the Keras callback, and with it TensorFlow, when it is asked for."""
    if name == "CollapseMonitor":
        from balanced_nn._keras._monitor import CollapseMonitor

        return CollapseMonitor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
