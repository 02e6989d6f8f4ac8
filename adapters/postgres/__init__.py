"""Postgres: the read model and the order log."""
