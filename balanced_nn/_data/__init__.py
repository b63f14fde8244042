"""What did the caller pass? Tables, targets and weights, and which rows are held out (steps 1 and 2 of a fit)."""
