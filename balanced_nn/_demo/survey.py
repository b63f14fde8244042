"""Which data does the demonstration use? A health survey in which one adult in fifty has prediabetes."""

import gzip
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from balanced_nn._typing import FloatArray, IntArray

COMMON, RARE = "no diabetes", "prediabetes"
CLASSES = (COMMON, RARE)  # in the order of class indices, confusion matrices and columns of probabilities
TEST_FRACTION = 0.3
_FILE = "prediabetes.csv.gz"  # source and licence: LICENSE-DATA.md


@dataclass(frozen=True)
class Survey:
    """Answers of adults.

    Parameters
    ----------
    X : ndarray of shape (n_adults, 21)
        Yes (1) or no (0), counts of days, the body-mass index, and ordered groups such as age.
    y : ndarray of str of shape (n_adults,)
        "no diabetes" or "prediabetes".
    """

    X: FloatArray
    y: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def class_index(self) -> IntArray:
        """1 for prediabetes, else 0."""
        return (self.y == RARE).astype(np.intp)

    @property
    def n_rare(self) -> int:
        """Number of adults with prediabetes."""
        return int(self.class_index.sum())

    def take(self, rows: IntArray) -> "Survey":
        """Return some of the adults."""
        return Survey(self.X[rows], self.y[rows])


def load_survey() -> Survey:
    """Read the table that ships with the package: 19,849 adults, 380 of them with prediabetes."""
    with (files("balanced_nn._demo") / _FILE).open("rb") as packed, gzip.open(packed, "rt") as text:
        table = np.loadtxt(text, delimiter=",", skiprows=1)
    return Survey(table[:, :-1], np.where(table[:, -1] == 1, RARE, COMMON))


def split_survey(survey: Survey, seed: int) -> tuple[Survey, Survey]:
    """Split into 70 % to train on and 30 % to test, both with the same share of prediabetes."""
    rows = np.arange(len(survey))
    train, test = train_test_split(rows, test_size=TEST_FRACTION, stratify=survey.y, random_state=seed)
    return survey.take(train), survey.take(test)
