"""Do arrays and values come back as they were, and is a damaged file told from a missing one?"""

import json

import numpy as np
import pytest

from balanced_nn._storage.array_file import read_arrays, write_arrays

VALUES = {"name": "é", "loss": 0.1 + 0.2, "infinite": float("inf"), "none": None, "list": [1, [2.5, None]]}
ARRAYS = {"a": [np.arange(12).reshape(3, 4), np.float32([0.1])], "b.c": [np.zeros((0, 2))], "empty": []}


def test_what_was_written_is_read_back_to_the_bit(tmp_path):
    write_arrays(tmp_path / "file.npz", VALUES, ARRAYS)
    values, arrays = read_arrays(tmp_path / "file.npz")
    assert json.dumps(values) == json.dumps(VALUES)
    assert arrays.keys() == {"a", "b.c"}
    for name, several in arrays.items():
        for one, other in zip(several, ARRAYS[name], strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_the_order_of_many_arrays_stays(tmp_path):
    write_arrays(tmp_path / "file.npz", {}, {"a": [np.array(i) for i in range(12)]})
    assert [int(array) for array in read_arrays(tmp_path / "file.npz")[1]["a"]] == list(range(12))


def test_there_may_be_no_file(tmp_path):
    assert read_arrays(tmp_path / "file.npz") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-40],
        lambda data: b"",
        lambda data: b"text",
        lambda data: data[:200] + b"\0" * 40 + data[240:],
    ],
)
def test_a_damaged_file_is_named(damage, tmp_path):
    path = tmp_path / "file.npz"
    write_arrays(path, VALUES, ARRAYS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"file\.npz cannot be read"):
        read_arrays(path)


def test_objects_are_not_read(tmp_path):
    write_arrays(tmp_path / "file.npz", {}, {"a": [np.array([object()])]})
    with pytest.raises(ValueError, match="cannot be read"):
        read_arrays(tmp_path / "file.npz")
