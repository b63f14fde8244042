"""Does the estimator pass scikit-learn's own checks, with real training?"""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from balanced_nn import BalancedNNClassifier

WEIGHTS_ARE_NOT_REPETITIONS = (
    "a weight of 2 is not a row repeated: mini-batches draw other rows, and the hold-out may split the copies"
)
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS_ARE_NOT_REPETITIONS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS_ARE_NOT_REPETITIONS,
}


def expected_failures(estimator: Any) -> dict[str, str]:
    return EXPECTED_FAILURES


@pytest.mark.filterwarnings(
    # The tables of the checks are tiny, and some hold no signal; the checks set max_iter to 5.
    "ignore:.*:balanced_nn.exceptions.CollapseWarning",
    "ignore:.*:balanced_nn.exceptions.RareClassWarning",
    # Some checks draw many labels for few rows.
    "ignore:The number of unique classes is greater than 50%:UserWarning",
)
@parametrize_with_checks(
    [BalancedNNClassifier(), BalancedNNClassifier(sampler="over"), BalancedNNClassifier(class_weight=None)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
