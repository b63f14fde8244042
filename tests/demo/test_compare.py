"""Does the demonstration compare fairly, and does it say what it found?"""

import subprocess
import sys
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from balanced_nn._collapse.outcome import Outcome
from balanced_nn._demo.compare import Comparison, Result, compare
from balanced_nn._demo.report import conclude, format_comparison, format_seeds
from balanced_nn._demo.survey import CLASSES, load_survey, split_survey

PLAIN = Result(
    name="plain Keras MLP",
    confusion=((90, 0), (10, 0)),
    recall=(1.0, 0.0),
    balanced_accuracy=0.5,
    average_precision=0.31,
    log_loss=0.3,
    mean_proba=0.11,
    outcome=Outcome.THRESHOLD,
    learning_rate=1e-3,
    n_epochs=7,
    seconds=6.0,
)
WEIGHTED = replace(
    PLAIN,
    name="with class weights",
    confusion=((60, 30), (1, 9)),
    recall=(60 / 90, 0.9),
    balanced_accuracy=0.78,
    log_loss=0.6,
    mean_proba=0.41,
    outcome=Outcome.HEALTHY,
)
OURS = replace(
    PLAIN,
    name="BalancedNNClassifier",
    confusion=((70, 20), (2, 8)),
    recall=(70 / 90, 0.8),
    balanced_accuracy=0.79,
    average_precision=0.3,
    outcome=Outcome.HEALTHY,
    learning_rate=0.0123,
)
COMPARISON = Comparison(
    seed=3, n_train=200, n_train_rare=20, n_test=100, n_test_rare=10, plain=PLAIN, weighted=WEIGHTED, ours=OURS
)


@pytest.fixture(scope="module")
def real() -> Comparison:
    return compare(0)


def test_the_data_are_as_the_attribution_says() -> None:
    survey = load_survey()
    licence = (files("balanced_nn._demo") / "LICENSE-DATA.md").read_text()
    assert f"{len(survey):,} ({survey.n_rare} with prediabetes)" in licence.replace("\n", " ")
    assert f"The {survey.X.shape[1]} other" in licence.replace("\n", " ")
    assert np.isfinite(survey.X).all()


def test_reading_the_data_needs_neither_pandas_nor_tensorflow() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pandas', 'pyarrow', 'tensorflow', 'keras']));"
        "from balanced_nn._demo.survey import load_survey; load_survey()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_split_is_stratified_and_complete_and_depends_on_the_seed_alone() -> None:
    survey = load_survey()
    train, test = split_survey(survey, 5)
    again, _ = split_survey(survey, 5)
    other, _ = split_survey(survey, 6)
    assert len(train) + len(test) == len(survey)
    assert train.n_rare + test.n_rare == survey.n_rare
    assert train.n_rare / len(train) == pytest.approx(test.n_rare / len(test), rel=0.02)
    assert np.array_equal(train.X, again.X)
    assert not np.array_equal(train.X, other.X)


def test_the_plain_network_answers_one_class_and_ours_both(real: Comparison) -> None:
    assert real.plain.single_answer == CLASSES[0]
    assert real.plain.balanced_accuracy == 0.5
    assert real.ours.single_answer is None
    assert real.ours.outcome is Outcome.HEALTHY
    assert real.ours.balanced_accuracy > 0.6


def test_class_weights_find_the_rare_class_and_spoil_the_probabilities(real: Comparison) -> None:
    assert real.weighted.found > real.plain.found
    assert real.weighted.mean_proba > 2 * real.share
    assert real.ours.mean_proba == pytest.approx(real.share, abs=0.005)


def test_all_networks_are_measured_on_the_same_rows(real: Comparison) -> None:
    for result in real.results:
        assert [sum(row) for row in result.confusion] == [real.n_test - real.n_test_rare, real.n_test_rare]
        assert result.recall == pytest.approx([row[i] / sum(row) for i, row in enumerate(result.confusion)])
        assert np.mean(result.recall) == pytest.approx(result.balanced_accuracy)


def test_the_report_shows_every_number_of_all_networks_side_by_side() -> None:
    lines = {line[:24].strip(): line[24:].split() for line in format_comparison(COMPARISON).splitlines() if line[24:]}
    assert lines["true: no diabetes"] == ["90", "0", "60", "30", "70", "20"]
    assert lines["true: prediabetes"] == ["10", "0", "1", "9", "2", "8"]
    assert lines["recall of no diabetes"] == ["100.0%", "66.7%", "77.8%"]
    assert lines["recall of prediabetes"] == ["0.0%", "90.0%", "80.0%"]
    assert lines["balanced accuracy"] == ["0.500", "0.780", "0.790"]
    assert lines["average precision"] == ["0.310", "0.310", "0.300"]
    assert lines["log-loss"] == ["0.300", "0.600", "0.300"]
    assert lines["mean probability (10.0%)"] == ["11.0%", "41.0%", "11.0%"]
    assert lines["learning rate"] == ["0.001", "(fixed)", "0.001", "(fixed)", "0.012", "(found)"]
    assert lines["seconds to fit"] == ["6.0", "6.0", "6.0"]


def test_no_line_of_the_report_is_longer_than_110_characters() -> None:
    assert max(map(len, format_comparison(COMPARISON).splitlines())) <= 110


def test_the_sentences_name_a_single_answer_an_equal_ranking_and_the_mean_probabilities() -> None:
    assert conclude(COMPARISON) == (
        'The plain Keras MLP answers "no diabetes" for all 100 and so finds none of the 10 with prediabetes; '
        "the same with class weights finds 9 of the 10 with prediabetes, at 30 false alarms; "
        "BalancedNNClassifier finds 8 of the 10 with prediabetes, at 20 false alarms; both rank the adults about "
        "equally well (average precision 0.310 against 0.300), so the difference lies in what they answer. Of these "
        "adults 10.0% have prediabetes, and the mean probability is: the plain Keras MLP 11.0%, the same with class "
        "weights 41.0%, BalancedNNClassifier 11.0%."
    )


def test_the_sentence_is_as_frank_when_ours_is_the_worse_one() -> None:
    ours = replace(OURS, confusion=((90, 0), (10, 0)), average_precision=0.1)
    plain = replace(PLAIN, confusion=((89, 1), (5, 5)))
    assert conclude(replace(COMPARISON, plain=plain, ours=ours)).startswith(
        "The plain Keras MLP finds 5 of the 10 with prediabetes, at 1 false alarm; the same with class weights finds 9 "
        "of the 10 with prediabetes, at 30 false alarms; BalancedNNClassifier answers "
        '"no diabetes" for all 100 and so finds none of the 10 with prediabetes; the plain Keras MLP ranks the adults '
        "better (average precision 0.310 against 0.100). "
    )


def test_the_table_has_a_row_a_seed_and_counts_the_collapses() -> None:
    other = replace(COMPARISON, seed=4, plain=replace(PLAIN, confusion=((89, 1), (7, 3))))
    lines = format_seeds([COMPARISON, other]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| 3", "| 4"]
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[-1] == (
        "Of 2 splits, the plain MLP answered a single class on 1 and found at most 3 of the 10 adults with "
        "prediabetes; BalancedNNClassifier answered a single class on 0 and found at least 8."
    )
