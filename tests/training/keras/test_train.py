"""Does the compiled program do what Keras does, and does training keep its promises?"""

import threading

import keras
import numpy as np
import pytest

from balanced_nn._data.dataset import Dataset
from balanced_nn._network.network import FittedNetwork, LayerArrays, initial_network
from balanced_nn._network.specs import NetworkSpec, TrainingSpec
from balanced_nn._probability.correction import Correction
from balanced_nn._training.keras.batches import BatchStream, feed
from balanced_nn._training.keras.compiled import CompiledSteps, ProgramKey
from balanced_nn._training.keras.model import CounterDropout, build_model, fitted_keras_model, padded_width
from balanced_nn._training.keras.pool import POOL
from balanced_nn._training.keras.program import TrainingProgram
from balanced_nn._training.keras.record import validation_scores
from balanced_nn._training.keras.task import TrainingTask
from balanced_nn._training.keras.train import key_of, run_range_test, train_network
from balanced_nn._training.preparation import Plan

ACTIVATIONS = ["relu", "tanh", "logistic", "selu", "gelu", "identity"]
UNIFORM = np.full(2, 0.5)


def some_rows(n_rows: int = 400, n_inputs: int = 5, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_inputs)).astype(np.float32)
    y = (X[:, 0] + 0.5 * rng.normal(size=n_rows) > 0).astype(np.intp)
    return Dataset(X, np.arange(n_rows), y, np.ones(n_rows))


def a_plan(spec, training, data, judged, correction, *, held_out: bool) -> Plan:
    """A plan of rows that needed no preprocessing."""
    return Plan(
        network=spec, training=training, preprocessing=None, width=spec.n_inputs, class_weight=np.ones(2), data=data,
        judged=judged, judged_rows=np.arange(len(judged)), held_out=held_out, judged_on="", correction=correction,
        notes=(),
    )  # fmt: skip


def a_task(*, valid: bool = True, data: Dataset | None = None, **training) -> TrainingTask:
    data = data or some_rows()
    settings = {
        "loss": "log_loss", "label_smoothing": 0.0, "batch_size": 64, "max_epochs": 15, "patience": 15, "tol": 0.0,
        "weight_decay": 0.0, "dropout": 0.0, "keep_best": True, "average_weights": False, **training,
    }  # fmt: skip
    spec = NetworkSpec(data.X.shape[1], 2, (16, 8), "relu", True)
    initial = initial_network(spec, np.zeros(2), data.sample(200), np.random.default_rng(1))
    correction = Correction(np.zeros(2), UNIFORM, settings["loss"] == "focal")
    plan = a_plan(spec, TrainingSpec(**settings), data, some_rows(seed=9), correction, held_out=valid)
    return TrainingTask(plan, initial, 7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_keras_model_and_the_arrays_give_the_same_logits(activation, batch_norm, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 7)).astype(np.float32)
    spec = NetworkSpec(7, n_classes, (32, 16), activation, batch_norm)
    network = initial_network(spec, np.zeros(n_classes), X, rng)
    kernel = rng.normal(size=network.layers[-1].kernel.shape).astype(np.float32)  # an initial one is zero
    bias = rng.normal(size=kernel.shape[1]).astype(np.float32)
    network = FittedNetwork(spec, (*network.layers[:-1], LayerArrays(kernel, bias, None)))
    model = fitted_keras_model(network)
    from_keras = np.asarray(model(X, training=False))
    np.testing.assert_allclose(network.logits(X), from_keras, atol=1e-4 * np.abs(from_keras).max())
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)


def test_the_compiled_steps_do_what_a_keras_train_step_does():
    """Three AdamW steps with weights, weight decay and BatchNorm, against keras.Model.train_on_batch."""
    task = a_task(weight_decay=0.05, batch_size=64)
    data = task.plan.data
    weight = np.random.default_rng(3).uniform(0.5, 2, len(data))
    rows = np.arange(192)
    program = TrainingProgram(CompiledSteps(key_of(task)))
    program.load(task.initial, task.plan.training, momentum=0.9, logit_offset=np.zeros(2), seed=0)
    weighted = Dataset(data.X, data.rows, data.y, weight)
    losses = program.run(program.gather(weighted, rows), np.full(3, 0.01, np.float32))

    model = fitted_keras_model(task.initial)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    expected = []
    for first in (0, 64, 128):
        part = slice(first, first + 64)
        y = data.y[part, None].astype(np.float32)
        model.reset_metrics()
        expected.append(float(model.train_on_batch(data.X[part], y, sample_weight=weight[part])))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    trained = np.asarray(model(data.X[:50], training=False))
    np.testing.assert_allclose(program.network(task.initial).logits(data.X[:50]), trained, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(program.outputs(data.X[:50]), trained, rtol=1e-5, atol=1e-5)


def test_where_the_system_has_no_room_for_a_program_the_same_network_is_trained_without_one(monkeypatch):
    task, rates = a_task(weight_decay=0.05, dropout=0.2), np.full(3, 0.01, np.float32)
    losses, networks = [], []
    for has_room in (True, False):
        monkeypatch.setattr("balanced_nn._training.keras.compiled.may_compile", lambda has_room=has_room: has_room)
        program = TrainingProgram(CompiledSteps(key_of(task)))
        program.load(task.initial, task.plan.training, momentum=0.9, logit_offset=np.zeros(2), seed=0)
        losses.append(program.run(program.gather(task.plan.data, np.arange(192)), rates))
        networks.append(program.network(task.initial))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    logits = [network.logits(task.plan.data.X[:50]) for network in networks]
    np.testing.assert_allclose(logits[1], logits[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("n_inputs", "width"), [(0, 16), (1, 16), (16, 16), (17, 32), (100, 112)])
def test_inputs_are_padded_to_a_multiple_of_sixteen(n_inputs, width):
    assert padded_width(n_inputs) == width


def test_one_program_serves_any_number_of_rows_and_any_setting():
    POOL.clear()
    built = POOL.n_built
    for n_rows, rate, decay in ((300, 1e-3, 0.0), (700, 1e-2, 0.1), (450, 1e-4, 0.01)):
        task = a_task(data=some_rows(n_rows), weight_decay=decay, max_epochs=2)
        run_range_test(task, np.geomspace(1e-5, 1, 40))
        train_network(task, rate)
    assert POOL.n_built == built + 1


def test_dropout_rates_share_a_program_and_no_dropout_has_its_own():
    keys = {ProgramKey.of(a_task().initial.spec, a_task(dropout=rate).plan.training, 6) for rate in (0.0, 0.1, 0.5)}
    assert len(keys) == 2


def test_dropout_zeroes_its_rate_of_units_and_keeps_the_mean():
    layer = CounterDropout()
    layer.build((None, 500))
    layer.rate.assign(0.3)
    x = np.ones((200, 500), np.float32)
    first, second = np.asarray(layer(x, training=True)), np.asarray(layer(x, training=True))
    assert (first == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert first.mean() == pytest.approx(1.0, abs=0.01)
    assert (first != second).mean() == pytest.approx(2 * 0.3 * 0.7, abs=0.02)  # independent masks
    assert abs(np.corrcoef(first[:, 0], first[:, 1])[0, 1]) < 0.3
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_the_stream_gives_every_row_once_an_epoch_and_full_batches():
    stream = BatchStream(100, 0, 1)
    rows = np.concatenate([stream.next(32) for _ in range(25)])  # 800 rows: 8 epochs
    np.testing.assert_array_equal(np.bincount(rows), 8)


@pytest.mark.parametrize("n_rows", [0, 7, 100, 250])
def test_rows_that_are_skipped_are_those_that_would_have_come(n_rows):
    whole, stream = BatchStream(100, 3, 1), BatchStream(100, 3, 1)
    stream.skip(n_rows)
    np.testing.assert_array_equal(stream.next(60), whole.next(n_rows + 60)[n_rows:])


def test_the_feed_gathers_the_rows_of_the_stream_in_order_chunk_by_chunk():
    expected = BatchStream(50, 3, 2)
    with feed(list, BatchStream(50, 3, 2), [40, 40, 16]) as chunks:
        for size in (40, 40, 16, 40, 40, 16, 40):
            assert next(chunks) == expected.next(size).tolist()


def test_the_feed_gathers_in_another_thread_that_ends_with_it():
    def who(_: object) -> threading.Thread:
        return threading.current_thread()

    with feed(who, BatchStream(5, 0, 0), [5]) as chunks:
        gatherer = next(chunks)
    assert gatherer is not threading.main_thread()
    assert not gatherer.is_alive()


def test_an_error_in_the_feed_reaches_the_training():
    def fail(_: object) -> None:
        raise MemoryError("no room for a chunk")

    with pytest.raises(MemoryError, match="no room"), feed(fail, BatchStream(5, 0, 0), [5]) as chunks:
        next(chunks)


@pytest.mark.parametrize("n_steps", [1, 31, 32, 33, 100])
def test_the_chunks_of_an_epoch_hold_its_steps(n_steps):
    with POOL.lend(key_of(a_task())) as program:
        sizes = program.chunk_sizes(n_steps)
    assert sum(sizes) == n_steps * 64
    assert max(sizes) <= 32 * 64


def test_a_narrower_table_after_a_wider_one_sees_zeros_behind_its_columns():
    wide, narrow = a_task(data=some_rows(n_inputs=16)), a_task(data=some_rows(n_inputs=3), max_epochs=2)
    assert key_of(wide) == key_of(narrow)
    POOL.clear()
    alone = train_network(narrow, 0.01).network
    train_network(wide, 0.01)
    for one, other in zip(alone.arrays(), train_network(narrow, 0.01).network.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_learns_and_records_an_entry_an_epoch():
    result = train_network(a_task(), 0.01)
    network, history, outputs = result.network, result.history, result.outputs
    assert history.validation_loss[history.best_epoch - 1] == min(history.validation_loss)
    assert min(history.validation_loss) < 0.45 < np.log(2)
    assert len(history.train_loss) == len(history.validation_loss) == len(history.validation_balanced_accuracy) == 15
    assert history.n_steps == 15 * 7
    valid = a_task().plan.judged
    np.testing.assert_allclose(outputs, network.logits(valid.X), rtol=1e-4, atol=1e-5)
    loss, accuracy = validation_scores(network.logits(valid.X), valid, a_task().plan.correction)
    assert loss == pytest.approx(min(history.validation_loss), rel=1e-5)
    assert accuracy == pytest.approx(history.validation_balanced_accuracy[history.best_epoch - 1])


def test_training_stops_when_the_validation_loss_stops_falling():
    history = train_network(a_task(max_epochs=200, patience=3), 0.03).history
    assert history.stop_reason == "patience"
    assert len(history.train_loss) < 200


@pytest.mark.parametrize(("copies", "steps"), [(1, 7), (3, 7), (4, 7), (40, 63)])
def test_an_epoch_of_repeated_rows_shows_each_about_once(copies, steps):
    """400 rows in batches of 64; of more than four copies, an epoch is a quarter of all."""
    data = some_rows()
    data = Dataset(data.X, np.tile(data.rows, copies), np.tile(data.y, copies), np.ones(400 * copies))
    task = a_task(data=data, max_epochs=2)
    assert task.steps_per_epoch == steps
    result = train_network(task, 0.01)
    assert result.history.n_steps == 2 * steps


def test_the_mean_is_that_of_the_weights_of_the_last_epochs():
    """Of epochs 4 and 5; a training of fewer epochs leaves the network that a longer one has at that epoch."""
    data = some_rows()
    states = [train_network(a_task(data=data, valid=False, max_epochs=n), 0.01).network for n in (4, 5)]
    mean = train_network(a_task(data=data, max_epochs=5, average_weights=True), 0.01).mean
    for array, fourth, fifth in zip(mean.arrays(), *(state.arrays() for state in states), strict=True):
        np.testing.assert_allclose(array, (fourth + fifth) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [{"average_weights": False}, {"average_weights": True, "max_epochs": 4}])
def test_there_is_no_mean_where_none_is_wanted_or_the_epochs_are_too_few(training):
    assert train_network(a_task(**{"max_epochs": 8, **training}), 0.01).mean is None


def test_without_validation_rows_training_runs_all_epochs_and_keeps_the_last_network():
    seen = []
    task = a_task(valid=False, max_epochs=4)
    result = train_network(task, 0.01, seen.append)
    network, history, outputs = result.network, result.history, result.outputs
    np.testing.assert_allclose(outputs, network.logits(task.plan.judged.X), rtol=1e-4, atol=1e-5)
    assert [epoch.number for epoch in seen] == [1, 2, 3, 4]
    assert [epoch.train_loss for epoch in seen] == list(history.train_loss)
    assert {(epoch.validation_loss, epoch.validation_balanced_accuracy) for epoch in seen} == {(None, None)}
    assert history.validation_loss == ()
    assert (history.best_epoch, history.stop_reason) == (4, "max_iter")


def test_a_training_that_diverges_ends_with_the_best_network_before():
    data = some_rows()
    huge = Dataset(data.X, data.rows, data.y, np.full(len(data), 1e38))
    result = train_network(a_task(data=huge, average_weights=True), 1.0)
    network, history, outputs = result.network, result.history, result.outputs
    assert result.mean is None
    assert history.stop_reason == "diverged"
    assert np.isfinite(outputs).all()
    assert network.is_finite


def test_a_range_test_leaves_no_trace_in_the_training_after_it():
    alone = train_network(a_task(max_epochs=3), 0.01).network
    run_range_test(a_task(), np.geomspace(1e-5, 10, 60))
    after = train_network(a_task(max_epochs=3), 0.01).network
    for one, other in zip(alone.layers, after.layers, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["log_loss", "focal", "logit_adjusted"])
def test_every_loss_recovers_the_posterior_of_weighted_data(loss, smoothing):
    """One feature, known posterior; classes weighted 1:5. The corrected probability is the natural posterior."""
    rng = np.random.default_rng(0)
    n_rows = 6000
    y = (rng.random(n_rows) < 0.2).astype(np.intp)
    X = rng.normal(loc=1.5 * y[:, None], size=(n_rows, 1)).astype(np.float32)
    weight = np.where(y == 1, 5.0, 1.0)
    weight /= weight.mean()
    fed = np.bincount(y, weights=weight) / weight.sum()
    offset = np.log(fed) if loss == "logit_adjusted" else np.zeros(2)
    correction = Correction(offset, fed, loss == "focal", smoothing)
    spec = NetworkSpec(1, 2, (16,), "relu", True)
    initial = initial_network(spec, np.log(fed) - offset, X[:500], rng)
    training = TrainingSpec(loss, smoothing, 128, 12, 12, 0.0, 0.0, 0.0, True, False)
    data = Dataset(X, np.arange(n_rows), y, weight)
    plan = a_plan(spec, training, data, some_rows(n_inputs=1), correction, held_out=False)
    task = TrainingTask(plan, initial, 0)
    network = train_network(task, 3e-3).network
    grid = np.linspace(-1, 3, 9)[:, None]
    z = network.logits(grid)
    proba = np.exp(correction.log_posterior(np.hstack([np.zeros_like(z), z]), np.array([0.8, 0.2])))[:, 1]
    truth = 1 / (1 + np.exp(-(1.5 * grid[:, 0] - 1.125 + np.log(0.25))))
    np.testing.assert_allclose(proba, truth, atol=0.09 if loss == "focal" and smoothing else 0.06)


def test_layers_stay_float32_whatever_keras_is_set_to():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        model = build_model(a_task().initial.spec, n_inputs=5, dropout_layer=CounterDropout)
        assert {str(variable.dtype) for variable in model.trainable_variables} == {"float32"}
    finally:
        keras.config.set_floatx(before)
