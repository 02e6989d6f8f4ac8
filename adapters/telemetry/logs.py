"""Configures one log format for structlog and the standard library, without secrets."""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

from adapters.telemetry.redaction import redact

_QUIET = ("asyncio", "boto3", "botocore", "httpx", "httpcore", "urllib3", "temporalio.bridge")
"""Libraries whose DEBUG lines hold request headers, or nothing of use."""


def configure(
    level: str = "INFO",
    format: Literal["console", "json"] = "console",
    stream: TextIO | None = None,
) -> None:
    """Write every log line of this process to `stream` (stderr), as text or as one JSON object a line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Plain tracebacks: the pretty ones print local variables, and those hold keys.
                structlog.processors.format_exc_info,
                redact,
                _renderer(format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _renderer(format: str) -> Processor:
    if format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
