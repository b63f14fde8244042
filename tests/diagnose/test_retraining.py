"""Is a model trained again with what was asked for mended, and nothing else?"""

import random
from inspect import signature
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.advise import CHANGES, ModelKind
from balanced_nn._causes.evidence import RepairAction
from balanced_nn._causes.remedies import LONGER
from balanced_nn._diagnose.keras.data import KerasRows
from balanced_nn._diagnose.keras.layers import network_facts
from balanced_nn._diagnose.keras.retraining import KerasTrainer, repaired_model
from balanced_nn._diagnose.sklearn_retraining import SklearnTrainer, menu_of

pytestmark = pytest.mark.filterwarnings(r"ignore:[\s\S]*softmax over axis:UserWarning")  # Keras, about a lone unit

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
Y3 = np.digitize(X[:, 0], [-0.5, 0.5])
TRAIN, HELD = slice(0, 200), slice(200, None)
NOTHING: frozenset[RepairAction] = frozenset()
BINARY = "binary_crossentropy"
SLOW = {"learning_rate_init": 1e-7, "max_iter": 20, "random_state": 0}
EVERY_CLASSIFIER = (RepairAction.SCALE_FEATURES, RepairAction.BALANCE_CLASSES)
FAR_FROM_OURS = BalancedNNClassifier(
    (4,), learning_rate_init=0.1, activation="tanh", batch_norm=False, class_weight=None
)  # fmt: skip
FAR_FROM_MLP = MLPClassifier((4,), activation="tanh", learning_rate_init=0.1)


def repairs(*actions: RepairAction) -> frozenset[RepairAction]:
    return frozenset(actions)


def net(*stack: Any, loss: Any = BINARY, optimizer: Any = "adam") -> Any:
    model = keras.Sequential([keras.Input((4,)), *(stack or (layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")))])
    model.compile(optimizer, loss)
    return model


def functional(*, nested: bool = False, activation: str = "tanh") -> Any:
    inputs = keras.Input((4,))
    hidden = layers.Dropout(0.1)(layers.Activation(activation)(layers.Dense(8)(inputs)))
    if nested:
        hidden = keras.Sequential([layers.Dense(6, "sigmoid")])(hidden)
    outputs = layers.Activation("softmax")(layers.Dense(1)(hidden))
    model = keras.Model(inputs, outputs)
    model.compile("adam", BINARY)
    return model


def trainer(model: Any, labels: Any = Y, rows: Any = X, **fit_params: Any) -> KerasTrainer:
    def part(some: Any, where: slice) -> Any:
        return keras.tree.map_structure(lambda array: array[where], some)

    n_classes = int(labels.max()) + 1
    split = KerasRows(part(rows, TRAIN), labels[TRAIN], part(rows, HELD), labels[HELD], n_classes)
    return KerasTrainer(model, split, fit_params)


# Keras models


@pytest.mark.parametrize("action", [None, *RepairAction])
@pytest.mark.parametrize("make", [net, functional, lambda: functional(nested=True)], ids=["net", "graph", "nested"])
def test_every_repair_gives_a_model_that_runs_and_leaves_the_old_one_alone(make, action):
    model = make()
    before, loss = model.get_weights(), model.loss
    copy = repaired_model(model, NOTHING if action is None else repairs(action), 2, 0)
    assert copy(X[:5]).shape == (5, 1)
    assert not {id(v) for v in copy.variables} & {id(v) for v in model.variables}
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert (model.loss, model.compiled) == (loss, True)


def test_fresh_weights_follow_the_seed_alone():
    model = net()
    first, second, other = (repaired_model(model, NOTHING, 2, seed).get_weights()[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, model.get_weights()[0])


@pytest.mark.parametrize("nested", [True, False])
def test_sound_hidden_layers_reach_every_layer(nested):
    copy = repaired_model(functional(nested=nested), repairs(RepairAction.SOUND_HIDDEN_LAYERS), 2, 0)
    assert set(network_facts(copy, 2).hidden_activations) == {"relu"}


def test_batch_norm_stands_behind_each_hidden_layer():
    model = net(layers.Dense(8, "tanh"), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid"))
    copy = repaired_model(model, repairs(RepairAction.ADD_BATCH_NORM), 2, 0)
    *blocks, last = copy.layers
    kinds = [[type(layer).__name__ for layer in block.layers] for block in blocks]
    assert kinds == 2 * [["Dense", "BatchNormalization", "Activation"]]
    assert type(last).__name__ == "Dense"
    old = net(layers.Dense(8), layers.BatchNormalization(momentum=0.999), layers.Dense(1, "sigmoid"))
    mended = repaired_model(old, repairs(RepairAction.ADD_BATCH_NORM), 2, 0)
    assert [layer.momentum for layer in mended.layers if isinstance(layer, layers.BatchNormalization)] == [0.9]


@pytest.mark.parametrize(
    ("model", "n_classes", "expected"),
    [
        (net(layers.Dense(8), layers.Dense(1)), 2, (1, "sigmoid", BINARY)),
        (functional(), 2, (1, "sigmoid", BINARY)),
        (net(layers.Dense(1, "sigmoid")), 3, (3, "softmax", "sparse_categorical_crossentropy")),
        (net(layers.Dense(2, "sigmoid"), loss="mse"), 2, (2, "softmax", "sparse_categorical_crossentropy")),
        (net(layers.Dense(5), loss="mse"), 3, (5, "softmax", "sparse_categorical_crossentropy")),
    ],
)
def test_the_output_is_matched_to_the_labels(model, n_classes, expected):
    facts = network_facts(repaired_model(model, repairs(RepairAction.MATCH_OUTPUT), n_classes, 0), n_classes)
    activation = "softmax" if facts.n_outputs > 1 else "sigmoid"
    assert (facts.n_outputs, activation, facts.loss) == expected
    assert {facts.output_activation} <= {activation, "linear"}  # linear: an Activation layer that is no longer needed


def test_a_network_without_hidden_layer_gets_one():
    copy = repaired_model(net(layers.Dense(1, "sigmoid")), repairs(RepairAction.ENLARGE_NETWORK), 2, 0)
    assert network_facts(copy, 2).hidden_sizes == (64,)
    assert network_facts(repaired_model(net(), repairs(RepairAction.ENLARGE_NETWORK), 2, 0), 2).hidden_sizes == (64,)


def test_the_optimizer_is_kept_or_replaced():
    model = net(optimizer=keras.optimizers.SGD(1e-6, momentum=0.5))
    kept = repaired_model(model, NOTHING, 2, 0).optimizer
    assert (type(kept).__name__, float(kept.learning_rate), kept.momentum) == ("SGD", pytest.approx(1e-6), 0.5)
    assert kept is not model.optimizer
    new = repaired_model(model, repairs(RepairAction.SET_LEARNING_RATE), 2, 0).optimizer
    assert (type(new).__name__, float(new.learning_rate)) == ("Adam", pytest.approx(1e-3))


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.losses.binary_crossentropy(y_true, y_pred)


def test_a_loss_and_an_optimizer_of_the_users_own_are_kept():
    class Mine(keras.optimizers.Adam):
        pass

    copy = repaired_model(net(optimizer=Mine(0.5), loss=own_loss), NOTHING, 2, 0)
    assert (copy.loss, type(copy.optimizer)) == (own_loss, Mine)


def test_a_model_that_was_never_compiled_gets_what_fits_its_output():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    copy = repaired_model(model, NOTHING, 3, 0)
    assert (copy.loss, float(copy.optimizer.learning_rate)) == ("sparse_categorical_crossentropy", pytest.approx(1e-3))


def test_a_repair_that_does_not_fit_the_other_layers_is_a_training_that_failed():
    inner = keras.Input((8,))
    model = net(layers.Dense(8), keras.Model(inner, layers.Dense(4)(inner)), layers.Dense(1, "sigmoid"))
    assert trainer(model)(repairs(RepairAction.ENLARGE_NETWORK)).outcome == "constant"
    assert trainer(model)(NOTHING).spread > 0


class Unclonable(layers.Layer):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def test_a_layer_that_cannot_be_built_again_is_named():
    model = net(layers.Dense(4), Unclonable(keras.ops.tanh), layers.Dense(1))
    with pytest.raises(ValueError, match="has a layer that cannot be rebuilt: Object Unclonable.*confirm=False"):
        repaired_model(model, NOTHING, 2, 0)
    copy = repaired_model(net(layers.Lambda(keras.ops.tanh), layers.Dense(1)), NOTHING, 2, 0)
    assert copy(X).shape == (300, 1)


@pytest.fixture(scope="module")
def reports() -> dict[str, Any]:
    """The same training twice, and one with the classes balanced."""
    train = trainer(net(optimizer=keras.optimizers.Adam(0.02)), epochs=8)
    return {"first": train(NOTHING), "second": train(NOTHING), "balanced": train(repairs(RepairAction.BALANCE_CLASSES))}


def test_training_again_learns_and_repeats_itself(reports):
    assert reports["first"].outcome == "healthy"
    assert reports["first"].balanced_accuracy > 0.8
    assert reports["first"] == reports["second"]
    assert reports["balanced"].outcome == "healthy"


def test_training_again_leaves_the_global_generators_alone():
    train = trainer(net(layers.Dense(4), layers.Dropout(0.5), layers.Dense(1, "sigmoid")))

    def drawn() -> tuple[float, float, float]:
        return random.random(), float(keras.random.normal(())), np.random.rand()

    keras.utils.set_random_seed(3)
    expected = drawn()
    keras.utils.set_random_seed(3)
    if drawn() != expected:
        pytest.skip("this Keras does not seed its global generator anew")
    keras.utils.set_random_seed(3)
    train(NOTHING)
    assert drawn() == expected


@pytest.mark.parametrize("as_dict", [True, False])
def test_several_inputs_are_trained_on_and_scaled(as_dict):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    output = layers.Dense(1, "sigmoid")(layers.Concatenate()([a, b]))
    model = keras.Model({"a": a, "b": b} if as_dict else [a, b], output)
    model.compile(keras.optimizers.Adam(0.05), BINARY)
    far = 1e4 * X[:, 2:] + 1e5
    rows = {"a": X[:, :2], "b": far} if as_dict else [X[:, :2], far]
    train = trainer(model, rows=rows, epochs=6)
    assert train(repairs(RepairAction.SCALE_FEATURES)).balanced_accuracy > 0.8
    assert far.max() > 1e4


@pytest.mark.parametrize(("kind", "scaled"), [("numbers", True), ("indices", False), ("typed", False)])
def test_whole_numbers_are_scaled_unless_they_are_indices(kind, scaled):
    inputs = keras.Input((4,), dtype="int64" if kind == "typed" else None)
    hidden = (
        layers.Flatten()(layers.Embedding(2_000, 2)(inputs)) if kind == "indices" else layers.Rescaling(1.0)(inputs)
    )
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
    rows = (np.abs(X) * 100).astype(int)
    train, held = trainer(model, rows=rows)._features(repairs(RepairAction.SCALE_FEATURES))
    assert (abs(train.mean()) < 1e-5) == scaled
    assert (abs(held.mean()) < 0.5) == scaled


def test_a_loss_that_refuses_the_labels_is_a_training_that_failed():
    model = net(layers.Dense(2, "softmax"), loss="sparse_categorical_crossentropy")
    assert trainer(model, Y3)(NOTHING).outcome == "constant"


def test_callbacks_and_validation_rows_of_the_user_are_not_touched():
    class Fails(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            raise AssertionError

    report = trainer(net(), callbacks=[Fails()], validation_split=0.5, steps_per_epoch=1000, class_weight={0: 1, 1: 2})(
        NOTHING
    )
    assert report.n_rows == 100


def test_training_longer_takes_at_least_3000_steps(monkeypatch):
    seen: dict[str, Any] = {}
    monkeypatch.setattr(keras.Model, "fit", lambda self, *rows, **options: seen.update(options))
    trainer(net(), epochs=2, batch_size=100)(repairs(RepairAction.TRAIN_LONGER))
    assert seen["epochs"] * -(-200 // 32) >= 3_000
    assert seen["validation_data"][1].shape == (30, 1)  # 15 % of the 200 rows to train on
    model = net()
    model.history = keras.callbacks.History()
    model.history.epoch = list(range(7))
    trainer(model)(NOTHING)
    assert seen["epochs"] == 7  # those of the history, where nobody says


def test_training_longer_stops_on_rows_that_are_neither_trained_on_nor_judged(monkeypatch):
    seen: dict[str, Any] = {}

    def fit(self: Any, rows: Any, **options: Any) -> None:
        seen.update(options, rows=np.concatenate([batch[0] for batch in rows]))

    monkeypatch.setattr(keras.Model, "fit", fit)
    trainer(net())(repairs(RepairAction.TRAIN_LONGER))
    trained, stopping = (sorted(map(tuple, part)) for part in (seen["rows"], seen["validation_data"][0]))
    assert (len(trained), len(stopping)) == (170, 30)
    assert sorted(trained + stopping) == sorted(map(tuple, X[TRAIN]))
    share = seen["validation_data"][1].mean()
    assert share == pytest.approx(Y[TRAIN].mean(), abs=0.05)


def test_without_training_longer_all_rows_are_trained_on(monkeypatch):
    seen: dict[str, Any] = {}
    monkeypatch.setattr(keras.Model, "fit", lambda self, rows, **options: seen.update(rows=list(rows), **options))
    trainer(net())(NOTHING)
    assert sum(len(batch[0]) for batch in seen["rows"]) == 200
    assert not {"validation_data", "callbacks"} & set(seen)


def test_training_longer_stops_on_the_training_rows_where_none_can_be_held_out(monkeypatch):
    seen: dict[str, Any] = {}
    monkeypatch.setattr(keras.Model, "fit", lambda self, rows, **options: seen.update(rows=list(rows), **options))
    labels = np.r_[0, 1, np.zeros(298, dtype=int)]
    trainer(net(), labels)(repairs(RepairAction.TRAIN_LONGER))
    assert sum(len(batch[0]) for batch in seen["rows"]) == len(seen["validation_data"][0]) == 200


def test_fit_params_that_fit_does_not_take_are_refused():
    with pytest.raises(ValueError, match="fit_params holds epoch, which keras.Model.fit does not accept"):
        trainer(net(), epoch=3)


# scikit-learn classifiers


def sklearn_trainer(model: Any, kind: ModelKind = ModelKind.OTHER, rows: Any = X, labels: Any = Y) -> SklearnTrainer:
    return SklearnTrainer(model, kind, rows[TRAIN], labels[TRAIN], rows[HELD], labels[HELD])


def test_the_menu_holds_what_the_kind_of_model_can_do():
    assert set(menu_of(net(), ModelKind.KERAS)) == set(RepairAction)
    assert menu_of(LogisticRegression(), ModelKind.OTHER) == EVERY_CLASSIFIER
    assert set(menu_of(FAR_FROM_OURS, ModelKind.OURS)) == set(RepairAction) - {RepairAction.MATCH_OUTPUT}
    assert RepairAction.ADD_BATCH_NORM not in menu_of(FAR_FROM_MLP, ModelKind.MLP)
    assert set(CHANGES[ModelKind.MLP]) <= set(menu_of(FAR_FROM_MLP, ModelKind.MLP))


@pytest.mark.parametrize(
    ("model", "kind", "left"),
    [
        (BalancedNNClassifier(), ModelKind.OURS, {RepairAction.SCALE_FEATURES, RepairAction.TRAIN_LONGER}),
        (BalancedNNClassifier(batch_size=64), ModelKind.OURS, {RepairAction.ADD_BATCH_NORM}),
        (BalancedNNClassifier(learning_rate_init=1e-3), ModelKind.OURS, {RepairAction.SET_LEARNING_RATE}),
        (BalancedNNClassifier(class_weight=None), ModelKind.OURS, {RepairAction.BALANCE_CLASSES}),
        (BalancedNNClassifier(decision=0.2), ModelKind.OURS, {RepairAction.BALANCE_CLASSES}),
        (BalancedNNClassifier(hidden_layer_sizes=8), ModelKind.OURS, {RepairAction.ENLARGE_NETWORK}),
        (BalancedNNClassifier(hidden_layer_sizes=[256, 128]), ModelKind.OURS, set()),
        (MLPClassifier(), ModelKind.MLP, {RepairAction.SCALE_FEATURES, RepairAction.TRAIN_LONGER}),
        (MLPClassifier(hidden_layer_sizes=[100]), ModelKind.MLP, set()),
        (MLPClassifier(hidden_layer_sizes=100), ModelKind.MLP, set()),
        (MLPClassifier(hidden_layer_sizes=()), ModelKind.MLP, {RepairAction.ENLARGE_NETWORK}),
        (MLPClassifier(solver="sgd"), ModelKind.MLP, {RepairAction.SET_LEARNING_RATE}),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_repair_that_would_change_nothing_is_not_on_the_menu(model, kind, left):
    always = {RepairAction.SCALE_FEATURES, RepairAction.TRAIN_LONGER}
    weighs = {RepairAction.BALANCE_CLASSES} if "sample_weight" in signature(type(model).fit).parameters else set()
    expected = left | always | (weighs if kind is ModelKind.MLP else set())
    assert set(menu_of(model, kind)) == expected


@pytest.mark.parametrize(
    ("model", "balances"),
    [
        (LogisticRegression(class_weight="balanced"), True),  # takes weights of rows as well
        (KNeighborsClassifier(), False),
        (GaussianNB(), True),
        (SVC(), True),
    ],
    ids=str,
)
def test_classes_are_balanced_where_a_classifier_takes_weights(model, balances):
    assert (RepairAction.BALANCE_CLASSES in menu_of(model, ModelKind.OTHER)) == balances


@pytest.mark.parametrize("kind", [ModelKind.OURS, ModelKind.MLP])
@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_training_longer_always_trains_longer(kind, max_iter, patience):
    settings = {"max_iter": max_iter, "n_iter_no_change": patience}
    changed = CHANGES[kind][RepairAction.TRAIN_LONGER](settings)
    assert all(changed[name] >= LONGER * value for name, value in settings.items())


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("action", menu_of(FAR_FROM_MLP, ModelKind.MLP))
def test_every_repair_trains_an_mlp_and_leaves_it_alone(solver, action):
    model = MLPClassifier(**SLOW, solver=solver)
    params = dict(model.get_params())
    report = sklearn_trainer(model, ModelKind.MLP)(repairs(action))
    assert report.n_rows == 100
    assert model.get_params() == params
    assert not hasattr(model, "coefs_")
    if action is RepairAction.SET_LEARNING_RATE:
        twice = sklearn_trainer(model, ModelKind.MLP)(repairs(action, RepairAction.TRAIN_LONGER))
        assert twice.outcome == "healthy"


@pytest.mark.parametrize("solver", ["sgd"])
def test_an_mlp_that_diverges_is_a_training_that_failed(solver):
    model = MLPClassifier(solver=solver, activation="identity", learning_rate_init=1e6, random_state=0)
    assert sklearn_trainer(model, ModelKind.MLP, rows=1e150 * X.astype(np.float64))(NOTHING).collapsed


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        GaussianNB(),
        KNeighborsClassifier(),
        DummyClassifier(),
        RandomForestClassifier(5, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("action", EVERY_CLASSIFIER)
def test_any_classifier_is_trained_again(model, action):
    report = sklearn_trainer(model, labels=np.array(["no", "yes"])[Y])(repairs(action))
    assert report.n_rows == 100
    assert (report.outcome == "healthy") == (not isinstance(model, DummyClassifier))


def test_sparse_rows_are_scaled_without_losing_their_zeros():
    report = sklearn_trainer(LogisticRegression(), rows=sparse.csr_matrix(X))(repairs(RepairAction.SCALE_FEATURES))
    assert report.outcome == "healthy"


@pytest.mark.parametrize("action", [None, *menu_of(FAR_FROM_OURS, ModelKind.OURS)])
@pytest.mark.slow  # TensorFlow programs are compiled
def test_every_repair_trains_ours(action):
    settings = {"hidden_layer_sizes": (8,), "max_iter": 3, "batch_size": 32, "random_state": 0, "scaler": None}
    model = BalancedNNClassifier(**settings, learning_rate_init=0.01)
    report = sklearn_trainer(model, ModelKind.OURS)(NOTHING if action is None else repairs(action))
    assert report.n_rows == 100
    assert model.max_iter == 3
