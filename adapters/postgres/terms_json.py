"""Writes the terms of a strategy as JSON for their column, and reads them; what says nothing is left out."""

from typing import Any

from pydantic import TypeAdapter

from domain.terms import Terms

_TERMS = TypeAdapter(Terms)


def terms_json(terms: Terms) -> dict[str, Any]:
    """Return them with prices as text: `{}` for a strategy of the five fields alone."""
    written: dict[str, Any] = _TERMS.dump_python(terms, mode="json", exclude_defaults=True)
    return written


def read_terms(written: dict[str, Any]) -> Terms:
    """Return the terms that were written."""
    return _TERMS.validate_python(written)
