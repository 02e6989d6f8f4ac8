"""The base of every request and response body: unknown fields are refused, answers hold no others."""

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class ResponseBody(BaseModel):
    """A response's body."""

    # Forbidden, not dropped: a field that is not of the contract is a bug, and the document says so.
    model_config = ConfigDict(frozen=True, extra="forbid")
