"""Is a collapse found, named, repaired where that is allowed, and told as the user asked?"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

import balanced_nn._attempts as attempts_room
from balanced_nn import BalancedNNClassifier
from balanced_nn._outcome import Outcome
from balanced_nn._repair import MAX_REPAIRS, Repair, attempt_rate, describe_change, suggest_remedies
from balanced_nn.exceptions import CollapseError, CollapseWarning

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, random_state=0)
NOTHING = np.zeros_like(X)  # no feature varies: every network gives all rows the same probability
DEFAULTS = BalancedNNClassifier().get_params()


def small(**params) -> BalancedNNClassifier:
    return BalancedNNClassifier(**{"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0, **params})


def deep(**params) -> BalancedNNClassifier:
    """Ten logistic layers without BatchNorm: the gradient of the first ones vanishes."""
    return small(hidden_layer_sizes=(4,) * 10, activation="logistic", batch_norm=False, **params)


# Which rate, which words


@given(st.floats(1e-6, 10), st.booleans())
def test_the_first_attempt_has_the_first_rate(rate, free):
    assert attempt_rate(0, rate, rate_is_free=free) == rate


@given(st.floats(1e-6, 10))
def test_later_attempts_are_slower_unless_the_rate_was_set_by_hand(rate):
    rates = [attempt_rate(i, rate, rate_is_free=True) for i in range(MAX_REPAIRS + 1)]
    assert rates == pytest.approx([rate, 0.3 * rate, 0.1 * rate])
    assert {attempt_rate(i, rate, rate_is_free=False) for i in range(MAX_REPAIRS + 1)} == {rate}


def test_a_repair_says_what_it_changed():
    assert describe_change(0.003, rate_is_free=True) == "other initial weights and batches, learning rate 0.003"
    assert describe_change(0.003, rate_is_free=False) == "other initial weights and batches"


def test_a_healthy_outcome_needs_no_remedy():
    assert suggest_remedies(DEFAULTS, DEFAULTS, Outcome.HEALTHY) == ()


def test_a_threshold_outcome_is_about_the_decision():
    (advice,) = suggest_remedies(DEFAULTS, DEFAULTS, Outcome.THRESHOLD)
    assert "only the decision is off" in advice
    first, last = suggest_remedies({**DEFAULTS, "learning_rate_init": 10.0}, DEFAULTS, Outcome.THRESHOLD)
    assert "learning_rate_init was set to 10.0 by hand" in first
    assert last == advice


@pytest.mark.parametrize("outcome", [Outcome.CONSTANT, Outcome.ONE_CLASS, Outcome.MISSING])
def test_defaults_are_not_blamed(outcome):
    (advice,) = suggest_remedies(DEFAULTS, DEFAULTS, outcome)
    assert advice.startswith("Everything is at its default: compare with LogisticRegression")


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        ({"learning_rate_init": 10.0}, 'learning_rate_init was set to 10.0 by hand: leave it at "auto".'),
        (
            {"activation": "logistic", "batch_norm": False, "hidden_layer_sizes": (8,) * 6},
            "6 layers of logistic units without BatchNorm lose the gradient: "
            "use activation='relu' and batch_norm=True.",
        ),
        ({"scaler": None}, 'The features are not scaled: use scaler="standard".'),
        ({"class_weight": None}, 'The classes are not balanced: use class_weight="balanced".'),
        ({"hidden_layer_sizes": (64, 1)}, "A hidden layer has 1 units: use hidden_layer_sizes=(256, 128)."),
        ({"hidden_layer_sizes": 2}, "A hidden layer has 2 units: use hidden_layer_sizes=(256, 128)."),
        ({"max_iter": 2}, "max_iter=2 ends training after few epochs: use max_iter=200."),
        ({"dropout": 0.9}, "dropout=0.9 leaves little of each layer: use 0.1."),
    ],
    ids=str,
)
def test_what_was_set_by_hand_is_advised_on(changed, advice):
    first, *others = suggest_remedies({**DEFAULTS, **changed}, DEFAULTS, Outcome.CONSTANT)
    assert first == advice
    assert len(others) == 1
    assert others[0].startswith("If that does not help: compare with LogisticRegression")


def test_settings_that_are_sound_are_not_blamed():
    sound = {"class_weight": None, "sampler": "over", "hidden_layer_sizes": (), "activation": "tanh", "dropout": 0.5}
    changed, last = suggest_remedies({**DEFAULTS, **sound, "max_iter": 20}, DEFAULTS, Outcome.CONSTANT)
    assert changed.startswith("These parameters are not at their defaults: ")
    assert set(changed.split(": ")[1].split(". ")[0].split(", ")) == {*sound, "max_iter"}
    assert "LogisticRegression" in last


# What the user asked for


@pytest.mark.parametrize(("on_collapse", "n_repairs"), [("repair", MAX_REPAIRS), ("warn", 0)])
def test_a_collapse_is_warned_of_at_the_line_that_called_fit(on_collapse, n_repairs):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf = small(on_collapse=on_collapse).fit(NOTHING, Y)
    assert [warning.category for warning in record] == [CollapseWarning]
    assert record[0].filename == __file__
    assert str(record[0].message) == str(clf.collapse_report_)
    assert str(record[0].message).startswith("Collapsed: the same probability for every row (45 held-out rows; ")
    assert "What to do: max_iter=3 ends training after few epochs" in str(record[0].message)
    assert clf.collapse_report_.collapsed
    assert len(clf.repairs_) == n_repairs
    assert clf.predict_proba(X).std(axis=0).max() < 1e-6


def test_an_error_is_raised_where_that_was_asked_for():
    with pytest.raises(CollapseError, match="Collapsed: the same probability for every row.*\nWhat to do: "):
        small(on_collapse="raise").fit(NOTHING, Y)


def test_a_collapse_can_be_ignored():
    clf = small(on_collapse="ignore").fit(NOTHING, Y)
    assert clf.collapse_report_.outcome is Outcome.CONSTANT
    assert clf.repairs_ == ()


@pytest.mark.parametrize("on_collapse", ["repair", "warn", "raise", "ignore"])
def test_a_healthy_fit_says_nothing(on_collapse):
    clf = small(on_collapse=on_collapse, max_iter=10).fit(X, Y)
    assert clf.collapse_report_.outcome is Outcome.HEALTHY
    assert clf.repairs_ == ()


def test_filters_for_scikit_learns_warning_catch_ours():
    assert issubclass(CollapseWarning, ConvergenceWarning)
    with pytest.warns(ConvergenceWarning, match="Collapsed"):
        small(on_collapse="warn").fit(NOTHING, Y)


def test_features_without_a_scale_leak_no_warning_of_numpy():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        small(scaler=None, on_collapse="warn").fit(1e20 * X, Y)
    assert {warning.category for warning in record} <= {CollapseWarning}


def test_a_vanishing_gradient_is_found_and_named():
    with pytest.warns(
        CollapseWarning, match="10 layers of logistic units without BatchNorm lose the gradient"
    ) as record:
        clf = deep(on_collapse="warn").fit(X, Y)
    assert record[0].filename == __file__
    assert clf.collapse_report_.outcome is Outcome.CONSTANT
    assert clf.collapse_report_.judged_on == "held-out rows"


@pytest.mark.parametrize(
    ("params", "scale", "advice"),
    [
        ({"learning_rate_init": 1e30}, 1.0, 'learning_rate_init was set to 1e+30 by hand: leave it at "auto"'),
        ({"scaler": None}, 1e20, 'The features are not scaled: use scaler="standard"'),
    ],
    ids=["rate", "scale"],
)
def test_a_training_that_diverges_at_once_is_not_passed_off_as_healthy(params, scale, advice):
    """The first epoch gave numbers that are not finite, so that only the initial network could be kept."""
    with pytest.warns(CollapseWarning) as record:
        clf = small(batch_norm=False, on_collapse="warn", **params).fit(scale * X, Y)
    assert [warning.category for warning in record] == [CollapseWarning]
    assert advice in str(record[0].message)
    assert clf.history_.stop_reason == "diverged"
    assert clf.history_.best_epoch == 0
    assert np.isfinite(clf.predict_proba(X)).all()


# What a repair may do


def test_repairs_lower_a_rate_that_was_searched():
    clf = small(on_collapse="repair")
    with pytest.warns(CollapseWarning):
        clf.fit(NOTHING, Y)
    searched = clf.lr_search_.learning_rate
    assert [repair.change for repair in clf.repairs_] == [
        describe_change(factor * searched, rate_is_free=True) for factor in (0.3, 0.1)
    ]
    assert clf.learning_rate_ in {searched, 0.3 * searched, 0.1 * searched}
    assert all(repair.reason == "outcome constant" and not repair.helped for repair in clf.repairs_)
    assert all(np.isfinite([repair.loss_before, repair.loss_after]).all() for repair in clf.repairs_)


def test_repairs_never_change_a_rate_that_was_set_by_hand():
    clf = small(on_collapse="repair", learning_rate_init=0.02)
    with pytest.warns(CollapseWarning, match='learning_rate_init was set to 0.02 by hand: leave it at "auto"'):
        clf.fit(NOTHING, Y)
    assert clf.learning_rate_ == 0.02
    assert clf.history_.learning_rate == 0.02
    assert clf.lr_search_ is None
    assert {repair.change for repair in clf.repairs_} == {"other initial weights and batches"}
    assert len(clf.repairs_) == MAX_REPAIRS


def test_repairs_do_not_touch_the_parameters():
    clf = small(on_collapse="repair")
    before = clf.get_params()
    with pytest.warns(CollapseWarning):
        clf.fit(NOTHING, Y)
    assert clf.get_params() == before


def judge_collapsed_first(monkeypatch, n_times: int) -> list[float]:
    """Let the first judgements of a fit find a collapse, whatever the network does."""
    real, seen = attempts_room.judge, []

    def judge(plan, outputs):
        report = real(plan, outputs)
        seen.append(report.spread)
        return real(plan, 0 * outputs) if len(seen) <= n_times else report

    monkeypatch.setattr(attempts_room, "judge", judge)
    return seen


@pytest.mark.parametrize("n_collapses", [1, 2])
def test_a_repair_that_helped_is_kept_and_nothing_is_warned_of(n_collapses, monkeypatch):
    seen = judge_collapsed_first(monkeypatch, n_collapses)
    clf = small(on_collapse="repair", max_iter=10).fit(X, Y)
    assert len(seen) == n_collapses + 1
    assert [repair.helped for repair in clf.repairs_] == [False] * (n_collapses - 1) + [True]
    assert clf.collapse_report_.outcome is Outcome.HEALTHY
    assert clf.learning_rate_ == pytest.approx((1, 0.3, 0.1)[n_collapses] * clf.lr_search_.learning_rate)
    assert isinstance(clf.repairs_[-1], Repair)
    assert clf.repairs_[-1].loss_after == clf.history_.best_score


def test_a_repair_draws_other_weights(monkeypatch):
    first = small(learning_rate_init=0.01, max_iter=10).fit(X, Y)
    judge_collapsed_first(monkeypatch, 1)
    repaired = small(learning_rate_init=0.01, max_iter=10).fit(X, Y)
    assert repaired.learning_rate_ == first.learning_rate_
    assert not np.array_equal(repaired.predict_proba(X), first.predict_proba(X))


def test_repaired_fits_are_reproducible(monkeypatch):
    results = []
    for _ in range(2):
        with monkeypatch.context() as patch:
            judge_collapsed_first(patch, 1)
            results.append(small().fit(X, Y).predict_proba(X))
    np.testing.assert_array_equal(*results)


def test_the_best_attempt_is_kept_where_all_collapsed():
    clf = small(on_collapse="repair")
    with pytest.warns(CollapseWarning):
        clf.fit(NOTHING, Y)
    losses = [clf.repairs_[0].loss_before, *(repair.loss_after for repair in clf.repairs_)]
    assert clf.history_.best_score == min(losses)


def test_labels_without_signal_are_not_blamed_on_the_parameters():
    y = np.random.default_rng(0).permutation(Y)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf = BalancedNNClassifier((16,), random_state=0, max_iter=20).fit(NOTHING, y)
    assert len(record) == 1
    assert "the features say nothing about the labels" in str(record[0].message)
    assert clf.collapse_report_.collapsed
