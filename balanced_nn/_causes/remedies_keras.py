"""What is advised against each cause to users of Keras, and which code repairs it?"""

from collections.abc import Callable, Collection

from balanced_nn._causes.evidence import ACTION_OF, Cause, RepairAction
from balanced_nn._causes.remedies import DEEP, LABEL_ADVICE, USUAL_RATE, Advice, Settings, say, wider, widths_of


def keras_code(causes: Collection[Cause], s: Settings) -> str:
    """Return code that trains a network anew without these causes."""
    actions = {ACTION_OF[cause] for cause in causes if cause in ACTION_OF}
    if not actions:
        return ""
    if set(causes) == {Cause.THRESHOLD}:
        return _keras_decision(s)
    epochs = max(200, 4 * (s.get("epochs") or 0)) if RepairAction.TRAIN_LONGER in actions else 100
    if actions == {RepairAction.TRAIN_LONGER}:
        return f"model.fit(X_train, y_train, epochs={epochs})  # goes on where training ended"
    loss, network = _keras_network(causes, actions, s)
    balance = RepairAction.BALANCE_CLASSES in actions
    clip = ", clipnorm=1.0" if Cause.EXPLODING_GRADIENT in causes else ""
    rate = keras_rate(causes, s)
    return "\n".join(
        [
            "import keras",
            *(["import numpy as np"] if balance else []),
            "",
            *network,
            *(_KERAS_SCALE if RepairAction.SCALE_FEATURES in actions else []),
            f"fresh.compile(optimizer=keras.optimizers.Adam(learning_rate={rate:g}{clip}), loss={loss})",
            *(_keras_weights(s) if balance else []),
            f"fresh.fit(X_train, y_train, epochs={epochs}{', class_weight=weight' if balance else ''})",
        ]
    )


_KERAS_SCALE = [
    "scale = keras.layers.Normalization()",
    "scale.adapt(X_train)  # mean and standard deviation of each column, of the training rows",
    "inputs = keras.Input(X_train.shape[1:])",
    "fresh = keras.Model(inputs, fresh(scale(inputs)))",
]


def _keras_network(causes: Collection[Cause], actions: Collection[RepairAction], s: Settings) -> tuple[str, list[str]]:
    """Return the loss, and code that makes the network `fresh`."""
    output, loss = _keras_output(causes, s)
    if {RepairAction.SOUND_HIDDEN_LAYERS, RepairAction.ENLARGE_NETWORK} & set(actions):
        widths = widths_of(s.get("hidden_sizes") or (128, 64))
        if RepairAction.ENLARGE_NETWORK in actions:
            widths = wider(widths)
        sizes = f"({', '.join(map(str, widths))}{',' * (len(widths) == 1)})"
        dense = 'keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal")'
        hidden = [f"hidden = [{dense} for units in {sizes}]"]
        if RepairAction.ADD_BATCH_NORM in actions or len(widths) >= DEEP:
            hidden = [
                "hidden = []",
                f"for units in {sizes}:",
                '    hidden += [keras.layers.Dense(units, kernel_initializer="he_normal")]',
                '    hidden += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.Activation("relu")]',
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
            "        layer.momentum = 0.9  # the statistics then follow within some 20 steps",
        ]
    return loss, network


def _keras_output(causes: Collection[Cause], s: Settings) -> tuple[str, str]:
    """Return code for the output layer and for the loss."""
    one_hot = s.get("loss") == "categorical_crossentropy" and Cause.LOSS_MISMATCH not in causes
    n_classes = s.get("n_classes") or 2
    if n_classes <= 2 and not one_hot:
        return 'keras.layers.Dense(1, activation="sigmoid")', '"binary_crossentropy"'
    loss = '"categorical_crossentropy"' if one_hot else '"sparse_categorical_crossentropy"'
    return f'keras.layers.Dense({n_classes}, activation="softmax")', loss


def _keras_labels(s: Settings) -> str:
    one_hot = s.get("loss") == "categorical_crossentropy"
    return "np.argmax(y_train, axis=1)" if one_hot else "np.ravel(y_train).astype(int)"


def _keras_weights(s: Settings) -> list[str]:
    return [
        f"labels, counts = np.unique({_keras_labels(s)}, return_counts=True)",
        "weight = {int(c): counts.sum() / (len(counts) * n) for c, n in zip(labels, counts)}",
    ]


def _keras_decision(s: Settings) -> str:
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
        share = f"share = np.bincount({_keras_labels(s)}) / len(y_train)  # of each class"
        answers = f"answers = ({proba} / share).argmax(axis=1)"
    return "\n".join([*imports, "", share, answers])


def keras_rate(causes: Collection[Cause], s: Settings) -> float:
    rate = s.get("learning_rate")
    is_usual = rate is not None and 3e-4 <= rate <= 3e-3 and s.get("optimizer") in {None, "adam", "adamw"}
    if is_usual and Cause.LEARNING_RATE_TOO_HIGH in causes:
        return USUAL_RATE / 10
    if is_usual and Cause.LEARNING_RATE_TOO_LOW in causes:
        return USUAL_RATE * 5
    return USUAL_RATE


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
