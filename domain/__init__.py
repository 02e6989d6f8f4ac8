"""The trading rules: pure, standard library only."""
