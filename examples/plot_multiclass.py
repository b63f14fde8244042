"""
Five classes, the rarest with one row in a hundred
==================================================

With several classes a network need not collapse completely: it may just never answer the rare ones. Each row of the
pictures is a true class, and shows which answers its rows got.
"""

from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier

shares = [0.60, 0.25, 0.10, 0.04, 0.01]
X, y = make_classification(
    6_000,
    12,
    n_informative=8,
    n_classes=5,
    n_clusters_per_class=1,
    weights=shares,
    flip_y=0,
    class_sep=0.9,
    random_state=3,
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
models = {
    "MLPClassifier": make_pipeline(
        StandardScaler(), MLPClassifier((64, 32), early_stopping=True, n_iter_no_change=5, random_state=0)
    ),
    "BalancedNNClassifier": BalancedNNClassifier((64, 32), random_state=0),
}

# %%
# The colour is the share of a true class, so that each row of a picture sums to 100 %, however rare the class.

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, balanced_accuracy_score

figure, axes = plt.subplots(1, 2, figsize=(9.0, 4.2), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    answers = model.fit(X_train, y_train).predict(X_test)
    ConfusionMatrixDisplay.from_predictions(
        y_test, answers, normalize="true", values_format=".0%", cmap="Blues", colorbar=False, ax=ax
    )
    ax.set_title(f"{name}\nbalanced accuracy {balanced_accuracy_score(y_test, answers):.2f}")
plt.show()

# %%
# The probabilities still refer to the natural class frequencies. ``predict`` answers the class whose probability is
# largest in relation to its share; printing the rule shows this.

proba = models["BalancedNNClassifier"].predict_proba(X_test)
print("mean probability", proba.mean(axis=0).round(3))
print(models["BalancedNNClassifier"].decision_rule_)
