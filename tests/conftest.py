"""What do all tests share? Quiet TensorFlow, Hypothesis without a clock, no windows, and a home of their own."""

import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
os.environ.setdefault("MPLBACKEND", "Agg")  # the same for matplotlib

import pytest
from hypothesis import settings

# The first example of a test may pay for an import or a compilation, so no deadline. CI draws the same examples on
# every run, so that a red run can be repeated; locally every run draws new ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session", autouse=True)
def state_of_the_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the command remembers out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
