"""Are columns of a text file read as dates where each cell is one, and those of a model always?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balanced_nn import BalancedNNClassifier
from balanced_nn._cli.console import OneLineError
from balanced_nn._cli.main import main
from balanced_nn._cli.tables.dates import parse_dates
from balanced_nn._cli.tables.matching import select_columns
from balanced_nn._cli.tables.reading import read_frame


@pytest.mark.parametrize(
    ("cells", "zone"),
    [
        (["2024-01-31", None, "2024-02-01"], "None"),
        (["2024-01-31 10:00", "2024-01-31T10:00:30.5"], "None"),
        (["2024-01-31T10:00Z", "2024-07-31T10:00:00+02:00"], "UTC"),
        (["31.01.2024", "01.02.2024"], None),
        (["2024-01-31", "later"], None),
        (["2024-01-31", "2024-13-01"], None),
        (["2024-01-31T10:00Z", "2024-01-31T10:00"], None),
        (["20240131", "20240201"], None),
        ([None, None], None),
    ],
    ids=range(9),
)
def test_columns_of_iso_dates_alone_are_parsed(cells: list[str | None], zone: str | None) -> None:
    frame, names = parse_dates(pd.DataFrame({"when": cells, "x": range(len(cells))}))
    assert names == (() if zone is None else ("when",))
    assert zone is None or str(frame["when"].dt.tz) == zone
    assert zone is None or frame["when"].notna().sum() == sum(cell is not None for cell in cells)


@pytest.fixture(scope="module")
def model() -> BalancedNNClassifier:
    when = pd.Series(pd.date_range("2024-01-01", periods=40, tz="Europe/Berlin"))
    clf = BalancedNNClassifier((4,), n_members=1, max_iter=1, random_state=0, on_collapse="ignore")
    return clf.fit(pd.DataFrame({"when": when, "x": np.arange(40.0)}), [0, 1] * 20)


def test_dates_of_a_model_are_dates_of_its_zone(model: BalancedNNClassifier, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("when,x\n2024-01-05T00:30+01:00,1\n,2\n")
    (first, second) = select_columns(model, read_frame(path), path)["when"]
    assert str(first) == "2024-01-05 00:30:00+01:00"
    assert pd.isna(second)
    path.write_text("when,x\n,1\n,2\n")
    assert len(model.predict(select_columns(model, read_frame(path), path))) == 2


@pytest.mark.parametrize("cell", ["05.01.2024", "2024-13-01T00:00Z", "2024-01-05"])
def test_a_cell_that_is_no_date_of_the_model_is_named(model: BalancedNNClassifier, tmp_path: Path, cell: str) -> None:
    path = tmp_path / "new.csv"
    path.write_text(f"when,x\n2024-01-05T00:30Z,1\n{cell},2\n")
    with pytest.raises(OneLineError, match=r"column 'when' of .* held dates .*Write all of its dates as 2024-12-31 or"):
        select_columns(model, read_frame(path), path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_command_says_which_columns_are_dates(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / f"table{suffix}"
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=600), "y": ["a", "b", "b"] * 200})
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    assert main(["diagnose", str(path), "--target", "y"]) == 0
    out, err = capsys.readouterr()
    assert "1 columns besides 'y' (0 of numbers, 1 of dates, 0 of categories)" in out
    assert "Nothing in this table prevents training a network." in out
    assert ("Column 'when' is read as dates." in err) == (suffix == ".csv")
