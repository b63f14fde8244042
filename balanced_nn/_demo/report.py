"""How is a comparison laid out for a reader? Pure functions from results to text."""

import textwrap
from collections.abc import Callable, Sequence

from balanced_nn._demo.compare import Comparison, Result
from balanced_nn._demo.survey import COMMON, RARE

_LABEL, _CELL = 24, 13  # characters
_WIDTH = _LABEL + 6 * _CELL
_SIMILAR = 0.2  # fraction by which two average precisions may differ, when another seed makes that much of a difference


def format_comparison(comparison: Comparison) -> str:
    """Lay out one comparison: the question, the networks side by side, and two sentences of conclusion.

    Parameters
    ----------
    comparison : Comparison
        All networks on one split.

    Returns
    -------
    str
        Several lines without a final line break.
    """
    sentence = textwrap.fill(conclude(comparison), _WIDTH)
    return "\n\n".join([_introduce(comparison), _format_confusion(comparison), _format_scores(comparison), sentence])


def format_seeds(comparisons: Sequence[Comparison]) -> str:
    """Lay out several comparisons of plain and ours as a Markdown table, a row a seed, and count the collapses.

    Parameters
    ----------
    comparisons : sequence of Comparison
        One or more.

    Returns
    -------
    str
        Markdown without a final line break.
    """
    measures = "balanced accuracy | average precision | log-loss | s"
    columns = " | ".join(f"{who}: found | false alarms | {measures}" for who in ("plain", "ours"))
    head = [f"| seed | {columns} |", "|---|" + "---:|" * 12]
    rows = [f"| {c.seed} | {_format_cells(c.plain, c)} | {_format_cells(c.ours, c)} |" for c in comparisons]
    return "\n".join([*head, *rows, "", _count_collapses(comparisons)])


def conclude(comparison: Comparison) -> str:
    """Say in two sentences what the numbers show, whatever they show."""
    plain, ours = comparison.plain, comparison.ours
    answers = "; ".join(_describe_answers(result, comparison) for result in comparison.results)
    probabilities = ", ".join(f"{_name_within(result)} {result.mean_proba:.1%}" for result in comparison.results)
    found = f"{answers[0].upper()}{answers[1:]}; {_compare_rankings(plain, ours)}."
    share = f"Of these adults {comparison.share:.1%} have prediabetes, and the mean probability is"
    return f"{found} {share}: {probabilities}."


def _introduce(c: Comparison) -> str:
    return "\n".join(
        [
            "Which adults have prediabetes? A telephone survey knows their age, weight, habits and health.",
            f"{c.n_train + c.n_test:,} adults, {c.n_train_rare + c.n_test_rare} with prediabetes: {c.n_train:,} to "
            f"train on, {c.n_test:,} to test ({c.n_test_rare} with prediabetes), split by seed {c.seed}.",
            "Data: CDC, Behavioral Risk Factor Surveillance System 2015, compiled by A. Teboul; public domain (CC0).",
            "All networks train on the same rows and are measured on the same test rows.",
        ]
    )


def _format_confusion(c: Comparison) -> str:
    names = f"{'':{_LABEL}}" + "".join(f"{result.name:>{2 * _CELL}}" for result in c.results)
    answers = f"{'answered:':{_LABEL}}" + f"{COMMON:>{_CELL}}{RARE:>{_CELL}}" * 3
    rows = [
        f"{'true: ' + label:{_LABEL}}"
        + "".join(f"{count:>{_CELL},}" for result in c.results for count in result.confusion[index])
        for index, label in enumerate((COMMON, RARE))
    ]
    return "\n".join([names, answers, *rows])


def _format_scores(c: Comparison) -> str:
    lines: list[tuple[str, Callable[[Result], str]]] = [
        (f"recall of {COMMON}", lambda r: f"{r.recall[0]:.1%}"),
        (f"recall of {RARE}", lambda r: f"{r.recall[1]:.1%}"),
        ("balanced accuracy", lambda r: f"{r.balanced_accuracy:.3f}"),
        ("average precision", lambda r: f"{r.average_precision:.3f}"),
        ("log-loss", lambda r: f"{r.log_loss:.3f}"),
        (f"mean probability ({c.share:.1%})", lambda r: f"{r.mean_proba:.1%}"),
        ("learning rate", lambda r: f"{r.learning_rate:.2g} ({'found' if r is c.ours else 'fixed'})"),
        ("epochs", lambda r: f"{r.n_epochs}"),
        ("seconds to fit", lambda r: f"{r.seconds:.1f}"),
    ]
    width = 2 * _CELL
    return "\n".join(f"{label:{_LABEL}}" + "".join(f"{text(r):>{width}}" for r in c.results) for label, text in lines)


def _describe_answers(result: Result, c: Comparison) -> str:
    """Say what a network answered."""
    if result.single_answer is not None:
        return (
            f'{_name_within(result)} answers "{result.single_answer}" for all {c.n_test:,} and so finds '
            f"{result.found or 'none'} of the {c.n_test_rare} with prediabetes"
        )
    false_alarms = result.confusion[0][1]
    return (
        f"{_name_within(result)} finds {result.found} of the {c.n_test_rare} with prediabetes, at {false_alarms:,} "
        f"false {'alarm' if false_alarms == 1 else 'alarms'}"
    )


def _name_within(result: Result) -> str:
    """Name a network inside a sentence."""
    if result.name.startswith("with "):
        return f"the same {result.name}"
    return result.name if result.name[0].isupper() else f"the {result.name}"


def _compare_rankings(plain: Result, ours: Result) -> str:
    """Say who ranks the adults better, which no decision changes."""
    values = f"average precision {plain.average_precision:.3f} against {ours.average_precision:.3f}"
    low, high = sorted([plain.average_precision, ours.average_precision])
    if low >= (1 - _SIMILAR) * high:
        return f"both rank the adults about equally well ({values}), so the difference lies in what they answer"
    better = plain if plain.average_precision > ours.average_precision else ours
    return f"{_name_within(better)} ranks the adults better ({values})"


def _format_cells(result: Result, c: Comparison) -> str:
    return (
        f"{result.found} of {c.n_test_rare} | {result.confusion[0][1]} | {result.balanced_accuracy:.3f} | "
        f"{result.average_precision:.3f} | {result.log_loss:.3f} | {result.seconds:.1f}"
    )


def _count_collapses(comparisons: Sequence[Comparison]) -> str:
    n = len(comparisons)
    plain = sum(c.plain.single_answer is not None for c in comparisons)
    ours = sum(c.ours.single_answer is not None for c in comparisons)
    most = max(c.plain.found for c in comparisons)
    least = min(c.ours.found for c in comparisons)
    rare = comparisons[0].n_test_rare
    return (
        f"Of {n} {'split' if n == 1 else 'splits'}, the plain MLP answered a single class on {plain} and found "
        f"{f'at most {most}' if most else 'none'} of the {rare} adults with prediabetes; BalancedNNClassifier answered "
        f"a single class on {ours} and found at least {least}."
    )
