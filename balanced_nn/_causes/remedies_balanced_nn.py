"""What is advised against each cause to users of BalancedNNClassifier?"""

from collections.abc import Callable, Mapping
from typing import Any

from balanced_nn._causes.evidence import Cause, RepairAction
from balanced_nn._causes.remedies import (
    DEEP,
    LABEL_ADVICE,
    LAYERS_ARE_SOUND,
    SOUND_WIDTH,
    Advice,
    Changes,
    Option,
    Remedies,
    Settings,
    first,
    is_same,
    less_alpha,
    longer,
    resize,
    show,
    use,
    use_relu,
    widened,
    widths_of,
)

USUAL_EPOCHS, USUAL_PATIENCE, USUAL_WIDTHS = 200, 10, (256, 128)
SMALL_BATCH = 8
OVERSAMPLE = {"sampler": "over"}

# The parameters that stand for a repair: what a copy is trained with, and what a fit may set by itself.
OUR_CHANGES: Changes = {
    RepairAction.SCALE_FEATURES: lambda s: {"scaler": "quantile" if s["scaler"] in ("auto", "standard") else "auto"},
    RepairAction.BALANCE_CLASSES: lambda s: {
        "class_weight": "balanced",
        "decision": "auto" if is_same(s["decision"], "auto") else "balanced",  # the same with balanced weights
    },
    RepairAction.SET_LEARNING_RATE: lambda s: {"learning_rate_init": "auto"},
    RepairAction.SOUND_HIDDEN_LAYERS: lambda s: {"activation": "relu"},
    RepairAction.ADD_BATCH_NORM: lambda s: {"batch_norm": True, "batch_size": "auto"},
    RepairAction.ENLARGE_NETWORK: lambda s: widened(s, USUAL_WIDTHS),
    RepairAction.TRAIN_LONGER: lambda s: longer(s, USUAL_EPOCHS),
}


# Settings that are known to hurt


def hurtful(s: Settings) -> tuple[Option, ...]:
    """Settings that hurt although no measurement of the network shows it."""
    return less_alpha(s, 0.01), _larger_batches(s), _less_dropout(s)


def _larger_batches(s: Settings) -> Option:
    size = s["batch_size"]
    return use(size != "auto" and size < SMALL_BATCH, f"batch_size={size} makes the steps too noisy", batch_size="auto")


def _less_dropout(s: Settings) -> Option:
    dropout = s["dropout"]
    return dropout > 0.5, f"dropout={dropout} drops most of each layer: use 0.1.", {"dropout": 0.1}


def _search_rate(s: Settings, **also: Any) -> Option:
    rate = s["learning_rate_init"]
    remedy = f'learning_rate_init was set to {rate} by hand: leave it at "auto".'
    return rate != "auto", remedy, {"learning_rate_init": "auto", **also}


def _scale(s: Settings) -> Option:
    return use(s["scaler"] is None, "The features are not scaled", scaler="auto")


def _has_own_layers(s: Settings) -> bool:
    return callable(s["hidden_layer_sizes"])


# Causes


def _imbalance(s: Settings) -> Advice:
    weight, sampler = s["class_weight"], s["sampler"]
    by_hand = "class_weight was set to costs by hand, and these do not balance the classes"
    return first(
        s,
        use(weight is None and sampler is None, "The classes are not balanced", class_weight="balanced"),
        use(isinstance(weight, Mapping), by_hand, class_weight="balanced"),
        (
            sampler is None,
            'Use sampler="over", which repeats the rows of the rare classes, so that more batches contain them.',
            OVERSAMPLE,
        ),
        otherwise="The classes are already balanced: the rare ones need more rows.",
    )


def _threshold(s: Settings) -> Advice:
    named = s["decision"] if isinstance(s["decision"], str) else ""  # comparing a matrix of costs gives a matrix
    by_costs = named == "auto" and isinstance(s["class_weight"], Mapping)
    given = "class_weight states costs, and predict decides by them" if by_costs else f"decision={show(s['decision'])}"
    applies = by_costs or named not in {"auto", "balanced"}
    return first(
        s,
        use(applies, f"{given}, and every row gets the same answer", decision="balanced"),
        otherwise=(
            "The scores rank the rows, and only the decision is wrong: train longer, or set a threshold as decision."
        ),
    )


def _rate(word: str, other: float) -> Callable[[Settings], Advice]:
    def rule(s: Settings) -> Advice:
        used = s.get("learning_rate_", other)
        better = f"{min(other, used / 5) if word == 'high' else max(other, 5 * used):.2g}"
        searched = f"A learning rate of {used:.2g} is too {word}: set one by hand, learning_rate_init={better}."
        return first(s, _search_rate(s), (True, searched, {"learning_rate_init": float(better)}))

    return rule


def _epochs(s: Settings) -> Advice:
    epochs, patience = s["max_iter"], s["n_iter_no_change"]
    plateau, progress = "ends training at the first plateau", "Training still made progress when it ended"
    return first(
        s,
        use(epochs < USUAL_EPOCHS, f"max_iter={epochs} ends training after few epochs", max_iter=USUAL_EPOCHS),
        use(patience < USUAL_PATIENCE, f"n_iter_no_change={patience} {plateau}", n_iter_no_change=USUAL_PATIENCE),
        use(True, progress, max_iter=2 * epochs, n_iter_no_change=2 * patience),
    )


def _size(s: Settings) -> Advice:
    widths = widths_of(s["hidden_layer_sizes"])
    return first(
        s,
        use(_has_own_layers(s), "The layers of your own seem too small", hidden_layer_sizes=USUAL_WIDTHS),
        resize(min(widths, default=0) < SOUND_WIDTH, widths, USUAL_WIDTHS),
        _less_dropout(s),
        less_alpha(s, 0.01),
        use(True, "The network is too small", hidden_layer_sizes=tuple(2 * width for width in widths)),
    )


def _output(s: Settings) -> Advice:
    return first(
        s,
        use(True, f"loss={show(s['loss'])} was set by hand", loss="log_loss"),
        otherwise=(
            "BalancedNNClassifier chooses output and loss from the labels, so this should not happen: please report "
            "it, with clf.model_.summary()."
        ),
    )


def _gradient(s: Settings) -> Advice:
    activation, depth = s["activation"], len(widths_of(s["hidden_layer_sizes"]))
    sound = {"activation": "relu", "batch_norm": True}
    return first(
        s,
        (
            activation in {"logistic", "tanh"} and not s["batch_norm"],
            f"{depth} layers of {activation} units without BatchNorm lose the gradient: use activation='relu' "
            "and batch_norm=True.",
            sound,
        ),
        (activation == "identity", "Linear units reduce all layers to one: use activation='relu'.", sound),
        use_relu(s, sound),
        (not s["batch_norm"], "Without BatchNorm the gradient vanishes: use batch_norm=True.", sound),
        use(depth >= DEEP, f"{depth} hidden layers are more than a table needs", hidden_layer_sizes=USUAL_WIDTHS),
        otherwise=LAYERS_ARE_SOUND,
    )


def _steps(s: Settings) -> Advice:
    """Gradients that explode, units that died and weights drawn too large have the same cures."""
    if _has_own_layers(s):
        own = "Look at the layers of your own: they may need BatchNorm or LayerNorm, or smaller initial weights."
        return first(s, _search_rate(s), _scale(s), otherwise=own)
    return first(
        s,
        _search_rate(s, batch_norm=True),
        use(not s["batch_norm"], "BatchNorm keeps the scale from layer to layer", batch_norm=True),
        _scale(s),
        (
            s["activation"] == "relu",
            "ReLU units can die, GELU units less so: use activation='gelu'.",
            {"activation": "gelu"},
        ),
        otherwise="The layers are set as they should be: try another random_state, and fewer hidden layers.",
    )


def _features(s: Settings) -> Advice:
    return first(
        s,
        _scale(s),
        use(s["scaler"] != "quantile", "Extreme values remain after scaling", scaler="quantile"),
        otherwise="The features are already scaled by their ranks: look for columns of codes or identifiers.",
    )


def _statistics(s: Settings) -> Advice:
    return first(
        s,
        _larger_batches(s),
        use(True, "BatchNorm's statistics do not fit the rows", batch_norm=False),
        otherwise="There is no BatchNorm: its statistics cannot be at fault.",
    )


OURS: Remedies = {
    Cause.CLASS_IMBALANCE: _imbalance,
    Cause.THRESHOLD: _threshold,
    Cause.LEARNING_RATE_TOO_HIGH: _rate("high", 3e-4),
    Cause.LEARNING_RATE_TOO_LOW: _rate("low", 3e-3),
    Cause.STOPPED_TOO_EARLY: _epochs,
    Cause.NETWORK_TOO_SMALL: _size,
    Cause.OUTPUT_ACTIVATION: _output,
    Cause.LOSS_MISMATCH: _output,
    Cause.HIDDEN_ACTIVATION: _gradient,
    Cause.VANISHING_GRADIENT: _gradient,
    Cause.EXPLODING_GRADIENT: _steps,
    Cause.DEAD_RELU: _steps,
    Cause.POOR_INITIALIZATION: _steps,
    Cause.UNSCALED_FEATURES: _features,
    Cause.BATCH_NORM_STATISTICS: _statistics,
    **LABEL_ADVICE,
}
