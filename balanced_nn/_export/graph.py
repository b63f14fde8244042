"""Which operations does every format of graphs have, that a predictor needs? What an export has to provide."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from balanced_nn._network.network import Network
from balanced_nn._typing import FloatArray, IntArray

Node: TypeAlias = Any  # the result of an operation
Stored: TypeAlias = Any  # an array in the graph, to look elements up in
Operand: TypeAlias = Any  # a node, an array, or a number, which takes the type of the other operand


class Graph(Protocol):
    """Operations on matrices of one row a sample; elementwise unless said otherwise."""

    def add(self, a: Operand, b: Operand) -> Node:
        """Return ``a + b``."""

    def subtract(self, a: Operand, b: Operand) -> Node:
        """Return ``a - b``."""

    def multiply(self, a: Operand, b: Operand) -> Node:
        """Return ``a * b``."""

    def divide(self, a: Operand, b: Operand) -> Node:
        """Return ``a / b``."""

    def minimum(self, a: Operand, b: Operand) -> Node:
        """Return the smaller one."""

    def maximum(self, a: Operand, b: Operand) -> Node:
        """Return the larger one."""

    def exp(self, a: Node) -> Node:
        """Return ``e ** a``."""

    def expm1(self, a: Node) -> Node:
        """Return ``e ** a - 1``, precise near 0."""

    def log(self, a: Node) -> Node:
        """Return the natural logarithm."""

    def sqrt(self, a: Node) -> Node:
        """Return the square root."""

    def less(self, a: Operand, b: Operand) -> Node:
        """Return whether ``a < b``."""

    def less_equal(self, a: Operand, b: Operand) -> Node:
        """Return whether ``a <= b``."""

    def equal(self, a: Operand, b: Operand) -> Node:
        """Return whether ``a == b``."""

    def is_missing(self, a: Node) -> Node:
        """Return whether `a` is NaN."""

    def where(self, condition: Node, a: Operand, b: Operand) -> Node:
        """Return `a` where the condition holds, else `b`; one of both is a node."""

    def cast(self, a: Node, dtype: str) -> Node:
        """Return `a` as "float32", "float64" or "int64"."""

    def columns(self, a: Node, which: IntArray) -> Node:
        """Return some columns of a matrix."""

    def join(self, parts: Sequence[Node]) -> Node:
        """Put matrices side by side."""

    def table(self, array: FloatArray) -> Stored:
        """Store the elements of an array, float64, for `lookup`."""

    def lookup(self, table: Stored, index: Node) -> Node:
        """Return elements of a stored array by their place in it, in C order; of the shape of `index`."""

    def matmul(self, a: Node, matrix: FloatArray) -> Node:
        """Return the matrix product."""

    def log_softmax(self, a: Node) -> Node:
        """Return the logarithm of the softmax of each row."""

    def network(self, features: Node, network: Network, number: int) -> Node:
        """Return the raw outputs of a network, the `number`-th, as float64."""
