"""Does the report say what happened, in words that a person understands and in plain values?"""

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier, CollapseReport
from balanced_nn._causes.evidence import Cause, Curve, Evidence, data_facts
from balanced_nn._causes.report import SWAPPED, TO_TELL
from balanced_nn._causes.rules import Finding
from balanced_nn._collapse.baseline import Reference, compare_with_reference
from balanced_nn._collapse.outcome import Outcome, find_outcome
from balanced_nn._replay.changes import Change
from balanced_nn._replay.trials import Trial

REMEDIES = ("Do this.", "Do that.")
NOISE = np.linspace(-0.01, 0.01, 20)


def a_report(p, predicted=None, y=None, remedies=REMEDIES) -> CollapseReport:
    truth = np.repeat([0, 1], [15, 5]) if y is None else y
    facts = find_outcome(truth, np.column_stack([1 - p, p]), predicted, prior=[0.5, 0.5])
    return CollapseReport(facts, ("no", "yes"), "held-out rows", hints=remedies)


HEALTHY = a_report(np.repeat([0.1, 0.9], [15, 5]) + NOISE, remedies=())
CONSTANT = a_report(np.full(20, 0.3))
ONE_CLASS = a_report(0.3 + NOISE[np.random.default_rng(0).permutation(20)] * 2)
THRESHOLD = a_report(0.3 + 2 * NOISE)
MISSING = CollapseReport(
    find_outcome(np.arange(30) % 3, np.eye(3)[np.arange(30) % 3 % 2] * 0.8 + 0.1, prior=np.full(3, 1 / 3)),
    ("a", "b", "c"),
    "rows given for validation",
    hints=("Do this.",),
)


def with_reference(report: CollapseReport, linear: float, trees: float = 0.5) -> CollapseReport:
    reference = Reference(linear, trees)
    facts = compare_with_reference(report.facts, reference)
    data = data_facts(np.zeros((20, 1)), np.repeat([0, 1], [15, 5]), 2)
    return replace(report, facts=facts, evidence=Evidence(facts, data, reference))


WORSE = with_reference(a_report(np.tile([0.2, 0.8, 0.8, 0.2], 5)), 0.95)
NO_SIGNAL = with_reference(CONSTANT, 0.5)
RATE = Finding(
    Cause.LEARNING_RATE_TOO_LOW,
    "the weights moved by 0.02 %, less than 1 %",
    0.0002,
    0.01,
    0.86,
    remedy="Retrain with Adam at 0.001.",
    code="import keras\n\nfresh.fit(X_train, y_train)",
    change={"learning_rate_init": np.float64(1e-3), "hidden_layer_sizes": (256, 128)},
)
SCALE = Finding(Cause.UNSCALED_FEATURES, "A column reaches 1e+06.", 1e6, 100.0, 0.4, remedy="Scale <them>.", code="s()")
EPOCHS = Finding(Cause.STOPPED_TOO_EARLY, "The loss still fell.", 0.1, 0.05, 0.3, remedy="Train longer.")
SIZE = Finding(Cause.NETWORK_TOO_SMALL, "", 2.0, 4.0, 0.1, remedy="Widen.")


@pytest.mark.parametrize(
    ("report", "outcome", "collapsed", "text"),
    [
        (
            HEALTHY,
            Outcome.HEALTHY,
            False,
            "No collapse: the answers differ (20 held-out rows; recall no 100%, yes 100%",
        ),
        (CONSTANT, Outcome.CONSTANT, True, "Collapsed: the same probability for every row (20 held-out rows; "),
        (ONE_CLASS, Outcome.ONE_CLASS, True, "Collapsed: every row is answered no (20 held-out rows; recall no 100%"),
        (THRESHOLD, Outcome.THRESHOLD, False, "Every row is answered no, although the scores separate the classes"),
        (MISSING, Outcome.MISSING, True, "Collapsed: never answers c (30 rows given for validation; recall a 100%"),
    ],
    ids=["healthy", "constant", "one_class", "threshold", "missing"],
)
def test_every_outcome_has_its_sentence(report, outcome, collapsed, text):
    assert report.outcome is outcome
    assert report.collapsed is collapsed
    assert str(report).startswith(text)


def test_a_healthy_report_gives_no_advice():
    assert "What to do" not in str(HEALTHY)
    assert "\n" not in str(HEALTHY)


def test_the_remedies_come_in_order_behind_the_facts():
    facts, advice = str(CONSTANT).split("\n")
    assert facts.endswith("healthy is above 0.001).")
    assert advice == "What to do: Do this. Or: Do that."


def test_missing_classes_are_labels():
    assert MISSING.missing_classes == ["c"]
    assert HEALTHY.missing_classes == []


def test_a_report_reads_like_an_answer():
    report = replace(CONSTANT, causes=(RATE, SCALE, EPOCHS, SIZE))
    headline, *lines = str(report).split("\n")
    assert headline.startswith("Collapsed: the same probability for every row (20 held-out rows; ")
    assert lines == [
        "Why: the learning rate is too low (very likely, 86%). The weights moved by 0.02 %, less than 1 %.",
        "What to do: Retrain with Adam at 0.001.",
        "    import keras",
        "",
        "    fresh.fit(X_train, y_train)",
        "Less likely: the features are not scaled. A column reaches 1e+06. Scale <them>.",
        "Less likely: training stopped too early. The loss still fell. Train longer.",
        "Or: Do this. Or: Do that.",
    ]


@pytest.mark.parametrize(
    ("confidence", "words"),
    [(1.0, "almost certain, 100%"), (0.75, "very likely"), (0.6, "likely, 60%"), (0.3, "possible"), (0.1, "a guess")],
)
def test_how_sure_we_are_is_said_in_words(confidence, words):
    assert f"({words}" in str(replace(CONSTANT, causes=(replace(RATE, confidence=confidence),)))


def test_confirmed_causes_come_first_and_are_mended_together():
    """Both have to go: the first one's code is that for both."""
    scale, epochs = replace(SCALE, status="confirmed"), replace(EPOCHS, status="confirmed")
    text = str(replace(CONSTANT, causes=(replace(RATE, status="refuted"), scale, epochs), hints=()))
    assert text.split("\n")[1:] == [
        "Why: the features are not scaled (confirmed by training again). A column reaches 1e+06.",
        "And: training stopped too early (confirmed by training again). The loss still fell.",
        "What to do: Scale <them>. And: Train longer.",
        "    s()",
        "Ruled out by training again: the learning rate is too low. The weights moved by 0.02 %, less than 1 %.",
    ]


def test_plausible_causes_are_said_to_be_untried():
    assert "(very likely, 86%, not tried)" in str(replace(CONSTANT, causes=(replace(RATE, status="plausible"),)))


def test_refuted_causes_give_no_advice():
    report = replace(CONSTANT, causes=(replace(RATE, status="refuted"), SCALE))
    assert report.remedies == ("Scale <them>.", *REMEDIES)
    only = replace(CONSTANT, causes=(replace(RATE, status="refuted"),))
    assert "What to do: Do this. Or: Do that." in str(only)
    assert RATE.remedy not in str(only)


def test_remedies_are_unique_and_in_order():
    report = replace(CONSTANT, causes=(RATE, SCALE, replace(EPOCHS, remedy=RATE.remedy), replace(SIZE, remedy="")))
    assert report.remedies == (RATE.remedy, "Scale <them>.", "Do this.", "Do that.")


def test_a_hint_that_is_a_remedy_too_is_given_once():
    text = str(replace(CONSTANT, causes=(replace(RATE, remedy="Do this."),)))
    assert text.count("Do this.") == 1
    assert text.endswith("Or: Do that.")


def test_where_no_cause_stands_out_the_report_says_so():
    looked = with_reference(CONSTANT, 0.9)
    why = "Why: no cause stands out in what was measured. Ruled out: class imbalance, bad labels."
    assert f"\n{why}\nWhat to do: Do this. Or: Do that." in str(looked)


def test_a_failure_of_which_every_cause_was_refuted_says_so():
    again = replace(with_reference(CONSTANT, 0.9), causes=(replace(RATE, status="refuted"),))
    assert "\nWhy: no cause stands out in what was measured. Ruled out: " in str(again)


@pytest.mark.parametrize(("label", "name"), [(0, "no"), (1, "yes")])
def test_rows_of_one_class_tell_nothing_and_the_report_says_what_would(label, name):
    report = a_report(np.linspace(0.1, 0.9, 20), y=np.full(20, label), remedies=())
    assert report.headline == f"Nothing can be told: all rows to judge on are labelled {name}"
    assert "No collapse" not in str(report)
    assert str(report).endswith(
        "What to do: Judge rows of at least two classes: shuffle sorted rows before some are held out."
    )
    assert report.to_dict()["outcome"] == "unknown"
    assert report.remedies == (TO_TELL,)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"roc_auc": 0.96, "predicted_share": (1.0, 0.0)}, "although the scores separate the classes"),
        ({"roc_auc": 0.58, "predicted_share": (1.0, 0.0)}, "tell too little for a rare class to be the most probable"),
        ({"ranking": 0.8}, "balanced accuracy 0.55, against 0.80 where the classes are taken as equally frequent"),
        ({"ranking": 0.52}, "balanced accuracy 0.55, although they rank the rows well"),
        ({"ranking": 0.52, "best": 0.9}, "balanced accuracy 0.55, against 0.90 of logistic regression"),
    ],
)
def test_words_on_the_decision_set_the_answers_beside_what_is_better(numbers, words):
    best = numbers.pop("best", 0.5)
    usual = {"outcome": Outcome.THRESHOLD, "recall": (1.0, 0.1), "roc_auc": 0.9, "predicted_share": (0.9, 0.1)}
    facts = replace(THRESHOLD.facts, **{**usual, **numbers})
    data = data_facts(np.zeros((20, 1)), np.repeat([0, 1], [15, 5]), 2)
    report = replace(THRESHOLD, facts=facts, evidence=Evidence(facts, data, Reference(best, 0.5)))
    assert words in report.headline


@pytest.mark.parametrize(
    ("recall", "words"),
    [
        ((0.9, 0.0), "No collapse: the answers differ, but no row of yes is found, too few to tell why"),
        ((0.0, 0.0), "No collapse: the answers differ, but no row of no, yes is found, too few to tell why"),
        ((0.9, 0.1), "No collapse: the answers differ"),
        ((0.9, None), "No collapse: the answers differ"),
    ],
)
def test_a_class_that_is_never_found_is_named_though_it_is_too_rare_for_a_collapse(recall, words):
    assert replace(HEALTHY, facts=replace(HEALTHY.facts, recall=recall)).headline == words


def test_rows_ranked_the_wrong_way_round_tell_nothing():
    report = replace(HEALTHY, facts=replace(HEALTHY.facts, outcome=Outcome.UNKNOWN, roc_auc=0.04))
    assert "Nothing can be told: the scores rank these rows the wrong way round (" in str(report)
    assert str(report).endswith(f"What to do: {SWAPPED}")


def test_a_report_on_many_classes_speaks_of_the_one_quick_model_that_was_trained():
    report = with_reference(CONSTANT, 0.5, float("nan"))
    assert "a quick model stays at chance too: logistic regression 0.50, chance is 0.50" in str(report)
    assert "nan" not in str(report)


def test_no_row_tells_nothing():
    report = a_report(np.empty(0), y=np.empty(0, dtype=int))
    assert report.headline == "Nothing can be told: there is no row to judge on"
    assert "no cause" not in str(CONSTANT)  # nobody looked
    assert "no cause" not in str(NO_SIGNAL)


def test_a_collapse_is_set_beside_the_reference():
    assert "On the same rows the balanced accuracy of logistic regression is 0.90, chance is 0.50." in str(
        with_reference(CONSTANT, 0.9)
    )


def test_a_weak_model_is_compared_with_the_reference():
    assert WORSE.outcome is Outcome.WORSE_THAN_REFERENCE
    reached = f"balanced accuracy {WORSE.facts.balanced_accuracy:.2f}"
    assert str(WORSE).startswith(
        f"The answers differ, but are worse than they could be: {reached}, "
        "against 0.95 of logistic regression on the same rows (20 held-out rows; recall no "
    )
    assert str(replace(WORSE, evidence=None)).startswith(
        f"The answers differ, but are worse than they could be: {reached}, which"
    )


def test_no_signal_is_no_fault_of_the_model():
    assert not NO_SIGNAL.collapsed
    assert str(NO_SIGNAL).startswith(
        "No signal was found: the features do not predict the labels (20 held-out rows; balanced accuracy 0.50; "
        "baselines stay at chance too: logistic regression 0.50, small boosted trees 0.50, chance is 0.50)."
    )
    assert "baselines" not in str(replace(NO_SIGNAL, evidence=None))


def test_a_healthy_report_names_no_cause():
    assert str(replace(HEALTHY, causes=(RATE,), hints=REMEDIES)) == str(HEALTHY)


def test_a_lag_that_may_be_chance_is_told_and_is_no_failure():
    lagging = with_reference(a_report(np.tile([0.2, 0.8, 0.2, 0.2, 0.2], 4), remedies=()), 0.7)
    assert lagging.outcome is Outcome.HEALTHY
    said = str(lagging).splitlines()[1]
    assert said.startswith("In doubt: balanced accuracy 0.")
    assert "against 0.70 of logistic regression" in said
    assert "may be chance" in said


def test_where_no_quick_model_does_better_the_best_change_is_told():
    found = replace(WORSE.evidence, reference=None, trials=(Trial((Change.EPOCHS_TIMES_10,), 0.97, True, 1.0),))
    report = replace(WORSE, evidence=found)
    assert "against 0.97 of the same training with ten times as many epochs" in report.headline


def test_every_cause_has_words():
    assert all(cause.words for cause in Cause)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], set(), ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("report", [HEALTHY, CONSTANT, replace(CONSTANT, causes=(RATE, SCALE)), WORSE, NO_SIGNAL])
def test_the_html_is_self_contained_and_says_the_same(report):
    page = _Tags()
    page.feed(report._repr_html_())
    assert page.open == []
    assert page.seen <= {"div", "strong", "em", "pre"}
    squeezed = "".join(page.text.split())
    assert "".join(str(report).split()) == squeezed
    assert "http" not in report._repr_html_()


def test_the_html_escapes_labels():
    report = replace(ONE_CLASS, classes=("<script>", "b"))
    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()


def test_the_dictionary_holds_causes_and_evidence_as_plain_values():
    report = with_reference(replace(CONSTANT, causes=(RATE,)), 0.9, float("nan"))
    report = replace(report, evidence=replace(report.evidence, curve=Curve((0.7, float("inf")))))
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert facts == report.to_dict()
    assert facts["causes"][0]["cause"] == "learning_rate_too_low"
    assert facts["causes"][0]["change"] == {"learning_rate_init": 1e-3, "hidden_layer_sizes": [256, 128]}
    assert facts["evidence"]["reference"] == {
        "linear": 0.9,
        "trees": None,
        "flexible": None,
        "is_truth_table": False,
    }
    assert facts["evidence"]["curve"]["loss"] == [0.7, None]
    assert HEALTHY.to_dict()["evidence"] is None


@pytest.mark.parametrize("report", [HEALTHY, CONSTANT, ONE_CLASS, THRESHOLD, MISSING, WORSE, NO_SIGNAL])
def test_the_dictionary_is_plain(report):
    facts = report.to_dict()
    assert json.loads(json.dumps(facts))["outcome"] == report.outcome.value
    assert type(facts["outcome"]) is str
    assert facts["collapsed"] is report.collapsed
    assert facts["judged_on"] == report.judged_on
    assert facts["remedies"] == list(report.remedies)
    assert facts["n_rows"] == report.facts.n_rows


@pytest.mark.parametrize("labels", ["int", "bool", "str", "float"])
def test_the_report_of_a_fit_is_plain_and_names_the_users_labels(labels):
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    y = {"int": y * 5 - 3, "bool": y == 1, "str": np.where(y, "up", "down"), "float": y * 0.5 * 2}[labels]
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, random_state=0).fit(X, y)
    report = clf.collapse_report_
    assert report.outcome is Outcome.HEALTHY
    assert report.judged_on == "held-out rows"
    assert report.facts.n_rows == 30
    assert json.loads(json.dumps(report.to_dict()))["classes"] == np.unique(y).tolist()
    assert all(f"{label!s} " in str(report) for label in np.unique(y))
    assert "np." not in str(report)


def test_rows_given_for_validation_are_the_ones_judged():
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, random_state=0).fit(X, y, X_val=X[:70], y_val=y[:70])
    assert clf.collapse_report_.judged_on == "rows given for validation"
    assert clf.collapse_report_.facts.n_rows == 70


def test_without_early_stopping_training_rows_are_judged_and_the_sentence_reads_well():
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, early_stopping=False, random_state=0).fit(X, y)
    assert clf.collapse_report_.judged_on.startswith("training rows")
    assert clf.collapse_report_.facts.n_rows == 200
    assert "(200 training rows" in str(clf.collapse_report_)


def test_the_decision_of_the_user_is_no_collapse():
    """A threshold that nothing passes answers one class; the network is healthy all the same."""
    X, y = make_classification(n_samples=200, n_features=4, n_redundant=0, class_sep=2, random_state=0)
    clf = BalancedNNClassifier((16,), max_iter=5, batch_size=32, decision=1 - 1e-9, random_state=0).fit(X, y)
    assert clf.predict(X).tolist() == [0] * 200
    assert clf.collapse_report_.outcome is Outcome.HEALTHY


@pytest.mark.parametrize("report", [HEALTHY, CONSTANT, ONE_CLASS], ids=lambda report: report.outcome.value)
def test_a_report_shows_itself_in_a_line_and_prints_in_full(report):
    causes = tuple(Finding(cause, "seen " * 99, 1.0, 0.0, 0.5) for cause in list(Cause)[:9])
    shown = repr(replace(report, causes=causes, judged_on="training rows, as none were held out"))
    first = f"CollapseReport(outcome={report.outcome.value!r}, causes=[{causes[0].cause.value!r}, "
    assert shown.startswith(first)
    assert len(shown) < 200
    assert str(report).startswith(report.headline)


def test_fitted_objects_show_themselves_without_their_arrays():
    X, y = make_classification(200, 20, random_state=0)
    clf = BalancedNNClassifier((8,), max_iter=9, n_members=1, decision="f1", on_collapse="ignore", random_state=0)
    clf.fit(X, y)
    for shown in (*clf.members_, clf.history_, clf.preprocessing_, clf.network_, clf.lr_search_, clf.decision_rule_):
        assert len(repr(shown)) < 350
