"""What is said, once, about a network, its training, and what training recorded? Frozen values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[Any]  # float64, or float32 where the text says so
IntArray = NDArray[np.intp]
