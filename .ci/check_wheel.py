"""Does the wheel work alone? Runs the README's example and the demonstration in an environment that has nothing else.

python .ci/check_wheel.py ENVIRONMENT, where the wheel was installed; the checkout is not on the path of what is run.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
ALONE = """
import importlib.util, sys
import balanced_nn
assert balanced_nn.__file__.startswith(sys.prefix), balanced_nn.__file__
unneeded = [name for name in ("pandas", "pyarrow", "skops", "matplotlib", "pytest") if importlib.util.find_spec(name)]
assert not unneeded, unneeded
"""


def main() -> None:
    """Run each command in an empty folder, and compare what the README shows."""
    scripts = Path(sys.argv[1]).absolute() / "bin"
    python, command = str(scripts / "python"), str(scripts / "balanced-nn")
    blocks = dict(re.findall(r"^```(python|text)\n(.*?)^```$", README.read_text(), flags=re.M | re.S)[:2])
    run([python, "-c", ALONE])
    printed = run([python, "-c", blocks["python"]])
    shown = blocks["text"]
    assert words(printed) == words(shown), f"README.md shows\n{shown}\nand the wheel prints\n{printed}"
    assert run([command, "--version"]).startswith("balanced-nn ")
    print(run([command, "demo"]))


def words(text: str) -> list[str]:
    """Return the text without its numbers, which differ a little between versions and processors."""
    return re.sub(r"\d+\.\d+", "#", text).split()


def run(arguments: list[str]) -> str:
    """Return what a command prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            arguments, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout


if __name__ == "__main__":
    main()
