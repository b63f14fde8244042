"""Is what a network may stumble over found in a table, and nothing in a sound one?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from balanced_nn import TabularPreprocessor
from balanced_nn._causes.data_checks import preflight, table_facts
from balanced_nn._causes.evidence import DataFacts, data_facts
from balanced_nn._data.table import read_table

SOUND = DataFacts(
    n_rows=1000,
    n_features=5,
    class_share=(0.6, 0.4),
    class_rows=(600, 400),
    largest=4.0,
    scale_ratio=2.0,
    offset_ratio=0.5,
    n_constant=0,
    n_duplicated=0,
    n_not_finite=0,
)


def test_nothing_is_said_of_a_sound_table():
    assert preflight(SOUND, ["no", "yes"]) == ()


@pytest.mark.parametrize(
    ("changed", "begins", "holds"),
    [
        ({"class_rows": (1000, 0), "class_share": (1.0, 0.0)}, "All 1,000 rows are of class no", "refuses such labels"),
        ({"bad_labels": "labels are shifted"}, "labels are shifted", ""),
        ({"class_rows": (999, 1)}, "Class yes has a single row", "trains on it and warns"),
        (
            {"class_rows": (980, 20)},
            "Few rows of class yes (20)",
            "about 3 of 20 to evaluate, and each changes the recall",
        ),
        ({"class_share": (0.95, 0.05)}, "Class no is 19 times as frequent as class yes", "right in 95.0% of the rows"),
        ({"n_not_finite": 50}, "50 cells (1% of all) missing or infinite", "SimpleImputer"),
        ({"scale_ratio": 1e6}, "The standard deviations of the columns differ by a factor of 1e+06", "StandardScaler"),
        ({"largest": 5000.0}, "The largest number is 5,000", "StandardScaler"),
        ({"offset_ratio": 2000.0}, "A column lies 2,000 standard deviations away from 0", "Subtract the mean"),
        ({"n_constant": 1}, "1 column holds only one value: it carries no information. Drop it", ""),
        ({"n_constant": 3}, "3 columns hold only one value: they carry no information. Drop them", ""),
        ({"n_duplicated": 1}, "1 column equals an earlier one", ""),
        ({"n_duplicated": 2}, "2 columns equal an earlier one", ""),
        ({"n_features": 2000}, "There are more columns (2,000) than rows (1,000)", "PCA"),
    ],
    ids=str,
)
def test_each_stumbling_block_is_named_with_what_to_do(changed, begins, holds):
    (sentence,) = preflight(replace(SOUND, **changed), ["no", "yes"])
    assert sentence.startswith(begins)
    assert holds in sentence
    assert "BalancedNNClassifier" in sentence or "bad_labels" in changed


def test_a_target_that_is_no_class_is_questioned():
    rows = (2,) * 500
    facts = replace(SOUND, class_rows=rows, class_share=(1 / 500,) * 500)
    first, second = preflight(facts, range(500))
    assert first.startswith("The target holds 500 different values in 1,000 rows")
    assert "and 495 more" in second


def test_the_gravest_comes_first():
    facts = replace(SOUND, n_constant=1, scale_ratio=1e3, class_rows=(999, 1), class_share=(0.999, 0.001))
    single, ratio, scale, constant = preflight(facts, ["no", "yes"])
    assert "single row" in single
    assert "times as frequent" in ratio
    assert "factor of" in scale
    assert "one value" in constant


def facts_of(frame, y):
    return table_facts(read_table(TabularPreprocessor(), frame, reset=True), np.asarray(y), 2)


def test_the_facts_of_a_table_are_those_of_its_raw_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "large": 1e4 * rng.normal(size=100),
            "small": rng.normal(size=100),
            "text": np.where(rng.random(100) < 0.5, "a", "b"),
            "one": "c",
            "flat": 7.0,
        }
    )
    facts = facts_of(frame, np.arange(100) % 2)
    assert facts.n_features == 5
    assert facts.n_constant == 2
    assert facts.n_not_finite == 0
    assert 5e3 < facts.scale_ratio < 2e4
    assert facts.class_rows == (50, 50)


def test_missing_cells_are_counted_and_do_not_bend_the_scale():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"year": 2000 + rng.normal(size=100), "text": np.where(rng.random(100) < 0.5, "a", "b")})
    whole = facts_of(frame, np.arange(100) % 2)
    frame.loc[:9, "year"] = np.nan
    frame.loc[:4, "text"] = None
    frame["empty"] = np.nan
    holed = facts_of(frame, np.arange(100) % 2)
    assert holed.n_not_finite == 115
    assert holed.n_constant == 1
    assert holed.offset_ratio == pytest.approx(whole.offset_ratio, rel=0.2)


def test_a_table_without_numbers_has_facts_too():
    facts = facts_of(pd.DataFrame({"text": ["a", "b", "a", "b"]}), [0, 0, 1, 1])
    assert (facts.n_rows, facts.n_features, facts.scale_ratio) == (4, 1, 1.0)


def test_an_array_of_numbers_has_the_facts_that_an_evidence_has():
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    assert facts_of(X, y) == data_facts(X, y, 2)


def test_equal_columns_are_counted():
    X = np.random.default_rng(0).normal(size=(100, 7))
    assert facts_of(np.column_stack([X, X[:, ::-1]]), np.arange(100) % 2).n_duplicated == 7
