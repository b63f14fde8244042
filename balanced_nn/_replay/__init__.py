"""How would a training of dense layers have gone with one thing changed? In NumPy, within a fraction of a second."""
