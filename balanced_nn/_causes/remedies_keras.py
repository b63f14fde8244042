"""What is advised against each cause to users of Keras, and which code repairs it?"""

from collections.abc import Callable, Collection
from dataclasses import replace

from balanced_nn._causes.evidence import Cause, RepairAction
from balanced_nn._causes.measurements import LOWEST_USUAL_RATE
from balanced_nn._causes.remedies import (
    DEEP,
    LABEL_ADVICE,
    SOUND_MOMENTUM,
    USUAL_RATE,
    Advice,
    Remedies,
    Settings,
    decide,
    say,
    wider,
    widths_of,
)

HIGHEST_USUAL_RATE = 3e-3  # of Adam
SOUND_WIDTHS = (128, 64)


def keras_code(change: Settings, actions: Collection[RepairAction], s: Settings) -> str:
    """Return code that trains a network anew: with these repairs, and with `change` in place of facts of `s`."""
    if not actions:
        return ""
    loss, network = _network({**s, **change}, actions)
    balance = RepairAction.BALANCE_CLASSES in actions
    rate = f"learning_rate={change.get('learning_rate', USUAL_RATE):g}"
    clip = f", clipnorm={change['clipnorm']}" if "clipnorm" in change else ""
    weights = ", class_weight=weight" if balance else ""
    return "\n".join(
        [
            "import keras",
            *(["import numpy as np"] if balance else []),
            "",
            *network,
            *(_SCALE if RepairAction.SCALE_FEATURES in actions else []),
            f"fresh.compile(optimizer=keras.optimizers.Adam({rate}{clip}), loss={loss})",
            *(_weights(s) if balance else []),
            f"fresh.fit(X_train, y_train, epochs={change.get('epochs', 100)}{weights})",
        ]
    )


_SCALE = [
    "scale = keras.layers.Normalization()",
    "scale.adapt(X_train)  # mean and standard deviation of each column in the training rows",
    "inputs = keras.Input(X_train.shape[1:])",
    "fresh = keras.Model(inputs, fresh(scale(inputs)))",
]


def _network(s: Settings, actions: Collection[RepairAction]) -> tuple[str, list[str]]:
    """Return the loss, and code that makes the network `fresh`."""
    output, loss = _output(s)
    if {RepairAction.SOUND_HIDDEN_LAYERS, RepairAction.ENLARGE_NETWORK} & set(actions):
        widths = widths_of(s.get("hidden_sizes") or SOUND_WIDTHS)
        sizes = f"({', '.join(map(str, widths))}{',' * (len(widths) == 1)})"
        dense = 'keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal")'
        hidden = [f"hidden = [{dense} for units in {sizes}]"]
        if RepairAction.ADD_BATCH_NORM in actions or len(widths) >= DEEP:
            hidden = [
                "hidden = []",
                f"for units in {sizes}:",
                '    hidden += [keras.layers.Dense(units, kernel_initializer="he_normal")]',
                f"    hidden += [keras.layers.BatchNormalization(momentum={SOUND_MOMENTUM}), "
                'keras.layers.Activation("relu")]',
            ]
        return loss, [*hidden, f"fresh = keras.Sequential([*hidden, {output}])"]
    if RepairAction.MATCH_OUTPUT in actions:
        hidden = ["hidden = keras.models.clone_model(model).layers[:-1]  # all but the output, with new weights"]
        network = [*hidden, f"fresh = keras.Sequential([*hidden, {output}])"]
    else:
        loss, network = "model.loss", ["fresh = keras.models.clone_model(model)  # the same layers with new weights"]
    if RepairAction.ADD_BATCH_NORM in actions:
        network += [
            "for layer in fresh.layers:",
            "    if isinstance(layer, keras.layers.BatchNormalization):",
            f"        layer.momentum = {SOUND_MOMENTUM}  # the statistics then follow within some 20 steps",
        ]
    return loss, network


def _output(s: Settings) -> tuple[str, str]:
    """Return code for the output layer and for the loss."""
    one_hot = s.get("loss") == "categorical_crossentropy"
    n_classes = s.get("n_classes") or 2
    if n_classes <= 2 and not one_hot:
        return 'keras.layers.Dense(1, activation="sigmoid")', '"binary_crossentropy"'
    loss = '"categorical_crossentropy"' if one_hot else '"sparse_categorical_crossentropy"'
    return f'keras.layers.Dense({n_classes}, activation="softmax")', loss


def _labels(s: Settings) -> str:
    one_hot = s.get("loss") == "categorical_crossentropy"
    return "np.argmax(y_train, axis=1)" if one_hot else "np.ravel(y_train).astype(int)"


def _weights(s: Settings) -> list[str]:
    return [
        f"labels, counts = np.unique({_labels(s)}, return_counts=True)",
        "weight = {int(c): counts.sum() / (len(counts) * n) for c, n in zip(labels, counts)}",
    ]


def _decision(s: Settings) -> Advice:
    one_output = (s.get("n_outputs") or (1 if (s.get("n_classes") or 2) <= 2 else 2)) == 1
    imports, proba = ["import numpy as np"], "model.predict(X_test)"
    if s.get("from_logits"):
        function = "expit" if one_output else "softmax"
        imports += [f"from scipy.special import {function}"]
        proba = f"{function}({proba}{'' if one_output else ', axis=1'})"
    if one_output:
        share = "share = np.mean(y_train)  # of class 1"
        answers = f"answers = ({proba}.ravel() > share).astype(int)"
    else:
        share = f"share = np.bincount({_labels(s)}) / len(y_train)  # of each class"
        answers = f"answers = ({proba} / share).argmax(axis=1)"
    return Advice(decide("network"), code="\n".join([*imports, "", share, answers]))


def _rate(word: str, factor: float) -> Callable[[Settings], Advice]:
    def rule(s: Settings) -> Advice:
        rate = s.get("learning_rate")
        usual = rate is not None and LOWEST_USUAL_RATE <= rate <= HIGHEST_USUAL_RATE
        better = factor * USUAL_RATE if usual and s.get("optimizer") in {None, "adam", "adamw"} else USUAL_RATE
        given = "The learning rate" if rate is None else f"A learning rate of {rate:g}"
        return Advice(f"{given} is too {word}: retrain with Adam at {better:g}.", {"learning_rate": better})

    return rule


def _epochs(s: Settings) -> Advice:
    epochs = max(200, 4 * (s.get("epochs") or 0))
    return Advice(
        "Train longer; if early stopping ended the training, give it more patience.",
        {"epochs": epochs},
        code=f"model.fit(X_train, y_train, epochs={epochs})  # continues where training ended",
    )


def _size(s: Settings) -> Advice:
    widths = s.get("hidden_sizes")
    better = wider(widths_of(widths or SOUND_WIDTHS))
    change = {"hidden_sizes": better}
    if widths is None:
        return Advice("The network is too small: give it two hidden layers of at least 64 units.", change)
    if not widths:
        return Advice("There is no hidden layer: add two, of 128 and 64 units.", {"hidden_sizes": SOUND_WIDTHS})
    units = ", ".join(map(str, better))
    return Advice(f"The narrowest hidden layer has {min(widths)} units: use hidden layers of {units} units.", change)


def _layers(s: Settings) -> Advice:
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


KERAS: Remedies = {
    Cause.CLASS_IMBALANCE: say("Give each class the same total weight in training, and use balanced accuracy."),
    Cause.THRESHOLD: _decision,
    Cause.LEARNING_RATE_TOO_HIGH: _rate("high", 0.1),
    Cause.LEARNING_RATE_TOO_LOW: _rate("low", 5),
    Cause.STOPPED_TOO_EARLY: _epochs,
    Cause.NETWORK_TOO_SMALL: _size,
    Cause.OUTPUT_ACTIVATION: _layers,
    Cause.LOSS_MISMATCH: lambda s: replace(_layers(s), change={"loss": None}),  # that of the labels
    Cause.HIDDEN_ACTIVATION: say("Use ReLU in the hidden layers, with He initialisation."),
    Cause.VANISHING_GRADIENT: say(
        "Use ReLU with He initialisation, and BatchNormalization where there are four hidden layers or more."
    ),
    Cause.EXPLODING_GRADIENT: lambda s: Advice(
        f"Use He initialisation, a learning rate of {USUAL_RATE}, and clip the gradient; check that the features are "
        "scaled.",
        {"clipnorm": 1.0},
    ),
    Cause.DEAD_RELU: say("Draw new weights with He initialisation and biases of 0, and train with Adam at 0.001."),
    Cause.POOR_INITIALIZATION: say("Use He initialisation for the weights, and leave the biases at 0."),
    Cause.UNSCALED_FEATURES: say(
        "Scale each column to mean 0 and standard deviation 1 before the first layer, also when predicting."
    ),
    Cause.BATCH_NORM_STATISTICS: say(
        "BatchNormalization's momentum of 0.99 takes hundreds of steps to follow: use momentum=0.9, or train longer."
    ),
    **LABEL_ADVICE,
}
