"""Does the public range test see what a fit sees, and does it leave the estimator alone?"""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline

from balanced_nn import BalancedNNClassifier, learning_rate_range_test, suggest_learning_rate
from balanced_nn._training.learning_rate import RANGE_TEST_RATES
from balanced_nn.exceptions import RareClassWarning

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, random_state=0)


def small(**params) -> BalancedNNClassifier:
    return BalancedNNClassifier(**{"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0, **params})


@pytest.mark.parametrize("params", [{}, {"sampler": "smote"}, {"loss": "focal"}, {"class_weight": {1: 5.0}}], ids=str)
def test_the_trace_is_the_one_that_fit_chose_its_rate_from(params):
    clf = small(on_collapse="ignore", **params)
    weight = np.linspace(1, 2, 300)
    trace = learning_rate_range_test(clf, X, Y, weight)
    clf.fit(X, Y, weight)
    np.testing.assert_array_equal(trace.learning_rates, clf.lr_search_.trace.learning_rates)
    np.testing.assert_array_equal(trace.losses, clf.lr_search_.trace.losses)
    assert suggest_learning_rate(trace) == clf.learning_rate_ == clf.lr_search_.learning_rate


def test_the_trace_starts_at_chance_and_falls():
    trace = learning_rate_range_test(small(), X, Y)
    assert trace.losses[:5].mean() == pytest.approx(np.log(2), abs=0.4)
    good = (trace.learning_rates > 1e-2) & (trace.learning_rates < 1e-1)
    assert trace.losses[good].min() < 0.5 * trace.losses[:5].mean()


def test_rates_grow_geometrically_between_the_given_ends():
    trace = learning_rate_range_test(small(), X, Y, min_learning_rate=1e-3, max_learning_rate=1e-1, n_steps=21)
    np.testing.assert_allclose(trace.learning_rates, np.geomspace(1e-3, 1e-1, 21))
    assert trace.losses.shape == (21,)
    assert trace.losses.dtype == np.float64


def test_an_exploding_rate_ends_in_a_trace_and_not_in_an_error():
    trace = learning_rate_range_test(small(batch_norm=False), X, Y, max_learning_rate=1e20)
    assert trace.losses.shape == (RANGE_TEST_RATES[2],)
    assert 1e-4 <= suggest_learning_rate(trace) <= 3e-3


def test_the_estimator_is_not_changed():
    clf = small().fit(X, Y)
    before, parameters = dict(vars(clf)), clf.get_params()
    learning_rate_range_test(clf, X[:, :3], 1 - Y)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is value for name, value in before.items())
    assert clf.get_params() == parameters


def test_the_hand_set_rate_is_no_hindrance():
    trace = learning_rate_range_test(small(learning_rate_init=10.0), X, Y)
    np.testing.assert_array_equal(trace.losses, learning_rate_range_test(small(), X, Y).losses)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"min_learning_rate": 0.0},
            "'min_learning_rate' parameter .* must be a float in .* Got 0.0",
        ),
        ({"min_learning_rate": "low"}, "'min_learning_rate' parameter .* Got 'low'"),
        ({"min_learning_rate": 2.0}, "min_learning_rate=2.0 and max_learning_rate=1.0 must be ascending. Use"),
        ({"max_learning_rate": np.nan}, "'max_learning_rate' parameter .* Got nan"),
        ({"max_learning_rate": np.inf}, "'max_learning_rate' parameter .* Got inf"),
        ({"n_steps": 1}, "'n_steps' parameter .* must be an int in the range .2, inf.. Got 1"),
        ({"n_steps": 10.5}, "'n_steps' parameter .* Got 10.5"),
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_refused(limits, message):
    with pytest.raises(ValueError, match=message):
        learning_rate_range_test(small(), X, Y, **limits)


def test_another_estimator_is_refused():
    with pytest.raises(TypeError, match="'estimator' parameter .* must be an instance of .*BalancedNNClassifier"):
        learning_rate_range_test(make_pipeline(small()), X, Y)


def test_a_bad_parameter_is_refused_as_in_fit():
    with pytest.raises(ValueError, match="'dropout' parameter .* must be"):
        learning_rate_range_test(small(dropout=3), X, Y)


def test_bad_data_is_refused_as_in_fit():
    with pytest.raises(ValueError, match="y holds 1 class"):
        learning_rate_range_test(small(), X, 0 * Y)


def test_warnings_of_fit_come_with_fit_and_not_with_the_test():
    y = np.where(np.arange(300) == 7, 9, Y)
    learning_rate_range_test(small(), X, y)
    with pytest.warns(RareClassWarning, match="class 9"):
        small(on_collapse="ignore").fit(X, y)
