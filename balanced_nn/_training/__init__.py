"""How is a network trained until it is sound? (Steps 4 to 7 and 10 of a fit.)"""
