"""Is a file that is written either the old one or the new one, whatever happens?"""

import os
import stat
import threading
from pathlib import Path

import pytest

from balanced_nn._storage.atomic_file import replaced_file


def test_a_file_is_there_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with replaced_file(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("a.bin", b"new")]


def break_off(path: Path, error: type[BaseException]) -> None:
    with replaced_file(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_no_other(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(error):
        break_off(path, error)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_a_file_that_nobody_could_write_to_the_disk_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("disk full")

    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"), replaced_file(path) as file:
        file.write(b"new")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_permissions_and_links_stay_as_they_are(tmp_path: Path) -> None:
    kept, link, fresh, usual = (tmp_path / name for name in ("kept", "link", "fresh", "usual"))
    kept.touch()
    kept.chmod(0o640)
    link.symlink_to(kept)
    usual.touch()
    for path in (link, fresh):
        with replaced_file(path) as file:
            file.write(b"new")
    assert link.is_symlink()
    assert (kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)) == (b"new", 0o640)
    assert fresh.stat().st_mode == usual.stat().st_mode


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 249}.skops"
    with replaced_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with replaced_file(path) as file:
        file.write(b"new")
    reader.join()
    assert read == [b"new"]
    assert path.is_fifo()
