"""
Search for better settings
==========================

:func:`~balanced_nn.search_space` knows which settings are worth searching on a table. A scorer that rejects collapsed
candidates keeps them from winning by chance.
"""

from sklearn.datasets import make_classification

from balanced_nn import BalancedNNClassifier, make_collapse_aware_scorer, search_space

X, y = make_classification(900, 12, n_informative=6, weights=[0.9], flip_y=0.03, random_state=2)
space = search_space(X, y)
grid = space.grid(n_candidates=4)
grid

# %%
# One network is enough to compare candidates, and ``on_collapse="ignore"`` keeps repairs out of the comparison. A
# learning rate of 10 is added to show what the scorer does. Candidates of one shape share one compiled program.

from sklearn.model_selection import GridSearchCV

quick = BalancedNNClassifier(n_members=1, max_iter=25, on_collapse="ignore", random_state=0)
ruinous = {"learning_rate_init": [10.0], "batch_norm": [False]}
search = GridSearchCV(
    quick, [grid, ruinous], scoring=make_collapse_aware_scorer("average_precision"), cv=3, refit=False
)
search.fit(X, y)

# %%
# A candidate that collapsed on a fold scores -1e100: below every other candidate, but still finite.

import matplotlib.pyplot as plt
import numpy as np

results = search.cv_results_
order = np.argsort(results["mean_test_score"])
names = ["\n".join(f"{key}={value}" for key, value in params.items()) for params in results["params"]]
figure, ax = plt.subplots(figsize=(7.6, 4.0), layout="constrained")
for position, candidate in enumerate(order):
    score, spread = results["mean_test_score"][candidate], results["std_test_score"][candidate]
    if score < 0:
        ax.text(0.01, position, "collapsed", va="center", color="tab:red")
    else:
        ax.barh(position, score, xerr=spread, capsize=3, color="tab:blue", alpha=0.8)
ax.set(xlabel="average precision, mean and standard deviation over 3 folds", xlim=(0, 1), ylim=(-0.6, len(order) - 0.4))
ax.set_yticks(range(len(order)), [names[candidate] for candidate in order])
plt.show()

# %%
# The winner is fitted with an ensemble of networks, the default.

winner = BalancedNNClassifier(random_state=0).set_params(**search.best_params_).fit(X, y)
print(search.best_params_)
print(winner.collapse_report_)
