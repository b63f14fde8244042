"""Which column of the files is what, and what does a block of their rows say?

pandas turns blocks into tables; it is imported when it is needed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from balanced_nn._data.names import listed
from balanced_nn._data.target import find_missing
from balanced_nn._streaming.files import (
    check_columns,
    column_names,
    count_rows,
    import_arrow,
    open_files,
    read_tables,
)
from balanced_nn._typing import BoolArray, FloatArray, IntArray, Labels

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame
    from pyarrow.dataset import Dataset

Advance: TypeAlias = Callable[[int], None]  # hears how many further rows were read


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive rows."""

    first: int  # number of the first row among all rows
    features: "pa.Table"
    codes: IntArray  # index into `labels` of each row
    labels: Labels  # those that occur in the block
    weight: FloatArray
    groups: np.ndarray | None  # 64 bits of the group of each row

    @property
    def numbers(self) -> IntArray:
        """Number of each row among all rows."""
        return self.first + np.arange(len(self.codes))

    @cached_property
    def frame(self) -> "DataFrame":
        """The features."""
        return as_frame(self.features)

    def class_indices(self, classes: Labels) -> IntArray:
        """Index of the label of each row among all labels, which are sorted."""
        return np.searchsorted(classes, self.labels.astype(classes.dtype))[self.codes]

    def only(self, rows: BoolArray) -> "Block":
        """Return some of the rows, numbered anew."""
        groups = None if self.groups is None else self.groups[rows]
        return Block(self.first, self.features.filter(rows), self.codes[rows], self.labels, self.weight[rows], groups)


@dataclass(frozen=True, eq=False)
class Source:
    """Files of rows, and which of their columns is what."""

    dataset: "Dataset"
    target: str
    sample_weight: str | None
    groups: str | None
    origin: str  # how messages call it
    dropped: frozenset[str] = frozenset()  # columns that are not read
    part: Callable[[Block], BoolArray] | None = None  # which rows of a block these are; None takes all

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Columns that are none of these."""
        taken = {self.target, self.sample_weight, self.groups, *self.dropped}
        return tuple(name for name in column_names(self.dataset.schema) if name not in taken)

    @cached_property
    def categories(self) -> frozenset[int]:
        """Positions of the features that hold no numbers, whatever is missing in a block."""
        types = import_arrow().types
        fields = [self.dataset.schema.field(name).type for name in self.features]
        kinds = (types.is_string, types.is_large_string, types.is_string_view, types.is_boolean, types.is_dictionary)
        return frozenset(j for j, kind in enumerate(fields) if any(of_kind(kind) for of_kind in kinds))

    def blocks(self, advance: Advance | None = None) -> Iterator[Block]:
        """All rows, block after block, always in the same order; `advance` hears how many were read and used."""
        names = [self.target, self.sample_weight, self.groups, *self.features]
        first = 0
        for table in read_tables(self.dataset, [name for name in names if name is not None], self.origin):
            block = self._block(table, first)
            if self.part is not None:
                block = block.only(self.part(block))
            if len(block.codes):
                yield block
            first += len(block.codes)
            if advance is not None:
                advance(table.num_rows)

    def count_rows(self) -> int | None:
        """Rows of all files, whichever of them are used; None where all would have to be read for it."""
        return count_rows(self.dataset)

    def _block(self, table: "pa.Table", first: int) -> Block:
        codes, labels = self._read_labels(table.column(self.target), first)
        weight = np.ones(table.num_rows)
        if self.sample_weight is not None:
            weight = _read_weights(table.column(self.sample_weight), self.sample_weight)
        groups = None if self.groups is None else _read_groups(table.column(self.groups), self.groups, first)
        return Block(first, table.select(list(self.features)), codes, labels, weight, groups)

    def _read_labels(self, column: "pa.ChunkedArray", first: int) -> tuple[IntArray, Labels]:
        values = _as_numpy(column)
        missing = find_missing(values)
        if missing.any():
            raise ValueError(
                f"The target column {self.target!r} is missing in {np.count_nonzero(missing)} of {len(values)} rows "
                f"from row {first} on, first in row {first + int(missing.argmax())}. Remove rows without a label: it "
                "cannot be imputed."
            )
        if values.dtype.kind != "O":
            labels, codes = np.unique(values, return_inverse=True)
            return codes, labels
        index = {label: code for code, label in enumerate(dict.fromkeys(values))}
        codes = np.fromiter(map(index.__getitem__, values), np.intp, len(values))
        labels = np.empty(len(index), dtype=object)
        labels[:] = list(index)
        return codes, labels


def open_source(source: Any, target: str, *, sample_weight: str | None = None, groups: str | None = None) -> Source:
    """Find the files, and check that they have the same columns and the named ones among them.

    Parameters
    ----------
    source : str, path, pyarrow.dataset.Dataset or Source
        A folder or a file of parquet or CSV, or a dataset; or what was opened already, such as a part of its rows.
    target : str
        Column of the labels.
    sample_weight, groups : str or None, default=None
        Columns of weights and groups.

    Raises
    ------
    ImportError
        If PyArrow or pandas is missing.
    FileNotFoundError
        If there is no such folder, or no file of a known format in it.
    ValueError
        If a file cannot be read, files differ in their columns, or a named column is missing.
    """
    import_arrow()
    import pyarrow.dataset as ds  # deferred: seldom needed

    if isinstance(source, Source):
        return replace(source, target=target, sample_weight=sample_weight, groups=groups)
    if isinstance(source, ds.Dataset):
        dataset, origin = source, "the dataset"
        check_columns(dataset, origin)
    elif isinstance(source, str | Path):
        dataset, origin = open_files(Path(source), exact={target, groups}), str(source)
    else:
        raise TypeError(
            f"source is a {type(source).__name__}. Pass the path of a folder or a file of parquet or CSV, or a "
            "pyarrow.dataset.Dataset; a table that is in memory is for fit."
        )
    named = {"target": target, "sample_weight": sample_weight, "groups": groups}
    _check_names({key: name for key, name in named.items() if name is not None}, dataset.schema.names, origin)
    opened = Source(dataset, target, sample_weight, groups, origin)
    if not opened.features:
        raise ValueError(f"{origin} has no column to learn from beside {target!r}. Check which columns were written.")
    return opened


def as_frame(features: "pa.Table") -> "DataFrame":
    """Return a table of PyArrow as a frame, whose text is of a categorical type."""
    return features.to_pandas(strings_to_categorical=True, date_as_object=False, ignore_metadata=True)


def join_tables(tables: "Sequence[pa.Table]") -> "pa.Table":
    """Put the rows of tables of PyArrow together."""
    return import_arrow().concat_tables(tables).unify_dictionaries()


def _check_names(named: Mapping[str, str], columns: list[str], origin: str) -> None:
    for key, name in named.items():
        if not isinstance(name, str):
            raise TypeError(f"{key} is a {type(name).__name__}. Pass the name of a column of {origin}.")
        if name not in columns:
            raise ValueError(
                f"{key}={name!r} is no column of {origin}; it has {listed(map(repr, columns), 10)}. Name one of these."
            )
    if len(set(named.values())) < len(named):
        given = ", ".join(f"{key}={name!r}" for key, name in named.items())
        raise ValueError(f"One column cannot be two things: {given}. Name a column of its own for each.")


def _as_numpy(column: "pa.ChunkedArray") -> np.ndarray:
    """Values of a column, with None or NaN where one is missing."""
    if import_arrow().types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values
    return np.asarray(column.to_numpy())


def _read_weights(column: "pa.ChunkedArray", name: str) -> FloatArray:
    try:
        weight = np.asarray(column.cast("float64").to_numpy())
    except import_arrow().ArrowException as error:
        raise ValueError(f"sample_weight={name!r} is a column of {column.type}. Name one of numbers.") from error
    odd = ~(np.isfinite(weight) & (weight >= 0))
    if odd.any():
        raise ValueError(
            f"sample_weight={name!r} holds {weight[odd][0]:g}. Weights must be finite, and 0 or larger; a row of "
            "weight 0 is left out."
        )
    return weight


def _read_groups(column: "pa.ChunkedArray", name: str, first: int) -> np.ndarray:
    from pandas.util import hash_array

    values = _as_numpy(column)
    missing = find_missing(values)
    if missing.any():
        raise ValueError(
            f"groups={name!r} is missing in row {first + int(missing.argmax())}. Give each such row a group of its "
            "own, or leave it out."
        )
    hashes: np.ndarray = hash_array(values, categorize=False)
    return hashes
