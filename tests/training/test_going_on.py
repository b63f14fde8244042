"""Does a warm start go on from the networks of the last fit, and from no others?"""

import warnings

import numpy as np
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn.exceptions import ColumnWarning, HoldOutWarning
from tests.helpers.bodies import wide_and_deep

RNG = np.random.default_rng(0)
Y = (RNG.random(600) < 0.2).astype(int)
X = pd.DataFrame(RNG.normal(size=(600, 4)) + 0.9 * Y[:, None], columns=list("abcd"))


def small(**params):
    settings = {"max_iter": 2, "n_members": 2, "random_state": 0, "on_collapse": "ignore", **params}
    return BalancedNNClassifier((8,), **settings)


def test_a_warm_start_goes_on_from_the_networks_of_the_last_fit():
    clf = small(warm_start=True, average_weights=False).fit(X, Y)
    first, members = clf.loss_curve_[0], clf.members_
    clf.fit(X, Y)
    assert clf.loss_curve_[0] < first
    assert clf.learning_rate_ == members[0].history.learning_rate
    assert clf.lr_search_ is None
    for before, after in zip(members, clf.members_, strict=True):
        assert after.preprocessing is before.preprocessing
        kernels = [member.network.layers[0].kernel for member in (before, after)]
        assert 0 < np.abs(kernels[1] - kernels[0]).max() < 0.3


@pytest.mark.parametrize("random_state", [0, None])
def test_the_same_rows_are_held_out_again(random_state):
    clf = small(warm_start=True, random_state=random_state).fit(X, Y)
    rows = clf._held_out.y, clf._held_out.network
    clf.fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(clf._held_out.y, rows[0])
    np.testing.assert_array_equal(clf._held_out.network, rows[1])


def test_without_it_a_fit_begins_anew():
    one, two = small().fit(X, Y), small().fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_it_goes_on_from_batches_too():
    clf = small(warm_start=True, n_members="auto").partial_fit(X, Y, classes=[0, 1])
    preprocessing = clf.preprocessing_
    with pytest.warns(HoldOutWarning, match="Rows of X may have trained the networks"):
        clf.fit(X, Y)
    assert len(clf.members_) == 1
    assert clf.preprocessing_ is preprocessing
    assert clf.collapse_report_.facts.n_rows > 0


@pytest.mark.parametrize(
    ("params", "change", "text"),
    [
        ({}, lambda X, y: (X[["a", "b"]], y), "X has 2 features, but the fitted networks"),
        ({}, lambda X, y: (X.rename(columns={"a": "z"}), y), "X has the columns 'z', 'b', 'c', 'd'"),
        ({}, lambda X, y: (X, np.where(np.arange(600) < 50, 2, y)), "y has 2"),
        ({}, lambda X, y: (X, y + 1), "y has 2 and lacks 0"),
        ({"hidden_layer_sizes": (4, 4)}, lambda X, y: (X, y), r"hidden_layer_sizes is \(4, 4\)"),
        ({"n_members": 3}, lambda X, y: (X, y), "n_members is 3"),
    ],
)
def test_what_has_changed_is_named(params, change, text):
    clf = small(warm_start=True).fit(X, Y)
    before = clf.predict_proba(X)
    given = clf.get_params()
    with pytest.raises(ValueError, match=text):
        clf.set_params(**params).fit(*change(X, Y))
    np.testing.assert_array_equal(clf.set_params(**given).predict_proba(X), before)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_networks_that_a_time_limit_left_out_are_not_missed():
    clf = small(warm_start=True, n_members=3, max_time=1e-3, n_jobs=1).fit(X, Y)
    assert len(clf.members_) < 3
    assert len(clf.fit(X, Y).members_) < 3


def test_a_network_that_fails_is_trained_from_new_weights():
    clf = small(warm_start=True, n_members=1, max_iter=8, learning_rate_init=1e-9).fit(X, Y)
    with pytest.warns(UserWarning, match="Collapsed|first training failed"):
        clf.set_params(on_collapse="repair").fit(X, Y)
    assert clf.repairs_


def test_files_are_gone_on_with(tmp_path):
    X.assign(y=Y).to_parquet(tmp_path / "a.parquet")
    clf = small(warm_start=True).fit_dataset(tmp_path, "y")
    first = clf.loss_curve_[0]
    assert clf.fit_dataset(tmp_path, "y").loss_curve_[0] < first
    clf.partial_fit(X, Y)
    assert clf.class_prior_[1] == pytest.approx(Y.mean())


def test_rows_that_were_trained_on_are_not_held_out_without_a_word():
    clf = small(warm_start=True).fit(X[:500], Y[:500])
    with pytest.warns(HoldOutWarning, match=r"About \d+% of the rows of X may have trained"):
        clf.fit(X, Y)
    with pytest.warns(HoldOutWarning):  # in another order, other ones are held out
        clf.fit(X[::-1], Y[::-1])
    fresh = X + RNG.normal(size=X.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(fresh, Y)


def test_columns_of_another_type_are_told():
    table = pd.DataFrame({"x": X["a"], "zip": np.where(Y == 1, "north", "south")})
    clf = small(warm_start=True).fit(table, Y)
    with pytest.warns(ColumnWarning, match="Column zip held text"):
        clf.fit(table.assign(x=-X["a"], zip=np.where(Y == 1, 1, 2)), Y)


def test_networks_with_layers_of_a_function_are_not_trained_further():
    clf = small().set_params(hidden_layer_sizes=wide_and_deep).fit(X, Y)
    clf.set_params(hidden_layer_sizes=(8,), warm_start=True)
    with pytest.raises(ValueError, match="the function wide_and_deep when the networks were fitted"):
        clf.fit(X, Y)
    with pytest.raises(ValueError, match="the function wide_and_deep when the networks were fitted"):
        clf.partial_fit(X, Y)


def test_files_are_held_out_as_before_whatever_the_seed(tmp_path):
    X.assign(y=Y).to_parquet(tmp_path / "rows.parquet")
    clf = small(warm_start=True, random_state=np.random.RandomState(0)).fit_dataset(tmp_path, "y")
    held_out = clf._held_out.y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit_dataset(tmp_path, "y")
    np.testing.assert_array_equal(clf._held_out.y, held_out)
