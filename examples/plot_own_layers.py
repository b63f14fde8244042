"""
Layers of your own
==================

`hidden_layer_sizes` may be a function that makes the layers between input and output. Cleaning, balancing, the search
for the learning rate, early stopping, calibration and decisions stay. Three bodies stand beside the usual layers in a
grid search: residual blocks, a wide and deep network, and attention over the columns.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from balanced_nn import BalancedNNClassifier

X, y = make_classification(
    1_500, 10, n_informative=6, weights=[0.9], class_sep=1.0, n_clusters_per_class=3, flip_y=0.01, random_state=0
)

# %%
# A function takes the number of columns, and returns a layer, a model or a list of layers:


def residual(n_inputs):
    inputs = keras.Input((n_inputs,))
    hidden = keras.layers.Dense(32)(inputs)
    for _ in range(2):
        inner = keras.layers.BatchNormalization()(hidden)
        inner = keras.layers.Dense(32, activation="relu")(inner)
        hidden = keras.layers.Add()([hidden, inner])
    return keras.Model(inputs, hidden)


def wide_and_deep(n_inputs):
    inputs = keras.Input((n_inputs,))
    deep = keras.layers.Dense(32, activation="relu")(inputs)
    deep = keras.layers.Dense(16, activation="relu")(deep)
    return keras.Model(inputs, keras.layers.Concatenate()([inputs, deep]))


class ColumnEmbedding(keras.layers.Layer):
    """A vector for each column: a learned direction times the number, plus a learned offset."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape):
        shape = (input_shape[-1], self.width)
        self.direction = self.add_weight(shape=shape, initializer="glorot_uniform")
        self.offset = self.add_weight(shape=shape, initializer="glorot_uniform")

    def call(self, inputs):
        return inputs[:, :, None] * self.direction + self.offset


def attention(n_inputs):
    inputs = keras.Input((n_inputs,))
    columns = ColumnEmbedding(8)(inputs)
    seen = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)(columns, columns)
    columns = keras.layers.LayerNormalization()(keras.layers.Add()([columns, seen]))
    return keras.Model(inputs, keras.layers.Flatten()(columns))


# %%
# They are values like any other. Without bins, a column of the network is a column of the table:

bodies = {"(64, 32)": (64, 32), "residual": residual, "wide and deep": wide_and_deep, "attention": attention}
search = GridSearchCV(
    BalancedNNClassifier(n_members=1, n_bins=None, max_iter=40, random_state=0),
    {"hidden_layer_sizes": list(bodies.values())},
    scoring="balanced_accuracy",
    cv=3,
).fit(X, y)

# %%
# The folds of each:

splits = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(3)])
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(splits.T, range(len(bodies)), "o", color="tab:blue", alpha=0.5)
ax.plot(splits.mean(axis=0), range(len(bodies)), "|", color="black", markersize=18)
ax.set_yticks(range(len(bodies)), list(bodies))
ax.set_xlabel("balanced accuracy of a fold; the bar is the mean")
ax.invert_yaxis()
plt.show()

# %%
# The report of a fit says that Keras trains and answers:

print(BalancedNNClassifier(residual, n_members=1, max_iter=40, random_state=0).fit(X, y).collapse_report_)
