"""Which files of Parquet are a table, is it too large to be in memory, and how is it read part by part?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from balanced_nn._cli.console import OneLineError, join_lines
from balanced_nn._streaming.files import column_names, count_rows, import_arrow, open_files, read_tables
from balanced_nn._streaming.source import Advance

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame
    from pyarrow.dataset import Dataset

SUFFIXES = (".parquet", ".pq")
MOST_CELLS = 100_000_000  # rows times columns that a command holds in memory: a fit of as many takes some 3 GB
PREVIEW_ROWS = 20_000
PREVIEW_PLACES = 10  # row groups


@dataclass(frozen=True, eq=False)
class ParquetTable:
    """A file, or a folder of files with the same columns."""

    path: Path
    dataset: "Dataset"

    @property
    def names(self) -> list[str]:
        """Names of its columns."""
        return column_names(self.dataset.schema)

    def count_rows(self) -> int:
        """Rows of all files."""
        return count_rows(self.dataset) or 0

    @property
    def is_large(self) -> bool:
        """Whether it is too large to be held in memory."""
        return self.count_rows() * len(self.names) > MOST_CELLS

    def parts(self, columns: Sequence[str], advance: Advance | None = None) -> Iterator["pa.Table"]:
        """Read some columns, part by part, at least one; `advance` hears how many further rows have been used.

        Raises
        ------
        OneLineError
            If a file cannot be read.
        """
        tables = read_tables(self.dataset, columns, str(self.path))
        n_rows = 0
        try:
            for table in tables:
                yield table
                n_rows += table.num_rows
                if advance is not None:
                    advance(table.num_rows)
        except ValueError as error:
            raise OneLineError(join_lines(error)) from error
        if not n_rows:
            yield self.dataset.schema.empty_table().select(list(columns))

    def read(self) -> "DataFrame":
        """Read all of it."""
        tables = list(self.parts(self.names))
        return to_frame(import_arrow().concat_tables(tables))

    def preview(self) -> "DataFrame":
        """Read a few rows from several places, evenly spread over the files."""
        pieces = (piece for fragment in self.dataset.get_fragments() for piece in fragment.split_by_row_group())
        groups = [piece for piece in pieces if piece.row_groups[0].num_rows]
        n_places = min(PREVIEW_PLACES, len(groups))
        n_rows, schema = PREVIEW_ROWS // n_places, self.dataset.schema
        chosen = [groups[k * len(groups) // n_places] for k in range(n_places)]
        batches = [next(group.to_batches(schema=schema, columns=self.names, batch_size=n_rows)) for group in chosen]
        return to_frame(import_arrow().Table.from_batches(batches))


def is_parquet(path: Path) -> bool:
    """Whether a path is taken for Parquet: a folder, or a file by its suffix."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def open_parquet(path: Path) -> ParquetTable:
    """Find the files of a table, and check that they have the same columns.

    Raises
    ------
    OneLineError
        If there is no such file or folder, no file of Parquet in it, one that cannot be read, or one of other columns.
    ImportError
        Without pandas or pyarrow.
    """
    try:
        return ParquetTable(path, open_files(path, SUFFIXES))
    except ImportError as error:
        raise ImportError(f"reading {path} needs pandas and pyarrow: pip install pandas pyarrow") from error
    except (FileNotFoundError, ValueError) as error:
        raise OneLineError(join_lines(error)) from error


def to_frame(table: "pa.Table") -> "DataFrame":
    """Return rows as a frame; an index that pandas wrote is left out."""
    return table.to_pandas(date_as_object=False, ignore_metadata=True)
