"""Does the table of variants say what a component of the default pays?"""

import numpy as np
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier
from benchmarks.quality import ablation
from benchmarks.quality.ablation import ABLATION, ABLATION_METHODS, DEFAULT, VARIANTS
from benchmarks.quality.report import report_ablation
from benchmarks.quality.statistics import Row, as_frame
from tests.helpers.fits import FAILED, fit

EMPTY = pd.DataFrame()


def pairs(label: str, *scores: tuple[float, float], **others: float) -> list[Row]:
    """Scores of the default and of a variant, a set for each."""
    return [
        row
        for name, (default, other) in zip("abcdef", scores, strict=False)
        for row in (
            fit(name, DEFAULT, default, table=ABLATION),
            fit(name, label, other, table=ABLATION, **others),
        )
    ]


def losses(label: str, *values: tuple[float, float]) -> list[Row]:
    """Log-loss of the default and of a variant, a set for each."""
    return [
        fit(name, method, 0.5, table=ABLATION, log_loss=loss)
        for name, both in zip("abcdef", values, strict=False)
        for method, loss in zip((DEFAULT, label), both, strict=True)
    ]


# Variants


@pytest.mark.parametrize("label", VARIANTS)
def test_a_variant_differs_from_the_default_in_one_parameter(label: str) -> None:
    default = BalancedNNClassifier(random_state=7).get_params()
    built = ABLATION_METHODS[label](EMPTY, 7).get_params()
    assert [name for name in default if built[name] != default[name]] == list(VARIANTS[label])
    assert len(VARIANTS[label]) == 1


def test_what_auto_stands_for_is_no_variant() -> None:
    assert all(parameters != {"n_members": ablation.DEFAULTS["n_members"]} for parameters in VARIANTS.values())


def test_the_default_is_fitted_first() -> None:
    assert next(iter(ABLATION_METHODS)) == DEFAULT
    assert ABLATION_METHODS[DEFAULT](EMPTY, 3).get_params() == BalancedNNClassifier(random_state=3).get_params()


# Gains


def test_the_interval_is_that_of_the_t_distribution() -> None:
    found = ablation.gain_of(pd.Series([0.1, 0.2, 0.3]))
    half = 4.3027 * 0.1 / np.sqrt(3)  # 97.5 % quantile with two degrees of freedom; standard deviation 0.1
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half), abs=1e-5)
    assert f"{found:+.3f}" == "+0.200 (-0.048 to +0.448)"


def test_one_set_has_no_interval_and_no_set_no_gain() -> None:
    assert f"{ablation.gain_of(pd.Series([0.1])):+.3f}" == "+0.100"
    assert f"{ablation.gain_of(pd.Series([], dtype=float)):+.3f}" == "-"


def test_a_gain_is_the_default_minus_the_variant() -> None:
    line = ablation.gains(as_frame(pairs("no bins", (0.8, 0.7), (0.6, 0.6), (0.5, 0.7)))).loc["no bins"]
    assert line["sets"] == 3
    assert line["gain in average precision"].mean == pytest.approx(-0.1 / 3)
    assert line["gain in balanced accuracy of `predict`"].mean == pytest.approx(-0.1 / 3)
    assert line["default better on"] == pytest.approx(1.5 / 3)


def test_half_and_twice_the_log_loss_cancel_out() -> None:
    lines = ablation.gains(as_frame(losses("no bins", (0.2, 0.4), (0.2, 0.1))))
    assert lines.loc["no bins", "gain in log-loss, %"].mean == pytest.approx(0.0)


def test_a_higher_log_loss_of_the_variant_is_a_gain_in_percent() -> None:
    found = ablation.gains(as_frame(losses("no bins", (0.2, 0.25), (0.4, 0.5)))).loc["no bins", "gain in log-loss, %"]
    assert (found.mean, found.low, found.high) == pytest.approx((25.0, 25.0, 25.0))


def test_a_log_loss_of_zero_breaks_nothing() -> None:
    lines = ablation.gains(as_frame(losses("no bins", (0.0, 0.0))))
    assert lines.loc["no bins", "gain in log-loss, %"].mean == 0.0


def test_splits_are_averaged_first_and_only_common_ones_count() -> None:
    rows = [
        *(fit("a", DEFAULT, score, seed, ABLATION) for seed, score in enumerate((0.6, 0.8))),
        *(fit("a", "no bins", score, seed, ABLATION) for seed, score in enumerate((0.5, 0.5))),
        *(fit("b", DEFAULT, score, seed, ABLATION) for seed, score in enumerate((0.6, 0.9))),
        *(fit("b", "no bins", score, seed, ABLATION) for seed, score in enumerate((0.6, np.nan))),
    ]
    line = ablation.gains(as_frame(rows)).loc["no bins"]
    assert line["gain in average precision"].mean == pytest.approx((0.2 + 0.0) / 2)
    assert (line["sets"], line["failures"]) == (2, 1)


def test_the_time_is_that_of_the_variant_over_that_of_the_default() -> None:
    line = ablation.gains(as_frame(pairs("no bins", (0.5, 0.5), (0.5, 0.5), fit_seconds=3.0))).loc["no bins"]
    assert line["time of a fit, variant / default"] == pytest.approx(1.5)  # the default takes 2 s


# The table


def test_the_component_that_pays_most_comes_first_and_failures_last() -> None:
    rows = [
        *pairs("dropout 0.3", (0.8, 0.9)),
        *pairs("no dropout", (0.8, 0.8)),
        *pairs("oversampling", (0.8, np.nan)),
        *pairs("no bins", (0.8, 0.5)),
    ]
    assert ablation.gains(as_frame(rows)).index.tolist() == ["no bins", "no dropout", "dropout 0.3", "oversampling"]


def test_the_table_shows_intervals_shares_and_dashes() -> None:
    rows = [*pairs("no bins", (0.8, 0.7), (0.7, 0.5), (0.6, 0.3)), *pairs("oversampling", (0.8, np.nan))]
    text = report_ablation(as_frame(rows))
    assert "| no bins | 3 | +0.200 (-0.048 to +0.448) | 100% | +0.200 (-0.048 to +0.448) | +" in text
    assert "| oversampling | 0 | - | - | - | - | - | 1 |" in text
    assert "nan" not in text
    assert FAILED not in text


@pytest.mark.parametrize("method", [DEFAULT, "no bins"])
def test_without_a_pair_there_is_no_table(method: str) -> None:
    assert report_ablation(as_frame([fit("a", method, 0.5, table=ABLATION)])) == ""
