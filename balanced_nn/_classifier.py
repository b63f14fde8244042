"""How do the steps of a fit follow each other? The estimator; each step is a function of a lower room."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from balanced_nn._attempts import Attempt, train_until_sound
from balanced_nn._decision import decision_rule
from balanced_nn._outcome import Outcome
from balanced_nn._plan import make_plan, read_rows, split_rows
from balanced_nn._process import check_process
from balanced_nn._remedies import ModelKind, advise
from balanced_nn._repair import Repair, setting_hints
from balanced_nn._report import CollapseReport
from balanced_nn._sklearn import HasMethods, Interval, RealNotInt, StrOptions, fit_context
from balanced_nn._specs import FloatArray, LearningRateSearch
from balanced_nn._table import Table, read_table
from balanced_nn.exceptions import CollapseError, CollapseWarning

PREDICTION_BYTES = 2**21  # of the rows preprocessed at a time: bounded memory, and they stay in the cache


class BalancedNNClassifier(ClassifierMixin, BaseEstimator):
    """A neural network for imbalanced tables that does not answer "all one class".

    A multi-layer perceptron, trained with Keras, that cleans and scales the table, balances the classes, searches its
    learning rate, stops on held-out rows, checks whether it collapsed, corrects its probabilities to the natural
    class frequencies and decides for balanced accuracy. Predictions need NumPy only.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 128)
        Units of each hidden layer.
    activation : {"relu", "tanh", "logistic", "selu", "gelu", "identity"}, default="relu"
        Activation of the hidden layers.
    batch_norm : bool, default=True
        Whether BatchNorm stands between each hidden layer and its activation.
    dropout : float, default=0.1
        Fraction of hidden units that a training step leaves out, in [0, 1).
    alpha : float, default=0.01
        Weight decay of the kernels, decoupled from the gradient as in AdamW: each step shrinks them by
        ``learning_rate * alpha``.
    class_weight : "balanced", dict or None, default="balanced"
        "balanced" gives each class the same summed weight in training. It is a training device: probabilities are
        corrected for it. A dict from label to weight states costs: it is used in training too, probabilities stay
        natural, and by default `predict` answers the class with the highest ``weight * probability``.
    sampler : {"over", "under", "smote"}, object with ``fit_resample`` or None, default=None
        How the training rows are resampled, before class weights are computed. Validation rows never are. An object
        sees the preprocessed matrix: scaled numbers, then one column of codes for each category column and each
        missing-value indicator; its parameter `categorical_features`, if it has one, is set accordingly.
    loss : {"log_loss", "focal", "logit_adjusted"}, default="log_loss"
        Training loss: cross-entropy, focal loss with exponent 2, or cross-entropy of logits shifted by the log of the
        class frequencies. As the shift is undone in the probabilities and the output bias is free, the last trains
        the same network as "log_loss" up to rounding; where the classes are already balanced there is no shift.
    scaler : {"standard", "robust", "minmax", "quantile"}, transformer or None, default="standard"
        How numeric columns are scaled; see :class:`TabularPreprocessor`.
    learning_rate_init : "auto" or float, default="auto"
        Learning rate of AdamW. "auto" runs a range test first; see :func:`suggest_learning_rate`.
    batch_size : "auto" or int, default="auto"
        Rows of a training step. "auto" takes 64 for up to 1,024 rows, 128 up to 8,192, 256 up to 30,000, 512 up to
        100,000, then 1,024; never more than there are rows.
    max_iter : int, default=200
        Largest number of epochs.
    early_stopping : bool, default=True
        Whether to hold out rows, stop when their balanced log-loss no longer falls, and keep the best weights.
        Otherwise training runs for `max_iter` epochs and keeps the last weights.
    validation_fraction : float, default=0.15
        Fraction of each class that is held out, in (0, 1). For a rare class it grows to at most 0.3, so that two rows
        are held out; a class that cannot spare them stays in training as a whole.
    n_iter_no_change : int, default=20
        Epochs without an improvement of more than `tol` after which training stops.
    tol : float, default=1e-4
        Smallest improvement that counts, in nats.
    decision : {"auto", "balanced", "argmax"} or float, default="auto"
        How `predict` answers: "balanced" takes the class with the highest ``probability / class frequency``,
        "argmax" the most probable one, a float in (0, 1) is the threshold on the probability of the second of two
        classes. "auto" is "balanced", or weighs by the costs that a dict `class_weight` states.
    on_collapse : {"repair", "warn", "raise", "ignore"}, default="repair"
        What to do when training failed: the network collapsed, judged at the balanced decision on the held-out rows, or
        lags behind quick reference models, which are trained where balanced accuracy is less than 0.15 above chance.
        "repair" names the cause and trains up to two more times, with other initial weights and with what the cause
        asks for as far as it was left at its default (the searched learning rate, `max_iter` and `n_iter_no_change`,
        `scaler`, `sampler`); keeps the best attempt; and warns if that one failed too, or was trained with another
        setting. A parameter that equals its default counts as left open: in a search over such a parameter use "warn",
        or a candidate may be credited with what a repair did. "raise" raises `CollapseError`. Except with "ignore", a
        `CollapseWarning` also tells of answers that only the decision spoils, and of features that say nothing about
        the labels.
    random_state : int, RandomState instance or None, default=None
        Seed of the hold-out, the resampling, the initial weights, the batches and the dropout masks. None takes fresh
        entropy from the operating system; NumPy's global generator is neither read nor advanced.
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where all are strings.
    n_iter_ : int
        Epochs that the kept training ran.
    history_ : History
        Curves of the kept training.
    loss_curve_ : list of float
        Training loss of each epoch, in nats.
    learning_rate_ : float
        Learning rate of the kept training.
    lr_search_ : LearningRateSearch or None
        The range test with its trace, the choice and the reason; None where the rate was set by hand.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of each class in training, before row weights are scaled to mean 1.
    class_prior_ : ndarray of shape (n_classes,)
        Natural class frequencies, by weight, that `predict_proba` speaks of.
    decision_rule_ : DecisionRule
        The rule that `predict` follows.
    collapse_report_ : CollapseReport
        Whether the network failed, with the numbers, the causes and the remedies.
    repairs_ : tuple of Repair
        Further attempts that a failure led to: what was changed, why, and what came of it; empty where there was none.
    network_ : FittedNetwork
        The weights as arrays.
    preprocessing_ : Preprocessing
        The fitted preprocessing as arrays.
    model_ : keras.Model
        The fitted network with standard Keras layers, from the matrix that :meth:`preprocess` gives to raw logits;
        built on first use.

    See Also
    --------
    diagnose : The causes of a failure of any other classifier.
    TabularPreprocessor : The preprocessing by itself.
    ClassResampler : The resampling by itself.
    make_collapse_aware_scorer : Keep collapsed candidates from winning a search.

    Notes
    -----
    Two fits with the same integer `random_state` give bit-identical predictions. Training runs in one compiled
    program for each combination of layer sizes, batch size and form of the loss; compiling takes 2 to 3 seconds once
    a process, then it is reused for every data set, fold and candidate.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
       Tabular Data", NeurIPS 2024.
    .. [2] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
    .. [3] C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001.

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
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"relu", "tanh", "logistic", "selu", "gelu", "identity"})],
        "batch_norm": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), Mapping, None],
        "sampler": [StrOptions({"over", "under", "smote"}), HasMethods("fit_resample"), None],
        "loss": [StrOptions({"log_loss", "focal", "logit_adjusted"})],
        "scaler": [
            StrOptions({"standard", "robust", "minmax", "quantile"}),
            HasMethods(["fit", "transform"]),
            None,
        ],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(RealNotInt, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "decision": [StrOptions({"auto", "balanced", "argmax"}), Interval(Real, 0, 1, closed="neither")],
        "on_collapse": [StrOptions({"repair", "warn", "raise", "ignore"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (256, 128),
        *,
        activation: str = "relu",
        batch_norm: bool = True,
        dropout: float = 0.1,
        alpha: float = 0.01,
        class_weight: str | Mapping[Any, float] | None = "balanced",
        sampler: Any = None,
        loss: str = "log_loss",
        scaler: Any = "standard",
        learning_rate_init: str | float = "auto",
        batch_size: str | int = "auto",
        max_iter: int = 200,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 20,
        tol: float = 1e-4,
        decision: str | float = "auto",
        on_collapse: str = "repair",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
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
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.decision = decision
        self.on_collapse = on_collapse
        self.random_state = random_state
        self.verbose = verbose

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
    ) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The table: numbers, booleans, categories or strings; missing values are allowed, infinity is not. A sparse
            matrix becomes a dense float32 one: of text with many columns, pass a reduction such as TruncatedSVD's.
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
            If the network collapsed and `on_collapse` is "raise".
        RuntimeError
            In a process that was forked after TensorFlow had started.
        """
        seed = self._draw_seed()
        rows = read_rows(self, X, y, sample_weight)
        split = split_rows(self, rows, (X_val, y_val, sample_weight_val), seed)  # before any rebalancing
        plan = make_plan(self, split, seed)  # clean, resample, expand, weight: training rows only
        stated_costs = plan.class_weight if isinstance(self.class_weight, Mapping) else None
        rule = decision_rule(self.decision, split.prior, stated_costs)
        attempt, repairs = train_until_sound(  # find a rate, train, judge; where that failed, name why and mend it
            self.get_params(deep=False),
            type(self)().get_params(deep=False),
            split,
            plan,
            seed,
            on_search=_print_search if self.verbose else None,
            on_epoch=_print_epoch if self.verbose else None,
        )
        self.classes_, self.class_prior_, self.decision_rule_ = rows.classes, split.prior, rule
        self._keep(attempt, repairs)
        self._tell(plan.notes, attempt.change.settings)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Answer the class of each row, by `decision_rule_`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        log_proba = self._log_proba(X)
        return self.classes_[self.decision_rule_.decide(log_proba)]

    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of each class, at the class frequencies of the training data.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns are in the order of `classes_`.
        """
        return np.exp(self._log_proba(X))

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Logarithm of :meth:`predict_proba`, without its rounding to 0 and 1."""
        return self._log_proba(X)

    def decision_function(self, X: Any) -> FloatArray:
        """Score that `predict` follows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log-odds less those at the threshold: positive where the second class is answered.
            For more, scores whose largest is answered.
        """
        log_proba = self._log_proba(X)
        scores = self.decision_rule_.scores(log_proba)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def preprocess(self, X: Any) -> FloatArray:
        """Turn a table into the matrix that the network, and `model_`, sees.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_inputs)
            Scaled numbers, then indicators and one-hot columns; float32.
        """
        check_is_fitted(self, "network_")
        table = read_table(self, X, reset=False)
        return self._features(table)

    @property
    def model_(self) -> Any:
        """The fitted network as a ``keras.Model``, from the preprocessed matrix to raw logits."""
        check_is_fitted(self, "network_")
        if "_keras_model" not in self.__dict__:
            check_process()
            from balanced_nn._keras._build import fitted_keras_model  # deferred: loads TensorFlow

            self._keras_model = fitted_keras_model(self.network_)
        return self._keras_model

    def _draw_seed(self) -> int:
        if self.random_state is None:
            return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _keep(self, attempt: Attempt, repairs: tuple[Repair, ...]) -> None:
        """Write down what was fitted."""
        plan = attempt.plan
        self.lr_search_ = attempt.search
        self.preprocessing_, self.class_weight_ = plan.preprocessing, plan.class_weight
        self.network_, self.history_, self.repairs_ = attempt.network, attempt.history, repairs
        self.learning_rate_ = attempt.history.learning_rate
        self.n_iter_ = len(attempt.history.train_loss)
        self.loss_curve_ = list(attempt.history.train_loss)
        self._correction = plan.correction
        self.__dict__.pop("_keras_model", None)
        self.collapse_report_ = self._report(attempt)

    def _report(self, attempt: Attempt) -> CollapseReport:
        settings, defaults = self.get_params(deep=False), type(self)().get_params(deep=False)
        used = {**settings, **attempt.change.settings, "learning_rate_": attempt.history.learning_rate}
        findings = advise(attempt.findings, ModelKind.OURS, settings=used, defaults=defaults)
        failed = attempt.outcome.outcome is not Outcome.HEALTHY
        return CollapseReport(
            attempt.outcome,
            tuple(self.classes_.tolist()),
            attempt.plan.judged_on,
            findings,
            attempt.evidence,
            setting_hints(settings, defaults) if failed else (),
        )

    def _tell(self, notes: tuple[Warning, ...], changed: Mapping[str, Any]) -> None:
        """Warn of what the user should know; 4 levels up is the line that called `fit`."""
        for note in notes:
            warnings.warn(note, stacklevel=4)
        if self.on_collapse == "raise" and self.collapse_report_.collapsed:
            raise CollapseError(str(self.collapse_report_))
        if self.on_collapse != "ignore" and self.collapse_report_.outcome is not Outcome.HEALTHY:
            warnings.warn(CollapseWarning(str(self.collapse_report_)), stacklevel=4)
        elif changed:
            settings = ", ".join(f"{name}={value!r}" for name, value in changed.items())
            warnings.warn(CollapseWarning(f"The first training failed; the network kept has {settings}."), stacklevel=4)

    def _log_proba(self, X: Any) -> FloatArray:
        check_is_fitted(self, "network_")
        table = read_table(self, X, reset=False)
        block = max(1, PREDICTION_BYTES // (4 * max(1, self.preprocessing_.width)))
        if len(table) <= block:
            return self._log_posterior(table)
        out = np.empty((len(table), len(self.classes_)))
        for start in range(0, len(table), block):
            rows = slice(start, start + block)
            out[rows] = self._log_posterior(table.part(rows))
        return out

    def _log_posterior(self, table: Table) -> FloatArray:
        return self._correction.log_posterior(self.network_.logits(self._features(table)), self.class_prior_)

    def _features(self, table: Table) -> FloatArray:
        return self.preprocessing_.expand(self.preprocessing_.clean(table))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_keras_model"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def _print_search(search: LearningRateSearch) -> None:
    print(f"learning rate {search.learning_rate:.3g}: {search.reason}")


def _print_epoch(epoch: int, train_loss: float, valid_loss: float | None) -> None:
    held_out = "" if valid_loss is None else f", held-out balanced log-loss {valid_loss:.4f}"
    print(f"epoch {epoch}: training loss {train_loss:.4f}{held_out}")
