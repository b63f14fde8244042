"""Do fits go well on many tables, and is no collapse silent?"""
