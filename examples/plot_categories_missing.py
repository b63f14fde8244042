"""
Categories, missing values, and an unseen level
===============================================

A raw table: numbers with gaps, strings, booleans. You do not need to encode or impute anything first, and nothing that
is learned about the table comes from the test rows.
"""

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_rows = 3_000
customers = pd.DataFrame(
    {
        "age": rng.integers(18, 80, n_rows).astype(float),
        "income": rng.lognormal(10.3, 0.4, n_rows).round(-2),
        "contract": rng.choice(["monthly", "yearly", "two years"], n_rows, p=[0.5, 0.3, 0.2]),
        "city": pd.Categorical(rng.choice(["Graz", "Linz", "Wien"], n_rows)),
        "complained": rng.random(n_rows) < 0.1,
    }
)
log_odds = (
    -4.6
    + 2.0 * (customers["contract"] == "monthly")
    + 2.5 * customers["complained"]
    + 2.0 * (customers["age"] < 30)
    - 1.0 * (customers["city"] == "Wien")
)
left = np.where(rng.random(n_rows) < 1 / (1 + np.exp(-log_odds)), "left", "stayed")
customers.loc[rng.random(n_rows) < 0.2, "income"] = np.nan
customers.loc[rng.random(n_rows) < 0.05, "contract"] = None
customers.head()

# %%
# Labels may be strings. `classes_` is sorted as in scikit-learn, so "left" comes first.

from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from balanced_nn import BalancedNNClassifier

X_train, X_test, y_train, y_test = train_test_split(customers, left, stratify=left, random_state=0)
clf = BalancedNNClassifier((32,), random_state=0).fit(X_train, y_train)
print(f"share that left {np.mean(y_train == 'left'):.3f}")
print(f"balanced accuracy {balanced_accuracy_score(y_test, clf.predict(X_test)):.2f}")

# %%
# What the network sees: scaled numbers, a column that marks missing numbers, and a column for each level.

print(*clf.preprocessing_.feature_names(clf.feature_names_in_), sep="\n")

# %%
# A level that was not in training is no error; the row is predicted from its other columns.

stranger = X_test.iloc[[0]].assign(contract="for life")
print(clf.predict_proba(stranger).round(3))

# %%
# The probability of leaving by age, for each contract; the other columns come from the test rows.

import matplotlib.pyplot as plt

ages = np.arange(20, 80, 5)
figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
for contract in ("monthly", "yearly", "two years"):
    means = [clf.predict_proba(X_test.assign(age=float(age), contract=contract))[:, 0].mean() for age in ages]
    ax.plot(ages, means, marker="o", markersize=4, label=contract)
ax.axhline(np.mean(y_train == "left"), color="grey", linestyle=":", label="share that left")
ax.set(xlabel="age", ylabel="mean probability of leaving", ylim=(0, None))
ax.legend(title="contract")
plt.show()
