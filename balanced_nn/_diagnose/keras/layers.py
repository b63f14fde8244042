"""What is a given Keras model made of, and how is it copied?"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from balanced_nn._causes.evidence import NetworkFacts
from balanced_nn._typing import Rows

_ACTIVATION_LAYERS = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "PReLU": "prelu", "Softmax": "softmax"}


@dataclass(frozen=True, eq=False)
class Unit:
    """A layer with a kernel, and the activation that follows it."""

    layer: keras.layers.Layer  # with a kernel
    activation: str
    outputs_of: keras.layers.Layer  # the layer whose output is the activated one


def load_model(path: Path | str) -> keras.Model:
    """Load a model that ``model.save`` wrote."""
    return keras.models.load_model(path)


def units_of(model: keras.Model) -> list[Unit]:
    """Find the layers with kernels, in order; empty for a subclassed model."""
    units: list[Unit] = []
    for layer in flat_layers(model):
        name = _activation_of(layer)
        if hasattr(layer, "kernel"):
            units.append(Unit(layer, name, layer))
        elif units and (isinstance(layer, keras.layers.Activation) or type(layer).__name__ in _ACTIVATION_LAYERS):
            units[-1] = Unit(units[-1].layer, name, layer)
    return units


def flat_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Layers in order, those of nested sequential models in their place; none for a subclassed model."""
    if not isinstance(model, keras.Sequential) and not _is_functional(model):
        return
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            yield from flat_layers(layer)
        else:
            yield layer


def _is_functional(model: keras.layers.Layer) -> bool:
    return isinstance(model, keras.Model) and type(model).__name__ == "Functional"


def _activation_of(layer: keras.layers.Layer) -> str:
    activation = getattr(layer, "activation", None)
    if activation is None:
        return _ACTIVATION_LAYERS.get(type(layer).__name__, "linear")
    name: str = getattr(activation, "__name__", type(activation).__name__)
    return name


def dense_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers with a kernel, also those of a subclassed model."""
    return [layer for layer in _in_order(model, set()) if hasattr(layer, "kernel")]


def _in_order(layer: keras.layers.Layer, seen: set[int]) -> Iterator[keras.layers.Layer]:
    """All layers inside, in the order in which they were added, which ``_flatten_layers`` turns round."""
    for inner in layer._layers:
        if id(inner) not in seen:
            seen.add(id(inner))
            yield inner
            yield from _in_order(inner, seen)


def network_facts(model: keras.Model, n_classes: int) -> NetworkFacts:
    """Read what a model is and how it was compiled.

    Parameters
    ----------
    model : keras.Model
        A built model with one output.
    n_classes : int
        Classes that the labels hold.
    """
    units = units_of(model) or [Unit(layer, _activation_of(layer), layer) for layer in dense_layers(model)]
    loss, from_logits = _loss_of(model)
    optimizer = getattr(model, "optimizer", None)
    return NetworkFacts(
        hidden_sizes=tuple(int(unit.layer.kernel.shape[-1]) for unit in units[:-1]),
        hidden_activations=tuple(unit.activation for unit in units[:-1]),
        batch_norm=has_batch_norm(model),
        n_outputs=_n_outputs(model, units),
        output_activation=units[-1].activation if units else "linear",
        n_classes=n_classes,
        loss=loss,
        from_logits=from_logits,
        optimizer=None if optimizer is None else type(optimizer).__name__.lower(),
        learning_rate=None if optimizer is None else float(optimizer.learning_rate),
        epochs=len(getattr(getattr(model, "history", None), "epoch", [])) or None,
        n_steps=None if optimizer is None else int(optimizer.iterations),
    )


def has_batch_norm(model: keras.Model) -> bool:
    """Whether a layer, however deep inside, is a BatchNorm."""
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers())


def _n_outputs(model: keras.Model, units: list[Unit]) -> int:
    """Output units; of a subclassed model those of the last kernel, 1 where it has none."""
    if getattr(model, "outputs", None):
        return int(model.output_shape[-1])
    return int(units[-1].layer.kernel.shape[-1]) if units else 1


def lone_loss(model: keras.Model) -> keras.losses.Loss | Callable[..., tf.Tensor] | None:
    """The loss of the only output, whatever it was passed in; None for none or several."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, list | tuple | dict):
        losses = [part for part in keras.tree.flatten(loss) if part is not None]
        loss = losses[0] if len(losses) == 1 else None
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _loss_of(model: keras.Model) -> tuple[str | None, bool]:
    """Name of the loss, as Keras spells its functions, and whether it expects logits."""
    loss = lone_loss(model)
    if loss is None:
        return None, False
    function = getattr(loss, "fn", loss)  # which an object of Keras' wraps, whatever name the user gave it
    name = getattr(function, "__name__", None) or getattr(loss, "name", type(loss).__name__)
    argument = getattr(loss, "_fn_kwargs", {}).get("from_logits", False)
    return str(name), bool(getattr(loss, "from_logits", False) or argument)


def check_model(model: keras.Model, X: Rows) -> None:
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


def layer_from(layer: keras.layers.Layer, config: dict[str, Any]) -> keras.layers.Layer:
    """A layer of the same kind from a configuration; that of a Lambda cannot be read back, so that its parts are."""
    if isinstance(layer, keras.layers.Lambda):
        return keras.layers.Lambda(layer.function, mask=layer.mask, arguments=layer.arguments, name=layer.name)
    return type(layer).from_config(config)


def cloned(model: keras.Model, clone_layer: Callable[[keras.layers.Layer], keras.layers.Layer]) -> keras.Model:
    """Rebuild a Sequential or functional model from layers that `clone_layer` makes; it is not compiled."""

    def again(layer: keras.layers.Layer) -> keras.layers.Layer:
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
