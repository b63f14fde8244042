"""What can be done from a shell? The command `balanced-nn`, also `python -m balanced_nn`."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import balanced_nn

LARGEST_SEED = 2**32 - 1


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
        Exit code: 0 for success, 1 for a failure, 2 for wrong arguments, 130 after Ctrl-C.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed the help, the version or the error
        return int(stop.code or 0)
    try:
        _demo(arguments.seed, arguments.seeds)
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError) as error:
        print(f"balanced-nn: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="balanced-nn", description="A neural-network classifier for imbalanced tables.")
    parser.add_argument("--version", action="version", version=f"balanced-nn {balanced_nn.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="a plain Keras MLP and BalancedNNClassifier on the same real, imbalanced table",
        description="Fits the plain Keras MLP of the tutorials and BalancedNNClassifier on the same real, imbalanced "
        "table that ships with the package, and shows both side by side.",
    )
    choice = demo.add_mutually_exclusive_group()
    choice.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="seed of the split and of both networks (default: 0)"
    )
    choice.add_argument(
        "--seeds", type=_count, metavar="N", help="compare with each of the seeds 0 to N-1 and print a Markdown table"
    )
    return parser


def _seed(text: str) -> int:
    if text.isdecimal() and int(text) <= LARGEST_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer from 0 to {LARGEST_SEED}, got {text!r}")


def _count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= LARGEST_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")


def _demo(seed: int, n_seeds: int | None) -> None:
    from balanced_nn._demo import compare, compare_seeds, comparison_text, load_keras, seeds_table

    _tell("Loading TensorFlow ...")
    with _quiet_tensorflow_start():
        load_keras()
    if n_seeds is None:
        print(comparison_text(compare(seed, tell=_tell)))
    else:
        print(seeds_table(compare_seeds(range(n_seeds), tell=_tell)))


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
