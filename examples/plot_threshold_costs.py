"""
Thresholds and costs
====================

How probable a class is and which answer to give are two questions. The network is trained once; each line below is a
different decision on the same probabilities.
"""

from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from balanced_nn import BalancedNNClassifier

X, y = make_classification(8_000, 10, n_informative=5, weights=[0.95], flip_y=0.02, class_sep=0.9, random_state=1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
clf = BalancedNNClassifier((64, 32), random_state=0).fit(X_train, y_train)

# %%
# A false alarm costs 1, a miss 4. Rows of the table are true classes, columns are answers. No search is needed: the
# threshold follows from the costs, as long as the probabilities are calibrated.

costs = [[0, 1], [4, 0]]
decisions = {"argmax": "argmax", "balanced": "balanced", "tuned for F1": "f1", "costs": costs}
rules = {name: clf.set_decision(decision).decision_rule_ for name, decision in decisions.items()}
for rule in rules.values():
    print(rule)

# %%
# The curve shows what each threshold would have cost on the test rows. The lines mark the thresholds of the rules. The
# threshold that follows from the costs is near the lowest point, although it was found without these rows.

import matplotlib.pyplot as plt
import numpy as np

proba = clf.predict_proba(X_test)[:, 1]
thresholds = np.geomspace(0.002, 0.98, 200)
cost = [np.mean(np.where(y_test == 1, 4 * (proba <= t), 1 * (proba > t))) for t in thresholds]

figure, ax = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
ax.plot(thresholds, cost, color="black")
looks = (("#D55E00", "--"), ("#0072B2", ":"), ("#CC79A7", "-."), ("#009E73", (0, (5, 1))))
for (name, decision), (colour, dashes) in zip(decisions.items(), looks, strict=True):
    answers = clf.set_decision(decision).predict(X_test)
    threshold = proba[answers == 0].max()
    paid = np.mean(np.where(y_test == 1, 4 * (answers == 0), answers == 1))
    label = f"{name}: above {threshold:.2f}, costs {paid:.3f} a row"
    ax.axvline(threshold, color=colour, linestyle=dashes, label=label)
ax.set(xscale="log", xlabel="answer class 1 above this probability", ylabel="mean cost of a test row")
ax.set_xticks([0.01, 0.03, 0.1, 0.3, 0.9], ["1 %", "3 %", "10 %", "30 %", "90 %"])
ax.minorticks_off()
figure.legend(loc="outside lower center", ncols=2)
plt.show()
