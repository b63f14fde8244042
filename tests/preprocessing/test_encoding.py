"""Do the same cells mean the same whatever the type of their column, and is it told where they do not?"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from balanced_nn import BalancedNNClassifier, TabularPreprocessor
from balanced_nn.exceptions import ColumnWarning

RNG = np.random.default_rng(0)
N = 40
TABLE = pd.DataFrame(
    {
        "member": RNG.random(N) < 0.5,
        "code": pd.Categorical(RNG.choice([1001, 2002, 3003], N)),
        "stage": RNG.choice(["0", "1", "2"], N),
        "kind": RNG.choice(["a", "b"], N),
        "size": RNG.normal(size=N),
    }
)
SAME: list[tuple[str, Callable[[pd.Series], Any]]] = [
    ("member", lambda c: c.map(str)),
    ("member", lambda c: c.map(str).str.upper()),
    ("member", lambda c: c.astype(float)),
    ("member", lambda c: c.astype("boolean")),
    ("code", lambda c: c.astype(int).astype(str)),
    ("code", lambda c: c.astype(float).astype(str).astype("category")),
    ("code", lambda c: c.astype("Int64")),
    ("stage", lambda c: c.astype(int)),
    ("stage", lambda c: c.astype(float)),
    ("stage", lambda c: c.astype(int).astype("category")),
    ("stage", lambda c: c.map(str.encode)),
]
OTHER: list[tuple[str, Callable[[pd.Series], Any], str]] = [
    ("member", lambda c: c.map({True: "yes", False: "no"}), "held booleans, such as False, in fit and now holds text"),
    ("code", lambda c: "A" + c.astype(str), "held numbers, such as 1001, in fit and now holds text, such as 'A"),
    ("stage", lambda c: c.astype(int) + 50, "held text, such as '0', in fit and now holds numbers, such as 5"),
    ("kind", lambda c: c == "a", "held text, such as 'a', in fit and now holds booleans"),
    ("size", lambda c: c > 0, "held numbers in fit and now holds booleans: they are taken for 0 and 1"),
]


@pytest.mark.parametrize(("name", "change"), SAME)
def test_cells_that_say_the_same_are_read_alike(name: str, change: Callable[[pd.Series], Any]) -> None:
    preprocessor = TabularPreprocessor().fit(TABLE)
    changed = TABLE.assign(**{name: change(TABLE[name])})
    np.testing.assert_array_equal(preprocessor.transform(changed), preprocessor.transform(TABLE))


@pytest.mark.parametrize(("name", "change", "said"), OTHER)
def test_a_column_of_another_type_of_which_nothing_is_known_is_named(
    name: str, change: Callable[[pd.Series], Any], said: str
) -> None:
    preprocessor = TabularPreprocessor().fit(TABLE)
    with pytest.warns(ColumnWarning, match=f"Column {name} {said}") as record:
        preprocessor.transform(TABLE.assign(**{name: change(TABLE[name])}))
    assert [w.filename for w in record] == [__file__]


def test_unseen_and_missing_levels_are_no_change_of_type() -> None:
    preprocessor = TabularPreprocessor().fit(TABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        preprocessor.transform(TABLE.assign(kind="never seen", stage=None, code=7))
        preprocessor.transform(TABLE.iloc[:1].assign(stage=np.nan))


def test_a_classifier_warns_once_at_the_line_of_the_caller() -> None:
    y = np.arange(N) % 2
    clf = BalancedNNClassifier((4,), n_members=2, max_iter=2, random_state=0, on_collapse="ignore").fit(TABLE, y)
    changed = TABLE.assign(kind=TABLE["kind"] == "a")
    for method in (clf.predict, clf.predict_proba):
        with pytest.warns(ColumnWarning, match="Column kind held text") as record:
            method(changed)
        assert [w.filename for w in record] == [__file__]
    with pytest.warns(ColumnWarning, match="Column kind held text"):
        clf.fit(TABLE, y, X_val=changed, y_val=y)


@pytest.mark.parametrize("labels", [["a", "b"], [0, 1], ["a", "a"]], ids=str)
def test_columns_in_another_order_are_refused(labels: list[Any]) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 3)))
    frame.columns = [*labels, 2 if labels == [0, 1] else "c"]
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        TabularPreprocessor().fit(frame).transform(frame.iloc[:, [2, 0, 1]])


def test_tables_of_all_kinds_go_by_name() -> None:
    arrow = pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": np.arange(9.0), "b": ["x", "y", "z"] * 3})
    preprocessor = TabularPreprocessor().fit(frame)
    for make in (arrow.Table.from_pandas, pl.DataFrame):
        np.testing.assert_array_equal(preprocessor.transform(make(frame)), preprocessor.transform(frame))
        with pytest.raises(ValueError, match="Feature names must be in the same order"):
            preprocessor.transform(make(frame[["b", "a"]]))


def test_lazy_frames_are_refused_with_the_call_that_computes_them() -> None:
    with pytest.raises(TypeError, match=r"X is a polars LazyFrame, .* Pass X.collect\(\)"):
        TabularPreprocessor().fit(pl.DataFrame({"a": [1.0, 2.0]}).lazy())
