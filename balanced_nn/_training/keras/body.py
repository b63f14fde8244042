"""How do layers of the caller's own take the place of the hidden layers, and what do they hold?"""

import keras
import numpy as np

from balanced_nn._network.specs import Body

SEED_STATE = "seed_generator_state"  # how Keras names the state of its random numbers: a seed and a counter


def apply_body(body: Body, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Make the layers of a body, and pass the inputs through them.

    Parameters
    ----------
    body : Body
        Called once; what it raises is raised.
    inputs : KerasTensor of shape (None, n_inputs)

    Returns
    -------
    KerasTensor of shape (None, n_units)

    Raises
    ------
    TypeError
        If the function returns something else than layers.
    ValueError
        If they cannot read a matrix, or do not give one.
    """
    n_inputs = int(inputs.shape[1])
    made = body(n_inputs)
    layers = list(made) if isinstance(made, list | tuple) else [made]
    for layer in layers:
        if not isinstance(layer, keras.layers.Layer):
            got = "nothing (None)" if layer is None else f"{layer!r}, of type {type(layer).__name__}"
            raise TypeError(
                f"hidden_layer_sizes is the function {body}, which must return a Keras layer, a keras.Model or a list "
                f"of layers; {body}({n_inputs}) returned {got}."
            )
    hidden = inputs
    try:
        for layer in layers:
            hidden = layer(hidden)
    except Exception as error:  # layers of anybody's raise anything
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"hidden_layer_sizes is the function {body}, whose layers cannot read a matrix of {n_inputs} columns: "
            f"{reason}"
        ) from error
    shape = getattr(hidden, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] is None:
        raise ValueError(
            f"hidden_layer_sizes is the function {body}, whose output must have the shape (rows, units), and has "
            f"{'several parts' if shape is None else shape}: let it end with Flatten or GlobalAveragePooling1D."
        )
    return hidden


def float_variables(model: keras.Model) -> list[keras.Variable]:
    """Return what training changes, and what layers count in floats; seeds and counters of other types are left out."""
    others = [variable for variable in model.non_trainable_variables if "float" in variable.dtype]
    return [*model.trainable_variables, *others]


def check_copies(body: Body, one: keras.Model, other: keras.Model) -> None:
    """Compare what a body made at two calls: each network needs weights of its own, and the same of them.

    Raises
    ------
    ValueError
        If the calls share a layer, or made different ones.
    """
    if {id(variable) for variable in one.variables} & {id(variable) for variable in other.variables}:
        raise ValueError(
            f"hidden_layer_sizes is the function {body}, which returns the same layer at each call, so that networks "
            "would share its weights: make the layers inside the function."
        )
    if [variable.shape for variable in one.variables] != [variable.shape for variable in other.variables]:
        raise ValueError(
            f"hidden_layer_sizes is the function {body}, which makes other layers at each call: let them depend on "
            "the number of columns alone."
        )


def counters(model: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    """Return the variables that are no floats, seeds of random numbers among them, with what they hold at first."""
    others = [variable for variable in model.non_trainable_variables if "float" not in variable.dtype]
    return [(variable, variable.numpy()) for variable in others]
