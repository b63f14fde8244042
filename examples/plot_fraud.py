"""
Fraud: one payment in a hundred
===============================

An ordinary network finds few of the frauds. It does not know too little about them; it only answers "fraud" above a
probability of 50 %. The payments are synthetic.
"""

import numpy as np

rng = np.random.default_rng(0)
n_payments = 6_000
amount = rng.lognormal(4.0, 1.0, n_payments)
hour = rng.integers(0, 24, n_payments)
kilometres = rng.exponential(20.0, n_payments)
in_last_hour = rng.poisson(0.7, n_payments)
night = (hour < 5) & (amount > 80)
log_odds = -12.0 + 1.1 * np.log(amount) + 1.2 * in_last_hour + 0.02 * kilometres + 2.0 * night
fraud = (rng.random(n_payments) < 1 / (1 + np.exp(-log_odds))).astype(int)
X = np.column_stack([amount, hour, kilometres, in_last_hour])
print(f"{fraud.sum()} frauds among {n_payments} payments")

# %%
# The ordinary network and ours, on the same rows. ``BalancedNNClassifier`` scales the columns, balances its training,
# and holds out rows for early stopping.

from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from balanced_nn import BalancedNNClassifier

X_train, X_test, y_train, y_test = train_test_split(X, fraud, test_size=0.4, stratify=fraud, random_state=0)
usual = make_pipeline(StandardScaler(), MLPClassifier((64, 32), max_iter=500, random_state=0)).fit(X_train, y_train)
ours = BalancedNNClassifier((64, 32), random_state=0).fit(X_train, y_train)
for name, model in (("MLPClassifier", usual), ("BalancedNNClassifier", ours)):
    alarms = model.predict(X_test) == 1
    print(f"{name}: found {(alarms & (y_test == 1)).sum()} of {y_test.sum()}, alarms {alarms.sum()}")

# %%
# Both rank the payments; the curves show how well. The points mark the answers of ``predict``. The ordinary network is
# at the far left, where almost nothing is found. Ours is where both classes count the same, and
# :meth:`~balanced_nn.BalancedNNClassifier.set_decision` moves it without retraining: here to where F1 is highest on the
# held-out rows.

import matplotlib.pyplot as plt
from sklearn.metrics import PrecisionRecallDisplay, precision_score, recall_score

figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")


def mark(answers, label, colour, marker):
    recall, precision = recall_score(y_test, answers), precision_score(y_test, answers, zero_division=0)
    axes.plot(recall, precision, marker, color=colour, markersize=9, label=label, clip_on=False, zorder=3)


for name, model, colour in (("MLPClassifier", usual, "tab:orange"), ("BalancedNNClassifier", ours, "tab:blue")):
    proba = model.predict_proba(X_test)[:, 1]
    PrecisionRecallDisplay.from_predictions(y_test, proba, name=name, ax=axes, curve_kwargs={"color": colour})
mark(usual.predict(X_test), "predict of MLPClassifier", "tab:orange", "o")
mark(ours.predict(X_test), "predict of ours, balanced", "tab:blue", "o")
mark(ours.set_decision("f1").predict(X_test), "predict of ours, tuned for F1", "tab:blue", "s")
axes.set(xlabel="frauds that are found (recall)", ylabel="alarms that are right (precision)")
axes.legend(loc="upper right")
plt.show()

# %%
# The better question is what a false alarm and a miss cost:
# :ref:`sphx_glr_generated_gallery_plot_threshold_costs.py`.
