"""What can be done from a shell? The command `balanced-nn`, also `python -m balanced_nn`."""
