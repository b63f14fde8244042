"""Is a collapse found, named, repaired where that is allowed, and told as the user asked?"""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

import balanced_nn._training.attempts as attempts_room
from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.evidence import Cause
from balanced_nn._causes.repair import MAX_REPAIRS, Change, Repair, next_change, setting_hints
from balanced_nn._causes.rules import Finding
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._data.labelled_rows import read_rows
from balanced_nn._data.table import read_table
from balanced_nn._probability.correction import natural_log_loss
from balanced_nn._training.attempts import train_until_sound
from balanced_nn._training.preparation import make_plan, split_rows
from balanced_nn._training.settings import FitSettings
from balanced_nn._training.side_by_side import open_workers
from balanced_nn.exceptions import CollapseError, CollapseWarning

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, random_state=0)
NOTHING = np.zeros_like(X)  # no feature varies: every network gives all rows the same probability
DEFAULTS = BalancedNNClassifier().get_params()


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 3, "n_members": 1, "random_state": 0, **params}
    return BalancedNNClassifier(**settings)


def deep(**params) -> BalancedNNClassifier:
    """Ten logistic layers without BatchNorm: the gradient of the first ones vanishes."""
    return small(hidden_layer_sizes=(4,) * 10, activation="logistic", batch_norm=False, **params)


# Which change, which words


def settings(**changed) -> dict:
    return {**DEFAULTS, **changed}


def found(*causes: Cause) -> list[Finding]:
    return [Finding(cause, "seen", 1.0, 0.0, 0.9 - 0.1 * i) for i, cause in enumerate(causes)]


def test_a_change_says_what_it_is():
    assert str(Change()) == "other initial weights and batches"
    assert str(Change(rate_factor=0.3)) == "other initial weights and batches, 0.3 times the learning rate"
    assert str(Change({"scaler": "quantile"})) == "other initial weights and batches, scaler='quantile'"


def test_without_a_cause_each_attempt_is_slower():
    tried = []
    for _ in range(MAX_REPAIRS):
        tried.append(next_change([], DEFAULTS, DEFAULTS, tried))
    factors = [change.rate_factor for change in tried]
    assert factors == sorted(factors, reverse=True)
    assert max(factors) < 1
    assert all(not change.settings and change.cause is None for change in tried)


def test_without_a_cause_a_rate_that_was_set_by_hand_stays():
    change = next_change([], settings(learning_rate_init=0.02), DEFAULTS, [])
    assert change == Change()


@pytest.mark.parametrize(
    ("cause", "faster", "changed"),
    [
        (Cause.LEARNING_RATE_TOO_HIGH, -1, set()),
        (Cause.LEARNING_RATE_TOO_LOW, 1, set()),
        (Cause.STOPPED_TOO_EARLY, 0, {"max_iter", "n_iter_no_change"}),
        (Cause.UNSCALED_FEATURES, 0, {"scaler"}),
        (Cause.CLASS_IMBALANCE, 0, {"sampler"}),
    ],
)
def test_a_cause_is_answered_by_what_mends_it(cause, faster, changed):
    change = next_change(found(cause), DEFAULTS, DEFAULTS, [])
    assert change.cause is cause
    assert np.sign(change.rate_factor - 1) == faster
    assert set(change.settings) == changed
    BalancedNNClassifier(**change.settings)._validate_params()


@pytest.mark.parametrize(
    ("cause", "by_hand"),
    [
        (Cause.LEARNING_RATE_TOO_HIGH, {"learning_rate_init": 1.0}),
        (Cause.LEARNING_RATE_TOO_LOW, {"learning_rate_init": 1e-7}),
        (Cause.STOPPED_TOO_EARLY, {"max_iter": 3}),
        (Cause.STOPPED_TOO_EARLY, {"n_iter_no_change": 3}),
        (Cause.UNSCALED_FEATURES, {"scaler": None}),
        (Cause.CLASS_IMBALANCE, {"class_weight": None}),
        (Cause.CLASS_IMBALANCE, {"class_weight": {0: 1.0, 1: 1.0}}),
        (Cause.CLASS_IMBALANCE, {"sampler": "under"}),
    ],
    ids=str,
)
def test_what_was_set_by_hand_is_never_changed(cause, by_hand):
    change = next_change(found(cause), settings(**by_hand), DEFAULTS, [])
    assert change.cause is None
    assert not change.settings
    if "learning_rate_init" in by_hand:
        assert change.rate_factor == 1.0


def test_the_first_cause_that_can_be_answered_is():
    causes = found(Cause.NETWORK_TOO_SMALL, Cause.UNSCALED_FEATURES, Cause.LEARNING_RATE_TOO_HIGH)
    first = next_change(causes, DEFAULTS, DEFAULTS, [])
    assert first.cause is Cause.UNSCALED_FEATURES
    assert next_change(causes, DEFAULTS, DEFAULTS, [first]).cause is Cause.LEARNING_RATE_TOO_HIGH
    assert next_change(causes, settings(scaler=None), DEFAULTS, []).cause is Cause.LEARNING_RATE_TOO_HIGH


@given(
    st.lists(st.sampled_from(Cause), max_size=6),
    st.fixed_dictionaries(
        {},
        optional={
            "learning_rate_init": st.just(0.02),
            "max_iter": st.just(7),
            "n_iter_no_change": st.just(7),
            "scaler": st.sampled_from([None, "robust"]),
            "class_weight": st.just(None),
            "sampler": st.just("under"),
            "hidden_layer_sizes": st.just((4,)),
        },
    ),
)
def test_no_change_touches_what_was_set_by_hand_or_comes_twice(causes, by_hand):
    tried = []
    for _ in range(MAX_REPAIRS):
        tried.append(next_change(found(*causes), settings(**by_hand), DEFAULTS, tried))
    for change in tried:
        assert not set(change.settings) & set(by_hand)
        assert change.rate_factor == 1.0 or "learning_rate_init" not in by_hand
    answers = [change for change in tried if change.cause is not None]
    assert all(change not in answers[:i] for i, change in enumerate(answers))


# Which settings deserve a second look


def test_defaults_are_not_pointed_at():
    assert setting_hints(DEFAULTS, DEFAULTS) == ()
    assert setting_hints(settings(decision="cost", on_collapse="warn", random_state=0, verbose=True), DEFAULTS) == ()
    assert setting_hints(settings(average_weights=False), DEFAULTS) == ()


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"alpha": 5.0}, "alpha=5.0 pulls the weights to zero: use alpha=0.01."),
        ({"batch_size": 2}, 'batch_size=2 makes the steps too noisy: use batch_size="auto".'),
        ({"dropout": 0.9}, "dropout=0.9 drops most of each layer: use 0.1."),
    ],
    ids=str,
)
def test_settings_that_are_known_to_hurt_are_pointed_at(changed, hint):
    assert setting_hints(settings(**changed, max_iter=20), DEFAULTS) == (hint,)


def test_where_none_is_known_to_hurt_all_that_were_changed_are_named():
    sound = {"class_weight": None, "sampler": "over", "hidden_layer_sizes": (), "activation": "tanh", "dropout": 0.5}
    (hint,) = setting_hints(settings(**sound, alpha=0.0, batch_size=64), DEFAULTS)
    named = hint.removeprefix("These parameters are not at their defaults: ").split(". ")[0].split(", ")
    assert set(named) == {*sound, "alpha", "batch_size"}


# What the user asked for


@pytest.mark.parametrize(("on_collapse", "n_repairs"), [("repair", MAX_REPAIRS), ("warn", 0)])
def test_a_collapse_is_warned_of_once_at_the_line_that_called_fit(on_collapse, n_repairs):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf = deep(on_collapse=on_collapse).fit(X, Y)
    assert [warning.category for warning in record] == [CollapseWarning]
    assert record[0].filename == __file__
    assert str(record[0].message) == str(clf.collapse_report_)
    assert str(record[0].message).startswith("Collapsed: the same probability for every row (45 held-out rows; ")
    assert clf.collapse_report_.collapsed
    assert clf.collapse_report_.judged_on == "held-out rows"
    assert len(clf.repairs_) == n_repairs


def test_an_error_is_raised_where_that_was_asked_for():
    with pytest.raises(CollapseError, match="Collapsed: the same probability for every row"):
        deep(on_collapse="raise").fit(X, Y)


def test_a_collapse_can_be_ignored():
    clf = deep(on_collapse="ignore").fit(X, Y)
    assert clf.collapse_report_.outcome is Outcome.CONSTANT
    assert clf.repairs_ == ()


@pytest.mark.parametrize("on_collapse", ["repair", "warn", "raise", "ignore"])
def test_a_healthy_fit_says_nothing(on_collapse):
    clf = small(on_collapse=on_collapse, max_iter=10).fit(X, Y)
    assert clf.collapse_report_.outcome is Outcome.HEALTHY
    assert clf.collapse_report_.causes == ()
    assert clf.collapse_report_.remedies == ()
    assert clf.repairs_ == ()


def test_filters_for_scikit_learns_warning_catch_ours():
    assert issubclass(CollapseWarning, ConvergenceWarning)
    with pytest.warns(ConvergenceWarning, match="Collapsed"):
        deep(on_collapse="warn").fit(X, Y)


def test_features_without_a_scale_leak_no_warning_of_numpy():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        small(scaler=None, on_collapse="warn").fit(1e20 * X, Y)
    assert {warning.category for warning in record} <= {CollapseWarning}


# What is said of the causes


@pytest.mark.parametrize(
    ("clf", "scale", "cause", "advice"),
    [
        (deep(), 1.0, Cause.VANISHING_GRADIENT, "10 layers of logistic units without BatchNorm lose the gradient"),
        (small(learning_rate_init=1e-7), 1.0, Cause.LEARNING_RATE_TOO_LOW, "learning_rate_init was set to 1e-07"),
        (small(learning_rate_init=1e30, batch_norm=False), 1.0, Cause.LEARNING_RATE_TOO_HIGH, "was set to 1e+30"),
        (small(scaler=None, batch_norm=False), 1e20, Cause.UNSCALED_FEATURES, 'use scaler="auto"'),
    ],
    ids=["depth", "slow", "fast", "scale"],
)
def test_what_was_set_by_hand_is_named_as_the_cause(clf, scale, cause, advice):
    with pytest.warns(CollapseWarning, match="Collapsed") as record:
        clf.set_params(on_collapse="warn").fit(scale * X, Y)
    assert len(record) == 1
    assert clf.collapse_report_.causes[0].cause is cause
    assert advice in str(record[0].message)
    assert clf.collapse_report_.evidence is not None


@pytest.mark.parametrize(
    ("params", "scale"), [({"learning_rate_init": 1e30}, 1.0), ({"scaler": None}, 1e20)], ids=["rate", "scale"]
)
def test_a_training_that_diverges_at_once_is_not_passed_off_as_healthy(params, scale):
    """The first epoch gave numbers that are not finite, so that only the initial network could be kept."""
    with pytest.warns(CollapseWarning) as record:
        clf = small(batch_norm=False, on_collapse="warn", **params).fit(scale * X, Y)
    assert [warning.category for warning in record] == [CollapseWarning]
    assert clf.history_.stop_reason == "diverged"
    assert clf.history_.best_epoch == 0
    assert np.isfinite(clf.predict_proba(X)).all()


# Features that say nothing


@pytest.mark.parametrize("on_collapse", ["repair", "warn", "raise"])
def test_features_without_a_signal_are_told_of_but_are_no_failure(on_collapse):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf = small(on_collapse=on_collapse).fit(NOTHING, Y)
    assert [warning.category for warning in record] == [CollapseWarning]
    assert record[0].filename == __file__
    assert str(record[0].message).startswith("No signal was found: the features do not predict the labels (45 held-out")
    assert clf.collapse_report_.outcome is Outcome.NO_SIGNAL
    assert not clf.collapse_report_.collapsed
    assert clf.collapse_report_.causes[0].cause is Cause.NO_SIGNAL
    assert clf.repairs_ == ()
    assert clf.predict_proba(X).std(axis=0).max() < 1e-6


def test_where_collapse_is_ignored_nobody_asks_whether_there_is_a_signal():
    clf = small(on_collapse="ignore").fit(NOTHING, Y)
    assert clf.collapse_report_.outcome is Outcome.CONSTANT


def test_labels_without_a_signal_are_not_blamed_on_the_parameters():
    y = np.random.default_rng(0).permutation(Y)
    with pytest.warns(CollapseWarning, match="the features say nothing about the labels"):
        clf = BalancedNNClassifier(random_state=0, max_iter=20).fit(NOTHING, y)
    assert {finding.cause for finding in clf.collapse_report_.causes} <= {Cause.NO_SIGNAL, Cause.BAD_LABELS}


# What a repair may do


def rate_factor(repair: Repair) -> float:
    """What the words of a repair say about the learning rate."""
    said = re.search(r"([0-9.e-]+) times the learning rate", repair.change)
    return float(said[1]) if said else 1.0


def test_a_repair_is_recorded_with_its_reason_and_its_effect():
    clf = deep(on_collapse="repair")
    with pytest.warns(CollapseWarning):
        clf.fit(X, Y)
    assert len(clf.repairs_) == MAX_REPAIRS
    for repair in clf.repairs_:
        assert repair.change.startswith("other initial weights and batches")
        assert repair.reason == "outcome constant" or repair.reason.removeprefix("cause ") in set(Cause)
        assert repair.learning_rate == pytest.approx(rate_factor(repair) * clf.lr_search_.learning_rate)
        assert not repair.helped
        assert np.isfinite([repair.loss_before, repair.loss_after]).all()
    assert clf.learning_rate_ in {clf.lr_search_.learning_rate, *(repair.learning_rate for repair in clf.repairs_)}


def test_repairs_never_change_a_rate_that_was_set_by_hand():
    clf = small(on_collapse="repair", learning_rate_init=1e-7)
    with pytest.warns(CollapseWarning, match='learning_rate_init was set to 1e-07 by hand: leave it at "auto"'):
        clf.fit(X, Y)
    assert clf.learning_rate_ == clf.history_.learning_rate == 1e-7
    assert clf.lr_search_ is None
    assert [repair.learning_rate for repair in clf.repairs_] == [1e-7] * MAX_REPAIRS
    assert {repair.change for repair in clf.repairs_} == {"other initial weights and batches"}


@pytest.mark.parametrize("helps", [False, True])
def test_repairs_do_not_touch_the_parameters(helps, monkeypatch):
    clf = small(on_collapse="repair", max_iter=10) if helps else deep(on_collapse="repair")
    before = clf.get_params()
    if helps:
        judge_collapsed_first(monkeypatch, 1)
        answer_with(monkeypatch, Change({"scaler": "quantile"}, cause=Cause.UNSCALED_FEATURES))
    with pytest.warns(CollapseWarning):
        clf.fit(X, Y)
    assert clf.get_params() == before


def judge_collapsed_first(monkeypatch, n_times: int) -> list[float]:
    """Let the first judgements of a fit find a collapse, whatever the network does."""
    real, seen = attempts_room.judge, []

    def judge(plan, scores):
        report = real(plan, scores)
        seen.append(report.spread)
        return real(plan, np.full_like(scores, -np.log(scores.shape[1]))) if len(seen) <= n_times else report

    monkeypatch.setattr(attempts_room, "judge", judge)
    return seen


def answer_with(monkeypatch, change: Change) -> None:
    """Let each further attempt change this."""
    monkeypatch.setattr(attempts_room, "next_change", lambda *args, **options: change)


@pytest.mark.parametrize("n_collapses", [1, 2])
def test_a_repair_that_helped_is_kept_and_nothing_is_warned_of(n_collapses, monkeypatch):
    seen = judge_collapsed_first(monkeypatch, n_collapses)
    clf = small(on_collapse="repair", max_iter=10, average_weights=False).fit(X, Y)
    assert len(seen) == n_collapses + 1
    assert [repair.helped for repair in clf.repairs_] == [False] * (n_collapses - 1) + [True]
    assert clf.collapse_report_.outcome is Outcome.HEALTHY
    assert isinstance(clf.repairs_[-1], Repair)
    assert clf.learning_rate_ == clf.repairs_[-1].learning_rate
    assert clf.repairs_[-1].loss_after == min(clf.history_.validation_loss)


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


def test_a_repair_that_reads_the_features_otherwise_is_what_predicts(monkeypatch):
    quantiles = small(scaler="quantile", max_iter=10).fit(X, Y)
    judge_collapsed_first(monkeypatch, 1)
    answer_with(monkeypatch, Change({"scaler": "quantile"}, cause=Cause.UNSCALED_FEATURES))
    with pytest.warns(CollapseWarning, match="network that was kept uses scaler='quantile'"):
        clf = small(max_iter=10).fit(X, Y)
    (repair,) = clf.repairs_
    assert repair.helped
    assert repair.reason == "cause unscaled_features"
    assert "scaler='quantile'" in repair.change
    np.testing.assert_array_equal(clf.preprocess(X), quantiles.preprocess(X))
    assert clf.score(X, Y) > 0.8
    log_odds = clf.model_.predict(clf.preprocess(X), verbose=0).ravel()
    assert np.corrcoef(log_odds, clf.decision_function(X))[0, 1] == pytest.approx(1.0)


def test_a_repair_that_trains_longer_does(monkeypatch):
    judge_collapsed_first(monkeypatch, 1)
    answer_with(monkeypatch, Change({"max_iter": 12}, cause=Cause.STOPPED_TOO_EARLY))
    with pytest.warns(CollapseWarning, match="network that was kept uses max_iter=12"):
        clf = small(max_iter=3).fit(X, Y)
    assert 3 < clf.n_iter_ <= 12
    assert clf.max_iter == 3


def test_a_kept_repair_that_changed_a_setting_is_warned_of_once_at_the_line_that_called_fit(monkeypatch):
    judge_collapsed_first(monkeypatch, 1)
    answer_with(monkeypatch, Change({"scaler": "quantile"}, cause=Cause.UNSCALED_FEATURES))
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf = small(max_iter=10).fit(X, Y)
    assert clf.collapse_report_.outcome is Outcome.HEALTHY
    assert [(warning.category, warning.filename) for warning in record] == [(CollapseWarning, __file__)]
    assert str(record[0].message) == "The first training failed; the network that was kept uses scaler='quantile'."


@pytest.mark.parametrize(
    "change", [Change(), Change(rate_factor=0.3, cause=Cause.LEARNING_RATE_TOO_HIGH)], ids=["weights", "rate"]
)
def test_a_kept_repair_of_what_is_searched_or_drawn_is_not_warned_of(change, monkeypatch):
    judge_collapsed_first(monkeypatch, 1)
    answer_with(monkeypatch, change)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        clf = small(max_iter=10).fit(X, Y)
    assert clf.repairs_[0].helped


def test_a_setting_of_an_attempt_that_was_not_kept_is_not_warned_of(monkeypatch):
    judge_collapsed_first(monkeypatch, 3)
    answer_with(monkeypatch, Change({"scaler": "quantile", "max_iter": 1}, rate_factor=1e-6))
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf = small(max_iter=10).fit(X, Y)
    assert clf.n_iter_ > 1  # the first attempt
    assert not any("network that was kept uses" in str(warning.message) for warning in record)


def test_without_held_out_rows_training_longer_is_no_repair():
    causes = found(Cause.STOPPED_TOO_EARLY, Cause.UNSCALED_FEATURES)
    assert next_change(causes, DEFAULTS, DEFAULTS, []).cause is Cause.STOPPED_TOO_EARLY
    assert next_change(causes, DEFAULTS, DEFAULTS, [], held_out=True).cause is Cause.STOPPED_TOO_EARLY
    assert next_change(causes, DEFAULTS, DEFAULTS, [], held_out=False).cause is Cause.UNSCALED_FEATURES
    alone = next_change(causes[:1], settings(learning_rate_init=0.01), DEFAULTS, [], held_out=False)
    assert alone == Change()


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_fit_asks_for_a_change_that_its_rows_allow(early_stopping, monkeypatch):
    asked = []
    monkeypatch.setattr(
        attempts_room, "next_change", lambda *args, **options: asked.append(options["held_out"]) or Change()
    )
    with pytest.warns(CollapseWarning):
        deep(early_stopping=early_stopping).fit(X, Y)
    assert asked == [early_stopping] * MAX_REPAIRS


def test_attempts_without_early_stopping_are_ranked_by_the_network_that_is_kept():
    """History has the best epoch, but the last one is kept: its loss on the judged rows is what counts."""
    settings = {"early_stopping": False, "learning_rate_init": 0.05, "on_collapse": "repair"}
    train, held = np.arange(300) % 3 > 0, np.arange(300) % 3 == 0
    clf = deep(**settings)
    with pytest.warns(CollapseWarning):
        clf.fit(X[train], Y[train], X_val=X[held], y_val=Y[held])
    losses = [clf.repairs_[0].loss_before, *(repair.loss_after for repair in clf.repairs_)]
    log_proba = clf.members_[0].scores(read_table(clf, X[held], reset=False))
    kept = natural_log_loss(log_proba, Y[held], np.ones(held.sum()))
    assert min(losses) == pytest.approx(kept, abs=1e-5)
    assert kept > min(clf.history_.validation_loss) + 1e-4


def test_a_rare_class_is_seen_in_the_facts_of_a_large_fit(monkeypatch):
    monkeypatch.setattr(attempts_room, "FACTS_ROWS", 20)
    rare = np.r_[np.flatnonzero(Y == 0), np.flatnonzero(Y == 1)[:20]]
    with pytest.warns(CollapseWarning):
        clf = deep(on_collapse="warn", sampler=None).fit(X[rare], Y[rare])
    facts = clf.collapse_report_.evidence.data
    assert min(facts.class_rows) >= 15  # of the 17 or so that are trained on
    assert max(facts.class_rows) <= 20
    assert facts.class_share == pytest.approx((0.5, 0.5))  # as training weighs them, whatever was thinned out


@pytest.mark.parametrize("params", [{}, {"learning_rate_init": 1e-7}], ids=["searched", "by_hand"])
def test_the_best_attempt_is_kept_where_all_collapsed(params):
    clf = deep(on_collapse="repair", **params)
    with pytest.warns(CollapseWarning):
        clf.fit(X, Y)
    losses = [clf.repairs_[0].loss_before, *(repair.loss_after for repair in clf.repairs_)]
    assert min(clf.history_.validation_loss) == min(losses)
    assert clf.repairs_[1].loss_before == min(losses[:2])


# What it costs


@pytest.fixture
def references(monkeypatch) -> list:
    """Count the reference models of a fit."""
    real, calls = attempts_room.find_reference, []

    def find_reference(*args):
        calls.append(real(*args))
        return calls[-1]

    monkeypatch.setattr(attempts_room, "find_reference", find_reference)
    return calls


@pytest.mark.parametrize(("on_collapse", "n_members"), [("repair", 1), ("warn", 1), ("warn", 3)])
def test_the_reference_is_trained_once_for_all_attempts_at_a_network(on_collapse, n_members, references):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        clf = deep(on_collapse=on_collapse, n_members=n_members).fit(X, Y)
    assert len(references) == n_members
    assert any(clf.collapse_report_.evidence.reference is reference for reference in references)


def test_without_a_signal_one_reference_is_enough_for_all_networks(references):
    X, y = np.random.default_rng(0).normal(size=(300, 4)), np.arange(300) % 2
    with pytest.warns(CollapseWarning, match="No signal"):
        small(n_members=3).fit(X, y)
    assert len(references) == 1


def test_networks_that_are_judged_on_the_same_rows_share_their_reference(references):
    with pytest.warns(CollapseWarning):
        deep(on_collapse="warn", n_members=2).fit(X, Y, X_val=X[::3], y_val=Y[::3])
    assert len(references) == 1


def test_no_reference_is_trained_where_a_collapse_is_ignored(references):
    clf = deep(on_collapse="ignore").fit(X, Y)
    assert references == []
    assert clf.collapse_report_.outcome is Outcome.CONSTANT


def test_the_reference_is_trained_once_even_where_there_is_none(references, monkeypatch):
    monkeypatch.setattr(attempts_room, "find_reference", lambda *args: references.append(None))
    with pytest.warns(CollapseWarning):
        clf = deep(on_collapse="repair").fit(X, Y)
    assert references == [None]
    assert clf.collapse_report_.outcome is Outcome.CONSTANT


def test_a_plainly_good_fit_trains_no_reference(references):
    clf = small(max_iter=10).fit(X, Y)
    assert references == []
    assert clf.collapse_report_.evidence is None


def test_without_held_out_rows_the_reference_is_cross_validated(references):
    with pytest.warns(CollapseWarning):
        clf = deep(on_collapse="warn", early_stopping=False).fit(X, Y)
    assert clf.collapse_report_.judged_on != "held-out rows"
    assert 0.8 < references[0].linear < 1.0


class Follower:
    """Counts what it is told."""

    def __init__(self):
        self.trainings, self.epochs, self.histories = [], [], []

    def training_begins(self, training):
        self.trainings.append(training)

    def epoch_ends(self, network, epoch):
        self.epochs.append(epoch)
        return False

    def training_ends(self, network, history):
        self.histories.append(history)


def test_trainings_and_epochs_of_all_attempts_are_told():
    clf, follower = deep(), Follower()
    rows = read_rows(clf, X, Y, None)
    settings = FitSettings.of(clf)
    (split,) = split_rows(settings, rows, None, 0)
    plan, workers = make_plan(settings, split, 0), open_workers(1, 1)
    (network,) = workers.run([train_until_sound(settings, split, plan, 0, workers, watcher=follower)])
    attempt, repairs = network.kept, network.repairs
    assert len(repairs) == MAX_REPAIRS
    assert [(training.network, training.attempt) for training in follower.trainings] == [(0, 0), (0, 1), (0, 2)]
    assert follower.trainings[0].learning_rate == attempt.search.learning_rate
    assert [training.learning_rate for training in follower.trainings[1:]] == [r.learning_rate for r in repairs]
    assert [epoch.number for epoch in follower.epochs] == [1, 2, 3] * (1 + MAX_REPAIRS)
    assert [h.validation_loss[-1] for h in follower.histories] == [e.validation_loss for e in follower.epochs[2::3]]
    assert len(network.trainings) == 1 + MAX_REPAIRS
    assert attempt.history in network.trainings
    assert attempt.outcome.outcome is Outcome.CONSTANT
    assert attempt.evidence.outcome == attempt.outcome
    assert attempt.findings[0].cause is Cause.VANISHING_GRADIENT
