"""What does `balanced-nn predict` do?"""

import argparse
import warnings
from pathlib import Path

from balanced_nn._cli.console import Commands, OneLineError, add_encoding_argument, add_trust_argument, join_lines, tell
from balanced_nn._cli.model_files import load_model
from balanced_nn._cli.table_files import (
    PARQUET,
    check_output,
    check_writer,
    find_text_columns,
    read_as_written,
    read_frame,
    require_columns,
    select_columns,
    write_frame,
)
from balanced_nn._export.frames import PREDICTION, answer, answer_names
from balanced_nn.exceptions import ModelFileError

DESCRIPTION = """\
Writes a row for each row of the table, in the same order: the columns that
were requested with --keep, the predicted label as "prediction", and the
probability of each class as "probability_<class>". Columns that the model was
not fitted on are ignored. Text that a spreadsheet would take for a formula
gets an apostrophe before it in CSV; numbers stay numbers."""
EPILOG = """\
Examples:
  balanced-nn predict churn.skops new.csv > answers.csv
  balanced-nn predict churn.skops new.csv --keep customer --out answers.parquet

A .skops file is safe to open. Loading a pickle or joblib file runs the code in
it, and asks for --trust unless you wrote it here with `balanced-nn fit`: only
open files that you trust.

Exit codes: 0 success, 1 failure, 2 wrong arguments or a model that cannot be
opened.
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
    predict.add_argument("table", type=Path, metavar="TABLE", help="a CSV or Parquet file (needs pandas)")
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
        check_output(arguments.out, [".csv", *PARQUET], "the answers")
        check_writer(arguments.out)
    model = load_model(arguments.model, trust=arguments.trust)
    if not hasattr(model, "predict") or not hasattr(model, "classes_"):
        raise ModelFileError(
            f"{arguments.model} holds {type(model).__name__}, which is not a fitted scikit-learn classifier"
        )
    frame = read_frame(arguments.table, arguments.encoding, text=find_text_columns(model))
    require_columns(frame, arguments.keep, arguments.table)
    rows = select_columns(model, frame, arguments.table)
    taken = [name for name in arguments.keep if name in {PREDICTION, *answer_names(model)}]
    if taken:
        raise OneLineError(f"column {taken[0]!r} cannot be kept: the answers have a column of that name")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answers = answer(rows, model)
    except (TypeError, ValueError) as error:  # what the model says of rows that it cannot use
        raise OneLineError(f"{arguments.table} does not fit the model: {join_lines(error)}") from error
    for note in dict.fromkeys(join_lines(w.message) for w in caught):  # both predictions warn
        tell(f"balanced-nn: {note}")
    kept = read_as_written(frame, arguments.keep, arguments.table, arguments.encoding)
    write_frame({**kept, **answers}, arguments.out, escape=not arguments.no_escape)
    return 0
