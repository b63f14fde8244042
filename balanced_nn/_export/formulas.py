"""What does a fitted predictor compute? Its formulas over the operations of a graph, once for Keras and ONNX.

They are those of `Preprocessing`, `Correction`, `Calibration`, `Ensemble` and `DecisionRule`, from their arrays.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from balanced_nn._data.names import listed
from balanced_nn._decision.predictor import Predictor
from balanced_nn._decision.rule import DecisionRule
from balanced_nn._export.graph import Graph, Node, Stored
from balanced_nn._network.ensemble import Member
from balanced_nn._preprocessing import scalers
from balanced_nn._preprocessing.encoding import Encoding
from balanced_nn._preprocessing.normal_scores import NormalScores
from balanced_nn._preprocessing.preprocessing import Preprocessing
from balanced_nn._probability.calibration import Calibration
from balanced_nn._probability.correction import FOCAL_GAMMA, SMALLEST_UNSMOOTHED, Correction
from balanced_nn._training.keras.process import quiet_start
from balanced_nn._typing import FloatArray

Codes: TypeAlias = Callable[[Encoding], Node]


def write_log_proba(graph: Graph, predictor: Predictor, numbers: Node | None, codes: Codes | None = None) -> Node:
    """Write the computation of the log-probabilities into a graph.

    Parameters
    ----------
    graph : Graph
    predictor : Predictor
        What is exported.
    numbers : node of shape (n_samples, n_numeric) or None
        The numeric columns, float64, NaN where missing; None where there is no such column.
    codes : callable or None, default=None
        Returns, for an encoding, the code of each cell of its column: float32, of shape (n_samples, 1). None where
        no column is a category.

    Returns
    -------
    node of shape (n_samples, n_classes)
        float64.
    """
    ensemble = predictor.ensemble
    each = [
        _calibrated(graph, _scores(graph, member, k, numbers, codes), ensemble.calibration, ensemble.natural_prior)
        for k, member in enumerate(ensemble.members, start=1)
    ]
    mean = _log_mean_exp(graph, each)
    if np.array_equal(predictor.prior, ensemble.natural_prior):
        return mean
    return graph.log_softmax(graph.add(mean, np.log(predictor.prior / ensemble.natural_prior)))


def write_decision_scores(graph: Graph, rule: DecisionRule, log_proba: Node) -> Node:
    """Write the computation of the scores whose largest one is answered."""
    if rule.costs is not None:
        return graph.matmul(graph.exp(log_proba), -rule.costs)
    return graph.add(log_proba, rule.log_offsets)


def check_exportable(predictor: Predictor, method: str) -> None:
    """Refuse to export a transformer of the user's own, or parts of dates, and layers of their own but to Keras.

    Raises
    ------
    ValueError
        If there is one.
    """
    body = predictor.ensemble.members[0].network.spec.body
    if body is not None and method != "to_keras":
        raise ValueError(
            f"{method} exports layers of sizes, and hidden_layer_sizes is a function, {body}. Use to_keras, and what "
            'Keras exports, such as model.export("model.onnx", format="onnx").'
        )
    scaler = predictor.first.scaler
    if isinstance(scaler, scalers.CustomScaler):
        raise ValueError(
            f"{method} cannot export scaler={scaler.transformer}, which is a transformer of your own. Use one of the "
            "built-in scalers, or put the transformer before a network with scaler=None and export that network."
        )
    dates = [predictor.columns[encoding.position] for encoding in predictor.first.dates if encoding.kind == "dates"]
    if dates:
        raise ValueError(
            f"{method} exports only numbers and categories, but {listed(map(repr, dates))} held dates when fitted, and "
            "a graph has no calendar. Turn them into numbers (seconds, month, weekday) before fit."
        )


def keras_model(predictor: Predictor) -> Any:
    """Return a ``keras.Model`` from the raw matrix to probabilities; see ``BalancedNNClassifier.to_keras``."""
    check_exportable(predictor, "to_keras")
    if predictor.first.encodings:
        names = ", ".join(repr(predictor.columns[encoding.position]) for encoding in predictor.first.encodings)
        raise ValueError(
            f"to_keras exports only numeric tables, but {names} held categories when fitted. "
            "Use to_onnx, which accepts string columns, or turn categories into numbers before fit."
        )
    with quiet_start():
        from balanced_nn._export.keras import model_of  # deferred: loads TensorFlow

    return model_of(len(predictor.columns), lambda graph, numbers: write_log_proba(graph, predictor, numbers))


def _scores(graph: Graph, member: Member, number: int, numbers: Node | None, codes: Codes | None) -> Node:
    """Log-probabilities of one network at uniform class frequencies, as `Member.scores`."""
    features = _features(graph, member.preprocessing, numbers, codes)
    return _corrected(graph, graph.network(features, member.network, number), member.correction)


def _features(graph: Graph, preprocessing: Preprocessing, numbers: Node | None, codes: Codes | None) -> Node:
    """Matrix that a network reads, as `Preprocessing.clean` and then `expand`."""
    cleaned: list[Node] = []
    expanded: list[Node] = []
    if numbers is not None:
        missing = graph.is_missing(numbers)
        if preprocessing.pivot.any():
            numbers = graph.subtract(numbers, preprocessing.pivot)
        imputed = graph.where(missing, preprocessing.fill, numbers)
        scaled = graph.cast(_scaled(graph, preprocessing.scaler, imputed), "float32")
        if len(preprocessing.scores):
            scores = graph.cast(_normal_scores(graph, preprocessing.scores, imputed), "float32")
            scaled = graph.join([scaled, scores])
        cleaned.append(scaled)
        weighed = scaled if preprocessing.weights is None else graph.multiply(scaled, preprocessing.weights)
        expanded.append(weighed)
        if len(preprocessing.bins):
            expanded.append(_bins(graph, preprocessing, scaled))
        if len(preprocessing.indicators):
            cleaned.append(graph.cast(graph.columns(missing, preprocessing.indicators), "float32"))
    if codes is not None:
        cleaned += [codes(encoding) for encoding in preprocessing.encodings]
    sources, ones, minus_ones = preprocessing.expansion
    if len(sources):
        code = graph.columns(graph.join(cleaned), sources)
        plus, minus = graph.equal(code, ones), graph.equal(code, minus_ones)
        expanded.append(graph.subtract(graph.cast(plus, "float32"), graph.cast(minus, "float32")))
    return graph.join(expanded)


def _bins(graph: Graph, preprocessing: Preprocessing, scaled: Node) -> Node:
    bins = preprocessing.bins
    passed = graph.multiply(graph.subtract(graph.columns(scaled, bins.source), bins.start), bins.slope)
    return _clip(graph, passed, 0.0, 1.0)


def _normal_scores(graph: Graph, scores: NormalScores, x: Node) -> Node:
    """As `NormalScores.apply`."""
    x = _clip(graph, graph.columns(x, scores.source), -scalers.LARGEST / 4, scalers.LARGEST / 4)
    x = _clip(graph, _flush(graph, x), *(np.array([knots[end] for knots in scores.knots]) for end in (0, -1)))
    size = 2 ** max(map(len, scores.knots)).bit_length()
    knots = np.stack([_extended(own, size, scalers.LARGEST) for own in scores.knots])
    values = np.stack([_extended(own, size, own[-1]) for own in scores.values])
    each = [np.diff(own) / np.diff(at) for own, at in zip(scores.values, scores.knots, strict=True)]
    slopes = np.stack([_extended(own, size, 0.0) for own in each])
    table = graph.table(knots)
    last = _last_not_above(graph, knots, table, x)
    beyond = graph.subtract(x, graph.lookup(table, last))
    return graph.add(
        graph.lookup(graph.table(values), last), graph.multiply(graph.lookup(graph.table(slopes), last), beyond)
    )


def _extended(array: FloatArray, size: int, value: float) -> FloatArray:
    return np.append(array, np.full(size - len(array), value))


def _scaled(graph: Graph, scaler: scalers.Scaler, x: Node) -> Node:
    if isinstance(scaler, scalers.QuantileScaler):
        return _normal_quantile(graph, _shares(graph, scaler, x))
    assert isinstance(scaler, scalers.AffineScaler)
    centered = _clip(graph, graph.subtract(x, scaler.center), -scalers.LARGEST, scalers.LARGEST)
    scaled = graph.multiply(centered, scaler.factor)
    whole = _clip(graph, scaled, np.negative(scaler.limit), scaler.limit)
    if not scaler.smooth:
        return whole
    bounded = _smooth_clip(graph, scaled)
    if scaler.without_tails is None:
        return bounded
    plain = np.zeros(scaler.width)
    plain[scaler.without_tails] = 1.0
    return graph.add(graph.multiply(bounded, 1.0 - plain), graph.multiply(whole, plain))


def _smooth_clip(graph: Graph, scaled: Node) -> Node:
    z = _clip(graph, scaled, -scalers.SMOOTH_FROM, scalers.SMOOTH_FROM)
    relative = graph.divide(z, scalers.SMOOTH_LIMIT)
    return graph.divide(z, graph.sqrt(graph.add(graph.multiply(relative, relative), 1.0)))


def _shares(graph: Graph, scaler: scalers.QuantileScaler, x: Node) -> Node:
    """Share of the training rows below each number, as `QuantileScaler.apply` interpolates it."""
    x = _flush(graph, graph.multiply(x, scaler.unit))
    size = 2 ** max(len(np.unique(quantiles)) for quantiles in scaler.quantiles).bit_length()
    steps = np.stack([_steps(quantiles, scaler.references, size) for quantiles in scaler.quantiles], axis=1)
    values, at, above, slope = map(graph.table, steps)
    last = _last_not_above(graph, steps[0], values, x)
    value = graph.lookup(values, last)
    beyond = graph.maximum(graph.subtract(x, value), 0.0)
    between = graph.add(graph.lookup(above, last), graph.multiply(graph.lookup(slope, last), beyond))
    share = graph.where(graph.equal(x, value), graph.lookup(at, last), between)
    share = graph.where(graph.less(scaler.quantiles[:, -1], graph.add(x, scaler.margin)), 1.0, share)
    share = graph.where(graph.less(graph.subtract(x, scaler.margin), scaler.quantiles[:, 0]), 0.0, share)
    varies = (~scaler.constant).astype(np.float64)
    return graph.add(graph.multiply(share, varies), 0.5 * scaler.constant)


def _steps(quantiles: FloatArray, references: FloatArray, size: int) -> FloatArray:
    """The distinct quantiles of a column, ascending, the share at and just above each, and its slope up to the next.

    The last step, of slope 0, is repeated under the largest number until there are `size`.
    """
    values, first = np.unique(quantiles, return_index=True)
    below, above = references[first], references[np.append(first[1:], len(quantiles)) - 1]
    slope = np.append((below[1:] - above[:-1]) / np.diff(values), 0.0)
    steps = np.pad([values, 0.5 * (below + above), above, slope], ((0, 0), (0, size - len(values))), mode="edge")
    steps[0, len(values) :] = scalers.LARGEST
    return steps


def _last_not_above(graph: Graph, values: FloatArray, table: Stored, x: Node) -> Node:
    """Place, among all values, of the last one in each column's row that is at most `x`, or else of the first one.

    A binary search in the table of the values. There is a power of two of them in a row, the last of which is above
    `x`.
    """
    n_columns, size = values.shape
    start = size * np.arange(n_columns)
    half = size // 2
    count = graph.multiply(graph.cast(graph.less_equal(values[:, half - 1], x), "int64"), half)
    while half > 1:
        half //= 2
        probed = graph.lookup(table, graph.add(count, start + half - 1))
        passed = graph.cast(graph.less_equal(probed, x), "int64")
        count = graph.add(count, graph.multiply(passed, half))
    return graph.add(graph.maximum(graph.subtract(count, 1), 0), start)


# M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37(3), 1988,
# PPND16: coefficients of numerator and denominator, from the highest power to the lowest. Relative precision 1e-16.
_CENTRE = (
    (2509.0809287301226727, 5226.495278852854561),
    (33430.575583588128105, 28729.085735721942674),
    (67265.770927008700853, 39307.89580009271061),
    (45921.953931549871457, 21213.794301586595867),
    (13731.693765509461125, 5394.1960214247511077),
    (1971.5909503065514427, 687.1870074920579083),
    (133.14166789178437745, 42.313330701600911252),
    (3.387132872796366608, 1.0),
)
_TAIL = (
    (7.7454501427834140764e-4, 1.05075007164441684324e-9),
    (0.0227238449892691845833, 5.475938084995344946e-4),
    (0.24178072517745061177, 0.0151986665636164571966),
    (1.27045825245236838258, 0.14810397642748007459),
    (3.64784832476320460504, 0.68976733498510000455),
    (5.7694972214606914055, 1.6763848301838038494),
    (4.6303378461565452959, 2.05319162663775882187),
    (1.42343711074968357734, 1.0),
)


def _normal_quantile(graph: Graph, share: Node) -> Node:
    share = _clip(graph, share, scalers.SMALLEST_SHARE, 1.0 - scalers.SMALLEST_SHARE)
    centered = graph.subtract(share, 0.5)
    squared = graph.multiply(centered, centered)
    near = graph.multiply(_ratio(graph, graph.subtract(0.180625, squared), _CENTRE), centered)
    outside = graph.minimum(share, graph.subtract(1.0, share))
    distance = graph.sqrt(graph.subtract(0.0, graph.log(outside)))
    far = _ratio(graph, graph.subtract(distance, 1.6), _TAIL)
    far = graph.where(graph.less(centered, 0.0), graph.subtract(0.0, far), far)
    return graph.where(graph.less_equal(squared, 0.425**2), near, far)


def _ratio(graph: Graph, x: Node, coefficients: Sequence[tuple[float, float]]) -> Node:
    numerator, denominator = (
        reduce(lambda value, following: graph.add(graph.multiply(x, value), following), rest, first)
        for first, *rest in zip(*coefficients, strict=True)
    )
    return graph.divide(numerator, denominator)


def _flush(graph: Graph, x: Node) -> Node:
    """As `scalers.flush`."""
    return graph.where(graph.less(graph.maximum(x, graph.subtract(0.0, x)), scalers.NEXT_TO_ZERO), 0.0, x)


def _clip(graph: Graph, x: Node, lowest: float | FloatArray, highest: float | FloatArray) -> Node:
    return graph.minimum(graph.maximum(x, lowest), highest)


def _corrected(graph: Graph, outputs: Node, correction: Correction) -> Node:
    """Log-probabilities at uniform class frequencies, as `Correction.log_posterior`."""
    if len(correction.training_prior) == 2:
        outputs = graph.matmul(outputs, np.array([[0.0, 1.0]]))
    trained = graph.add(outputs, correction.logit_offset)
    if correction.focal:
        trained = _without_focal_loss(graph, graph.log_softmax(trained))
    if correction.label_smoothing:
        trained = _without_smoothing(graph, graph.log_softmax(trained), correction)
    return graph.log_softmax(graph.subtract(trained, np.log(correction.training_prior)))


def _without_focal_loss(graph: Graph, log_confidence: Node) -> Node:
    """As `undo_focal_loss`."""
    log_v = graph.minimum(log_confidence, -1e-30)
    one_minus_v = graph.subtract(0.0, graph.expm1(log_v))
    slope = graph.subtract(one_minus_v, graph.multiply(graph.multiply(graph.exp(log_v), log_v), FOCAL_GAMMA))
    exponent = graph.subtract(log_v, graph.multiply(graph.log(one_minus_v), FOCAL_GAMMA - 1.0))
    return graph.log_softmax(graph.subtract(exponent, graph.log(slope)))


def _without_smoothing(graph: Graph, log_confidence: Node, correction: Correction) -> Node:
    """As `undo_label_smoothing`."""
    smoothing = correction.label_smoothing
    even = smoothing / len(correction.training_prior)
    lowest = even + (1.0 - smoothing) * SMALLEST_UNSMOOTHED
    confidence = graph.maximum(graph.exp(log_confidence), lowest)
    unsmoothed = graph.divide(graph.subtract(confidence, even), 1.0 - smoothing)
    below = graph.minimum(graph.subtract(log_confidence, float(np.log(lowest))), 0.0)
    return graph.log_softmax(graph.add(graph.log(unsmoothed), below))


def _calibrated(graph: Graph, scores: Node, calibration: Calibration, prior: FloatArray) -> Node:
    """As `Calibration.log_posterior`."""
    cooled = graph.divide(scores, calibration.temperature)
    return graph.log_softmax(graph.add(cooled, calibration.intercepts + np.log(prior)))


def _log_mean_exp(graph: Graph, each: Sequence[Node]) -> Node:
    """Logarithm of the mean of what the nodes are the logarithms of."""
    if len(each) == 1:
        return each[0]
    largest = reduce(graph.maximum, each)
    total = reduce(graph.add, [graph.exp(graph.subtract(node, largest)) for node in each])
    return graph.minimum(graph.add(graph.log(graph.divide(total, float(len(each)))), largest), 0.0)
