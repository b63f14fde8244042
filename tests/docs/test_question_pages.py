"""Do the pages on the two classic questions run, and give the answers that they show?"""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
ANSWERS = ("Why: ", "Collapsed: ", "The answers", "No collapse", "before training", "softmax over")


def answers(output: str) -> list[str]:
    """What is concluded, without the numbers and the confidence, which differ between versions of TensorFlow."""
    lines = [line.split(" (")[0] for line in output.splitlines() if line.startswith(ANSWERS)]
    return [re.sub(r"\d+(\.\d+)?(e-?\d+)?%?", "#", line) for line in lines]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning")  # the fault is shown on purpose
@pytest.mark.parametrize("page", ["one-class.md", "same-probability.md"])
def test_the_page_gives_the_answers_that_it_shows(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall((DOCS / page).read_text())
    namespace: dict[str, object] = {"__name__": "__main__"}
    for code in (text for language, text in blocks if language == "python"):
        exec(compile(code, page, "exec"), namespace)
    shown = "".join(text for language, text in blocks if language == "text")
    assert answers(capsys.readouterr().out) == answers(shown)
    assert len(answers(shown)) >= 3
