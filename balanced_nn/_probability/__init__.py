"""What did training do to the probabilities, and how is it undone? (Steps 8, 9 and 11 of a fit.)"""
