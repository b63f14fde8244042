"""Which networks form the ensemble? Each is trained on different rows and corrected, then they are averaged."""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balanced_nn._causes.repair import Repair
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._data.dataset import thin_out
from balanced_nn._data.labelled_rows import LabelledRows
from balanced_nn._network.ensemble import Member
from balanced_nn._network.specs import LearningRateSearch
from balanced_nn._network.weight_averaging import SHARES, SMALLEST_GAIN
from balanced_nn._probability.calibration import Calibration, HeldOut, averaging_factor, calibrate, calibrate_mean
from balanced_nn._training.attempts import (
    Attempt,
    ReferenceFinder,
    TrainedNetwork,
    in_doubt,
    reference_finder,
    train_until_sound,
)
from balanced_nn._training.callbacks import CALLBACK, NOBODY, Watcher
from balanced_nn._training.checkpoint import Checkpoint
from balanced_nn._training.preparation import Split, make_plan, spill_together
from balanced_nn._training.settings import FitSettings
from balanced_nn._training.side_by_side import Steps, open_workers
from balanced_nn._typing import FloatArray

HELD_OUT_ROWS = 20_000  # of a class, at most, that are kept for decisions
COMPARED_ROWS = 1_000  # of a class, at most, on which the networks are compared
SMALLEST_PROBABILITY = 1e-300  # whose logarithm is still finite
# Outcomes of a training that did not fail, the mildest first.
_DOUBTS = (Outcome.HEALTHY, Outcome.THRESHOLD, Outcome.NO_SIGNAL, Outcome.UNKNOWN)
_MEMBER = 7  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Trained:
    """The networks that answer together."""

    networks: tuple[TrainedNetwork, ...]
    average_share: float = 0.0  # how far they were moved from their best epochs to the mean of the last ones

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempt that is kept of each."""
        return tuple(network.kept for network in self.networks)

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """Further attempts at all of them."""
        return tuple(repair for network in self.networks for repair in network.repairs)

    @property
    def notes(self) -> tuple[Warning, ...]:
        """What is to be told of the rows: that of the first network that has something to tell."""
        return next((attempt.plan.notes for attempt in self.attempts if attempt.plan.notes), ())

    @property
    def judged(self) -> Attempt:
        """The attempt that the report describes: the worst one where a training failed, else one of the majority.

        A part of few rows may look as if the features said nothing about the labels; most parts then do not.
        """
        worst = max(self.attempts, key=lambda attempt: attempt.rank)
        if worst.outcome.collapsed:
            return worst
        mildest_first = sorted(
            self.attempts, key=lambda attempt: (_DOUBTS.index(attempt.outcome.outcome), attempt.loss)
        )
        return mildest_first[(len(mildest_first) - 1) // 2]

    @property
    def changed(self) -> dict[str, Any]:
        """Settings that repairs changed in a network that is kept."""
        return {name: value for attempt in self.attempts for name, value in attempt.change.settings.items()}

    @property
    def members(self) -> tuple[Member, ...]:
        """What is needed to predict."""
        return tuple(network.member for network in self.networks)

    def held_out(self) -> HeldOut:
        """What each network predicts for the rows that it was not trained on; a part of them if there are very many.

        A row that several networks held out counts once, with the mean of their scores; it is attributed to the first.
        """
        plans = [attempt.plan for attempt in self.attempts]
        rows = np.concatenate([plan.judged_rows for plan in plans])
        _, first, same = np.unique(rows, return_index=True, return_inverse=True)
        network = np.repeat(np.arange(len(plans), dtype=np.uint16), [len(plan.judged_rows) for plan in plans])[first]
        y = np.concatenate([plan.judged.y for plan in plans])[first]
        weight = np.concatenate([plan.judged.weight for plan in plans])[first]
        proba = np.concatenate([np.exp(attempt.scores) for attempt in self.attempts])
        mean = np.zeros((len(first), proba.shape[1]))
        np.add.at(mean, same, proba)
        scores = np.log(np.maximum(mean / np.bincount(same)[:, None], SMALLEST_PROBABILITY))
        chosen, weight = thin_out(y, weight, HELD_OUT_ROWS)
        return HeldOut(
            scores[chosen].astype(np.float32),
            y[chosen],
            weight,
            in_training=not plans[0].held_out,
            network=network[chosen],
        )


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Networks, and their scores for held-out rows after calibration."""

    trained: Trained
    held_out: HeldOut
    calibration: Calibration  # of the networks one by one, as the held-out rows were answered
    of_mean: Calibration | None = None  # of the networks whose probabilities are averaged, where it is another one

    @property
    def of_ensemble(self) -> Calibration:
        """The calibration of each network before their probabilities are averaged."""
        return self.calibration if self.of_mean is None else self.of_mean

    @property
    def averaging_factor(self) -> float:
        """By what the temperature is multiplied for the mean of the networks."""
        return self.of_ensemble.temperature / self.calibration.temperature


def train_members(
    settings: FitSettings,
    splits: Sequence[Split],
    seed: int,
    watcher: Watcher = NOBODY,
    checkpoint: Checkpoint | None = None,
    *,
    hears_epochs: bool = True,
) -> Trained:
    """Steps 3 to 7 for each network: prepare its rows, train it, judge it, repair it.

    The learning rate is searched once, with the rows of the first network, and so are quick models asked whether the
    features tell anything of the labels. How many are trained at the same time changes nothing in the result.

    Parameters
    ----------
    settings : FitSettings
    splits : sequence of Split
        Training and validation rows of each network.
    seed : int
        Seed of the fit.
    watcher : Watcher, default=NOBODY
        Who is told how far it is, and may end it: after an epoch the training, after a network the fit.
    checkpoint : Checkpoint or None, default=None
        Where trainings are kept, and go on.
    hears_epochs : bool, default=True
        Whether the watcher needs to be told of each epoch; where not, networks may be trained in other processes.
    """
    splits = spill_together(settings, splits, [_seed_of(seed, split.number) for split in splits])
    on_disk = splits[0].spilled is not None
    workers = open_workers(settings.n_jobs, len(splits), hears_epochs=hears_epochs, all_at_once=on_disk)
    search: Future[LearningRateSearch | None] = Future()
    widths: list[int] = []  # that of the first network, as soon as it is known
    finders: list[ReferenceFinder] = []  # that of its rows

    def train(split: Split) -> Steps[tuple[TrainedNetwork, bool]]:
        own_seed = _seed_of(seed, split.number)
        plan = make_plan(settings, split, own_seed)
        if widths:  # folds differ by some columns, and a program takes seconds to compile
            plan = replace(plan, width=max(widths[0], plan.width if plan.network.n_inputs > widths[0] else 0))
        else:
            widths.append(plan.width)
            finders.append(reference_finder(settings, plan))
        of_first = split.train is splits[0].train
        find = finders[0] if of_first else reference_finder(settings, plan, finders[0])
        network = yield from train_until_sound(
            settings, split, plan, own_seed, workers, search=search, find=find, watcher=watcher, checkpoint=checkpoint
        )
        wish = watcher.network_ends(split.number)
        if wish:
            workers.begin_no_further()
        return network.without_rows(), wish == CALLBACK

    networks: list[TrainedNetwork] = []
    with closing(workers.run([train(split) for split in splits])) as trained:
        for network, was_last in trained:
            networks.append(network)
            if was_last:
                break
    return Trained(tuple(networks))


def _seed_of(seed: int, number: int) -> int:
    """Seed of a network; the first one has that of the fit."""
    return seed if number == 0 else int(np.random.default_rng([seed, _MEMBER, number]).integers(2**31))


def calibrate_members(trained: Trained, prior: FloatArray, *, synthetic: bool) -> Calibrated:
    """Steps 8 and 9: put the held-out rows of all networks together, and calibrate on them.

    Parameters
    ----------
    trained : Trained
    prior : ndarray of shape (n_classes,)
        Natural class frequencies.
    synthetic : bool
        Whether a sampler changed what the classes look like.
    """
    held_out = trained.held_out()
    calibration = calibrate(held_out, prior, synthetic=synthetic)
    return Calibrated(trained, held_out.calibrated(calibration), calibration)


def average_weights(best: Calibrated, prior: FloatArray, *, synthetic: bool) -> Calibrated:
    """Step 10: move each network from its best epoch towards the mean of its last ones, if held-out rows improve.

    The same share of the way for all networks, a quarter at a time while the log-loss falls by more than chance: a
    network that goes on after its best epoch becomes overconfident, but on some tables it orders the rows better.

    Parameters
    ----------
    best : Calibrated
        The networks of the best epochs.
    prior, synthetic
        As in :func:`calibrate_members`.

    Returns
    -------
    Calibrated
        `best` where a network has no such mean, or its training is in doubt.
    """
    start = best.trained.networks
    if any(network.kept.mean is None or network.kept.evidence is not None for network in start):
        return best
    result, loss = best, best.held_out.log_loss(prior)
    for share in SHARES:
        networks = tuple(replace(network, kept=network.kept.moved(share)) for network in start)
        further = calibrate_members(Trained(networks, share), prior, synthetic=synthetic)
        gain = loss - further.held_out.log_loss(prior)
        if gain < SMALLEST_GAIN:
            break
        result, loss = further, loss - gain
    if result is not best and any(in_doubt(attempt.outcome) for attempt in result.trained.attempts):
        return best
    return result


def allow_for_averaging(result: Calibrated, rows: LabelledRows, prior: FloatArray) -> Calibrated:
    """Step 11: find how much less the temperature of the ensemble has to cool, as averaging takes noise away.

    Parameters
    ----------
    result : Calibrated
    rows : LabelledRows
        All rows passed as `X`.

    Returns
    -------
    Calibrated
        `result` itself of one network, or where no calibration was fitted.
    """
    members = result.trained.members
    if len(members) == 1 or result.calibration.changes_nothing:
        return result
    chosen, weight = thin_out(rows.y, rows.weight, COMPARED_ROWS)
    scores = np.stack([member.scores(rows.table, rows.rows[chosen]) for member in members])
    judged = np.concatenate([attempt.plan.judged_rows for attempt in result.trained.attempts])
    factor = averaging_factor(scores, weight, np.unique(judged, return_counts=True)[1])
    return replace(result, of_mean=calibrate_mean(result.calibration, factor, scores, weight, prior))
