"""Writes the terms of a strategy as JSON for their column, and reads them; what says nothing is left out."""

from typing import Any

from pydantic import TypeAdapter

from domain.entry_size import AT_THE_MARKET, Buying
from domain.terms import Terms

_TERMS, _HOW = TypeAdapter(Terms), TypeAdapter(Buying)


def terms_json(terms: Terms) -> dict[str, Any]:
    """Return them with prices as text: `{}` for a strategy of the five fields alone."""
    written: dict[str, Any] = _TERMS.dump_python(terms, mode="json", exclude_defaults=True)
    return written


def read_terms(written: dict[str, Any]) -> Terms:
    """Return the terms that were written."""
    return _TERMS.validate_python(written)


def how_json(how: Buying) -> dict[str, Any] | None:
    """Return how an entry is bought, for the row of its order; None for a quantity at the market."""
    if how.entry is None and how.size is None:
        return None
    written: dict[str, Any] = _HOW.dump_python(how, mode="json")
    return written


def read_how(written: dict[str, Any] | None) -> Buying:
    """Return how it is bought."""
    return AT_THE_MARKET if written is None else _HOW.validate_python(written)
