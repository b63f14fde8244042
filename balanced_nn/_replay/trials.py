"""What would single changes have made of a training? A few short trainings, from its own initial weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from balanced_nn._replay.changes import SIDE_BY_SIDE, Change, changed, initial_weights, standardised
from balanced_nn._replay.program import Norm, Program
from balanced_nn._replay.training import Copies
from balanced_nn._typing import FloatArray, IntArray

LEAST_SECONDS, SHARE_OF_RUN = 0.2, 0.03  # that trials may take
SECONDS_OF_EPOCH, SECONDS_OF_STEP = 0.01, 0.001  # of `Model.fit`, about
# Of a replay: of a step of one layer, and of a multiplication and addition in it.
SECONDS_OF_LAYER, SECONDS_OF_PRODUCT = 15e-6, 1e-9
DRAWS = 2  # of initial weights, of which the first are those of the training itself


@dataclass(frozen=True)
class Trial:
    """What became of a training with one thing changed."""

    change: Change
    balanced_accuracy: float  # on the judged rows, a fraction; the lower one of two draws of the initial weights
    complete: bool  # whether it had as many epochs as the training itself, or as the change asks


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
        """Try one change after the other, as far as the time reaches: 3 % of that of the training, 0.2 s at least."""
        n_steps = self.program.steps(len(self.y))
        run = SECONDS_OF_EPOCH * self.program.epochs + SECONDS_OF_STEP * n_steps
        left = max(LEAST_SECONDS, SHARE_OF_RUN * run)
        found: list[Trial] = []
        for group in _groups(self.program, self.n_classes):
            programs = [changed(self.program, change, self.n_classes) for change in group]
            each = self._seconds(programs[0], DRAWS * len(group))
            wanted = programs[0].steps(len(self.y))
            steps = min(wanted, int(left / each))
            if steps < wanted and steps < n_steps // 4:
                continue
            left -= steps * each
            found += self._train(group, programs, steps, complete=steps == wanted)
        return tuple(found)

    def _seconds(self, program: Program, n_copies: int) -> float:
        """About how long a step of all copies takes."""
        products = 6 * n_copies * program.batch_size * program.n_weights + 10 * n_copies * program.n_weights
        return SECONDS_OF_LAYER * (len(program.layers) + 2) + SECONDS_OF_PRODUCT * products

    def _train(
        self, group: Sequence[Change], programs: list[Program], steps: int, *, complete: bool
    ) -> Iterator[Trial]:
        rng = np.random.default_rng(0)
        weights, rates, tables = [], [], []
        for change, program in zip(group, programs, strict=True):
            again = self.program.draw(rng)
            for first in (self.weights, again)[:DRAWS]:
                weights.append(initial_weights(program, self.program, first, rng))
                rates.append(program.optimizer.rate)
                scaled = change is Change.SCALE
                tables.append(standardised(self.X, self.X_val) if scaled else (self.X, self.X_val))
        shared = all(table[0] is self.X for table in tables)
        X, X_val = (np.stack([table[part] for table in (tables[:1] if shared else tables)]) for part in (0, 1))
        copies = Copies(programs[0], weights, rates)
        copies.train(X, one_hot(programs[0], self.y), programs[0].epochs, steps=steps)
        reached = [self._balanced_accuracy(programs[0], outputs) for outputs in copies.outputs(X_val)]
        for number, change in enumerate(group):
            yield Trial(change, min(reached[DRAWS * number : DRAWS * (number + 1)]), complete)

    def _balanced_accuracy(self, program: Program, outputs: FloatArray) -> float:
        if not np.isfinite(outputs).all():
            return 0.0
        right = self.answers(program, outputs) == self.y_val
        return float(np.mean([right[self.y_val == c].mean() for c in np.unique(self.y_val)]))


def _groups(program: Program, n_classes: int) -> Iterator[list[Change]]:
    """Changes that are trained side by side, then one by one those that change anything."""
    yield [change for change in Change if change in SIDE_BY_SIDE]
    single = [Change.OUTPUT, Change.ACTIVATION, Change.WIDTH, Change.LARGER_BATCH, Change.EPOCHS_TIMES_10]
    if any(isinstance(layer, Norm) for layer in program.layers):
        single.insert(0, Change.BATCH_NORM)
    yield from ([change] for change in single if changed(program, change, n_classes) != program)


def one_hot(program: Program, y: IntArray) -> FloatArray:
    """Labels as the loss compares them with the outputs."""
    if program.n_outputs == 1:
        return y.astype(np.float32)[:, None]
    return (np.arange(program.n_outputs) == y[:, None]).astype(np.float32)
