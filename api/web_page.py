"""`/app`: for now a page that says what this is and where to go."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from api.parts import PartsDep

router = APIRouter(include_in_schema=False)

_BROKER = {
    "connected": "Your Zerodha login is connected for today.",
    "broker_rejected": "Zerodha did not accept this login. Ask for a new login link and try again.",
    "broker_other_user": "This login belongs to another Zerodha account than the connected one.",
    "broker_unavailable": "Zerodha did not answer. Ask for a new login link and try again.",
    "broker_not_connected": "No broker account is connected yet.",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Stopwatch</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>
</head><body><h1>Stopwatch</h1>{notice}
<p>Buys at a time, sells at a time, and watches the stop in between. This is the server of the mobile app;
there is no web app at this address yet.</p>
<ul>{docs}<li><a href="/health/ready">Health</a></li></ul></body></html>
"""


@router.get("/app")
async def page(parts: PartsDep, broker: str = "") -> Response:
    """What this is."""
    notice = f"<p><strong>{_BROKER[broker]}</strong></p>" if broker in _BROKER else ""
    docs = '<li><a href="/docs">The API</a></li>' if parts.docs else ""
    return HTMLResponse(_PAGE.format(notice=notice, docs=docs))
