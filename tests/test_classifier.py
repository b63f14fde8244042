"""Does the estimator do what its docstring says, on every kind of label and table?"""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier
from balanced_nn._collapse.outcome import Outcome

X, Y = make_classification(n_samples=300, n_features=6, weights=[0.75], class_sep=1.5, flip_y=0.01, random_state=0)
WORDS = np.where(Y == 1, "yes", "no")


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 8, "n_members": 1, "random_state": 0, **params}
    return BalancedNNClassifier(**settings)


@pytest.fixture(scope="module")
def fitted() -> BalancedNNClassifier:
    return small().fit(X, Y)


# What it is for


def test_rare_positives_are_found_where_a_plain_network_answers_all_negative():
    X, y = make_classification(
        n_samples=3000, n_features=10, n_informative=4, weights=[0.98], class_sep=0.8, flip_y=0, random_state=1
    )
    plain = MLPClassifier((16,), max_iter=8, random_state=0, learning_rate_init=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert balanced_accuracy_score(y[2000:], plain.fit(X[:2000], y[:2000]).predict(X[2000:])) < 0.55
    clf = small(max_iter=60).fit(X[:2000], y[:2000])
    assert balanced_accuracy_score(y[2000:], clf.predict(X[2000:])) > 0.75
    assert clf.collapse_report_.outcome is Outcome.HEALTHY


def test_the_defaults_learn_an_easy_table():
    clf = BalancedNNClassifier(random_state=0).fit(X, Y)
    assert balanced_accuracy_score(Y, clf.predict(X)) > 0.9
    assert clf.history_.stop_reason in {"patience", "max_iter"}


# Labels


@pytest.mark.parametrize(
    ("y", "kinds"),
    [
        (Y, "i"),
        (2 * Y - 3, "i"),
        (Y.astype(np.int8), "i"),
        (Y == 1, "b"),
        (Y.astype(float), "f"),
        (WORDS, "U"),
        (WORDS.astype(object), "O"),
        (WORDS.tolist(), "U"),
        (pd.Series(WORDS), "O"),
        (pd.Series(WORDS, dtype="category"), "O"),
        (pd.Series(WORDS, dtype="string"), "O"),
        (pd.Series(Y, dtype="category"), "i"),
        (pd.Series(Y, dtype="Int64"), "i"),
        (pd.Series(Y == 1, dtype="boolean"), "b"),
        (pl.Series(WORDS), "UO"),
        (pl.Series(WORDS).cast(pl.Categorical), "UO"),
        (pl.Series(Y == 1), "b"),
    ],
    ids=lambda value: f"{type(value).__module__[:6]}-{value.dtype}" if hasattr(value, "dtype") else "",
)
def test_labels_of_every_kind_are_answered_in_kind(y, kinds, fitted):
    clf = small().fit(X, y)
    answers = clf.predict(X)
    assert answers.dtype.kind in kinds
    assert answers.dtype == clf.classes_.dtype
    assert set(answers.tolist()) <= set(y)
    # The same network, whatever the labels are called.
    np.testing.assert_array_equal(np.searchsorted(clf.classes_, answers), fitted.predict(X))
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))


def test_a_column_of_labels_is_taken_with_scikit_learns_warning(fitted):
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        clf = small().fit(X, Y[:, None])
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))


def test_many_classes_are_learned():
    rng = np.random.default_rng(0)
    y = rng.choice(6, 600, p=[0.4, 0.3, 0.15, 0.05, 0.05, 0.05])
    table = rng.normal(size=(600, 6)) + 4 * np.eye(6)[y]
    clf = small(max_iter=15, learning_rate_init=0.01).fit(table, np.array(list("fedcba"))[y])
    assert clf.classes_.tolist() == list("abcdef")
    assert balanced_accuracy_score(np.array(list("fedcba"))[y], clf.predict(table)) > 0.9


# Tables


def test_the_container_of_a_numeric_table_does_not_matter(fitted):
    names = list("abcdef")
    expected = fitted.predict_proba(X)
    for table in (X.tolist(), pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names), X.astype(object)):
        clf = small().fit(table, Y)
        np.testing.assert_allclose(clf.predict_proba(table), expected, rtol=1e-9)
        assert hasattr(clf, "feature_names_in_") is hasattr(table, "columns")


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_tables_are_read_as_dense_ones(container):
    table = np.where(X > 0.5, X, 0.0)
    dense, thin = small().fit(table, Y), small().fit(container(table), Y)
    np.testing.assert_allclose(thin.predict_proba(container(table)), dense.predict_proba(table), rtol=1e-9)


def mixed_frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": X[:, 0],
            "whole": (10 * X[:, 1]).astype(int),
            "gaps": np.where(rng.random(300) < 0.2, np.nan, X[:, 2]),
            "nullable": pd.Series((10 * X[:, 3]).astype(int), dtype="Int64").mask(rng.random(300) < 0.1),
            "flag": X[:, 4] > 0,
            "word": np.array(["red", "green", "blue"])[Y + (X[:, 5] > 0)],
            "empty": np.nan,
            "same": 3.0,
        }
    )
    return frame.assign(kind=pd.Categorical(frame["word"]))


@pytest.mark.parametrize("sampler", [None, "over", "under", "smote"])
def test_mixed_tables_with_gaps_are_learned_and_unseen_levels_predicted(sampler):
    frame = mixed_frame()
    clf = small(sampler=sampler, learning_rate_init=0.01).fit(frame, WORDS)
    assert balanced_accuracy_score(WORDS, clf.predict(frame)) > 0.85
    assert clf.feature_names_in_.tolist() == frame.columns.tolist()
    strange = frame.assign(word="violet", kind=None, gaps=np.nan, number=1e9, same=-5.0)
    assert np.isfinite(clf.predict_log_proba(strange)).all()


def test_pandas_and_polars_tables_give_the_same_answers():
    frame = mixed_frame().drop(columns="kind")
    twin = pl.DataFrame({name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame})
    np.testing.assert_array_equal(small().fit(frame, Y).predict(frame), small().fit(twin, Y).predict(twin))


def test_a_table_of_words_only_is_learned():
    table = np.where(X > 0, "high", "low")
    assert balanced_accuracy_score(Y, small(learning_rate_init=0.01).fit(table, Y).predict(table)) > 0.75


def test_a_wide_table_is_learned():
    """So wide that a call of the compiled program takes fewer batches than usual."""
    wide = np.hstack([X, np.random.default_rng(0).normal(size=(300, 6000))])
    clf = small(hidden_layer_sizes=(8,), max_iter=2, on_collapse="ignore").fit(wide, Y)
    assert clf.network_.layers[0].kernel.shape == (clf.preprocessing_.width, 8)
    assert clf.preprocessing_.width >= 6006


@pytest.mark.parametrize("sizes", [16, [16], np.array([16]), (np.int64(16),)], ids=str)
def test_sizes_are_written_in_any_way(sizes, fitted):
    np.testing.assert_array_equal(small(hidden_layer_sizes=sizes).fit(X, Y).predict_proba(X), fitted.predict_proba(X))


def test_no_hidden_layer_is_a_linear_model():
    clf = small(hidden_layer_sizes=(), learning_rate_init=0.01, max_iter=20).fit(X, Y)
    assert len(clf.network_.layers) == 1
    assert balanced_accuracy_score(Y, clf.predict(X)) > 0.8


# What a fit leaves behind


def test_the_attributes_fit_together(fitted):
    history = fitted.history_
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.n_features_in_ == 6
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(history.train_loss) == len(history.validation_loss) <= 8
    assert fitted.loss_curve_ == list(history.train_loss)
    assert fitted.learning_rate_ == fitted.lr_search_.learning_rate == history.learning_rate
    assert 1 <= history.best_epoch <= fitted.n_iter_
    assert history.n_steps == fitted.n_iter_ * 4  # 255 rows in batches of 64
    assert fitted.repairs_ == ()
    assert fitted.preprocessing_.width == fitted.network_.spec.n_inputs == 6 + len(fitted.preprocessing_.bins)
    assert sum(fitted.class_prior_) == pytest.approx(1)
    assert small(learning_rate_init=0.02, max_iter=1, on_collapse="ignore").fit(X, Y).lr_search_ is None


def test_the_weights_of_the_best_epoch_are_kept():
    """A rate that is far too high makes the validation loss jump, so that the last epoch is not the best one."""
    clf = small(learning_rate_init=0.3, max_iter=25, n_iter_no_change=25, average_weights=False).fit(X, Y)
    losses = clf.history_.validation_loss
    assert clf.history_.best_epoch == int(np.argmin(losses)) + 1 < len(losses)
    settings = {"max_iter": clf.history_.best_epoch, "n_iter_no_change": 25, "average_weights": False}
    shorter = small(learning_rate_init=0.3, **settings).fit(X, Y)
    np.testing.assert_array_equal(shorter.predict_proba(X), clf.predict_proba(X))


def test_training_stops_where_the_validation_loss_stops_falling():
    clf = small(learning_rate_init=0.1, max_iter=200, n_iter_no_change=3).fit(X, Y)
    assert clf.history_.stop_reason == "patience"
    assert clf.n_iter_ < 200
    assert clf.n_iter_ >= clf.history_.best_epoch


def test_without_early_stopping_all_rows_train_for_all_epochs():
    clf = small(early_stopping=False, max_iter=7).fit(X, Y)
    assert clf.n_iter_ == 7
    assert clf.history_.validation_loss == ()
    assert clf.history_.n_steps == 7 * 5  # 300 rows in batches of 64
    assert clf.history_.best_epoch == 7


def test_balanced_weights_follow_the_rows_that_are_fed():
    natural = np.bincount(Y) / len(Y)
    np.testing.assert_allclose(small(max_iter=1).fit(X, Y).class_weight_, 0.5 / natural, rtol=0.02)
    np.testing.assert_allclose(small(max_iter=1, sampler="over").fit(X, Y).class_weight_, [1, 1])
    np.testing.assert_allclose(small(max_iter=1, class_weight=None).fit(X, Y).class_weight_, [1, 1])
    np.testing.assert_allclose(small(max_iter=1, class_weight={1: 3}).fit(X, Y).class_weight_, [1, 3])


def test_given_validation_rows_are_stopped_on(fitted):
    clf = small().fit(X, Y, X_val=X[:40], y_val=Y[:40], sample_weight_val=np.linspace(1, 2, 40))
    assert len(clf.history_.validation_loss) == clf.n_iter_
    assert clf.history_.n_steps == clf.n_iter_ * 5  # nothing is held out of the 300 rows
    assert clf.history_.validation_loss != fitted.history_.validation_loss


def test_a_second_fit_forgets_the_first():
    frame = pd.DataFrame(X[:, :4], columns=list("abcd"))
    thirds = np.digitize(frame["a"], np.quantile(frame["a"], [1 / 3, 2 / 3]))
    fresh = small().fit(frame, thirds)
    used = small(on_collapse="ignore")
    used.fit(pd.DataFrame(np.zeros((300, 6)), columns=list("uvwxyz")), WORDS)
    _ = used.model_
    used.set_params(on_collapse="repair").fit(frame, thirds)
    np.testing.assert_array_equal(used.predict_proba(frame), fresh.predict_proba(frame))
    assert vars(used).keys() == vars(fresh).keys()
    assert used.feature_names_in_.tolist() == list("abcd")
    assert used.classes_.tolist() == [0, 1, 2]
    assert used.model_.input_shape == (None, 4 + len(used.preprocessing_.bins))
    used.set_params(learning_rate_init=0.01).fit(X, Y)
    assert not hasattr(used, "feature_names_in_")
    assert used.n_features_in_ == 6
    assert used.lr_search_ is None
    assert used.predict_proba(X).shape == (300, 2)


def test_parameters_set_after_the_fit_do_not_change_predictions(fitted):
    clf = small().fit(X, Y).set_params(decision=0.9, hidden_layer_sizes=(3,), loss="focal", class_weight={1: 9})
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))


# Silence and speech


def test_a_fit_prints_nothing(capfd, fitted):
    small(sampler="smote").fit(X, Y).predict(X)
    small(batch_size=50).fit(X, Y)  # a new program is compiled
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("params", "balancer"),
    [
        ({"class_weight": "balanced"}, "class_weight='balanced'"),
        ({"class_weight": None, "sampler": "over"}, "sampler='over'"),
        ({"class_weight": "balanced", "sampler": "over"}, "class_weight='balanced'"),
    ],
    ids=str,
)
def test_a_logit_adjusted_loss_without_effect_is_warned_of_once(params, balancer):
    with pytest.warns(UserWarning, match='loss="logit_adjusted" does nothing here') as record:
        small(loss="logit_adjusted", max_iter=2, on_collapse="ignore", **params).fit(X, Y)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert f"because {balancer} already balances the classes" in str(record[0].message)
    assert 'Use class_weight=None and sampler=None with it, or loss="log_loss"' in str(record[0].message)


@pytest.mark.parametrize("class_weight", [None, {1: 3.0}], ids=str)
def test_a_logit_adjusted_loss_with_effect_is_not_warned_of(class_weight):
    small(loss="logit_adjusted", class_weight=class_weight, max_iter=2, on_collapse="ignore").fit(X, Y)


def test_a_logit_adjusted_loss_without_effect_is_the_log_loss(fitted):
    with pytest.warns(UserWarning, match="does nothing here"):
        clf = small(loss="logit_adjusted").fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), fitted.predict_proba(X), rtol=1e-4)


# One compiled program


def test_one_program_serves_every_size_setting_and_fold(fitted):
    from balanced_nn._training.keras.pool import POOL

    ignore = {"on_collapse": "ignore", "max_iter": 2, "n_bins": 2, "dropout": 0.1}
    for n_bins in (2, None):
        small(n_bins=n_bins, dropout=0.1).fit(X, Y)  # the programs may have left the pool since
    built = POOL.n_built
    for n_rows in (250, 280, 299):
        small(**ignore).fit(X[:n_rows], Y[:n_rows])
    for params in (
        {"learning_rate_init": 0.1},
        {"alpha": 0.5},
        {"dropout": 0.6},
        {"max_iter": 5},
        {"class_weight": None},
        {"class_weight": {0: 3}},
        {"sampler": "over"},
        {"sampler": "smote"},
        {"loss": "logit_adjusted", "class_weight": None},
        {"early_stopping": False},
        {"decision": "argmax"},
        {"random_state": 9},
        {"scaler": "quantile"},
    ):
        small(**{**ignore, **params}).fit(X, Y)
    cross_val_score(small(**ignore), X, Y, cv=4)
    for table in (X[:, :3], np.hstack([X, X])):  # widths up to 16 share a program
        small(**{**ignore, "n_bins": None}).fit(table, Y)
    assert POOL.n_built == built


def test_the_pool_of_programs_stays_bounded_and_can_be_cleared():
    from balanced_nn._training.keras.pool import MAX_IDLE_PROGRAMS, POOL

    small(max_iter=1, on_collapse="ignore").fit(X, Y)
    assert 1 <= len({program.key for program in POOL._idle}) <= MAX_IDLE_PROGRAMS
    before = small().fit(X, Y).predict_proba(X)
    POOL.clear()
    assert len(POOL._idle) == 0
    np.testing.assert_array_equal(small().fit(X, Y).predict_proba(X), before)  # compiled afresh


def test_batches_of_one_row_are_refused_with_batch_norm():
    with pytest.raises(ValueError, match="batch_size=1 gives BatchNorm no variance.*batch_norm=False"):
        small(batch_size=1).fit(X, Y)
    small(batch_size=1, batch_norm=False, max_iter=1, on_collapse="ignore").fit(X[:40], Y[:40])


def test_the_keras_model_reads_the_preprocessed_matrix():
    clf = small().fit(X, Y)
    features = clf.preprocess(X)
    assert features.dtype == np.float32
    logits = np.asarray(clf.model_(features, training=False))
    np.testing.assert_allclose(clf.network_.logits(features), logits, atol=1e-4 * np.abs(logits).max())


def test_a_scaler_class_is_refused():
    with pytest.raises(TypeError, match=r"scaler is the class StandardScaler. Pass an instance: StandardScaler\(\)"):
        small(scaler=StandardScaler).fit(X, Y)


def test_what_was_set_by_hand_is_not_called_default():
    table = np.zeros((200, 3))  # nothing to learn from: a collapse for certain
    clf = small(tol=1.0, on_collapse="ignore", hidden_layer_sizes=(256, 128), max_iter=200).fit(table, Y[:200])
    assert "not at their defaults: tol" in str(clf.collapse_report_)
