"""What do several networks score for a few rows, in one pass over all of them?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from scipy.sparse import csr_array

from balanced_nn._data.table import Table
from balanced_nn._network.network import FittedNetwork, Network, carry_on
from balanced_nn._preprocessing.joining import Joined, join_preprocessings
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._probability.correction import Correction
from balanced_nn._typing import BoolArray, FloatArray

LARGEST_KERNELS = 2**24  # bytes of the first kernels; with larger ones a call costs little beside the products


@dataclass(frozen=True, eq=False)
class Stack:
    """The networks of an ensemble as one value.

    For a row, reading the first kernels takes most of the time. All bins of a number but one are 0 or 1, and those of 1
    come first. So the kernel's rows of the bins of a number are summed up beforehand, from the first bin to each, and
    multiplied by the differences of adjacent bins, of which two at most are not 0, but for rounding.

    Parameters
    ----------
    preprocessing : Joined
        Cleans and expands for all networks at once.
    goes_on : ndarray of shape (n_inputs - 1,)
        1 where the next column is the next bin of the same number, else 0.
    products : tuple of (kernel, bias)
        As of `FittedNetwork.products`: the first kernels one below the other, of shape (n_inputs, n_units), summed up;
        the others of shape (n_networks, n_in, n_out), and the biases of shape (n_networks, 1, n_out).
    activation : str
        Of the hidden layers.
    correction : Correction
        Those of the networks, each of its arrays of shape (n_networks, 1, n_classes).
    """

    preprocessing: Joined
    goes_on: FloatArray
    products: tuple[tuple[FloatArray, FloatArray], ...]
    activation: str
    correction: Correction

    def scores(self, table: Table) -> FloatArray:
        """Log-probabilities of each network at uniform frequencies, of shape (n_networks, n_rows, n_classes)."""
        first = self._first(self.preprocessing.expand(table))
        return self.correction.log_posterior(carry_on(first, self.products, self.activation))

    def _first(self, expanded: FloatArray) -> FloatArray:
        """Products with the first kernels, of shape (n_networks, n_rows, n_units)."""
        inputs = expanded.astype(np.float64)
        inputs[:, :-1] -= inputs[:, 1:] * self.goes_on
        (n_rows, n_inputs), n_networks = inputs.shape, len(self.preprocessing.ends)
        cells = inputs.ravel()
        places = cells.nonzero()[0]
        ends = np.add.outer(np.arange(n_rows) * n_inputs, self.preprocessing.ends).ravel()
        indptr = np.concatenate([[0], places.searchsorted(ends)], dtype=np.int32)  # SciPy would ask if int64 is needed
        blocks = csr_array(
            (cells[places], (places % n_inputs).astype(np.int32), indptr), shape=(n_rows * n_networks, n_inputs)
        )
        return np.ascontiguousarray((blocks @ self.products[0][0]).reshape(n_rows, n_networks, -1).swapaxes(0, 1))


def stack_networks(
    preprocessings: Sequence[Preprocessing], networks: Sequence[Network], corrections: Sequence[Correction]
) -> Stack | None:
    """Stack the networks of one ensemble.

    Returns
    -------
    Stack or None
        None where the networks differ in more than their rows and weights, where a weight is not finite, where the
        first kernels are so large that nothing is gained, or where the layers are not ours.
    """
    if not _are_ours(networks):
        return None
    specs = {(network.spec.hidden_layer_sizes, network.spec.activation, network.spec.n_outputs) for network in networks}
    losses = {(correction.focal, correction.label_smoothing) for correction in corrections}
    n_bytes = sum(8 * network.layers[0].kernel.size for network in networks)
    if len(specs) > 1 or len(losses) > 1 or n_bytes > LARGEST_KERNELS or not all(each.is_finite for each in networks):
        return None
    joined = join_preprocessings(preprocessings)
    if joined is None:
        return None
    (focal, label_smoothing), *_ = losses
    correction = Correction(
        np.stack([correction.logit_offset for correction in corrections])[:, None],
        np.stack([correction.training_prior for correction in corrections])[:, None],
        focal,
        label_smoothing,
    )
    goes_on = [_goes_on(preprocessing) for preprocessing in preprocessings]
    layers = [network.products() for network in networks]
    first = [_sum_bins(products[0][0], own) for products, own in zip(layers, goes_on, strict=True)]
    biases = [
        np.stack(own)[:, None] for own in zip(*([bias for _, bias in products] for products in layers), strict=True)
    ]
    later = [
        np.stack(own) for own in zip(*([kernel for kernel, _ in products[1:]] for products in layers), strict=True)
    ]
    return Stack(
        joined,
        np.concatenate(goes_on)[:-1].astype(np.float64),
        tuple(zip([np.concatenate(first), *later], biases, strict=True)),
        networks[0].spec.activation,
        correction,
    )


def _are_ours(networks: Sequence[Network]) -> TypeGuard[Sequence[FittedNetwork]]:
    return all(isinstance(network, FittedNetwork) for network in networks)


def _goes_on(preprocessing: Preprocessing) -> BoolArray:
    """Whether each column of an expanded row is followed by the next bin of the same number."""
    bins, found = preprocessing.bins, np.zeros(preprocessing.width, bool)
    found[preprocessing.n_numeric + np.flatnonzero(np.diff(bins.source) == 0)] = True
    return found


def _sum_bins(kernel: FloatArray, goes_on: BoolArray) -> FloatArray:
    """Add up the rows of the bins of a number, from the first one to each."""
    sums = kernel.copy()
    for row in np.flatnonzero(goes_on):
        sums[row + 1] += sums[row]
    return sums
