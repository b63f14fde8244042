"""Is the right cause named for small programs, as people write them while they learn?"""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs, make_moons

from balanced_nn import CollapseMonitor, CollapseReport, diagnose
from balanced_nn._causes.evidence import Cause
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._diagnose.keras.data import KerasRows
from balanced_nn._diagnose.keras.layers import network_facts
from balanced_nn._diagnose.keras.replaying import find_replay
from balanced_nn._typing import FloatArray, IntArray

pytestmark = pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_LABELS = np.array([0, 1, 1, 0])
Table = tuple[FloatArray, IntArray]


def watch(
    table: Table,
    hidden: tuple[int, ...],
    optimizer: keras.optimizers.Optimizer,
    *,
    epochs: int,
    batch_size: int = 32,
    activation: str = "tanh",
    loss: str = "binary_crossentropy",
    judged: Table | None = None,
    norm: bool = False,
) -> CollapseReport:
    keras.utils.set_random_seed(0)
    X, y = np.asarray(table[0], np.float32), table[1]
    layers: list[keras.layers.Layer] = [keras.Input(X.shape[1:])]
    for width in hidden:
        layers += [keras.layers.Dense(width), *([keras.layers.BatchNormalization()] if norm else [])]
        layers += [keras.layers.Activation(activation)]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer, loss)
    monitor = CollapseMonitor(*(judged or (X, y)))
    model.fit(X, y, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[monitor])
    return monitor.report_


def moons(n: int = 80) -> Table:
    X, y = make_moons(n, noise=0.1, random_state=0)
    return X.astype(np.float32), y


def blobs_far_from_zero() -> Table:
    X, y = make_blobs(60, centers=2, random_state=1)
    return (X / X.std(axis=0) + 1990).astype(np.float32), y


def two_digits() -> Table:
    X, y = load_digits(n_class=2, return_X_y=True)
    return (16 * X[:80]).astype(np.float32), y[:80]


def adam(rate: float) -> Callable[[], keras.optimizers.Optimizer]:
    return lambda: keras.optimizers.Adam(rate)


@pytest.mark.parametrize("optimizer", [adam(1e-4), lambda: keras.optimizers.SGD(0.01)])
def test_exclusive_or_has_a_signal(optimizer: Callable[[], keras.optimizers.Optimizer]) -> None:
    report = watch((XOR, XOR_LABELS), (8,), optimizer(), epochs=30)
    assert report.outcome not in {Outcome.NO_SIGNAL, Outcome.HEALTHY}
    assert report.causes[0].cause in {Cause.LEARNING_RATE_TOO_LOW, Cause.STOPPED_TOO_EARLY}


def test_changes_are_tried_from_weights_drawn_anew_where_the_first_ones_are_lost() -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((2,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(1e-5), "binary_crossentropy")
    model.fit(XOR, XOR_LABELS, epochs=30, verbose=0)
    report = diagnose(model, XOR, XOR_LABELS)
    assert report.evidence is not None
    assert report.evidence.trials
    assert report.causes[0].cause is Cause.LEARNING_RATE_TOO_LOW
    assert "weights redrawn" in report.causes[0].seen


@pytest.mark.parametrize(
    ("initializer", "known"),
    [
        (keras.initializers.RandomUniform(-1.0, 1.0), True),
        (keras.initializers.RandomUniform(0.0, 1.0), False),
        (keras.initializers.Orthogonal(), False),
    ],
    ids=["around 0", "above 0", "of another kind"],
)
def test_weights_are_drawn_anew_only_by_rules_that_are_known(
    initializer: keras.initializers.Initializer, known: bool
) -> None:
    hidden = keras.layers.Dense(16, "tanh", kernel_initializer=initializer)
    model = keras.Sequential([keras.Input((2,)), hidden, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(1e-5), "binary_crossentropy")
    model.fit(XOR, XOR_LABELS, epochs=2, verbose=0)
    facts = replace(network_facts(model, 2), epochs=2, n_steps=2)
    replay = find_replay(model, facts, KerasRows(XOR, XOR_LABELS, XOR, XOR_LABELS, 2), None)
    assert (replay is not None) == known
    if replay is not None:
        assert 0.4 < replay.weights[0].std() < 0.8  # of numbers from -1 to 1, 0.58


def test_the_rate_of_another_optimizer_is_too_low_for_it() -> None:
    report = watch(moons(), (16,), keras.optimizers.Adadelta(0.001), epochs=60)
    assert report.causes[0].cause is Cause.LEARNING_RATE_TOO_LOW
    assert "the usual one of adadelta" in report.causes[0].seen


def test_steps_that_jump_to_and_fro_have_a_cause() -> None:
    report = watch(
        moons(40), (16,), keras.optimizers.SGD(1.0, momentum=0.95), epochs=15, batch_size=1, activation="relu"
    )
    assert report.causes[0].cause is Cause.LEARNING_RATE_TOO_HIGH


def test_an_offset_that_dwarfs_the_spread_is_a_matter_of_scale() -> None:
    report = watch(blobs_far_from_zero(), (8,), keras.optimizers.Adam(0.01), epochs=30)
    assert report.causes[0].cause is Cause.UNSCALED_FEATURES


def test_grey_levels_are_not_to_blame_for_a_rate_of_order_one() -> None:
    report = watch(two_digits(), (16,), keras.optimizers.Adam(3.0), epochs=20, activation="relu")
    if report.outcome is not Outcome.HEALTHY:
        assert report.causes[0].cause in {Cause.LEARNING_RATE_TOO_HIGH, Cause.UNSCALED_FEATURES}
        assert "instead of" in report.causes[0].seen


def test_batch_norm_with_a_handful_of_steps_has_a_cause() -> None:
    report = watch(moons(), (32, 32), keras.optimizers.Adam(0.01), epochs=2, norm=True)
    assert report.causes[0].cause in {Cause.BATCH_NORM_STATISTICS, Cause.STOPPED_TOO_EARLY}


def test_rows_of_one_class_are_told() -> None:
    X, y = moons()
    trained = watch((X[y == 0], y[y == 0]), (8,), keras.optimizers.Adam(0.01), epochs=2, judged=(X, y))
    judged = watch((X, y), (8,), keras.optimizers.Adam(0.01), epochs=2, judged=(X[y == 0], y[y == 0]))
    assert judged.causes[0].cause is Cause.BAD_LABELS
    assert judged.outcome is Outcome.UNKNOWN
    assert trained.outcome is not Outcome.HEALTHY


def test_labels_by_chance_still_have_no_signal() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 4)), rng.integers(0, 2, 120)
    other = rng.normal(size=(200, 4)).astype(np.float32), rng.integers(0, 2, 200)
    report = watch((X, y), (8,), keras.optimizers.Adam(0.01), epochs=10, judged=other)
    assert report.outcome in {Outcome.NO_SIGNAL, Outcome.HEALTHY, Outcome.UNKNOWN}


def test_a_sound_small_program_is_left_in_peace() -> None:
    report = watch(moons(), (16,), keras.optimizers.Adam(0.03), epochs=60)
    assert report.outcome is Outcome.HEALTHY
    assert report.causes == ()
