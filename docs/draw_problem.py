"""What goes wrong on imbalanced classes, in one picture? `python docs/draw_problem.py` draws docs/images/problem.png.

A rare class lies within a frequent one, in a plane. The ground is coloured by what a network answers there:
scikit-learn's `MLPClassifier` and `BalancedNNClassifier`, both at their defaults. The titles say what they find among
fresh points, and a line below what the first would find if cross-validation chose its threshold.
"""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import recall_score
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier

from balanced_nn import BalancedNNClassifier

PICTURE = Path(__file__).parent / "images/problem.png"
COMMON, RARE = "#4477aa", "#cc6677"
PLAIN, MOVED, OURS = "MLPClassifier()", "threshold tuned", "BalancedNNClassifier()"


def points(n_common: int, n_rare: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A frequent class around the middle, a rare one to the upper right within it."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(0.0, 1.2, (n_common, 2)), rng.normal(1.3, 0.45, (n_rare, 2))])
    return X, np.repeat([0, 1], [n_common, n_rare])


def fitted() -> dict[str, Any]:
    """Both networks, and the first with another threshold, trained on the same points."""
    X, y = points(1940, 60, 0)
    plain = MLPClassifier(random_state=0)
    models = {
        PLAIN: plain,
        MOVED: TunedThresholdClassifierCV(plain, scoring="balanced_accuracy", random_state=0),
        OURS: BalancedNNClassifier(random_state=0),
    }
    return {name: model.fit(X, y) for name, model in models.items()}


def recalls(model: Any) -> np.ndarray:
    """Share of each class that is found among fresh points."""
    X, y = points(19400, 600, 1)
    return recall_score(y, model.predict(X), average=None)


def found(model: Any) -> str:
    """Say which share of each class is found."""
    common, rare = recalls(model)
    return f"finds {rare:.0%} of the rare class, {common:.0%} of the other"


def draw(models: dict[str, Any]) -> Any:
    """A panel for each network: the training points, over the answers."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    X, y = points(1940, 60, 0)
    edge = np.linspace(-4.2, 4.2, 300)
    ground = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
    figure = Figure(figsize=(9.0, 4.9), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2), (PLAIN, OURS), strict=True):
        answers = models[name].predict(ground).reshape(len(edge), -1)
        ax.pcolormesh(edge, edge, answers, cmap=ListedColormap([COMMON, RARE]), alpha=0.25, vmin=0, vmax=1)
        for label, colour, size, text in ((0, COMMON, 3, "common, 97 %"), (1, RARE, 9, "rare, 3 %")):
            ax.scatter(*X[y == label].T, s=size, color=colour, label=text)
        ax.set_title(f"{name}\n{found(models[name])}", fontsize=11)
        ax.set(xlim=(-4.2, 4.2), ylim=(-4.2, 4.2), xticks=[], yticks=[], aspect="equal")
    figure.axes[0].set_xlabel(f"{MOVED}: {found(models[MOVED])}", fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=2, frameon=False)
    return figure


if __name__ == "__main__":
    draw(fitted()).savefig(PICTURE, dpi=220)
