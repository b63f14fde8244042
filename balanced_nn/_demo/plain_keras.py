"""What do the tutorials train? Standardised columns, Dense 128 and 64 with ReLU, Adam at 0.001, EarlyStopping."""

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from sklearn.preprocessing import StandardScaler

from balanced_nn._typing import FloatArray, IntArray

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 1e-3
PATIENCE = 5  # epochs
MAX_EPOCHS = 100
VALIDATION_FRACTION = 0.2


@dataclass(frozen=True)
class PlainMLP:
    """A fitted network of the tutorials."""

    scaler: StandardScaler
    model: "keras.Sequential"
    n_epochs: int

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probability of class 0 and of class 1, of shape (n_rows, 2)."""
        positive = self.model.predict(self.scaler.transform(X), verbose=0).ravel().astype(np.float64)
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: FloatArray) -> IntArray:
        """Class index of each row: 1 where its probability is above 0.5."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(np.intp)


def load_keras() -> ModuleType:
    """Import Keras, and TensorFlow with it, which takes seconds the first time."""
    import keras  # deferred: loads TensorFlow

    return keras


def fit_plain_mlp(X: FloatArray, y: IntArray, *, seed: int, balanced: bool = False) -> PlainMLP:
    """Fit it with nothing left out that tutorials do, and nothing added but, on request, class weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Numbers of any scale.
    y : ndarray of int of shape (n_rows,)
        Class indices, 0 or 1.
    seed : int
        Given to ``keras.utils.set_random_seed``, which seeds the generators of the whole process.
    balanced : bool, default=False
        Whether each class weighs the same in training, as the tutorials on imbalanced data advise.

    Returns
    -------
    PlainMLP
    """
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    scaler = StandardScaler()
    inputs = scaler.fit_transform(X)
    model = keras.Sequential(
        [
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy", metrics=["accuracy"])
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=PATIENCE, restore_best_weights=True)
    weights = {label: len(y) / (2 * int(count)) for label, count in enumerate(np.bincount(y))} if balanced else None
    history = model.fit(
        inputs, y, validation_split=VALIDATION_FRACTION, epochs=MAX_EPOCHS, callbacks=[stopping], class_weight=weights,
        verbose=0,
    )  # fmt: skip
    return PlainMLP(scaler, model, len(history.history["loss"]))
