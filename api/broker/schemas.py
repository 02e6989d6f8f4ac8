"""Bodies of `/broker`."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import BrokerWord


class ConnectIn(RequestBody):
    """Key, secret and one token; or, once connected, one token alone."""

    api_key: BrokerWord | None = Field(None, repr=False)
    api_secret: BrokerWord | None = Field(None, repr=False)
    access_token: BrokerWord | None = Field(None, repr=False)
    request_token: BrokerWord | None = Field(None, repr=False)


class BrokerOut(ResponseBody):
    broker: str | None = None
    broker_user_id: str | None = None
    user_name: str | None = None
    status: Literal["connected", "login_needed", "none"]
    connected_at: datetime | None = None
    token_expires_at: datetime | None = None
    warnings: list[str] = Field(default_factory=list)


class LoginUrlOut(ResponseBody):
    url: str
    expires_at: datetime
