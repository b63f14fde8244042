"""Which command was asked for, and how does it end? Arguments to a command, errors to one line and an exit code."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

import balanced_nn
from balanced_nn._cli import demo, diagnose, fit, lr_find, predict
from balanced_nn._cli.console import FAILED, INTERRUPTED, WRONG, FailedError, OneLineError, Parser, join_lines
from balanced_nn.exceptions import ModelFileError

EPILOG = """\
Examples:
  balanced-nn diagnose table.csv --target churn
  balanced-nn fit table.csv --target churn --out churn.skops
  balanced-nn predict churn.skops new.csv --keep customer > answers.csv

Each command has a --help of its own.

Exit codes: 0 success, 1 failure, 2 arguments, a table or a model that cannot
be used, 3 a model collapsed, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments without the name of the program; None takes those of the process.

    Returns
    -------
    int
        Exit code: 0 for success, 1 for a failure, 2 for arguments, a table or a model that cannot be used, 3 where a
        model collapsed, 130 after Ctrl-C.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no such letter
    try:
        code = _run(argv)
        print(end="", flush=True)  # here, not at the exit, it is found out that nobody reads
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads the output has seen enough; nothing is left to be flushed at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ImportError, OSError, OneLineError, ModelFileError) as error:
        print(f"balanced-nn: {join_lines(error)}", file=sys.stderr)
        return FAILED if isinstance(error, ImportError | OSError | FailedError) else WRONG


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    given = sys.argv[1:] if argv is None else argv
    try:
        arguments = parser.parse_args(given, argparse.Namespace(shell=shlex.join(["balanced-nn", *given])))
    except SystemExit as stop:  # argparse has printed the help, the version or the error
        return int(stop.code or 0)
    if arguments.command is None:
        parser.print_help()
        return 0
    return int(arguments.run(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = Parser(prog="balanced-nn", description="A neural-network classifier for imbalanced tables.", epilog=EPILOG)
    top.add_argument("--version", action="version", version=f"balanced-nn {balanced_nn.__version__}")
    commands = top.add_subparsers(dest="command", metavar="command")
    for command in (fit, predict, lr_find, diagnose, demo):
        command.add_command(commands)
    return top
