"""Which warnings and errors does balanced_nn raise, and from which of scikit-learn or Python does each derive?"""

from sklearn.exceptions import ConvergenceWarning

__all__ = [
    "CollapseError",
    "CollapseWarning",
    "ColumnWarning",
    "DecisionWarning",
    "HoldOutWarning",
    "ModelFileError",
    "PriorWarning",
    "RareClassWarning",
]


class CollapseWarning(ConvergenceWarning):
    """A fitted network answers one class, or the same probability for every row."""


class CollapseError(RuntimeError):
    """Raised instead of `CollapseWarning` by ``on_collapse="raise"``; the estimator stays as it was before the fit."""


class ModelFileError(ValueError):
    """A file holds no model that `load_model` can or may open."""


class ColumnWarning(UserWarning):
    """A column of a table likely is not what it should be, or is of another type than in `fit`."""


class RareClassWarning(UserWarning):
    """A class has too few rows for a step that needs several, such as the hold-out or SMOTE."""


class PriorWarning(UserWarning):
    """Class frequencies were estimated from rows that hardly determine them."""


class DecisionWarning(UserWarning):
    """A decision was tuned on unsuitable rows, or gives every row the same answer."""


class HoldOutWarning(UserWarning):
    """Rows that are held out to judge a network may have been trained on."""
