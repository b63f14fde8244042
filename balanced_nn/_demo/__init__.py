"""What does `balanced-nn demo` show? A plain Keras MLP and ours, on the same real table, side by side."""

from balanced_nn._demo._compare import compare, compare_seeds
from balanced_nn._demo._plain import load_keras
from balanced_nn._demo._text import comparison_text, seeds_table

__all__ = ["compare", "compare_seeds", "comparison_text", "load_keras", "seeds_table"]
