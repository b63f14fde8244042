"""
How was the learning rate found?
================================

:class:`~balanced_nn.LearningRateDisplay` draws the range test: the loss while the rate grows, the rate that was chosen,
and why. There are three tables: one with two classes, one with four, and a small one with gaps, columns of very
different size and long class names.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification

two = make_classification(2_000, 10, n_informative=5, weights=[0.94], flip_y=0.02, random_state=0)
four = make_classification(
    3_000, 12, n_informative=7, n_classes=4, n_clusters_per_class=1, weights=[0.7, 0.2, 0.07], random_state=1
)
rng = np.random.default_rng(0)
answers = np.repeat(["approved", "approved after a second look", "withdrawn"], [150, 12, 8])
X_ugly = rng.lognormal(size=(170, 5)) * [1, 1e4, 1e-3, 1, 1] + 2.0 * (answers != "approved")[:, None]
X_ugly[rng.random(X_ugly.shape) < 0.1] = np.nan

# %%
# The first table, with two classes:

from balanced_nn import BalancedNNClassifier, LearningRateDisplay, learning_rate_range_test

clf = BalancedNNClassifier((64, 32), n_members=1, random_state=0).fit(*two)
LearningRateDisplay.from_estimator(clf)
plt.show()

# %%
# Four classes, and the range test on its own, with more steps and lower rates, for a classifier that is not fitted:

trace = learning_rate_range_test(
    BalancedNNClassifier((64, 32), random_state=0), *four, min_learning_rate=1e-6, n_steps=90
)
LearningRateDisplay.from_trace(trace)
plt.show()

# %%
# 170 rows, 8 of the rarest class:

clf = BalancedNNClassifier((64, 32), n_members=1, random_state=0).fit(X_ugly, answers)
LearningRateDisplay.from_estimator(clf)
plt.show()
