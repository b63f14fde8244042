"""Are the answers for a table a table, with the same rows?"""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from balanced_nn import BalancedNNClassifier, predict_frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=60), "town": rng.choice(["A", "B"], 60), "note": "not fitted on"}
    return pd.DataFrame(columns, index=[f"row {i}" for i in range(60)])


@pytest.fixture(scope="module")
def clf(frame: pd.DataFrame) -> BalancedNNClassifier:
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=5, random_state=0, on_collapse="ignore")
    return clf.fit(frame[["x", "town"]], np.where(frame["x"] > 0.5, "yes", "no"))


def test_labels_and_probabilities_stand_beside_the_index(frame: pd.DataFrame, clf: BalancedNNClassifier) -> None:
    before = frame.copy()
    answers = predict_frame(frame, clf)
    assert answers.columns.tolist() == ["prediction", "probability_no", "probability_yes"]
    pd.testing.assert_index_equal(answers.index, frame.index)
    rows = frame[["x", "town"]]
    assert answers["prediction"].tolist() == clf.predict(rows).tolist()
    np.testing.assert_array_equal(answers.filter(like="probability"), clf.predict_proba(rows))
    pd.testing.assert_frame_equal(frame, before)


def test_parts_are_answered_as_the_whole_and_a_part_may_be_empty(
    frame: pd.DataFrame, clf: BalancedNNClassifier
) -> None:
    whole = predict_frame(frame, clf)
    parts = [predict_frame(frame.iloc[rows], clf) for rows in (slice(0, 7), slice(7, 7), slice(7, None))]
    assert len(parts[1]) == 0
    assert [part.columns.tolist() for part in parts] == [whole.columns.tolist()] * 3
    assert parts[1].dtypes["probability_yes"] == np.float64
    pd.testing.assert_frame_equal(pd.concat([parts[0], parts[2]]), whole, check_exact=False, rtol=1e-12)


def test_other_classifiers_answer_too_with_or_without_probabilities_and_names(frame: pd.DataFrame) -> None:
    y = frame["x"] > 0.5
    named = LogisticRegression().fit(frame[["x"]], y)
    assert predict_frame(frame, named).columns.tolist() == ["prediction", "probability_False", "probability_True"]
    unnamed = RidgeClassifier().fit(frame[["x"]].to_numpy(), y)
    assert predict_frame(frame[["x"]], unnamed).columns.tolist() == ["prediction"]


def test_what_is_no_table_and_a_missing_column_are_refused(frame: pd.DataFrame, clf: BalancedNNClassifier) -> None:
    with pytest.raises(TypeError, match="X must be a pandas DataFrame, got ndarray"):
        predict_frame(np.zeros((2, 2)), clf)
    with pytest.raises(ValueError, match="town"):
        predict_frame(frame[["x"]], clf)
