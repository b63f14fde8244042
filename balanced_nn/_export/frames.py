"""What do the answers for a table look like as a table? With its index, for programs that know rows by it."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PREDICTION, PROBABILITY = "prediction", "probability_"


def answer_names(model: Any) -> list[str]:
    """Return the names of the columns with the probabilities of a fitted classifier, none if it has none."""
    return [f"{PROBABILITY}{label}" for label in model.classes_] if hasattr(model, "predict_proba") else []


def answer(X: Any, model: Any) -> dict[str, np.ndarray]:
    """Predict labels and, where the model has them, probabilities, by the name of the column."""
    answers = {PREDICTION: model.predict(X)}
    if names := answer_names(model):
        answers |= dict(zip(names, model.predict_proba(X).T, strict=True))
    return answers


def predict_frame(X: "pd.DataFrame", model: Any) -> "pd.DataFrame":
    """Predict the rows of a pandas table as a table: its index, the labels, and a column for each class.

    It is what engines that hold a large table in parts apply to each of them: ``ddf.map_partitions(predict_frame,
    model, meta=...)`` in Dask, ``ds.map_batches(predict_frame, fn_args=[model], batch_format="pandas")`` in Ray
    Data. A worker needs this package without TensorFlow. A part without rows is answered by a table without rows.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        The rows. Columns that the model was not fitted on, by name, are ignored.
    model : estimator
        A fitted `BalancedNNClassifier`, or another classifier of scikit-learn.

    Returns
    -------
    DataFrame of shape (n_samples, 1 + n_classes)
        ``prediction``, and for each class ``probability_<class>``, between 0 and 1; no such columns if the model has
        no `predict_proba`.

    Raises
    ------
    TypeError
        If `X` is no pandas DataFrame.
    ValueError
        If a column is missing, or the rows are not what `predict` takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from balanced_nn import BalancedNNClassifier, predict_frame
    >>> frame = pd.DataFrame({"x": [0.0, 1.0] * 20}, index=[f"row {i}" for i in range(40)])
    >>> clf = BalancedNNClassifier((4,), n_members=1, max_iter=5, random_state=0, on_collapse="ignore")
    >>> answers = predict_frame(frame.assign(note="new"), clf.fit(frame, ["no", "yes"] * 20))
    >>> answers.columns.tolist(), answers.index[0]
    (['prediction', 'probability_no', 'probability_yes'], 'row 0')
    """
    if not (hasattr(X, "iloc") and hasattr(X, "columns")):
        raise TypeError(f"X must be a pandas DataFrame, got {type(X).__name__}. Arrays are what predict_proba takes.")
    names = getattr(model, "feature_names_in_", None)
    # A column that is missing is for the model to name.
    rows = X.to_numpy() if names is None else X[[name for name in names if name in X.columns]]
    if len(rows):
        return X[[]].assign(**answer(rows, model))
    nothing = dict.fromkeys(answer_names(model), np.empty(0))
    return X[[]].assign(**{PREDICTION: model.classes_[:0]}, **nothing)
