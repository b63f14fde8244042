"""How is a network trained until it is sound? (Steps 4 to 7, 10 and 11 of a fit.)"""
