"""What does each section of speed.py measure, and how do methods take turns?"""

import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

import numpy as np
import speed_peers as peers
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.model_selection import GridSearchCV

from balanced_nn import BalancedNNClassifier, CollapseReport
from balanced_nn._causes.advise import ModelKind, advise
from balanced_nn._causes.rules import diagnose_evidence
from balanced_nn._collapse.baseline import find_reference
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._training.attempts import gather_evidence

HERE = Path(__file__).parent
OURS = "BalancedNNClassifier"
ROUNDS = 5
WINDOW = 1.0  # seconds: shorter calls are repeated, so that each method is looked at for as long
PAUSE = 0.2  # seconds before each measurement: the threads of the last method have gone to sleep


@dataclass(frozen=True)
class Row:
    """One figure."""

    section: str
    case: str
    method: str
    value: float
    unit: str
    ratio: float | None = None
    to: str = ""  # what the ratio is to


def fresh_process(arguments: Sequence[str], **environment: str) -> str:
    """Last line that another Python prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment})
    return done.stdout.strip().splitlines()[-1]


def seconds(call: Callable[[], Any], repeats: int = 1) -> float:
    """Mean seconds of a call."""
    time.sleep(PAUSE)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def compare(
    section: str, case: str, methods: Mapping[str, Callable[[], Any]], *, to: str = OURS, rounds: int = ROUNDS,
    scale: float = 1.0, unit: str = "s", warm: bool = True,
) -> list[Row]:  # fmt: skip
    """Let the methods take turns; ratios are theirs to those of `to`."""
    taken: dict[str, list[float]] = {name: [] for name in methods}
    first = {name: seconds(call) for name, call in methods.items()} if warm else {}
    repeats = {name: int(np.ceil(WINDOW / min(first.get(name, WINDOW), WINDOW))) for name in methods}
    for _ in range(rounds):
        for name, call in methods.items():
            taken[name].append(seconds(call, repeats[name]))
    rows = []
    for name, times in taken.items():
        pairs = [a / b for a, b in zip(times, taken[to], strict=True)]
        ratio = None if name == to else statistics.median(pairs)
        rows.append(Row(section, case, name, statistics.median(times) * scale, unit, ratio, to if ratio else ""))
    return rows


def table(n_rows: int, n_columns: int = 30, seed: int = 0) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    y = (X[:, :3].sum(axis=1) + rng.standard_normal(n_rows, dtype=np.float32) > 2.0).astype(np.int64)
    return X, y


def fixed(hidden: Sequence[int], batch: int | str, epochs: int, **settings: Any) -> BalancedNNClassifier:
    """Our network with everything switched off that `keras.Model.fit` does not do."""
    settings = {
        "n_bins": None, "class_weight": None, "n_members": 1, "dropout": 0.0, "alpha": 0.0,
        "learning_rate_init": 1e-3, "batch_size": batch, **settings,
    }  # fmt: skip
    return BalancedNNClassifier(
        tuple(hidden), max_iter=epochs, early_stopping=False, on_collapse="ignore", random_state=0, **settings
    )


def training_alone(model: BalancedNNClassifier, X: NDArray, y: NDArray) -> Callable[[], Any]:
    """From the initial network to the trained one: what is left of `fit` without reading, cleaning and checking."""
    from balanced_nn._data.labelled_rows import read_rows
    from balanced_nn._training.attempts import training_task
    from balanced_nn._training.keras.train import train_network
    from balanced_nn._training.preparation import make_plan, split_rows

    plan = make_plan(model, split_rows(model, read_rows(model, X, y, None), (None, None, None), 0)[0], 0)
    task = training_task(plan, 0)
    return lambda: train_network(task, float(model.learning_rate_init))


# Sections: each returns its rows.


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


COLD = """
import json, time, warnings
import numpy as np, sklearn.datasets
X, y = sklearn.datasets.make_classification(1000, 20, n_informative=8, weights=[0.9], random_state=0)
X = X.astype(np.float32)
warnings.simplefilter("ignore")
start = time.perf_counter()
{load}
loaded = time.perf_counter()
import sys
sys.path.insert(0, {here!r})
import speed_peers as peers
{prepare}
ready = time.perf_counter()
model.fit(X, y)
print(json.dumps([loaded - start, time.perf_counter() - ready]))
"""


def cold_fit() -> list[Row]:
    """The first fit of a process: 1,000 x 20, hidden layers (256, 128); median of three processes each.

    Ours, RealMLP-TD and LightGBM at their defaults, the others for 20 epochs.
    """
    shape = "(256, 128), 64, 20"
    cases = {
        OURS: (
            "import tensorflow, keras\nfrom balanced_nn import BalancedNNClassifier",
            "model = BalancedNNClassifier((256, 128), random_state=0)",
        ),
        "SciKeras": ("import tensorflow, keras, scikeras.wrappers", f"model = peers.scikeras_classifier({shape})"),
        "MLPClassifier": ("import sklearn.neural_network", f"model = peers.mlp_classifier({shape})"),
        "skorch": ("import torch, skorch", f"model = peers.skorch_classifier(20, {shape})"),
        "RealMLP-TD": ("import torch, pytabkit", "model = peers.realmlp()"),
        "LightGBM, for orientation": ("import lightgbm", "model = peers.lightgbm()"),
    }
    rows = []
    for name, (load, prepare) in cases.items():
        script = COLD.format(here=str(HERE), load=load, prepare=prepare)
        pairs = [json.loads(fresh_process(["-c", script])) for _ in range(3)]
        for what, taken in zip(("import", "fit"), zip(*pairs, strict=True), strict=True):
            rows.append(Row("cold fit", what, name, statistics.median(taken), "s"))
    return rows


def compilation() -> list[Row]:
    """What the one-time compilation takes, what would shorten it, and the step, in microseconds, that one pays with.

    Median of three programs of each kind.
    """
    from balanced_nn._training.keras.program import ProgramKey, TrainingProgram

    kinds = {
        "as it is": TrainingProgram,
        "SGD instead of AdamW": with_sgd(TrainingProgram),
        "AdamW over one flat vector": with_flat_optimizer(TrainingProgram),
    }
    compile_and_run(TrainingProgram, ProgramKey(16, 2, (8,), "relu", True, False, False, 8))  # TensorFlow has started
    rows = []
    for hidden, batch in (((128, 64), 256), ((256, 256), 1024)):
        keys = {norm: ProgramKey(32, 2, hidden, "relu", norm, False, False, batch) for norm in (True, False)}
        variants = {name: (kind, keys[True]) for name, kind in kinds.items()}
        variants["without BatchNorm"] = (TrainingProgram, keys[False])
        found: dict[tuple[str, str], list[float]] = {}
        for _ in range(3):
            for name, (kind, key) in variants.items():
                for what, value in compile_and_run(kind, key).items():
                    found.setdefault((what, name), []).append(value)
        rows += [
            Row("compilation", f"{hidden}, {what}", name, statistics.median(values), "us" if what == "step" else "s")
            for (what, name), values in sorted(found.items())
        ]
    return rows


def compile_and_run(kind: Any, key: Any) -> dict[str, float]:
    from balanced_nn._data.dataset import Dataset

    rng = np.random.default_rng(0)
    start = time.perf_counter()
    program = kind(key)
    program._steps  # noqa: B018, traced when first asked for
    traced = time.perf_counter() - start
    size, n_batches = key.batches_per_chunk * key.batch_size, key.batches_per_chunk
    x, y = rng.standard_normal((size, key.n_inputs), np.float32), rng.integers(0, 2, size, np.int32)
    data = Dataset(x, np.arange(size), y, np.ones(size))

    def run(n: int) -> None:
        program.run(program.gather(data, np.arange(n * key.batch_size)), np.full(n, 1e-3))

    compiled = seconds(lambda: run(1))
    step = statistics.median(seconds(lambda: run(n_batches), 15) for _ in range(3)) / n_batches
    return {"build and trace": traced, "compile": compiled, "step": step * 1e6}


def with_sgd(program: type) -> type:
    import keras

    class WithSGD(program):
        def __init__(self, key: Any) -> None:
            super().__init__(key)
            self.optimizer = keras.optimizers.SGD(1e-3)
            self.optimizer.build(self.model.trainable_variables)

    return WithSGD


def with_flat_optimizer(program: type) -> type:
    """AdamW sees one long variable; the layers' variables are slices of it, written back after each step."""
    import keras
    import tensorflow as tf

    class Flat(keras.optimizers.AdamW):
        def build(self, variables: Any) -> None:
            self.parts = variables
            self.flat = keras.Variable(np.zeros(sum(int(np.prod(v.shape)) for v in variables), np.float32))
            super().build([self.flat])

        def apply(self, gradients: Any, variables: Any) -> None:
            super().apply([tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)], [self.flat])
            pieces = tf.split(self.flat.value, [int(np.prod(v.shape)) for v in variables])
            for variable, piece in zip(variables, pieces, strict=True):
                variable.assign(tf.reshape(piece, variable.shape))

    class WithFlat(program):
        def __init__(self, key: Any) -> None:
            super().__init__(key)
            self.optimizer = Flat(learning_rate=1e-3, weight_decay=self._weight_decay)
            self.optimizer.build(self.model.trainable_variables)

    return WithFlat


GRID = {"learning_rate_init": [1e-4, 1e-3, 1e-2], "alpha": [0.0, 0.01], "dropout": [0.1, 0.3]}
NAMES_OF_SCIKERAS = {"learning_rate_init": "rate", "alpha": "decay", "dropout": "dropout"}


def search() -> list[Row]:
    """GridSearchCV, 12 candidates (learning rate x alpha x dropout) x 5 folds, breast_cancer, 20 epochs, (128, 64).

    Three rounds with SciKeras, five of one and two workers.
    """
    from balanced_nn._training.keras.program import POOL

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


def best_of(call: Callable[[], Any]) -> list[float]:
    call()
    return [seconds(call) for _ in range(3)]


def per_call(section: str, case: str, calls: Mapping[str, tuple[Callable[[], Any], int]]) -> list[Row]:
    """Microseconds of a call, the shortest mean of a few runs in each round: a row is predicted when it comes."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call, _ in calls.values():
        call()
    for _ in range(ROUNDS):
        for name, (call, repeats) in calls.items():
            taken[name].append(min(seconds(call, repeats) for _ in range(3)) * 1e6)
    return [against(section, case, name, times, taken[OURS], OURS, "us") for name, times in taken.items()]


def against(
    section: str, case: str, name: str, times: Sequence[float], others: Sequence[float], to: str, unit: str
) -> Row:
    ratio = None if name == to else statistics.median(a / b for a, b in zip(times, others, strict=True))
    return Row(section, case, name, statistics.median(times), unit, ratio, "" if ratio is None else to)


def start_up() -> list[Row]:
    """Seconds of an import, and of loading a model and predicting a row, each in a fresh process; seven rounds."""
    clock = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    imports = {
        "import sklearn, imblearn": "import sklearn, imblearn",
        "import balanced_nn": "import balanced_nn",
        "import keras": "import keras",
    }
    rows = in_turns("start-up", "import", {name: clock.format(code) for name, code in imports.items()})
    X, y = table(2000)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.pickle", Path(folder) / "theirs.keras"
        ours.write_bytes(pickle.dumps(fixed((256, 128), 256, 1).fit(X, y)))
        network = peers.keras_network(30, (256, 128))
        network.fit(X, y, verbose=0)
        network.save(theirs)
        np.save(Path(folder) / "row.npy", X[:1])
        row = f"np.load({str(Path(folder) / 'row.npy')!r})"
        load = {
            "keras": (f"import keras, numpy as np; keras.models.load_model({str(theirs)!r}).predict({row}, verbose=0)"),
            "balanced_nn": (f"import pickle, numpy as np; pickle.load(open({str(ours)!r}, 'rb')).predict_proba({row})"),
        }
        scripts = {name: clock.format(code) for name, code in load.items()}
        rows += in_turns("start-up", "load a model, predict a row", scripts)
        rows.append(Row("start-up", "bytes of a pickle, (256, 128), 30 columns", OURS, ours.stat().st_size, "bytes"))
    return rows


def in_turns(section: str, case: str, scripts: Mapping[str, str]) -> list[Row]:
    first = next(iter(scripts))
    taken: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(ROUNDS + 2):
        for name, script in scripts.items():
            taken[name].append(float(fresh_process(["-c", script])))
    return [against(section, case, name, times, taken[first], first, "s") for name, times in taken.items()]


def memory() -> list[Row]:
    """Growth of the peak resident memory during a fit of two epochs, and as a multiple of the table in float32."""
    rows = []
    for n_rows in (1_000_000, 3_000_000):
        for what in ("early stopping", "fixed epochs", "keras"):
            here = f"import sys; sys.path.insert(0, {str(HERE)!r})"
            script = f"{here}; import speed_sections; speed_sections.peak({n_rows}, {what!r})"
            megabytes = float(fresh_process(["-c", script]))
            name = "keras.Model.fit" if what == "keras" else f"{OURS}, {what}"
            rows.append(
                Row(
                    "memory",
                    f"{n_rows:,} x 30",
                    name,
                    megabytes,
                    "MB",
                    megabytes * 1e6 / (n_rows * 30 * 4),
                    "the matrix",
                )
            )
    return rows


def peak(n_rows: int, what: str) -> None:
    """Print by how many megabytes a fit of two epochs raises the resident memory at most."""
    X, y = table(n_rows)
    settings = {"early_stopping": what == "early stopping", "dropout": 0.0}
    model = fixed((128, 64), 256, 2).set_params(**settings)
    model.fit(X[:5000], y[:5000])
    call = peers.keras_fit(X, y, (128, 64), 256, 2) if what == "keras" else lambda: model.fit(X, y)
    before, highest, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            highest[0] = max(highest[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    print(highest[0] - before)


def resident() -> float:
    """Resident memory of this process in megabytes."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6


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


def diagnosis() -> list[Row]:
    """What looking for causes costs, on top of a default fit; a fit that went well does not pay for it.

    "evidence and causes" is what a failed fit adds: two passes over 256 rows, facts about the rows, the rules and the
    report. "reference models" are trained where balanced accuracy is less than 0.15 above chance, once a fit.
    `CollapseMonitor` judges 1,000 held-out rows after each of 20 epochs of `keras.Model.fit`, and reports at the end.
    """
    rows = []
    for n_rows, n_columns in ((2_000, 20), (20_000, 30)):
        X, y = table(n_rows, n_columns)
        model = BalancedNNClassifier(n_members=1, random_state=0)
        attempt = one_attempt(model, X, y)
        methods = {
            OURS: lambda model=model, X=X, y=y: model.fit(X, y),
            "evidence and causes": lambda attempt=attempt: causes_of(attempt),
            "reference models": lambda attempt=attempt: find_reference(attempt.plan.data, attempt.plan.judged, 2),
        }
        rows += compare("diagnosis", f"{n_rows:,} x {n_columns}, default fit", methods)
    from balanced_nn import CollapseMonitor  # loads TensorFlow

    X, y = table(5_000)
    plain = peers.keras_network(X.shape[1], (128, 64))
    watched = peers.keras_network(X.shape[1], (128, 64))
    monitor = CollapseMonitor(X[:1000], y[:1000])
    methods = {
        "keras.Model.fit": lambda: plain.fit(X, y, batch_size=64, epochs=20, verbose=0),
        "with CollapseMonitor": lambda: watched.fit(X, y, batch_size=64, epochs=20, verbose=0, callbacks=[monitor]),
    }
    return rows + compare("diagnosis", "5,000 x 30, 20 epochs of Keras", methods, to="keras.Model.fit", rounds=3)


def one_attempt(model: BalancedNNClassifier, X: NDArray, y: NDArray) -> Any:
    from balanced_nn._data.labelled_rows import read_rows
    from balanced_nn._training.attempts import train_until_sound
    from balanced_nn._training.preparation import make_plan, split_rows

    (split,) = split_rows(model, read_rows(model, X, y, None), (None, None, None), 0)
    settings = model.get_params(deep=False)
    return train_until_sound(settings, settings, split, make_plan(model, split, 0), 0)[0]


def causes_of(attempt: Any) -> str:
    """All that is done about a failure, whether the fit failed or not."""
    outcome = replace(attempt.outcome, outcome=Outcome.CONSTANT)
    evidence = replace(gather_evidence(attempt, None), outcome=outcome)
    findings = advise(
        diagnose_evidence(evidence), ModelKind.OURS, settings=BalancedNNClassifier().get_params(deep=False)
    )
    return str(CollapseReport(outcome, (0, 1), "held-out rows", findings, evidence))


SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "same-network": same_network,
    "matrix-products": matrix_products,
    "search": search,
    "predict": predict,
    "whole-fit": whole_fit,
    "cold-fit": cold_fit,
    "compilation": compilation,
    "start-up": start_up,
    "memory": memory,
    "growth": growth,
    "throughput": throughput,
    "diagnosis": diagnosis,
}
