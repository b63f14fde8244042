"""Does each command fit its own methods into its own file, once?"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

with patch.dict(os.environ):  # quality.run asks for single threads, which other tests must not inherit
    from benchmarks.quality import run as quality
from benchmarks.common.records import read_rows
from benchmarks.quality.distortions import DISTORTED, DISTORTED_METHODS
from benchmarks.quality.peers import METHODS, OURS, TUNED
from benchmarks.quality.statistics import Row
from tests.helpers.fits import fit


def dummy(X: pd.DataFrame, seed: int) -> Any:
    return DummyClassifier()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sets, methods that need no time, and results of their own."""
    for name in ("one", "two"):
        frame = pd.DataFrame({"x": np.arange(40.0), "target": np.repeat(["no", "yes"], [30, 10])})
        frame.to_parquet(tmp_path / f"{name}.parquet")
    tasks = {
        name: replace(
            task,
            methods=dict.fromkeys(list(task.methods)[:2], dummy),
            if_named=dict.fromkeys(task.if_named, dummy),
            distortions={"as it was": lambda part: part} if name == "distort" else task.distortions,
        )
        for name, task in quality.TASKS.items()
    }
    monkeypatch.setattr(quality, "TASKS", tasks)
    monkeypatch.setattr(quality, "RESULTS", tmp_path / "results")
    return tmp_path


def rows_of(folder: Path, file: str) -> list[tuple[str, str, int, str, str]]:
    rows = read_rows(folder / "results" / file, Row)
    return [(row.table, row.set, row.seed, row.method, row.status) for row in rows]


@pytest.mark.parametrize(
    ("command", "file", "table", "methods", "n_splits"),
    [
        ("run", "quality.csv", "ranking", list(METHODS)[:2], 3),
        ("ablate", "quality_ablation.csv", "ablation", ["default", "no bins"], 2),
        ("tune", "quality_tuned.csv", "tuned", [TUNED], 1),
        ("distort", "quality_distorted.csv", f"{DISTORTED}as it was", list(DISTORTED_METHODS)[:2], 3),
    ],
)
def test_a_command_fits_its_methods_once_and_goes_on_where_it_was(
    command: str, file: str, table: str, methods: list[str], n_splits: int, folder: Path
) -> None:
    expected = [
        (table, name, seed, method, "ok") for seed in range(n_splits) for name in ("one", "two") for method in methods
    ]
    for names in (["--only", "two"], [], []):
        assert quality.main([command, "--data", str(folder), *names]) == 0
    assert sorted(rows_of(folder, file)) == sorted(expected)
    assert [path.name for path in (folder / "results").iterdir()] == [file]


def test_the_tuned_one_runs_beside_others_where_it_is_named(folder: Path) -> None:
    quality.main(["run", "--data", str(folder), "--only", "one", "--seeds", "0", "--methods", TUNED])
    assert rows_of(folder, "quality.csv") == [("ranking", "one", 0, TUNED, "ok")]


def test_again_drops_what_is_named_and_fits_it_anew(folder: Path) -> None:
    command = ["ablate", "--data", str(folder), "--only", "one", "--seeds", "0"]
    quality.main(command)
    quality.main([*command, "--again", "--methods", "default"])
    assert [row[3] for row in rows_of(folder, "quality_ablation.csv")] == ["no bins", "default"]


@pytest.mark.parametrize(("half", "name"), [("choosing", "one"), ("confirming", "two")])
def test_a_run_may_take_one_half_of_the_sets(half: str, name: str, folder: Path) -> None:
    quality.main(["ablate", "--data", str(folder), "--half", half, "--seeds", "0", "--methods", "default"])
    assert rows_of(folder, "quality_ablation.csv") == [("ablation", name, 0, "default", "ok")]


def test_again_drops_the_distorted_fits_of_each_kind(folder: Path) -> None:
    command = ["distort", "--data", str(folder), "--only", "one", "--seeds", "0", "--methods", OURS]
    quality.main(command)
    quality.main([*command, "--again"])
    assert rows_of(folder, "quality_distorted.csv") == [(f"{DISTORTED}as it was", "one", 0, OURS, "ok")]


def test_unknown_names_are_refused_with_those_there_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main(["ablate", "--data", str(folder), "--methods", OURS]) == 2
    assert "no set or method BalancedNNClassifier." in (message := capsys.readouterr().err)
    assert "Methods: default; no bins." in message


def test_the_large_table_belongs_to_run(folder: Path) -> None:
    with pytest.raises(SystemExit):
        quality.main(["tune", "--data", str(folder), "--table", "large"])


@pytest.mark.parametrize("there", [[], ["run"], ["run", "ablate", "tune", "distort"]])
def test_the_report_reads_the_files_that_there_are(there: list[str], folder: Path, monkeypatch: Any) -> None:
    for name in there:
        quality.append_row(quality.RESULTS / quality.TASKS[name].file, fit("a", name, 0.5))
    read: list[Row] = []
    short: list[Row] = []
    monkeypatch.setattr(quality, "write_report", read.extend)
    monkeypatch.setattr(quality, "write_short_table", short.extend)
    assert quality.main(["report"]) == 0
    assert [row.method for row in read] == there
    assert short == read


def compute(passing_on: Callable[[BaseException], None] = lambda error: None) -> None:
    """For some seconds of processor time, as a search does that forgives the failures of its candidates."""
    for _ in range(50):
        end = process_time() + 0.1
        try:
            while process_time() < end:
                pass
        except Exception:
            continue
        except BaseException as error:
            passing_on(error)
            raise


def test_a_search_that_forgives_failures_does_not_outlive_its_time() -> None:
    with pytest.raises(TimeoutError, match="more than 1 s"), quality.time_limit(1):
        compute()


def test_a_fit_that_turns_the_end_of_its_time_into_an_interrupt_has_run_out_of_time() -> None:
    def interrupt(error: BaseException) -> None:
        raise KeyboardInterrupt from error

    with pytest.raises(TimeoutError, match="more than 1 s"), quality.time_limit(1):
        compute(interrupt)


def test_an_interrupt_of_the_user_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), quality.time_limit(1):
        raise KeyboardInterrupt
