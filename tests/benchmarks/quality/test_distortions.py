"""Do distortions change what they say, and nothing else? Is what a method loses counted against its own fits?"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from benchmarks.common.tables import Part
from benchmarks.quality import distortions
from benchmarks.quality.distortions import DISTORTED, DISTORTIONS, MONOTONE_MAPS, RATIO, losses
from benchmarks.quality.peers import OURS
from benchmarks.quality.statistics import RANKING, as_frame
from tests.helpers.fits import fit

FIRST, *_ = DISTORTIONS
N_TRAIN, N_TEST = 3000, 1000


def make_part(seed: int = 0) -> Part:
    rng = np.random.default_rng(5)
    n_rows = N_TRAIN + N_TEST
    table = pd.DataFrame(rng.normal(size=(n_rows, 8)), columns=[f"x{j}" for j in range(8)])
    table["count"] = rng.integers(0, 50, n_rows)
    table["amount"] = np.exp(rng.normal(size=n_rows))
    table.loc[::7, "amount"] = np.nan
    table["flag"], table["two"], table["kind"] = rng.random(n_rows) < 0.5, rng.integers(0, 2, n_rows), "a"
    y = rng.integers(0, 2, n_rows)
    return Part("made up", seed, table[:N_TRAIN], y[:N_TRAIN], table[N_TRAIN:], y[N_TRAIN:])


PART = make_part()
NUMBERS = [*(f"x{j}" for j in range(8)), "count", "amount"]


def test_numbers_of_more_than_two_values_are_distorted() -> None:
    assert distortions.numeric_columns(PART.X) == NUMBERS


@pytest.mark.parametrize("change", MONOTONE_MAPS.values(), ids=list(MONOTONE_MAPS))
def test_each_map_is_strictly_increasing(change: Callable) -> None:
    mapped = change(np.linspace(-8.0, 8.0, 10_001))
    assert np.isfinite(mapped).all()
    assert (np.diff(mapped) > 0).sum() >= 9_999  # a cube is flat to rounding at 0
    assert (np.diff(mapped) >= 0).all()


@pytest.mark.parametrize("distort", DISTORTIONS.values(), ids=list(DISTORTIONS))
def test_a_distortion_leaves_the_given_tables_labels_and_other_columns_alone(distort: distortions.Distort) -> None:
    given, part = make_part(), make_part()
    distorted = distort(part)
    for own, before, after in ((part.X, given.X, distorted.X), (part.X_test, given.X_test, distorted.X_test)):
        pd.testing.assert_frame_equal(own, before)
        pd.testing.assert_frame_equal(after[["flag", "two", "kind"]], before[["flag", "two", "kind"]])
        assert after.index.equals(before.index)
    np.testing.assert_array_equal(distorted.y, given.y)
    np.testing.assert_array_equal(distorted.y_test, given.y_test)
    pd.testing.assert_frame_equal(distort(make_part()).X, distorted.X)  # the same for each method
    assert not distort(make_part(seed=1)).X.equals(distorted.X)


def test_monotone_maps_keep_the_order_across_training_and_test_rows_and_draw_several_maps() -> None:
    distorted = distortions.map_monotonically(PART)
    before, after = (pd.concat([part.X, part.X_test])[NUMBERS] for part in (PART, distorted))
    pd.testing.assert_frame_equal(before.rank(), after.rank())
    assert (before.isna() == after.isna()).all(axis=None)
    spans = (after[NUMBERS[:8]].max() - after[NUMBERS[:8]].min()).round(-1)
    assert spans.nunique() > 2


def test_a_few_cells_are_spoiled_in_training_and_test_rows_and_the_others_are_as_they_were() -> None:
    distorted = distortions.spoil_cells(PART)
    for before, after in ((PART.X, distorted.X), (PART.X_test, distorted.X_test)):
        ratio = (after[NUMBERS] / before[NUMBERS]).to_numpy()
        ratio = ratio[np.isfinite(ratio)]
        wild = ratio[ratio != 1.0]
        expected = distortions.SHARE_OF_WILD_CELLS
        assert len(wild) / len(ratio) == pytest.approx(expected, abs=4 * np.sqrt(expected / len(ratio)))
        assert (wild >= 1e3).all()
        assert (wild <= 1e6 * (1 + 1e-9)).all()


@pytest.mark.parametrize("n_columns", [50, 300])
def test_noise_is_added_to_what_was_there(n_columns: int) -> None:
    distorted = DISTORTIONS[f"{n_columns} columns of noise"](PART)
    for before, after in ((PART.X, distorted.X), (PART.X_test, distorted.X_test)):
        pd.testing.assert_frame_equal(after[list(before)], before)
        noise = after.drop(columns=list(before))
        assert noise.shape == (len(before), n_columns)
        assert noise.to_numpy().std() == pytest.approx(1.0, abs=0.02)
    assert not np.array_equal(distorted.X.iloc[:N_TEST, -1], distorted.X_test.iloc[:, -1])


def test_a_loss_is_that_beside_the_undistorted_fits_of_the_same_sets_and_splits() -> None:
    rows = [
        *(fit("a", OURS, 0.8, 0), fit("a", OURS, 0.6, 1), fit("b", OURS, 0.9, 0), fit("c", OURS, 0.1, 0)),
        *(fit("a", OURS, score, seed, DISTORTED + FIRST) for seed, score in enumerate((0.7, 0.6))),
        fit("b", OURS, 0.5, 0, DISTORTED + FIRST),  # c was not distorted
        *(fit("b", "CatBoost", 0.9, 0), fit("b", "CatBoost", 0.9, 0, DISTORTED + FIRST)),
        *(fit("a", "CatBoost", np.nan, 0), fit("a", "CatBoost", 0.3, 0, DISTORTED + FIRST)),  # nothing to compare with
    ]
    lines = losses(as_frame(rows)).set_index(["distortion", "method"])
    assert lines.index.tolist() == [(FIRST, OURS), (FIRST, "CatBoost")]
    ours, peer = lines.loc[(FIRST, OURS)], lines.loc[(FIRST, "CatBoost")]
    assert ours["sets"] == 2
    assert ours["average precision"] == pytest.approx((0.65 + 0.5) / 2)
    assert ours["change"] == pytest.approx((-0.05 - 0.4) / 2)
    assert ours["worst set"] == pytest.approx(-0.4)
    assert ours[RATIO] == pytest.approx((0.35 + 0.5) / (0.3 + 0.1))
    assert (peer["sets"], peer["change"], peer[RATIO]) == (1, 0.0, 1.0)


def test_without_distorted_fits_there_is_no_loss() -> None:
    assert len(losses(as_frame([fit("a", OURS, 0.5, table=RANKING)]))) == 0
