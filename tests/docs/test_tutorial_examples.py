"""Are the classic ways to collapse answered as docs/collapse.md says? Runs the page, and each case with other seeds."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, log_loss, recall_score
from sklearn.model_selection import train_test_split

from balanced_nn import BalancedNNClassifier
from balanced_nn.exceptions import CollapseWarning

PAGE = (Path(__file__).parents[2] / "docs/collapse.md").read_text()
SECTIONS = re.split(r"^## ", PAGE, flags=re.M)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
NUMBER = re.compile(r"\d+\.\d+|\d+e-\d+")
Split = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def blocks(section: str, language: str) -> str:
    return "\n".join(text for name, text in BLOCK.findall(section) if name == language)


def steady(output: str) -> list[str]:
    """Lines without the one outcome that differs between versions of TensorFlow, and without advice."""
    chance = ("ours, 10.0, batch_norm=True", "    What to do")
    return [line for line in output.splitlines() if not line.startswith(chance)]


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS[1:], ids=lambda section: section.splitlines()[0].split(".")[0])
def test_the_page_prints_what_it_shows(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    for part in (SECTIONS[0], section):
        exec(compile(blocks(part, "python"), "docs/collapse.md", "exec"), namespace)
    printed, shown = steady(capsys.readouterr().out), steady(blocks(section, "text"))
    assert [NUMBER.sub("#", line) for line in printed] == [NUMBER.sub("#", line) for line in shown]
    for now, then in zip(printed, shown, strict=True):
        if now.startswith("plain") or "10.0" in now or "1e-07" in now:
            continue  # what is left to chance there differs between versions of Keras and between processors
        assert [float(x) for x in NUMBER.findall(now)] == pytest.approx(
            [float(x) for x in NUMBER.findall(then)], abs=0.25
        )


def clouds(n_common: int, n_rare: int, distance: float, seed: int) -> Split:
    y = np.repeat([0, 1], [n_common, n_rare])
    X = np.random.default_rng(seed).normal(size=(len(y), 8)) + y[:, None] * distance / np.sqrt(8)
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)


@contextmanager
def caught_collapses() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CollapseWarning)
        yield caught


@pytest.mark.parametrize("seed", [1, 2])
def test_both_classes_are_found_at_900_to_100(seed: int) -> None:
    X, X_test, y, y_test = clouds(900, 100, 1.0, seed)
    clf = BalancedNNClassifier(random_state=seed).fit(X, y)
    assert clf.collapse_report_.outcome.value == "healthy"
    assert recall_score(y_test, clf.predict(X_test), average=None).min() > 0.4
    assert clf.predict_proba(X_test)[:, 1].mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("seed", [1, 2])
def test_both_classes_are_found_at_99_to_1(seed: int) -> None:
    X, X_test, y, y_test = clouds(1980, 20, 1.6, seed)
    clf = BalancedNNClassifier(random_state=seed).fit(X, y)
    assert recall_score(y_test, clf.predict(X_test), average=None).min() > 0.25
    assert clf.predict_proba(X_test)[:, 1].mean() < 0.05


@pytest.mark.parametrize(("rate", "batch_norm"), [(10.0, False), (1e-7, False), (1e-7, True)])
def test_a_bad_learning_rate_set_by_hand_is_named_in_a_warning(rate: float, batch_norm: bool) -> None:
    X, _, y, _ = clouds(900, 100, 2.0, 0)
    clf = BalancedNNClassifier(learning_rate_init=rate, batch_norm=batch_norm, on_collapse="warn", random_state=0)
    with pytest.warns(CollapseWarning, match=f'learning_rate_init was set to {rate} by hand: leave it at "auto"'):
        clf.fit(X, y)
    assert clf.learning_rate_ == rate
    assert clf.repairs_ == ()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_searched_learning_rate_beats_those_set_by_hand(batch_norm: bool) -> None:
    X, X_test, y, y_test = clouds(900, 100, 2.0, 0)
    losses = {}
    for rate in ("auto", 10.0, 1e-7):
        clf = BalancedNNClassifier(
            learning_rate_init=rate, batch_norm=batch_norm, on_collapse="ignore", random_state=0
        ).fit(X, y)
        losses[rate] = log_loss(y_test, clf.predict_proba(X_test))
        if rate == "auto":
            assert balanced_accuracy_score(y_test, clf.predict(X_test)) > 0.7
    assert losses["auto"] == min(losses.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_features_that_are_a_thousand_times_larger_do_not_drown_the_others(seed: int) -> None:
    X, X_test, y, y_test = clouds(900, 100, 2.0, seed)
    unit = np.repeat([1000.0, 1.0], [5, 3])
    clf = BalancedNNClassifier(random_state=seed).fit(X * unit, y)
    assert recall_score(y_test, clf.predict(X_test * unit), average=None).min() > 0.6


def test_deep_sigmoid_layers_are_named_in_a_warning() -> None:
    X, _, y, _ = clouds(400, 200, 2.0, 1)
    clf = BalancedNNClassifier((64,) * 8, activation="logistic", batch_norm=False, random_state=1)
    remedy = "8 layers of logistic units without BatchNorm lose the gradient: use activation='relu' and batch_norm=True"
    with pytest.warns(CollapseWarning, match=remedy):
        clf.fit(X, y)
    assert clf.collapse_report_.outcome.value == "constant"


def test_the_default_activation_trains_at_the_same_depth() -> None:
    X, X_test, y, y_test = clouds(400, 200, 2.0, 1)
    clf = BalancedNNClassifier((64,) * 8, random_state=1).fit(X, y)
    assert balanced_accuracy_score(y_test, clf.predict(X_test)) > 0.7


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_labels_give_chance_the_prior_and_no_hidden_collapse(seed: int) -> None:
    X, X_test, y, y_test = clouds(1400, 600, 0.0, seed)
    with caught_collapses() as caught:
        clf = BalancedNNClassifier(random_state=seed).fit(X, y)
    proba = clf.predict_proba(X_test)
    assert balanced_accuracy_score(y_test, clf.predict(X_test)) == pytest.approx(0.5, abs=0.08)
    assert proba[:, 1].mean() == pytest.approx(0.3, abs=0.05)
    assert np.abs(proba[:, 1] - 0.3).mean() < 0.1
    assert log_loss(y_test, proba) < log_loss(y_test, np.full(len(y_test), 0.3)) + 0.05
    assert len(np.unique(clf.predict(X_test))) == 2 or clf.collapse_report_.collapsed
    assert bool(caught) == (clf.collapse_report_.outcome.value != "healthy")
