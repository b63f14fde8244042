"""Which class is answered, given the probabilities? (Step 12 of a fit.)"""
