"""Which class is answered, given the probabilities? (Step 11 of a fit.)"""
