"""Refuses passwords that are guessed first, wherever one is chosen."""

from services.auth.common_passwords import is_easy_to_guess
from services.errors import FieldError, Invalid


def refuse_easy(password: str, email: str, field: str) -> None:
    """Refuse a common password, or one made of the e-mail alone. Raises `Invalid` for `field`."""
    if is_easy_to_guess(password, email):
        words = (
            "is one of the passwords that are guessed first: choose another, such as three unrelated words"
        )
        raise Invalid([FieldError(field, "easy_password", words)])
