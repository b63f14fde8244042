"""How do the preprocessings of several networks become one, which cleans a row for all of them at once?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from balanced_nn._data.table import Table, to_dense
from balanced_nn._preprocessing.dates import add_date_parts
from balanced_nn._preprocessing.encoding import Encoding
from balanced_nn._preprocessing.normal_scores import NormalScores, ScoreLines
from balanced_nn._preprocessing.piecewise_linear import Bins
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._preprocessing.scalers import (
    AffineScaler,
    QuantileScaler,
    Scaler,
    center_and_scale,
    clip,
    smooth_clip,
)
from balanced_nn._typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class AffineScalers:
    """Several `AffineScaler` side by side."""

    center: FloatArray
    factor: FloatArray
    limit: FloatArray  # of each column
    smooth: BoolArray  # of each column

    @classmethod
    def of(cls, scalers: Sequence[AffineScaler]) -> "AffineScalers":
        """Put the columns of some scalers side by side."""
        limit = np.concatenate([np.broadcast_to(scaler.limit, scaler.width) for scaler in scalers])
        smooth = np.repeat([scaler.smooth for scaler in scalers], [scaler.width for scaler in scalers])
        first = 0
        for scaler in scalers:
            if scaler.without_tails is not None:
                smooth[first + scaler.without_tails] = False
            first += scaler.width
        center, factor = (np.concatenate(parts) for parts in zip(*((s.center, s.factor) for s in scalers), strict=True))
        return cls(center, factor, limit, smooth)

    @property
    def width(self) -> int:
        return len(self.center)

    def apply(self, block: FloatArray) -> FloatArray:
        scaled = center_and_scale(block, self.center, self.factor)
        return np.where(self.smooth, smooth_clip(scaled), clip(scaled, self.limit))

    def names(self, columns: Sequence[str]) -> list[str]:
        return list(columns)


@dataclass(frozen=True, eq=False)
class Joined:
    """One preprocessing that does the work of several, quickly on a few rows.

    Parameters
    ----------
    steps : Preprocessing
        The arrays of all, side by side; codes that several of them share only once.
    lines : ScoreLines or None
        Of its normal scores; None where there are none.
    positions : ndarray of int
        Numeric columns of a table.
    repeated : ndarray of int
        Of these, which the numbers of all networks come from.
    columns : ndarray of int
        Of the expanded columns, which the networks read, network by network.
    ends : ndarray of int
        Where each network ends in `columns`.
    """

    steps: Preprocessing
    lines: ScoreLines | None
    positions: IntArray
    repeated: IntArray
    columns: IntArray
    ends: IntArray

    def expand(self, table: Table) -> FloatArray:
        """Return what the preprocessings give, to the bit, side by side: of shape (n_rows, n_inputs), float32."""
        steps = self.steps
        table = add_date_parts(table, steps.dates)
        block = to_dense(table.numbers(self.positions))[:, self.repeated].astype(np.float64, copy=False)
        table.subtract(steps.pivot, block, steps.numeric_positions, slice(None))
        missing = np.isnan(block)
        np.copyto(block, steps.fill, where=missing)
        scaled = [steps.scaler.apply(block)] + ([] if self.lines is None else [self.lines.apply(block)])
        numbers = np.concatenate(scaled, axis=1, dtype=np.float32, casting="same_kind")
        parts = [numbers if steps.weights is None else numbers * steps.weights, steps.bins.encode(numbers)]
        if steps.level_counts:
            codes = [encoding.encode(table.category(encoding.position)) for encoding in steps.encodings]
            sources, ones, minus_ones = steps.expansion
            cells = np.column_stack([missing[:, steps.indicators], *codes])[:, sources - steps.n_numeric]
            parts.append(np.subtract(cells == ones, cells == minus_ones, dtype=np.float32))
        return np.concatenate(parts, axis=1)[:, self.columns]


def join_preprocessings(parts: Sequence[Preprocessing]) -> Joined | None:
    """Join the preprocessings of the networks of one ensemble.

    Parameters
    ----------
    parts : sequence of Preprocessing
        Fitted on rows of one table.

    Returns
    -------
    Joined or None
        None where scalers are transformers of the user's, or other parts of dates varied in the rows of each network.
    """
    first, n_parts = parts[0], len(parts)
    scaler = _join_scalers([part.scaler for part in parts])
    if scaler is None or len({tuple(dates.parts for dates in part.dates) for part in parts}) > 1:
        return None
    n_columns, n_scores = len(first.fill), _offsets([len(part.scores) for part in parts])
    numeric = [  # of each part: where its numeric columns lie in the cleaned rows of all
        np.concatenate([k * n_columns + np.arange(n_columns), n_parts * n_columns + np.arange(start, stop)])
        for k, (start, stop) in enumerate(pairwise(n_scores))
    ]
    n_numeric = n_parts * n_columns + n_scores[-1]
    indicators = np.unique(np.concatenate([part.indicators for part in parts]))
    levels = {_identity(encoding): encoding for part in parts for encoding in part.encodings}
    weights = None
    if any(part.weights is not None for part in parts):
        weights = np.ones(n_numeric, np.float32)
        for own, part in zip(numeric, parts, strict=True):
            weights[own] = 1.0 if part.weights is None else part.weights
    joint = Preprocessing(
        np.tile(first.numeric_positions, n_parts),
        np.concatenate([part.pivot for part in parts]),
        np.concatenate([part.fill for part in parts]),
        scaler,
        indicators,
        tuple(levels.values()),
        NormalScores(
            np.concatenate([k * n_columns + part.scores.source for k, part in enumerate(parts)]),
            tuple(chain.from_iterable(part.scores.knots for part in parts)),
            tuple(chain.from_iterable(part.scores.values for part in parts)),
            n_scores[-1],
        ),
        Bins(
            np.concatenate([own[part.bins.source] for own, part in zip(numeric, parts, strict=True)]),
            np.concatenate([part.bins.start for part in parts]),
            np.concatenate([part.bins.slope for part in parts]),
            sum(len(part.bins) for part in parts),
        ),
        weights,
        first.dates,
    )
    n_bins = _offsets([len(part.bins) for part in parts])
    number_of = {identity: len(indicators) + number for number, identity in enumerate(levels)}
    columns = []
    for own, part, (start, stop) in zip(numeric, parts, pairwise(n_bins), strict=True):
        codes = [*np.searchsorted(indicators, part.indicators)]
        codes += [number_of[_identity(encoding)] for encoding in part.encodings]
        expanded = [np.flatnonzero(joint.expansion[0] == n_numeric + code) for code in codes]
        behind = [n_numeric + n_bins[-1] + found for found in expanded]
        columns.append(np.concatenate([own, n_numeric + np.arange(start, stop), *behind]))
    lines = ScoreLines.of(joint.scores) if len(joint.scores) else None
    ends = np.cumsum([len(own) for own in columns])
    repeated = np.tile(np.arange(n_columns), n_parts)
    return Joined(joint, lines, first.numeric_positions, repeated, np.concatenate(columns), ends)


def _offsets(counts: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(counts).tolist()]


def _identity(encoding: Encoding) -> tuple[object, ...]:
    """What two encodings share that give every cell the same code."""
    known = frozenset(encoding.codes.items())
    return encoding.position, known, encoding.labels, encoding.missing, encoding.unseen, encoding.by_text


def _join_scalers(scalers: Sequence[Scaler]) -> Scaler | None:
    """Return the scaler of all columns side by side, None where there is no such scaler."""
    affine = [scaler for scaler in scalers if isinstance(scaler, AffineScaler)]
    if len(affine) == len(scalers):
        return AffineScalers.of(affine)
    quantile = [scaler for scaler in scalers if isinstance(scaler, QuantileScaler)]
    if len(quantile) == len(scalers) and len({len(scaler.references) for scaler in quantile}) == 1:
        return QuantileScaler(
            np.concatenate([scaler.quantiles for scaler in quantile]),
            quantile[0].references,
            np.concatenate([scaler.unit for scaler in quantile]),
            np.concatenate([scaler.constant for scaler in quantile]),
        )
    return None
