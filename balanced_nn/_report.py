"""What do we tell people about the outcome of a fit?"""

from dataclasses import asdict, dataclass
from typing import Any

from balanced_nn._outcome import CONSTANT_SPREAD, Outcome, OutcomeReport


@dataclass(frozen=True)
class CollapseReport:
    """Whether a fitted classifier collapsed, with the facts and what to do.

    Parameters
    ----------
    facts : OutcomeReport
        The outcome and its numbers, at the balanced decision.
    classes : tuple
        Class labels, in the order of the numbers.
    judged_on : {"held-out rows", "rows given for validation", "training rows, as none were held out"}
        Which rows were judged.
    remedies : tuple of str
        What to change, the most promising first; empty for a healthy network.

    Attributes
    ----------
    outcome : Outcome
        "healthy", "constant", "one_class", "missing" or "threshold".
    collapsed : bool
        Whether training failed.
    missing_classes : list
        Labels of the classes that are never found although the rows hold enough of them.

    Examples
    --------
    >>> from balanced_nn._outcome import find_outcome
    >>> facts = find_outcome([0, 0, 0, 1], [[0.9, 0.1]] * 4)
    >>> report = CollapseReport(facts, ("no", "yes"), "held-out rows", ("Use learning_rate_init='auto'.",))
    >>> print(report)
    Collapsed: the same probability for every row (4 held-out rows; probabilities vary by 0, healthy is above 0.001).
    What to do: Use learning_rate_init='auto'.
    """

    facts: OutcomeReport
    classes: tuple[Any, ...]
    judged_on: str
    remedies: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """What happened."""
        return self.facts.outcome

    @property
    def collapsed(self) -> bool:
        """Whether training failed."""
        return self.facts.collapsed

    @property
    def missing_classes(self) -> list[Any]:
        """Labels of the classes that are never found."""
        return [self.classes[i] for i in self.facts.missing_classes]

    def __str__(self) -> str:
        """Return one sentence of facts, and one of remedy where there is something to mend."""
        sentence = f"{self._headline()} ({self.facts.n_rows} {self.judged_on}; {self._evidence()})."
        if not self.remedies:
            return sentence
        return "\n".join([sentence, "What to do: " + " Or: ".join(self.remedies)])

    def _headline(self) -> str:
        match self.outcome:
            case Outcome.CONSTANT:
                return "Collapsed: the same probability for every row"
            case Outcome.ONE_CLASS:
                return f"Collapsed: every row is answered {self._answer()!s}"
            case Outcome.MISSING:
                return f"Collapsed: never answers {', '.join(map(str, self.missing_classes))}"
            case Outcome.THRESHOLD:
                return f"Every row is answered {self._answer()!s}, although the scores tell the classes apart"
            case _:
                return "No collapse: the answers differ"

    def _answer(self) -> Any:
        return self.classes[max(range(len(self.classes)), key=self.facts.predicted_share.__getitem__)]

    def _evidence(self) -> str:
        facts = self.facts
        if self.outcome is Outcome.CONSTANT:
            return f"probabilities vary by {facts.spread:.2g}, healthy is above {CONSTANT_SPREAD:g}"
        recall = ", ".join(
            f"{label!s} {share:.0%}"
            for label, share in zip(self.classes, facts.recall, strict=True)
            if share is not None
        )
        ranking = "" if facts.roc_auc is None else f"; ROC AUC {facts.roc_auc:.2f}"
        return f"recall {recall}{ranking}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a dictionary of plain Python values."""
        facts = {**asdict(self.facts), "outcome": str(self.outcome), "missing_classes": self.missing_classes}
        return {
            **facts,
            "collapsed": self.collapsed,
            "classes": list(self.classes),
            "judged_on": self.judged_on,
            "remedies": list(self.remedies),
        }
