"""What does a fitted scikit-learn classifier show, and the network inside it if there is one?"""

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from balanced_nn._causes.advise import ModelKind
from balanced_nn._causes.evidence import Curve
from balanced_nn._causes.observation import Observation, ObservedNetwork, describe_fit, describe_network, take_snapshot
from balanced_nn._classifier import BalancedNNClassifier
from balanced_nn._collapse.baseline import Reference
from balanced_nn._collapse.outcome import find_outcome
from balanced_nn._collapse.predictions import Answers, read_answers
from balanced_nn._data.column_checks import suspicious_columns
from balanced_nn._data.column_shift import far_apart, off_scale
from balanced_nn._data.table import Table, read_table
from balanced_nn._data.target import read_weights
from balanced_nn._diagnose.case import Case, Request, Trainer, find_baseline, is_keras, split_rows
from balanced_nn._diagnose.sklearn_retraining import SklearnTrainer
from balanced_nn._network.network import FittedNetwork, LayerArrays
from balanced_nn._network.specs import NetworkSpec
from balanced_nn._typing import FloatArray, IntArray, Rows

FLATTERING_SHARE = 0.1  # of the rows that are judged, from which on it is told that they were seen in training


@dataclass(frozen=True, eq=False)
class _Subject:
    """The classifier at the end of a pipeline, and the rows as it reads them."""

    model: Any
    kind: ModelKind
    samplers: list[Any]  # in front of it
    answers: Answers  # of the whole pipeline, for the rows that are judged
    X: Rows
    y: NDArray[Any]  # labels
    X_val: Rows | None
    y_val: NDArray[Any] | None

    def indices(self, y: NDArray[Any]) -> IntArray:
        """Class indices of labels."""
        return np.searchsorted(self.answers.labels, y.ravel())

    def numbers(self, X: Rows) -> FloatArray:
        """For facts and quick models: the preprocessed numbers of ours, else what the classifier reads."""
        return self.model.preprocess(X) if self.kind is ModelKind.OURS else _matrix(self.model, X)


def sklearn_case(model: Any, request: Request) -> Case:
    """Look at a scikit-learn classifier; a wrapper around a Keras model is looked at as that."""
    if request.y is None:
        raise ValueError("y is None. Pass one label per row; only a tf.data.Dataset contains its own labels.")
    _check_classifier(model)
    last, read = unwrap(model)
    kind = _kind(last)
    wraps_keras = kind is not ModelKind.OURS and is_keras(getattr(last, "model_", None))  # arrays of ours tell more
    if request.fit_params and not wraps_keras:
        raise ValueError("fit_params is for Keras models; a scikit-learn classifier stores its own settings. Omit it.")
    held_out = request.X_val is not None
    X, y = _checked_rows(model, request.X, request.y, "X", "y", trained=held_out)
    X_val, y_val = None, None
    if held_out:
        X_val, y_val = _checked_rows(model, request.X_val, request.y_val, "X_val", "y_val", trained=False)
    answers = read_answers(model, X_val if held_out else X, y if y_val is None else y_val)
    subject = _Subject(
        last, kind, _samplers(model), answers, read(X), y, read(X_val) if held_out else None, y_val
    )  # fmt: skip
    if wraps_keras:
        return _wrapper_case(subject, request)
    case = Case(
        last,
        kind,
        _observe(subject, request.sample_weight),
        tuple(answers.labels.tolist()),
        request.judged_on,
        partial(_prepare_training, subject, request.seed),
        _settings(last),
        MLPClassifier().get_params(deep=False) if kind is ModelKind.MLP else None,  # a subclass may hide some
    )
    if kind is not ModelKind.OURS:  # what the steps in front of others make of columns is not known
        return case
    table = read_table(last, subject.X_val if held_out else subject.X, reset=False)
    return replace(case, seen_share=_seen_share(last, table), suspicious=suspicious_columns(table))


def _seen_share(model: BalancedNNClassifier, table: Table) -> float | None:
    """Share of some rows that a classifier of ours was fitted on, where it is large enough to flatter."""
    sketch = getattr(model, "_training_rows", None)  # not in a file that an older version wrote
    share = None if sketch is None else sketch.find_seen_share(table)
    return None if share is None or share < FLATTERING_SHARE else share


def _wrapper_case(subject: _Subject, request: Request) -> Case:
    """Look at the Keras model inside, with class indices for labels."""
    from balanced_nn._diagnose.keras.case import keras_case  # deferred: loads TensorFlow

    y_val = None if subject.y_val is None else subject.indices(subject.y_val)
    inner = replace(request, X=subject.X, y=subject.indices(subject.y), X_val=subject.X_val, y_val=y_val)
    case, labels = keras_case(subject.model.model_, inner), subject.answers.labels
    return replace(case, classes=(*labels.tolist(), *case.classes[len(labels) :]))


def _observe(subject: _Subject, sample_weight: ArrayLike | None) -> Observation:
    model, kind, answers = subject.model, subject.kind, subject.answers
    importance = read_weights(sample_weight, answers.y)
    outcome = find_outcome(answers.y, answers.proba, answers.predicted, prior=answers.prior, sample_weight=importance)
    weight = _balancing(subject)
    X, y = subject.numbers(subject.X), subject.indices(subject.y)
    judged = None if subject.X_val is None else (subject.numbers(subject.X_val), answers.y)
    seen = Observation(
        outcome,
        X,
        y,
        n_classes=len(answers.labels),
        reference=find_baseline(X, y, judged, importance, len(answers.labels), outcome),
        weight=weight,
        other_table=_judges_another_table(subject, X, judged),
        earlier=model.collapse_report_.evidence if kind is ModelKind.OURS else None,
    )
    if kind is ModelKind.OTHER or seen.earlier is not None:
        return seen
    labels = subject.y.ravel()
    known = np.isin(labels, model.classes_)  # a network has no output for other labels
    X, y = X[known], np.searchsorted(model.classes_, labels[known])
    network = _observe_ours(model, X, y) if kind is ModelKind.OURS else _observe_mlp(model, X, y, seen.n_classes)
    return replace(seen, network=network)


def _judges_another_table(subject: _Subject, X: FloatArray, judged: tuple[FloatArray, IntArray] | None) -> bool:
    """Whether the rows that are judged hold other values than those of training, as far as these are known."""
    rows = X if judged is None else judged[0]
    ours = subject.kind is ModelKind.OURS
    if ours:
        X, rows = map(subject.model.preprocessing_.scaled_numbers, (X, rows))
        if isinstance(subject.model.scaler, str) and off_scale(rows).size:
            return True
    return judged is not None and far_apart(X, rows).size > 0


def _prepare_training(subject: _Subject, seed: int) -> tuple[Trainer, Reference | None]:
    if not hasattr(subject.model, "get_params"):
        raise ValueError(
            f"confirm trains copies of the model, and {type(subject.model).__name__} cannot be copied: it has no "
            "get_params. Use confirm=False."
        )
    X, y, X_val, y_val = subject.X, subject.y, subject.X_val, subject.y_val
    if y_val is None:
        kept, out = split_rows(y, seed)
        X, y, X_val, y_val = _take_rows(X, kept), y[kept], _take_rows(X, out), y[out]
    X, y = _resampled(subject.samplers, X, y)
    judged = subject.numbers(X_val), subject.indices(y_val)
    reference = find_baseline(subject.numbers(X), subject.indices(y), judged, None, len(subject.answers.labels))
    return SklearnTrainer(subject.model, subject.kind, X, y, X_val, y_val), reference


def _check_classifier(model: Any) -> None:
    if isinstance(model, type) or not (_has_classifier_tags(model) or _answers_like_a_classifier(model)):
        name = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"model must be a fitted classifier or a keras.Model; got {name}. "
            "For a pipeline or a search, the last step must be a classifier."
        )
    if _has_classifier_tags(model):
        check_is_fitted(model)
    if not hasattr(model, "classes_"):
        raise NotFittedError(
            f"This {type(model).__name__} instance has no classes yet. Fit it; a search needs refit=True."
        )


def _has_classifier_tags(model: Any) -> bool:
    # An estimator for an earlier scikit-learn has none, or broken ones.
    with suppress(AttributeError, TypeError), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return hasattr(model, "__sklearn_tags__") and is_classifier(model)
    return False


def _answers_like_a_classifier(model: Any) -> bool:
    """Whether what stands at the end of a model says that it is a classifier, or shows it."""
    last, _ = unwrap(model)
    named = getattr(last, "_estimator_type", None) == "classifier"
    return hasattr(last, "predict") and (named or hasattr(last, "classes_") or hasattr(last, "predict_proba"))


def _checked_rows(
    model: Any, X: Rows, y: ArrayLike | None, rows: str, labels: str, *, trained: bool
) -> tuple[Rows, NDArray[Any]]:
    """Rows that can be taken one by one, and one label for each."""
    X, values = X.tocsr() if hasattr(X, "tocsr") else X, np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.ravel()
    shape = getattr(X, "shape", None)
    n_rows = shape[0] if shape else len(X)
    if values.ndim == 0 or len(values) != n_rows:
        raise ValueError(f"{rows} has {n_rows} rows, but {labels} has shape {values.shape}. Pass one label per row.")
    found = np.unique(values)
    known = np.isin(found, model.classes_)
    if not (known.all() if trained else known.any()):
        raise ValueError(
            f"{labels} holds {', '.join(map(str, found[:5]))}, but {type(model).__name__} was trained on "
            f"{', '.join(map(str, model.classes_[:10]))}. Pass labels of the same kind."
        )
    return X, values


def _settings(model: Any) -> dict[str, Any]:
    return model.get_params(deep=False) if hasattr(model, "get_params") else {}


def _kind(model: Any) -> ModelKind:
    if isinstance(model, BalancedNNClassifier):
        return ModelKind.OURS
    return ModelKind.MLP if isinstance(model, MLPClassifier) else ModelKind.OTHER


def unwrap(model: Any) -> tuple[Any, Callable[[Rows], Rows]]:
    """The classifier inside pipelines and searches, and what turns rows into those that it reads."""
    last, steps = _last_and_steps(model)
    transformers = [step for step in steps if hasattr(step, "transform")]  # samplers have none

    def read(X: Rows) -> Rows:
        for step in transformers:
            X = step.transform(X)
        return X

    return last, read


def _last_and_steps(model: Any) -> tuple[Any, list[Any]]:
    """The classifier inside pipelines and searches, and the steps in front of it."""
    if hasattr(model, "best_estimator_"):
        return _last_and_steps(model.best_estimator_)
    if hasattr(model, "steps"):
        last, inner = _last_and_steps(model.steps[-1][1])
        return last, [*(step for _, step in model.steps[:-1]), *inner]
    return model, []


def _samplers(model: Any) -> list[Any]:
    """The steps of imbalanced-learn's pipelines that change which rows are trained on."""
    return [step for step in _last_and_steps(model)[1] if hasattr(step, "fit_resample")]


def _resampled(samplers: list[Any], X: Rows, y: NDArray[Any]) -> tuple[Rows, NDArray[Any]]:
    """What the classifier at the end is trained on; the samplers see the rows behind all other steps."""
    for sampler in samplers:
        X, y = clone(sampler).fit_resample(X, y)
    return X, np.asarray(y)


def _balancing(subject: _Subject) -> FloatArray:
    """How often, or with what weight, training saw each row, as far as samplers and class weights tell."""
    y = subject.y.ravel()
    weight = np.ones(len(y))
    if subject.samplers:
        labels, positions = np.unique(y, return_inverse=True)
        try:
            drawn = _resampled(subject.samplers, subject.X, y)[1]
        except ValueError:  # too few rows of a class for this sampler: on these rows it would have balanced nothing
            drawn = y
        weight *= np.array([np.mean(drawn == label) / np.mean(y == label) for label in labels])[positions]
    params = _settings(subject.model)
    balance = params.get("class_weight")
    if subject.kind is ModelKind.OURS and params["sampler"] is not None:
        balance = "balanced"  # the sampler does it, and weights after it do not multiply
    if balance is None:
        return weight
    # a forest also knows "balanced_subsample"
    return weight * compute_sample_weight("balanced" if isinstance(balance, str) else balance, y)


def _take_rows(X: Rows, rows: IntArray) -> Rows:
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return np.asarray(X)[rows] if isinstance(X, list) else X[rows]


def _matrix(model: Any, X: Rows) -> FloatArray:
    cells = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    if cells.dtype.kind == "O":
        with suppress(TypeError, ValueError):  # a table with columns of several kinds
            cells = cells.astype(np.float64)
    if cells.dtype.kind not in "fiub":
        raise ValueError(
            f"{type(model).__name__} reads columns that are not numbers, which diagnose cannot examine. "
            "Encode them in an earlier step of a pipeline, and pass the pipeline."
        )
    return cells.astype(np.float64)


def _observe_ours(model: BalancedNNClassifier, X: FloatArray, y: IntArray) -> ObservedNetwork:
    """The weights that a sound fit began with are not kept."""
    network, history = model.network_, model.history_
    return ObservedNetwork(
        describe_fit(network.spec, history), y, take_snapshot(network, X, y), curve=Curve(history.train_loss)
    )


def _observe_mlp(model: MLPClassifier, X: FloatArray, y: IntArray, n_classes: int) -> ObservedNetwork:
    before, after = mlp_networks(model)
    n_steps = None
    if model.solver != "lbfgs":
        n_rows = max(1, model.t_ // max(1, model.n_iter_))
        batch = min(200, n_rows) if model.batch_size == "auto" else model.batch_size
        n_steps = int(-(-n_rows // batch) * model.n_iter_)
    facts = describe_network(
        after.spec,
        "sigmoid" if after.spec.n_outputs == 1 else "softmax",
        optimizer=model.solver,
        rate=None if model.solver == "lbfgs" else float(model.learning_rate_init),
        epochs=int(model.n_iter_),
        n_steps=n_steps,
    )
    return ObservedNetwork(
        replace(facts, n_classes=n_classes),  # those that only the rows hold included
        y,
        take_snapshot(after, X, y),
        take_snapshot(before, X, y),
        is_redrawn=not isinstance(model.random_state, Integral),
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
