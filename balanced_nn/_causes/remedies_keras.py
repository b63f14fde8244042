"""Which code, to be pasted, mends a cause?"""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from balanced_nn._causes.evidence import ACTION_OF, Cause, RepairAction

Settings: TypeAlias = Mapping[str, Any]

NARROW = 64  # units under which a hidden layer is widened
DEEP = 4  # hidden layers from which saturating activations lose the gradient without BatchNorm
USUAL_RATE = 1e-3  # of Adam


def sklearn_code(change: Mapping[str, Any], actions: Collection[RepairAction]) -> str:
    """Return code that sets parameters, scales and weighs.

    >>> print(sklearn_code({"max_iter": 500}, ()))
    clf.set_params(max_iter=500).fit(X, y)
    """
    scale, balance = RepairAction.SCALE_FEATURES in actions, RepairAction.BALANCE_CLASSES in actions
    if not (change or scale or balance):
        return ""
    imports = []
    model, arguments = "clf", "X, y"
    if change:
        model = f"clf.set_params({', '.join(f'{name}={show(value)}' for name, value in change.items())})"
    if scale:
        imports += ["from sklearn.pipeline import Pipeline", "from sklearn.preprocessing import StandardScaler"]
        model = f'Pipeline([("scale", StandardScaler()), ("model", {model})])'
    if balance:
        imports += ["from sklearn.utils.class_weight import compute_sample_weight"]
        arguments += f', {"model__" if scale else ""}sample_weight=compute_sample_weight("balanced", y)'
    fit = f"{'clf = ' if scale else ''}{model}.fit({arguments})"
    return "\n".join([*imports, "", fit] if imports else [fit])


SKLEARN_DECISION = """\
import numpy as np

share = np.unique(y, return_counts=True)[1] / len(y)  # of each class in the training rows
answers = clf.classes_[(clf.predict_proba(X) / share).argmax(axis=1)]"""


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


def show(value: Any) -> str:
    """Return a value as code.

    >>> show("auto"), show((256, 128))
    ('"auto"', '(256, 128)')
    """
    value = value.item() if hasattr(value, "item") else value
    return f'"{value}"' if isinstance(value, str) else repr(value)


def widths_of(sizes: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in sizes) if hasattr(sizes, "__len__") else (int(sizes),)


def wider(widths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(NARROW, width) if min(widths) < NARROW else 2 * width for width in widths)
