"""How is a model kept in a file? What each suffix means, for writing and for reading."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from balanced_nn._cli._words import OneLineError, one_line, quiet_tensorflow_start


def _dump_joblib(model: Any, path: Path) -> None:
    importlib.import_module("joblib").dump(model, path, compress=3)  # it comes with scikit-learn


def _load_joblib(path: Path) -> Any:
    return importlib.import_module("joblib").load(path)


def _load_keras(path: Path) -> Any:
    with quiet_tensorflow_start():
        from balanced_nn._keras._anatomy import load_model  # deferred: loads TensorFlow

        return load_model(path)


WRITERS: dict[str, Callable[[Any, Path], None]] = {".joblib": _dump_joblib, ".pkl": _dump_joblib}
READERS: dict[str, Callable[[Path], Any]] = {".keras": _load_keras, ".h5": _load_keras}  # all others are pickles


def save_model(model: Any, path: Path) -> None:
    """Write a model in the format that the suffix names, one of `WRITERS`."""
    WRITERS[path.suffix.lower()](model, path)


def load_model(path: Path) -> Any:
    """Read a model in the format that the suffix names.

    Raises
    ------
    OneLineError
        If there is no such file, or no model in it.
    """
    if not path.is_file():
        raise OneLineError(f"there is no file {path}")
    try:
        return READERS.get(path.suffix.lower(), _load_joblib)(path)
    except Exception as error:  # a pickle can raise anything
        raise OneLineError(f"cannot read a model from {path}: {type(error).__name__}: {one_line(error)}") from error
