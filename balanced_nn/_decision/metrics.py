"""What does a scikit-learn metric give for a table of counts? This scores many decisions at once."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Any

import imblearn.metrics
import numpy as np
import sklearn.metrics
from sklearn.metrics import get_scorer, get_scorer_names

from balanced_nn._sklearn import scorer_parts
from balanced_nn._typing import FloatArray

# Of the weights of each class that are right, true, and answered, each of shape (n_tables, n_classes).
Formula = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
ROWS_OF_A_TABLE = (1_000, 10_000)  # at least and at most, that counts are written out to for a metric without weights
ROWS_OF_A_CLASS, MOST_ROWS = 50, 100_000  # of the lightest class at least, even where all of them are then so many
FEWEST_ROWS = 20  # of the lightest class, below which such a metric is too coarse


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric of the answers; higher is better.

    Parameters
    ----------
    name : str
        What it is called.
    function : callable
        ``function(y_true, y_pred, **kwargs)``, of labels.
    sign : int
        -1 where lower is better.
    kwargs : mapping
        Further arguments of the function.
    classes : tuple
        Class labels.
    """

    name: str
    function: Callable[..., float]
    sign: int
    kwargs: Mapping[str, Any]
    classes: tuple[Any, ...]
    _formula: Formula | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        maker = _FORMULAS.get(self.function)
        object.__setattr__(self, "_formula", None if maker is None else maker(dict(self.kwargs), self.classes))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what follows from the name: skops would ask for trust in each function of scikit-learn."""
        left_out = {"_formula", "function"} if _function_called(self.name) is self.function else {"_formula"}
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"function": _function_called(state["name"]), **state})
        self.__post_init__()

    @property
    def is_fast(self) -> bool:
        """Whether many tables cost little more than one."""
        return self._formula is not None

    def of_tables(self, tables: FloatArray) -> FloatArray:
        """Score of each table of counts.

        Parameters
        ----------
        tables : ndarray of shape (n_tables, n_classes, n_classes)
            Weights of the rows by true class (row) and answer (column).

        Returns
        -------
        ndarray of shape (n_tables,)
            Higher is better; NaN where the metric fails, as some do for answers of one class.
        """
        if self._formula is not None:
            return self.of_margins(*_margins(tables))
        return np.array([self._of_table_or_nan(table) for table in tables])

    def of_margins(self, right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
        """The same of the margins of tables, which is all that a fast metric reads.

        Parameters
        ----------
        right, true, answered : ndarray of shape (n_tables, n_classes)
            Weight of the rows of each class that are answered so, that are there, and that are answered with it.

        Returns
        -------
        ndarray of shape (n_tables,)
        """
        assert self._formula is not None
        return self.sign * self._formula(right, true, answered)

    def of_table(self, table: FloatArray) -> Any:
        """Score of one table, or the error that the metric raises."""
        if self._formula is not None:
            return self.of_tables(table[None])[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of thresholds that are only tried
            return self.sign * self._of_rows(table)

    def is_coarse(self, table: FloatArray) -> bool:
        """Whether a table has to be written out as rows, and a class is then too few of them to tell thresholds apart.

        So it is where the class frequencies are set far from those of the rows, and the metric takes no weights.
        """
        if self.is_fast or self._takes_weights:
            return False
        rows = self._scale(table) * table.sum(axis=1)
        return bool((rows[rows > 0] < FEWEST_ROWS).any())

    @property
    def is_one_sided(self) -> bool:
        """Whether a classifier that answers one class for all rows, or for all but one, scores as a perfect one does.

        Examples
        --------
        >>> [read_metric(name, (0, 1)).is_one_sided for name in ("recall", "precision", "f1")]
        [True, True, False]
        """
        n = len(self.classes)
        perfect = np.diag(np.full(n, 10.0))
        tables = [perfect]
        for label in range(n):
            constant = np.zeros((n, n))
            constant[:, label] = 10.0
            tables.append(constant)
            for other in set(range(n)) - {label}:
                nearly = constant.copy()
                nearly[other, [label, other]] = 9.0, 1.0
                tables.append(nearly)
        best, *others = self.of_tables(np.array(tables))
        return bool(np.isclose(others, best).any())

    def as_reported(self, score: float) -> float:
        """Score as scikit-learn reports it: only the scorers called "neg_..." turn a loss round."""
        return score if self.name.startswith("neg_") else self.sign * score

    @property
    def _takes_weights(self) -> bool:
        return "sample_weight" in _parameters(self.function) and not _counts_rows(self.function)

    def _of_table_or_nan(self, table: FloatArray) -> Any:
        try:
            return self.of_table(table)
        except (ArithmeticError, LookupError, ValueError):
            return np.nan

    def _of_rows(self, table: FloatArray) -> Any:
        n_classes = len(self.classes)
        true, answer = np.divmod(np.arange(n_classes**2), n_classes)
        counts = table.ravel()
        labels, weights = np.asarray(self.classes), {}
        if self._takes_weights:
            true, answer = true[counts > 0], answer[counts > 0]
            weights = {"sample_weight": counts[counts > 0]}
        else:
            rows = np.repeat(np.arange(n_classes**2), np.rint(self._scale(table) * counts).astype(int))
            true, answer = true[rows], answer[rows]
        return self.function(labels[true], labels[answer], **weights, **self.kwargs)

    @staticmethod
    def _scale(table: FloatArray) -> float:
        """By what counts are multiplied before they are written out as rows."""
        of_classes = table.sum(axis=1)
        n = of_classes.sum()
        wanted = max(np.clip(n, *ROWS_OF_A_TABLE) / n, ROWS_OF_A_CLASS / of_classes[of_classes > 0].min())
        return float(min(wanted, MOST_ROWS / n))


def read_metric(metric: Any, classes: Sequence[Any], parameter: str = "decision", *, positive: int = 1) -> Metric:
    """Find the metric that a name or a scorer of scikit-learn stands for.

    Parameters
    ----------
    metric : str or scorer
        Name of a scorer (``"f1"``), of a function in ``sklearn.metrics`` or ``imblearn.metrics``
        (``"geometric_mean_score"``; one whose name ends in "_loss", "_error" or "_deviance" is made small), or
        what ``make_scorer`` returns.
    classes : sequence
        Class labels.
    parameter : str, default="decision"
        What the caller passed it as, for messages.
    positive : int, default=1
        Index of the positive class of two, where the scorer does not name one.

    Raises
    ------
    ValueError
        If the name is unknown, if the metric reads scores and not answers, or if it refuses these classes.
    """
    name, function, sign, kwargs = _look_up(metric, parameter)
    parameters = _parameters(function)
    average = kwargs.get("average", parameters["average"].default if "average" in parameters else "binary")
    if "pos_label" in parameters and "pos_label" not in kwargs and average == "binary" and len(classes) == 2:
        kwargs = {**kwargs, "pos_label": classes[positive]}
    found = Metric(name, function, sign, kwargs, tuple(classes))
    try:
        value = np.asarray(found.of_table(np.ones((len(classes), len(classes))) + np.eye(len(classes))))
    except (TypeError, ValueError, IndexError) as error:
        several = ' With more than two classes use, for example, "f1_macro".' if "average=" in str(error) else ""
        reason = str(error).rstrip(".")
        raise ValueError(f"{parameter}={name!r} cannot be computed for these classes: {reason}.{several}") from error
    if value.dtype.kind not in "fiu" or value.shape != ():
        raise ValueError(
            f"{parameter}={name!r} does not return a single number. Set its average, for example with make_scorer."
        )
    return found


def _look_up(metric: Any, parameter: str = "decision") -> tuple[str, Callable[..., float], int, dict[str, Any]]:
    if isinstance(metric, str) and metric not in get_scorer_names():
        return _look_up_function(metric, parameter)
    parts = scorer_parts(get_scorer(metric) if isinstance(metric, str) else metric)
    if parts is None:
        raise ValueError(
            f"{parameter}={metric!r} is not a scikit-learn scorer. Pass the name of one, or what "
            "sklearn.metrics.make_scorer(your_metric) returns."
        )
    function, sign, kwargs, methods = parts
    inner = getattr(function, "func", function)  # of a partial
    name = metric if isinstance(metric, str) else getattr(inner, "__name__", "a metric")
    if methods != ("predict",):
        raise ValueError(
            f"{parameter}={name!r} reads {' or '.join(methods)}, and no decision changes it. Use a metric of the "
            'answers, such as "f1", "matthews_corrcoef" or "balanced_accuracy".'
        )
    return name, function, sign, kwargs


def _look_up_function(metric: str, parameter: str) -> tuple[str, Callable[..., float], int, dict[str, Any]]:
    for module in (sklearn.metrics, imblearn.metrics):
        function = getattr(module, metric, None)
        if callable(function) and tuple(_parameters(function))[:2] in {("y_true", "y_pred"), ("y1", "y2")}:
            return metric, function, -1 if metric.endswith(("_loss", "_error", "_deviance")) else 1, {}
    no = 'neither "auto", "balanced" or "argmax" nor' if parameter == "decision" else "not"
    raise ValueError(
        f"{parameter}={metric!r} is {no} the name of a scikit-learn metric of the answers. "
        'Use, for example, "f1", "matthews_corrcoef" or "balanced_accuracy"; '
        "sklearn.metrics.get_scorer_names() lists more."
    )


def _function_called(name: str) -> Callable[..., float] | None:
    """Function that a name stands for; None where it stands for none, or reads scores."""
    try:
        return _look_up(name)[1]
    except ValueError:
        return None


def _parameters(function: Callable[..., Any]) -> Mapping[str, Parameter]:
    try:
        return signature(function).parameters
    except ValueError:  # some that are written in C do not say
        return {}


def _counts_rows(function: Callable[..., Any]) -> bool:
    """Whether a metric counts rows where it should sum their weights, as some of imbalanced-learn's do (0.14)."""
    inner = getattr(function, "func", function)
    return getattr(inner, "__module__", "").startswith("imblearn.")


# Formulas for the margins of tables, for the metrics that people tune most; any other is called table by table.


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)


def _margins(tables: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weight of each class that is right, true, and answered."""
    return np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=2), tables.sum(axis=1)


def _plain(formula: Formula, defaults: Mapping[str, Any] = MappingProxyType({})) -> Callable[..., Formula | None]:
    """Make of a formula a maker that knows no settings but `defaults`."""
    return lambda kwargs, classes: formula if kwargs.items() <= defaults.items() else None


def _accuracy(right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
    return _divide(right.sum(axis=1), true.sum(axis=1))


def _balanced_accuracy(right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
    return _divide(_divide(right, true).sum(axis=1), (true > 0).sum(axis=1))


def _matthews(right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
    n = true.sum(axis=1)
    covariance = right.sum(axis=1) * n - (true * answered).sum(axis=1)
    spread = (n**2 - (answered**2).sum(axis=1)) * (n**2 - (true**2).sum(axis=1))
    return _divide(covariance, np.sqrt(np.maximum(spread, 0.0)))


def _cohen_kappa(right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
    n = true.sum(axis=1)
    chance = _divide((true * answered).sum(axis=1), n)
    possible = np.where(n - chance > 1e-12 * n, n - chance, 0.0)  # w * w / w may round below w
    return _divide(right.sum(axis=1) - chance, possible)


def _geometric_mean(right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
    present = true + answered > 0
    with np.errstate(divide="ignore"):  # a class that is never found makes the product 0
        logarithms = np.log(_divide(right, true))
    return np.exp(_divide(np.where(present, logarithms, 0.0).sum(axis=1), present.sum(axis=1)))


def _per_class(ratio: Callable[..., FloatArray], settings: Sequence[str] = ()) -> Callable[..., Formula | None]:
    """Make formulas of a ratio that each class has, averaged as the metric is told."""

    def maker(kwargs: dict[str, Any], classes: tuple[Any, ...]) -> Formula | None:
        if not all(name in kwargs for name in settings):
            return None
        given = {name: kwargs.pop(name) for name in settings}
        average, positive = kwargs.pop("average", "binary"), kwargs.pop("pos_label", classes[-1])
        if kwargs or average not in {"binary", "macro", "weighted"} or (average == "binary" and len(classes) > 2):
            return None
        if average == "binary":
            if positive not in classes:
                return None
            index = classes.index(positive)
            return lambda *margins: ratio(*margins, **given)[:, index]

        def formula(right: FloatArray, true: FloatArray, answered: FloatArray) -> FloatArray:
            weights = true if average == "weighted" else ((true + answered) > 0).astype(float)
            return _divide((ratio(right, true, answered, **given) * weights).sum(axis=1), weights.sum(axis=1))

        return formula

    return maker


def _f_beta(right: FloatArray, true: FloatArray, answered: FloatArray, beta: float = 1.0) -> FloatArray:
    return _divide((1 + beta**2) * right, beta**2 * true + answered)


_FORMULAS: dict[Any, Callable[..., Formula | None]] = {
    sklearn.metrics.accuracy_score: _plain(_accuracy),
    sklearn.metrics.balanced_accuracy_score: _plain(_balanced_accuracy),
    sklearn.metrics.matthews_corrcoef: _plain(_matthews),
    sklearn.metrics.cohen_kappa_score: _plain(_cohen_kappa),
    imblearn.metrics.geometric_mean_score: _plain(_geometric_mean, {"average": "multiclass"}),
    sklearn.metrics.f1_score: _per_class(_f_beta),
    sklearn.metrics.fbeta_score: _per_class(_f_beta, ("beta",)),
    sklearn.metrics.precision_score: _per_class(lambda right, true, answered: _divide(right, answered)),
    sklearn.metrics.recall_score: _per_class(lambda right, true, answered: _divide(right, true)),
    sklearn.metrics.jaccard_score: _per_class(lambda right, true, answered: _divide(right, true + answered - right)),
}
