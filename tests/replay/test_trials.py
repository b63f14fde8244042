"""Do a few short trainings show what restores a result, and how long may they take?"""

import numpy as np

from balanced_nn._replay.changes import Change
from balanced_nn._replay.program import Activation, Dense, Optimizer, Program
from balanced_nn._replay.trials import Replay, Trial
from balanced_nn._typing import FloatArray, IntArray

XOR = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), (4, 1))


def answers(program: Program, outputs: FloatArray) -> IntArray:
    return (outputs[:, 0] > 0.5).astype(np.intp)


def trials(rate: float, *, width: int = 16, epochs: int = 100, seed: int = 0) -> dict[tuple[Change, ...], Trial]:
    layers = (Dense(width), Activation("tanh"), Dense(1), Activation("sigmoid"))
    adam = Optimizer("adam", rate, 0.9, rho=0.999)
    program = Program(layers, 2, "binary_crossentropy", False, adam, batch_size=16, epochs=epochs)
    y = np.logical_xor(*XOR.T).astype(np.intp)
    start = program.draw(np.random.default_rng(seed))
    return {trial.changes: trial for trial in Replay(program, start, XOR, y, XOR, y, 2, answers).trials()}


def test_a_rate_that_is_too_low_is_restored_by_a_higher_one() -> None:
    found = trials(1e-3)
    assert found[(Change.RATE_TIMES_100,)].balanced_accuracy == 1.0
    assert found[(Change.RATE_OVER_10,)].balanced_accuracy < 0.9
    assert found[(Change.RATE_TIMES_100,)].complete


def test_a_rate_that_is_too_high_is_restored_by_a_lower_one() -> None:
    found = trials(10.0)
    assert found[(Change.RATE_OVER_100,)].balanced_accuracy == 1.0
    assert found[(Change.RATE_TIMES_10,)].balanced_accuracy < 0.9


def test_changes_are_tried_by_twos_as_well() -> None:
    found = trials(1e-4, width=1)
    both = {(Change.WIDTH, Change.RATE_TIMES_10), (Change.SCALE, Change.RATE_TIMES_10)}
    assert both <= set(found)


def test_the_same_training_is_tried_once_more_and_judged_on_its_own_rows_too() -> None:
    found = trials(1e-4)
    again, higher = found[()], found[(Change.RATE_TIMES_100,)]
    assert again.balanced_accuracy < higher.balanced_accuracy
    assert (again.on_training, higher.on_training) == (again.balanced_accuracy, 1.0)  # the same rows are judged


def test_trials_are_the_same_again() -> None:
    assert trials(1e-3) == trials(1e-3)


def test_where_a_training_was_long_fewer_changes_are_tried() -> None:
    short, long = trials(1e-3, epochs=20), trials(1e-3, epochs=20_000)
    assert len(long) < len(short)
    assert (Change.EPOCHS_TIMES_10,) in short
    assert (Change.EPOCHS_TIMES_10,) not in long
