"""How does the benchmark of diagnosis train thousands of Keras networks, and when has one failed?

`Model.fit` spends most of its time between the steps of such small networks. Here one traced function runs all epochs
of the same compiled Keras model; it does what `fit` does: shuffled batches, the compiled loss with weights, the
optimizer's own update. Models are kept for each architecture, and their weights are set anew for each training.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_circles,
    make_gaussian_quantiles,
    make_moons,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from balanced_nn._causes.evidence import Curve, Evidence
from balanced_nn._causes.observation import Observation, gather_evidence
from balanced_nn._collapse.baseline import Reference, compare_with_reference, is_restored
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from benchmarks.diagnosis.faults import REPORTING, SECOND, TUNING, Recipe
from benchmarks.diagnosis.peers import Checkpoint, checkpoint

MAX_ROWS, MIN_ROWS_OF_CLASS, MIN_RARE_ROWS = 1500, 20, 8
VALIDATION_FRACTION = 0.35
FROM_FOLDER = frozenset({"page_blocks", "satimage", "phoneme", "dry_bean", "htru2"})
MAX_PROGRAMS = 80
CHECKED_EPOCHS = (0, 3, 6, 9, 12, 15, 21, 30)  # at which the published monitors look, and at the last one

Floats, Ints = NDArray[np.float32], NDArray[np.intp]


# Data


@dataclass(frozen=True, eq=False)
class Problem:
    """Standardised rows to train on and to validate on."""

    X: Floats
    y: Ints
    X_val: Floats
    y_val: Ints
    n_classes: int
    reference: Reference


@lru_cache(maxsize=64)
def load(name: str, folder: Path | None, seed: int) -> tuple[NDArray[np.float64], Ints]:
    """All rows of a set; only generated ones depend on the seed."""
    if name == "moons":
        return make_moons(600, noise=0.1, random_state=seed)
    if name == "circles":
        return make_circles(600, noise=0.1, factor=0.5, random_state=seed)
    if name == "gaussian_quantiles":
        return make_gaussian_quantiles(n_samples=600, n_features=4, n_classes=3, random_state=seed)
    bundled = {"breast_cancer": load_breast_cancer, "digits": load_digits, "wine": load_wine, "iris": load_iris}
    if name in bundled:
        return limit_rows(*bundled[name](return_X_y=True))
    if name in FROM_FOLDER:
        return from_folder(folder, name)
    return synthetic(name, seed)


def from_folder(folder: Path | None, name: str) -> tuple[NDArray[np.float64], Ints]:
    import pandas as pd

    frame = pd.read_parquet(Path(folder) / f"{name}.parquet")
    X = frame.iloc[:, :-1].select_dtypes("number").to_numpy(np.float64)
    y = np.unique(frame.iloc[:, -1].to_numpy().astype(str), return_inverse=True)[1]
    X, y = limit_rows(X, y)
    kept = np.bincount(y)[y] >= MIN_ROWS_OF_CLASS
    return X[kept], np.unique(y[kept], return_inverse=True)[1]


def limit_rows(X: NDArray[np.float64], y: Ints) -> tuple[NDArray[np.float64], Ints]:
    if len(y) <= MAX_ROWS:
        return X, y
    chosen, _ = train_test_split(np.arange(len(y)), train_size=MAX_ROWS, stratify=y, random_state=0)
    return X[chosen], y[chosen]


def synthetic(name: str, seed: int) -> tuple[NDArray[np.float64], Ints]:
    """Two normal clouds: well apart at 95/5; on top of each other; near each other at 90/10. Parts differ in width."""
    kind, _, part = name.partition("_")
    share, shift = {"separated": (0.05, 5.0), "overlap": (0.5, 0.05), "majority": (0.1, 0.7)}[kind]
    n_columns = {TUNING: 6, SECOND: 10, REPORTING: 14}[part]
    rng = np.random.default_rng([seed, n_columns, len(kind)])
    y = (np.arange(1000) < share * 1000).astype(np.intp)
    X = rng.standard_normal((1000, n_columns))
    X[:, :2] += shift / np.sqrt(2) * y[:, None]
    return X, y


@lru_cache(maxsize=64)
def problem(name: str, folder: Path | None, seed: int, prevalence: float | None, shuffled: bool) -> Problem:
    """Split, thin the classes out, standardise with the statistics of the training part, fit the references."""
    X, y = load(name, folder, seed)
    rng = np.random.default_rng(seed)
    if shuffled:
        y = rng.permutation(y)
    train, val = train_test_split(np.arange(len(y)), test_size=VALIDATION_FRACTION, stratify=y, random_state=seed)
    if prevalence is not None:
        least = int(np.clip(round(100 * prevalence), 2, 6))  # so that strengths differ on small sets too
        train, val = thin(y, train, prevalence, least, rng), thin(y, val, prevalence, MIN_RARE_ROWS, rng)
    deviation = X[train].std(axis=0)
    scaled = (X - X[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    scaled = scaled.astype(np.float32)
    models = (
        LogisticRegression(class_weight="balanced", max_iter=500),
        HistGradientBoostingClassifier(class_weight="balanced", max_iter=50, early_stopping=False, random_state=0),
    )
    scores = [
        balanced_accuracy_score(y[val], model.fit(scaled[train], y[train]).predict(scaled[val])) for model in models
    ]
    return Problem(scaled[train], y[train], scaled[val], y[val], int(y.max()) + 1, Reference(*map(float, scores)))


def thin(y: Ints, rows: Ints, prevalence: float, least: int, rng: np.random.Generator) -> Ints:
    """Leave each class but the most frequent one `prevalence` times the rows of that one, or `least`."""
    counts = np.bincount(y[rows])
    frequent = int(np.argmax(np.bincount(y)))
    wanted = np.full(len(counts), max(round(prevalence * counts[frequent]), least))
    wanted[frequent] = counts[frequent]
    kept = [rng.permutation(rows[y[rows] == c])[: wanted[c]] for c in range(len(counts))]
    return rng.permutation(np.concatenate(kept))


def corrupt(X: Floats, recipe: Recipe) -> Floats:
    """Every second column moved and multiplied."""
    X = X.copy()
    X[:, ::2] = np.float32(recipe.factor) * (X[:, ::2] + np.float32(recipe.offset))
    return X


# Networks


def build(recipe: Recipe, n_inputs: int, n_classes: int, seed: int) -> keras.Sequential:
    """The network as people write it, compiled."""
    units, activation, loss = recipe.output(n_classes)
    layers: list[Any] = [keras.Input((n_inputs,))]
    for width in recipe.hidden:
        start = {"bias_initializer": keras.initializers.Constant(recipe.bias)}
        if recipe.batch_norm:
            layers.append(keras.layers.Dense(width, **start))
            layers.append(keras.layers.BatchNormalization(momentum=recipe.batch_norm_momentum))
            layers.append(keras.layers.Activation(recipe.activation))
        else:
            layers.append(keras.layers.Dense(width, activation=recipe.activation, **start))
    layers.append(keras.layers.Dense(units, activation=activation))
    model = keras.Sequential(layers)
    set_initializers(model, recipe, seed)
    optimizers = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    model.compile(optimizer=optimizers[recipe.optimizer](recipe.learning_rate), loss=loss_function(loss, recipe))
    return model


def set_initializers(model: keras.Sequential, recipe: Recipe, seed: int) -> None:
    """Give each layer the recipe's initialisers; a seed of its own for each."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for number, layer in enumerate(dense):
        own = 1000 * seed + number
        if layer is dense[-1] and not isinstance(recipe.kernel, float):
            layer.kernel_initializer = keras.initializers.GlorotUniform(seed=own)
        elif isinstance(recipe.kernel, float):
            layer.kernel_initializer = keras.initializers.RandomNormal(stddev=recipe.kernel, seed=own)
        else:
            names = {"he_normal": keras.initializers.HeNormal, "glorot_uniform": keras.initializers.GlorotUniform}
            layer.kernel_initializer = names[recipe.kernel](seed=own)
        layer.bias_initializer = keras.initializers.Constant(0.0 if layer is dense[-1] else recipe.bias)


def loss_function(name: str, recipe: Recipe) -> keras.losses.Loss:
    losses = {
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "mean_absolute_error": keras.losses.MeanAbsoluteError,
        "mean_squared_error": keras.losses.MeanSquaredError,
        "hinge": keras.losses.Hinge,
    }
    return losses[name](from_logits=True) if recipe.from_logits else losses[name]()


def initial_weights(model: keras.Sequential) -> list[NDArray[np.float32]]:
    """Draw what Keras would draw, in the order of `get_weights`."""
    drawn: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            drawn += [layer.kernel_initializer(layer.kernel.shape), layer.bias_initializer(layer.bias.shape)]
        elif isinstance(layer, keras.layers.BatchNormalization):
            ones, zeros = np.ones(layer.gamma.shape), np.zeros(layer.gamma.shape)
            drawn += [ones, zeros, zeros, ones]
    return [np.asarray(array, np.float32) for array in drawn]


class Program:
    """A model of one architecture with its traced training."""

    def __init__(self, recipe: Recipe, n_inputs: int, n_classes: int) -> None:
        self.model = build(recipe, n_inputs, n_classes, 0)
        self.n_classes = n_classes
        self.recipe = recipe
        self.loss = self.model.loss
        self.optimizer = self.model.optimizer
        self.optimizer.build(self.model.trainable_variables)
        self.n_targets = self.model.output_shape[-1] if self._takes_one_hot() else 1
        self.best = [tf.Variable(v.value, trainable=False) for v in self.model.variables if "seed" not in v.name]
        floats, spec = tf.float32, tf.TensorSpec
        table = [spec((None, n_inputs), floats), spec((None, self.n_targets), floats), spec((None,), floats)]
        signature = [*table, spec((None, None), tf.int32), spec((), tf.int32), *table, spec((), tf.bool)]
        self.epochs = tf.function(self._epochs, input_signature=signature)
        self.forward = tf.function(lambda x: self.model(x, training=False), input_signature=table[:1])
        self.start = tf.function(self._start, autograph=False)

    def _takes_one_hot(self) -> bool:
        loss = self.recipe.output(self.n_classes)[2]
        several = self.model.output_shape[-1] == self.n_classes
        return several and self.recipe.one_hot and loss != "sparse_categorical_crossentropy"

    def targets(self, y: Ints) -> NDArray[np.float32]:
        if self.n_targets > 1:
            return np.eye(self.n_classes, dtype=np.float32)[y]
        return y.astype(np.float32)[:, None]

    def _start(self, weights: list[Any]) -> None:
        for variable, value in zip(self.model.weights, weights, strict=True):
            variable.assign(value)
        for variable in self.optimizer.variables:
            if variable is not self.optimizer._learning_rate:
                variable.assign(tf.zeros(variable.shape, variable.dtype))

    def _right(self, targets: Any, outputs: Any) -> Any:
        if outputs.shape[-1] == 1:
            cut = 0.0 if self.recipe.from_logits else 0.5
            return tf.cast((outputs[:, 0] > cut) == (targets[:, 0] > 0.5), tf.float32)
        truth = tf.argmax(targets, 1) if self.n_targets > 1 else tf.cast(targets[:, 0], tf.int64)
        return tf.cast(tf.argmax(outputs, 1) == truth, tf.float32)

    def _epochs(self, X, targets, weight, order, batch_size, X_val, targets_val, weight_val, keep_best):
        n_epochs, n_rows = tf.shape(order)[0], tf.shape(order)[1]
        history = tf.TensorArray(tf.float32, size=n_epochs, element_shape=(3,))
        lowest = tf.constant(np.inf, tf.float32)
        variables = self.model.trainable_variables
        for epoch in tf.range(n_epochs):
            total, right = tf.constant(0.0), tf.constant(0.0)
            for first in tf.range(0, n_rows, batch_size):
                rows = order[epoch, first : tf.minimum(first + batch_size, n_rows)]
                x, t, w = tf.gather(X, rows), tf.gather(targets, rows), tf.gather(weight, rows)
                with tf.GradientTape() as tape:
                    outputs = self.model(x, training=True)
                    loss = self.loss(t, outputs, sample_weight=w)
                self.optimizer.apply(tape.gradient(loss, variables), variables)
                total += loss * tf.cast(tf.shape(rows)[0], tf.float32)
                right += tf.reduce_sum(self._right(t, outputs))
            outputs = self.model(X_val, training=False)
            validation = self.loss(targets_val, outputs, sample_weight=weight_val)
            n = tf.cast(n_rows, tf.float32)
            history = history.write(epoch, tf.stack([total / n, right / n, validation]))
            if keep_best and validation < lowest:
                lowest = validation
                for kept, variable in zip(self.best, self.model.weights, strict=True):
                    kept.assign(variable.value)
        return history.stack()


PROGRAMS: OrderedDict[Any, Program] = OrderedDict()


def program(recipe: Recipe, n_inputs: int, n_classes: int) -> Program:
    """The program of an architecture, traced once."""
    shape = (recipe.hidden, recipe.activation, recipe.batch_norm, recipe.batch_norm and recipe.batch_norm_momentum)
    key = (n_inputs, n_classes, *shape, recipe.output(n_classes), recipe.one_hot, recipe.from_logits, recipe.optimizer)
    if key not in PROGRAMS:
        PROGRAMS[key] = Program(recipe, n_inputs, n_classes)
    PROGRAMS.move_to_end(key)
    while len(PROGRAMS) > MAX_PROGRAMS:
        PROGRAMS.popitem(last=False)
    return PROGRAMS[key]


# Training and judging


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training; `model` is only valid until the next one of the same architecture."""

    model: keras.Sequential
    X: Floats  # as the network reads them
    X_val: Floats
    initial: list[NDArray[np.float32]]
    history: NDArray[np.float64]  # per epoch: loss, accuracy, validation loss
    n_steps: int
    report: OutcomeReport
    failed: bool
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def curve(self) -> Curve:
        """The losses."""
        return Curve(tuple(self.history[:, 0].tolist()))


def class_weights(y: Ints, n_classes: int, balanced: bool) -> Floats:
    """scikit-learn's "balanced", one weight for each row; or ones."""
    if not balanced:
        return np.ones(len(y), np.float32)
    counts = np.maximum(np.bincount(y, minlength=n_classes), 1)
    return (len(y) / np.count_nonzero(np.bincount(y)) / counts)[y].astype(np.float32)


def train(recipe: Recipe, data: Problem, seed: int, *, watch: bool = False) -> Training:
    """Train from scratch and judge; `watch` also records what the published monitors look at."""
    own = program(recipe, data.X.shape[1], data.n_classes)
    set_initializers(own.model, recipe, seed)
    initial = initial_weights(own.model)
    own.start(initial)
    own.optimizer.learning_rate = recipe.learning_rate
    X, X_val = corrupt(data.X, recipe), corrupt(data.X_val, recipe)
    weight, weight_val = (class_weights(y, data.n_classes, recipe.class_weight) for y in (data.y, data.y_val))
    table = tuple(map(tf.constant, (X, own.targets(data.y), weight)))
    table_val = tuple(map(tf.constant, (X_val, own.targets(data.y_val), weight_val)))
    rng = np.random.default_rng([seed, 7])
    order = np.stack([rng.permutation(len(X)) for _ in range(recipe.epochs)]).astype(np.int32)
    stops = [0, *(epoch for epoch in CHECKED_EPOCHS if 0 < epoch < recipe.epochs), recipe.epochs]
    if not watch:
        stops = [0, recipe.epochs]
    first = order[0, : recipe.batch_size]
    parts, checks = [], []
    for start, stop in pairwise(stops):
        if watch:
            checks.append(checkpoint(own.model, own.loss, *(tf.gather(a, first) for a in table), epoch=start))
        batch_size, keep = tf.constant(recipe.batch_size), tf.constant(recipe.keep_best)
        parts.append(own.epochs(*table, tf.constant(order[start:stop]), batch_size, *table_val, keep).numpy())
    if watch:
        checks.append(checkpoint(own.model, own.loss, *(tf.gather(a, first) for a in table), epoch=recipe.epochs))
    history = np.concatenate(parts).astype(np.float64)
    if recipe.keep_best and np.isfinite(history[:, 2]).any():
        for kept, variable in zip(own.best, own.model.weights, strict=True):
            variable.assign(kept)
    report = judge(own.forward(table_val[0]).numpy(), recipe, data)
    set_initializers(own.model, recipe, seed + 1_000_003)  # weights drawn again later are others
    n_steps = recipe.epochs * -(-len(X) // recipe.batch_size)
    failed = fails(report, data)
    return Training(own.model, X, X_val, initial, history, n_steps, report, failed, tuple(checks))


def judge(outputs: NDArray[np.float32], recipe: Recipe, data: Problem) -> OutcomeReport:
    """The outcome on the validation rows, of the network's own decision."""
    proba, answers = decide(outputs.astype(np.float64), recipe, data.n_classes)
    prior = np.full(data.n_classes, 1.0 / data.n_classes) if recipe.class_weight else None
    return find_outcome(data.y_val, proba, answers, prior=prior)


def decide(outputs: NDArray[np.float64], recipe: Recipe, n_classes: int) -> tuple[NDArray[np.float64], Ints]:
    """Probabilities and answers; outputs that are none are clipped and divided by their sum."""
    if outputs.shape[1] == 1:
        p = 1.0 / (1.0 + np.exp(-np.clip(outputs[:, 0], -500, 500))) if recipe.from_logits else outputs[:, 0]
        p = np.clip(p, 0.0, 1.0)
        proba = np.zeros((len(outputs), n_classes))
        proba[:, 0], proba[:, 1] = 1.0 - p, p
        return proba, (p > 0.5).astype(np.intp)
    answers = outputs.argmax(axis=1)
    if recipe.from_logits:
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    proba = np.clip(outputs, 1e-7, None)
    with np.errstate(invalid="ignore"):
        return proba / proba.sum(axis=1, keepdims=True), answers


def fails(report: OutcomeReport, data: Problem) -> bool:
    """Whether the answers are a collapse, near chance, or clearly behind a quick model."""
    return not is_restored(compare_with_reference(report, data.reference), data.reference)


def evidences(done: Training, recipe: Recipe, data: Problem) -> dict[str, Any]:
    """What the package sees: with the weights from before training, and without them."""
    from balanced_nn._diagnose.keras.data import KerasRows, as_matrix
    from balanced_nn._diagnose.keras.gathering import observe_network
    from balanced_nn._diagnose.keras.layers import network_facts

    rows = KerasRows(done.X, data.y, done.X_val, data.y_val, data.n_classes)
    facts = replace(network_facts(done.model, data.n_classes), epochs=recipe.epochs, n_steps=done.n_steps)

    def evidence(initial: list[Any] | None) -> Evidence:
        network = observe_network(done.model, facts, rows, initial, done.curve)
        matrix = as_matrix(done.X)
        seen = Observation(done.report, matrix, data.y, data.n_classes, data.reference, network=network)
        return gather_evidence(seen)

    return {"monitor": evidence(done.initial), "afterwards": evidence(None)}


def limit_threads() -> None:
    """One thread for each worker; must come before TensorFlow's first operation."""
    tf.get_logger().setLevel("ERROR")
    # Optimising a graph takes longer than the few hundred steps that are run with it.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
