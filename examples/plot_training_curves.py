"""
How did training go?
====================

:class:`~balanced_nn.TrainingCurveDisplay` draws the training of each network: the losses, balanced accuracy on the
held-out rows, and the epoch whose weights were kept. There are three tables: one with two classes, one with four, and a
small one with gaps, columns of very different size and long class names.
"""

import warnings

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

from balanced_nn import BalancedNNClassifier, TrainingCurveDisplay
from balanced_nn.exceptions import CollapseWarning

clf = BalancedNNClassifier((64, 32), random_state=0).fit(*two)
TrainingCurveDisplay.from_estimator(clf)
plt.show()

# %%
# Four classes and a single network, so there are fewer lines.

clf = BalancedNNClassifier((64, 32), n_members=1, random_state=0).fit(*four)
TrainingCurveDisplay.from_estimator(clf)
plt.show()

# %%
# 170 rows, 8 of the rarest class. Eight layers of sigmoid units cannot be trained, but they were set by hand. Further
# attempts change only what was not set by hand, and the best attempt is kept.

clf = BalancedNNClassifier((32,) * 8, activation="logistic", batch_norm=False, n_members=1, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", CollapseWarning)
    clf.fit(X_ugly, answers)
TrainingCurveDisplay.from_estimator(clf)
plt.show()
