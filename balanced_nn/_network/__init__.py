"""What is a fitted network? Its architecture, its weights as arrays, and the ensemble that answers."""
