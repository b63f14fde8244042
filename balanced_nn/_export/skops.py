"""Which types must skops trust to load a fitted model?"""

SKOPS_TYPES: list[str] = [
    "balanced_nn._causes.evidence.Curve",
    "balanced_nn._causes.evidence.DataFacts",
    "balanced_nn._causes.evidence.Evidence",
    "balanced_nn._causes.evidence.LayerProbe",
    "balanced_nn._causes.evidence.NetworkFacts",
    "balanced_nn._causes.evidence.Probe",
    "balanced_nn._causes.repair.Repair",
    "balanced_nn._causes.report.CollapseReport",
    "balanced_nn._causes.rules.Finding",
    "balanced_nn._classifier.BalancedNNClassifier",
    "balanced_nn._collapse.baseline.Reference",
    "balanced_nn._collapse.outcome.OutcomeReport",
    "balanced_nn._decision.metrics.Metric",
    "balanced_nn._decision.predictor.Predictor",
    "balanced_nn._decision.rule.Decision",
    "balanced_nn._decision.rule.DecisionRule",
    "balanced_nn._decision.threshold_tuning.Tuning",
    "balanced_nn._network.ensemble.Ensemble",
    "balanced_nn._network.ensemble.Member",
    "balanced_nn._network.network.BatchNormArrays",
    "balanced_nn._network.network.FittedNetwork",
    "balanced_nn._network.network.LayerArrays",
    "balanced_nn._network.specs.History",
    "balanced_nn._network.specs.LearningRateSearch",
    "balanced_nn._network.specs.NetworkSpec",
    "balanced_nn._network.specs.RangeTestTrace",
    "balanced_nn._preprocessing.dates.DateEncoding",
    "balanced_nn._preprocessing.encoding.Encoding",
    "balanced_nn._preprocessing.piecewise_linear.Bins",
    "balanced_nn._preprocessing.preprocessor.Preprocessing",
    "balanced_nn._preprocessing.preprocessor.TabularPreprocessor",
    "balanced_nn._preprocessing.scalers.AffineScaler",
    "balanced_nn._preprocessing.scalers.CustomScaler",
    "balanced_nn._preprocessing.scalers.QuantileScaler",
    "balanced_nn._preprocessing.scalers.RobustSmoothScaler",
    "balanced_nn._probability.calibration.Calibration",
    "balanced_nn._probability.calibration.HeldOut",
    "balanced_nn._probability.correction.Correction",
    "balanced_nn._sampling.resampler.ClassResampler",
]
"""Names of the types of this package that a fitted model is made of, for ``skops.io.load(file, trusted=SKOPS_TYPES)``.

They hold numbers, strings and each other, and none runs code from the file when it is loaded. What you passed in
yourself, such as your own transformer or metric, is not among them.
"""
