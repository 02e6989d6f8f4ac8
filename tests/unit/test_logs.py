"""Logs hold no secret, whatever was handed to them."""

import io
import json
import logging
from uuid import uuid4

import pytest
import structlog

from adapters.alerts.log_alerts import LogAlerts
from adapters.telemetry.redaction import redact_text
from domain.run import Alarm

SECRET = "s3cr3tValue9"


@pytest.mark.parametrize(
    "text",
    [
        f"wss://ws.kite.trade/?api_key={SECRET}&access_token={SECRET}",
        f"{{'access_token': '{SECRET}', 'user': 'AB1234'}}",
        f'{{"api_secret": "{SECRET}", "password":"{SECRET}"}}',
        f"Authorization: token {SECRET}:{SECRET}",
        f"headers={{'Authorization': 'Bearer {SECRET}'}}",
        f"postgresql://stopwatch:{SECRET}@127.0.0.1:5432/stopwatch",
        f"checksum={SECRET}&request_token={SECRET}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJ{SECRET}.{SECRET}",
    ],
)
def test_secret_is_cut_out_of_a_text(text: str) -> None:
    assert SECRET not in redact_text(text)


@pytest.mark.parametrize("text", ["instrument_token=408065", "bought 10 TCS at 3512.40", "NSE:TCS"])
def test_text_without_a_secret_is_left_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_secret_fields_are_stars_when_logged_by_either_library(lines: io.StringIO) -> None:
    structlog.stdlib.get_logger("a").info("connected", access_token=SECRET, broker={"api_key": SECRET}, lot=5)
    logging.getLogger("b").warning("refused", extra={"jwt_secret": SECRET})
    logging.getLogger("c").warning("GET %s", f"https://x/?access_token={SECRET}")

    assert SECRET not in lines.getvalue()
    first, second, third = map(json.loads, lines.getvalue().splitlines())
    assert (first["event"], first["lot"], first["access_token"]) == ("connected", 5, "***")
    assert (second["event"], second["level"]) == ("refused", "warning")
    assert third["event"] == "GET https://x/?access_token=***"


def test_traceback_names_no_secret(lines: io.StringIO) -> None:
    access_token = SECRET
    try:
        raise ValueError(f"403 for wss://ws/?access_token={access_token}")
    except ValueError:
        structlog.stdlib.get_logger("a").exception("feed refused")
    assert SECRET not in lines.getvalue()
    assert "ValueError" in json.loads(lines.getvalue())["exception"]


async def test_alarm_is_one_error_line_with_its_ids(lines: io.StringIO) -> None:
    user, strategy = uuid4(), uuid4()
    await LogAlerts().raise_(Alarm("feed_lost", "No prices since 10:00.", user, strategy, {"since": "10:00"}))
    line = json.loads(lines.getvalue())
    assert (line["level"], line["alarm"], line["event"]) == ("error", "feed_lost", "No prices since 10:00.")
    assert (line["user_id"], line["strategy_id"]) == (str(user), str(strategy))
    assert line["data"] == {"since": "10:00"}
