"""Does the command answer, help, and report errors in one line?"""

import gzip
import importlib
import io
import json
import os
import re
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_moons
from sklearn.dummy import DummyClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.utils.fixes import parse_version

import balanced_nn
from balanced_nn import CollapseReport
from balanced_nn._cli.console import load_tensorflow
from balanced_nn._cli.main import main
from balanced_nn._collapse.outcome import find_outcome


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-m", "balanced_nn", *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"balanced-nn {balanced_nn.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["fit", "predict", "lr-find", "demo", "diagnose", "Examples:", "Exit codes:"]),
        (["--help"], ["fit", "predict", "lr-find", "demo", "diagnose", "Examples:", "Exit codes:"]),
        (
            ["fit", "--help"],
            ["--target", "--out", "--test-size", "runs the code", "Examples:", "3 the model collapsed"],
        ),
        (["predict", "--help"], ["--keep", "--out", "runs the code", "Examples:", "1 failure"]),
        (["lr-find", "--help"], ["--picture", "--seed", "Examples:", "1 failure"]),
        (["demo", "--help"], ["--seed", "--seeds"]),
        (["diagnose", "--help"], ["--target", "--model", "--json", "runs the code", "3 the model collapsed"]),
    ],
)
def test_the_help_names_what_there_is(
    arguments: list[str], names: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # no sentence is broken into lines
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--seed", "-1"], "must be an integer from 0 to 4294967295, got '-1'"),
        (["demo", "--seed", "x"], "must be an integer from 0 to 4294967295, got 'x'"),
        (["demo", "--seeds", "0"], "must be an integer of at least 1, got '0'"),
        (["demo", "--seed", "1", "--seeds", "2"], "not allowed with argument --seed"),
        (["dmeo"], "invalid choice: 'dmeo'"),
        (["diagnose"], "the following arguments are required: TABLE, --target"),
        (["diagnose", "data.csv"], "the following arguments are required: --target"),
        (["demo", "extra"], "unrecognized arguments: extra"),
        (["diagnose", "d.csv", "--target", "y", "--encoding", "x"], "is no encoding that Python knows: 'x'"),
        (["predict", "m.joblib", "d.csv", "--encoding", "hex"], "is no encoding that Python knows: 'hex'"),
        (["fit", "data.csv", "--target", "y"], "the following arguments are required: --out"),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--test-size", "1"],
            "must be a fraction from 0 to less",
        ),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--test-size", "x"],
            "must be a fraction from 0 to less",
        ),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--decision", "1.5"],
            "must lie between 0 and 1, got '1.5'",
        ),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--decision", "[[0"],
            "must be JSON such as [[0, 1], [50",
        ),
        (["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--class-weight", "x"], "invalid choice: 'x'"),
        (["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--max-iter", "0"], "must be an integer of at least 1"),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--max-time", "0"],
            "a number of seconds above 0, got '0'",
        ),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--max-time", "inf"],
            "a number of seconds above 0, got",
        ),
        (
            ["fit", "d.csv", "--target", "y", "--out", "m.joblib", "--max-time", "x"],
            "a number of seconds above 0, got 'x'",
        ),
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
        (OSError("disk\nfull"), 1, "balanced-nn: disk full\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_failure_gives_one_line(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> Any:
        raise error

    monkeypatch.setattr("balanced_nn._demo.plain_keras.load_keras", fail)
    assert main(["demo"]) == code
    assert capsys.readouterr().err.removeprefix("Loading TensorFlow ...\n") == line


@pytest.mark.parametrize(("quiet", "told"), [(False, "Loading TensorFlow ...\n"), (True, "")])
def test_that_tensorflow_is_loaded_is_told_unless_quiet(
    quiet: bool, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    name = "balanced_nn._training.keras.train"
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    load_tensorflow(quiet=quiet)
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_nobody_needs_to_read_a_short_answer(argument: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    nobody, pipe = os.pipe()
    os.close(nobody)
    command = [sys.executable, "-m", "balanced_nn", argument]
    finished = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    os.close(pipe)
    assert (finished.returncode, finished.stderr) == (1, "")


# diagnose


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"income": 1e5 * rng.normal(size=200), "age": rng.normal(size=200)})
    frame["town"] = np.where(rng.random(200) < 0.5, "A", "B")
    frame["churn"] = np.repeat(["no", "yes"], [180, 20])
    frame.loc[3, "age"] = np.nan
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.pkl"
    joblib.dump(DummyClassifier(strategy="prior").fit(np.zeros((200, 1)), np.repeat([0, 1], [180, 20])), path)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for `diagnose`: keep what it was asked, and answer that all probabilities are the same."""
    calls: list[Any] = []

    def diagnose(model: Any, X: Any, y: Any) -> CollapseReport:
        calls.append((model, X, y))
        facts = find_outcome([0] * 180 + [1] * 20, np.tile([0.9, 0.1], (200, 1)))
        return CollapseReport(facts, ("no", "yes"), "rows given for validation")

    room = ModuleType("balanced_nn._diagnose.diagnose")
    room.diagnose = diagnose  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "balanced_nn._diagnose.diagnose", room)
    return calls


def test_a_table_is_looked_at(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(table), "--target", "churn"]) == 0
    printed = capsys.readouterr()
    head, blank, no, yes, *_ = printed.out.splitlines()
    assert head == f"{table}: 200 rows, 3 columns besides 'churn' (2 of numbers, 1 of categories)."
    assert no.split() == ["no", "180", "rows", "90.0%"]
    assert yes.split() == ["yes", "20", "rows", "10.0%"]
    for found in (
        "Few rows of class yes (20)",
        "9 times as frequent",
        "1 cell (",
        "deviations of the columns differ by a factor",
    ):
        assert f"{found}" in printed.out
    assert printed.err == ""


def test_a_sound_table_is_called_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 2)), columns=["a", "b"])
    frame.assign(y=np.arange(400) % 2).to_parquet(tmp_path / "data.parquet")
    assert main(["diagnose", str(tmp_path / "data.parquet"), "--target", "y"]) == 0
    assert capsys.readouterr().out.endswith("Nothing in this table prevents training a network.\n")


def test_a_column_is_left_out(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(table), "--target", "churn", "--drop", "town"]) == 0
    assert "200 rows, 2 columns besides 'churn' (2 of numbers, 0 of categories)" in capsys.readouterr().out


def test_letters_that_the_output_does_not_have_are_written_as_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"a": np.arange(50.0) ** 2, "y": ["été", "hiver"] * 25})
    frame.to_csv(tmp_path / "t.csv", index=False)
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main(["diagnose", str(tmp_path / "t.csv"), "--target", "y"]) == 0
    assert rb"\xe9t\xe9" in shown.getvalue()


def test_classes_of_equally_many_rows_stand_in_the_order_of_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"a": np.arange(50.0) ** 2, "y": list("bacbb") * 10}).to_csv(tmp_path / "t.csv", index=False)
    assert main(["diagnose", str(tmp_path / "t.csv"), "--target", "y"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:5]] == ["b", "a", "c"]


def test_a_table_is_described_as_json(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(table), "--target", "churn", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["classes"] == ["no", "yes"]
    assert facts["class_rows"] == [180, 20]
    assert facts["n_not_finite"] == 1
    assert len(facts["findings"]) >= 4


def test_infinity_and_rows_without_a_label_are_told_of(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.read_csv(table)
    frame.loc[7, "income"] = np.inf
    frame.loc[:4, "churn"] = None
    frame.to_csv(table, index=False)
    assert main(["diagnose", str(table), "--target", "churn"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "5 of 200 rows have no label and are skipped.\n"
    assert ": 195 rows" in printed.out
    assert "1 cell (" in printed.out


def test_a_collapsed_model_gives_its_report_and_code_3(
    table: Path, model: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", str(table), "--target", "churn", "--model", str(model), "--trust"]) == 3
    assert capsys.readouterr().out.startswith("Collapsed: the same probability for every row (200 rows given for")
    ((loaded, X, y),) = asked
    assert isinstance(loaded, DummyClassifier)
    assert isinstance(X, np.ndarray)
    assert X.shape == (200, 3)
    assert y.tolist() == ["no"] * 180 + ["yes"] * 20
    assert main(["diagnose", str(table), "--target", "churn", "--model", str(model), "--trust", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["outcome"] == "constant"


def test_a_model_with_named_columns_gets_its_columns(table: Path, tmp_path: Path, asked: list[Any]) -> None:
    frame, path = pd.read_csv(table), tmp_path / "named.joblib"
    clf = DummyClassifier().fit(frame[["age", "income"]], frame["churn"])
    clf.feature_names_in_ = np.array(["age", "income"], dtype=object)
    joblib.dump(clf, path)
    assert main(["diagnose", str(table), "--target", "churn", "--model", str(path), "--trust"]) == 3
    assert list(asked[0][1].columns) == ["age", "income"]


def test_labels_are_text_where_the_classes_of_the_model_are(asked: list[Any], tmp_path: Path) -> None:
    table, path = tmp_path / "data.csv", tmp_path / "model.pkl"
    table.write_text("a,y\n1,1\n2,2\n")
    joblib.dump(DummyClassifier().fit(np.zeros((3, 1)), ["1", "2", "x"]), path)
    main(["diagnose", str(table), "--target", "y", "--model", str(path), "--trust"])
    assert asked[0][2].tolist() == ["1", "2"]


def test_a_keras_file_is_loaded_by_the_keras_rooms(
    table: Path, asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = ModuleType("balanced_nn._diagnose.keras.layers")
    room.load_model = lambda path: ("loaded", path)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "balanced_nn._diagnose.keras.layers", room)
    path = tmp_path / "model.keras"
    path.touch()
    assert main(["diagnose", str(table), "--target", "churn", "--model", str(path), "--trust"]) == 3
    assert asked[0][0] == ("loaded", path)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.csv", "--target", "y"], "balanced-nn: there is no file none.csv"),
        (["data.csv", "--target", "y"], "data.csv has no column 'y'; it has 'income', 'age', 'town', 'churn'"),
        (["empty.csv", "--target", "y"], "balanced-nn: cannot read empty.csv: No columns to parse from file"),
        (["text.parquet", "--target", "y"], "balanced-nn: cannot read text.parquet: "),
        (["binary.csv", "--target", "y"], "balanced-nn: cannot read binary.csv: "),
        (["bad.csv.zip", "--target", "y"], "balanced-nn: cannot read bad.csv.zip: File is not a zip file"),
        (["bad.csv.gz", "--target", "y"], "balanced-nn: cannot read bad.csv.gz: Not a gzipped file"),
        (["short.csv.gz", "--target", "y"], "balanced-nn: cannot read short.csv.gz: Compressed file ended before"),
        (["torn.csv.gz", "--target", "y"], "balanced-nn: cannot read torn.csv.gz: Error -3 while decompressing"),
        (["data.csv", "--target", "income"], "balanced-nn: Unknown label type: continuous."),
        (["data.csv", "--target", "churn", "--model", "none.pkl"], "balanced-nn: there is no file none.pkl"),
        (["lone.csv", "--target", "y"], "balanced-nn: lone.csv has no column besides 'y'"),
        (["blank.csv", "--target", "y"], "balanced-nn: blank.csv has no row with a label in column 'y'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_diagnosed_gives_one_line_and_code_2(
    arguments: list[str],
    line: str,
    table: Path,
    asked: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(table.parent)
    Path("empty.csv").touch()
    Path("text.parquet").write_text("no parquet")
    Path("binary.csv").write_bytes(b"a,y\n\xff\xfe\x00,1\n")
    for name in ("bad.csv.zip", "bad.csv.gz"):
        Path(name).write_text("a,y\n1,no\n")
    packed = gzip.compress(table.read_bytes())
    Path("short.csv.gz").write_bytes(packed[: len(packed) // 2])
    Path("torn.csv.gz").write_bytes(packed[:10] + b"\xff" * 40)
    Path("lone.csv").write_text("y\n1\n0\n")
    Path("blank.csv").write_text("a,y\n1,\n2,\n")
    assert main(["diagnose", *arguments]) == 2
    printed = capsys.readouterr()
    assert line in printed.err
    assert printed.err.splitlines()[-1].startswith("balanced-nn: ")
    assert len(printed.err.splitlines()) == 1 + ("blank.csv" in arguments)
    assert printed.out == ""


def test_what_the_diagnosis_refuses_gives_one_line(
    table: Path, model: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("the model expects 5 columns.\nPass them.")

    monkeypatch.setattr(sys.modules["balanced_nn._diagnose.diagnose"], "diagnose", refuse)
    assert main(["diagnose", str(table), "--target", "churn", "--model", str(model), "--trust"]) == 2
    assert capsys.readouterr().err == "balanced-nn: the model expects 5 columns. Pass them.\n"


@pytest.mark.parametrize(("suffix", "needs"), [(".csv", "pandas"), (".parquet", "pandas pyarrow")])
def test_without_pandas_the_command_says_what_to_install(
    suffix: str, needs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"data{suffix}").touch()
    real = importlib.import_module

    def import_module(name: str) -> ModuleType:
        if name == "pandas":
            raise ImportError("No module named 'pandas'")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    assert main(["diagnose", str(tmp_path / f"data{suffix}"), "--target", "y"]) == 1
    assert capsys.readouterr().err.endswith(f"{' and '.join(needs.split())}: pip install {needs}\n")


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
        "Fitting the same with class weights ...",
        "Fitting BalancedNNClassifier() ...",
    ]


@pytest.mark.parametrize("kind", ["pickle", "keras"])
def test_a_saved_model_is_diagnosed_from_the_shell(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = make_moons(200, noise=0.1, random_state=0)
    pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y}).to_csv(tmp_path / "moons.csv", index=False)
    path = tmp_path / ("model.keras" if kind == "keras" else "model.pkl")
    if kind == "keras":
        import keras

        layers = [keras.Input((2,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
        network = keras.Sequential([*layers, keras.layers.Activation("softmax")])
        network.compile("adam", "binary_crossentropy")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras converts its arrays in a way that NumPy deprecates
            network.save(path)
    else:
        joblib.dump(MLPClassifier((8,) * 10, activation="logistic", max_iter=500, random_state=0).fit(X, y), path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says itself what softmax over one unit gives
        assert main(["diagnose", str(tmp_path / "moons.csv"), "--target", "y", "--model", str(path), "--trust"]) == 3
    cause = "the activation of the output" if kind == "keras" else "the gradient vanishes"
    assert f"Why: {cause}" in capsys.readouterr().out
