"""What does a process pay before its first fit or prediction?"""

import json
import pickle
import statistics
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.speed import peers
from benchmarks.speed.timing import OURS, Row, fixed, fresh_process, in_turns, table

COLD = """
import json, time, warnings
import numpy as np, sklearn.datasets
X, y = sklearn.datasets.make_classification(1000, 20, n_informative=8, weights=[0.9], random_state=0)
X = X.astype(np.float32)
warnings.simplefilter("ignore")
start = time.perf_counter()
{load}
loaded = time.perf_counter()
from benchmarks.speed import peers
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
        script = COLD.format(load=load, prepare=prepare)
        pairs = [json.loads(fresh_process(["-c", script])) for _ in range(3)]
        for what, taken in zip(("import", "fit"), zip(*pairs, strict=True), strict=True):
            rows.append(Row("cold fit", what, name, statistics.median(taken), "s"))
    return rows


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
