"""Does each worker of a benchmark get its share, and is a failure of one seen?"""

from pathlib import Path

import pytest

from benchmarks.common.workers import share

PROGRAM = """
import pathlib, sys
pathlib.Path("-".join(sys.argv[1:])).touch()
sys.exit("fail" in sys.argv and sys.argv[-2] == "1")
"""


@pytest.mark.parametrize(("word", "code"), [("run", 0), ("fail", 1)])
def test_a_module_of_this_folder_runs_once_for_each_share(
    word: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    assert share("program", [word], 2) == code
    assert {path.name for path in tmp_path.glob(f"{word}*")} == {f"{word}---shard-0-2", f"{word}---shard-1-2"}
