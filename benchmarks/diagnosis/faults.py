"""Which networks does the benchmark of diagnosis train, what is wrong with them, and what would mend them?"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from balanced_nn._causes.evidence import RepairAction

STRENGTHS = ("gross", "medium", "borderline")  # borderline: about half of the runs fail
# The rules were set on the first part. What they did on the second was looked at, and led to changes; since then it is
# for tuning too. No rule was changed after the third part had been run.
TUNING, SECOND, REPORTING = "tuning", "second", "reporting"
SETS = {
    TUNING: ("moons", "breast_cancer", "digits", "page_blocks"),
    SECOND: ("circles", "wine", "satimage", "phoneme"),
    REPORTING: ("gaussian_quantiles", "iris", "dry_bean", "htru2"),
}
PART_OF = {name: part for part, names in SETS.items() for name in names}
WEIGHTED = frozenset({"page_blocks", "satimage"})  # so imbalanced that a sound training weighs the classes


@dataclass(frozen=True)
class Recipe:
    """A network and its training; None stands for what the labels ask. The defaults are the healthy base."""

    hidden: tuple[int, ...] = (32, 32)
    activation: str = "relu"
    kernel: str | float = "he_normal"  # Keras' name, or the standard deviation of a normal distribution
    bias: float = 0.0
    batch_norm: bool = False
    batch_norm_momentum: float = 0.9
    output_units: int | None = None
    output_activation: str | None = None
    loss: str | None = None
    from_logits: bool = False
    one_hot: bool = True  # where the loss takes either; False compares the outputs with the class index
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    epochs: int = 60
    batch_size: int = 32
    keep_best: bool = False  # restore the weights of the epoch with the lowest validation loss
    factor: float = 1.0  # on half of the columns
    offset: float = 0.0  # in standard deviations, on the same columns
    prevalence: float | None = None  # rows of each class but the most frequent one, over the rows of that one
    class_weight: bool = False
    shuffled_labels: bool = False

    def output(self, n_classes: int) -> tuple[int, str, str]:
        """Units, activation and loss."""
        asked = (1, "sigmoid", "binary_crossentropy")
        if n_classes > 2:
            asked = (n_classes, "softmax", "sparse_categorical_crossentropy")
        units, activation, loss = self.output_units, self.output_activation, self.loss
        return (units or asked[0], activation or asked[1], loss or asked[2])


@dataclass(frozen=True)
class Instance:
    """One run of the benchmark."""

    faults: tuple[str, ...]  # empty for a control
    strength: str  # of STRENGTHS, "conjunction", or the kind of a control
    set: str
    part: str
    seed: int
    recipe: Recipe
    healthy: Recipe  # the twin, with the fault undone
    must_learn: bool = True  # of a control: whether it only counts where it does not fail

    @property
    def fault(self) -> str:
        """Name of the fault or faults."""
        return "+".join(self.faults) or "control"

    @property
    def key(self) -> str:
        """Unique among all instances."""
        return f"{self.fault}/{self.strength}/{self.set}/{self.seed}"


Changes = dict[str, Any]


def deep(layers: int, **changes: Any) -> Changes:
    return {"hidden": (32,) * layers, **changes}


# For each fault what it changes in the base, from gross to borderline. Borderline ones were set on the tuning sets.
FAULTS: dict[str, tuple[Changes, Changes, Changes]] = {
    "learning_rate_high": ({"learning_rate": 10.0}, {"learning_rate": 1.0}, {"learning_rate": 0.3}),
    "learning_rate_low": ({"learning_rate": 1e-7}, {"learning_rate": 1e-6}, {"learning_rate": 2e-5}),
    "slow_sgd": tuple({"optimizer": "sgd", "learning_rate": rate} for rate in (1e-6, 1e-4, 5e-4)),
    "few_updates": (
        {"epochs": 1, "batch_size": 512},
        {"epochs": 2, "batch_size": 256},
        {"epochs": 4, "batch_size": 128},
    ),
    "unscaled": ({"factor": 1e6, "offset": 3.0}, {"factor": 1e4, "offset": 2.0}, {"factor": 1e3, "offset": 1.0}),
    "deep_sigmoid": tuple(deep(n, activation="sigmoid", kernel="glorot_uniform") for n in (12, 8, 5)),
    "deep_tanh": (
        deep(10, activation="tanh", kernel=0.01),
        deep(8, activation="tanh", kernel=2.0),
        deep(6, activation="tanh", kernel=0.5),
    ),
    "exploding_init": tuple(deep(6, kernel=deviation) for deviation in (30.0, 10.0, 3.0)),
    "tiny_init": tuple(deep(4, kernel=deviation) for deviation in (1e-4, 1e-3, 1e-2)),
    "dead_relu": ({"bias": -20.0}, {"bias": -5.0}, {"bias": -3.0}),
    "narrow": ({"hidden": (1, 1, 1, 1)}, {"hidden": (2, 2, 2)}, {"hidden": (3, 3)}),
    "linear_hidden": tuple(deep(n, activation="linear") for n in (3, 2, 1)),
    "batch_norm_momentum": tuple(
        deep(4, kernel=0.5, batch_norm=True, batch_norm_momentum=momentum, epochs=10)
        for momentum in (0.9999, 0.999, 0.995)
    ),
    "imbalance": ({"prevalence": 0.01}, {"prevalence": 0.03}, {"prevalence": 0.06}),
}
# These depend on the number of classes: two classes, more.
OUTPUT_FAULTS = (
    (
        {"output_units": 1, "output_activation": "softmax"},
        # relu(1), linear(1) and tanh(1) learn with Keras' clipped cross-entropy in each of 12 runs of the tuning sets
        {"output_units": 1, "output_activation": "softmax", "loss": "mean_squared_error"},
        {"output_units": 1, "output_activation": "relu", "prevalence": 0.1, "learning_rate": 0.01},
    ),
    (
        {"output_units": 1, "output_activation": "sigmoid", "loss": "binary_crossentropy"},
        {"output_activation": "relu"},
        {"output_activation": "tanh"},
    ),
)
LOSS_FAULTS = (
    (
        {"loss": "categorical_crossentropy"},
        {"loss": "mean_absolute_error", "prevalence": 0.05},
        {"loss": "mean_absolute_error", "prevalence": 0.1},
    ),
    (
        {"loss": "mean_squared_error", "one_hot": False},
        {"loss": "mean_absolute_error", "one_hot": False},
        {"loss": "mean_absolute_error", "prevalence": 0.3},
    ),
)
NAMES = (*FAULTS, "output_activation", "loss")

# Each pair needs two repairs of different kinds; of medium strength unless a third name says otherwise.
CONJUNCTIONS = (
    ("unscaled", "learning_rate_low"),
    ("imbalance", "learning_rate_low"),
    ("dead_relu", "few_updates"),
    ("output_activation", "learning_rate_low"),
    ("loss", "deep_sigmoid"),
    ("unscaled", "imbalance"),
    ("narrow", "output_activation"),
    ("deep_sigmoid", "unscaled"),
    ("output_activation", "unscaled"),
    ("dead_relu", "output_activation"),
    ("narrow", "learning_rate_low"),
    ("deep_sigmoid", "imbalance"),
    ("loss", "learning_rate_high"),
    ("exploding_init", "imbalance"),
    ("batch_norm_momentum", "output_activation"),
    ("loss", "few_updates"),
    ("tiny_init", "learning_rate_low"),
    ("learning_rate_high", "imbalance"),
    ("unscaled", "few_updates"),
    ("narrow", "unscaled"),
    ("deep_tanh", "loss"),
    ("linear_hidden", "learning_rate_low"),
    ("dead_relu", "imbalance"),
    ("exploding_init", "unscaled"),
)

# Sound trainings that a rule of thumb may take for faulty ones.
CONTROLS: dict[str, Changes] = {
    "plain": {},
    "batch norm": {"batch_norm": True},
    "batch norm, momentum .99": {"batch_norm": True, "batch_norm_momentum": 0.99},
    "tanh": {"activation": "tanh", "kernel": "glorot_uniform"},
    "small": {"hidden": (8,), "learning_rate": 3e-3},
    "wide": {"hidden": (128,)},
    "deep": {"hidden": (32, 32, 32, 32)},
    "logits": {"output_activation": "linear", "from_logits": True},
    "high but fine learning rate": {"learning_rate": 0.02},
    "SGD": {"optimizer": "sgd", "learning_rate": 0.1},
    "long": {"epochs": 120},
    "short but enough": {"epochs": 10, "learning_rate": 5e-3},
    "sigmoid": {"hidden": (32,), "activation": "sigmoid", "kernel": "glorot_uniform", "learning_rate": 0.01},
    "columns times 5": {"factor": 5.0},
    "balanced weights": {"class_weight": True},
}
# Data where a poor or a constant answer is nobody's fault, or where imbalance does no harm.
SYNTHETIC = {"separated": True, "overlap": False, "majority": False}
SYNTHETIC_SEEDS = 8
PLAIN_SEEDS = 4


def base(set_name: str) -> Recipe:
    return Recipe(class_weight=set_name in WEIGHTED)


def changes(fault: str, strength: str, n_classes: int) -> Changes:
    tables = {"output_activation": OUTPUT_FAULTS, "loss": LOSS_FAULTS}
    table = tables[fault][n_classes > 2] if fault in tables else FAULTS[fault]
    return table[STRENGTHS.index(strength)]


def instance(faults: tuple[str, ...], strength: str, set_name: str, n_classes: int, seed: int) -> Instance:
    """Inject faults into the base; a conjunction takes both at medium strength."""
    healthy = base(set_name)
    merged: Changes = {}
    for fault in faults:
        merged |= changes(fault, "medium" if strength == "conjunction" else strength, n_classes)
    if "imbalance" in faults:
        merged["class_weight"] = False
    weight = healthy.class_weight or "imbalance" in faults
    twin = replace(healthy, prevalence=merged.get("prevalence"), class_weight=weight)
    return Instance(faults, strength, set_name, PART_OF[set_name], seed, replace(healthy, **merged), twin)


def instances(n_classes_of: dict[str, int], parts: Iterable[str], seeds: Iterable[int]) -> list[Instance]:
    """All runs over the sets at hand."""
    found: list[Instance] = []
    for part in parts:
        names = [name for name in SETS[part] if name in n_classes_of]
        for seed in seeds:
            for name in names:
                classes = n_classes_of[name]
                found += [instance((f,), s, name, classes, seed) for f in NAMES for s in STRENGTHS]
            found += conjunctions(part, n_classes_of, seed)
        more = 2 if part == REPORTING else 1  # a bound on rare alarms takes many controls
        several = [seed + 2 * turn for seed in seeds for turn in range(more)]
        kinds = [*(kind for kind in CONTROLS if kind != "plain"), "shuffled labels"]
        found += [control(kind, name, part, seed) for name in names for kind in kinds for seed in several]
        extra = range(more * PLAIN_SEEDS)
        found += [control("plain", name, part, seed) for name in names for seed in extra]
        found += [
            control(kind, f"{kind}_{part}", part, seed) for kind in SYNTHETIC for seed in range(more * SYNTHETIC_SEEDS)
        ]
    return found


def conjunctions(part: str, n_classes_of: dict[str, int], seed: int) -> list[Instance]:
    """Half of the pairs go to each part, on alternating sets; the other seed takes the other half."""
    names = SETS[part]
    chosen = CONJUNCTIONS[(seed + (part != TUNING)) % 2 :: 2]
    spread = [(pair, names[(number + seed) % len(names)]) for number, pair in enumerate(chosen)]
    return [
        instance(pair, "conjunction", name, n_classes_of[name], seed) for pair, name in spread if name in n_classes_of
    ]


def control(kind: str, set_name: str, part: str, seed: int) -> Instance:
    recipe = replace(base(set_name), **CONTROLS.get(kind, {}), shuffled_labels=kind == "shuffled labels")
    must_learn = SYNTHETIC.get(kind, kind != "shuffled labels")
    return Instance((), kind, set_name, part, seed, recipe, recipe, must_learn)


def repaired(recipe: Recipe, actions: Iterable[RepairAction]) -> Recipe:
    """Apply repairs; they do not depend on the order."""
    for action in sorted(actions):
        recipe = replace(recipe, **repair_changes(recipe, action))
    return recipe


def repair_changes(recipe: Recipe, action: RepairAction) -> Changes:
    longer = max(60, min(4 * recipe.epochs, 200))
    table: dict[RepairAction, Changes] = {
        RepairAction.SCALE_FEATURES: {"factor": 1.0, "offset": 0.0},
        RepairAction.MATCH_OUTPUT: {
            "output_units": None,
            "output_activation": None,
            "loss": None,
            "from_logits": False,
            "one_hot": True,
        },
        RepairAction.BALANCE_CLASSES: {"class_weight": True},
        RepairAction.SET_LEARNING_RATE: {"optimizer": "adam", "learning_rate": 1e-3},
        RepairAction.SOUND_HIDDEN_LAYERS: {"activation": "relu", "kernel": "he_normal", "bias": 0.0},
        RepairAction.ADD_BATCH_NORM: {"batch_norm": True, "batch_norm_momentum": 0.9},
        RepairAction.ENLARGE_NETWORK: {"hidden": tuple(max(units, 64) for units in recipe.hidden) or (64,)},
        RepairAction.TRAIN_LONGER: {
            "epochs": longer,
            "batch_size": min(recipe.batch_size, 32),
            "keep_best": True,
        },
    }
    return table[action]


SINGLES = tuple(frozenset({action}) for action in RepairAction)
PAIRS = tuple(frozenset(pair) for pair in combinations(RepairAction, 2))
EVERYTHING = frozenset(RepairAction)
