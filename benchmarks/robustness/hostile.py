"""Does a fit survive tables and settings that nobody wrote? Draws both at random, fits, and looks for faults.

    python -m benchmarks.robustness.hostile run       fit and append to benchmarks/results/hostile.csv
    python -m benchmarks.robustness.hostile report    write the table into benchmarks/README.md
    python -m benchmarks.robustness.hostile show N    one case aloud

Each case is a table with settings, drawn as `strategies` says: 2 to 5,000 rows, 1 to 300 columns of many kinds, 2 to 60
classes down to one row, weights over twelve orders of magnitude, and a quarter of all parameters. It has to end within
a minute: in a fit, or in an error that names a parameter, an argument or a column. A fit is then looked at: see
`CHECKS`. The minute is one of processor time, so that what else the machine does changes nothing; a case that is not
done after 15 on the clock hangs, and is ended. The number of a case is its seed. A process does 20 cases, as each may
compile a program, which TensorFlow keeps.
"""

import copy
import json
import multiprocessing as mp
import os
import pickle
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from balanced_nn import BalancedNNClassifier, load_model, save_model
from balanced_nn._collapse.baseline import compare_with_reference, needs_reference, quick_reference
from balanced_nn._collapse.outcome import find_outcome
from balanced_nn._collapse.predictions import read_answers
from balanced_nn._data.dataset import Dataset
from balanced_nn.exceptions import CollapseError, CollapseWarning, RareClassWarning
from benchmarks.common.command_line import make_parser
from benchmarks.common.memory import resident
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows
from benchmarks.common.workers import answers_of
from benchmarks.robustness.strategies import Case, draw_case

ROWS = RESULTS / "hostile.csv"
BEGIN, END = "<!-- hostile: begin -->", "<!-- hostile: end -->"
BLOCK = 20  # cases of a process
TIME_LIMIT, HANGS = 60.0, 900.0  # seconds of the processor for the fit, and on the clock for all
REPEATS, MEMORY = 20, 24.0  # predictions, and megabytes by which the process may grow in them
TOLD = 300  # characters of a message that are kept
ARGUMENTS = ("X", "y", "sample_weight", "class", "classes", "column", "columns", "Column")
CLASS_ROWS = 20  # training rows that each class needs for a collapse on fresh rows to count


@dataclass(frozen=True)
class Row:
    """One case; the columns of the results."""

    number: int
    n_rows: int
    n_columns: int
    n_classes: int
    rarest: int  # rows
    outcome: str  # of the fit; "refused", "raised", "timeout" or "crash"
    faults: str  # names of the checks that failed, with ";" between them
    python_warnings: int  # which are not this package's
    seconds: float  # of the processor, for the fit
    told: str


# What is asked of a fit. Each check returns what is wrong, "" for nothing.


def numbers_are_sound(clf: BalancedNNClassifier, case: Case) -> str:
    """Probabilities are finite, in [0, 1], and sum to 1; answers are labels."""
    for X in (case.X, case.X_fresh):
        proba = clf.predict_proba(X)
        if not np.isfinite(proba).all() or proba.min() < 0 or proba.max() > 1:
            return "a probability is not one"
        if np.abs(proba.sum(axis=1) - 1).max() > 1e-9:
            return "probabilities do not sum to 1"
        if not np.isin(clf.predict(X), clf.classes_).all():
            return "an answer is no label"
    return ""


def predict_follows_the_scores(clf: BalancedNNClassifier, case: Case) -> str:
    """`predict` is what `decision_function` says."""
    scores = clf.decision_function(case.X_fresh)
    answers = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    return "" if (clf.predict(case.X_fresh) == clf.classes_[answers]).all() else "predict differs"


def rows_stand_alone(clf: BalancedNNClassifier, case: Case) -> str:
    """A row has the same answer among others, alone, and in another order."""
    proba = clf.predict_proba(case.X_fresh)
    order = np.random.default_rng(0).permutation(len(proba))
    allowed = 1e-9 if clf.network_.spec.body is None else 1e-4
    for rows in (order, order[:7], order[:1]):
        gap = np.abs(clf.predict_proba(take(case.X_fresh, rows)) - proba[rows]).max()
        if gap > allowed:
            return f"{len(rows)} rows by themselves differ by {gap:.1e}"
    return ""


def copies_answer_the_same(clf: BalancedNNClassifier, case: Case) -> str:
    """Pickles and skops files give the same bits."""
    proba = clf.predict_proba(case.X_fresh)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clf.skops"
        save_model(clf, file)
        copies = {"pickle": pickle.loads(pickle.dumps(clf)), "skops": load_model(file, trust=True)}
    same = {name: np.array_equal(copy.predict_proba(case.X_fresh), proba) for name, copy in copies.items()}
    return "; ".join(name for name in same if not same[name])


def the_prior_can_be_set_and_reset(clf: BalancedNNClassifier, case: Case) -> str:
    """Other class frequencies give finite numbers, and None gives the first ones back."""
    proba, n = clf.predict_proba(case.X_fresh), len(clf.classes_)
    if not np.isfinite(clf.set_prior(np.full(n, 1 / n)).predict_proba(case.X_fresh)).all():
        return "not finite"
    return "" if np.array_equal(clf.set_prior(None).predict_proba(case.X_fresh), proba) else "not reset"


def a_warm_start_goes_on(clf: BalancedNNClassifier, case: Case) -> str:
    """Fitted again with ``warm_start=True``, the numbers stay sound."""
    if clf.network_.spec.body is not None:  # layers of the caller's own are refused
        return ""
    again = copy.deepcopy(clf)
    try:
        again.set_params(warm_start=True, max_iter=1).fit(case.X, case.y, sample_weight=case.weight)
    except CollapseError:
        return ""
    return numbers_are_sound(again, case)


def all_is_told(clf: BalancedNNClassifier, case: Case) -> str:
    """The report prints, and is JSON."""
    text = f"{clf!r} {clf.collapse_report_} {clf.decision_rule_} {clf.collapse_report_._repr_html_()}"
    json.dumps(clf.collapse_report_.to_dict(), allow_nan=False)
    return "" if text else "nothing is told"


def memory_is_flat(clf: BalancedNNClassifier, case: Case) -> str:
    """Predicting again and again takes no memory."""
    some = take(case.X_fresh, np.arange(min(len(case.y_fresh), 50)))
    clf.predict_proba(some)
    before = resident()
    for _ in range(REPEATS):
        clf.predict_proba(some)
    grown = resident() - before
    return f"{REPEATS} predictions took {grown:.0f} MB" if grown > MEMORY else ""


def no_collapse_is_silent(clf: BalancedNNClassifier, case: Case) -> str:
    """Where the report says that all is well, the balanced decision on fresh rows is no collapse.

    Asked where each class has rows enough in training, and no class is so rare that a warning says what it means.
    """
    labels = np.asarray(case.y)
    if clf.collapse_report_.outcome != "healthy" or np.unique(labels, return_counts=True)[1].min() < CLASS_ROWS:
        return ""
    answers = read_answers(clf, case.X_fresh, case.y_fresh)
    outcome = find_outcome(answers.y, answers.proba, prior=answers.prior)
    if not outcome.collapsed:
        return ""
    if needs_reference(outcome):
        parts = (case.X, labels), (case.X_fresh, case.y_fresh)
        train, fresh = (dataset(clf, X, y) for X, y in parts)
        outcome = compare_with_reference(outcome, quick_reference(train, fresh, len(clf.classes_)))
    return f"{outcome.outcome} on fresh rows" if outcome.collapsed else ""


CHECKS: dict[str, Callable[[BalancedNNClassifier, Case], str]] = {
    "numbers": numbers_are_sound,
    "decision": predict_follows_the_scores,
    "rows": rows_stand_alone,
    "copies": copies_answer_the_same,
    "prior": the_prior_can_be_set_and_reset,
    "warm start": a_warm_start_goes_on,
    "report": all_is_told,
    "memory": memory_is_flat,
    "silent collapse": no_collapse_is_silent,
}
ENDS = {
    "unnamed": "errors that name nothing",
    "trouble": "trouble accepted",
    "crash": "crashes",
    "files": "checkpoints left behind",
    "slow": "over a minute",
    "timeout": "hanging",
}
FAILURES = {"raised", "constant", "one_class", "missing", "worse_than_reference"}


def dataset(clf: BalancedNNClassifier, X: Any, y: Any) -> Dataset:
    return Dataset.of(clf.preprocess(X), np.searchsorted(clf.classes_, y), np.ones(len(y)))


def take(X: Any, rows: Any) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def names_something(message: str, case: Case) -> bool:
    """Whether a message says which parameter, argument or column it speaks of."""
    names = [*BalancedNNClassifier().get_params(), *ARGUMENTS, *case.columns]
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message) for name in names)


def run_case(number: int) -> Row:
    """Fit one case, and ask of the fit what there is to ask."""
    case, faults = draw_case(number), list[str]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome, told, seconds = fit_case(case, faults)
    if seconds > TIME_LIMIT:
        faults.append("slow")
    ours = (CollapseWarning, RareClassWarning, ConvergenceWarning, UserWarning)
    strange = [w for w in caught if not issubclass(w.category, ours)]
    told = told or "; ".join(sorted({f"{w.category.__name__}: {w.message}" for w in strange}))
    labels = np.unique([str(label) for label in case.y], return_counts=True)[1]
    return Row(
        number=number,
        n_rows=len(case.y),
        n_columns=int(case.X.shape[1]),
        n_classes=len(labels),
        rarest=int(labels.min()),
        outcome=outcome,
        faults=";".join(faults),
        python_warnings=len(strange),
        seconds=round(seconds, 2),
        told=" ".join(told.split())[:TOLD],
    )


def fit_case(case: Case, faults: list[str]) -> tuple[str, str, float]:
    """Return the outcome, what was told, and the seconds of the fit; faults are added to the list."""
    clf, start = BalancedNNClassifier(**case.settings), process_time()
    try:
        with tempfile.TemporaryDirectory() as folder:
            clf.set_params(checkpoint=Path(folder) / "fit" if case.checkpoint else None)
            clf.fit(case.X, case.y, sample_weight=case.weight)
            left = list(Path(folder).iterdir())
    except CollapseError:
        return "raised", "", process_time() - start
    except (TypeError, ValueError) as error:
        if not names_something(str(error), case):
            faults.append("unnamed")
        return "refused", f"{type(error).__name__}: {error}", process_time() - start
    except Exception:
        faults.append("unnamed")
        return "refused", traceback.format_exc()[-TOLD:], process_time() - start
    seconds = process_time() - start
    if left:
        faults.append("files")
    if case.trouble:
        faults.append("trouble")
        return str(clf.collapse_report_.outcome), f"accepted: {case.trouble}", seconds
    told = look_at(clf, case, faults)
    return str(clf.collapse_report_.outcome), "; ".join(told), seconds


def look_at(clf: BalancedNNClassifier, case: Case, faults: list[str]) -> list[str]:
    """Make all checks, and return what was told; the faults are added to the list."""
    told = []
    try:
        clf.predict(case.X_fresh)
    except ValueError as error:  # few rows, or rows without a cell, may show another type of a column than fresh ones
        if not names_something(str(error), case):
            faults.append("unnamed")
            told.append(str(error))
        case = replace(case, X_fresh=case.X, y_fresh=np.asarray(case.y))
    for name, check in CHECKS.items():
        try:
            wrong = check(clf, case)
        except Exception:
            wrong = traceback.format_exc()[-TOLD:]
        if wrong:
            faults.append(name)
            told.append(f"{name}: {wrong}")
    return told


def work(numbers: Sequence[int], pipe: Any) -> None:
    """Run cases, and send each result with its number and its seconds."""
    for number in numbers:
        pipe.send((number, None, 0.0))
        start = perf_counter()
        pipe.send((number, run_case(number), perf_counter() - start))


def run_numbers(numbers: Sequence[int]) -> Iterator[Row]:
    """Run cases, in further processes where one ends or hangs."""
    pending = list(numbers)
    while pending:
        ours, theirs = mp.Pipe()
        process = mp.get_context("spawn").Process(target=work, args=(pending[:BLOCK], theirs))
        process.start()
        theirs.close()
        for number, row, seconds in answers_of(ours, process, HANGS):
            number = pending[0] if number < 0 else number  # the process did not begin
            pending.remove(number)
            yield ended(number, row, seconds) if isinstance(row, str) else row
        process.join()


def ended(number: int, how: str, seconds: float) -> Row:
    case = draw_case(number)
    labels = np.unique([str(label) for label in case.y], return_counts=True)[1]
    return Row(number, len(case.y), int(case.X.shape[1]), len(labels), int(labels.min()), how, how, 0, seconds, "")


def show(number: int) -> int:
    case = draw_case(number)
    kinds = [re.sub(r"_\d+$", "", name) for name in case.columns] or [str(getattr(case.X, "dtype", ""))]
    print(f"{type(case.X).__name__} {case.X.shape} of {sorted(set(kinds))}, trouble: {case.trouble or 'none'}")
    print(case.settings)
    clf = BalancedNNClassifier(**case.settings).fit(case.X, case.y, sample_weight=case.weight)
    print(clf.collapse_report_)
    for name, check in CHECKS.items():
        print(name, check(clf, case) or "is as it should be")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "report", "show"])
    parser.add_argument("number", type=int, nargs="?", default=0, help="of the case to show")
    parser.add_argument("--out", type=Path, default=ROWS, help="CSV file that results are appended to")
    parser.add_argument("--cases", type=int, default=1_000, help="how many in all")
    arguments = parser.parse_args(argv)
    if arguments.command == "report":
        fill(README, BEGIN, END, "\n".join(table_of(read_rows(arguments.out, Row))))
        return 0
    if arguments.command == "show":
        return show(arguments.number)
    done = {row.number for row in read_rows(arguments.out, Row)}
    for row in run_numbers([number for number in range(arguments.cases) if number not in done]):
        append_row(arguments.out, row)
        if row.faults or row.python_warnings or row.seconds > TIME_LIMIT / 2:
            print(row, flush=True)
    return 0


GROUPS: dict[str, Callable[[Row], bool]] = {
    "up to 30 rows": lambda row: row.n_rows <= 30,
    "31 to 300 rows": lambda row: 30 < row.n_rows <= 300,
    "more rows": lambda row: row.n_rows > 300,
}


def table_of(rows: Sequence[Row]) -> list[str]:
    """Counts by the size of the table, and of the faults by kind."""
    heads = "healthy | a failure that is told | other outcomes | refused, and why | faults | Python warned"
    lines = [f"| table | cases | {heads} | median | slowest |", f"|---|{'---:|' * 9}"]
    for name, belongs in GROUPS.items():
        own = [row for row in rows if belongs(row)]
        outcomes = [row.outcome for row in own]
        healthy, refused = outcomes.count("healthy"), outcomes.count("refused")
        failed = sum(outcome in FAILURES for outcome in outcomes)
        faults, warned = sum(bool(row.faults) for row in own), sum(row.python_warnings > 0 for row in own)
        counts = [len(own), healthy, failed, len(own) - healthy - failed - refused, refused, faults, warned]
        seconds = [row.seconds for row in own] or [0.0]
        cells = [*map(str, counts), f"{np.median(seconds):.1f} s", f"{max(seconds):.1f} s"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    kinds = {kind: sum(kind in row.faults.split(";") for row in rows) for kind in (*CHECKS, *ENDS)}
    told = ", ".join(f"{ENDS.get(kind, kind)} {n}" for kind, n in kinds.items() if n)
    n_faults = sum(bool(row.faults) for row in rows)
    return [*lines, "", f"{n_faults} of {len(rows)} cases with a fault{f': {told}' if told else ''}."]


if __name__ == "__main__":
    sys.exit(main())
