"""A fitted model in a file that every later release has to open: `python -m tests.helpers.stored_model` writes it.

Written with the lowest supported packages, once for each version of the format. A release that cannot read the file
leaves its users without their models: give a field that is new a default, and a class that has moved its old name.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from balanced_nn import BalancedNNClassifier, save_model

FOLDER = Path(__file__).parents[1] / "export/stored"
MODEL, ANSWERS = FOLDER / "format-1.skops", FOLDER / "format-1.json"


def stored_rows(n_rows: int = 240) -> pd.DataFrame:
    """Rows of each kind of column that do not depend on a generator of random numbers."""
    at = np.arange(n_rows)
    frame = pd.DataFrame({"size": np.sin(1.7 * at), "tail": np.exp(4 * np.cos(2.3 * at)), "flag": at % 3 == 0})
    frame["town"] = np.array(["A", "B", "C"])[at * 7 % 11 % 3]
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(at * 5 % 97, unit="D")
    frame.loc[at % 13 == 0, "size"] = np.nan
    frame.loc[at % 17 == 0, "town"] = None
    return frame


def stored_labels(frame: pd.DataFrame) -> np.ndarray:
    """Labels that the rows tell."""
    return np.where(frame["size"].fillna(0.0) + 0.5 * (frame["town"] == "A") > 0.9, "yes", "no")


def write_stored_model() -> None:
    """Fit, and write the model with what it answers."""
    frame = stored_rows()
    clf = BalancedNNClassifier((8,), n_members=2, max_iter=20, decision="f1", learning_rate_init=0.02, random_state=0)
    clf.fit(frame, stored_labels(frame)).set_prior({"no": 0.7, "yes": 0.3})
    FOLDER.mkdir(exist_ok=True)
    save_model(clf, MODEL)
    rows = frame[:20]
    answers = {"labels": clf.predict(rows).tolist(), "probabilities": clf.predict_proba(rows)[:, 1].tolist()}
    answers |= {"decision": str(clf.decision_rule_), "outcome": clf.collapse_report_.outcome.value}
    ANSWERS.write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    write_stored_model()
