"""How is a fitted predictor written as an ONNX graph? By hand, from its arrays, in float64."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from balanced_nn._data.table import level_text
from balanced_nn._decision.predictor import Predictor
from balanced_nn._export.formulas import check_exportable, write_decision_scores, write_log_proba
from balanced_nn._export.graph import Operand
from balanced_nn._network.network import SELU_ALPHA, SELU_SCALE, FittedNetwork, LayerArrays, Network
from balanced_nn._preprocessing.encoding import Encoding
from balanced_nn._typing import FloatArray, IntArray

# Read by every ONNX Runtime from 1.12, of 2022, on.
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
MATRIX = "X"  # name of the input of a table of numbers
LABEL, PROBABILITIES = "label", "probabilities"  # names of the outputs
MISSING_TEXT = ""


class Value(NamedTuple):
    """The name of a tensor in the graph, and the type of its elements."""

    name: str
    dtype: np.dtype[Any]


def _of_one(kind: str, **attributes: Any) -> Callable[..., Value]:
    """Return a method that applies an operation to one value, and keeps its type."""

    def operation(self: "OnnxGraph", a: Value) -> Value:
        return self.node(kind, [a], a.dtype, **attributes)

    return operation


def _of_two(kind: str, dtype: DTypeLike | None = None) -> Callable[..., Value]:
    """Return a method that applies an operation to two operands; the result has their type, or `dtype`."""

    def operation(self: "OnnxGraph", a: Operand, b: Operand) -> Value:
        a, b = self.values(a, b)
        return self.node(kind, [a, b], dtype or a.dtype)

    return operation


class OnnxGraph:
    """The `Graph` of an ONNX model: nodes are `Value`.

    Parameters
    ----------
    taken : iterable of str
        Names of inputs and outputs, which no inner tensor gets.
    """

    add, subtract, multiply, divide = _of_two("Add"), _of_two("Sub"), _of_two("Mul"), _of_two("Div")
    minimum, maximum, matmul = _of_two("Min"), _of_two("Max"), _of_two("MatMul")
    less, less_equal, equal = (_of_two(kind, np.bool_) for kind in ("Less", "LessOrEqual", "Equal"))
    exp, log, sqrt, absolute = _of_one("Exp"), _of_one("Log"), _of_one("Sqrt"), _of_one("Abs")
    log_softmax = _of_one("LogSoftmax", axis=1)

    def __init__(self, taken: Sequence[str]) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._taken = frozenset(taken)
        self._count = 0

    def node(
        self, kind: str, inputs: Sequence[Value], dtype: DTypeLike, name: str | None = None, **attributes: Any
    ) -> Value:
        """Append an operation of one output; None gives it a new name."""
        output = Value(name or self._new_name(kind), np.dtype(dtype))
        made = _onnx().helper.make_node(kind, [value.name for value in inputs], [output.name], **attributes)
        self.nodes.append(made)
        return output

    def constant(self, array: ArrayLike) -> Value:
        """Append an array; objects are strings."""
        array = np.asarray(array)
        value = Value(self._new_name("constant"), array.dtype)
        self.initializers.append(_onnx().numpy_helper.from_array(array, value.name))
        return value

    def values(self, a: Operand, b: Operand) -> tuple[Value, Value]:
        """Make constants of what is none, in the type of the other one."""
        dtype = a.dtype if isinstance(a, Value) else b.dtype
        first, second = (x if isinstance(x, Value) else self.constant(np.asarray(x, dtype)) for x in (a, b))
        return first, second

    def _new_name(self, kind: str) -> str:
        while True:
            self._count += 1
            name = f"{kind}_{self._count}"
            if name not in self._taken:
                return name

    def is_missing(self, a: Value) -> Value:
        """Return whether `a` is NaN."""
        return self.node("IsNaN", [a], np.bool_)

    def where(self, condition: Value, a: Operand, b: Operand) -> Value:
        """Return `a` where the condition holds, else `b`."""
        a, b = self.values(a, b)
        return self.node("Where", [condition, a, b], a.dtype)

    def expm1(self, a: Value) -> Value:
        """Return ``e ** a - 1``, which ONNX does not have: near 0 by its series, to 10 digits."""
        series = self.multiply(self.add(self.multiply(a, 0.5), 1.0), a)
        return self.where(self.less(self.absolute(a), 1e-5), series, self.subtract(self.exp(a), 1.0))

    def cast(self, a: Value, dtype: str) -> Value:
        """Return `a` in another type."""
        return self.node("Cast", [a], dtype, to=_tensor_type(np.dtype(dtype)))

    def columns(self, a: Value, which: IntArray) -> Value:
        """Return some columns of a matrix."""
        return self.node("Gather", [a, self.constant(which.astype(np.int64))], a.dtype, axis=1)

    def join(self, parts: Sequence[Value]) -> Value:
        """Put matrices side by side."""
        return self.node("Concat", parts, parts[0].dtype, axis=1) if len(parts) > 1 else parts[0]

    def table(self, array: FloatArray) -> Value:
        """Store the elements of an array."""
        return self.constant(array.ravel())

    def lookup(self, table: Value, index: Value) -> Value:
        """Return elements of a stored array by their place in it."""
        return self.node("Gather", [table, index], table.dtype, axis=0)

    def network(self, features: Value, network: Network, number: int) -> Value:
        """Return the raw outputs of a network as float64; its weights are stored in float32, as trained."""
        assert isinstance(network, FittedNetwork)  # bodies are refused
        hidden = self.cast(features, "float64")
        *inner, last = network.layers
        for layer in inner:
            hidden = self._activated(self._dense(hidden, layer), network.spec.activation)
        return self._dense(hidden, last)

    def _dense(self, hidden: Value, layer: LayerArrays) -> Value:
        product = self.node("MatMul", [hidden, self.cast(self.constant(layer.kernel), "float64")], np.float64)
        scale, shift = layer.affine()
        return self.add(product if scale is None else self.multiply(product, scale), shift)

    def _activated(self, z: Value, activation: str) -> Value:
        match activation:
            case "relu":
                return self.maximum(z, 0.0)
            case "tanh":
                return self.node("Tanh", [z], z.dtype)
            case "logistic":
                return self.node("Sigmoid", [z], z.dtype)
            case "gelu":  # ONNX Runtime has the error function in float32 alone
                single = self.cast(self.multiply(z, float(np.sqrt(0.5))), "float32")
                erf = self.cast(self.node("Erf", [single], single.dtype), "float64")
                return self.multiply(self.multiply(z, 0.5), self.add(erf, 1.0))
            case "selu":
                negative = self.multiply(self.expm1(self.minimum(z, 0.0)), SELU_ALPHA)
                return self.multiply(self.where(self.less(z, 0.0), negative, z), SELU_SCALE)
        return z


def onnx_model(predictor: Predictor) -> Any:
    """Return an ``onnx.ModelProto`` of the whole predictor; see ``BalancedNNClassifier.to_onnx``."""
    helper = _onnx().helper
    check_exportable(predictor, "to_onnx")
    encoded = bool(predictor.first.encodings)
    names = predictor.columns if encoded else (MATRIX,)
    _check_names(names)
    graph, inputs = OnnxGraph((*names, LABEL, PROBABILITIES)), _inputs(predictor, names)
    _check_texts(predictor, inputs)
    label, proba = _answers(graph, predictor, inputs)
    shape = ("rows", 1 if encoded else len(predictor.columns))
    made = helper.make_graph(
        graph.nodes,
        "BalancedNNClassifier",
        [_info(value, shape) for value in inputs],
        [_info(label, ("rows",)), _info(proba, ("rows", len(predictor.classes)))],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="balanced_nn")


def _answers(graph: OnnxGraph, predictor: Predictor, inputs: Sequence[Value]) -> tuple[Value, Value]:
    """Write labels and probabilities into the graph."""
    numbers: Value | None = inputs[0]
    if predictor.first.encodings:
        numeric = [inputs[position] for position in predictor.first.numeric_positions]
        numbers = graph.join(numeric) if numeric else None
    log_proba = write_log_proba(
        graph, predictor, numbers, lambda encoding: _codes(graph, inputs[encoding.position], encoding)
    )
    proba = graph.node("Exp", [log_proba], np.float64, name=PROBABILITIES)
    scores = write_decision_scores(graph, predictor.rule, log_proba)
    answer = graph.node("ArgMax", [scores], np.int64, axis=1, keepdims=0)
    classes = graph.constant(_labels(predictor.classes))
    return graph.node("Gather", [classes, answer], classes.dtype, name=LABEL, axis=0), proba


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as exc:
        raise ImportError("to_onnx needs onnx: pip install 'balanced-nn[onnx]'") from exc
    return onnx


def _check_names(names: Sequence[str]) -> None:
    unusable = {LABEL, PROBABILITIES, ""}.intersection(names)
    if unusable:
        raise ValueError(
            f"to_onnx names each input after its column, and {', '.join(map(repr, sorted(unusable)))} cannot be the "
            f"name of an input: {LABEL!r} and {PROBABILITIES!r} are the outputs. Rename the column before fit."
        )


def _inputs(predictor: Predictor, names: Sequence[str]) -> list[Value]:
    """Return the inputs in the order of the columns: text where a network knows a level that is one, else numbers."""
    texts = {
        encoding.position
        for member in predictor.ensemble.members
        for encoding in member.preprocessing.encodings
        if not encoding.codes or any(isinstance(level, str) for level in encoding.codes)
    }
    return [Value(name, np.dtype(object if j in texts else np.float64)) for j, name in enumerate(names)]


def _info(value: Value, shape: Sequence[int | str | None]) -> Any:
    return _onnx().helper.make_tensor_value_info(value.name, _tensor_type(value.dtype), shape)


def _tensor_type(dtype: np.dtype[Any]) -> int:
    return int(_onnx().helper.np_dtype_to_tensor_dtype(dtype))


def _labels(classes: np.ndarray) -> np.ndarray:
    """Class labels in a type that ONNX Runtime gathers: integers, float64, booleans or text."""
    if classes.dtype.kind == "u" and int(classes.max()) > np.iinfo(np.int64).max:
        raise ValueError(
            f"to_onnx writes whole labels as int64, which does not hold {classes.max()!s}. Fit on smaller numbers, or "
            "on text."
        )
    kinds = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}
    if classes.dtype.kind in kinds:
        return classes.astype(kinds[classes.dtype.kind])
    return np.array([str(label) for label in classes.tolist()], dtype=object)


def _check_texts(predictor: Predictor, inputs: Sequence[Value]) -> None:
    """Refuse a column in which the networks have seen missing cells as well as empty texts."""
    for encodings in zip(*(member.preprocessing.encodings for member in predictor.ensemble.members), strict=True):
        column = inputs[encodings[0].position]
        missing = any(encoding.missing != encoding.unseen for encoding in encodings)
        if column.dtype.kind == "O" and missing and any(MISSING_TEXT in encoding.codes for encoding in encodings):
            raise ValueError(
                f"Column {column.name!r} held missing cells and empty strings when fitted, and the input of an ONNX "
                "graph cannot distinguish them: an empty string there means missing. Replace one of them before "
                "fit."
            )


def _codes(graph: OnnxGraph, column: Value, encoding: Encoding) -> Value:
    """Code of each cell of a category column, as `Encoding.encode`."""
    if column.dtype.kind != "O":
        return _codes_of_numbers(graph, column, encoding)
    codes = {MISSING_TEXT: encoding.missing, **{level_text(level): code for level, code in encoding.codes.items()}}
    return graph.node(
        "LabelEncoder",
        [column],
        np.float32,
        domain="ai.onnx.ml",
        keys_strings=list(codes),
        values_floats=[float(code) for code in codes.values()],
        default_float=float(encoding.unseen),
    )


def _codes_of_numbers(graph: OnnxGraph, column: Value, encoding: Encoding) -> Value:
    """The same where the levels are numbers, at most one of which a cell equals."""
    inexact = [level for level in encoding.codes if isinstance(level, int) and int(float(level)) != level]
    if inexact:
        raise ValueError(
            f"to_onnx reads categories that are numbers as float64, which does not hold {inexact[0]} of column "
            f"{column.name!r}. Turn the column into text before fit."
        )
    levels, codes = np.array([*encoding.codes], np.float64), np.array([*encoding.codes.values()], np.float64)
    found = graph.cast(graph.equal(column, levels), "float64")
    known = graph.matmul(found, (codes - encoding.unseen)[:, None])
    missing = graph.cast(graph.is_missing(column), "float64")
    absent = graph.multiply(missing, float(encoding.missing - encoding.unseen))
    return graph.cast(graph.add(graph.add(known, absent), float(encoding.unseen)), "float32")
