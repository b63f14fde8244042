"""Does the table of defaults on the page on quality say what the rules give?"""

import re
from pathlib import Path

import numpy as np

from balanced_nn._data.hold_outs import hold_outs
from balanced_nn._training.auto_settings import auto_batch_size, auto_bins, auto_members

PAGE = (Path(__file__).parents[2] / "docs/quality.md").read_text()


def test_the_example_of_the_table_of_defaults_is_what_the_rules_give() -> None:
    given = dict(re.findall(r"^\| [^|]*\(`(\w+)`\) \| [^|]* \| (\d+) \|$", PAGE, flags=re.M))
    (part,) = hold_outs(np.repeat([0, 1], [3800, 200]), 0.15, np.random.default_rng(0), 2)
    train = np.repeat([0, 1], [3800, 200])[part.train]
    assert {name: int(value) for name, value in given.items()} == {
        "n_members": auto_members(4000),
        "validation_fraction": len(part.valid),
        "n_bins": auto_bins(np.bincount(train).tolist(), 10),
        "batch_size": auto_batch_size(len(train)),
    }
