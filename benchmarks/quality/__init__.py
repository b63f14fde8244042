"""Are predictions as good as those of other networks and of boosted trees?"""
