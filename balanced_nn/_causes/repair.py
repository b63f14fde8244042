"""A training collapsed: what may be changed for another attempt, and which settings deserve a second look?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from balanced_nn._causes.evidence import Cause
from balanced_nn._causes.rules import Finding

RATE_FACTORS = (0.3, 0.1)  # of the first learning rate, for the second and the third attempt where no cause says more
MAX_REPAIRS = len(RATE_FACTORS)
LARGE_WEIGHT_DECAY = 1.0  # a step at a learning rate of 1e-3 shrinks a weight by more than 0.1 %
SMALL_BATCH = 8
LONGER = 3  # times as many epochs, and as much patience
# On how a training goes that fails.
_WITHOUT_EFFECT = frozenset(
    {"average_weights", "decision", "n_members", "on_collapse", "pos_label", "random_state", "verbose"}
)

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What another attempt does differently, beside its initial weights and batches."""

    settings: dict[str, Any] = field(default_factory=dict)
    rate_factor: float = 1.0  # of the learning rate that a search found
    cause: Cause | None = None  # that it answers

    def __str__(self) -> str:
        """Say it in words."""
        parts = ["other initial weights and batches"]
        if self.rate_factor != 1.0:
            parts.append(f"{self.rate_factor:g} times the learning rate")
        parts += [f"{name}={value!r}" for name, value in self.settings.items()]
        return ", ".join(parts)


@dataclass(frozen=True)
class Repair:
    """One further attempt: what was changed, why, and whether it helped."""

    change: str
    reason: str
    learning_rate: float
    loss_before: float  # log-loss on the judged rows of the best attempt before, in nats
    loss_after: float  # of this attempt
    helped: bool  # whether the outcome was no failure any more


def next_change(
    findings: Iterable[Finding],
    settings: Settings,
    defaults: Settings,
    tried: Iterable[Change],
    *,
    held_out: bool = True,
) -> Change:
    """Choose what the next attempt changes: the first cause that can be answered without touching what was set by hand.

    Parameters
    ----------
    findings : iterable of Finding
        Causes of the last attempt, the most probable first.
    settings : mapping
        Parameters of the estimator. One that equals its default counts as left open.
    defaults : mapping
        Their default values.
    tried : iterable of Change
        Changes of the attempts before.
    held_out : bool, default=True
        Whether rows were held out; if not, the number of epochs is fixed, and more cannot be asked for.

    Returns
    -------
    Change
        Where no cause can be answered: a lower learning rate if it was searched, and other weights in any case.

    Examples
    --------
    >>> settings = {"learning_rate_init": "auto", "max_iter": 200, "n_iter_no_change": 10, "scaler": "standard",
    ...             "class_weight": "balanced", "sampler": None, "batch_size": "auto"}
    >>> finding = Finding(Cause.UNSCALED_FEATURES, "features reach 1e9", 1e9, 100.0, 0.9)
    >>> print(next_change([finding], settings, settings, []))
    other initial weights and batches, scaler='quantile'
    >>> print(next_change([finding], {**settings, "scaler": None}, settings, []))
    other initial weights and batches, 0.3 times the learning rate
    """
    findings, done = tuple(findings), list(tried)
    answers = _answers(settings, defaults, held_out=held_out)
    for finding in findings:
        change = answers.get(finding.cause)
        if change is not None and change not in done:
            return change
    too_low = any(finding.cause is Cause.LEARNING_RATE_TOO_LOW for finding in findings)
    may_be_lower = settings["learning_rate_init"] == "auto" and not too_low
    return Change(rate_factor=RATE_FACTORS[len(done)] if may_be_lower else 1.0)


def _answers(settings: Settings, defaults: Settings, *, held_out: bool) -> dict[Cause, Change]:
    """What may be changed against each cause, given what was left at its default."""

    def free(*names: str) -> bool:
        return all(not _differs(settings[name], defaults[name]) for name in names)

    table: list[tuple[Cause, bool, dict[str, Any], float]] = [
        (Cause.LEARNING_RATE_TOO_HIGH, free("learning_rate_init"), {}, 0.1),
        (Cause.LEARNING_RATE_TOO_LOW, free("learning_rate_init"), {}, 5.0),
        (
            Cause.STOPPED_TOO_EARLY,
            held_out and free("max_iter", "n_iter_no_change"),
            {"max_iter": LONGER * defaults["max_iter"], "n_iter_no_change": LONGER * defaults["n_iter_no_change"]},
            1.0,
        ),
        (Cause.UNSCALED_FEATURES, free("scaler"), {"scaler": "quantile"}, 1.0),
        (Cause.CLASS_IMBALANCE, free("class_weight", "sampler"), {"sampler": "over"}, 1.0),
    ]
    return {cause: Change(changed, factor, cause) for cause, may, changed, factor in table if may}


def setting_hints(settings: Settings, defaults: Settings) -> tuple[str, ...]:
    """Point at settings that are known to hurt and that no measurement of the network shows, then at all changed ones.

    Parameters
    ----------
    settings : mapping
        Parameters of the estimator, by name.
    defaults : mapping
        Their default values.

    Examples
    --------
    >>> settings = {"alpha": 5.0, "batch_size": "auto", "dropout": 0.1}
    >>> setting_hints(settings, {**settings, "alpha": 0.01})
    ('alpha=5.0 pulls the weights to zero: use alpha=0.01.',)
    """
    table = [
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
    hints = tuple(text for applies, text in table if applies)
    changed = [name for name in settings if name not in _WITHOUT_EFFECT and _differs(settings[name], defaults[name])]
    if hints or not changed:
        return hints
    return (f"These parameters are not at their defaults: {', '.join(changed)}. Try the defaults first.",)


def _differs(value: Any, default: Any) -> bool:
    value = value.item() if isinstance(value, np.generic) else value  # searches hand out NumPy's numbers
    return not (value is default or (isinstance(value, str | int | float | tuple) and value == default))
