"""Asks Redis for the permits of one tenant's shared zones: one round trip at a time, for all that want some.

What to ask, and when, the zones themselves say (relay/throttle/leases.py). While Redis is away they go on as their
policies say (relay/throttle/fallback.py), while a task tries now and then whether it is back.
"""

import asyncio
import time
from typing import NamedTuple
from weakref import WeakValueDictionary

import structlog

from relay.process.tasks import end_tasks
from relay.sharing.surroundings import UNANSWERED, Surroundings
from relay.store.leases import LeaseAnswer, LeaseRequest, take_leases
from relay.throttle.fallback import Fallback, share_alone
from relay.throttle.granting import Ask, Debit, Grant
from relay.throttle.leases import US_NS, LeasedZone
from relay.throttle.lots import FAR_NS
from relay.throttle.policy import SECOND_NS
from relay.throttle.zones import ZoneKey

log = structlog.get_logger()
SPACING_NS = 2_000_000  # at least, between two round trips
AWAY_NS = 100_000_000  # while Redis is away, how long nobody looks at the most
MOST_ZONES = 256  # in one round trip
TOLD_NS = 4 * SECOND_NS  # for so long a share counts that the store told; in the store it counts for longer


class Told(NamedTuple):
    """The part of a zone's rate that the store told this worker, and when."""

    share: float
    told_ns: int

    def is_fresh(self, now_ns: int) -> bool:
        """Tell whether it still counts."""
        return self.told_ns > now_ns - TOLD_NS


class TenantLeases:
    """The zones of one tenant that are in use here, and the task that asks for them while there are any."""

    def __init__(self, tenant_id: str, around: Surroundings) -> None:
        """Begin without zones."""
        self.tenant_id = tenant_id
        self.zones: WeakValueDictionary[tuple[ZoneKey, str, int], LeasedZone] = WeakValueDictionary()
        self._around = around
        self._active: set[LeasedZone] = set()
        self._woken = asyncio.Event()
        self._generation = ""
        self._told: dict[ZoneKey, Told] = {}
        self._alone: dict[ZoneKey, Fallback] = {}
        self._is_away = False
        self._tried = 0.0
        self._probes: set[asyncio.Task[None]] = set()  # one at the most

    def __len__(self) -> int:
        """How many entries are kept: zones that somebody holds, and what is known of them, or was."""
        return len(self.zones) + len(self._told) + len(self._alone)

    @property
    def is_idle(self) -> bool:
        """Tell whether no zone is in use."""
        return not self._active

    def lack(self, zone: LeasedZone) -> None:
        """Ask for permits of ``zone``, at once if one may."""
        self._active.add(zone)
        self._woken.set()

    async def serve(self, after_seconds: float = 0.0) -> None:
        """Ask until nothing is wanted any more, beginning so much later."""
        try:
            await asyncio.sleep(after_seconds)
            await self._ask_while_active()
        finally:
            await end_tasks(self._probes)

    def forget_what_is_past(self, now_ns: int) -> None:
        """Drop shares that were told too long ago to count, and debts that would change nothing any more."""
        in_use = {zone.key for zone in self._active}
        self._told = {key: told for key, told in self._told.items() if key in in_use or told.is_fresh(now_ns)}
        self._alone = {
            key: alone
            for key, alone in self._alone.items()
            if key in in_use or not alone.is_made_up_for(now_ns // US_NS)
        }
        if not self._active:
            self._around.figures.away.discard(self.tenant_id)

    async def _ask_while_active(self) -> None:
        while self._active:
            now_ns = time.monotonic_ns()
            self._woken.clear()
            due = {zone: zone.due_ns(now_ns, self._around.room.standing(zone)) for zone in self._active}
            first_ns = min(due.values())
            if self._is_away:
                self._probe_if_due()
                first_ns = min(first_ns, now_ns + AWAY_NS)  # it may be back before anybody need ask
            if first_ns <= now_ns:
                together = sorted(due, key=due.__getitem__)[:MOST_ZONES]
                await self._ask([zone for zone in together if zone.comes_along(now_ns, due[zone])])
                await asyncio.sleep(SPACING_NS / SECOND_NS)
            else:
                await self._wait_until(first_ns)
            self._active = {zone for zone in self._active if not (zone.is_idle and due.get(zone, 0) == FAR_NS)}

    async def _wait_until(self, due_ns: int) -> None:
        seconds = min((due_ns - time.monotonic_ns()) / SECOND_NS, 1.0)
        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    async def _ask(self, zones: list[LeasedZone]) -> None:
        room, asked_ns = self._around.room, time.monotonic_ns()
        asks = {zone: zone.ask(asked_ns, room.standing(zone)) for zone in zones}
        asks = {zone: ask for zone, ask in asks.items() if ask.wanted}
        if not asks:
            return
        if self._is_away:
            self._grant_alone(asks, asked_ns)
            return
        requests = [
            LeaseRequest(zone.key, zone.terms, ask, self._owed(zone.key, asked_ns)) for zone, ask in asks.items()
        ]
        try:
            answers = await self._around.answer_to(self._take(requests))
        except UNANSWERED as error:
            self._go_away(error)
            self._grant_alone(asks, asked_ns)
            return
        for zone, request, answer in zip(asks, requests, answers, strict=True):
            self._alone.pop(zone.key, None)
            self._told[zone.key] = Told(answer.share, asked_ns)
            if request.terms == zone.terms:
                self._hand_out(zone, answer.grant, asked_ns)
            else:  # another version came meanwhile: what the former one says of the time to wait may be an hour
                zone.ask_anew()

    async def _take(self, requests: list[LeaseRequest]) -> list[LeaseAnswer]:
        around = self._around
        answers = await take_leases(around.redis, self.tenant_id, around.worker, self._generation, requests)
        if self._generation and answers.generation != self._generation:
            around.figures.generations_lost += 1
            log.error("shared_limits_forgotten", tenant=self.tenant_id)
        self._generation = answers.generation
        around.figures.round_trips += 1
        return answers.answers

    def _probe_if_due(self) -> None:
        """Find out by the way whether Redis is back: nobody waits for that."""
        if not self._probes and self._around.probing.is_due(time.monotonic(), self._tried):
            self._tried = time.monotonic()
            probe = asyncio.create_task(self._probe(), name=f"probe for {self.tenant_id}")
            self._probes.add(probe)
            probe.add_done_callback(self._probes.discard)

    async def _probe(self) -> None:
        """Ask for no permits: nobody could use them in time."""
        try:
            await self._around.answer_to(self._take([]))
        except UNANSWERED:
            return
        self._is_away = False
        self._around.probing.found(time.monotonic())
        away = self._around.figures.away
        away.discard(self.tenant_id)
        for zone in self._active:
            zone.ask_anew()
        self._woken.set()
        if not away:
            log.info("shared_limits_back")

    def _go_away(self, error: Exception) -> None:
        self._is_away, self._tried = True, time.monotonic()
        if not self._around.figures.away:  # one line for all tenants
            log.warning("shared_limits_alone", tenant=self.tenant_id, error=type(error).__name__)
        self._around.figures.away.add(self.tenant_id)

    def _grant_alone(self, asks: dict[LeasedZone, Ask], asked_ns: int) -> None:
        for zone, ask in asks.items():
            alone = self._alone.get(zone.key)
            if alone is None or alone.terms != zone.terms:
                share, former = self._share_of(zone.key, asked_ns), alone
                alone = self._alone[zone.key] = Fallback(zone.store_away, zone.terms, share, asked_ns // US_NS)
                if former is not None:
                    alone.go_on_from(former)
            self._hand_out(zone, alone.grant(asked_ns // US_NS, ask), asked_ns)

    def _share_of(self, key: ZoneKey, now_ns: int) -> float:
        told = self._told.get(key)
        lately = told.share if told is not None and told.is_fresh(now_ns) else 0.0
        return share_alone(lately, self._around.figures.workers)

    def _owed(self, key: ZoneKey, now_ns: int) -> Debit:
        """What was granted of a zone without the store, and must be taken off."""
        alone = self._alone.get(key)
        return alone.owed(now_ns // US_NS) if alone is not None else Debit()

    def _hand_out(self, zone: LeasedZone, grant: Grant, asked_ns: int) -> None:
        zone.take(grant, asked_ns, time.monotonic_ns())
        self._around.room.wake(zone)
