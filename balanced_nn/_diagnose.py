"""Why does a fitted model of anybody's answer one class, or the same probability for every row?"""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from balanced_nn._answers import Answers, read_answers
from balanced_nn._attempts import network_facts
from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._confirm import RepairSearch, find_repairs
from balanced_nn._data import Dataset
from balanced_nn._diagnosis import Finding, diagnose_evidence
from balanced_nn._evidence import ACTION_OF, Curve, Evidence, NetworkFacts, RepairAction, data_facts, probe_rows
from balanced_nn._network import FittedNetwork, LayerArrays
from balanced_nn._outcome import (
    Outcome,
    OutcomeReport,
    Reference,
    compare_with_reference,
    find_outcome,
    is_restored,
)
from balanced_nn._probe import KERAS_NAMES, kernels, movement, probe_network
from balanced_nn._reference import find_reference
from balanced_nn._remedies import ModelKind, advise
from balanced_nn._report import CollapseReport
from balanced_nn._retrain import SklearnTrainer, menu_of
from balanced_nn._specs import FloatArray, IntArray, NetworkSpec
from balanced_nn._target import read_weights

CONFIRM_FRACTION = 0.3  # of the rows, held out to judge trainings where none were given for that
MIN_ROWS_TO_STRATIFY = 4  # of each class


def diagnose(
    model: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    X_val: Any = None,
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
        ``model_``; or a Keras model with one output. It is not changed. Of networks (BalancedNNClassifier,
        MLPClassifier, Keras models) the layers are looked at as well.
    X : {array-like, sparse matrix, DataFrame, tf.data.Dataset} of shape (n_samples, n_features)
        Rows as `model` takes them: best those that it was trained on. A dataset is for Keras models only.
    y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Their labels, as `model` was trained on; one-hot rows for Keras models only. None with a dataset.
    X_val : like `X`, default=None
        Held-out rows to judge on; None judges on `X`, and quick reference models on folds of it.
    y_val : like `y`, default=None
        Their labels.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights of the rows that are judged: those of `X_val` where given, else of `X`. None weighs each 1.
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
        If `model` is no classifier.
    NotFittedError
        If it is not fitted.

    See Also
    --------
    CollapseMonitor : Watches the training of a Keras model, and so knows the weights that it began with.

    Notes
    -----
    The weights that a trained Keras model began with are lost. What its layers did before training is then measured
    on a copy with weights drawn anew by the same initialisers.

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
    if (X_val is None) != (y_val is None) and not (_is_keras(model) and _is_keras_dataset(X_val)):
        absent, present = ("y_val", "X_val") if y_val is None else ("X_val", "y_val")
        raise ValueError(f"{present} was passed without {absent}. Pass both, or none to judge on X.")
    if _is_keras(model):
        case = _keras_case(model, X, y, X_val, y_val, sample_weight, fit_params, random_state)
    else:
        case = _sklearn_case(model, X, y, X_val, y_val, sample_weight, fit_params, random_state)
    findings = diagnose_evidence(case.evidence)
    search = None
    if confirm and _can_be_mended(case.evidence):
        findings, search = _confirmed(findings, case)
    advised = advise(findings, case.kind, settings=case.settings, defaults=case.defaults)
    return CollapseReport(case.evidence.outcome, case.classes, case.judged_on, advised, case.evidence, search=search)


@dataclass(frozen=True, eq=False)
class _Case:
    """A model with all that is known of it, and how to train it again."""

    model: Any
    kind: ModelKind
    evidence: Evidence
    classes: tuple[Any, ...]
    judged_on: str
    trainer: Callable[[], tuple[Callable[[frozenset[RepairAction]], OutcomeReport], Reference | None]]
    settings: Mapping[str, Any] | None = None
    defaults: Mapping[str, Any] | None = None


def _can_be_mended(evidence: Evidence) -> bool:
    """Whether training again can restore the result: not where it is good, nor where the fault lies in the data."""
    good_or_hopeless = {Outcome.HEALTHY, Outcome.NO_SIGNAL}
    return evidence.outcome.outcome not in good_or_hopeless and not evidence.data.bad_labels


def _confirmed(findings: tuple[Finding, ...], case: _Case) -> tuple[tuple[Finding, ...], RepairSearch]:
    """Train again, led by the findings, and write down what that showed."""
    train, reference = case.trainer()
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
        seen_by = "no measurement showed it; training again with its repair did"
        named.append(Finding(cause, seen_by, float("nan"), float("nan"), 0.5, status="confirmed"))
    order = ("confirmed", "plausible", "suspected", "refuted")
    return tuple(sorted(named, key=lambda finding: order.index(finding.status))), search


# Keras models


def _is_keras(model: Any) -> bool:
    keras = sys.modules.get("keras")  # whoever has a Keras model has loaded it
    return keras is not None and isinstance(model, keras.Model)


def _is_keras_dataset(X: Any) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(X, tensorflow.data.Dataset)


def _keras_case(
    model: Any,
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    sample_weight: Any,
    fit_params: Mapping[str, Any] | None,
    seed: int,
) -> _Case:
    from balanced_nn._keras import _anatomy, _probe, _rows  # deferred: loads TensorFlow
    from balanced_nn._keras._retrain import KerasTrainer

    rows, labels = _rows.materialise(X, y, name="X")
    _anatomy.check_model(model, rows)
    facts = _anatomy.network_facts(model, len(_rows.class_indices(labels)[1]))
    classes = _rows.known_classes(labels, facts)
    codes = _rows.class_indices(labels, classes)[0]
    judged, judged_codes = rows, codes
    if X_val is not None:
        judged, judged_labels = _rows.materialise(X_val, y_val, name="X_val")
        judged_codes = _rows.class_indices(judged_labels, classes)[0]
    evidence = _probe.keras_evidence(
        model, rows, codes, judged, judged_codes,
        n_classes=len(classes), bad_labels=_rows.find_bad_labels(labels, facts),
        weight_val=None if sample_weight is None else read_weights(sample_weight, judged_codes),
    )  # fmt: skip

    def trainer() -> tuple[Callable[[frozenset[RepairAction]], OutcomeReport], Reference | None]:
        train, held = rows, judged
        train_codes, held_codes = codes, judged_codes
        params = dict(fit_params or {})
        if X_val is None:
            kept, out = _split(codes, seed)
            train, held = _rows.take_rows(rows, kept), _rows.take_rows(rows, out)
            train_codes, held_codes = codes[kept], codes[out]
            params = _of_rows(params, kept)
        reference = find_reference(
            _dataset(_rows.as_matrix(train), train_codes), _dataset(_rows.as_matrix(held), held_codes), len(classes)
        )
        again = KerasTrainer(model, train, train_codes, held, held_codes, len(classes), params, seed)
        return again, reference

    return _Case(model, ModelKind.KERAS, evidence, classes, _judged_on(X_val), trainer, vars(evidence.network))


def _of_rows(fit_params: dict[str, Any], rows: IntArray) -> dict[str, Any]:
    """Keep the weights of some rows."""
    weight = fit_params.get("sample_weight")
    return fit_params if weight is None else {**fit_params, "sample_weight": np.asarray(weight)[rows]}


def _judged_on(X_val: Any) -> str:
    return "given rows" if X_val is None else "held-out rows"


def _dataset(X: FloatArray, y: IntArray) -> Dataset:
    return Dataset(X, np.arange(len(X)), y, np.ones(len(X)))


def _split(y: Any, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to train on and to judge on, stratified where each class has rows enough."""
    counts = np.unique(y, return_counts=True)[1]
    stratify = y if counts.min() >= MIN_ROWS_TO_STRATIFY else None
    kept, out = train_test_split(np.arange(len(y)), test_size=CONFIRM_FRACTION, stratify=stratify, random_state=seed)
    return kept, out


# scikit-learn classifiers


def _sklearn_case(
    model: Any,
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    sample_weight: Any,
    fit_params: Mapping[str, Any] | None,
    seed: int,
) -> _Case:
    if y is None:
        raise ValueError("y is None. Pass one label a row; only a tf.data.Dataset brings its labels along.")
    _check_classifier(model)
    if fit_params and not _wraps_keras(_unwrap(model)[0]):
        raise ValueError(
            "fit_params is for Keras models; a scikit-learn classifier holds its own settings. Leave it out."
        )
    X, X_val, y, y_val = _by_rows(X), _by_rows(X_val), _flat(y), _flat(y_val)
    judged, truth = (X, y) if X_val is None else (X_val, y_val)
    _check_rows(model, X, y, "X", "y", trained=X_val is not None)
    if X_val is not None:
        _check_rows(model, X_val, y_val, "X_val", "y_val", trained=False)
    answers = read_answers(model, judged, truth)
    last, read = _unwrap(model)
    features, judged_features = read(X), read(judged)
    if _wraps_keras(last):
        codes = np.searchsorted(answers.labels, np.asarray(y).ravel())
        held = None if X_val is None else np.searchsorted(answers.labels, np.asarray(truth).ravel())
        given = None if X_val is None else judged_features
        case = _keras_case(last.model_, features, codes, given, held, sample_weight, fit_params, seed)
        return replace(case, classes=(*answers.labels.tolist(), *case.classes[len(answers.labels) :]))
    kind, samplers = _kind(last), _samplers(model)
    importance = read_weights(sample_weight, answers.y)
    outcome = find_outcome(answers.y, answers.proba, answers.predicted, prior=answers.prior, sample_weight=importance)
    weight = _balancing(last, samplers, features, np.asarray(y).ravel())
    evidence = _sklearn_evidence(
        last, kind, answers, outcome, features, y, None if X_val is None else judged_features, weight, importance
    )

    def trainer() -> tuple[Callable[[frozenset[RepairAction]], OutcomeReport], Reference | None]:
        train, held, labels, held_labels = features, judged_features, np.asarray(y), np.asarray(truth)
        if X_val is None:
            kept, out = _split(np.asarray(y), seed)
            train, held, labels, held_labels = _rows(features, kept), _rows(features, out), labels[kept], labels[out]
        train, labels = _resampled(samplers, train, labels)
        codes, held_codes = (np.searchsorted(answers.labels, part) for part in (labels, held_labels))
        reference = find_reference(
            _dataset(_matrix(last, train), codes), _dataset(_matrix(last, held), held_codes), len(answers.labels)
        )
        return SklearnTrainer(last, kind, train, labels, held, held_labels), reference

    known = last.get_params(deep=False)
    defaults = type(last)().get_params(deep=False) if kind is not ModelKind.OTHER else None
    return _Case(last, kind, evidence, tuple(answers.labels.tolist()), _judged_on(X_val), trainer, known, defaults)


def _wraps_keras(model: Any) -> bool:
    """Whether a classifier exposes a Keras model; ours would build one, and its arrays tell more."""
    return not isinstance(model, BalancedNNClassifier) and _is_keras(getattr(model, "model_", None))


def _by_rows(X: Any) -> Any:
    """A sparse matrix in a format whose rows can be taken; anything else as it is."""
    return X.tocsr() if hasattr(X, "tocsr") else X


def _flat(y: Any) -> Any:
    """One-dimensional labels, also of a table with a single column."""
    values = None if y is None else np.asarray(y)
    return values.ravel() if values is not None and values.ndim == 2 and values.shape[1] == 1 else y


def _check_classifier(model: Any) -> None:
    if isinstance(model, type) or not hasattr(model, "__sklearn_tags__") or not is_classifier(model):
        name = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"model must be a fitted classifier or a keras.Model; got {name}. "
            "For a pipeline or a search, the last step must be a classifier."
        )
    check_is_fitted(model)
    if not hasattr(model, "classes_"):
        raise NotFittedError(
            f"This {type(model).__name__} instance knows no classes yet. Fit it; a search needs refit=True."
        )


def _check_rows(model: Any, X: Any, y: Any, rows: str, labels: str, *, trained: bool) -> None:
    shape = getattr(X, "shape", None)
    n_rows, values = shape[0] if shape else len(X), np.asarray(y)
    if values.ndim == 0 or len(values) != n_rows:
        raise ValueError(f"{rows} has {n_rows} rows, but {labels} has shape {values.shape}. Pass one label a row.")
    found = np.unique(values)
    known = np.isin(found, model.classes_)
    if not (known.all() if trained else known.any()):
        raise ValueError(
            f"{labels} holds {', '.join(map(str, found[:5]))}, but {type(model).__name__} was trained on "
            f"{', '.join(map(str, model.classes_[:10]))}. Pass labels of the same kind."
        )


def _kind(model: Any) -> ModelKind:
    if isinstance(model, BalancedNNClassifier):
        return ModelKind.OURS
    return ModelKind.MLP if isinstance(model, MLPClassifier) else ModelKind.OTHER


def _unwrap(model: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The classifier inside pipelines and searches, and what turns rows into those that it reads."""
    if hasattr(model, "best_estimator_"):
        return _unwrap(model.best_estimator_)
    if hasattr(model, "steps"):
        last, read = _unwrap(model.steps[-1][1])
        before = [step for _, step in model.steps[:-1] if hasattr(step, "transform")]  # samplers have none

        def transform(X: Any) -> Any:
            for step in before:
                X = step.transform(X)
            return read(X)

        return last, transform
    return model, lambda X: X


def _samplers(model: Any) -> list[Any]:
    """The steps of imbalanced-learn's pipelines that change which rows are trained on."""
    if hasattr(model, "best_estimator_"):
        return _samplers(model.best_estimator_)
    if hasattr(model, "steps"):
        own = [step for _, step in model.steps[:-1] if hasattr(step, "fit_resample")]
        return own + _samplers(model.steps[-1][1])
    return []


def _resampled(samplers: list[Any], X: Any, y: Any) -> tuple[Any, Any]:
    """What the classifier at the end is trained on; the samplers see the rows behind all other steps."""
    for sampler in samplers:
        X, y = clone(sampler).fit_resample(X, y)
    return X, y


def _balancing(model: Any, samplers: list[Any], X: Any, y: Any) -> FloatArray:
    """How often, or with what weight, training saw each row, as far as samplers and class weights tell."""
    weight = np.ones(len(y))
    if samplers:
        labels, positions = np.unique(y, return_inverse=True)
        try:
            drawn = np.asarray(_resampled(samplers, X, y)[1])
        except ValueError:  # too few rows of a class for this sampler: on these rows it would have balanced nothing
            drawn = np.asarray(y)
        weight *= np.array([np.mean(drawn == label) / np.mean(y == label) for label in labels])[positions]
    params = model.get_params(deep=False)
    balance = params.get("class_weight")
    if isinstance(model, BalancedNNClassifier) and params["sampler"] is not None:
        balance = "balanced"  # the sampler does it, and weights after it do not multiply
    if balance is None:
        return weight
    # a forest also knows "balanced_subsample"
    return weight * compute_sample_weight("balanced" if isinstance(balance, str) else balance, y)


def _rows(X: Any, rows: IntArray) -> Any:
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return np.asarray(X)[rows] if isinstance(X, list) else X[rows]


def _matrix(model: Any, X: Any) -> FloatArray:
    """Numbers for facts and reference models: the preprocessed ones of ours, else what the classifier reads."""
    if isinstance(model, BalancedNNClassifier):
        return model.preprocess(X)
    dense = X.toarray() if hasattr(X, "toarray") else X
    cells = np.asarray(dense)
    if cells.dtype.kind == "O":
        with suppress(TypeError, ValueError):  # a table with columns of several kinds
            cells = cells.astype(np.float64)
    if cells.dtype.kind not in "fiub":
        raise ValueError(
            f"{type(model).__name__} reads columns that are not numbers, which diagnose cannot look at. "
            "Encode them in an earlier step of a pipeline, and pass the pipeline."
        )
    return cells.astype(np.float64)


def _sklearn_evidence(
    model: Any,
    kind: ModelKind,
    answers: Answers,
    outcome: OutcomeReport,
    X: Any,
    y: Any,
    X_val: Any,
    weight: FloatArray,
    importance: FloatArray,
) -> Evidence:
    matrix = _matrix(model, X)
    codes = np.searchsorted(answers.labels, np.asarray(y).ravel())
    n_classes = len(answers.labels)
    weighs = np.flatnonzero(importance)
    if X_val is None:
        reference = find_reference(Dataset(matrix, weighs, codes[weighs], importance[weighs]), None, n_classes)
    else:
        judged = Dataset(_matrix(model, X_val), weighs, answers.y[weighs], importance[weighs])
        reference = find_reference(_dataset(matrix, codes), judged, n_classes)
    outcome = outcome if reference is None else compare_with_reference(outcome, reference)
    if kind is ModelKind.OURS and model.collapse_report_.evidence is not None:
        return replace(model.collapse_report_.evidence, outcome=outcome, reference=reference)
    evidence = Evidence(outcome=outcome, data=data_facts(matrix, codes, n_classes, weight), reference=reference)
    if kind is ModelKind.OTHER:
        return evidence
    rows = np.flatnonzero(np.isin(y, model.classes_))
    known = np.searchsorted(model.classes_, np.asarray(y).ravel()[rows])  # the network has no output for other labels
    chosen = probe_rows(known)
    seen, seen_y = matrix[rows[chosen]], known[chosen]
    if kind is ModelKind.OURS:
        final = probe_network(model.network_, seen, seen_y)
        curve = Curve(model.history_.train_loss, model.history_.validation_loss)
        facts = network_facts(model.network_.spec, model.history_, dropout=model.dropout, weight_decay=model.alpha)
        return replace(evidence, network=facts, final=final, curve=curve)
    before, after = mlp_networks(model)
    return replace(
        evidence,
        network=_mlp_facts(model, n_classes),
        initial=probe_network(before, seen, seen_y),
        final=probe_network(after, seen, seen_y),
        initial_is_redrawn=not isinstance(model.random_state, Integral),
        movement=movement(kernels(before), kernels(after)) if isinstance(model.random_state, Integral) else None,
        curve=Curve(tuple(map(float, model.loss_curve_))) if hasattr(model, "loss_curve_") else None,
    )


def mlp_networks(model: MLPClassifier) -> tuple[FittedNetwork, FittedNetwork]:
    """The network of a fitted MLPClassifier before training, drawn as scikit-learn draws it, and after.

    With an integer `random_state` the first is exactly what training began with.
    """
    sizes = [len(model.coefs_[0]), *(kernel.shape[1] for kernel in model.coefs_)]
    n_classes = 2 if sizes[-1] == 1 else sizes[-1]
    spec = NetworkSpec(sizes[0], n_classes, tuple(sizes[1:-1]), model.activation, batch_norm=False)
    seed = model.random_state if isinstance(model.random_state, Integral) else 0
    rng = check_random_state(seed)
    factor = 2.0 if model.activation == "logistic" else 6.0
    drawn = []
    for n_in, n_out in pairwise(sizes):
        bound = np.sqrt(factor / (n_in + n_out))
        kernel, bias = rng.uniform(-bound, bound, (n_in, n_out)), rng.uniform(-bound, bound, n_out)
        drawn.append(LayerArrays(kernel.astype(model.coefs_[0].dtype), bias.astype(model.coefs_[0].dtype), None))
    fitted = [LayerArrays(kernel, bias, None) for kernel, bias in zip(model.coefs_, model.intercepts_, strict=True)]
    return FittedNetwork(spec, tuple(drawn)), FittedNetwork(spec, tuple(fitted))


def _mlp_facts(model: MLPClassifier, n_classes: int) -> NetworkFacts:
    activation = KERAS_NAMES.get(model.activation, model.activation)
    hidden = tuple(kernel.shape[1] for kernel in model.coefs_[:-1])
    n_outputs = model.coefs_[-1].shape[1]
    n_steps = None
    if model.solver != "lbfgs":
        n_rows = max(1, model.t_ // max(1, model.n_iter_))
        batch = min(200, n_rows) if model.batch_size == "auto" else model.batch_size
        n_steps = int(-(-n_rows // batch) * model.n_iter_)
    return NetworkFacts(
        hidden_sizes=hidden,
        hidden_activations=(activation,) * len(hidden),
        batch_norm=False,
        batch_norm_momentum=None,
        n_outputs=n_outputs,
        output_activation="sigmoid" if n_outputs == 1 else "softmax",
        n_classes=n_classes,
        loss="binary_crossentropy" if n_outputs == 1 else "categorical_crossentropy",
        from_logits=False,
        optimizer=model.solver,
        learning_rate=None if model.solver == "lbfgs" else float(model.learning_rate_init),
        epochs=int(model.n_iter_),
        n_steps=n_steps,
        weight_decay=float(model.alpha),
    )
