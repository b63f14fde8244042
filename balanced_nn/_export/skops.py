"""Which types must skops trust to load a fitted model?"""

_TYPES = {
    "_causes.evidence": ["Curve", "DataFacts", "Evidence", "LayerProbe", "NetworkFacts", "Probe"],
    "_causes.repair": ["Repair"],
    "_causes.report": ["CollapseReport"],
    "_causes.rules": ["Finding"],
    "_classifier": ["BalancedNNClassifier"],
    "_collapse.baseline": ["Reference"],
    "_collapse.outcome": ["OutcomeReport"],
    "_data.row_sketch": ["RowSketch"],
    "_decision.metrics": ["Metric"],
    "_decision.predictor": ["Predictor"],
    "_decision.rule": ["Decision", "DecisionRule"],
    "_decision.threshold_tuning": ["Tuning"],
    "_network.ensemble": ["Ensemble", "Member"],
    "_network.network": ["BatchNormArrays", "FittedNetwork", "LayerArrays"],
    "_network.specs": ["Body", "History", "LearningRateSearch", "NetworkSpec", "OptimizerState", "RangeTestTrace"],
    "_preprocessing.dates": ["DateEncoding"],
    "_preprocessing.encoding": ["Encoding"],
    "_preprocessing.normal_scores": ["NormalScores"],
    "_preprocessing.piecewise_linear": ["Bins"],
    "_preprocessing.preprocessing": ["Preprocessing"],
    "_preprocessing.preprocessor": ["TabularPreprocessor"],
    "_preprocessing.scalers": ["AffineScaler", "CustomScaler", "QuantileScaler", "RobustSmoothScaler"],
    "_probability.calibration": ["Calibration", "HeldOut"],
    "_probability.correction": ["Correction"],
    "_sampling.resampler": ["ClassResampler"],
    "_training.body_network": ["BodyNetwork"],
    "_training.going_on": ["Reached"],
}

SKOPS_TYPES: list[str] = [f"balanced_nn.{module}.{name}" for module, names in _TYPES.items() for name in names]
"""Names of the types of this package that a fitted model is made of, for ``skops.io.load(file, trusted=SKOPS_TYPES)``.

They hold numbers, strings and each other, and none runs code from the file when it is loaded. What you passed in
yourself, such as your own transformer or metric, is not among them.
"""
