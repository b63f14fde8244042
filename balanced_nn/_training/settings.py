"""What did the user set, and what was left open? The parameters of a fit as one frozen value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from balanced_nn._network.specs import Body


@dataclass(frozen=True, kw_only=True, eq=False)
class FitSettings:
    """The parameters of :class:`BalancedNNClassifier`, under their own names, with what they are by default."""

    hidden_layer_sizes: int | ArrayLike | Callable[[int], Any]
    activation: str
    batch_norm: bool
    dropout: float
    alpha: float
    class_weight: str | Mapping[Any, float] | None
    sampler: Any
    loss: str
    scaler: Any
    screen_columns: bool
    n_bins: str | int | None
    learning_rate_init: str | float
    batch_size: str | int
    max_iter: int
    max_time: float | None
    checkpoint: Any
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    label_smoothing: float
    average_weights: bool
    n_members: str | int
    decision: Any
    pos_label: Any
    on_collapse: str
    n_jobs: int | None
    random_state: int | np.random.RandomState | None
    verbose: int
    warm_start: bool
    defaults: Mapping[str, Any]  # of all parameters; one that equals its default counts as left open

    @classmethod
    def of(cls, estimator: BaseEstimator) -> Self:
        """Read them from an estimator, whose parameters were checked."""
        given = estimator.get_params(deep=False)
        if callable(given["hidden_layer_sizes"]):
            given["hidden_layer_sizes"] = _read_body(given["hidden_layer_sizes"])
        names = [field.name for field in fields(cls) if field.name != "defaults"]
        return cls(**{name: given[name] for name in names}, defaults=type(estimator)().get_params(deep=False))

    @property
    def values(self) -> dict[str, Any]:
        """The parameters by name, in alphabetical order as scikit-learn has them."""
        return {name: value for name, value in sorted(vars(self).items()) if name != "defaults"}

    @property
    def body(self) -> Body | None:
        """The layers of the user's own; the same value throughout a fit."""
        return self.hidden_layer_sizes if isinstance(self.hidden_layer_sizes, Body) else None

    @property
    def without_effect(self) -> list[str]:
        """What was set by hand and describes layers of sizes, although there is a body, in words."""
        names = ("activation", "batch_norm", "dropout") if self.body else ()
        values = {name: getattr(self, name) for name in names}
        return [f"{name}={value!r}" for name, value in values.items() if value != self.defaults[name]]

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Units of each hidden layer as plain integers, none for a body; raises ValueError if one is not positive."""
        if self.body is not None:
            return ()
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)).tolist()
        if not all(_is_width(size) for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be a positive integer, a sequence of them, or a function that makes layers; "
                f"got {self.hidden_layer_sizes!s}. Use, for example, (256, 128)."
            )
        return tuple(int(size) for size in sizes)


def _read_body(make: Callable[[int], Any]) -> Body:
    if hasattr(make, "trainable_variables"):
        raise TypeError(
            f"hidden_layer_sizes is a Keras layer, {type(make).__name__}, which all networks would share. "
            "Pass a function of the number of columns that makes the layer anew at each call."
        )
    return Body(make)


def _is_width(size: object) -> bool:
    return isinstance(size, int | np.integer) and not isinstance(size, bool) and bool(size > 0)
