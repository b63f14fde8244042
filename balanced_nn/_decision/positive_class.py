"""Which of two classes is the positive one?"""

from collections.abc import Sequence
from typing import Any

from balanced_nn._data.names import listed_labels
from balanced_nn._typing import FloatArray


def find_positive(classes: Sequence[Any], frequencies: Sequence[float] | FloatArray, pos_label: Any = None) -> int:
    """Find the class that thresholds, "f1", "recall" and the like speak of.

    Parameters
    ----------
    classes : sequence
        Class labels, sorted.
    frequencies : array-like of shape (n_classes,)
        How frequent each class is.
    pos_label : label or None, default=None
        The positive class of two. None takes 1 (or True) where there is such a label, as scikit-learn does, and else
        the rarer class; of two that are equally frequent, the second one.

    Returns
    -------
    int
        Index of the positive class. With more than two classes none is positive, and this is 1.

    Raises
    ------
    ValueError
        If `pos_label` is not among the classes, or if there are more than two.

    Examples
    --------
    >>> find_positive(("churn", "stay"), (0.14, 0.86))
    0
    >>> find_positive((0, 1), (0.2, 0.8)), find_positive(("no", "yes"), (0.9, 0.1), pos_label="no")
    (1, 0)
    """
    labels = list(classes)
    if pos_label is not None:
        if len(labels) != 2:
            raise ValueError(
                f"pos_label={pos_label!r} names the positive one of two classes, but y holds {len(labels)}. "
                "Leave it out, or tune a metric of several classes, such as 'f1_macro'."
            )
        if pos_label not in labels:
            raise ValueError(
                f"pos_label={pos_label!r} is not in y, which holds {listed_labels(labels)}. Take one of these."
            )
        return labels.index(pos_label)
    if len(labels) != 2:
        return 1
    if 1 in labels:  # True equals 1
        return labels.index(1)
    return 0 if frequencies[0] < frequencies[1] else 1
