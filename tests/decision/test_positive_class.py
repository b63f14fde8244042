"""Is the positive class the one that people mean?"""

import pytest

from balanced_nn._decision.positive_class import find_positive


@pytest.mark.parametrize(
    ("classes", "frequencies", "positive"),
    [
        (("churn", "stay"), (0.14, 0.86), 0),
        (("no", "yes"), (0.9, 0.1), 1),
        (("no", "yes"), (0.1, 0.9), 0),
        ((0, 1), (0.1, 0.9), 1),  # 1 is the positive class of scikit-learn, however frequent
        ((1, 2), (0.9, 0.1), 0),
        ((-1, 1), (0.2, 0.8), 1),
        ((False, True), (0.2, 0.8), 1),
        (("0", "1"), (0.2, 0.8), 0),  # text is not 1
        ((4, 7), (0.5, 0.5), 1),
        (("a", "b", "c"), (0.1, 0.2, 0.7), 1),
    ],
)
def test_without_a_label_it_is_one_or_else_the_rarer_class(classes, frequencies, positive):
    assert find_positive(classes, frequencies) == positive


@pytest.mark.parametrize("frequencies", [(0.1, 0.9), (0.9, 0.1)])
@pytest.mark.parametrize(("classes", "label"), [(("no", "yes"), "no"), ((0, 1), 0), ((False, True), False)])
def test_a_label_decides(classes, frequencies, label):
    assert find_positive(classes, frequencies, label) == 0


def test_a_label_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"pos_label='1' is not in y, which holds 0, 1\. Take one of these"):
        find_positive((0, 1), (0.9, 0.1), "1")


def test_more_than_two_classes_have_no_positive_one():
    with pytest.raises(ValueError, match=r"pos_label='b' .* one of two classes, but y holds 3\. .* 'f1_macro'"):
        find_positive(("a", "b", "c"), (0.2, 0.3, 0.5), "b")
