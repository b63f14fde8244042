"""Did a classifier collapse on these rows, and what would quick models have reached?"""
