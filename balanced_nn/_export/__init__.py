"""How does a fitted predictor leave this package? As formulas, Keras, ONNX or skops."""
