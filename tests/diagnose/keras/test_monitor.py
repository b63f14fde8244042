"""Does the monitor see a collapse while it happens, say so once, and leave the training alone?"""

import subprocess
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from balanced_nn import CollapseMonitor
from balanced_nn.exceptions import CollapseWarning

pytestmark = pytest.mark.filterwarnings(r"ignore:[\s\S]*softmax over axis:UserWarning")  # Keras, about a lone unit

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
TRAIN, HELD = slice(0, 250), slice(250, None)


def net(
    activation: str = "sigmoid", rate: float = 0.01, *, n_outputs: int = 1, loss: Any = "binary_crossentropy"
) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(n_outputs, activation)])
    model.compile(keras.optimizers.Adam(rate), loss)
    return model


def train(model: Any, monitor: CollapseMonitor, epochs: int = 3, labels: Any = Y, **options: Any) -> Any:
    callbacks = [monitor, *options.pop("callbacks", [])]
    return model.fit(X[TRAIN], labels[TRAIN], epochs=epochs, verbose=0, callbacks=callbacks, **options)


@pytest.fixture(scope="module")
def healthy() -> CollapseMonitor:
    monitor = CollapseMonitor(X[HELD], Y[HELD])
    train(net(), monitor, epochs=25)
    return monitor


@pytest.fixture(scope="module")
def collapsed() -> SimpleNamespace:
    """Softmax over a single unit; with everything that was warned of."""
    monitor = CollapseMonitor(X[HELD], Y[HELD], patience=2)
    model = net("softmax")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X[TRAIN], Y[TRAIN], epochs=6, verbose=0, callbacks=[monitor])
    return SimpleNamespace(
        monitor=monitor, model=model, warned=[entry for entry in caught if entry.category is CollapseWarning]
    )


@pytest.mark.parametrize("label", [0, 1])
def test_of_held_out_rows_of_one_class_nothing_can_be_told(label):
    monitor = CollapseMonitor(X[label == Y], Y[label == Y], X_train=X, y_train=Y)
    train(net(rate=0.0), monitor, epochs=1)
    report = monitor.report_
    assert (report.outcome.value, monitor.certain_epoch_) == ("unknown", None)
    assert [finding.cause.value for finding in report.causes] == ["bad_labels"]
    assert str(report).startswith(f"Nothing can be told: all rows to judge on are labelled {label} ")


def test_a_monitor_finds_the_collapse_on_a_sorted_dataset():
    many = np.repeat(X, 30, axis=0)
    labels = np.repeat(Y, 30)
    order = np.argsort(labels, kind="stable")
    monitor = CollapseMonitor(tf.data.Dataset.from_tensor_slices((many[order], labels[order])).batch(64))
    model = net(rate=0.0)
    model.layers[-1].kernel.assign(np.zeros((8, 1)))
    train(model, monitor, epochs=1)
    assert monitor.report_.outcome.value == "constant"
    assert min(monitor.report_.facts.class_rows) > 500


def test_a_healthy_training_is_called_healthy(healthy):
    report = healthy.report_
    assert (report.outcome, report.causes, report.judged_on) == ("healthy", (), "held-out rows")
    assert healthy.certain_epoch_ is None
    assert len(healthy.outcomes_) == 25
    evidence = report.evidence
    assert (evidence.network.epochs, evidence.network.n_steps, len(evidence.curve.loss)) == (25, 200, 25)
    assert not evidence.initial_is_redrawn
    assert evidence.movement > 0.1


def test_a_collapse_is_warned_of_once_at_the_line_that_calls_fit(collapsed):
    (warning,) = collapsed.warned
    assert warning.filename == __file__
    assert str(warning.message).startswith("After epoch 1: Collapsed: the same probability for every row (150 held-out")
    assert collapsed.monitor.certain_epoch_ == 1
    assert len(collapsed.monitor.outcomes_) == 6


def test_the_cause_of_a_collapse_is_named(collapsed):
    report = collapsed.monitor.report_
    assert (report.outcome, report.causes[0].cause) == ("constant", "output_activation")
    assert 'Dense(1, activation="sigmoid")' in str(report)
    assert report.to_dict()["evidence"]["curve"]["loss"]


def test_the_weights_after_training_are_those_that_training_without_a_monitor_gives():
    with_monitor, without = net(), net()
    keras.utils.set_random_seed(3)
    train(with_monitor, CollapseMonitor(X[HELD], Y[HELD]))
    keras.utils.set_random_seed(3)
    without.fit(X[TRAIN], Y[TRAIN], epochs=3, verbose=0)
    for one, other in zip(with_monitor.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_learning_rate_that_is_too_low_stops_the_training_if_asked():
    monitor = CollapseMonitor(X[HELD], np.eye(2)[Y[HELD]], X_train=X[TRAIN], y_train=Y[TRAIN], patience=2, stop=True)
    model = net("softmax", 1e-7, n_outputs=2, loss="sparse_categorical_crossentropy")
    model.layers[0].set_weights([np.full((4, 8), -1e-3, np.float32), np.full(8, -1.0, np.float32)])
    model.layers[1].set_weights([np.zeros((8, 2), np.float32), np.array([0.1, -0.1], np.float32)])
    with pytest.warns(CollapseWarning):
        history = train(model, monitor, epochs=9)
    assert len(history.epoch) == monitor.certain_epoch_ == 2
    causes = {finding.cause for finding in monitor.report_.causes}
    assert "learning_rate_too_low" in causes


def test_numbers_that_are_not_finite_are_certain_at_once():
    monitor = CollapseMonitor(X[HELD], Y[HELD], stop=True)
    model = net()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.warns(CollapseWarning):
        train(model, monitor)
    assert monitor.certain_epoch_ == 1
    assert monitor.report_.outcome == "constant"


def test_a_second_fit_forgets_the_first(collapsed):
    monitor = CollapseMonitor(X[HELD], Y[HELD], patience=1)
    with pytest.warns(CollapseWarning):
        train(net("softmax"), monitor, epochs=2)
    first = monitor.report_
    train(net(rate=0.05), monitor, epochs=8)
    assert monitor.certain_epoch_ is None
    assert len(monitor.outcomes_) == 8
    assert (first.outcome, monitor.report_.outcome) == ("constant", "healthy")


def test_a_second_fit_of_one_model_counts_its_own_steps():
    monitor, model = CollapseMonitor(X[HELD], Y[HELD]), net()
    train(model, monitor, epochs=2)
    train(model, monitor, epochs=1)
    assert (monitor.report_.evidence.network.n_steps, monitor.report_.evidence.network.epochs) == (8, 1)


def test_it_works_beside_validation_data_early_stopping_and_class_weights():
    monitor = CollapseMonitor(X[HELD], Y[HELD], sample_weight=np.linspace(0, 1, 150))
    stopping = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    history = train(
        net(),
        monitor,
        epochs=4,
        callbacks=[stopping],
        validation_data=(X[HELD], Y[HELD]),
        class_weight={0: 1.0, 1: 3.0},
    )
    assert len(monitor.outcomes_) == len(history.epoch)
    assert monitor.report_.facts.n_rows == 149  # the first one weighs nothing


def test_rows_that_weigh_nothing_are_left_out_even_where_nothing_can_be_read_from_them():
    weight = np.r_[np.ones(150), np.zeros(100)]
    rows, labels = np.concatenate([X[HELD], np.full((100, 4), np.nan, np.float32)]), np.r_[Y[HELD], 1 - Y[:100]]
    weighted, plain = CollapseMonitor(rows, labels, sample_weight=weight), CollapseMonitor(X[HELD], Y[HELD])
    train(net(), weighted)
    train(net(), plain)
    assert weighted.outcomes_ == plain.outcomes_
    assert weighted.report_.to_dict() == plain.report_.to_dict()


@pytest.mark.parametrize("steps_per_epoch", [None, 3])
def test_it_works_with_datasets(steps_per_epoch):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y[:, None])).batch(50)
    monitor = CollapseMonitor(dataset)
    endless = dataset if steps_per_epoch is None else dataset.repeat()
    options = {"steps_per_epoch": steps_per_epoch, "shuffle": False}  # Keras warns of its own default otherwise
    net().fit(endless, epochs=2, verbose=0, callbacks=[monitor], **options)
    assert monitor.report_.facts.n_rows == 400
    assert monitor.report_.evidence.network.n_steps == 2 * (steps_per_epoch or 8)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.dropout, self.last = layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(1, "sigmoid")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.last(self.dropout(self.hidden(x), training=training))


class Counting(Subclassed):
    """Counts how often its Python code runs, which is dear."""

    n_calls = 0

    def call(self, x: Any, training: bool = False) -> Any:
        self.n_calls += 1
        return super().call(x, training=training)


class NeedsNumbers(Subclassed):
    """Its code outside of training cannot be compiled."""

    def call(self, x: Any, training: bool = False) -> Any:
        return super().call(x if training else np.asarray(x), training=training)


def test_the_python_code_of_a_model_does_not_run_again_after_each_epoch():
    def calls(epochs: int) -> int:
        model = Counting()
        model.compile("adam", "binary_crossentropy")
        train(model, CollapseMonitor(X[HELD], Y[HELD]), epochs=epochs)
        return model.n_calls

    assert calls(6) == calls(2)


def test_outcomes_after_each_epoch_are_those_of_its_weights(healthy):
    last, facts = healthy.outcomes_[-1], healthy.report_.facts
    assert (last.recall, last.spread) == (facts.recall, pytest.approx(facts.spread, rel=1e-6))
    assert len({outcome.spread for outcome in healthy.outcomes_}) == 25


def test_a_model_that_cannot_be_compiled_is_watched_all_the_same():
    model = NeedsNumbers()
    model.compile("adam", "binary_crossentropy")
    monitor = CollapseMonitor(X[HELD], Y[HELD])
    train(model, monitor, epochs=2)
    assert len(monitor.outcomes_) == 2


@pytest.mark.parametrize("make", [Subclassed, lambda: keras.Sequential([layers.Dense(8), layers.Dense(1, "sigmoid")])])
def test_a_model_that_is_built_by_its_first_batch_is_watched(make):
    monitor, model = CollapseMonitor(X[HELD], Y[HELD]), make()
    model.compile("adam", "binary_crossentropy")
    train(model, monitor, epochs=2)
    assert monitor.report_.facts.n_rows == 150
    assert monitor.report_.evidence.movement is None  # nobody knows what it began with


def test_several_inputs_and_a_loss_of_the_users_own():
    def loss(y_true: Any, y_pred: Any) -> Any:
        return keras.losses.binary_crossentropy(y_true, y_pred)

    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Dense(1, "sigmoid")(layers.Concatenate()([a, b])))
    model.compile("adam", loss)
    rows = {"a": X[:, :2], "b": X[:, 2:]}
    monitor = CollapseMonitor(rows, Y)
    model.fit(rows, Y, epochs=2, verbose=0, callbacks=[monitor])
    assert len(monitor.report_.evidence.final.layers) == 1


@pytest.mark.parametrize("patience", [0, -1, 1.5])
def test_a_patience_that_is_no_number_of_epochs_is_refused(patience):
    with pytest.raises(ValueError, match="patience must be a whole number of epochs, at least 1; got"):
        CollapseMonitor(X, Y, patience=patience)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": X}, "y_val is None. Pass one label for each row of X_val"),
        ({"X_val": X, "y_val": Y, "X_train": X}, "y_train is None. Pass one label for each row of X_train"),
        ({"X_val": X, "y_val": Y[:-1]}, r"X_val has rows of shape .* the labels \(y_val\)"),
        ({"X_val": X, "y_val": Y, "X_train": X, "y_train": Y + 1}, "labelled 2, which are not among the classes 0, 1"),
        ({"X_val": X, "y_val": Y, "sample_weight": [1.0]}, "sample_weight has 1 entries for 400 rows"),
        ({"X_val": X, "y_val": Y, "sample_weight": np.r_[-1.0, np.ones(399)]}, "sample_weight holds 1 negative"),
        ({"X_val": X, "y_val": Y, "sample_weight": np.r_[np.nan, np.ones(399)]}, "sample_weight contains NaN"),
        ({"X_val": X, "y_val": Y, "sample_weight": np.zeros(400)}, "sample_weight is zero for every row"),
        ({"X_val": X, "y_val": X[:, 0]}, "y_val holds numbers that are not whole"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_training_begins(arguments, message):
    model = net()
    with pytest.raises(ValueError, match=message):
        train(model, CollapseMonitor(**arguments))
    assert int(model.optimizer.iterations) == 0


def test_labels_of_rows_that_were_not_passed_are_refused():
    with pytest.raises(ValueError, match="y_train was passed without X_train"):
        CollapseMonitor(X, Y, y_train=Y)


def test_a_model_with_two_outputs_is_refused_before_training_begins():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1)(inputs)])
    model.compile("adam", ["mse", "mse"])
    with pytest.raises(ValueError, match="has 2 outputs"):
        model.fit(X, [Y, Y], verbose=0, callbacks=[CollapseMonitor(X, Y)])


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import balanced_nn; dir(balanced_nn)", False),
        ("from balanced_nn import diagnose", False),
        ("from balanced_nn import CollapseMonitor", True),
    ],
)
def test_keras_is_loaded_when_the_monitor_is_asked_for(code, loaded):
    code += "; import sys; sys.exit(int('keras' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == loaded
