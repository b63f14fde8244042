"""Is a classifier of ours not flattered by rows that it was fitted on?"""

import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import SKOPS_TYPES, BalancedNNClassifier, CollapseReport, diagnose

X, Y = make_classification(1_200, 8, n_informative=5, weights=[0.7], class_sep=1.5, flip_y=0, random_state=0)
SEEN, NEW = slice(0, 600), slice(600, None)
FRAME = pd.DataFrame(X, columns=list("abcdefgh"))
QUICK = BalancedNNClassifier(
    (16,), learning_rate_init=0.01, max_iter=8, n_members=1, on_collapse="ignore", random_state=0
)


@pytest.fixture(scope="module")
def model() -> BalancedNNClassifier:
    return clone(QUICK).fit(FRAME[SEEN], Y[SEEN])


def assert_is_told(report: CollapseReport, share: float = 1.0) -> None:
    assert report.seen_share == pytest.approx(share, abs=0.02)
    assert f"Seen in training: about {report.seen_share:.0%} of these rows, on which a model does better" in str(report)


def assert_is_silent(report: CollapseReport) -> None:
    assert report.seen_share is None
    assert "training" not in str(report)
    assert "seen_share" not in repr(report)


def test_rows_of_training_make_no_model_healthy(model):
    report = diagnose(model, FRAME[SEEN], Y[SEEN])
    assert_is_told(report)
    assert report.headline.endswith("what they are worth on new rows cannot be told from rows of training")
    assert report.remedies[0].startswith("Evaluate rows that the model was not fitted on; collapse_report_ has")
    assert report.remedies[0] in str(report)
    assert "seen_share=1.00" in repr(report)
    assert json.loads(json.dumps(report.to_dict()))["seen_share"] == 1.0


def test_of_new_rows_nothing_is_told(model):
    report = diagnose(model, FRAME[NEW], Y[NEW])
    assert_is_silent(report)
    assert report.headline == "No collapse: the answers differ"


def test_the_rows_that_are_judged_count(model):
    assert_is_silent(diagnose(model, FRAME[SEEN], Y[SEEN], X_val=FRAME[NEW], y_val=Y[NEW]))
    assert_is_told(diagnose(model, FRAME[NEW], Y[NEW], X_val=FRAME[SEEN], y_val=Y[SEEN]))


def test_a_mixture_is_told_of_by_its_share_and_a_few_rows_are_not(model):
    half, few = slice(300, 900), slice(570, None)
    assert_is_told(diagnose(model, FRAME[half], Y[half]), 0.5)
    assert_is_silent(diagnose(model, FRAME[few], Y[few]))


def test_a_collapse_on_rows_of_training_is_a_collapse():
    stuck = clone(QUICK).set_params(learning_rate_init=1e-9, max_iter=1).fit(X[SEEN], Y[SEEN])
    report = diagnose(stuck, X[SEEN], Y[SEEN])
    assert_is_told(report)
    assert report.collapsed
    assert not any("not fitted on" in remedy for remedy in report.remedies)


@pytest.mark.parametrize("kind", ["array", "sparse"])
def test_the_rows_are_known_in_any_kind_of_table(kind):
    table = sparse.csr_array(X * (np.abs(X) > 1)) if kind == "sparse" else X
    fitted = clone(QUICK).fit(table[SEEN], Y[SEEN])
    assert_is_told(diagnose(fitted, table[SEEN], Y[SEEN]))
    assert_is_silent(diagnose(fitted, table[NEW], Y[NEW]))


COMPOSED: dict[str, Any] = {
    "search": GridSearchCV(make_pipeline(StandardScaler(), PCA(5), QUICK), {"pca__whiten": [True]}, cv=2),
    "sampler": SamplingPipeline([("smote", SMOTE(random_state=0)), ("clf", QUICK)]),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_the_rows_are_known_behind_the_steps_of_a_pipeline(name):
    fitted = clone(COMPOSED[name]).fit(X[SEEN], Y[SEEN])
    assert_is_told(diagnose(fitted, X[SEEN], Y[SEEN]))
    assert_is_silent(diagnose(fitted, X[NEW], Y[NEW]))


def test_a_table_of_few_distinct_rows_is_never_called_seen():
    rng = np.random.default_rng(0)
    table, new = (pd.DataFrame({name: rng.choice(["u", "v", "w"], 600) for name in "abcd"}) for _ in range(2))
    fitted = clone(QUICK).fit(table, (table["a"] == "u").astype(int))
    assert_is_silent(diagnose(fitted, new, (new["a"] == "u").astype(int)))
    assert_is_silent(diagnose(fitted, table, (table["a"] == "u").astype(int)))  # which cannot be told from the other


STORED = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "skops": lambda model: skops.io.loads(skops.io.dumps(model), trusted=SKOPS_TYPES),
}


@pytest.mark.parametrize("store", STORED.values(), ids=STORED)
def test_the_rows_are_known_by_a_stored_model_and_after_other_frequencies_and_decisions(model, store):
    again = store(model).set_prior([0.5, 0.5]).set_decision("argmax")
    assert_is_told(diagnose(again, FRAME[SEEN], Y[SEEN]))
    assert "rows" not in repr(again)


def test_a_model_of_an_older_version_tells_nothing(model):
    old = pickle.loads(pickle.dumps(model))
    del old._training_rows
    assert_is_silent(diagnose(old, FRAME[SEEN], Y[SEEN]))


def test_of_other_models_nothing_is_known():
    assert_is_silent(diagnose(LogisticRegression().fit(X[SEEN], Y[SEEN]), X[SEEN], Y[SEEN]))
