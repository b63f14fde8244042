"""Does the page on quality run, and does its table of defaults say what the rules give?"""

import re
from pathlib import Path

import numpy as np
import pytest

from balanced_nn._data import hold_outs
from balanced_nn._defaults import auto_batch_size, auto_bins, auto_members

PAGE = (Path(__file__).parents[1] / "docs/quality.md").read_text()


def test_the_example_prints_what_is_shown_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = re.search(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", PAGE, flags=re.M | re.S).groups()
    exec(compile(code, "docs/quality.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == shown


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
