"""What is said, once, about a network, its training, and what training recorded? Frozen values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from balanced_nn._typing import FloatArray


@dataclass(frozen=True, eq=False)
class Body:
    """Layers of the caller's own between the input and the output, as the function that makes them.

    It equals itself alone: what a function makes may differ from one fit to the next, as a notebook's cell is edited.

    Parameters
    ----------
    make : callable
        Takes the number of columns, and returns a ``keras.layers.Layer``, a ``keras.Model`` or a list of layers.
    """

    make: Callable[[int], Any]

    def __str__(self) -> str:
        """Name the function."""
        return getattr(self.make, "__qualname__", type(self.make).__qualname__)

    def __call__(self, n_inputs: int) -> Any:
        """Make the layers anew."""
        return self.make(n_inputs)


@dataclass(frozen=True)
class NetworkSpec:
    """The architecture of a network: a multi-layer perceptron, or a body of the caller's own before the output.

    Two classes have one output unit, more classes one unit each; outputs are logits.
    """

    n_inputs: int  # columns of the preprocessed matrix
    n_classes: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str  # "relu", "tanh", "logistic", "selu", "gelu" or "identity"
    batch_norm: bool
    body: Body | None = None  # then the three above say nothing

    @property
    def n_outputs(self) -> int:
        """Number of output units."""
        return 1 if self.n_classes == 2 else self.n_classes


@dataclass(frozen=True)
class TrainingSpec:
    """How a network is trained, except for the learning rate, which a search may find."""

    loss: str  # "log_loss", "focal" or "logit_adjusted"
    label_smoothing: float  # share of the target that is spread evenly over the classes, in [0, 1)
    batch_size: int  # rows
    max_epochs: int
    patience: int  # epochs without an improvement of more than `tol`
    tol: float  # nats of the monitored loss
    weight_decay: float  # decoupled, as in AdamW
    dropout: float  # fraction of hidden units, in [0, 1)
    keep_best: bool  # the network of the best epoch, not of the last
    average_weights: bool  # whether the mean of the weights of the last epochs is wanted too


@dataclass(frozen=True, eq=False)
class RangeTestTrace:
    """Loss per batch while the learning rate grew geometrically.

    Parameters
    ----------
    learning_rates : ndarray of shape (n_steps,)
        Ascending learning rates, one per batch.
    losses : ndarray of shape (n_steps,)
        Weighted mean loss of each batch, in nats, taken before its update; may hold NaN or infinity after divergence.
    """

    learning_rates: FloatArray
    losses: FloatArray


@dataclass(frozen=True)
class LearningRateSearch:
    """Which learning rate was chosen from a range test, and why."""

    learning_rate: float
    reason: str  # one sentence
    is_fallback: bool  # True where the trace gave no answer
    trace: RangeTestTrace = field(repr=False)


@dataclass(frozen=True)
class History:
    """What one training recorded, one entry per epoch; of `partial_fit` one entry per call.

    ``validation_loss`` and ``validation_balanced_accuracy`` are empty where no rows were held out.
    """

    train_loss: tuple[float, ...] = field(repr=False)  # weighted mean loss as trained, in nats
    validation_loss: tuple[float, ...] = field(repr=False)  # log-loss of the validation rows, in nats
    validation_balanced_accuracy: tuple[float, ...] = field(repr=False)  # fraction
    learning_rate: float
    best_epoch: int  # 1-based; the last epoch where no rows were held out; 0 where the first one diverged
    n_steps: int  # optimizer updates, the range test excluded
    stop_reason: str  # "patience", "max_iter", "max_time", "diverged" or "callback"; "partial_fit" where it goes on


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """How far AdamW has come with a network.

    Parameters
    ----------
    step : int
        Updates so far.
    first_moments, second_moments : tuple of ndarray
        Running means of the gradient and of its square, for each trainable array; float32, padded as in training.
    """

    step: int
    first_moments: tuple[FloatArray, ...] = field(repr=False)
    second_moments: tuple[FloatArray, ...] = field(repr=False)
