"""How fast is BalancedNNClassifier, beside its peers in the same run?

    python -m benchmarks.speed.run                 measure all sections and write benchmarks/results/speed.csv
    python -m benchmarks.speed.run predict search  measure these sections only; the others keep their rows
    python -m benchmarks.speed.run report          write the tables into benchmarks/README.md and docs/speed.md

Each section runs in a fresh process. Methods that are compared take turns, five rounds of them unless the section says
otherwise, each for at least a second; a ratio is the median over the rounds of the ratios within a round, so that a
machine that slows down for a while does not decide. Needs the extra "peers" and a CPU build of PyTorch: `make
bench-speed` sets that up.
"""

import argparse
import csv
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import DOCS, README, RESULTS
from benchmarks.common.records import fill
from benchmarks.speed.compilation import compilation
from benchmarks.speed.diagnosis import diagnosis
from benchmarks.speed.memory import memory
from benchmarks.speed.prediction import predict, predict_at_defaults
from benchmarks.speed.start_up import cold_fit, start_up
from benchmarks.speed.timing import Row, fresh_process
from benchmarks.speed.training import growth, matrix_products, same_network, search, side_by_side, throughput, whole_fit

ROWS = RESULTS / "speed.csv"
PAGES = (README, DOCS / "speed.md")
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"

SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "same-network": same_network,
    "matrix-products": matrix_products,
    "search": search,
    "predict": predict,
    "predict-at-defaults": predict_at_defaults,
    "whole-fit": whole_fit,
    "side-by-side": side_by_side,
    "cold-fit": cold_fit,
    "compilation": compilation,
    "start-up": start_up,
    "memory": memory,
    "growth": growth,
    "throughput": throughput,
    "diagnosis": diagnosis,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"report, or some of: {', '.join(SECTIONS)}")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # this is the fresh process
    arguments = parser.parse_args(argv)
    if arguments.sections == ["report"]:
        for page in PAGES:
            write_report(read_rows(), page)
        return 0
    if unknown := set(arguments.sections) - set(SECTIONS):
        print(f"speed: no section {', '.join(sorted(unknown))}. There are: {', '.join(SECTIONS)}.", file=sys.stderr)
        return 2
    if arguments.inside:
        print("\n" + json.dumps([asdict(row) for row in SECTIONS[arguments.sections[0]]()]))
        return 0
    for name in arguments.sections or SECTIONS:
        start = time.perf_counter()
        rows = [Row(**line) for line in json.loads(fresh_process(["-m", __spec__.name, name, "--inside"]))]
        keep = [row for row in read_rows() if row.section != title(name)]
        write_rows(keep + rows)
        print(f"{name}: {len(rows)} figures in {time.perf_counter() - start:.0f} s", flush=True)
    return 0


# Results


def read_rows() -> list[Row]:
    if not ROWS.exists():
        return []
    with ROWS.open(newline="") as lines:
        return [
            Row(**{**line, "value": float(line["value"]), "ratio": float(line["ratio"]) if line["ratio"] else None})
            for line in csv.DictReader(lines)
        ]


def write_rows(rows: Sequence[Row]) -> None:
    order = [title(name) for name in SECTIONS]
    ROWS.parent.mkdir(exist_ok=True)
    with ROWS.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in sorted(rows, key=lambda row: order.index(row.section)):
            ratio = None if row.ratio is None else float(f"{row.ratio:.3g}")
            writer.writerow({**asdict(row), "value": float(f"{row.value:.4g}"), "ratio": ratio})


def title(section: str) -> str:
    return section if section == "start-up" else section.replace("-", " ")


def write_report(rows: Sequence[Row], page: Path) -> None:
    """Put a table for each section between the markers of a page."""
    parts = []
    for name, section in SECTIONS.items():
        its_rows = [row for row in rows if row.section == title(name)]
        if not its_rows:
            continue  # not measured yet
        heading = f"### {title(name).capitalize()}\n\n{inspect.getdoc(section)}"
        lines = [f"| {r.case} | {r.method} | {figure(r)} | {ratio(r)} |" for r in its_rows]
        parts.append("\n".join([heading, "", "| case | method | figure | ratio to |", "|---|---|---:|---:|", *lines]))
    fill(page, BEGIN, END, "\n\n".join(parts))


def figure(row: Row) -> str:
    return f"{row.value:,.0f} {row.unit}" if row.value >= 1000 else f"{row.value:.3g} {row.unit}".strip()


def ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.3g} × {row.to}"  # noqa: RUF001


if __name__ == "__main__":
    sys.exit(main())
