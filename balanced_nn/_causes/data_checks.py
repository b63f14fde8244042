"""What should be checked in a table before a network is trained on it?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from balanced_nn._causes.evidence import DataFacts, data_facts
from balanced_nn._data.names import listed
from balanced_nn._data.table import Table, to_dense
from balanced_nn._typing import IntArray

RARE_ROWS = 50  # under which a hold-out of 15 % leaves fewer than 8 rows to judge by
HELD_OUT = 0.15
UNEVEN = 4.0  # times as many rows: answering the larger class is then right in 80 % of the rows
FAR_APART = 100.0  # ratio of standard deviations, and of a mean to its standard deviation
LARGE = 100.0  # a number that a column of mean 0 and standard deviation 1 never holds


def table_facts(table: Table, y: IntArray, n_classes: int) -> DataFacts:
    """Look at a table as it came, before any scaling.

    Parameters
    ----------
    table : Table
        Scales, offsets and duplicates are those of its numeric columns, missing numbers taken as the median; dates have
        no scale of their own, and get one of 1. Constant columns and missing cells are counted over all columns.
    y : ndarray of shape (n_samples,)
        Class indices.
    n_classes : int
        Number of classes.

    Returns
    -------
    DataFacts
    """
    numeric = np.array(to_dense(table.numeric), dtype=np.float64)
    missing = ~np.isfinite(numeric)
    if missing.any():
        empty = missing.all(axis=0)
        numeric[missing] = np.nan
        numeric[:, empty] = 0.0
        np.copyto(numeric, np.nanmedian(numeric, axis=0), where=np.isnan(numeric))
    dated = np.isin(table.numeric_positions, list(table.dates))
    if dated.any():
        numeric[:, dated] = StandardScaler().fit_transform(numeric[:, dated])
    levels = [column.levels_in_use() for column in table.categories.values()]
    facts = data_facts(numeric, y, n_classes)
    return replace(
        facts,
        n_features=facts.n_features + len(levels),
        n_constant=facts.n_constant + sum(int(np.count_nonzero(counts) < 2) for counts in levels),
        n_not_finite=int(np.count_nonzero(missing)) + sum(int(counts[-1]) for counts in levels),
    )


def preflight(facts: DataFacts, classes: Sequence[Any]) -> tuple[str, ...]:
    """Say what a network may stumble over, and what to do about it.

    Parameters
    ----------
    facts : DataFacts
        The table and its labels, before any scaling.
    classes : sequence
        Class labels, in the order of the facts.

    Returns
    -------
    tuple of str
        The gravest first; empty where nothing was found.

    Examples
    --------
    >>> X = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    >>> for sentence in preflight(data_facts(X, np.array([0, 0, 1, 1]), 2), ["no", "yes"])[1:]:
    ...     print(sentence)
    1 column holds only one value: it carries no information. Drop it; BalancedNNClassifier sets it to 0.
    """
    return (*_about_labels(facts, list(map(str, classes))), *_about_columns(facts))


def too_many_classes(facts: DataFacts) -> bool:
    """Whether the labels look like numbers to be estimated or identifiers: the first finding then says so."""
    n_present = sum(rows > 0 for rows in facts.class_rows)
    return n_present > max(20, facts.n_rows // 10)


def _about_labels(facts: DataFacts, names: list[str]) -> Iterator[str]:
    counted = list(zip(names, facts.class_rows, strict=True))
    present = [name for name, rows in counted if rows]
    if len(present) < 2:
        yield (
            f"All {facts.n_rows:,} rows are of class {listed(present)}: there is nothing to distinguish. Check how the "
            "rows were selected; BalancedNNClassifier refuses such labels."
        )
    elif too_many_classes(facts):
        yield (
            f"The target holds {len(present):,} different values in {facts.n_rows:,} rows: is it a number to "
            "predict, or an identifier? Choose another column, or group the values; BalancedNNClassifier would treat "
            "each value as a class."
        )
    elif facts.bad_labels:
        yield facts.bad_labels
    single = [name for name, rows in counted if rows == 1]
    if single:
        has, it = ("Class {} has", "it") if len(single) == 1 else ("Classes {} have", "they")
        yield (
            f"{has.format(listed(single))} a single row: in training, {it} cannot be evaluated; held out, {it} cannot "
            "be learned. Collect more rows, or merge it with another class; BalancedNNClassifier trains on it and "
            "warns."
        )
    rare = sorted((rows, name) for name, rows in counted if 2 <= rows < RARE_ROWS)
    if rare:
        rows = rare[0][0]
        held_out = max(1, round(HELD_OUT * rows))
        named = listed([f"{name} ({count})" for count, name in rare])
        yield (
            f"Few rows of class {named}: a hold-out of {HELD_OUT:.0%} leaves about {held_out} of {rows} to evaluate, "
            f"and each changes the recall by {100 / held_out:.0f} points. Split with stratify=y, and evaluate by "
            "repeated stratified cross-validation; BalancedNNClassifier holds out rows of each class, at least 2 of 7 "
            "or more."
        )
    shares = [(share, name) for name, share in zip(names, facts.class_share, strict=True) if share > 0]
    if len(shares) > 1 and max(shares)[0] >= UNEVEN * min(shares)[0]:
        (largest, common), (smallest, rarest) = max(shares), min(shares)
        yield (
            f"Class {common} is {largest / smallest:,.0f} times as frequent as class {rarest}: always answering "
            f"{common} is right in {largest:.1%} of the rows, so accuracy says little. Give the classes equal weight "
            "in training, and evaluate by balanced accuracy and the recall of each class; BalancedNNClassifier weights "
            "and decides so by default."
        )


def _about_columns(facts: DataFacts) -> Iterator[str]:
    if facts.n_not_finite:
        share = facts.n_not_finite / max(1, facts.n_rows * facts.n_features)
        yield (
            f"{_count(facts.n_not_finite, 'cell')} ({100 * share:.2g}% of all) missing or infinite: a network that "
            "reads one outputs NaN. Impute (SimpleImputer) with statistics of the training rows; BalancedNNClassifier "
            "uses the median, adds a column that marks imputed cells, and rejects infinity."
        )
    if facts.scale_ratio > FAR_APART or facts.largest > LARGE:
        found = f"The largest number is {_large(facts.largest)}"
        if facts.scale_ratio > FAR_APART:
            found = f"The standard deviations of the columns differ by a factor of {_large(facts.scale_ratio)}"
        yield (
            f"{found}: large columns drown out the small ones and drive units to where they have no gradient. Scale "
            "each column to mean 0 and standard deviation 1 (StandardScaler, fitted to the training rows); "
            "BalancedNNClassifier does so by default."
        )
    if facts.offset_ratio > FAR_APART:
        yield (
            f"A column lies {_large(facts.offset_ratio)} standard deviations away from 0 (a year, an identifier, a "
            "time stamp?): its differences are lost in rounding. Subtract the mean, or drop the column if it is an "
            "identifier; BalancedNNClassifier subtracts it in float64."
        )
    if facts.n_constant:
        one = facts.n_constant == 1
        hold, they, them = ("holds", "it carries", "it") if one else ("hold", "they carry", "them")
        yield (
            f"{_count(facts.n_constant, 'column')} {hold} only one value: {they} no information. Drop {them}; "
            f"BalancedNNClassifier sets {them} to 0."
        )
    if facts.n_duplicated:
        equal = "equals" if facts.n_duplicated == 1 else "equal"
        yield (
            f"{_count(facts.n_duplicated, 'column')} {equal} an earlier one: what is stated twice counts twice. Keep "
            "one of each; BalancedNNClassifier trains on all, which does little harm."
        )
    if facts.n_features > facts.n_rows:
        yield (
            f"There are more columns ({facts.n_features:,}) than rows ({facts.n_rows:,}): a network can memorise the "
            "rows. Select or reduce the columns (PCA, SelectKBest) inside a pipeline; BalancedNNClassifier stops early "
            "on held-out rows, but does not select columns."
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _large(number: float) -> str:
    """Write a number of which the size matters.

    >>> _large(7089.4), _large(3.2e9)
    ('7,089', '3.2e+09')
    """
    return f"{number:,.0f}" if number < 1e6 else f"{number:.2g}"
