"""How are settings compared? Scorers, a search space and the learning-rate range test."""
