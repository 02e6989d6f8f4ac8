"""Create, start, stop and delete strategies."""
