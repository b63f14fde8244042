"""Is it told in a sentence why files cannot be read, and is nothing left on disk?"""

import builtins
import errno
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._streaming.source import open_source

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(RNG.normal(size=(600, 3)), columns=list("abc")).assign(y=np.arange(600) % 3 == 0, w=1.0, g="x")


def write(folder: Path, *tables: pd.DataFrame, form: str = "parquet") -> Path:
    for number, table in enumerate(tables):
        path = folder / f"part{number}.{form}"
        table.to_csv(path, index=False) if form == "csv" else table.to_parquet(path)
    return folder


def fit(source, target="y", **columns):
    clf = BalancedNNClassifier((4,), max_iter=1, n_members=1, random_state=0, on_collapse="ignore")
    return clf.fit_dataset(source, target, **columns)


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "rows"
    path.mkdir()
    return path


NAMES = {
    "target": ({"target": "label"}, "target='label' is no column of .*; it has 'a', 'b', 'c', 'y', 'w', 'g'"),
    "weights": ({"sample_weight": "v"}, "sample_weight='v' is no column of"),
    "twice": ({"groups": "y"}, "One column cannot be two things: target='y', groups='y'"),
    "kind": ({"sample_weight": np.ones(3)}, "sample_weight is a ndarray. Pass the name of a column"),
}


@pytest.mark.parametrize(("columns", "message"), NAMES.values(), ids=NAMES)
def test_columns_must_be_there(columns, message, folder, cache):
    with pytest.raises((ValueError, TypeError), match=message):
        fit(write(folder, TABLE), cache_dir=cache, **columns)


CELLS = {
    "no label": (TABLE.assign(y=TABLE.y.astype(object).where(TABLE.index != 7)), "'y' is missing in 1 of 600 rows"),
    "one class": (TABLE.assign(y=1), "The target column 'y' holds 1 class, 1;"),
    "a quantity": (TABLE.assign(y=TABLE.a), "Unknown label type: continuous"),
    "negative weights": (TABLE.assign(w=-1.0), "sample_weight='w' holds -1. Weights must be finite, and 0 or larger"),
    "weights of text": (TABLE.assign(w="heavy"), "sample_weight='w' is a column of .*string. Name one of numbers"),
    "a class without weight": (TABLE.assign(w=(~TABLE.y).astype(float)), "zero for every row of class True"),
    "no weight": (TABLE.assign(w=0.0), "holds no rows of a weight above 0"),
    "no group": (TABLE.assign(g=TABLE.g.where(TABLE.index != 3)), "groups='g' is missing in row 3"),
    "no rows": (TABLE[:0], "holds no rows. Check the path"),
    "infinity": (TABLE.assign(b=np.inf), "contains infinity .* column 'b'"),
    "lists": (TABLE.assign(b=[[1, 2]] * 600), "must be a string or a number, not .* column 'b'"),
    "no features": (TABLE[["y", "w", "g"]], "has no column to learn from beside 'y'"),
}


@pytest.mark.parametrize(("table", "message"), CELLS.values(), ids=CELLS)
def test_cells_that_cannot_be_used_are_named(table, message, folder, cache):
    with pytest.raises((ValueError, TypeError), match=message):
        fit(write(folder, table), sample_weight="w", groups="g", cache_dir=cache)


OTHERS = {
    "a column less": (TABLE.drop(columns="c"), "part1.parquet has other columns than .*: it lacks 'c'"),
    "a column more": (TABLE.assign(d=1), "part1.parquet has other columns than .*: it also has 'd'"),
    "another type": (TABLE.assign(c="text"), "Column 'c' holds .*string in .*part1.parquet, but double in .*part0"),
}


@pytest.mark.parametrize(("table", "message"), OTHERS.values(), ids=OTHERS)
def test_files_with_another_schema_are_named(table, message, folder, cache):
    with pytest.raises(ValueError, match=message):
        fit(write(folder, TABLE, table), cache_dir=cache)


def test_a_dataset_with_a_file_of_other_columns_is_refused(folder):
    write(folder, TABLE, TABLE.drop(columns="c"))
    with pytest.raises(ValueError, match="part1.parquet has other columns than the dataset: it lacks 'c'"):
        fit(ds.dataset(folder))


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_file_that_ends_early_is_named(form, folder, cache):
    path = write(folder, TABLE, TABLE, form=form) / f"part1.{form}"
    text = path.read_bytes()
    path.write_bytes(text[:-20] if form == "csv" else text[: len(text) // 2])
    with pytest.raises(ValueError, match=f"part1.{form} cannot be read: .* Write it again as a whole, or move it"):
        fit(folder, cache_dir=cache)


def test_sources_must_be_there(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="There is no folder or file .*nowhere"):
        fit(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no file that ends in .parquet, .pq, .csv, .csv.gz"):
        fit(folder)
    (folder / "rows.txt").write_text("a,y\n1,0\n")
    with pytest.raises(ValueError, match="rows.txt is neither parquet nor CSV by its name"):
        fit(folder / "rows.txt")
    with pytest.raises(TypeError, match="source is a DataFrame. Pass the path"):
        fit(TABLE)
    with pytest.raises(FileNotFoundError, match="cache_dir='.*nowhere' is no folder"):
        fit(write(folder, TABLE), cache_dir=tmp_path / "nowhere")
    TABLE.to_csv(folder / "rows.csv")
    with pytest.raises(ValueError, match="holds files of parquet and of CSV"):
        fit(folder)


def test_a_full_disk_is_told_before_and_while_rows_are_written(folder, cache, monkeypatch):
    write(folder, TABLE)
    message = "The shuffled rows cannot be written to .*: .* pass cache_dir, a folder on a larger disk"
    with monkeypatch.context() as patch:
        usage = namedtuple("usage", "total used free")
        patch.setattr(shutil, "disk_usage", lambda _: usage(100, 0, 100))
        with pytest.raises(OSError, match=message):
            fit(folder, cache_dir=cache)
    opened = Path.open

    def full(self, mode="r", *args, **kwargs):
        if mode == "ab":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match=message):
        fit(folder, cache_dir=cache)


def test_without_pyarrow_it_is_told_what_to_install(folder, monkeypatch):
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError("No module named 'pyarrow'", name="pyarrow")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pyarrow is missing\): pip install 'balanced-nn\[arrow\]'"):
        fit(folder)


def test_files_may_differ_in_the_size_of_numbers_and_hold_columns_that_are_empty(folder):
    other = TABLE.assign(a=np.arange(600), b=None, c=TABLE.c.astype(np.float32))
    source = open_source(write(folder, TABLE, other), "y", sample_weight="w", groups="g")
    blocks = list(source.blocks())
    assert sum(len(block.codes) for block in blocks) == 1200
    assert source.features == ("a", "b", "c")


@pytest.mark.parametrize(("first", "second"), [("int64", "float64"), ("int32", "int64"), ("float32", "float64")])
def test_the_first_file_may_hold_the_smaller_numbers(first, second, folder):
    files = [TABLE.assign(a=np.arange(600).astype(kind)) for kind in (first, second)]
    blocks = list(open_source(write(folder, *files), "y").blocks())
    assert pd.concat([block.frame for block in blocks]).a.tolist() == 2 * list(range(600))


def test_whole_numbers_at_the_top_of_a_csv_file_may_be_fractions_below(folder, monkeypatch):
    monkeypatch.setattr("balanced_nn._streaming.files.CSV_BYTES", 2**12)  # of which the types are told
    lines = pd.DataFrame({"a": np.ones(5_000, dtype=object), "b": 7, "y": np.arange(5_000) % 2})
    lines["a"] = lines["a"].astype(int).astype(object)
    lines.loc[4_999, "a"] = 1.5
    lines.to_csv(folder / "rows.csv", index=False)
    *_, last = open_source(folder, "y").blocks()
    assert last.frame.a.iloc[-1] == 1.5
    assert (last.frame.b == 7).all()
    assert last.labels.dtype.kind == "i"


def test_folders_named_after_a_value_are_a_column_and_hidden_files_are_none(folder):
    for country in ("de", "fr"):
        (folder / f"country={country}").mkdir()
        write(folder / f"country={country}", TABLE)
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "half.parquet").write_bytes(b"PAR1")
    source = open_source(folder, "y")
    assert source.features == ("a", "b", "c", "w", "g", "country")
    frame = pd.concat([block.frame for block in source.blocks()])
    assert frame.country.value_counts().to_dict() == {"de": 600, "fr": 600}


@pytest.mark.parametrize("of_one_file", [False, True])
def test_folders_above_the_source_are_no_columns(of_one_file, folder):
    (folder / "run=7").mkdir()
    path = write(folder / "run=7", TABLE)
    assert open_source(path / "part0.parquet" if of_one_file else path, "y").features == ("a", "b", "c", "w", "g")


@pytest.mark.parametrize("noted", [b"\xf4{", b'{"index_columns": ["custo', b"[]", b'{"index_columns": 7}'])
def test_a_damaged_note_of_pandas_leaves_the_columns_as_they_are(noted, folder):
    table = pa.Table.from_pandas(TABLE, preserve_index=False).replace_schema_metadata({"pandas": noted})
    pq.write_table(table, folder / "rows.parquet")
    assert open_source(folder, "y").features == ("a", "b", "c", "w", "g")


def test_the_index_of_a_frame_is_no_feature(folder):
    source = open_source(write(folder, TABLE.iloc[::-1], TABLE.rename_axis("customer")), "y")
    assert source.features == ("a", "b", "c", "w", "g")
