"""What do meta-estimators of scikit-learn keep of probabilities and decisions?"""
