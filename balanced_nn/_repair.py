"""A training collapsed: what may be changed for another attempt, and what do we advise?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balanced_nn._outcome import Outcome

MAX_REPAIRS = 2
RATE_FACTORS = (0.3, 0.1)  # of the first learning rate, for the second and the third attempt
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


def suggest_remedies(settings: Mapping[str, Any], outcome: Outcome) -> tuple[str, ...]:
    """Advise what to change, the most promising first, looking at what was set by hand.

    Parameters
    ----------
    settings : mapping
        Parameters of the estimator, by name.
    outcome : Outcome
        What happened.

    Returns
    -------
    tuple of str
        Empty for a healthy outcome.

    Examples
    --------
    >>> settings = {"learning_rate_init": 10.0, "hidden_layer_sizes": (64,), "activation": "relu", "batch_norm": True,
    ...             "scaler": "standard", "class_weight": "balanced", "sampler": None, "max_iter": 200, "dropout": 0.1}
    >>> suggest_remedies(settings, Outcome.CONSTANT)[0]
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
    advice.append(
        "Everything is at its default: compare with LogisticRegression(class_weight='balanced'); if that stays at "
        "chance too, the features say nothing about the labels."
        if not advice
        else "If that does not help, the features may say nothing about the labels: compare with LogisticRegression."
    )
    return tuple(advice)


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
        (settings["dropout"] > 0.5, f"dropout={settings['dropout']} leaves little of each layer: use 0.1."),
    ]
