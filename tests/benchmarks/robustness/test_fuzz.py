"""Does the fuzz notice each fault that it looks for, and nothing else?"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.robustness import fuzz


@pytest.fixture(scope="module")
def writes() -> fuzz.Writes:
    return fuzz.Writes()  # a hook that stays until the process ends: one is enough


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.skops").write_bytes(b"")
    return tmp_path.resolve()


def fail(arguments: list[str]) -> int:
    raise RecursionError("too deep")


def say_nothing(arguments: list[str]) -> int:
    return 1


def say_twice(arguments: list[str]) -> int:
    sys.stderr.write("balanced-nn: no\nbalanced-nn: no\n")
    return 1


def refuse(arguments: list[str]) -> int:
    sys.stderr.write("balanced-nn: no\n")
    return 2


def write_beside(arguments: list[str]) -> int:
    Path("stray").write_text("x")
    return 0


def write_and_remove(arguments: list[str]) -> int:
    Path("stray").write_text("x")
    Path("stray").unlink()
    return 0


def change_the_table(arguments: list[str]) -> int:
    next(Path("../in").iterdir()).open("a").close()
    return 0


def leave_half(arguments: list[str]) -> int:
    Path("../out/answers.csv").write_text("x")
    return refuse(arguments)


def warn(arguments: list[str]) -> int:
    warnings.warn("odd", UserWarning, stacklevel=1)
    return 0


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (fail, {"exception"}),
        (say_nothing, {"odd"}),
        (say_twice, {"odd"}),
        (refuse, set()),
        (write_beside, {"answered", "stray"}),
        (write_and_remove, {"answered", "stray"}),
        (change_the_table, {"answered", "stray"}),
        (leave_half, {"stray"}),
        (warn, {"answered", "warned"}),
    ],
)
def test_each_fault_is_noticed(
    command: Callable[[list[str]], int],
    found: set[str],
    folder: Path,
    writes: fuzz.Writes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fuzz, "run_command", command)
    run = fuzz.run_mutation(0, folder, writes)
    assert {name for name, value in vars(run).items() if value} == found


def test_tables_are_the_same_whenever_they_are_made(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    made = []
    for _ in range(2):
        made.append([])
        for number in range(8):
            table, arguments = fuzz.make_table(number, tmp_path)
            made[-1].append((table.read_bytes(), arguments))
    assert made[0] == made[1]
    assert len({content for content, _ in made[0]}) == 8


def test_an_unharmed_table_is_read(folder: Path, writes: fuzz.Writes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "mutate", lambda content, n_changes, rng: content)
    monkeypatch.setattr(fuzz, "write_csv", lambda rng: (b"x,y\n" + b"1,no\n2,yes\n" * 20, ".csv"))
    monkeypatch.setattr(fuzz, "arguments_of", lambda command, table, *_: ["diagnose", str(table), "--target", "y"])
    assert fuzz.run_mutation(1, folder, writes) == fuzz.Run(answered=True)
