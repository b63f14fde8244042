"""What is advised against each cause to users of BalancedNNClassifier?"""

from collections.abc import Callable, Mapping

from balanced_nn._causes.evidence import Cause
from balanced_nn._causes.remedies import DEEP, LABEL_ADVICE, NARROW, Advice, Settings, first, show, widths_of

# What is assumed where nothing is known.
OUR_DEFAULTS: Settings = {
    "hidden_layer_sizes": (256, 128),
    "activation": "relu",
    "batch_norm": True,
    "dropout": 0.0,
    "alpha": 0.01,
    "class_weight": "balanced",
    "sampler": None,
    "loss": "log_loss",
    "scaler": "standard",
    "learning_rate_init": "auto",
    "batch_size": "auto",
    "max_iter": 200,
    "n_iter_no_change": 10,
    "decision": "auto",
}


def _our_imbalance(s: Settings) -> Advice:
    balanced = {"class_weight": "balanced"}
    return first(
        s,
        (
            s["class_weight"] is None and s["sampler"] is None,
            'The classes are not balanced: use class_weight="balanced".',
            balanced,
        ),
        (
            isinstance(s["class_weight"], Mapping),
            'class_weight was set to costs by hand, which do not balance the classes: use class_weight="balanced".',
            balanced,
        ),
        (
            s["sampler"] is None,
            'Use sampler="over", which repeats the rows of the rare classes, so that more batches hold them.',
            {"sampler": "over"},
        ),
        (True, "The classes are balanced already: what is missing are more rows of the rare ones.", {}),
    )


def _our_threshold(s: Settings) -> Advice:
    named = s["decision"] if isinstance(s["decision"], str) else ""  # comparing a matrix of costs gives a matrix
    by_costs = named == "auto" and isinstance(s["class_weight"], Mapping)
    given = "class_weight states costs, by which predict decides" if by_costs else f"decision={show(s['decision'])}"
    return first(
        s,
        (
            by_costs or named not in {"auto", "balanced"},
            f'{given}, and one class is answered for every row: use decision="balanced".',
            {"decision": "balanced"},
        ),
        (
            True,
            "The scores rank the rows, and only the decision is off: train longer, or set a threshold as decision.",
            {},
        ),
    )


def _our_rate(word: str, other: float) -> Callable[[Settings], Advice]:
    def rule(s: Settings) -> Advice:
        rate = s["learning_rate_init"]
        by_hand = f'learning_rate_init was set to {rate} by hand: leave it at "auto".'
        used = s.get("learning_rate_", other)
        better = min(other, used / 5) if word == "high" else max(other, 5 * used)
        searched = f"A learning rate of {used:.2g} is too {word}: set one by hand, learning_rate_init={better:.2g}."
        auto = {"learning_rate_init": "auto"}
        change = {"learning_rate_init": float(f"{better:.2g}")}
        return first(s, (rate != "auto", by_hand, auto), (True, searched, change))

    return rule


def _our_epochs(s: Settings) -> Advice:
    epochs, patience = s["max_iter"], s["n_iter_no_change"]
    return first(
        s,
        (epochs < 200, f"max_iter={epochs} ends training after few epochs: use max_iter=200.", {"max_iter": 200}),
        (
            patience < 10,
            f"n_iter_no_change={patience} ends training at the first lull: use n_iter_no_change=10.",
            {"n_iter_no_change": 10},
        ),
        (
            True,
            f"Training still made progress when it ended: use max_iter={2 * epochs} and "
            f"n_iter_no_change={2 * patience}.",
            {"max_iter": 2 * epochs, "n_iter_no_change": 2 * patience},
        ),
    )


def _our_size(s: Settings) -> Advice:
    widths = widths_of(s["hidden_layer_sizes"])
    layer = f"A hidden layer has {min(widths)} units" if widths else "There is no hidden layer"
    twice = tuple(2 * width for width in widths)
    return first(
        s,
        (
            min(widths, default=0) < NARROW,
            f"{layer}: use hidden_layer_sizes=(256, 128).",
            {"hidden_layer_sizes": (256, 128)},
        ),
        (s["dropout"] > 0.5, f"dropout={s['dropout']} leaves little of each layer: use 0.1.", {"dropout": 0.1}),
        (s["alpha"] > 1.0, f"alpha={s['alpha']} pulls the weights to zero: use alpha=0.01.", {"alpha": 0.01}),
        (True, f"The network is too small: use hidden_layer_sizes={twice}.", {"hidden_layer_sizes": twice}),
    )


def _our_output(s: Settings) -> Advice:
    return first(
        s,
        (True, f'loss={show(s["loss"])} was set by hand: use loss="log_loss".', {"loss": "log_loss"}),
        (
            True,
            "BalancedNNClassifier chooses output and loss by the labels, so that this should not happen: please report "
            "it, with clf.model_.summary().",
            {},
        ),
    )


def _our_gradient(s: Settings) -> Advice:
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
        (activation == "identity", "Linear units make one linear layer of all: use activation='relu'.", sound),
        (activation != "relu", f"{activation} units lose the gradient: use activation='relu'.", sound),
        (not s["batch_norm"], "Without BatchNorm the gradient gets lost: use batch_norm=True.", sound),
        (
            depth >= DEEP,
            f"{depth} hidden layers are more than a table asks for: use hidden_layer_sizes=(256, 128).",
            {"hidden_layer_sizes": (256, 128)},
        ),
        (True, "The hidden layers are set as they should be: look at the scale of the features and the rate.", {}),
    )


def _our_steps(s: Settings) -> Advice:
    """Gradients that explode, units that died and weights drawn too large have the same cures."""
    return first(
        s,
        (
            s["learning_rate_init"] != "auto",
            f'learning_rate_init was set to {s["learning_rate_init"]} by hand: leave it at "auto".',
            {"learning_rate_init": "auto", "batch_norm": True},
        ),
        (
            not s["batch_norm"],
            "BatchNorm keeps the scale from layer to layer: use batch_norm=True.",
            {"batch_norm": True},
        ),
        (s["scaler"] is None, 'The features are not scaled: use scaler="standard".', {"scaler": "standard"}),
        (
            s["activation"] == "relu",
            "ReLU units can die, GELU units less so: use activation='gelu'.",
            {"activation": "gelu"},
        ),
        (True, "The layers are set as they should be: try another random_state, and fewer hidden layers.", {}),
    )


def _our_scale(s: Settings) -> Advice:
    return first(
        s,
        (s["scaler"] is None, 'The features are not scaled: use scaler="standard".', {"scaler": "standard"}),
        (
            s["scaler"] != "quantile",
            'Extreme values are left after scaling: use scaler="quantile".',
            {"scaler": "quantile"},
        ),
        (True, "The features are scaled by their ranks already: look for columns of codes or identifiers.", {}),
    )


def _our_statistics(s: Settings) -> Advice:
    size = s["batch_size"]
    return first(
        s,
        (
            size != "auto" and size < 8,
            f'batch_size={size} makes the steps noise: use batch_size="auto".',
            {"batch_size": "auto"},
        ),
        (True, "BatchNorm's statistics do not fit the rows: use batch_norm=False.", {"batch_norm": False}),
        (True, "There is no BatchNorm: its statistics cannot be at fault.", {}),
    )


OURS: dict[Cause, Callable[[Settings], Advice]] = {
    Cause.CLASS_IMBALANCE: _our_imbalance,
    Cause.THRESHOLD: _our_threshold,
    Cause.LEARNING_RATE_TOO_HIGH: _our_rate("high", 3e-4),
    Cause.LEARNING_RATE_TOO_LOW: _our_rate("low", 3e-3),
    Cause.STOPPED_TOO_EARLY: _our_epochs,
    Cause.NETWORK_TOO_SMALL: _our_size,
    Cause.OUTPUT_ACTIVATION: _our_output,
    Cause.LOSS_MISMATCH: _our_output,
    Cause.HIDDEN_ACTIVATION: _our_gradient,
    Cause.VANISHING_GRADIENT: _our_gradient,
    Cause.EXPLODING_GRADIENT: _our_steps,
    Cause.DEAD_RELU: _our_steps,
    Cause.POOR_INITIALIZATION: _our_steps,
    Cause.UNSCALED_FEATURES: _our_scale,
    Cause.BATCH_NORM_STATISTICS: _our_statistics,
    **LABEL_ADVICE,
}
