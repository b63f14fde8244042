"""How does a search rank a candidate that collapsed on one split below every candidate that did not?"""

import copy
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object
from sklearn.utils.validation import check_is_fitted, column_or_1d

from balanced_nn._collapse.outcome import Outcome, find_outcome
from balanced_nn._collapse.predictions import Answers, read_answers
from balanced_nn._data.names import listed_labels, quoted
from balanced_nn._decision.positive_class import find_positive
from balanced_nn._sklearn import scorer_parts, scorer_response_methods

# A mean over splits that holds it once lies below every honest mean; its square, which the standard deviation over
# splits needs, is still finite.
COLLAPSED_SCORE = -1e100


class CollapseAwareScorer:
    """A scorer that gives `COLLAPSED_SCORE` to a collapsed split, and the metric's own score to all others.

    Made by `make_collapse_aware_scorer`, which says how collapse is judged.

    Parameters
    ----------
    scoring : str or callable
        The metric: a name that `sklearn.metrics.get_scorer` knows, or a callable ``(estimator, X, y) -> float``.
    """

    def __init__(self, scoring: str | Callable[..., Any]) -> None:
        self.scoring = scoring
        self._scorer = check_scoring(scoring=scoring)

    def __call__(self, estimator: Any, X: Any, y: Any, **kwargs: Any) -> Any:
        """Score a fitted classifier on held-out rows.

        Parameters
        ----------
        estimator : estimator
            Fitted classifier, pipeline or search object.
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Held-out rows.
        y : array-like of shape (n_samples,)
            Their labels.
        **kwargs : dict
            Passed to the metric; `sample_weight` also weighs the rows when collapse is judged.

        Returns
        -------
        score : float
            The metric's own score, or `COLLAPSED_SCORE`. A dict of them where the metric returns a dict.
        """
        _check_classifier(estimator, self)
        methods = scorer_response_methods(self._scorer)
        reads_predict = methods is None or "predict" in methods
        collapsed = _collapsed(estimator, X, y, kwargs.get("sample_weight"), reads_predict=reads_predict)
        if collapsed and methods is not None:
            return COLLAPSED_SCORE
        try:
            score = self._scorer(estimator, X, y, **kwargs)
        except ValueError as error:
            parts = scorer_parts(self._scorer)
            if parts is None or "pos_label" not in str(error):
                raise
            labels = estimator.classes_.tolist()
            positive = labels[find_positive(labels, [np.mean(np.asarray(y) == label) for label in labels])]
            raise ValueError(
                f"{self!r} looks for a positive class (pos_label) that is not among {listed_labels(labels)}. "
                f"Name it, for example make_collapse_aware_scorer({_with_positive_class(parts, positive)})."
            ) from error
        if not collapsed:
            return score
        return dict.fromkeys(score, COLLAPSED_SCORE) if isinstance(score, Mapping) else COLLAPSED_SCORE

    def __repr__(self) -> str:
        name = getattr(self.scoring, "__name__", None)
        return f"make_collapse_aware_scorer({name or repr(self.scoring)})"

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the metadata that the metric requests.

        Returns
        -------
        routing : MetadataRequest
        """
        return get_routing_for_object(self._scorer)

    def set_score_request(self, **kwargs: Any) -> Self:
        """Say what metadata the metric gets, as `set_score_request` of scikit-learn's own scorers does.

        Parameters
        ----------
        **kwargs : dict
            ``name=True``, False, None or an alias, such as ``sample_weight=True``.

        Returns
        -------
        self : CollapseAwareScorer
        """
        if not hasattr(self._scorer, "set_score_request"):
            raise AttributeError(
                f"{self!r} wraps a plain function, which cannot request metadata. Build the metric with "
                "sklearn.metrics.make_scorer, which can."
            )
        self._scorer = copy.copy(self._scorer).set_score_request(**kwargs)  # the caller's own scorer stays as it is
        return self

    def _accept_sample_weight(self) -> bool:
        """Tell scikit-learn's searches whether to pass `sample_weight` on; they ask for it by this name."""
        if hasattr(self._scorer, "_accept_sample_weight"):
            return bool(self._scorer._accept_sample_weight())
        return "sample_weight" in signature(self._scorer).parameters


def make_collapse_aware_scorer(scoring: Any) -> Any:
    """Make a scorer that ranks collapsed classifiers below all others.

    A candidate that collapsed on one split ranks below every candidate that did not, whatever the range of the metric:
    the collapsed split scores -1e100, which stays finite and lowest when scores are averaged. All other scores are the
    metric's own.

    Parameters
    ----------
    scoring : str, callable, list, tuple, set or dict
        A metric by its name in scikit-learn, such as "roc_auc", or a callable ``(estimator, X, y) -> float`` such as
        `sklearn.metrics.make_scorer` returns. Several metrics as a collection of names or a dict of metrics by name.

    Returns
    -------
    scorer : CollapseAwareScorer or dict
        For ``scoring=`` of `GridSearchCV`, `HalvingGridSearchCV`, `cross_validate` and the like; for several metrics a
        dict of scorers by name.

    See Also
    --------
    collapse_aware_scorer : The scorer over balanced accuracy, ready to use.

    Notes
    -----
    What collapse is, is defined in one place: probabilities that are the same for all rows (CONSTANT); one class
    predicted for all rows (ONE_CLASS); no row found of a class with at least 5 % of the weight and 5 rows (MISSING).
    One class predicted while the ROC AUC exceeds 0.65 concerns the decision threshold (THRESHOLD). Only held-out
    rows of classes that the classifier was trained on are judged; where they are of one class, nothing can be told from
    them, and the score is the metric's own.

    - A metric that reads `predict`, such as accuracy or F1, and every callable whose source is unknown: `predict` is
      judged, and THRESHOLD counts as collapse too.
    - A metric that reads probabilities or scores, such as ROC AUC or log-loss: THRESHOLD does not count; ONE_CLASS and
      MISSING count only if they hold for `predict` and for the balanced decision, which takes the class whose
      probability exceeds its frequency most. A threshold does not enter such a metric.

    Probabilities come from `predict_proba`. Without it, a classifier that gives one answer to all rows is judged on its
    `decision_function`, through the logistic function or softmax, and any other on `predict` alone. The class
    frequencies come from the classifier's `class_prior_` where it has one; else it counts as collapsed only if it does
    at those of the held-out labels and at uniform ones. A score that
    the metric itself makes NaN or infinite is passed on.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_classification(weights=[0.9], random_state=0)
    >>> scorer = make_collapse_aware_scorer("accuracy")
    >>> scorer
    make_collapse_aware_scorer('accuracy')
    >>> scorer(DummyClassifier().fit(X, y), X, y)
    -1e+100
    >>> scorer(LogisticRegression().fit(X, y), X, y)
    1.0
    """
    if isinstance(scoring, CollapseAwareScorer):
        return copy.deepcopy(scoring)
    if isinstance(scoring, str) or callable(scoring):
        return CollapseAwareScorer(scoring)
    if isinstance(scoring, Mapping):
        metrics = dict(scoring)
    elif isinstance(scoring, list | tuple | set) and all(isinstance(name, str) for name in scoring):
        metrics = {name: name for name in scoring}
    else:
        raise TypeError(
            f"scoring must be a metric's name, a callable, a collection of names or a dict; got {scoring!r}. "
            "Pass for example 'balanced_accuracy', or a dict of callables by name."
        )
    if not metrics:
        raise ValueError("scoring contains no metric. Name at least one, for example 'balanced_accuracy'.")
    return {name: make_collapse_aware_scorer(metric) for name, metric in metrics.items()}


def _check_classifier(estimator: Any, scorer: CollapseAwareScorer) -> None:
    if hasattr(estimator, "classes_") and hasattr(estimator, "predict"):
        if np.ndim(estimator.classes_[0]) == 0:
            return
        fact = "predicts several outputs"
    else:
        if hasattr(estimator, "__sklearn_tags__") and is_classifier(estimator):
            check_is_fitted(estimator)
        fact = "has no classes_ and predict"
    raise TypeError(
        f"{scorer!r} scores single-label classifiers; {type(estimator).__name__} {fact}. "
        "Use the metric itself for this estimator."
    )


def _with_positive_class(parts: tuple[Any, int, dict[str, Any], tuple[str, ...]], label: Any) -> str:
    """Write down what makes a scorer of the same metric for a positive class, from its parts."""
    function, sign, kwargs, methods = parts
    settings: dict[str, Any] = {} if sign > 0 else {"greater_is_better": False}
    if "predict" not in methods:
        settings["response_method"] = "predict_proba"
    settings |= kwargs | {"pos_label": label}
    return (
        f"make_scorer({function.__name__}, {', '.join(f'{name}={quoted(value)}' for name, value in settings.items())})"
    )


def _collapsed(estimator: Any, X: Any, y: Any, sample_weight: ArrayLike | None, *, reads_predict: bool) -> bool:
    """Say whether the classifier collapsed on these rows, as far as a metric that reads `predict` or not can tell."""
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        raise ValueError(
            f"y has shape {np.shape(y)}, but collapse is defined only for one label per row. "
            "Use the metric itself for several outputs."
        )
    known = np.isin(column_or_1d(y), estimator.classes_)
    if not known.any():
        return False  # not one label that the classifier knows: the metric will say what is wrong
    if not known.all():  # no classifier finds a class that its training part lacked: rows of weight 0 are not judged
        sample_weight = known * (1.0 if sample_weight is None else np.asarray(sample_weight))
    answers = read_answers(estimator, X, y)
    uniform = np.full(len(answers.labels), 1.0 / len(answers.labels))
    # Where the classifier does not say what class frequencies its probabilities speak of, they may be those of the data
    # or, after balancing, uniform: only what is a collapse either way counts.
    priors = [None, uniform] if answers.prior is None else [answers.prior]
    return all(_collapsed_at(answers, prior, sample_weight, reads_predict=reads_predict) for prior in priors)


def _collapsed_at(
    answers: Answers, prior: NDArray[np.float64] | None, sample_weight: ArrayLike | None, *, reads_predict: bool
) -> bool:
    y, proba = answers.y, answers.proba
    report = find_outcome(y, proba, answers.predicted, prior=prior, sample_weight=sample_weight)
    if reads_predict:
        return report.collapsed or report.outcome is Outcome.THRESHOLD
    return report.collapsed and find_outcome(y, proba, prior=prior, sample_weight=sample_weight).collapsed


collapse_aware_scorer = make_collapse_aware_scorer("balanced_accuracy")
collapse_aware_scorer.__doc__ = """Balanced accuracy with which no collapsed candidate wins a search.

What ``make_collapse_aware_scorer("balanced_accuracy")`` returns, for ``scoring=`` of `GridSearchCV` and the like.

See Also
--------
make_collapse_aware_scorer : The same for other metrics, and how collapse is judged.
"""
