"""Do tables and models come out of files and go into them, and is what is odd about a column named?"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from balanced_nn import BalancedNNClassifier, save_model
from balanced_nn._cli.console import MOST_NAMES, OneLineError
from balanced_nn._cli.model_files import check_format, explain_loading, load_model
from balanced_nn._cli.tables.matching import find_text_columns, select_columns
from balanced_nn._cli.tables.reading import read_as_written, read_frame, read_labelled
from balanced_nn._cli.tables.writing import check_output, is_formula, write_frames
from balanced_nn._data.names import listed


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


# Tables


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_first_line(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"a{separator}b\n1{separator}x\n2{separator}y\n")
    assert read_frame(path).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_a_column_of_several_kinds_is_text_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "1\n" * 300_000 + "x\n")  # pandas would read it in chunks, of several kinds
    assert set(read_frame(path)["a"].map(type)) == {str}


def test_dropped_columns_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b,c,y\n1,2,3,no\n4,5,6,yes\n")
    table = read_labelled(path, "y", ["a", "c"])
    assert list(table.columns) == ["b"]
    assert table.labels.tolist() == ["no", "yes"]
    assert (table.classes.tolist(), table.y.tolist()) == (["no", "yes"], [0, 1])


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ("1,0,,1", [1, 0, 1]),
        ("a,b,,a", ["a", "b", "a"]),
        ("True,False,,True", [True, False, True]),
        ("None,NA,,null", ["None", "NA", "null"]),
    ],
)
def test_labels_keep_their_kind_where_one_is_missing(
    cells: str, labels: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,y\n" + "".join(f"1,{cell}\n" for cell in cells.split(",")))
    found = read_labelled(path, "y").labels.tolist()
    assert [*map(repr, found)] == [*map(repr, labels)]
    assert capsys.readouterr().err == "1 of 4 rows have no label and are skipped.\n"


def test_labels_that_look_like_numbers_are_text_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,y\n1,1\n4,\n5,2\n")
    table = read_labelled(path, "y", text=["y", "a"])
    assert table.labels.tolist() == ["1", "2"]
    assert table.columns["a"].tolist() == ["1", "5"]


def test_cells_read_as_text_may_still_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n01,1\n,2\nNA,3\n")
    frame = read_frame(path, text=["a", "elsewhere"])
    assert frame["a"].isna().tolist() == [False, True, True]
    assert frame["a"][0] == "01"
    assert frame["b"].tolist() == [1, 2, 3]


def test_columns_that_are_passed_on_keep_their_text_or_the_types_of_a_parquet_file(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "data.csv", tmp_path / "data.parquet"
    csv.write_text("id;big;x\n00002;9007199254740993;1\nNA;;2\n")
    kept = read_as_written(read_frame(csv), ["big", "id"], csv)
    assert {name: values.tolist() for name, values in kept.items()} == {
        "big": ["9007199254740993", ""],
        "id": ["00002", "NA"],
    }
    pd.DataFrame({"id": [7]}).to_parquet(parquet)
    assert read_as_written(read_frame(parquet), ["id"], parquet)["id"].tolist() == [7]
    assert read_as_written(read_frame(csv), [], csv).shape == (2, 0)


def test_the_text_columns_of_a_model_are_those_whose_levels_are_text() -> None:
    frame = pd.DataFrame({"x": np.arange(40.0), "code": ["1", "z"] * 20, "flag": [True, False] * 20})
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=2, random_state=0, on_collapse="ignore")
    assert find_text_columns(clf) == []
    assert find_text_columns(clf.fit(frame, [0, 1] * 20)) == ["code"]
    assert find_text_columns(clf.fit(frame[["x"]].to_numpy(), [0, 1] * 20)) == []
    assert find_text_columns(DummyClassifier().fit(frame, [0, 1] * 20)) == []


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        (["z"], "has no column 'z'; it has 'a', 'y'"),
        (["y"], "column 'y' cannot be both the target and dropped"),
        (["a"], "has no column besides 'y' that is not dropped"),
    ],
)
def test_what_cannot_be_dropped_is_said(drop: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,y\n1,no\n4,yes\n")
    with pytest.raises(OneLineError, match=message):
        read_labelled(path, "y", drop)


def test_very_many_columns_are_not_all_listed() -> None:
    assert listed(map(str, range(32)), MOST_NAMES).endswith("28, 29 and 2 more")


def test_a_model_gets_its_columns_in_its_order() -> None:
    clf = DummyClassifier().fit(pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, 4.0]}), [0, 1])
    clf.feature_names_in_ = np.array(["b", "a"], dtype=object)  # a dummy keeps no names
    frame = pd.DataFrame({"a": [1], "extra": [2], "b": [3]})
    assert list(select_columns(clf, frame, Path("t.csv"))) == ["b", "a"]
    with pytest.raises(OneLineError, match="fitted with columns that t.csv does not have: 'b'"):
        select_columns(clf, frame.drop(columns="b"), Path("t.csv"))


def test_booleans_stay_booleans_where_one_cell_of_a_new_file_is_none(tmp_path: Path) -> None:
    known, new = tmp_path / "known.csv", tmp_path / "new.csv"
    known.write_text("self,word\n" + "True,true\nFalse,no\n" * 20)
    new.write_text("self,word\nTrue,true\nfalse,no\nmaybe,x\n,\n")
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=2, random_state=0, on_collapse="ignore")
    clf.fit(read_frame(known), [0, 1] * 20)
    read = select_columns(clf, read_frame(new), new)
    assert read["self"].tolist()[:3] == [True, False, "maybe"]
    assert read["word"].tolist()[:3] == ["true", "no", "x"]
    expected = pd.DataFrame({"self": [True, False], "word": ["true", "no"]})
    assert clf.predict_proba(read)[:2].tolist() == clf.predict_proba(expected).tolist()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".pq"])
def test_a_written_table_is_read_back(suffix: str, tmp_path: Path) -> None:
    columns = {"id": np.array(["x", "y"]), "p": np.array([0.1, 1 / 3])}
    write_frames([pd.DataFrame(columns)], tmp_path / f"out{suffix}")
    again = read_frame(tmp_path / f"out{suffix}")
    assert again.to_dict("list") == {"id": ["x", "y"], "p": [0.1, 1 / 3]}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_that_cannot_be_written_leaves_the_old_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("old")
    with pytest.raises(Exception, match="."):  # pyarrow and pandas have errors of their own
        write_frames([pd.DataFrame({"a": np.array([Unwritable(), Unwritable()])})], path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(path.name, "old")]


def test_without_a_file_a_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    write_frames([pd.DataFrame({"a, b": np.array([1])})], None)
    assert pd.read_csv(io.StringIO(capsys.readouterr().out)).to_dict("list") == {"a, b": [1]}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        *((text, True) for text in ("=1+1", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1")),
        *((text, True) for text in ("-1a", "+A1", "=é", "--1", "-1-1", "+49 (30) 1", "=\n1")),
        *(
            (text, False)
            for text in ("-1", "+1", "-1.5", "-1,5", "+1e3", "-12 %", "-1.234,5", "-inf", "+nan", "-Infinity")
        ),
        *((text, False) for text in ("-", "+", "--", "=", "@", "", "a=b", " =1", "'=1", "x-1", "1-2", "\t", "\tx")),
        *((other, False) for other in (-1, -1.5, None, float("nan"), True)),
    ],
)
def test_what_a_spreadsheet_would_compute_is_known(cell: object, expected: bool) -> None:
    assert is_formula(cell) is expected


@given(st.floats(allow_nan=True) | st.integers())
def test_no_number_is_taken_for_a_formula(number: float) -> None:
    assert not is_formula(str(number))
    assert not is_formula(f"{number:+}")


def test_formulas_are_written_as_text_in_csv_alone_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {
        "=a": np.array(["=1+1", "-1", None], dtype=object),
        "n": np.array([-1.0, 2.0, np.nan]),
        "prediction": np.array(["@x", "-", "+"]),
        "plain": np.array(["a", "b", "c"]),
    }
    write_frames([pd.DataFrame(columns)], None)
    printed = capsys.readouterr()
    assert printed.out == "'=a,n,prediction,plain\n'=1+1,-1.0,'@x,a\n-1,2.0,-,b\n,,+,c\n"
    assert printed.err.startswith("Text in '=a', 'prediction' that a spreadsheet would take for a formula is written ")
    write_frames([pd.DataFrame(columns)], tmp_path / "a.csv", escape=False)
    assert (tmp_path / "a.csv").read_text().startswith("=a,n,prediction,plain\n=1+1,-1.0,@x,a\n")
    write_frames([pd.DataFrame(columns)], tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet")["=a"].tolist()[:2] == ["=1+1", "-1"]
    assert columns["=a"].tolist() == ["=1+1", "-1", None]
    assert capsys.readouterr() == ("", "")


def test_a_file_that_must_not_be_written_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(OneLineError, match="the model .*m.joblib must not be written: permission denied"):
        check_output(tmp_path / "m.joblib", [".joblib"], "the model")


# Models


@pytest.mark.parametrize("suffix", [".skops", ".joblib"])
def test_a_model_is_opened_as_the_report_says(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    save_model(DummyClassifier().fit([[0.0], [1.0]], ["a", "b"]), path)
    code, warning = explain_loading(path)
    read: dict[str, Any] = {}
    exec(code, read)
    assert read["model"].classes_.tolist() == ["a", "b"]
    assert ("safe" in warning) == (suffix == ".skops")
    assert load_model(path, trust=suffix != ".skops").classes_.tolist() == ["a", "b"]


def test_a_format_whose_package_is_missing_is_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skops.io", None)
    check_format(Path("m.joblib"))
    with pytest.raises(ImportError, match=r"m.skops needs skops: pip install 'balanced-nn\[skops\]'"):
        check_format(Path("m.skops"))
