"""Do the settings of a fit say what the user set and what was left open?"""

import inspect

import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._training.settings import FitSettings


def test_settings_hold_each_parameter_of_the_estimator_and_its_default():
    clf = BalancedNNClassifier(alpha=0.5, sampler="over")
    settings = FitSettings.of(clf)
    assert settings.values == clf.get_params()
    assert list(settings.values) == list(clf.get_params())
    signature = inspect.signature(BalancedNNClassifier).parameters
    assert settings.defaults == {name: parameter.default for name, parameter in signature.items()}


@pytest.mark.parametrize(("sizes", "widths"), [(64, (64,)), ([64, 32], (64, 32)), ((), ())])
def test_layers_may_be_given_as_one_number_or_as_several(sizes, widths):
    assert FitSettings.of(BalancedNNClassifier(sizes)).layer_widths == widths
