"""Which compiled programs does this process keep for further fits? To be asked without loading Keras."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loads TensorFlow
    from balanced_nn._network.specs import Body
    from balanced_nn._training.keras.compiled import CompiledSteps, ProgramKey
    from balanced_nn._training.keras.program import TrainingProgram

MAX_IDLE_PROGRAMS = 16


class ProgramPool:
    """Programs, each lent to one training at a time; those of one key share what was compiled for it."""

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._idle: list[TrainingProgram] = []  # least recently used first
        self._lent: list[TrainingProgram] = []
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self.n_built = 0  # compilations

    @contextmanager
    def lend(self, key: "ProgramKey") -> "Iterator[TrainingProgram]":
        """Lend a program for `key`, built if none is idle; it comes back when the block ends, however it ends."""
        program = self._take(key) or self._build(key)
        try:
            yield program
        finally:
            with self._lock:
                self._lent.remove(program)
                self._idle.append(program)
                self._forget_bodies(but=key.body)
                while len({idle.key for idle in self._idle}) > self._max_idle:
                    self._idle.pop(0).thread.shutdown(wait=False)

    def _forget_bodies(self, but: "Body | None") -> None:
        """Drop the idle programs of bodies of other fits, which no further fit asks for."""
        over = [idle for idle in self._idle if idle.key.body not in (None, but)] if but is not None else []
        for program in over:
            self._idle.remove(program)
            program.thread.shutdown(wait=False)

    def clear(self) -> None:
        """Forget all idle programs and what they hold in memory."""
        with self._lock:
            for program in self._idle:
                program.thread.shutdown(wait=False)  # nothing runs in it
            self._idle.clear()

    def _take(self, key: "ProgramKey") -> "TrainingProgram | None":
        with self._lock:
            program = next((idle for idle in reversed(self._idle) if idle.key == key), None)
            if program is not None:
                self._idle.remove(program)
                self._lent.append(program)
            return program

    def _build(self, key: "ProgramKey") -> "TrainingProgram":
        from balanced_nn._training.keras.compiled import CompiledSteps  # deferred: loads TensorFlow
        from balanced_nn._training.keras.program import TrainingProgram

        with self._building:  # trainings that begin at the same time compile once
            compiled = self._compiled(key)
            if compiled is None:
                compiled = CompiledSteps(key)
                self.n_built += 1
            program = TrainingProgram(compiled)
            with self._lock:
                self._lent.append(program)
            return program

    def _compiled(self, key: "ProgramKey") -> "CompiledSteps | None":
        with self._lock:
            return next((known.compiled for known in (*self._lent, *self._idle) if known.key == key), None)


POOL = ProgramPool(MAX_IDLE_PROGRAMS)


def clear_compiled_programs() -> None:
    """Discard the training programs that this process has compiled and keeps for further fits.

    Programs of at most 16 shapes are kept, the most recently used ones; each holds a Keras model and, for each network
    that was trained at the same time, its variables and the buffers of two chunks of rows. Fitted classifiers do not
    need them. The next fit compiles its program again, which takes one to three seconds. TensorFlow is not loaded for
    this. It keeps the machine code of what it compiled, 10 to 25 MB a program, until the process ends: forget programs
    to free their buffers, not in a loop over many fits. After some 300 programs Linux has no memory maps left for more,
    and a network of a new shape is trained without compiling, and a warning says so.

    Examples
    --------
    >>> from balanced_nn import clear_compiled_programs
    >>> clear_compiled_programs()
    """
    POOL.clear()
