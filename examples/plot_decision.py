"""
Where is the threshold, and are the probabilities reliable?
===========================================================

:class:`~balanced_nn.DecisionDisplay` draws what a decision does to the answers, and how reliable the probabilities are
that it rests on. Three tables: two classes, four, and a small one with gaps, columns of very different size and long
names.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

two = make_classification(2_000, 10, n_informative=5, weights=[0.94], flip_y=0.02, random_state=0)
four = make_classification(
    3_000, 12, n_informative=7, n_classes=4, n_clusters_per_class=1, weights=[0.7, 0.2, 0.07], random_state=1
)
rng = np.random.default_rng(0)
answers = np.repeat(["approved", "approved after a second look", "withdrawn"], [150, 12, 8])
X_ugly = rng.lognormal(size=(170, 5)) * [1, 1e4, 1e-3, 1, 1] + 2.0 * (answers != "approved")[:, None]
X_ugly[rng.random(X_ugly.shape) < 0.1] = np.nan

# %%
# The first one, two classes:

from balanced_nn import BalancedNNClassifier, DecisionDisplay

X_train, X_test, y_train, y_test = train_test_split(*two, stratify=two[1], random_state=0)
clf = BalancedNNClassifier((64, 32), decision="f1", random_state=0).fit(X_train, y_train)
DecisionDisplay.from_estimator(clf, X_test, y_test)
plt.show()

# %%
# Four classes have no single threshold: recall and precision of each, with the recall that the most probable class
# would have. No rows are passed, so that those that were held out in `fit` are taken.

DecisionDisplay.from_estimator(BalancedNNClassifier((64, 32), random_state=0).fit(*four))
plt.show()

# %%
# 170 rows, 8 of the rarest class:

DecisionDisplay.from_estimator(BalancedNNClassifier((64, 32), random_state=0).fit(X_ugly, answers))
plt.show()
