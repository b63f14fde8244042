"""Is the NumPy network the network that was trained, and does it start alive?"""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanced_nn._network.network import BatchNormArrays, FittedNetwork, LayerArrays, initial_network
from balanced_nn._network.specs import NetworkSpec

ACTIVATIONS = ["relu", "tanh", "logistic", "selu", "gelu", "identity"]


def a_network(
    activation: str = "relu", *, batch_norm: bool = True, n_classes: int = 3, n_inputs: int = 5
) -> FittedNetwork:
    rng = np.random.default_rng(0)
    spec = NetworkSpec(n_inputs, n_classes, (16, 8), activation, batch_norm)
    network = initial_network(spec, np.zeros(n_classes), rng.normal(size=(200, n_inputs)), rng)
    kernel = rng.normal(size=network.layers[-1].kernel.shape).astype(np.float32)
    return FittedNetwork(spec, (*network.layers[:-1], LayerArrays(kernel, network.layers[-1].bias, None)))


def test_folding_batch_norm_changes_no_output():
    rng = np.random.default_rng(0)
    norm = BatchNormArrays(*(rng.uniform(0.5, 2, 4).astype(np.float32) for _ in range(4)))
    layer = LayerArrays(rng.normal(size=(3, 4)).astype(np.float32), None, norm)
    x = rng.normal(size=(10, 3))
    kernel, bias = layer.folded()
    z = x @ layer.kernel
    np.testing.assert_allclose(
        x @ kernel + bias,
        norm.gamma * (z - norm.mean) / np.sqrt(norm.variance + 1e-3) + norm.beta,
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_row_gets_the_same_logits_in_any_block(activation, batch_norm):
    network = a_network(activation, batch_norm=batch_norm)
    X = np.random.default_rng(1).normal(size=(300, 5))
    whole = network.logits(X)
    np.testing.assert_allclose(np.vstack([network.logits(row[None]) for row in X]), whole, rtol=1e-12, atol=1e-12)


def test_many_rows_are_computed_in_blocks_without_changing_the_result(monkeypatch):
    network = a_network()
    X = np.random.default_rng(1).normal(size=(300, 5))
    whole = network.logits(X)
    monkeypatch.setattr("balanced_nn._network.network.BLOCK_BYTES", 1000)
    np.testing.assert_allclose(network.logits(X), whole, rtol=1e-12, atol=1e-12)


def test_the_forward_pass_leaves_its_input_alone():
    X = np.random.default_rng(1).normal(size=(30, 5))
    before = X.copy()
    a_network(batch_norm=False).logits(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100))
def test_the_initial_signal_neither_dies_nor_explodes_in_ten_layers(activation, seed):
    rng = np.random.default_rng(seed)
    spec = NetworkSpec(20, 2, (64,) * 10, activation, True)
    network = initial_network(spec, np.log([0.5, 0.5]), rng.normal(size=(256, 20)), rng)
    output = LayerArrays(np.eye(64, 1, dtype=np.float32), np.zeros(1, np.float32), None)  # reads one hidden unit
    last_hidden = FittedNetwork(spec, (*network.layers[:-1], output))
    assert 1e-2 < last_hidden.logits(rng.normal(size=(256, 20))).std() < 1e2


def test_an_untrained_network_answers_the_class_frequencies_for_every_row():
    rng = np.random.default_rng(0)
    network = initial_network(NetworkSpec(4, 2, (8,), "relu", True), np.log([0.9, 0.1]), rng.normal(size=(50, 4)), rng)
    np.testing.assert_allclose(network.logits(rng.normal(size=(7, 4))), np.log(0.1 / 0.9), rtol=1e-6)


def test_the_output_bias_starts_at_the_log_of_the_class_frequencies():
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(50, 4))
    two = initial_network(NetworkSpec(4, 2, (8,), "relu", True), np.log([0.9, 0.1]), sample, rng)
    np.testing.assert_allclose(two.layers[-1].bias, np.log(0.1 / 0.9), rtol=1e-6)
    three = initial_network(NetworkSpec(4, 3, (8,), "relu", True), np.log([0.7, 0.2, 0.1]), sample, rng)
    np.testing.assert_allclose(three.layers[-1].bias, np.log([0.7, 0.2, 0.1]), rtol=1e-6)


def test_batch_norm_starts_at_the_statistics_of_the_sample():
    rng = np.random.default_rng(0)
    sample = rng.normal(3.0, 5.0, size=(500, 4))
    network = initial_network(NetworkSpec(4, 2, (8,), "relu", True), np.zeros(2), sample, rng)
    layer = network.layers[0]
    np.testing.assert_allclose(layer.norm.mean, (sample @ layer.kernel).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(layer.norm.variance, (sample @ layer.kernel).var(axis=0), rtol=1e-4)


def test_no_hidden_layer_is_a_linear_model():
    rng = np.random.default_rng(0)
    network = initial_network(NetworkSpec(4, 2, (), "relu", True), np.zeros(2), rng.normal(size=(9, 4)), rng)
    kernel = rng.normal(size=(4, 1)).astype(np.float32)
    X = rng.normal(size=(7, 4))
    linear = FittedNetwork(network.spec, (LayerArrays(kernel, np.zeros(1, np.float32), None),))
    assert len(network.layers) == 1
    np.testing.assert_allclose(linear.logits(X), X @ kernel.astype(float), atol=1e-12)


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_copies_compute_the_same_and_carry_no_folded_weights(copier):
    network = a_network()
    X = np.random.default_rng(1).normal(size=(10, 5))
    expected = network.logits(X)
    again = copier(network)
    assert len(pickle.dumps(network)) < 4 * (5 * 16 + 16 * 8 + 8 * 3 + 3 + 4 * 24) + 3000
    np.testing.assert_array_equal(again.logits(X), expected)


def test_weights_that_are_not_finite_are_noticed():
    network = a_network()
    assert network.is_finite
    kernel = network.layers[0].kernel.copy()
    kernel[0, 0] = np.nan
    broken = FittedNetwork(network.spec, (LayerArrays(kernel, None, network.layers[0].norm), *network.layers[1:]))
    assert not broken.is_finite
