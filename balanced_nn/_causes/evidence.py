"""What was seen of a model that may have failed? Frozen facts for a diagnosis, cheap to gather."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import OutcomeReport
from balanced_nn._data.names import Worded
from balanced_nn._replay.trials import Trial
from balanced_nn._typing import FloatArray, IntArray

MAX_COLUMNS_COMPARED = 2_000  # columns whose equality is looked for
PROBE_ROWS = 256  # of a probe: the statistics that the rules read are steady from there on


class Cause(Worded):
    """Why a classifier failed; `words` says it as a part of a sentence."""

    CLASS_IMBALANCE = "class_imbalance", "the classes are imbalanced, and training does not compensate for it"
    THRESHOLD = "threshold", "the decision does not fit how rare the classes are"
    LEARNING_RATE_TOO_HIGH = "learning_rate_too_high", "the learning rate is too high"
    LEARNING_RATE_TOO_LOW = "learning_rate_too_low", "the learning rate is too low"
    STOPPED_TOO_EARLY = "stopped_too_early", "training stopped too early"
    NETWORK_TOO_SMALL = "network_too_small", "the network is too small"
    OUTPUT_ACTIVATION = "output_activation", "the activation of the output does not fit the labels"
    LOSS_MISMATCH = "loss_mismatch", "the loss does not fit the labels and the output"
    HIDDEN_ACTIVATION = "hidden_activation", "the activation of the hidden layers hinders training"
    VANISHING_GRADIENT = "vanishing_gradient", "the gradient vanishes before it reaches the first layers"
    EXPLODING_GRADIENT = "exploding_gradient", "the gradient explodes"
    DEAD_RELU = "dead_relu", "ReLU units are dead: they output 0 for every row"
    POOR_INITIALIZATION = "poor_initialization", "the initial weights are badly chosen"
    UNSCALED_FEATURES = "unscaled_features", "the features are not scaled"
    BATCH_NORM_STATISTICS = "batch_norm_statistics", "the statistics of BatchNorm do not fit the data"
    BAD_LABELS = "bad_labels", "something is wrong with the labels"
    NO_SIGNAL = "no_signal", "the features say nothing about the labels"


class RepairAction(StrEnum):
    """What can be changed about a network and its training, from the cheapest to the most expensive."""

    SCALE_FEATURES = "scale_features"  # mean 0 and standard deviation 1
    MATCH_OUTPUT = "match_output"  # output units, their activation and the loss as the labels ask
    BALANCE_CLASSES = "balance_classes"  # class weights in training
    SET_LEARNING_RATE = "set_learning_rate"  # Adam at 1e-3
    SOUND_HIDDEN_LAYERS = "sound_hidden_layers"  # ReLU, He initialisation, biases of 0
    ADD_BATCH_NORM = "add_batch_norm"  # behind each hidden layer, with statistics that follow soon
    ENLARGE_NETWORK = "enlarge_network"  # at least one hidden layer, none narrower than 64 units
    TRAIN_LONGER = "train_longer"  # more epochs


# Which action repairs which cause. No training repairs labels, or features without a signal.
ACTION_OF: dict[Cause, RepairAction] = {
    Cause.CLASS_IMBALANCE: RepairAction.BALANCE_CLASSES,
    Cause.THRESHOLD: RepairAction.BALANCE_CLASSES,
    Cause.LEARNING_RATE_TOO_HIGH: RepairAction.SET_LEARNING_RATE,
    Cause.LEARNING_RATE_TOO_LOW: RepairAction.SET_LEARNING_RATE,
    Cause.STOPPED_TOO_EARLY: RepairAction.TRAIN_LONGER,
    Cause.NETWORK_TOO_SMALL: RepairAction.ENLARGE_NETWORK,
    Cause.OUTPUT_ACTIVATION: RepairAction.MATCH_OUTPUT,
    Cause.LOSS_MISMATCH: RepairAction.MATCH_OUTPUT,
    Cause.HIDDEN_ACTIVATION: RepairAction.SOUND_HIDDEN_LAYERS,
    Cause.VANISHING_GRADIENT: RepairAction.SOUND_HIDDEN_LAYERS,
    Cause.EXPLODING_GRADIENT: RepairAction.SOUND_HIDDEN_LAYERS,
    Cause.DEAD_RELU: RepairAction.SOUND_HIDDEN_LAYERS,
    Cause.POOR_INITIALIZATION: RepairAction.SOUND_HIDDEN_LAYERS,
    Cause.UNSCALED_FEATURES: RepairAction.SCALE_FEATURES,
    Cause.BATCH_NORM_STATISTICS: RepairAction.ADD_BATCH_NORM,
}


@dataclass(frozen=True)
class DataFacts:
    """The table as the model reads it, after any scaling of its own, and the labels."""

    n_rows: int
    n_features: int
    class_share: tuple[float, ...]  # by weight
    class_rows: tuple[int, ...]
    largest: float  # largest absolute value; NaN left out
    scale_ratio: float  # largest standard deviation of a column over the smallest that is not 0; 1.0 for none
    offset_ratio: float  # largest absolute mean of a column over its standard deviation
    n_constant: int  # columns
    n_duplicated: int  # columns that equal an earlier one
    n_not_finite: int  # cells
    bad_labels: str = ""  # what is wrong with them, empty if nothing was found
    other_table: bool = False  # whether the rows that are judged hold other values than those of training


@dataclass(frozen=True)
class NetworkFacts:
    """What a network is and how it was compiled; None where that could not be read."""

    hidden_sizes: tuple[int, ...] | None
    hidden_activations: tuple[str, ...]  # Keras' names: "relu", "sigmoid", "tanh", "linear", ...
    batch_norm: bool
    n_outputs: int
    output_activation: str
    n_classes: int  # that the labels hold
    loss: str | None  # "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", ...
    from_logits: bool
    optimizer: str | None  # "adam", "sgd", ...
    learning_rate: float | None
    epochs: int | None
    n_steps: int | None  # updates of the weights


@dataclass(frozen=True)
class LayerProbe:
    """One layer on the rows of a probe: its outputs behind the activation, and the gradient of its kernel."""

    activation: str
    units: int
    spread: float  # root mean square over units of the standard deviation over rows
    dead: float  # fraction of the units that answer 0 for each row
    saturated: float  # fraction of the outputs of sigmoid and tanh units whose input lies beyond -5 or 5
    largest: float  # largest absolute output
    gradient: float  # Euclidean norm of the gradient of the kernel
    weight: float  # root mean square of the kernel


@dataclass(frozen=True)
class Probe:
    """One forward and backward pass."""

    layers: tuple[LayerProbe, ...]  # hidden layers, then the output; empty where the layers could not be told apart
    loss: float  # mean of the loss as trained
    chance_loss: float  # cross-entropy of the class shares on the same rows, in nats
    finite: bool  # whether every number met was

    @property
    def hidden(self) -> tuple[LayerProbe, ...]:
        """All layers but the output."""
        return self.layers[:-1]

    @property
    def spread_ratio(self) -> float | None:
        """Spread of the last hidden layer over that of the first; None for fewer than two."""
        if len(self.hidden) < 2 or not self.hidden[0].spread > 0:
            return None
        return self.hidden[-1].spread / self.hidden[0].spread

    @property
    def dead(self) -> float:
        """Fraction of dead units in the worst hidden layer."""
        return max((layer.dead for layer in self.hidden), default=0.0)

    @property
    def largest(self) -> float:
        """Largest absolute output of a hidden layer; infinity where a number was not finite."""
        if not self.finite:
            return float("inf")
        return max((layer.largest for layer in self.hidden), default=0.0)


@dataclass(frozen=True)
class Curve:
    """Training loss of each epoch, as trained."""

    loss: tuple[float, ...]

    @property
    def finite(self) -> bool:
        """Whether every loss is a finite number."""
        return bool(np.isfinite(self.loss).all())

    @property
    def falling(self) -> float:
        """Fall of the loss over the last quarter of the epochs, over its size at the start of that quarter."""
        if len(self.loss) < 4 or not self.finite:
            return 0.0
        start = self.loss[-1 - len(self.loss) // 4]
        return (start - self.loss[-1]) / max(abs(start), 1e-12)


@dataclass(frozen=True)
class Evidence:
    """Everything that a diagnosis may look at; None where something could not be seen."""

    outcome: OutcomeReport  # of the answers, with the reference taken into account where there is one
    data: DataFacts
    reference: Reference | None = None  # what quick models reach; for NO_SIGNAL maybe on other held-out rows
    network: NetworkFacts | None = None
    initial: Probe | None = None  # with the weights that training began with
    final: Probe | None = None  # with those that it ended with
    initial_is_redrawn: bool = False  # whether `initial` has weights drawn anew by the same rule
    movement: float | None = None  # norm of the change of all kernels over the norm they began with
    batch_norm_gap: float | None = None  # balanced accuracy with statistics of the rows, less that with the stored ones
    curve: Curve | None = None
    trials: tuple[Trial, ...] = ()  # what single changes made of the same training; empty where none was tried


def data_facts(X: FloatArray, y: IntArray, n_classes: int, weight: FloatArray | None = None) -> DataFacts:
    """Look at a numeric matrix and its class indices.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The matrix as the network reads it.
    y : ndarray of shape (n_samples,)
        Class indices.
    n_classes : int
        Number of classes.
    weight : ndarray of shape (n_samples,), default=None
        Positive weights.

    Examples
    --------
    >>> facts = data_facts(np.array([[1.0, 0.0], [3000.0, 0.0]]), np.array([0, 1]), 2)
    >>> facts.largest, facts.n_constant
    (3000.0, 1)
    """
    finite = np.isfinite(X)
    n_not_finite = int(X.size - np.count_nonzero(finite))
    cells = X.astype(np.float64) if n_not_finite == 0 else np.where(finite, X, 0.0).astype(np.float64)
    peak = np.abs(cells).max(axis=0, initial=0.0)
    cells /= np.where(peak > 0, peak, 1.0)  # so that no square overflows
    mean, deviation = peak * cells.mean(axis=0), peak * cells.std(axis=0)
    varies = (cells.max(axis=0, initial=-1.0) > cells.min(axis=0, initial=1.0)) & (deviation > 0)
    spread = deviation[varies]
    rows = np.bincount(y, minlength=n_classes)
    mass = np.bincount(y, weights=weight, minlength=n_classes)
    return DataFacts(
        n_rows=len(X),
        n_features=X.shape[1],
        class_share=tuple((mass / max(mass.sum(), 1e-300)).tolist()),
        class_rows=tuple(rows.tolist()),
        largest=float(peak.max(initial=0.0)),
        scale_ratio=float(spread.max()) / float(spread.min()) if spread.size else 1.0,
        offset_ratio=float(np.max(np.abs(mean[varies]) / spread)) if spread.size else 0.0,
        n_constant=int(np.count_nonzero(~varies)),
        n_duplicated=_count_duplicates(cells[:, varies], peak[varies]),
        n_not_finite=n_not_finite,
        bad_labels="all rows have the same label" if np.count_nonzero(rows) < 2 else "",
    )


def _count_duplicates(cells: FloatArray, peak: FloatArray) -> int:
    """Columns were divided by their peaks: equal ones agree in both."""
    if cells.shape[1] > MAX_COLUMNS_COMPARED:
        return 0
    columns = np.ascontiguousarray(cells.T) + 0.0  # -0.0 becomes 0.0
    seen = {(column.tobytes(), height) for column, height in zip(columns, peak.tolist(), strict=True)}
    return len(columns) - len(seen)


def chance_loss(y: IntArray, n_classes: int) -> float:
    """Cross-entropy of the class shares, in nats: what a network reaches that has learned nothing but them.

    Examples
    --------
    >>> round(chance_loss(np.array([0, 0, 1, 1]), 2), 4)
    0.6931
    """
    share = np.bincount(y, minlength=n_classes) / max(len(y), 1)
    return float(-np.sum(share[share > 0] * np.log(share[share > 0])))


def probe_rows(y: IntArray, n_rows: int = PROBE_ROWS) -> IntArray:
    """Choose the rows of a probe: evenly spread within each class, all classes alike as far as they reach.

    Examples
    --------
    >>> probe_rows(np.array([0, 0, 0, 0, 0, 1]), 4)
    array([0, 3, 5])
    """
    labels = np.unique(y)
    each = max(1, n_rows // max(len(labels), 1))
    chosen: list[IntArray] = []
    for label in labels:
        members = np.flatnonzero(y == label)
        chosen.append(members[:: -(-len(members) // each)])
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.intp)
