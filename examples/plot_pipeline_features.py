"""
Dimensionality reduction and feature importance in a pipeline
=============================================================

The network is a step like any other: the steps before it are fitted on the training folds only, and tools that inspect
pipelines work on it. The data are the breast tumours that come with scikit-learn, without most of the malignant ones.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer(as_frame=True)
malignant = (data.target == 0).to_numpy()
kept = ~malignant | (np.cumsum(malignant) % 5 == 0)
X, y = data.data[kept], malignant[kept]
print(f"{y.sum()} malignant of {len(y)}")

# %%
# How many principal components of the thirty columns are enough? The plot tries two and more.

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier

network = BalancedNNClassifier((32,), n_members=1, n_bins=None, on_collapse="warn", random_state=0)
sizes = [2, 5, 10, 20]
scores = []
for n_components in sizes:
    model = make_pipeline(StandardScaler(), PCA(n_components), network)
    scores.append(cross_validate(model, X, y, cv=3, scoring="balanced_accuracy")["test_score"])
plain = cross_validate(network, X, y, cv=3, scoring="balanced_accuracy")["test_score"]

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.errorbar(
    sizes, np.mean(scores, axis=1), np.std(scores, axis=1), marker="o", capsize=3, label="PCA, then the network"
)
ax.axhline(plain.mean(), color="grey", linestyle=":", label="all 30 columns")
ax.set(xlabel="principal components", ylabel="balanced accuracy (3 folds)", xticks=sizes)
ax.legend(loc="lower left")
plt.show()

# %%
# Which columns does it use? Shuffle one column of rows that were not trained on, and see how far the score falls.
# Columns that carry the same information can replace each other, so each may seem unimportant.

from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
model = make_pipeline(StandardScaler(), network).fit(X_train, y_train)
importance = permutation_importance(model, X_test, y_test, scoring="average_precision", n_repeats=10, random_state=0)
top = np.argsort(importance.importances_mean)[-10:]

figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
ax.boxplot(importance.importances[top].T, orientation="horizontal", tick_labels=X.columns[top])
ax.axvline(0, color="grey", linewidth=0.8)
ax.set(xlabel="fall of average precision when the column is shuffled")
plt.show()
