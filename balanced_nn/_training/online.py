"""How does a network learn from one batch of rows after another? What `partial_fit` does with each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from balanced_nn._causes.report import CollapseReport
from balanced_nn._collapse.outcome import find_outcome
from balanced_nn._data.dataset import Dataset, class_mass
from balanced_nn._data.labelled_rows import LabelledRows, read_labelled
from balanced_nn._data.names import listed_labels
from balanced_nn._data.target import read_target
from balanced_nn._network.ensemble import Member
from balanced_nn._network.network import Network
from balanced_nn._network.specs import History, LearningRateSearch, OptimizerState
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._probability.calibration import HeldOut
from balanced_nn._probability.correction import Correction
from balanced_nn._sampling.weights import class_weight_vector
from balanced_nn._training.attempts import make_task
from balanced_nn._training.auto_settings import auto_batch_size
from balanced_nn._training.going_on import Reached, check_same_shape
from balanced_nn._training.learning_rate import (
    RANGE_TEST_RATES,
    SAFETY_OF_FEW_PASSES,
    range_test_rates,
    search_learning_rate,
)
from balanced_nn._training.preparation import Plan, Split, clean_rows, correction_of, network_spec, training_spec
from balanced_nn._training.settings import FitSettings
from balanced_nn._typing import FloatArray

PARTIAL_FIT = "partial_fit"  # why a training ended: it goes on with the next batch
TO_JUDGE = "partial_fit holds no rows out: judge others with diagnose(clf, X, y)."
_NETWORK = 8  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Learned:
    """The networks behind a batch, and what the next one goes on from."""

    members: tuple[Member, ...]
    reached: Reached
    prior: FloatArray  # class frequencies so far
    class_weight: FloatArray
    search: LearningRateSearch | None  # that of the first batch; None where there was none with this one


@dataclass(frozen=True, eq=False)
class _Balance:
    """What the rows that came so far say of the classes."""

    class_weight: FloatArray
    factor: FloatArray  # of the weight of a row of each class, so that those of all rows so far have a mean of 1
    prior: FloatArray
    row_mass: float  # mean weight of a row


def learns_in_batches(estimator: BaseEstimator) -> bool:
    """Whether an estimator has `partial_fit`, as scikit-learn's ``available_if`` asks.

    Raises
    ------
    AttributeError
        If `sampler` is not None, with what to do instead.
    """
    if estimator.sampler is not None:
        raise AttributeError(
            f"sampler={estimator.sampler!r} needs all rows of a class at once, and partial_fit sees a batch. "
            'Set sampler=None: class_weight="balanced" balances the classes over all batches.'
        )
    return True


def read_batch(
    estimator: BaseEstimator, X: Any, y: ArrayLike, classes: ArrayLike | None, sample_weight: ArrayLike | None
) -> LabelledRows:
    """Check a batch of rows; the first one sets ``n_features_in_``.

    Parameters
    ----------
    estimator : estimator
        With ``classes_``, unless nothing was fitted yet.
    X, y, classes, sample_weight
        What `partial_fit` was given.

    Raises
    ------
    ValueError
        If `classes` is missing in the first call, or others than before, and if `y` holds a label beside them.
    """
    known = getattr(estimator, "classes_", None)
    if known is None and classes is None:
        raise ValueError(
            "classes must be passed on the first call to partial_fit: all labels that any batch will hold, as in "
            "partial_fit(X, y, classes=[0, 1])."
        )
    if classes is not None:
        named = np.unique(read_target(classes, classes, name="classes"))
        if known is not None and not np.array_equal(known, named):
            raise ValueError(
                f"classes names {listed_labels(named)}, but on the call before they were {listed_labels(known)}. "
                "Leave classes out, or begin anew with a clone."
            )
        if len(named) < 2:
            raise ValueError(
                f"classes names 1 class, {listed_labels(named)}; a classifier needs at least two. Name all labels that "
                "any batch will hold."
            )
        known = named if known is None else known
    assert known is not None
    return read_labelled(estimator, X, y, sample_weight, known, reset=not hasattr(estimator, "members_"))


def learn_batch(
    settings: FitSettings,
    batch: LabelledRows,
    members: tuple[Member, ...],
    reached: Reached | None,
    draw_seed: Callable[[], int],
) -> Learned:
    """Train each network for one pass over a batch; the first batch makes the networks and their preprocessing.

    Parameters
    ----------
    settings : FitSettings
    batch : LabelledRows
    members : tuple of Member
        The networks so far; empty before the first batch.
    reached : Reached or None
        How far they have come; None before the first batch.
    draw_seed : callable
        Called for the first batch.

    Raises
    ------
    ValueError
        If a setting is not that of the networks, if a batch has one row and there is BatchNorm, or if the weights are
        no longer finite.
    """
    _check_rows(settings, batch)
    n_classes = len(batch.classes)
    if reached is None:
        n_members = 1 if settings.n_members == "auto" else int(settings.n_members)
        nothing = np.zeros(n_classes)
        reached = Reached(draw_seed(), nothing.astype(np.intp), nothing, (nothing,) * n_members)
    else:
        check_same_shape(settings, members)
    size = reached.batch_size or auto_batch_size(len(batch.y))
    own = class_mass(batch.y, batch.weight, n_classes)
    now = replace(
        reached,
        class_rows=reached.class_rows + np.bincount(batch.y, minlength=n_classes),
        class_mass=reached.class_mass + own,
        n_batches=reached.n_batches + 1,
        batch_size=size,
    )
    balance = _balance(settings, now, batch)
    trained = tuple(mass + own * balance.factor for mass in reached.trained_mass)
    lesson = _Lesson(settings, batch, balance, size if settings.batch_size == "auto" else int(settings.batch_size), now)
    search, further, optimizers = None, [], []
    for number, mass in enumerate(trained):
        correction = correction_of(settings, _frequencies(np.where(mass > 0, mass, balance.row_mass * balance.factor)))
        optimizer = reached.optimizers[number] if reached.optimizers else None
        if members:
            member = members[number]
        else:
            member, found = lesson.begin(number, correction, None if search is None else search.learning_rate)
            search = search or found
        member, optimizer = lesson.train(number, member, correction, optimizer)
        further.append(member)
        optimizers.append(optimizer)
    now = replace(now, trained_mass=trained, optimizers=tuple(optimizers))
    return Learned(tuple(further), now, balance.prior, balance.class_weight, search)


def nothing_held_out(n_classes: int) -> HeldOut:
    """No rows to tune or to calibrate on."""
    scores, y = np.empty((0, n_classes), np.float32), np.empty(0, np.intp)
    return HeldOut(scores, y, np.empty(0), in_training=False, network=np.empty(0, np.uint16))


def nothing_judged(classes: np.ndarray) -> CollapseReport:
    """Say that no row was held out, and hence nothing is known of the outcome."""
    facts = find_outcome(np.empty(0, np.intp), np.empty((0, len(classes))))
    return CollapseReport(facts, tuple(classes.tolist()), "held-out rows", hints=(TO_JUDGE,))


def _check_rows(settings: FitSettings, batch: LabelledRows) -> None:
    if settings.batch_norm and len(batch.y) < 2:
        raise ValueError(
            "X holds 1 row of a weight above 0, which gives BatchNorm no variance to measure. Pass batches of some "
            "hundreds of rows, or set batch_norm=False."
        )


def _balance(settings: FitSettings, now: Reached, batch: LabelledRows) -> _Balance:
    """Weigh the classes by all rows so far; a class that has not come yet counts as one row."""
    n_rows, mass = now.class_rows.sum(), now.class_mass
    row_mass = float(mass.sum() / n_rows)
    counted = np.where(mass > 0, mass, row_mass)
    class_weight = class_weight_vector(settings.class_weight, np.arange(len(mass)), counted, batch.classes)
    return _Balance(class_weight, class_weight * (n_rows / (mass @ class_weight)), _frequencies(counted), row_mass)


def _frequencies(mass: FloatArray) -> FloatArray:
    return mass / mass.sum()


@dataclass(frozen=True, eq=False)
class _Lesson:
    """A batch, and how it is learned."""

    settings: FitSettings
    batch: LabelledRows
    balance: _Balance
    batch_size: int
    now: Reached

    def begin(
        self, number: int, correction: Correction, rate: float | None
    ) -> tuple[Member, LearningRateSearch | None]:
        """Make a network and its preprocessing from the batch, with a rate that was set, is given or is searched."""
        split = Split(self.batch, None, valid_was_given=False, notes=(), number=number)
        settings = self.settings
        if len(np.unique(self.batch.y)) < 2:  # no column says anything about the classes yet
            settings = replace(settings, screen_columns=False, n_bins=None)
        preprocessing, cleaned = clean_rows(settings, split)
        plan = self._plan(preprocessing, preprocessing.expand(cleaned), correction, None)
        task = make_task(plan, int(np.random.default_rng([self.now.seed, _NETWORK, number]).integers(2**31)))
        search = None
        if settings.learning_rate_init != "auto":
            rate = float(settings.learning_rate_init)
        elif rate is None:
            from balanced_nn._training.keras.train import run_range_test  # deferred: loads TensorFlow

            trace = run_range_test(task, range_test_rates(*RANGE_TEST_RATES))
            search = search_learning_rate(trace, safety=SAFETY_OF_FEW_PASSES)
            rate = search.learning_rate
        return Member(preprocessing, task.initial, correction, _no_history(rate), ()), search

    def train(
        self, number: int, member: Member, correction: Correction, optimizer: OptimizerState | None
    ) -> tuple[Member, OptimizerState]:
        """Let a network make one pass over the batch."""
        X = member.preprocessing.expand(member.preprocessing.clean(self.batch.table, self.batch.rows))
        plan = self._plan(member.preprocessing, X, correction, member.network)
        seed = np.random.default_rng([self.now.seed, _NETWORK, number, self.now.n_batches]).integers(2**31)
        task = make_task(plan, int(seed))
        from balanced_nn._training.keras.train import train_further  # deferred: loads TensorFlow

        wanted = self.settings.learning_rate_init
        rate = member.history.learning_rate if wanted == "auto" else float(wanted)
        network, optimizer, loss = train_further(task, rate, optimizer)
        if not network.is_finite:
            raise ValueError(
                f"With learning_rate={rate:g} the weights are no longer finite behind this batch, which was therefore "
                "not learned. Lower learning_rate_init, and look for extreme values in X."
            )
        before = member.history if member.history.stop_reason == PARTIAL_FIT else _no_history(rate)
        losses = (*before.train_loss, loss)
        history = replace(
            before,
            train_loss=losses,
            learning_rate=rate,
            best_epoch=len(losses),
            n_steps=before.n_steps + task.steps_per_epoch,
        )
        return Member(member.preprocessing, network, correction, history, (history,)), optimizer

    def _plan(self, preprocessing: Preprocessing, X: FloatArray, correction: Correction, start: Network | None) -> Plan:
        batch, n_rows = self.batch, len(self.batch.y)
        n_drawn = -(-n_rows // self.batch_size) * self.batch_size  # batches are full: some rows come once more
        weight = batch.weight * self.balance.factor[batch.y] * (n_rows / n_drawn)
        data = Dataset(X, np.arange(n_rows), batch.y, weight)
        return Plan(
            network=network_spec(self.settings, X.shape[1], len(batch.classes)),
            training=training_spec(self.settings, self.batch_size, stops=False),
            preprocessing=preprocessing,
            width=preprocessing.possible_width,
            class_weight=self.balance.class_weight,
            data=data,
            judged=data,
            judged_rows=batch.rows,
            held_out=False,
            judged_on="",
            correction=correction,
            notes=(),
            start=start,
        )


def _no_history(rate: float) -> History:
    return History((), (), (), rate, 0, 0, PARTIAL_FIT)
