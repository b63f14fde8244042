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
    from balanced_nn._training.keras.compiled import CompiledSteps, ProgramKey

    kinds = {
        "as it is": CompiledSteps,
        "SGD instead of AdamW": with_sgd(CompiledSteps),
        "AdamW over one flat vector": with_flat_moments(CompiledSteps),
    }
    compile_and_run(CompiledSteps, ProgramKey(16, 2, (8,), "relu", True, False, False, 8))  # TensorFlow has started
    rows = []
    for hidden, batch in (((128, 64), 256), ((256, 256), 1024)):
        keys = {norm: ProgramKey(32, 2, hidden, "relu", norm, False, False, batch) for norm in (True, False)}
        variants = {name: (kind, keys[True]) for name, kind in kinds.items()}
        variants["without BatchNorm"] = (CompiledSteps, keys[False])
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
    from balanced_nn._training.keras.program import TrainingProgram

    rng = np.random.default_rng(0)
    start = time.perf_counter()
    program = TrainingProgram(kind(key))
    traced = time.perf_counter() - start
    size, n_batches = key.batches_per_chunk * key.batch_size, key.batches_per_chunk
    x, y = rng.standard_normal((size, key.n_inputs), np.float32), rng.integers(0, 2, size, np.int32)
    data = Dataset(x, np.arange(size), y, np.ones(size))

    def run(n: int) -> None:
        program.run(program.gather(data, np.arange(n * key.batch_size)), np.full(n, 1e-3))

    compiled = seconds(lambda: run(1))
    step = statistics.median(seconds(lambda: run(n_batches), 15) for _ in range(3)) / n_batches
    return {"build and trace": traced, "compile": compiled, "step": step * 1e6}


def with_sgd(compiled: type) -> type:
    class WithSGD(compiled):
        def _adamw(self, weights: Any, gradients: Any, moments: Any, rate: Any, decay: Any, step: Any) -> Any:
            return [w - rate * g for w, g in zip(weights, gradients, strict=True)], *moments

    return WithSGD


def with_flat_moments(compiled: type) -> type:
    """AdamW sees one long vector; the layers' weights are cut out of it after each step."""
    import tensorflow as tf

    class WithFlatMoments(compiled):
        def new_state(self) -> Any:
            state = super().new_state()
            n = sum(int(np.prod(v.shape)) for v in state.trainable)
            moments = ([tf.Variable(tf.zeros(n), trainable=False)] for _ in range(2))
            return state._replace(first_moments=next(moments), second_moments=next(moments))

        def _adamw(self, weights: Any, gradients: Any, moments: Any, rate: Any, decay: Any, step: Any) -> Any:
            flat = [tf.concat([tf.reshape(part, [-1]) for part in parts], 0) for parts in (weights, gradients)]
            self._decays = [True]
            (updated,), *moments = super()._adamw([flat[0]], [flat[1]], moments, rate, decay, step)
            pieces = tf.split(updated, [int(np.prod(w.shape)) for w in weights])
            return [tf.reshape(piece, w.shape) for piece, w in zip(pieces, weights, strict=True)], *moments

    return WithFlatMoments
