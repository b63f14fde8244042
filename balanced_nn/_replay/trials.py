"""What would single changes have made of a training? A few short trainings, from its own initial weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from balanced_nn._replay.changes import SIDE_BY_SIDE, Change, changed, initial_weights, standardised
from balanced_nn._replay.program import Norm, Program
from balanced_nn._replay.training import Copies
from balanced_nn._typing import FloatArray, IntArray

LEAST_SECONDS, SHARE_OF_RUN = 0.2, 0.03  # that trials may take
SECONDS_OF_EPOCH, SECONDS_OF_STEP = 0.01, 0.001  # of `Model.fit`, about
# Of a replay: of a step of one layer, and of a multiplication and addition in it.
SECONDS_OF_LAYER, SECONDS_OF_PRODUCT = 10e-6, 1e-10
SECOND = (Change.SCALE, Change.RATE_TIMES_10, Change.RATE_OVER_10, Change.INITIALIZER)
DRAWS = 2  # of initial weights, of which the first are those of the training itself


@dataclass(frozen=True)
class Trial:
    """What became of a training with one thing changed, or two; with none, of the same training once more."""

    changes: tuple[Change, ...]
    balanced_accuracy: float  # on the judged rows, a fraction; the lowest one of the draws of the initial weights
    complete: bool  # whether it had as many epochs as the training itself, or as the change asks
    on_training: float = float("nan")  # the same on the rows that it was trained on

    @property
    def words(self) -> str:
        """What was changed, behind "with"."""
        return " and ".join(change.words for change in self.changes)


@dataclass(frozen=True, eq=False)
class Replay:
    """A training that can be done again.

    Parameters
    ----------
    program : Program
        Layers, loss, optimizer, batches.
    weights : list of ndarray
        That it began with, in Keras' order.
    X, X_val : ndarray of shape (n_samples, n_inputs)
        Rows to train on and to judge on; float32.
    y, y_val : ndarray of shape (n_samples,)
        Class indices.
    n_classes : int
        Number of classes.
    answers : callable
        Gives the class indices that a program's outputs stand for.
    """

    program: Program
    weights: list[FloatArray]
    X: FloatArray
    y: IntArray
    X_val: FloatArray
    y_val: IntArray
    n_classes: int
    answers: Callable[[Program, FloatArray], IntArray]

    def trials(self) -> tuple[Trial, ...]:
        """Try changes as far as the time reaches: 3 % of that of the training, 0.2 s at least."""
        n_steps = self.program.steps(len(self.y))
        run = SECONDS_OF_EPOCH * self.program.epochs + SECONDS_OF_STEP * n_steps
        left = max(LEAST_SECONDS, SHARE_OF_RUN * run)
        found: list[Trial] = []
        for first in _firsts(self.program, self.n_classes):
            wanted = self._changed(first).steps(len(self.y))
            least = 2 * n_steps if wanted > n_steps else wanted // 4
            for group, draws in _groups(first):
                each = self._seconds(self._changed(first), draws * len(group))
                steps = min(wanted, int(left / each))
                if steps >= max(1, least):
                    left -= steps * each
                    found += self._train(group, steps, draws, complete=steps == wanted and draws == DRAWS)
                    break
        return tuple(found)

    def _changed(self, changes: Sequence[Change]) -> Program:
        program = self.program
        for change in changes:
            program = changed(program, change, self.n_classes)
        return program

    def _seconds(self, program: Program, n_copies: int) -> float:
        """About how long a step of all copies takes."""
        products = (6 * program.batch_size + 15) * n_copies * program.n_weights
        return SECONDS_OF_LAYER * (len(program.layers) + 2) + SECONDS_OF_PRODUCT * products

    def _train(self, group: Sequence[tuple[Change, ...]], steps: int, draws: int, *, complete: bool) -> Iterator[Trial]:
        rng = np.random.default_rng(0)
        starts = [self.weights, *(self.program.draw(rng) for _ in range(draws - 1))]
        programs = [self._changed(changes) for changes in group]
        scaled = standardised(self.X, self.X_val)
        weights, rates, tables = [], [], []
        for changes, program in zip(group, programs, strict=True):
            for start in starts:
                weights.append(initial_weights(program, self.program, start, rng))
                rates.append(program.optimizer.rate)
                tables.append(scaled if Change.SCALE in changes else (self.X, self.X_val))
        shared = all(table is not scaled for table in tables)
        X, X_val = (np.stack([table[part] for table in (tables[:1] if shared else tables)]) for part in (0, 1))
        copies = Copies(programs[0], weights, rates)
        copies.train(X, one_hot(programs[0], self.y), programs[0].epochs, steps=steps)
        judged = [self._balanced_accuracy(programs[0], out, self.y_val) for out in copies.outputs(X_val)]
        trained = [self._balanced_accuracy(programs[0], out, self.y) for out in copies.outputs(X)]
        for number, changes in enumerate(group):
            own = slice(draws * number, draws * (number + 1))
            yield Trial(changes, min(judged[own]), complete, min(trained[own]))

    def _balanced_accuracy(self, program: Program, outputs: FloatArray, y: IntArray) -> float:
        if not np.isfinite(outputs).all():
            return 0.0
        right = self.answers(program, outputs) == y
        return float(np.mean([right[y == c].mean() for c in np.unique(y)]))


def _firsts(program: Program, n_classes: int) -> Iterator[tuple[Change, ...]]:
    """Nothing, then one by one the changes of layers and batches that change anything."""
    yield ()
    single = [Change.OUTPUT, Change.ACTIVATION, Change.WIDTH, Change.EPOCHS_TIMES_10, Change.LARGER_BATCH]
    if any(isinstance(layer, Norm) for layer in program.layers):
        single.insert(0, Change.BATCH_NORM)
    yield from ((change,) for change in single if changed(program, change, n_classes) != program)


def _groups(first: tuple[Change, ...]) -> Iterator[tuple[list[tuple[Change, ...]], int]]:
    """What is trained side by side, and from how many draws of the weights: with ever less, where time is short.

    A change of layers or batches goes alone and with each of those that leave them as they are.
    """
    if first:
        yield [first, *((*first, second) for second in SECOND)], DRAWS
        yield [first], DRAWS
    else:
        alone: list[tuple[Change, ...]] = [(change,) for change in Change if change in SIDE_BY_SIDE]
        yield [(), *alone, *combinations(SECOND, 2)], DRAWS
        yield [(), *alone], DRAWS
        yield [(), *((change,) for change in SECOND)], 1


def one_hot(program: Program, y: IntArray) -> FloatArray:
    """Labels as the loss compares them with the outputs."""
    if program.n_outputs == 1:
        return y.astype(np.float32)[:, None]
    return (np.arange(program.n_outputs) == y[:, None]).astype(np.float32)
