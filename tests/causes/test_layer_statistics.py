"""Is the gradient of a probe the slope of the loss, and are dead and saturated units counted?"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._causes.evidence import chance_loss
from balanced_nn._causes.layer_statistics import kernels, layer_probe, movement, probe_network
from balanced_nn._network.network import KERAS_NAMES, BatchNormArrays, FittedNetwork, LayerArrays
from balanced_nn._network.specs import NetworkSpec

ACTIVATIONS = ("relu", "tanh", "logistic", "gelu", "selu", "identity")
STEP = 1e-5


def draw_network(activation, *, batch_norm=False, n_classes=2, sizes=(5, 4), n_inputs=3, seed=0, dtype=np.float64):
    """Random weights; in float64 although ours are float32, for finite differences."""
    rng = np.random.default_rng(seed)
    n_outputs = 1 if n_classes == 2 else n_classes
    spec = NetworkSpec(n_inputs, n_classes, sizes, activation, batch_norm)
    layers = []
    for below, above in zip((n_inputs, *sizes), (*sizes, n_outputs), strict=True):
        kernel = rng.normal(size=(below, above)).astype(dtype)
        if batch_norm and len(layers) < len(sizes):
            signs = rng.choice([-1.0, 1.0], size=above)
            gamma, beta = signs * rng.uniform(0.5, 2, above), rng.normal(size=above)
            mean, variance = rng.normal(size=above), rng.uniform(0.2, 3, above)
            layers.append(LayerArrays(kernel, None, BatchNormArrays(gamma, beta, mean, variance)))
        else:
            layers.append(LayerArrays(kernel, rng.normal(size=above).astype(dtype), None))
    return FittedNetwork(spec, tuple(layers))


def draw_rows(n_classes, n_rows=30, n_inputs=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_inputs)), np.arange(n_rows) % n_classes


def with_kernel(network, index, kernel):
    layers = list(network.layers)
    layers[index] = dataclasses.replace(layers[index], kernel=kernel)
    return FittedNetwork(network.spec, tuple(layers))


def slope_of_loss(network, index, X, y):
    """Gradient of the loss with respect to one kernel, by central differences."""
    kernel = network.layers[index].kernel
    gradient = np.empty_like(kernel)
    for cell in np.ndindex(kernel.shape):
        ends = []
        for step in (STEP, -STEP):
            moved = kernel.copy()
            moved[cell] += step
            ends.append(probe_network(with_kernel(network, index, moved), X, y).loss)
        gradient[cell] = (ends[0] - ends[1]) / (2 * STEP)
    return gradient


# ---------------------------------------------------------------- the pass forward and back


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_each_kernel_is_the_slope_of_the_loss(activation, batch_norm, n_classes):
    network, (X, y) = draw_network(activation, batch_norm=batch_norm, n_classes=n_classes), draw_rows(n_classes)
    probe = probe_network(network, X, y)
    slopes = [np.linalg.norm(slope_of_loss(network, index, X, y)) for index in range(len(network.layers))]
    assert [layer.gradient for layer in probe.layers] == pytest.approx(slopes, rel=1e-3)


def test_a_unit_whose_weights_are_all_zero_has_its_gradient_too():
    network, (X, y) = draw_network("tanh", batch_norm=True), draw_rows(2)
    kernel = network.layers[1].kernel.copy()
    kernel[:, 0] = 0.0
    network = with_kernel(network, 1, kernel)
    slope = np.linalg.norm(slope_of_loss(network, 1, X, y))
    assert probe_network(network, X, y).layers[1].gradient == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_probe_sees_the_outputs_that_the_network_predicts(activation, batch_norm, n_classes):
    network, (X, y) = draw_network(activation, batch_norm=batch_norm, n_classes=n_classes), draw_rows(n_classes)
    probe = probe_network(network, X, y)
    assert probe.layers[-1].largest == pytest.approx(np.abs(network.logits(X)).max())
    assert probe.chance_loss == chance_loss(y, n_classes)
    assert [layer.units for layer in probe.layers] == [5, 4, 1 if n_classes == 2 else n_classes]
    names = {layer.activation for layer in probe.hidden}
    assert names == {KERAS_NAMES.get(activation, activation)}
    assert probe.layers[-1].activation == ("sigmoid" if n_classes == 2 else "softmax")


def test_a_network_of_zeros_has_the_loss_of_even_shares_and_no_gradient():
    network, (X, y) = draw_network("tanh", n_classes=3), draw_rows(3)
    zeros = FittedNetwork(
        network.spec, tuple(LayerArrays(0 * layer.kernel, 0 * layer.bias, None) for layer in network.layers)
    )
    probe = probe_network(zeros, X, y)
    assert probe.loss == pytest.approx(np.log(3))
    assert [layer.gradient for layer in probe.hidden] == [0.0, 0.0]


def test_a_network_without_hidden_layers_is_one_layer():
    network, (X, y) = draw_network("relu", sizes=()), draw_rows(2)
    probe = probe_network(network, X, y)
    assert probe.hidden == ()
    assert probe.layers[0].gradient == pytest.approx(np.linalg.norm(slope_of_loss(network, 0, X, y)), rel=1e-3)


def test_repeating_all_rows_changes_nothing():
    network, (X, y) = draw_network("gelu", n_classes=3), draw_rows(3)
    once, twice = probe_network(network, X, y), probe_network(network, np.tile(X, (2, 1)), np.tile(y, 2))
    assert twice.loss == pytest.approx(once.loss)
    assert [layer.gradient for layer in twice.layers] == pytest.approx([layer.gradient for layer in once.layers])
    assert [layer.spread for layer in twice.layers] == pytest.approx([layer.spread for layer in once.layers])


@pytest.mark.parametrize("size", [np.nan, np.inf])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
def test_weights_that_are_not_finite_give_a_probe_without_a_warning(size, batch_norm):
    network, (X, y) = draw_network("relu", batch_norm=batch_norm), draw_rows(2)
    probe = probe_network(with_kernel(network, 0, np.full((3, 5), size)), X, y)
    assert not probe.finite
    assert probe.largest == np.inf


def test_weights_of_any_size_give_a_probe_without_a_warning():
    network, (X, y) = draw_network("relu"), draw_rows(2)
    assert probe_network(with_kernel(network, 0, np.full((3, 5), 1e300)), X, y).largest > 1e299


@given(st.sampled_from(ACTIVATIONS), st.booleans(), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_fractions_are_fractions_and_norms_are_not_negative(activation, batch_norm, n_classes, seed):
    network = draw_network(activation, batch_norm=batch_norm, n_classes=n_classes, seed=seed, dtype=np.float32)
    probe = probe_network(network, *draw_rows(n_classes, seed=seed))
    assert probe.finite
    for layer in probe.layers:
        assert 0 <= layer.dead <= 1
        assert 0 <= layer.saturated <= 1
        assert min(layer.spread, layer.gradient, layer.weight, layer.largest) >= 0


# ---------------------------------------------------------------- dead and saturated units


def test_units_pushed_below_zero_are_dead_and_get_no_gradient():
    network, (X, y) = draw_network("relu"), draw_rows(2)
    first = network.layers[0]
    bias = np.array([-1e3, -1e3, 1.0, 1.0, 1.0])
    network = FittedNetwork(network.spec, (dataclasses.replace(first, bias=bias), *network.layers[1:]))
    assert probe_network(network, X, y).layers[0].dead == 0.4
    everything = dataclasses.replace(first, bias=np.full(5, -1e3))
    probe = probe_network(FittedNetwork(network.spec, (everything, *network.layers[1:])), X, y)
    assert probe.dead == 1.0
    assert probe.layers[0].gradient == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_unit_that_is_not_finite_is_not_dead(value):
    assert layer_probe("relu", np.full((4, 2), value), np.ones((1, 2)), None).dead == 0.0


def test_a_unit_that_answers_once_is_not_dead():
    outputs = np.zeros((10, 2))
    outputs[3, 0] = 0.1
    assert layer_probe("relu", outputs, np.ones((1, 2)), None).dead == 0.5


@pytest.mark.parametrize(
    ("activation", "function"),
    [("sigmoid", lambda z: 1 / (1 + np.exp(-z))), ("tanh", np.tanh)],
    ids=["sigmoid", "tanh"],
)
def test_outputs_of_inputs_beyond_five_are_saturated(activation, function):
    outputs = function(np.array([[-9.0, -5.0, -4.8], [4.8, 5.0, 9.0]]))
    assert layer_probe(activation, outputs, np.ones((1, 3)), None).saturated == pytest.approx(4 / 6)


@pytest.mark.parametrize("activation", ["relu", "gelu", "selu", "linear", "an_unknown_one"])
def test_units_without_a_flat_end_on_both_sides_are_never_saturated(activation):
    assert layer_probe(activation, np.full((3, 2), 1e6), np.ones((1, 2)), None).saturated == 0.0


def test_no_gradient_counts_as_zero():
    assert layer_probe("relu", np.ones((3, 2)), np.ones((1, 2)), None).gradient == 0.0


# ---------------------------------------------------------------- how far the weights moved


def test_kernels_are_those_of_all_layers():
    network = draw_network("relu")
    assert [kernel.shape for kernel in kernels(network)] == [(3, 5), (5, 4), (4, 1)]


@given(st.floats(0, 100), st.floats(1e-3, 1e3))
def test_movement_is_relative_to_the_size_of_the_weights(change, scale):
    before = [scale * kernel for kernel in kernels(draw_network("relu"))]
    assert movement(before, [(1 + change) * kernel for kernel in before]) == pytest.approx(change, rel=1e-6, abs=1e-9)


def test_weights_that_stay_have_not_moved_and_lost_ones_have_moved_without_end():
    before = kernels(draw_network("relu", dtype=np.float32))
    assert movement(before, before) == 0.0
    for value in (np.nan, np.inf):
        assert movement(before, [np.full_like(kernel, value) for kernel in before]) == np.inf
    assert movement([np.zeros((2, 2))], [np.ones((2, 2))]) > 1e100
    assert movement([np.zeros((2, 2))], [np.zeros((2, 2))]) == 0.0
