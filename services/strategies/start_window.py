"""Says for how long a START that is written down may become a run."""

from datetime import timedelta

from workflows.client import START_DEADLINE

START_LASTS = START_DEADLINE + timedelta(seconds=5)
"""A START is waited for no longer than `START_DEADLINE`; the rest is for its answer."""
