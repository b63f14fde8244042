"""What does the report of a fit look like? One self-contained HTML file."""

import base64
import platform
import shlex
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.metadata import version
from pathlib import Path

import balanced_nn
from balanced_nn import BalancedNNClassifier
from balanced_nn._causes.repair import Repair
from balanced_nn._cli.console import MOST_NAMES
from balanced_nn._cli.evaluation import HEAD, Evaluation
from balanced_nn._cli.model_files import explain_loading
from balanced_nn._cli.plots import Picture, draw_effects, draw_pictures
from balanced_nn._cli.tables.summary import MOST_CLASSES, TableSummary
from balanced_nn._data.names import listed
from balanced_nn._displays.feature_effects import N_REPEATS, FeatureEffects
from balanced_nn._export.model_files import SKOPS

MOST_IN_MATRIX = 30  # classes, above which a confusion matrix is no longer read
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff }
body { max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ddd }
table { border-collapse: collapse; margin: .6em 0 }
th, td { padding: .25em .8em; text-align: right; border-bottom: 1px solid #eee }
th:first-child, td:first-child { text-align: left }
.scroll { overflow-x: auto } dt { color: #666 } dd { margin: 0 0 .5em }
pre { background: #f5f5f5; padding: .7em; overflow-x: auto }
figure { margin: 1em 0; overflow-x: auto } figure img { max-width: max(100%, 36em); height: auto }
figcaption, summary { font-weight: 600 }
h1, h2, p, li, dd, td, figcaption { overflow-wrap: anywhere }
"""


PACKAGES = ("numpy", "scikit-learn", "keras", "tensorflow")  # whose versions are told, beside ours and Python's
CAUTIONS = (
    "This is what this model does on these rows. It is not what causes the classes, nor what another model would need.",
    "Features that tell the same share their importance: with one of them shuffled the model still has the others, so "
    "that all of them may look unimportant.",
    "A partial dependence sets one feature to a value in all rows, also where that value does not go with the others.",
    "The spread is that of the shuffles alone; on other rows the numbers differ by more.",
)


@dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    Parameters
    ----------
    shell : str
        The command, as a shell takes it.
    seed : int
        The seed of everything.
    when : datetime
        When it was fitted, in UTC.
    """

    shell: str
    seed: int
    when: datetime


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted classifier, and all that is told of it.

    Parameters
    ----------
    summary : TableSummary
        The table.
    model : BalancedNNClassifier
        The fitted classifier.
    evaluation : Evaluation or None
        How it answers the rows that were held out from it; None where none were.
    effects : FeatureEffects or None
        What it makes of the features on these rows; None where nothing can be told.
    without : tuple of str
        Classes that should have been held out in part, but have too few rows.
    notes : tuple of str
        What was warned of, beside a collapse.
    out : Path
        The file of the model.
    origin : Origin
        Where it comes from.
    judged_on : str, default=""
        How the rows that were held out were chosen, where this is to be told.
    """

    summary: TableSummary
    model: BalancedNNClassifier
    evaluation: Evaluation | None
    effects: FeatureEffects | None
    without: tuple[str, ...]
    notes: tuple[str, ...]
    out: Path
    origin: Origin
    judged_on: str = ""

    @property
    def n_train(self) -> int:
        """Rows that it was fitted on."""
        return self.summary.facts.n_rows - (0 if self.evaluation is None else self.evaluation.n_rows)

    @property
    def judged(self) -> str:
        """How many rows it was fitted and judged on, in words."""
        if self.evaluation is None:
            why = ": fewer than two classes have enough rows" if self.without else ""
            return f"Fitted on all {self.n_train:,} rows; none were held out to evaluate the model{why}."
        how = f": {self.judged_on}" if self.judged_on else ""
        numbers = f"Fitted on {self.n_train:,} rows, evaluated on {self.evaluation.n_rows:,} others{how}."
        if not self.without:
            return numbers
        classes = f"class{'es' * (len(self.without) > 1)} {listed(self.without, MOST_NAMES)}"
        return f"{numbers} Not evaluated, because of too few rows: {classes}."

    @property
    def found(self) -> dict[str, str]:
        """What the fit found by itself, in words."""
        model = self.model
        epochs = [len(member.history.train_loss) for member in model.members_]
        rate = f"{model.learning_rate_:.2g}"
        if model.lr_search_ is not None:
            rate += f" ({model.lr_search_.reason})"
        n_networks = f"{len(epochs)} network{'s' * (len(epochs) > 1)}"
        spec = model.network_.spec
        layers = str(spec.body or ", ".join(map(str, spec.hidden_layer_sizes)) or "none")
        return {
            "Decision": str(model.decision_rule_),
            "Learning rate": rate,
            "Networks": f"{n_networks} of {_join_counts(epochs)} epochs; hidden layers {layers}",
            "Calibration": f"temperature {model.temperature_:.2f}",
            **({"Repairs": "; ".join(map(_describe_repair, model.repairs_))} if model.repairs_ else {}),
        }


def _join_counts(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def _describe_repair(repair: Repair) -> str:
    what = "helped" if repair.helped else "did not help"
    return f"{repair.change} (for {repair.reason.replace('_', ' ')}), which {what}"


def render_report(fit: Fit) -> str:
    """Write the report.

    All text that comes from the table is escaped. Without matplotlib there are no pictures, and a line that says so.
    """
    title = f"{fit.summary.target} in {fit.summary.path.name}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            f'<head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head>",
            f"<body><h1>{escape(title)}</h1>",
            *_render_table(fit.summary),
            *_render_outcome(fit),
            *_render_evaluation(fit),
            *_render_features(fit),
            *_render_findings(fit),
            "<h2>Pictures</h2>",
            *_render_pictures(draw_pictures(fit.model)),
            *_render_usage(fit),
            *_render_origin(fit),
            "</body></html>",
            "",
        ]
    )


def _render_table(summary: TableSummary) -> Iterator[str]:
    yield f"<h2>The table</h2><p>{escape(summary.headline)}</p>"
    rows = summary.largest_first
    cells = ([name, f"{count:,}", f"{share:.1%}"] for count, share, name in rows[:MOST_CLASSES])
    yield _render_rows(["class", "rows", "share"], cells)
    if len(rows) > MOST_CLASSES:
        yield f"<p>and {len(rows) - MOST_CLASSES:,} more classes</p>"
    if summary.findings:
        yield f"<p>To check:</p>{_render_list(summary.findings)}"


def _render_outcome(fit: Fit) -> Iterator[str]:
    yield f"<h2>Outcome</h2>{fit.model.collapse_report_._repr_html_()}"
    if fit.notes:
        yield f"<p>Warnings:</p>{_render_list(fit.notes)}"


def _render_evaluation(fit: Fit) -> Iterator[str]:
    seen = fit.evaluation
    yield "<h2>On rows that the model did not see</h2>"
    yield f"<p>{escape(fit.judged)}</p>"
    if seen is None:
        return
    yield _render_rows(HEAD, seen.cells)
    yield _render_rows(["score", "value"], ([name, f"{score:.3f}"] for name, score in seen.scores.items()))
    if len(seen.classes) <= MOST_IN_MATRIX:
        yield _render_matrix(seen)


def _render_matrix(seen: Evaluation) -> str:
    """A confusion matrix of which the cells are shaded by the share of their row."""
    head = "".join(f"<th>{escape(name)}</th>" for name in seen.classes)
    body = ""
    for name, row in zip(seen.classes, seen.confusion, strict=True):
        shares = row / max(1, row.sum())
        cells = "".join(
            f'<td style="background:rgba(0,114,178,{0.6 * share:.2f})">{count:,}</td>'
            for count, share in zip(row, shares, strict=True)
        )
        body += f"<tr><th>{escape(name)}</th>{cells}</tr>"
    caption = "<caption>Rows of each true class (down) by predicted class (across)</caption>"
    return f'<div class="scroll"><table>{caption}<tr><th></th>{head}</tr>{body}</table></div>'


def _render_findings(fit: Fit) -> Iterator[str]:
    yield f"<h2>What the fit found</h2>{_render_terms(fit.found)}"


def _render_features(fit: Fit) -> Iterator[str]:
    yield "<h2>Which features matter</h2>"
    effects = fit.effects
    if effects is None:
        why = "were held out from the fit" if fit.evaluation is None else "of two classes were held out from the fit"
        yield f"<p>Not measured: no rows {why}, and on rows of training what was learned by heart counts as well.</p>"
        return
    yield "".join(f"<p>{escape(text)}</p>" for text in _explain_effects(effects))
    numbers = zip(effects.names, effects.mean, effects.spread, strict=True)
    cells = ([name, f"{mean:.4f}", f"{spread:.4f}"] for name, mean, spread in numbers)
    yield _render_rows(["feature", "drop in ROC AUC", "spread"], cells)
    yield from _render_pictures(draw_effects(effects))
    yield f"<p>How to read this:</p>{_render_list(CAUTIONS)}"


def _explain_effects(effects: FeatureEffects) -> Iterator[str]:
    yield (
        f"Each feature was shuffled among the rows {N_REPEATS} times, which takes away what it tells. The further the "
        f"ROC AUC of the probabilities drops, from {effects.score:.3f}, the more this model relies on the feature."
    )
    whole, part = f"{effects.n_given:,} rows that the model did not see", effects.n_rows < effects.n_given
    drawn = (
        ", drawn so that rarer classes have as many as others where they can, and weighted by the share of their class"
    )
    rows = f"{effects.n_rows:,} of the {whole}{drawn}." if part else f"all {whole}."
    left_out = (
        f" Of {effects.n_features:,} features the {len(effects.names)} were shuffled whose values go best with the "
        f"model's probabilities; {effects.n_left_out:,} others were not, and are left out here."
    )
    yield f"Measured on {rows}{left_out if effects.n_left_out else ''}"
    if not effects.n_clear:
        yield "No feature lowers the ROC AUC by more than twice its spread: none can be said to matter."


def _render_pictures(pictures: Iterator[Picture]) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a letter that no font has is drawn as a box
            drawn = list(pictures)
        for picture in drawn:
            data = base64.b64encode(picture.svg).decode("ascii")
            yield (
                f'<figure><figcaption>{escape(picture.title)}</figcaption><img alt="{escape(picture.words)}" '
                f'src="data:image/svg+xml;base64,{data}"></figure>'
            )
    except ImportError as error:
        yield f"<p>There are none: {escape(str(error))}</p>"


def _render_usage(fit: Fit) -> Iterator[str]:
    trust = () if fit.out.suffix.lower() == SKOPS else ("--trust",)
    shell = shlex.join(["balanced-nn", "predict", str(fit.out), "NEW.csv", "--out", "answers.csv", *trust])
    load, warning = explain_loading(fit.out)
    python = f"{load}\nmodel.predict_proba(X)"
    yield f"<h2>How to use the model</h2><pre>{escape(shell)}</pre><pre>{escape(python)}</pre>"
    yield f"<p>{escape(warning)}</p>"


def _render_origin(fit: Fit) -> Iterator[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    told = {
        "Date": f"{fit.origin.when:%Y-%m-%d %H:%M} UTC",
        "Versions": f"balanced-nn {balanced_nn.__version__}, Python {platform.python_version()}, {packages}",
        "Seed": str(fit.origin.seed),
    }
    yield f"<h2>How this was made</h2><pre>{escape(fit.origin.shell)}</pre>{_render_terms(told)}"
    parameters, defaults = fit.model.get_params(), BalancedNNClassifier().get_params()
    cells = [[name, repr(value), "" if value == defaults[name] else "set"] for name, value in parameters.items()]
    cells.sort(key=lambda row: not row[2])  # what differs from its default comes first
    table = _render_rows(["parameter", "value", ""], cells)
    yield f"<details><summary>The parameters of the model</summary>{table}</details>"


def _render_rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _render_terms(told: dict[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in told.items())}</dl>"


def _render_list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"
