"""Do the code blocks of the README run, and print what it shows?"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
NUMBER = re.compile(r"\d+\.\d+")


def blocks(document: str) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return BLOCK.findall((ROOT / document).read_text())


@pytest.mark.parametrize(
    "document", ["README.md", "docs/architecture.md", pytest.param("docs/displays.md", marks=pytest.mark.slow)]
)
def test_code_blocks_run_and_print_what_is_shown(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = "".join(text for language, text in blocks(document) if language == "text")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for number, (_, code) in enumerate(block for block in blocks(document) if block[0] == "python"):
        exec(compile(code, f"{document}, block {number}", "exec"), namespace)
    printed = capsys.readouterr().out
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    # Other versions of NumPy or TensorFlow round otherwise, so training ends a little elsewhere.
    assert [float(x) for x in NUMBER.findall(printed)] == pytest.approx(
        [float(x) for x in NUMBER.findall(shown)], abs=0.05
    )
