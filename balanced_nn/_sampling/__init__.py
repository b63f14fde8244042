"""Which rows does a network train on, and how much does each weigh? (Step 4 of a fit.)"""
