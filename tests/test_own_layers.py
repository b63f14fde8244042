"""Do layers of the user's own take the place of the hidden layers, with everything around them as it is?"""

import pickle
import random
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from balanced_nn import BalancedNNClassifier, diagnose, load_model, save_model
from balanced_nn._causes.report import CollapseReport
from balanced_nn._training.keras.pool import POOL
from balanced_nn.exceptions import CollapseWarning
from tests.helpers.bodies import Residual, column_attention, wide_and_deep

X, Y = make_classification(400, 6, n_informative=4, weights=[0.8], class_sep=1.5, flip_y=0, random_state=0)
BODIES = [Residual(8, 1), wide_and_deep, column_attention]
ROOT = Path(__file__).parents[1]


def small(body=wide_and_deep, **params) -> BalancedNNClassifier:
    settings = {"max_iter": 30, "n_members": 1, "n_bins": None, "random_state": 0, **params}
    return BalancedNNClassifier(body, **settings)


@pytest.fixture(scope="module", params=BODIES, ids=["residual", "wide and deep", "attention"])
def fitted(request: pytest.FixtureRequest) -> BalancedNNClassifier:
    return small(request.param, n_members=2).fit(X, Y)


@pytest.fixture(scope="module")
def wide() -> BalancedNNClassifier:
    return small().fit(X, Y)


# A fit


def test_a_body_learns_with_everything_around_it(fitted):
    assert fitted.collapse_report_.outcome.value == "healthy"
    proba = fitted.predict_proba(X)
    assert ((proba[:, 1] > 0.2) == (Y == 1)).mean() > 0.8
    assert proba[:, 1].mean() == pytest.approx(Y.mean(), abs=0.07)  # natural frequencies, not 50:50
    assert fitted.lr_search_ is not None
    assert fitted.calibration_ is not None
    assert len(fitted.members_) == 2
    assert fitted.set_prior([0.5, 0.5]).predict_proba(X)[:, 1].mean() > proba[:, 1].mean()
    fitted.set_prior(None)


def test_the_report_says_once_that_keras_trains_and_answers(fitted):
    report = fitted.collapse_report_
    assert str(report).count("trained through Keras and not compiled; to predict needs TensorFlow") == 1
    assert report.to_dict()["layers"] == report.layers
    assert (
        BalancedNNClassifier((8,), max_iter=1, n_members=1, on_collapse="ignore").fit(X, Y).collapse_report_.layers
        == ""
    )


def test_the_same_seed_gives_the_same_bits_and_another_one_others(wide):
    state = random.getstate()
    again = small().fit(X, Y)
    assert random.getstate() == state  # although Keras draws from it
    np.testing.assert_array_equal(again.predict_proba(X), wide.predict_proba(X))
    assert (small(random_state=1).fit(X, Y).predict_proba(X) != again.predict_proba(X)).any()


def test_networks_at_the_same_time_are_those_one_after_the_other():
    alone, beside = (small(Residual(8, 1), n_members=2, max_iter=5, n_jobs=n).fit(X, Y) for n in (1, 2))
    np.testing.assert_array_equal(alone.predict_proba(X), beside.predict_proba(X))


def test_the_order_of_rows_and_what_stands_beside_them_does_not_matter(fitted):
    proba, order = fitted.predict_proba(X), np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(fitted.predict_proba(X[order]), proba[order], atol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba(X[:3]), proba[:3], atol=1e-6)


def test_the_settings_of_layers_of_sizes_are_said_to_have_no_effect():
    with pytest.warns(UserWarning, match="dropout=0.5 has no effect, because hidden_layer_sizes is a function"):
        small(dropout=0.5, max_iter=1, on_collapse="ignore").fit(X, Y)
    with pytest.warns(UserWarning, match="activation='tanh', batch_norm=False have no effect"):
        small(activation="tanh", batch_norm=False, max_iter=1, on_collapse="ignore").fit(X, Y)


def penalised(strength: float, n_inputs: int) -> list[keras.layers.Layer]:
    return [keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(strength))]


def test_regularizers_of_layers_count_in_the_loss():
    norms = [
        np.linalg.norm(small(partial(penalised, strength), on_collapse="ignore").fit(X, Y).network_.arrays()[0])
        for strength in (0.0, 10.0)
    ]
    assert norms[1] < 0.3 * norms[0]


def test_several_classes_and_a_table_of_all_kinds_of_columns():
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=300), "town": rng.choice(["a", "b", "c"], 300)})
    table.loc[::9, "size"] = np.nan
    y = np.where(table["town"] == "a", "x", np.where(table["size"] > 0, "y", "z"))
    clf = small(wide_and_deep).fit(table, y)
    assert clf.predict_proba(table).shape == (300, 3)
    assert (clf.predict(table) == y).mean() > 0.7


def no_unit_varies(n_inputs: int) -> list[keras.layers.Layer]:
    return [keras.layers.Rescaling(0.0)]


def test_a_failure_is_named_and_repairs_are_tried():
    with pytest.warns(CollapseWarning, match="the same probability for every row") as caught:
        clf = small(no_unit_varies, max_iter=3).fit(X, Y)
    assert len(clf.repairs_) == 2
    assert "Layers: those of no_unit_varies" in str(caught[0].message)
    assert clf.collapse_report_.evidence.network.hidden_sizes is None
    assert isinstance(diagnose(clf, X, Y), CollapseReport)


# Searches and files


def test_a_grid_searches_bodies_beside_sizes():
    estimator = small(max_iter=6, learning_rate_init=0.01, on_collapse="ignore")
    search = GridSearchCV(estimator, {"hidden_layer_sizes": [(8,), *BODIES]}, cv=2)
    search.fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.cv_results_["mean_test_score"].max() > 0.7
    assert clone(search.best_estimator_).get_params()["hidden_layer_sizes"] == search.best_params_["hidden_layer_sizes"]


def test_a_pickle_answers_the_same(fitted):
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("suffix", [".joblib", ".skops"])
def test_a_file_answers_the_same_where_it_is_trusted(wide, suffix, tmp_path):
    save_model(wide, tmp_path / f"wide{suffix}")
    back = load_model(tmp_path / f"wide{suffix}", trust=True)
    np.testing.assert_array_equal(back.predict_proba(X), wide.predict_proba(X))


@pytest.mark.slow
def test_another_process_answers_the_same(wide, tmp_path):
    save_model(wide, tmp_path / "wide.joblib")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import numpy as np; from pathlib import Path; from balanced_nn import load_model\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "clf = load_model(folder / 'wide.joblib', trust=True)\n"
        "np.save(folder / 'proba.npy', clf.predict_proba(np.load(folder / 'X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "proba.npy"), wide.predict_proba(X), atol=1e-6)


def test_a_function_without_a_name_is_not_written(tmp_path):
    clf = small(lambda n_inputs: keras.layers.Dense(4), max_iter=1, on_collapse="ignore").fit(X, Y)
    for suffix in (".joblib", ".skops"):
        with pytest.raises(
            ValueError, match="hidden_layer_sizes is the function .*<lambda>, which a file can only name"
        ):
            save_model(clf, tmp_path / f"clf{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_keras_exports_it_and_onnx_says_why_not(fitted):
    np.testing.assert_allclose(fitted.to_keras().predict(X, verbose=0), fitted.predict_proba(X), atol=1e-5)
    assert fitted.model_.count_params() > 0
    with pytest.raises(ValueError, match="to_onnx exports layers of sizes, and hidden_layer_sizes is a function"):
        fitted.to_onnx()


# Programs


SCALE = [1.0]


class Scaled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * SCALE[0]


def depends_on_a_global(n_inputs: int) -> list[keras.layers.Layer]:
    return [keras.layers.Dense(4, activation="relu"), Scaled()]


def test_a_function_that_makes_something_else_now_is_traced_anew():
    try:
        first = small(depends_on_a_global, max_iter=3, on_collapse="ignore").fit(X, Y)
        SCALE[0] = 0.0  # no configuration of a layer tells
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            second = small(depends_on_a_global, max_iter=3, on_collapse="ignore").fit(X, Y)
    finally:
        SCALE[0] = 1.0
    assert np.ptp(first.predict_proba(X)[:, 1]) > 0.01
    assert len(set(second.loss_curve_)) > 0
    assert (second.network_.arrays()[2] == 0).all()  # nothing reached the output's kernel, or moved it
    assert (first.network_.arrays()[2] != 0).any()


def test_programs_of_bodies_do_not_push_out_those_of_sizes():
    small((8,), max_iter=1, on_collapse="ignore").fit(X, Y)
    for _ in range(3):
        small(wide_and_deep, max_iter=1, on_collapse="ignore").fit(X, Y)
    keys = [program.key for program in POOL._idle]
    assert len({key.body for key in keys if key.body is not None}) == 1
    assert any(key.hidden_layer_sizes == (8,) for key in keys)


# What is refused


def nothing(n_inputs):
    keras.layers.Dense(4)


def a_class(n_inputs):
    return keras.layers.Flatten


def three_axes(n_inputs):
    return [keras.layers.Reshape((n_inputs, 1))]


def not_for_matrices(n_inputs):
    return keras.layers.Conv2D(4, 3)


def two_outputs(n_inputs):
    inputs = keras.Input((n_inputs,))
    return keras.Model(inputs, [keras.layers.Dense(4)(inputs), keras.layers.Dense(2)(inputs)])


SHARED = keras.layers.Dense(4)


def always_the_same(n_inputs):
    return SHARED


WIDTHS = iter(range(1, 1000))


def never_the_same(n_inputs):
    return keras.layers.Dense(next(WIDTHS))


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (nothing, TypeError, r"hidden_layer_sizes is the function nothing, .* nothing\(6\) returned nothing \(None\)"),
        (a_class, TypeError, "a list of layers; .* returned .*Flatten"),
        (
            three_axes,
            ValueError,
            r"must have the shape \(rows, units\), and has \(None, 6, 1\): let it end with Flatten",
        ),
        (not_for_matrices, ValueError, "not_for_matrices, whose layers cannot read a matrix of 6 columns: "),
        (two_outputs, ValueError, r"must have the shape \(rows, units\), and has several parts"),
        (always_the_same, ValueError, "returns the same layer at each call"),
        (never_the_same, ValueError, "makes other layers at each call"),
        (
            keras.layers.Dense(4),
            TypeError,
            "hidden_layer_sizes is a Keras layer, Dense, which all networks would share",
        ),
        ("wide", ValueError, "hidden_layer_sizes"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_body_is_refused_in_a_sentence(body, error, message):
    with pytest.raises(error, match=message) as raised:
        small(body).fit(X, Y)
    assert "\n" not in str(raised.value)


def test_a_function_that_changed_after_the_fit_is_noticed():
    made = []

    def body(n_inputs):
        made.append(n_inputs)
        return keras.layers.Dense(4 if len(made) < 100 else 5)

    clf = small(body, max_iter=1, on_collapse="ignore").fit(X, Y)
    made += [0] * 100
    with pytest.raises(ValueError, match="makes other layers than those that were trained"):
        clf.predict(X)


def test_nothing_goes_on_whose_state_is_not_known(tmp_path):
    for clf, method in (
        (small(wide_and_deep, warm_start=True), "fit"),
        (small(wide_and_deep, checkpoint=str(tmp_path / "kept")), "fit"),
        (small(wide_and_deep), "partial_fit"),
    ):
        arguments = {"classes": [0, 1]} if method == "partial_fit" else {}
        with pytest.raises(ValueError, match="goes on only with layers .* the function wide_and_deep"):
            getattr(clf, method)(X, Y, **arguments)
    assert not (tmp_path / "kept").exists()
