"""What does `balanced-nn diagnose` do?"""

import argparse
import json
from pathlib import Path
from typing import Any

from balanced_nn._cli.console import (
    COLLAPSED,
    Commands,
    OneLineError,
    add_table_arguments,
    add_trust_argument,
    join_lines,
)
from balanced_nn._cli.model_files import load_model
from balanced_nn._cli.tables.matching import find_text_columns, select_columns
from balanced_nn._cli.tables.reading import LabelledTable, find_dates, read_labelled
from balanced_nn._cli.tables.summary import summarize_table

DESCRIPTION = """\
Without --model: what to check in the table before a network is
trained on it. With --model: whether the fitted model collapsed on these rows,
why, and what to do."""
EPILOG = """\
Examples:
  balanced-nn diagnose table.csv --target churn
  balanced-nn diagnose table.csv --target churn --model model.keras

Exit codes: 0 no collapse, 1 failure, 2 arguments, a table or a model that
cannot be used, 3 the model collapsed.
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    diagnose = commands.add_parser(
        "diagnose",
        help="why a fitted model answers only one class, or what to check in a table before training",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    diagnose.set_defaults(run=run)
    add_table_arguments(diagnose)
    diagnose.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a fitted classifier: .skops, .keras, or with --trust a pickle or joblib file",
    )
    add_trust_argument(diagnose)
    diagnose.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Look at the table, or at the model, and print what was found."""
    model = None if arguments.model is None else load_model(arguments.model, trust=arguments.trust)
    text = [*find_text_columns(model), *([arguments.target] if _names_classes(model) else [])]
    table = read_labelled(arguments.table, arguments.target, arguments.drop, text, arguments.encoding)
    try:
        if model is not None:
            return _diagnose_model(model, table, as_json=arguments.json)
        summary = summarize_table(find_dates(table))
    except (TypeError, ValueError) as error:  # what the package says of rows that it cannot use
        raise OneLineError(join_lines(error)) from error
    print(json.dumps(summary.to_dict(), indent=2, default=str) if arguments.json else summary)
    return 0


def _names_classes(model: Any) -> bool:
    """Whether the classes of a model are text, as the labels that it is judged on then are, too."""
    return all(isinstance(label, str) for label in getattr(model, "classes_", [None]))


def _diagnose_model(model: Any, table: LabelledTable, *, as_json: bool) -> int:
    from balanced_nn._diagnose.diagnose import diagnose

    report = diagnose(model, select_columns(model, table.columns, table.path), table.labels)
    print(json.dumps(report.to_dict(), indent=2) if as_json else report)
    return COLLAPSED if report.collapsed else 0
