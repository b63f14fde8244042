"""What do the command lines of benchmarks have in common?"""

import argparse
import os
from pathlib import Path


def make_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for ``python -m MODULE``, which shows the docstring of the module as it is."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_data_folder(parser: argparse.ArgumentParser) -> None:
    """``--data``, or the environment variable BALANCED_NN_DATA."""
    folder = os.environ.get("BALANCED_NN_DATA")
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, help="folder of parquet files")
