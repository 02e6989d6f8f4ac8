"""`python -m tests.chaos`: the chaos run."""

import sys

from tests.chaos.runner import main

sys.exit(main())
