"""How are small programs trained and repaired, and what does a diagnosis see of them?

Programs are trained by the copies of `balanced_nn._replay`, which compute what Keras computes (a test compares them): a
thousand steps in a tenth of a second. The diagnosis is given a Keras model with the weights from before and after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from balanced_nn._causes.evidence import Curve
from balanced_nn._causes.observation import Observation
from balanced_nn._collapse.outcome import Outcome, OutcomeReport, find_outcome
from balanced_nn._replay.changes import SIDE_BY_SIDE, Change, changed, initial_weights, standardised
from balanced_nn._replay.program import Activation, Dense, Norm, Program
from balanced_nn._replay.training import Copies
from balanced_nn._typing import FloatArray, IntArray
from benchmarks.diagnosis.faults import Recipe
from benchmarks.diagnosis.peers import Checkpoint, Watched, checkpoint
from benchmarks.diagnosis.small import TRUTH_TABLES, Rows, SmallProgram, output_of, rows, to_replay
from benchmarks.diagnosis.training import CHECKED_EPOCHS

SEEDS = (0, 1)  # what fails, and what restores, has to do so from two draws of the initial weights
LEAST_GAIN = 0.5  # of the way from chance to 1 that a sound program has to come
LAG = 0.10  # balanced accuracy that a restored one may lack of the twin's
PAIRED = (
    Change.SCALE, Change.OUTPUT, Change.RATE_TIMES_10, Change.RATE_OVER_10, Change.INITIALIZER, Change.ACTIVATION,
    Change.BATCH_NORM, Change.WIDTH, Change.EPOCHS_TIMES_10,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Finished:
    """A program that was trained from the first of the seeds, and what a monitor saw."""

    program: Program
    rows: Rows
    initial: list[FloatArray]
    final: list[FloatArray]
    losses: tuple[float, ...]  # of each epoch
    accuracies: tuple[float, ...]
    stages: dict[int, list[FloatArray]]  # weights after some of the epochs
    reports: tuple[OutcomeReport, ...]  # of each seed


def targets(program: Program, y: IntArray) -> FloatArray:
    """Labels as the loss wants them."""
    if program.n_outputs == 1:
        return y.astype(np.float32)[:, None]
    return (np.arange(program.n_outputs) == y[:, None]).astype(np.float32)


def judge(program: Program, outputs: FloatArray, y: IntArray, n_classes: int) -> OutcomeReport:
    """The outcome of the program's own decision."""
    values = outputs.astype(np.float64)
    if values.shape[1] == 1:
        p = np.clip(values[:, 0], 0.0, 1.0)
        proba = np.column_stack([1 - p, p, *np.zeros((n_classes - 2, len(p)))])
    else:
        values = np.clip(values, 1e-12, None)
        proba = values / values.sum(axis=1, keepdims=True)
    return find_outcome(y, proba, np.nan_to_num(proba, nan=0.0).argmax(axis=1))


def first_weights(one: SmallProgram, program: Program) -> list[list[FloatArray]]:
    return [program.draw(np.random.default_rng([*one.seed, 3, seed])) for seed in SEEDS]


def finish(one: SmallProgram) -> Finished:
    """Train a program from each seed, and watch the first."""
    table = rows(one)
    program = to_replay(one, table.X.shape[1], table.n_classes)
    initial = first_weights(one, program)
    copies = Copies(program, initial, [program.optimizer.rate] * len(SEEDS))
    wanted = targets(program, table.y)
    losses, accuracies, stages = [], [], {0: initial[0]}
    for epoch in range(1, program.epochs + 1):
        losses.append(float(copies.train(table.X[None], wanted, 1)[0, 0]))
        accuracies.append(_accuracy(copies.outputs(table.X[None])[0], table.y))
        if epoch in CHECKED_EPOCHS or epoch == program.epochs:
            stages[epoch] = copies.copy(0)
    outputs = copies.outputs(table.X_val[None])
    reports = tuple(judge(program, out, table.y_val, table.n_classes) for out in outputs)
    return Finished(program, table, initial[0], copies.copy(0), tuple(losses), tuple(accuracies), stages, reports)


def _accuracy(outputs: FloatArray, y: IntArray) -> float:
    answers = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return float(np.mean(answers == y))


# What restores it


@dataclass(frozen=True, eq=False)
class Repairing:
    """Trains a program again with changes, from the same initial weights wherever a layer stays what it is."""

    one: SmallProgram
    program: Program
    rows: Rows
    aim: float

    def restored(self, groups: Sequence[tuple[Change, ...]]) -> list[bool]:
        """Whether each set of changes restores the result from every seed; they leave the same layers and batches."""
        programs = [self.changed(changes) for changes in groups]
        weights, rates, tables = [], [], []
        for changes, program in zip(groups, programs, strict=True):
            X = (
                standardised(self.rows.X, self.rows.X_val)
                if Change.SCALE in changes
                else (self.rows.X, self.rows.X_val)
            )
            for seed, first in zip(SEEDS, first_weights(self.one, self.program), strict=True):
                rng = np.random.default_rng([*self.one.seed, 4, seed])
                weights.append(initial_weights(program, self.program, first, rng))
                rates.append(program.optimizer.rate)
                tables.append(X)
        shared = all(X[0] is self.rows.X for X in tables)
        X, X_val = (np.stack([t[part] for t in (tables[:1] if shared else tables)]) for part in (0, 1))
        copies = Copies(programs[0], weights, rates, seed=1)
        wanted, epochs = targets(programs[0], self.rows.y), programs[0].epochs
        stops = [epochs]
        if any(Change.EPOCHS_TIMES_10 in changes for changes in groups):
            stops = [3 * epochs // 10, epochs - 3 * epochs // 10]  # 3 times as many may do
        good: list[bool] = []
        for more in stops:
            copies.train(X, wanted, more)
            good = [self._is_good(programs[0], out) for out in copies.outputs(X_val)]
            if all(good):
                break
        return [all(good[i : i + len(SEEDS)]) for i in range(0, len(good), len(SEEDS))]

    def changed(self, changes: tuple[Change, ...]) -> Program:
        program = self.program
        for change in changes:
            program = changed(program, change, self.rows.n_classes)
        return program

    def _is_good(self, program: Program, outputs: FloatArray) -> bool:
        report = judge(program, outputs, self.rows.y_val, self.rows.n_classes)
        return report.outcome is Outcome.HEALTHY and report.balanced_accuracy >= self.aim

    def truth(self) -> list[list[str]]:
        """Each change that restores the result alone, or else each pair that does."""
        side = [(change,) for change in Change if change in SIDE_BY_SIDE]
        found = dict(zip(side, self.restored(side), strict=True))
        for change in Change:
            if change not in SIDE_BY_SIDE and self.changed((change,)) != self.program:
                found[(change,)] = self.restored([(change,)])[0]
        alone = [changes for changes, good in found.items() if good]
        if not alone:
            groups: dict[tuple[Change, ...], list[tuple[Change, ...]]] = {}
            for pair in combinations(PAIRED, 2):  # those that change the same of layers and batches side by side
                groups.setdefault(tuple(change for change in pair if change not in SIDE_BY_SIDE), []).append(pair)
            good = [zip(group, self.restored(group), strict=True) for group in groups.values()]
            alone = [pair for found in good for pair, ok in found if ok]
        return [sorted(changes) for changes in alone]


def ceiling(one: SmallProgram, table: Rows) -> float:
    """Balanced accuracy that can be expected on the judged rows: of simple models, of a truth table 1."""
    if one.table in TRUTH_TABLES:
        return 1.0
    models = (
        LogisticRegression(max_iter=500),
        KNeighborsClassifier(3),
        DecisionTreeClassifier(random_state=0),
        HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=5, early_stopping=False, random_state=0),
    )
    X, X_val = standardised(table.X, table.X_val)
    if table.is_judged_on_training:
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        return max(balanced_accuracy_score(table.y, cross_val_predict(m, X, table.y, cv=folds)) for m in models)
    return max(balanced_accuracy_score(table.y_val, m.fit(X, table.y).predict(X_val)) for m in models)


def is_sound(report: OutcomeReport, top: float) -> bool:
    """Whether a program has learned what there is to learn."""
    least = report.chance + LEAST_GAIN * (1 - report.chance)
    near = top - max(LAG, report.standard_error)
    return report.outcome is Outcome.HEALTHY and report.balanced_accuracy >= max(least, near)


def aim_of(twin: Finished) -> float:
    """Balanced accuracy from which a program counts as restored."""
    reached = float(np.mean([report.balanced_accuracy for report in twin.reports]))
    return reached - max(LAG, twin.reports[0].standard_error) - 1e-9


# What a diagnosis sees


def keras_model(done: Finished) -> keras.Sequential:
    """The trained program as a compiled Keras model."""
    layers: list[Any] = [keras.Input((done.program.n_inputs,))]
    for layer in done.program.layers:
        if isinstance(layer, Dense):
            kernel = layer.initializer
            kernel = kernel if isinstance(kernel, str) else keras.initializers.RandomNormal(stddev=kernel)
            bias = keras.initializers.Constant(layer.bias or 0.0)
            layers.append(keras.layers.Dense(layer.units, kernel_initializer=kernel, bias_initializer=bias))
        elif isinstance(layer, Activation):
            layers.append(keras.layers.Activation(layer.name))
        elif isinstance(layer, Norm):
            layers.append(keras.layers.BatchNormalization(momentum=layer.momentum))
    model = keras.Sequential(layers)
    s = done.program.optimizer
    optimizer = keras.optimizers.get({"class_name": s.name, "config": {"learning_rate": s.rate}})
    if s.name == "sgd":
        optimizer = keras.optimizers.SGD(s.rate, s.momentum)
    model.compile(optimizer, done.program.loss)
    model.set_weights(done.final)
    return model


def observation_of(done: Finished) -> Observation:
    """What `CollapseMonitor` has seen when such a training ends."""
    from balanced_nn._diagnose.keras.data import KerasRows, find_bad_labels
    from balanced_nn._diagnose.keras.gathering import WatchedTraining, observe
    from balanced_nn._diagnose.keras.layers import network_facts

    model, table = keras_model(done), done.rows
    bad = find_bad_labels(table.y, network_facts(model, table.n_classes))
    seen = KerasRows(table.X, table.y, table.X_val, table.y_val, table.n_classes, bad_labels=bad)
    n_steps = done.program.steps(len(table.y))
    return observe(model, seen, WatchedTraining(done.initial, Curve(done.losses), n_steps))


def watched(one: SmallProgram, done: Finished) -> Watched:
    """What published monitors look at."""
    table = done.rows
    units, activation, loss = output_of(one, table.n_classes)
    recipe = Recipe(
        hidden=one.hidden or (table.n_classes,), activation=one.activation if one.hidden else "linear",
        output_units=units, output_activation=activation, loss=loss, optimizer=one.optimizer, learning_rate=one.rate,
    )  # fmt: skip
    model = keras_model(done)
    batch = tf.constant(table.X[: one.batch_size]), tf.constant(targets(done.program, table.y)[: one.batch_size])
    checks: list[Checkpoint] = []
    for epoch, weights in sorted(done.stages.items()):
        model.set_weights(weights)
        checks.append(_checkpoint(model, *batch, epoch))
    return Watched(recipe, table.n_classes, table.X, np.array(done.losses), np.array(done.accuracies), tuple(checks))


def _checkpoint(model: keras.Sequential, x: tf.Tensor, y: tf.Tensor, epoch: int) -> Checkpoint:
    loss = keras.losses.get(model.loss)

    def mean(t: tf.Tensor, out: tf.Tensor, sample_weight: Any = None) -> tf.Tensor:
        return tf.reduce_mean(loss(tf.argmax(t, 1) if "sparse" in model.loss else t, out))

    return checkpoint(model, mean, x, y, None, epoch=epoch)
