"""How are arrays, and the plain values that belong to them, kept in one file that is whole or not there?

An archive of NumPy (``.npz``), in which the values are JSON. Nothing in it is code, and nothing is unpickled.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from balanced_nn._storage.atomic_file import replaced_file

_VALUES = "values"  # entry of the archive
Content = tuple[dict[str, Any], dict[str, list[np.ndarray]]]


def write_arrays(path: Path, values: Mapping[str, Any], arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Write values and arrays; whoever opens the file finds all of the old content or all of the new.

    Parameters
    ----------
    path : Path
        The file, in a folder that there is.
    values : mapping
        What JSON can hold; numbers keep all their digits.
    arrays : mapping of str to sequence of ndarray
        Arrays of numbers, by name.
    """
    entries: dict[str, Any] = {_VALUES: np.frombuffer(json.dumps(values).encode(), np.uint8)}
    for name, several in arrays.items():
        entries |= {f"{name}.{i}": array for i, array in enumerate(several)}
    with replaced_file(path) as file:
        np.savez(file, **entries)


def read_arrays(path: Path) -> Content | None:
    """Read values and arrays back; None where there is no such file.

    Raises
    ------
    ValueError
        If the file is damaged, or another one.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            values = json.loads(archive[_VALUES].tobytes())
            arrays: dict[str, list[np.ndarray]] = {}
            for name in archive.files:  # in the order in which they were written
                if name != _VALUES:
                    arrays.setdefault(name.rpartition(".")[0], []).append(archive[name])
    except FileNotFoundError:
        return None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} cannot be read ({error}). Delete it, if it was to hold a checkpoint.") from error
    return values, arrays
