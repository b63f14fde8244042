"""What does `python -m balanced_nn` run? The same as the command `balanced-nn`."""

import sys

from balanced_nn._cli.main import main

sys.exit(main())
