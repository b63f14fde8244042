"""The public transformer: a table of any kind becomes the matrix that a neural network needs."""

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from balanced_nn._data.column_checks import column_notes, suspicious_columns
from balanced_nn._data.table import read_table
from balanced_nn._data.target import read_classes
from balanced_nn._preprocessing.dates import range_notes
from balanced_nn._preprocessing.encoding import type_notes
from balanced_nn._preprocessing.preprocessing import fit_preprocessing
from balanced_nn._preprocessing.scalers import BUILT_IN_SCALERS
from balanced_nn._sklearn import HasMethods, Interval, StrOptions, check_feature_names_in, fit_context
from balanced_nn._typing import IntArray, Transformer


class TabularPreprocessor(TransformerMixin, BaseEstimator):
    """Turn any table into the matrix that a neural network needs.

    Numeric columns are imputed by their median and scaled; a column that had missing values in `fit` gets an indicator
    beside it. Columns of bools, strings and categories become one column of -1 and +1 (two levels) or one-hot columns
    (more levels). Levels that were not seen in `fit` become 0. A date becomes its seconds since 1970 and those of its
    year, month, weekday, day and hour that vary in `fit`, the cyclic ones as sine and cosine.

    Parameters
    ----------
    scaler : {None, "auto", "standard", "robust", "minmax", "quantile"} or transformer, default="standard"
        What is applied to the numeric columns. "auto" is "standard", cut off at -8 and 8 but for columns of two values;
        a column of more values, one of them beyond 8 standard deviations from the mean, also gets its normal scores,
        behind all scaled numbers: the normal quantiles of its ranks, which no increasing function of the column
        changes. "standard" and "minmax" are those of scikit-learn, "quantile" is
        ``QuantileTransformer(output_distribution="normal")`` with at most 1000 quantiles over all rows, "robust" is
        `RobustSmoothScaler`; these ignore missing values in `fit`. Any other transformer is cloned and fitted to the
        imputed numeric columns, an ndarray of float64; it may change the number of columns.
    max_categories : int or None, default=64
        Most levels of a column. The rarest levels beyond (of equally frequent ones the last in the order of the
        levels) share the level "infrequent", which unseen levels then join. A limit of 2 or more; None means none.
    n_bins : int or None, default=None
        Most bins of a numeric column, 2 or more; their piecewise linear encoding [1]_ follows the scaled numbers and
        normal scores; `fit` then needs `y`, because the bins lie where a decision tree over the column separates the
        classes, as far as the gain is more than chance. Of a column with normal scores, these are binned. None adds no
        bins.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Labels of the columns, if `X` is a DataFrame whose labels are distinct strings.
    n_features_out_ : int
        Number of columns that `transform` returns.
    categories_ : dict of {int: list of str}
        For each category column, by its position in `X`: the names of its levels. "missing" is the level of missing
        cells, if there were any in `fit`.
    preprocessing_ : Preprocessing
        The fitted arrays.

    See Also
    --------
    RobustSmoothScaler : The map behind ``scaler="robust"``.
    BalancedNNClassifier : Does the same inside, after holding out its validation part.

    Notes
    -----
    The kind of a column follows its type or, in columns of Python objects, its content: only numbers, bools mixed
    with numbers, or only missing cells are numeric; anything with a string in it is a category. It is fixed in `fit`:
    a numeric column that later holds a string is an error, and numbers in a category column are looked up among its
    levels. Numbers are equal by value (1, 1.0 and True), and to the strings that write them ("1").

    A numeric column that was constant or all missing in `fit` is always 0. Scaled values are cut at -1e6 and 1e6 (with
    ``scaler="auto"``: at -8 and 8; with None or a transformer of yours: at -1e30 and 1e30), so that the result is
    always finite. Infinite input is refused. Lists and other objects are refused: derive numbers from them first.

    Dates are those of NumPy, pandas, polars, PyArrow and Python; periods count by their beginning, durations are
    numbers, in seconds. Seconds are counted in UTC, and parts are read from a clock in the column's time zone. A column
    of dates that later holds other values or times of another zone is an error, as are dates in any other column. Dates
    further from those of `fit` than these from one another are named in a `ColumnWarning`. With ``scaler=None`` the
    seconds are counted from the first date of `fit` on, as float32 does not tell dates apart by those since 1970.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
       NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from balanced_nn import TabularPreprocessor
    >>> X = [[30.0, "no", "red"], [np.nan, "yes", "blue"], [50.0, "no", "green"], [40.0, "no", "red"]]
    >>> preprocessor = TabularPreprocessor().fit(X)
    >>> preprocessor.get_feature_names_out().tolist()
    ['x0', 'missingindicator_x0', 'x1_yes', 'x2_blue', 'x2_green', 'x2_red']
    >>> preprocessor.transform([[np.nan, "yes", "red"], [40.0, "no", "unseen"]])
    array([[ 0.,  1.,  1.,  0.,  0.,  1.],
           [ 0., -1., -1.,  0.,  0.,  0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "scaler": [StrOptions(set(BUILT_IN_SCALERS)), HasMethods(["fit", "transform"]), None],
        "max_categories": [Interval(Integral, 2, None, closed="left"), None],
        "n_bins": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(
        self,
        scaler: str | Transformer | None = "standard",
        *,
        max_categories: int | None = 64,
        n_bins: int | None = None,
    ) -> None:
        self.scaler = scaler
        self.max_categories = max_categories
        self.n_bins = n_bins

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike | None = None) -> "TabularPreprocessor":
        """Learn the kinds, medians, scales and levels of the columns.

        Parameters
        ----------
        X : array-like, sparse or DataFrame of shape (n_samples, n_features)
            The table.
        y : array-like of shape (n_samples,), default=None
            Labels, which only `n_bins` needs.

        Returns
        -------
        TabularPreprocessor
            The fitted preprocessor itself.
        """
        table = read_table(self, X, reset=True)
        for note in column_notes(suspicious_columns(table)):
            warnings.warn(note, stacklevel=3)
        fitted = fit_preprocessing(table, None, scaler=self.scaler, max_categories=self.max_categories)
        if self.n_bins is not None:
            codes = self._codes(X, y)
            fitted = fitted.with_bins(fitted.clean(table), codes, np.ones(len(codes)), self.n_bins)
        self.preprocessing_ = fitted
        self.n_features_out_ = self.preprocessing_.width
        self.categories_ = {encoding.position: list(encoding.labels) for encoding in self.preprocessing_.encodings}
        return self

    def _codes(self, X: Any, y: ArrayLike | None) -> IntArray:
        if y is None:
            raise ValueError(
                f"n_bins={self.n_bins} puts bins where classes separate, but y is None. Pass y, or set n_bins=None."
            )
        return read_classes(y, X)[0]

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Impute, scale and encode a table.

        Parameters
        ----------
        X : array-like, sparse or DataFrame of shape (n_samples, n_features)
            The table.

        Returns
        -------
        ndarray of shape (n_samples, `n_features_out_`)
            Finite float32 numbers.
        """
        check_is_fitted(self)
        table = read_table(self, X, reset=False)
        fitted = self.preprocessing_
        notes = type_notes(table, fitted.numeric_positions, [fitted.encodings]) + range_notes(table, [fitted.dates])
        for note in notes:
            warnings.warn(note, stacklevel=3)
        return fitted.expand(fitted.clean(table))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` gives.

        A numeric column keeps its label, and "<label>_bin1" is the first of its bins; "missingindicator_<label>" says
        where it was missing; "<label>_<level>" is the column of a level; a date has "<label>_total_seconds",
        "<label>_year", "<label>_month_sin", "<label>_month_cos", ... A name that occurs twice gets a number after it.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Labels of the columns of `X`; None means those seen in `fit`, or x0, x1, ...

        Returns
        -------
        ndarray of str objects
            A name for each column of the matrix: "income", "missingindicator_income", "city_London", ...
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        return np.array(self.preprocessing_.feature_names(list(map(str, names))), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
