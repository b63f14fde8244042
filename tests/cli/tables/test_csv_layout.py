"""Is what pandas would guess of a text file looked at, and read or refused in one line?"""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from balanced_nn import BalancedNNClassifier
from balanced_nn._cli.console import OneLineError
from balanced_nn._cli.main import main
from balanced_nn._cli.tables.reading import read_as_written, read_frame, read_labelled


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path: Path, encoding: str = "utf-8") -> dict[str, list[Any]]:
    return read_frame(path, encoding).to_dict("list")


# Fields


@pytest.mark.parametrize(
    "text",
    [
        "a,s\n1,2,\n3,4,\n",  # an empty last field in each row
        "a,s,\n1,2,\n3,4,\n",  # and a name for it that is empty
        "a,s\n1,2\n3,4,\n",  # in some rows
        "a;s\n1;2;;\n3;4;;\n",
        "a\ts\n1\t2\t\n3\t4\t\n",
        "a,s\n1,2, \n3,4, \n",
    ],
)
def test_an_empty_last_field_is_nothing(text: str, write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(write(text)) == {"a": [1, 3], "s": [2, 4]}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "line", "n"),
    [
        ("a,s\n0.5,2,x\n0.25,4,y\n", 2, 3),  # in each row, after numbers
        ("a,s\n17,2,x\n3,4,y\n", 2, 3),  # whole ones
        ("a,s\nx,2,x\nx,4,y\n", 2, 3),  # and names that occur twice
        ("a,s\n1,2\n3,4,5\n", 3, 3),  # in one row
        ('a,s\n"x\ny",2\n3,4,,5\n', 4, 4),  # after a cell of two lines
        ("a,s,\n1,2,\n3,4,,6\n", 3, 4),
    ],
)
def test_any_other_surplus_field_is_refused(text: str, line: int, n: int, write: Any) -> None:
    with pytest.raises(OneLineError, match=f"line {line} has {n} fields, and the first line [23] names. Give each"):
        read_frame(write(text))


@pytest.mark.parametrize(
    "text",
    [
        '"a" "s"\n"1" 0.5 NA\n"17" 0.25 "x y"\n',  # write.table(d)
        '"a","s"\n"1",0.5,NA\n"17",0.25,"x y"\n',  # write.table(d, sep=",")
        "a,s\n1,0.5,NA\n2,0.25,x y\n",  # quote=FALSE
        "a\ts\nMazda RX4\t0.5\tNA\nFord\t0.25\tx y\n",
        '"","a","s"\n"1",0.5,NA\n"17",0.25,"x y"\n',  # write.csv(d), to_csv()
        ",a,s\n0,0.5,\n0,0.25,x y\n",
    ],
)
def test_row_names_are_left_out(text: str, write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    frame = read_frame(write(text))
    assert frame["a"].tolist() == [0.5, 0.25]
    assert frame["s"].fillna("-").tolist() == ["-", "x y"]
    assert list(frame) == ["a", "s"]
    assert capsys.readouterr().err.endswith("has no name: it is read as a row name, and left out.\n")


def test_a_column_without_a_name_is_refused(write: Any) -> None:
    with pytest.raises(OneLineError, match="its column 2 has no name, and holds a cell in line 3"):
        read_frame(write("a,,s\n1,,3\n1,2,3\n"))


@pytest.mark.parametrize("header", ["a,s,a", "a,a,s", '"a",s,a'])
def test_a_name_that_occurs_twice_is_refused(header: str, write: Any) -> None:
    with pytest.raises(OneLineError, match="its first line names the column 'a' twice. Rename one"):
        read_frame(write(f"{header}\n1,2,3\n"))


def test_names_that_pandas_would_give_are_those_of_the_file(write: Any) -> None:
    assert read(write("a,a.1, a\n1,2,3\n")) == {"a": [1], "a.1": [2], " a": [3]}


def test_rows_of_fewer_fields_are_told_of(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("a,b,s\n1,2,3\n\n4\n5,6\n")
    assert read_frame(path)["s"].isna().tolist() == [False, True, True]
    told = "2 of 3 rows of {} have fewer fields than there are names, the first in line 4: what they lack is read as"
    assert capsys.readouterr().err.startswith(told.format(path))


@pytest.mark.parametrize(
    "text",
    ["a,s\r\n1,2\r\n", "\n\na,s\n\n1,2\n", "\ufeffa,s\n1,2\n", '"a","s"\n"1","2"\n', "a|s\n1|2\n", "a s\n1 2\n"],
)
def test_what_says_the_same_is_read_alike(text: str, write: Any) -> None:
    assert read(write(text)) == {"a": [1], "s": [2]}


def test_a_name_or_a_cell_may_hold_line_breaks_and_be_long(write: Any) -> None:
    cell = "x\n" * 100_000
    assert read(write(f'"a\nb",s\n"{cell}",2\n')) == {"a\nb": [cell], "s": [2]}


def test_a_single_column_with_spaces_in_its_name_is_one(write: Any) -> None:
    assert read(write("my label\n1\n2\n")) == {"my label": [1, 2]}


def test_columns_passed_on_come_from_their_own_fields(write: Any) -> None:
    path = write('"a" "s"\n"r1" 01 NA\n"r2" 02 x\n')
    kept = read_as_written(read_frame(path), ["s", "a"], path)
    assert {name: values.tolist() for name, values in kept.items()} == {"s": ["NA", "x"], "a": ["01", "02"]}


def test_names_are_quoted_in_messages(write: Any) -> None:
    with pytest.raises(OneLineError, match="has no column 't'; it has 'a', ' t'$"):
        read_labelled(write("a, t\n1,2\n"), "t")


def test_a_first_line_of_numbers_is_doubted(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("5.1,3.5,setosa\n4.9,3.0,setosa\n")
    with pytest.raises(
        OneLineError, match="'3.5', 'setosa'. Its first line is read as the names of its columns: has it"
    ):
        read_labelled(path, "species")
    model = path.with_name("m.joblib")
    joblib.dump(DummyClassifier().fit(np.zeros((2, 3)), [0, 1]), model)
    assert main(["predict", str(model), str(path), "--trust"]) == 0
    assert "is read as the names of its columns: '5.1', '3.5', 'setosa'." in capsys.readouterr().err
    assert (
        main(["predict", "--trust", str(model), str(write("0,1,2\n1,2,3\n"))]) == 0
    )  # the names that pandas gives an array
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # commas in names and decimal commas: as many fields by commas, but no numbers
        ("x, m;y, m;z\n1,5;2,5;0\n2,5;3,5;1\n", {"x, m": ["1,5", "2,5"], "y, m": ["2,5", "3,5"], "z": [0, 1]}),
        ("x, m\ty\n1,5\t0\n2,5\t1\n", {"x, m": ["1,5", "2,5"], "y": [0, 1]}),
        ("x, m;y;\n1,5;0;\n2,5;1;\n", {"x, m": ["1,5", "2,5"], "y": [0, 1]}),
        (
            "id\ttext, raw\ty\n1\tHello, world\t0\n2\tno\t1\n",
            {"id": [1, 2], "text, raw": ["Hello, world", "no"], "y": [0, 1]},
        ),
        (
            "name, first;city\nSmith, A;Rome\nBlue, C;Oslo\n",
            {"name, first": ["Smith, A", "Blue, C"], "city": ["Rome", "Oslo"]},
        ),
        ("a, b|y\n1,5|0\n2,5|1\n", {"a, b": ["1,5", "2,5"], "y": [0, 1]}),
        ("id,lists\n1,3;4\n2,5;6\n", {"id": [1, 2], "lists": ["3;4", "5;6"]}),
        ("id,a;b,y\n1,u;v,0\n2,w;x,1\n", {"id": [1, 2], "a;b": ["u;v", "w;x"], "y": [0, 1]}),
        ('a;"b;c"\n"1;5";2\n3;4\n', {"a": ["1;5", "3"], "b;c": [2, 4]}),
        ("sep=;\na,b;y\n1,5;0\n", {"a,b": ["1,5"], "y": [0]}),  # Excel's first line
        ('\ufeff"sep=\t"\r\na,b\ty\r\n1,5\t0\r\n', {"a,b": ["1,5"], "y": [0]}),
    ],
)
def test_the_separator_is_what_divides_all_lines(text: str, expected: dict[str, Any], write: Any) -> None:
    assert read(write(text)) == expected


@pytest.mark.parametrize("title", ["Report", "Sales, 2024"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_title_above_the_names_is_refused(title: str, mark: str, write: Any) -> None:
    rows = f"{title}\na,b,c,y\n1,2,3,0\n3,4,5,1\n".replace(",", mark)
    with pytest.raises(OneLineError, match=r"line 2 has 4 fields, .*and remove a title above the names$"):
        read_frame(write(rows))


def test_points_that_may_divide_thousands_are_told_of(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    amounts = [f"{n:,}".replace(",", ".") for n in range(500, 5_000, 250)]
    read_frame(write("amount;y\n" + "".join(f"{cell};1\n" for cell in amounts)))
    assert "Column 'amount' of " in (told := capsys.readouterr().err)
    assert "holds '1.000' beside whole numbers: the point is read as a decimal point. If it divides thousands" in told
    read_frame(write("length;y\n" + "".join(f"{n / 1000};1\n" for n in range(500, 5_000, 250))))
    assert capsys.readouterr().err == ""


# Encodings and formats


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig"])
def test_another_encoding_is_read_by_an_option(encoding: str, write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "größe;y\n" + "1,5;nein\n2,5;ja\n" * 30
    path = write(rows.encode(encoding))
    assert read_frame(path, encoding)["größe"].tolist()[:2] == ["1,5", "2,5"]
    assert main(["diagnose", str(path), "--target", "y", "--encoding", encoding]) == 0
    assert "Column 'größe' holds numbers as text, such as '1,5'" in capsys.readouterr().out
    if encoding != "utf-8-sig":
        assert main(["diagnose", str(path), "--target", "y"]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "not encoded in utf-8" in told
        named = encoding if encoding.startswith("utf-16") else "cp1252"
        assert f"such as --encoding {named}\n" in told


def test_a_letter_that_is_wrong_far_from_the_beginning_is_refused(write: Any) -> None:
    with pytest.raises(OneLineError, match=r"it is not encoded in ascii \('ascii' codec can't decode byte"):
        read_frame(write(b"a,s\n" + b"1,2\n" * 9_000 + b"\xe9,1\n"), "ascii")


@pytest.mark.parametrize(
    ("content", "name", "what"),
    [
        (json.dumps([{"a": 1, "s": 2}]), "t.csv", "JSON"),
        ('{"a": 1, "s": 2}\n{"a": 3, "s": 4}\n', "t.txt", "JSON"),
        (" [[1, 2], [3, 4]]", "t.csv", "JSON"),
        ("a,s\n1,2\n", "t.json", "JSON"),
        ("<?xml version='1.0'?>", "t.csv", "HTML or XML"),
        ("<html><table>", "t.csv", "HTML or XML"),
        (b"PK\x03\x04\x14\x00\xff", "t.xlsx", "a workbook or a ZIP archive"),
        (b"PAR1\x15\xff", "t.csv", "Parquet"),
        (b"\x1f\x8b\x08\x00", "t.csv", "what gzip wrote"),
    ],
)
def test_another_format_is_refused_as_such(content: str | bytes, name: str, what: str, write: Any) -> None:
    path = write(content, name)
    with pytest.raises(OneLineError, match=f"cannot read {path}: it holds {what}, not CSV. Convert it to CSV or Parq"):
        read_frame(path)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip"])
def test_a_compressed_file_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.csv.{suffix}"
    pd.DataFrame({"a": [1], "s": ["é"]}).to_csv(path, index=False)
    assert read(path) == {"a": [1], "s": ["é"]}


@pytest.mark.parametrize("name", ["<b>a</b>", "[a]", "PARENT", "a{1}"])
def test_names_that_look_like_another_format_are_names(name: str, write: Any) -> None:
    assert read(write(f"{name},s\n1,2\n")) == {name: [1], "s": [2]}


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
        archive.writestr("b.csv", "b\n1\n")
    with pytest.raises(OneLineError, match="it holds 2 files, and a table is one"):
        read_frame(tmp_path / "t.zip")


def test_rows_are_predicted_alike_with_and_without_a_last_comma(
    write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"y": [0, 1] * 30, "s": np.tile([0, 1, 1], 20), "a": np.linspace(-1, 1, 60)})
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=2, random_state=0, on_collapse="ignore")
    joblib.dump(clf.fit(frame[["s", "a"]], frame["y"]), tmp_path / "m.joblib")
    plain = frame[["a", "s"]].to_csv(index=False)
    answers = []
    for text in (plain, plain.replace("\n", ",\n").replace("a,s,", "a,s", 1), frame[["a", "s"]].to_csv(sep="\t")):
        assert main(["predict", str(tmp_path / "m.joblib"), str(write(text)), "--trust"]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] == answers[2]
