"""What can be done from a shell? The command `balanced-nn`, also `python -m balanced_nn`."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import balanced_nn
from balanced_nn._evidence import DataFacts
from balanced_nn._preflight import preflight, table_facts
from balanced_nn._preprocessing import TabularPreprocessor
from balanced_nn._table import Table, read_table
from balanced_nn._target import read_target

LARGEST_SEED = 2**32 - 1
COLLAPSED = 3  # exit code
MOST_CLASSES = 20  # that are listed


class _OneLineError(Exception):
    """What the user is told in one line."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments without the name of the program; None takes those of the process.

    Returns
    -------
    int
        Exit code: 0 for success, 1 for a failure, 2 for wrong arguments, 3 where a diagnosed model collapsed, 130 after
        Ctrl-C.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed the help, the version or the error
        return int(stop.code or 0)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError, _OneLineError) as error:
        print(f"balanced-nn: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="balanced-nn", description="A neural-network classifier for imbalanced tables.")
    parser.add_argument("--version", action="version", version=f"balanced-nn {balanced_nn.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    _add_demo(commands)
    _add_diagnose(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="a plain Keras MLP and BalancedNNClassifier on the same real, imbalanced table",
        description="Fits the plain Keras MLP of the tutorials and BalancedNNClassifier on the same real, imbalanced "
        "table that ships with the package, and shows both side by side.",
    )
    demo.set_defaults(run=_demo)
    choice = demo.add_mutually_exclusive_group()
    choice.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="seed of the split and of both networks (default: 0)"
    )
    choice.add_argument(
        "--seeds", type=_count, metavar="N", help="compare with each of the seeds 0 to N-1 and print a Markdown table"
    )


def _add_diagnose(commands: Any) -> None:
    diagnose = commands.add_parser(
        "diagnose",
        help="why a fitted model answers one class, or what about a table deserves a look before training",
        description="Without --model: what about the table deserves a look before a network is trained on it. With "
        "--model: whether the fitted model collapsed on these rows, why, and what to do.",
        epilog="Exit codes: 0 no collapse, 1 failure, 2 wrong arguments, 3 the model collapsed.",
    )
    diagnose.set_defaults(run=_diagnose)
    diagnose.add_argument("table", type=Path, metavar="TABLE", help="a CSV or Parquet file (needs pandas)")
    diagnose.add_argument("--target", required=True, metavar="COLUMN", help="the column that holds the labels")
    diagnose.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a fitted classifier: .keras, or a pickle or joblib file. Loading a pickle runs the code in it: only open "
        "files that you trust",
    )
    diagnose.add_argument("--json", action="store_true", help="print JSON instead of text")


def _seed(text: str) -> int:
    if text.isdecimal() and int(text) <= LARGEST_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer from 0 to {LARGEST_SEED}, got {text!r}")


def _count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= LARGEST_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")


def _demo(arguments: argparse.Namespace) -> int:
    from balanced_nn._demo import compare, compare_seeds, comparison_text, load_keras, seeds_table

    _tell("Loading TensorFlow ...")
    with _quiet_tensorflow_start():
        load_keras()
    if arguments.seeds is None:
        print(comparison_text(compare(arguments.seed, tell=_tell)))
    else:
        print(seeds_table(compare_seeds(range(arguments.seeds), tell=_tell)))
    return 0


def _diagnose(arguments: argparse.Namespace) -> int:
    frame, labels = _read_rows(arguments.table, arguments.target)
    try:
        if arguments.model is not None:
            return _diagnose_model(arguments, frame, labels)
        return _diagnose_table(arguments, frame, labels)
    except (TypeError, ValueError) as error:  # what the package says of rows that it cannot use
        raise _OneLineError(_one_line(error)) from error


def _diagnose_model(arguments: argparse.Namespace, frame: Any, labels: Any) -> int:
    from balanced_nn._diagnose import diagnose

    model = _load_model(arguments.model)
    report = diagnose(model, _columns_of(model, frame), labels)
    print(json.dumps(report.to_dict(), indent=2) if arguments.json else report)
    return COLLAPSED if report.collapsed else 0


def _diagnose_table(arguments: argparse.Namespace, frame: Any, labels: Any) -> int:
    unbounded = frame.replace([np.inf, -np.inf], np.nan)  # a finding here, though an error for an estimator
    table = read_table(TabularPreprocessor(), unbounded, reset=True)
    target = read_target(labels, frame)
    classes, y = np.unique(target, return_inverse=True)
    facts = table_facts(table, y, len(classes))
    findings = preflight(facts, classes.tolist())
    if arguments.json:
        facts_of = {**asdict(facts), "classes": classes.tolist(), "findings": findings}
        print(json.dumps(facts_of, indent=2, default=str))
    else:
        print(_table_text(arguments, table, facts, classes.tolist(), findings))
    return 0


def _table_text(
    arguments: argparse.Namespace, table: Table, facts: DataFacts, classes: list[Any], findings: tuple[str, ...]
) -> str:
    n_categories = len(table.categories)
    rows = sorted(zip(facts.class_rows, facts.class_share, map(str, classes), strict=True), reverse=True)
    width = max(len(name) for _, _, name in rows[:MOST_CLASSES])
    lines = [
        f"{arguments.table}: {facts.n_rows:,} rows, {facts.n_features:,} columns beside {arguments.target!r} "
        f"({facts.n_features - n_categories:,} of numbers, {n_categories:,} of categories).",
        "",
        *(f"  {name:<{width}}  {count:>9,} rows  {share:6.1%}" for count, share, name in rows[:MOST_CLASSES]),
        *([f"  and {len(rows) - MOST_CLASSES:,} more classes"] if len(rows) > MOST_CLASSES else []),
        "",
    ]
    if not findings:
        return "\n".join([*lines, "Nothing in this table stands in the way of training a network."])
    return "\n".join([*lines, "Worth a look before a network is trained:", *(f"- {text}" for text in findings)])


def _read_rows(path: Path, target: str) -> tuple[Any, Any]:
    """Return the columns beside the target, and the target, of the rows that have a label."""
    frame = _read_frame(path)
    if target not in frame.columns:
        raise _OneLineError(f"{path} has no column {target!r}; it has {', '.join(map(str, frame.columns))}")
    labelled = frame[target].notna()
    if not labelled.all():
        _tell(f"{(~labelled).sum():,} of {len(frame):,} rows have no label and are left out.")
    if not labelled.any():
        raise _OneLineError(f"{path} has no row with a label in column {target!r}")
    if len(frame.columns) < 2:
        raise _OneLineError(f"{path} has no column beside {target!r}")
    rows = frame[labelled]
    return rows.drop(columns=target), rows[target].to_numpy()


def _read_frame(path: Path) -> Any:
    if not path.is_file():
        raise _OneLineError(f"there is no file {path}")
    parquet = path.suffix.lower() in {".parquet", ".pq"}
    try:
        pandas = importlib.import_module("pandas")  # no dependency: needed here only
        return pandas.read_parquet(path) if parquet else pandas.read_csv(path)
    except ImportError as error:
        needed = "pandas pyarrow" if parquet else "pandas"
        raise ImportError(f"reading {path} needs {' and '.join(needed.split())}: pip install {needed}") from error
    except ValueError as error:  # also what pandas and pyarrow raise for a file that is none
        raise _OneLineError(f"cannot read {path}: {_one_line(error)}") from error


def _load_model(path: Path) -> Any:
    if not path.is_file():
        raise _OneLineError(f"there is no file {path}")
    try:
        if path.suffix.lower() in {".keras", ".h5"}:
            with _quiet_tensorflow_start():
                from balanced_nn._keras._anatomy import load_model  # deferred: loads TensorFlow

                return load_model(path)
        return importlib.import_module("joblib").load(path)  # joblib comes with scikit-learn
    except Exception as error:  # a pickle can raise anything
        raise _OneLineError(f"cannot read a model from {path}: {type(error).__name__}: {_one_line(error)}") from error


def _columns_of(model: Any, frame: Any) -> Any:
    """Return the table as the model was fitted on it: with its columns by name, or as an array."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return frame.to_numpy()
    missing = [str(name) for name in names if name not in frame.columns]
    if missing:
        raise _OneLineError(f"the model was fitted with columns that the table does not have: {', '.join(missing)}")
    return frame[list(names)]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _tell(line: str) -> None:
    """Show progress beside the output, not in it."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _quiet_tensorflow_start() -> Iterator[None]:
    """Keep TensorFlow's start-up messages, which C++ writes before any level can be set, off the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
