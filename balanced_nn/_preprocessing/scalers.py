"""How are numeric columns scaled, with statistics kept as plain arrays?

Each built-in scaler is fitted in float64 on blocks of columns, ignoring missing values, by scikit-learn where it has
the class, and then kept as arrays. All results are computed element by element: a row never depends on the others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from balanced_nn._data.table import to_dense
from balanced_nn._sklearn import fit_context
from balanced_nn._typing import BoolArray, IntArray, Matrix, Transformer

Floats: TypeAlias = NDArray[np.float64]

BUILT_IN_SCALERS = ("auto", "standard", "robust", "minmax", "quantile")
AUTO_SCALERS = {"auto": "standard", "auto-robust": "robust"}  # what stands beside the normal scores of some columns

SCALED_LIMIT = 1e6  # scaled values beyond this are outliers that float32 training could not square safely
UNSCALED_LIMIT = 1e30  # unscaled or scaled by the user's transformer: only what float32 cannot hold is cut
COLUMN_BLOCK_BYTES = 2**25  # of float64 per block of columns, all rows, when fitting
ROW_BLOCK_BYTES = 2**21  # of float64 per block of rows, all columns: stays in the processor's cache

LARGEST = float(np.finfo(np.float64).max)
AUTO_LIMIT = 8.0  # the same beside normal scores
SMOOTH_LIMIT = 3.0  # that smoothly clipped values tend to
SMOOTH_FROM = 1e9  # where they have reached it, to the last bit
MARGIN = 1e-7  # scikit-learn's BOUNDS_THRESHOLD
SMALLEST_SHARE = MARGIN - np.spacing(1)  # that is told from 0 or 1 by its normal quantile, as in scikit-learn
NEXT_TO_ZERO = 1e-250  # below it a number counts as 0 in quantiles
# Spreads that a column lies away from 0: beyond, a number is subtracted first, because scikit-learn takes columns of a
# spread that is small beside their mean for constant, and because float64 loses the last digits of large numbers.
FAR_FROM_ZERO = 2.0**14


class Scaler(Protocol):
    """What the preprocessing needs of a fitted scaler."""

    @property
    def width(self) -> int:
        """Number of columns that come out."""

    def apply(self, block: Floats) -> Floats:
        """Scale a block of rows without missing values; the result is finite."""

    def names(self, columns: Sequence[str]) -> list[str]:
        """Return the names of the columns that come out."""


@dataclass(frozen=True, eq=False)
class AffineScaler:
    """``(x - center) * factor``, then the smooth clip if ``smooth``, then a hard one at ``limit``."""

    center: Floats  # shape (n_columns,)
    factor: Floats  # shape (n_columns,), 0 for a column that was constant
    limit: float | Floats  # shape (n_columns,) where columns differ
    smooth: bool = False
    without_tails: IntArray | None = None  # columns that are not smoothly clipped, as they hold two values

    @property
    def width(self) -> int:
        return len(self.center)

    def apply(self, block: Floats) -> Floats:
        scaled = center_and_scale(block, self.center, self.factor)
        if self.smooth:
            whole, scaled = scaled, smooth_clip(scaled)
            if self.without_tails is not None:
                scaled[:, self.without_tails] = whole[:, self.without_tails]
        return clip(scaled, self.limit)

    def names(self, columns: Sequence[str]) -> list[str]:
        return list(columns)


@dataclass(frozen=True, eq=False)
class QuantileScaler:
    """The map of scikit-learn's ``QuantileTransformer(output_distribution="normal")`` from its arrays."""

    quantiles: Floats  # shape (n_columns, n_quantiles), ascending in each row
    references: Floats  # shape (n_quantiles,), from 0 to 1
    unit: Floats  # shape (n_columns,), power of two by which the column is multiplied first
    constant: BoolArray  # shape (n_columns,)

    @property
    def width(self) -> int:
        return len(self.quantiles)

    def apply(self, block: Floats) -> Floats:
        block = flush(block * self.unit)
        shares = np.empty_like(block)
        for j, quantiles in enumerate(self.quantiles):
            x = block[:, j]
            # From below and from above, and the mean of both: a repeated value gets the middle of its quantiles.
            below = np.interp(x, quantiles, self.references)
            above = np.interp(-x, -quantiles[::-1], -self.references[::-1])
            shares[:, j] = 0.5 * (below - above)
        lowest, highest = self.quantiles[:, 0], self.quantiles[:, -1]
        shares[block + self.margin > highest] = 1.0
        shares[block - self.margin < lowest] = 0.0
        shares[:, self.constant] = 0.5
        return np.clip(ndtri(shares), ndtri(SMALLEST_SHARE), ndtri(1 - SMALLEST_SHARE))

    @property
    def margin(self) -> Floats:
        """How near to its outermost values a column's value counts as beyond them.

        scikit-learn's margin is 1e-7 whatever the unit of the column, and would make two values of a column of 1e-9s.
        """
        return MARGIN * np.minimum(1.0, self.quantiles[:, -1] - self.quantiles[:, 0])

    def names(self, columns: Sequence[str]) -> list[str]:
        return list(columns)


@dataclass(frozen=True, eq=False)
class CustomScaler:
    """A fitted transformer of the user's, called as it is on the imputed columns."""

    transformer: Transformer
    width: int

    def apply(self, block: Floats) -> Floats:
        result = self.transformer.transform(block)
        scaled = np.asarray(to_dense(result), dtype=np.float64)
        if np.isnan(scaled).any():
            raise ValueError(
                f"scaler={self.transformer} returned NaN for {np.isnan(scaled).sum()} cells, but none was missing. "
                "Pass a transformer that is defined for all numbers, or replace these values first."
            )
        return np.clip(scaled, -UNSCALED_LIMIT, UNSCALED_LIMIT)

    def names(self, columns: Sequence[str]) -> list[str]:
        if hasattr(self.transformer, "get_feature_names_out"):
            return list(map(str, self.transformer.get_feature_names_out(list(columns))))
        if self.width == len(columns):
            return list(columns)
        return [f"scaled{j}" for j in range(self.width)]


class RobustSmoothScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Center by the median, scale by the quartiles, and compress outliers smoothly into (-3, 3).

    With z = (x - median) / (q75 - q25), the result is z / sqrt(1 + (z / 3)^2). Where the quartiles are equal,
    z = 2 (x - median) / (max - min); a column that is constant or all missing becomes 0. The order of the values is
    kept, and values near the median hardly change.

    Attributes
    ----------
    center_ : ndarray of shape (`n_features_in_`,)
        Median of each column over the values that are not missing; 0 for a constant column.
    factor_ : ndarray of shape (`n_features_in_`,)
        What the centered values are multiplied by; 0 for a constant column.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Labels of the columns, if all of them are strings.

    See Also
    --------
    TabularPreprocessor : Cleans mixed tables; ``scaler="robust"`` applies this map.

    Notes
    -----
    Missing values (NaN) are ignored in `fit` and kept in `transform`. float32 stays float32; everything else becomes
    float64.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
       Tabular Data", NeurIPS 2024.

    Examples
    --------
    >>> from balanced_nn import RobustSmoothScaler
    >>> RobustSmoothScaler().fit_transform([[1.0], [2.0], [3.0], [4.0], [1000.0]]).round(2).ravel()
    array([-0.95, -0.49,  0.  ,  0.49,  3.  ])
    """

    _parameter_constraints: dict = {}

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: object = None) -> "RobustSmoothScaler":
        """Learn the median and the quartiles of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is missing.
        y : None
            Ignored.

        Returns
        -------
        RobustSmoothScaler
            The fitted scaler itself.
        """
        X = self._validate(X, reset=True)
        fitted = [_fit_affine("robust", block) for block in column_blocks(X)]
        self.center_ = np.concatenate([center for center, _ in fitted])
        self.factor_ = np.concatenate([factor for _, factor in fitted])
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Scale each column and compress its outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Values in [-3, 3], NaN where `X` is.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        result = np.empty(X.shape, X.dtype)
        for rows in row_blocks(len(X), X.shape[1]):
            result[rows] = smooth_clip(center_and_scale(X[rows], self.center_, self.factor_))
        return result

    def _validate(self, X: Any, *, reset: bool) -> NDArray[np.floating]:
        with np.errstate(invalid="ignore"):  # sums of the largest numbers, by which scikit-learn looks for infinity
            return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def row_blocks(n_rows: int, n_columns: int, *, n_bytes: int = ROW_BLOCK_BYTES) -> Iterator[slice]:
    """Yield slices of rows that hold at most `n_bytes` of float64, and at least one row each."""
    step = max(1, n_bytes // (8 * max(1, n_columns)))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def column_blocks(numeric: Matrix, rows: IntArray | None = None) -> Iterator[Floats]:
    """Yield fresh, dense float64 blocks of all columns, from left to right, of about `COLUMN_BLOCK_BYTES` each.

    Each column lies in one piece: over a million rows, statistics of such columns take a third of the time.
    """
    if hasattr(numeric, "tocsc"):
        numeric = (numeric if rows is None else numeric[rows]).tocsc()
        rows = None
    n_rows = numeric.shape[0] if rows is None else len(rows)
    if numeric.shape[1] == 0:
        yield np.empty((n_rows, 0))
    for columns in row_blocks(numeric.shape[1], n_rows, n_bytes=COLUMN_BLOCK_BYTES):
        block = numeric[:, columns] if rows is None else numeric[rows, columns]
        yield np.array(to_dense(block), dtype=np.float64, order="F")


def find_pivots(block: Floats, loses_digits: BoolArray) -> Floats:
    """Return the lowest number of each column that lies far from 0 beside its spread, 0 for all others."""
    lowest, highest = np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.maximum(np.abs(lowest), np.abs(highest)) > FAR_FROM_ZERO * (highest - lowest)
    return np.where(far & ((highest > lowest) | loses_digits), lowest, 0.0)


def find_medians(block: Floats) -> tuple[Floats, BoolArray]:
    """Return the median of each column (0 where all is missing), and whether it has missing and other values."""
    missing = np.isnan(block)
    some, every = np.logical_or.reduce(missing), np.logical_and.reduce(missing)
    block *= 0.5  # the mean of two middle values must not overflow
    medians = np.zeros(block.shape[1])
    complete = block if not some.any() else block[:, ~some]
    medians[~some] = 2 * np.median(complete, axis=0, overwrite_input=not some.any())
    medians[some & ~every] = 2 * np.nanmedian(block[:, some & ~every], axis=0)
    return medians, some & ~every


def find_two_valued(block: Floats) -> BoolArray:
    """Return which columns hold two different numbers, missing ones apart."""
    lowest, highest = np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0)
    two = lowest < highest
    for j in np.flatnonzero(two):  # column by column: a mask of all cells is large
        column = block[:, j]
        two[j] = not np.any((column > lowest[j]) & (column < highest[j]))
    return two


def fit_built_in_scaler(name: str | None, blocks: Iterable[Floats]) -> Scaler:
    """Fit a scaler by name to all training rows, block of columns by block of columns.

    Parameters
    ----------
    name : {None, "auto", "auto-robust", "standard", "robust", "minmax", "quantile"}
        None leaves the values as they are. "auto" is "standard", cut off at 8, and "auto-robust" is "robust".
    blocks : iterable of ndarray of shape (n_rows, any number of columns)
        At least one block. NaN is missing, and ignored. The blocks are overwritten.

    Returns
    -------
    Scaler
        In which a column that is constant, or all missing, is always 0 (for all names, and None).
    """
    if name == "quantile":
        parts = [_fit_quantiles(block) for block in blocks]
        quantiles, unit, constant = map(np.concatenate, zip(*parts, strict=True))
        return QuantileScaler(quantiles, np.linspace(0, 1, quantiles.shape[1]), unit, constant)
    if name in AUTO_SCALERS:
        return _fit_auto(AUTO_SCALERS[name], blocks)
    center, factor = map(np.concatenate, zip(*(_fit_affine(name, block) for block in blocks), strict=True))
    return AffineScaler(center, factor, UNSCALED_LIMIT if name is None else SCALED_LIMIT, smooth=name == "robust")


def _fit_auto(name: str, blocks: Iterable[Floats]) -> AffineScaler:
    """Fit "standard" or "robust", cut at 8, but to columns of two values "standard", cut at the farther one of both."""
    fitted, of_two = [], []
    for block in blocks:
        two = find_two_valued(block)
        ends = np.stack([np.fmin.reduce(block[:, two], axis=0), np.fmax.reduce(block[:, two], axis=0)])
        plain = _fit_affine("standard", block[:, two]) if two.any() else (np.empty(0), np.empty(0))
        center, factor = _fit_affine(name, block)
        center[two], factor[two] = plain
        limit = np.full(len(two), AUTO_LIMIT)
        limit[two] = np.maximum(AUTO_LIMIT, np.abs(center_and_scale(ends, *plain)).max(axis=0))
        fitted.append((center, factor, limit))
        of_two.append(two)
    center, factor, limit = map(np.concatenate, zip(*fitted, strict=True))
    return AffineScaler(center, factor, limit, name == "robust", np.flatnonzero(np.concatenate(of_two)))


def fit_custom_scaler(transformer: Transformer, imputed: Floats) -> Scaler:
    """Fit a clone of the user's transformer to the training rows, missing values already replaced."""
    if isinstance(transformer, type):
        raise TypeError(f"scaler is the class {transformer.__name__}. Pass an instance: {transformer.__name__}().")
    fitted = clone(transformer)
    fitted.fit(imputed)
    return CustomScaler(fitted, fitted.transform(imputed[:1]).shape[1])


def center_and_scale(block: NDArray[np.floating], center: Floats, factor: Floats) -> Floats:
    """Return ``(block - center) * factor`` in float64; a difference that overflows counts as the largest number."""
    with np.errstate(over="ignore"):
        result = clip(np.subtract(block, center, dtype=np.float64), LARGEST)
        return np.multiply(result, factor, out=result)


def clip(block: Floats, limit: float | Floats) -> Floats:
    """Cut at -`limit` and `limit`, in place; on one row, two ufuncs take a third of the time of np.clip."""
    return np.minimum(np.maximum(block, -limit, out=block), limit, out=block)


def smooth_clip(z: Floats) -> Floats:
    """Return z / sqrt(1 + (z/3)^2), which tends to -3 and 3; from `SMOOTH_FROM` on it is 3 to the last bit."""
    z = np.clip(z, -SMOOTH_FROM, SMOOTH_FROM)
    return z / np.sqrt(1 + (z / SMOOTH_LIMIT) ** 2)


def _fit_affine(name: str | None, block: Floats) -> tuple[Floats, Floats]:
    """Return center and factor of each column of a block, which is overwritten."""
    constant = _zero_constants(block)
    unit = _bring_to_scale(block)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if name is None:
            center, factor = np.zeros(block.shape[1]), 1.0 / unit
        elif name == "standard":
            scaler = StandardScaler().fit(block)
            center, factor = scaler.mean_, 1.0 / scaler.scale_
        elif name == "minmax":
            center = np.fmin.reduce(block, axis=0)
            factor = 1.0 / (np.fmax.reduce(block, axis=0) - center)
        else:
            center, factor = _median_and_spread(block)
        factor = np.where(constant, 0.0, np.minimum(factor * unit, LARGEST))
        return center / unit, factor


def _median_and_spread(block: Floats) -> tuple[Floats, Floats]:
    """Return the median and the factor of `RobustSmoothScaler` for columns that hold at least one number."""
    missing = np.isnan(block).any(axis=0)
    quartiles = np.empty((3, block.shape[1]))
    quartiles[:, ~missing] = np.percentile(block[:, ~missing], [25, 50, 75], axis=0)
    quartiles[:, missing] = np.nanpercentile(block[:, missing], [25, 50, 75], axis=0)
    low, median, high = quartiles
    spread = np.nanmax(block, axis=0) - np.nanmin(block, axis=0)
    return median, np.where(high > low, 1.0 / (high - low), 2.0 / spread)


def _fit_quantiles(block: Floats) -> tuple[Floats, Floats, BoolArray]:
    """Return the quantiles of each column (one row each), its unit, and whether it is constant."""
    constant = _zero_constants(block)
    unit = _bring_to_scale(block)
    # subsample=None: all rows, so that there is nothing to draw at random.
    fitted = QuantileTransformer(n_quantiles=min(1000, len(block)), subsample=None).fit(flush(block))
    return np.ascontiguousarray(fitted.quantiles_.T), unit, constant


def flush(block: Floats) -> Floats:
    """Replace numbers that are next to 0, in place: the slope between two of them would overflow."""
    block[np.abs(block) < NEXT_TO_ZERO] = 0.0
    return block


def _zero_constants(block: Floats) -> BoolArray:
    """Overwrite the columns of a block that hold fewer than two different numbers with 0, and return which they are."""
    lowest = np.fmin.reduce(block, axis=0)
    constant = ~(lowest < np.fmax.reduce(block, axis=0))  # all missing: NaN < NaN is False
    block[:, constant] = 0.0
    return constant


def _bring_to_scale(block: Floats) -> Floats:
    """Multiply columns of extreme magnitude by a power of two, in place, and return that power (1 for all others).

    Sums and squares of values like 1e300 overflow, and those of 1e-300 vanish; a power of two changes no digit.
    """
    unit = find_unit(np.fmax.reduce(np.abs(block), axis=0))
    if not (unit == 1.0).all():
        block *= unit
    return unit


def find_unit(largest: Floats) -> Floats:
    """Return the power of two that brings columns of such largest magnitudes to scale; 1 for all ordinary ones."""
    ordinary = (largest == 0) | ((largest > 1e-100) & (largest < 1e100)) | np.isnan(largest)
    return np.ldexp(1.0, -np.clip(np.where(ordinary, 0, np.frexp(largest)[1]), -1000, 1000))
