"""Is the cause of a collapsed network named right? Faults are injected, repairs are tried, and only then is it asked.

    python -m benchmarks.diagnosis.run run --data FOLDER       train, append to benchmarks/results/diagnosis.jsonl.gz
    python -m benchmarks.diagnosis.run report                  write the tables into benchmarks/README.md
    python -m benchmarks.diagnosis.run report --part tuning    print those of the tuning sets; --misses lists the misses

A run with a fault counts only if it fails and if its twin without the fault does not. The truth is what repairs it:
every repair of the menu is tried alone, and where none suffices, every pair. FOLDER holds the sets page_blocks,
satimage, phoneme, dry_bean and htru2 as parquet files with the label in the last column; it may also be named by the
environment variable BALANCED_NN_DATA. Without it these are left out. An instance that is in the results already is
skipped, so a run may be interrupted.
"""

import argparse
import gzip
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker has one core

from benchmarks.common.command_line import add_data_folder, make_parser
from benchmarks.common.paths import DOCS, README, RESULTS
from benchmarks.common.workers import add_workers, share
from benchmarks.diagnosis.faults import (
    EVERYTHING,
    PAIRS,
    PART_OF,
    SECOND,
    SETS,
    SINGLES,
    TUNING,
    Instance,
    Recipe,
    repaired,
)
from benchmarks.diagnosis.serialization import to_json

LINES = RESULTS / "diagnosis.jsonl.gz"
# Relative costs of all instances of a set, to share them out; an architecture stays in one process.
COST = {"digits": 20, "page_blocks": 14, "satimage": 14, "phoneme": 14, "moons": 10, "circles": 10}
COST |= {
    "breast_cancer": 7,
    "wine": 7,
    "gaussian_quantiles": 10,
    "iris": 7,
    "dry_bean": 15,
    "htru2": 12,
}  # the generated sets of the controls take 1


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    if arguments.command == "report":
        from benchmarks.diagnosis.report import misses, tables, write_documentation, write_report

        lines = read_lines(arguments.out)
        if arguments.misses:
            print(misses(lines, arguments.part or TUNING))
        elif arguments.part in (TUNING, SECOND):
            print(tables(lines, arguments.part))
        else:
            write_report(lines, README)
            write_documentation(lines, DOCS / "diagnosis.md")
        return 0
    if arguments.shard is None and arguments.workers > 1:
        return share(__spec__.name, sys.argv[1:] if argv is None else list(argv), arguments.workers)
    return run(arguments)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "report"])
    add_data_folder(parser)
    parser.add_argument("--out", type=Path, default=LINES, help="gzipped JSON lines that results are appended to")
    parser.add_argument("--part", choices=list(SETS), default=None, help="default: all; reporting in a report")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of split and network")
    parser.add_argument("--only", nargs="+", default=[], metavar="FAULT", help='names of faults, or "control"')
    parser.add_argument("--sets", nargs="+", default=[], metavar="NAME", help="names of sets")
    add_workers(parser, "the sets", default=2)
    parser.add_argument("--limit", type=int, default=None, help="stop after so many instances of each worker")
    parser.add_argument("--misses", action="store_true", help="list the instances named wrong")
    return parser.parse_args(argv)


# Running


def run(arguments: argparse.Namespace) -> int:
    from benchmarks.diagnosis.training import limit_threads

    limit_threads()
    warnings.filterwarnings("ignore", "You are using a softmax over axis -1")  # that is one of the faults
    todo = chosen_instances(arguments)
    done = {line["key"] for line in read_lines(arguments.out)}
    todo = [one for one in todo if one.key not in done]
    todo = todo[: arguments.limit] if arguments.limit else todo
    memory: dict[Any, Any] = {}
    for number, one in enumerate(todo, start=1):
        start = perf_counter()
        line = measure(one, arguments.data, memory)
        line["seconds"] = round(perf_counter() - start, 2)
        append_line(arguments.out, line)
        truth = " ".join("+".join(actions) for actions in line.get("truth", []))
        print(f"{number:4}/{len(todo)} {one.key:60} {line['status']:13} {line['seconds']:6.1f} s  {truth}", flush=True)
    return 0


def chosen_instances(arguments: argparse.Namespace) -> list[Instance]:
    """The share of this process, in an order that keeps equal architectures together."""
    from benchmarks.diagnosis.faults import instances
    from benchmarks.diagnosis.training import FROM_FOLDER, load

    folder = arguments.data
    missing = {name for name in FROM_FOLDER if folder is None or not (folder / f"{name}.parquet").exists()}
    for name in sorted(missing):
        print(f"diagnosis: {name} is left out: no {name}.parquet in {folder}. Name a folder with --data.")
    names = [name for name in PART_OF if name not in missing]
    classes = {name: int(load(name, folder, 0)[1].max()) + 1 for name in names}
    parts = [arguments.part] if arguments.part else list(SETS)
    found = instances(classes, parts, arguments.seeds)
    if arguments.only:
        found = [one for one in found if one.fault in arguments.only]
    if arguments.sets:
        found = [one for one in found if one.set in arguments.sets]
    if arguments.shard:
        worker, n_workers = arguments.shard
        owner = share_out({one.set for one in found}, n_workers)
        found = [one for one in found if owner[one.set] == worker]
    return sorted(found, key=lambda one: (one.set, one.fault, one.strength, one.seed))


def share_out(names: set[str], n_workers: int) -> dict[str, int]:
    """A worker for each set, the dearest sets first."""
    load_of = [0] * n_workers
    owner = {}
    for name in sorted(names, key=lambda name: (-COST.get(name, 1), name)):
        owner[name] = load_of.index(min(load_of))
        load_of[owner[name]] += COST.get(name, 1)
    return owner


def measure(one: Instance, folder: Path | None, memory: dict[Any, Any]) -> dict[str, Any]:
    """Train with the fault; if it counts, gather the evidence and try the repairs."""
    from benchmarks.diagnosis.peers import PEERS, Watched
    from benchmarks.diagnosis.training import evidences, problem, train

    recipe = one.recipe
    data = problem(one.set, folder, one.seed, recipe.prevalence, recipe.shuffled_labels)
    done = train(recipe, data, one.seed, watch=True)
    line = {
        "key": one.key,
        "fault": one.fault,
        "strength": one.strength,
        "set": one.set,
        "part": one.part,
        "seed": one.seed,
        "recipe": recipe,
        "reference": data.reference,
        "outcome": done.report.outcome,
        "balanced_accuracy": done.report.balanced_accuracy,
    }
    line["status"] = "admitted" if one.faults else "control"
    if one.faults and not done.failed:
        line["status"] = "harmless"
    elif not one.faults and one.must_learn and done.failed:
        line["status"] = "control failed"
    if line["status"] not in ("admitted", "control"):
        return to_json(line)
    line["judged"] = done.report
    line["evidence"] = evidences(done, recipe, data)
    watched = Watched(recipe, data.n_classes, done.X, done.history[:, 0], done.history[:, 1], done.checkpoints)
    line["peers"] = {name: symptoms(watched) for name, symptoms in PEERS.items()}
    if one.faults:
        line |= try_repairs(one, folder, memory)
    return to_json(line)


def try_repairs(one: Instance, folder: Path | None, memory: dict[Any, Any]) -> dict[str, Any]:
    """Every single repair, every pair where none suffices, and all at once; nothing where the twin fails too."""
    twin_fails, twin_score = outcome_of(one.healthy, one, folder, memory)
    if twin_fails:
        return {"status": "twin fails", "twin": twin_score, "evidence": None, "peers": None}
    trials: dict[str, Any] = {}
    truth: list[list[str]] = []
    for sets in (SINGLES, PAIRS):
        for actions in sets:
            fails, score = outcome_of(repaired(one.recipe, actions), one, folder, memory)
            trials["+".join(sorted(actions))] = [not fails, score]
            truth += [] if fails else [sorted(actions)]
        if truth:
            break
    fails, score = outcome_of(repaired(one.recipe, EVERYTHING), one, folder, memory)
    return {"twin": twin_score, "trials": trials, "truth": truth, "everything": [not fails, score]}


def outcome_of(recipe: Recipe, one: Instance, folder: Path | None, memory: dict[Any, Any]) -> tuple[bool, float]:
    """Whether a training fails and its balanced accuracy; remembered, because repairs of many faults agree."""
    from benchmarks.diagnosis.training import problem, train

    key = (one.set, one.seed, recipe)
    if key not in memory:
        data = problem(one.set, folder, one.seed, recipe.prevalence, recipe.shuffled_labels)
        done = train(recipe, data, one.seed)
        memory[key] = (done.failed, done.report.balanced_accuracy)
    return memory[key]


# Results


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Results so far; empty where there is no file."""
    if not path.exists():
        return []
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def append_line(path: Path, line: dict[str, Any]) -> None:
    """One write in append mode, of a gzip member: lines of several workers do not mix on a local disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        file.write(gzip.compress((json.dumps(line) + "\n").encode()))


if __name__ == "__main__":
    sys.exit(main())
