"""Are probabilities calibrated, and decisions good?"""
