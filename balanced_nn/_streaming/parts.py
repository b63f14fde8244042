"""Which rows of files is a model fitted on, and which does it never see? Copies of a row are on the same side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from balanced_nn._data.row_hashes import mix
from balanced_nn._data.row_sketch import hash_rows
from balanced_nn._data.table import read_table
from balanced_nn._streaming.source import Block, Source
from balanced_nn._typing import BoolArray

_PART = 24  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Part:
    """Held-out rows, or all others: which ones follows from the cells of a row, its label and a seed alone.

    Parameters
    ----------
    shares : mapping from label to float
        About which share of the rows of each label is held out, in [0, 1].
    seed : int
    held_out : bool
        Whether these are the held-out rows.
    numeric, categories : tuple of int
        Positions of the features.
    """

    shares: Mapping[Any, float]
    seed: int
    held_out: bool
    numeric: tuple[int, ...]
    categories: tuple[int, ...]

    def __call__(self, block: Block) -> BoolArray:
        """Which rows of a block these are."""
        table = read_table(BaseEstimator(), block.frame, reset=True)
        start = np.random.SeedSequence([self.seed, _PART]).generate_state(1, np.uint64)[0]
        bits = mix(hash_rows(table, None, np.array(self.numeric, dtype=np.intp), self.categories) ^ start)
        shares = np.array([self.shares[label] for label in block.labels.tolist()])[block.codes]
        chosen: BoolArray = (bits >> np.uint64(11)) / 2.0**53 < shares
        return chosen if self.held_out else ~chosen


def hold_out(source: Source, shares: Mapping[Any, float], seed: int) -> tuple[Source, Source]:
    """Divide the rows of files into those to fit on, and those that are held out.

    Parameters
    ----------
    source : Source
    shares, seed
        As in :class:`Part`.
    """
    categories = tuple(sorted(source.categories))
    numeric = tuple(j for j in range(len(source.features)) if j not in source.categories)
    parts = (Part(shares, seed, held_out, numeric, categories) for held_out in (False, True))
    fitted, judged = (replace(source, part=part) for part in parts)
    return fitted, judged
