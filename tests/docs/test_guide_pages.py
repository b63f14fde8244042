"""Do the pages of the user guide run, and print what they show?"""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection._search import BaseSearchCV

from tests.helpers.installed import HAS_CALLBACKS, HAS_TEMPERATURE
from tests.model_selection.test_search_space import Trial

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
NUMBER = re.compile(r"\d+\.\d+%?|\d+%")
NEW_SCIKIT = pytest.mark.skipif(not HAS_TEMPERATURE, reason="it calibrates with what came with scikit-learn 1.8")


def numbers(text: str) -> list[float]:
    """Decimals and percentages, these as fractions."""
    return [float(x.rstrip("%")) / (100 if x.endswith("%") else 1) for x in NUMBER.findall(text)]


@pytest.mark.parametrize(
    "page",
    [
        "imbalance.md",
        "large-data.md",
        "learning-rate.md",
        "migration.md",
        "own-layers.md",
        "pipelines.md",
        "preprocessing.md",
        pytest.param(
            "callbacks.md", marks=pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn 1.9 brought them")
        ),
        pytest.param("composition.md", marks=[pytest.mark.slow, NEW_SCIKIT]),
        pytest.param("probabilities.md", marks=pytest.mark.slow),
        pytest.param("quickstart.md", marks=pytest.mark.slow),
        pytest.param("tuning.md", marks=pytest.mark.slow),
    ],
)
def test_each_block_of_the_page_prints_what_is_shown_below_it(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall((DOCS / page).read_text())
    namespace: dict[str, object] = {"__name__": "__main__"}
    for (language, code), (kind, text) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "python":
            continue
        exec(compile(code, page, "exec"), namespace)
        printed, shown = capsys.readouterr().out, text if kind == "text" else ""
        assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
        # Other versions of TensorFlow train a little differently.
        assert numbers(printed) == pytest.approx(numbers(shown), abs=0.25)
    for search in namespace.values():
        if isinstance(search, BaseSearchCV):  # it is fitted, and no fit failed
            assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    if "objective" in namespace:
        assert 0 < namespace["objective"](Trial(np.random.default_rng(0))) < 1


def test_no_page_that_is_not_run_builds_a_search() -> None:
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        code = "".join(text for language, text in BLOCK.findall(page.read_text()) if language == "python")
        assert page.name in {"clusters.md", "tuning.md"} or not re.search(r"= \w+SearchCV\(", code)


@pytest.mark.parametrize("page", [page.name for page in sorted(DOCS.glob("*.md")) if "```python" in page.read_text()])
def test_a_test_runs_the_page(page: str) -> None:
    tests = sorted(Path(__file__).parent.glob("test_*.py"))
    assert [test.name for test in tests if page in test.read_text()] != []
