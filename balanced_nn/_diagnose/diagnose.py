"""Why does any fitted model answer one class, or the same probability for every row?"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from balanced_nn._causes.advise import advise, blame_columns
from balanced_nn._causes.evidence import ACTION_OF, Evidence, RepairAction
from balanced_nn._causes.observation import gather_evidence
from balanced_nn._causes.repair_search import RepairSearch, find_repairs
from balanced_nn._causes.report import CollapseReport
from balanced_nn._causes.rules import Finding, diagnose_evidence
from balanced_nn._collapse.baseline import is_restored
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._diagnose.case import Case, Request, is_keras, is_keras_dataset
from balanced_nn._diagnose.sklearn_models import sklearn_case
from balanced_nn._diagnose.sklearn_retraining import menu_of
from balanced_nn._typing import Rows


def diagnose(
    model: Any,
    X: Rows,
    y: ArrayLike | None = None,
    *,
    X_val: Rows | None = None,
    y_val: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    confirm: bool = False,
    fit_params: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> CollapseReport:
    """Say whether a fitted classifier collapsed, why, and what to do.

    Parameters
    ----------
    model : estimator or keras.Model
        A fitted scikit-learn classifier, pipeline or search object; a wrapper that exposes a Keras model as
        ``model_``; or a Keras model with one output. It is not changed. For networks (BalancedNNClassifier,
        MLPClassifier, Keras models) the layers are examined as well.
    X : {array-like, sparse matrix, DataFrame, tf.data.Dataset} of shape (n_samples, n_features)
        Rows as `model` takes them, preferably those that it was trained on. A dataset is for Keras models only.
    y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Their labels, as `model` was trained on; one-hot rows for Keras models only. None with a dataset.
    X_val : like `X`, default=None
        Held-out rows for the evaluation; None evaluates on `X`, and baseline models on folds of it. A
        BalancedNNClassifier tells where rows that it was fitted on are evaluated, which flatters it.
    y_val : like `y`, default=None
        Their labels.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights of the rows that are judged: those of `X_val` where given, else of `X`. They stand
        in the order in which a dataset gives its rows; one that is shuffled has to give them along, as
        ``(rows, labels, weights)``, which None takes. Else None weighs each 1.
    confirm : bool, default=False
        Whether to train copies of the model again, with the repair of the named cause, then with more, then with
        fewer, until the smallest set of repairs is known that restores the result. Where no `X_val` is given, 30 %
        of the rows are held out for that.
    fit_params : dict or None, default=None
        For a Keras model and `confirm`: what its ``fit`` was given, such as ``{"epochs": 20, "batch_size": 32}``.
        Callbacks and validation rows in it are not used. Without epochs, those of the model's history are.
    random_state : int, default=0
        Seed of the split and of the initial weights of the copies.

    Returns
    -------
    CollapseReport
        ``outcome``, and ``causes``, the most probable first; empty for a healthy model.

    Raises
    ------
    ValueError
        If labels are missing, rows and labels differ in number, or a Keras model has several outputs or cannot be
        built again though `confirm` asks for it.
    TypeError
        If `model` is not a classifier.
    NotFittedError
        If it is not fitted.

    See Also
    --------
    CollapseMonitor : Watches the training of a Keras model, and so knows its initial weights.

    Notes
    -----
    The weights that a trained Keras model began with are lost. What its layers did before training is then measured
    on a copy with weights redrawn with the same initialisers.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.neural_network import MLPClassifier
    >>> from balanced_nn import diagnose
    >>> X, y = make_classification(n_samples=400, random_state=0)
    >>> mlp = MLPClassifier(learning_rate_init=1e-7, max_iter=20, n_iter_no_change=20, random_state=0)
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     report = diagnose(mlp.fit(X, y), X, y)
    >>> report.outcome.value, report.causes[0].cause.value
    ('worse_than_reference', 'learning_rate_too_low')
    """
    case = _look_at(model, Request(X, y, X_val, y_val, sample_weight, fit_params, random_state))
    evidence = gather_evidence(case.observation)
    findings = diagnose_evidence(evidence)
    search = None
    if confirm and _can_be_repaired(evidence):
        findings, search = _confirm(findings, case)
    advised = advise(findings, case.kind, settings=case.settings, defaults=case.defaults)
    advised = blame_columns(advised, case.suspicious)
    return CollapseReport(
        evidence.outcome, case.classes, case.judged_on, advised, evidence, search=search, seen_share=case.seen_share
    )


def _look_at(model: Any, request: Request) -> Case:
    own_labels = is_keras(model) and is_keras_dataset(request.X_val)
    if (request.X_val is None) != (request.y_val is None) and not own_labels:
        absent, present = ("y_val", "X_val") if request.y_val is None else ("X_val", "y_val")
        raise ValueError(f"{present} was passed without {absent}. Pass both, or neither to evaluate on X.")
    if not is_keras(model):
        return sklearn_case(model, request)
    from balanced_nn._diagnose.keras.case import keras_case  # deferred: loads TensorFlow

    return keras_case(model, request)


def _can_be_repaired(evidence: Evidence) -> bool:
    """Whether training again can restore the result: not where it is good, nor where the fault lies in the data."""
    good_or_hopeless = {Outcome.HEALTHY, Outcome.NO_SIGNAL, Outcome.UNKNOWN}
    return evidence.outcome.outcome not in good_or_hopeless and not evidence.data.bad_labels


def _confirm(findings: tuple[Finding, ...], case: Case) -> tuple[tuple[Finding, ...], RepairSearch]:
    """Train again, led by the findings, and write down what that showed."""
    train, reference = case.prepare_training()
    actions = [ACTION_OF[finding.cause] for finding in findings if finding.cause in ACTION_OF]
    menu = menu_of(case.model, case.kind)
    search = find_repairs(
        [action for action in actions if action in menu],
        lambda repairs: is_restored(train(repairs), reference),
        menu=menu,
    )
    named: list[Finding] = []
    seen: set[RepairAction] = set()
    for finding in findings:
        action = ACTION_OF.get(finding.cause)
        untried = action not in menu or action in seen
        status = "plausible" if action is None or untried else search.status(action)
        named.append(replace(finding, status=status))
        seen |= {action} if action is not None else set()
    for action in sorted((search.repairs or frozenset()) - seen):
        cause = next(cause for cause, mends in ACTION_OF.items() if mends is action)
        seen_by = "no measurement showed it, but retraining with its repair did"
        named.append(Finding(cause, seen_by, float("nan"), float("nan"), 0.5, status="confirmed"))
    order = ("confirmed", "plausible", "suspected", "refuted")
    return tuple(sorted(named, key=lambda finding: order.index(finding.status))), search
