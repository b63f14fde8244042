"""Is a learning rate found, and is the fallback taken whenever the trace says nothing?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from balanced_nn import suggest_learning_rate
from balanced_nn._network.specs import RangeTestTrace
from balanced_nn._training.learning_rate import (
    FALLBACK_LEARNING_RATE,
    LOWEST,
    RANGE_TEST_RATES,
    range_test_rates,
    search_learning_rate,
)

RATES = range_test_rates(1e-5, 1.0, 100)


def bowl(lowest_at: float) -> np.ndarray:
    """A loss that falls to a minimum at a rate and diverges behind it."""
    decades = np.log10(RATES / lowest_at)
    return np.where(decades < 0, 0.7 + 0.1 * np.maximum(decades, -3) ** 2 / 9, 0.7 + 5 * decades**2)


@pytest.mark.parametrize("lowest_at", [0.01, 0.03, 0.1])
def test_the_choice_lies_below_the_rate_of_the_lowest_loss(lowest_at):
    rate = suggest_learning_rate(RangeTestTrace(RATES, bowl(lowest_at)))
    assert lowest_at / 100 < rate < lowest_at / 10


def test_a_steeper_divergence_behind_the_minimum_does_not_move_the_choice():
    calm = bowl(0.03)
    wild = np.where(RATES > 0.3, np.inf, calm)
    assert suggest_learning_rate(RangeTestTrace(RATES, wild)) == suggest_learning_rate(RangeTestTrace(RATES, calm))


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        (np.full(100, 0.7), "never fell"),
        (np.linspace(0.7, 5, 100), "never fell"),
    ],
)
def test_a_trace_without_an_answer_gives_the_fallback_and_says_why(losses, reason):
    search = search_learning_rate(RangeTestTrace(RATES, losses))
    assert search.is_fallback
    assert search.learning_rate == FALLBACK_LEARNING_RATE
    assert reason in search.reason


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        (np.full(100, np.nan), "only 0 finite losses"),
        (np.concatenate([np.full(5, 0.7), np.full(95, np.inf)]), "only 5 finite losses"),
    ],
)
def test_a_trace_that_diverged_at_once_gives_the_lowest_rate(losses, reason):
    search = search_learning_rate(RangeTestTrace(RATES, losses))
    assert search.is_fallback
    assert search.learning_rate == LOWEST
    assert reason in search.reason


@pytest.mark.parametrize(
    ("lowest_at", "told"), [(1e-3, "raised to 0.0001"), (0.05, "a 50th of that"), (0.5, "cut to 0.003")]
)
def test_the_reason_says_where_a_bound_decided(lowest_at, told):
    rates = np.geomspace(1e-5, 1.0, 101)
    search = search_learning_rate(RangeTestTrace(rates, 0.5 + np.log10(rates / lowest_at) ** 2 / 10), smoothing=0.0)
    assert search.reason.endswith(told)


@pytest.mark.parametrize("diverges_at", [2e-4, 1e-3, 1e-2])
def test_the_choice_lies_below_the_divergence_of_the_search_as_it_is_run(diverges_at):
    rates = range_test_rates(*RANGE_TEST_RATES)
    losses = np.where(rates < diverges_at, np.linspace(0.7, 0.5, len(rates)), np.inf)
    assert suggest_learning_rate(RangeTestTrace(rates, losses)) < diverges_at


@given(arrays(float, 100, elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_any_trace_gives_a_usable_rate(losses):
    with np.errstate(over="ignore", invalid="ignore"):
        rate = suggest_learning_rate(RangeTestTrace(RATES, losses))
    assert 1e-4 <= rate <= 3e-3


@given(st.integers(0, 10))
def test_few_steps_give_a_usable_rate(n_steps):
    assert suggest_learning_rate(RangeTestTrace(RATES[:n_steps], bowl(0.03)[:n_steps])) == FALLBACK_LEARNING_RATE


@given(st.floats(0.1, 10))
def test_the_scale_of_the_loss_does_not_matter(scale):
    trace = RangeTestTrace(RATES, scale * bowl(0.03))
    assert suggest_learning_rate(trace) == pytest.approx(suggest_learning_rate(RangeTestTrace(RATES, bowl(0.03))))
