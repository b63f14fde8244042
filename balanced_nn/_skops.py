"""Which types must skops trust to load a fitted model?"""

SKOPS_TYPES: list[str] = [
    "balanced_nn._bins.Bins",
    "balanced_nn._calibration.Calibration",
    "balanced_nn._calibration.HeldOut",
    "balanced_nn._classifier.BalancedNNClassifier",
    "balanced_nn._comparison.Reference",
    "balanced_nn._correction.Correction",
    "balanced_nn._decision.Decision",
    "balanced_nn._decision.DecisionRule",
    "balanced_nn._diagnosis.Finding",
    "balanced_nn._evidence.Curve",
    "balanced_nn._evidence.DataFacts",
    "balanced_nn._evidence.Evidence",
    "balanced_nn._evidence.LayerProbe",
    "balanced_nn._evidence.NetworkFacts",
    "balanced_nn._evidence.Probe",
    "balanced_nn._members.Member",
    "balanced_nn._metrics.Metric",
    "balanced_nn._network.BatchNormArrays",
    "balanced_nn._network.FittedNetwork",
    "balanced_nn._network.LayerArrays",
    "balanced_nn._outcome.OutcomeReport",
    "balanced_nn._preprocessing.Encoding",
    "balanced_nn._preprocessing.Preprocessing",
    "balanced_nn._preprocessing.TabularPreprocessor",
    "balanced_nn._repair.Repair",
    "balanced_nn._report.CollapseReport",
    "balanced_nn._resampling.ClassResampler",
    "balanced_nn._scalers.AffineScaler",
    "balanced_nn._scalers.CustomScaler",
    "balanced_nn._scalers.QuantileScaler",
    "balanced_nn._scalers.RobustSmoothScaler",
    "balanced_nn._specs.History",
    "balanced_nn._specs.LearningRateSearch",
    "balanced_nn._specs.NetworkSpec",
    "balanced_nn._specs.RangeTestTrace",
    "balanced_nn._tuning.Tuning",
]
"""Names of the types of this package that a fitted model is made of, for ``skops.io.load(file, trusted=SKOPS_TYPES)``.

All of them hold numbers, texts and one another, and none runs code of the file when it is loaded. What you passed in
yourself, such as a transformer or a metric of your own, is not among them.
"""
