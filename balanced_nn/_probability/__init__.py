"""What did training do to the probabilities, and how is it undone? (Steps 8 and 9 of a fit.)"""
