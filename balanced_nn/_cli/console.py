"""How does a command communicate? Checked arguments, one-line errors, exit codes, and messages beside the output."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn, TypeAlias

from balanced_nn._training.keras.process import quiet_start

FAILED, WRONG, COLLAPSED, INTERRUPTED = 1, 2, 3, 130  # exit codes; 2 is also that of argparse
LARGEST_SEED = 2**32 - 1
MOST_NAMES = 30  # that a message lists
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # to which a command adds its parser


class OneLineError(Exception):
    """What the user is told in one line: arguments, a table or a model that cannot be used."""


class FailedError(OneLineError):
    """What went wrong though they could."""


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, and leaves the lines of examples as they are."""

    def __init__(self, **options: object) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print the line, and leave with code 2."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def add_table_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that looks at a table with labels."""
    command.add_argument(
        "table", type=Path, metavar="TABLE", help="a CSV or Parquet file, or a folder of Parquet files (needs pandas)"
    )
    add_encoding_argument(command)
    command.add_argument("--target", required=True, metavar="COLUMN", help="the column that holds the labels")
    command.add_argument(
        "--drop", action="append", default=[], metavar="COLUMN", help="a column to leave out; may be repeated"
    )


def add_encoding_argument(command: argparse.ArgumentParser) -> None:
    """Add the encoding of a table in a CSV file."""
    command.add_argument(
        "--encoding",
        type=read_encoding,
        default="utf-8",
        metavar="NAME",
        help="encoding of a CSV file, such as cp1252, latin-1 or utf-16 (default: utf-8)",
    )


def add_trust_argument(command: argparse.ArgumentParser) -> None:
    """Add the leave to run the code in a file."""
    command.add_argument(
        "--trust",
        action="store_true",
        help="open a model that may hold code, such as a pickle. Loading it runs the code in it: only for files that "
        "you trust",
    )


def read_encoding(text: str) -> str:
    """Read the name of an encoding from an argument."""
    try:
        "a".encode(text)
    except (LookupError, UnicodeError):
        raise argparse.ArgumentTypeError(f"is no encoding that Python knows: {text!r}") from None
    return text


def read_seed(text: str) -> int:
    """Read a seed from an argument."""
    if text.isdecimal() and int(text) <= LARGEST_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer from 0 to {LARGEST_SEED}, got {text!r}")


def read_count(text: str) -> int:
    """Read a number of things from an argument."""
    if text.isdecimal() and 1 <= int(text) <= LARGEST_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")


def join_lines(error: object) -> str:
    """Return the message of an error or a warning without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def tell(line: str) -> None:
    """Show a line beside the output, not in it."""
    print(line, file=sys.stderr, flush=True)


def load_tensorflow(*, quiet: bool = False) -> None:
    """Load TensorFlow, which takes a few seconds, before anything is drawn on the terminal."""
    if not quiet and "tensorflow" not in sys.modules:
        tell("Loading TensorFlow ...")
    with quiet_start():
        import balanced_nn._training.keras.train  # noqa: F401
