"""Do axes get few ticks, at the right places?"""

import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._displays.scales import pick_decades, pick_log_ticks, set_few_ticks


@given(st.floats(1e-30, 1e30), st.floats(1.5, 1e30))
def test_a_logarithmic_axis_has_few_ticks_inside_and_at_least_one(lowest, ratio):
    ticks = pick_log_ticks(lowest, lowest * ratio * 1.7)
    assert 1 <= len(ticks) <= 5
    assert all(lowest * 0.999 <= tick <= lowest * ratio * 1.7001 for tick in ticks)


@given(st.lists(st.floats(0, 1e30), min_size=1), st.integers(-20, 5), st.integers(3, 6))
def test_an_axis_with_zero_begins_there_and_covers_the_largest_value(values, power, most):
    ticks = pick_decades(values, 10.0**power, most)
    assert ticks[0] == 0.0
    assert ticks[1] == pytest.approx(10.0**power)
    assert 3 <= len(ticks) <= most + 1
    assert ticks == sorted(ticks)


@pytest.mark.parametrize("n_layers", [1, 2, 12])
def test_layers_are_counted_in_whole_numbers(n_layers):
    _, ax = plt.subplots()
    ax.set_xlim(0.6, n_layers + 0.4)
    set_few_ticks(ax, "x", 6, whole=True)
    assert all(tick == round(tick) for tick in ax.get_xticks())
    plt.close("all")
