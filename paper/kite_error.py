"""Kite's refusals: an HTTP status, an error_type and a sentence."""

import orjson

NEEDS_AUTHORISATION = "10 quantity needs authorisation at depository."


class KiteError(Exception):
    """A refusal in Kite's own envelope."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message

    def envelope(self) -> bytes:
        """Return Kite's error body."""
        return orjson.dumps(
            {"status": "error", "message": self.message, "data": None, "error_type": self.error_type}
        )


def bad_input(message: str) -> KiteError:
    """Return the refusal of a malformed request: 400 InputException."""
    return KiteError(400, "InputException", message)


def bad_order(message: str) -> KiteError:
    """Return the refusal of an order before it gets an id: 400 OrderException."""
    return KiteError(400, "OrderException", message)


def being_processed(what: str) -> KiteError:
    """Return the refusal to modify or cancel (`what`, a participle) an order that is past that."""
    return bad_order(f"Order cannot be {what} as it is being processed. Try later.")


def token_dead() -> KiteError:
    """Return the refusal of a dead or unknown access token."""
    return KiteError(403, "TokenException", "Incorrect `api_key` or `access_token`.")


def too_many() -> KiteError:
    """Return the refusal by a rate limit: certainly not placed, although Kite calls it a NetworkException."""
    return KiteError(429, "NetworkException", "Too many requests")


def order_not_found() -> KiteError:
    """Return the refusal of an order id that is not in today's book."""
    return KiteError(404, "GeneralException", "Couldn't find that `order_id`.")
