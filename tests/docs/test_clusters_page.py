"""Do the scripts of docs/clusters.md run, on workers that are processes, and print what the page shows?"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/clusters.md").read_text()
SCRIPTS = re.findall(r"^## ([^\n]*)\n.*?^```python\n(.*?)^```\n+```text\n(.*?)^```", PAGE, flags=re.M | re.S)
NEEDS = {"Dask": "distributed", "Ray": "ray", "Spark": "pyspark"}  # the engine that a section is about


@pytest.mark.slow
@pytest.mark.parametrize(("title", "code", "shown"), SCRIPTS, ids=[title for title, *_ in SCRIPTS])
def test_the_script_prints_what_the_page_shows(title: str, code: str, shown: str, tmp_path: Path) -> None:
    pytest.importorskip(next(package for engine, package in NEEDS.items() if engine in title))
    script = tmp_path / "script.py"
    script.write_text(code)
    alone = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=alone, timeout=300, check=False)
    assert done.stdout == shown, done.stderr[-2000:]


def test_each_section_has_a_script() -> None:
    assert [title for title, *_ in SCRIPTS] == re.findall(r"^## (.*)$", PAGE, flags=re.M)
