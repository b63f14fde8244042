"""How fast are fits and predictions, beside peers in the same run?"""
