"""Does the command answer, help, and report errors in one line?"""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
from sklearn.utils.fixes import parse_version

import balanced_nn
from balanced_nn import _demo
from balanced_nn._cli import main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-m", "balanced_nn", *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"balanced-nn {balanced_nn.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"]])
def test_the_help_names_what_there_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "balanced-nn: the following arguments are required: command. See balanced-nn --help."),
        (["demo", "--seed", "-1"], "must be an integer from 0 to 4294967295, got '-1'"),
        (["demo", "--seed", "x"], "must be an integer from 0 to 4294967295, got 'x'"),
        (["demo", "--seeds", "0"], "must be an integer of at least 1, got '0'"),
        (["demo", "--seed", "1", "--seeds", "2"], "not allowed with argument --seed"),
        (["dmeo"], "invalid choice: 'dmeo'"),
        (["demo", "extra"], "unrecognized arguments: extra"),
    ],
)
def test_wrong_arguments_give_one_line_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ImportError("No module named 'tensorflow'"), 1, "balanced-nn: No module named 'tensorflow'\n"),
        (OSError("disk full"), 1, "balanced-nn: disk full\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_failure_gives_one_line(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> Any:
        raise error

    monkeypatch.setattr(_demo, "load_keras", fail)
    assert main(["demo"]) == code
    assert capsys.readouterr().err.removeprefix("Loading TensorFlow ...\n") == line


def test_the_module_runs_as_the_command_does() -> None:
    finished = run("--version")
    assert (finished.returncode, finished.stdout, finished.stderr) == (
        0,
        f"balanced-nn {balanced_nn.__version__}\n",
        "",
    )


@pytest.mark.slow
def test_the_demonstration_prints_its_report_and_no_noise() -> None:
    finished = run("demo", "--seed", "1")
    assert finished.returncode == 0
    assert "split by seed 1" in finished.stdout
    assert finished.stdout.rstrip().endswith(".")
    lines = finished.stderr.splitlines()
    if parse_version(version("tensorflow")) < parse_version("2.21"):  # older ones announce XLA's first compilation
        lines = [line for line in lines if not re.match(r"WARNING: All log|I0000|cluster using", line)]
    assert lines == [
        "Loading TensorFlow ...",
        "Fitting the plain Keras MLP ...",
        "Fitting BalancedNNClassifier() ...",
    ]
