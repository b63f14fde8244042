"""What does it take to compile a training program, and what would shorten it?"""

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.speed.timing import Row, seconds


def compilation() -> list[Row]:
    """What the one-time compilation takes, what would shorten it, and the step, in microseconds, that one pays with.

    Median of three programs of each kind.
    """
    from balanced_nn._training.keras.program import ProgramKey, TrainingProgram

    kinds = {
        "as it is": TrainingProgram,
        "SGD instead of AdamW": with_sgd(TrainingProgram),
        "AdamW over one flat vector": with_flat_optimizer(TrainingProgram),
    }
    compile_and_run(TrainingProgram, ProgramKey(16, 2, (8,), "relu", True, False, False, 8))  # TensorFlow has started
    rows = []
    for hidden, batch in (((128, 64), 256), ((256, 256), 1024)):
        keys = {norm: ProgramKey(32, 2, hidden, "relu", norm, False, False, batch) for norm in (True, False)}
        variants = {name: (kind, keys[True]) for name, kind in kinds.items()}
        variants["without BatchNorm"] = (TrainingProgram, keys[False])
        found: dict[tuple[str, str], list[float]] = {}
        for _ in range(3):
            for name, (kind, key) in variants.items():
                for what, value in compile_and_run(kind, key).items():
                    found.setdefault((what, name), []).append(value)
        rows += [
            Row("compilation", f"{hidden}, {what}", name, statistics.median(values), "us" if what == "step" else "s")
            for (what, name), values in sorted(found.items())
        ]
    return rows


def compile_and_run(kind: Any, key: Any) -> dict[str, float]:
    from balanced_nn._data.dataset import Dataset

    rng = np.random.default_rng(0)
    start = time.perf_counter()
    program = kind(key)
    program._steps  # noqa: B018, traced when first asked for
    traced = time.perf_counter() - start
    size, n_batches = key.batches_per_chunk * key.batch_size, key.batches_per_chunk
    x, y = rng.standard_normal((size, key.n_inputs), np.float32), rng.integers(0, 2, size, np.int32)
    data = Dataset(x, np.arange(size), y, np.ones(size))

    def run(n: int) -> None:
        program.run(program.gather(data, np.arange(n * key.batch_size)), np.full(n, 1e-3))

    compiled = seconds(lambda: run(1))
    step = statistics.median(seconds(lambda: run(n_batches), 15) for _ in range(3)) / n_batches
    return {"build and trace": traced, "compile": compiled, "step": step * 1e6}


def with_sgd(program: type) -> type:
    import keras

    class WithSGD(program):
        def __init__(self, key: Any) -> None:
            super().__init__(key)
            self.optimizer = keras.optimizers.SGD(1e-3)
            self.optimizer.build(self.model.trainable_variables)

    return WithSGD


def with_flat_optimizer(program: type) -> type:
    """AdamW sees one long variable; the layers' variables are slices of it, written back after each step."""
    import keras
    import tensorflow as tf

    class Flat(keras.optimizers.AdamW):
        def build(self, variables: Any) -> None:
            self.parts = variables
            self.flat = keras.Variable(np.zeros(sum(int(np.prod(v.shape)) for v in variables), np.float32))
            super().build([self.flat])

        def apply(self, gradients: Any, variables: Any) -> None:
            super().apply([tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)], [self.flat])
            pieces = tf.split(self.flat.value, [int(np.prod(v.shape)) for v in variables])
            for variable, piece in zip(variables, pieces, strict=True):
                variable.assign(tf.reshape(piece, variable.shape))

    class WithFlat(program):
        def __init__(self, key: Any) -> None:
            super().__init__(key)
            self.optimizer = Flat(learning_rate=1e-3, weight_decay=self._weight_decay)
            self.optimizer.build(self.model.trainable_variables)

    return WithFlat
