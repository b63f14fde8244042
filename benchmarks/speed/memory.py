"""How much memory does a fit take on top of its table?"""

import threading

from benchmarks.speed import peers
from benchmarks.speed.timing import OURS, Row, fixed, fresh_process, table


def memory() -> list[Row]:
    """Growth of the peak resident memory during a fit of two epochs, and as a multiple of the table in float32."""
    rows = []
    for n_rows in (1_000_000, 3_000_000):
        for what in ("early stopping", "fixed epochs", "keras"):
            script = f"from benchmarks.speed.memory import peak; peak({n_rows}, {what!r})"
            megabytes = float(fresh_process(["-c", script]))
            name = "keras.Model.fit" if what == "keras" else f"{OURS}, {what}"
            multiple = megabytes * 1e6 / (n_rows * 30 * 4)
            rows.append(Row("memory", f"{n_rows:,} x 30", name, megabytes, "MB", multiple, "the matrix"))
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
