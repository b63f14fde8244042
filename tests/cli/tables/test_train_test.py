"""Are folders of Parquet fitted on and answered, whether memory holds them or not?"""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier, load_model
from balanced_nn._cli.main import main
from balanced_nn._cli.tables import parquet, train_test

N_ROWS = 1_500


def some_rows(n_rows: int = N_ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    churn = rng.random(n_rows) < 0.2
    frame = pd.DataFrame(rng.normal(size=(n_rows, 3)) + 1.2 * churn[:, None]).add_prefix("x")
    frame["town"] = rng.choice(["A", "B"], n_rows)
    frame["customer"] = [f"c{i:04}" for i in range(n_rows)]
    frame["points"] = pd.array(np.where(np.arange(n_rows) % 7 == 0, None, np.arange(n_rows)), dtype="Int64")
    return frame.assign(churn=np.where(churn, "yes", "no"))


def write(table: pd.DataFrame, folder: Path, n_files: int = 3) -> Path:
    folder.mkdir(exist_ok=True)
    for number, rows in enumerate(np.array_split(np.arange(len(table)), n_files)):
        table.iloc[rows].to_parquet(folder / f"{number}.parquet", row_group_size=200)
    return folder


def fit(table: Path, out: Path, *more: str) -> int:
    options = ["--target", "churn", "--out", str(out), "--drop", "points", "--max-iter", "6", "--quiet"]
    return main(["fit", str(table), *options, *more])


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanced_nn._cli.html_report.draw_pictures", lambda model: iter(()))


@pytest.fixture
def too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_CELLS", 1_000)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    rows = some_rows().drop(columns=["customer", "points"])
    clf = BalancedNNClassifier((8,), n_members=1, max_iter=3, random_state=0, on_collapse="ignore")
    clf.fit(rows, rows.pop("churn"))
    import joblib

    joblib.dump(clf, folder / "model.joblib")
    return folder / "model.joblib"


def test_a_small_folder_is_fitted_on_as_one_file_of_the_same_rows(tmp_path: Path) -> None:
    some_rows().to_parquet(tmp_path / "rows.parquet")
    assert fit(tmp_path / "rows.parquet", tmp_path / "file.skops") == 0
    assert fit(write(some_rows(), tmp_path / "rows"), tmp_path / "folder.skops") == 0
    X = some_rows()[["x0", "x1", "x2", "town"]]
    probas = [load_model(tmp_path / name).predict_proba(X) for name in ("file.skops", "folder.skops")]
    np.testing.assert_array_equal(*probas)


@pytest.mark.usefixtures("too_large")
def test_a_large_folder_is_read_part_by_part_and_says_by_which_rows_it_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda *_, **__: pytest.fail("the table is not to be in memory"))
    assert fit(write(some_rows(), tmp_path / "rows"), tmp_path / "m.skops") == 0
    printed = capsys.readouterr()
    told = printed.err.splitlines()
    assert told[0] == f"{tmp_path / 'rows'} is read part by part, as it is too large to be held in memory."
    assert told[1] == "Column 'customer' holds another text in almost every row (identifiers?). It is left out."
    found = re.search(
        r"Fitted on ([\d,]+) rows, evaluated on (\d+) others: 0.2 of the rows of all files, drawn at random\.",
        printed.out,
    )
    assert found is not None
    fitted, judged = (int(number.replace(",", "")) for number in found.groups())
    assert fitted + judged == N_ROWS
    assert judged == pytest.approx(0.2 * N_ROWS, rel=0.2)
    assert float(re.search(r"ROC AUC (\d\.\d+), average", printed.out)[1]) > 0.8  # type: ignore[index]
    assert load_model(tmp_path / "m.skops").feature_names_in_.tolist() == ["x0", "x1", "x2", "town"]
    report = (tmp_path / "m.html").read_text()
    assert "1,500 rows, 4 columns" in report
    assert "share their importance" in report


@pytest.mark.usefixtures("too_large")
def test_rows_to_judge_by_and_their_copies_are_not_fitted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[pd.DataFrame] = []
    judged: list[pd.DataFrame] = []

    def fit_dataset(self: Any, source: Any, target: str) -> None:
        fitted.extend(block.frame for block in source.blocks())
        raise ValueError("seen enough")

    class Noted(train_test.RowsInFiles):
        def fit(self, estimator: BalancedNNClassifier) -> BalancedNNClassifier:
            judged.extend(frame for frame, _ in self.held_out())
            return super().fit(estimator)

    monkeypatch.setattr(BalancedNNClassifier, "fit_dataset", fit_dataset)
    monkeypatch.setattr(train_test, "RowsInFiles", Noted)
    table = some_rows().drop(columns="customer")
    rare = table.head(12).assign(churn="maybe")
    folder = write(pd.concat([table, rare, table.head(400)], ignore_index=True), tmp_path / "rows")
    assert fit(folder, tmp_path / "m.skops") == 2
    ours, others = (pd.concat(frames).astype({"town": str}) for frames in (fitted, judged))
    assert len(ours) + len(others) == N_ROWS + 412
    # the copies are on one side, and a class of 12 rows is fitted on as a whole: its rows are copies too, but of others
    assert len(ours.merge(others, how="inner")) <= 12


@pytest.mark.usefixtures("too_large")
def test_a_class_of_few_rows_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = some_rows().drop(columns="customer")
    table.loc[:29, "churn"] = "maybe"
    assert fit(write(table, tmp_path / "rows"), tmp_path / "m.skops") in {0, 3}
    assert "Not evaluated, because of too few rows: class maybe." in capsys.readouterr().out


@pytest.mark.usefixtures("too_large")
def test_all_rows_are_fitted_on_if_none_shall_be_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(write(some_rows(), tmp_path / "rows"), tmp_path / "m.skops", "--test-size", "0") == 0
    assert "Fitted on all 1,500 rows; none were held out to evaluate the model." in capsys.readouterr().out


def other_schema(folder: Path) -> None:
    some_rows(50).assign(x0="text").to_parquet(folder / "9.parquet")


def truncated(folder: Path) -> None:
    content = (folder / "1.parquet").read_bytes()
    (folder / "1.parquet").write_bytes(content[: len(content) // 2])


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def no_parquet(folder: Path) -> None:
    empty(folder)
    (folder / "rows.txt").write_text("a,b")


BAD = {
    "target": (lambda folder: None, ["--target", "label"], "has no column 'label'; it has 'x0', 'x1'"),
    "dropped": (lambda folder: None, ["--drop", "label"], "has no column 'label'; it has 'x0', 'x1'"),
    "schema": (other_schema, [], "Column 'x0' holds .*string in .*9.parquet, but double in .*0.parquet"),
    "truncated": (truncated, [], "1.parquet cannot be read: "),
    "empty": (empty, [], "The folder .*rows holds no file that ends in .parquet, .pq"),
    "no parquet": (no_parquet, [], "The folder .*rows holds no file that ends in .parquet, .pq"),
}


@pytest.mark.parametrize("most", [1_000, parquet.MOST_CELLS], ids=["large", "small"])
@pytest.mark.parametrize(("spoil", "options", "line"), BAD.values(), ids=BAD)
def test_a_folder_that_is_no_table_gives_one_line_and_code_2(
    spoil: Any,
    options: list[str],
    line: str,
    most: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(parquet, "MOST_CELLS", most)
    spoil(write(some_rows(300), tmp_path / "rows"))
    assert fit(tmp_path / "rows", tmp_path / "m.skops", *options) == 2
    printed = capsys.readouterr()
    assert re.match(f"balanced-nn: .*{line}", printed.err)
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (tmp_path / "m.skops").exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_is_answered_part_by_part_with_the_types_of_what_is_kept(
    suffix: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanced_nn._streaming.files.BLOCK_ROWS", 200)
    folder, out = write(some_rows(), tmp_path / "rows"), tmp_path / f"answers.{suffix}"
    arguments = ["predict", str(model), str(folder), "--keep", "customer", "--keep", "points", "--trust"]
    assert main([*arguments, "--out", str(out)]) == 0
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[suffix]
    answers, rows = read(out), some_rows()
    assert answers["customer"].tolist() == rows["customer"].tolist()
    np.testing.assert_allclose(answers["points"], rows["points"].astype(float))
    if suffix == "csv":
        assert out.read_text().splitlines()[2].startswith("c0001,1,")  # not 1.0, though others are missing
    import joblib

    expected = joblib.load(model).predict_proba(rows[["x0", "x1", "x2", "town"]])[:, 1]
    np.testing.assert_allclose(answers["probability_yes"], expected, rtol=1e-9)


def test_what_ends_early_leaves_no_answers(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(some_rows(), tmp_path / "rows")
    file = folder / "2.parquet"
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4)  # its rows; what it says of them stays
    file.write_bytes(content)
    code = main(["predict", str(model), str(folder), "--trust", "--out", str(tmp_path / "answers.csv")])
    assert code == 2
    assert re.match("balanced-nn: .*2.parquet cannot be read: ", capsys.readouterr().err)
    assert not (tmp_path / "answers.csv").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_bar_in_rows_is_drawn_on_a_terminal_alone(model: Path, tmp_path: Path) -> None:
    folder = write(some_rows(), tmp_path / "rows")
    command = [sys.executable, "-m", "balanced_nn", "predict", str(model), str(folder), "--trust"]
    command += ["--out", str(tmp_path / "answers.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += (more := os.read(ours, 10_000))
            except OSError:  # it has ended
                break
            if not more:
                break
        process.wait()
    os.close(ours)
    assert b"Predicting" in shown
    assert b"of 1,500 rows" in shown


def test_a_sample_is_all_of_one_part_and_some_of_several():
    frames = [pd.DataFrame({"a": np.arange(40_000.0) + 40_000 * part}) for part in range(3)]
    one, several = train_test.RowSample(np.random.default_rng(0)), train_test.RowSample(np.random.default_rng(0))
    assert sum(len(y) for _, y in one.watch([(frames[0], np.zeros(40_000, int))])) == 40_000
    assert len(one.X) == len(one.y) == 40_000
    for _ in several.watch((frame, np.full(40_000, part)) for part, frame in enumerate(frames)):
        pass
    assert len(several.X) == len(several.y) == train_test.MOST_SAMPLED
    np.testing.assert_array_equal(several.X["a"] // 40_000, several.y)  # each row with its class
    np.testing.assert_allclose(np.bincount(several.y) / train_test.MOST_SAMPLED, 1 / 3, atol=0.02)
