"""How do the steps of a fit follow each other? The estimator; each step is a function of a lower module."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from os import PathLike
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from balanced_nn._causes.report import CollapseReport
from balanced_nn._collapse.outcome import Outcome
from balanced_nn._data.labelled_rows import LabelledRows, read_labelled, read_rows
from balanced_nn._data.row_sketch import sketch_rows
from balanced_nn._data.table import read_table
from balanced_nn._decision.positive_class import find_positive
from balanced_nn._decision.predictor import Predictor
from balanced_nn._decision.rule import Decision, DecisionRule, decision_notes, read_decision
from balanced_nn._export.formulas import keras_model
from balanced_nn._export.onnx import onnx_model
from balanced_nn._network.ensemble import Ensemble, Member
from balanced_nn._probability.calibration import Calibration, HeldOut
from balanced_nn._probability.prior_shift import find_prior, read_class_prior
from balanced_nn._sampling.training_rows import draws_at_random
from balanced_nn._sampling.weights import class_weight_vector
from balanced_nn._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    check_feature_names_in,
    fit_context,
    has_callbacks,
)
from balanced_nn._streaming.stream import check_sampler, open_stream
from balanced_nn._training.attempts import report_outcome
from balanced_nn._training.callbacks import Watchers, call_back
from balanced_nn._training.checkpoint import describe_fit, open_checkpoint
from balanced_nn._training.going_on import (
    Reached,
    check_layers_of_sizes,
    check_same_classes,
    check_same_columns,
    check_same_shape,
    hold_out_notes,
)
from balanced_nn._training.keras.process import check_process, quiet_start
from balanced_nn._training.members import (
    Calibrated,
    Trained,
    allow_for_averaging,
    average_weights,
    calibrate_members,
    train_members,
)
from balanced_nn._training.online import (
    Learned,
    learn_batch,
    learns_in_batches,
    nothing_held_out,
    nothing_judged,
    read_batch,
)
from balanced_nn._training.preparation import Split, read_given_rows, split_rows
from balanced_nn._training.progress import show_progress, show_rows
from balanced_nn._training.settings import FitSettings
from balanced_nn._training.side_by_side import jobs_at_once
from balanced_nn._training.time_limit import TimeLimit
from balanced_nn._typing import FloatArray
from balanced_nn.exceptions import CollapseError, CollapseWarning

_BUILDING = Lock()  # of a Keras model, which threads then share


class BalancedNNClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A neural network for imbalanced tables that does not answer "all one class".

    A multi-layer perceptron, trained with Keras, that cleans and scales the table, balances the classes, searches its
    learning rate, stops on held-out rows, checks whether it collapsed, corrects its probabilities to the natural
    class frequencies, and decides for balanced accuracy or whatever else is wanted. Predictions need NumPy only.

    Parameters
    ----------
    hidden_layer_sizes : int, sequence of int or callable, default=(256, 128)
        Units of each hidden layer. Or a function that makes the layers between input and output: it takes the number of
        columns after preprocessing, and returns a ``keras.layers.Layer``, a ``keras.Model`` or a list of layers, made
        anew at each call, whose output has the shape (rows, units). The output layer is added, and all else stays, but
        such layers are trained and answer through Keras: more slowly, not compiled, and `predict` needs TensorFlow.
        `activation`, `batch_norm` and `dropout` then have no effect. A pickle names the function by its module.
    activation : {"relu", "tanh", "logistic", "selu", "gelu", "identity"}, default="relu"
        Activation of the hidden layers.
    batch_norm : bool, default=True
        Whether to put BatchNorm between each hidden layer and its activation.
    dropout : float, default=0.0
        Fraction of hidden units that a training step drops, in [0, 1).
    alpha : float, default=0.01
        Weight decay of the kernels, decoupled from the gradient as in AdamW: each step shrinks them by
        ``learning_rate * alpha``.
    class_weight : "balanced", dict or None, default="balanced"
        "balanced" gives each class the same summed weight in training. It is a training device: probabilities are
        corrected for it. A dict from label to weight states costs: it is used in training too, probabilities stay
        natural, and by default `predict` answers the class with the highest ``weight * probability``.
    sampler : {"over", "under", "smote"}, object with ``fit_resample`` or None, default=None
        How the training rows are resampled, before class weights are computed. Validation rows never are. "over"
        repeats rows until each class has as many as the largest, but no row more than four times; beyond that they
        weigh more. ``ClassResampler("over")`` repeats them as often as needed. An object sees the preprocessed
        matrix: scaled numbers and normal scores, then one column of codes for each category column and each
        missing-value indicator; its parameter `categorical_features`, if it has one, is set accordingly.
    loss : {"log_loss", "focal", "logit_adjusted"}, default="log_loss"
        Training loss: cross-entropy, focal loss with exponent 2, or cross-entropy of logits shifted by the log of the
        class frequencies. As the shift is undone in the probabilities and the output bias is free, the last trains
        the same network as "log_loss" up to rounding; where the classes are already balanced there is no shift.
    scaler : {"auto", "standard", "robust", "minmax", "quantile"}, transformer or None, default="auto"
        How numeric columns are scaled; see :class:`TabularPreprocessor`. "auto" is "auto" there for the first network
        and every other one; those between have "robust" in the place of "standard". For all of them, a column with a
        value beyond 8 standard deviations also gets its normal scores.
    screen_columns : bool, default=True
        Whether numeric columns that say little about the classes by themselves are multiplied by a number below 1 where
        columns are many for few rows, so that a network learns less of their noise. Rows count as in ``n_bins="auto"``;
        from ten of them per column on, every column keeps its size. No column is dropped.
    n_bins : "auto", int or None, default="auto"
        Most bins of a numeric column; their piecewise linear encoding is added beside the scaled number, so that the
        output can turn where classes separate; see :class:`TabularPreprocessor`. "auto" takes up to 16, fewer where
        classes are rare, columns are many or the table is large. A column has no more bins than the labels give
        evidence for, which may be none; where it has normal scores, the bins are theirs. None adds no bins.
    learning_rate_init : "auto" or float, default="auto"
        Learning rate of AdamW. "auto" runs a range test first; see :func:`suggest_learning_rate`.
    batch_size : "auto" or int, default="auto"
        Rows of a training step. "auto" takes 64 for up to 1,024 rows, 128 up to 8,192, 256 up to 30,000, 512 up to
        100,000, then 1,024; never more than there are rows.
    max_iter : int, default=200
        Largest number of epochs. If rows are repeated, an epoch is a part of all rows, down to a quarter, in which each
        comes about once.
    max_time : float or None, default=None
        Seconds after which a fit ends with the best weights so far, and a ``ConvergenceWarning`` says so. It is for all
        networks: each gets its share of what is left, and those for which nothing is left are not trained. The clock
        is looked at after each epoch, so that a network that begins has one epoch at least; what comes before and after
        the training is not cut short. A fit that ends so differs from one to the next. None sets no limit.
    checkpoint : str, path or None, default=None
        A folder in which `fit` and `fit_dataset` keep how far they have come, so that a fit that was killed goes on
        there when it is called again, with bit-identical predictions. Each training is written behind an epoch, as
        arrays and JSON, as often as takes a twentieth of the time at most; what comes before a training is done again.
        Other rows, settings or versions of the packages than those of the fit that was killed are refused. A fit that
        ends deletes what it wrote; one that raises keeps it. For one fit at a time.
    early_stopping : bool, default=True
        Whether to hold out rows, stop when the log-loss of their corrected probabilities no longer falls, and keep the
        best weights (but see `average_weights`). Otherwise training runs for `max_iter` epochs and keeps the last ones.
    validation_fraction : float, default=0.15
        Fraction of each class that is held out, in (0, 1). For a rare class it grows to at most 0.3, so that two rows
        are held out; a class that cannot spare them stays in training as a whole.
    n_iter_no_change : int, default=10
        Epochs without an improvement of more than `tol` after which training stops.
    tol : float, default=1e-4
        Smallest improvement that counts, in nats where all classes are equally frequent. If they are not, there is
        less to gain, and it is smaller in proportion to the entropy of the class frequencies.
    label_smoothing : float, default=0.0
        Share of each label that training spreads evenly over the classes, in [0, 1); undone in the probabilities.
    average_weights : bool, default=True
        Whether the weights may move from the best epoch's towards the mean of the last epochs' weights, the same
        share of the way in all networks, as far as the log-loss of the held-out rows falls; see `average_share_`.
    n_members : "auto" or int, default="auto"
        Networks in the ensemble. Each holds out different rows, so that more rows show how overconfident
        the probabilities are and where thresholds lie; their probabilities are averaged. "auto" takes 4 for up to
        50,000 rows, and 1 for more, or where no rows are held out of `X`.
    decision : str, float, array-like of shape (n_classes, n_classes) or scorer, default="auto"
        How `predict` answers.

        - "balanced": the class with the highest ``probability / class frequency``, which maximises balanced accuracy;
        - "argmax": the most probable class;
        - a float in (0, 1): the positive class where its probability is above it; see `pos_label`;
        - a matrix of costs, with a row for each true class and a column for each answer, in the order of `classes_`:
          the class of the lowest expected cost;
        - the name of a scorer of scikit-learn that reads `predict`, of a metric in ``sklearn.metrics`` or
          ``imblearn.metrics``, or what ``make_scorer`` returns: the thresholds that are best for it on the held-out
          rows. Of two classes the positive one is that of the scorer, or of `pos_label`. "balanced_accuracy" is
          "balanced", whose thresholds need no rows to be found on;
        - "auto": "balanced", or, where `class_weight` is a dict, the class with the highest ``weight * probability``.

        :meth:`set_decision` changes it after `fit`.
    pos_label : label or None, default=None
        The positive one of two classes: that of a threshold and of metrics such as "f1". None takes 1 or True where
        there is such a label, as scikit-learn does, and else the rarer class.
    on_collapse : {"repair", "warn", "raise", "ignore"}, default="repair"
        What to do when training failed: the network collapsed, judged at the balanced decision on the held-out rows, or
        lags behind baseline models, which are trained if balanced accuracy is less than 0.15 above chance.
        "repair" names the cause and trains each network that failed up to two more times, with other initial weights
        and with the repair for the cause, as far as it was left at its default (the searched learning rate, `max_iter`
        and `n_iter_no_change`, `scaler`, `sampler`); keeps the best attempt; and warns if that one failed too, or was
        trained with another setting. A parameter that equals its default counts as left open: in a search over such a
        parameter use "warn", or a candidate may be credited with what a repair did. "raise" raises `CollapseError`.
        Except with "ignore", a `CollapseWarning` also reports answers that only the decision spoils, and features
        that do not predict the labels.
    n_jobs : int or None, default=None
        Networks that are trained at the same time, in threads; the result is the same, bit by bit, for any number. -1
        takes all cores. None takes what ``joblib.parallel_config(n_jobs=...)`` says; without it as many as the process
        may use cores, but one in a worker of joblib, as in ``GridSearchCV(n_jobs=2)``. Inside
        ``joblib.parallel_config(backend="dask")`` or another backend of several processes but "multiprocessing", each
        training is a task of it, unless callbacks or `max_time` follow the epochs.
    random_state : int, RandomState instance or None, default=None
        Seed of the hold-out, the resampling, the initial weights, the batches and the dropout masks. None takes fresh
        entropy from the operating system; NumPy's global generator is neither read nor advanced.
    verbose : int, default=0
        1 shows progress on standard error: a bar on a terminal or in a notebook; elsewhere, as in a log or in
        a worker process, a line for each network that was trained.
    warm_start : bool, default=False
        Whether `fit` and `fit_dataset` train the networks of the last fit further instead of new ones, with their
        preprocessing, their learning rate and, for the hold-outs, their seed: of the same rows, the same are held out.
        Of others, rows that trained a network before may be held out, which a `HoldOutWarning` says. Columns, classes,
        `hidden_layer_sizes`, `activation`, `batch_norm` and the number of networks must be those of the last fit. A
        network that fails is repaired from new weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where all are strings.
    class_prior_ : ndarray of shape (n_classes,)
        Class frequencies that `predict_proba` refers to: those of the training data, by weight, or what
        :meth:`set_prior` was given.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of each class in the training of the first network, before row weights are scaled to mean 1.
    temperature_ : float
        Divisor of the scores of each network, before the probabilities of all are averaged: the temperature that
        calibrates single networks on held-out rows, times `averaging_factor_`. 1.0 where nothing was done, because no
        rows were held out, or fewer than 20 of a class and no sampler changed what it looks like.
    averaging_factor_ : float
        Factor, in (0, 1], by which the temperature of single networks was multiplied, because averaging takes away a
        part of the noise that makes each of them overconfident. 1.0 with one network, where every network was judged on
        the same rows, and where nothing was calibrated.
    average_share_ : float
        How far the weights were moved, from 0.0, those of the best epoch, to 1.0, the mean of those of the last epochs.
        Also 0.0 if no rows were held out, or if a network ran for fewer than five epochs, diverged or was hardly
        better than chance.
    calibration_ : Calibration
        `temperature_` together with an intercept for each class; applied to each network before averaging.
    decision_rule_ : DecisionRule
        The rule that `predict` follows; printing it shows it in words.
    members_ : tuple of Member
        The networks, each with its preprocessing, its correction and its history.
    network_ : FittedNetwork or BodyNetwork
        The weights of the first network as arrays; a BodyNetwork where `hidden_layer_sizes` is a function.
    preprocessing_ : Preprocessing
        The preprocessing of the first network as arrays.
    model_ : keras.Model
        The first network with standard Keras layers, or those of your function, from the matrix that
        :meth:`preprocess` gives to raw logits; built on first use.
    history_ : History
        Curves of the first network's training.
    n_iter_ : int
        Epochs that it ran.
    loss_curve_ : list of float
        Its training loss of each epoch, in nats.
    learning_rate_ : float
        Its learning rate.
    lr_search_ : LearningRateSearch or None
        The range test with its trace, the choice and the reason; None where the rate was set by hand.
    collapse_report_ : CollapseReport
        Whether a network failed, with the numbers, the causes and the remedies: those of the worst network, or if
        none failed those of one of the majority.
    repairs_ : tuple of Repair
        Further attempts that a failure led to: what was changed, why, and what came of it; empty where there was none.

    See Also
    --------
    diagnose : The causes of a failure of any other classifier.
    TabularPreprocessor : The preprocessing by itself.
    ClassResampler : The resampling by itself.
    make_collapse_aware_scorer : Keep collapsed candidates from winning a search.

    Notes
    -----
    Two fits with the same integer `random_state` give bit-identical predictions on one machine, as long as TensorFlow
    has the same number of threads: how it adds up large products depends on it. Training runs in one compiled program
    for each combination of layers, number of classes, batch size and form of the loss; compiling takes 2 to 3 seconds
    once a process, then it is reused for every fold and candidate, and for every table that has as many columns after
    bins and one-hot encoding, rounded up to a multiple of 16.

    A fitted model, and so its file, keeps hashes of up to 1,024 rows of `X`, by which :func:`diagnose` tells rows that
    were seen in training. They hold no cell, but whoever has the file can try out whether a guessed row was in `X`.

    From scikit-learn 1.9 on, callbacks such as ``sklearn.callback.ProgressBar`` may be set by ``set_callbacks``, on
    this estimator or on a search or pipeline around it. They see the fit, its networks, their epochs and repairs.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
       Tabular Data", NeurIPS 2024.
    .. [2] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
    .. [3] C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001.
    .. [4] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from balanced_nn import BalancedNNClassifier
    >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
    >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
    >>> clf.collapse_report_.outcome.value
    'healthy'
    >>> bool(clf.predict_proba(X)[:, 1].mean() < 0.1)  # natural frequencies, not 50:50
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left"), callable],
        "activation": [StrOptions({"relu", "tanh", "logistic", "selu", "gelu", "identity"})],
        "batch_norm": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), Mapping, None],
        "sampler": [StrOptions({"over", "under", "smote"}), HasMethods("fit_resample"), None],
        "loss": [StrOptions({"log_loss", "focal", "logit_adjusted"})],
        "scaler": [
            StrOptions({"auto", "standard", "robust", "minmax", "quantile"}),
            HasMethods(["fit", "transform"]),
            None,
        ],
        "screen_columns": ["boolean"],
        "n_bins": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left"), None],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "checkpoint": [str, PathLike, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(RealNotInt, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "average_weights": ["boolean"],
        "n_members": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "decision": [str, Interval(Real, 0, 1, closed="neither"), "array-like", callable],
        "pos_label": [str, Real, "boolean", None],
        "on_collapse": [StrOptions({"repair", "warn", "raise", "ignore"})],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike | Callable[[int], Any] = (256, 128),
        *,
        activation: str = "relu",
        batch_norm: bool = True,
        dropout: float = 0.0,
        alpha: float = 0.01,
        class_weight: str | Mapping[Any, float] | None = "balanced",
        sampler: Any = None,
        loss: str = "log_loss",
        scaler: Any = "auto",
        screen_columns: bool = True,
        n_bins: str | int | None = "auto",
        learning_rate_init: str | float = "auto",
        batch_size: str | int = "auto",
        max_iter: int = 200,
        max_time: float | None = None,
        checkpoint: str | PathLike[str] | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        label_smoothing: float = 0.0,
        average_weights: bool = True,
        n_members: str | int = "auto",
        decision: Any = "auto",
        pos_label: Any = None,
        on_collapse: str = "repair",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.alpha = alpha
        self.class_weight = class_weight
        self.sampler = sampler
        self.loss = loss
        self.scaler = scaler
        self.screen_columns = screen_columns
        self.n_bins = n_bins
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.max_time = max_time
        self.checkpoint = checkpoint
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.label_smoothing = label_smoothing
        self.average_weights = average_weights
        self.n_members = n_members
        self.decision = decision
        self.pos_label = pos_label
        self.on_collapse = on_collapse
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the network; what raises leaves the estimator as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The table: numbers, booleans, categories, strings, dates or durations, read as `TabularPreprocessor` reads
            them; missing values are allowed, infinity is not. A sparse matrix becomes a dense float32 one: of text with
            many columns, pass a reduction such as TruncatedSVD's.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; rows of weight 0 are left out. None weighs each row 1.
        X_val : like `X`, default=None
            Rows to stop on instead of rows held out of `X`; they are never trained on.
        y_val : array-like, default=None
            Their labels; required with `X_val`.
        sample_weight_val : array-like, default=None
            Their weights.
        groups : array-like of shape (n_samples,), default=None
            Rows that belong together, such as those of one patient: they are held out together or not at all. None
            takes each row for itself, but for exact copies of a row, which always stay on one side. Not used with
            `X_val`.

        Returns
        -------
        BalancedNNClassifier
            The fitted estimator itself.

        Raises
        ------
        ValueError
            For a single class, infinity in `X`, missing or continuous labels, negative weights, a class whose rows
            all weigh 0, or a parameter out of range.
        TypeError
            For a cell that is neither a string nor a number.
        CollapseError
            If the network collapsed and `on_collapse` is "raise"; its message is the report.
        RuntimeError
            In a process that was forked after TensorFlow had started, or where Keras does not run on it.
        """
        seed, began = self._seed_of_fit(), monotonic()
        fitted = copy(self)  # collects what is found; at the end `self` takes all of it in one step, or nothing
        rows = read_rows(fitted, X, y, sample_weight, groups)
        given = read_given_rows(fitted, X_val, y_val, sample_weight_val, rows.classes)
        splits, reached = self._split(fitted, rows, given, seed)  # before any rebalancing
        fitted._training_rows = sketch_rows(rows.table, rows.rows)
        return self._train(fitted, (X, y, sample_weight), rows, splits, seed, reached, began)

    @fit_context(prefer_skip_nested_validation=True)
    def fit_dataset(
        self,
        source: Any,
        target: str,
        *,
        sample_weight: str | None = None,
        groups: str | None = None,
        cache_dir: Any = None,
    ) -> Self:
        """Fit the network on files that may be larger than memory; what raises leaves the estimator as it was.

        The files are read twice. First all rows, classes and levels are counted, and a sample of the rows is kept in
        memory: 200,000 at random, up to 30,000 of each class, and for each numeric column those of its lowest and
        highest number. From it come the hold-outs, the scales, the bins, the baseline, the calibration and the
        decision, as in :meth:`fit`; its rows are weighted so that each class weighs what it weighs in the files. Then
        all rows but those held out are written, preprocessed, each to a random one of several files on disk, which
        hold 64 MB each. An epoch reads these in a random order, and shuffles the rows of each: how the source is sorted
        does not matter. They are deleted however the fit ends, unless the process is killed.

        Parameters
        ----------
        source : str, path or pyarrow.dataset.Dataset
            A folder, with all folders below it, or a file; parquet (``.parquet``, ``.pq``) or CSV (``.csv``,
            ``.csv.gz``). Folders named ``column=value`` are a column. All files need the same columns. Of an object
            store pass a dataset. Needs pyarrow and pandas: ``pip install 'balanced-nn[arrow]'``.
        target : str
            Name of the column of labels, none of which may be missing.
        sample_weight : str, default=None
            Name of a column of non-negative weights; rows of weight 0 are left out. None weighs each row 1.
        groups : str, default=None
            Name of a column that says which rows belong together, such as those of one patient: none of them is
            trained on by a network for which one of them was held out. None takes each row for itself, but for exact
            copies of a row. The columns of weights and groups are no features.
        cache_dir : str or path, default=None
            An existing folder for the shuffled rows: 4 bytes for each row and column after scaling, a category being
            one column, and 8 bytes a row. None takes the system's folder for temporary files. Where networks are tasks
            of other machines (see `n_jobs`), these have to see it.

        Returns
        -------
        BalancedNNClassifier
            The fitted estimator itself.

        Raises
        ------
        ImportError
            If pyarrow or pandas is missing.
        FileNotFoundError
            If there is no file of such a name or format, or no folder `cache_dir`.
        OSError
            If there is no space for the shuffled rows.
        ValueError
            If a file cannot be read, files differ in their columns, a named column is missing, there are no rows, only
            one class or a missing label; if `sampler` is not None, "under" or "over"; and as :meth:`fit` does.
        TypeError
            If `source` is something else, or a column holds neither text, numbers nor dates.
        CollapseError
            If the network collapsed and `on_collapse` is "raise"; its message is the report.

        See Also
        --------
        BalancedNNClassifier.fit : Fit on a table in memory.

        Notes
        -----
        Statistics of columns are those of the sampled rows, where `fit` uses all. A level of a category column counts
        however rare it is, among the 64 most frequent of its column. ``sampler="under"`` draws each row of a frequent
        class by itself, so that the numbers of rows of the classes are equal up to chance; each of several networks
        draws other ones, and the second reading serves all of them, but for a network that has to be repaired. Two fits
        with the same integer `random_state` give bit-identical predictions if the files hold the same rows in the same
        order.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import pandas as pd
        >>> from sklearn.datasets import make_classification
        >>> from balanced_nn import BalancedNNClassifier
        >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
        >>> table = pd.DataFrame(X).add_prefix("x").assign(fraud=y)
        >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table[:300].to_parquet(Path(folder, "a.parquet"))
        ...     table[300:].to_parquet(Path(folder, "b.parquet"))
        ...     clf = clf.fit_dataset(folder, "fraud")
        >>> bool(abs(clf.predict_proba(table[clf.feature_names_in_])[:, 1].mean() - y.mean()) < 0.02)
        True
        """
        check_sampler(self.sampler)
        seed, began = self._seed_of_fit(), monotonic()  # which also draws the sample
        fitted = copy(self)
        columns = {"target": target, "sample_weight": sample_weight, "groups": groups}
        with open_stream(fitted, source, columns, cache_dir, seed, partial(show_rows, self.verbose)) as stream:
            rows = stream.rows
            splits, reached = self._split(fitted, rows, None, seed)
            splits = [replace(split, stream=stream) for split in splits]
            fitted._training_rows = stream.sample.sketch
            return self._train(fitted, (None, None, None), rows, splits, seed, reached, began)

    @available_if(learns_in_batches)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the networks further on a batch of rows, for one pass; what raises leaves the estimator as it was.

        The first batch makes the networks: from its rows come the preprocessing (medians, scales, bins, levels), the
        learning rate (a tenth of the rate of the lowest loss, where `fit` takes a fiftieth) and the size of a training
        step, which then stay. So let it be of hundreds of rows or more, like those to come. Behind `fit` or
        `fit_dataset` the networks of the fit are trained further, at their learning rate. A call with as many columns
        as before compiles nothing.

        No rows are held out, so that much of what `fit` does is missing: there is no early stopping, no repair, no
        calibration (that of a fit before is kept), no tuning of a metric, and no check whether the networks
        collapsed. `collapse_report_` says that nothing is known; :func:`diagnose` judges rows that were kept apart,
        and :meth:`set_decision` tunes a metric on them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The rows, with the columns of the first batch. A level of a category that the first batch lacks is unknown
            in later ones too.
        y : array-like of shape (n_samples,)
            Their labels; a batch need not hold all classes.
        classes : array-like of shape (n_classes,), default=None
            All labels that any batch will hold; required in the first call, unless something was fitted before. None
            takes those of the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, comparable over all batches; rows of weight 0 are left out. None weighs each row 1.

        Returns
        -------
        BalancedNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, if it or the columns are others than before, for a label beside
            them, or if a setting of the networks' form has changed.
        AttributeError
            If `sampler` is not None: a batch is not all rows of a class.

        See Also
        --------
        BalancedNNClassifier.fit_dataset : Fit on files larger than memory, with hold-out, calibration and report.

        Notes
        -----
        ``class_weight="balanced"`` follows the weights of the classes in all rows so far, and so do `class_prior_` and
        the correction of the probabilities; a class that has not come yet counts as one row. `n_members` of "auto" is
        one network. One pass over a table is seldom enough: go over the batches several times, in an order that mixes
        the classes. `history_` has one entry for each call. All that a further call needs is kept as arrays, so that an
        estimator can be copied and stored between two calls: it is three times as large as one that was fitted. `fit`
        begins anew, unless `warm_start` is set. Each call sets the decision and the class frequencies anew: call
        :meth:`set_decision` and :meth:`set_prior` again behind it. :func:`diagnose` knows the rows of the last `fit`,
        and not those of batches.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_classification
        >>> from sklearn.metrics import roc_auc_score
        >>> from balanced_nn import BalancedNNClassifier
        >>> X, y = make_classification(n_samples=3000, weights=[0.9], class_sep=2.0, random_state=0)
        >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), random_state=0)
        >>> for _ in range(3):
        ...     for batch in np.split(np.arange(2000), 4):
        ...         clf = clf.partial_fit(X[batch], y[batch], classes=[0, 1])
        >>> bool(roc_auc_score(y[2000:], clf.predict_proba(X[2000:])[:, 1]) > 0.9)
        True
        """
        settings, fitted = FitSettings.of(self), copy(self)
        check_layers_of_sizes(settings, "partial_fit")
        batch = read_batch(fitted, X, y, classes, sample_weight)
        learned = learn_batch(settings, batch, *self._reached_so_far(), self._draw_seed)
        costs, decision = self._read_decision(batch.classes, learned.prior)
        fitted._keep_batch(learned, batch, costs)
        calibration = fitted.calibration_
        fitted._decide(Ensemble(learned.members, calibration, learned.prior), decision, fitted._held_out, learned.prior)
        notes = self._predictor.type_notes(batch.table) if hasattr(self, "members_") else ()
        self._take(vars(fitted))
        for note in notes:
            warnings.warn(note, stacklevel=3)
        return self

    def _reached_so_far(self) -> tuple[tuple[Member, ...], Reached | None]:
        """The networks that there are, and how far they have come."""
        if not hasattr(self, "members_"):
            return (), None
        if not hasattr(self, "_reached"):
            raise ValueError(
                "An older release fitted this model, and did not keep what training goes on from. Fit it once with "
                "warm_start=False, or a clone of it."
            )
        return self.members_, self._reached

    def _split(
        self, fitted: Self, rows: LabelledRows, given: LabelledRows | None, seed: int
    ) -> tuple[Sequence[Split], Reached | None]:
        """Hold rows out for each network; with a warm start the same as before, and with the network to go on from."""
        settings = FitSettings.of(self)
        if self.warm_start:
            check_layers_of_sizes(settings, "warm_start=True")
        members, reached = self._reached_so_far() if self.warm_start else ((), None)
        if reached is None:
            return split_rows(settings, rows, given, seed), None
        check_same_columns(self, fitted)
        check_same_classes(self.classes_, rows.classes)
        check_same_shape(settings, members)
        splits = split_rows(replace(settings, n_members=len(members)), rows, given, seed)
        return [replace(split, start=members[split.number]) for split in splits], reached

    def _read_decision(self, classes: np.ndarray, prior: FloatArray) -> tuple[FloatArray | None, Decision]:
        """Return the costs of the classes, if there are any, and the decision that is wanted."""
        stated, labels = isinstance(self.class_weight, Mapping), classes.tolist()
        costs = class_weight_vector(self.class_weight, np.arange(len(labels)), prior, classes) if stated else None
        positive = find_positive(labels, prior, self.pos_label)
        return costs, read_decision(self.decision, labels, costs, positive=positive)

    def _train(
        self,
        fitted: Self,
        given: tuple[Any, Any, Any],
        rows: LabelledRows,
        splits: Sequence[Split],
        seed: int,
        reached: Reached | None,
        began: float,
    ) -> Self:
        """Steps 3 to 12 of a fit, behind the decorated method that the user called."""
        settings, before = FitSettings.of(self), vars(self).copy()
        seed_of_fit = seed if reached is None else reached.seed_of_fit
        checkpoint = open_checkpoint(self.checkpoint)
        if checkpoint is not None:
            check_layers_of_sizes(settings, "checkpoint")
            checkpoint.claim(describe_fit(settings, seed_of_fit, rows, splits))
        costs, decision = self._read_decision(rows.classes, rows.prior)
        about_the_rows: tuple[Warning, ...] = ()
        if reached is not None:
            seen = hold_out_notes(reached, rows, getattr(self, "_training_rows", None))
            about_the_rows = (*self._predictor.type_notes(rows.table), *seen)
        limit = TimeLimit(self.max_time, began, len(splits), jobs_at_once(self.n_jobs))
        try:
            with (
                call_back(self, len(splits), *given) as callbacks,
                show_progress(
                    self.verbose, len(splits), bar=not has_callbacks(self), at_once=splits[0].stream is None
                ) as progress,
            ):
                # Each network: clean, resample, weight; find a rate, train, judge; repair what failed.
                watcher = Watchers((callbacks, progress, limit))
                hears_epochs = has_callbacks(self) or self.max_time is not None
                trained = train_members(settings, splits, seed_of_fit, watcher, checkpoint, hears_epochs=hears_epochs)
                prior, synthetic = rows.prior, not draws_at_random(self.sampler)
                result = calibrate_members(trained, prior, synthetic=synthetic)
                result = average_weights(result, prior, synthetic=synthetic)
                result = allow_for_averaging(result, rows, prior)
                report = report_outcome(result.trained.judged, settings, tuple(rows.classes.tolist()), rows.suspicious)
                fitted._keep(result, report, rows, costs)
                n_fits = 1 if reached is None else reached.n_fits + 1
                fitted._reached = Reached.by_fit(seed, rows, splits[0].stream, fitted.members_, n_fits)
                ensemble = Ensemble(fitted.members_, result.of_ensemble, prior)
                about_the_rule = fitted._decide(ensemble, decision, result.held_out, prior)
                self._take(vars(fitted))  # callbacks are handed a fitted estimator
            if checkpoint is not None:
                checkpoint.remove()
            if self.on_collapse == "raise" and report.collapsed:
                raise CollapseError(str(report))
            for note in (*rows.notes, *about_the_rows, *limit.notes(), *self._notes(result.trained), *about_the_rule):
                warnings.warn(note, stacklevel=4)
        except BaseException:  # an interrupt too
            self._take(before)
            raise
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row, with `decision_rule_`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        predictor, log_proba = self._answer(X)
        with np.errstate(under="ignore"):
            return predictor.classes[predictor.rule.decide(log_proba)]

    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of each class, at the class frequencies `class_prior_`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns are in the order of `classes_`.
        """
        _, log_proba = self._answer(X)
        with np.errstate(under="ignore"):  # a probability that float64 cannot hold is 0, whatever NumPy is set to
            return np.exp(log_proba)

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Logarithm of :meth:`predict_proba`, without its rounding to 0 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Natural logarithms, at most 0; columns are in the order of `classes_`.
        """
        return self._answer(X)[1]

    def decision_function(self, X: Any) -> FloatArray:
        """Score that `predict` follows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes positive where the second class is answered: the log-odds less those at the threshold, or
            the expected extra cost of the first answer. For more classes, scores; the largest is answered.
        """
        predictor, log_proba = self._answer(X)
        with np.errstate(under="ignore"):
            scores = predictor.rule.scores(log_proba)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def preprocess(self, X: Any) -> FloatArray:
        """Turn a table into the matrix that `network_`, and `model_`, sees.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_inputs)
            Scaled numbers, then their bins, indicators and one-hot columns; float32.
        """
        check_is_fitted(self, "members_")
        return self.members_[0].features(read_table(self, X, reset=False))

    def set_decision(
        self,
        decision: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        pos_label: Any = None,
    ) -> Self:
        """Change how `predict` answers, without retraining.

        Changes `decision_rule_`; the parameter `decision`, which a clone is fitted with, stays.

        Parameters
        ----------
        decision : str, float, scorer or array-like
            As the parameter `decision`.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
            Rows to tune a metric on, preferably rows that were not passed to `fit`. None takes the rows that were held
            out in `fit`.
        y : array-like of shape (n_samples,), default=None
            Their labels; required with `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights. In addition, the classes are weighted to `class_prior_`.
        pos_label : label or None, default=None
            The positive class of two. None takes what the parameter `pos_label` says.

        Returns
        -------
        BalancedNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If `decision` does not fit the classes, `X` is passed without `y`, or `y` holds a label that `fit` did not
            see.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from balanced_nn import BalancedNNClassifier
        >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
        >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
        >>> print(clf.set_decision([[0, 1], [20, 0]]).decision_rule_)
        Lowest expected cost: answers 1 where its probability is above 0.0476.
        """
        check_is_fitted(self, "members_")
        if (X is None) != (y is None) or (X is None and sample_weight is not None):
            raise ValueError("set_decision needs X and y together. Pass both, or neither for the rows held out in fit.")
        rows = self._held_out
        if X is not None and y is not None:
            given = read_labelled(self, X, y, sample_weight, self.classes_)
            if len(np.unique(given.y)) < 2:
                raise ValueError(
                    f"y holds a single class, {given.names(given.y[:1])}; no decision can be tuned on it. "
                    "Pass rows of at least two classes."
                )
            for note in self._predictor.type_notes(given.table):
                warnings.warn(note, stacklevel=2)
            scores = self._predictor.log_proba(given.table) - np.log(self.class_prior_)
            rows = HeldOut(scores[given.rows].astype(np.float32), given.y, given.weight, in_training=False)
        labels, ensemble = self.classes_.tolist(), self._predictor.ensemble
        positive = find_positive(labels, ensemble.natural_prior, self.pos_label if pos_label is None else pos_label)
        decision = read_decision(decision, labels, self._costs, positive=positive)
        for note in self._decide(ensemble, decision, rows, self.class_prior_):
            warnings.warn(note, stacklevel=2)
        return self

    def set_prior(self, prior: ArrayLike | Mapping[Any, float] | None) -> Self:
        """Adjust the probabilities to other class frequencies (label shift), without retraining.

        Changes `class_prior_`, hence the probabilities, and fits `decision_rule_` to them: "balanced" and metrics
        follow the new frequencies, thresholds and costs stay as they are. Valid if the rows of each class look as
        they did in training.

        Parameters
        ----------
        prior : array-like of shape (n_classes,), mapping or Series from label to frequency, or None
            Frequencies, all positive; they are scaled to sum 1. An array is in the order of `classes_`, a pandas Series
            whose index holds the labels in its own. None returns to the frequencies of the training data.

        Returns
        -------
        BalancedNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If there is not one positive frequency for each class.

        See Also
        --------
        BalancedNNClassifier.estimate_prior : Find the frequencies of rows without labels.
        correct_prior : The same for probabilities of any classifier.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from balanced_nn import BalancedNNClassifier
        >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
        >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
        >>> clf.set_prior({0: 0.6, 1: 0.4}).class_prior_
        array([0.6, 0.4])
        """
        check_is_fitted(self, "members_")
        ensemble = self._predictor.ensemble
        wanted = ensemble.natural_prior if prior is None else read_class_prior(prior, self.classes_.tolist())
        for note in self._decide(ensemble, self._decision, self._decision_rows, wanted):
            warnings.warn(note, stacklevel=2)
        return self

    def estimate_prior(self, X: Any) -> FloatArray:
        """Estimate the class frequencies of rows without labels, for :meth:`set_prior`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The rows, of which each class should look as it did in training.

        Returns
        -------
        ndarray of shape (n_classes,)
            Frequencies in the order of `classes_`; they sum to 1.

        Warns
        -----
        PriorWarning
            If these rows do not determine them; see :func:`balanced_nn.estimate_prior`.
        """
        found, note = find_prior(self.predict_proba(X), self.class_prior_, classes=self.classes_.tolist())
        if note is not None:
            warnings.warn(note, stacklevel=2)
        return found

    @property
    def class_prior_(self) -> FloatArray:
        """Class frequencies that `predict_proba` speaks of."""
        return self._predictor.prior

    @property
    def decision_rule_(self) -> DecisionRule:
        """The rule that `predict` follows."""
        return self._predictor.rule

    @property
    def model_(self) -> Any:
        """The first network as a ``keras.Model``, from the preprocessed matrix to raw logits."""
        check_is_fitted(self, "members_")
        with _BUILDING:
            network, model = self.__dict__.get("_keras_model", (None, None))
            if network is not self.network_:
                check_process()
                with quiet_start():
                    from balanced_nn._training.keras.model import fitted_keras_model  # deferred: loads TensorFlow

                network, model = self._keras_model = self.network_, fitted_keras_model(self.network_)
        return model

    def to_keras(self) -> Any:
        """Export probabilities as a Keras model that does not need this package.

        It imputes, scales, runs all networks and corrects their probabilities, with standard layers and operations of
        Keras alone: ``model.save("model.keras")``, and ``keras.models.load_model("model.keras")`` elsewhere.

        Returns
        -------
        keras.Model
            From the raw matrix, float32 of shape ``(n_samples, n_features_in_)``, in which NaN is missing, to what
            `predict_proba` says as of now, float32 of shape (n_samples, n_classes), in the order of `classes_`. It
            agrees with `predict_proba` of the same float32 numbers to about 1e-6. It does not check its input.
            ``model_`` is the first network alone, from the preprocessed matrix to raw logits.

        Raises
        ------
        ValueError
            If the table has columns of categories or dates, or if `scaler` is a transformer of your own.

        See Also
        --------
        BalancedNNClassifier.to_onnx : Category columns and answers too.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from balanced_nn import BalancedNNClassifier
        >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
        >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
        >>> model = clf.to_keras()
        >>> bool(abs(model.predict(X, verbose=0) - clf.predict_proba(X)).max() < 1e-5)
        True
        """
        check_is_fitted(self, "members_")
        check_process()
        return keras_model(self._predictor)

    def to_onnx(self) -> Any:
        """Export probabilities and answers as an ONNX model, which needs neither Python nor this package.

        Returns
        -------
        onnx.ModelProto
            To be saved with ``onnx.save(model, "model.onnx")``. Its outputs are "label", what `predict` answers as of
            now, of shape (n_samples,), and "probabilities", float64 of shape (n_samples, n_classes). A table of numbers
            alone is one input, "X": float64 of shape ``(n_samples, n_features_in_)``, in which NaN is missing. A table
            with category columns has one input for each column, called like it or else x0, x1, ...: of shape
            (n_samples, 1), string for string categories, where "" is missing, and float64 for numbers, booleans and
            durations, in seconds. It agrees with `predict_proba` to about 1e-12, or 1e-6 with ``activation="gelu"``. It
            does not check its input.

        Raises
        ------
        ImportError
            If the package onnx is missing.
        ValueError
            If `scaler` is a transformer or `hidden_layer_sizes` a function of your own, if a column held dates, if one
            has no name that can be an input's, or if one held both missing cells and empty strings, which a string
            input cannot distinguish.

        See Also
        --------
        BalancedNNClassifier.to_keras : A Keras model, for further work in Keras.

        Notes
        -----
        In a column that mixes strings and numbers, pass the numbers as strings: 1 and 1.0 as "1", 0.5 as "0.5".

        Examples
        --------
        >>> import onnxruntime
        >>> from sklearn.datasets import make_classification
        >>> from balanced_nn import BalancedNNClassifier
        >>> X, y = make_classification(n_samples=600, weights=[0.95], class_sep=2.0, random_state=0)
        >>> clf = BalancedNNClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X, y)
        >>> session = onnxruntime.InferenceSession(clf.to_onnx().SerializeToString())
        >>> label, proba = session.run(["label", "probabilities"], {"X": X})
        >>> bool((label == clf.predict(X)).all() and abs(proba - clf.predict_proba(X)).max() < 1e-9)
        True
        """
        check_is_fitted(self, "members_")
        return onnx_model(self._predictor)

    def _draw_seed(self) -> int:
        if self.random_state is None:
            return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _seed_of_fit(self) -> int:
        """The seed of the fit that is gone on from, or that was killed if `random_state` says none; else a new one."""
        reached = self._reached_so_far()[1] if self.warm_start else None
        if reached is not None:
            return reached.seed
        checkpoint = open_checkpoint(self.checkpoint)
        kept = None if checkpoint is None or self.random_state is not None else checkpoint.seed
        return self._draw_seed() if kept is None else kept

    def _keep(self, result: Calibrated, report: CollapseReport, rows: LabelledRows, costs: FloatArray | None) -> None:
        """Write down what was fitted; what there is one of for each network is that of the first."""
        trained, attempt = result.trained, result.trained.attempts[0]
        self.calibration_, self._calibration_of_one = result.of_ensemble, result.calibration
        self.temperature_, self.averaging_factor_ = self.calibration_.temperature, result.averaging_factor
        self.average_share_, self.repairs_ = trained.average_share, trained.repairs
        self.lr_search_, self.class_weight_, self._held_out = attempt.search, attempt.plan.class_weight, result.held_out
        self._keep_networks(trained.members, report, rows.classes, costs)

    def _keep_batch(self, learned: Learned, batch: LabelledRows, costs: FloatArray | None) -> None:
        """Write down what a batch changed; what a hold-out would give is known of a fit before, or not at all."""
        if not hasattr(self, "members_"):
            nothing = Calibration.none(len(batch.classes))
            self.calibration_, self._calibration_of_one, self.temperature_ = nothing, nothing, nothing.temperature
            self.averaging_factor_, self.average_share_, self.repairs_ = 1.0, 0.0, ()
            self.lr_search_ = learned.search
        self.class_weight_, self._reached = learned.class_weight, learned.reached
        self._held_out = nothing_held_out(len(batch.classes))
        self._keep_networks(learned.members, nothing_judged(batch.classes), batch.classes, costs)

    def _keep_networks(
        self, members: tuple[Member, ...], report: CollapseReport, classes: np.ndarray, costs: FloatArray | None
    ) -> None:
        self.classes_, self._costs, self.members_, self.collapse_report_ = classes, costs, members, report
        first = members[0]
        self.preprocessing_, self.network_, self.history_ = first.preprocessing, first.network, first.history
        self.learning_rate_ = first.history.learning_rate
        self.n_iter_ = len(first.history.train_loss)
        self.loss_curve_ = list(first.history.train_loss)
        self.__dict__.pop("_keras_model", None)

    def _take(self, state: Mapping[str, Any]) -> None:
        """Take over all that was fitted in one step; parameters, and what callbacks need, stay as they are now."""
        parameters = self.get_params(deep=False)
        others = {name: value for name, value in vars(self).items() if "callback" in name or name in parameters}
        self.__dict__ = {**state, **others}

    def _decide(self, ensemble: Ensemble, decision: Decision, rows: HeldOut, prior: FloatArray) -> tuple[Warning, ...]:
        """Set the rule and the class frequencies together, and return what the user should be warned of about it."""
        rule = decision.rule(prior, rows)  # may take long, and is interrupted then: nothing has changed before
        names = tuple(map(str, check_feature_names_in(self)))
        predictor = Predictor(ensemble, prior.copy(), rule, self.classes_, names)
        self.__dict__.update(_decision=decision, _decision_rows=rows, _predictor=predictor)
        return decision_notes(rule, rows, prior)

    def _notes(self, trained: Trained) -> Iterator[Warning]:
        """What the user should know of the training."""
        yield from trained.notes
        if self.on_collapse != "ignore" and self.collapse_report_.outcome is not Outcome.HEALTHY:
            yield CollapseWarning(str(self.collapse_report_))
        elif self.on_collapse != "ignore" and trained.changed:
            settings = ", ".join(f"{name}={value!r}" for name, value in trained.changed.items())
            yield CollapseWarning(f"The first training failed; the network that was kept uses {settings}.")

    def _answer(self, X: Any) -> tuple[Predictor, FloatArray]:
        """What answers now, and the log-probabilities of some rows: one reading, whatever other threads set."""
        if not hasattr(self, "members_"):  # asked first: scikit-learn's check takes as long as all else about a row
            check_is_fitted(self, "members_")
        predictor, table = self._predictor, read_table(self, X, reset=False)
        for note in predictor.type_notes(table):
            warnings.warn(note, stacklevel=3)
        return predictor, predictor.log_proba(table)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Give parameters that the release which stored the estimator did not have their defaults."""
        super().__setstate__({**type(self)().get_params(deep=False), **state})

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_keras_model"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags
