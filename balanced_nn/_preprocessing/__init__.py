"""How does any table become a matrix that a network can read? (Step 3 of a fit.)"""
