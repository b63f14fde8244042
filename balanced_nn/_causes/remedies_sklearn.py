"""What is advised against each cause to users of MLPClassifier, and of any other scikit-learn classifier?"""

from collections.abc import Collection
from dataclasses import replace

from balanced_nn._causes.evidence import Cause, RepairAction
from balanced_nn._causes.remedies import (
    DEEP,
    LABEL_ADVICE,
    LAYERS_ARE_SOUND,
    LONGER_PATIENCE,
    SOUND_WIDTH,
    USUAL_RATE,
    Advice,
    Changes,
    Option,
    Parameters,
    Remedies,
    Settings,
    assignments,
    decide,
    first,
    less_alpha,
    longer,
    resize,
    say,
    use,
    use_relu,
    widened,
    widths_of,
)

LONGER_EPOCHS = 500  # at least

# The parameters that stand for a repair: what a copy is trained with.
MLP_CHANGES: Changes = {
    RepairAction.SET_LEARNING_RATE: lambda s: {"solver": "adam", "learning_rate_init": USUAL_RATE},
    RepairAction.SOUND_HIDDEN_LAYERS: lambda s: {"activation": "relu"},
    RepairAction.ENLARGE_NETWORK: lambda s: widened(s, (100,)),
    RepairAction.TRAIN_LONGER: lambda s: longer(s, LONGER_EPOCHS),
}


# MLPClassifier

_WEIGH = Advice(
    "MLPClassifier has no class_weight: pass balanced weights to fit (scikit-learn 1.7 or newer).",
    actions=frozenset({RepairAction.BALANCE_CLASSES}),
)
_SCALE = Advice(
    "Scale the features inside a pipeline, so that the statistics come from the training rows only.",
    actions=frozenset({RepairAction.SCALE_FEATURES}),
)
_DECIDE = Advice(
    f"{decide('model')} For two "
    'classes TunedThresholdClassifierCV(clf, scoring="balanced_accuracy") finds the threshold.',
    code="""\
import numpy as np

share = np.unique(y, return_counts=True)[1] / len(y)  # of each class in the training rows
answers = clf.classes_[(clf.predict_proba(X) / share).argmax(axis=1)]""",
)


def _use_adam(s: Settings, change: Parameters) -> Option:
    return s["solver"] == "lbfgs", "solver='lbfgs' has no learning rate: use solver='adam'.", change


def _mlp_rate_high(s: Settings) -> Advice:
    rate = s["learning_rate_init"]
    lower = USUAL_RATE if rate > USUAL_RATE else rate / 10
    return first(
        s,
        _use_adam(s, {"solver": "adam"}),
        (
            True,
            f"learning_rate_init={rate} is too high: use learning_rate_init={lower:g}.",
            {"learning_rate_init": lower},
        ),
    )


def _mlp_rate_low(s: Settings) -> Advice:
    rate, solver = s["learning_rate_init"], s["solver"]
    usual = MLP_CHANGES[RepairAction.SET_LEARNING_RATE](s)
    return first(
        s,
        _use_adam(s, usual),
        (
            rate < USUAL_RATE or solver == "sgd",
            f"learning_rate_init={rate} with solver='{solver}' is too low: use solver='adam' with "
            f"learning_rate_init={USUAL_RATE}.",
            usual,
        ),
        (
            True,
            f"learning_rate_init={rate} is too low: use learning_rate_init={5 * rate:g}.",
            {"learning_rate_init": 5 * rate},
        ),
    )


def _mlp_epochs(s: Settings) -> Advice:
    epochs = max(LONGER_EPOCHS, 2 * s["max_iter"])
    patience = {"n_iter_no_change": LONGER_PATIENCE} if s["n_iter_no_change"] < LONGER_PATIENCE else {}
    return first(s, use(True, f"max_iter={s['max_iter']} ends training too early", max_iter=epochs, **patience))


def _mlp_size(s: Settings) -> Advice:
    widths = widths_of(s["hidden_layer_sizes"])
    sizes = (128, 64) if min(widths, default=0) < SOUND_WIDTH else tuple(2 * width for width in widths)
    return first(s, less_alpha(s, 1e-4), resize(True, widths, sizes))


def _mlp_gradient(s: Settings) -> Advice:
    activation, depth = s["activation"], len(widths_of(s["hidden_layer_sizes"]))
    return first(
        s,
        (
            activation != "relu" and depth >= DEEP,
            f"{depth} layers of {activation} units lose the gradient, and MLPClassifier has no BatchNorm: use "
            "activation='relu' and hidden_layer_sizes=(128, 64).",
            {"activation": "relu", "hidden_layer_sizes": (128, 64)},
        ),
        use_relu(s, {"activation": "relu"}),
        use(depth >= DEEP, f"{depth} hidden layers are too many without BatchNorm", hidden_layer_sizes=(128, 64)),
        otherwise=LAYERS_ARE_SOUND,
    )


def _mlp_steps(s: Settings) -> Advice:
    rate = s["learning_rate_init"]
    advice = first(
        s,
        (
            rate > USUAL_RATE,
            f"learning_rate_init={rate} threw the weights away: use learning_rate_init={USUAL_RATE}, on scaled "
            "features.",
            {"learning_rate_init": USUAL_RATE},
        ),
        (True, "Scale the features, and use activation='tanh', whose units cannot die.", {"activation": "tanh"}),
        otherwise="Scale the features, and try another random_state.",
    )
    return replace(advice, actions=_SCALE.actions)


MLP: Remedies = {
    Cause.CLASS_IMBALANCE: lambda s: _WEIGH,
    Cause.THRESHOLD: lambda s: _DECIDE,
    Cause.LEARNING_RATE_TOO_HIGH: _mlp_rate_high,
    Cause.LEARNING_RATE_TOO_LOW: _mlp_rate_low,
    Cause.STOPPED_TOO_EARLY: _mlp_epochs,
    Cause.NETWORK_TOO_SMALL: _mlp_size,
    **dict.fromkeys(
        (Cause.OUTPUT_ACTIVATION, Cause.LOSS_MISMATCH),
        say("MLPClassifier chooses output and loss from the labels: check that y holds one column of class labels."),
    ),
    Cause.HIDDEN_ACTIVATION: _mlp_gradient,
    Cause.VANISHING_GRADIENT: _mlp_gradient,
    Cause.EXPLODING_GRADIENT: _mlp_steps,
    Cause.DEAD_RELU: _mlp_steps,
    Cause.POOR_INITIALIZATION: _mlp_steps,
    Cause.UNSCALED_FEATURES: lambda s: _SCALE,
    Cause.BATCH_NORM_STATISTICS: say("MLPClassifier has no BatchNorm: its statistics cannot be at fault."),
    **LABEL_ADVICE,
}


# Any other classifier


def _other_imbalance(s: Settings) -> Advice:
    if "class_weight" in s:
        return first(
            s,
            use(True, "Give the classes equal weight", class_weight="balanced"),
            otherwise="The classes already have equal weight: the rare ones need more rows.",
        )
    return replace(_WEIGH, remedy="Balance the classes: pass balanced weights to fit, if it takes sample_weight.")


def _other_epochs(s: Settings) -> Advice:
    for name in ("max_iter", "n_estimators", "max_epochs", "epochs"):
        number = s.get(name)
        if isinstance(number, int) and number > 0:
            return first(s, use(True, f"{name}={number} ends training too early", **{name: 5 * number}))
    return Advice("Train longer: raise the number of epochs or iterations.")


OTHER: Remedies = {
    Cause.CLASS_IMBALANCE: _other_imbalance,
    Cause.THRESHOLD: lambda s: _DECIDE,
    Cause.LEARNING_RATE_TOO_HIGH: say("Lower the learning rate by a factor of ten, and fit again."),
    Cause.LEARNING_RATE_TOO_LOW: say("Raise the learning rate by a factor of ten, and fit again."),
    Cause.STOPPED_TOO_EARLY: _other_epochs,
    Cause.NETWORK_TOO_SMALL: say("Give the model more capacity: more or wider layers, and less regularisation."),
    **dict.fromkeys(
        (Cause.OUTPUT_ACTIVATION, Cause.LOSS_MISMATCH),
        say("Use one sigmoid output for two classes, a softmax over the classes for more, with cross-entropy."),
    ),
    Cause.HIDDEN_ACTIVATION: say("Use ReLU in the hidden layers."),
    Cause.VANISHING_GRADIENT: say("Use ReLU, fewer hidden layers, or BatchNorm between them."),
    Cause.EXPLODING_GRADIENT: say("Scale the features, lower the learning rate, and clip the gradient."),
    Cause.DEAD_RELU: say("Scale the features, lower the learning rate, and draw new initial weights."),
    Cause.POOR_INITIALIZATION: say("Use He initialisation (ReLU) or Glorot initialisation (tanh), with biases at 0."),
    Cause.UNSCALED_FEATURES: lambda s: _SCALE,
    Cause.BATCH_NORM_STATISTICS: say("Let BatchNorm's statistics adapt faster (Keras: momentum 0.9), or train longer."),
    **LABEL_ADVICE,
}


def sklearn_code(change: Settings, actions: Collection[RepairAction]) -> str:
    """Return code that sets parameters, scales features and sets weights.

    >>> print(sklearn_code({"max_iter": 500}, ()))
    clf.set_params(max_iter=500).fit(X, y)
    """
    scale, balance = RepairAction.SCALE_FEATURES in actions, RepairAction.BALANCE_CLASSES in actions
    if not (change or scale or balance):
        return ""
    imports = []
    model, arguments = "clf", "X, y"
    if change:
        model = f"clf.set_params({', '.join(assignments(change))})"
    if scale:
        imports += ["from sklearn.pipeline import Pipeline", "from sklearn.preprocessing import StandardScaler"]
        model = f'Pipeline([("scale", StandardScaler()), ("model", {model})])'
    if balance:
        imports += ["from sklearn.utils.class_weight import compute_sample_weight"]
        arguments += f', {"model__" if scale else ""}sample_weight=compute_sample_weight("balanced", y)'
    fit = f"{'clf = ' if scale else ''}{model}.fit({arguments})"
    return "\n".join([*imports, "", fit] if imports else [fit])
