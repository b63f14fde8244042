"""How are arrays and rows written in signatures?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[Any]  # float64, or float32 where the text says so
IntArray = NDArray[np.intp]
Rows = Any  # array-like, sparse matrix, DataFrame, nested arrays or tf.data.Dataset: whatever a model takes
