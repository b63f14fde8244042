"""What do the results of the benchmark of diagnosis say? Tables, made from stored evidence and stored trials alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from balanced_nn._causes.evidence import ACTION_OF, Cause, Evidence, RepairAction
from balanced_nn._causes.repair_search import find_repairs
from balanced_nn._causes.rules import RULES, Finding, diagnose_evidence
from balanced_nn._collapse.baseline import compare_with_reference
from balanced_nn._collapse.outcome import OutcomeReport
from benchmarks.common.records import fill
from benchmarks.diagnosis.faults import EVERYTHING, NAMES, PAIRS, REPORTING, SECOND, SINGLES, STRENGTHS, TUNING
from benchmarks.diagnosis.peers import ALWAYS, PEERS, named
from benchmarks.diagnosis.serialization import from_json

BEGIN, END = "<!-- diagnosis: begin -->", "<!-- diagnosis: end -->"
VIEWS = ("monitor", "afterwards")  # with the weights from before training, and without
QUIET = frozenset({Cause.NO_SIGNAL, Cause.THRESHOLD, Cause.CLASS_IMBALANCE})  # no reproach to the training
N_ORDERS, N_TOP = 200, 3
Z = NormalDist().inv_cdf(0.975)

Actions = tuple[RepairAction, ...]
Repairs = frozenset[RepairAction]


@dataclass(frozen=True, eq=False)
class Case:
    """One instance that counts, or a control."""

    line: dict[str, Any]

    @cached_property
    def evidence(self) -> dict[str, Evidence]:
        """By view."""
        found = {view: from_json(Evidence, self.line["evidence"][view]) for view in VIEWS}
        judged = from_json(OutcomeReport, self.line["judged"])
        return {
            view: replace(evidence, outcome=compare_with_reference(judged, evidence.reference))
            for view, evidence in found.items()
        }

    @cached_property
    def findings(self) -> dict[str, tuple[Finding, ...]]:
        """By view, ranked."""
        return {view: diagnose_evidence(evidence) for view, evidence in self.evidence.items()}

    @cached_property
    def named(self) -> dict[str, Actions]:
        """Repairs of each method, ranked."""
        ours = {
            view: tuple(dict.fromkeys(ACTION_OF[f.cause] for f in found if f.cause in ACTION_OF))
            for view, found in self.findings.items()
        }
        return ours | {name: named(name, self.line["peers"][name]) for name in PEERS}

    @cached_property
    def truth(self) -> tuple[Repairs, ...]:
        """Repairs that suffice alone, or else the pairs that suffice."""
        return tuple(frozenset(map(RepairAction, actions)) for actions in self.line["truth"])

    @cached_property
    def trials(self) -> dict[Repairs, bool]:
        """What was trained, and whether it was restored."""
        tried = {
            frozenset(map(RepairAction, key.split("+"))): restored for key, (restored, _) in self.line["trials"].items()
        }
        return tried | {EVERYTHING: self.line["everything"][0]}

    def restored(self, repairs: Repairs) -> bool:
        """What was not trained counts as restored if a part of it that was trained is."""
        if repairs in self.trials:
            return self.trials[repairs]
        return any(ok and tried <= repairs for tried, ok in self.trials.items())

    def first_is_right(self, actions: Sequence[RepairAction]) -> bool:
        """Whether the first repair suffices, or belongs to a pair that does where only pairs do."""
        return bool(actions) and any(actions[0] in repairs for repairs in self.truth)

    def alarm(self, view: str) -> bool:
        """Whether a control is called a failure of training."""
        collapsed = self.evidence[view].outcome.collapsed
        return collapsed or any(finding.cause not in QUIET for finding in self.findings[view])


def write_report(lines: Sequence[dict[str, Any]], page: Path) -> None:
    """Put the tables of the reporting sets between the markers of a page."""
    text = page.read_text()
    if BEGIN not in text:
        page.write_text(f"{text.rstrip()}\n\n## The cause of a collapse\n\n{BEGIN}\n\n{END}\n")
    fill(page, BEGIN, END, tables(lines, REPORTING))


def write_documentation(lines: Sequence[dict[str, Any]], page: Path) -> None:
    """Put the rules, and the figures in short, between the markers of the page on diagnosis."""
    rules = ["| cause | what is measured | named where it is | confidence |", "|---|---|---:|---:|"]
    rules += [rule.row for rule in RULES]
    for name, inside in (("rules", "\n".join(rules)), ("diagnosis-summary", summary(lines))):
        fill(page, f"<!-- {name}: begin -->", f"<!-- {name}: end -->", inside)


def summary(lines: Sequence[dict[str, Any]]) -> str:
    """The figures of the reporting sets in one table."""
    judge = methods(best_constants(admitted(lines, TUNING) + admitted(lines, SECOND)))
    known = [case for case in admitted(lines, REPORTING) if case.truth]
    single = [case for case in known if case.line["strength"] != "conjunction"]
    both = [case for case in known if case.line["strength"] == "conjunction"]
    controls = [Case(x) for x in lines if x["part"] == REPORTING and x["status"] == "control"]
    faults = [[case for case in single if case.line["fault"] == fault] for fault in NAMES]
    shares = {name: [np.mean(list(map(right, own))) for own in faults if own] for name, right in judge.items()}
    rows = [
        ("first cause right, mean over faults", *(f"{np.mean(values):.2f}" for values in shares.values())),
        ("of the fault that is hardest for it", *(f"{min(values):.2f}" for values in shares.values())),
    ]
    for name, found in (("two faults: all needed repairs named", both), ("controls: false alarms", controls)):
        figures = []
        for method in judge:
            view = method.removeprefix("ours, ")
            if view not in (*VIEWS, *PEERS):
                figures.append("")
            elif found is both:
                hits = [any(r <= set(case.named[view][:N_TOP]) for r in case.truth) for case in both]
                figures.append(f"{np.mean(hits):.2f}" if hits else "")
            else:
                alarms = [
                    case.alarm(view) if view in VIEWS else bool(set(case.line["peers"][view]) - {ALWAYS})
                    for case in controls
                ]
                upper = wilson(sum(alarms), len(alarms))[1]
                figures.append(f"{sum(alarms)} of {len(alarms)} (at most {upper:.1%})")
        rows.append((name, *figures))
    runs = f"{len(single)} runs with one fault, {len(both)} with two, {len(controls)} controls."
    views = '"monitor" knows the weights from before training, as `CollapseMonitor` does; "afterwards" does not.'
    note = f"{runs} {views}"
    return table(("", *judge), rows) + "\n\n" + note


def tables(lines: Sequence[dict[str, Any]], part: str) -> str:
    """All tables of one part as Markdown."""
    constants = best_constants(admitted(lines, TUNING) + admitted(lines, SECOND))
    cases, controls = admitted(lines, part), [Case(x) for x in lines if x["part"] == part and x["status"] == "control"]
    known = [case for case in cases if case.truth]
    return "\n\n".join(
        [
            "### Runs\n\n" + counts([x for x in lines if x["part"] == part], cases),
            "### The first repair named is right\n\n" + by_fault(known, constants),
            "### The same by strength\n\n" + by_strength(known, constants),
            "### Two faults at once\n\n" + conjunctions(known),
            "### Controls\n\n" + false_alarms(controls),
            "### Trainings until the result is restored\n\n" + fits_needed(cases),
        ]
    )


def admitted(lines: Iterable[dict[str, Any]], part: str) -> list[Case]:
    return [Case(line) for line in lines if line["part"] == part and line["status"] == "admitted"]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Markdown; all columns but the first are numbers."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def wilson(hits: int, n: int, z: float = Z) -> tuple[float, float]:
    """Interval of a share."""
    if n == 0:
        return 0.0, 1.0
    p, scale = hits / n, 1 + z**2 / n
    middle = (p + z**2 / (2 * n)) / scale
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / scale
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def share(hits: Sequence[bool]) -> str:
    """Share with its 95 % interval."""
    if not hits:
        return ""
    low, high = wilson(sum(hits), len(hits))
    return f"{np.mean(hits):.2f} ({low:.2f}-{high:.2f})"


# Tables


def counts(lines: Sequence[dict[str, Any]], cases: Sequence[Case]) -> str:
    faults = [*NAMES, "conjunctions"]
    by = Counter((fault_of(line), line["status"]) for line in lines)
    no_truth = Counter(fault_of(case.line) for case in cases if not case.truth)
    rows = [
        (
            fault,
            sum(n for (name, _), n in by.items() if name == fault),
            *(by[fault, status] for status in ("harmless", "twin fails", "admitted")),
            no_truth[fault],
        )
        for fault in faults
    ]
    rows.append(("all", *(sum(row[i] for row in rows) for i in range(1, 6))))
    good, bad = by["control", "control"], by["control", "control failed"]
    return (
        table(("fault", "runs", "did no harm", "twin fails too", "admitted", "no pair repairs it"), rows)
        + f"\n\n{good + bad} controls, {100 * (good + bad) / max(len(lines), 1):.0f} % of the runs; {bad} of them did "
        "not learn what they should have and are left out."
    )


def fault_of(line: dict[str, Any]) -> str:
    return "conjunctions" if line["strength"] == "conjunction" else line["fault"]


Method = Callable[[Case], bool]


def methods(constants: tuple[Repairs, Repairs]) -> dict[str, Method]:
    """Whether each method is right about a case."""

    def first(name: str) -> Method:
        return lambda case: case.first_is_right(case.named[name])

    def constant(actions: Repairs) -> Method:
        return lambda case: any(case.first_is_right([action]) for action in actions)

    single, pair = constants
    label = "+".join(sorted(pair)) + " (either)"
    ours = {f"ours, {view}": first(view) for view in VIEWS}
    return ours | {name: first(name) for name in PEERS} | {"+".join(single): constant(single), label: constant(pair)}


def best_constants(cases: Sequence[Case]) -> tuple[Repairs, Repairs]:
    """The single repair and the pair of repairs that are right most often on the tuning sets."""

    def hits(actions: Repairs) -> int:
        return sum(any(case.first_is_right([action]) for action in actions) for case in cases)

    return max(SINGLES, key=hits), max(PAIRS, key=hits)


def by_fault(cases: Sequence[Case], constants: tuple[Repairs, Repairs]) -> str:
    single = [case for case in cases if case.line["strength"] != "conjunction"]
    own = {fault: [case for case in single if case.line["fault"] == fault] for fault in NAMES}
    own = {fault: found for fault, found in own.items() if found}
    judge = methods(constants)
    rows = [
        (fault, len(found), *(share([right(case) for case in found]) for right in judge.values()))
        for fault, found in own.items()
    ]
    rows.append(("all", len(single), *(share([right(case) for case in single]) for right in judge.values())))
    macro = [
        np.mean([np.mean([right(c) for c in found]) for found in own.values()]) if own else 0
        for right in judge.values()
    ]
    rows.append(("mean over faults", len(single), *(f"{value:.2f}" for value in macro)))
    unseen = sum(not case.named["monitor"] for case in single)
    return table(("fault", "n", *judge), rows) + f"\n\nNothing was named by ours, monitor, for {unseen} of them."


def by_strength(cases: Sequence[Case], constants: tuple[Repairs, Repairs]) -> str:
    judge = methods(constants)
    rows = []
    for strength in (*STRENGTHS, "conjunction"):
        found = [case for case in cases if case.line["strength"] == strength]
        rows.append((strength, len(found), *(share([right(case) for case in found]) for right in judge.values())))
    return table(("strength", "n", *judge), rows)


def conjunctions(cases: Sequence[Case]) -> str:
    """All that is needed is among the first repairs named."""
    both = [case for case in cases if case.line["strength"] == "conjunction"]
    groups = {
        "one repair suffices": [case for case in both if len(case.truth[0]) == 1],
        "two are needed": [case for case in both if len(case.truth[0]) == 2],
    }
    names = (*VIEWS, *PEERS)
    rows = [
        (
            group,
            len(found),
            *(share([any(r <= set(case.named[name][:N_TOP]) for r in case.truth) for case in found]) for name in names),
        )
        for group, found in groups.items()
    ]
    head = (f"all needed among the first {N_TOP}", "n", *(f"ours, {view}" for view in VIEWS), *PEERS)
    return table(head, rows)


def false_alarms(controls: Sequence[Case]) -> str:
    kinds = sorted({case.line["strength"] for case in controls})
    judge: dict[str, Method] = {f"ours, {view}": lambda case, view=view: case.alarm(view) for view in VIEWS}
    judge |= {name: lambda case, name=name: bool(set(case.line["peers"][name]) - {ALWAYS}) for name in PEERS}
    rows = []
    for kind in (*kinds, "all"):
        found = [case for case in controls if kind in ("all", case.line["strength"])]
        rows.append((kind, len(found), *(sum(alarm(case) for case in found) for alarm in judge.values())))
    bounds = [f"{wilson(sum(alarm(case) for case in controls), len(controls))[1]:.3f}" for alarm in judge.values()]
    rows.append(("upper bound of the share", "", *bounds))
    note = "Inputs outside [-1, 1], which every standardised table has, are not counted as an alarm of a peer."
    return table(("false alarms on", "n", *judge), rows) + "\n\n" + note


# Search for a repair


def fits_needed(cases: Sequence[Case]) -> str:
    """The search led by the diagnosis, the same without it, random search, and all repairs at once."""
    searches = {f"led by {name}": [search(case, case.named[name]) for case in cases] for name in (*VIEWS, *PEERS)}
    searches["in the order of the menu"] = [search(case, ()) for case in cases]
    orders = [random_fits(case) for case in cases]
    rows = []
    for name, found in searches.items():
        restored = [ok for ok, _, _ in found]
        first, all_fits = [a for ok, a, _ in found if ok], [b for ok, _, b in found if ok]
        same = [float(np.mean(tries <= first)) for (ok, first, _), tries in zip(found, orders, strict=True) if ok]
        rows.append((name, share(restored), mean(first), mean(all_fits), f"{mean(same)}"))
    finite = [tries[np.isfinite(tries)].mean() for tries in orders if np.isfinite(tries).any()]
    rows.append(
        ("random: singles, then pairs", share([bool(np.isfinite(t).any()) for t in orders]), mean(finite), "", "")
    )
    rows.append(("all repairs at once", share([case.restored(EVERYTHING) for case in cases]), "1.00", "", ""))
    head = (
        "search",
        "restored",
        "trainings to a restored result",
        "to a minimal one",
        "random within as many as the first",
    )
    return table(head, rows)


def search(case: Case, ranked: Actions) -> tuple[bool, int, int]:
    """Whether it ends restored; trainings until the first that is, and until no repair can be left out."""
    seen: list[bool] = []

    def train(repairs: Repairs) -> bool:
        seen.append(case.restored(repairs))
        return seen[-1]

    found = find_repairs(ranked, train)
    if found.repairs is None:
        return False, len(seen), found.n_fits
    return True, seen.index(True) + 1, found.n_fits


def random_fits(case: Case) -> np.ndarray:
    """Trainings of random search until the first restored result, for many orders; infinity where there is none."""
    rng = np.random.default_rng(0)
    single = np.array([case.restored(repairs) for repairs in SINGLES])
    pairs = np.array([case.restored(repairs) for repairs in PAIRS])

    def one() -> float:
        tried = np.concatenate([rng.permutation(single), rng.permutation(pairs)])
        return float(tried.argmax() + 1) if tried.any() else np.inf

    return np.array([one() for _ in range(N_ORDERS)])


def mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f}" if len(values) else ""


# Misses


def misses(lines: Sequence[dict[str, Any]], part: str) -> str:
    """The cases named wrong and the false alarms, one a line."""
    text = []
    for case in admitted(lines, part):
        wrong = [view for view in VIEWS if case.truth and not case.first_is_right(case.named[view])]
        if wrong:
            named = " | ".join(f"{view}: {causes(case, view)}" for view in wrong)
            truth = " ".join("+".join(sorted(repairs)) for repairs in case.truth)
            seen = f"{case.line['outcome']} {case.line['balanced_accuracy']:.2f}"
            text.append(f"{case.line['key']:55} {seen:28} {named}  TRUTH {truth}")
    for line in lines:
        if line["part"] == part and line["status"] == "control":
            case = Case(line)
            alarms = [f"{view}: {causes(case, view)}" for view in VIEWS if case.alarm(view)]
            if alarms:
                text.append(f"{line['key']:55} {line['outcome']:28} FALSE ALARM {' | '.join(alarms)}")
    return "\n".join(text)


def causes(case: Case, view: str) -> str:
    return ", ".join(finding.cause for finding in case.findings[view]) or "nothing"
