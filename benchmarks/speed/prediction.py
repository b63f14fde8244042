"""How fast are predictions, of one row and of many?"""

from collections.abc import Callable
from typing import Any

import numpy as np

from balanced_nn import BalancedNNClassifier
from benchmarks.speed import peers
from benchmarks.speed.timing import OURS, Row, compare, fixed, per_call, seconds, table


def predict() -> list[Row]:
    """predict_proba of a network (128, 64) for one and 100 rows of an ndarray, and (256, 128) for a million rows."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    hidden = (128, 64)
    X, y = table(5000)
    X = X.astype(np.float64)
    ours = fixed(hidden, 256, 2).fit(X, y)
    mlp = peers.quietly(peers.mlp_classifier(hidden, 256, 2).fit, X, y)
    scaled = peers.quietly(make_pipeline(StandardScaler(), peers.mlp_classifier(hidden, 256, 2)).fit, X, y)
    network = peers.keras_network(X.shape[1], hidden)
    network.fit(X, y, epochs=1, verbose=0)
    skorch = peers.skorch_fit(X.astype(np.float32), y, hidden, 256, 1)()
    realmlp = peers.quietly(peers.realmlp().set_params(n_epochs=2).fit, X, y)
    boosted = peers.lightgbm().fit(X, y)
    rows = []
    for n_rows, repeats in ((1, 300), (100, 300)):
        some = np.ascontiguousarray(X[:n_rows])
        single = some.astype(np.float32)
        calls = {
            OURS: (lambda some=some: ours.predict_proba(some), repeats),
            "MLPClassifier": (lambda some=some: mlp.predict_proba(some), repeats),
            "StandardScaler, MLPClassifier": (lambda some=some: scaled.predict_proba(some), repeats),
            "keras.Model.predict": (lambda some=some: network.predict(some, verbose=0), 10),
            "keras.Model.__call__": (lambda single=single: network(single).numpy(), 30),
            "skorch": (lambda single=single: skorch.predict_proba(single), 100),
            "RealMLP-TD": (lambda some=some: realmlp.predict_proba(some), 5),
            "LightGBM, for orientation": (lambda some=some: peers.quietly(boosted.predict_proba, some), 30),
        }
        rows += per_call("predict", f"{n_rows} row{'s' * (n_rows > 1)}", calls)
    many = np.random.default_rng(1).standard_normal((1_000_000, 30))
    wide = fixed((256, 128), 256, 1).fit(X, y)
    mlp = peers.quietly(peers.mlp_classifier((256, 128), 256, 1).fit, X, y)
    block = min((512, 1024, 2048, 8192), key=lambda size: min(best_of(peers.prediction_floor(many, (256, 128), size))))
    network = peers.keras_network(30, (256, 128))
    network.predict(many[:8192], batch_size=8192, verbose=0)
    methods = {
        f"matrix products, float64, blocks of {block} rows": peers.prediction_floor(many, (256, 128), block),
        OURS: lambda: wide.predict_proba(many),
        "MLPClassifier": lambda: mlp.predict_proba(many),
        "keras.Model.predict, batches of 8192": lambda: network.predict(many, batch_size=8192, verbose=0),
    }
    rows += compare("predict", "1,000,000 rows", methods, to=next(iter(methods)))
    return rows


def predict_at_defaults() -> list[Row]:
    """predict_proba of four networks with bins, the defaults: one row, and 75,000 beside their matrix products."""
    X, y = table(5000)
    X = X.astype(np.float64)
    ours = BalancedNNClassifier(random_state=0, max_iter=10, on_collapse="ignore").fit(X, y)
    hidden = ours.hidden_layer_sizes
    mlp = peers.quietly(peers.mlp_classifier(hidden, 256, 2).fit, X, y)
    row = np.ascontiguousarray(X[:1])
    calls = {OURS: (lambda: ours.predict_proba(row), 300), "MLPClassifier": (lambda: mlp.predict_proba(row), 300)}
    rows = per_call("predict at defaults", "1 row", calls)
    many = np.random.default_rng(1).standard_normal((75_000, 30))
    widths = [member.network.spec.n_inputs for member in ours.members_]

    def floor(block: int) -> Callable[[], None]:
        of_a_block = [peers.prediction_floor(np.ones((block, width)), hidden, block) for width in widths]

        def products() -> None:
            for _ in range(-(-len(many) // block)):
                for product in of_a_block:
                    product()

        return products

    block = min((512, 1024, 2048), key=lambda size: min(best_of(floor(size))))
    products = f"matrix products of the networks, float64, blocks of {block} rows"
    methods = {products: floor(block), OURS: lambda: ours.predict_proba(many)}
    return rows + compare("predict at defaults", "75,000 rows", methods, to=products)


def best_of(call: Callable[[], Any]) -> list[float]:
    call()
    return [seconds(call) for _ in range(3)]
