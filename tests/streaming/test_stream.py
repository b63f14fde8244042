"""Is a fit from files the fit of the same rows in memory, and is nothing left of it on disk?"""

import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from sklearn.metrics import log_loss, roc_auc_score

from balanced_nn import BalancedNNClassifier, ClassResampler, diagnose
from balanced_nn._streaming import buckets, survey
from balanced_nn._streaming.stream import _times, open_stream, resampling_rates, show_nothing
from balanced_nn._training.attempts import make_task
from balanced_nn._training.auto_settings import auto_batch_size
from balanced_nn._training.keras.program import TrainingProgram
from balanced_nn._training.keras.worker import train_elsewhere
from balanced_nn._training.preparation import Plan, make_plan, spill_together, split_rows
from balanced_nn._training.settings import FitSettings
from tests.helpers.installed import HAS_CALLBACKS

N = 20_000


def make_table(n_rows: int, seed: int) -> pd.DataFrame:
    """Numbers, text, a truth value and a date; one row in twenty-five is a fraud."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    shop = rng.choice(["kiosk", "market", "web"], n_rows, p=[0.5, 0.4, 0.1])
    score = 1.6 * X[:, 0] + X[:, 1] * X[:, 2] + 1.5 * (shop == "web")
    table = pd.DataFrame(X, columns=list("abcd")).assign(
        shop=shop,
        known=rng.random(n_rows) < 0.5,
        day=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n_rows), unit="D"),
        fraud=np.where(rng.random(n_rows) < 1 / (1 + np.exp(5.0 - score)), "yes", "no"),
    )
    holes = table.astype({"known": "boolean"}).mask(rng.random(table.shape) < 0.02)
    return holes.assign(fraud=table.fraud)


TABLE, NEW = make_table(N, 0), make_table(10_000, 1)


def write(table: pd.DataFrame, folder: Path, form: str = "parquet", n_files: int = 4) -> Path:
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(table)), n_files)):
        part, path = table.iloc[rows].reset_index(drop=True), folder / f"part{number}.{form}"
        if form == "csv":
            part.to_csv(path, index=False)
        else:
            part.to_parquet(path)
    return folder


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 8, "n_members": 1, "batch_size": 128, "random_state": 0}
    return BalancedNNClassifier(**{**settings, **params})


def proba(clf: BalancedNNClassifier, table: pd.DataFrame = NEW) -> np.ndarray:
    return clf.predict_proba(table[clf.feature_names_in_])[:, 1]


def auc(clf: BalancedNNClassifier) -> float:
    return roc_auc_score(NEW.fraud, proba(clf))


@pytest.fixture(scope="module")
def in_memory() -> BalancedNNClassifier:
    return small().fit(TABLE.drop(columns="fraud"), TABLE.fraud)


def use_small_buckets(patch: pytest.MonkeyPatch) -> None:
    """Many buckets, and a sample that does not hold all rows."""
    patch.setattr(buckets, "BUCKET_BYTES", 2**16)
    patch.setattr(survey, "UNIFORM_ROWS", 6_000)
    patch.setattr(survey, "ROWS_OF_A_CLASS", 2_000)


@pytest.fixture
def small_buckets(monkeypatch):
    use_small_buckets(monkeypatch)


@pytest.fixture(scope="module")
def by_label(tmp_path_factory) -> BalancedNNClassifier:
    """Fitted on files that are sorted by the label."""
    folder = write(TABLE.sort_values("fraud", kind="stable"), tmp_path_factory.mktemp("files") / "rows")
    with pytest.MonkeyPatch.context() as patch:
        use_small_buckets(patch)
        return small().fit_dataset(folder, "fraud")


@pytest.mark.parametrize("form", ["parquet", "csv", "dataset", "file"])
def test_where_one_bucket_holds_all_rows_it_is_the_fit_in_memory(form, in_memory, tmp_path):
    folder = write(TABLE, tmp_path / "rows", "csv" if form == "csv" else "parquet", 1 if form == "file" else 4)
    source = ds.dataset(folder) if form == "dataset" else folder / "part0.parquet" if form == "file" else folder
    clf = small().fit_dataset(source, "fraud", cache_dir=tmp_path)
    np.testing.assert_allclose(proba(clf), proba(in_memory), rtol=0, atol=1e-12)
    assert clf.classes_.tolist() == ["no", "yes"]
    assert clf.feature_names_in_.tolist() == in_memory.feature_names_in_.tolist()
    assert clf.n_iter_ == in_memory.n_iter_
    assert str(clf.decision_rule_) == str(in_memory.decision_rule_)
    assert str(clf.collapse_report_) == str(in_memory.collapse_report_)
    assert pickle.loads(pickle.dumps(clf))._training_rows.bound == in_memory._training_rows.bound
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_files_sorted_by_the_label_give_the_quality_of_a_fit_in_memory(by_label, in_memory):
    assert auc(by_label) > auc(in_memory) - 0.02
    assert log_loss(NEW.fraud, proba(by_label)) < log_loss(NEW.fraud, proba(in_memory)) + 0.01
    assert proba(by_label).mean() == pytest.approx((NEW.fraud == "yes").mean(), rel=0.25)
    shares = TABLE.fraud.value_counts(normalize=True)[["no", "yes"]]
    np.testing.assert_allclose(by_label.class_prior_, shares, rtol=1e-9)


def test_one_seed_gives_one_result_whatever_the_files(by_label, small_buckets, tmp_path):
    table = TABLE.sort_values("fraud", kind="stable")
    second = small().fit_dataset(write(table, tmp_path / "seven", n_files=7), "fraud")
    other = small(random_state=1).fit_dataset(tmp_path / "seven", "fraud")
    np.testing.assert_array_equal(proba(by_label), proba(second))
    assert not np.array_equal(proba(by_label), proba(other))


def test_rows_of_the_files_are_known_as_seen(by_label):
    rows = TABLE[5_000:15_000]
    seen, new = (diagnose(by_label, part.drop(columns="fraud"), part.fraud) for part in (rows, NEW))
    assert seen.seen_share == pytest.approx(1.0, abs=0.2)
    assert new.seen_share is None


@pytest.mark.parametrize("sampler", ["under", "over"])
def test_samplers_balance_the_classes_and_probabilities_stay_natural(sampler, small_buckets, tmp_path):
    clf = small(sampler=sampler, class_weight=None).fit_dataset(write(TABLE, tmp_path / "rows"), "fraud")
    prior = clf.members_[0].correction.training_prior
    assert prior[1] == pytest.approx(0.5, abs=0.03)
    assert proba(clf).mean() == pytest.approx((NEW.fraud == "yes").mean(), rel=0.25)
    assert auc(clf) > 0.8


def test_weights_count_as_in_fit(in_memory, tmp_path):
    weight = np.where(TABLE.fraud == "yes", 3.0, 1.0) * np.where(np.arange(N) < 100, 0.0, 1.0)
    folder = write(TABLE.assign(w=weight), tmp_path / "rows")
    clf = small(max_iter=3).fit_dataset(folder, "fraud", sample_weight="w")
    expected = small(max_iter=3).fit(TABLE.drop(columns="fraud"), TABLE.fraud, sample_weight=weight)
    assert "w" not in clf.feature_names_in_
    np.testing.assert_allclose(clf.class_prior_, expected.class_prior_)
    np.testing.assert_allclose(proba(clf), proba(expected), atol=1e-3)


def test_costs_decide_as_in_fit(tmp_path):
    folder, settings = write(TABLE, tmp_path / "rows"), {"class_weight": {"no": 1, "yes": 20}, "max_iter": 2}
    clf = small(**settings).fit_dataset(folder, "fraud")
    expected = small(**settings).fit(TABLE.drop(columns="fraud"), TABLE.fraud)
    assert str(clf.decision_rule_) == str(expected.decision_rule_)


def spilled(plan: Plan) -> np.ndarray:
    """First column of all rows that train a network."""
    rows = [plan.buckets.read(number) for number in np.flatnonzero(plan.buckets.sizes)]
    assert len(plan.buckets) == plan.buckets.class_rows.sum() == sum(map(len, rows))
    return np.concatenate(rows)[:, 0]


@contextmanager
def planned(table: pd.DataFrame, folder: Path, groups: str | None = None, **params) -> Iterator[Plan]:
    """What a network would be trained on."""
    clf = small(**params)
    columns = {"target": "fraud", "sample_weight": None, "groups": groups}
    with open_stream(clf, write(table, folder), columns, None, 0) as stream:
        (split,) = split_rows(FitSettings.of(clf), stream.rows, None, 0)
        yield make_plan(FitSettings.of(clf), replace(split, stream=stream), 0)


def test_rows_of_a_held_out_group_train_no_network(small_buckets, tmp_path):
    number = np.arange(N) // 20
    table = TABLE.assign(a=number.astype(float), patient=np.char.add("p", number.astype(str)))
    with planned(table, tmp_path / "rows", "patient", scaler=None) as plan:
        rows_of_patient = np.bincount(spilled(plan).astype(int), minlength=1000)
    assert set(rows_of_patient) == {0, 20}
    assert 0.03 < (rows_of_patient == 0).mean() < 0.5


def test_copies_of_held_out_rows_train_no_network(small_buckets, tmp_path):
    rng = np.random.default_rng(0)
    half = pd.DataFrame({"a": np.arange(N / 2), "b": rng.normal(size=N // 2), "fraud": rng.random(N // 2) < 0.1})
    with planned(pd.concat([half, half]), tmp_path / "rows", scaler=None) as plan:
        times, rows = np.unique(np.bincount(spilled(plan).astype(int), minlength=N // 2), return_counts=True)
    assert times.tolist() == [0, 2]
    assert rows[0] >= len(np.unique(plan.judged_rows)) / 2


def test_what_comes_late_and_seldom_is_known(small_buckets, tmp_path):
    table = TABLE.sort_values("shop", kind="stable").reset_index(drop=True)
    table.loc[N - 3 :, "shop"] = "boat"  # three rows of the last file
    table.loc[N - 40 :, "fraud"] = "later"
    with planned(table, tmp_path / "rows") as plan:
        pass
    (labels,) = (encoding.labels for encoding in plan.preprocessing.encodings if "web" in encoding.labels)
    assert labels == ("boat", "kiosk", "market", "web", "missing")
    assert len(plan.buckets.class_rows) == 3
    assert plan.buckets.class_rows[0] + (plan.judged.y == 0).sum() == 40


def test_the_rows_of_the_outermost_numbers_are_kept(small_buckets, tmp_path):
    table = TABLE.assign(b=TABLE.b.where(np.arange(N) != 12_345, 1e6), c=TABLE.c.where(np.arange(N) != 54, -1e6))
    with planned(table, tmp_path / "rows", early_stopping=False, scaler=None) as plan:
        numbers = plan.data.X[:, :4]
    assert numbers.max() == 1e6
    assert numbers.min() == -1e6


def test_bins_and_batches_are_those_of_all_rows(small_buckets, tmp_path):
    with planned(TABLE, tmp_path / "rows", batch_size="auto") as plan:
        assert plan.training.batch_size == auto_batch_size(N)
        assert len(plan.data) < len(plan.buckets) < N
        weight = np.concatenate([plan.buckets.expand(plan.buckets.read(i)).weight for i in range(3)])
        assert weight.mean() == pytest.approx(1.0, rel=0.2)
        assert plan.data.weight.mean() == pytest.approx(1.0)


def test_several_networks_are_averaged_and_calibrated(small_buckets, tmp_path):
    clf = small(n_members=2, max_iter=4).fit_dataset(write(TABLE, tmp_path / "rows"), "fraud", cache_dir=tmp_path)
    assert len(clf.members_) == 2
    assert 0 < clf.averaging_factor_ <= 1
    assert auc(clf) > 0.85
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_one_pass_writes_what_each_undersampled_network_would_have_read(small_buckets, tmp_path):
    clf = small(sampler="under", n_members=3)
    settings, columns = FitSettings.of(clf), {"target": "fraud", "sample_weight": None, "groups": None}
    passes = []

    def shown(title, count):
        passes.append(title)
        return show_nothing(title, count)

    with open_stream(clf, write(TABLE, tmp_path / "rows"), columns, None, 0, shown) as stream:
        splits = [replace(split, stream=stream) for split in split_rows(settings, stream.rows, None, 0)]
        together = [make_plan(settings, split, k) for k, split in enumerate(spill_together(settings, splits, range(3)))]
        assert passes == ["Counting the rows", "Shuffling the rows"]
        alone = [make_plan(settings, split, k) for k, split in enumerate(splits)]
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_array_equal(spilled(a), spilled(b))
            np.testing.assert_array_equal(a.data.X, b.data.X)
            np.testing.assert_array_equal(a.buckets.class_mass, b.buckets.class_mass)
        common, rare = zip(*(plan.buckets.class_rows for plan in alone), strict=True)
        assert max(common) < 1.2 * min(rare)
        shares = [set(spilled(plan)) for plan in alone]
        assert len(shares[0] & shares[1]) < 0.8 * len(shares[0])  # each has common rows of its own


@pytest.mark.slow
def test_undersampled_networks_from_files_are_the_same_in_other_processes(small_buckets, tmp_path):
    rows, params = write(TABLE, tmp_path / "rows"), {"sampler": "under", "n_members": 3, "max_iter": 4}
    here = small(**params).fit_dataset(rows, "fraud")
    with parallel_config(backend="loky", n_jobs=2):
        elsewhere = small(**params).fit_dataset(rows, "fraud", cache_dir=tmp_path)
    np.testing.assert_array_equal(proba(elsewhere), proba(here))
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_a_worker_that_does_not_see_the_disk_says_so(small_buckets, tmp_path):
    with planned(TABLE, tmp_path / "rows") as plan:
        task = make_task(plan, 0).to_send()
        assert len(task.plan.data.X) == 0
    with pytest.raises(FileNotFoundError, match="Pass as cache_dir a folder that all workers see"):
        train_elsewhere(task, 0.01, None)


def test_a_fit_without_hold_out_trains_on_all_rows(small_buckets, tmp_path):
    with planned(TABLE, tmp_path / "rows", early_stopping=False) as plan:
        assert len(spilled(plan)) == N


@pytest.mark.slow
def test_a_collapse_is_repaired_from_disk(small_buckets, tmp_path):
    clf = small(max_iter=2, hidden_layer_sizes=(4,) * 12, activation="logistic", batch_norm=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit_dataset(write(TABLE, tmp_path / "rows"), "fraud", cache_dir=tmp_path)
    assert clf.repairs_
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_warnings_point_at_the_line_of_the_user(tmp_path):
    table = TABLE.assign(shop=[f"id{number}" for number in range(N)])
    with pytest.warns(UserWarning, match="Column 'shop'") as record:
        small(max_iter=1, on_collapse="ignore").fit_dataset(write(table, tmp_path / "rows"), "fraud")
    assert record[0].filename == __file__


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_nothing_is_left_of_a_fit_that_ends_early(error, in_memory, tmp_path, monkeypatch):
    run, calls, clf = TrainingProgram.run, [], pickle.loads(pickle.dumps(in_memory))
    cache = tmp_path / "cache"
    cache.mkdir()

    def interrupted(self, *args):
        calls.append(len(list(cache.rglob("*.bin"))))
        if len(calls) == 5:
            raise error
        return run(self, *args)

    monkeypatch.setattr(TrainingProgram, "run", interrupted)
    with pytest.raises(error):
        clf.fit_dataset(write(TABLE, tmp_path / "rows"), "fraud", cache_dir=cache)
    assert max(calls) > 0
    assert list(cache.iterdir()) == []
    np.testing.assert_array_equal(proba(clf), proba(in_memory))


@pytest.mark.skipif(not HAS_CALLBACKS, reason="they came with scikit-learn 1.9")
def test_callbacks_and_progress_follow(tmp_path, capsys):
    from sklearn.callback import ProgressBar

    clf = small(max_iter=1, verbose=1, on_collapse="ignore").set_callbacks(ProgressBar())
    clf.fit_dataset(write(TABLE[:2000], tmp_path / "rows"), "fraud")
    assert "network: best epoch 1/1" in capsys.readouterr().err


@pytest.mark.parametrize("sampler", ["smote", ClassResampler("under")], ids=str)
def test_a_sampler_that_needs_all_rows_is_refused(sampler, tmp_path):
    clf = small(sampler=sampler)
    with pytest.raises(ValueError, match=r'needs all rows of a class at once.*Use None, "under" or "over"'):
        clf.fit_dataset(tmp_path, "fraud")


def test_rates_make_the_rows_of_all_classes_equal():
    counts = np.array([1000, 300, 20])
    for sampler, total in (("under", 20), ("over", 1000)):
        rates, shares = resampling_rates(sampler, counts)
        np.testing.assert_allclose(rates * shares * counts, total)
    assert resampling_rates("over", counts)[0].max() == 4


@given(st.lists(st.integers(1, 400), min_size=2, max_size=4), st.integers(0, 99), st.sampled_from(["under", "over"]))
def test_every_class_keeps_as_many_rows_as_its_rate_says(counts, seed, sampler):
    counts = np.array(counts)
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    rates = resampling_rates(sampler, counts)[0]
    times = _times(y, np.zeros(len(counts), dtype=int), rates, seed)
    found = np.bincount(y, weights=times, minlength=len(counts))
    assert (np.abs(found - rates * counts) <= 1).all()
    assert (found[counts > 1] >= 1).all()
    half = len(y) // 2  # the same in blocks
    before = np.bincount(y[:half], minlength=len(counts))
    np.testing.assert_array_equal(times[half:], _times(y[half:], before, rates, seed))


@pytest.mark.parametrize("unit", [1e-46, 1e39, 1e307])
def test_the_unit_of_weights_does_not_count(unit, tmp_path):
    weight = 1.0 + np.arange(2_000) % 2
    predicted = []
    for name, scale in (("ones", 1.0), ("units", unit)):
        folder = write(TABLE[:2_000].assign(w=weight * scale), tmp_path / name, n_files=2)
        predicted.append(proba(small(max_iter=2, on_collapse="ignore").fit_dataset(folder, "fraud", sample_weight="w")))
    np.testing.assert_allclose(*predicted, rtol=1e-3)


def test_the_dataset_of_the_caller_stays_as_it_is(tmp_path):
    table = pa.Table.from_pandas(TABLE[:3000])
    dataset = ds.dataset(table)
    before = dataset.to_table()
    small(max_iter=1, on_collapse="ignore").fit_dataset(dataset, "fraud")
    assert dataset.to_table().equals(before)
