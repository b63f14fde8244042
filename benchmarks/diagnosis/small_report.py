"""What do the results on small programs say? Tables, made from stored evidence and stored repairs alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from balanced_nn._causes.evidence import Cause, Evidence, RepairAction
from balanced_nn._causes.observation import compared, settled
from balanced_nn._causes.report import SURENESS
from balanced_nn._causes.rules import Finding, diagnose_evidence
from balanced_nn._collapse.outcome import Outcome, OutcomeReport
from balanced_nn._replay.changes import Change
from benchmarks.common.records import fill
from benchmarks.diagnosis.peers import ALWAYS, PEERS, named
from benchmarks.diagnosis.report import QUIET, share, table, wilson
from benchmarks.diagnosis.serialization import from_json
from benchmarks.diagnosis.small import HEALTHY, KINDS, LABELS

BEGIN, END = "<!-- small: begin -->", "<!-- small: end -->"

LOWER, HIGHER = ("rate_over_10", "rate_over_100", "larger_batch"), ("rate_times_10", "rate_times_100")
# The changes that a cause asks for.
CHANGES_OF: dict[Cause, tuple[str, ...]] = {
    Cause.UNSCALED_FEATURES: ("scale",),
    Cause.LEARNING_RATE_TOO_HIGH: LOWER,
    Cause.LEARNING_RATE_TOO_LOW: HIGHER,
    Cause.STOPPED_TOO_EARLY: ("epochs_times_10", "smaller_batch"),
    Cause.NETWORK_TOO_SMALL: ("width",),
    Cause.OUTPUT_ACTIVATION: ("output",),
    Cause.LOSS_MISMATCH: ("output",),
    Cause.HIDDEN_ACTIVATION: ("activation",),
    Cause.POOR_INITIALIZATION: ("initializer",),
    Cause.EXPLODING_GRADIENT: ("initializer",),
    Cause.DEAD_RELU: ("initializer",),
    Cause.VANISHING_GRADIENT: ("activation", "initializer"),
    Cause.BATCH_NORM_STATISTICS: ("batch_norm",),
    Cause.BAD_LABELS: ("labels",),
}
# The same, generously, of the repairs that the symptoms of a peer stand for.
CHANGES_OF_REPAIR: dict[RepairAction, tuple[str, ...]] = {
    RepairAction.SCALE_FEATURES: ("scale",),
    RepairAction.MATCH_OUTPUT: ("output",),
    RepairAction.BALANCE_CLASSES: (),
    RepairAction.SET_LEARNING_RATE: (*LOWER, *HIGHER),
    RepairAction.SOUND_HIDDEN_LAYERS: ("activation", "initializer"),
    RepairAction.ADD_BATCH_NORM: ("batch_norm",),
    RepairAction.ENLARGE_NETWORK: ("width",),
    RepairAction.TRAIN_LONGER: ("epochs_times_10", "smaller_batch"),
}


@dataclass(frozen=True, eq=False)
class Case:
    """A program that counts."""

    line: dict[str, Any]

    @cached_property
    def evidence(self) -> Evidence:
        found = from_json(Evidence, self.line["evidence"])
        if found.data.bad_labels or found.data.other_table:
            return found
        alone = from_json(OutcomeReport, self.line["judged"])
        outcome = settled(compared(alone, found.reference), alone, found.reference, found.trials)
        return replace(found, outcome=outcome)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return diagnose_evidence(self.evidence)

    @property
    def outcome(self) -> Outcome:
        return self.evidence.outcome.outcome

    def changes(self, method: str) -> tuple[str, ...]:
        """What the first cause that a method names asks to change; empty where it names none."""
        if method == "ours":
            return CHANGES_OF.get(self.findings[0].cause, ()) if self.findings else ()
        repairs = named(method, self.line["peers"][method])
        return CHANGES_OF_REPAIR[repairs[0]] if repairs else ()

    def right(self, method: str) -> bool:
        """Whether that is in the truth: suffices, or belongs to a pair that does where only pairs do."""
        return any(change in truth for change in self.changes(method) for truth in self.line["truth"])

    def alarm(self, method: str) -> bool:
        if method == "ours":
            return self.evidence.outcome.collapsed or any(f.cause not in QUIET for f in self.findings)
        return bool(set(self.line["peers"][method]) - {ALWAYS})


METHODS = ("ours", *PEERS)


def write(lines: Sequence[dict[str, Any]], page: Path, documentation: Path) -> None:
    """Put the tables between the markers of the benchmarks' page, and those in short on that of the diagnosis."""
    fill(page, BEGIN, END, tables(lines))
    fill(documentation, BEGIN, END, by_kind(lines))


def cases_of(lines: Sequence[dict[str, Any]], kind: str) -> list[Case]:
    return [Case(line) for line in lines if line["kind"] == kind and line["status"] == "admitted"]


def tables(lines: Sequence[dict[str, Any]]) -> str:
    """All tables as Markdown."""
    return "\n\n".join(
        [
            "### Small programs: the first cause is right\n\n" + by_kind(lines),
            "### How certain\n\n" + by_confidence(lines),
            "### Small programs that were drawn\n\n" + counts(lines),
        ]
    )


def constants(cases: Sequence[Case]) -> tuple[str, float]:
    """The change that is right most often, and how often."""
    truths = [[name for group in case.line["truth"] for name in group] for case in cases]
    shares = {str(change): float(np.mean([change in truth for truth in truths])) for change in Change}
    best = max(shares, key=lambda name: shares[name])
    return best, shares[best]


def by_kind(lines: Sequence[dict[str, Any]]) -> str:
    groups = {kind: cases_of(lines, kind) for kind in (*KINDS, LABELS)}
    groups = {kind: cases for kind, cases in groups.items() if cases}
    own = [case for kind, cases in groups.items() if kind != LABELS for case in cases]
    rows = []
    for kind, cases in groups.items():
        figures = [share([case.right(method) for case in cases]) for method in METHODS]
        silent = sum(case.outcome is Outcome.NO_SIGNAL for case in cases)
        rows.append((kind, len(cases), *figures, silent, sum(not case.findings for case in cases)))
    means = [np.mean([np.mean([c.right(m) for c in cases]) for cases in groups.values()]) for m in METHODS]
    total = [case for cases in groups.values() for case in cases]
    silent = sum(case.outcome is Outcome.NO_SIGNAL for case in total)
    rows.append(("mean over kinds", len(total), *(f"{value:.2f}" for value in means), silent,
                 sum(not case.findings for case in total)))  # fmt: skip
    sound = cases_of(lines, HEALTHY)
    alarms = [sum(case.alarm(method) for case in sound) for method in METHODS]
    bounds = [f"{n} (at most {wilson(n, len(sound))[1]:.1%})" for n in alarms]
    rows.append(("false alarms on healthy ones", len(sound), *bounds, "", ""))
    head = ("kind", "n", *METHODS, '"no signal"', "no cause")
    note = ""
    if own:
        best, hits = constants(own)
        note = f'\n\nAlways to answer "{best.replace("_", " ")}" is right in {hits:.2f} of the runs with faults.'
    return table(head, rows) + note


def by_confidence(lines: Sequence[dict[str, Any]]) -> str:
    cases = [case for kind in (*KINDS, LABELS) for case in cases_of(lines, kind) if case.findings]
    rows = []
    above = 2.0
    for least, name in SURENESS:
        own = [case for case in cases if least <= case.findings[0].confidence < above]
        rows.append((name, len(own), share([case.right("ours") for case in own])))
        above = least
    return table(("the first cause is called", "n", "right"), rows)


def counts(lines: Sequence[dict[str, Any]]) -> str:
    names = ("admitted", "harmless", "twin fails", "no pair", "not sound")
    rows = [
        (kind, *(sum(line["kind"] == kind and line["status"] == name for line in lines) for name in names))
        for kind in (*KINDS, LABELS, HEALTHY)
    ]
    return table(("kind", "counts", "did no harm", "twin fails too", "no pair repairs it", "not sound"), rows)


def misses(lines: Sequence[dict[str, Any]]) -> str:
    """The programs named wrong and the false alarms, one a line."""
    found = []
    for kind in (*KINDS, LABELS, HEALTHY):
        for case in cases_of(lines, kind):
            wrong = case.alarm("ours") if kind == HEALTHY else not case.right("ours")
            if wrong:
                named_ = ", ".join(f"{f.cause} {f.confidence:.2f}" for f in case.findings[:4]) or "nothing"
                truth = " ".join("+".join(t) for t in case.line["truth"])
                faults = "+".join(case.line["program"]["faults"])
                found.append(f"{case.line['key']:28} {faults:24} {case.outcome:20} {named_}  TRUTH {truth}")
    return "\n".join(found)
