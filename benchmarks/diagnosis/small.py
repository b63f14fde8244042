"""Which small programs does the benchmark of diagnosis train: tables of 4 to 300 rows, and networks as in tutorials?

Everything follows from a kind, a part and a number: a table, a sound program for it, and one or two faults of the kind.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs, make_circles, make_moons
from sklearn.model_selection import train_test_split

from balanced_nn._replay.changes import standardised
from balanced_nn._replay.program import Activation, Dense, Layer, Norm, Optimizer, Program

CHOOSING, REPORTING = "choosing", "reporting"
PARTS = {CHOOSING: 1, REPORTING: 2}
KINDS = (
    "tiny table",
    "few steps",
    "scale",
    "image",
    "oscillation",
    "optimizer",
    "loss",
    "batch norm",
    "layers",
)
LABELS, HEALTHY = "labels", "healthy"
MAX_STEPS, MAX_STEPS_OF_IMAGES = 1_000, 250

Floats, Ints = NDArray[np.float32], NDArray[np.intp]
Settings = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """A table as the program reads it; small ones are judged on the rows that they are trained on."""

    X: Floats
    y: Ints
    X_val: Floats
    y_val: Ints
    n_classes: int

    @property
    def is_judged_on_training(self) -> bool:
        """Whether there are no others."""
        return self.X_val is self.X


@dataclass(frozen=True)
class SmallProgram:
    """A program as somebody wrote it; None stands for what the labels ask."""

    kind: str
    part: str
    number: int
    table: str
    n_rows: int
    form: str = "plain"  # how the columns are scaled
    hidden: tuple[int, ...] = (16,)
    activation: str = "relu"
    kernel: str | float = "glorot_uniform"
    bias: float = 0.0
    norm: float | None = None  # momentum of BatchNorm
    output_units: int | None = None
    output_activation: str | None = None
    loss: str | None = None
    optimizer: str = "adam"
    rate: float = 0.01
    momentum: float = 0.0
    epochs: int = 100
    batch_size: int = 16
    one_class: str = ""  # "training" or "judged": rows of which only one class is left
    faults: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Unique among all programs."""
        return f"{self.kind}/{self.part}/{self.number}"

    @property
    def seed(self) -> list[int]:
        """Of table, weights and batches."""
        return [PARTS[self.part], [*KINDS, LABELS, HEALTHY].index(self.kind), self.number]


# Tables


def bits(rng: np.random.Generator, n: int, width: int, of: Callable[[Ints], Ints]) -> tuple[Floats, Ints]:
    table = np.array(list(product([0.0, 1.0], repeat=width)), np.float32)
    repeats = max(1, n // len(table))
    X = np.tile(table, (repeats, 1))
    return X, of(X.astype(np.intp)).astype(np.intp)


def stripes(rng: np.random.Generator, n: int) -> tuple[Floats, Ints]:
    X = rng.uniform(-1, 1, (n, 3)).astype(np.float32)
    return X, (np.sin(4 * X[:, 0]) + X[:, 1] > 0).astype(np.intp)


def some(rng: np.random.Generator, n: int, data: tuple[Any, Any]) -> tuple[Floats, Ints]:
    X, y = data
    rows = rng.permutation(len(y))[:n]
    return X[rows].astype(np.float32), y[rows].astype(np.intp)


def digits(rng: np.random.Generator, n: int, side: int, n_classes: int) -> tuple[Floats, Ints]:
    X, y = load_digits(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    X, y = some(rng, n, (X / 16.0, y))
    positions = np.arange(side) * 8 // side
    images = X.reshape(-1, 8, 8)[:, positions][:, :, positions]
    return images.reshape(len(X), -1), y


def seed_of(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


TABLES: dict[str, Callable[[np.random.Generator, int], tuple[Any, Any]]] = {
    "xor": lambda rng, n: bits(rng, n, 2, lambda x: x.sum(axis=1) % 2),
    "parity": lambda rng, n: bits(rng, n, 3, lambda x: x.sum(axis=1) % 2),
    "and": lambda rng, n: bits(rng, n, 2, lambda x: x.min(axis=1)),
    "or": lambda rng, n: bits(rng, n, 3, lambda x: x[:, 0] | (x[:, 1] & x[:, 2])),
    "moons": lambda rng, n: make_moons(n, noise=0.1, random_state=seed_of(rng)),
    "circles": lambda rng, n: make_circles(n, noise=0.05, factor=0.4, random_state=seed_of(rng)),
    "blobs": lambda rng, n: make_blobs(n, 3, centers=2, cluster_std=1.5, random_state=seed_of(rng)),
    "three blobs": lambda rng, n: make_blobs(n, 2, centers=3, cluster_std=1.0, random_state=seed_of(rng)),
    "stripes": stripes,
    "iris": lambda rng, n: some(rng, n, load_iris(return_X_y=True)),
    "wine": lambda rng, n: some(rng, n, load_wine(return_X_y=True)),
    "digits 8": lambda rng, n: digits(rng, n, 8, 10),
    "two digits 16": lambda rng, n: digits(rng, n, 16, 2),
    "four digits 28": lambda rng, n: digits(rng, n, 28, 4),
}
TRUTH_TABLES = ("xor", "parity", "and", "or")
CLOUDS = ("moons", "circles", "blobs", "three blobs", "stripes", "iris", "wine")
IMAGES = ("digits 8", "two digits 16", "four digits 28")


def form_columns(X: Floats, form: str) -> Floats:
    """Scale a table as it came to the program."""
    if form == "as it is" or form == "plain":
        return X
    if form == "counts":  # grey levels
        return np.round(255 * X).astype(np.float32)
    (unit,) = standardised(X)
    low, high = unit.min(axis=0), unit.max(axis=0)
    share = (unit - low) / np.where(high > low, high - low, 1)
    match form:
        case "percent":
            return (100 * share).astype(np.float32)
        case "years":
            return (unit * 8 + 1990).astype(np.float32)
        case "offset":
            return (unit + 60).astype(np.float32)
        case "counts and fractions":
            factors = np.where(np.arange(X.shape[1]) % 2, 1.0, 1000.0)
            return (share * factors).astype(np.float32)
    factors = np.where(np.arange(X.shape[1]) % 2, 1.0, 100.0)  # "mixed"
    return (unit * factors + factors).astype(np.float32)


@lru_cache(maxsize=8)
def rows_of(table: str, n_rows: int, form: str, seed: tuple[int, ...], one_class: str) -> Rows:
    """Draw a table, and hold rows out where it has 60 of them or more and is no truth table."""
    rng = np.random.default_rng(list(seed))
    X, y = TABLES[table](rng, n_rows)
    X, y = np.asarray(X, np.float32), np.asarray(y, np.intp)
    n_classes = int(y.max()) + 1
    if form == "plain" and table not in IMAGES and table not in TRUTH_TABLES:
        (X,) = standardised(X)
    X = form_columns(X, form)
    if table in TRUTH_TABLES or n_rows < 60:
        rows = Rows(X, y, X, y, n_classes)
    else:
        kept, out = train_test_split(np.arange(len(y)), test_size=0.35, stratify=y, random_state=0)
        rows = Rows(X[kept], y[kept], X[out], y[out], n_classes)
    if one_class == "training":
        one = rows.y == 0
        rows = replace(rows, X=rows.X[one], y=rows.y[one], X_val=rows.X_val.copy())
    elif one_class == "judged":
        one = rows.y_val == 0
        rows = replace(rows, X_val=rows.X_val[one], y_val=rows.y_val[one])
    return rows


def rows(program: SmallProgram) -> Rows:
    return rows_of(program.table, program.n_rows, program.form, tuple(program.seed), program.one_class)


# Programs


def output_of(program: SmallProgram, n_classes: int) -> tuple[int, str, str]:
    """Units, activation and loss."""
    asked = (1, "sigmoid", "binary_crossentropy")
    if n_classes > 2:
        asked = (n_classes, "softmax", "categorical_crossentropy")
    given = (program.output_units, program.output_activation, program.loss)
    units, activation, loss = (mine or theirs for mine, theirs in zip(given, asked, strict=True))
    return int(units), str(activation), str(loss)


def to_replay(program: SmallProgram, n_inputs: int, n_classes: int) -> Program:
    """The program as something that can be trained."""
    units, activation, loss = output_of(program, n_classes)
    layers: list[Layer] = []
    for width in program.hidden:
        layers.append(Dense(width, program.kernel, program.bias))
        layers += [] if program.norm is None else [Norm(program.norm)]
        layers.append(Activation(program.activation))
    output = program.kernel if isinstance(program.kernel, float) else "glorot_uniform"
    layers += [Dense(units, output), Activation(activation)]
    rho = {"adadelta": 0.95, "adam": 0.999, "adamax": 0.999}.get(program.optimizer, 0.9)
    momentum = 0.9 if program.optimizer in {"adam", "adamax"} else program.momentum
    optimizer = Optimizer(program.optimizer, program.rate, momentum, rho=rho)
    return Program(tuple(layers), n_inputs, loss, False, optimizer, program.batch_size, program.epochs)


def sound(kind: str, part: str, number: int, rng: np.random.Generator) -> SmallProgram:
    """A table that goes with a kind, and a program for it without a fault."""
    names = {
        "tiny table": TRUTH_TABLES,
        "image": IMAGES,
        "scale": CLOUDS,
        "layers": CLOUDS,
        "few steps": (*CLOUDS, "xor", "or"),
    }.get(kind, (*CLOUDS, *TRUTH_TABLES, "digits 8"))
    table = str(rng.choice(names))
    n_rows = int(rng.choice([4, 8, 16, 32, 64, 100] if table in TRUTH_TABLES else [20, 40, 80, 120, 150, 200, 300]))
    n_rows = max(n_rows, 100) if table in IMAGES else n_rows
    hidden = [(16,), (32,), (64,), (16, 16), (32, 16), (64, 32)][rng.integers(6)]
    activation = str(rng.choice(["relu", "relu", "relu", "tanh"]))
    batch_size = min(int(rng.choice([8, 16, 32])), n_rows)
    per_epoch = -(-n_rows // batch_size)
    steps = int(rng.choice([500, 800, 1200]))
    return SmallProgram(
        kind, part, number, table, n_rows, hidden=hidden, activation=activation,
        kernel="he_normal" if activation == "relu" and rng.random() < 0.5 else "glorot_uniform",
        epochs=max(30, steps // per_epoch), batch_size=batch_size,
        norm=0.9 if kind == "batch norm" and per_epoch >= 3 else None,
    )  # fmt: skip


Fault = Callable[[SmallProgram, np.random.Generator], Settings]


def pick(rng: np.random.Generator, *values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def few_epochs(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return {"epochs": pick(rng, 1, 2, 3, 5, 10, 20), "rate": pick(rng, 0.01, 0.001, 0.001)}


def slow(p: SmallProgram, rng: np.random.Generator) -> Settings:
    rate = pick(rng, 1e-3, 3e-4, 1e-4, 1e-5)
    return pick(
        rng, {"rate": rate}, {"optimizer": "sgd", "rate": 10 * rate}, {"optimizer": "sgd", "rate": 0.01, "epochs": 50}
    )


def fast(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return pick(rng, {"rate": pick(rng, 0.3, 1.0, 3.0)}, {"optimizer": "sgd", "rate": pick(rng, 3.0, 10.0, 30.0)})


def narrow(p: SmallProgram, rng: np.random.Generator) -> Settings:
    hidden = pick(rng, (1,), (2,), (2, 2), (3, 2), (1, 1))
    if p.kind == "few steps":
        hidden = pick(rng, (1,), (2,), (3,), (4,), (8,), (4, 2), (8, 4))
    return {"hidden": hidden}


def linear(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return pick(rng, {"hidden": ()}, {"activation": "linear"})


def form(p: SmallProgram, rng: np.random.Generator) -> Settings:
    forms = ["percent", "years", "offset", "counts and fractions", "mixed"]
    return {"form": pick(rng, *forms), "rate": pick(rng, 0.01, 0.001), "epochs": pick(rng, p.epochs, p.epochs // 2)}


def form_saturated(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return form(p, rng) | {"activation": pick(rng, "tanh", "sigmoid"), "kernel": "glorot_uniform"}


def counts(p: SmallProgram, rng: np.random.Generator) -> Settings:
    optimizer = pick(rng, {"rate": 0.01}, {"optimizer": "sgd", "rate": 0.01}, {"optimizer": "sgd", "rate": 0.1})
    return {"form": "counts", "activation": pick(rng, "relu", "tanh", "sigmoid")} | optimizer


def counts_elsewhere(p: SmallProgram, rng: np.random.Generator) -> Settings:
    """Grey levels, though something else is wrong."""
    more = pick(rng, wide_weights, fast, few_epochs, tiny_weights)(p, rng)
    return {"form": pick(rng, "counts", "plain")} | more


def wide_weights(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return {"kernel": pick(rng, 1.0, 3.0, 10.0)}


def tiny_weights(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return {"kernel": pick(rng, "zeros", 1e-4, 1e-3), "optimizer": pick(rng, "adam", "sgd")}


def jumpy(p: SmallProgram, rng: np.random.Generator) -> Settings:
    momentum, rate = pick(rng, (0.9, 0.1), (0.9, 0.3), (0.95, 0.1), (0.99, 0.05), (0.99, 0.01), (0.9, 0.5))
    return {"optimizer": "sgd", "batch_size": pick(rng, 1, 1, 2, 4), "momentum": momentum, "rate": rate,
            "epochs": pick(rng, 20, 50, 100)}  # fmt: skip


def jumpy_adaptive(p: SmallProgram, rng: np.random.Generator) -> Settings:
    name, rate = pick(rng, ("adam", 0.1), ("adam", 0.3), ("rmsprop", 0.1), ("rmsprop", 0.05))
    return {"optimizer": name, "batch_size": pick(rng, 1, 2, 4), "rate": rate, "epochs": pick(rng, 20, 50)}


def other_low(p: SmallProgram, rng: np.random.Generator) -> Settings:
    name, rate = pick(
        rng, ("adadelta", 1e-3), ("adadelta", 1e-2), ("adadelta", 0.1), ("adagrad", 1e-3), ("adagrad", 1e-2),
        ("rmsprop", 1e-4), ("rmsprop", 1e-5), ("sgd", 1e-3), ("sgd", 1e-2), ("adamax", 1e-4),
    )  # fmt: skip
    return {"optimizer": name, "rate": rate}


def other_high(p: SmallProgram, rng: np.random.Generator) -> Settings:
    name, rate = pick(
        rng, ("adagrad", 3.0), ("adagrad", 10.0), ("rmsprop", 0.3), ("rmsprop", 1.0), ("sgd", 5.0), ("sgd", 20.0),
        ("adamax", 1.0), ("adadelta", 100.0),
    )  # fmt: skip
    return {"optimizer": name, "rate": rate}


def error(p: SmallProgram, rng: np.random.Generator) -> Settings:
    several = {"output_activation": pick(rng, "softmax", "sigmoid", "linear", "relu")}
    loss = {"loss": pick(rng, "mean_squared_error", "mean_absolute_error", "mean_absolute_error")}
    optimizer = pick(rng, {}, {"optimizer": "sgd", "rate": pick(rng, 0.01, 0.1)}, {"rate": 0.001})
    return several | loss | optimizer


def wrong_output(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return pick(
        rng,
        {"output_units": 1, "output_activation": "softmax", "loss": "mean_squared_error"},
        {"output_units": 1, "output_activation": "sigmoid", "loss": "mean_squared_error"},
        {"output_units": 1, "output_activation": "relu", "loss": "binary_crossentropy"},
        {"output_units": 1, "output_activation": "linear", "loss": "binary_crossentropy"},
        {"output_activation": "relu"},
        {"output_units": 1, "output_activation": "sigmoid", "loss": "categorical_crossentropy"},
        {"output_units": 1, "output_activation": "softmax", "loss": "categorical_crossentropy"},
        {"output_units": 1, "output_activation": "tanh", "loss": "mean_squared_error"},
    )


def stale_norm(p: SmallProgram, rng: np.random.Generator) -> Settings:
    hidden = pick(rng, (32,), (32, 16), (16, 16, 16), (64, 32))
    per_epoch = -(-p.n_rows // p.batch_size)
    return {"norm": 0.99, "hidden": hidden, "epochs": max(1, pick(rng, 4, 8, 15, 30) // per_epoch),
            "kernel": pick(rng, "glorot_uniform", "he_normal", 0.5), "rate": pick(rng, 0.01, 0.001)}  # fmt: skip


def deep(p: SmallProgram, rng: np.random.Generator) -> Settings:
    n = int(rng.integers(3, 5))
    return pick(
        rng,
        {"hidden": (16,) * n, "activation": "sigmoid", "kernel": "glorot_uniform"},
        {"hidden": (16,) * n, "activation": "sigmoid", "kernel": "random_normal", "rate": 0.001},
        {"hidden": (8,) * n, "activation": "softmax", "kernel": "glorot_uniform"},
    )


def dead(p: SmallProgram, rng: np.random.Generator) -> Settings:
    return {"activation": "relu", "bias": pick(rng, -1.0, -3.0, -10.0), "hidden": pick(rng, (8,), (16,), (8, 8))}


FAULTS: dict[str, tuple[Fault, ...]] = {
    "tiny table": (few_epochs, slow, fast, narrow, linear, wrong_output),
    "few steps": (few_epochs, few_epochs, slow),
    "scale": (form, form_saturated),
    "image": (counts, counts_elsewhere, counts_elsewhere),
    "oscillation": (jumpy, jumpy, jumpy_adaptive),
    "optimizer": (other_low, other_low, other_high),
    "loss": (error, wrong_output),
    "batch norm": (stale_norm,),
    "layers": (deep, wide_weights, tiny_weights, dead, narrow, linear),
}


def draw(kind: str, part: str, number: int) -> tuple[SmallProgram, SmallProgram]:
    """A program with one or two faults, and its sound twin."""
    base = sound_of(kind, part, number)
    rng = np.random.default_rng([*base.seed, 1])
    chosen = [pick(rng, *FAULTS[kind])]
    if kind == "few steps":
        chosen.append(narrow)
    elif rng.random() < 0.25:
        chosen.append(pick(rng, few_epochs, slow, narrow, form, error, tiny_weights))
    settings: Settings = {}
    for fault in dict.fromkeys(chosen):
        settings = fault(base, rng) | settings  # the first fault has the last word
    program = replace(base, **settings, faults=tuple(fault.__name__ for fault in dict.fromkeys(chosen)))
    return limited(program), base


def limited(program: SmallProgram) -> SmallProgram:
    """With as many steps as the benchmark has time for."""
    most = MAX_STEPS_OF_IMAGES if program.table in IMAGES else MAX_STEPS
    return replace(program, epochs=max(1, min(program.epochs, most // -(-program.n_rows // program.batch_size))))


def sound_of(kind: str, part: str, number: int) -> SmallProgram:
    index = [*KINDS, LABELS, HEALTHY].index(kind)
    return limited(sound(kind, part, number, np.random.default_rng([PARTS[part], index, number])))


def healthy(part: str, number: int) -> SmallProgram:
    """A sound program, in the forms that a rule of thumb may take for faulty ones."""
    base = sound_of(HEALTHY, part, number)
    rng = np.random.default_rng([*base.seed, 2])
    variant = pick(
        rng, {}, {"optimizer": "sgd", "rate": 0.1, "momentum": 0.9}, {"optimizer": "rmsprop", "rate": 0.005},
        {"optimizer": "adagrad", "rate": 0.1}, {"optimizer": "adadelta", "rate": 1.0}, {"hidden": (8,)},
        {"hidden": (4,)},
        {"activation": "sigmoid", "hidden": (16,), "rate": 0.03}, {"norm": 0.9}, {"loss": "mean_squared_error"},
        {"batch_size": 4}, {"form": "percent", "rate": 0.003}, {"form": "as it is"}, {"hidden": (16, 16, 16)},
        {"rate": 0.03, "epochs": max(20, base.epochs // 4)}, {"activation": "elu"},
    )  # fmt: skip
    return limited(replace(base, **variant))


def of_one_class(part: str, number: int) -> SmallProgram:
    """A sound program whose rows of training, or those it is judged on, are all of one class."""
    base = sound_of(LABELS, part, number)
    return replace(base, one_class=("training", "judged")[number % 2], n_rows=max(base.n_rows, 60), faults=("labels",))


def programs(kind: str, part: str) -> Iterator[tuple[SmallProgram, SmallProgram]]:
    """Endless; of sound programs and of those with one class each is its own twin."""
    number = 0
    while True:
        if kind in (LABELS, HEALTHY):
            one = of_one_class(part, number) if kind == LABELS else healthy(part, number)
            yield one, one
        else:
            yield draw(kind, part, number)
        number += 1
