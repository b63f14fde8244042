"""Do the pages on probabilities and on composition run, and print what they show?"""

import re
from pathlib import Path

import pytest
from installed import HAS_TEMPERATURE

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
NUMBER = re.compile(r"\d+\.\d+")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        "probabilities.md",
        pytest.param(
            "composition.md",
            marks=pytest.mark.skipif(not HAS_TEMPERATURE, reason="it calibrates with what came with scikit-learn 1.8"),
        ),
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
        assert [float(x) for x in NUMBER.findall(printed)] == pytest.approx(
            [float(x) for x in NUMBER.findall(shown)], abs=0.25
        )
