"""Why does a fitted model, whoever built it, answer one class or the same probability for every row?"""
