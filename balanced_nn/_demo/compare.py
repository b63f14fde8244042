"""How well do the networks do on the same split? Fits and measures all in the same way."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from sklearn.metrics import average_precision_score, balanced_accuracy_score, confusion_matrix, log_loss, recall_score

from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._collapse.outcome import Outcome, find_outcome
from balanced_nn._demo.plain_keras import LEARNING_RATE, fit_plain_mlp, load_keras
from balanced_nn._demo.survey import CLASSES, Survey, load_survey, split_survey
from balanced_nn._typing import FloatArray, IntArray


@dataclass(frozen=True)
class Result:
    """What one network did: fitted on the training part, measured on the test part."""

    name: str
    confusion: tuple[tuple[int, int], tuple[int, int]]  # rows: true class, columns: answered class
    recall: tuple[float, float]  # fraction, by class
    balanced_accuracy: float  # fraction
    average_precision: float  # of the rare class
    log_loss: float  # nats
    mean_proba: float  # of the rare class, over all test rows
    outcome: Outcome  # of what `predict` answered
    learning_rate: float
    n_epochs: int
    seconds: float  # to fit, with TensorFlow already loaded

    @property
    def found(self) -> int:
        """Number of rows of the rare class that were found."""
        return self.confusion[1][1]

    @property
    def single_answer(self) -> str | None:
        """The class that all rows were answered with; None where both were answered."""
        answered = [sum(column) for column in zip(*self.confusion, strict=True)]
        return None if all(answered) else CLASSES[int(np.argmax(answered))]


@dataclass(frozen=True)
class Comparison:
    """All networks on one split."""

    seed: int
    n_train: int
    n_train_rare: int
    n_test: int
    n_test_rare: int
    plain: Result
    weighted: Result  # the plain one with class weights
    ours: Result

    @property
    def results(self) -> tuple[Result, Result, Result]:
        """Of each network, in the order of a table."""
        return self.plain, self.weighted, self.ours

    @property
    def share(self) -> float:
        """Fraction of the test rows that are of the rare class."""
        return self.n_test_rare / self.n_test


def compare(seed: int = 0, *, tell: Callable[[str], None] = lambda _: None) -> Comparison:
    """Fit each network on one split of the health survey and measure it.

    Parameters
    ----------
    seed : int, default=0
        Seed of the split and of each network.
    tell : callable, default=lambda _: None
        Called with a line before each step that takes seconds.

    Returns
    -------
    Comparison
    """
    train, test = split_survey(load_survey(), seed)
    load_keras()  # here, so that no network is charged for it
    tell("Fitting the plain Keras MLP ...")
    plain = _measure_plain("plain Keras MLP", train, test, seed, balanced=False)
    tell("Fitting the same with class weights ...")
    weighted = _measure_plain("with class weights", train, test, seed, balanced=True)
    tell("Fitting BalancedNNClassifier() ...")
    ours = _measure_ours(train, test, seed)
    return Comparison(seed, len(train), train.n_rare, len(test), test.n_rare, plain, weighted, ours)


def compare_seeds(seeds: Iterable[int], *, tell: Callable[[str], None] = lambda _: None) -> list[Comparison]:
    """Compare on several splits, one a seed."""
    comparisons = []
    for seed in seeds:
        tell(f"Seed {seed} ...")
        comparisons.append(compare(seed))
    return comparisons


def _measure_plain(name: str, train: Survey, test: Survey, seed: int, *, balanced: bool) -> Result:
    start = perf_counter()
    network = fit_plain_mlp(train.X, train.class_index, seed=seed, balanced=balanced)
    fit = LEARNING_RATE, network.n_epochs, perf_counter() - start
    return _score_answers(name, train, test, network.predict_proba(test.X), network.predict(test.X), fit)


def _measure_ours(train: Survey, test: Survey, seed: int) -> Result:
    start = perf_counter()
    network = BalancedNNClassifier(random_state=seed).fit(train.X, train.y)
    fit = network.learning_rate_, network.n_iter_, perf_counter() - start
    proba = network.predict_proba(test.X)[:, [list(network.classes_).index(label) for label in CLASSES]]
    answers = (network.predict(test.X) == CLASSES[1]).astype(np.intp)
    return _score_answers("BalancedNNClassifier", train, test, proba, answers, fit)


def _score_answers(
    name: str, train: Survey, test: Survey, proba: FloatArray, answers: IntArray, fit: tuple[float, int, float]
) -> Result:
    y = test.class_index
    (a, b), (c, d) = confusion_matrix(y, answers, labels=[0, 1]).tolist()
    share = train.n_rare / len(train)
    recall_common, recall_rare = recall_score(y, answers, labels=[0, 1], average=None).tolist()
    learning_rate, n_epochs, seconds = fit
    return Result(
        name=name,
        confusion=((a, b), (c, d)),
        recall=(recall_common, recall_rare),
        balanced_accuracy=float(balanced_accuracy_score(y, answers)),
        average_precision=float(average_precision_score(y, proba[:, 1])),
        log_loss=float(log_loss(y, proba, labels=[0, 1])),
        mean_proba=float(proba[:, 1].mean()),
        outcome=find_outcome(y, proba, answers, prior=(1.0 - share, share)).outcome,
        learning_rate=float(learning_rate),
        n_epochs=int(n_epochs),
        seconds=seconds,
    )
