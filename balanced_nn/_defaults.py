"""Which settings follow from the data where the user left them open?"""

BATCH_SIZES = ((1024, 64), (8192, 128), (30_000, 256), (100_000, 512))  # rows as fed, batch size up to there
LARGEST_BATCH = 1024
SEVERAL_MEMBERS, SEVERAL_UP_TO = 3, 10_000  # networks, and rows up to which they are so many
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
    >>> [auto_members(n) for n in (500, 10_000, 10_001)]
    [3, 3, 1]
    """
    return SEVERAL_MEMBERS if n_rows <= SEVERAL_UP_TO else 1
