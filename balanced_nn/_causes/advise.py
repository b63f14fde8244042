"""What do we advise against each cause, in the words of the library that the model is built with?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from balanced_nn._causes.evidence import ACTION_OF, Cause, RepairAction
from balanced_nn._causes.remedies import Advice, Changes, Parameters, Remedies, Settings
from balanced_nn._causes.remedies_balanced_nn import OUR_CHANGES, OURS
from balanced_nn._causes.remedies_keras import KERAS, keras_code
from balanced_nn._causes.remedies_sklearn import MLP, MLP_CHANGES, OTHER, sklearn_code
from balanced_nn._causes.rules import Finding
from balanced_nn._data.column_checks import SuspiciousColumn, describe

MISREAD = 0.4  # confidence, set, in features without a signal where columns are misread


class ModelKind(StrEnum):
    """The library that a model is built with."""

    OURS = "balanced_nn"
    KERAS = "keras"
    MLP = "mlp"  # scikit-learn's MLPClassifier
    OTHER = "other"  # any other classifier with scikit-learn's interface


CHANGES: Mapping[ModelKind, Changes] = {ModelKind.OURS: OUR_CHANGES, ModelKind.MLP: MLP_CHANGES}
_REMEDIES: Mapping[ModelKind, Remedies] = {
    ModelKind.OURS: OURS, ModelKind.KERAS: KERAS, ModelKind.MLP: MLP, ModelKind.OTHER: OTHER,
}  # fmt: skip


def advise(
    findings: Iterable[Finding], kind: ModelKind | str, *, settings: Settings, defaults: Settings | None = None
) -> tuple[Finding, ...]:
    r"""Say for each finding what to do about it.

    Parameters
    ----------
    findings : iterable of Finding
        What was found, the most likely first.
    kind : {"balanced_nn", "keras", "mlp", "other"}
        The library that the model is built with.
    settings : mapping
        What the model is set to: parameters of a scikit-learn estimator by name, for "keras" the fields of
        `NetworkFacts`.
    defaults : mapping, default=None
        Values of the parameters that `settings` lacks; None where it has all.

    Returns
    -------
    tuple of Finding
        With `remedy`, `code` and `change`. Several confirmed causes have to be repaired together: the first
        holds the code for all of them, and the others none.

    Examples
    --------
    >>> finding = Finding(Cause.LEARNING_RATE_TOO_HIGH, "The loss rose.", 10.0, 0.1, 0.9)
    >>> (advised,) = advise([finding], "balanced_nn", settings={"learning_rate_init": 10.0})
    >>> print(advised.remedy, advised.code, sep="\n")
    learning_rate_init was set to 10.0 by hand: leave it at "auto".
    clf.set_params(learning_rate_init="auto").fit(X, y)
    """
    kind, findings = ModelKind(kind), tuple(findings)
    current = {**(defaults or {}), **settings}
    advice = {finding.cause: _REMEDIES[kind][finding.cause](current) for finding in findings}
    confirmed = [finding.cause for finding in findings if finding.status == "confirmed"]

    def code(finding: Finding) -> str:
        if finding.status != "confirmed":
            return _code([finding.cause], advice, kind, current)
        return _code(confirmed, advice, kind, current) if finding.cause == confirmed[0] else ""

    return tuple(
        replace(
            finding,
            remedy=advice[finding.cause].remedy,
            code=code(finding),
            change=advice[finding.cause].change if kind is not ModelKind.KERAS else {},
        )
        for finding in findings
    )


def blame_columns(findings: Iterable[Finding], columns: Sequence[SuspiciousColumn]) -> tuple[Finding, ...]:
    """Where the features say nothing, name the columns that are read as something else than they are.

    Parameters
    ----------
    findings : iterable of Finding
        Causes of a failure, with what to do about them.
    columns : sequence of SuspiciousColumn
        Columns that are likely not what they should be.

    Returns
    -------
    tuple of Finding
        As they were, but for the one on features without a signal, if there are such columns.
    """
    if not columns:
        return tuple(findings)
    misread = " ".join(["likely because of how columns are read:", *describe(columns)])

    def blame(finding: Finding) -> Finding:
        seen = f"{misread} {finding.seen[:1].upper()}{finding.seen[1:]}"
        otherwise = finding.remedy.removeprefix("No setting repairs this. ")
        remedy = f"Repair these columns, and fit again. If that changes nothing: {otherwise}"
        return replace(finding, seen=seen, confidence=min(finding.confidence, MISREAD), remedy=remedy)

    return tuple(blame(finding) if finding.cause is Cause.NO_SIGNAL else finding for finding in findings)


def _code(causes: list[Cause], advice: Mapping[Cause, Advice], kind: ModelKind, s: Settings) -> str:
    """Return code that repairs all of these causes."""
    if len(causes) == 1 and advice[causes[0]].code:
        return advice[causes[0]].code
    change: Parameters = {}
    for cause in causes:
        change = {**advice[cause].change, **change}  # the first word is that of the likelier cause
    if kind is ModelKind.KERAS:
        return keras_code(change, {ACTION_OF[cause] for cause in causes if cause in ACTION_OF}, s)
    return sklearn_code(change, frozenset[RepairAction]().union(*(advice[cause].actions for cause in causes)))
