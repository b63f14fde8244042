"""Does an ONNX model of a mixed table read every kind of cell as the estimator does?"""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._data.table import CategoryColumn, Table
from balanced_nn._export.onnx import onnx_model
from tests.helpers.exports import mixed_table, plain_table, predictor_over, text_table

RNG = np.random.default_rng(0)
N = 240
LATENT = RNG.normal(size=(N, 6))
Y = (LATENT[:, 0] + LATENT[:, 1] > 1).astype(int)
TABLE = pd.DataFrame(
    {
        "size": LATENT[:, 0] * 1e6,
        "kind": pd.Series(RNG.choice(["x", "y", "z"], N), dtype=object).where(LATENT[:, 5] < 1),  # else missing
        "flag": LATENT[:, 1] > 0,
        "known": pd.array(LATENT[:, 2] > 0, dtype="boolean"),
        "grade": pd.Categorical(np.digitize(LATENT[:, 3], [-1, 0, 1])),
        "two": pd.Series(np.where(LATENT[:, 4] > 0, "p", "q"), dtype=object),
        "mixed": pd.Series(["t" if v > 0.5 else 1 if v > 0 else 2.5 for v in LATENT[:, 5]], dtype=object),
        "same": pd.Series(["s"] * N, dtype=object),
    }
)
TABLE.loc[5:29, "size"] = np.nan
TABLE.loc[40:60, "known"] = pd.NA
TEXTS = {"kind", "two", "mixed", "same"}


def small(**params: Any) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (8,), "max_iter": 8, "batch_size": 32, "learning_rate_init": 0.03, **params}
    return BalancedNNClassifier(**{"n_members": 1, "random_state": 0, "on_collapse": "ignore", **settings})


@pytest.fixture(scope="module")
def clf() -> BalancedNNClassifier:
    return small(n_members=2).fit(TABLE, np.where(Y, "yes", "no"))


@pytest.fixture(scope="module")
def session(clf: BalancedNNClassifier) -> onnxruntime.InferenceSession:
    return session_of(clf)


def session_of(clf: BalancedNNClassifier) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(clf.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])


def inputs(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """One array for each column: text, "" where missing, or float64."""
    found = {}
    for name, column in table.items():
        if name in TEXTS:
            found[name] = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)[:, None]
        else:
            found[name] = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)[:, None]
    return found


def check(clf: BalancedNNClassifier, session: onnxruntime.InferenceSession, table: pd.DataFrame) -> None:
    label, proba = session.run(["label", "probabilities"], inputs(table))
    np.testing.assert_allclose(proba, clf.predict_proba(table), atol=1e-9)
    np.testing.assert_array_equal(label, clf.predict(table))


def test_the_model_is_valid_and_old_enough(clf: BalancedNNClassifier) -> None:
    model = clf.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 8
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 17, "ai.onnx.ml": 3}


def test_each_column_is_an_input(session: onnxruntime.InferenceSession) -> None:
    kinds = {entry.name: entry.type for entry in session.get_inputs()}
    assert list(kinds) == list(TABLE)
    assert {name for name, kind in kinds.items() if kind == "tensor(string)"} == TEXTS
    assert {kind for name, kind in kinds.items() if name not in TEXTS} == {"tensor(double)"}


def test_rows_of_the_training_are_answered_alike(
    clf: BalancedNNClassifier, session: onnxruntime.InferenceSession
) -> None:
    assert np.ptp(clf.predict_proba(TABLE)[:, 0]) > 0.3
    check(clf, session, TABLE)


CHANGES: list[tuple[str, Any]] = [
    *(("size", value) for value in (np.nan, 1e300, -3.0)),
    *(("kind", value) for value in ("x", None, "unseen")),
    *(("flag", value) for value in (True, False)),
    *(("known", value) for value in (True, pd.NA)),
    *(("two", value) for value in ("p", None, "unseen")),
    *(("mixed", value) for value in ("t", "1", "2.5", None, "unseen")),
    *(("same", value) for value in ("s", None, "unseen")),
]


@pytest.mark.parametrize(("column", "value"), CHANGES, ids=str)
def test_a_cell_of_any_kind_is_read_alike(
    column: str, value: Any, clf: BalancedNNClassifier, session: onnxruntime.InferenceSession
) -> None:
    dtype = object if column in TEXTS else TABLE[column].dtype
    check(clf, session, TABLE.assign(**{column: pd.Series([value] * N, dtype=dtype)}))


@pytest.mark.parametrize("value", [0.0, 3.0, 99.0, np.nan])
def test_a_category_of_numbers_is_compared_by_value(
    value: float, clf: BalancedNNClassifier, session: onnxruntime.InferenceSession
) -> None:
    check(clf, session, TABLE.assign(grade=np.full(N, value)))


def test_missing_booleans_that_training_did_not_see_are_unseen(
    clf: BalancedNNClassifier, session: onnxruntime.InferenceSession
) -> None:
    check(clf, session, TABLE.assign(flag=np.full(N, np.nan)))


def answers_of_texts(train: list[str | None], new: list[str | None], **settings: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a network over one column of text, exported and not."""
    predictor = predictor_over(text_table(train), **settings)
    session = onnxruntime.InferenceSession(onnx_model(predictor).SerializeToString())
    texts = np.array([["" if text is None else text] for text in new], dtype=object)
    expected = np.exp(predictor.ensemble.log_proba(text_table(new), predictor.prior))
    return session.run(["probabilities"], {"x0": texts})[0], expected


def test_rare_levels_share_one() -> None:
    train = [*"aaaabbbccde", None]
    given, expected = answers_of_texts(train, [*"abcdef", None], max_categories=4)
    assert len(np.unique(expected[:, 0].round(9))) == 4
    np.testing.assert_allclose(given, expected, atol=1e-9)


def test_empty_texts_are_a_level_where_training_saw_them() -> None:
    given, expected = answers_of_texts(["", "full", "half", ""], ["", "full", "half", "unseen"])
    assert len(np.unique(expected[:, 0].round(9))) == 4
    np.testing.assert_allclose(given, expected, atol=1e-9)


def test_empty_texts_beside_missing_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="'x0' held missing cells and empty strings"):
        answers_of_texts(["", "full", None], [""])


def test_empty_texts_of_one_network_beside_missing_cells_of_another_are_refused() -> None:
    one, other = (predictor_over(text_table(train)) for train in (["", "full"], ["full", None]))
    both = replace(one.ensemble, members=(*one.ensemble.members, *other.ensemble.members))
    with pytest.raises(ValueError, match="'x0' held missing cells and empty strings"):
        onnx_model(replace(one, ensemble=both))


def test_a_column_without_a_known_cell_is_text() -> None:
    given, expected = answers_of_texts([None, None], [None, "unseen"])
    np.testing.assert_allclose(given, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["label", "probabilities", ""])
def test_a_column_that_no_input_can_be_named_after_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"to_onnx names each input after its column, and '{name}' cannot be"):
        onnx_model(predictor_over(text_table(["a", "b"], name)))


def test_columns_may_be_called_like_the_matrix_and_inner_tensors() -> None:
    table = replace(mixed_table(), names=("X", "constant_1"))
    predictor = predictor_over(table)
    session = onnxruntime.InferenceSession(onnx_model(predictor).SerializeToString())
    texts = np.array([["low"], ["low"], ["high"], ["high"]], dtype=object)
    proba = session.run(["probabilities"], {"X": table.numeric, "constant_1": texts})[0]
    np.testing.assert_allclose(proba, np.exp(predictor.ensemble.log_proba(table, predictor.prior)), atol=1e-9)


def test_a_missing_package_is_named(clf: BalancedNNClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"to_onnx needs onnx: pip install 'balanced-nn\[onnx\]'"):
        clf.to_onnx()


@pytest.mark.parametrize("scaler", ["standard", "quantile"])
def test_columns_far_from_0_are_read_alike(scaler: str) -> None:
    numbers = np.array([1.7e15, 3.0]) + np.array([4.0, 1.0]) * np.random.default_rng(0).normal(size=(80, 2)).round(3)
    numbers[::7, 0] = np.nan
    predictor = predictor_over(plain_table(numbers), scaler=scaler)
    session = onnxruntime.InferenceSession(onnx_model(predictor).SerializeToString())
    (proba,) = session.run(["probabilities"], {"X": numbers})
    np.testing.assert_allclose(
        np.log(proba), predictor.ensemble.log_proba(plain_table(numbers), predictor.prior), atol=1e-9
    )
    assert np.unique(proba[:, 0].round(6)).size > 60


def test_numbers_that_an_onnx_type_does_not_hold_are_refused() -> None:
    column = CategoryColumn((2**53, 2**53 + 1, 5), np.array([0, 1, 2, 1]))
    table = Table(4, np.empty((4, 0)), np.empty(0, np.intp), {0: column}, ("id",))
    with pytest.raises(ValueError, match=f"float64, which does not hold {2**53 + 1} of column 'id'. Turn"):
        onnx_model(predictor_over(table))
    large = replace(predictor_over(plain_table(np.eye(2))), classes=np.array([1, 2**64 - 1], np.uint64))
    with pytest.raises(ValueError, match=f"int64, which does not hold {2**64 - 1}"):
        onnx_model(large)
