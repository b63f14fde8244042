"""What do training, search, outcome and decision look like? Pictures, in scikit-learn's manner."""
