"""Which files hold the rows, do they belong together, and how are they read?

PyArrow reads the files; it is imported when it is needed.
"""

import json
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanced_nn._data.names import listed

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.dataset import Dataset, Fragment

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".csv.gz": "csv"}
BLOCK_ROWS = 65_536  # of a block, about
BLOCK_CELLS = 2**23  # of a block, at most
READAHEAD = 2  # blocks that are decoded ahead
CSV_BYTES = 2**23  # that are parsed at a time


def open_files(path: Path, suffixes: Collection[str] = FORMATS, exact: Container[str | None] = ()) -> "Dataset":
    """Open the files of a folder, or a file, and check that they have the same columns.

    Parameters
    ----------
    path : Path
    suffixes : collection of str, default=FORMATS
        Other files of a folder are passed over.
    exact : container of str, default=()
        Columns of CSV files whose whole numbers stay what they are.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`open_source` does.
    """
    import_arrow()
    import pyarrow.dataset as ds  # deferred: seldom needed

    files = _find_files(path, suffixes)
    kinds = {_format(file) for file in files}
    if len(kinds) > 1:
        raise ValueError(f"{path} holds files of parquet and of CSV. Move those of one format elsewhere.")
    form = _csv_format() if kinds == {"csv"} else "parquet"
    schema: Any = None
    for file in files:
        try:
            found = ds.dataset(str(file), format=form).schema
        except (import_arrow().ArrowException, OSError) as error:
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


def _find_files(path: Path, suffixes: Collection[str]) -> list[Path]:
    if not path.exists():
        raise FileNotFoundError(
            f"There is no folder or file {path}. Check the path; of an object store pass a pyarrow.dataset.Dataset."
        )
    if path.is_file():
        if not _ends_in(path, suffixes):
            raise ValueError(f"{path} is neither parquet nor CSV by its name. It must end in {listed(FORMATS)}.")
        return [path]
    inside = (file for file in path.rglob("*") if file.is_file() and _ends_in(file, suffixes))
    files = sorted(file for file in inside if not any(p.startswith((".", "_")) for p in file.relative_to(path).parts))
    if not files:
        raise FileNotFoundError(f"The folder {path} holds no file that ends in {listed(suffixes)}. Check the path.")
    return files


def _ends_in(file: Path, suffixes: Collection[str]) -> bool:
    return file.name.lower().endswith(tuple(suffixes))


def _format(file: Path) -> str | None:
    return next((kind for suffix, kind in FORMATS.items() if _ends_in(file, [suffix])), None)


def _csv_format() -> Any:
    """CSV in which an empty cell of text is missing, as it is in one of numbers."""
    import pyarrow.csv as csv
    import pyarrow.dataset as ds

    options = csv.ConvertOptions(strings_can_be_null=True)
    return ds.CsvFileFormat(convert_options=options, read_options=csv.ReadOptions(block_size=CSV_BYTES))


def _unify(schema: Any, found: Any, file: str, first: str) -> Any:
    """Types that hold the columns of both, where numbers differ in size or a column is empty in one."""
    _check_same_names(column_names(schema), column_names(found), file, first)
    pa = import_arrow()
    try:
        return pa.unify_schemas([schema, found], promote_options="permissive")
    except pa.ArrowException as error:
        names = column_names(schema)
        differing = [name for name in names if not _fit_together(schema.field(name), found.field(name))]
        name = differing[0] if differing else names[0]
        raise ValueError(
            f"Column {name!r} holds {found.field(name).type} in {file}, but {schema.field(name).type} in {first}. "
            "Write the files with one type for each column."
        ) from error


def _fit_together(one: Any, other: Any) -> bool:
    pa = import_arrow()
    try:
        pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive")
    except pa.ArrowException:
        return False
    return True


def _with_whole_numbers_as_floats(schema: Any, exact: Container[str | None]) -> Any:
    """CSV files tell types by their first rows only: whole numbers there may be fractions further on."""
    pa = import_arrow()
    counts = [pa.types.is_integer(field.type) and field.name not in exact for field in schema]
    return pa.schema([field.with_type(pa.float64()) if c else field for c, field in zip(counts, schema, strict=True)])


def check_columns(dataset: "Dataset", origin: str) -> None:
    """Refuse files that lack a column of the dataset, whose cells PyArrow would take for missing."""
    import pyarrow.dataset as ds

    for fragment in dataset.get_fragments():
        name = _name(fragment, origin)
        try:
            stored = column_names(fragment.physical_schema)
        except (import_arrow().ArrowException, OSError) as error:
            raise _unreadable(name, error) from error
        keys = _partition_keys(ds, fragment)
        _check_same_names(column_names(dataset.schema), [*stored, *keys], name, origin)


def column_names(schema: Any) -> list[str]:
    """Names of the columns but for those that pandas wrote as the index of a frame."""
    index = _index_names((schema.metadata or {}).get(b"pandas", b"{}"))
    return [name for name in schema.names if name not in index]


def _index_names(noted: bytes) -> list[str]:
    """Columns of the index, from what pandas noted in a file; none where that cannot be read.

    >>> _index_names(b'{"index_columns": ["row", {"kind": "range"}]}'), _index_names(b'{"index'), _index_names(b"[1]")
    (['row'], [], [])
    """
    try:
        names = json.loads(noted)["index_columns"]
        return [name for name in names if isinstance(name, str)]
    except (ValueError, TypeError, LookupError, RecursionError):
        return []


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


def count_rows(dataset: "Dataset") -> int | None:
    """Rows of a dataset, as its files say; None where all would have to be read for it, as of CSV."""
    import pyarrow.dataset as ds

    of_parquet = isinstance(dataset, ds.FileSystemDataset) and isinstance(dataset.format, ds.ParquetFileFormat)
    return int(dataset.count_rows()) if of_parquet else None


def read_tables(dataset: "Dataset", columns: Sequence[str], origin: str) -> "Iterator[pa.Table]":
    """Read some columns of all rows, in tables of not too many rows, always in the same order.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    columns : sequence of str
    origin : str
        How messages call rows that are in no file.

    Raises
    ------
    ValueError
        If a file cannot be read; its message names it.
    """
    pa = import_arrow()
    n_rows = max(1, min(BLOCK_ROWS, BLOCK_CELLS // max(1, len(columns))))
    schema = pa.schema([dataset.schema.field(name) for name in columns])

    def tables() -> Iterator[Any]:
        for fragment in dataset.get_fragments():
            try:
                for batch in fragment.to_batches(
                    schema=dataset.schema, columns=list(columns), batch_size=n_rows, batch_readahead=READAHEAD,
                    fragment_readahead=1,
                ):  # fmt: skip
                    yield pa.Table.from_batches([batch], schema=schema)
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(_name(fragment, origin), error) from error

    return _merged(tables(), n_rows)


def _merged(tables: "Iterable[pa.Table]", n_rows: int) -> "Iterator[pa.Table]":
    """Put small tables together until they have as many rows: a block costs some milliseconds, whatever its size."""
    pa = import_arrow()
    held: list[Any] = []
    for table in tables:
        if held and sum(part.num_rows for part in held) + table.num_rows > n_rows:
            yield pa.concat_tables(held)
            held = []
        if table.num_rows:
            held.append(table)
    if held:
        yield pa.concat_tables(held)


def _name(fragment: Any, origin: str) -> str:
    return getattr(fragment, "path", origin)


def _unreadable(file: str, error: Exception) -> ValueError:
    said = str(error).splitlines()[0].rstrip(".")
    return ValueError(f"{file} cannot be read: {said}. Write it again as a whole, or move it out of the folder.")


def import_arrow() -> Any:
    """Return PyArrow, or say what to install."""
    try:
        import pandas  # noqa: F401  (what as_frame makes)
        import pyarrow.types
    except ImportError as error:
        raise ImportError(
            f"fit_dataset needs pyarrow and pandas ({error.name} is missing): pip install 'balanced-nn[arrow]'"
        ) from error
    return pyarrow
