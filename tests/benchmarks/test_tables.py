"""Are the tables of the pages what the benchmarks' reports make of the committed rows?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPORTS = (
    "composition.run",
    "diagnosis.run",
    "diagnosis.small_run",
    "probability.run",
    "quality.run",
    "robustness.sets",
    "robustness.trouble",
    "scale.cluster",
    "speed.run",
)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of all that a report reads and writes."""
    for folder in ("benchmarks", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def pages(root: Path) -> dict[str, str]:
    found = [root / "README.md", *(root / "benchmarks").glob("*.md"), *(root / "docs").glob("*.md")]
    return {str(page.relative_to(root)): page.read_text() for page in found}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_of_the_committed_rows_changes_no_page(name: str, copied: Path) -> None:
    before = pages(copied)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "report"], cwd=copied, env=environment, check=True)
    assert pages(copied) == before
