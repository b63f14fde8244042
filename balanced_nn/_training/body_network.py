"""What is a fitted network whose layers are the caller's own? Arrays too, but Keras alone knows the forward pass."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from balanced_nn._network.specs import NetworkSpec
from balanced_nn._training.keras.process import check_process, quiet_start
from balanced_nn._typing import FloatArray


@dataclass(frozen=True, eq=False)
class BodyNetwork:
    """A fitted network with a body; it offers what ``Network`` asks for.

    Parameters
    ----------
    spec : NetworkSpec
        With a body, whose function makes the layers again wherever the network answers.
    values : tuple of ndarray
        Weights, and what layers count in floats, such as the statistics of BatchNorm; float32.
    """

    spec: NetworkSpec
    values: tuple[FloatArray, ...] = field(repr=False)

    def arrays(self) -> list[FloatArray]:
        """Return all that training changes."""
        return list(self.values)

    def with_arrays(self, arrays: Iterable[FloatArray]) -> "BodyNetwork":
        """Return the network of the same architecture with other arrays."""
        return replace(self, values=tuple(arrays))

    @property
    def is_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return all(np.isfinite(array).all() for array in self.values)

    def logits(self, X: FloatArray) -> FloatArray:
        """Raw outputs of shape (n_samples, n_outputs); computed by Keras in float32.

        Raises
        ------
        RuntimeError
            Where TensorFlow cannot compute in this process.
        ValueError
            If the function of the body makes other layers than those that were trained.
        """
        check_process()  # each time: the process may have been forked since
        return self._forward(X)

    @cached_property
    def _forward(self) -> Callable[[FloatArray], FloatArray]:
        with quiet_start():
            from balanced_nn._training.keras.model import forward_pass  # deferred: loads TensorFlow

        return forward_pass(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"spec": self.spec, "values": self.values}


def draw_body_network(spec: NetworkSpec, output_bias: FloatArray, seed: int) -> BodyNetwork:
    """Draw what a network with a body starts from.

    Parameters
    ----------
    spec : NetworkSpec
    output_bias : ndarray of shape (n_classes,)
        As for ``initial_network``.
    seed : int
    """
    from balanced_nn._training.keras.model import draw_arrays  # deferred: loads TensorFlow

    return BodyNetwork(spec, tuple(draw_arrays(spec, output_bias, seed)))
