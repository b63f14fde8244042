"""How do layers of anybody's draw the same weights again? From the global generators, which stay as they were."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_BORROWED = threading.RLock()  # two threads would put back each other's numbers


@contextmanager
def random_state_kept(seed: int) -> Iterator[None]:
    """Keras draws the seeds of new layers from Python's global generator: seed it, and restore it afterwards.

    The same with NumPy's, from which initialisers of the user's own may draw.
    """
    with _BORROWED:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is the global one that is kept
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
