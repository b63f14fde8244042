"""What is the user warned of before a network is trained?"""

import numpy as np
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._training.preparation import _notes_on_settings
from balanced_nn._training.settings import FitSettings


@pytest.mark.parametrize(
    ("smoothing", "shares", "warns"),
    [(0.1, [0.995, 0.005], True), (0.1, [0.5, 0.5], False), (0.1, [0.97, 0.03], False), (0.0, [0.999, 0.001], False)],
)
def test_smoothing_that_drowns_a_rare_class_is_warned_of(smoothing, shares, warns):
    settings = FitSettings.of(BalancedNNClassifier(label_smoothing=smoothing))
    notes = _notes_on_settings(settings, 1000, np.array(shares))
    assert [str(note)[:63] for note in notes] == (
        ["label_smoothing=0.1 gives each class 0.05 of every row, and the"] if warns else []
    )
