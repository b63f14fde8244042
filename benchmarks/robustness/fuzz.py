"""Does the command survive tables that nobody wrote? Mutates the bytes of CSV and Parquet files and hands them over.

    python -m benchmarks.robustness.fuzz run       mutate and append to benchmarks/results/fuzz.csv
    python -m benchmarks.robustness.fuzz report    write the table into benchmarks/README.md

Each mutation is one table for one of `predict`, `diagnose` (with and without a model), and `fit` up to the fit itself,
which is skipped. The command runs in this process, in an empty folder, with the table in another and the answers in
a third. A run is a fault if an exception leaves the command, if a refusal is not one line and an exit code, if a
file is opened for writing or renamed elsewhere than in the folder of the answers, or if the process ends or takes more
than a minute. The number of a mutation is its seed: `show N` writes it to a file, and runs it aloud.
"""

import contextlib
import io
import multiprocessing as mp
import os
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
import pandas as pd

import balanced_nn._diagnose.diagnose  # noqa: F401 here, and not in each process
from balanced_nn import BalancedNNClassifier, load_model, save_model
from balanced_nn._cli.main import main as run_command
from benchmarks.common.command_line import make_parser
from benchmarks.common.paths import README, RESULTS
from benchmarks.common.records import append_row, fill, read_rows
from benchmarks.common.workers import answers_of

ROWS = RESULTS / "fuzz.csv"
BEGIN, END = "<!-- fuzz: begin -->", "<!-- fuzz: end -->"
BLOCK = 250  # mutations of a process and of a row of the results
TIME_LIMIT = 60.0  # seconds
MEMORY = 6 * 2**30  # bytes that a process may map, lest a length in a damaged file is believed
COMMANDS = ("predict", "diagnose", "diagnose --model", "fit")
FORMATS = ("csv", "parquet")
SKIPPED = "the fit is skipped"
TOKENS = [
    *(b'"', b"'", b'""', b"\0", b"\r", b"\n", b"\r\n", b"\n\n", b",", b";", b"\t", b"|", b" ", b"\\", b"sep=;\n", b"#"),
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xed\xa0\x80",
        b"\xc3",
        "é".encode(),
        "\uff11".encode(),
        "\u202e".encode(),
    ),
    *(b"nan", b"NA", b"inf", b"-inf", b"1e400", b"-1e308", b"1e-320", b"9" * 30, b"0x1F", b"1_000", b"1.234,5", b"12%"),
    *(
        b"=1+1",
        b"@SUM(A1)",
        b"-2+3",
        b"<script>alert(1)</script>",
        b"{{7*7}}",
        b"$(touch x)",
        b"../../x",
        b"%s%n",
        b"a" * 9000,
    ),
    *(
        b"2024-13-45",
        b"2024-02-30",
        b"0000-00-00",
        b"9999-12-31T23:59:59+14:00",
        b"1677-01-01",
        b"True",
        b"FALSE",
        b"None",
    ),
]


@dataclass(frozen=True)
class Row:
    """The mutations of one block, command and format; the columns of the results."""

    block: int
    command: str
    format: str
    n: int
    answered: int  # exit code 0 or 3, or the fit was reached
    refused: int  # in one line
    exceptions: int  # left the command
    odd_refusals: int  # no line, several, or another code
    stray_files: int  # written outside the folder of the answers
    crashes: int  # ends of the process
    timeouts: int
    python_warnings: int  # runs in which Python warned of something
    slowest: float  # seconds


@dataclass(frozen=True)
class Run:
    """What came of one mutation."""

    answered: bool = False
    exception: str = ""
    odd: str = ""
    stray: str = ""
    warned: str = ""


def some_rows(rng: np.random.Generator) -> pd.DataFrame:
    """A small table of each kind of column."""
    n = int(rng.choice([3, 12, 60, 120]))
    frame = pd.DataFrame({"size": rng.normal(size=n), "count": rng.integers(0, 9, n), "flag": rng.random(n) < 0.5})
    frame["town"] = rng.choice(["Ulm", "Å, B", 'say "x"', "=1+1"], n)
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 400, n), unit="D")
    frame["y"] = np.where(frame["size"] + 0.3 * rng.normal(size=n) > 0.6, "yes", "no")
    return frame.mask(rng.random(frame.shape) < 0.03 * (frame.columns != "y"))


def write_csv(rng: np.random.Generator) -> tuple[bytes, str]:
    """The bytes of a CSV file before they are mutated, and how such a file ends."""
    separator, encoding = str(rng.choice([",", ",", ";", "\t"])), str(rng.choice(["utf-8"] * 6 + ["utf-16", "cp1252"]))
    text = some_rows(rng).to_csv(index=bool(rng.random() < 0.2), sep=separator, quoting=int(rng.integers(0, 2)))
    return text.encode(encoding, errors="replace"), ".csv"


def write_parquet(rng: np.random.Generator) -> tuple[bytes, str]:
    """The bytes of a Parquet file, with columns that a CSV file cannot have."""
    frame, made = some_rows(rng), io.BytesIO()
    n = len(frame)
    extra: dict[str, Callable[[], Any]] = {
        "lists": lambda: [[1, 2]] * n,
        "dicts": lambda: [{"a": 1}] * n,
        "bytes": lambda: [b"\xff\0"] * n,
        "spans": lambda: pd.to_timedelta(np.arange(n), unit="s"),
        "zoned": lambda: pd.date_range("2026-01-01", periods=n, tz="Europe/Paris"),
        "kinds": lambda: pd.Categorical(rng.choice(["a", "b"], n)),
        "none": lambda: [None] * n,
        "far": lambda: pd.array([2**63 - 1] * n, dtype="Int64"),
        "clocks": lambda: [pd.Timestamp("2026-01-01 10:00").time()] * n,
        "infinite": lambda: np.where(np.arange(n) % 2, np.inf, 1.0),
    }
    for name in rng.permutation(list(extra))[: int(rng.integers(0, 4))]:
        target = "size" if rng.random() < 0.3 else str(name)
        frame[target] = extra[str(name)]()
    frame.to_parquet(made, index=bool(rng.random() < 0.2), compression=str(rng.choice(["snappy", "none", "gzip"])))
    return made.getvalue(), ".parquet"


def mutate(content: bytes, n_changes: int, rng: np.random.Generator) -> bytes:
    """Change some bytes."""
    changed = bytearray(content)
    for _ in range(n_changes):
        start, end = sorted(rng.integers(0, len(changed) + 1, 2).tolist())
        match int(rng.integers(0, 8)):
            case 0 if changed:  # a bit
                changed[min(start, len(changed) - 1)] ^= 1 << int(rng.integers(0, 8))
            case 1:  # a few bytes of noise
                changed[start:start] = rng.bytes(int(rng.integers(1, 9)))
            case 2:  # something that means something
                changed[start:start] = TOKENS[int(rng.integers(len(TOKENS)))]
            case 3:  # in the place of something
                changed[start : start + 4] = TOKENS[int(rng.integers(len(TOKENS)))]
            case 4:  # a piece is missing
                del changed[start : min(end, start + int(rng.choice([1, 8, 200])))]
            case 5:  # a piece is there twice
                changed[start:start] = changed[start : min(end, start + 300)]
            case 6 if rng.random() < 0.2:  # the end is missing
                del changed[start:]
            case 7:  # one character stands for another
                old, new = rng.choice(list(b',;\t"\n .-09aeNy'), 2)
                changed[start:end] = changed[start:end].replace(bytes([old]), bytes([new]))
    return bytes(changed)


def arguments_of(command: str, table: Path, folder: Path, rng: np.random.Generator) -> list[str]:
    out, model = folder / "out", str(folder / "model.skops")
    encoding = ["--encoding", str(rng.choice(["utf-16", "cp1252"]))] if rng.random() < 0.15 else []
    if command == "predict":
        keep = ["--keep", str(rng.choice(["town", "y", "day"]))] if rng.random() < 0.5 else []
        suffix = str(rng.choice(["csv", "parquet"]))
        return [command, model, str(table), "--out", str(out / f"answers.{suffix}"), *keep, *encoding]
    target = ["--target", "y", *encoding, *(["--drop", "town"] if rng.random() < 0.2 else [])]
    if command == "fit":
        return [command, str(table), *target, "--out", str(out / "m.skops"), "--quiet"]
    asked = ["--model", model] if command.endswith("--model") else []
    return ["diagnose", str(table), *target, *asked, *(["--json"] if rng.random() < 0.3 else [])]


class Writes:
    """Which files are opened for writing or moved outside a folder? One audit hook, which Python cannot take back."""

    def __init__(self) -> None:
        self.allowed: Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, values: tuple[Any, ...]) -> None:
        if self.allowed is None or event not in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}:
            return
        if event == "open" and not (isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        place = values[0]
        if (
            isinstance(place, int)
            or str(place) == os.devnull
            or self.allowed in Path(os.fsdecode(place)).absolute().parents
        ):
            return
        self.seen.append(f"{event} {place!s}")


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def plan(number: int) -> tuple[str, str]:
    return COMMANDS[number % len(COMMANDS)], FORMATS[number // len(COMMANDS) % len(FORMATS)]


def make_table(number: int, folder: Path) -> tuple[Path, list[str]]:
    """Write the mutated table of a number, and return it with the arguments."""
    command, kind = plan(number)
    rng = np.random.default_rng([number, 11])
    content, suffix = (write_csv if kind == "csv" else write_parquet)(rng)
    # A Parquet file hardly survives a change: half of them are only odd, so that what follows the reading is reached.
    n_changes = int(rng.choice([0, 1, 1, 1, 2, 3, 8, 40] if kind == "csv" else [0, 0, 0, 0, 1, 2, 8, 40]))
    table = folder / "in" / f"table{suffix}"
    table.write_bytes(mutate(content, n_changes, rng))
    return table, arguments_of(command, table, folder, rng)


def run_mutation(number: int, folder: Path, writes: Writes) -> Run:
    """Run the command on one mutated table, in folders that are emptied first."""
    for name in ("in", "out", "here"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    table, arguments = make_table(number, folder)
    given, code, exception = table.read_bytes(), -1, ""
    told = io.StringIO()
    writes.seen.clear()
    with contextlib.chdir(folder / "here"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            writes.allowed = folder / "out"
            try:
                code = run_command(arguments)
            except BaseException:
                exception = traceback.format_exc()
            finally:
                writes.allowed = None
    left = content_of(folder)
    expected = {str(table): given, str(folder / "model.skops"): left[str(folder / "model.skops")]}
    stray = [
        *writes.seen,
        *(name for name in left if name not in expected and not name.startswith(str(folder / "out"))),
    ]
    if left.get(str(table)) != given:
        stray.append("the table")
    if code not in {0, 3} and list((folder / "out").iterdir()):
        stray.append("a file of a command that failed")
    lines = [line for line in told.getvalue().splitlines() if line.startswith("balanced-nn: ")]
    answered = code in {0, 3} or lines == [f"balanced-nn: {SKIPPED}"]
    odd = "" if answered or exception or (code in {1, 2} and len(lines) == 1) else f"code {code}: {told.getvalue()}"
    warned = "; ".join(f"{w.category.__name__}: {w.message}" for w in caught)
    return Run(answered, exception, odd, "; ".join(stray), warned)


def skip_fits(model: Path) -> None:
    """Fit nothing, and load the one model once: it is the tables that are odd."""

    def fit(self: BalancedNNClassifier, X: Any, y: Any) -> None:
        raise ValueError(SKIPPED)

    BalancedNNClassifier.fit = fit  # type: ignore[method-assign, assignment]
    sys.modules["balanced_nn._cli.fit"].load_tensorflow = lambda *, quiet: None  # type: ignore[attr-defined]
    loaded = load_model(model)
    for name in ("predict", "diagnose"):
        sys.modules[f"balanced_nn._cli.{name}"].load_model = lambda path, *, trust: loaded  # type: ignore[attr-defined]


def work(numbers: Sequence[int], folder: Path, pipe: Any) -> None:
    """Run mutations, and send each result with its number and its seconds."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    skip_fits(folder / "model.skops")
    writes = Writes()
    for number in numbers:
        pipe.send((number, None, 0.0))
        start = perf_counter()
        pipe.send((number, run_mutation(number, folder, writes), perf_counter() - start))


def run_block(block: int, folder: Path) -> list[Row]:
    """Run the mutations of a block, in further processes where one ends or hangs."""
    found: dict[tuple[str, str], Row] = {}
    pending = list(range(block * BLOCK, (block + 1) * BLOCK))
    while pending:
        ours, theirs = mp.Pipe()
        process = mp.get_context("fork").Process(target=work, args=(pending, folder, theirs))
        process.start()
        theirs.close()
        for number, run, seconds in answers_of(ours, process, TIME_LIMIT):
            command, kind = plan(number)
            row = found.setdefault((command, kind), Row(block, command, kind, *[0] * 9, 0.0))
            found[command, kind] = count(row, run, seconds)
            tell(number, run, seconds)
            pending.remove(number)
        process.join()
    return list(found.values())


def count(row: Row, run: Run | str, seconds: float) -> Row:
    row = replace(row, n=row.n + 1, slowest=round(max(row.slowest, seconds), 2))
    if isinstance(run, str):
        return replace(row, crashes=row.crashes + (run == "crash"), timeouts=row.timeouts + (run == "timeout"))
    return replace(
        row,
        answered=row.answered + run.answered,
        refused=row.refused + (not run.answered and not run.exception and not run.odd),
        exceptions=row.exceptions + bool(run.exception),
        odd_refusals=row.odd_refusals + bool(run.odd),
        stray_files=row.stray_files + bool(run.stray),
        python_warnings=row.python_warnings + bool(run.warned),
    )


def tell(number: int, run: Run | str, seconds: float) -> None:
    told = run if isinstance(run, str) else run.exception or run.odd or run.stray or run.warned
    if told or seconds > 10:
        print(f"{number} {plan(number)} {seconds:.1f} s: {told}", flush=True)


def write_model(path: Path) -> None:
    frame = some_rows(np.random.default_rng(3)).dropna()
    clf = BalancedNNClassifier(
        (8,), n_members=1, max_iter=5, learning_rate_init=0.01, on_collapse="ignore", random_state=0
    )
    save_model(clf.fit(frame.drop(columns="y"), frame["y"]), path)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("command", choices=["run", "report", "show"])
    parser.add_argument("number", type=int, nargs="?", default=0, help="of the mutation to show")
    parser.add_argument("--out", type=Path, default=ROWS, help="CSV file that results are appended to")
    parser.add_argument("--mutations", type=int, default=10_000, help="how many in all")
    arguments = parser.parse_args(argv)
    if arguments.command == "report":
        fill(README, BEGIN, END, "\n".join(table_of(read_rows(arguments.out, Row))))
        return 0
    done = {row.block for row in read_rows(arguments.out, Row)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        prepare_model(folder / "model.skops")
        if arguments.command == "show":
            return show(arguments.number, folder)
        for block in range(-(-arguments.mutations // BLOCK)):
            if block not in done:
                for row in run_block(block, folder):
                    append_row(arguments.out, row)
                print(f"block {block}", flush=True)
    return 0


def prepare_model(path: Path) -> None:
    """Fit in a process of its own: those that are forked later must not have loaded TensorFlow."""
    process = mp.get_context("spawn").Process(target=write_model, args=(path,))
    process.start()
    process.join()


def show(number: int, folder: Path) -> int:
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    table, arguments = make_table(number, folder)
    kept = Path(f"fuzz-{number}{table.suffix}")
    shutil.copy(table, kept)
    print(f"{kept}: {arguments}")
    skip_fits(folder / "model.skops")
    return run_command(arguments)


def table_of(rows: Sequence[Row]) -> list[str]:
    names = (
        "answered",
        "refused",
        "exceptions",
        "odd_refusals",
        "stray_files",
        "crashes",
        "timeouts",
        "python_warnings",
    )
    heads = "answered | refused in one line | exceptions | other refusals | files elsewhere | crashes | over a minute"
    lines = [f"| command | table | mutations | {heads} | Python warned | slowest |", f"|---|---|{'---:|' * 10}"]
    for command in COMMANDS:
        for kind in FORMATS:
            own = [row for row in rows if (row.command, row.format) == (command, kind)]
            counts = " | ".join(f"{sum(getattr(row, name) for row in own):,}" for name in names)
            slowest = max((row.slowest for row in own), default=0.0)
            lines.append(f"| {command} | {kind} | {sum(row.n for row in own):,} | {counts} | {slowest:.1f} s |")
    total = sum(row.n for row in rows)
    faults = sum(sum(getattr(row, name) for name in names[2:7]) for row in rows)
    return [*lines, "", f"{faults} faults in {total:,} mutations."]


if __name__ == "__main__":
    sys.exit(main())
