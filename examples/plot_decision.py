"""
Where is the threshold, and are the probabilities reliable?
===========================================================

:class:`~balanced_nn.DecisionDisplay` draws what a decision does to the answers, and how reliable the underlying
probabilities are. There are three tables: one with two classes, one with four, and a small one with gaps, columns of
very different size and long class names.
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
# The first table, with two classes:

from balanced_nn import BalancedNNClassifier, DecisionDisplay

X_train, X_test, y_train, y_test = train_test_split(*two, stratify=two[1], random_state=0)
clf = BalancedNNClassifier((64, 32), decision="f1", random_state=0).fit(X_train, y_train)
DecisionDisplay.from_estimator(clf, X_test, y_test)
plt.show()

# %%
# Four classes have no single threshold. The display shows recall and precision of each class, and the recall that
# answering the most probable class would give. No rows are passed, so the rows that `fit` held out are used.

DecisionDisplay.from_estimator(BalancedNNClassifier((64, 32), random_state=0).fit(*four))
plt.show()

# %%
# 170 rows, 8 of the rarest class:

DecisionDisplay.from_estimator(BalancedNNClassifier((64, 32), random_state=0).fit(X_ugly, answers))
plt.show()
