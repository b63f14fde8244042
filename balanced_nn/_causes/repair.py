"""A training collapsed: what may be changed for another attempt, and which settings deserve a second look?"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from balanced_nn._causes.evidence import ACTION_OF, Cause
from balanced_nn._causes.remedies import Parameters, Settings, is_same
from balanced_nn._causes.remedies_balanced_nn import OUR_CHANGES, OVERSAMPLE, hurtful
from balanced_nn._causes.rules import Finding

RATE_FACTORS = (0.3, 0.1)  # of the first learning rate, for the second and the third attempt where no cause says more
MAX_REPAIRS = len(RATE_FACTORS)
# Causes that a fit answers by itself, and what becomes of the learning rate.
_ANSWERED = {
    Cause.LEARNING_RATE_TOO_HIGH: 0.1,
    Cause.LEARNING_RATE_TOO_LOW: 5.0,
    Cause.STOPPED_TOO_EARLY: 1.0,
    Cause.UNSCALED_FEATURES: 1.0,
    Cause.CLASS_IMBALANCE: 1.0,
}
# On how a training goes that fails.
_WITHOUT_EFFECT = {
    "average_weights", "checkpoint", "decision", "max_time", "n_jobs", "n_members", "on_collapse", "pos_label",
    "random_state", "verbose", "warm_start",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What another attempt does differently, besides its initial weights and batches."""

    settings: Parameters = field(default_factory=dict)
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
        Whether rows were held out; if not, the number of epochs is fixed, and cannot be raised.

    Returns
    -------
    Change
        Where no cause can be answered: a lower learning rate if it was searched, and other weights in any case.

    Examples
    --------
    >>> settings = {"learning_rate_init": "auto", "max_iter": 200, "n_iter_no_change": 10, "scaler": "auto",
    ...             "class_weight": "balanced", "sampler": None, "batch_size": "auto"}
    >>> finding = Finding(Cause.UNSCALED_FEATURES, "features reach 1e9", 1e9, 100.0, 0.9)
    >>> print(next_change([finding], settings, settings, []))
    other initial weights and batches, scaler='quantile'
    >>> print(next_change([finding], {**settings, "scaler": None}, settings, []))
    other initial weights and batches, 0.3 times the learning rate
    """
    findings, done = tuple(findings), list(tried)
    for finding in findings:
        change = _answer(finding.cause, settings, defaults, held_out=held_out)
        if change is not None and change not in done:
            return change
    too_low = any(finding.cause is Cause.LEARNING_RATE_TOO_LOW for finding in findings)
    may_be_lower = settings["learning_rate_init"] == "auto" and not too_low
    return Change(rate_factor=RATE_FACTORS[len(done)] if may_be_lower else 1.0)


def _answer(cause: Cause, settings: Settings, defaults: Settings, *, held_out: bool) -> Change | None:
    """What may be changed against a cause: None unless all parameters that it concerns were left at their defaults."""
    if cause not in _ANSWERED or (cause is Cause.STOPPED_TOO_EARLY and not held_out):
        return None
    wanted = OUR_CHANGES[ACTION_OF[cause]](settings)
    if cause is Cause.CLASS_IMBALANCE:
        wanted |= OVERSAMPLE
    wanted = {name: value for name, value in wanted.items() if name not in _WITHOUT_EFFECT}
    if not all(is_same(settings[name], defaults[name]) for name in wanted):
        return None
    changed = {name: value for name, value in wanted.items() if not is_same(settings[name], value)}
    return Change(changed, _ANSWERED[cause], cause)


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
    hints = tuple(text for applies, text, _ in hurtful(settings) if applies)
    named = [name for name in settings if name not in _WITHOUT_EFFECT]
    changed = [name for name in named if not is_same(settings[name], defaults[name])]
    if hints or not changed:
        return hints
    return (f"These parameters are not at their defaults: {', '.join(changed)}. Try the defaults first.",)
