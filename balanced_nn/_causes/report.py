"""What does the user learn about the outcome of a fit, and about its causes?"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from typing import Any

import numpy as np

from balanced_nn._causes.evidence import Cause, Evidence
from balanced_nn._causes.repair_search import RepairSearch
from balanced_nn._causes.rules import RULES, Finding
from balanced_nn._collapse.baseline import WORSE_BY, Reference, lags_behind
from balanced_nn._collapse.outcome import CONSTANT_SPREAD, THRESHOLD_ROC_AUC, Outcome, OutcomeReport
from balanced_nn._replay.trials import Trial

MOST_CAUSES = 3  # that a text names
TO_TELL = "Judge rows of at least two classes: shuffle sorted rows before some are held out."
UNSEEN = "Evaluate rows that the model was not fitted on; collapse_report_ has the figures of rows that fit held out."
SWAPPED = "Compare the labels and the columns of these rows with those of training: two may be swapped."
ANOTHER_TABLE = "Pass these rows through all steps that the training rows have passed, and judge again."
# How sure a share of right answers makes us, from this share on.
SURENESS = ((0.9, "almost certain"), (0.75, "very likely"), (0.5, "likely"), (0.25, "possible"), (0.0, "a guess"))


@dataclass(frozen=True)
class CollapseReport:
    """Whether a fitted classifier collapsed, with the facts, the causes and what to do.

    Print it for a text; notebooks show it as HTML.

    Parameters
    ----------
    facts : OutcomeReport
        The outcome and its numbers, at the decision that was judged.
    classes : tuple
        Class labels, in the order of the numbers.
    judged_on : {"held-out rows", "rows given for validation", "training rows, as none were held out"}
        Which rows were judged.
    causes : tuple of Finding, default=()
        The causes, the most likely first.
    evidence : Evidence or None, default=None
        The evidence for the causes; None if none was gathered.
    hints : tuple of str, default=()
        Suggestions that do not follow from a cause, the most promising first.
    search : RepairSearch or None, default=None
        What retraining has shown; None if there was none.
    seen_share : float or None, default=None
        Share of the judged rows that the model was fitted on, in (0, 1], estimated; None where there are hardly any,
        or where it cannot be told.
    layers : str, default=""
        What is to be known of layers that are not this package's, in a sentence.

    Attributes
    ----------
    outcome : Outcome
        "healthy", "constant", "one_class", "missing", "threshold", "worse_than_reference", "no_signal" or "unknown".
    collapsed : bool
        Whether training failed.
    headline : str
        What happened, in a sentence without a full stop.
    missing_classes : list
        Labels of the classes that are never found although the rows hold enough of them.
    remedies : tuple of str
        What to do: other rows where those of training flatter, the remedies of the causes, but for refuted ones, and
        the hints.

    Examples
    --------
    >>> from balanced_nn._collapse.outcome import find_outcome
    >>> facts = find_outcome([0, 0, 0, 1], [[0.9, 0.1]] * 4)
    >>> report = CollapseReport(facts, ("no", "yes"), "held-out rows", hints=("Use learning_rate_init='auto'.",))
    >>> print(report)
    Collapsed: the same probability for every row (4 held-out rows; probabilities vary by 0, healthy is above 0.001).
    What to do: Use learning_rate_init='auto'.
    """

    facts: OutcomeReport
    classes: tuple[Any, ...]
    judged_on: str
    causes: tuple[Finding, ...] = ()
    evidence: Evidence | None = None
    hints: tuple[str, ...] = ()
    search: RepairSearch | None = None
    seen_share: float | None = None
    layers: str = ""

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

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do, the most promising first."""
        ordered = [finding.remedy for finding in _in_order(self.causes) if finding.status != "refuted"]
        return tuple(dict.fromkeys(remedy for remedy in (self._unseen, *ordered, *self._hints) if remedy))

    @property
    def _hints(self) -> tuple[str, ...]:
        if self.outcome is not Outcome.UNKNOWN:
            return self.hints
        if self._judges_another_table:
            return (ANOTHER_TABLE,)
        return (*self.hints, TO_TELL if self.facts.roc_auc is None else SWAPPED)

    @property
    def _unseen(self) -> str:
        """What to do where rows of training flatter: a collapse on them is one on new rows, too."""
        return "" if self.seen_share is None or self.collapsed else UNSEEN

    @property
    def _judges_another_table(self) -> bool:
        several = sum(rows > 0 for rows in self.facts.class_rows) > 1
        return several and self.evidence is not None and self.evidence.data.other_table

    def __repr__(self) -> str:
        """Return the outcome and the most likely causes in a line."""
        causes = [finding.cause.value for finding in _in_order(self.causes)[:MOST_CAUSES]]
        outcome, judged_on = self.outcome.value, self.judged_on
        seen = "" if self.seen_share is None else f", seen_share={self.seen_share:.2f}"
        return f"{type(self).__name__}({outcome=}, {causes=}, {judged_on=}{seen})"

    def __str__(self) -> str:
        """Return what happened, the likely reason, and what to do."""
        lines = []
        for kind, text in self._parts():
            lines += [f"    {line}".rstrip() for line in text.splitlines()] if kind == "code" else [text]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the text for a notebook: no colours but that of the border, so that it reads on any ground."""
        sound = self.outcome is Outcome.HEALTHY and self.seen_share is None
        colour = "#d0454c" if self.collapsed else "#3a9d5d" if sound else "#d99a1c"
        style = f"border-left:4px solid {colour};padding:.4em .8em;margin:.3em 0;max-width:62em"
        block = "background:rgba(127,127,127,.13);color:inherit;padding:.5em .7em;margin:.4em 0;overflow-x:auto"
        html = []
        for kind, text in self._parts():
            if kind == "code":
                html.append(f'<pre style="{block}">{escape(text)}</pre>')
            elif kind == "headline":
                html.append(f"<div><strong>{escape(text)}</strong></div>")
            else:
                label, colon, rest = text.partition(": ")
                html.append(f'<div style="margin-top:.3em"><em>{escape(label + colon)}</em>{escape(rest)}</div>')
        return f'<div style="{style}">{"".join(html)}</div>'

    def _parts(self) -> Iterator[tuple[str, str]]:
        """Yield the parts of the text with their kind: "headline", "line" or "code"."""
        rows = f"{self.facts.n_rows} {self.judged_on}"
        yield "headline", f"{self.headline} ({rows}; {self._numbers()}).{self._beside()}"
        if self.seen_share is not None:
            seen = f"about {self.seen_share:.0%} of these rows, on which a model does better than on new ones."
            yield "line", f"Seen in training: {seen} {self._unseen}".rstrip()
        if self.layers:
            yield "line", f"Layers: {self.layers}"
        if self.outcome is Outcome.HEALTHY:
            yield from (("line", f"In doubt: {doubt}") for doubt in [self._lag] if doubt)
            return
        ordered = _in_order(self.causes)[:MOST_CAUSES]
        n_leading = max(
            sum(finding.status == "confirmed" for finding in ordered),
            sum(finding.status != "refuted" for finding in ordered[:1]),
        )
        leading, others = ordered[:n_leading], ordered[n_leading:]
        for word, finding in zip(("Why", *("And",) * MOST_CAUSES), leading, strict=False):
            yield "line", f"{word}: {finding.cause.words} ({_how_sure(finding)}). {_sentence(finding.seen)}".rstrip()
        if not leading and self.evidence is not None and self.outcome not in {Outcome.NO_SIGNAL, Outcome.UNKNOWN}:
            yield "line", f"Why: no cause stands out in what was measured.{_ruled_out(self.evidence)}"
        if self.search is not None:
            yield "line", f"Trained again: {self._trials(self.search)}."
        yield from self._advice(leading)
        for finding in others:
            word = "Ruled out by training again" if finding.status == "refuted" else "Less likely"
            remedy = "" if finding.status == "refuted" else finding.remedy
            yield "line", " ".join(filter(None, (f"{word}: {finding.cause.words}.", _sentence(finding.seen), remedy)))
        said = {finding.remedy for finding in ordered}
        hints = [hint for hint in self._hints if hint not in said]
        if leading and hints:
            yield "line", "Or: " + " Or: ".join(hints)

    @staticmethod
    def _trials(search: RepairSearch) -> str:
        times = "once" if search.n_fits == 1 else f"{search.n_fits} times"
        if search.repairs is None:
            return f"{times}, and no repair restored the result, alone or together with others"
        if not search.repairs:
            return f"{times}; unchanged, it works, so the failure was bad luck, or came from other rows"
        repairs = " and ".join(sorted(action.replace("_", " ") for action in search.repairs))
        return f"{times}; {repairs} restored the result, and no smaller set did"

    def _advice(self, leading: tuple[Finding, ...]) -> Iterator[tuple[str, str]]:
        remedies = tuple(dict.fromkeys(finding.remedy for finding in leading if finding.remedy))
        if remedies:
            yield "line", "What to do: " + " And: ".join(remedies)
        elif self._hints and not leading:
            yield "line", "What to do: " + " Or: ".join(self._hints)
        yield from (("code", finding.code) for finding in leading if finding.code)

    @property
    def headline(self) -> str:
        """What happened, in a sentence without a full stop."""
        match self.outcome:
            case Outcome.CONSTANT:
                return "Collapsed: the same probability for every row"
            case Outcome.ONE_CLASS:
                return f"Collapsed: every row is answered {self._answer()!s}"
            case Outcome.MISSING:
                return f"Collapsed: never answers {', '.join(map(str, self.missing_classes))}"
            case Outcome.THRESHOLD:
                return self._decision_words()
            case Outcome.WORSE_THAN_REFERENCE:
                return f"The answers differ, but are worse than they could be: {self._comparison()}"
            case Outcome.NO_SIGNAL:
                return "No signal was found: the features do not predict the labels"
            case Outcome.UNKNOWN:
                return f"Nothing can be told: {self._doubt()}"
            case _:
                unknown = "; what they are worth on new rows cannot be told from rows of training"
                known = self.seen_share is None
                return f"No collapse: the answers differ{self._never_found()}{'' if known else unknown}"

    @property
    def _reference(self) -> Reference | None:
        return None if self.evidence is None else self.evidence.reference

    def _comparison(self) -> str:
        reached, reference = f"balanced accuracy {self.facts.balanced_accuracy:.2f}", self._reference
        tried = self._best_trial
        if tried is not None and (reference is None or not lags_behind(self.facts, reference)):
            return f"{reached}, against {tried.balanced_accuracy:.2f} of the same training with {tried.words}"
        if reference is None:
            return f"{reached}, which a simple model beats"
        return f"{reached}, against {reference.best:.2f} of {reference.name} on the same rows"

    @property
    def _lag(self) -> str:
        """What does better than answers that are no collapse, if by no more than chance allows; "" for nothing."""
        if self._reference is None or not lags_behind(self.facts, self._reference):
            return ""
        best, again = self._best_trial, ""
        if best is not None and best.balanced_accuracy > self._reference.best - WORSE_BY:
            again = f" The same training with {best.words} reaches {best.balanced_accuracy:.2f}."
        return f"{self._comparison()}. On so few rows that may be chance: judge more of them.{again}"

    @property
    def _best_trial(self) -> Trial | None:
        tried = () if self.evidence is None else self.evidence.trials
        changed = [trial for trial in tried if trial.changes]
        return max(changed, key=lambda trial: (trial.balanced_accuracy, -len(trial.changes)), default=None)

    def _beside(self) -> str:
        """Say what a simple model reaches where this one collapsed."""
        if self._reference is None or self.outcome not in {Outcome.CONSTANT, Outcome.ONE_CLASS, Outcome.MISSING}:
            return ""
        best, name = self._reference.best, self._reference.name
        return f" On the same rows the balanced accuracy of {name} is {best:.2f}, chance is {self.facts.chance:.2f}."

    def _decision_words(self) -> str:
        """Set poor answers beside what the same scores, or other models, are worth."""
        facts, reference = self.facts, self._reference
        if sum(share > 0 for share in facts.predicted_share) <= 1:
            every = f"Every row is answered {self._answer()!s}"
            if facts.roc_auc is not None and facts.roc_auc <= THRESHOLD_ROC_AUC:
                return f"{every}: the scores tell too little for a rare class to be the most probable one"
            return f"{every}, although the scores separate the classes"
        waste, reached = "The answers waste what the scores know", facts.balanced_accuracy
        if facts.ranking is None or reference is None or reference.best > max(reached, facts.ranking):
            return f"{waste}: {self._comparison()}"
        if facts.ranking > reached:
            return (
                f"{waste}: balanced accuracy {reached:.2f}, against {facts.ranking:.2f} where the classes are taken as "
                "equally frequent"
            )
        return f"{waste}: balanced accuracy {reached:.2f}, although they rank the rows well"

    def _never_found(self) -> str:
        """Name classes of which no row is found, without a collapse."""
        shares = zip(self.classes, self.facts.recall, strict=True)
        names = ", ".join(str(label) for label, share in shares if share == 0.0)
        return f", but no row of {names} is found, too few to tell why" if names else ""

    def _doubt(self) -> str:
        labels = [label for label, rows in zip(self.classes, self.facts.class_rows, strict=True) if rows]
        if self._judges_another_table:
            return (
                "the columns of these rows hold other values than those of training, as if one of the tables had been "
                "scaled and the other had not"
            )
        if len(labels) > 1:
            return "the scores rank these rows the wrong way round"
        return f"all rows to judge on are labelled {labels[0]!s}" if labels else "there is no row to judge on"

    def _answer(self) -> Any:
        return self.classes[max(range(len(self.classes)), key=self.facts.predicted_share.__getitem__)]

    def _numbers(self) -> str:
        facts = self.facts
        if self.outcome is Outcome.CONSTANT:
            return f"probabilities vary by {facts.spread:.2g}, healthy is above {CONSTANT_SPREAD:g}"
        if self.outcome is Outcome.NO_SIGNAL:
            reached = f"balanced accuracy {facts.balanced_accuracy:.2f}"
            return f"{reached}{self._quick_models()}, chance is {facts.chance:.2f}"
        shares = zip(self.classes, facts.recall, strict=True)
        recall = ", ".join(f"{label!s} {share:.0%}" for label, share in shares if share is not None)
        ranking = "" if facts.roc_auc is None else f"; ROC AUC {facts.roc_auc:.2f}"
        return f"recall {recall}{ranking}"

    def _quick_models(self) -> str:
        if self._reference is None:
            return ""
        linear, trees = self._reference.linear, self._reference.trees
        if math.isnan(trees):
            return f"; a quick model stays at chance too: logistic regression {linear:.2f}"
        return f"; baselines stay at chance too: logistic regression {linear:.2f}, small boosted trees {trees:.2f}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, for a log or for JSON.

        Returns
        -------
        dict of {str: object}
            Numbers, strings, lists and dictionaries; a number that is not finite is None.
        """
        facts = {**_plain(self.facts), "missing_classes": _plain(self.missing_classes)}
        return {
            **facts,
            "collapsed": self.collapsed,
            "classes": _plain(self.classes),
            "judged_on": self.judged_on,
            "seen_share": self.seen_share,
            "layers": self.layers,
            "remedies": list(self.remedies),
            "causes": _plain(self.causes),
            "evidence": _plain(self.evidence),
            "hints": list(self.hints),
            "repairs_that_restore": None if self.search is None else _plain(sorted(self.search.repairs or ())),
            "n_trainings": 0 if self.search is None else self.search.n_fits,
        }


def _ruled_out(evidence: Evidence) -> str:
    """Name the causes that were measured and of which no rule holds, in the order of the table; "" for none."""
    numbers = ((rule.cause, rule.measure(evidence)) for rule in RULES)
    measured = {cause for cause, number in numbers if number is not None and not math.isnan(number)}
    held = {rule.cause for rule in RULES if rule.finding(evidence) is not None}
    names = [cause.replace("_", " ") for cause in Cause if cause in measured - held]
    return f" Ruled out: {', '.join(names)}." if names else ""


def _in_order(causes: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Put confirmed causes first and refuted ones last."""
    return tuple(sorted(causes, key=lambda finding: {"confirmed": 0, "refuted": 2}.get(finding.status, 1)))


def _sentence(text: str) -> str:
    """Begin with a capital and end with a full stop.

    >>> _sentence("the loss rose")
    'The loss rose.'
    """
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""


def _how_sure(finding: Finding) -> str:
    if finding.status == "confirmed":
        return "confirmed by training again"
    word = next(word for share, word in SURENESS if finding.confidence >= share)
    untried = ", not tried" if finding.status == "plausible" else ""
    return f"{word}, {finding.confidence:.0%}{untried}"


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows.

    >>> _plain((np.int64(1), float("nan"), Outcome.MISSING))
    [1, None, 'missing']
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)
