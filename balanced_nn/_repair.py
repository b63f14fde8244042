"""A training collapsed: what may be changed for another attempt, and what do we advise?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balanced_nn._outcome import Outcome

RATE_FACTORS = (0.3, 0.1)  # of the first learning rate, for the second and the third attempt
MAX_REPAIRS = len(RATE_FACTORS)
LARGE_WEIGHT_DECAY = 1.0  # a step at a learning rate of 1e-3 shrinks a weight by more than 0.1 %
SMALL_BATCH = 8
_WITHOUT_EFFECT = frozenset({"decision", "on_collapse", "random_state", "verbose"})  # on how training goes
DEEP = 4  # hidden layers from which saturating activations lose the gradient without BatchNorm


@dataclass(frozen=True)
class Repair:
    """One further attempt: what was changed, why, and whether it helped."""

    change: str
    reason: str
    loss_before: float  # balanced log-loss of the best attempt before, in nats
    loss_after: float  # of this attempt
    helped: bool  # whether the outcome was no collapse any more


def attempt_rate(attempt: int, first_rate: float, *, rate_is_free: bool) -> float:
    """Learning rate of attempt 0, 1, 2: lower each time, unless it was set by hand.

    Examples
    --------
    >>> attempt_rate(1, 0.01, rate_is_free=True)
    0.003
    >>> attempt_rate(1, 0.01, rate_is_free=False)
    0.01
    """
    if attempt == 0 or not rate_is_free:
        return first_rate
    return first_rate * RATE_FACTORS[attempt - 1]


def describe_change(rate: float, *, rate_is_free: bool) -> str:
    """Say what an attempt changed."""
    change = "other initial weights and batches"
    return f"{change}, learning rate {rate:.3g}" if rate_is_free else change


def suggest_remedies(settings: Mapping[str, Any], defaults: Mapping[str, Any], outcome: Outcome) -> tuple[str, ...]:
    """Advise what to change, the most promising first, looking at what was set by hand.

    Parameters
    ----------
    settings : mapping
        Parameters of the estimator, by name.
    defaults : mapping
        Their default values.
    outcome : Outcome
        What happened.

    Returns
    -------
    tuple of str
        Empty for a healthy outcome.

    Examples
    --------
    >>> settings = {"learning_rate_init": 10.0, "hidden_layer_sizes": (64,), "activation": "relu", "batch_norm": True,
    ...             "scaler": "standard", "class_weight": "balanced", "sampler": None, "max_iter": 200, "dropout": 0.1,
    ...             "alpha": 0.01, "batch_size": "auto"}
    >>> suggest_remedies(settings, {**settings, "learning_rate_init": "auto"}, Outcome.CONSTANT)[0]
    'learning_rate_init was set to 10.0 by hand: leave it at "auto".'
    """
    if outcome is Outcome.HEALTHY:
        return ()
    advice = [text for applies, text in _remedy_table(settings) if applies]
    if outcome is Outcome.THRESHOLD:
        ranks_well = (
            "The scores rank the rows, and only the decision is off: train longer, or set a threshold as decision."
        )
        return (*advice, ranks_well)
    changed = [name for name in settings if name not in _WITHOUT_EFFECT and _differs(settings[name], defaults[name])]
    if changed and not advice:
        advice.append(f"These parameters are not at their defaults: {', '.join(changed)}. Try the defaults first.")
    compare = "compare with LogisticRegression(class_weight='balanced'); if that stays at chance too, the features say"
    start = "If that does not help" if advice else "Everything is at its default"
    return (*advice, f"{start}: {compare} nothing about the labels.")


def _differs(value: Any, default: Any) -> bool:
    return not (value is default or (isinstance(value, str | int | float | tuple) and value == default))


def _remedy_table(settings: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Each row: does the cause apply, and what to do."""
    rate, activation = settings["learning_rate_init"], settings["activation"]
    sizes = settings["hidden_layer_sizes"]
    widths = tuple(sizes) if hasattr(sizes, "__len__") else (sizes,)
    saturating = activation in {"logistic", "tanh"} and not settings["batch_norm"] and len(widths) >= DEEP
    return [
        (rate != "auto", f'learning_rate_init was set to {rate} by hand: leave it at "auto".'),
        (
            saturating,
            f"{len(widths)} layers of {activation} units without BatchNorm lose the gradient: use activation='relu' "
            "and batch_norm=True.",
        ),
        (settings["scaler"] is None, 'The features are not scaled: use scaler="standard".'),
        (
            settings["class_weight"] is None and settings["sampler"] is None,
            'The classes are not balanced: use class_weight="balanced".',
        ),
        (
            min(widths, default=DEEP) < DEEP,
            f"A hidden layer has {min(widths, default=0)} units: use hidden_layer_sizes=(256, 128).",
        ),
        (
            settings["max_iter"] < 20,
            f"max_iter={settings['max_iter']} ends training after few epochs: use max_iter=200.",
        ),
        (
            settings["alpha"] > LARGE_WEIGHT_DECAY,
            f"alpha={settings['alpha']} pulls the weights to zero: use alpha=0.01.",
        ),
        (
            settings["batch_size"] != "auto" and settings["batch_size"] < SMALL_BATCH,
            f'batch_size={settings["batch_size"]} makes the steps noise: use batch_size="auto".',
        ),
        (settings["dropout"] > 0.5, f"dropout={settings['dropout']} leaves little of each layer: use 0.1."),
    ]
