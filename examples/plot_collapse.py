"""
Did it collapse?
================

:class:`~balanced_nn.CollapseDisplay` draws a report: how often each class is answered and how often it is true, how
much its probability varies, and the state of the layers if the report looked at them. There are three tables: one with
two classes, one with four, and a small one with gaps, columns of very different size and long class names.
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

from sklearn.neural_network import MLPClassifier

from balanced_nn import BalancedNNClassifier, CollapseDisplay

clf = BalancedNNClassifier((64, 32), n_members=1, random_state=0).fit(*two)
CollapseDisplay(clf.collapse_report_).plot()
plt.show()

# %%
# Four classes, and a classifier from another library, which is diagnosed first. Its training stopped too early to learn
# the rare classes.

X_train, X_test, y_train, y_test = train_test_split(*four, stratify=four[1], random_state=0)
mine = MLPClassifier((32, 16), early_stopping=True, learning_rate_init=1e-4, random_state=0).fit(X_train, y_train)
CollapseDisplay.from_estimator(mine, X_train, y_train, X_val=X_test, y_val=y_test)
plt.show()

# %%
# 170 rows, 8 of the rarest class, and eight layers of sigmoid units: the probabilities are constant, and the layers
# show where the signal ends.

clf = BalancedNNClassifier(
    (32,) * 8, activation="logistic", batch_norm=False, n_members=1, on_collapse="ignore", random_state=0
)
CollapseDisplay(clf.fit(X_ugly, answers).collapse_report_).plot()
plt.show()
