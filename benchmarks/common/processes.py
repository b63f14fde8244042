"""How does a benchmark measure something in a process of its own?"""

import json
import subprocess
import sys
from typing import Any


def measure_apart(module: str, **arguments: Any) -> dict[str, Any]:
    """What ``python -m MODULE one JSON`` prints in its last line, as JSON; `arguments` are handed to it."""
    command = [sys.executable, "-m", module, "one", json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures
