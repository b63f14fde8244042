"""Which settings follow from the data where the user left them open?"""

from collections.abc import Sequence

from balanced_nn._data.dataset import effective_rows

BATCH_SIZES = ((1024, 64), (8192, 128), (30_000, 256), (100_000, 512))  # training rows, batch size up to there
LARGEST_BATCH = 1024
SEVERAL_MEMBERS, SEVERAL_UP_TO = 4, 50_000  # networks, and rows up to which they are so many
MOST_BINS = 16  # of a numeric column
ROWS_OF_A_BIN = 80  # effective ones, as the rarest class counts most
COLUMNS_OF_BINS = 512  # of all numeric columns together
CELLS_OF_BINS = 2**24  # of all rows together: 64 MB
FIXED_EPOCHS = 100  # at most, where no rows can be held out to stop on


def auto_batch_size(n_rows: int) -> int:
    """Batch size for a number of training rows: a power of two, never more than the rows.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
       Tabular Data", NeurIPS 2024: the table of their library.

    Examples
    --------
    >>> [auto_batch_size(n) for n in (50, 1000, 20_000, 1_000_000)]
    [32, 64, 256, 1024]
    """
    size = next((size for limit, size in BATCH_SIZES if n_rows <= limit), LARGEST_BATCH)
    return min(size, 2 ** (n_rows.bit_length() - 1))


def auto_members(n_rows: int) -> int:
    """Number of networks for a number of rows out of which some are held out.

    Examples
    --------
    >>> [auto_members(n) for n in (500, 50_000, 50_001)]
    [4, 4, 1]
    """
    return SEVERAL_MEMBERS if n_rows <= SEVERAL_UP_TO else 1


def auto_scaler(network: int) -> str:
    """How a network of an ensemble scales its numbers: networks that see a table differently err differently.

    Parameters
    ----------
    network : int
        Its number, from 0.

    Examples
    --------
    >>> [auto_scaler(network) for network in range(4)]
    ['auto', 'auto-robust', 'auto', 'auto-robust']
    """
    return ("auto", "auto-robust")[network % 2]


def auto_bins(class_counts: Sequence[float], n_columns: int) -> int:
    """Most bins of a numeric column; 0 for none.

    A bin helps if there are rows to learn its slope from, and the rare classes have the fewest: the rows that count
    are those of :func:`effective_rows`. There is one bin for 80 of them, 512 of all columns at most, and 64 MB for
    all rows. Rows are counted, whatever they weigh.

    Parameters
    ----------
    class_counts : sequence of float
        Training rows of each class; where one has none, nothing is known of its numbers, and there are no bins.
    n_columns : int
        Numeric columns.

    Examples
    --------
    >>> auto_bins([900, 100], 20), auto_bins([900, 100], 200), auto_bins([9000, 1000], 20)
    (4, 2, 16)
    >>> auto_bins([990, 10], 20)  # 40 rows that count do not fill two bins
    0
    """
    if n_columns == 0 or min(class_counts) == 0:
        return 0
    most = min(
        MOST_BINS,
        int(effective_rows(class_counts)) // ROWS_OF_A_BIN,
        COLUMNS_OF_BINS // n_columns,
        int(CELLS_OF_BINS / (sum(class_counts) * n_columns)),
    )
    return most if most >= 2 else 0
