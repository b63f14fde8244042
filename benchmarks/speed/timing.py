"""How do methods take turns, and what do they take?"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
from numpy.typing import NDArray

from balanced_nn import BalancedNNClassifier

OURS = "BalancedNNClassifier"
ROUNDS = 5
WINDOW = 1.0  # seconds: shorter calls are repeated, so that each method is looked at for as long
PAUSE = 0.2  # seconds before each measurement: the threads of the last method have gone to sleep


@dataclass(frozen=True)
class Row:
    """One figure."""

    section: str
    case: str
    method: str
    value: float
    unit: str
    ratio: float | None = None
    to: str = ""  # what the ratio is to


def fresh_process(arguments: Sequence[str], **environment: str) -> str:
    """Last line that another Python prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment})
    return done.stdout.strip().splitlines()[-1]


def seconds(call: Callable[[], Any], repeats: int = 1) -> float:
    """Mean seconds of a call."""
    time.sleep(PAUSE)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def compare(
    section: str, case: str, methods: Mapping[str, Callable[[], Any]], *, to: str = OURS, rounds: int = ROUNDS,
    scale: float = 1.0, unit: str = "s", warm: bool = True,
) -> list[Row]:  # fmt: skip
    """Let the methods take turns; ratios are theirs to those of `to`."""
    taken: dict[str, list[float]] = {name: [] for name in methods}
    first = {name: seconds(call) for name, call in methods.items()} if warm else {}
    repeats = {name: int(np.ceil(WINDOW / min(first.get(name, WINDOW), WINDOW))) for name in methods}
    for _ in range(rounds):
        for name, call in methods.items():
            taken[name].append(seconds(call, repeats[name]) * scale)
    return [against(section, case, name, times, taken[to], to, unit) for name, times in taken.items()]


def per_call(section: str, case: str, calls: Mapping[str, tuple[Callable[[], Any], int]]) -> list[Row]:
    """Microseconds of a call, the shortest mean of a few runs in each round: a row is predicted when it comes."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call, _ in calls.values():
        call()
    for _ in range(ROUNDS):
        for name, (call, repeats) in calls.items():
            taken[name].append(min(seconds(call, repeats) for _ in range(3)) * 1e6)
    return [against(section, case, name, times, taken[OURS], OURS, "us") for name, times in taken.items()]


def in_turns(section: str, case: str, scripts: Mapping[str, str]) -> list[Row]:
    first = next(iter(scripts))
    taken: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(ROUNDS + 2):
        for name, script in scripts.items():
            taken[name].append(float(fresh_process(["-c", script])))
    return [against(section, case, name, times, taken[first], first, "s") for name, times in taken.items()]


def against(
    section: str, case: str, name: str, times: Sequence[float], others: Sequence[float], to: str, unit: str
) -> Row:
    ratio = None if name == to else statistics.median(a / b for a, b in zip(times, others, strict=True))
    return Row(section, case, name, statistics.median(times), unit, ratio, "" if ratio is None else to)


def table(n_rows: int, n_columns: int = 30, seed: int = 0) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    y = (X[:, :3].sum(axis=1) + rng.standard_normal(n_rows, dtype=np.float32) > 2.0).astype(np.int64)
    return X, y


def fixed(hidden: Sequence[int], batch: int | str, epochs: int, **settings: Any) -> BalancedNNClassifier:
    """Our network with everything switched off that `keras.Model.fit` does not do."""
    settings = {
        "n_bins": None, "class_weight": None, "n_members": 1, "dropout": 0.0, "alpha": 0.0,
        "learning_rate_init": 1e-3, "batch_size": batch, **settings,
    }  # fmt: skip
    return BalancedNNClassifier(
        tuple(hidden), max_iter=epochs, early_stopping=False, on_collapse="ignore", random_state=0, **settings
    )
