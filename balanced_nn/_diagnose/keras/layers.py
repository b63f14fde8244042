"""What is a Keras model of anybody's made of, and how is it copied?"""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from balanced_nn._causes.evidence import NetworkFacts

_ACTIVATION_LAYERS = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "PReLU": "prelu", "Softmax": "softmax"}


@dataclass(frozen=True, eq=False)
class Unit:
    """A layer with a kernel, and the activation that follows it."""

    layer: Any  # with a kernel
    activation: str
    outputs_of: Any  # the layer whose output is the activated one


def load_model(path: Path | str) -> keras.Model:
    """Load a model that ``model.save`` wrote."""
    return keras.models.load_model(path)


def units_of(model: Any) -> list[Unit]:
    """Find the layers with kernels, in order; empty for a subclassed model."""
    units: list[Unit] = []
    for layer in flat_layers(model):
        name = _activation_of(layer)
        if hasattr(layer, "kernel"):
            units.append(Unit(layer, name, layer))
        elif units and (isinstance(layer, keras.layers.Activation) or type(layer).__name__ in _ACTIVATION_LAYERS):
            units[-1] = Unit(units[-1].layer, name, layer)
    return units


def flat_layers(model: Any) -> Iterator[Any]:
    """Layers in order, those of nested sequential models in their place; none for a subclassed model."""
    if not isinstance(model, keras.Sequential) and type(model) is not keras.Model and not _is_functional(model):
        return
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            yield from flat_layers(layer)
        else:
            yield layer


def _is_functional(model: Any) -> bool:
    return isinstance(model, keras.Model) and type(model).__name__ == "Functional"


def _activation_of(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    if activation is None:
        return _ACTIVATION_LAYERS.get(type(layer).__name__, "linear")
    name: str = getattr(activation, "__name__", type(activation).__name__)
    return name


def dense_layers(model: Any) -> list[Any]:
    """All layers with a kernel, also those of a subclassed model."""
    return [layer for layer in _in_order(model, set()) if hasattr(layer, "kernel")]


def _in_order(layer: Any, seen: set[int]) -> Iterator[Any]:
    """All layers inside, in the order in which they were added, which ``_flatten_layers`` turns round."""
    for inner in layer._layers:
        if id(inner) not in seen:
            seen.add(id(inner))
            yield inner
            yield from _in_order(inner, seen)


def network_facts(model: Any, n_classes: int, *, epochs: int | None = None, n_steps: int | None = None) -> NetworkFacts:
    """Read what a model is and how it was compiled.

    Parameters
    ----------
    model : keras.Model
        A built model with one output.
    n_classes : int
        Classes that the labels hold.
    epochs : int or None, default=None
        Epochs of the training; None reads the model's history.
    n_steps : int or None, default=None
        Updates; None reads the optimizer.
    """
    units = units_of(model) or [Unit(layer, _activation_of(layer), layer) for layer in dense_layers(model)]
    flat = list(model._flatten_layers())
    norms = [layer for layer in flat if isinstance(layer, keras.layers.BatchNormalization)]
    loss, from_logits = _loss_of(model)
    optimizer = getattr(model, "optimizer", None)
    if n_steps is None and optimizer is not None:
        n_steps = int(optimizer.iterations)
    if epochs is None:
        epochs = len(getattr(getattr(model, "history", None), "epoch", [])) or None
    return NetworkFacts(
        hidden_sizes=tuple(int(unit.layer.kernel.shape[-1]) for unit in units[:-1]),
        hidden_activations=tuple(unit.activation for unit in units[:-1]),
        batch_norm=bool(norms),
        batch_norm_momentum=max((float(layer.momentum) for layer in norms), default=None),
        n_outputs=_n_outputs(model, units),
        output_activation=units[-1].activation if units else "linear",
        n_classes=n_classes,
        loss=loss,
        from_logits=from_logits,
        optimizer=None if optimizer is None else type(optimizer).__name__.lower(),
        learning_rate=None if optimizer is None else float(optimizer.learning_rate),
        epochs=epochs,
        n_steps=n_steps,
        dropout=max((float(layer.rate) for layer in flat if isinstance(layer, keras.layers.Dropout)), default=0.0),
        weight_decay=float(getattr(optimizer, "weight_decay", None) or 0.0),
    )


def _n_outputs(model: Any, units: list[Unit]) -> int:
    """Output units; of a subclassed model those of the last kernel, 1 where it has none."""
    if getattr(model, "outputs", None):
        return int(model.output_shape[-1])
    return int(units[-1].layer.kernel.shape[-1]) if units else 1


def lone_loss(model: Any) -> Any:
    """The loss of the only output, whatever it was passed in; None for none or several."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, list | tuple | dict):
        losses = [part for part in keras.tree.flatten(loss) if part is not None]
        loss = losses[0] if len(losses) == 1 else None
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _loss_of(model: Any) -> tuple[str | None, bool]:
    """Name of the loss, as Keras spells its functions, and whether it expects logits."""
    loss = lone_loss(model)
    if loss is None:
        return None, False
    function = getattr(loss, "fn", loss)  # which an object of Keras' wraps, whatever name the user gave it
    name = getattr(function, "__name__", None) or getattr(loss, "name", type(loss).__name__)
    return str(name), bool(getattr(loss, "from_logits", False) or _logits_argument(loss))


def _logits_argument(loss: Any) -> bool:
    return bool(getattr(loss, "_fn_kwargs", {}).get("from_logits", False))


def check_model(model: Any, X: Any) -> None:
    """Refuse what a diagnosis cannot read; build a model that has not seen rows yet.

    Raises
    ------
    ValueError
        For several outputs.
    """
    if not model.built:
        with quietly():
            model(keras.tree.map_structure(lambda part: tf.convert_to_tensor(part[:1]), X))
    outputs = getattr(model, "outputs", None)
    if outputs is not None and len(outputs) != 1:
        raise ValueError(
            f"{model.name} has {len(outputs)} outputs; a diagnosis needs a classifier with one. "
            "Pass a keras.Model from the inputs to the output in question."
        )


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings of Keras: they came when the model was trained."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def random_state_kept(seed: int) -> Iterator[None]:
    """Keras draws the seeds of new layers from Python's global generator: seed it, and put it back as it was.

    The same with NumPy's, from which initialisers of the user's own may draw.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is the global one that is kept
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def layer_from(layer: Any, config: dict[str, Any]) -> Any:
    """A layer of the same kind from a configuration; that of a Lambda cannot be read back, so that its parts are."""
    if isinstance(layer, keras.layers.Lambda):
        return keras.layers.Lambda(layer.function, mask=layer.mask, arguments=layer.arguments, name=layer.name)
    return type(layer).from_config(config)


def cloned(model: Any, clone_layer: Callable[[Any], Any]) -> Any:
    """Build a Sequential or functional model anew from layers that `clone_layer` makes; it is not compiled."""

    def again(layer: Any) -> Any:
        if type(layer) is keras.Sequential:  # without its input, whose width may change
            return keras.Sequential([again(inner) for inner in layer.layers], name=layer.name)
        return keras.models.clone_model(layer, clone_function=again) if _is_functional(layer) else clone_layer(layer)

    models = [model, *(layer for layer in model._flatten_layers() if isinstance(layer, keras.Model))]
    compiled = [part.compiled for part in models]
    try:
        for part in models:  # else Keras compiles the clone, which fails for a loss of the user's own
            part.compiled = False
        copy = keras.models.clone_model(model, clone_function=again)
        if not copy.built:
            copy.build(model.input_shape)
    finally:
        for part, was in zip(models, compiled, strict=True):
            part.compiled = was
    return copy
