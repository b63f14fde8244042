"""
Why does my own Keras network answer the same for every row?
============================================================

You can diagnose any trained Keras model. This one has ten layers of sigmoid units, and was trained as tutorials do it.
"""

import keras
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

X, y = make_classification(1_500, 12, n_informative=6, weights=[0.7], n_clusters_per_class=1, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

keras.utils.set_random_seed(0)
hidden = [keras.layers.Dense(32, activation="sigmoid") for _ in range(10)]
mine = keras.Sequential([keras.Input((12,)), *hidden, keras.layers.Dense(1, activation="sigmoid")])
mine.compile("adam", "binary_crossentropy")
mine.fit(X_train, y_train, epochs=5, verbose=0)
proba = mine.predict(X_test, verbose=0).ravel()
print(f"probabilities from {proba.min():.4f} to {proba.max():.4f}")

# %%
# :func:`~balanced_nn.diagnose` reports what happened, why, and what to write instead. In a notebook the report looks
# like this; ``print`` gives the same as text.

from balanced_nn import diagnose

report = diagnose(mine, X_train, y_train, X_val=X_test, y_val=y_test)
report

# %%
# Following the advice: ReLU, He initialisation and BatchNormalization, with the same depth and width.

hidden = []
for _ in range(10):
    hidden += [keras.layers.Dense(32, kernel_initializer="he_normal")]
    hidden += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.Activation("relu")]
mended = keras.Sequential([keras.Input((12,)), *hidden, keras.layers.Dense(1, activation="sigmoid")])
mended.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
mended.fit(X_train, y_train, epochs=25, verbose=0)
print(diagnose(mended, X_train, y_train, X_val=X_test, y_val=y_test))

# %%
# The probabilities of the test rows, before and after:

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.6), sharey=True, layout="constrained")
for ax, model, title in zip(axes, (mine, mended), ("ten sigmoid layers", "as the report advises"), strict=True):
    proba = model.predict(X_test, verbose=0).ravel()
    for label, colour in ((0, "tab:blue"), (1, "tab:orange")):
        ax.hist(proba[y_test == label], np.linspace(0, 1, 26), color=colour, alpha=0.6, label=f"class {label}")
    ax.set(title=title, xlabel="probability of class 1", xlim=(0, 1))
figure.get_layout_engine().set(wspace=0.06)
axes[0].set_ylabel("test rows")
axes[0].legend()
plt.show()
