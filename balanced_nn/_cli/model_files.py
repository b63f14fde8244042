"""How is a model kept in a file? What each suffix means, for writing and for reading."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from balanced_nn._cli.console import OneLineError, join_lines
from balanced_nn._export.skops import SKOPS_TYPES
from balanced_nn._training.keras.process import quiet_start


def _dump_joblib(model: Any, path: Path) -> None:
    importlib.import_module("joblib").dump(model, path, compress=3)  # it comes with scikit-learn


def _load_joblib(path: Path) -> Any:
    return importlib.import_module("joblib").load(path)


def _dump_skops(model: Any, path: Path) -> None:
    _import_skops(path).dump(model, path)


def _load_skops(path: Path) -> Any:
    return _import_skops(path).load(path, trusted=SKOPS_TYPES)


def _import_skops(path: Path) -> ModuleType:
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        raise ImportError(f"{path} needs skops: pip install 'balanced-nn[skops]'") from error


def _load_keras(path: Path) -> Any:
    with quiet_start():
        from balanced_nn._diagnose.keras.layers import load_model  # deferred: loads TensorFlow

        return load_model(path)


WRITERS: dict[str, Callable[[Any, Path], None]] = {".joblib": _dump_joblib, ".pkl": _dump_joblib, ".skops": _dump_skops}
# All others are pickles.
READERS: dict[str, Callable[[Path], Any]] = {".keras": _load_keras, ".h5": _load_keras, ".skops": _load_skops}


def check_format(path: Path) -> None:
    """Raise an ImportError where the format that the suffix names needs a package that is not there."""
    if WRITERS[path.suffix.lower()] is _dump_skops:
        _import_skops(path)


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
        raise OneLineError(f"cannot read a model from {path}: {type(error).__name__}: {join_lines(error)}") from error


def explain_loading(path: Path) -> tuple[str, str]:
    """Return the Python that reads a written model, and what to know before it is run.

    >>> print(explain_loading(Path("churn.joblib"))[0])
    import joblib
    <BLANKLINE>
    model = joblib.load('churn.joblib')
    """
    if WRITERS[path.suffix.lower()] is _dump_skops:
        imports = "import skops.io\nfrom balanced_nn import SKOPS_TYPES"
        code = f"{imports}\n\nmodel = skops.io.load({str(path)!r}, trusted=SKOPS_TYPES)"
        return code, "The file contains no code, so it is safe to open."
    code = f"import joblib\n\nmodel = joblib.load({str(path)!r})"
    return code, "Loading a joblib or pickle file runs the code in it: only open files that you trust."
