"""Layers of a user's own: three bodies, made by functions that a pickle finds by their names."""

from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class Residual:
    """Dense layers, each of which adds to what it read; an object, so that its settings can be searched."""

    width: int = 16
    n_blocks: int = 2

    def __call__(self, n_inputs: int) -> keras.Model:
        inputs = keras.Input((n_inputs,))
        hidden = keras.layers.Dense(self.width)(inputs)
        for _ in range(self.n_blocks):
            inner = keras.layers.BatchNormalization()(hidden)
            inner = keras.layers.Dense(self.width, activation="relu")(inner)
            inner = keras.layers.Dropout(0.1)(inner)
            hidden = keras.layers.Add()([hidden, inner])
        return keras.Model(inputs, hidden)


def wide_and_deep(n_inputs: int) -> keras.Model:
    """All columns as they are, beside what layers make of them."""
    inputs = keras.Input((n_inputs,))
    deep = keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4))(inputs)
    deep = keras.layers.Dense(8, activation="relu")(deep)
    return keras.Model(inputs, keras.layers.Concatenate()([inputs, deep]))


class ColumnEmbedding(keras.layers.Layer):
    """A vector for each column: a learned direction times the number, plus a learned offset."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1], self.width)
        self.direction = self.add_weight(shape=shape, initializer="glorot_uniform")
        self.offset = self.add_weight(shape=shape, initializer="glorot_uniform")

    def call(self, inputs: Any) -> Any:
        return inputs[:, :, None] * self.direction + self.offset


def column_attention(n_inputs: int) -> list[keras.layers.Layer]:
    """Attention over columns."""
    return [ColumnEmbedding(8), Attention(), keras.layers.GlobalAveragePooling1D()]


class Attention(keras.layers.Layer):
    """Each column looks at all others, and adds what it saw."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
        self.norm = keras.layers.LayerNormalization()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.attention.build(input_shape, input_shape)
        self.norm.build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.norm(inputs + self.attention(inputs, inputs))
