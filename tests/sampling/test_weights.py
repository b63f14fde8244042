"""Are weights, priors and offsets what their formulas say?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from balanced_nn._data.dataset import class_frequencies
from balanced_nn._probability.correction import logit_offset
from balanced_nn._sampling.weights import class_weight_vector, training_weights

labels = st.lists(st.integers(0, 2), min_size=3, max_size=40).map(lambda rest: np.array([0, 1, 2, *rest]))


@given(labels, st.data())
def test_balanced_weights_make_every_class_weigh_the_same(y, data):
    weight = data.draw(arrays(float, len(y), elements=st.floats(0.01, 100)))
    per_class = class_weight_vector("balanced", y, weight, ["a", "b", "c"])
    fed = training_weights(y, weight, per_class)
    np.testing.assert_allclose(class_frequencies(y, fed, 3), 1 / 3)
    assert np.mean(fed) == pytest.approx(1.0)


@given(labels, st.floats(1e-3, 1e3))
def test_training_weights_do_not_depend_on_the_scale_of_sample_weights(y, scale):
    weight = np.linspace(1, 2, len(y))
    per_class = class_weight_vector("balanced", y, weight, [0, 1, 2])
    scaled = class_weight_vector("balanced", y, scale * weight, [0, 1, 2])
    np.testing.assert_allclose(training_weights(y, weight, per_class), training_weights(y, scale * weight, scaled))


@given(labels)
def test_a_doubled_weight_counts_as_a_repeated_row(y):
    doubled = np.ones(len(y))
    doubled[0] = 2
    repeated = np.append(y, y[0])
    np.testing.assert_allclose(
        class_weight_vector("balanced", y, doubled, [0, 1, 2]),
        class_weight_vector("balanced", repeated, np.ones(len(repeated)), [0, 1, 2]),
    )


def test_balanced_weights_agree_with_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    y = np.repeat([0, 1, 2], [70, 25, 5])
    ours = class_weight_vector("balanced", y, np.ones(100), [0, 1, 2])
    np.testing.assert_allclose(ours, compute_class_weight("balanced", classes=np.arange(3), y=y))


def test_fully_balanced_rows_get_unit_weights():
    y = np.repeat([0, 1], 50)
    per_class = class_weight_vector("balanced", y, np.ones(100), [0, 1])
    np.testing.assert_array_equal(training_weights(y, np.ones(100), per_class), np.ones(100))


def test_stated_weights_leave_other_classes_at_one_and_the_dict_unchanged():
    stated = {"rare": 10}
    np.testing.assert_array_equal(
        class_weight_vector(stated, np.array([0, 1, 2]), np.ones(3), ["common", "other", "rare"]), [1, 1, 10]
    )
    assert stated == {"rare": 10}


def test_an_unknown_label_in_class_weight_is_named():
    with pytest.raises(ValueError, match=r"class_weight names 2, which is not in y; y holds 0, 1\. Remove it"):
        class_weight_vector({2: 1.0}, np.array([0, 1]), np.ones(2), [0, 1])


@pytest.mark.parametrize("weight", [0, -1, np.inf, np.nan])
def test_a_class_weight_that_is_not_positive_and_finite_is_refused(weight):
    with pytest.raises(ValueError, match="class_weight gives 1 the weight .*must be positive and finite"):
        class_weight_vector({1: weight}, np.array([0, 1]), np.ones(2), np.array([0, 1]))


@pytest.mark.parametrize("loss", ["log_loss", "focal"])
def test_only_the_logit_adjusted_loss_shifts_the_logits(loss):
    prior = np.array([0.9, 0.1])
    np.testing.assert_array_equal(logit_offset(loss, prior), 0)
    np.testing.assert_allclose(logit_offset("logit_adjusted", prior), np.log(prior))
