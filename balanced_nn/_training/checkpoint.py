"""Where does a fit keep how far it has come, so that it goes on there when it was killed?

A folder holds a file that says of which fit it is, and one for each training: arrays and JSON, never a pickle. What
comes before a training (cleaning, the range test) follows from the rows and the seed, and is done again.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import Any

import joblib
import numpy as np

from balanced_nn._data.labelled_rows import LabelledRows
from balanced_nn._data.names import listed
from balanced_nn._data.row_sketch import hash_whole_rows
from balanced_nn._storage.array_file import Content, read_arrays, write_arrays
from balanced_nn._storage.atomic_file import temporary_files
from balanced_nn._training.preparation import Split
from balanced_nn._training.settings import FitSettings

FORMAT = 1
COST = 20  # times as long as the last writing took, at least, until the next one
PACKAGES = ("balanced-nn", "numpy", "scikit-learn", "tensorflow")  # whose version may change the last bits
MANIFEST = "balanced_nn_fit.npz"
TRAININGS = "balanced_nn_training_*.npz"
FILES = "balanced_nn_*.npz"
# What may be another one: it says what becomes of trained networks, or only how they are trained side by side.
_FREE = {"checkpoint", "decision", "max_time", "n_jobs", "pos_label", "random_state", "verbose", "warm_start"}
_DIGEST = "digest "  # how values begin that are compared, and not shown
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class KeptTraining:
    """The file of one training."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0.0  # when it may be written again

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._path.parent

    def read(self) -> Content | None:
        """Return what was written last; None where nothing was."""
        return read_arrays(self._path)

    @property
    def is_due(self) -> bool:
        """Whether writing would not take more than a twentieth of the time."""
        return monotonic() >= self._next

    def write(self, values: Mapping[str, Any], arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Replace the file."""
        began = monotonic()
        write_arrays(self._path, values, arrays)
        now = monotonic()
        self._next = now + COST * (now - began)


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a fit."""

    folder: Path

    @property
    def seed(self) -> int | None:
        """Seed of the fit that is kept; None where there is none."""
        found = read_arrays(self.folder / MANIFEST) if self.folder.is_dir() else None
        return None if found is None else int(found[0]["seed"])

    def claim(self, facts: Mapping[str, Any]) -> None:
        """Say of which fit this folder is, or refuse to go on with another one.

        Parameters
        ----------
        facts : mapping of str to what JSON can hold
            What :func:`describe_fit` returns.

        Raises
        ------
        ValueError
            If a fit of other rows, settings or versions is kept there; its message names them.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"checkpoint={str(self.folder)!r} is a file. Name a folder; it need not exist.")
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in temporary_files(self.folder, FILES):  # of a fit that was killed while it wrote
            file.unlink(missing_ok=True)
        found = read_arrays(self.folder / MANIFEST)
        if found is None:
            write_arrays(self.folder / MANIFEST, facts, {})
            return
        before = found[0]
        differing = [
            _difference(name, before.get(name), facts.get(name))
            for name in dict.fromkeys((*facts, *before))
            if before.get(name) != facts.get(name)
        ]
        if differing:
            raise ValueError(
                f"checkpoint={str(self.folder)!r} keeps a fit that did not end, and that was another one: "
                f"{listed(differing)}. Repeat it with what it had, name another folder, or delete this one."
            )

    def training(self, network: int, attempt: int) -> KeptTraining:
        """The file of one attempt at a network."""
        return KeptTraining(self.folder / TRAININGS.replace("*", f"{network}_{attempt}"))

    def remove(self) -> None:
        """Delete the files of a fit that has ended, and the folder if nothing else is in it."""
        for file in self.folder.glob(TRAININGS):
            file.unlink(missing_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()


def _difference(name: str, before: Any, now: Any) -> str:
    if isinstance(before, str) and before.startswith(_DIGEST):
        return f"{name} holds other values"
    if name == "seed":
        return "random_state gives another seed"
    return f"{name} was {before} and is {now}"


def open_checkpoint(folder: str | PathLike[str] | None) -> Checkpoint | None:
    """The checkpoint that the parameter of a fit names, if it names one."""
    return None if folder is None else Checkpoint(Path(folder).absolute())


def describe_fit(settings: FitSettings, seed: int, rows: LabelledRows, splits: Sequence[Split]) -> dict[str, Any]:
    """All that the networks of a fit follow from, so that two fits can be compared.

    Parameters
    ----------
    settings : FitSettings
    seed : int
    rows : LabelledRows
        All rows, or a sample of them.
    splits : sequence of Split
        Which of them, or which others, each network stops on; where they are a sample of; networks to go on from.
    """
    first = splits[0]
    facts: dict[str, Any] = {"format": FORMAT, **{name: version(name) for name in PACKAGES}}
    facts |= {name: _setting(value) for name, value in settings.values.items() if name not in _FREE}
    facts |= {"hidden_layer_sizes": str(settings.layer_widths), "seed": seed}
    facts |= _describe_rows(rows, "X", "y", "sample_weight")
    if first.stream is not None:
        facts["the rows of each class"] = str(first.stream.sample.class_rows.tolist())
    if rows.groups is not None:
        facts["groups"] = _digest(rows.groups)
    if first.valid is not None and first.valid_was_given:
        facts |= _describe_rows(first.valid, "X_val", "y_val", "sample_weight_val")
    arrays = [array for split in splits if split.start is not None for array in split.start.network.arrays()]
    return facts | ({"the networks to train further": _digest(*arrays)} if arrays else {})


def _describe_rows(rows: LabelledRows, X: str, y: str, weight: str) -> dict[str, Any]:
    table = rows.table
    return {
        f"the shape of {X}": str((len(rows.rows), table.width)),
        f"the columns of {X}": _text(table.names),
        X: _digest(hash_whole_rows(table, rows.rows)),
        f"the classes of {y}": _text(rows.classes.tolist()),
        y: _digest(rows.y),
        weight: _digest(rows.weight),
    }


def _digest(*arrays: np.ndarray) -> str:
    found = blake2b(digest_size=16)
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return _DIGEST + found.hexdigest()


def _setting(value: Any) -> str:
    """A parameter in words; of an object with a state of its own, a digest that tells this apart."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str | int | float | tuple | list | Mapping | np.ndarray):
        return _text(value)
    try:
        return _DIGEST + str(joblib.hash(value))
    except Exception:  # a function without a name, say; what pickle raises is anything
        return _text(value)


def _text(value: Any) -> str:
    """A setting in words that are the same in each process."""
    return _ADDRESS.sub("", repr(value))
