"""Do `fit`, `predict` and `lr-find` do from a shell what they promise?"""

import os
import platform
import pty
import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

import balanced_nn
from balanced_nn import BalancedNNClassifier, load_model, save_model
from balanced_nn._cli.main import main
from balanced_nn._cli.plots import draw_pictures
from balanced_nn.exceptions import RareClassWarning

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


def some_rows(n_rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"income": 1e5 * rng.normal(size=n_rows), "age": rng.normal(size=n_rows)})
    frame["town"] = np.where(rng.random(n_rows) < 0.5, "A", "B")
    frame["customer"] = [f"c{i:03}" for i in range(n_rows)]
    frame["churn"] = np.where(frame["age"] + 0.3 * rng.normal(size=n_rows) > 1.0, "yes", "no")
    frame.loc[3, "age"] = np.nan
    return frame


class Page(HTMLParser):
    """Reads a page, and sees to it that its tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[str] = []
        self.words: list[str] = []  # what stands for the pictures
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "img":
            self.images.append(dict(attrs)["src"] or "")
            self.words.append(dict(attrs)["alt"] or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, and what `fit` makes of it."""
    folder = tmp_path_factory.mktemp("fit")
    some_rows().to_csv(folder / "table.csv", index=False)
    arguments = ["--target", "churn", "--drop", "customer", "--max-iter", "15", "--quiet"]
    assert main(["fit", str(folder / "table.csv"), "--out", str(folder / "churn.skops"), *arguments]) == 0
    return folder


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all the rest."""
    for name in ("draw_pictures", "draw_effects"):
        monkeypatch.setattr(f"balanced_nn._cli.html_report.{name}", lambda shown: iter(()))


# fit


def test_fit_writes_the_model_and_a_report_with_pictures(folder: Path) -> None:
    model = load_model(folder / "churn.skops")
    assert isinstance(model, BalancedNNClassifier)
    assert model.feature_names_in_.tolist() == ["income", "age", "town"]
    assert model.verbose == 0
    page = Page((folder / "churn.html").read_text())
    for text in (
        "churn in table.csv",
        "240 rows, 3 columns",
        str(model.collapse_report_),
        str(model.decision_rule_),
        f"Learning rate{model.learning_rate_:.2g}",
        "4 networks of",
        "Rows of each true class (down) by predicted class (across)",
        "balanced accuracy",
        "balanced-nn predict",
        "The file contains no code",
        "Measured on all 48 rows that the model did not see.",
        f"balanced-nn fit {folder / 'table.csv'} --out {folder / 'churn.skops'} --target churn --drop customer",
        f"balanced-nn {balanced_nn.__version__}, Python {platform.python_version()}, numpy {np.__version__}, ",
        "max_iter15set",
    ):
        assert text in page.text
    assert len(page.images) == 6
    assert len(set(page.words)) == 6
    assert min(map(len, page.words)) > 60
    importances = page.text.partition("drop in ROC AUCspread")[2]
    assert importances.startswith("age")  # the labels were made from it
    assert "Partial dependence of the probability of yes. age: " in page.words[1]
    assert "Decision, on the held-out rows" in page.text
    assert page.text.count("Fitted on 192 rows, evaluated on 48 others.") == 1
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.images)
    assert not re.search(r'(src|href)="(?!data:)', (folder / "churn.html").read_text())  # it needs no other file


@pytest.mark.usefixtures("no_pictures")
def test_fit_prints_what_it_judged_and_shows_no_progress_when_quiet(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "again.pkl", tmp_path / "page.htm"
    arguments = ["--target", "churn", "--drop", "customer", "--max-iter", "15", "--quiet", "--report", str(report)]
    assert main(["fit", str(folder / "table.csv"), "--out", str(out), *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for text in (
        "Fitted on 192 rows, evaluated on 48 others",
        "precision",
        "log-loss",
        "No collapse",
        "Decision: Balanced",
    ):
        assert text in printed.out
    assert printed.out.endswith(f"The model is in {out}, a report in {report}.\n")
    rows = some_rows()
    same = load_model(folder / "churn.skops").predict_proba(rows[["income", "age", "town"]])
    np.testing.assert_array_equal(joblib.load(out).predict_proba(rows[["income", "age", "town"]]), same)


def test_what_is_judged_on_was_not_fitted_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, pd.DataFrame] = {}

    def fit(self: BalancedNNClassifier, X: pd.DataFrame, y: np.ndarray) -> BalancedNNClassifier:
        seen["fit"] = X
        return load_model(folder / "churn.skops")

    monkeypatch.setattr(BalancedNNClassifier, "fit", fit)
    monkeypatch.setattr(
        "balanced_nn._cli.fit.evaluate",
        lambda model, parts: seen.update(judge=next(parts)[0]) or pytest.skip("seen enough"),
    )
    with pytest.raises(pytest.skip.Exception):
        main(["fit", str(folder / "table.csv"), "--target", "churn", "--out", str(tmp_path / "m.joblib"), "--quiet"])
    assert len(seen["fit"]) + len(seen["judge"]) == 240
    assert not set(seen["fit"].index) & set(seen["judge"].index)


def test_copies_of_a_row_are_not_judged_on_where_the_model_has_seen_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = keep_what_is_fitted(monkeypatch)
    rows = some_rows().drop(columns="customer")
    rows.loc[5, "income"] = np.inf
    copied = pd.concat([rows, *[rows[rows["churn"] == "yes"]] * 4])
    copied.to_csv(tmp_path / "t.csv", index=False)
    main(["fit", str(tmp_path / "t.csv"), "--target", "churn", "--out", str(tmp_path / "m.skops"), "--quiet"])
    (fitted,) = seen
    judged = pd.read_csv(tmp_path / "t.csv").drop(index=fitted.index)
    assert len(judged) > 40
    assert (judged["churn"] == "yes").sum() > 10
    assert not set(map(tuple, judged[["income", "town"]].to_numpy())) & set(
        map(tuple, fitted[["income", "town"]].to_numpy())
    )


@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
def test_names_from_the_data_are_no_html(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = some_rows().drop(columns="customer")
    rows["churn"] = rows["churn"].map({"no": EVIL, "yes": '"><img src=x onerror=alert(2)>'})
    rows.insert(0, "<b>when</b>", pd.date_range("2024-01-01", periods=len(rows)).strftime("%Y-%m-%d"))
    rows["town"] = "<script>" + rows["town"]
    rows = rows.rename(columns={"churn": "<i>target</i>", "age": "age & <u>more</u>", "town": "<script>town"})
    rows.to_csv("a<em>b.csv", index=False)
    arguments = ["--target", "<i>target</i>", "--out", "m&lt;<u>.pkl", "--max-iter", "1", "--test-size", "0.5"]
    assert main(["fit", "a<em>b.csv", "--quiet", *arguments]) in {0, 3}
    page = Page(Path("m&lt;<u>.html").read_text())
    assert not {"script", "b", "i", "u", "em"} & set(page.tags[page.tags.index("body") :]) - {"em"}
    assert page.tags.count("em") == page.text.count("What to do: ") + page.text.count("Why: ") + page.text.count("Or: ")
    assert EVIL in page.text
    assert "a<em>b.csv" in page.text
    assert "m&lt;<u>.pkl" in page.text
    assert all(source.startswith("data:") for source in page.images)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
def test_a_collapse_is_told_by_the_exit_code_and_the_files_are_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = some_rows().drop(columns=["customer", "age"])
    rows["churn"] = np.random.default_rng(1).permutation(rows["churn"])
    rows.to_csv(tmp_path / "noise.csv", index=False)
    arguments = ["--target", "churn", "--out", str(tmp_path / "m.joblib"), "--max-iter", "1", "--test-size", "0"]
    code = main(["fit", str(tmp_path / "noise.csv"), *arguments])
    printed = capsys.readouterr()
    collapsed = joblib.load(tmp_path / "m.joblib").collapse_report_.collapsed
    assert code == (3 if collapsed else 0)
    assert "none were held out to evaluate the model" in printed.out
    page = Page((tmp_path / "m.html").read_text())
    assert "none were held out to evaluate the model" in page.text
    assert "Not measured: no rows were held out from the fit" in page.text
    assert "network 1 of 4" in printed.err  # progress
    assert "CollapseWarning" not in printed.err


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
def test_true_and_false_may_be_labels_where_one_is_missing(tmp_path: Path) -> None:
    rows = some_rows().drop(columns=["customer", "town"])
    rows["churn"] = np.where(rows.index == 5, "", (rows["churn"] == "yes").astype(str))
    rows.to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "m.joblib"
    arguments = ["--target", "churn", "--out", str(out), "--max-iter", "1", "--quiet"]
    assert main(["fit", str(tmp_path / "t.csv"), *arguments]) in {0, 3}
    assert joblib.load(out).classes_.tolist() == [False, True]


def keep_what_is_fitted(monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """Keep the rows that are passed to `fit`, and fit nothing."""
    seen: list[pd.DataFrame] = []

    def fit(self: BalancedNNClassifier, X: pd.DataFrame, y: np.ndarray) -> None:
        seen.append(X)
        raise ValueError("seen enough")

    monkeypatch.setattr(BalancedNNClassifier, "fit", fit)
    return seen


@pytest.mark.parametrize("command", ["fit", "lr-find"])
@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"customer": "c{}"}, "Column 'customer' holds another text in almost every row"),
        ({"mail": "c{}@x.org"}, "Column 'mail' holds another text in almost every row"),
        ({"id": "{}-a", "note": "it was said {} times"}, "Columns 'id', 'note' hold another text in almost every row"),
        ({"key": "é{}"}, "Column 'key' holds another text in almost every row"),
    ],
)
def test_a_column_of_identifiers_is_left_out_and_named(
    columns: dict[str, str],
    told: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = keep_what_is_fitted(monkeypatch)
    monkeypatch.setattr("balanced_nn.learning_rate_range_test", BalancedNNClassifier.fit)
    frame = pd.DataFrame({"x": np.arange(60) % 7, "town": ["A", "B", "C"] * 20, "y": ["no", "yes"] * 30})
    frame = frame.assign(**{name: [form.format(i * i) for i in range(60)] for name, form in columns.items()})
    frame.assign(day=pd.date_range("2024-01-01", periods=60)).to_csv(tmp_path / "t.csv", index=False)
    out = ["--out", str(tmp_path / "m.joblib")] if command == "fit" else []
    assert main([command, str(tmp_path / "t.csv"), "--target", "y", *out]) == 2
    printed = capsys.readouterr()
    (line,) = [line for line in printed.err.splitlines() if "left out" in line]
    assert line.startswith(told)
    assert list(seen[0]) == ["x", "town", "day"]
    assert main(["diagnose", str(tmp_path / "t.csv"), "--target", "y"]) == 0
    assert f"- {told}" in capsys.readouterr().out


def test_a_table_of_identifiers_alone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame({"id": [f"c{i}" for i in range(40)], "y": [0, 1] * 20}).to_csv(tmp_path / "t.csv", index=False)
    assert main(["fit", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "m.joblib")]) == 2
    assert "has nothing to learn from beside 'y'. Column 'id' holds another text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "n"),
    [
        (np.arange(600) * 7 % 41, 41),  # counts
        (np.arange(600) % 30 * 10, 30),
        (np.where(np.arange(600) == 3, np.nan, np.arange(600) % 25), 25),  # read as floats
        (np.arange(600) % 20, 0),
        ([f"k{i % 30}" for i in range(600)], 0),
    ],
)
@pytest.mark.parametrize("command", ["fit", "diagnose"])
def test_many_different_numbers_are_doubted_as_classes(
    values: object,
    n: int,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_what_is_fitted(monkeypatch)
    pd.DataFrame({"x": np.arange(600) % 7, "length": values}).to_csv(tmp_path / "t.csv", index=False)
    out = ["--out", str(tmp_path / "m.joblib"), "--quiet"] if command == "fit" else []
    main([command, str(tmp_path / "t.csv"), "--target", "length", *out])
    lines = [line for line in capsys.readouterr().out.splitlines() if "to be estimated" in line]
    told = f"- The target 'length' holds {n} different numbers, each of which becomes a class: is it a quantity to be"
    assert [line.startswith(told) for line in lines] == [True] * (n > 0)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([40, 40, 3], "evaluated on 16 others. Not evaluated, because of too few rows: class c."),
        ([40, 40, 3, 4], "evaluated on 16 others. Not evaluated, because of too few rows: classes c, d."),
        ([40, 3], "Fitted on all 43 rows; none were held out to evaluate the model: fewer than two classes have"),
    ],
)
def test_classes_without_rows_to_judge_on_are_told(
    counts: list[int],
    told: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = list("abcd"[: len(counts)])
    model = load_model(folder / "churn.skops")
    proba = np.full(len(names), 1 / len(names))
    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: model)
    monkeypatch.setattr(BalancedNNClassifier, "predict", lambda self, X: np.full(len(X), "a"))
    monkeypatch.setattr(BalancedNNClassifier, "predict_proba", lambda self, X: np.tile(proba, (len(X), 1)))
    monkeypatch.setattr(model, "classes_", np.array(names))
    frame = pd.DataFrame({"x": np.arange(sum(counts)) % 7 / 3, "y": np.repeat(names, counts)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    main(["fit", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "m m.joblib"), "--quiet"])
    assert told in capsys.readouterr().out
    page = Page((tmp_path / "m m.html").read_text())
    assert told in page.text
    assert f"balanced-nn predict '{tmp_path / 'm m.joblib'}' NEW.csv --out answers.csv --trust" in page.text


def test_a_model_that_cannot_be_judged_is_written_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no score\nfor you")

    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: load_model(folder / "churn.skops"))
    monkeypatch.setattr("balanced_nn._cli.fit.evaluate", refuse)
    out = tmp_path / "m.joblib"
    assert main(["fit", str(folder / "table.csv"), "--target", "churn", "--out", str(out), "--quiet"]) == 1
    said = f"balanced-nn: the model is in {out}, but cannot be judged: no score for you"
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert joblib.load(out).classes_.tolist() == ["no", "yes"]


@pytest.mark.usefixtures("no_pictures")
def test_a_warning_is_told_beside_the_output_and_in_the_report(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fit(self: BalancedNNClassifier, X: pd.DataFrame, y: np.ndarray) -> BalancedNNClassifier:
        warnings.warn("few rows\nof class x", RareClassWarning, stacklevel=2)
        return load_model(folder / "churn.skops")

    monkeypatch.setattr(BalancedNNClassifier, "fit", fit)
    arguments = ["--target", "churn", "--drop", "customer", "--out", str(tmp_path / "m.joblib"), "--quiet"]
    assert main(["fit", str(folder / "table.csv"), *arguments]) == 0
    assert capsys.readouterr().err.endswith("balanced-nn: few rows of class x\n")
    assert "few rows of class x" in Page((tmp_path / "m.html").read_text()).text


def test_costs_a_threshold_and_a_metric_reach_the_decision(folder: Path, tmp_path: Path) -> None:
    def asked(decision: str) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: pytest.skip(repr(self.decision)))
            with pytest.raises(pytest.skip.Exception) as stop:
                main([*start, "--decision", decision])
        return stop.value.msg

    start = ["fit", str(folder / "table.csv"), "--target", "churn", "--out", str(tmp_path / "m.joblib"), "--quiet"]
    assert asked("0.3") == "0.3"
    assert asked("f1") == "'f1'"
    assert asked("[[0, 1], [50, 0]]") == "[[0, 1], [50, 0]]"


def test_without_matplotlib_the_report_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: load_model(folder / "churn.skops"))
    arguments = ["--target", "churn", "--drop", "customer", "--out", str(tmp_path / "m.joblib"), "--quiet"]
    assert main(["fit", str(folder / "table.csv"), *arguments]) == 0
    page = Page((tmp_path / "m.html").read_text())
    assert page.images == []
    assert "There are none: " in page.text
    assert "pip install 'balanced-nn[plot]'" in page.text


def test_a_decision_made_on_training_rows_is_not_said_to_be_on_others() -> None:
    clf = BalancedNNClassifier((4,), learning_rate_init=0.01, max_iter=2, random_state=0, on_collapse="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there are few rows
        titles = [picture.title for picture in draw_pictures(clf.fit(np.arange(6.0).reshape(-1, 1), [0, 1] * 3))]
    assert titles == ["Training", "Decision, on the training rows", "Outcome"]


TABLES = {
    "empty.csv": "",
    "header.csv": "a,y\n",
    "ragged.csv": "a,b,y\n1,2,no\n1,2,3,4,yes\n",
    "one.csv": "a,y\n" + "1,no\n2,no\n" * 20,
    "unique.csv": "a,y\n" + "".join(f"{i % 7},k{i}\n" for i in range(50)),
    "numbers.csv": "a,y\n" + "".join(f"{i % 7},{i / 7}\n" for i in range(50)),
    "infinite.csv": "a,y\n" + "inf,no\n2,yes\n" * 20,
    "good.csv": "a,y\n" + "1,no\n2,yes\n3,no\n4,yes\n" * 10,
}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.csv"], "there is no file none.csv"),
        (["empty.csv"], "cannot read empty.csv: No columns to parse from file"),
        (["header.csv"], "header.csv has no row with a label in column 'y'"),
        (["ragged.csv"], "cannot read ragged.csv: line 3 has 5 fields, and the first line 3 names."),
        (["one.csv"], "y holds 1 class, no; a classifier needs rows of at least two classes."),
        (["unique.csv"], "The target holds 50 different values in 50 rows: is it a number to predict"),
        (["numbers.csv"], "Unknown label type: continuous."),
        (["infinite.csv"], "Input X contains infinity or a value too large for dtype('float64'): column 'a'."),
        (["good.csv", "--target", "z"], "good.csv has no column 'z'; it has 'a', 'y'"),
        (["good.csv", "--drop", "z"], "good.csv has no column 'z'; it has 'a', 'y'"),
        (["good.csv", "--decision", "foo"], "decision='foo' is neither"),
        (["good.csv", "--decision", "[[1, 2]]"], "decision"),
        (["good.csv", "--out", "m.model"], "the model m.model must end in .skops or .joblib or .pkl"),
        (["good.csv", "--out", "no/m.joblib"], "there is no folder no for the model m.joblib"),
        (["good.csv", "--out", "folder.joblib"], "the model folder.joblib is a folder"),
        (["good.csv", "--report", "m.txt"], "the report m.txt must end in .html or .htm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_fitted_gives_one_line_and_code_2(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.joblib").mkdir()
    for name, text in TABLES.items():
        Path(name).write_text(text)
    assert main(["fit", "--target", "y", "--out", "m.joblib", "--quiet", *arguments]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith(f"balanced-nn: {line}")
    assert [said for said in told[:-1] if said != "Loading TensorFlow ..."] == []
    assert not Path("m.joblib").exists()


def test_a_model_that_is_diagnosed_on_its_own_table_is_not_flattered(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["diagnose", str(folder / "table.csv"), "--target", "churn", "--model", str(folder / "churn.skops")]
    assert main(arguments) == 0
    assert "Seen in training: about 80% of these rows" in capsys.readouterr().out  # a fifth was held out


@pytest.mark.usefixtures("no_pictures")
def test_a_model_without_a_suffix_is_written_by_skops_or_else_as_a_pickle_and_that_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(folder / "churn.skops")
    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: model)
    monkeypatch.chdir(tmp_path)
    arguments = ["fit", str(folder / "table.csv"), "--target", "churn", "--out", "churn", "--quiet"]
    assert main(arguments) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["churn.html", "churn.skops"]
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, "skops.io", None)
    assert main(arguments) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["churn.html", "churn.joblib", "churn.skops"]
    said = capsys.readouterr()
    assert said.err.startswith("skops is not installed, so that the model becomes a pickle, churn.joblib, which runs")
    assert said.out.endswith("The model is in churn.joblib, a report in churn.html.\n")


# predict


def test_predict_keeps_the_order_of_the_rows_and_the_columns_asked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = some_rows()[::-1].drop(columns="churn")
    rows.to_parquet(tmp_path / "new.parquet")
    out = tmp_path / "answers.csv"
    arguments = ["predict", str(folder / "churn.skops"), str(tmp_path / "new.parquet"), "--keep", "customer"]
    assert main([*arguments, "--out", str(out)]) == 0
    assert capsys.readouterr() == ("", "")
    answers, model = pd.read_csv(out), load_model(folder / "churn.skops")
    assert list(answers) == ["customer", "prediction", "probability_no", "probability_yes"]
    assert answers["customer"].tolist() == rows["customer"].tolist()
    assert answers["prediction"].tolist() == model.predict(rows[["income", "age", "town"]]).tolist()
    np.testing.assert_allclose(
        answers[["probability_no", "probability_yes"]], model.predict_proba(rows[["income", "age", "town"]]), rtol=1e-9
    )
    assert main(arguments) == 0
    assert capsys.readouterr().out == out.read_text()


@pytest.mark.usefixtures("no_pictures")
def test_a_pickle_asks_for_trust_unless_the_command_wrote_it_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(folder / "churn.skops")
    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: model)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out, table = tmp_path / "m.joblib", str(folder / "table.csv")
    assert main(["fit", table, "--target", "churn", "--out", str(out), "--quiet"]) == 0
    out.rename(tmp_path / "moved.pkl")
    assert main(["predict", str(tmp_path / "moved.pkl"), table, "--out", str(tmp_path / "a.csv")]) == 0
    others = tmp_path / "others.joblib"
    joblib.dump(model, others)
    (tmp_path / "changed.joblib").write_bytes((tmp_path / "moved.pkl").read_bytes() + b" ")
    for untrusted in (others, tmp_path / "changed.joblib"):
        assert main(["predict", str(untrusted), table]) == 2
        assert "If you trust where it comes from" in capsys.readouterr().err


@pytest.mark.usefixtures("no_pictures")
def test_a_pickle_is_written_where_nothing_can_be_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(folder / "churn.skops")
    monkeypatch.setattr(BalancedNNClassifier, "fit", lambda self, X, y: model)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    out, table = tmp_path / "m.joblib", str(folder / "table.csv")
    assert main(["fit", table, "--target", "churn", "--out", str(out), "--quiet"]) == 0
    assert main(["predict", str(out), table]) == 2
    assert "--trust" in capsys.readouterr().err


@pytest.mark.parametrize("levels", [("1", "2", "x"), ("True", "False", "maybe")])
def test_rows_are_predicted_alike_in_whatever_file_they_stand(levels: tuple[str, ...], tmp_path: Path) -> None:
    frame = pd.DataFrame({"number": np.linspace(-1.0, 1.0, 90), "code": levels * 30})
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=3, random_state=0, on_collapse="ignore")
    joblib.dump(clf.fit(frame, np.tile(["a", "b", "b"], 30)), tmp_path / "m.joblib")
    frame.loc[::9, "code"] = None
    part = frame[frame["code"] != levels[2]]
    answers = []
    for name, rows in (("all", frame), ("part", part)):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        table, out = str(tmp_path / f"{name}.csv"), tmp_path / f"answers of {name}.csv"
        assert main(["predict", str(tmp_path / "m.joblib"), table, "--out", str(out), "--trust"]) == 0
        answers.append(pd.read_csv(out))
    whole, some = answers
    pd.testing.assert_frame_equal(whole.loc[part.index].reset_index(drop=True), some)
    np.testing.assert_allclose(whole.filter(like="probability"), clf.predict_proba(frame), rtol=1e-9)


def test_what_is_kept_is_written_as_it_was_read_and_the_model_sees_the_number(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(40)})
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=2, random_state=0, on_collapse="ignore")
    joblib.dump(clf.fit(frame, [0, 1] * 20), tmp_path / "m.joblib")
    (tmp_path / "t.csv").write_text("id,x\n00002,007\n,08\n9007199254740993,9\n")
    arguments = ["predict", str(tmp_path / "m.joblib"), str(tmp_path / "t.csv"), "--keep", "id", "--keep", "x"]
    assert main([*arguments, "--trust", "--out", str(tmp_path / "a.csv")]) == 0
    answers = pd.read_csv(tmp_path / "a.csv", dtype={"id": str, "x": str}, keep_default_na=False)
    assert answers["id"].tolist() == ["00002", "", "9007199254740993"]
    assert answers["x"].tolist() == ["007", "08", "9"]
    np.testing.assert_allclose(
        answers.filter(like="probability").astype(float), clf.predict_proba(pd.DataFrame({"x": [7, 8, 9]})), rtol=1e-9
    )


class Foolish:
    """A classifier without probabilities."""

    classes_ = ("a", "b")

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), "a")


def test_a_classifier_without_probabilities_gives_its_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib.dump(Foolish(), tmp_path / "m.pkl")
    (tmp_path / "t.csv").write_text("x\n1\n2\n")
    assert main(["predict", str(tmp_path / "m.pkl"), str(tmp_path / "t.csv"), "--trust"]) == 0
    assert capsys.readouterr().out == "prediction\na\na\n"


class Doubtful(Foolish):
    """A classifier that has something to say whenever it is asked."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        warnings.warn("old\nrows", UserWarning, stacklevel=2)
        return super().predict(X)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        warnings.warn("old\nrows", UserWarning, stacklevel=2)
        return np.full((len(X), 2), 0.5)


def test_what_a_model_warns_of_is_told_once_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joblib.dump(Doubtful(), tmp_path / "m.pkl")
    (tmp_path / "t.csv").write_text("x\n1\n")
    assert main(["predict", str(tmp_path / "m.pkl"), str(tmp_path / "t.csv"), "--trust"]) == 0
    assert capsys.readouterr() == ("prediction,probability_a,probability_b\na,0.5,0.5\n", "balanced-nn: old rows\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.joblib", "table.csv"], "there is no file none.joblib"),
        (["churn.skops", "none.csv"], "there is no file none.csv"),
        (
            ["churn.skops", "other.csv"],
            "the model was fitted with columns that other.csv does not have: 'age', ",
        ),
        (["churn.skops", "text.csv"], "text.csv does not fit the model: Column 'age' held numbers when fitted"),
        (["churn.skops", "table.csv", "--keep", "z"], "table.csv has no column 'z'; it has 'income', "),
        (["churn.skops", "taken.csv", "--keep", "prediction"], "column 'prediction' cannot be kept: the answers"),
        (["churn.skops", "table.csv", "--out", "a.xlsx"], "the answers a.xlsx must end in .csv or .parquet or .pq"),
        (["churn.skops", "table.csv", "--out", "no/a.csv"], "there is no folder no for the answers a.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_predicted_gives_one_line_and_code_2(
    arguments: list[str],
    line: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    joblib.dump([1, 2], "list.joblib")
    Path("other.csv").write_text("income\n1\n")
    some_rows().assign(prediction="x").to_csv("taken.csv", index=False)
    some_rows().assign(age="old").to_csv("text.csv", index=False)
    assert main(["predict", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"balanced-nn: {line}")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["table.csv", "table.csv", "--trust"], "cannot read a model from table.csv: "),
        (
            ["list.joblib", "table.csv"],
            "list.joblib would be read as a pickle, which runs the code in it. If you trust",
        ),
        (["table.csv", "table.csv"], "table.csv would be read as a pickle, which runs the code in it. If you trust"),
        (["half.skops", "table.csv"], "half.skops is no skops file, or a truncated or damaged one (File is not a zip"),
        (["odd.keras", "table.csv"], "cannot read a model from odd.keras: "),
        (
            ["odd.h5", "table.csv"],
            "odd.h5 would be read as a file of the older format of Keras, which runs the code in it",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("command", ["predict", "diagnose"])
def test_a_model_that_cannot_be_opened_gives_one_line_and_code_2(
    arguments: list[str],
    line: str,
    command: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    save_model([1, 2], "list.joblib")
    Path("half.skops").write_bytes(Path("churn.skops").read_bytes()[:2000])
    for name in ("odd.keras", "odd.h5"):
        Path(name).write_bytes(b"no model")
    if command == "diagnose":
        model, table, *trust = arguments
        arguments = [table, "--target", "churn", "--model", model, *trust]
    assert main([command, *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].startswith(f"balanced-nn: {line}")
    assert printed.out == ""


@pytest.mark.parametrize("name", ["list.skops", "list.joblib"])
def test_what_is_no_classifier_gives_one_line_and_code_2(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    save_model([1, 2], name)
    assert main(["predict", name, "table.csv", "--trust"]) == 2
    assert capsys.readouterr().err == f"balanced-nn: {name} holds list, which is not a fitted scikit-learn classifier\n"


def test_without_pyarrow_nothing_is_predicted_for_a_parquet_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "none.joblib", "none.csv", "--out", "a.parquet"]) == 1
    said = "balanced-nn: writing a.parquet needs pandas and pyarrow: pip install pandas pyarrow\n"
    assert capsys.readouterr().err == said


@pytest.mark.slow
def test_whoever_reads_the_answers_may_stop_early(folder: Path) -> None:
    pd.concat([some_rows()] * 100).to_csv(folder / "long.csv", index=False)
    command = [sys.executable, "-m", "balanced_nn", "predict", str(folder / "churn.skops"), str(folder / "long.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("prediction,")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


# lr-find


def test_a_learning_rate_is_suggested_and_drawn(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "rates.png"
    arguments = ["--target", "churn", "--drop", "customer", "--picture", str(picture), "--seed", "1"]
    assert main(["lr-find", str(folder / "table.csv"), *arguments]) == 0
    head, first, *_, suggestion = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["rate", "loss"]
    assert first.split()[0] == "0.0001"
    assert re.match(r"Suggested learning rate: 0\.\d+ \(.*\)\.$", suggestion)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["one.csv"], "y holds 1 class, no; a classifier needs"),
        (["good.csv", "--picture", "p.gif"], "the picture p.gif must end in .png or .svg or .pdf"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_searched_gives_one_line_and_code_2(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one.csv", "good.csv"):
        Path(name).write_text(TABLES[name])
    assert main(["lr-find", "--target", "y", *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"balanced-nn: {line}")


def test_without_matplotlib_no_rates_are_tried_for_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(tmp_path)
    assert main(["lr-find", "none.csv", "--target", "y", "--picture", "p.png"]) == 1
    assert capsys.readouterr().err == "balanced-nn: p.png needs matplotlib: pip install 'balanced-nn[plot]'\n"


# On a terminal


@pytest.mark.slow
def test_on_a_terminal_fit_draws_its_bar_and_no_noise_of_tensorflow(folder: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"TF_CPP_MIN_LOG_LEVEL", "COLUMNS"}}
    arguments = ["fit", str(folder / "table.csv"), "--target", "churn", "--drop", "customer", "--max-iter", "30"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "balanced_nn", *arguments, "--out", str(tmp_path / "m.joblib")],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**environment, "TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # Linux tells so that the other end is closed
            break
    os.close(ours)
    printed, _ = process.communicate()
    shown = seen.decode()
    assert process.returncode == 0
    assert "━" in shown
    assert shown.count("best epoch") == 4
    assert "cuda" not in shown
    assert b"\x1b" not in printed
    assert balanced_nn.BalancedNNClassifier.__name__ in printed.decode()


# The positive class


def test_fit_decides_for_the_class_that_is_named_and_else_for_the_rarer_one(tmp_path: Path, no_pictures: None) -> None:
    rows = some_rows()
    rows["churn"] = np.where(rows["churn"].astype(str) == rows["churn"].astype(str).min(), "zz", "aa")
    rarer, other = rows["churn"].value_counts().index[::-1]
    rows.to_csv(tmp_path / "t.csv", index=False)
    common = ["fit", str(tmp_path / "t.csv"), "--target", "churn", "--drop", "customer", "--max-iter", "2", "--quiet"]
    for name, options in {rarer: [], other: ["--positive", other]}.items():
        main([*common, "--decision", "0.2", "--out", str(tmp_path / "m.joblib"), *options])
        rule = joblib.load(tmp_path / "m.joblib").decision_rule_
        assert f"answers {name} where its probability is above 0.2" in str(rule)


def test_a_positive_class_that_is_none_is_refused_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, model = str(folder / "table.csv"), str(folder / "m.joblib")
    assert main(["fit", table, "--target", "churn", "--positive", "maybe", "--out", model]) == 2
    assert "--positive maybe is none of two classes: the target holds " in capsys.readouterr().err
