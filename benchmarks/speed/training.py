"""How fast does a network train, beside its peers, alone and in a search?"""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.model_selection import GridSearchCV

from balanced_nn import BalancedNNClassifier
from benchmarks.speed import peers
from benchmarks.speed.timing import OURS, ROUNDS, Row, compare, fixed, seconds, table

GRID = {"learning_rate_init": [1e-4, 1e-3, 1e-2], "alpha": [0.0, 0.01], "dropout": [0.1, 0.3]}
NAMES_OF_SCIKERAS = {"learning_rate_init": "rate", "alpha": "decay", "dropout": "dropout"}


def same_network() -> list[Row]:
    """20,000 x 30, hidden layers (128, 64), BatchNorm, Adam, batches of 256, 10 epochs, warm."""
    X, y = table(20_000)
    shape = ((128, 64), 256, 10)
    rows = []
    for dropout in (0.0, 0.15):
        ours = fixed(*shape, dropout=dropout)
        ours.fit(X, y)
        methods = {
            OURS: lambda ours=ours: ours.fit(X, y),
            f"{OURS}, training alone": training_alone(ours, X, y),
            "keras.Model.fit": peers.keras_fit(X, y, *shape, dropout=dropout),
            "keras.Model.fit, at its best": peers.keras_fit(
                X, y, *shape, dropout=dropout, **peers.best_settings(dropout)
            ),
            "skorch": peers.skorch_fit(X, y, *shape, dropout=dropout),
        }
        if not dropout:
            methods["MLPClassifier (no BatchNorm)"] = peers.mlp_fit(X, y, *shape)
        rows += compare("same network", f"dropout {dropout:g}", methods)
    return rows


def matrix_products() -> list[Row]:
    """The same work against its matrix products alone, float32 through NumPy's BLAS; without dropout, 10 epochs, warm.

    "training" is what happens between the initial and the trained network: shuffling, gathering, steps, and the
    outputs for the judgement. A fit also reads, cleans and checks the table.
    """
    from threadpoolctl import threadpool_limits

    X, y = table(20_000)
    rows = []
    for hidden, batch in (((128, 64), 256), ((256, 128), 256), ((256, 256), 1024)):
        ours = fixed(hidden, batch, 10)
        products = peers.training_floor(len(X), X.shape[1], hidden, batch, 10)

        def in_one_thread(products: Callable[[], None] = products) -> None:
            with threadpool_limits(1, user_api="blas"):
                products()

        methods = {
            "matrix products": products,
            "matrix products, one thread": in_one_thread,
            f"{OURS}, training": training_alone(ours, X, y),
            f"{OURS}, fit": lambda ours=ours: ours.fit(X, y),
        }
        case = f"{hidden}, batches of {batch}"
        rows += compare("matrix products", case, methods, to="matrix products")
    return rows


def throughput() -> list[Row]:
    """Microseconds per row and epoch of whole warm fits.

    As many epochs as make half a million rows, 1 to 100; one round.
    """
    rows = []
    for hidden in ((128, 64), (256, 128), (256, 256, 256)):
        for n_rows, batch in ((1000, 64), (100_000, 512), (1_000_000, 1024)):
            X, y = table(n_rows)
            epochs = max(1, min(100, 500_000 // n_rows))
            shape = (hidden, batch, epochs)
            ours = fixed(*shape)
            ours.fit(X, y)
            methods = {
                OURS: lambda ours=ours, X=X, y=y: ours.fit(X, y),
                "keras.Model.fit": peers.keras_fit(X, y, *shape),
                "keras.Model.fit, at its best": peers.keras_fit(X, y, *shape, **peers.best_settings(0.0)),
                "skorch": peers.skorch_fit(X, y, *shape),
                "MLPClassifier (no BatchNorm)": peers.mlp_fit(X, y, *shape),
            }
            scale = 1e6 / (n_rows * epochs)
            case = f"{hidden}, {n_rows:,} rows, batches of {batch}"
            rows += compare("throughput", case, methods, rounds=1, scale=scale, unit="us")
    return rows


def growth() -> list[Row]:
    """Microseconds per row and epoch beyond the first epoch, so that reading the table does not count."""
    rows = []
    X, y = table(3_000_000)
    taken: dict[int, list[float]] = {n: [] for n in (10_000, 100_000, 1_000_000, 3_000_000)}
    fixed((128, 64), 256, 1).fit(X[:5000], y[:5000])
    for _ in range(ROUNDS):
        for n, marginal in taken.items():
            marginal.append(marginal_cost((128, 64), 256, X[:n], y[:n], max(2, min(100, 2_000_000 // n))))
    for n, marginal in taken.items():
        ratios = [a / b for a, b in zip(marginal, taken[10_000], strict=True)]
        ratio = None if n == 10_000 else statistics.median(ratios)
        to = "" if n == 10_000 else "10,000 rows"
        rows.append(Row("growth", "rows, batches of 256", f"{n:,}", statistics.median(marginal), "us", ratio, to))
    for n_columns in (10, 100, 1000):
        X, y = table(20_000, n_columns)
        fixed((128, 64), 256, 1).fit(X, y)
        rows.append(Row("growth", "columns", f"{n_columns}", marginal_cost((128, 64), 256, X, y, 10), "us"))
    X, y = table(20_000)
    for width in (32, 128, 512, 1024):
        fixed((width, width), 256, 1).fit(X, y)
        rows.append(Row("growth", "width of two layers", f"{width}", marginal_cost((width, width), 256, X, y, 5), "us"))
    return rows


def marginal_cost(hidden: Sequence[int], batch: int, X: NDArray, y: NDArray, epochs: int) -> float:
    short, long = (seconds(lambda e=e: fixed(hidden, batch, e).fit(X, y)) for e in (1, 1 + epochs))
    return (long - short) / (epochs * len(X)) * 1e6


def training_alone(model: BalancedNNClassifier, X: NDArray, y: NDArray) -> Callable[[], Any]:
    """From the initial network to the trained one: what is left of `fit` without reading, cleaning and checking."""
    from balanced_nn._data.labelled_rows import read_rows
    from balanced_nn._training.attempts import make_task
    from balanced_nn._training.keras.train import train_network
    from balanced_nn._training.preparation import make_plan, split_rows
    from balanced_nn._training.settings import FitSettings

    settings = FitSettings.of(model)
    task = make_task(make_plan(settings, split_rows(settings, read_rows(model, X, y, None), None, 0)[0], 0), 0)
    return lambda: train_network(task, float(model.learning_rate_init))


def whole_fit() -> list[Row]:
    """Fits at defaults: with the search of the rate, early stopping and checks where a method has them; warm.

    One round for 1,000 rows, five for 2,000.
    """
    rows = []
    for n_rows, rounds in ((1000, 1), (2000, ROUNDS)):
        X, y = make_classification(n_rows, 20, n_informative=8, weights=[0.9], random_state=0)
        X = X.astype(np.float32)
        ours = BalancedNNClassifier((256, 128), random_state=0)
        ours.fit(X, y)
        peers.quietly(peers.realmlp().fit, X[:200], y[:200])
        methods = {
            OURS: lambda ours=ours, X=X, y=y: ours.fit(X, y),
            "RealMLP-TD": lambda X=X, y=y: peers.quietly(peers.realmlp().fit, X, y),
            "LightGBM, for orientation": lambda X=X, y=y: peers.lightgbm().fit(X, y),
        }
        rows += compare("whole fit", f"{n_rows:,} x 20", methods, rounds=rounds)
    return rows


def side_by_side() -> list[Row]:
    """Fits at the defaults, four networks, warm: as many at the same time as there are cores, and one after the other.

    Both give the same result, bit by bit.
    """
    rows = []
    for n_rows in (4_000, 20_000):
        X, y = make_classification(n_rows, 30, n_informative=10, weights=[0.9], random_state=0)
        methods = {
            "n_jobs=None": lambda X=X, y=y: BalancedNNClassifier(random_state=0).fit(X, y),
            "n_jobs=1": lambda X=X, y=y: BalancedNNClassifier(random_state=0, n_jobs=1).fit(X, y),
        }
        rows += compare("side by side", f"{n_rows:,} x 30", methods, to="n_jobs=None")
    return rows


def search() -> list[Row]:
    """GridSearchCV, 12 candidates (learning rate x alpha x dropout) x 5 folds, breast_cancer, 20 epochs, (128, 64).

    Three rounds with SciKeras, five of one and two workers.
    """
    from balanced_nn._training.keras.pool import POOL

    X, y = load_breast_cancer(return_X_y=True)
    scaled = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    grid_of_scikeras = {NAMES_OF_SCIKERAS[name]: values for name, values in GRID.items()}

    def ours(n_jobs: int = 1) -> None:
        estimator = fixed((128, 64), 64, 20)
        GridSearchCV(estimator, GRID, cv=5, scoring="balanced_accuracy", refit=False, n_jobs=n_jobs).fit(X, y)

    def scikeras() -> None:
        estimator = peers.scikeras_classifier((128, 64), 64, 20)
        GridSearchCV(estimator, grid_of_scikeras, cv=5, scoring="balanced_accuracy", refit=False).fit(scaled, y)

    import keras  # noqa: F401, before the clock runs

    first = seconds(ours)
    compilations = [Row("search", "compilations", OURS, POOL.n_built, "")]
    GridSearchCV(fixed((128, 64), 64, 1), {"dropout": [0.0, 0.2]}, cv=3, refit=False).fit(X, y)
    compilations.append(Row("search", "compilations, dropout 0 in the grid", OURS, POOL.n_built, ""))
    rows = compare("search", "60 fits, ours compiled before", {OURS: ours, "SciKeras": scikeras}, warm=False, rounds=3)
    theirs = next(row.value for row in rows if row.method == "SciKeras")
    rows.append(Row("search", "60 fits, first of a process", "SciKeras", theirs, "s", theirs / first, OURS))
    rows.append(Row("search", "60 fits, first of a process", OURS, first, "s"))
    rows += compilations
    start = seconds(lambda: ours(2))
    jobs = {"n_jobs=2": lambda: ours(2), "n_jobs=1": ours}
    pairs = compare("search", "two workers, started before", jobs, to="n_jobs=2")
    rows.append(Row("search", "start of two workers, imports and compilations", OURS, start - pairs[0].value, "s"))
    return rows + pairs
