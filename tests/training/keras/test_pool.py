"""Are compiled programs lent to one fit at a time, kept within bounds, and forgotten when asked?"""

import pytest

from balanced_nn import clear_compiled_programs
from balanced_nn._training.keras.compiled import ProgramKey
from balanced_nn._training.keras.pool import POOL, ProgramPool


def key_of(batch_size: int = 64) -> ProgramKey:
    return ProgramKey(16, 2, (8,), "relu", True, False, False, batch_size)


def test_a_program_is_lent_to_one_training_at_a_time_and_comes_back_after_an_error():
    pool = ProgramPool(max_idle=2)
    with pool.lend(key_of()) as one, pool.lend(key_of()) as other:
        assert one is not other
        assert one.compiled is other.compiled
    with pytest.raises(KeyboardInterrupt), pool.lend(key_of()):
        raise KeyboardInterrupt
    with pool.lend(key_of()):
        assert pool.n_built == 1


def test_the_pool_forgets_the_least_recently_used_program():
    pool = ProgramPool(max_idle=1)
    for batch_size in (64, 32, 64):
        with pool.lend(key_of(batch_size)):
            pass
    assert pool.n_built == 3


def test_clearing_empties_the_pool_that_fits_borrow_from():
    with POOL.lend(key_of()) as program:
        pass
    with POOL.lend(key_of()) as again:
        assert again is program
    clear_compiled_programs()
    with POOL.lend(key_of()) as fresh:
        assert fresh is not program
