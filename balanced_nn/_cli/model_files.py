"""Which file does a command write a model to, which does it open, and how is it opened elsewhere?"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from balanced_nn._cli.console import OneLineError, join_lines, tell
from balanced_nn._export import model_files
from balanced_nn._export.model_files import SKOPS, WRITERS
from balanced_nn._storage.atomic_file import replaced_file
from balanced_nn._training.keras.process import quiet_start
from balanced_nn.exceptions import ModelFileError

FORMATS = tuple(WRITERS)
KERAS = (".keras", ".h5")
MOST_REMEMBERED = 1000  # checksums, 65 bytes each


def choose_format(path: Path) -> Path:
    """Give a file without a suffix that of skops, or where skops is missing that of joblib, and say so."""
    if path.suffix:
        return path
    if _has_skops():
        return path.with_suffix(SKOPS)
    chosen = path.with_suffix(".joblib")
    tell(
        f"skops is not installed, so that the model becomes a pickle, {chosen}, which runs code when it is loaded: "
        "pip install 'balanced-nn[skops]'"
    )
    return chosen


def _has_skops() -> bool:
    try:
        model_files.import_skops(Path())
    except ImportError:
        return False
    return True


def check_format(path: Path) -> None:
    """Raise an ImportError where the format that the suffix names needs a package that is not there."""
    if path.suffix.lower() == SKOPS:
        model_files.import_skops(path)


def save_model(model: Any, path: Path) -> None:
    """Write a model, and remember of a pickle that this user wrote it."""
    model_files.save_model(model, path)
    if path.suffix.lower() != SKOPS:
        _remember(path)


def load_model(path: Path, *, trust: bool) -> Any:
    """Read a model in the format that the suffix names. What this user's command wrote here is trusted.

    Raises
    ------
    OneLineError
        If there is no such file.
    ModelFileError
        If there is no model in it that can be used.
    """
    if not path.is_file():
        raise OneLineError(f"there is no file {path}")
    trust = trust or _fingerprint(path) in _remembered()
    return _load_keras(path, trust=trust) if path.suffix.lower() in KERAS else model_files.load_model(path, trust=trust)


def _load_keras(path: Path, *, trust: bool) -> Any:
    if path.suffix.lower() == ".h5":  # Keras looks for code in the files of its newer format only
        model_files.require_trust(path, "a file of the older format of Keras", trust=trust)
    with quiet_start():
        from balanced_nn._diagnose.keras.layers import load_model  # deferred: loads TensorFlow

    try:
        return load_model(path)
    except Exception as error:  # Keras, zipfile and h5py have errors of their own
        raise ModelFileError(f"cannot read a model from {path}: {type(error).__name__}: {join_lines(error)}") from error


def _memory() -> Path:
    """Return the file of checksums, where programs keep what lasts (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "balanced-nn" / "written-models"


def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _remembered() -> list[str]:
    """Return the checksums of what was written, the oldest first; none where they cannot be read."""
    try:
        return _memory().read_text(encoding="ascii").split()
    except (OSError, RuntimeError, ValueError):  # no such file, no home, no text
        return []


def _remember(path: Path) -> None:
    """Append the checksum of a model; where that cannot be done, it is opened with --trust."""
    if not path.is_file():  # such as a named pipe, which is read by somebody else
        return
    with suppress(OSError, RuntimeError):
        known = [*_remembered(), _fingerprint(path)][-MOST_REMEMBERED:]
        memory = _memory()
        memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replaced_file(memory) as file:
            file.write("\n".join(known).encode("ascii"))


def explain_loading(path: Path) -> tuple[str, str]:
    """Return the Python that reads a written model, and what to know before it is run.

    >>> print(explain_loading(Path("churn.skops"))[0])
    from balanced_nn import load_model
    <BLANKLINE>
    model = load_model('churn.skops')
    """
    imported = "from balanced_nn import load_model\n\n"
    if path.suffix.lower() == SKOPS:
        return f"{imported}model = load_model({str(path)!r})", "The file contains no code, so it is safe to open."
    warning = "Loading a joblib or pickle file runs the code in it: only open files that you trust."
    return f"{imported}model = load_model({str(path)!r}, trust=True)", warning
