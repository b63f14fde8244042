"""Is a bar drawn where it can be, are lines written elsewhere, and is the time left estimated soundly?"""

import multiprocessing
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress
from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier
from balanced_nn._network.specs import History
from balanced_nn._training.callbacks import Epoch, Training
from balanced_nn._training.progress import epochs_left, show_progress

X, Y = make_classification(300, 6, weights=[0.75], class_sep=1.5, flip_y=0.01, random_state=0)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
RESULT = re.compile(r"^network \d of 2: best epoch \d+/\d+, loss \d\.\d{4}, balanced accuracy \d\.\d{3} \(.* s\)$")


def small(**params) -> BalancedNNClassifier:
    settings = {"hidden_layer_sizes": (16,), "max_iter": 4, "n_members": 2, "random_state": 0, **params}
    return BalancedNNClassifier(**settings)


def drain(terminal: int) -> tuple[threading.Thread, list[bytes]]:
    """Collect what is written to a terminal."""
    seen: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # Linux tells so that the other end is closed
            while data := os.read(terminal, 65536):
                seen.append(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, seen


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], str]:
    """Call something while standard error is a terminal, and return what was shown there."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def call(do: Callable[[], object]) -> str:
        ours, theirs = pty.openpty()
        thread, seen = drain(ours)
        with os.fdopen(theirs, "w") as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            do()
            assert sys.stderr is stream  # no proxy of rich is left behind
        thread.join(10)
        os.close(ours)
        return b"".join(seen).decode()

    return call


def play(verbose: int = 1, pause: float = 0.0, **options) -> None:
    """Tell of a fit of two networks."""
    history = History((0.9, 0.8), (0.7, 0.6), (0.5, 0.75), 0.01, 2, 10, "max_iter")
    with show_progress(verbose, 2, **options) as watcher:
        for network in range(2):
            watcher.training_begins(Training(network, 0, 0.01, 200))
            for number in (1, 2):
                watcher.epoch_ends(network, Epoch(number, 0.8, 0.6, 0.75))
                time.sleep(pause)
            watcher.training_ends(network, history)
            watcher.network_ends(network)


# The bar


def test_a_terminal_shows_network_epoch_losses_accuracy_rate_and_time_left(on_a_terminal):
    shown = on_a_terminal(lambda: play(pause=0.6))
    for text in ("━", "network 1 of 2", "network 2 of 2", "epoch 1/200", "loss 0.8000", "held-out 0.6000"):
        assert text in shown
    for text in ("balanced accuracy 0.750", "learning rate 0.01", "at most ", "about ", "left"):
        assert text in shown
    assert shown.count("best epoch 2/2, loss 0.6000") == 2  # these lines stay
    assert shown.rstrip().endswith("\x1b[2K")  # the bar does not
    assert "\x1b[?25h" in shown  # the cursor is back


def test_networks_that_are_trained_at_the_same_time_have_a_line_each(on_a_terminal):
    def play_together() -> None:
        with show_progress(1, 3) as watcher:
            for network in range(2):
                watcher.training_begins(Training(network, 0, 0.01, 200))
            watcher.epoch_ends(0, Epoch(1, 0.8, 0.6, 0.75))
            watcher.epoch_ends(1, Epoch(1, 0.7, 0.5, 0.8))
            watcher.epoch_ends(1, Epoch(2, 0.6, 0.4, 0.9))
            time.sleep(0.6)
            watcher.training_ends(1, History((0.7, 0.6), (0.5, 0.4), (0.8, 0.9), 0.01, 2, 10, "max_iter"))
            time.sleep(0.6)

    shown = on_a_terminal(play_together)
    for text in ("3 networks", "network 1 of 3, epoch 1/200, loss 0.8", "network 2 of 3, epoch 2/200, loss 0.6"):
        assert text in shown
    assert "network 2 of 3: best epoch 2/2, loss 0.4000" in shown
    assert "network 1 of 3" in shown.rsplit("loss 0.4000", 1)[1]  # alone again, in the line of the bar


def test_a_fit_on_a_terminal_draws_its_bar_and_gives_the_same_result(on_a_terminal):
    quiet, loud = small().fit(X, Y), small(verbose=1)  # the first one has loaded TensorFlow
    shown = on_a_terminal(lambda: loud.fit(X, Y))
    assert "preparing the rows" in shown
    assert shown.count("best epoch") == 2
    np.testing.assert_array_equal(loud.predict_proba(X), quiet.predict_proba(X))


def test_the_bar_leaves_when_the_fit_fails(on_a_terminal):
    def fail() -> None:
        with pytest.raises(ZeroDivisionError), show_progress(1, 1) as watcher:  # noqa: PT012 - what fails is inside
            watcher.training_begins(Training(0, 1, 0.01, 200))
            raise ZeroDivisionError

    shown = on_a_terminal(fail)
    assert "attempt 2" in shown
    assert "\x1b[?25h" in shown


def in_a_thread() -> None:
    thread = threading.Thread(target=play)
    thread.start()
    thread.join()


def below_another_display() -> None:
    with Progress(console=Console(file=sys.stderr, force_terminal=True), auto_refresh=False):
        play()


@pytest.mark.parametrize(
    "do", [in_a_thread, below_another_display, lambda: play(bar=False)], ids=["thread", "live display", "callbacks"]
)
def test_where_a_bar_would_disturb_there_are_lines(do, on_a_terminal):
    shown = on_a_terminal(do)
    assert shown.count("best epoch") == 2
    assert "epoch 1/200" not in shown


def test_a_dumb_terminal_gets_lines(on_a_terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert on_a_terminal(play).count("best epoch") == 2


def test_a_worker_process_gets_lines(on_a_terminal, monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: sys)
    assert "epoch 1/200" not in on_a_terminal(play)


IN_WORKERS = """
import sys
sys.path.insert(0, {tests!r})
from joblib import Parallel, delayed
from test_progress import play
if __name__ == "__main__":
    Parallel(n_jobs=2)(delayed(play)(pause=0.02) for _ in range(8))
"""


@pytest.mark.slow
def test_worker_processes_write_whole_lines_and_draw_nothing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(IN_WORKERS.format(tests=str(Path(__file__).parent)))
    ours, theirs = pty.openpty()
    thread, seen = drain(ours)
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run([sys.executable, str(script)], stdout=theirs, stderr=theirs, env=environment, check=True)
    os.close(theirs)
    thread.join(10)
    os.close(ours)
    lines = b"".join(seen).decode().replace("\r\n", "\n").splitlines()
    assert len(lines) == 16
    assert all(RESULT.match(line) for line in lines), lines


# Lines


@pytest.mark.parametrize("forced", ["", "1"], ids=["", "FORCE_COLOR"])
def test_a_log_gets_a_line_a_network_without_control_characters(forced, capsys, monkeypatch):
    if forced:
        monkeypatch.setenv("FORCE_COLOR", forced)
    loud = small(verbose=True).fit(X, Y)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 2
    assert all(RESULT.match(line) for line in printed.err.splitlines()), printed.err
    assert not CONTROL.search(printed.err)
    quiet = small().fit(X, Y)
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(loud.predict_proba(X), quiet.predict_proba(X))


def test_without_held_out_rows_a_line_tells_the_training_loss(capsys):
    small(verbose=1, max_iter=1, early_stopping=False, n_members=1, on_collapse="ignore").fit(X, Y)
    assert re.match(r"network: 1 epoch: training loss \d\.\d{4} \(", capsys.readouterr().err)


@pytest.mark.filterwarnings("ignore::balanced_nn.exceptions.CollapseWarning")
def test_each_attempt_has_a_line(capsys):
    small(verbose=1, n_members=1, max_iter=1, learning_rate_init=1e-9).fit(X, Y)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["network", "network, attempt 2", "network, attempt 3"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [("diverged", ", ended by a non-finite number)"), ("callback", ", ended by a callback)")],
)
def test_an_untimely_end_is_told(reason, words, capsys):
    with show_progress(1, 1) as watcher:
        watcher.training_begins(Training(0, 0, 0.01, 200))
        watcher.training_ends(0, History((float("nan"),), (), (), 0.01, 0, 10, reason))
    assert capsys.readouterr().err.endswith(words + "\n")


def test_a_notebook_without_widgets_gets_lines(monkeypatch, capsys):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("balanced_nn._training.progress.find_spec", lambda name: None)
    play()
    assert capsys.readouterr().err.count("best epoch") == 2


class Log:
    """All that a stream needs to have, for a print."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_a_stream_that_knows_of_no_terminal_gets_lines(monkeypatch):
    log = Log()
    monkeypatch.setattr(sys, "stderr", log)
    play()
    assert log.text.count("\n") == 2


def test_without_a_stream_nothing_is_written(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    play()


# The time left


@given(
    finished=st.lists(st.integers(1, 200), max_size=6),
    epoch=st.integers(0, 200),
    networks=st.integers(0, 8),
)
def test_the_estimate_never_exceeds_what_is_possible_and_falls_with_the_epochs(finished, epoch, networks):
    left = epochs_left(finished, [epoch], 200, networks)
    assert 0 <= left <= 200 - epoch + 200 * networks
    assert epochs_left(finished, [min(200, epoch + 1)], 200, networks) <= left
