"""Receipts: which version of each policy every relay process enforces, and since when. All times are Redis' own.

A clock of a host says nothing here: an announcement's id begins with Redis' time, and a receipt is written with it.
"""

import asyncio
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, cast

import msgspec
import redis

from relay.store import keys
from relay.store.announcements import announced_tenants
from relay.store.backoff import Backoff
from relay.store.pool import RedisOnLoop, StoreUnavailable, blocking
from relay.store.scripts import Script

RECEIPTS_KEPT_SECONDS = 86_400
KEPT_MS = 1000 * RECEIPTS_KEPT_SECONDS
ENTRY_ID = re.compile(r"\d+-\d+")
ANNOUNCED = re.compile(rf"(\d+) ({ENTRY_ID.pattern})")
CONFIRM = Script("confirm")
NOTE_ANNOUNCED = Script("note_announced")


class Applied(NamedTuple):
    """An announcement that a relay process has applied, and the versions to which it holds clients that it knows."""

    entry_id: str
    versions: Mapping[str, int]


class Beginning(NamedTuple):
    """The announcement after which a relay process listens, and the tenants of which it knows clients by then."""

    entry_id: str
    known: AbstractSet[str]


class Receipts:
    """What one relay process has yet to say of what it enforces. While Redis is away, only the word of it is late."""

    def __init__(self, redis_on_loop: RedisOnLoop, worker: str) -> None:
        """Speak as ``worker``: a name that no other process has."""
        self._redis = redis_on_loop
        self._worker = worker
        self._began_after = ""
        self._beginning: Beginning | None = None
        self._unsent: dict[str, Applied] = {}
        self._has_some = asyncio.Event()

    def begin(self, entry_id: str, known: AbstractSet[str]) -> None:
        """Say soon, at the start and after a break, that no client of tenants but ``known`` is held to old limits."""
        self._began_after = self._began_after or entry_id
        self._beginning = Beginning(entry_id, known)
        self._has_some.set()

    def apply(self, tenant_id: str, entry_id: str, versions: Mapping[str, int]) -> None:
        """Say soon that an announcement is applied, and to which version of each policy clients of it are held."""
        self._unsent[tenant_id] = Applied(entry_id, versions)
        self._has_some.set()

    async def send_for_ever(self) -> None:
        """Send what was applied, one tenant after the other; what Redis does not take is sent again, after a pause.

        What is applied meanwhile ends the pause.
        """
        backoff = Backoff()
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            if await self._send_all():
                backoff.reset()
                continue
            try:
                async with asyncio.timeout(backoff.pause_seconds()):
                    await self._has_some.wait()
            except TimeoutError:
                self._has_some.set()

    async def _send_all(self) -> bool:
        """Send what was not sent yet; tell whether nothing is left."""
        try:
            await self._find_others()
            for tenant_id in list(self._unsent):
                await self._send(tenant_id)
        except StoreUnavailable:
            return False
        return not self._unsent and self._beginning is None

    async def _find_others(self) -> None:
        """Look for all other tenants that were announced; where somebody else wrote what is no text, later again."""
        beginning = self._beginning
        if beginning is None:
            return
        try:
            others = await announced_tenants(self._redis) - beginning.known
        except UnicodeDecodeError:
            return
        for tenant_id in others:
            self._unsent.setdefault(tenant_id, Applied(beginning.entry_id, {}))
        if self._beginning is beginning:
            self._beginning = None

    async def _send(self, tenant_id: str) -> None:
        applied = self._unsent.pop(tenant_id)
        names = [keys.receipts(tenant_id), keys.announced(tenant_id)]
        policies = [word for pair in applied.versions.items() for word in pair]
        arguments = [self._worker, applied.entry_id, self._began_after, KEPT_MS, *policies]
        try:
            await CONFIRM.run(self._redis, names, arguments)
        except redis.ResponseError:  # this tenant's keys hold something else
            self._unsent.setdefault(tenant_id, applied)
        except StoreUnavailable:
            self._unsent.setdefault(tenant_id, applied)
            raise


class Announced(NamedTuple):
    """The version in force of one policy, and the first announcement of it."""

    version: int
    entry_id: str

    @property
    def announced_ms(self) -> int:
        """When, in Unix milliseconds."""
        return _position(self.entry_id)[0]


class Enforced(msgspec.Struct, frozen=True):
    """The version of one policy that a relay process enforces, and since when.

    Attributes:
        version: its number.
        since_ms: when the process first said so, in Unix milliseconds.
        is_held: whether a client of the process is held to it; else nobody is yet, and whoever comes would be.
    """

    version: int
    since_ms: int
    is_held: bool


class Receipt(msgspec.Struct, frozen=True):
    """What one relay process said last of one tenant.

    Attributes:
        entry_id: the announcement that it has applied.
        applied_ms: when it said so, in Unix milliseconds.
        began_after: the last announcement that was there when the process began.
        enforced: of each policy, by its id.
    """

    entry_id: str
    applied_ms: int
    began_after: str
    enforced: dict[str, Enforced]

    def began_later_than(self, entry_id: str) -> bool:
        """Tell whether an announcement was there before the process."""
        return _position(entry_id) <= _position(self.began_after)

    def enforces_since_ms(self, policy_id: str, announced: Announced) -> int | None:
        """Since when the process enforces what was announced of a policy; nothing where it does not."""
        known = self.enforced.get(policy_id)
        if known is not None and known.version == announced.version:
            return known.since_ms
        has_applied = _position(announced.entry_id) <= _position(self.entry_id)
        return self.applied_ms if has_applied and not (known and known.is_held) else None


class TenantReceipts(NamedTuple):
    """What was announced of a tenant's policies, by their ids, and what relay processes said, by their names."""

    announced: dict[str, Announced]
    receipts: dict[str, Receipt]


def note_announced(tenant_id: str, entry_id: str, versions: Mapping[str, int]) -> None:
    """Write down which versions a tenant's policies have by an announcement; a version keeps its first one.

    Raises:
        StoreUnavailable: Redis did not answer; receipts can't be told before the next announcement.
    """
    policies = [word for pair in versions.items() for word in pair]
    NOTE_ANNOUNCED.run_in_thread([keys.announced(tenant_id)], [entry_id, KEPT_MS, *policies])


def read_receipts(tenant_id: str) -> TenantReceipts:
    """What is known of a tenant; what is damaged is left out, and written anew with the next announcement.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    try:
        announced = cast("dict[str, str]", blocking().hgetall(keys.announced(tenant_id)))
        said = cast("dict[str, str]", blocking().hgetall(keys.receipts(tenant_id)))
    except UnicodeDecodeError:
        return TenantReceipts({}, {})
    words = {policy_id: ANNOUNCED.fullmatch(text) for policy_id, text in announced.items()}
    receipts = {worker: _decoded(text) for worker, text in said.items()}
    return TenantReceipts(
        {policy_id: Announced(int(found[1]), found[2]) for policy_id, found in words.items() if found},
        {worker: receipt for worker, receipt in receipts.items() if receipt},
    )


def _decoded(text: str) -> Receipt | None:
    try:
        receipt = msgspec.json.decode(text, type=Receipt)
    except msgspec.DecodeError:
        return None
    return receipt if ENTRY_ID.fullmatch(receipt.entry_id) and ENTRY_ID.fullmatch(receipt.began_after) else None


def _position(entry_id: str) -> tuple[int, int]:
    """An entry's id as numbers, which sort as the entries do."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
