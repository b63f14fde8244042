"""Is the first cause right on small programs, as people write them?

    python -m benchmarks.diagnosis.small_run run --part choosing     train, append to benchmarks/results/small.jsonl.gz
    python -m benchmarks.diagnosis.small_run look --part choosing    look again at the programs that are stored
    python -m benchmarks.diagnosis.small_run report                  write the tables into benchmarks/README.md

A program with faults counts if it fails from two draws of its weights and its sound twin does not. The truth is what
restores it, again from both: each change of `balanced_nn._replay.changes.Change` alone, and where none suffices, pairs.
The rules were set on the programs for choosing; those for reporting were run once, afterwards.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

from balanced_nn._causes.observation import gather_evidence
from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import DOCS, README, RESULTS
from benchmarks.diagnosis.run import append_line, read_lines
from benchmarks.diagnosis.serialization import from_json, to_json
from benchmarks.diagnosis.small import HEALTHY, KINDS, LABELS, PARTS, REPORTING, SmallProgram, programs

LINES = RESULTS / "small.jsonl.gz"
N_OF_A_KIND, N_LABELS, N_HEALTHY = 34, 20, 150
MOST_TRIED = 8  # times as many programs are drawn of a kind, at most


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "look", "report"])
    parser.add_argument("--out", type=Path, default=LINES, help="gzipped JSON lines that results are appended to")
    parser.add_argument("--part", choices=list(PARTS), default=REPORTING)
    parser.add_argument("--kinds", nargs="+", default=[*KINDS, LABELS, HEALTHY])
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the programs that are asked for")
    parser.add_argument("--misses", action="store_true", help="with report: list the programs named wrong")
    arguments = parser.parse_args(argv)
    if arguments.command == "report":
        from benchmarks.diagnosis import small_report

        lines = [line for line in read_lines(arguments.out) if line["part"] == arguments.part]
        if arguments.misses:
            print(small_report.misses(lines))
        elif arguments.part == REPORTING:
            small_report.write(lines, README, DOCS / "diagnosis.md")
        else:
            print(small_report.tables(lines))
        return 0
    warnings.filterwarnings("ignore", "You are using a softmax over axis -1")  # that is one of the faults
    if arguments.command == "look":
        look(arguments)
    else:
        run(arguments)
    return 0


def run(arguments: argparse.Namespace) -> None:
    """Draw programs of each kind until enough count."""
    done = [line for line in read_lines(arguments.out) if line["part"] == arguments.part]
    for kind in arguments.kinds:
        wanted = round({LABELS: N_LABELS, HEALTHY: N_HEALTHY}.get(kind, N_OF_A_KIND) * arguments.scale)
        own = {line["key"]: line for line in done if line["kind"] == kind}
        counted = sum(line["status"] == "admitted" for line in own.values())
        for number, (one, twin) in enumerate(programs(kind, arguments.part)):
            if counted >= wanted or number >= MOST_TRIED * wanted:
                break
            if one.key in own:
                continue
            start = process_time()
            line = measure(one, twin)
            line["seconds"] = round(process_time() - start, 2)
            append_line(arguments.out, line)
            counted += line["status"] == "admitted"
            truth = " ".join("+".join(changes) for changes in line.get("truth", []))
            print(f"{counted:3}/{wanted} {one.key:28} {line['status']:10} {line['seconds']:5.1f} s {truth}", flush=True)


def measure(one: SmallProgram, twin: SmallProgram) -> dict[str, Any]:
    """Train; where the program counts, try the repairs and gather the evidence."""
    from benchmarks.diagnosis import small_training as training

    done = training.finish(one)
    line: dict[str, Any] = {"key": one.key, "kind": one.kind, "part": one.part, "program": one}
    line |= {"outcome": done.reports[0].outcome, "balanced_accuracy": [r.balanced_accuracy for r in done.reports]}
    if one.kind == LABELS:
        return to_json(line | {"status": "admitted", "truth": [["labels"]]} | seen(one, done))
    top = training.ceiling(twin, done.rows if one is twin else training.rows(twin))
    if one is twin:
        if not all(training.is_sound(report, top) for report in done.reports):
            return to_json(line | {"status": "not sound"})
        return to_json(line | {"status": "admitted", "truth": []} | seen(one, done))
    other = training.finish(twin)
    aim = training.aim_of(other)
    fails = [r.outcome != "healthy" or r.balanced_accuracy < aim for r in done.reports]
    if not all(fails):
        return to_json(line | {"status": "harmless"})
    if not all(training.is_sound(report, top) for report in other.reports):
        return to_json(line | {"status": "twin fails"})
    truth = training.Repairing(one, done.program, done.rows, aim).truth()
    line |= {"aim": aim, "truth": truth, "status": "admitted" if truth else "no pair"}
    return to_json(line | (seen(one, done) if truth else {}))


def seen(one: SmallProgram, done: Any) -> dict[str, Any]:
    """What a diagnosis and the peers look at."""
    from benchmarks.diagnosis import small_training as training
    from benchmarks.diagnosis.peers import PEERS

    watched = training.watched(one, done)
    return evidence(done) | {"peers": {name: symptoms(watched) for name, symptoms in PEERS.items()}}


def evidence(done: Any) -> dict[str, Any]:
    """What a diagnosis sees, and the outcome before anything is compared with it: rules can then be changed."""
    from benchmarks.diagnosis import small_training as training

    observation = training.observation_of(done)
    return {"judged": observation.outcome, "evidence": gather_evidence(observation)}


def look(arguments: argparse.Namespace) -> None:
    """Gather the evidence of stored programs anew; what restores them stays."""
    from benchmarks.diagnosis import small_training as training

    lines = read_lines(arguments.out)
    arguments.out.unlink()
    for line in lines:
        if line["part"] == arguments.part and line["status"] == "admitted" and line["kind"] in arguments.kinds:
            one = from_json(SmallProgram, line["program"])
            line |= to_json(evidence(training.finish(one)))
        append_line(arguments.out, line)


if __name__ == "__main__":
    sys.exit(main())
