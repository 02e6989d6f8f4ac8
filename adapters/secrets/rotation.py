"""Implements `stopwatch keys rotate`: seals every broker secret to the current key, while orders run.

`python -m adapters.secrets.rotation`, with STOPWATCH_DATABASE_URL and STOPWATCH_ENCRYPTION_KEYS in the
environment. Exit status: 0 everything is sealed to the current key; 1 something is not, the last line says
what; 2 it could not begin. Stopped at any moment and started again, it continues with what is left.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.sealed import ACCOUNTS, CHANNELS, SealedRow, SealedSecrets
from adapters.secrets.process_keys import InTheWay, in_the_way
from adapters.secrets.vault import BadKey, Opener
from domain.errors import SecretUnreadable, StoreUnavailable

DATABASE, KEYS = "STOPWATCH_DATABASE_URL", "STOPWATCH_ENCRYPTION_KEYS"
BATCH = 100
_TRIES = 5
"""How often a row is read again that is changed at the same moment: logins are rare."""


@dataclass(slots=True)
class Rotated:
    """The result for the rows that were not sealed to the current key."""

    done: int = 0
    unreadable: list[tuple[UUID, str]] = field(default_factory=list)
    """Whose secrets opened with none of the keys, or not in their row, and in which words."""
    busy: list[UUID] = field(default_factory=list)


class Rotation:
    """Re-encrypts one table, in one pass."""

    def __init__(self, secrets: SealedSecrets, opener: Opener, batch: int = BATCH) -> None:
        self._secrets = secrets
        self._opener = opener
        self._sealer = opener.sealer()
        self._batch = batch

    async def run(self, progress: Callable[[Rotated], None] = lambda _: None) -> Rotated:
        """Seal anew what is not sealed to the current key. Raises `StoreUnavailable`; finished rows stay."""
        so_far = Rotated()
        after: UUID | None = None
        while rows := await self._secrets.not_sealed_to(self._opener.current_key_id, after, self._batch):
            for row in rows:
                await self._renew(row, so_far)
            after = rows[-1].row_id
            progress(so_far)
        return so_far

    async def _renew(self, row: SealedRow, so_far: Rotated) -> None:
        found: SealedRow | None = row
        for _ in range(_TRIES):
            if found is None:  # disconnected since
                return
            try:
                renewed = await self._resealed(found)
            except SecretUnreadable as unreadable:
                so_far.unreadable.append((row.user_id, str(unreadable)))
                return
            if not renewed or await self._secrets.replace(found, renewed):
                so_far.done += 1
                return
            found = await self._secrets.one(row.row_id)
        so_far.busy.append(row.user_id)

    async def _resealed(self, row: SealedRow) -> dict[str, bytes]:
        renewed = {}
        for column, blob in row.secrets.items():
            if not self._opener.is_current(blob):
                name = self._secrets.place.sealed_as(row.row_id, column)
                plain = await self._opener.open(blob, user_id=row.user_id, field=name)
                renewed[column] = self._sealer.seal(plain, user_id=row.user_id, field=name)
        return renewed


async def rotate(database: str, opener: Opener) -> int:
    """Run the command, printing progress; return its exit status."""
    store = Store.open(database, pool_size=1, application="stopwatch rotation")
    try:
        places = [SealedSecrets(store, place) for place in (ACCOUNTS, CHANNELS)]
        before, all_seen = await in_the_way_of(places[0], opener)
        if before.cannot_open:
            _say(_not_yet(before.cannot_open))
            return 1
        if not all_seen:
            _say(
                "This database role cannot see which keys running workers and listeners hold. Make sure that "
                f"each was started with the new key first in {KEYS}."
            )
        settled = [await _renewed(secrets, opener) for secrets in places]
        after, _ = await in_the_way_of(places[0], opener)
    finally:
        await store.close()
    if not all(settled):
        _say("Do not remove an old key yet: rotate again when what is left above is settled.")
        return 1
    _say(_what_next(opener, after))
    return 0


def _not_yet(processes: Sequence[str]) -> str:
    return (
        f"Nothing was changed: the running {' and '.join(_bare(processes))} must know the new key "
        f"first: what is sealed to it does not open there, and orders stop. Put it first in {KEYS}, keep "
        "the old one behind it, restart them, and rotate again. (Under `stopwatch up`: restart it.)"
    )


def _bare(processes: Sequence[str]) -> list[str]:
    return sorted({name.removeprefix("stopwatch ") for name in processes})


async def in_the_way_of(secrets: SealedSecrets, opener: Opener) -> tuple[InTheWay, bool]:
    """Return the processes that do not know the current key, and whether all are visible."""
    names, all_seen = await secrets.applications()
    return in_the_way(names, opener.current_key_id), all_seen


async def _renewed(secrets: SealedSecrets, opener: Opener) -> bool:
    """Re-encrypt one table, printing progress; False when something is left."""
    place, count = secrets.place, await secrets.count()
    rotated = await Rotation(secrets, opener).run(
        lambda so_far: _say(f"{so_far.done} of {count} {place.words} …")
    )
    key = opener.current_key_id.hex()[:8]
    _say(
        f"{rotated.done} of {count} {place.words} were sealed anew to the key {key}; the others were already."
    )
    for user_id, why in rotated.unreadable:
        _say(f"Left as it is, user {user_id}: {why}. Put that key back, or {place.remedy}.")
    for user_id in rotated.busy:
        _say(f"Left for the next time, user {user_id}: its secrets were being stored again and again.")
    return not rotated.unreadable and not rotated.busy


def _what_next(opener: Opener, after: InTheWay) -> str:
    if len(opener.key_ids) == 1:
        return "Nothing is left to do: there is no other key."
    if after.seal_to_another:
        return (
            "Next: new logins are still sealed to an old key. Give the API STOPWATCH_SEAL_KEY="
            f"{opener.sealer().seal_key}, restart it, and rotate once more. Until then keep the old key."
        )
    return (
        f"Next: the API must have STOPWATCH_SEAL_KEY={opener.sealer().seal_key}. If it has had that for a "
        f"minute and this run found nothing to do, remove the old key from {KEYS} and restart workers and "
        "listeners; else rotate once more first. Keep the old key offline as long as there are backups."
    )


def main() -> int:
    """Run, and print a failure as one sentence."""
    address, keys = os.environ.get(DATABASE), os.environ.get(KEYS)
    if not address or not keys:
        _say(f"{KEYS if address else DATABASE} is not set: there is nothing to rotate.")
        return 2
    try:
        return asyncio.run(rotate(address, Opener.local(keys)))
    except BadKey as bad:
        _say(f"Nothing was changed. {bad}.")
        return 2
    except StoreUnavailable as away:
        _say(f"{away}: check that it runs, and {DATABASE}. What was done stays; rotate again to go on.")
        return 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
