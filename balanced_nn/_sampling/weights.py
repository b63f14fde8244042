"""How much does each row count in training, and which class frequencies does the network then see?"""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np

from balanced_nn._data.dataset import class_mass
from balanced_nn._data.names import quoted
from balanced_nn._data.target import check_named_classes
from balanced_nn._typing import FloatArray, IntArray, Label, Labels


def class_weight_vector(
    class_weight: str | Mapping[Label, float] | None,
    y: IntArray,
    sample_weight: FloatArray,
    classes: Sequence[Label] | Labels,
) -> FloatArray:
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : None, "balanced" or mapping from class label to weight
        "balanced" gives ``sum of all weights / (n_classes * sum of the class's weights)``: the heuristic of
        G. King and L. Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9, 2001, with rows counted
        by their weight. Labels that a mapping leaves out weigh 1; further
        labels are ignored where every class has a weight.
    y : ndarray of shape (n_samples,)
        Class indices of the training rows, after resampling.
    sample_weight : ndarray of shape (n_samples,)
        Weights of those rows.
    classes : sequence of length n_classes
        Class labels.

    Returns
    -------
    ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a mapping names a label that is not in `classes` while a class has no weight, or one of another kind than the
        classes; or if it gives a weight that is not positive and finite.
    TypeError
        If it gives a weight that is not a number.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> class_weight_vector("balanced", y, np.ones(4), ["no", "yes"]).round(3)
    array([0.667, 2.   ])
    >>> class_weight_vector({"yes": 10}, y, np.ones(4), ["no", "yes"])
    array([ 1., 10.])
    """
    n_classes = len(classes)
    if class_weight is None:
        return np.ones(n_classes)
    if isinstance(class_weight, Mapping):
        return _stated_weights(class_weight, list(classes))
    mass = class_mass(y, sample_weight, n_classes)
    return mass.sum() / (n_classes * mass)


def _stated_weights(class_weight: Mapping[Label, object], classes: list[Label]) -> FloatArray:
    check_named_classes(class_weight, classes, "class_weight")
    weights = np.ones(len(classes))
    for label, weight in class_weight.items():
        if not isinstance(weight, Real):
            raise TypeError(
                f"class_weight gives {quoted(label)} the weight {weight!r}; a weight must be a number. "
                "Use a positive number, such as 10."
            )
        if not 0 < float(weight) < np.inf:
            raise ValueError(
                f"class_weight gives {quoted(label)} the weight {weight!s}; a weight must be positive and finite. "
                "To leave a class out, remove its rows."
            )
        if label in classes:
            weights[classes.index(label)] = weight
    return weights


def training_weights(y: IntArray, sample_weight: FloatArray, per_class: FloatArray) -> FloatArray:
    """Multiply row weights by class weights and scale them to mean 1.

    Examples
    --------
    >>> training_weights(np.array([0, 0, 0, 1]), np.ones(4), np.array([2 / 3, 2.0]))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    weights = sample_weight * per_class[y]
    return weights / weights.mean()
