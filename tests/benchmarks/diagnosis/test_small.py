"""Are small programs drawn again the same, of all kinds, and others for reporting than for choosing?"""

from itertools import islice

import numpy as np
import pytest

from benchmarks.diagnosis.small import CHOOSING, HEALTHY, KINDS, LABELS, REPORTING, draw, programs, rows, to_replay


@pytest.mark.parametrize("kind", [*KINDS, LABELS, HEALTHY])
def test_each_kind_has_small_programs(kind: str) -> None:
    for one, twin in islice(programs(kind, CHOOSING), 10):
        table = rows(one)
        program = to_replay(one, table.X.shape[1], table.n_classes)
        assert 2 <= len(table.y) <= 300
        assert max(one.hidden, default=1) <= 64
        assert len(one.hidden) <= 4
        assert program.steps(len(table.y)) <= 2_400
        assert np.isfinite(table.X).all()
        assert bool(one.faults) == (kind != HEALTHY)
        assert (one == twin) == (kind in (LABELS, HEALTHY))


def test_a_program_follows_from_its_part_and_number() -> None:
    assert draw("scale", CHOOSING, 3) == draw("scale", CHOOSING, 3)
    assert draw("scale", CHOOSING, 3) != draw("scale", REPORTING, 3)
    one = draw("scale", CHOOSING, 3)[0]
    np.testing.assert_array_equal(rows(one).X, rows(draw("scale", CHOOSING, 3)[0]).X)
