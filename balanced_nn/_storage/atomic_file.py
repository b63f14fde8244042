"""How is a file written so that whoever opens it finds all of the old content or all of the new?"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_BEGIN, _END = ".balanced-nn-", ".tmp"  # of the name while it is written
_OF_NAME = 40  # characters of its own name between them: a name may have 255 bytes


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` once it is complete and on the disk; an error leaves `path` alone.

    It is written in the same folder, and keeps the permissions of the file that it replaces. What is no regular file,
    such as a named pipe, is written directly. A symbolic link stays one.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    temporary = target.with_name(f"{_BEGIN}{target.name[:_OF_NAME]}-{secrets.token_hex(8)}{_END}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def temporary_files(folder: Path, names: str) -> Iterator[Path]:
    """What processes that were killed while they wrote have left in a folder, of files with `names`, a pattern."""
    return folder.glob(f"{_BEGIN}{names}-*{_END}")


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk too, where the system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
