"""Is a row either fitted on or held out, wherever it stands in the files?"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from balanced_nn._streaming.parts import hold_out
from balanced_nn._streaming.source import open_source

RNG = np.random.default_rng(0)
N_ROWS = 4_000
TABLE = pd.DataFrame({"a": RNG.normal(size=N_ROWS), "b": RNG.choice(["x", "y"], N_ROWS), "number": np.arange(N_ROWS)})
TABLE["y"] = np.where(RNG.random(N_ROWS) < 0.1, "rare", "common")


def divided(table: pd.DataFrame, shares: dict[str, float], seed: int = 0) -> list[pd.DataFrame]:
    source = open_source(ds.dataset(pa.Table.from_pandas(table, preserve_index=False)), "y")
    parts = []
    for part in hold_out(source, shares, seed):
        frames = [block.frame.assign(y=block.labels[block.codes], row=block.numbers) for block in part.blocks()]
        parts.append(pd.concat(frames) if frames else table.head(0))
    return parts


def test_each_row_is_on_one_side_and_each_label_gives_its_share() -> None:
    fitted, judged = divided(TABLE, {"common": 0.3, "rare": 0.0})
    assert sorted([*fitted["number"], *judged["number"]]) == list(range(N_ROWS))
    assert set(judged["y"]) == {"common"}
    assert abs(len(judged) / (TABLE["y"] == "common").sum() - 0.3) < 0.03
    assert fitted["row"].tolist() == list(range(len(fitted)))  # numbered among themselves


def test_the_side_does_not_depend_on_the_order_but_on_the_seed() -> None:
    shares = {"common": 0.5, "rare": 0.5}
    first, again, other = (
        set(divided(*arguments)[1]["number"])
        for arguments in ((TABLE, shares), (TABLE.iloc[::-1], shares), (TABLE, shares, 1))
    )
    assert first == again != other
