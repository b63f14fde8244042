"""How far is a fit? A bar on a terminal, a line per network elsewhere, and nothing by default."""

import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from balanced_nn._network.specs import History
from balanced_nn._training.callbacks import NOBODY, Epoch, Training, Watcher

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

FRAMES_PER_SECOND = 4
_STOPPED = {
    "diverged": ", ended by a non-finite number",
    "callback": ", ended by a callback",
    "max_time": ", ended by max_time",
}


@contextmanager
def show_progress(verbose: int, n_networks: int, *, bar: bool = True, at_once: bool = True) -> Iterator[Watcher]:
    """Show the progress of a fit on standard error while the block runs.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    n_networks : int
        How many networks will be trained.
    bar : bool, default=True
        Whether there may be a bar. Even so there is none where it could not be drawn or would disturb another one:
        outside of terminals and notebooks, in worker processes and threads, and inside another live display of rich.
    at_once : bool, default=True
        Whether the bar is drawn before the first training begins; not so where another one shows how the rows are read.
    """
    if not verbose or sys.stderr is None:
        yield NOBODY
        return
    console = _live_console() if bar else None
    if console is None:
        yield _Lines(n_networks, _write)
        return
    from rich.live import Live  # deferred: seldom needed

    def write(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    progress = _Bar(n_networks, write)
    progress.live = Live(
        get_renderable=progress.render,
        console=console,
        refresh_per_second=FRAMES_PER_SECOND,
        transient=True,
        redirect_stdout=console.is_jupyter or _is_terminal(sys.stdout),  # what goes to a file stays there
    )
    # Else it comes with the first training: TensorFlow writes lines while it loads.
    if at_once and "tensorflow" in sys.modules:
        progress.live.start()
    try:
        yield progress
    finally:
        progress.live.stop()


@contextmanager
def show_rows(verbose: int, title: str, count: Callable[[], int | None]) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many rows have been read while the block runs; a log says nothing of it.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    title : str
        What is done with the rows.
    count : callable
        Counts all rows; None where it cannot. It is called only where they are shown.

    Yields
    ------
    callable
        To be called with the number of further rows that have been read.
    """
    console = _live_console() if verbose and sys.stderr is not None else None
    if console is None:
        yield lambda n_rows: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # deferred: seldom needed

    total = count()
    rows = "{task.completed:,} rows" if total is None else "{task.completed:,} of {task.total:,} rows"
    columns = TextColumn(title), BarColumn(bar_width=20), TextColumn(rows), TimeRemainingColumn(compact=True)
    with Progress(
        *columns,
        console=console,
        refresh_per_second=FRAMES_PER_SECOND,
        transient=True,
        redirect_stdout=console.is_jupyter or _is_terminal(sys.stdout),
    ) as progress:
        task = progress.add_task(title, total=total)
        yield lambda n_rows: progress.advance(task, n_rows)


def epochs_left(finished: Sequence[int], running: Sequence[int], max_epochs: int, networks_left: int) -> int:
    """Estimate how many epochs a fit still takes, repairs apart.

    Parameters
    ----------
    finished : sequence of int
        Epochs of the trainings that have ended. As early stopping is the rule, the next ones are taken to last as long
        as these on average; without any the estimate is the largest number possible.
    running : sequence of int
        Epochs of the trainings that run, so far.
    max_epochs : int
        The most that a training may last.
    networks_left : int
        Networks that have not begun.

    Examples
    --------
    >>> epochs_left([], [10], 200, 3)
    790
    >>> epochs_left([40, 50], [10, 0], 200, 1)
    125
    """
    usual = max_epochs if not finished else min(max_epochs, round(sum(finished) / len(finished)))
    return sum(max(0, usual - epochs) for epochs in running) + networks_left * usual


def _write(line: str) -> None:
    """Write a line in one piece, so that the lines of several processes do not mix."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _live_console() -> "Console | None":
    """Return a console that a bar can be drawn on, if there is one."""
    if multiprocessing.parent_process() is not None or threading.current_thread() is not threading.main_thread():
        return None
    from rich.console import Console
    from rich.file_proxy import FileProxy

    if isinstance(sys.stderr, FileProxy):  # another live display has taken over the terminal, and shows lines above it
        return None
    console = Console(stderr=True)
    if console.is_jupyter:
        return console if find_spec("ipywidgets") else None  # without it rich warns
    return console if _is_terminal(sys.stderr) and console.is_interactive else None  # FORCE_COLOR makes no terminal


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", bool)())


@dataclass
class _Running:
    """A training that has begun, and how far it is."""

    training: Training
    started: float
    epoch: Epoch | None = None  # the last one that has ended


class _Lines:
    """Writes a line for each training that has ended."""

    def __init__(self, n_networks: int, write: Callable[[str], None]) -> None:
        self.n_networks = n_networks
        self.running: dict[int, _Running] = {}  # by network
        self.begun = 0  # networks
        self.finished: list[int] = []  # epochs of each training
        self._write = write

    def name(self, training: Training) -> str:
        """What is being trained, in words."""
        network = f"network {training.network + 1} of {self.n_networks}" if self.n_networks > 1 else "network"
        return network + (f", attempt {training.attempt + 1}" if training.attempt else "")

    def training_begins(self, training: Training) -> None:
        self.running[training.network] = _Running(training, time.monotonic())
        self.begun += training.attempt == 0

    def epoch_ends(self, network: int, epoch: Epoch) -> str:
        return ""

    def training_ends(self, network: int, history: History) -> None:
        ended = self.running.pop(network)
        self._write(f"{self.name(ended.training)}: {_result(history, time.monotonic() - ended.started)}")
        self.finished.append(len(history.train_loss))

    def network_ends(self, network: int) -> str:
        return ""


def _result(history: History, seconds: float) -> str:
    n_epochs, best = len(history.train_loss), history.best_epoch - 1
    if history.validation_loss and best >= 0:
        reached = (
            f"best epoch {best + 1}/{n_epochs}, loss {history.validation_loss[best]:.4f}, "
            f"balanced accuracy {history.validation_balanced_accuracy[best]:.3f}"
        )
    else:
        reached = f"{n_epochs} epoch{'s' * (n_epochs > 1)}: training loss {history.train_loss[-1]:.4f}"
    return f"{reached} ({seconds:.1f} s{_STOPPED.get(history.stop_reason, '')})"


class _Bar(_Lines):
    """Draws a bar below these lines, with the numbers of each training that runs."""

    live: "Live"

    def __init__(self, n_networks: int, write: Callable[[str], None]) -> None:
        super().__init__(n_networks, write)
        self._began = self._last = time.monotonic()  # the fit; the last epoch that has ended, or the training alone
        self._seconds, self._n_epochs = 0.0, 0  # spent on all epochs so far

    def training_begins(self, training: Training) -> None:
        if not self.running:
            self._last = time.monotonic()
        super().training_begins(training)
        self.live.start()  # if it has not

    def epoch_ends(self, network: int, epoch: Epoch) -> str:
        now = time.monotonic()
        self._seconds, self._n_epochs = self._seconds + now - self._last, self._n_epochs + 1
        self._last, self.running[network].epoch = now, epoch
        return super().epoch_ends(network, epoch)

    def render(self) -> "RenderableType":
        """Draw the bar and the numbers; called by a thread of rich, while the fit goes on."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        running, done = list(self.running.values()), self._n_epochs  # as they are now
        left = None
        if running and done:
            epochs = [each.epoch.number if each.epoch else 0 for each in running]
            left = epochs_left(self.finished, epochs, running[0].training.max_epochs, self.n_networks - self.begun)
        bar = ProgressBar(total=done + (left or 0), completed=done, width=20, pulse=left is None)
        row = Table.grid(padding=(0, 1))
        networks = f"{self.n_networks} networks" if self.n_networks > 1 else "network"
        name, position = (
            (networks, "") if len(running) != 1 else (self.name(running[0].training), _position(running[0]))
        )
        row.add_row(Text(name), bar, Text(position), Text(self._time(left, done)))
        lines = [_numbers(each) if len(running) == 1 else self._line(each) for each in running]
        numbers = "\n".join(lines) or "preparing the rows"
        return Group(row, Text(numbers, style="dim", overflow="ellipsis", no_wrap=True))

    def _line(self, running: _Running) -> str:
        """What is said of one of several."""
        return ", ".join(filter(None, [self.name(running.training), _position(running), _numbers(running)]))

    def _time(self, left: int | None, done: int) -> str:
        if left is None:
            return f"{_clock(time.monotonic() - self._began)} so far"
        bound = "about" if self.finished else "at most"
        return f"{bound} {_clock(left * self._seconds / done)} left"


def _position(running: _Running) -> str:
    return f"epoch {running.epoch.number}/{running.training.max_epochs}" if running.epoch else ""


def _numbers(running: _Running) -> str:
    epoch, parts = running.epoch, []
    if epoch is not None:
        parts.append(f"loss {epoch.train_loss:.4f}")
        if epoch.validation_loss is not None and epoch.validation_balanced_accuracy is not None:
            parts.append(f"held-out {epoch.validation_loss:.4f}")
            parts.append(f"balanced accuracy {epoch.validation_balanced_accuracy:.3f}")
    return ", ".join([*parts, f"learning rate {running.training.learning_rate:.2g}"])


def _clock(seconds: float) -> str:
    """Write a span of time.

    >>> _clock(75.2), _clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
