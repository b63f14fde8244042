"""What is advised against each cause to users of Keras, of MLPClassifier, and of any other classifier?"""

from collections.abc import Callable
from dataclasses import replace

from balanced_nn._advice import LABEL_ADVICE, Advice, first, say
from balanced_nn._causes.evidence import Cause, RepairAction
from balanced_nn._causes.remedies_keras import DEEP, NARROW, USUAL_RATE, Settings, keras_rate, wider, widths_of

# What is assumed of an MLPClassifier where nothing is known.
MLP_DEFAULTS: Settings = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "solver": "adam",
    "alpha": 1e-4,
    "learning_rate_init": 1e-3,
    "max_iter": 200,
    "n_iter_no_change": 10,
}


# Keras


def _keras_rate_advice(s: Settings, cause: Cause) -> Advice:
    rate, high = s.get("learning_rate"), cause is Cause.LEARNING_RATE_TOO_HIGH
    word = "high" if high else "low"
    given = "The learning rate" if rate is None else f"A learning rate of {rate:g}"
    return Advice(f"{given} is too {word}: train anew with Adam at {keras_rate({cause}, s):g}.")


def _keras_size(s: Settings) -> Advice:
    widths = s.get("hidden_sizes")
    if widths is None:
        return Advice("The network is too small: give it two hidden layers of at least 64 units.")
    if not widths:
        return Advice("There is no hidden layer: add two, of 128 and 64 units.")
    better = ", ".join(map(str, wider(widths_of(widths))))
    return Advice(f"The narrowest hidden layer has {min(widths)} units: use hidden layers of {better} units.")


def _keras_output_advice(s: Settings) -> Advice:
    n_classes = s.get("n_classes") or 2
    if n_classes <= 2:
        return Advice(
            'For two classes end in Dense(1, activation="sigmoid") with loss="binary_crossentropy" and labels 0 and 1.'
        )
    return Advice(
        f'For {n_classes} classes end in Dense({n_classes}, activation="softmax") with '
        f'loss="sparse_categorical_crossentropy" and labels 0 to {n_classes - 1} '
        '("categorical_crossentropy" for one-hot labels).'
    )


KERAS: dict[Cause, Callable[[Settings], Advice]] = {
    Cause.CLASS_IMBALANCE: say("Give each class the same summed weight in training, and judge by balanced accuracy."),
    Cause.THRESHOLD: say(
        "Keep the network, and do not ask for more than 0.5: compare each probability with the class's share."
    ),
    Cause.LEARNING_RATE_TOO_HIGH: lambda s: _keras_rate_advice(s, Cause.LEARNING_RATE_TOO_HIGH),
    Cause.LEARNING_RATE_TOO_LOW: lambda s: _keras_rate_advice(s, Cause.LEARNING_RATE_TOO_LOW),
    Cause.STOPPED_TOO_EARLY: say("Train longer; if early stopping ended the training, give it a larger patience."),
    Cause.NETWORK_TOO_SMALL: _keras_size,
    Cause.OUTPUT_ACTIVATION: _keras_output_advice,
    Cause.LOSS_MISMATCH: _keras_output_advice,
    Cause.HIDDEN_ACTIVATION: say("Use ReLU in the hidden layers, with He initialisation."),
    Cause.VANISHING_GRADIENT: say(
        "Use ReLU with He initialisation, and BatchNormalization where there are four hidden layers or more."
    ),
    Cause.EXPLODING_GRADIENT: say(
        "Use He initialisation, a learning rate of 0.001, and clip the gradient; check that the features are scaled."
    ),
    Cause.DEAD_RELU: say("Draw new weights with He initialisation and biases of 0, and train with Adam at 0.001."),
    Cause.POOR_INITIALIZATION: say("Leave the initial weights to He initialisation, and the biases at 0."),
    Cause.UNSCALED_FEATURES: say(
        "Bring each column to mean 0 and standard deviation 1 before the first layer, also when predicting."
    ),
    Cause.BATCH_NORM_STATISTICS: say(
        "BatchNormalization's momentum of 0.99 takes hundreds of steps to follow: use momentum=0.9, or train longer."
    ),
    **LABEL_ADVICE,
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
    "Keep the model, and do not ask for more than 0.5: compare each probability with the class's share. For two "
    'classes TunedThresholdClassifierCV(clf, scoring="balanced_accuracy") finds the threshold.'
)
_SOUND_MLP = {"activation": "relu", "hidden_layer_sizes": (128, 64)}


def _mlp_rate_high(s: Settings) -> Advice:
    rate = s["learning_rate_init"]
    lower = USUAL_RATE if rate > USUAL_RATE else rate / 10
    return first(
        s,
        (s["solver"] == "lbfgs", "solver='lbfgs' has no learning rate: use solver='adam'.", {"solver": "adam"}),
        (
            True,
            f"learning_rate_init={rate} is too high: use learning_rate_init={lower:g}.",
            {"learning_rate_init": lower},
        ),
    )


def _mlp_rate_low(s: Settings) -> Advice:
    rate, solver = s["learning_rate_init"], s["solver"]
    usual = {"solver": "adam", "learning_rate_init": USUAL_RATE}
    return first(
        s,
        (solver == "lbfgs", "solver='lbfgs' has no learning rate: use solver='adam'.", usual),
        (
            rate < USUAL_RATE or solver == "sgd",
            f"learning_rate_init={rate} with solver='{solver}' is too low: use solver='adam' with "
            "learning_rate_init=0.001.",
            usual,
        ),
        (
            True,
            f"learning_rate_init={rate} is too low: use learning_rate_init={5 * rate:g}.",
            {"learning_rate_init": 5 * rate},
        ),
    )


def _mlp_epochs(s: Settings) -> Advice:
    epochs = max(500, 2 * s["max_iter"])
    patience = {"n_iter_no_change": 20} if s["n_iter_no_change"] < 20 else {}
    also = " and n_iter_no_change=20" if patience else ""
    remedy = f"max_iter={s['max_iter']} ends training too early: use max_iter={epochs}{also}."
    return first(s, (True, remedy, {"max_iter": epochs, **patience}))


def _mlp_size(s: Settings) -> Advice:
    widths = widths_of(s["hidden_layer_sizes"])
    sizes = (128, 64) if min(widths, default=0) < NARROW else tuple(2 * width for width in widths)
    layer = f"A hidden layer has {min(widths)} units" if widths else "There is no hidden layer"
    return first(
        s,
        (s["alpha"] > 1.0, f"alpha={s['alpha']} pulls the weights to zero: use alpha=0.0001.", {"alpha": 1e-4}),
        (True, f"{layer}: use hidden_layer_sizes={sizes}.", {"hidden_layer_sizes": sizes}),
    )


def _mlp_gradient(s: Settings) -> Advice:
    activation, depth = s["activation"], len(widths_of(s["hidden_layer_sizes"]))
    return first(
        s,
        (
            activation != "relu" and depth >= DEEP,
            f"{depth} layers of {activation} units lose the gradient, and MLPClassifier has no BatchNorm: use "
            "activation='relu' and hidden_layer_sizes=(128, 64).",
            _SOUND_MLP,
        ),
        (activation != "relu", f"{activation} units lose the gradient: use activation='relu'.", {"activation": "relu"}),
        (
            depth >= DEEP,
            f"{depth} hidden layers are many without BatchNorm: use hidden_layer_sizes=(128, 64).",
            _SOUND_MLP,
        ),
        (True, "The hidden layers are set as they should be: look at the scale of the features and the rate.", {}),
    )


def _mlp_steps(s: Settings) -> Advice:
    rate = s["learning_rate_init"]
    advice = first(
        s,
        (
            rate > USUAL_RATE,
            f"learning_rate_init={rate} threw the weights away: use learning_rate_init=0.001, on scaled features.",
            {"learning_rate_init": USUAL_RATE},
        ),
        (True, "Scale the features, and use activation='tanh', whose units cannot die.", {"activation": "tanh"}),
        (True, "Scale the features, and try another random_state.", {}),
    )
    return replace(advice, actions=_SCALE.actions)


MLP: dict[Cause, Callable[[Settings], Advice]] = {
    Cause.CLASS_IMBALANCE: lambda s: _WEIGH,
    Cause.THRESHOLD: lambda s: _DECIDE,
    Cause.LEARNING_RATE_TOO_HIGH: _mlp_rate_high,
    Cause.LEARNING_RATE_TOO_LOW: _mlp_rate_low,
    Cause.STOPPED_TOO_EARLY: _mlp_epochs,
    Cause.NETWORK_TOO_SMALL: _mlp_size,
    **dict.fromkeys(
        (Cause.OUTPUT_ACTIVATION, Cause.LOSS_MISMATCH),
        say("MLPClassifier chooses output and loss by the labels: check that y holds one column of class labels."),
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
            (True, 'Weigh the classes alike: use class_weight="balanced".', {"class_weight": "balanced"}),
            (True, "The classes weigh the same already: what is missing are more rows of the rare ones.", {}),
        )
    return replace(_WEIGH, remedy="Weigh the classes alike: pass balanced weights to fit, if it takes sample_weight.")


def _other_epochs(s: Settings) -> Advice:
    for name in ("max_iter", "n_estimators", "max_epochs", "epochs"):
        number = s.get(name)
        if isinstance(number, int) and number > 0:
            return Advice(f"{name}={number} ends training too early: use {name}={5 * number}.", {name: 5 * number})
    return Advice("Train longer: raise the number of epochs or iterations.")


OTHER: dict[Cause, Callable[[Settings], Advice]] = {
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
    Cause.POOR_INITIALIZATION: say("Draw the initial weights by He's rule (ReLU) or Glorot's (tanh), biases at 0."),
    Cause.UNSCALED_FEATURES: lambda s: _SCALE,
    Cause.BATCH_NORM_STATISTICS: say(
        "Let BatchNorm's statistics follow sooner (Keras: momentum 0.9), or train longer."
    ),
    **LABEL_ADVICE,
}
