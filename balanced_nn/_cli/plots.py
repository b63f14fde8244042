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
from balanced_nn._displays.feature_effects import FeatureEffects, PartialDependence
from balanced_nn._displays.features import DependenceDisplay, ImportanceDisplay
from balanced_nn._displays.learning_rate import LearningRateDisplay
from balanced_nn._displays.training_curve import TrainingCurveDisplay, summarize_trainings
from balanced_nn._network.specs import LearningRateSearch
from balanced_nn._storage.atomic_file import replaced_file

Display: TypeAlias = (
    TrainingCurveDisplay
    | LearningRateDisplay
    | DecisionDisplay
    | CollapseDisplay
    | ImportanceDisplay
    | DependenceDisplay
)
FORMATS = (".png", ".svg", ".pdf")
MOST_IN_WORDS = 5  # features that the words of a picture name


@dataclass(frozen=True)
class Picture:
    """A picture of a fitted classifier, and what it shows in words, for those who do not see it."""

    title: str
    words: str
    svg: bytes


def draw_pictures(model: BalancedNNClassifier) -> Iterator[Picture]:
    """Draw a fitted BalancedNNClassifier: its training, its learning rate, its decision and its outcome.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    require_matplotlib("a picture")
    training = TrainingCurveDisplay.from_estimator(model)
    words = f"Losses and balanced accuracy after each epoch: {summarize_trainings(training.curves)}."
    yield Picture("Training", words, render_display(training, "svg"))
    if model.lr_search_ is not None:
        rates = model.lr_search_.trace.learning_rates
        words = (
            f"Loss of the batches of a range test, at learning rates from {rates[0]:.2g} to {rates[-1]:.2g}; "
            f"{model.learning_rate_:.2g} was chosen: {model.lr_search_.reason}."
        )
        yield Picture("Learning rate", words, render_display(LearningRateDisplay.from_estimator(model), "svg"))
    decision = DecisionDisplay.from_estimator(model)
    left = "recall and precision of each class" if decision.curve is None else f"{decision.curve.metric} by threshold"
    words = f"On the left {left}, on the right how often a class was true by its probability. {model.decision_rule_}"
    yield Picture(f"Decision, on the {decision.rows}", words, render_display(decision, "svg"))
    report = model.collapse_report_
    words = f"Share of each class among rows and answers, and the spread of its probability. {report.headline}."
    yield Picture("Outcome", words, render_display(CollapseDisplay(report).plot(), "svg"))


def draw_effects(effects: FeatureEffects) -> Iterator[Picture]:
    """Draw what a classifier makes of its features: how important they are, and where the first ones lead.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    require_matplotlib("a picture")
    first = zip(effects.names[:MOST_IN_WORDS], effects.mean, strict=False)
    words = (
        f"A bar for each of {len(effects.names)} features: {', '.join(f'{name} {drop:.3f}' for name, drop in first)}"
    )
    more = " and so on, in the order of the table." if len(effects.names) > MOST_IN_WORDS else "."
    yield Picture("Drop in ROC AUC", words + more, render_display(ImportanceDisplay(effects).plot(), "svg"))
    if not effects.dependences:
        return
    shown = "; ".join(map(_describe, effects.dependences))
    title = f"Partial dependence of the probability of {effects.label}"
    yield Picture(title, f"{title}. {shown}.", render_display(DependenceDisplay(effects).plot(), "svg"))


def _describe(one: PartialDependence) -> str:
    """From where to where a probability goes."""
    low, high = one.probability.argmin(), one.probability.argmax()
    ends = (f"{one.probability[i]:.1%} at {_short(one.values[i])}" for i in (low, high))
    return f"{one.name}: {' to '.join(ends)}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


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
