"""How is a user's own ``model.fit`` watched for a collapse, and what is reported afterwards?"""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from balanced_nn._causes.advise import ModelKind, advise
from balanced_nn._causes.evidence import Curve, NetworkFacts
from balanced_nn._causes.observation import gather_evidence
from balanced_nn._causes.report import CollapseReport
from balanced_nn._causes.rules import diagnose_evidence
from balanced_nn._collapse.outcome import OutcomeReport
from balanced_nn._data.dataset import thin_out
from balanced_nn._data.target import read_weights
from balanced_nn._diagnose.keras.data import (
    KerasRows,
    class_indices,
    find_bad_labels,
    known_classes,
    materialise,
    take_rows,
)
from balanced_nn._diagnose.keras.gathering import WatchedTraining, judge_outputs, observe, repeated_outputs
from balanced_nn._diagnose.keras.layers import check_model, network_facts
from balanced_nn._typing import FloatArray, IntArray, Rows
from balanced_nn.exceptions import CollapseWarning

_NOT_THE_USER = {"balanced_nn", "keras", "tensorflow"}
JUDGED_ROWS = 1_000  # of a class, at most: a look at each epoch has to be cheap


class CollapseMonitor(keras.callbacks.Callback):
    """Watch a Keras training for a collapse, and report what caused it.

    Pass it to ``model.fit(..., callbacks=[monitor])``. It judges held-out rows after each epoch, warns once as soon as
    the outcome is certain, and names the causes when training ends. It changes neither the model nor the training
    (unless `stop` is True), and at the end it trains only two quick baseline models.

    Parameters
    ----------
    X_val : array-like, nested arrays or tf.data.Dataset
        Held-out rows as the model reads them. A dataset gives batches of ``(rows, labels)``; of more than 5,000 rows
        as many are drawn, with equal chances, and 20 of each rare class.
    y_val : array-like of shape (n_rows,) or (n_rows, n_classes) or None, default=None
        Their labels: class indices, any other labels in sorted order, or one-hot rows. None with a dataset.
    sample_weight : array-like of shape (n_rows,) or None, default=None
        Their weights; of a dataset one for each row in the order in which it gives them. None takes those that a
        dataset gives along, as ``(rows, labels, weights)``; else each weighs 1.
    X_train : like `X_val`, default=None
        Some training rows, for facts about the features and to train the baseline models on. None takes the
        held-out ones, and evaluates the baseline models on folds of them.
    y_train : like `y_val`, default=None
        Their labels; required with arrays in `X_train`.
    patience : int, default=5
        Epochs in a row with a collapse, while the training loss falls by less than 1 % overall, after which the outcome
        is certain. Numbers that are not finite, and softmax over a single unit, are certain at once.
    stop : bool, default=False
        Whether to stop the training then.

    Attributes
    ----------
    report_ : CollapseReport
        What happened, why, and what to do; after training.
    outcomes_ : list of OutcomeReport
        The outcome after each epoch.
    certain_epoch_ : int or None
        Epoch, from 1, after which a collapse was certain; None if none was.

    See Also
    --------
    diagnose : The same for a model that is already trained.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from balanced_nn import CollapseMonitor
    >>> keras.utils.set_random_seed(0)
    >>> X = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    >>> y = (X[:, 0] > 0).astype(int)
    >>> layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")]
    >>> model = keras.Sequential(layers)
    >>> model.compile(keras.optimizers.Adam(1e-7), "binary_crossentropy")
    >>> monitor = CollapseMonitor(X[100:], y[100:])
    >>> _ = model.fit(X[:100], y[:100], epochs=2, verbose=0, callbacks=[monitor])
    >>> monitor.report_.outcome.value, monitor.report_.causes[0].cause.value
    ('worse_than_reference', 'learning_rate_too_low')
    """

    def __init__(
        self,
        X_val: Rows,
        y_val: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_train: Rows | None = None,
        y_train: ArrayLike | None = None,
        patience: int = 5,
        stop: bool = False,
    ) -> None:
        super().__init__()
        if patience < 1 or patience != int(patience):
            raise ValueError(f"patience must be a whole number of epochs, at least 1; got {patience!s}. Use 5.")
        if X_train is None and y_train is not None:
            raise ValueError("y_train was passed without X_train. Pass both, or neither.")
        self.X_val, self.y_val, self.sample_weight = X_val, y_val, sample_weight
        self.X_train, self.y_train = X_train, y_train
        self.patience, self.stop = patience, stop

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the rows and keep a copy of the weights."""
        read = materialise(self.X_val, self.y_val, name="X_val")
        rows, labels = read.X, read.labels
        if self.model.built:
            check_model(self.model, rows)
        self._raw_labels = labels
        self._classes = class_indices(labels)[1]
        if self.model.built:
            self._classes = known_classes(labels, network_facts(self.model, len(self._classes)))
        y = class_indices(labels, self._classes)[0]
        weight = read_weights(read.weights(self.sample_weight, "sample_weight"), y)
        kept = np.flatnonzero(weight)
        chosen, self._weight = thin_out(y[kept], weight[kept], JUDGED_ROWS)
        self._X, self._y = take_rows(rows, kept[chosen]), y[kept[chosen]]
        self._seen: tuple[Rows, IntArray] | None = None
        if self.X_train is not None:
            train = materialise(self.X_train, self.y_train, name="X_train")
            self._seen = train.X, class_indices(train.labels, self._classes)[0]
            self._raw_labels = train.labels
        self._initial = self.model.get_weights() if self.model.built else None
        self._steps_before = int(self.model.optimizer.iterations)
        self._losses: list[float] = []
        self._outputs: Callable[[], FloatArray] | None = None  # of the held-out rows, once the model is built
        self.outcomes_: list[OutcomeReport] = []
        self.certain_epoch_: int | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge the held-out rows; warn, and stop if requested, once a collapse is certain."""
        self._losses.append(float((logs or {}).get("loss", np.nan)))
        facts = network_facts(self.model, len(self._classes))
        if self._outputs is None:
            self._outputs = repeated_outputs(self.model, self._X)
        outcome = judge_outputs(self._outputs(), facts, self._y, self._weight)
        self.outcomes_.append(outcome)
        if self.certain_epoch_ is None and self._is_certain(facts):
            self.certain_epoch_ = epoch + 1
            report = CollapseReport(outcome, self._classes, "held-out rows")
            message = f"After epoch {epoch + 1}: {str(report).splitlines()[0]}"
            warnings.warn(CollapseWarning(message), stacklevel=_level_of_the_user())
            if self.stop:
                self.model.stop_training = True

    def _is_certain(self, facts: NetworkFacts) -> bool:
        last = self.outcomes_[-self.patience :]
        lone_softmax = facts.output_activation == "softmax" and facts.n_outputs == 1  # its loss may fall all the same
        if last[-1].collapsed and (lone_softmax or not np.isfinite(self._losses[-1])):
            return True
        if len(last) < self.patience or not all(outcome.collapsed for outcome in last):
            return False
        before, now = self._losses[-self.patience], self._losses[-1]
        return bool(now > 0.99 * before)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Name the causes, and write `report_`."""
        self._outputs = None  # which cannot be copied or pickled
        X, y = self._seen or (self._X, self._y)
        facts = network_facts(self.model, len(self._classes))
        bad_labels = find_bad_labels(self._raw_labels, facts)
        rows = KerasRows(X, y, self._X, self._y, len(self._classes), self._weight, bad_labels)
        n_steps = int(self.model.optimizer.iterations) - self._steps_before
        watched = WatchedTraining(self._initial, Curve(tuple(self._losses)), n_steps)
        evidence = gather_evidence(observe(self.model, rows, watched))
        findings = advise(diagnose_evidence(evidence), ModelKind.KERAS, settings=vars(evidence.network))
        self.report_ = CollapseReport(evidence.outcome, self._classes, "held-out rows", findings, evidence)


def _level_of_the_user() -> int:
    """How many calls above the caller the first one stands that is neither ours nor of Keras or TensorFlow."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USER:
        frame, level = frame.f_back, level + 1
    return level
