"""Do decisions answer what they say, in words and in numbers?"""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, fbeta_score, make_scorer, roc_auc_score

from balanced_nn._decision.rule import DecisionRule, decision_notes, read_decision
from balanced_nn._decision.threshold_tuning import Tuning
from balanced_nn._probability.calibration import HeldOut
from balanced_nn.exceptions import DecisionWarning

BINARY, THREE = ("no", "yes"), ("a", "b", "c")
EVEN, RARE = np.array([0.5, 0.5]), np.array([0.9, 0.1])
COSTS3 = [[0, 1, 2], [4, 0, 1], [20, 5, 0]]

proba2 = st.floats(0.001, 0.999).map(lambda p: np.array([[1 - p, p]]))
proba3 = arrays(float, (6, 3), elements=st.floats(0.01, 1)).map(lambda p: p / p.sum(axis=1, keepdims=True))
priors3 = arrays(float, 3, elements=st.floats(0.01, 1)).map(lambda p: p / p.sum())


def rule_of(decision, classes=BINARY, prior=None, *, class_weight=None, rows=None):
    prior = np.full(len(classes), 1 / len(classes)) if prior is None else prior
    return read_decision(decision, classes, class_weight).rule(prior, rows)


def answers(rule, proba):
    return [rule.classes[index] for index in rule.decide(np.log(proba))]


def held_out(n_rows=400, prior=RARE, *, in_training=False, seed=0):
    """Rows whose exact scores are known."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(prior), n_rows, p=prior)
    scores = 2.0 * (2.0 * np.eye(len(prior))[y] + rng.normal(size=(n_rows, len(prior))))
    return HeldOut(log_softmax(scores, axis=1).astype(np.float32), y, np.ones(n_rows), in_training)


# ---------------------------------------------------------------- balanced, argmax, threshold, stated weights


def test_the_balanced_rule_maximises_balanced_accuracy_where_the_posterior_is_known():
    rng = np.random.default_rng(0)
    y = (rng.random(20_000) < 0.05).astype(int)
    x = rng.normal(loc=1.5 * y)
    log_odds = 1.5 * x - 1.5**2 / 2 + np.log(0.05 / 0.95)
    log_proba = log_softmax(np.column_stack([np.zeros(20_000), log_odds]), axis=1)
    prior = np.array([0.95, 0.05])
    balanced = balanced_accuracy_score(y, rule_of("balanced", prior=prior).decide(log_proba))
    best = max(balanced_accuracy_score(y, x > t) for t in np.linspace(-1, 3, 81))
    assert balanced > best - 0.005
    assert balanced_accuracy_score(y, rule_of("argmax", prior=prior).decide(log_proba)) < 0.7


@given(proba3, priors3)
def test_the_balanced_rule_answers_the_class_that_gained_most_on_its_frequency(proba, prior):
    ratio = np.sort(proba / prior, axis=1)
    clear = ratio[:, -1] > ratio[:, -2] * (1 + 1e-9)
    found = rule_of("balanced", THREE, prior).decide(np.log(proba))
    np.testing.assert_array_equal(found[clear], (proba / prior).argmax(axis=1)[clear])


@given(proba3, priors3)
def test_argmax_answers_the_most_probable_class_at_any_frequencies(proba, prior):
    found = rule_of("argmax", THREE, prior).decide(np.log(proba))
    np.testing.assert_array_equal(found, np.log(proba).argmax(axis=1))


@given(st.floats(0.01, 0.99), proba2)
def test_a_threshold_answers_the_second_class_above_it(threshold, proba):
    assume(abs(proba[0, 1] - threshold) > 1e-9)
    for given_as in (threshold, np.float64(threshold)):
        assert rule_of(given_as, prior=RARE).decide(np.log(proba))[0] == int(proba[0, 1] > threshold)


@pytest.mark.parametrize("threshold", [1e-9, 0.2, 1 - 1e-9])
def test_a_threshold_is_what_the_rule_says_it_is(threshold):
    assert rule_of(threshold).threshold == pytest.approx(threshold, rel=1e-6)


def test_a_tie_goes_to_the_first_class():
    assert answers(rule_of("argmax"), [[0.5, 0.5]]) == ["no"]
    assert answers(rule_of("balanced", THREE), [[1 / 3, 1 / 3, 1 / 3]]) == ["a"]


def test_stated_costs_weigh_the_probabilities():
    # 10 * 0.2 > 0.8, and 10 * 0.05 < 0.95; the threshold is 1 / (1 + 10).
    rule = rule_of("auto", prior=RARE, class_weight=np.array([1.0, 10.0]))
    assert rule.name == "weights"
    assert answers(rule, [[0.8, 0.2], [0.95, 0.05]]) == ["yes", "no"]
    assert rule.threshold == pytest.approx(1 / 11)


def test_auto_without_costs_is_the_balanced_rule():
    rule = rule_of("auto", prior=RARE)
    assert rule.name == "balanced"
    assert rule.threshold == pytest.approx(0.1)


@pytest.mark.parametrize("decision", ["balanced", "argmax", 0.3, [[0, 1], [2, 0]], "f1"])
def test_stated_costs_matter_to_auto_alone(decision):
    rows = held_out()
    with_weights = rule_of(decision, prior=RARE, class_weight=np.array([1.0, 10.0]), rows=rows)
    np.testing.assert_array_equal(with_weights.log_offsets, rule_of(decision, prior=RARE, rows=rows).log_offsets)


@pytest.mark.parametrize(
    ("decision", "before", "after"),
    [
        ("balanced", 0.1, 0.3),
        ("argmax", 0.5, 0.5),
        (0.25, 0.25, 0.25),
        ([[0, 1], [4, 0]], 0.2, 0.2),
    ],
)
def test_only_the_balanced_threshold_follows_the_class_frequencies(decision, before, after):
    wanted = read_decision(decision, BINARY, None)
    assert wanted.rule(RARE).threshold == pytest.approx(before)
    assert wanted.rule(np.array([0.7, 0.3])).threshold == pytest.approx(after)


# ---------------------------------------------------------------- costs


@pytest.mark.parametrize(
    ("costs", "threshold"),
    [
        ([[0, 1], [9, 0]], 0.1),  # a false alarm costs 1, a miss 9: 1 / (1 + 9)
        ([[0, 3], [1, 0]], 0.75),
        ([[1, 3], [10, 2]], 0.2),  # beyond the right answers 2 and 8: 2 / (2 + 8)
        ([[-5, 0], [0, -45]], 0.1),  # gains of right answers, negated
        (np.array([[0, 0.5], [0.5, 0]]), 0.5),
    ],
)
def test_the_threshold_of_two_classes_is_worked_out_from_their_costs(costs, threshold):
    rule = rule_of(costs)
    assert rule.threshold == pytest.approx(threshold)
    assert answers(rule, [[1 - threshold + 0.01, threshold - 0.01]]) == ["no"]
    assert answers(rule, [[1 - threshold - 0.01, threshold + 0.01]]) == ["yes"]


def test_the_lowest_expected_cost_of_three_classes_is_worked_out_by_hand():
    # Columns are answers. For 0.7, 0.2, 0.1:   a costs 0.2 * 4 + 0.1 * 20 = 2.8, b 0.7 + 0.1 * 5 = 1.2, c 1.4 + 0.2.
    #                      For 0.9, 0.09, 0.01: a costs 0.36 + 0.2 = 0.56, b 0.9 + 0.05 = 0.95, c 1.8 + 0.09 = 1.89.
    #                      For 0.5, 0.1, 0.4:   a costs 0.4 + 8 = 8.4, b 0.5 + 2 = 2.5, c 1 + 0.1 = 1.1.
    proba = [[0.7, 0.2, 0.1], [0.9, 0.09, 0.01], [0.5, 0.1, 0.4]]
    rule = rule_of(COSTS3, THREE)
    assert answers(rule, proba) == ["b", "a", "c"]
    expected = [[2.8, 1.2, 1.6], [0.56, 0.95, 1.89], [8.4, 2.5, 1.1]]
    np.testing.assert_allclose(-rule.scores(np.log(proba)), expected)
    assert rule.threshold is None


costs_of_right_answers = arrays(float, 3, elements=st.floats(-5, 5))
extra_costs = arrays(float, (3, 3), elements=st.floats(0, 10)).map(lambda costs: costs * (1 - np.eye(3)))


@given(proba3, costs_of_right_answers, extra_costs)
def test_no_other_answer_is_expected_to_cost_less(proba, right, extra):
    assume(extra.max() > 0.01)
    costs = right[:, None] + extra
    expected = proba @ costs
    found = expected[np.arange(6), rule_of(costs, THREE).decide(np.log(proba))]
    np.testing.assert_allclose(found, expected.min(axis=1), atol=1e-9)


@given(proba2, st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-3, 3), st.floats(-3, 3))
def test_two_classes_have_the_answer_of_lowest_expected_cost(proba, alarm, miss, right_no, right_yes):
    costs = np.array([[right_no, right_no + alarm], [right_yes + miss, right_yes]])
    expected = (proba @ costs)[0]
    assume(abs(expected[0] - expected[1]) > 1e-9)
    assert rule_of(costs).decide(np.log(proba))[0] == expected.argmin()


@given(proba3, extra_costs, st.permutations(range(3)))
def test_permuting_the_classes_of_a_matrix_permutes_the_answers(proba, costs, order):
    assume(costs.max() > 0.01)
    expected = np.sort(proba @ costs, axis=1)
    clear = expected[:, 1] > expected[:, 0] + 1e-9
    plain = answers(rule_of(costs, THREE), proba)
    permuted = answers(rule_of(costs[np.ix_(order, order)], [THREE[i] for i in order]), proba[:, order])
    assert np.array_equal(np.array(plain)[clear], np.array(permuted)[clear])


@given(proba3, st.floats(0.01, 100))
def test_the_unit_of_costs_changes_nothing(proba, unit):
    expected = np.sort(proba @ np.array(COSTS3), axis=1)
    clear = expected[:, 1] > expected[:, 0] + 1e-9
    plain, scaled = (rule_of(scale * np.array(COSTS3, float), THREE).decide(np.log(proba)) for scale in (1, unit))
    np.testing.assert_array_equal(plain[clear], scaled[clear])


def test_equal_costs_of_all_errors_are_argmax():
    proba = np.random.default_rng(0).dirichlet([1, 1, 1], 200)
    equal = rule_of(1 - np.eye(3), THREE).decide(np.log(proba))
    np.testing.assert_array_equal(equal, rule_of("argmax", THREE).decide(np.log(proba)))


@pytest.mark.parametrize(
    ("costs", "answer"),
    [([[0, 0], [5, 0]], "yes"), ([[0, 5], [0, 0]], "no"), ([[2, 2], [7, 3]], "yes")],
)
def test_where_one_error_is_free_the_other_is_avoided_always(costs, answer):
    rule = rule_of(costs)
    assert answers(rule, [[0.999, 0.001], [0.001, 0.999]]) == [answer, answer]
    assert rule.threshold is None
    assert np.isfinite(rule.scores(np.log([[0.3, 0.7]]))).all()


def test_a_class_of_three_may_be_confused_for_free():
    # Rows of "a" may be answered as anything; only "b" and "c" are told apart, by 3 to 1.
    rule = rule_of([[0, 0, 0], [3, 0, 3], [1, 1, 0]], THREE)
    assert answers(rule, [[0.9, 0.04, 0.06], [0.9, 0.02, 0.08]]) == ["b", "c"]


# ---------------------------------------------------------------- scores


@pytest.mark.parametrize(
    ("decision", "classes"),
    [
        ("balanced", BINARY),
        ("argmax", THREE),
        (0.2, BINARY),
        ([[0, 1], [9, 0]], BINARY),
        ([[0, 0], [5, 0]], BINARY),
        (COSTS3, THREE),
        ("auto", THREE),
        ("f1", BINARY),
        ("f1_macro", THREE),
    ],
)
def test_the_largest_score_is_the_answer(decision, classes):
    n_classes = len(classes)
    prior = np.arange(n_classes, 0.0, -1) / np.arange(1, n_classes + 1).sum()
    weight = np.arange(1.0, n_classes + 1)
    rule = rule_of(decision, classes, prior, class_weight=weight, rows=held_out(prior=prior))
    log_proba = np.log(np.random.default_rng(0).dirichlet(np.ones(n_classes), 300))
    scores = rule.scores(log_proba)
    assert scores.shape == (300, n_classes)
    np.testing.assert_array_equal(scores.argmax(axis=1), rule.decide(log_proba))
    if rule.threshold is not None:
        np.testing.assert_array_equal(rule.decide(log_proba) == 1, np.exp(log_proba[:, 1]) > rule.threshold)


# ---------------------------------------------------------------- tuned metrics


@pytest.mark.parametrize(
    ("metric", "name"), [("f1", "f1"), ("f1_score", "f1_score"), (make_scorer(fbeta_score, beta=2), "fbeta_score")]
)
def test_a_metric_is_tuned_on_the_rows_at_their_frequencies(metric, name):
    rows = held_out(4000)
    rule = rule_of(metric, prior=RARE, rows=rows)
    assert rule.name == name
    assert rule.tuning.metric == name
    assert rule.tuning.n_rows == 4000
    np.testing.assert_array_equal(rule.log_offsets, rule.tuning.log_offsets)
    best = max(f1_score(rows.y, rows.log_proba_at(RARE)[:, 1] > np.log(t)) for t in np.linspace(0.05, 0.9, 86))
    if name == "f1":
        assert f1_score(rows.y, rule.decide(rows.log_proba_at(RARE))) > best - 0.02


def test_tuning_follows_the_class_frequencies():
    """At ten times the frequency of the second class more rows are answered so."""
    rows, wanted = held_out(4000), read_decision("f1", BINARY, None)
    at_home, abroad = wanted.rule(RARE, rows), wanted.rule(EVEN, rows)
    shares = [np.mean(rule.decide(rows.log_proba_at(p))) for rule, p in ((at_home, RARE), (abroad, EVEN))]
    assert shares[0] < shares[1]
    assert abroad.tuning.score > at_home.tuning.score  # the F1 score of a frequent class is higher


def test_recall_is_weighed_more_by_a_larger_beta():
    rows = held_out(4000)
    thresholds = [rule_of(make_scorer(fbeta_score, beta=b), prior=RARE, rows=rows).threshold for b in (0.5, 1, 3)]
    assert thresholds[0] > thresholds[1] > thresholds[2]


@pytest.mark.parametrize(
    "metric", ["balanced_accuracy", "balanced_accuracy_score", make_scorer(balanced_accuracy_score)]
)
def test_for_balanced_accuracy_the_thresholds_are_known_and_not_tuned(metric):
    rule = rule_of(metric, THREE, np.array([0.7, 0.2, 0.1]))
    assert rule.name == "balanced"
    assert rule.tuning is None
    np.testing.assert_allclose(rule.log_offsets, -np.log([0.7, 0.2, 0.1]))


def test_a_scorer_that_wants_little_balanced_accuracy_is_tuned():
    scorer = make_scorer(balanced_accuracy_score, greater_is_better=False)
    assert rule_of(scorer, prior=RARE, rows=held_out()).tuning is not None


# ---------------------------------------------------------------- in words

TUNED = Tuning("f1", 0.4567, 300, 20, np.array([0.0, 1.0]), np.array([[0.0, 0.5], [0.0, 2.0]]))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            rule_of("balanced", prior=RARE),
            "Balanced, so each class counts the same: answers yes where its probability is above 0.1.",
        ),
        (
            rule_of("balanced", THREE, np.array([0.6, 0.3, 0.1])),
            "Balanced, so each class counts the same: answers the class with the largest probability after "
            "scaling (a x 1, b x 2, c x 6).",
        ),
        (rule_of("argmax"), "Argmax: answers yes where its probability is above 0.5."),
        (
            rule_of(0.123456),
            "A threshold set by hand: answers yes where its probability is above 0.123.",
        ),
        (
            rule_of("auto", class_weight=np.array([1.0, 9.0])),
            "Weighted by the costs in class_weight: answers yes where its probability is above 0.1.",
        ),
        (
            rule_of("auto", THREE, class_weight=np.array([2.0, 1.0, 5.0])),
            "Weighted by the costs in class_weight: answers the class with the largest probability after "
            "scaling (a x 2, b x 1, c x 5).",
        ),
        (rule_of([[0, 1], [3, 0]]), "Lowest expected cost: answers yes where its probability is above 0.25."),
        (
            DecisionRule("f1", BINARY, np.array([0.0, np.log(4.0)]), tuning=TUNED),
            # 1 / (1 + e^0.5) = 0.378 and 1 / (1 + e^2) = 0.119
            "Tuned for f1: answers yes where its probability is above 0.2. Found on 300 rows, 20 of the rarest class, "
            "where f1 is 0.457; nine in ten resamples of these rows put the threshold between 0.119 and 0.378, the "
            "training left out.",
        ),
        (
            DecisionRule("f1", BINARY, np.array([0.0, np.log(4.0)]), tuning=replace(TUNED, n_networks=4)),
            "Tuned for f1: answers yes where its probability is above 0.2. Found on 300 rows, 20 of the rarest class, "
            "where f1 is 0.457; about four in five fits with other seeds would put the threshold between 0.119 and "
            "0.378.",
        ),
        (
            DecisionRule("f1", THREE, np.log([1.0, 2.5, 8.0]), tuning=TUNED),
            "Tuned for f1: answers the class with the largest probability after scaling (a x 1, b x 2.5, c x 8)."
            " Found on 300 rows, 20 of the rarest class, where f1 is 0.457.",
        ),
        (
            rule_of("balanced", (0, 1), RARE),
            "Balanced, so each class counts the same: answers 1 where its probability is above 0.1.",
        ),
    ],
)
def test_a_rule_says_what_it_does(rule, text):
    assert str(rule) == text


@pytest.mark.parametrize("classes", [BINARY, THREE])
def test_costs_that_no_threshold_expresses_are_printed(classes):
    costs = [[0, 0], [5, 0]] if classes == BINARY else COSTS3
    printed = str(rule_of(costs, classes))
    assert printed.startswith("Lowest expected cost: answers the class with the lowest expected cost, given the costs ")
    assert printed.endswith(f"{np.array(costs, float).tolist()}.")


def test_argmax_of_three_classes_is_said_once():
    printed = str(rule_of("argmax", THREE))
    assert "most probable class" in printed.lower()
    assert len(re.findall("most probable class", printed, flags=re.IGNORECASE)) == 1


@pytest.mark.parametrize("threshold", [0.9999, 0.99996, 1e-7])
def test_a_threshold_near_the_end_is_not_rounded_to_it(threshold):
    stated = re.search("above (.*)[.]$", str(rule_of(threshold)))
    assert stated is not None
    assert 0 < float(stated[1]) < 1


def test_a_tuned_rule_speaks_of_the_rows_and_the_spread():
    rule = rule_of("f1", prior=RARE, rows=held_out())
    pattern = (
        r"^Tuned for f1: answers yes where its probability is above (\S+)\. Found on 400 rows, \d+ of the rarest "
        r"class, where f1 is 0\.\d+; nine in ten resamples of these rows put the threshold between (\S+) and (\S+), "
        r"the training left out\.$"
    )
    stated = re.match(pattern, str(rule))
    assert stated is not None
    threshold, low, high = map(float, stated.groups())
    assert low <= threshold <= high


# ---------------------------------------------------------------- what the user is warned of


def notes_of(decision, rows, prior=RARE, classes=BINARY):
    return [str(note) for note in decision_notes(rule_of(decision, classes, prior, rows=rows), rows, prior)]


@pytest.mark.parametrize("decision", ["balanced", "argmax", 0.01, 0.99, [[0, 0], [1, 0]]])
@pytest.mark.parametrize("in_training", [False, True])
def test_a_rule_that_was_not_tuned_is_not_warned_of(decision, in_training):
    assert notes_of(decision, held_out(in_training=in_training)) == []


def test_a_tuned_rule_of_held_out_rows_with_several_answers_is_not_warned_of():
    assert notes_of("f1", held_out()) == []


def test_tuning_on_rows_of_the_training_is_warned_of():
    (note,) = notes_of("f1", held_out(in_training=True))
    assert note == (
        "decision='f1' was tuned on training rows, as none were held out; on these the network looks better than "
        "it is. Use early_stopping=True with enough rows to hold out, or pass other rows to set_decision."
    )


def rows_that_all_look_the_same(*, in_training=False):
    return HeldOut(np.full((100, 2), np.log(0.5), np.float32), np.repeat([0, 1], [90, 10]), np.ones(100), in_training)


@pytest.mark.parametrize(("decision", "answer"), [("accuracy", "no"), ("f1", "yes"), ("recall", "yes")])
def test_a_metric_that_a_single_answer_makes_best_is_warned_of_and_never_advised(decision, answer):
    (note,) = notes_of(decision, rows_that_all_look_the_same())
    advised = '"balanced_accuracy".' if decision == "f1" else '"f1" or "balanced_accuracy".'
    assert note == (
        f"For decision={decision!r} the best answer is {answer} for every row tuned on. Use a metric that counts "
        f"both kinds of error, such as {advised}"
    )


@pytest.mark.parametrize("decision", ["recall", "precision"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_metric_of_one_kind_of_error_is_warned_of(decision, seed):
    notes = notes_of(decision, held_out(seed=seed))
    assert len(notes) == 1
    assert re.search(r"one kind of error only|the best answer is \w+ for every row", notes[0])
    assert notes[0].endswith('such as "f1" or "balanced_accuracy".')


@pytest.mark.parametrize("positive", [0, 1])
def test_thresholds_and_words_are_those_of_the_positive_class(positive):
    rule = read_decision(0.2, ("churn", "stay"), None, positive=positive).rule(RARE)
    assert rule.threshold == pytest.approx(0.2)
    assert str(rule).endswith(f"answers {('churn', 'stay')[positive]} where its probability is above 0.2.")
    proba = np.array([[0.3, 0.7], [0.1, 0.9], [0.9, 0.1]])
    expected = [0, 1, 0] if positive == 0 else [1, 1, 0]
    assert rule.decide(np.log(proba)).tolist() == expected


@pytest.mark.parametrize("metric", ["f1", make_scorer(fbeta_score, beta=2), "jaccard"])
def test_a_metric_is_tuned_for_the_positive_class(metric):
    """Turning the classes round turns the answers round, up to the draw of the resamples."""
    rows = held_out(4000)
    turned = replace(rows, scores=rows.scores[:, ::-1], y=1 - rows.y)
    rule = read_decision(metric, ("no", "yes"), None).rule(RARE, rows)
    other = read_decision(metric, ("churn", "stay"), None, positive=0).rule(RARE[::-1], turned)
    assert other.threshold == pytest.approx(rule.threshold, abs=0.03)
    assert np.mean(other.decide(rows.scores[:, ::-1]) != rule.decide(rows.scores)) > 0.99


def test_both_warnings_may_come_together_and_are_decision_warnings():
    rows = rows_that_all_look_the_same(in_training=True)
    notes = decision_notes(rule_of("f1", prior=RARE, rows=rows), rows, RARE)
    assert len(notes) == 2
    assert all(isinstance(note, DecisionWarning) for note in notes)


# ---------------------------------------------------------------- what is refused

NOT_UNDERSTOOD = (
    r"is not understood\. Give .* the name of a metric, a threshold as a float between 0 and 1, or a matrix of costs: "
    r"2 rows \(true classes no, yes\) of 2 finite numbers"
)


@pytest.mark.parametrize(
    ("decision", "classes", "message"),
    [
        (0.3, THREE, r"decision=0\.3 is a threshold, which needs two classes; y holds 3\. Use decision=\"balanced\""),
        (0.0, BINARY, r"decision=0\.0 is not a threshold on a probability\. Give a number between 0 and 1"),
        (1.0, BINARY, r"decision=1\.0 is not a threshold on a probability"),
        (1.7, BINARY, r"decision=1\.7 is not a threshold on a probability"),
        (float("nan"), BINARY, "decision=nan is not a threshold on a probability"),
        ([[0, 1]], BINARY, NOT_UNDERSTOOD),
        ([0, 1], BINARY, NOT_UNDERSTOOD),
        ([[0, 1], [2]], BINARY, NOT_UNDERSTOOD),
        ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], BINARY, NOT_UNDERSTOOD),
        ([["a", "b"], ["c", "d"]], BINARY, NOT_UNDERSTOOD),
        ([[0, np.nan], [1, 0]], BINARY, NOT_UNDERSTOOD),
        ([[0, np.inf], [1, 0]], BINARY, NOT_UNDERSTOOD),
        ({"no": 1, "yes": 2}, BINARY, NOT_UNDERSTOOD),
        (None, BINARY, f"decision=None {NOT_UNDERSTOOD}"),
        (1, BINARY, f"decision=1 {NOT_UNDERSTOOD}"),
        (
            COSTS3[:2],
            THREE,
            r"matrix of costs: 3 rows \(true classes a, b, c\) of 3 finite numbers \(the answers, in the",
        ),
        (
            [[3, 1], [5, 0]],
            BINARY,
            r"in which for class no the right answer costs 3, and yes 1\. Give costs that are lowest for the right "
            r"answers; for gains, pass their negatives\.",
        ),
        (np.eye(3), THREE, "in which for class . the right answer costs 1, and . 0"),
        (
            [[0, 0], [0, 0]],
            BINARY,
            r"in which no answer costs more than the right one\. Give costs that are lowest for the right",
        ),
        ([[2, 2], [2, 2]], BINARY, "in which no answer costs more than the right one"),
        ([[1, 1, 1], [2, 2, 2], [0, 0, 0]], THREE, "in which no answer costs more than the right one"),
        ("f-score", BINARY, 'decision=\'f-score\' is neither "auto", "balanced"'),
        ("roc_auc", BINARY, "decision='roc_auc' reads decision_function or predict_proba, and no decision changes it"),
        (make_scorer(roc_auc_score, response_method="predict_proba"), BINARY, "decision='roc_auc_score' reads predict"),
        (
            roc_auc_score,
            BINARY,
            r"is not a scikit-learn scorer\. Pass the name of one, or what sklearn\.metrics\.make_",
        ),
        (lambda y_true, y_pred: 0.0, BINARY, "is not a scikit-learn scorer"),
        ("f1", THREE, "decision='f1' cannot be computed for these classes: .*use, for example, \"f1_macro\""),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(decision, classes, message):
    with pytest.raises(ValueError, match=message):
        read_decision(decision, classes, None)


def test_stated_costs_do_not_hide_a_decision_that_does_not_fit():
    with pytest.raises(ValueError, match="needs two classes"):
        read_decision(0.3, THREE, np.ones(3))
