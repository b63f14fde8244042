"""Does the page on exports run, and print what it shows?"""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/export.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saving
def test_the_examples_print_what_is_shown_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    shown = ""
    for language, text in BLOCK.findall(PAGE):
        if language == "python":
            exec(compile(text, "docs/export.md", "exec"), namespace)
        elif language == "text":
            shown += text
    assert capsys.readouterr().out == shown
