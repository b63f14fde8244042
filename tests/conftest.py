"""What do all tests share? Quiet TensorFlow, Hypothesis without a clock, and pictures without a window."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
os.environ.setdefault("MPLBACKEND", "Agg")  # the same for matplotlib

from hypothesis import settings

# The first example of a test may pay for an import or a compilation, so no deadline. CI draws the same examples on
# every run, so that a red run can be repeated; locally every run draws new ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
