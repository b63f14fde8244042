"""Is any Keras model read as what it is, and left as it was?"""

import random
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from balanced_nn import diagnose
from balanced_nn._causes.evidence import Curve
from balanced_nn._causes.observation import gather_evidence
from balanced_nn._diagnose.keras.data import (
    DATASET_ROWS,
    ROWS_OF_A_CLASS,
    KerasRows,
    class_indices,
    class_probabilities,
    encode_labels,
    find_bad_labels,
    materialise,
)
from balanced_nn._diagnose.keras.gathering import WatchedTraining, observe, probe_copy
from balanced_nn._diagnose.keras.layers import load_model, network_facts, units_of

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
Y3 = np.digitize(X[:, 0], [-0.5, 0.5])
SPARSE, ONE_HOT, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


def compiled(model: Any, loss: Any = BINARY, optimizer: Any = "adam") -> Any:
    model.compile(optimizer, loss)
    return model


def sequential(*stack: Any, loss: Any = BINARY, n_inputs: int = 4) -> Any:
    return compiled(keras.Sequential([keras.Input((n_inputs,)), *stack]), loss)


def net(n_outputs: int = 1, activation: str = "sigmoid", loss: Any = BINARY) -> Any:
    return sequential(layers.Dense(8, "relu"), layers.Dense(n_outputs, activation), loss=loss)


def functional(*, nested: bool = False) -> Any:
    inputs = keras.Input((4,))
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Dense(8)(inputs)))
    hidden = layers.Dropout(0.3)(hidden)
    if nested:
        hidden = keras.Sequential([layers.Dense(6, "tanh"), layers.Dropout(0.2, seed=3)])(hidden)
    outputs = layers.Activation("sigmoid")(layers.Dense(1)(hidden))
    return compiled(keras.Model(inputs, outputs))


def two_inputs(as_dict: bool) -> Any:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    hidden = layers.Concatenate()([layers.Dense(4, "relu")(a), layers.Dense(4, "relu")(b)])
    inputs = {"a": a, "b": b} if as_dict else [a, b]
    return compiled(keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden)))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = layers.Dense(8, "relu"), layers.BatchNormalization()
        self.dropout, self.last = layers.Dropout(0.5, seed=3), layers.Dense(1, "sigmoid")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.last(self.dropout(self.norm(self.first(x), training=training), training=training))


class Unclonable(layers.Layer):
    def __init__(self, function: Callable) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


class HandsItsLayerOn(layers.Layer):
    """A copy of it shares its weights."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> dict:
        return {"name": self.name, "inner": self.inner}


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.losses.binary_crossentropy(y_true, y_pred)


def own_sparse_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


losses = keras.losses
MODELS: dict[str, tuple[Callable[[], Any], Any, int, bool]] = {  # model, labels, layers seen, can it be copied?
    "one sigmoid": (net, Y, 2, True),
    "column of labels": (net, Y[:, None], 2, True),
    "bool labels": (net, Y.astype(bool), 2, True),
    "float labels": (net, Y.astype(float), 2, True),
    "text labels": (net, np.array(["no", "yes"])[Y], 2, True),
    "softmax, one-hot": (lambda: net(3, "softmax", ONE_HOT), np.eye(3)[Y3], 2, True),
    "softmax, sparse": (lambda: net(3, "softmax", SPARSE), Y3, 2, True),
    "two softmax": (lambda: net(2, "softmax", SPARSE), Y, 2, True),
    "softmax as binary": (lambda: net(2, "softmax", BINARY), np.eye(2)[Y], 2, True),
    "one logit": (lambda: net(1, "linear", losses.BinaryCrossentropy(from_logits=True)), Y, 2, True),
    "logits": (lambda: net(3, "linear", losses.SparseCategoricalCrossentropy(from_logits=True)), Y3, 2, True),
    "hinge": (lambda: net(1, "tanh", "hinge"), 2 * Y - 1, 2, True),
    "lone softmax": (lambda: net(1, "softmax"), Y, 2, True),
    "loss that refuses": (lambda: net(1, "sigmoid", SPARSE), Y, 2, True),
    "loss that warns": (lambda: net(1, "sigmoid", ONE_HOT), Y, 2, True),
    "loss of the user": (lambda: net(1, "sigmoid", own_loss), Y, 2, True),
    "sparse loss of the user": (lambda: net(3, "softmax", own_sparse_loss), Y3, 2, True),
    "loss in a list": (lambda: net(1, "sigmoid", [BINARY]), Y, 2, True),
    "focal loss": (lambda: net(3, "softmax", losses.CategoricalFocalCrossentropy()), Y3, 2, True),
    "too few outputs": (net, Y3, 2, True),
    "still too few outputs": (lambda: net(2, "softmax", SPARSE), Y3, 2, True),
    "not compiled": (lambda: keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")]), Y, 1, True),
    "not built": (lambda: compiled(keras.Sequential([layers.Dense(8), layers.Dense(1, "sigmoid")])), Y, 2, True),
    "functional": (functional, Y, 2, True),
    "nested": (lambda: functional(nested=True), Y, 0, True),
    "subclassed": (lambda: compiled(Subclassed()), Y, 0, False),
    "cannot be cloned": (lambda: sequential(Unclonable(keras.ops.tanh), layers.Dense(1, "sigmoid")), Y, 1, False),
    "shares": (lambda: sequential(HandsItsLayerOn(layers.Dense(4)), layers.Dense(1, "sigmoid")), Y, 1, False),
    "lambda": (lambda: sequential(layers.Lambda(lambda x: 2 * x), layers.Dense(1, "sigmoid")), Y, 1, True),
    "noise": (lambda: sequential(layers.GaussianNoise(1.0), layers.Dropout(0.5), layers.Dense(1)), Y, 1, True),
    "convolution": (
        lambda: sequential(layers.Reshape((4, 1)), layers.Conv1D(4, 2), layers.Flatten(), layers.Dense(1, "sigmoid")),
        Y,
        2,
        True,
    ),
    "recurrent": (lambda: sequential(layers.Reshape((4, 1)), layers.LSTM(3), layers.Dense(1, "sigmoid")), Y, 1, True),
    "no kernel": (lambda: sequential(layers.Lambda(lambda x: keras.ops.sigmoid(x[:, :1]))), Y, 0, True),
}


@pytest.mark.parametrize("case", MODELS)
def test_every_kind_of_model_is_read_and_left_as_it_was(case):
    make, labels, n_layers, copies = MODELS[case]
    keras.utils.set_random_seed(5)
    model = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says what it thinks of a lone softmax
        model(X[:2])
    python, numpy = random.getstate(), np.random.get_state()[1].copy()
    variables = [variable.numpy() for variable in model.variables]
    rows, given = X.copy(), np.array(labels, copy=True)
    trainable = [layer.trainable for layer in model._flatten_layers()]
    report = diagnose(model, rows, given)
    assert report.evidence.final.layers == () or len(report.evidence.final.layers) == n_layers
    assert (report.evidence.initial is not None) == copies
    assert str(report)
    assert "<div" in report._repr_html_()
    assert len(report.classes) == len(report.facts.recall)

    for before, after in zip(variables, model.variables, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    assert random.getstate() == python
    np.testing.assert_array_equal(np.random.get_state()[1], numpy)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(given, labels)
    assert [layer.trainable for layer in model._flatten_layers()] == trainable
    random.random()  # what is drawn anew does not depend on where the global generator stands
    assert diagnose(model, rows, given).to_dict() == report.to_dict()


def test_the_global_generators_of_keras_and_tensorflow_draw_what_they_would_have_drawn():
    model = functional(nested=True)

    def drawn() -> tuple:
        return float(keras.random.normal(())), float(tf.random.normal(())), random.random()

    keras.utils.set_random_seed(1)
    expected = drawn()
    keras.utils.set_random_seed(1)
    if drawn() != expected:
        pytest.skip("this Keras does not seed its global generator anew")
    keras.utils.set_random_seed(1)
    diagnose(model, X, Y)
    assert drawn() == expected


@pytest.mark.parametrize("case", ["functional", "nested", "subclassed"])
def test_the_optimizer_and_a_frozen_layer_stay_as_they_were(case):
    model = MODELS[case][0]()
    model.fit(X[:64], Y[:64], verbose=0)
    model.layers[1].trainable = False
    state = [variable.numpy() for variable in model.optimizer.variables]
    frozen = [layer.trainable for layer in model.layers]
    diagnose(model, X, Y)
    for before, after in zip(state, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    assert [layer.trainable for layer in model.layers] == frozen
    assert model.compiled


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("logits", [True, False])
def test_weights_that_are_not_finite_are_a_collapse_and_no_error(value, logits):
    model = net(3, "linear", losses.SparseCategoricalCrossentropy(from_logits=True)) if logits else functional()
    model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
    report = diagnose(model, X, Y3 if logits else Y)
    assert report.outcome == "constant"
    assert "learning_rate_too_high" in {finding.cause for finding in report.causes} or value == 1e30


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saving
def test_a_saved_and_loaded_model_gives_the_same_report(tmp_path):
    model = net()
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    first, second = diagnose(model, X, Y), diagnose(loaded, X, Y)
    assert first.facts == second.facts
    assert (first.evidence.network.epochs, second.evidence.network.epochs) == (2, None)  # a history is not saved
    assert first.evidence.network.n_steps == second.evidence.network.n_steps == 20


# Rows


@pytest.mark.parametrize("as_dict", [True, False])
def test_models_of_several_inputs_take_lists_and_dicts(as_dict):
    model = two_inputs(as_dict)
    rows = {"a": X[:, :2], "b": X[:, 2:]} if as_dict else [X[:, :2], X[:, 2:]]
    report = diagnose(model, rows, Y, X_val=rows, y_val=Y)
    assert len(report.evidence.final.layers) == 3
    assert report.evidence.data.n_features == 4


@pytest.mark.parametrize("labels", [Y, Y[:, None], np.eye(2)[Y]], ids=["flat", "column", "one-hot"])
def test_a_dataset_is_read_like_its_arrays(labels):
    model = net(2, "softmax", SPARSE)
    dataset = tf.data.Dataset.from_tensor_slices((X, labels)).batch(64)
    assert diagnose(model, dataset).to_dict() == diagnose(model, X, Y).to_dict()
    with_validation = diagnose(model, dataset, X_val=dataset)
    assert (with_validation.judged_on, with_validation.facts.n_rows) == ("held-out rows", 300)


def test_an_endless_dataset_is_read_up_to_a_limit():
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).repeat().batch(100)
    assert len(materialise(dataset, None, name="X").labels) == DATASET_ROWS


MANY = np.arange(23_000, dtype=np.float32)[:, None]


def batches():
    for start in range(0, len(MANY), 500):
        yield MANY[start : start + 500], (MANY[start : start + 500, 0] >= 12_000).astype(int)


@pytest.mark.parametrize(
    "dataset",
    [
        tf.data.Dataset.from_tensor_slices((MANY, (MANY >= 12_000).astype(int))).batch(64),
        tf.data.Dataset.from_tensor_slices((MANY, np.eye(2)[(MANY[:, 0] >= 12_000).astype(int)])).batch(23_000),
        tf.data.Dataset.from_generator(
            batches, output_signature=(tf.TensorSpec((None, 1)), tf.TensorSpec((None,), tf.int64))
        ),
    ],
    ids=["batches", "one-hot in one batch", "generator"],
)
def test_rows_are_drawn_from_all_of_a_sorted_dataset(dataset):
    read = materialise(dataset, None, name="X")
    rows, labels = read.X, read.labels
    y = class_indices(labels)[0]
    assert len(rows) == DATASET_ROWS
    assert (y == (rows[:, 0] >= 12_000)).all()
    assert abs(y.mean() - 11 / 23) < 0.03
    assert abs(rows.mean() / MANY.mean() - 1) < 0.03
    assert (np.diff(rows[:, 0]) > 0).all()  # each once, in their order
    assert (rows == materialise(dataset, None, name="X").X).all()


def test_weights_stay_with_the_rows_that_are_drawn():
    weight = MANY[:, 0] + 1.0
    labels = (MANY >= 12_000).astype(int)
    plain = materialise(tf.data.Dataset.from_tensor_slices((MANY, labels)).batch(64), None, name="X")
    assert plain.weights(None, "sample_weight") is None
    assert (plain.weights(weight, "sample_weight") == plain.X[:, 0] + 1).all()
    with pytest.raises(ValueError, match="sample_weight has 5000 entries for 23000 rows. Pass one for each row"):
        plain.weights(np.ones(DATASET_ROWS), "sample_weight")
    shuffled = tf.data.Dataset.from_tensor_slices((MANY, labels, weight[:, None])).shuffle(23_000, seed=0).batch(64)
    own = materialise(shuffled, None, name="X")
    assert (own.weights(None, "sample_weight") == own.X[:, 0] + 1).all()
    with pytest.raises(ValueError, match=r"X gives weights of shape \(64, 2\) for 64 rows"):
        materialise(tf.data.Dataset.from_tensor_slices((MANY, labels, np.ones((23_000, 2)))).batch(64), None, name="X")


def test_weights_of_a_large_dataset_reach_the_report_and_the_trainings():
    """A class that weighs nothing among the rows that are judged is not missed."""
    features = np.random.default_rng(0).normal(size=(6_000, 4)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(int)
    model = net()
    dataset = tf.data.Dataset.from_tensor_slices((features, labels)).batch(500)
    report = diagnose(model, dataset, sample_weight=1.0 - labels)
    assert report.outcome == "unknown"
    weighted = tf.data.Dataset.from_tensor_slices((features, labels, 1.0 - labels)).batch(500)
    assert diagnose(model, weighted).to_dict() == report.to_dict()
    with pytest.raises(ValueError, match=r"fit_params\['sample_weight'\] has 5000 entries for 6000 rows"):
        diagnose(model, dataset, fit_params={"sample_weight": np.ones(5_000)}, confirm=True)


def test_a_class_of_a_few_rows_anywhere_in_a_dataset_is_drawn():
    y = np.zeros(len(MANY), dtype=int)
    y[[3, 9_999, 22_999]] = 1
    y[12_000:12_100] = 2
    read = materialise(tf.data.Dataset.from_tensor_slices((MANY, y)).batch(100), None, name="X")
    rows, labels = read.X, read.labels
    assert rows[labels == 1, 0].tolist() == [3, 9_999, 22_999]
    assert np.count_nonzero(labels == 2) >= ROWS_OF_A_CLASS
    assert len(rows) <= DATASET_ROWS + ROWS_OF_A_CLASS + 3


@pytest.mark.parametrize(
    "rows",
    [
        X.astype(np.float64), (10 * X).astype(int), np.abs(10 * X).astype(np.uint8), X > 0, X.tolist(),
        pd.DataFrame(X), pd.DataFrame({0: X[:, 0], 1: X[:, 1], 2: X[:, 2] > 0, 3: X[:, 3]}),
    ],
    ids=["float64", "int", "uint8", "bool", "lists", "frame", "frame of kinds"],
)  # fmt: skip
def test_rows_of_any_number_type_are_read(rows):
    report = diagnose(net(), rows, pd.Series(Y))
    assert report.facts.n_rows == 300
    assert report.evidence.final.finite


DATASET = tf.data.Dataset.from_tensor_slices((X, Y))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, None), "^y is None. Pass one label for each row of X; only a tf.data.Dataset"),
        ((DATASET,), "X gives single rows. Pass X.batch"),
        ((DATASET.batch(10).map(lambda rows, labels: rows),), "X must give batches of .rows, labels.; got"),
        ((DATASET.batch(10).take(0),), "X is an empty tf.data.Dataset"),
        ((DATASET.batch(10), Y), "X is a tf.data.Dataset, which contains its own labels. Pass y=None"),
        ((X, Y[:-1]), r"X has rows of shape \(300, 4\), but the labels \(y\) have shape \(299,\)"),
        ((X, X[:, 0]), "y holds numbers that are not whole, such as 0.12.*Pass class labels"),
        ((X, np.empty(0)), "X has rows of shape"),
    ],
)
def test_rows_that_cannot_be_read_are_refused_with_a_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        diagnose(net(), *arguments)


def test_rows_without_any_number_are_refused():
    with pytest.raises(ValueError, match="X holds <U32 instead of numbers.*a model without those layers"):
        observe(net(), KerasRows(X.astype(str), Y, X, Y, 2))


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (X, Y3, "are labelled 2, which are not among the classes 0, 1"),
        (X, Y[:-1], r"X_val has rows of shape .*, but the labels \(y_val\)"),
        (X, None, "X_val was passed without y_val"),
        (None, Y, "y_val was passed without X_val"),
    ],
)
def test_held_out_rows_that_do_not_fit_are_refused(rows, labels, message):
    with pytest.raises(ValueError, match=message):
        diagnose(net(), X, Y, X_val=rows, y_val=labels)


def test_a_model_with_two_outputs_is_refused():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1)(inputs)])
    with pytest.raises(ValueError, match="has 2 outputs; .* Pass a keras.Model from the inputs to the output"):
        diagnose(model, X, Y)


# Facts


def test_facts_of_a_functional_model_join_layers_with_their_activations():
    facts = network_facts(functional(), 2)
    assert (facts.hidden_sizes, facts.hidden_activations) == ((8,), ("relu",))
    assert (facts.output_activation, facts.n_outputs, facts.batch_norm) == ("sigmoid", 1, True)
    assert facts.learning_rate == pytest.approx(1e-3)
    assert network_facts(functional(nested=True), 2).hidden_activations == ("relu", "tanh")


def test_facts_of_a_subclassed_model_come_from_its_layers():
    model = compiled(Subclassed())
    model(X[:1])
    facts = network_facts(model, 2)
    assert (facts.hidden_sizes, facts.n_outputs, facts.output_activation) == ((8,), 1, "sigmoid")


def test_layers_inside_a_part_of_a_subclassed_model_keep_their_order():
    class WithHead(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = layers.Dense(8, "relu")
            self.head = keras.Sequential([layers.Dense(5, "tanh"), layers.Dense(1, "sigmoid")])

        def call(self, x: Any) -> Any:
            return self.head(self.first(x))

    facts = diagnose(compiled(WithHead()), X, Y).evidence.network
    assert (facts.hidden_sizes, facts.n_outputs, facts.output_activation) == ((8, 5), 1, "sigmoid")


@pytest.mark.parametrize(
    ("loss", "name", "from_logits"),
    [
        (BINARY, BINARY, False),
        ("bce", BINARY, False),
        (losses.BinaryCrossentropy(from_logits=True), BINARY, True),
        (losses.BinaryCrossentropy(name="mine"), BINARY, False),
        (losses.SparseCategoricalCrossentropy(from_logits=True), SPARSE, True),
        ("mse", "mean_squared_error", False),
        (own_loss, "own_loss", False),
        ({"out": "hinge"}, "hinge", False),
        (None, None, False),
    ],
)
def test_a_loss_is_named_as_keras_names_it(loss, name, from_logits):
    model = sequential(layers.Dense(1, name="out"), loss=loss)
    facts = network_facts(model, 2)
    assert (facts.loss, facts.from_logits) == (name, from_logits)


def test_a_learning_rate_schedule_is_read_at_its_present_step():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model = compiled(net(), optimizer=keras.optimizers.SGD(schedule))
    model.optimizer.iterations.assign(10)
    facts = network_facts(model, 2)
    assert (facts.learning_rate, facts.optimizer, facts.n_steps) == (pytest.approx(0.05), "sgd", 10)


@pytest.mark.parametrize(
    ("model", "raw", "expected"),
    [
        (net(), [[0.25]], [[0.75, 0.25]]),
        (net(1, "linear", losses.BinaryCrossentropy(from_logits=True)), [[0.0]], [[0.5, 0.5]]),
        (net(1, "linear"), [[1.7]], [[0.0, 1.0]]),
        (net(1, "tanh", "hinge"), [[0.0]], [[0.5, 0.5]]),
        (net(2, "linear", losses.SparseCategoricalCrossentropy(from_logits=True)), [[1.0, 1.0]], [[0.5, 0.5]]),
        (net(2, "softmax", SPARSE), [[0.2, 0.8]], [[0.2, 0.8]]),
    ],
)
def test_outputs_become_probabilities(model, raw, expected):
    facts = network_facts(model, 2)
    np.testing.assert_allclose(class_probabilities(np.array(raw), facts), expected, atol=1e-9)
    three = class_probabilities(np.array(raw), network_facts(model, 3))
    np.testing.assert_allclose(three, np.pad(expected, ((0, 0), (0, 1))), atol=1e-9)


@pytest.mark.parametrize("labels", [Y3, Y3[:, None], Y3.astype(float), np.eye(3)[Y3], np.array(["a", "b", "c"])[Y3]])
def test_class_indices_of_labels_of_any_kind(labels):
    np.testing.assert_array_equal(class_indices(labels)[0], Y3)


def test_class_indices_of_nan_labels_do_not_fail():
    found, classes = class_indices(np.array([0.0, np.nan, 1.0, np.nan]))
    assert found.tolist() == [0, 2, 1, 2]
    assert class_indices(np.array([np.nan, 1.0]), classes)[0].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("labels", "n_outputs", "message"),
    [
        (Y, 1, ""),
        (Y3, 3, ""),
        (np.eye(3)[Y3], 3, ""),
        (Y3, 1, ""),  # sound: there are too few outputs
        (Y + 1, 1, "labels run from 1 to 2, but 1 output"),
        (Y3 + 1, 3, "labels run from 1 to 3, but 3 output"),
        (-Y, 1, "labels run from -1 to 0"),
        (np.where(Y, 1.0, np.nan), 1, "NaN"),
        (np.zeros(5), 1, "all rows have the same label"),
    ],
)
def test_labels_that_the_loss_does_not_understand_are_found(labels, n_outputs, message):
    facts = network_facts(net(n_outputs, "sigmoid" if n_outputs == 1 else "softmax", SPARSE), 3)
    found = find_bad_labels(labels, facts)
    assert message in found
    assert bool(found) == bool(message)


@pytest.mark.parametrize("labels", [Y + 1, np.where(Y, 1.0, np.nan), np.zeros(300)])
def test_bad_labels_do_not_break_a_diagnosis(labels):
    assert diagnose(net(), X, labels).evidence.data.bad_labels


def test_labels_are_encoded_as_the_loss_asks():
    assert encode_labels(np.array([0, 1]), network_facts(net(), 2)).tolist() == [[0.0], [1.0]]
    assert encode_labels(np.array([0, 1]), network_facts(net(1, "tanh", "hinge"), 2)).tolist() == [[-1.0], [1.0]]
    assert encode_labels(np.array([0, 2]), network_facts(net(3, "softmax", SPARSE), 3)).tolist() == [0, 2]
    assert encode_labels(np.array([1]), network_facts(net(3, "softmax", ONE_HOT), 3)).tolist() == [[0.0, 1.0, 0.0]]


# Copies


def test_a_copy_has_the_given_weights_no_dropout_and_shares_nothing():
    model = functional(nested=True)
    copy = probe_copy(model, model.get_weights())
    np.testing.assert_allclose(copy(X), model(X, training=False), rtol=1e-6)
    assert all(layer.rate == 0 for layer in copy._flatten_layers() if isinstance(layer, layers.Dropout))
    assert not {id(v) for v in copy.variables} & {id(v) for v in model.variables}
    assert [unit.activation for unit in units_of(copy)] == [unit.activation for unit in units_of(model)]


def test_a_copy_with_weights_drawn_anew_follows_the_initialisers():
    model = sequential(layers.Dense(50, kernel_initializer=keras.initializers.RandomNormal(stddev=7.0)))
    first, second = (probe_copy(model, None).get_weights()[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, model.get_weights()[0])
    assert first.std() == pytest.approx(7.0, rel=0.2)


def test_an_initialiser_that_draws_from_numpy_leaves_its_state_alone():
    def draw(shape: Any, dtype: Any = None) -> Any:
        return np.random.normal(size=shape)

    model = sequential(layers.Dense(1, "sigmoid", kernel_initializer=draw))
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    probe_copy(model, None)
    assert np.random.rand() == expected


def test_evidence_of_given_rows_needs_no_labels_in_any_form_but_indices():
    watched = WatchedTraining(net().get_weights(), Curve((0.7, 0.6)), n_steps=20)
    evidence = gather_evidence(observe(net(), KerasRows(X, Y, X, Y, 2), watched))
    assert evidence.movement is not None
    assert not evidence.initial_is_redrawn
    assert (evidence.network.epochs, evidence.network.n_steps) == (2, 20)
