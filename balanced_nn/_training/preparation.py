"""Which rows train and validate, and what is corrected? From a table to weighted rows (steps 1 to 4 of a fit)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from balanced_nn._data.column_shift import differing_columns
from balanced_nn._data.copies import find_copies
from balanced_nn._data.dataset import Dataset, class_frequencies, thin_out
from balanced_nn._data.hold_outs import HoldOut, grouped_hold_outs, hold_outs
from balanced_nn._data.labelled_rows import LabelledRows, read_labelled
from balanced_nn._data.names import MOST_LABELS, listed
from balanced_nn._network.ensemble import Member
from balanced_nn._network.network import Network
from balanced_nn._network.specs import NetworkSpec, TrainingSpec
from balanced_nn._preprocessing.dates import range_notes
from balanced_nn._preprocessing.encoding import type_notes
from balanced_nn._preprocessing.preprocessing import Preprocessing, fit_preprocessing
from balanced_nn._probability.correction import Correction, logit_offset
from balanced_nn._sampling.training_rows import resample_rows
from balanced_nn._sampling.weights import class_weight_vector, training_weights
from balanced_nn._streaming.buckets import Buckets
from balanced_nn._streaming.stream import Stream, Wanted
from balanced_nn._training.auto_settings import FIXED_EPOCHS, auto_batch_size, auto_bins, auto_members, auto_scaler
from balanced_nn._training.settings import FitSettings
from balanced_nn._typing import FloatArray, IntArray
from balanced_nn.exceptions import RareClassWarning

JUDGED_ROWS = 5_000  # of each class, at most, where a collapse has to be judged on the training rows
SEEN_ROWS = 10_000  # of each class, at most, that quick models and a diagnosis see of rows that are on disk
# Of smoothing over the share of a class. At 10 its mean probability was 1.4 to 1.7 times too large, at 50 2.6 to 3.2
# times (8,000 rows of two Gaussians, three seeds): the errors of a network are large beside such a share.
SMOOTHING_PER_SHARE = 5
_HOLD_OUT, _RESAMPLE = 3, 4  # independent streams of random numbers from one seed


@dataclass(frozen=True, eq=False)
class Spilled:
    """Training rows of a network that are on disk already, and what cleaned them."""

    preprocessing: Preprocessing
    buckets: Buckets


@dataclass(frozen=True, eq=False)
class Split:
    """Training rows, and the rows to stop on, if there are any."""

    train: LabelledRows
    valid: LabelledRows | None
    valid_was_given: bool
    notes: tuple[Warning, ...]
    number: int = 0  # of the network that they are for
    other_table: bool = False  # whether the rows that were given hold other values
    stream: Stream | None = None  # all rows, where these are a sample of them
    start: Member | None = None  # the network that is trained further, with its preprocessing
    spilled: Spilled | None = None  # what the first attempt is trained on, where that was written for all networks

    def repeated(self, n_networks: int) -> "tuple[Split, ...]":
        """Return the same rows for each network."""
        return tuple(replace(self, number=number) for number in range(n_networks))


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that training attempts share; they differ in seed and learning rate."""

    network: NetworkSpec
    training: TrainingSpec
    preprocessing: Preprocessing
    width: int  # columns that the training program has room for: at least those of the network
    class_weight: FloatArray
    data: Dataset  # the training rows: resampled, expanded, weighted; a sample of them where the others are on disk
    judged: Dataset  # natural frequencies; the validation part where there is one
    judged_rows: IntArray  # their numbers in the table
    held_out: bool  # whether there is one; if not: fixed epochs, last weights
    judged_on: str
    correction: Correction
    notes: tuple[Warning, ...]
    other_table: bool = False  # whether the judged rows hold other values than those of training
    buckets: Buckets | None = None  # all training rows, where they are on disk
    start: Network | None = None  # what training goes on from; None draws it

    @property
    def epoch(self) -> Dataset | Buckets:
        """The rows that an epoch goes through."""
        return self.data if self.buckets is None else self.buckets

    def release(self) -> None:
        """Delete what is on disk: the training is over."""
        if self.buckets is not None:
            self.buckets.discard()


@dataclass(frozen=True, eq=False)
class _TrainingRows:
    """What steps 3 and 4 make of the training rows."""

    preprocessing: Preprocessing
    cleaned: FloatArray  # those in memory, before resampling
    data: Dataset
    class_weight: FloatArray
    prior: FloatArray  # class frequencies of training, by weight
    notes: tuple[Warning, ...] = ()
    buckets: Buckets | None = None


def read_given_rows(
    estimator: BaseEstimator,
    X_val: Any,
    y_val: ArrayLike | None,
    sample_weight_val: ArrayLike | None,
    classes: np.ndarray,
) -> LabelledRows | None:
    """Check rows that were given for validation, if there are any."""
    if (X_val is None) != (y_val is None):
        absent, present = ("y_val", "X_val") if y_val is None else ("X_val", "y_val")
        raise ValueError(f"{present} was passed without {absent}. Pass both, or neither to hold rows out of X.")
    if X_val is None or y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val was passed without X_val and y_val. Pass all three, or none of them.")
        return None
    given = read_labelled(estimator, X_val, y_val, sample_weight_val, classes, ("X_val", "y_val", "sample_weight_val"))
    present_classes = np.unique(given.y)
    if len(present_classes) < 2:
        raise ValueError(
            f"y_val holds a single class, {given.names(present_classes)}; stopping on it would reward a network that "
            "answers nothing else. Give validation rows of at least two classes, or leave X_val out."
        )
    return given


def split_rows(settings: FitSettings, rows: LabelledRows, given: LabelledRows | None, seed: int) -> tuple[Split, ...]:
    """Step 2: hold out a stratified part for each network, or take the rows that were given for validation.

    Parameters
    ----------
    settings : FitSettings
    rows : LabelledRows
        All rows passed as `X`.
    given : LabelledRows or None
        Rows that were given for validation.
    seed : int
        Seed of the fit.

    Returns
    -------
    tuple of Split
        One for each network; what is to be told stands in the first.
    """
    n_members = None if settings.n_members == "auto" else int(settings.n_members)
    if given is not None:
        other = differing_columns(rows.table, rows.rows, given.table, given.rows)
        notes = tuple(_notes_on_given(given, other))
        return Split(rows, given, True, notes, other_table=bool(other)).repeated(n_members or 1)
    if not settings.early_stopping:
        return Split(rows, None, False, ()).repeated(n_members or 1)
    rng = np.random.default_rng([seed, _HOLD_OUT])
    n_parts = n_members or auto_members(len(rows.y))
    fraction, n_classes = settings.validation_fraction, len(rows.classes)
    if rows.groups is not None:
        parts = grouped_hold_outs(rows.y, rows.groups, fraction, int(rng.integers(2**31)), n_classes, n_parts)
    else:
        copies = find_copies(rows.table, rows.rows, rows.y)
        parts = hold_outs(rows.y, fraction, rng, n_classes, n_parts, copies=copies)
    if len(parts[0].valid) == 0:
        return Split(rows, None, False, (_no_hold_out(rows, settings.max_iter),)).repeated(n_members or 1)
    notes = _note_kept_whole(rows, parts)
    return tuple(
        Split(rows.take(part.train), rows.take(part.valid), False, notes, number) for number, part in enumerate(parts)
    )


def _no_hold_out(rows: LabelledRows, max_iter: int) -> Warning:
    counts = listed((f"{c!s}: {n}" for c, n in zip(rows.classes, np.bincount(rows.y), strict=True)), MOST_LABELS)
    why = "can spare two rows" if rows.groups is None else "can spare two rows in whole groups"
    return RareClassWarning(
        f"No rows could be held out, because fewer than two classes {why} (rows by class: {counts}). "
        f"Training runs for at most {min(max_iter, FIXED_EPOCHS)} epochs and keeps the last weights, and "
        "collapse is judged on the training rows. Collect more rows, or pass X_val and y_val."
    )


def _note_kept_whole(rows: LabelledRows, parts: Sequence[HoldOut]) -> tuple[Warning, ...]:
    """Tell of classes of which no network, or not each, holds rows out."""
    lacking = Counter(label for part in parts for label in part.classes_without)
    counts = np.bincount(rows.y, minlength=len(rows.classes))

    def named(labels: Iterable[int]) -> str:
        return listed((f"{rows.classes[i]!s} ({counts[i]})" for i in sorted(labels)), MOST_LABELS)

    never = [label for label, n_parts in lacking.items() if n_parts == len(parts)]
    seldom = lacking.keys() - set(never)
    together = "copies of a row" if rows.groups is None else "rows of a group"
    texts = []
    if never:
        texts.append(
            f"Too few rows to hold two of them out: class {named(never)}; {together} stay together. All of them train "
            "the network, and early stopping does not see these classes."
        )
    if seldom:
        n_some = sum(not seldom.isdisjoint(part.classes_without) for part in parts)
        texts.append(
            f"For {n_some} of {len(parts)} networks no rows could be held out of class {named(seldom)}; {together} "
            "stay together. Early stopping of these networks does not see these classes."
        )
    if not texts:
        return ()
    return (RareClassWarning(" ".join((*texts, "Collect more rows of them, or pass X_val and y_val."))),)


def _notes_on_given(valid: LabelledRows, columns: Sequence[str]) -> Iterator[Warning]:
    absent = np.setdiff1d(np.arange(len(valid.classes)), valid.y)
    if len(absent):
        yield RareClassWarning(
            f"y_val holds no row of class {valid.names(absent)}, so early stopping does not see it. "
            "Add rows of it to X_val and y_val."
        )
    if columns:
        yield UserWarning(
            f"The columns {listed(map(repr, columns))} of X_val hold other values than those of X, as if one of the "
            "tables had been scaled and the other had not: stopping and probabilities would follow rows of another "
            'kind. Behind a Pipeline, X_val passes the steps only with Pipeline(..., transform_input=["X_val"]) and '
            "metadata routing."
        )


def spill_together(settings: FitSettings, splits: Sequence[Split], seeds: Sequence[int]) -> Sequence[Split]:
    """Write what several networks are trained on to disk in one pass over the files, where each takes a part of them.

    Parameters
    ----------
    settings : FitSettings
    splits : sequence of Split
        Training and validation rows of each network.
    seeds : sequence of int
        The seed of each.

    Returns
    -------
    sequence of Split
        As they were for one network, and unless ``sampler="under"`` draws rows of files.
    """
    stream = splits[0].stream
    if stream is None or settings.sampler != "under" or len(splits) == 1:
        return splits
    cleaners = [clean_rows(settings, split)[0] for split in splits]
    wanted = [Wanted(cleaner, split.valid, seed) for cleaner, split, seed in zip(cleaners, splits, seeds, strict=True)]
    written = stream.spill(wanted, settings.sampler)
    return [
        replace(split, spilled=Spilled(cleaner, buckets))
        for split, cleaner, buckets in zip(splits, cleaners, written, strict=True)
    ]


def make_plan(settings: FitSettings, split: Split, seed: int) -> Plan:
    """Steps 3 and 4: clean, resample, expand and weight; statistics from the training rows only.

    Parameters
    ----------
    settings : FitSettings
    split : Split
        Training and validation rows.
    seed : int
        Seed of the fit.
    """
    train, classes = split.train, split.train.classes
    found = _prepare(settings, split, seed) if split.stream is None else _prepare_stream(settings, split, seed)
    preprocessing, data = found.preprocessing, found.data
    n_rows = len(data) if found.buckets is None else len(found.buckets)
    if split.valid is not None:
        valid = preprocessing.expand(preprocessing.clean(split.valid.table, split.valid.rows))
        judged = Dataset(valid, np.arange(len(valid)), split.valid.y, split.valid.weight)
        judged_rows = split.valid.rows
    else:
        seen, seen_weight = thin_out(train.y, train.weight, JUDGED_ROWS)
        judged = Dataset(preprocessing.expand(found.cleaned[seen]), np.arange(len(seen)), train.y[seen], seen_weight)
        judged_rows = train.rows[seen]
    return Plan(
        network=network_spec(settings, data.X.shape[1], len(classes)),
        training=training_spec(settings, _batch_size(settings, n_rows), stops=split.valid is not None),
        preprocessing=preprocessing,
        width=preprocessing.possible_width,
        class_weight=found.class_weight,
        data=data,
        judged=judged,
        judged_rows=judged_rows,
        held_out=split.valid is not None,
        judged_on=_judged_on(split),
        correction=correction_of(settings, found.prior),
        notes=(
            *split.notes,
            *found.notes,
            *_note_types(split, preprocessing),
            *_notes_on_settings(settings, n_rows, found.prior),
        ),
        other_table=split.other_table,
        buckets=found.buckets,
        start=None if split.start is None else split.start.network,
    )


def network_spec(settings: FitSettings, n_inputs: int, n_classes: int) -> NetworkSpec:
    """Architecture of the network for a matrix of so many columns."""
    norm = bool(settings.batch_norm)
    return NetworkSpec(n_inputs, n_classes, settings.layer_widths, settings.activation, norm, settings.body)


def correction_of(settings: FitSettings, prior: FloatArray) -> Correction:
    """What training does to the probabilities where its rows have the class frequencies `prior`."""
    return Correction(logit_offset(settings.loss, prior), prior, settings.loss == "focal", settings.label_smoothing)


def _prepare(settings: FitSettings, split: Split, seed: int) -> _TrainingRows:
    """Steps 3 and 4 of rows in memory."""
    train, classes = split.train, split.train.classes
    preprocessing, cleaned = clean_rows(settings, split)
    resampled = resample_rows(
        cleaned,
        train.y,
        train.weight,
        settings.sampler,
        categorical_features=preprocessing.categorical_features,
        seed=int(np.random.default_rng([seed, _RESAMPLE]).integers(2**31)),
        classes=classes,
    )
    class_weight = class_weight_vector(settings.class_weight, resampled.y, resampled.weight, classes)
    weight = training_weights(resampled.y, resampled.weight, class_weight)
    data = Dataset(preprocessing.expand(resampled.X), resampled.rows, resampled.y, weight)
    prior = class_frequencies(resampled.y, weight, len(classes))
    return _TrainingRows(preprocessing, cleaned, data, class_weight, prior, resampled.notes)


def _prepare_stream(settings: FitSettings, split: Split, seed: int) -> _TrainingRows:
    """Steps 3 and 4 of rows on disk: the sampled ones give all statistics but for the sums of classes."""
    train, labels, stream = split.train, np.arange(len(split.train.classes)), split.stream
    assert stream is not None
    if split.spilled is None:
        preprocessing, cleaned = clean_rows(settings, split)
        (buckets,) = stream.spill([Wanted(preprocessing, split.valid, seed)], settings.sampler)
    else:
        preprocessing, buckets = split.spilled.preprocessing, split.spilled.buckets
        cleaned = preprocessing.clean(train.table, train.rows)
    class_weight = class_weight_vector(settings.class_weight, labels, buckets.class_mass, train.classes)
    mass = buckets.class_mass * class_weight
    buckets = replace(buckets, class_factor=class_weight * len(buckets) / mass.sum())
    prior = class_frequencies(labels, mass, len(labels))
    seen, weight = thin_out(train.y, train.weight, SEEN_ROWS)
    y = train.y[seen]
    weight = weight * (prior / class_frequencies(y, weight, len(labels)))[y]
    data = Dataset.of(preprocessing.expand(cleaned[seen]), y, weight / weight.mean())
    return _TrainingRows(preprocessing, cleaned, data, class_weight, prior, buckets=buckets)


def _note_types(split: Split, preprocessing: Preprocessing) -> tuple[Warning, ...]:
    if split.valid is None or not split.valid_was_given:
        return ()
    table = split.valid.table
    notes = type_notes(table, preprocessing.numeric_positions, [preprocessing.encodings])
    return notes + range_notes(table, [preprocessing.dates])


def clean_rows(settings: FitSettings, split: Split) -> tuple[Preprocessing, FloatArray]:
    """Fit the preprocessing to the training rows, bins and weights included, and return it with the cleaned rows."""
    train, stream = split.train, split.stream
    if split.start is not None:
        known = split.start.preprocessing
        return known, known.clean(train.table, train.rows)
    scaler = auto_scaler(split.number) if settings.scaler == "auto" else settings.scaler
    rows, levels, class_rows = train.rows, None, np.bincount(train.y)
    if stream is not None:
        rows, levels, class_rows = stream.uniform(rows), stream.levels(split.valid), stream.class_rows(split.valid)
    preprocessing = fit_preprocessing(train.table, rows, scaler=scaler, levels=levels)
    cleaned = preprocessing.clean(train.table, train.rows)
    if settings.screen_columns:
        preprocessing = preprocessing.with_weights(cleaned, train.y, train.weight)
    if settings.n_bins == "auto":
        most = auto_bins(class_rows.tolist(), len(preprocessing.binned))
    else:
        most = int(settings.n_bins or 0)
    return preprocessing.with_bins(cleaned, train.y, train.weight, most), cleaned


def _judged_on(split: Split) -> str:
    if split.valid is None:
        return "training rows, as none were held out"
    return "rows given for validation" if split.valid_was_given else "held-out rows"


def _batch_size(settings: FitSettings, n_rows: int) -> int:
    return auto_batch_size(n_rows) if settings.batch_size == "auto" else min(int(settings.batch_size), n_rows)


def training_spec(settings: FitSettings, batch_size: int, *, stops: bool) -> TrainingSpec:
    """How a network is trained; `stops` says whether rows were held out to stop on."""
    if batch_size == 1 and settings.batch_norm and settings.body is None:
        raise ValueError(
            "batch_size=1 gives BatchNorm no variance to measure, so no unit could vary. "
            'Use batch_size="auto", or batch_norm=False.'
        )
    no_hold_out = settings.early_stopping and not stops
    epochs = min(settings.max_iter, FIXED_EPOCHS) if no_hold_out else settings.max_iter
    return TrainingSpec(
        loss=settings.loss,
        label_smoothing=float(settings.label_smoothing),
        batch_size=batch_size,
        max_epochs=epochs,
        patience=settings.n_iter_no_change if settings.early_stopping else epochs,
        tol=settings.tol,
        weight_decay=settings.alpha,
        dropout=settings.dropout,
        keep_best=bool(settings.early_stopping),
        average_weights=bool(settings.average_weights and settings.early_stopping),
    )


def _notes_on_settings(settings: FitSettings, n_rows: int, training_prior: FloatArray) -> Iterator[Warning]:
    size, smoothing, rarest = settings.batch_size, settings.label_smoothing, training_prior.min()
    if idle := settings.without_effect:
        yield UserWarning(
            f"{listed(idle, MOST_LABELS)} {'has' if len(idle) == 1 else 'have'} no effect, because hidden_layer_sizes "
            f"is a function, {settings.body}, whose layers bring activation, BatchNorm and dropout of their own. "
            "Set these in the function."
        )
    if size != "auto" and int(size) > n_rows:
        text = f"batch_size={size} is larger than the {n_rows} training rows; a step takes all {n_rows} instead."
        yield UserWarning(f'{text} A search on parts of the rows may ignore this; else set batch_size="auto".')
    balancer = "sampler" if settings.class_weight is None else "class_weight"
    by_hand = isinstance(settings.class_weight, Mapping) or getattr(settings, balancer) is None  # or by nature
    if settings.loss == "logit_adjusted" and np.ptp(training_prior) <= 1e-6 and not by_hand:
        yield UserWarning(
            f'loss="logit_adjusted" does nothing here, because {balancer}={getattr(settings, balancer)!r} already '
            'balances the classes. Use class_weight=None and sampler=None with it, or loss="log_loss".'
        )
    of_each = smoothing / len(training_prior)
    if of_each > SMOOTHING_PER_SHARE * rarest:  # what the network says of a class so rare can hardly be undone
        yield UserWarning(
            f"label_smoothing={smoothing} gives each class {of_each:.2g} of every row, and the rarest one holds "
            f"{rarest:.2g} of their weight: its probability will be too large. "
            'Use class_weight="balanced" with it, or label_smoothing=0.'
        )
