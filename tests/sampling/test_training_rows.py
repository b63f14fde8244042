"""What does the classifier get from any sampler?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression

from balanced_nn._data.dataset import MAX_COPIES
from balanced_nn._sampling.resampler import ClassResampler
from balanced_nn._sampling.training_rows import draws_at_random, resample_rows
from balanced_nn.exceptions import RareClassWarning
from tests.helpers.resampling import METHODS, counts, numeric_data


def classifier_rows(sizes=(12, 5, 3), seed=0):
    X, y = numeric_data(sizes, n_features=4, seed=seed)
    X[:, 3] = np.random.default_rng(seed).integers(0, 3, y.size)
    return X.astype(np.float32), y, np.random.default_rng(seed).random(y.size) + 0.5


CODES = np.array([False, False, False, True])
NO_CODES = np.zeros(4, dtype=bool)


def resample(sampler, sizes=(12, 5, 3), codes=CODES, **options):
    X, y, weight = classifier_rows(sizes)
    return X, y, weight, resample_rows(X, y, weight, sampler, categorical_features=codes, seed=0, **options)


def class_means(y, weight):
    return np.array([weight[y == c].mean() for c in range(y.max() + 1)])


def test_no_sampler_passes_everything_on_as_it_is():
    X, y, weight, fed = resample(None)
    assert fed.X is X
    assert fed.weight is weight
    assert fed.rows.dtype == np.int64
    np.testing.assert_array_equal(fed.rows, np.arange(y.size))


@pytest.mark.parametrize(
    "sampler",
    ["over", "under", ClassResampler("over"), RandomOverSampler(), RandomUnderSampler(random_state=5)],
    ids=str,
)
def test_samplers_that_choose_rows_copy_nothing_and_weights_follow(sampler):
    X, y, weight, fed = resample(sampler)
    assert fed.X is X
    assert fed.rows.dtype == np.int64
    np.testing.assert_array_equal(fed.y, y[fed.rows])
    np.testing.assert_array_equal(fed.weight, weight[fed.rows])
    assert len(set(counts(fed.y).values())) == 1


def test_rows_are_copied_equally_often_up_to_four_times_and_weights_stand_for_more():
    _, y, weight, fed = resample("over", sizes=(40, 16, 2, 1))
    assert counts(fed.y) == {0: 40, 1: 40, 2: 8, 3: 4}
    copies = np.bincount(fed.rows)
    assert [set(copies[y == code]) for code in range(4)] == [{1}, {2, 3}, {4}, {4}]
    np.testing.assert_allclose(fed.weight, weight[fed.rows] * np.array([1, 1, 5, 10])[fed.y])


@settings(max_examples=40)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=4), st.integers(0, 2**31 - 1))
def test_however_rare_a_class_is_oversampling_gives_it_the_mass_of_the_largest(sizes, seed):
    X, y, _ = classifier_rows(tuple(sizes))
    fed = resample_rows(X, y, np.ones(y.size), "over", categorical_features=CODES, seed=seed)
    np.testing.assert_allclose(np.bincount(fed.y, weights=fed.weight), max(sizes))
    assert set(fed.rows) == set(range(y.size))


@pytest.mark.parametrize("sampler", ["smote", ClassResampler("smote"), SMOTE(k_neighbors=2)], ids=str)
def test_synthetic_rows_follow_the_originals_and_carry_the_mean_weight_of_their_class(sampler):
    X, y, weight, fed = resample(sampler, codes=NO_CODES if isinstance(sampler, SMOTE) else CODES)
    n = y.size
    np.testing.assert_array_equal(fed.X[:n], X)
    np.testing.assert_array_equal(fed.weight[:n], weight)
    np.testing.assert_allclose(fed.weight[n:], class_means(y, weight)[fed.y[n:]])
    np.testing.assert_array_equal(fed.rows, np.arange(len(fed.X)))
    assert fed.X.dtype == np.float32
    if not isinstance(sampler, SMOTE):
        assert set(fed.X[:, 3]) <= {0.0, 1.0, 2.0}


def test_rows_of_unknown_origin_carry_the_mean_weight_of_their_class():
    _, y, weight, fed = resample(ClusterCentroids(random_state=0), codes=NO_CODES)
    np.testing.assert_allclose(fed.weight, class_means(y, weight)[fed.y])


def test_perturbed_copies_are_trained_on_as_they_are_with_the_weight_of_their_row():
    X, y, weight, fed = resample(RandomOverSampler(shrinkage=1.0, random_state=0), codes=NO_CODES)
    expected, _ = RandomOverSampler(shrinkage=1.0, random_state=0).fit_resample(X, y)
    np.testing.assert_allclose(fed.X, expected, rtol=1e-5)
    np.testing.assert_array_equal(fed.weight[: y.size], weight)
    assert set(fed.weight) <= set(weight)


@pytest.mark.parametrize(
    "sampler", ["over", SMOTE(k_neighbors=1), make_pipeline(ClassResampler(), SMOTEENN())], ids=str
)
def test_the_seed_decides_wherever_the_sampler_leaves_it_open(sampler):
    X, y, weight = classifier_rows((40, 20, 20))
    one, same, other = (
        resample_rows(X, y, weight, sampler, categorical_features=NO_CODES, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.X[one.rows], same.X[same.rows])
    assert one.X.shape != other.X.shape or not np.array_equal(one.X[one.rows], other.X[other.rows])


def test_the_users_sampler_is_neither_fitted_nor_changed():
    sampler = RandomOverSampler()
    resample(sampler)
    assert vars(sampler) == vars(RandomOverSampler())


def test_one_class_is_nothing_to_balance():
    X, y, weight = classifier_rows((6,))
    for sampler in METHODS:
        assert resample_rows(X, y, weight, sampler, categorical_features=CODES, seed=0).X is X


def test_with_classes_the_sampler_and_the_warning_speak_of_labels():
    classes = np.array(["common", "lone"])
    _, _, _, fed = resample(RandomOverSampler(sampling_strategy={"lone": 9}), sizes=(12, 3), classes=classes)
    assert counts(fed.y) == {0: 12, 1: 9}
    (note,) = resample("smote", sizes=(12, 1), classes=classes)[-1].notes
    assert isinstance(note, RareClassWarning)
    assert "Class lone has 1 row" in str(note)


class Returning(BaseEstimator):
    """A sampler that returns what a function of X and y gives."""

    def __init__(self, answer):
        self.answer = answer

    def fit_resample(self, X, y):
        return self.answer(X, y)


def scale_in_place(X, y):
    X *= 2
    return X, y


@pytest.mark.parametrize(
    ("sampler", "error", "message"),
    [
        (LogisticRegression(), TypeError, "sampler is a LogisticRegression, which has no fit_resample"),
        (RandomOverSampler, TypeError, "sampler is the class RandomOverSampler.*an instance such as"),
        (Returning(lambda X, y: X), TypeError, "sampler Returning returned a ndarray from fit_resample, not the pair"),
        (Returning(lambda X, y: (X[:, :2], y)), ValueError, r"returned X of shape \(20, 2\) and y of shape \(20,\)"),
        (Returning(lambda X, y: (X, y[:5])), ValueError, r"y of shape \(5,\) for X of shape \(20, 4\)"),
        (Returning(lambda X, y: (X.astype(str) + "?", y)), TypeError, "sampler Returning returned X of type <U"),
        (Returning(lambda X, y: (X, y + 1)), ValueError, "returned the label 3, which is not among.*0, 1, 2"),
        (Returning(lambda X, y: (X[y > 0], y[y > 0])), ValueError, "removed all rows of class 0"),
        (RandomUnderSampler(sampling_strategy={0: 0}), ValueError, "RandomUnderSampler removed all rows of class 0"),
        (ClassResampler("under", sampling_strategy={1: 0}), ValueError, "ClassResampler removed all rows of class 1"),
        (Returning(scale_in_place), ValueError, "read-only"),
    ],
)
def test_a_sampler_that_does_not_fit_is_named(sampler, error, message):
    with pytest.raises(error, match=message):
        resample(sampler)


def test_lists_frames_and_sparse_results_are_read():
    for convert in (pd.DataFrame, sparse.csr_array, np.ndarray.tolist):
        X, _, weight, fed = resample(Returning(lambda X, y, convert=convert: (convert(X), y.tolist())))
        np.testing.assert_array_equal(fed.X, X)
        np.testing.assert_array_equal(fed.weight, weight)


def test_a_sampler_without_parameters_of_scikit_learn_is_copied():
    class Plain:
        def fit_resample(self, X, y):
            self.seen = len(y)
            return X[::-1], y[::-1]

    sampler = Plain()
    _, y, _, fed = resample(sampler)
    assert not hasattr(sampler, "seen")
    np.testing.assert_array_equal(fed.y, y[::-1])


def test_a_function_that_drops_rows_can_be_a_sampler():
    X, y, weight, fed = resample(FunctionSampler(func=lambda X, y: (X[2:], y[2:])))
    np.testing.assert_array_equal(fed.X, X[2:])
    np.testing.assert_allclose(fed.weight, class_means(y, weight)[fed.y])


@settings(max_examples=40)
@given(st.lists(st.integers(2, 12), min_size=2, max_size=4), st.sampled_from(METHODS), st.integers(0, 2**31 - 1))
def test_classes_weights_and_rows_always_belong_together(sizes, method, seed):
    X, y, weight = classifier_rows(tuple(sizes), seed=seed % 7)
    fed = resample_rows(X, y, weight, method, categorical_features=CODES, seed=seed)
    if method == "over":
        assert counts(fed.y) == {code: min(max(sizes), MAX_COPIES * size) for code, size in enumerate(sizes)}
    else:
        assert counts(fed.y) == dict.fromkeys(range(len(sizes)), min(sizes) if method == "under" else max(sizes))
    assert fed.rows.shape == fed.y.shape == fed.weight.shape
    assert fed.rows.max() < len(fed.X)
    assert np.isfinite(fed.X).all()
    if method != "smote":
        assert fed.X is X
        assert dict(zip(map(bytes, X), y, strict=True)) | dict(
            zip(map(bytes, X[fed.rows]), fed.y, strict=True)
        ) == dict(zip(map(bytes, X), y, strict=True))


def test_a_sampler_that_knows_no_categories_is_refused_between_levels():
    with pytest.raises(ValueError, match=r"sampler SMOTE placed rows between the levels of 1 category column.*'smote'"):
        resample(SMOTE(k_neighbors=2))


def test_smotenc_is_told_which_columns_are_codes():
    _, _, _, fed = resample(SMOTENC(categorical_features=[0], k_neighbors=2))
    assert set(np.unique(fed.X[:, 3])) <= {0.0, 1.0, 2.0}


def test_a_flag_between_no_and_yes_is_rounded():
    X, y, weight = classifier_rows()
    X[:, 3] = X[:, 3] > 0
    fed = resample_rows(X, y, weight, SMOTE(k_neighbors=2), categorical_features=CODES, seed=0)
    assert set(np.unique(fed.X[:, 3])) == {0.0, 1.0}
    assert len(fed.y) > len(y)


# ---------------------------------------------------------------- samplers whose effect a prior undoes


@pytest.mark.parametrize(
    "sampler",
    [
        None,
        "over",
        "under",
        ClassResampler("over"),
        ClassResampler("under", sampling_strategy={0: 20}),
        RandomOverSampler(),
        RandomUnderSampler(),
        RandomUnderSampler(replacement=True),
    ],
    ids=str,
)
def test_samplers_that_draw_at_random_leave_each_class_as_it_is(sampler):
    assert draws_at_random(sampler)
    X, y = numeric_data(sizes=(400, 100, 25))
    resampled = resample_rows(X, y, np.ones(y.size), sampler, categorical_features=np.zeros(3, bool), seed=0)
    drawn = resampled.X[resampled.rows]
    assert set(map(tuple, drawn)) <= set(map(tuple, X))
    for label in range(3):
        shift = drawn[resampled.y == label].mean(axis=0) - X[y == label].mean(axis=0)
        assert np.abs(shift).max() < 4 / np.sqrt(25)  # four standard errors of the smallest sample


@pytest.mark.parametrize(
    "sampler",
    [
        "smote",
        ClassResampler("smote"),
        SMOTE(),
        SMOTENC([0]),
        SMOTEENN(),
        RandomOverSampler(shrinkage=1.0),
        RandomOverSampler(shrinkage={1: 0.5}),
        ClusterCentroids(),
        NearMiss(),  # drops rows for where they lie
        TomekLinks(),
        FunctionSampler(),
    ],
    ids=str,
)
def test_samplers_that_invent_rows_or_choose_them_by_place_change_a_class(sampler):
    assert not draws_at_random(sampler)


@pytest.mark.parametrize("sampler", [ClassResampler("over"), RandomOverSampler(), SMOTE()])
def test_a_sampler_with_sizes_for_a_class_that_a_fold_lacks_resamples_the_others(sampler):
    y = np.repeat([0, 1], [20, 8])
    X = np.random.default_rng(0).normal(size=(28, 2)).astype(np.float32)
    sampler = clone(sampler).set_params(sampling_strategy={"no": 20, "yes": 12, "maybe": 20}, random_state=0)
    resampled = resample_rows(
        X, y, np.ones(28), sampler, categorical_features=np.zeros(2, bool), seed=0, classes=np.array(["no", "yes"])
    )
    assert np.bincount(resampled.y).tolist() == [20, 12]
    assert resampled.notes == ()
    assert "maybe" in sampler.sampling_strategy


def test_a_sampler_that_wants_more_rows_of_a_rare_class_says_how_many_there_are():
    y = np.repeat([0, 1], [20, 3])
    X = np.random.default_rng(0).normal(size=(23, 2)).astype(np.float32)
    with pytest.raises(ValueError, match="sampler SMOTE failed on the 23 training rows, of which 3 are of class 1"):
        resample_rows(X, y, np.ones(23), SMOTE(), categorical_features=np.zeros(2, bool), seed=0)
