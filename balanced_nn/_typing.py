"""How are arrays and rows written in signatures?"""

from collections.abc import Hashable
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FloatArray: TypeAlias = NDArray[Any]  # float64, or float32 where the text says so
IntArray: TypeAlias = NDArray[np.intp]
BoolArray: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = np.ndarray  # of classes or columns: numbers, strings or objects
Label: TypeAlias = Hashable
Matrix: TypeAlias = np.ndarray | sparse.csr_matrix
Rows: TypeAlias = Any  # array-like, sparse matrix, DataFrame, nested arrays or tf.data.Dataset: whatever a model takes


class Sampler(Protocol):
    """What resamples rows, as in imbalanced-learn."""

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the resampled rows and their labels."""


class Transformer(Protocol):
    """What scales columns, as in scikit-learn."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn from the training rows."""

    def transform(self, X: Any) -> Any:
        """Return as many rows."""
