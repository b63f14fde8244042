"""Does the example of a service answer over HTTP as the model does, and refuse with a sentence?"""

import importlib.util
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier, load_model, save_model

pytest.importorskip("fastapi")
uvicorn = pytest.importorskip("uvicorn")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # of the web packages, about Python and each other
FILE = Path(__file__).parents[2] / "examples/service.py"
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"amount": RNG.lognormal(size=300), "country": RNG.choice(["de", "fr", "it"], 300)})
Y = np.where((TABLE["amount"] > 1.5) & (TABLE["country"] != "de"), "fraud", "fine")
Service = tuple[str, BalancedNNClassifier]


def make_app(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("service", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_app(file)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    file = tmp_path_factory.mktemp("service") / "model.skops"
    clf = BalancedNNClassifier((8,), n_members=2, max_iter=20, random_state=0).fit(TABLE, Y)
    save_model(clf, file)
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    door.listen()
    server = uvicorn.Server(uvicorn.Config(make_app(file), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([door],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{door.getsockname()[1]}", load_model(file)
    server.should_exit = True
    thread.join()
    door.close()


def call(url: str, body: Any = None, method: str = "POST") -> tuple[int, Any]:
    """Status and JSON of a request; a connection waits until the server runs, as the socket listens."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def rows_of(table: pd.DataFrame) -> dict[str, Any]:
    return {"rows": json.loads(table.to_json(orient="records", double_precision=15))}


def test_it_answers_as_the_model_does(service: Service) -> None:
    url, clf = service
    status, told = call(f"{url}/predict", rows_of(TABLE[:20]))
    assert status == 200
    assert told["answers"] == clf.predict(TABLE[:20]).tolist()
    np.testing.assert_allclose(told["probabilities"], clf.predict_proba(TABLE[:20]), atol=1e-9)


def test_a_missing_cell_is_null_or_left_out(service: Service) -> None:
    url, clf = service
    _, told = call(f"{url}/predict", {"rows": [{"amount": 2.0, "country": None}, {"country": "it"}]})
    table = pd.DataFrame({"amount": [2.0, np.nan], "country": [None, "it"]})
    np.testing.assert_allclose(told["probabilities"], clf.predict_proba(table), atol=1e-9)


def test_it_says_what_it_holds(service: Service) -> None:
    status, told = call(f"{service[0]}/health", method="GET")
    assert status == 200
    assert told["columns"] == ["amount", "country"]
    assert told["classes"] == ["fine", "fraud"]
    assert sum(told["prior"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"rows": [{"amount": "much", "country": "de"}]}, "much"),
        ({"rows": [{"size": 1.0}]}, "unknown columns ['size']"),
        ({"rows": []}, "at least 1 item"),
        ({"rows": [{"amount": [1]}]}, "valid"),
        ({"lines": []}, "Field required"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(service: Service, body: Any, sentence: str) -> None:
    status, told = call(f"{service[0]}/predict", body)
    assert status == 422
    assert sentence in json.dumps(told, ensure_ascii=False)


def test_class_frequencies_change_while_rows_are_answered(service: Service) -> None:
    url, clf = service
    rows = rows_of(TABLE[:5])
    priors = None, {"fine": 0.5, "fraud": 0.5}, {"fine": 0.9, "fraud": 0.1}
    expected = [clf.set_prior(prior).predict_proba(TABLE[:5]) for prior in priors]
    clf.set_prior(None)

    def ask(_: int) -> bool:
        told = call(f"{url}/predict", rows)[1]["probabilities"]
        return any(np.allclose(told, proba, atol=1e-9) for proba in expected)

    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(ask, range(60))
        for i in range(15):
            assert call(f"{url}/prior", {"prior": priors[1 + i % 2]}, "PUT")[0] == 200
        assert all(answers)
    assert call(f"{url}/prior", {"prior": {"fine": 1.0}}, "PUT")[0] == 422
    status, told = call(f"{url}/prior", {"prior": None}, "PUT")
    assert status == 200
    assert told["prior"]["fraud"] == pytest.approx(clf.class_prior_[1])
