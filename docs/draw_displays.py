"""What do the displays of docs/displays.md look like? Runs the page, and saves the figure before each picture."""

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl

PAGE = Path(__file__).with_name("displays.md")
PART = re.compile(r"^```python\n(.*?)^```$|^!\[[^]]*\]\((images/.*?)\)$", flags=re.M | re.S)


def draw() -> None:
    """Save the figure that was made last under the name of each picture of the page."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {}
    for code, picture in PART.findall(PAGE.read_text()):
        if code:
            exec(code, names)
        else:
            plt.gcf().savefig(PAGE.parent / picture, dpi=140)


if __name__ == "__main__":
    draw()
