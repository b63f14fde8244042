"""Are models read back from their files, later files too, and is every file that is none refused in one sentence?"""

import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from balanced_nn import SKOPS_TYPES, load_model, save_model
from balanced_nn._export.model_files import FORMAT, MANIFEST, PACKAGES
from balanced_nn.exceptions import ModelFileError
from tests.helpers.stored_model import ANSWERS, MODEL, stored_labels, stored_rows

SUFFIXES = [".skops", ".joblib", ".pkl", ".PKL"]
DUMMY = DummyClassifier().fit([[0.0], [1.0]], ["a", "b"])


class OwnType:
    """A type that nobody knows."""


@pytest.fixture(params=[".skops", ".joblib"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"model{request.param}"
    save_model(DUMMY, path)
    return path


def manifest_of(path: Path) -> dict[str, Any]:
    if path.suffix == ".skops":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(MANIFEST))
    return json.loads(path.read_bytes()[10:].partition(b"\0")[0])


def rewrite(path: Path, **changes: object) -> None:
    """Write other values into the manifest of a file."""
    text = json.dumps({**manifest_of(path), **changes}).encode()
    if path.suffix != ".skops":
        header, body = path.read_bytes()[:10], path.read_bytes()[10:].partition(b"\0")[2]
        path.write_bytes(header + text + b"\0" + body)
        return
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**entries, MANIFEST: text}.items():
            archive.writestr(name, content)


def test_a_stored_model_of_an_earlier_release_still_answers() -> None:
    known, rows = json.loads(ANSWERS.read_text()), stored_rows()
    clf = load_model(MODEL)
    assert clf.predict(rows[:20]).tolist() == known["labels"]
    np.testing.assert_allclose(clf.predict_proba(rows[:20])[:, 1], known["probabilities"], rtol=1e-9)
    assert str(clf.decision_rule_) == known["decision"]
    assert clf.collapse_report_.outcome.value == known["outcome"]
    assert manifest_of(MODEL)["format"] <= FORMAT
    assert str(clf)
    assert str(clf.collapse_report_)
    clf.set_prior(None).set_decision("balanced")
    assert set(clf.predict(rows)) == {"no", "yes"}
    assert clf.score(rows, stored_labels(rows)) > 0.8


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_is_read_back_by_this_package_and_by_the_one_that_stores_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    save_model(DUMMY, path)
    alone = skops.io.load(path) if suffix == ".skops" else joblib.load(path)
    for again in (alone, load_model(path, trust=suffix != ".skops"), load_model(str(path), trust=True)):
        assert again.classes_.tolist() == ["a", "b"]
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_our_own_model_is_read_back_without_trust(tmp_path: Path) -> None:
    clf, rows = load_model(MODEL), stored_rows()
    save_model(make_pipeline(clf), tmp_path / "model.skops")
    np.testing.assert_array_equal(load_model(tmp_path / "model.skops").predict_proba(rows), clf.predict_proba(rows))


def test_the_manifest_tells_format_versions_and_checksum(written: Path) -> None:
    manifest = manifest_of(written)
    assert set(manifest["versions"]) == {*PACKAGES, "Python"}
    assert len(manifest["sha256"]) == 64
    assert manifest["format"] == FORMAT


@pytest.mark.parametrize("store", [skops.io.dump, joblib.dump], ids=["skops", "joblib"])
def test_files_of_skops_and_joblib_themselves_are_read_too(store: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / ("m.skops" if store is skops.io.dump else "m.gz")
    store(DUMMY, path)
    assert load_model(path, trust=path.suffix == ".gz").classes_.tolist() == ["a", "b"]


def test_a_pickle_is_opened_only_where_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "m.anything"
    path.write_bytes(pickle.dumps(DUMMY))
    with pytest.raises(
        ModelFileError, match=r"m.anything would be read as a pickle, which runs the code in it\. .*trust=True, or --tr"
    ):
        load_model(path)
    assert load_model(path, trust=True).classes_.tolist() == ["a", "b"]


def test_other_types_in_a_skops_file_are_named_and_need_trust(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    save_model(DummyClassifier(constant=OwnType()), path)
    name = f"{OwnType.__module__}.OwnType"
    with pytest.raises(ModelFileError, match=f"holds a type of other packages: '{name}'. If you trust"):
        load_model(path)
    assert type(load_model(path, trust=True).constant).__name__ == "OwnType"
    assert name not in SKOPS_TYPES


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_that_is_cut_off_is_refused(written: Path, data: st.DataObject) -> None:
    content = written.read_bytes()
    half = written.with_name(f"half{written.suffix}")
    half.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ModelFileError, match="half"):
        load_model(half, trust=True)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_one_byte_changed_is_refused_or_means_the_same(written: Path, data: st.DataObject) -> None:
    content = bytearray(written.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    changed = written.with_name(f"changed{written.suffix}")
    changed.write_bytes(content)
    try:
        again = load_model(changed, trust=True)
    except ModelFileError:
        return
    assert again.classes_.tolist() == ["a", "b"]  # of the manifest, or a date in the archive


def test_a_model_that_is_not_the_one_that_was_written_is_refused(written: Path) -> None:
    rewrite(written, sha256="0" * 64)
    with pytest.raises(ModelFileError, match=r"is damaged: it was truncated or changed after .*\(wrong checksum\)"):
        load_model(written, trust=True)


@pytest.mark.parametrize(
    "changes", [{"format": "x"}, {"format": None}, {"format": float("inf")}, {"versions": 3}, {"versions": None}]
)
def test_a_manifest_that_says_nothing_is_refused(changes: dict[str, object], written: Path) -> None:
    rewrite(written, **changes)
    with pytest.raises(ModelFileError, match="is damaged: what it tells of itself cannot be read"):
        load_model(written, trust=True)


def test_a_file_of_a_newer_release_names_it(written: Path) -> None:
    versions = {**manifest_of(written)["versions"], "balanced-nn": "9.1.0"}
    rewrite(written, format=FORMAT + 1, versions=versions, more="unknown", sha256="of another kind")
    with pytest.raises(ModelFileError, match=r"by a newer release, balanced-nn 9.1.0 \(numpy .*, in format 2; .*reads"):
        load_model(written, trust=True)


def test_what_cannot_be_read_though_it_is_whole_names_who_wrote_it(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(DummyClassifier(constant=OwnType()), written)
    monkeypatch.delattr(sys.modules[__name__], "OwnType")
    with pytest.raises(ModelFileError, match=r"cannot read a model from .*, which balanced-nn .* \(numpy .*\) wrote: "):
        load_model(written, trust=True)


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    for name in ("m.skops", "m.joblib"):
        with pytest.raises(FileNotFoundError):
            load_model(tmp_path / name, trust=True)


def test_a_suffix_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must end in .skops or .joblib or .pkl, which says how .*m.onnx"):
        save_model(DUMMY, tmp_path / "m.onnx")


def test_a_model_that_cannot_be_stored_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    path.write_text("old")
    with pytest.raises(Exception, match="pickle"):
        save_model(lambda: None, path)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("m.joblib", "old")]
