"""Neural networks for imbalanced tables that do not answer "all one class"."""

from importlib.metadata import version
from typing import Any

from balanced_nn._causes.evidence import Cause
from balanced_nn._causes.report import CollapseReport
from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._diagnose.diagnose import diagnose
from balanced_nn._displays.collapse import CollapseDisplay
from balanced_nn._displays.decision import DecisionDisplay
from balanced_nn._displays.learning_rate import LearningRateDisplay
from balanced_nn._displays.training_curve import TrainingCurveDisplay
from balanced_nn._export.frames import predict_frame
from balanced_nn._export.model_files import load_model, save_model
from balanced_nn._export.skops import SKOPS_TYPES
from balanced_nn._model_selection.range_test import learning_rate_range_test
from balanced_nn._model_selection.scoring import collapse_aware_scorer, make_collapse_aware_scorer
from balanced_nn._model_selection.search_space import SearchSpace, search_space
from balanced_nn._preprocessing.preprocessor import TabularPreprocessor
from balanced_nn._preprocessing.scalers import RobustSmoothScaler
from balanced_nn._probability.prior_shift import correct_prior, estimate_prior
from balanced_nn._sampling.resampler import ClassResampler
from balanced_nn._training.keras.pool import clear_compiled_programs
from balanced_nn._training.keras.process import quiet_start
from balanced_nn._training.learning_rate import suggest_learning_rate

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
    "load_model",
    "make_collapse_aware_scorer",
    "predict_frame",
    "save_model",
    "search_space",
    "suggest_learning_rate",
]

__version__ = version("balanced-nn")


def __getattr__(name: str) -> Any:
    """Load the Keras callback, and with it TensorFlow, on first access."""
    if name == "CollapseMonitor":
        with quiet_start():
            from balanced_nn._diagnose.keras.monitor import CollapseMonitor

        return CollapseMonitor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
