"""What does `balanced-nn diagnose` do?"""

import argparse
import json
from pathlib import Path
from typing import Any

from balanced_nn._cli.console import COLLAPSED, OneLineError, add_table, one_line
from balanced_nn._cli.model_files import load_model
from balanced_nn._cli.table_files import columns_of, read_labelled, text_columns
from balanced_nn._cli.table_summary import look_at

DESCRIPTION = """\
Without --model: what about the table deserves a look before a network is
trained on it. With --model: whether the fitted model collapsed on these rows,
why, and what to do."""
EPILOG = """\
Examples:
  balanced-nn diagnose table.csv --target churn
  balanced-nn diagnose table.csv --target churn --model model.keras

Exit codes: 0 no collapse, 1 failure, 2 wrong arguments,
3 the model collapsed.
"""


def add_command(commands: Any) -> None:
    """Add the command to the parser."""
    diagnose = commands.add_parser(
        "diagnose",
        help="why a fitted model answers one class, or what about a table deserves a look before training",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    diagnose.set_defaults(run=run)
    add_table(diagnose)
    diagnose.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a fitted classifier: .keras, .skops, or a pickle or joblib file. Loading a pickle or joblib file runs "
        "the code in it: only open files that you trust",
    )
    diagnose.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Look at the table, or at the model, and print what was found."""
    model = None if arguments.model is None else load_model(arguments.model)
    text = [*text_columns(model), *([arguments.target] if _names_classes(model) else [])]
    frame, labels = read_labelled(arguments.table, arguments.target, arguments.drop, text)
    try:
        if model is not None:
            return _diagnose_model(arguments, model, frame, labels)
        look = look_at(arguments.table, arguments.target, frame, labels)
    except (TypeError, ValueError) as error:  # what the package says of rows that it cannot use
        raise OneLineError(one_line(error)) from error
    print(json.dumps(look.to_dict(), indent=2, default=str) if arguments.json else look)
    return 0


def _names_classes(model: Any) -> bool:
    """Whether the classes of a model are text, as the labels that it is judged on then are, too."""
    return all(isinstance(label, str) for label in getattr(model, "classes_", [None]))


def _diagnose_model(arguments: argparse.Namespace, model: Any, frame: Any, labels: Any) -> int:
    from balanced_nn._diagnose.diagnose import diagnose

    report = diagnose(model, columns_of(model, frame, arguments.table), labels)
    print(json.dumps(report.to_dict(), indent=2) if arguments.json else report)
    return COLLAPSED if report.collapsed else 0
