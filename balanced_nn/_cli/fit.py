"""What does `balanced-nn fit` do? It fits, judges on rows held out, and writes the model and a page about it."""

import argparse
import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.data_checks import too_many_classes
from balanced_nn._cli.console import (
    COLLAPSED,
    Commands,
    FailedError,
    OneLineError,
    add_table_arguments,
    join_lines,
    load_tensorflow,
    read_count,
    read_seed,
    tell,
)
from balanced_nn._cli.evaluation import Evaluation, evaluate
from balanced_nn._cli.html_report import Fit, Origin, render_report
from balanced_nn._cli.model_files import FORMATS, check_format, choose_format, save_model
from balanced_nn._cli.tables.train_test import Rows, RowSample, open_rows
from balanced_nn._cli.tables.writing import check_output
from balanced_nn._data.names import listed
from balanced_nn._data.target import find_classes
from balanced_nn._decision.rule import read_decision
from balanced_nn._displays.feature_effects import FeatureEffects, measure_effects
from balanced_nn._storage.atomic_file import replaced_file
from balanced_nn._training.progress import show_rows
from balanced_nn.exceptions import CollapseWarning, ColumnWarning

DESCRIPTION = """\
Fits BalancedNNClassifier on a table, evaluates it on rows that it did not see,
and writes the model and an HTML report. The same fraction of each class is
held out. The table may hold numbers, text, categories and missing values. One
of Parquet that is too large to be held in memory is read part by part."""
EPILOG = """\
Examples:
  balanced-nn fit table.csv --target churn --out churn.skops
  balanced-nn fit folder/ --target churn --out churn.skops --drop customer
  balanced-nn fit table.csv --target churn --out churn.skops --decision f1
  balanced-nn fit table.csv --target churn --out churn.skops \\
      --decision '[[0, 1], [50, 0]]'

The model is a BalancedNNClassifier: balanced_nn.load_model reads it in
Python, `balanced-nn predict` from a shell. A .skops file (needs skops) is safe
to open, and can be shared. Loading a pickle or joblib file runs the code in
it: only open files that you trust. Those that you wrote here are opened as
they are, those of others with --trust.

Exit codes: 0 no collapse, 1 failure, 2 arguments or a table that cannot be
used, 3 the model collapsed (it is written nevertheless).
"""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    fit = commands.add_parser(
        "fit",
        help="fit a model on a table, and write it with a report",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    fit.set_defaults(run=run)
    add_table_arguments(fit)
    fit.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help=f"the model: {' or '.join(FORMATS)} (without a suffix: .skops)",
    )
    fit.add_argument("--report", type=Path, metavar="FILE", help="the report (default: beside the model, as .html)")
    fit.add_argument(
        "--test-size",
        type=_read_fraction,
        default=0.2,
        metavar="F",
        help="fraction of the rows to evaluate the model on, which it never sees; 0 fits on all rows (default: 0.2)",
    )
    fit.add_argument(
        "--decision",
        type=_read_decision,
        default="auto",
        metavar="RULE",
        help="how labels are chosen: balanced, argmax, a threshold for the second of two classes, a metric to tune, "
        "such as f1, or costs as JSON, a row for each true class (default: balanced)",
    )
    defaults = BalancedNNClassifier()
    fit.add_argument(
        "--class-weight",
        choices=["balanced", "none"],
        default=defaults.class_weight,
        help="how training weights the classes (default: %(default)s)",
    )
    fit.add_argument(
        "--max-iter",
        type=read_count,
        default=defaults.max_iter,
        metavar="N",
        help="maximum number of epochs of a network (default: %(default)s)",
    )
    fit.add_argument(
        "--max-time",
        type=_read_seconds,
        metavar="SECONDS",
        help="end the fit after so many seconds, with the best networks so far (default: no limit)",
    )
    fit.add_argument(
        "--positive",
        metavar="LABEL",
        help="the class that thresholds and metrics such as f1 speak of (default: 1 or True, else the rarer of two)",
    )
    fit.add_argument("--seed", type=read_seed, default=0, metavar="N", help="random seed (default: 0)")
    fit.add_argument("--quiet", action="store_true", help="show no progress")


def _read_fraction(text: str) -> float:
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if 0.0 <= fraction < 1.0:
        return fraction
    raise argparse.ArgumentTypeError(f"must be a fraction from 0 to less than 1, got {text!r}")


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0.0 < seconds < float("inf"):
        return seconds
    raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, got {text!r}")


def _read_decision(text: str) -> str | float | list[list[float]]:
    if text.lstrip().startswith("["):
        try:
            return list(json.loads(text))
        except ValueError:
            message = f"must be JSON such as [[0, 1], [50, 0]] where it begins with a bracket, got {text!r}"
            raise argparse.ArgumentTypeError(message) from None
    try:
        threshold = float(text)
    except ValueError:
        return text
    if 0.0 < threshold < 1.0:
        return threshold
    raise argparse.ArgumentTypeError(f"a threshold must lie between 0 and 1, got {text!r}")


def run(arguments: argparse.Namespace) -> int:
    """Fit, judge and write."""
    out = choose_format(arguments.out)
    report = arguments.report or out.with_suffix(".html")
    check_output(out, FORMATS, "the model")
    check_format(out)
    check_output(report, [".html", ".htm"], "the report")
    try:
        rows = open_rows(
            arguments.table, arguments.target, arguments.drop, arguments.encoding,
            test_size=arguments.test_size, seed=arguments.seed, show=partial(show_rows, not arguments.quiet),
        )  # fmt: skip
        summary = rows.summary
        if too_many_classes(summary.facts):
            raise OneLineError(summary.findings[0])
        _check_arguments(arguments, find_classes(rows.classes))
        print(f"{summary}\n", flush=True)
        model, notes = _fit_model(arguments, rows)
    except (TypeError, ValueError) as error:  # what the package says of rows or parameters that it cannot use
        raise OneLineError(join_lines(error)) from error
    save_model(model, out)  # first of all: whatever fails from here on costs no training
    try:
        seen, effects = _judge(model, rows, arguments.seed)
    except (TypeError, ValueError) as error:
        raise FailedError(f"the model is in {out}, but cannot be judged: {join_lines(error)}") from error
    origin = Origin(arguments.shell, arguments.seed, datetime.now(UTC))
    fit = Fit(summary, model, seen, effects, rows.without, notes, out, origin, rows.judged_on)
    with replaced_file(report) as file:
        file.write(render_report(fit).encode())
    print(_format_fit(fit))
    print(f"\nThe model is in {out}, a report in {report}.")
    return COLLAPSED if model.collapse_report_.collapsed else 0


def _check_arguments(arguments: argparse.Namespace, classes: NDArray[Any]) -> None:
    """Check what can be checked before TensorFlow is loaded."""
    read_decision(arguments.decision, classes.tolist(), None)
    _find_label(arguments.positive, classes)


def _find_label(text: str | None, classes: NDArray[Any]) -> Any:
    """The one of two labels that a text stands for."""
    if text is None:
        return None
    named = {str(label): label for label in classes.tolist()}
    if len(named) != 2 or text not in named:
        raise OneLineError(f"--positive {text} is none of two classes: the target holds {listed(map(repr, named))}.")
    return named[text]


def _fit_model(arguments: argparse.Namespace, rows: Rows) -> tuple[BalancedNNClassifier, tuple[str, ...]]:
    """Fit, and return the classifier and what was warned of beside a collapse, which the report tells."""
    load_tensorflow(quiet=arguments.quiet)
    estimator = BalancedNNClassifier(
        class_weight=None if arguments.class_weight == "none" else arguments.class_weight,
        max_iter=arguments.max_iter,
        max_time=arguments.max_time,
        decision=arguments.decision,
        pos_label=_find_label(arguments.positive, find_classes(rows.classes)),
        random_state=arguments.seed,
        verbose=0 if arguments.quiet else 1,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = rows.fit(estimator)
    told = CollapseWarning, ColumnWarning  # by the report, and before the fit
    notes = dict.fromkeys(join_lines(w.message) for w in caught if not issubclass(w.category, told))
    for note in notes:
        tell(f"balanced-nn: {note}")
    return model.set_params(verbose=0), tuple(notes)


def _judge(model: BalancedNNClassifier, rows: Rows, seed: int) -> tuple[Evaluation | None, FeatureEffects | None]:
    """Evaluate a model on rows that it was not fitted on, and find what it makes of the features there."""
    some = RowSample(np.random.default_rng(seed))
    seen = evaluate(model, some.watch(rows.held_out()))
    if seen is None:
        return None, None
    positive = model.decision_rule_.positive if len(model.classes_) == 2 else int(np.argmin(model.class_prior_))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ColumnWarning)  # of these columns has been told
        effects = measure_effects(model, some.X, some.y, positive=positive, seed=seed)
    return seen, None if effects is None else replace(effects, n_given=seen.n_rows)


def _format_fit(fit: Fit) -> str:
    judged = "" if fit.evaluation is None else f"\n\n{fit.evaluation}"
    settings = "\n".join(f"{name}: {value}" for name, value in fit.found.items())
    return f"{fit.judged}{judged}\n\n{fit.model.collapse_report_}\n{settings}"
