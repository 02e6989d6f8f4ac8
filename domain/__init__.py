"""The rules of the day: pure, standard library only."""
