"""Which smallest set of repairs restores the result? A search over trainings, led by the ranking of the causes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from balanced_nn._causes.evidence import RepairAction

Repairs = frozenset[RepairAction]


@dataclass(frozen=True)
class RepairSearch:
    """What training again has shown.

    Attributes
    ----------
    repairs : frozenset of RepairAction or None
        The repairs that together restore the result and none of which could be left out; empty where training again
        unchanged does so too, None where nothing did.
    trials : dict
        For each set of repairs that was trained, whether it restored the result.
    """

    repairs: Repairs | None
    trials: dict[Repairs, bool]

    @property
    def n_fits(self) -> int:
        """Trainings that the search took."""
        return len(self.trials)

    def status(self, action: RepairAction) -> str:
        """Return the status of the causes that `action` repairs: "confirmed", "refuted" or "plausible"."""
        if self.repairs is None:
            return "refuted" if self.trials.get(frozenset({action})) is False else "plausible"
        if action in self.repairs:
            return "confirmed"
        return "refuted" if any(action in tried for tried in self.trials) else "plausible"


def find_repairs(
    ranked: Iterable[RepairAction],
    train: Callable[[Repairs], bool],
    *,
    menu: Iterable[RepairAction] = tuple(RepairAction),
) -> RepairSearch:
    """Train with the first repair, then with more and more of them, then leave out what is not needed.

    Where all together do not help, each is tried alone. Where a single repair is left, training unchanged is tried too:
    a failure by bad luck is not attributed to the repair that was tried first.

    Parameters
    ----------
    ranked : iterable of RepairAction
        Repairs of the named causes, the most probable first; repetitions are skipped.
    train : callable
        Trains from scratch with a set of repairs, and says whether the result is restored.
    menu : iterable of RepairAction, default=all of them
        Repairs that are tried, in this order, after the ranked ones.

    Returns
    -------
    RepairSearch

    Examples
    --------
    >>> needed = {RepairAction.SCALE_FEATURES, RepairAction.SET_LEARNING_RATE}
    >>> ranked = [RepairAction.SCALE_FEATURES, RepairAction.MATCH_OUTPUT, RepairAction.SET_LEARNING_RATE]
    >>> search = find_repairs(ranked, lambda repairs: needed <= repairs)
    >>> sorted(action.value for action in search.repairs), search.n_fits
    (['scale_features', 'set_learning_rate'], 5)
    """
    trials: dict[Repairs, bool] = {}

    def restored(repairs: Repairs) -> bool:
        if repairs not in trials:
            trials[repairs] = train(repairs)
        return trials[repairs]

    order = list(dict.fromkeys((*ranked, *menu)))
    together = [frozenset(order[: i + 1]) for i in range(len(order))]
    alone = [frozenset({action}) for action in order]  # where repairs stand in one another's way
    chosen = next((repairs for repairs in (*together, *alone) if restored(repairs)), None)
    if chosen is None:
        return RepairSearch(None, trials)
    for action in reversed([action for action in order if action in chosen]):  # the least probable first
        fewer = chosen - {action}
        if restored(fewer):
            chosen = fewer
    return RepairSearch(chosen, trials)
