"""How is a model kept in a file that tells what it is and whether it is whole?

Beside the model a file holds a manifest, JSON with the version of the format, the versions of the packages and a
checksum: an entry of its own in a skops file, which is a ZIP archive, and the comment in the header of the gzip file
that joblib writes. Both stay readable by skops and joblib alone.
"""

import importlib
import inspect
import io
import json
import pickle
import platform
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib

from balanced_nn._data.names import listed
from balanced_nn._export.skops import SKOPS_TYPES
from balanced_nn._storage.atomic_file import replaced_file
from balanced_nn.exceptions import ModelFileError

FORMAT = 1  # raised by a release whose files older ones cannot read
SKOPS = ".skops"
MANIFEST = "balanced_nn.json"  # the entry in a skops file
PACKAGES = ("balanced-nn", "numpy", "scikit-learn", "keras", "tensorflow")
HOW_TO_TRUST = "If you trust where it comes from, say so: trust=True, or --trust in a shell."
_GZIP = b"\x1f\x8b\x08"
_GZIP_HEADER = 10  # bytes, the fourth of which holds flags
_HAS_COMMENT = 0x10  # the flag, RFC 1952


@dataclass(frozen=True)
class Manifest:
    """What a file tells of the model in it.

    Parameters
    ----------
    format : int
        Version of the format.
    versions : dict of str to str
        Version of each package that the model was written with.
    sha256 : str
        Of the model, in hexadecimal digits.
    """

    format: int
    versions: dict[str, str]
    sha256: str

    def to_json(self) -> bytes:
        """Return it in ASCII without a NUL."""
        return json.dumps(asdict(self)).encode("ascii")

    @property
    def writer(self) -> str:
        """Which release wrote the model, in words."""
        others = (f"{name} {number}" for name, number in self.versions.items() if name != "balanced-nn")
        return f"balanced-nn {self.versions.get('balanced-nn', 'of an unknown version')} ({', '.join(others)})"


def save_model(model: Any, path: str | Path) -> None:
    """Write a fitted model to a file that tells its format, its versions and a checksum.

    The file is complete or not there: it is written under another name in the same folder, and then takes the place of
    `path`.

    Parameters
    ----------
    model : estimator
        A fitted `BalancedNNClassifier`, or another estimator of scikit-learn.
    path : str or Path
        The file. Its suffix is the format: ``.skops`` for one without code, which needs skops, or ``.joblib`` or
        ``.pkl`` for a pickle, compressed by joblib.

    Raises
    ------
    ValueError
        If the suffix is none of these, or a function of the model, such as `hidden_layer_sizes`, cannot be found by
        its name: a lambda, or one inside another function.
    ImportError
        For ``.skops`` without skops.

    See Also
    --------
    load_model : Read it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from balanced_nn import ClassResampler, load_model, save_model
    >>> with TemporaryDirectory() as folder:
    ...     save_model(ClassResampler(random_state=0), Path(folder) / "resampler.skops")
    ...     print(load_model(Path(folder) / "resampler.skops"))
    ClassResampler(random_state=0)
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"path must end in {' or '.join(WRITERS)}, which says how a model is written, got {path}")
    _check_functions(model)
    content = WRITERS[path.suffix.lower()](model, path)  # before anything is written
    with replaced_file(path) as file:
        file.write(content)


def _check_functions(model: Any) -> None:
    """A file names a function by its module, and skops notices only when it is read that nothing is there."""
    for name, value in getattr(model, "get_params", dict)().items():
        if not inspect.isfunction(value):
            continue
        try:
            pickle.dumps(value)
        except (pickle.PicklingError, AttributeError) as error:
            raise ValueError(
                f"{name} is the function {value.__qualname__}, which a file can only name, and which cannot be found "
                "by that name. Define it in a module, neither as a lambda nor inside another function, and fit again."
            ) from error


def load_model(path: str | Path, *, trust: bool = False) -> Any:
    """Read a model from a file that `save_model`, skops, joblib or pickle wrote.

    The version and the checksum are looked at first, where the file has them. Releases read the files of earlier ones,
    from 0.1.0 on.

    Parameters
    ----------
    path : str or Path
        The file. One whose name ends in ``.skops`` is read by skops, and any other by joblib.
    trust : bool, default=False
        Whether you trust where the file comes from. A pickle runs the code in it, and is opened only with True. A skops
        file is opened in any case; True lets it hold types besides `SKOPS_TYPES` and those that skops trusts.

    Returns
    -------
    estimator
        The model.

    Raises
    ------
    ModelFileError
        If the file is truncated, damaged, of another format, of a newer release, or not trusted.
    OSError
        If it cannot be opened.
    ImportError
        For ``.skops`` without skops.

    See Also
    --------
    save_model : Write it, with an example.
    """
    path = Path(path)
    if path.suffix.lower() == SKOPS:
        return _read_skops(path, path.read_bytes(), import_skops(path), trust=trust)
    require_trust(path, "a pickle", trust=trust)
    return _read_joblib(path, path.read_bytes())


def require_trust(path: Path, what: str, *, trust: bool) -> None:
    """Refuse a file that may hold code, unless it is trusted.

    Raises
    ------
    ModelFileError
        If it is not.
    """
    if not trust:
        raise ModelFileError(f"{path} would be read as {what}, which runs the code in it. {HOW_TO_TRUST}")


def import_skops(path: Path) -> ModuleType:
    """Import skops, which a file needs.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        raise ImportError(f"{path} needs skops: pip install 'balanced-nn[skops]'") from error


def _make_manifest(checksum: str) -> Manifest:
    versions = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # TensorFlow has several names, and predictions do without
            versions[name] = version(name)
    return Manifest(FORMAT, {**versions, "Python": platform.python_version()}, checksum)


def _write_skops(model: Any, path: Path) -> bytes:
    stored = io.BytesIO(import_skops(path).dumps(model, compression=zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(stored, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, _make_manifest(_digest_entries(archive)).to_json())
    return stored.getvalue()


def _digest_entries(archive: zipfile.ZipFile) -> str:
    digest = sha256()
    for name in sorted(set(archive.namelist()) - {MANIFEST}):
        digest.update(f"{name}\0{archive.getinfo(name).file_size}\0".encode())
        digest.update(archive.read(name))
    return digest.hexdigest()


def _write_joblib(model: Any, path: Path) -> bytes:
    stored = io.BytesIO()
    joblib.dump(model, stored, compress=("gzip", 3))
    header, body = bytearray(stored.getvalue()[:_GZIP_HEADER]), stored.getvalue()[_GZIP_HEADER:]
    header[3] |= _HAS_COMMENT
    return bytes(header) + _make_manifest(sha256(body).hexdigest()).to_json() + b"\0" + body


WRITERS: dict[str, Callable[[Any, Path], bytes]] = {
    SKOPS: _write_skops,
    ".joblib": _write_joblib,
    ".pkl": _write_joblib,
}


def _read_skops(path: Path, content: bytes, skops: ModuleType, *, trust: bool) -> Any:
    manifest = None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if MANIFEST in archive.namelist():
                manifest = _check(path, archive.read(MANIFEST), lambda: _digest_entries(archive))
        unknown = sorted(set(skops.get_untrusted_types(data=content)) - set(SKOPS_TYPES))
        if not unknown or trust:
            return skops.loads(content, trusted=[*SKOPS_TYPES, *unknown])
    except ModelFileError:
        raise
    except zipfile.BadZipFile as error:
        raise ModelFileError(f"{path} is no skops file, or a truncated or damaged one ({error})") from error
    except Exception as error:  # a schema that anybody may have written
        raise _unreadable(path, manifest, error) from error
    noun = "a type" if len(unknown) == 1 else "types"
    raise ModelFileError(f"{path} holds {noun} of other packages: {listed(map(repr, unknown), 10)}. {HOW_TO_TRUST}")


def _read_joblib(path: Path, content: bytes) -> Any:
    manifest = None
    comment, end, body = content[_GZIP_HEADER:].partition(b"\0")
    if content.startswith(_GZIP) and content[3:4] == bytes([_HAS_COMMENT]) and end:
        manifest = _check(path, comment, lambda: sha256(body).hexdigest())
    try:
        return joblib.load(io.BytesIO(content))
    except Exception as error:  # a pickle can raise anything
        raise _unreadable(path, manifest, error) from error


def _check(path: Path, text: bytes, digest: Callable[[], str]) -> Manifest:
    """Return the manifest of a file that this release can read, and that is as it was written.

    Raises
    ------
    ModelFileError
        If it is not.
    """
    try:
        told = json.loads(text)
        manifest = Manifest(int(told["format"]), dict(told["versions"]), str(told["sha256"]))  # newer ones may say more
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ModelFileError(f"{path} is damaged: what it tells of itself cannot be read") from error
    if manifest.format > FORMAT:
        raise ModelFileError(
            f"{path} was written by a newer release, {manifest.writer}, in format {manifest.format}; balanced-nn "
            f"{version('balanced-nn')} reads up to {FORMAT}: pip install --upgrade balanced-nn"
        )
    if digest() != manifest.sha256:
        raise ModelFileError(f"{path} is damaged: it was truncated or changed after it was written (wrong checksum)")
    return manifest


def _unreadable(path: Path, manifest: Manifest | None, error: Exception) -> ModelFileError:
    message = " ".join(str(error).split())
    written = f", which {manifest.writer} wrote" if manifest else ""
    return ModelFileError(f"cannot read a model from {path}{written}: {type(error).__name__}: {message}")
