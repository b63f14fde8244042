"""What does a fitted scikit-learn classifier show, and the network inside it if there is one?"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from balanced_nn._causes.advise import ModelKind
from balanced_nn._causes.evidence import (
    Curve,
    Evidence,
    NetworkFacts,
    RepairAction,
    data_facts,
    network_facts,
    probe_rows,
)
from balanced_nn._causes.layer_statistics import kernels, movement, probe_network
from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._collapse.baseline import Reference, compare_with_reference, find_reference
from balanced_nn._collapse.outcome import OutcomeReport, find_outcome
from balanced_nn._collapse.predictions import Answers, read_answers
from balanced_nn._data.dataset import Dataset
from balanced_nn._data.target import read_weights
from balanced_nn._diagnose.case import Case, is_keras, judged_on_of, split_rows_of
from balanced_nn._diagnose.keras.case import keras_case
from balanced_nn._diagnose.sklearn_retraining import SklearnTrainer
from balanced_nn._network.network import KERAS_NAMES, FittedNetwork, LayerArrays
from balanced_nn._network.specs import NetworkSpec
from balanced_nn._typing import FloatArray, IntArray


def sklearn_case(
    model: Any,
    X: Any,
    y: Any,
    X_val: Any,
    y_val: Any,
    sample_weight: Any,
    fit_params: Mapping[str, Any] | None,
    seed: int,
) -> Case:
    """Gather the evidence of a scikit-learn classifier; a wrapper around a Keras model is looked at as that."""
    if y is None:
        raise ValueError("y is None. Pass one label a row; only a tf.data.Dataset brings its labels along.")
    _check_classifier(model)
    if fit_params and not _wraps_keras(unwrap(model)[0]):
        raise ValueError(
            "fit_params is for Keras models; a scikit-learn classifier holds its own settings. Leave it out."
        )
    X, X_val, y, y_val = _by_rows(X), _by_rows(X_val), _flat(y), _flat(y_val)
    judged, truth = (X, y) if X_val is None else (X_val, y_val)
    _check_rows(model, X, y, "X", "y", trained=X_val is not None)
    if X_val is not None:
        _check_rows(model, X_val, y_val, "X_val", "y_val", trained=False)
    answers = read_answers(model, judged, truth)
    last, read = unwrap(model)
    features, judged_features = read(X), read(judged)
    if _wraps_keras(last):
        codes = np.searchsorted(answers.labels, np.asarray(y).ravel())
        held = None if X_val is None else np.searchsorted(answers.labels, np.asarray(truth).ravel())
        given = None if X_val is None else judged_features
        case = keras_case(last.model_, features, codes, given, held, sample_weight, fit_params, seed)
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
            kept, out = split_rows_of(np.asarray(y), seed)
            train, held, labels, held_labels = _rows(features, kept), _rows(features, out), labels[kept], labels[out]
        train, labels = _resampled(samplers, train, labels)
        codes, held_codes = (np.searchsorted(answers.labels, part) for part in (labels, held_labels))
        reference = find_reference(
            Dataset.of(_matrix(last, train), codes), Dataset.of(_matrix(last, held), held_codes), len(answers.labels)
        )
        return SklearnTrainer(last, kind, train, labels, held, held_labels), reference

    known = last.get_params(deep=False)
    defaults = MLPClassifier().get_params(deep=False) if kind is ModelKind.MLP else None  # a subclass may hide some
    return Case(last, kind, evidence, tuple(answers.labels.tolist()), judged_on_of(X_val), trainer, known, defaults)


def _wraps_keras(model: Any) -> bool:
    """Whether a classifier exposes a Keras model; ours would build one, and its arrays tell more."""
    return not isinstance(model, BalancedNNClassifier) and is_keras(getattr(model, "model_", None))


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


def unwrap(model: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The classifier inside pipelines and searches, and what turns rows into those that it reads."""
    if hasattr(model, "best_estimator_"):
        return unwrap(model.best_estimator_)
    if hasattr(model, "steps"):
        last, read = unwrap(model.steps[-1][1])
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
    if X_val is None:
        reference = find_reference(Dataset.of(matrix, codes, importance), None, n_classes)
    else:
        judged = Dataset.of(_matrix(model, X_val), answers.y, importance)
        reference = find_reference(Dataset.of(matrix, codes), judged, n_classes)
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
