"""Which files hold the rows, do they belong together, and what does a block of their rows say?

PyArrow reads the files, and pandas turns blocks of them into tables; both are imported when they are needed.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balanced_nn._data.names import listed
from balanced_nn._data.target import find_missing
from balanced_nn._typing import FloatArray, IntArray, Labels

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame
    from pyarrow.dataset import Dataset, Fragment

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".csv.gz": "csv"}
BLOCK_ROWS = 65_536  # of a block, about
BLOCK_CELLS = 2**23  # of a block, at most
READAHEAD = 2  # blocks that are decoded ahead
CSV_BYTES = 2**23  # that are parsed at a time


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


@dataclass(frozen=True, eq=False)
class Source:
    """Files of rows, and which of their columns is what."""

    dataset: "Dataset"
    target: str
    sample_weight: str | None
    groups: str | None
    origin: str  # how messages call it

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Columns that are none of these."""
        taken = {self.target, self.sample_weight, self.groups}
        return tuple(name for name in _columns(self.dataset.schema) if name not in taken)

    @cached_property
    def categories(self) -> frozenset[int]:
        """Positions of the features that hold no numbers, whatever is missing in a block."""
        types = _import_arrow().types
        fields = [self.dataset.schema.field(name).type for name in self.features]
        kinds = (types.is_string, types.is_large_string, types.is_string_view, types.is_boolean, types.is_dictionary)
        return frozenset(j for j, kind in enumerate(fields) if any(of_kind(kind) for of_kind in kinds))

    def blocks(self) -> Iterator[Block]:
        """All rows, block after block, always in the same order."""
        first = 0
        for table in _merged(self._tables(), self._block_rows):
            yield self._block(table, first)
            first += table.num_rows

    @property
    def _block_rows(self) -> int:
        return max(1, min(BLOCK_ROWS, BLOCK_CELLS // len(self.dataset.schema.names)))

    def _tables(self) -> "Iterator[pa.Table]":
        pa = _import_arrow()
        size, schema = self._block_rows, self.dataset.schema
        for fragment in self.dataset.get_fragments():
            try:
                for batch in fragment.to_batches(
                    schema=schema, batch_size=size, batch_readahead=READAHEAD, fragment_readahead=1
                ):
                    yield pa.Table.from_batches([batch], schema=schema)
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(_name(fragment, self.origin), error) from error

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
    source : str, path or pyarrow.dataset.Dataset
        A folder or a file of parquet or CSV, or a dataset.
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
    _import_arrow()
    import pyarrow.dataset as ds  # deferred: seldom needed

    if isinstance(source, ds.Dataset):
        dataset, origin = source, "the dataset"
        _check_columns(dataset, origin)
    elif isinstance(source, str | Path):
        dataset, origin = _open_path(Path(source), {target, groups}), str(source)
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
    return _import_arrow().concat_tables(tables).unify_dictionaries()


def _import_arrow() -> Any:
    try:
        import pandas  # noqa: F401  (what as_frame makes)
        import pyarrow.types
    except ImportError as error:
        raise ImportError(
            f"fit_dataset needs pyarrow and pandas ({error.name} is missing): pip install 'balanced-nn[arrow]'"
        ) from error
    return pyarrow


def _open_path(path: Path, exact: Container[str | None]) -> "Dataset":
    """Open the files of a folder, or a file; `exact` are columns whose whole numbers stay what they are."""
    import pyarrow.dataset as ds  # deferred: seldom needed

    files = _find_files(path)
    kinds = {_format(file) for file in files}
    if len(kinds) > 1:
        raise ValueError(f"{path} holds files of parquet and of CSV. Move those of one format elsewhere.")
    form = _csv_format() if kinds == {"csv"} else "parquet"
    schema: Any = None
    for file in files:
        try:
            found = ds.dataset(str(file), format=form).schema
        except (_import_arrow().ArrowException, OSError) as error:
            raise _unreadable(str(file), error) from error
        schema = found if schema is None else _unify(schema, found, str(file), str(files[0]))
    base = str(path if path.is_dir() else path.parent)  # folders above the source name no column
    reopen = partial(ds.dataset, list(map(str, files)), format=form, partitioning="hive", partition_base_dir=base)
    for field in reopen().schema:  # keys of partitions, which stand in the names of folders
        if field.name not in schema.names:
            schema = schema.append(field)
    if kinds == {"csv"}:
        schema = _with_whole_numbers_as_floats(schema, exact)
    dataset: Dataset = reopen(schema=schema)  # its own schema cannot be replaced by one of wider types
    return dataset


def _find_files(path: Path) -> list[Path]:
    if not path.exists():
        raise FileNotFoundError(
            f"There is no folder or file {path}. Check the path; of an object store pass a pyarrow.dataset.Dataset."
        )
    if path.is_file():
        if _format(path) is None:
            raise ValueError(f"{path} is neither parquet nor CSV by its name. It must end in {listed(FORMATS)}.")
        return [path]
    inside = (file for file in path.rglob("*") if file.is_file() and _format(file) is not None)
    files = sorted(file for file in inside if not any(p.startswith((".", "_")) for p in file.relative_to(path).parts))
    if not files:
        raise FileNotFoundError(f"The folder {path} holds no file that ends in {listed(FORMATS)}. Check the path.")
    return files


def _format(file: Path) -> str | None:
    return next((kind for suffix, kind in FORMATS.items() if file.name.lower().endswith(suffix)), None)


def _csv_format() -> Any:
    """CSV in which an empty cell of text is missing, as it is in one of numbers."""
    import pyarrow.csv as csv
    import pyarrow.dataset as ds

    options = csv.ConvertOptions(strings_can_be_null=True)
    return ds.CsvFileFormat(convert_options=options, read_options=csv.ReadOptions(block_size=CSV_BYTES))


def _unify(schema: Any, found: Any, file: str, first: str) -> Any:
    """Types that hold the columns of both, where numbers differ in size or a column is empty in one."""
    _check_same_names(_columns(schema), _columns(found), file, first)
    pa = _import_arrow()
    try:
        return pa.unify_schemas([schema, found], promote_options="permissive")
    except pa.ArrowException as error:
        differing = [name for name in schema.names if not _fit_together(schema.field(name), found.field(name))]
        name = differing[0] if differing else schema.names[0]
        raise ValueError(
            f"Column {name!r} holds {found.field(name).type} in {file}, but {schema.field(name).type} in {first}. "
            "Write the files with one type for each column."
        ) from error


def _fit_together(one: Any, other: Any) -> bool:
    pa = _import_arrow()
    try:
        pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive")
    except pa.ArrowException:
        return False
    return True


def _with_whole_numbers_as_floats(schema: Any, exact: Container[str | None]) -> Any:
    """CSV files tell types by their first rows only: whole numbers there may be fractions further on."""
    pa = _import_arrow()
    counts = [pa.types.is_integer(field.type) and field.name not in exact for field in schema]
    return pa.schema([field.with_type(pa.float64()) if c else field for c, field in zip(counts, schema, strict=True)])


def _check_columns(dataset: "Dataset", origin: str) -> None:
    """Refuse files that lack a column of the dataset, whose cells PyArrow would take for missing."""
    import pyarrow.dataset as ds

    for fragment in dataset.get_fragments():
        name = _name(fragment, origin)
        try:
            stored = _columns(fragment.physical_schema)
        except (_import_arrow().ArrowException, OSError) as error:
            raise _unreadable(name, error) from error
        keys = _partition_keys(ds, fragment)
        _check_same_names(_columns(dataset.schema), [*stored, *keys], name, origin)


def _columns(schema: Any) -> list[str]:
    """Names of the columns but for those that pandas wrote as the index of a frame."""
    index = (schema.pandas_metadata or {}).get("index_columns", ())
    return [name for name in schema.names if name not in index]


def _partition_keys(ds: Any, fragment: "Fragment") -> Mapping[str, Any]:
    keys: Mapping[str, Any] = ds.get_partition_keys(fragment.partition_expression)
    return keys


def _check_same_names(wanted: Iterable[str], found: Iterable[str], file: str, first: str) -> None:
    wanted, found = set(wanted), set(found)
    if wanted == found:
        return
    lacking, further = sorted(wanted - found), sorted(found - wanted)
    what = f"lacks {listed(map(repr, lacking))}" if lacking else f"also has {listed(map(repr, further))}"
    raise ValueError(
        f"{file} has other columns than {first}: it {what}. Write the files with the same columns, or move it "
        "elsewhere."
    )


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


def _name(fragment: Any, origin: str) -> str:
    return getattr(fragment, "path", origin)


def _unreadable(file: str, error: Exception) -> ValueError:
    said = str(error).splitlines()[0].rstrip(".")
    return ValueError(f"{file} cannot be read: {said}. Write it again as a whole, or move it out of the folder.")


def _merged(tables: "Iterable[pa.Table]", n_rows: int) -> "Iterator[pa.Table]":
    """Put small tables together until they have as many rows: a block costs some milliseconds, whatever its size."""
    pa = _import_arrow()
    held: list[Any] = []
    for table in tables:
        if held and sum(part.num_rows for part in held) + table.num_rows > n_rows:
            yield pa.concat_tables(held)
            held = []
        if table.num_rows:
            held.append(table)
    if held:
        yield pa.concat_tables(held)


def _as_numpy(column: "pa.ChunkedArray") -> np.ndarray:
    """Values of a column, with None or NaN where one is missing."""
    if _import_arrow().types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values
    return np.asarray(column.to_numpy())


def _read_weights(column: "pa.ChunkedArray", name: str) -> FloatArray:
    try:
        weight = np.asarray(column.cast("float64").to_numpy())
    except _import_arrow().ArrowException as error:
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
