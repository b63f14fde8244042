"""Are columns named that are likely not what they should be, and sound ones not?"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanced_nn import BalancedNNClassifier, TabularPreprocessor
from balanced_nn._data.column_checks import describe, row_numbers, suspicious_columns
from balanced_nn._data.table import read_table
from balanced_nn.exceptions import ColumnWarning


def findings(**columns: Any) -> tuple[str, ...]:
    table = read_table(TabularPreprocessor(), pd.DataFrame(columns), reset=True)
    return describe((*suspicious_columns(table), *row_numbers(table)))


def test_row_numbers_are_named() -> None:
    n = np.arange(40)
    (said,) = findings(id=n + 1000, x=np.sin(n), steps=n // 2)
    assert said == "Column 'id' numbers the rows. Drop it: the row order of a file is not a feature."


def test_texts_that_differ_in_each_row_are_named() -> None:
    names = [f"person {i}" for i in range(40)]
    (said,) = findings(name=names, mail=names, town=["A", "B"] * 20)
    assert said.startswith("Columns 'name', 'mail' hold another text in almost every row")
    assert said.endswith("Drop them, or turn them into categories.")


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%y", "%Y-%m-%d %H:%M"])
def test_dates_are_named(form: str) -> None:
    (said,) = findings(day=list(pd.date_range("2024-01-01", periods=30).strftime(form)))
    assert said.startswith("Column 'day' holds dates as text, each of which becomes a category. Turn it into dates")


@pytest.mark.parametrize(
    "cells",
    [
        [f"10.{minor}.{patch}" for minor in range(6) for patch in (7, 11, 13, 24, 99)],
        [f"192.168.{i}.{i + 10}" for i in range(10, 40)],
        [f"{i}/31/2024" for i in range(1, 13)] + [f"31/{i}/2024" for i in range(1, 13)],
        [f"0900-{i:02d}-01" for i in range(1, 13)] * 2,
    ],
    ids=lambda cells: cells[0],
)
def test_text_that_cannot_be_dates_of_one_form_is_called_none(cells: list[str]) -> None:
    assert not any("dates" in said for said in findings(version=cells))


def test_a_few_impossible_days_do_not_hide_dates() -> None:
    (said,) = findings(day=[*pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d"), "0000-00-00"])
    assert "holds dates as text" in said


def test_numbers_among_text_are_named_with_an_example() -> None:
    (said,) = findings(age=["31", "45", "unknown", "7.5"])
    assert "Column 'age' holds numbers, but also text such as 'unknown'" in said
    (said,) = findings(price=["1,5", "2,5"] * 10)
    assert "Column 'price' holds numbers as text, such as '1,5'" in said


def test_of_very_many_such_columns_the_first_are_named() -> None:
    said = findings(**{f"price {i}": ["1,5", "2,5"] * 10 for i in range(7)})
    assert len(said) == 1
    assert said[0].startswith(
        "Columns 'price 0', 'price 1', 'price 2', 'price 3', 'price 4' and 2 more hold numbers as text"
    )


def test_sound_columns_are_not_named() -> None:
    assert findings(x=np.linspace(0, 1, 30), town=["A", "B", "C"] * 10, flag=[True, False] * 15) == ()
    assert findings(few=["a", "b", "c"]) == ()  # three rows may differ


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=1, max_size=30))
def test_whatever_text_a_column_holds_it_is_looked_at(cells: list[str | None]) -> None:
    assert all(said.startswith("Column t$it ") for said in findings(**{"t$it": pd.Series(cells, dtype=object)}))


NUMBERS = np.random.default_rng(0).normal(1500, 400, 60).round(3)
FORMS = {
    "decimal comma": [f"{v:.1f}".replace(".", ",") for v in NUMBERS],
    "percent sign": [f"{v:.1f} %" for v in NUMBERS],
    "thousands separator": [f"{v * 1e3:,.0f}" for v in NUMBERS],
    "currency": [f"€ {v:.2f}" for v in NUMBERS],
    "unit": [f"{v:.1f} kg" for v in NUMBERS],
}


@pytest.mark.parametrize("form", FORMS)
def test_numbers_in_any_form_are_named_with_the_form(form: str) -> None:
    (said,) = findings(weight=FORMS[form], x=NUMBERS)
    assert said.startswith("Column 'weight' holds numbers as text, such as '")
    assert f"({form}), each of which becomes a category: their size is lost. Turn it into numbers." in said


@pytest.mark.parametrize("mark", ["?", "n/a", "-", "<5"])
@pytest.mark.parametrize("kind", [str, float])
def test_a_stray_text_among_numbers_is_named(mark: str, kind: type) -> None:
    cells: list[object] = [kind(v) for v in NUMBERS]
    cells[7] = mark
    (said,) = findings(a=cells)
    assert f"Column 'a' holds numbers, but also text such as '{mark}'" in said


def test_free_text_is_named() -> None:
    said = findings(note=[f"seen again on day {i // 2}, no change" for i in range(60)])
    assert len(said) == 1
    assert said[0].startswith("Column 'note' holds free text, such as 'seen again on day 0, no change', each of which")


@pytest.mark.parametrize(
    "cells",
    [
        ["0", "1"] * 20,
        [f"{code:05d}" for code in range(0, 99, 3)] * 2,
        [str(grade) for grade in range(1, 7)] * 6,
        ["A1", "B12", "C3"] * 10,
        ["low", "high", "12"] * 10,
        ["x", 1, 2.5] * 10,
    ],
    ids=lambda cells: str(cells[0]),
)
def test_codes_are_categories(cells: list[object]) -> None:
    assert findings(code=pd.Series(cells, dtype=object)) == ()


def test_fit_names_the_columns_and_a_report_without_a_signal_blames_them() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [160, 40])
    number = rng.normal(size=200) + 2 * y
    table = pd.DataFrame({"good": rng.permutation(number), "bad": [f"{v:.4f}".replace(".", ",") for v in number]})
    clf = BalancedNNClassifier((8,), n_members=1, max_iter=5, random_state=0, on_collapse="warn")
    with pytest.warns(ColumnWarning, match=r"Column 'bad' holds numbers as text, .*\(decimal comma\)") as record:
        report = clf.fit(table, y).collapse_report_
    assert next(w for w in record if w.category is ColumnWarning).filename == __file__
    if report.outcome == "no_signal":
        assert "Column 'bad' holds numbers as text" in str(report)
        assert report.causes[0].confidence < 0.5


def test_the_preprocessor_warns_by_itself() -> None:
    with pytest.warns(ColumnWarning, match="Column 'price' holds numbers as text") as record:
        TabularPreprocessor().fit(pd.DataFrame({"price": FORMS["currency"]}))
    assert record[0].filename == __file__


def test_digits_of_few_levels_are_categories():
    frame = pd.DataFrame({"rooms": ["0", "1", "2", "3+"] * 10, "net": ["2G", "3G", "4G", "5G"] * 10})
    assert findings(**frame.to_dict(orient="list")) == ()
