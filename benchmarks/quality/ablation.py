"""What does each component of the default pay? The default beside variants that switch off or replace one component."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from balanced_nn import BalancedNNClassifier
from balanced_nn._training.auto_settings import auto_members
from benchmarks.common.tables import MAX_TRAINING_ROWS
from benchmarks.quality.peers import Build
from benchmarks.quality.statistics import LEVEL, OK, compare, median_seconds, pair

ABLATION = "ablation"  # the table of these fits
DEFAULT = "default"
SMALLEST = 1e-6  # log-loss that the results can tell from 0

# What "auto" stands for at the size of these tables is not a change either.
DEFAULTS = {**BalancedNNClassifier().get_params(), "n_members": auto_members(MAX_TRAINING_ROWS)}
SETTINGS: dict[str, dict[str, Any]] = {
    "no bins": {"n_bins": None},
    "no screening of columns": {"screen_columns": False},
    "no class weights": {"class_weight": None},
    "weights of the best epoch": {"average_weights": False},
    "one network": {"n_members": 1},
    "three networks": {"n_members": 3},
    "five networks": {"n_members": 5},
    "eight networks": {"n_members": 8},
    "no BatchNorm": {"batch_norm": False},
    "dropout 0.1": {"dropout": 0.1},
    "dropout 0.3": {"dropout": 0.3},
    "no weight decay": {"alpha": 0.0},
    "label smoothing 0.05": {"label_smoothing": 0.05},
    "learning rate 0.001": {"learning_rate_init": 1e-3},
    "oversampling": {"sampler": "over"},
    "focal loss": {"loss": "focal"},
    "standard scaling": {"scaler": "standard"},
    "quantile scaling": {"scaler": "quantile"},
    "robust scaling": {"scaler": "robust"},
    "smaller layers": {"hidden_layer_sizes": (64, 32)},
    "wider layers": {"hidden_layer_sizes": (256, 256, 256)},
    "patience 10": {"n_iter_no_change": 10},
    "patience 20": {"n_iter_no_change": 20},
}


def is_change(parameters: Mapping[str, Any]) -> bool:
    return any(DEFAULTS[name] != value for name, value in parameters.items())


VARIANTS: dict[str, dict[str, Any]] = {label: setting for label, setting in SETTINGS.items() if is_change(setting)}


def variant(X: pd.DataFrame, seed: int, parameters: Mapping[str, Any]) -> Any:
    return BalancedNNClassifier(random_state=seed, **parameters)


ABLATION_METHODS: dict[str, Build] = {
    label: partial(variant, parameters=parameters) for label, parameters in {DEFAULT: {}, **VARIANTS}.items()
}


@dataclass(frozen=True)
class Gain:
    """Mean over sets with its 95 % confidence interval, that of the paired t test; NaN where there is none."""

    mean: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        mean, low, high = (format(value, form) for value in (self.mean, self.low, self.high))
        return "-" if np.isnan(self.mean) else mean if np.isnan(self.low) else f"{mean} ({low} to {high})"

    def as_percent(self) -> "Gain":
        """Of a mean of logarithms of ratios: their geometric mean, as a change in percent."""
        return Gain(*(100 * float(np.expm1(value)) for value in (self.mean, self.low, self.high)))


def gain_of(differences: pd.Series) -> Gain:
    """A difference for each set."""
    n_sets = len(differences)
    mean = float(differences.mean())
    if n_sets < 2:
        return Gain(mean, np.nan, np.nan)
    half = float(stats.t.ppf(1 - LEVEL / 2, n_sets - 1) * differences.std(ddof=1) / np.sqrt(n_sets))
    return Gain(mean, mean - half, mean + half)


def gains(fits: pd.DataFrame) -> pd.DataFrame:
    """A line for each variant; first the one without the component that pays most."""
    labels = [label for label in fits["method"].unique() if label != DEFAULT]
    lines = pd.DataFrame([gains_over(fits, label) for label in labels]).set_index("variant")
    means = lines["gain in average precision"].map(lambda gain: gain.mean)
    return lines.loc[means.sort_values(ascending=False, kind="stable").index]


def gains_over(fits: pd.DataFrame, label: str) -> dict[str, Any]:
    """The default minus a variant on the sets and splits on which both ran."""
    means, seconds = pair(fits, label, DEFAULT), median_seconds(fits, label, DEFAULT)
    precision, recall, loss = (means[name] for name in ("average_precision", "balanced_accuracy", "log_loss"))
    logarithm = np.log(loss.clip(lower=SMALLEST))
    return {
        "variant": label,
        "sets": len(means),
        "gain in average precision": gain_of(precision[DEFAULT] - precision[label]),
        "default better on": compare(precision[DEFAULT], precision[label]).share,
        "gain in balanced accuracy of `predict`": gain_of(recall[DEFAULT] - recall[label]),
        "gain in log-loss, %": gain_of(logarithm[label] - logarithm[DEFAULT]).as_percent(),
        "time of a fit, variant / default": seconds[label] / seconds[DEFAULT],
        "failures": int((fits.loc[fits["method"] == label, "status"] != OK).sum()),
    }
