"""Says what is wrong with a field in plain words: pydantic's own speak to who writes the code."""

from collections.abc import Mapping
from typing import Any

from services.errors import FieldError

BAD_CHARACTERS = ("bad_characters", "has characters that do not belong there, or none at all")
_WORDS = {
    "missing": ("missing", "is required"),
    "extra_forbidden": ("unknown_field", "is not a field of this call"),
    "string_type": ("not_text", "must be text"),
    "string_unicode": ("not_text", "must be valid text"),
    "string_too_short": ("too_short", "must have at least {min_length} characters"),
    "string_too_long": ("too_long", "must have at most {max_length} characters"),
    "string_pattern_mismatch": BAD_CHARACTERS,
    "literal_error": ("not_a_choice", "must be {expected}"),
    "int_type": ("not_a_number", "must be a whole number"),
    "greater_than": ("too_small", "must be above {gt}"),
    "less_than_equal": ("too_large", "must be at most {le}"),
    "bool_type": ("not_true_or_false", "must be true or false"),
    "list_type": ("not_a_list", "must be a list, in brackets"),
    "too_short": ("too_short", "must have at least {min_length} in its list"),
    "too_long": ("too_long", "must have at most {max_length} in its list"),
    "model_type": ("not_an_object", "must be an object with fields of its own, in braces"),
}


def in_words(item: Mapping[str, Any], field: str) -> FieldError:
    """Return one error of pydantic's as what is wrong with a field of the request."""
    code = item["type"]
    if code not in _WORDS:
        return FieldError(field, code, item["msg"])  # one of our own, which has its words
    name, words = _WORDS[code]
    return FieldError(field, name, words.format(**item.get("ctx", {})))
