"""From where does training go on, when it goes on? What is kept of a training, and which settings must be the same."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from balanced_nn._data.dataset import class_mass
from balanced_nn._data.labelled_rows import LabelledRows
from balanced_nn._data.names import listed, listed_labels
from balanced_nn._data.row_sketch import RowSketch, hash_whole_rows
from balanced_nn._network.ensemble import Member
from balanced_nn._network.specs import OptimizerState
from balanced_nn._streaming.stream import Stream
from balanced_nn._training.settings import FitSettings
from balanced_nn._typing import FloatArray, IntArray
from balanced_nn.exceptions import HoldOutWarning

LARGEST_WEIGHT = 1e100  # of a row, on average: the sum of larger ones could overflow, and they are scaled to 1
FEW_SEEN = 0.1  # share of rows that were seen before, below which it does not matter
_FIT = 9  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Reached:
    """How far training has come beside the networks themselves: arrays, so that it can be copied and stored.

    Parameters
    ----------
    seed : int
        Seed of the first fit, or of the first batch.
    class_rows : ndarray of shape (n_classes,)
        Rows of each class so far.
    class_mass : ndarray of shape (n_classes,)
        Their summed weights.
    trained_mass : tuple of ndarray of shape (n_classes,)
        For each network, the weights of the rows as it was trained with them, of mean 1.
    n_fits : int, default=0
        Fits so far.
    n_batches : int, default=0
        Batches of `partial_fit` so far.
    batch_size : int or None, default=None
        Rows of a training step, as the first batch suggested it; None before there was one.
    optimizers : tuple of OptimizerState, default=()
        One for each network; empty behind a fit, whose best networks are not those of its last steps.
    rows : str, default=""
        Digest of the rows of the last fit, in their order; empty before there was one.
    """

    seed: int
    class_rows: IntArray
    class_mass: FloatArray
    trained_mass: tuple[FloatArray, ...]
    n_fits: int = 0
    n_batches: int = 0
    batch_size: int | None = None
    optimizers: tuple[OptimizerState, ...] = ()
    rows: str = ""

    @classmethod
    def by_fit(
        cls, seed: int, rows: LabelledRows, stream: Stream | None, members: tuple[Member, ...], n_fits: int
    ) -> "Reached":
        """What a fit leaves behind, whose rows are `rows`, or those that they are a sample of."""
        if stream is None:
            class_rows = np.bincount(rows.y, minlength=len(rows.classes))
            mass = class_mass(rows.y, rows.weight, len(rows.classes))
        else:
            class_rows = stream.sample.class_rows
            mean = stream.sample.mean_weight
            mass = rows.prior * class_rows.sum() * (mean if mean < LARGEST_WEIGHT else 1.0)
        trained = tuple(member.correction.training_prior * class_rows.sum() for member in members)
        return cls(seed, class_rows, mass, trained, n_fits, rows=_digest_rows(rows))

    @property
    def seed_of_fit(self) -> int:
        """Seed of the next fit that goes on: other batches than in the one before."""
        return int(np.random.default_rng([self.seed, _FIT, self.n_fits]).integers(2**31))


def check_layers_of_sizes(settings: FitSettings, what: str) -> None:
    """Refuse to keep how far layers of the caller's own have come: they may count in ways that we do not know.

    Parameters
    ----------
    settings : FitSettings
    what : str
        What would go on, as the user calls it.

    Raises
    ------
    ValueError
        If `hidden_layer_sizes` is a function.
    """
    if settings.body is not None:
        raise ValueError(
            f"{what} goes on only with layers that are given by their sizes; hidden_layer_sizes is the function "
            f"{settings.body}. Use fit alone, or sizes such as (256, 128)."
        )


def check_same_shape(settings: FitSettings, members: tuple[Member, ...]) -> None:
    """Refuse to train networks further that are not those of the settings.

    Parameters
    ----------
    settings : FitSettings
    members : tuple of Member
        The networks that there are.

    Raises
    ------
    ValueError
        If a setting of their form, or their number, has changed.
    """
    spec = members[0].network.spec
    if spec.body is not None:
        raise ValueError(
            f"hidden_layer_sizes was the function {spec.body} when the networks were fitted, and these cannot be "
            "trained further. Begin anew with warm_start=False and fit, or with a clone."
        )
    n_members = settings.n_members if settings.n_members == "auto" else int(settings.n_members)
    if isinstance(n_members, int) and settings.max_time is not None:  # it may have ended the last fit before all began
        n_members = min(n_members, len(members))
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("hidden_layer_sizes", settings.layer_widths, spec.hidden_layer_sizes),
        ("activation", settings.activation, spec.activation),
        ("batch_norm", bool(settings.batch_norm), spec.batch_norm),
        ("n_members", n_members, len(members)),
    )
    for name, wanted, had in pairs:
        if wanted not in (had, "auto"):
            raise ValueError(
                f"{name} is {wanted!r}, but the fitted networks, which are to be trained further, have {had!r}. "
                f"Set {name}={had!r}, or begin anew with warm_start=False and fit, or with a clone."
            )


def hold_out_notes(reached: Reached, rows: LabelledRows, before: RowSketch | None) -> tuple[Warning, ...]:
    """Say that held-out rows may be rows that the networks were trained on, unless the table is that of the last fit.

    Parameters
    ----------
    reached : Reached
    rows : LabelledRows
        The rows of this fit.
    before : RowSketch or None
        Those of the last one, where there was one.
    """
    if not reached.n_batches and reached.rows == _digest_rows(rows):
        return ()
    seen = None if before is None else before.find_seen_share(rows.table)
    if not reached.n_batches and (seen is None or seen < FEW_SEEN):
        return ()
    known = "Rows of X" if reached.n_batches else f"About {seen:.0%} of the rows of X"
    return (
        HoldOutWarning(
            f"{known} may have trained the networks that warm_start=True trains further, and some of these are held "
            "out now: early stopping, calibration and report may be too good. Pass new rows alone, the same table in "
            "the same order, or X_val and y_val; or set warm_start=False."
        ),
    )


def _digest_rows(rows: LabelledRows) -> str:
    hashes = hash_whole_rows(rows.table, rows.rows)
    return blake2b(hashes.tobytes() + np.ascontiguousarray(rows.y).tobytes(), digest_size=16).hexdigest()


def check_same_columns(before: Any, now: Any) -> None:
    """Refuse a table with other columns than that of the last fit.

    Parameters
    ----------
    before, now : estimator
        The same estimator as it was fitted, and as it has read the new table.

    Raises
    ------
    ValueError
        If their number or their names differ.
    """
    if before.n_features_in_ != now.n_features_in_:
        raise ValueError(
            f"X has {now.n_features_in_} features, but the fitted networks, which warm_start=True trains further, "
            f"expect {before.n_features_in_}. Pass the same columns, or set warm_start=False."
        )
    had, has = (list(getattr(estimator, "feature_names_in_", ())) for estimator in (before, now))
    if had and has and had != has:
        raise ValueError(
            f"X has the columns {listed(map(repr, has))}, but the fitted networks, which warm_start=True trains "
            f"further, expect {listed(map(repr, had))}, in this order. Pass the same columns, or set warm_start=False."
        )


def check_same_classes(before: np.ndarray, now: np.ndarray) -> None:
    """Refuse labels that are not those of the last fit.

    Raises
    ------
    ValueError
        If a class is new, or has no rows.
    """
    if np.array_equal(before, now):
        return
    new, gone = (sorted(set(a.tolist()) - set(b.tolist()), key=str) for a, b in ((now, before), (before, now)))
    what = [f"{word} {listed_labels(labels)}" for word, labels in (("has", new), ("lacks", gone)) if labels]
    raise ValueError(
        f"The fitted networks, which warm_start=True trains further, tell {listed_labels(before)} apart; y "
        f"{' and '.join(what) or 'has labels of another type'}. Pass rows of the same classes, or set warm_start=False."
    )
