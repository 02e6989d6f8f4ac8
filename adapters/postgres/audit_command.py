"""Checks the audit log: `python -m adapters.postgres.audit_command verify [--anchor FILE]`.

Reads the schema owner's address from STOPWATCH_DATABASE_URL alone; no other role can read the whole log.

An anchor file records where every chain ended at the last check. Kept on another machine, it reveals what the
database alone cannot: a chain that its administrator rewrote from the first line.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import ProgrammingError

from adapters.postgres.audit import AuditCheck
from adapters.postgres.engine import Store
from adapters.postgres.named_database import ADDRESS, named_database
from domain.audit import Broken, Head
from domain.errors import StoreUnavailable


class BadAnchor(Exception):
    """The anchor file cannot be used; the message says why and what to do."""


def main(words: Sequence[str]) -> int:
    """Check the log; return 0 when every chain holds, 1 when one is broken, 2 when the check cannot run."""
    asked = _parser().parse_args(words)
    address = named_database()
    if address is None:
        return 2
    try:
        anchors = read_anchors(asked.anchor) if asked.anchor else []
        heads, broken = asyncio.run(_checked(address, anchors))
        if asked.anchor and not broken:
            write_anchors(asked.anchor, heads)
    except BadAnchor as refused:
        sys.stderr.write(f"{refused}\n")
        return 2
    except StoreUnavailable as away:
        sys.stderr.write(f"{away}: check that it runs, and {ADDRESS}.\n")
        return 2
    except ProgrammingError:
        sys.stderr.write(
            f"The user of {ADDRESS} may not read the audit log, or the schema is older than it: name the "
            "schema's owner there, and run `stopwatch migrate`.\n"
        )
        return 2
    return _tell(heads, broken)


async def _checked(address: str, anchors: Sequence[Head]) -> tuple[list[Head], list[Broken]]:
    store = Store.open(address, pool_size=1, application="stopwatch audit")
    try:
        return await AuditCheck(store).run(anchors)
    finally:
        await store.close()


def read_anchors(path: Path) -> list[Head]:
    """Return the heads of the last check; none when there is no such file yet. Raises `BadAnchor`."""
    try:
        kept = json.loads(path.read_text())
        return [Head(chain, int(end["seq"]), bytes.fromhex(end["hash"])) for chain, end in kept.items()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadAnchor(
            f"{path} is not an anchor file that this command wrote: name another, or restore it."
        ) from None


def write_anchors(path: Path, heads: Sequence[Head]) -> None:
    """Replace the anchor file atomically: an interrupted check leaves the earlier file.

    Raises `BadAnchor`.
    """
    kept = {head.chain: {"seq": head.seq, "hash": head.hash.hex()} for head in heads}
    aside = path.with_name(path.name + ".new")
    try:
        aside.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        aside.replace(path)
    except OSError as error:
        raise BadAnchor(f"{path} cannot be written: {error.strerror}. Choose another place.") from None


def _tell(heads: Sequence[Head], broken: Sequence[Broken]) -> int:
    for found in broken:
        sys.stdout.write(f"BROKEN  chain {found.chain}, line {found.seq}: {found.what}\n")
    if broken:
        sys.stdout.write(
            f"{len(broken)} of {len(heads)} chains do not hold: the log was changed around the product. Keep "
            "the database as it is, and compare it with a backup.\n"
        )
        return 1
    lines = sum(head.seq for head in heads)
    sys.stdout.write(f"The audit log holds: {lines} lines in {len(heads)} chains, every link recomputed.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stopwatch audit", description="The audit log, checked.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", prog="stopwatch audit verify", help="recompute every chain")
    verify.add_argument("--anchor", type=Path, help="where chains ended at the last check; kept elsewhere")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
