"""Which rows train a network, and which are held out? Whole groups where rows belong together (step 2 of a fit)."""

import warnings
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from balanced_nn._typing import IntArray

MIN_HELD_OUT_ROWS = 2  # of each class that is held out
LARGEST_FOLD = 2  # times as many rows as asked for, where folds of whole groups can be chosen
MANY_GROUPS = 2_000  # from which on they are drawn like rows: scikit-learn's splitter would take minutes
MAX_FRACTION_OF_RARE_CLASS = 0.3  # what a rare class gives at most, to reach that number


@dataclass(frozen=True, eq=False)
class HoldOut:
    """Indices of the training rows and of the rows held out, and the classes that could spare none."""

    train: IntArray
    valid: IntArray  # empty: no hold-out
    classes_without: tuple[int, ...]  # class indices


def hold_outs(
    y: IntArray,
    fraction: float,
    rng: np.random.Generator,
    n_classes: int,
    n_parts: int = 1,
    *,
    copies: IntArray | None = None,
) -> tuple[HoldOut, ...]:
    """Split off stratified parts of the rows, one for each network of an ensemble.

    Each class gives `fraction` of its rows to a part, and at least two: for a rare class the fraction grows, up to 0.3.
    A class that cannot spare two rows then stays in training as a whole. Where fewer than two classes could be held
    out, nothing is: such a part could not tell a collapsed network from a good one. Parts have no row in common as long
    as a class has rows that are in none; then it starts again with its first ones.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    fraction : float
        Fraction of each class to hold out, in (0, 1).
    rng : numpy.random.Generator
        Source of the draw.
    n_classes : int
        Number of classes.
    n_parts : int, default=1
        How many parts.
    copies : ndarray of shape (n_samples,), default=None
        Number of the distinct row that each row is a copy of; copies, which are of one class, stay on one side. None
        takes each row for itself.

    Returns
    -------
    tuple of HoldOut
        Each with the training rows and the rows held out, in ascending order.

    Examples
    --------
    >>> split, other = hold_outs(np.repeat([0, 1], [90, 10]), 0.1, np.random.default_rng(0), 2, n_parts=2)
    >>> len(split.train), len(split.valid), split.classes_without
    (89, 11, ())
    >>> np.intersect1d(split.valid, other.valid).size
    0
    """
    if copies is not None:
        _, first, copy_of = np.unique(copies, return_index=True, return_inverse=True)

        def copies_of(rows: IntArray) -> IntArray:
            return np.flatnonzero(np.isin(copy_of, rows))

        parts = hold_outs(y[first], fraction, rng, n_classes, n_parts)
        return tuple(HoldOut(copies_of(part.train), copies_of(part.valid), part.classes_without) for part in parts)
    sizes = [_held_out_size(n_rows, fraction) for n_rows in np.bincount(y, minlength=n_classes).tolist()]
    shuffled = [(rng.permutation(np.flatnonzero(y == label)), size) for label, size in enumerate(sizes) if size]
    without = tuple(label for label, size in enumerate(sizes) if not size)
    if len(shuffled) < 2:
        return (_nothing_held_out(y, n_classes),) * n_parts
    drawn = []
    for part in range(n_parts):
        held = [members.take(range(part * size, (part + 1) * size), mode="wrap") for members, size in shuffled]
        valid = np.sort(np.concatenate(held))
        drawn.append(HoldOut(np.setdiff1d(np.arange(len(y)), valid, assume_unique=True), valid, without))
    return tuple(drawn)


def _held_out_size(n_rows: int, fraction: float) -> int:
    size = round(n_rows * fraction)
    if size < MIN_HELD_OUT_ROWS:
        largest = int(n_rows * max(fraction, MAX_FRACTION_OF_RARE_CLASS))
        size = MIN_HELD_OUT_ROWS if largest >= MIN_HELD_OUT_ROWS else 0
    return min(size, n_rows - 1)


def grouped_hold_outs(
    y: IntArray, groups: IntArray, fraction: float, seed: int, n_classes: int, n_parts: int = 1
) -> tuple[HoldOut, ...]:
    """Split off whole groups of rows, stratified as far as they allow, one part for each network of an ensemble.

    The parts are folds of scikit-learn's StratifiedGroupKFold, as many as `fraction` asks for, with another shuffle
    where more parts are wanted than there are folds; more than 2,000 groups are drawn like rows instead. A class of
    which a part holds every row stays in training: its groups leave the part. A part that then no longer holds two
    classes is not used.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    groups : ndarray of shape (n_samples,)
        Number of the group of each row.
    fraction : float
        Fraction of the rows to hold out, in (0, 1).
    seed : int
        Seed of the shuffles.
    n_classes : int
        Number of classes.
    n_parts : int, default=1
        How many parts.

    Returns
    -------
    tuple of HoldOut

    Examples
    --------
    >>> y, patients = np.tile([0, 0, 0, 1], 20), np.repeat(np.arange(20), 4)
    >>> (part,) = grouped_hold_outs(y, patients, 0.2, 0, 2)
    >>> len(part.valid), np.intersect1d(patients[part.train], patients[part.valid]).size
    (16, 0)
    """
    n_groups = len(np.unique(groups))
    n_folds = min(max(2, round(1 / fraction)), n_groups, int(np.bincount(y).max()))
    if n_folds < 2:
        return (_nothing_held_out(y, n_classes),) * n_parts
    if n_groups > MANY_GROUPS:
        drawn = _draw_groups(y, groups, fraction, seed, n_classes, n_parts)
    else:
        drawn = _fold_groups(y, groups, n_folds, seed, n_parts)
    parts = [_without_whole_classes(y, groups, valid, n_classes) for valid in drawn]
    useful = [part for part in parts if len(part.valid)]
    small = [part for part in useful if len(part.valid) <= LARGEST_FOLD * fraction * len(y)]
    return tuple(islice(cycle(small or useful or parts), n_parts))


def _fold_groups(y: IntArray, groups: IntArray, n_folds: int, seed: int, n_parts: int) -> list[IntArray]:
    """Rows of each fold, of as many shuffles as give enough folds."""
    drawn: list[IntArray] = []
    for shuffle in range(-(-n_parts // n_folds)):
        folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=(seed + shuffle) % 2**32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a class with fewer rows than folds: the caller looks after it
            drawn += [valid for _, valid in folds.split(np.zeros(len(y)), y, groups)]
    return drawn


def _draw_groups(
    y: IntArray, groups: IntArray, fraction: float, seed: int, n_classes: int, n_parts: int
) -> list[IntArray]:
    """Rows of groups that are drawn like rows, each as one of the rarest class in it."""
    _, number = np.unique(groups, return_inverse=True)
    rarity = np.argsort(np.argsort(-np.bincount(y, minlength=n_classes), kind="stable"))
    rarest = np.zeros(number.max() + 1, dtype=np.intp)
    np.maximum.at(rarest, number, rarity[y])
    label = np.argsort(rarity)[rarest]
    parts = hold_outs(label[number], fraction, np.random.default_rng(seed), n_classes, n_parts, copies=number)
    return [part.valid for part in parts]


def _without_whole_classes(y: IntArray, groups: IntArray, valid: IntArray, n_classes: int) -> HoldOut:
    """A fold without the groups that hold the last rows of a class."""
    counts = np.bincount(y, minlength=n_classes)
    while True:
        whole = np.flatnonzero((np.bincount(y[valid], minlength=n_classes) == counts) & (counts > 0))
        if len(whole) == 0:
            break
        valid = valid[~np.isin(groups[valid], groups[valid][np.isin(y[valid], whole)])]
    held = np.bincount(y[valid], minlength=n_classes)
    if np.count_nonzero(held >= MIN_HELD_OUT_ROWS) < 2:
        return _nothing_held_out(y, n_classes)
    train = np.setdiff1d(np.arange(len(y)), valid, assume_unique=True)
    return HoldOut(train, np.sort(valid), tuple(np.flatnonzero((held == 0) & (counts > 0)).tolist()))


def _nothing_held_out(y: IntArray, n_classes: int) -> HoldOut:
    return HoldOut(np.arange(len(y)), np.empty(0, dtype=np.intp), tuple(range(n_classes)))
