"""What does `balanced-nn demo` do?"""

import argparse

from balanced_nn._cli.console import Commands, read_count, read_seed, tell
from balanced_nn._training.keras.process import quiet_start

DESCRIPTION = """\
Fits the plain Keras MLP of the tutorials, the same with class weights, and
BalancedNNClassifier on the same real, imbalanced table that ships with the
package, and shows them side by side."""


def add_command(commands: Commands) -> None:
    """Add the command to the parser."""
    demo = commands.add_parser(
        "demo",
        help="a plain Keras MLP and BalancedNNClassifier on the same real, imbalanced table",
        description=DESCRIPTION,
    )
    demo.set_defaults(run=run)
    choice = demo.add_mutually_exclusive_group()
    choice.add_argument(
        "--seed", type=read_seed, default=0, metavar="N", help="seed of the split and of each network (default: 0)"
    )
    choice.add_argument(
        "--seeds",
        type=read_count,
        metavar="N",
        help="compare with each of the seeds 0 to N-1 and print a Markdown table",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration, and print it."""
    from balanced_nn._demo.compare import compare, compare_seeds
    from balanced_nn._demo.plain_keras import load_keras
    from balanced_nn._demo.report import format_comparison, format_seeds

    tell("Loading TensorFlow ...")
    with quiet_start():
        load_keras()
    if arguments.seeds is None:
        print(format_comparison(compare(arguments.seed, tell=tell)))
    else:
        print(format_seeds(compare_seeds(range(arguments.seeds), tell=tell)))
    return 0
