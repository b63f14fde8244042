"""Does one preprocessing for several networks give each the matrix that its own gives?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.preprocessing import StandardScaler

from balanced_nn._data.table import Table, read_table
from balanced_nn._preprocessing.joining import join_preprocessings
from balanced_nn._preprocessing.preprocessing import Preprocessing, fit_preprocessing
from balanced_nn._preprocessing.preprocessor import TabularPreprocessor

RNG = np.random.default_rng(0)
N = 300


def a_table() -> Table:
    frame = pd.DataFrame({"mild": RNG.normal(size=N), "heavy": np.sinh(4.0 * RNG.normal(size=N))})
    frame["level"], frame["flag"] = RNG.choice(["a", "b", "c"], N), RNG.random(N) > 0.5
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 9000, N), unit="h")
    frame.loc[4, "level"] = "rare"
    frame.loc[::6, "heavy"] = np.nan
    frame.loc[[7, 8], ["mild", "level"]] = None
    return read_table(TabularPreprocessor(), frame, reset=True)


TABLE = a_table()
Y = (TABLE.numeric[:, 0] > 0.5).astype(int)


def parts(*scalers: object) -> list[Preprocessing]:
    """Preprocessings of overlapping rows, with bins, and one with weights."""
    found = []
    for k, scaler in enumerate(scalers):
        rows = np.flatnonzero(np.arange(N) % 5 != k)
        own = fit_preprocessing(TABLE, rows, scaler=scaler)
        found.append(own.with_bins(own.clean(TABLE, rows), Y[rows], np.ones(len(rows)), 8))
    weights = np.linspace(0.1, 1.0, found[0].n_numeric, dtype=np.float32)
    return [replace(found[0], weights=weights), *found[1:]]


@pytest.mark.parametrize(
    "scalers",
    [("auto", "auto-robust", "auto"), ("standard", "minmax"), ("robust",), ("quantile", "quantile"), (None, "auto")],
    ids=str,
)
def test_each_network_gets_the_matrix_of_its_own_preprocessing_to_the_bit(scalers):
    several = parts(*scalers)
    expanded = [own.expand(own.clean(TABLE)) for own in several]
    assert_array_equal(join_preprocessings(several).expand(TABLE), np.hstack(expanded))


def test_codes_that_networks_share_are_found_once():
    several = parts("auto", "auto", "auto")
    joined = join_preprocessings(several).steps
    positions = [encoding.position for encoding in joined.encodings]
    assert positions.count(3) == 1  # the flag; the level that is rare has no code where its row was held out
    assert len(joined.indicators) == len(np.unique(np.concatenate([part.indicators for part in several])))


def test_scalers_of_different_kinds_and_other_parts_of_dates_are_not_joined():
    one, other = parts("standard", "quantile")
    custom = fit_preprocessing(replace(TABLE, categories={}), None, scaler=StandardScaler())
    no_hours = replace(one, dates=(replace(one.dates[0], parts=one.dates[0].parts[:-1]),))
    for several in ([one, other], [custom, custom], [one, no_hours]):
        assert join_preprocessings(several) is None
