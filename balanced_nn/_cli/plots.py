"""Which pictures tell of a fit? The displays of the package, drawn without a window."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from balanced_nn import BalancedNNClassifier
from balanced_nn._displays.canvas import find_pyplot
from balanced_nn._displays.collapse import CollapseDisplay
from balanced_nn._displays.decision import DecisionDisplay
from balanced_nn._displays.learning_rate import LearningRateDisplay
from balanced_nn._displays.training_curve import TrainingCurveDisplay
from balanced_nn._network.specs import LearningRateSearch
from balanced_nn._storage.atomic_file import replaced_file

Display: TypeAlias = TrainingCurveDisplay | LearningRateDisplay | DecisionDisplay | CollapseDisplay
FORMATS = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Picture:
    """A picture of a fitted classifier."""

    title: str
    svg: bytes


def draw_pictures(model: BalancedNNClassifier) -> Iterator[Picture]:
    """Draw a fitted BalancedNNClassifier: its training, its learning rate, its decision and its outcome.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    require_matplotlib("a picture")
    yield Picture("Training", render_display(TrainingCurveDisplay.from_estimator(model), "svg"))
    if model.lr_search_ is not None:
        yield Picture("Learning rate", render_display(LearningRateDisplay.from_estimator(model), "svg"))
    decision = DecisionDisplay.from_estimator(model)
    yield Picture(f"Decision, on the {decision.rows}", render_display(decision, "svg"))
    yield Picture("Outcome", render_display(CollapseDisplay(model.collapse_report_).plot(), "svg"))


def save_range_test(search: LearningRateSearch, path: Path) -> None:
    """Draw a range test into a file, in the format that its suffix names, one of `FORMATS`.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    require_matplotlib(str(path))
    with replaced_file(path) as file:
        file.write(render_display(LearningRateDisplay(search).plot(), path.suffix[1:].lower()))


def require_matplotlib(caller: str) -> None:
    """Load matplotlib so that it draws without a window; without it, raise an ImportError that names what needs it."""
    os.environ.setdefault("MPLBACKEND", "agg")  # read when matplotlib is first loaded
    find_pyplot(caller)


def render_display(display: Display, kind: str) -> bytes:
    """Return a drawn display as the content of a file, and close its figure.

    Parameters
    ----------
    display : display
        One of this package, drawn on a figure of its own.
    kind : {"svg", "png", "pdf"}
        The format. An SVG file holds no date, so that the same picture is the same file.
    """
    plt = find_pyplot(type(display).__name__)
    content = io.BytesIO()
    figure = display.figure_.get_figure(root=True)
    figure.savefig(content, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    plt.close(figure)
    return content.getvalue()
