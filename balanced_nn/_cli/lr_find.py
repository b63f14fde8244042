"""What does `balanced-nn lr-find` do?"""

import argparse
from pathlib import Path

import numpy as np

import balanced_nn
from balanced_nn._cli.console import Commands, OneLineError, add_table_arguments, join_lines, load_tensorflow, read_seed
from balanced_nn._cli.plots import FORMATS, require_matplotlib, save_range_test
from balanced_nn._cli.tables.reading import find_dates, read_labelled
from balanced_nn._cli.tables.summary import leave_out_identifiers
from balanced_nn._cli.tables.writing import check_output
from balanced_nn._network.specs import LearningRateSearch
from balanced_nn._training.learning_rate import search_learning_rate, usable_part

MOST_LINES = 16
WIDTH = 40
DESCRIPTION = """\
Trains a throw-away network for 64 steps while the learning rate grows from
0.0001 to 1, and suggests a rate from the losses. `balanced-nn fit` does this
by itself; this command shows it."""
EPILOG = """\
Examples:
  balanced-nn lr-find table.csv --target churn
  balanced-nn lr-find table.csv --target churn --picture rates.png

Exit codes: 0 success, 1 failure, 2 arguments or a table that cannot be used.
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    find = commands.add_parser(
        "lr-find",
        help="suggest a learning rate for a table, by a range test",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    find.set_defaults(run=run)
    add_table_arguments(find)
    find.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw the losses too: .png, .svg or .pdf (needs matplotlib)"
    )
    find.add_argument("--seed", type=read_seed, default=0, metavar="N", help="random seed (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Run the range test, and print what it suggests."""
    if arguments.picture is not None:
        check_output(arguments.picture, FORMATS, "the picture")
        require_matplotlib(str(arguments.picture))
    table = read_labelled(arguments.table, arguments.target, arguments.drop, encoding=arguments.encoding)
    load_tensorflow()
    estimator = balanced_nn.BalancedNNClassifier(random_state=arguments.seed)
    try:
        table = leave_out_identifiers(find_dates(table))
        trace = balanced_nn.learning_rate_range_test(estimator, table.columns, table.labels)
    except (TypeError, ValueError) as error:  # what the package says of rows that it cannot use
        raise OneLineError(join_lines(error)) from error
    search = search_learning_rate(trace)
    print(_format_search(search))
    if arguments.picture is not None:
        save_range_test(search, arguments.picture)
    return 0


def _format_search(search: LearningRateSearch) -> str:
    """A table of smoothed losses with bars, and the suggestion."""
    rates, losses = usable_part(search.trace)
    chosen = np.unique(np.linspace(0, len(rates) - 1, min(MOST_LINES, len(rates))).round().astype(int))
    lowest, span = min(losses, default=0.0), max(np.ptp(losses), 1e-12) if len(losses) else 1.0
    lines = [f"{'rate':>10}  {'loss':>8}  (smoothed; the bars begin at the lowest)"]
    for rate, loss in zip(rates[chosen], losses[chosen], strict=True):
        lines.append(f"{rate:>10.2g}  {loss:>8.4f}  {'#' * round(WIDTH * (loss - lowest) / span)}")
    n_steps = len(search.trace.losses)
    if len(losses) < n_steps:
        lines.append(f"{'':>10}  {'diverged':>8}  in the last {n_steps - len(losses)} of {n_steps} steps")
    return "\n".join([*lines, "", f"Suggested learning rate: {search.learning_rate:.2g} ({search.reason})."])
