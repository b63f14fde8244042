"""What does `balanced-nn predict` do?"""

import argparse
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanced_nn._cli.console import Commands, OneLineError, add_encoding_argument, add_trust_argument, join_lines, tell
from balanced_nn._cli.model_files import load_model
from balanced_nn._cli.tables.matching import find_text_columns, needed_columns, select_columns
from balanced_nn._cli.tables.parquet import SUFFIXES, is_parquet, open_parquet
from balanced_nn._cli.tables.reading import read_parts
from balanced_nn._cli.tables.writing import check_output, check_writer, write_frames
from balanced_nn._export.frames import PREDICTION, answer, answer_names
from balanced_nn._streaming.source import Advance
from balanced_nn._training.progress import show_rows
from balanced_nn.exceptions import ModelFileError

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_NOTES = 20  # warnings about the rows that are told
DESCRIPTION = """\
Writes a row for each row of the table, in the same order: the columns that
were requested with --keep, the predicted label as "prediction", and the
probability of each class as "probability_<class>". Columns that the model was
not fitted on are ignored. Text that a spreadsheet would take for a formula
gets an apostrophe before it in CSV; numbers stay numbers. Parquet, a file or a
folder of files, is read and answered part by part, whatever its size."""
EPILOG = """\
Examples:
  balanced-nn predict churn.skops new.csv > answers.csv
  balanced-nn predict churn.skops folder/ --keep customer --out answers.parquet

A .skops file is safe to open. Loading a pickle or joblib file runs the code in
it, and asks for --trust unless you wrote it here with `balanced-nn fit`: only
open files that you trust.

Exit codes: 0 success, 1 failure, 2 arguments, a table or a model that cannot
be used.
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    predict = commands.add_parser(
        "predict",
        help="labels and probabilities of the rows of a table",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    predict.set_defaults(run=run)
    predict.add_argument("model", type=Path, metavar="MODEL", help="a model that `balanced-nn fit` wrote")
    predict.add_argument(
        "table", type=Path, metavar="TABLE", help="a CSV or Parquet file, or a folder of Parquet files (needs pandas)"
    )
    add_encoding_argument(predict)
    add_trust_argument(predict)
    predict.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write: .csv or .parquet (default: CSV to standard output)"
    )
    predict.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column of the table to write next to the answers, such as an identifier; may be repeated",
    )
    predict.add_argument(
        "--no-escape",
        action="store_true",
        help="write text that begins with =, +, - or @ to CSV as it is; otherwise it gets an apostrophe before it, so "
        "that a spreadsheet does not compute it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Predict, and write the answers."""
    if arguments.out is not None:
        check_output(arguments.out, [".csv", *SUFFIXES], "the answers")
        check_writer(arguments.out)
    model = load_model(arguments.model, trust=arguments.trust)
    if not hasattr(model, "predict") or not hasattr(model, "classes_"):
        raise ModelFileError(
            f"{arguments.model} holds {type(model).__name__}, which is not a fitted scikit-learn classifier"
        )
    taken = [name for name in arguments.keep if name in {PREDICTION, *answer_names(model)}]
    if taken:
        raise OneLineError(f"column {taken[0]!r} cannot be kept: the answers have a column of that name")
    told = Notes()
    with show_rows(not _writes_to_terminal(arguments), "Predicting", lambda: _count_rows(arguments.table)) as advance:
        write_frames(_answer(model, arguments, told, advance), arguments.out, escape=not arguments.no_escape)
    told.end()
    return 0


def _answer(model: Any, arguments: argparse.Namespace, told: "Notes", advance: Advance) -> Iterator["DataFrame"]:
    """Answer the rows of a table part by part, behind the columns that are kept."""
    table = arguments.table
    columns = partial(needed_columns, model)
    text = find_text_columns(model)
    for part in read_parts(table, columns, arguments.keep, arguments.encoding, text=text, advance=advance):
        rows = select_columns(model, part.frame, table)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                answers = answer(rows, model)
        except (TypeError, ValueError) as error:  # what the model says of rows that it cannot use
            raise OneLineError(f"{table} does not fit the model: {join_lines(error)}") from error
        told.tell(caught)
        yield part.kept.assign(**answers)


class Notes:
    """Tells what was warned of once, and where it differs from part to part not for ever."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._n_left_out = 0

    def tell(self, caught: Iterable[warnings.WarningMessage]) -> None:
        """Tell what is new."""
        for note in dict.fromkeys(join_lines(w.message) for w in caught):  # both predictions warn
            if note in self._told:
                continue
            if len(self._told) == MOST_NOTES:
                self._n_left_out += 1
                continue
            self._told.add(note)
            tell(f"balanced-nn: {note}")

    def end(self) -> None:
        """Tell how many were not told."""
        if self._n_left_out:
            tell(f"balanced-nn: {self._n_left_out:,} further warnings are left out")


def _writes_to_terminal(arguments: argparse.Namespace) -> bool:
    return arguments.out is None and sys.stdout.isatty()


def _count_rows(path: Path) -> int | None:
    return open_parquet(path).count_rows() if is_parquet(path) else None
