"""What is a remedy, and what is advised whatever a model is built with?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from balanced_nn._causes.evidence import Cause, RepairAction

Settings: TypeAlias = Mapping[str, Any]  # parameters of the user's estimator, or the fields of `NetworkFacts`
Parameters: TypeAlias = dict[str, Any]  # some of them, with the values to set
Option: TypeAlias = tuple[bool, str, Parameters]  # does it apply, what to do, parameters to set
Changes: TypeAlias = Mapping[RepairAction, Callable[[Settings], Parameters]]  # parameters that stand for a repair

SOUND_WIDTH = 64  # units under which a hidden layer is widened
SOUND_MOMENTUM = 0.9  # BatchNorm forgets its first statistics within an epoch or two, even if that has few steps
DEEP = 4  # hidden layers from which saturating activations lose the gradient without BatchNorm
USUAL_RATE = 1e-3  # of Adam
LONGER, LONGER_PATIENCE = 3, 20  # times as many epochs; epochs without progress, at least
LARGE_WEIGHT_DECAY = 1.0  # a step at a learning rate of 1e-3 shrinks a weight by more than 0.1 %


@dataclass(frozen=True)
class Advice:
    """What to do about one cause."""

    remedy: str  # in a sentence
    change: Parameters = field(default_factory=dict)  # of settings
    actions: frozenset[RepairAction] = frozenset()  # those that no parameter stands for
    code: str = ""  # what to run where this is the only cause, if that is not to train anew


Remedies: TypeAlias = Mapping[Cause, Callable[[Settings], Advice]]


def is_same(value: Any, other: Any) -> bool:
    """Whether a parameter has the value `other`, whatever kind of number or sequence holds it.

    >>> is_same([256, 128], (256, 128)), is_same(np.float64(0.5), 0.5), is_same(np.eye(2), "auto")
    (True, True, False)
    """
    if isinstance(other, tuple):
        return tuple(np.ravel(value).tolist()) == other
    value = value.item() if isinstance(value, np.generic) else value  # searches hand out NumPy's numbers
    return value is other or (isinstance(value, str | int | float) and bool(value == other))


def use(applies: bool, why: str, **change: Any) -> Option:
    """Advise to set parameters, for a reason.

    >>> use(True, "The features are not scaled", scaler="auto")[1]
    'The features are not scaled: use scaler="auto".'
    """
    return applies, f"{why}: use {' and '.join(assignments(change))}.", change


def first(s: Settings, *options: Option, otherwise: str = "") -> Advice:
    """Take the first option that applies and that changes something; the last one in words alone where none does."""
    for applies, remedy, change in options:
        differing = {name: value for name, value in change.items() if not is_same(s.get(name), value)}
        if applies and differing:
            return Advice(remedy, differing)
    return Advice(otherwise or options[-1][1])


def say(remedy: str) -> Callable[[Settings], Advice]:
    """Advise the same whatever the settings."""
    return lambda s: Advice(remedy)


LABEL_ADVICE: Remedies = {
    Cause.NO_SIGNAL: say(
        "No setting repairs this. Look at the data: were the labels joined to the wrong rows? Are the features that "
        "matter known at prediction time, and in the table? Would more rows show a weak signal?"
    ),
    Cause.BAD_LABELS: say(
        "No setting repairs this. Look at the labels: count them with np.unique(y, return_counts=True), compare a few "
        "rows with their source, and check that each class is coded as one value."
    ),
}


# What several libraries are told


def decide(model: str) -> str:
    return f"Keep the {model}, and do not ask for more than 0.5: compare each probability with the class's share."


def less_alpha(s: Settings, usual: float) -> Option:
    return use(s["alpha"] > LARGE_WEIGHT_DECAY, f"alpha={s['alpha']} pulls the weights to zero", alpha=usual)


def resize(applies: bool, widths: tuple[int, ...], sizes: tuple[int, ...]) -> Option:
    layer = f"A hidden layer has {min(widths)} units" if widths else "There is no hidden layer"
    return use(applies, layer, hidden_layer_sizes=sizes)


def use_relu(s: Settings, change: Parameters) -> Option:
    activation = s["activation"]
    return activation != "relu", f"{activation} units lose the gradient: use activation='relu'.", change


LAYERS_ARE_SOUND = "The hidden layers are set as they should be: look at the scale of the features and the rate."


def longer(s: Settings, epochs: int) -> Parameters:
    """Parameters that train for `LONGER` times as many epochs, and at least `epochs`."""
    return {
        "max_iter": max(epochs, LONGER * s["max_iter"]),
        "n_iter_no_change": max(LONGER_PATIENCE, LONGER * s["n_iter_no_change"]),
    }


def widened(s: Settings, default: tuple[int, ...]) -> Parameters:
    """Parameters that give each hidden layer `SOUND_WIDTH` units or more; `default` where there is none."""
    widths = widths_of(s["hidden_layer_sizes"]) or default
    return {"hidden_layer_sizes": tuple(max(width, SOUND_WIDTH) for width in widths)}


# Values


def show(value: Any) -> str:
    """Return a value as code.

    >>> show("auto"), show((256, 128))
    ('"auto"', '(256, 128)')
    """
    value = value.item() if isinstance(value, np.generic) else value
    return f'"{value}"' if isinstance(value, str) else repr(value)


def assignments(change: Settings) -> list[str]:
    """Return each parameter with its value as code."""
    return [f"{name}={show(value)}" for name, value in change.items()]


def widths_of(sizes: Any) -> tuple[int, ...]:
    if callable(sizes):  # layers of the user's own
        return ()
    return tuple(int(size) for size in sizes) if hasattr(sizes, "__len__") else (int(sizes),)


def wider(widths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(SOUND_WIDTH, width) if min(widths) < SOUND_WIDTH else 2 * width for width in widths)
