"""Does the advice against each cause name what to set, in code that runs?"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.advise import ModelKind, advise, blame_columns
from balanced_nn._causes.evidence import ACTION_OF, Cause
from balanced_nn._causes.rules import Finding
from balanced_nn._data.column_checks import Reason, SuspiciousColumn

DEFAULTS = BalancedNNClassifier().get_params()
USUAL = {ModelKind.OURS: DEFAULTS, ModelKind.MLP: MLPClassifier().get_params()}  # of the others nothing may be known
DATA = {Cause.NO_SIGNAL, Cause.BAD_LABELS}
OPEN_ENDED = {  # there is always a larger number, and always another rate
    Cause.STOPPED_TOO_EARLY,
    Cause.NETWORK_TOO_SMALL,
    Cause.LEARNING_RATE_TOO_HIGH,
    Cause.LEARNING_RATE_TOO_LOW,
}


def found(cause, status="suspected") -> Finding:
    return Finding(cause, "Seen.", 1.0, 2.0, 0.5, status)


def ours(cause, **settings) -> Finding:
    (advised,) = advise([found(cause)], ModelKind.OURS, settings=settings, defaults=DEFAULTS)
    return advised


def mlp(cause, **settings) -> Finding:
    (advised,) = advise([found(cause)], "mlp", settings=MLPClassifier(**settings).get_params())
    return advised


@pytest.mark.parametrize("kind", list(ModelKind))
@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_remedy_for_every_kind_of_model(cause, kind):
    (advised,) = advise([found(cause)], kind, settings=USUAL.get(kind, {}))
    assert advised.remedy.endswith((".", "?"))
    assert (advised.cause, advised.seen, advised.confidence) == (cause, "Seen.", 0.5)
    assert not advised.change or advised.code
    if cause in DATA:
        assert (advised.code, advised.change) == ("", {})
        assert advised.remedy.startswith("No setting repairs this. Look at the ")


# BalancedNNClassifier


@pytest.mark.parametrize(
    ("cause", "settings", "remedy", "change"),
    [
        (
            Cause.LEARNING_RATE_TOO_HIGH,
            {"learning_rate_init": 10.0},
            'learning_rate_init was set to 10.0 by hand: leave it at "auto".',
            {"learning_rate_init": "auto"},
        ),
        (
            Cause.LEARNING_RATE_TOO_LOW,
            {"learning_rate_init": 1e-7},
            'learning_rate_init was set to 1e-07 by hand: leave it at "auto".',
            {"learning_rate_init": "auto"},
        ),
        (
            Cause.VANISHING_GRADIENT,
            {"activation": "logistic", "batch_norm": False, "hidden_layer_sizes": (4,) * 10},
            "10 layers of logistic units without BatchNorm lose the gradient: "
            "use activation='relu' and batch_norm=True.",
            {"activation": "relu", "batch_norm": True},
        ),
        (
            Cause.UNSCALED_FEATURES,
            {"scaler": None},
            'The features are not scaled: use scaler="auto".',
            {"scaler": "auto"},
        ),
        (
            Cause.UNSCALED_FEATURES,
            {},
            'Extreme values remain after scaling: use scaler="quantile".',
            {"scaler": "quantile"},
        ),
        (
            Cause.CLASS_IMBALANCE,
            {"class_weight": None},
            'The classes are not balanced: use class_weight="balanced".',
            {"class_weight": "balanced"},
        ),
        (
            Cause.NETWORK_TOO_SMALL,
            {"hidden_layer_sizes": [64, 2]},
            "A hidden layer has 2 units: use hidden_layer_sizes=(256, 128).",
            {"hidden_layer_sizes": (256, 128)},
        ),
        (
            Cause.NETWORK_TOO_SMALL,
            {"hidden_layer_sizes": ()},
            "There is no hidden layer: use hidden_layer_sizes=(256, 128).",
            {"hidden_layer_sizes": (256, 128)},
        ),
        (
            Cause.NETWORK_TOO_SMALL,
            {"dropout": 0.9},
            "dropout=0.9 drops most of each layer: use 0.1.",
            {"dropout": 0.1},
        ),
        (
            Cause.STOPPED_TOO_EARLY,
            {"max_iter": 2},
            "max_iter=2 ends training after few epochs: use max_iter=200.",
            {"max_iter": 200},
        ),
        (
            Cause.THRESHOLD,
            {"decision": "argmax"},
            'decision="argmax", and every row gets the same answer: use decision="balanced".',
            {"decision": "balanced"},
        ),
        (
            Cause.DEAD_RELU,
            {"batch_norm": False},
            "BatchNorm keeps the scale from layer to layer: use batch_norm=True.",
            {"batch_norm": True},
        ),
        (
            Cause.LOSS_MISMATCH,
            {"loss": "focal"},
            'loss="focal" was set by hand: use loss="log_loss".',
            {"loss": "log_loss"},
        ),
    ],
    ids=str,
)
def test_what_was_set_by_hand_is_named_and_set(cause, settings, remedy, change):
    advised = ours(cause, **settings)
    assert advised.remedy == remedy
    assert advised.change == change
    clf = BalancedNNClassifier(**settings)
    clf.fit = lambda X, y: clf
    exec(advised.code, {"clf": clf, "X": None, "y": None})
    assert {name: clf.get_params()[name] for name in change} == change


def test_a_matrix_of_costs_is_shown_as_it_is():
    assert ours(Cause.THRESHOLD, decision=1 - np.eye(2)).remedy.startswith("decision=array([[0., 1.],\n")


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"class_weight": {0: 1.0, 1: 5.0}, "scaler": "quantile", "batch_norm": False, "hidden_layer_sizes": 3},
        {"learning_rate_init": np.float64(0.1), "activation": "tanh", "sampler": "smote", "decision": 0.3},
        {
            "activation": "identity",
            "batch_size": 2,
            "alpha": 9.0,
            "n_iter_no_change": 2,
            "hidden_layer_sizes": (8,) * 6,
        },
    ],
    ids=str,
)
def test_a_change_changes_something_and_following_it_comes_to_an_end(cause, settings):
    current = {**DEFAULTS, **settings}
    for _ in range(8):
        advised = ours(cause, **current)
        assert all(current[name] != value for name, value in advised.change.items())
        assert "np.float64" not in advised.remedy + advised.code
        BalancedNNClassifier(**{**current, **advised.change})._validate_params()
        if not advised.change or cause in OPEN_ENDED:
            break
        current |= advised.change
    else:
        pytest.fail("the advice goes in circles")


def test_confirmed_causes_share_one_code():
    findings = [
        found(Cause.STOPPED_TOO_EARLY),
        found(Cause.UNSCALED_FEATURES, "confirmed"),
        found(Cause.LEARNING_RATE_TOO_HIGH, "confirmed"),
    ]
    settings = {"scaler": None, "learning_rate_init": 10.0, "max_iter": 3}
    early, scale, rate = advise(findings, "balanced_nn", settings=settings, defaults=DEFAULTS)
    assert early.code == "clf.set_params(max_iter=200).fit(X, y)"
    assert scale.code == 'clf.set_params(learning_rate_init="auto", scaler="auto").fit(X, y)'
    assert rate.code == ""
    assert (scale.change, rate.change) == ({"scaler": "auto"}, {"learning_rate_init": "auto"})


# scikit-learn

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.repeat(["a", "b"], [45, 15])


@pytest.mark.parametrize(
    ("cause", "settings", "change"),
    [
        (Cause.LEARNING_RATE_TOO_HIGH, {"learning_rate_init": 10.0}, {"learning_rate_init": 1e-3}),
        (Cause.LEARNING_RATE_TOO_HIGH, {}, {"learning_rate_init": 1e-4}),
        (
            Cause.LEARNING_RATE_TOO_LOW,
            {"learning_rate_init": 1e-7, "solver": "sgd"},
            {"solver": "adam", "learning_rate_init": 1e-3},
        ),
        (Cause.LEARNING_RATE_TOO_LOW, {"solver": "lbfgs"}, {"solver": "adam"}),
        (Cause.STOPPED_TOO_EARLY, {"max_iter": 3}, {"max_iter": 500, "n_iter_no_change": 20}),
        (Cause.NETWORK_TOO_SMALL, {"hidden_layer_sizes": 1}, {"hidden_layer_sizes": (128, 64)}),
        (
            Cause.VANISHING_GRADIENT,
            {"activation": "logistic", "hidden_layer_sizes": (8,) * 8},
            {"activation": "relu", "hidden_layer_sizes": (128, 64)},
        ),
        (Cause.HIDDEN_ACTIVATION, {"activation": "identity"}, {"activation": "relu"}),
        (Cause.CLASS_IMBALANCE, {}, {}),
        (Cause.UNSCALED_FEATURES, {}, {}),
    ],
    ids=str,
)
def test_an_mlp_gets_its_own_parameters(cause, settings, change):
    assert mlp(cause, **settings).change == change


@pytest.mark.parametrize("cause", sorted(set(Cause) - DATA))
def test_the_code_for_an_mlp_runs(cause):
    code = mlp(cause, learning_rate_init=10.0, max_iter=5).code
    if cause in {Cause.OUTPUT_ACTIVATION, Cause.LOSS_MISMATCH, Cause.BATCH_NORM_STATISTICS, *DATA}:
        assert code == ""
        return
    if cause in {Cause.VANISHING_GRADIENT, Cause.HIDDEN_ACTIVATION}:
        assert code == ""  # relu already, one layer
        return
    names = {"clf": MLPClassifier(tol=1.0, n_iter_no_change=1, learning_rate_init=0.01).fit(X, Y), "X": X, "y": Y}
    names["clf"].set_params(tol=1e9)  # one epoch or two
    exec(code, names)
    assert set(names.get("answers", names["clf"].predict(X))) <= {"a", "b"}


def test_scaling_and_weights_go_into_one_fit():
    findings = [found(Cause.UNSCALED_FEATURES, "confirmed"), found(Cause.CLASS_IMBALANCE, "confirmed")]
    scale, balance = advise(findings, "mlp", settings=MLPClassifier().get_params())
    assert balance.code == ""
    names = {"clf": MLPClassifier(tol=1e9, n_iter_no_change=1), "X": X, "y": Y}
    exec(scale.code, names)
    assert list(names["clf"].named_steps) == ["scale", "model"]


def test_any_classifier_is_told_of_class_weight_if_it_has_one():
    linear = advise([found(Cause.CLASS_IMBALANCE)], "other", settings=LogisticRegression().get_params())[0]
    assert linear.code == 'clf.set_params(class_weight="balanced").fit(X, y)'
    near = advise([found(Cause.CLASS_IMBALANCE)], "other", settings=KNeighborsClassifier().get_params())[0]
    assert "compute_sample_weight" in near.code
    assert near.change == {}
    longer = advise([found(Cause.STOPPED_TOO_EARLY)], "other", settings=LogisticRegression(max_iter=7).get_params())[0]
    assert longer.change == {"max_iter": 35}


# Keras


def test_a_keras_remedy_knows_the_network():
    def told(cause, **facts):
        (advised,) = advise([found(cause)], "keras", settings=facts)
        assert advised.change == {}
        return advised

    low = told(Cause.LEARNING_RATE_TOO_LOW, learning_rate=1e-7, optimizer="adam")
    assert low.remedy == "A learning rate of 1e-07 is too low: retrain with Adam at 0.001."
    assert "Adam(learning_rate=0.001)" in low.code
    assert "learning_rate=0.0001" in told(Cause.LEARNING_RATE_TOO_HIGH, learning_rate=1e-3, optimizer="adam").code
    assert "for units in (64, 64)" in told(Cause.NETWORK_TOO_SMALL, hidden_sizes=(64, 2)).code
    assert "for units in (128,)" in told(Cause.NETWORK_TOO_SMALL, hidden_sizes=(64,)).code
    assert "for units in (8, 8)" in told(Cause.DEAD_RELU, hidden_sizes=(8, 8)).code
    bare = told(Cause.NETWORK_TOO_SMALL, hidden_sizes=())
    assert bare.remedy == "There is no hidden layer: add two, of 128 and 64 units."
    assert "for units in (128, 64)" in bare.code
    assert "clipnorm=1.0" in told(Cause.EXPLODING_GRADIENT, hidden_sizes=(8,)).code
    assert "BatchNormalization" in told(Cause.VANISHING_GRADIENT, hidden_sizes=(8,) * 8).code
    assert 'Dense(4, activation="softmax")' in told(Cause.OUTPUT_ACTIVATION, n_classes=4).code
    assert "expit(" in told(Cause.THRESHOLD, from_logits=True, n_outputs=1).code


@pytest.fixture(scope="module")
def keras():
    keras = pytest.importorskip("keras")
    patch, fit = pytest.MonkeyPatch(), keras.Model.fit
    patch.setattr(keras.Model, "fit", lambda *a, epochs, **k: fit(*a, epochs=1, verbose=0, **k))
    yield keras
    patch.undo()


COMBINED = (Cause.UNSCALED_FEATURES, Cause.LEARNING_RATE_TOO_HIGH, Cause.CLASS_IMBALANCE, Cause.STOPPED_TOO_EARLY)
NEW_LAYERS = (Cause.VANISHING_GRADIENT, Cause.BATCH_NORM_STATISTICS, Cause.LOSS_MISMATCH, Cause.NETWORK_TOO_SMALL)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "causes", [*((cause,) for cause in Cause if cause in ACTION_OF), COMBINED, NEW_LAYERS], ids="+".join
)
def test_the_code_for_keras_runs(keras, causes, n_classes):
    """With the names model, X_train, y_train, and X_test where answers are asked for."""
    outputs = 1 if n_classes == 2 else n_classes
    inputs = keras.Input((3,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(4)(inputs))
    model = keras.Model(
        inputs, keras.layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")(hidden)
    )
    model.compile("sgd", loss="binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy")
    facts = {"n_classes": n_classes, "n_outputs": outputs, "hidden_sizes": (4,), "learning_rate": 0.01}
    advised = advise([found(cause, "confirmed") for cause in causes], ModelKind.KERAS, settings=facts)
    assert [bool(finding.code) for finding in advised] == [True] + [False] * (len(causes) - 1)
    y = np.arange(60) % n_classes
    names = {"model": model, "keras": keras, "X_train": X, "y_train": y, "X_test": X[:7]}
    exec(advised[0].code, names)
    if "answers" in names:
        assert set(names["answers"]) <= set(range(n_classes))
    else:
        assert names.get("fresh", model).predict(X[:7], verbose=0).shape == (7, outputs)


def test_columns_that_are_misread_are_blamed_for_features_without_a_signal() -> None:
    finding = Finding(Cause.NO_SIGNAL, "quick models stay at chance.", 0.5, 1, 0.95)
    other = Finding(Cause.BAD_LABELS, "one label.", 1, 0.5, 0.99)
    column = SuspiciousColumn("price", Reason.NUMBERS, "'1,5' (decimal comma)")
    advised = advise([finding, other], ModelKind.OURS, settings=BalancedNNClassifier().get_params(deep=False))
    assert blame_columns(advised, ()) == advised
    blamed, same = blame_columns(advised, [column])
    assert same == advised[1]
    assert "Column 'price' holds numbers as text" in blamed.seen
    assert "Quick models stay" in blamed.seen
    assert blamed.confidence < 0.5
    assert blamed.remedy.startswith("Repair these columns, and fit again.")
    assert "No setting" not in blamed.remedy
