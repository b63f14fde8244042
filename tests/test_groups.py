"""Do rows that belong together stay on one side of the hold-out, and does the report then say what other rows show?"""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import RandomOverSampler
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier, diagnose
from balanced_nn.exceptions import CollapseWarning, RareClassWarning


def small(**params):
    return BalancedNNClassifier(
        **{"hidden_layer_sizes": (32,), "max_iter": 30, "n_members": 2, "random_state": 0, **params}
    )


def visits(n_patients, seed, n_visits=12):
    """Rows of patients, each of which looks like itself; whether one is ill is hardly to be seen."""
    rng = np.random.default_rng(seed)
    ill = (rng.random(n_patients) < 0.3).astype(int)
    patients = rng.normal(size=(n_patients, 8)) + 0.25 * ill[:, None]
    number = np.repeat(np.arange(n_patients), n_visits)
    return patients[number] + 0.2 * rng.normal(size=(len(number), 8)), ill[number], number


X, Y, PATIENT = visits(150, 0)
X_NEW, Y_NEW, _ = visits(300, 1, n_visits=2)


def told_auc(clf):
    return clf.collapse_report_.facts.roc_auc


def test_a_report_on_whole_groups_tells_what_other_groups_show():
    grouped, alone = small().fit(X, Y, groups=PATIENT), small().fit(X, Y)
    # Few ill patients are held out: the AUC of their rows is off by a tenth or so.
    assert told_auc(grouped) == pytest.approx(roc_auc_score(Y_NEW, grouped.predict_proba(X_NEW)[:, 1]), abs=0.2)
    assert told_auc(alone) > roc_auc_score(Y_NEW, alone.predict_proba(X_NEW)[:, 1]) + 0.3
    assert log_loss(Y_NEW, grouped.predict_proba(X_NEW)) < log_loss(Y_NEW, alone.predict_proba(X_NEW))


@pytest.mark.parametrize("names", ["numbers", "text", "series"])
def test_groups_may_be_of_any_kind(names):
    of_text = np.array([f"patient {number}" for number in PATIENT], dtype=object)
    groups = {"numbers": PATIENT, "text": of_text, "series": pd.Series(PATIENT)}[names]
    clf = small(max_iter=1, n_members=1, on_collapse="ignore")
    expected = clf.fit(X, Y, groups=np.unique(of_text, return_inverse=True)[1] if names == "text" else PATIENT)
    np.testing.assert_array_equal(clf.fit(X, Y, groups=groups).predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (PATIENT[:-1], r"groups has shape \(1799,\), but X has 1800 rows. Pass one group a row"),
        (np.where(PATIENT == 3, np.nan, PATIENT), "groups is missing in 12 rows, first in row 36. Give each"),
        ([None, *PATIENT[1:]], "groups is missing in 1 rows, first in row 0"),
    ],
)
def test_groups_that_cannot_be_used_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, Y, groups=groups)


def test_groups_are_routed_through_pipelines_searches_and_cross_validation(monkeypatch):
    seen = []
    fit = BalancedNNClassifier.fit

    def spy(self, X, y, **kwargs):
        seen.append(kwargs.get("groups"))
        return fit(self, X, y, **kwargs)

    monkeypatch.setattr(BalancedNNClassifier, "fit", spy)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = small(max_iter=1, n_members=1, on_collapse="ignore").set_fit_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), clf)
        cross_validate(pipeline, X, Y, cv=GroupKFold(2), params={"groups": PATIENT})
        GridSearchCV(pipeline, {"balancednnclassifier__alpha": [0.01]}, cv=GroupKFold(2)).fit(X, Y, groups=PATIENT)
    assert [len(groups) for groups in seen] == [900, 900, 900, 900, 1800]
    assert set(seen[0]).isdisjoint(seen[1])


# Copies of rows


def draw(n_rows, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < 0.06).astype(int)
    rows = rng.normal(size=(n_rows, 10))
    rows[:, 0] += y
    return rows, y


def random_copies(rows, y):
    return RandomOverSampler(random_state=0).fit_resample(rows, y)


def shuffled_copies(rows, y):
    rows, y = random_copies(rows, y)
    order = np.random.default_rng(0).permutation(len(y))
    return pd.DataFrame(rows[order]).rename(columns="c{}".format), y[order]


def rows_joined_twice(rows, y):
    return np.vstack([rows, rows]).astype(np.float32), np.tile(y, 2)


@pytest.mark.parametrize("sample", [random_copies, shuffled_copies, rows_joined_twice])
def test_copies_that_came_from_a_sampler_or_a_join_do_not_flatter(sample):
    rows, y = draw(1500, 0)
    new_rows, new_y = draw(3000, 1)
    table, labels = sample(rows, y)
    new = new_rows if isinstance(table, np.ndarray) else pd.DataFrame(new_rows, columns=table.columns)
    clf = small(hidden_layer_sizes=(64, 32), max_iter=60).fit(table, labels)
    assert told_auc(clf) == pytest.approx(roc_auc_score(new_y, clf.predict_proba(new)[:, 1]), abs=0.12)


# Rows given for validation


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, lambda rows: pd.DataFrame(rows, columns=list("abcdefgh"))])
def test_validation_rows_of_another_scale_are_told_by_name(kind, turned):
    raw = 40.0 + 15.0 * X
    scaled = StandardScaler().fit_transform(raw)
    given, rows = (scaled[:300], raw) if turned else (raw[:300], scaled)
    with pytest.warns(UserWarning, match="The columns '[xa].* of X_val hold other values than those of X") as record:
        small(max_iter=1, on_collapse="ignore").fit(kind(rows), Y, X_val=kind(given), y_val=Y[:300])
    assert record[0].filename == __file__


RAW = 40.0 + 15.0 * X
SCALED = StandardScaler().fit_transform(RAW)
SEEN = np.clip(X[:, 0] + 1, 0, None) > 1.3


def assert_nothing_is_told(report):
    assert report.outcome == "unknown"
    assert not report.causes
    assert "Nothing can be told: the columns of these rows hold other values than those of training" in str(report)
    (remedy,) = report.remedies
    assert remedy == "Pass these rows through all steps that the training rows have passed, and judge again."


@pytest.mark.parametrize(("rows", "given"), [(SCALED, RAW), (RAW, SCALED)])
def test_nothing_is_told_of_a_model_by_rows_of_another_scale(rows, given):
    columns = pytest.warns(UserWarning, match="of X_val hold other values than those of X")
    with columns, pytest.warns(CollapseWarning, match="Nothing can be told"):
        judged = small(max_iter=3, n_members=1).fit(rows, SEEN, X_val=given[:300], y_val=SEEN[:300])
    assert_nothing_is_told(judged.collapse_report_)
    clf = small(n_members=1, on_collapse="ignore").fit(rows, SEEN)
    assert_nothing_is_told(diagnose(clf, given, SEEN))
    assert_nothing_is_told(diagnose(clf, rows, SEEN, X_val=given, y_val=SEEN))
    assert diagnose(clf, rows, SEEN).outcome == "healthy"


def test_nothing_is_told_of_any_classifier_by_rows_of_another_scale():
    mlp = MLPClassifier((16,), max_iter=40, random_state=0, learning_rate_init=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp.fit(SCALED, SEEN)
    assert_nothing_is_told(diagnose(mlp, SCALED, SEEN, X_val=RAW, y_val=SEEN))
    assert diagnose(mlp, SCALED, SEEN, X_val=SCALED[:300], y_val=SEEN[:300]).outcome == "healthy"


def test_a_class_that_some_networks_cannot_hold_out_is_told_of():
    y = np.where(PATIENT < 3, 2, Y)  # three groups of a class, and four networks
    told = r"For [123] of 4 networks no rows could be held out of class 2 \(36\); rows of a group stay together"
    with pytest.warns(RareClassWarning, match=told):
        small(max_iter=1, n_members=4, on_collapse="ignore").fit(X, y, groups=PATIENT)


def test_routed_validation_rows_pass_the_steps_before():
    raw = 40.0 + 15.0 * X
    with sklearn.config_context(enable_metadata_routing=True):
        clf = small(max_iter=2, on_collapse="ignore").set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), clf, transform_input=["X_val"])
        pipeline.fit(raw, Y, X_val=raw[:300], y_val=Y[:300])  # a warning would be an error
