"""Which targets and weights are understood, which refused, and in which words?"""

from decimal import Decimal
from enum import Enum

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._data.target import (
    check_every_class_weighs,
    check_named_classes,
    encode_labels,
    find_classes,
    in_class_order,
    read_target,
    read_weights,
    target_notes,
)

LABELS = [st.integers(-(2**40), 2**40), st.booleans(), st.text(st.characters(codec="ascii", exclude_characters="\0"))]
label_lists = st.one_of([st.lists(kind, min_size=2, max_size=30).filter(lambda y: len(set(y)) > 1) for kind in LABELS])
WORDS = ["no", "yes", "no", "no"]

# scikit-learn suspects a regression where most labels differ, which the lists that Hypothesis draws often do.
pytestmark = pytest.mark.filterwarnings("ignore:The number of unique classes")


def rows_for(y) -> np.ndarray:
    return np.zeros((len(y), 1))


@given(label_lists)
def test_indices_lead_back_to_the_labels(y):
    labels = read_target(y, rows_for(y))
    classes = find_classes(labels)
    assert classes[encode_labels(labels, classes, name="y")].tolist() == y
    assert classes.tolist() == sorted(set(y))


@given(label_lists, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_change_the_classes(y, random):
    shuffled = list(y)
    random.shuffle(shuffled)
    classes, others = (find_classes(read_target(labels, rows_for(y))) for labels in (y, shuffled))
    assert classes.tolist() == others.tolist()


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30).filter(any))
def test_weights_come_back_as_they_were_and_as_a_copy(weights):
    passed = np.array(weights)
    read = read_weights(passed, rows_for(weights))
    np.testing.assert_array_equal(read, weights)
    assert read.dtype == np.float64
    assert not np.shares_memory(read, passed)


@pytest.mark.parametrize("dtype", [np.int32, np.float32, bool])
def test_weights_of_any_numeric_type_become_float64(dtype):
    read = read_weights(np.ones(3, dtype), rows_for(range(3)))
    np.testing.assert_array_equal(read, np.ones(3))
    assert read.dtype == np.float64


def test_no_weights_mean_one_a_row():
    np.testing.assert_array_equal(read_weights(None, rows_for(range(3))), np.ones(3))


@pytest.mark.parametrize(
    ("y", "classes", "kind"),
    [
        (WORDS, ["no", "yes"], "U"),
        (np.array(WORDS, dtype=object), ["no", "yes"], "O"),
        (np.array([True, False, True, True]), [False, True], "b"),
        (np.array([-3, -1, -3, -3]), [-3, -1], "i"),
        (np.array([0, 255, 0, 0], dtype=np.uint8), [0, 255], "u"),
        (np.array([1.0, 2.0, 1.0, 1.0]), [1.0, 2.0], "f"),
        (pd.Series(WORDS), ["no", "yes"], "O"),
        (pd.Series(WORDS, dtype="string"), ["no", "yes"], "O"),
        (pd.Series(WORDS, dtype="category"), ["no", "yes"], "O"),
        (pd.Series([1, 0, 1, 1], dtype="category"), [0, 1], "i"),
        (pd.Series([1, 2, 1, 1], dtype="Int64"), [1, 2], "i"),
        (pd.Series([True, False, True, True], dtype="boolean"), [False, True], "b"),
        (pl.Series(WORDS), ["no", "yes"], "UO"),
        (pl.Series(WORDS).cast(pl.Categorical), ["no", "yes"], "UO"),
        (pl.Series([1, 2, 1, 1]), [1, 2], "i"),
        (pl.Series([True, False, True, True]), [False, True], "b"),
    ],
    ids=lambda value: f"{type(value).__module__[:6]}-{value.dtype}" if hasattr(value, "dtype") else "",
)
def test_labels_of_every_kind_keep_their_kind(y, classes, kind):
    found = find_classes(read_target(y, rows_for(y)))
    assert found.tolist() == classes
    assert found.dtype.kind in kind


def test_large_nullable_integers_stay_apart():
    y = pd.Series([2**60, 2**60 + 1], dtype="Int64")
    assert find_classes(read_target(y, rows_for(y))).tolist() == [2**60, 2**60 + 1]


def test_an_unused_category_is_no_class():
    y = pd.Series(["a", "b"], dtype=pd.CategoricalDtype(["c", "b", "a"]))
    assert find_classes(read_target(y, rows_for(y))).tolist() == ["a", "b"]


@pytest.mark.parametrize(
    "y",
    [
        np.array([0.0, 1.0, np.nan, 1.0]),
        np.array(["a", "b", np.nan, "b"], dtype=object),
        np.array(["a", "b", None, "b"], dtype=object),
        ["a", "b", None, "b"],
        ["a", "b", float("nan"), "b"],
        pd.Series([0, 1, None, 1], dtype="Int64"),
        pd.Series([True, False, None, True], dtype="boolean"),
        pd.Series(["a", "b", None, "b"]),
        pd.Series(["a", "b", None, "b"], dtype="category"),
        pl.Series(["a", "b", None, "b"]),
        pl.Series([0, 1, None, 1]),
    ],
    ids=lambda y: f"{type(y).__module__[:6]}-{getattr(y, 'dtype', y)}",
)
def test_missing_labels_are_counted_and_refused(y):
    with pytest.raises(ValueError, match="Input y contains NaN or None in 1 of 4 rows. Remove these rows"):
        read_target(y, rows_for(y))


def test_infinite_labels_are_refused():
    with pytest.raises(ValueError, match="Input y contains infinity"):
        read_target([0.0, 1.0, np.inf], rows_for(range(3)))


def test_continuous_targets_are_refused():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        read_target([0.1, 0.2, 0.7], rows_for(range(3)))


def test_two_columns_of_labels_are_refused():
    with pytest.raises(ValueError, match="y should be a 1d array, got an array of shape"):
        read_target(np.zeros((4, 2), int), rows_for(range(4)))


def test_a_length_that_differs_from_the_table_is_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples: \\[3, 4\\]"):
        read_target(WORDS, rows_for(range(3)))


def test_an_absent_target_is_refused():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        read_target(None, rows_for(range(3)))


def test_labels_that_cannot_be_sorted_are_refused_with_their_types():
    with pytest.raises(TypeError, match="y mixes labels of the types int, str.*Convert them to one type"):
        find_classes(read_target(np.array(["a", 1, "a", 1], dtype=object), rows_for(range(4))))


def test_a_single_class_is_named():
    with pytest.raises(ValueError, match="y holds 1 class, no; a classifier needs rows of at least two classes"):
        find_classes(np.array(["no", "no"]))


def test_an_unknown_label_is_named_with_those_that_are_known():
    with pytest.raises(
        ValueError,
        match="y_val holds 'maybe', which is not a class of the training data; these are 'no', 'yes'. .* these 2 rows",
    ):
        encode_labels(np.array(["maybe", "no", "maybe"]), np.array(["no", "yes"]), name="y_val")


@pytest.mark.parametrize("n_rows", [2, 300])
@pytest.mark.parametrize(
    ("labels", "classes"), [(["9", "10"], [9, 10]), ([9, 10], ["10", "9"]), ([True, False], ["False", "True"])]
)
def test_labels_of_another_type_are_not_taken_for_known_ones(labels, classes, n_rows):
    with pytest.raises(ValueError, match="y_val holds .* which is not a class"):
        encode_labels(np.resize(labels, n_rows), np.array(classes), name="y_val")


def test_negative_weights_are_counted_and_refused():
    with pytest.raises(ValueError, match="sample_weight holds 2 negative weights, the lowest -3. Weights must be 0 or"):
        read_weights([1.0, -3.0, -1.0], rows_for(range(3)))


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(weight):
    with pytest.raises(ValueError, match="sample_weight contains"):
        read_weights([1.0, weight], rows_for(range(2)))


@pytest.mark.parametrize("name", ["sample_weight", "sample_weight_val"])
def test_weights_that_are_all_zero_are_refused_by_their_name(name):
    with pytest.raises(ValueError, match=f"{name} is zero for every row.* Give some rows a positive weight"):
        read_weights([0.0, 0.0], rows_for(range(2)), name=name)


def test_another_number_of_weights_than_rows_is_refused():
    with pytest.raises(ValueError, match="sample_weight has shape \\(2,\\); X has 3 rows"):
        read_weights([1.0, 1.0], rows_for(range(3)))


def test_a_class_without_weight_is_named():
    with pytest.raises(ValueError, match="sample_weight is zero for every row of class b, c. Remove these rows"):
        check_every_class_weighs(np.array([0, 1, 2]), np.array([1.0, 0.0, 0.0]), np.array(["a", "b", "c"]))


# ---------------------------------------------------------------- what pandas labels by class


def test_what_has_no_labels_stays_as_it_is():
    for values in ([1, 2], (1, 2), np.array([1, 2]), pl.Series([1, 2]), None, "f1"):
        assert in_class_order(values, ["no", "yes"], "prior") is values


@given(st.permutations(["a", "b", "c"]))
def test_labels_bring_a_series_and_a_frame_into_the_order_of_the_classes(order):
    classes, place = ["a", "b", "c"], {"a": 0, "b": 1, "c": 2}
    series = pd.Series([place[label] for label in order], index=order)
    np.testing.assert_array_equal(in_class_order(series, classes, "prior"), [0, 1, 2])
    table = np.arange(9).reshape(3, 3)
    frame = pd.DataFrame(table, index=classes, columns=classes).loc[order, order[::-1]]
    np.testing.assert_array_equal(in_class_order(frame, classes, "decision"), table)


def test_a_default_index_says_nothing():
    np.testing.assert_array_equal(in_class_order(pd.Series([3, 4]), ["no", "yes"], "prior"), [3, 4])


@pytest.mark.parametrize("index", [["no", "maybe"], ["no", "no"], [1, 2], ["no"]])
def test_labels_of_other_classes_are_refused(index):
    with pytest.raises(
        ValueError, match="prior is labelled .*; it needs each of the classes .'no', 'yes'. once. Use these labels"
    ):
        in_class_order(pd.Series(np.ones(len(index)), index=index), ["no", "yes"], "prior")


def test_labels_of_further_classes_are_left_out_of_costs_where_that_is_allowed():
    labels = ["no", "yes", "maybe"]
    frame = pd.DataFrame(np.arange(9).reshape(3, 3), index=labels, columns=labels)
    np.testing.assert_array_equal(in_class_order(frame, ["no", "yes"], "decision", further=True), [[0, 1], [3, 4]])
    with pytest.raises(ValueError, match="decision is labelled .*; it needs each of the classes"):
        in_class_order(frame, ["no", "never"], "decision", further=True)


@pytest.mark.parametrize(
    ("named", "classes"),
    [({0: 1, 1: 2, 2: 3}, [0, 1]), ({"a": 1, "b": 1, "c": 1}, ["b", "c"]), ({1.5: 1, 2: 1, 0: 1}, [False, 2])],
)
def test_a_setting_for_more_classes_than_a_fold_holds_is_accepted(named, classes):
    check_named_classes(named, classes, "class_weight")


@pytest.mark.parametrize(
    ("named", "classes", "match"),
    [
        ({0: 1, 1: 1, "2": 3}, [0, 1], "names '2', which is not in y; y holds 0, 1. '2' is of type str.* of type int"),
        ({"0": 1, "1": 3}, np.array([0, 1]), "names '0', '1', which are not in y; y holds 0, 1.*the same type"),
        ({0: 1, 1: 3}, np.array(["0", "1"]), "names 0, 1, which are not in y; y holds '0', '1'. 0 is of type int"),
        ({"frued": 9, "ok": 1}, ["fraud", "ok"], "names 'frued', which is not in y.*or name 'fraud' too"),
    ],
)
def test_labels_of_another_type_and_mistyped_ones_are_refused(named, classes, match):
    with pytest.raises(ValueError, match=match):
        check_named_classes(named, classes, "class_weight")


def test_a_message_about_a_thousand_classes_names_ten():
    with pytest.raises(ValueError, match="'10', '100', .* and 990 more") as caught:
        encode_labels(np.array(["none"]), np.unique(np.arange(1000).astype(str)), name="y_val")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([Decimal(v) for v in (0, 1, 1)], r"type Decimal, such as Decimal\('0'\); .* Convert them: \[int\(label\)"),
        ([Decimal("0.5"), Decimal(1), Decimal(1)], r"type Decimal.*\[str\(label\)"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01", "2021-01-01"])).tolist(), "type Timestamp.*str"),
        ([Enum("Kind", "A B").A] * 3, r"type Kind, such as .*\[label.name for label in y\]"),
        ([(0, 1), (1, 0), (1, 1)], "several labels a row"),
        (pl.DataFrame({"y": [0, 1, 1]}).lazy(), r"y is a polars LazyFrame.*y.collect\(\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels_of_odd_types_are_refused_with_what_to_do(y, match):
    with pytest.raises((TypeError, ValueError), match=match):
        read_target(y, rows_for(range(3)))


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, lambda y: y.astype(bool), lambda y: y.tolist()])
def test_one_hot_labels_are_refused_with_the_way_back(make):
    with pytest.raises(ValueError, match=r"got an array of shape .*: y is one-hot.*argmax\(axis=1\)"):
        read_target(make(np.eye(3)[[0, 1, 2, 2]]), rows_for(range(4)))


def test_masked_labels_count_as_missing():
    with pytest.raises(ValueError, match="Input y contains NaN or None in 1 of 3 rows"):
        read_target(np.ma.masked_array([0, 1, 1], mask=[1, 0, 0]), rows_for(range(3)))


@pytest.mark.parametrize(
    "y", [np.arange(60) % 40, np.round(np.random.default_rng(0).gamma(4, 9, 500)), np.arange(100) // 2 * 0.5], ids=len
)
def test_labels_that_look_like_a_quantity_are_named_with_the_remedy(y):
    classes, counts = np.unique(y, return_counts=True)
    (note,) = target_notes(counts, classes)
    assert f"y holds {len(classes)} different numbers in {len(y)} rows" in str(note)
    assert "Use a regressor, or cut it into classes" in str(note)


@pytest.mark.parametrize(
    "y",
    [np.arange(30) % 10, np.arange(23 * 30) % 23, (np.arange(60) % 40).astype(str), np.arange(1500) % 60],
    ids=lambda y: f"{len(y)}-{y.dtype}",
)
def test_numbered_classes_with_rows_enough_and_names_look_like_no_quantity(y):
    classes, counts = np.unique(y, return_counts=True)
    assert target_notes(counts, classes) == ()
