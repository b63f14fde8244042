"""Do the commands of the page on the shell exist, and print what it shows?"""

import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from balanced_nn import _demo
from balanced_nn._cli.main import build_parser, main

PAGE = Path(__file__).parents[2] / "docs/command-line.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
BLOCKS = BLOCK.findall(PAGE.read_text())
COMMANDS = [text.split(" || ")[0].strip() for _, text in BLOCKS if text.startswith("balanced-nn")]


def words(text: str) -> list[str]:
    """The text without its numbers and bars, which differ between versions of TensorFlow."""
    return re.sub(r"#+|[\d.,]*\d(e-?\d+)?%?", "0", text).split()


def outline(text: str) -> list[list[str]]:
    """How each line begins; a bar may be empty."""
    return [words(line)[:3] for line in text.replace("#", "").strip().splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_is_one(command: str) -> None:
    assert build_parser().parse_args(shlex.split(command)[1:]).command in command


@pytest.mark.slow
def test_the_table_of_the_page_is_made_as_it_says(tmp_path: Path) -> None:
    (code,) = re.findall(r'python -c "(.*?)"', PAGE.read_text().replace("\\\n", ""), flags=re.S)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert len(pd.read_csv(tmp_path / "survey.csv")) == 19_849


@pytest.mark.slow
def test_the_commands_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    survey = pd.read_csv(Path(_demo.__path__[0]) / "prediabetes.csv.gz")
    survey.to_csv("survey.csv", index=False)
    survey[:3].to_csv("new.csv", index=False)
    shown = [pair for pair in pairwise(BLOCKS) if pair[0][1].startswith("balanced-nn") and pair[1][0] == "text"]
    for (_, command), (_, text) in shown:
        assert main(shlex.split(command)[1:]) == 0
        printed = capsys.readouterr().out
        assert words(printed)[:40] == words(text)[:40]
        assert outline(printed) == outline(text)
