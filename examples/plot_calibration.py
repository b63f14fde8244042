"""
Probabilities that stay calibrated
==================================

Class weights teach a classifier that half of the rows are rare, and its probabilities reflect that. The probabilities
of ``BalancedNNClassifier`` are corrected; :func:`~balanced_nn.correct_prior` corrects those of other models.
"""

from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from balanced_nn import BalancedNNClassifier, correct_prior

X, y = make_classification(12_000, 10, n_informative=5, weights=[0.93], flip_y=0.05, class_sep=0.7, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.6, stratify=y, random_state=0)
share = y_train.mean()

linear = LogisticRegression(class_weight="balanced").fit(X_train, y_train)
ours = BalancedNNClassifier((64, 32), random_state=0).fit(X_train, y_train)
probabilities = {
    "logistic regression, balanced": linear.predict_proba(X_test),
    "the same, corrected": correct_prior(linear.predict_proba(X_test), [0.5, 0.5], [1 - share, share]),
    "BalancedNNClassifier": ours.predict_proba(X_test),
}

# %%
# On the diagonal, one in five of the rows with a probability of 20 % belongs to the class.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import log_loss

figure, ax = plt.subplots(figsize=(5.6, 5.2), layout="constrained")
looks = ({"color": "#D55E00", "marker": "o"}, {"color": "#009E73", "marker": "^"}, {"color": "#0072B2", "marker": "s"})
for (name, proba), look in zip(probabilities.items(), looks, strict=True):
    CalibrationDisplay.from_predictions(y_test, proba[:, 1], n_bins=8, strategy="quantile", name=name, ax=ax, **look)
    print(f"{name}: mean {proba[:, 1].mean():.3f}, share {y_test.mean():.3f}, log-loss {log_loss(y_test, proba):.3f}")
ax.set(
    xlabel="probability that was given",
    ylabel="share of rows that belong to the class",
    aspect="equal",
    xlim=(0, 0.8),
    ylim=(0, 0.8),
)
ax.legend(loc="upper left")
plt.show()
