"""What can be done from a shell? The command `balanced-nn`, also `python -m balanced_nn`."""

from balanced_nn._cli._main import main

__all__ = ["main"]
