"""Do networks that answer together hold out other rows each, and is their mean what is answered?"""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss

from balanced_nn import BalancedNNClassifier
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._data.hold_outs import hold_outs
from balanced_nn._data.labelled_rows import read_rows
from balanced_nn._data.table import read_table
from balanced_nn._probability.calibration import calibrate
from balanced_nn._training.members import HELD_OUT_ROWS
from balanced_nn._training.preparation import split_rows
from balanced_nn._training.settings import FitSettings
from balanced_nn.exceptions import CollapseWarning

X, Y = make_classification(600, 6, n_informative=4, weights=[0.8], flip_y=0.05, random_state=0)


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0, "learning_rate_init": 0.01, **params}
    return BalancedNNClassifier(**{"on_collapse": "ignore", **settings})


@pytest.fixture(scope="module")
def three() -> BalancedNNClassifier:
    return small(n_members=3).fit(X, Y)


def test_the_probabilities_are_the_mean_of_those_of_the_members(three):
    table = read_table(three, X, reset=False)
    each = [np.exp(three.calibration_.log_posterior(m.scores(table), three.class_prior_)) for m in three.members_]
    assert len(each) == 3
    np.testing.assert_allclose(three.predict_proba(X), np.mean(each, axis=0), atol=1e-12)
    np.testing.assert_allclose(logsumexp(three.predict_log_proba(X), axis=1), 0.0, atol=1e-12)


def test_members_differ_in_weights_and_in_the_statistics_of_their_rows(three):
    first, second, third = three.members_
    assert not np.array_equal(first.network.layers[0].kernel, second.network.layers[0].kernel)
    assert not np.array_equal(second.network.layers[0].kernel, third.network.layers[0].kernel)
    assert not np.array_equal(
        first.features(read_table(three, X, reset=False)), second.features(read_table(three, X, reset=False))
    )


def test_networks_see_the_numbers_by_turns_scaled_and_with_outliers_compressed(three):
    assert [member.preprocessing.scaler.smooth for member in three.members_] == [False, True, False]


def test_the_temperature_allows_for_averaging():
    clf = small(n_members=4, max_iter=15, hidden_layer_sizes=(64,)).fit(X, Y)
    alone = small(n_members=1, max_iter=15, hidden_layer_sizes=(64,)).fit(X, Y)
    assert 0.5 < clf.averaging_factor_ < 1.0
    assert alone.averaging_factor_ == 1.0
    fitted = calibrate(clf._held_out, clf.class_prior_, synthetic=False)  # held-out scores are those of single networks
    assert fitted.temperature == pytest.approx(1.0, abs=0.1)


def test_one_member_is_the_first_of_three(three):
    one = small(n_members=1).fit(X, Y)
    assert len(one.members_) == 1
    np.testing.assert_array_equal(one.network_.layers[0].kernel, three.network_.layers[0].kernel)
    assert one.history_ == three.history_


def test_each_member_holds_out_other_rows():
    clf = small(n_members=4)
    splits = split_rows(FitSettings.of(clf), read_rows(clf, X, Y, None), None, 0)
    held = [set(split.valid.rows) for split in splits]
    assert len(set.union(*held)) == sum(map(len, held)) == 4 * len(held[0])
    assert all(not set(split.train.rows) & set(split.valid.rows) for split in splits)


def test_every_held_out_row_speaks_for_the_decision(three):
    parts = hold_outs(Y, three.validation_fraction, np.random.default_rng(0), 2, 3)
    assert len(three._held_out.y) == sum(len(part.valid) for part in parts)
    assert not three._held_out.in_training
    assert np.bincount(three._held_out.network).tolist() == [len(part.valid) for part in parts]


def test_the_rate_is_searched_once_for_all_members():
    clf = small(n_members=3, learning_rate_init="auto").fit(X, Y)
    assert {member.history.learning_rate for member in clf.members_} == {clf.lr_search_.learning_rate}


@pytest.mark.parametrize(
    ("params", "n_rows", "expected"),
    [({}, 600, 4), ({"early_stopping": False}, 600, 1), ({"n_members": 2, "early_stopping": False}, 600, 2)],
)
def test_auto_takes_four_members_where_rows_are_held_out(params, n_rows, expected):
    assert len(small(**{"max_iter": 1, **params}).fit(X[:n_rows], Y[:n_rows]).members_) == expected


def test_auto_takes_one_member_for_many_rows_and_for_rows_given_for_validation():
    assert len(small(max_iter=1).fit(np.tile(X, (84, 1)), np.tile(Y, 84)).members_) == 1
    assert len(small(max_iter=1).fit(X[:400], Y[:400], X_val=X[400:], y_val=Y[400:]).members_) == 1


def test_members_without_held_out_rows_differ_in_their_seeds():
    clf = small(n_members=2, early_stopping=False).fit(X, Y)
    first, second = (member.network.layers[0].kernel for member in clf.members_)
    assert not np.array_equal(first, second)
    assert clf._held_out.in_training


def test_three_members_have_a_lower_log_loss_than_each_of_them():
    rows, labels = make_classification(1600, 10, n_informative=5, weights=[0.8], flip_y=0.1, random_state=1)
    clf = small(n_members=3, hidden_layer_sizes=(64,), max_iter=40).fit(rows[:800], labels[:800])
    test = read_table(clf, rows[800:], reset=False)
    each = [clf.calibration_.log_posterior(member.scores(test), clf.class_prior_) for member in clf.members_]
    losses = [log_loss(labels[800:], np.exp(log_proba)) for log_proba in each]
    assert log_loss(labels[800:], clf.predict_proba(rows[800:])) < np.mean(losses)  # the logarithm is concave


def test_very_many_held_out_rows_are_thinned_and_keep_the_weight_of_their_class():
    n_rows = 3 * HELD_OUT_ROWS
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 2))
    labels = (rng.random(n_rows) < 0.01).astype(int)
    clf = small(max_iter=1, batch_size=1024, validation_fraction=0.5).fit(rows, labels)
    held = clf._held_out
    assert np.bincount(held.y)[0] <= HELD_OUT_ROWS < round(0.5 * (labels == 0).sum())
    assert held.weight[held.y == 0].sum() == pytest.approx(round(0.5 * (labels == 0).sum()), abs=1)
    assert np.bincount(held.y)[1] == round(0.5 * labels.sum())


def test_the_report_is_that_of_the_worst_member():
    """With one epoch at a rate near 0 each member is constant; the report says so whichever it is."""
    clf = small(n_members=3, learning_rate_init=1e-9, max_iter=1).fit(X, Y)
    assert clf.collapse_report_.collapsed


def test_rows_that_several_members_hold_out_count_once_with_the_mean_of_what_they_say():
    clf = small(n_members=3).fit(X[:400], Y[:400], X_val=X[400:], y_val=Y[400:])
    held, table = clf._held_out, read_table(clf, X[400:], reset=False)
    assert len(held.y) == 200
    mean = np.log(np.mean([np.exp(member.scores(table)) for member in clf.members_], axis=0))
    calibrated = np.exp(clf.calibration_.log_posterior(mean, np.full(2, 0.5)))
    np.testing.assert_allclose(np.exp(held.log_proba_at(np.full(2, 0.5))), calibrated, atol=1e-5)
    assert len(small(n_members=10, max_iter=1).fit(X, Y)._held_out.y) == 600


def test_a_member_whose_few_rows_show_no_signal_is_outvoted():
    """Twenty rare rows, of which each network holds out three."""
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], [1980, 20])
    rows = rng.normal(size=(2000, 6)) + 1.6 * labels[:, None]
    clf = BalancedNNClassifier((32,), max_iter=40, random_state=2).fit(rows, labels)
    assert clf.collapse_report_.outcome.value == "healthy"


def test_scores_that_rank_validation_rows_the_wrong_way_round_are_told():
    rows, labels = make_classification(400, 5, n_informative=3, class_sep=2.0, random_state=0)
    clf = BalancedNNClassifier((16,), n_members=1, early_stopping=False, max_iter=20, random_state=0)
    with pytest.warns(CollapseWarning) as record:
        clf.fit(rows, labels, X_val=rows, y_val=1 - labels)
    assert clf.collapse_report_.outcome is Outcome.UNKNOWN
    assert str(record[0].message) == str(clf.collapse_report_)
