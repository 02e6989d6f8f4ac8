"""Adds a test's own rows to the exchange's lists until they are cleared.

Real lists sometimes hold a row that no reader expects: a null quote, an order without a status, a line of the
instruments file that is cut in two.
"""

import base64
import csv
import gzip
import io
from typing import Any

import orjson

from paper.instruments import COLUMNS, SEGMENT_BYTE
from paper.web import CSV, Answer, Call

# The whole file, and the file of one exchange: a row is in the one it was put into.
INSTRUMENTS = ("/instruments", *(f"/instruments/{name}" for name in SEGMENT_BYTE if name != "INDICES"))
LISTS = ("/orders", "/trades", "/portfolio/holdings")
MAPPINGS = ("/quote", "/quote/ohlc", "/quote/ltp")
POSITIONS = "/portfolio/positions"
PATHS = (*LISTS, *MAPPINGS, POSITIONS, *INSTRUMENTS)


class ExtraRows:
    """The rows by the path of their list."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {}

    @property
    def any(self) -> bool:
        """Whether there is a row to add; keeps common requests cheap."""
        return bool(self._rows)

    def add(self, spec: dict[str, Any]) -> int:
        """Take one row; return how many its list has now.

        Raises ValueError with a sentence when the path is no list's, or the row does not fit into it.
        """
        path = spec.get("path")
        if path not in PATHS:
            raise ValueError(f"`path` is the path of a list: {', '.join(PATHS)}.")
        if "row" not in spec:
            raise ValueError("`row` is missing; it may be anything, also null.")
        row = spec["row"]
        if path in MAPPINGS and not isinstance(row, dict):
            raise ValueError('`row` of quotes is an object by instrument: {"NSE:ITC": null}.')
        if path in INSTRUMENTS:
            row = _line(row)
        self._rows.setdefault(path, []).append(row)
        return len(self._rows[path])

    def clear(self) -> None:
        self._rows.clear()

    def into(self, call: Call, answer: Answer) -> Answer:
        """Return the answer with the rows of its list."""
        rows = self._rows.get(call.path)
        if rows is None or call.method != "GET" or answer.status != 200:
            return answer
        if call.path in INSTRUMENTS:
            return _with_lines(answer, rows)
        envelope = orjson.loads(answer.body)
        data = envelope["data"]
        if call.path in MAPPINGS:
            for row in rows:
                data |= row
        elif call.path == POSITIONS:
            data["net"] += rows
        else:
            data += rows
        return Answer(orjson.dumps(envelope), answer.status, answer.content_type, answer.headers)


def _with_lines(answer: Answer, rows: list[bytes]) -> Answer:
    """Put the lines after the header, so that good ones follow."""
    packed = answer.headers.get("Content-Encoding") == "gzip"
    header, _, rest = (gzip.decompress(answer.body) if packed else answer.body).partition(b"\n")
    body = b"\n".join((header, *rows, rest))
    return Answer(gzip.compress(body, 1) if packed else body, 200, CSV, answer.headers)


def _line(row: Any) -> bytes:
    """Return a line of the instruments file: as it is given, from its columns, or byte by byte."""
    if isinstance(row, str):
        return row.encode()
    if isinstance(row, dict) and row and row.keys() <= set(COLUMNS):
        row = [row.get(column, "") for column in COLUMNS]
    if isinstance(row, list):
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(row)
        return out.getvalue().encode()
    try:
        return base64.b64decode(row["base64"], validate=True)
    except (TypeError, KeyError, ValueError):
        raise ValueError(
            "`row` of the instruments is a line of the file, a list or an object of its columns, or "
            '{"base64": …}.'
        ) from None
