"""Does a change alter one thing about a training, and leave the weights of all other layers?"""

from dataclasses import replace

import numpy as np
import pytest

from balanced_nn._replay.changes import Change, changed, initial_weights, standardised
from balanced_nn._replay.program import Activation, Dense, Norm, Optimizer, Program

PROGRAM = Program(
    (Dense(4, 3.0, bias=-1.0), Activation("tanh"), Dense(3), Dense(2), Activation("linear")),
    n_inputs=5,
    loss="mean_squared_error",
    from_logits=False,
    optimizer=Optimizer("sgd", 0.1),
    batch_size=4,
    epochs=7,
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change.SCALE, PROGRAM),
        (Change.RATE_OVER_100, replace(PROGRAM, optimizer=Optimizer("sgd", 0.001))),
        (Change.EPOCHS_TIMES_10, replace(PROGRAM, epochs=70)),
        (Change.LARGER_BATCH, replace(PROGRAM, batch_size=32)),
        (Change.SMALLER_BATCH, replace(PROGRAM, batch_size=1)),
    ],
)
def test_a_change_alters_one_setting(change: Change, expected: Program) -> None:
    assert changed(PROGRAM, change, 2) == expected


def test_layers_change_as_they_are_asked_to() -> None:
    def layers(change: Change) -> tuple[object, ...]:
        return changed(PROGRAM, change, 3).layers

    relu = Activation("relu")
    assert layers(Change.ACTIVATION)[:4] == (PROGRAM.layers[0], relu, Dense(3), relu)
    assert [layer.units for layer in changed(PROGRAM, Change.WIDTH, 3).dense] == [64, 64, 2]
    assert layers(Change.INITIALIZER)[0] == Dense(4, "he_normal")
    assert layers(Change.BATCH_NORM)[1] == Norm(0.9)
    matched = changed(PROGRAM, Change.OUTPUT, 3)
    assert (matched.n_outputs, matched.output_activation, matched.loss) == (
        3,
        "softmax",
        "sparse_categorical_crossentropy",
    )
    assert changed(matched, Change.OUTPUT, 3) == matched


@pytest.mark.parametrize(
    "change", [Change.OUTPUT, Change.WIDTH, Change.INITIALIZER, Change.BATCH_NORM, Change.ACTIVATION]
)
def test_layers_that_stay_keep_their_weights(change: Change) -> None:
    rng = np.random.default_rng(0)
    start = PROGRAM.draw(rng)
    new = changed(PROGRAM, change, 2)
    weights = initial_weights(new, PROGRAM, start, rng)
    assert [array.shape for array in weights] == new.shapes
    kept = [any(np.array_equal(array, other) for other in weights) for array in start if array.ndim == 2]
    expected = {
        Change.OUTPUT: [True, True, False],
        Change.WIDTH: [False, False, False],
        Change.INITIALIZER: [False, False, True],
        Change.BATCH_NORM: [True, True, True],
        Change.ACTIVATION: [True, True, True],
    }
    assert kept == (expected[change] if change is not Change.OUTPUT else [True, True, new.n_outputs == 2])


def test_scaling_takes_the_offset_off_and_leaves_constant_columns() -> None:
    X = np.array([[1990.0, 7.0], [1992.0, 7.0]], np.float32)
    scaled, other = standardised(X, X + 2)
    np.testing.assert_allclose(scaled, [[-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(other, [[1.0, 2.0], [3.0, 2.0]])
