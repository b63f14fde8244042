"""Are labels, answers and probabilities of any classifier put into the same order?"""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from balanced_nn._collapse.predictions import read_answers

X = np.arange(30, dtype=float)[:, None]
TWO = np.where(X.ravel() < 15, "no", "yes")
THREE = np.repeat(["a", "b", "c"], 10)


class Fixed(ClassifierMixin, BaseEstimator):
    """Answers what it was given."""

    def __init__(self, classes, **answers):
        self.classes_ = np.asarray(classes)
        for name, value in answers.items():
            setattr(self, name, value if name.endswith("_") else lambda X, value=value: np.asarray(value))


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_probabilities_have_one_column_for_each_label(y):
    model = LogisticRegression(C=10).fit(X, y)
    answers = read_answers(model, X, y)
    np.testing.assert_array_equal(answers.labels, np.unique(y))
    np.testing.assert_array_equal(answers.labels[answers.y], y)
    np.testing.assert_array_equal(answers.labels[answers.predicted], model.predict(X))
    np.testing.assert_array_equal(answers.proba, model.predict_proba(X))
    assert answers.prior is None


def test_a_label_that_the_classifier_has_never_seen_gets_a_column_of_zeros():
    model = LogisticRegression().fit(X, THREE)
    answers = read_answers(model, X[:2], ["a", "aa"])
    assert answers.labels.tolist() == ["a", "aa", "b", "c"]
    assert answers.y.tolist() == [0, 1]
    np.testing.assert_array_equal(answers.proba[:, [0, 2, 3]], model.predict_proba(X[:2]))
    assert not answers.proba[:, 1].any()


def test_rows_may_lack_a_class():
    answers = read_answers(LogisticRegression(C=10).fit(X, THREE), X[:10], THREE[:10])
    assert answers.proba.shape == (10, 3)
    assert set(answers.y) == {0}


def test_without_probabilities_the_answers_themselves_stand_in():
    answers = read_answers(LinearSVC(C=10).fit(X, THREE), X, THREE)
    np.testing.assert_array_equal(answers.proba, np.eye(3)[answers.predicted])


def test_scores_are_read_only_where_all_rows_get_one_answer():
    two = Fixed(["no", "yes"], predict=["no", "no"], decision_function=[-3.0, -1.0])
    np.testing.assert_allclose(read_answers(two, X[:2], ["no", "yes"]).proba[:, 1], [0.0474259, 0.2689414], rtol=1e-5)
    both = Fixed(["no", "yes"], predict=["no", "yes"], decision_function=[-1e-9, 1e-9])
    np.testing.assert_array_equal(read_answers(both, X[:2], ["no", "yes"]).proba, np.eye(2))
    three = Fixed(["a", "b", "c"], predict=["a", "a"], decision_function=[[2.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
    proba = read_answers(three, X[:2], ["a", "b"]).proba
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert (proba.argmax(axis=1) == 0).all()


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_single_column_speaks_of_the_second_class(shape):
    model = Fixed([0, 1], predict=[0, 0, 1], predict_proba=np.reshape([0.1, 0.2, 0.9], shape))
    np.testing.assert_allclose(read_answers(model, X[:3], [0, 0, 1]).proba, [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])


def test_answers_in_a_column_are_read_as_a_row():
    model = Fixed([0, 1], predict=[[0], [1]], predict_proba=[[0.9, 0.1], [0.1, 0.9]])
    assert read_answers(model, X[:2], [0, 1]).predicted.tolist() == [0, 1]


def test_the_frequencies_of_training_are_found_inside_pipelines_searches_and_thresholds():
    class Known(LogisticRegression):
        def fit(self, X, y):
            self.class_prior_ = np.bincount(np.unique(y, return_inverse=True)[1]) / len(y)
            return super().fit(X, y)

    inner = make_pipeline(StandardScaler(), FixedThresholdClassifier(Known(), threshold=0.5))
    model = GridSearchCV(inner, {"fixedthresholdclassifier__threshold": [0.4]}, cv=2).fit(X, TWO)
    np.testing.assert_allclose(read_answers(model, X, TWO).prior, [0.5, 0.5])
    wider = read_answers(model, X[:2], ["maybe", "yes"])
    assert wider.labels.tolist() == ["maybe", "no", "yes"]
    np.testing.assert_allclose(wider.prior, [0.0, 0.5, 0.5])


def test_frequencies_of_another_number_of_classes_are_not_used():
    model = Fixed([0, 1], predict=[0, 1], predict_proba=np.eye(2), class_prior_=np.full(3, 1 / 3))
    assert read_answers(model, X[:2], [0, 1]).prior is None
