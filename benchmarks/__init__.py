"""How good, how fast and how honest is a network of ours, beside those of others? A folder for each question."""
