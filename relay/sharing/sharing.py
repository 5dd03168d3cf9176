"""All that one relay process shares with the others: permits of zones, handshakes, places under caps."""

import os
import secrets
from contextlib import suppress

from django.conf import settings

from relay.process.tasks import BackgroundTasks
from relay.sharing.entering import Entering
from relay.sharing.gauging import Gauging
from relay.sharing.heart import Heart
from relay.sharing.leasing import Leasing
from relay.sharing.surroundings import Figures, Room, Surroundings
from relay.store.breaker import Breakers
from relay.store.pool import StoreUnavailable, on_loop
from relay.store.workers import forget_worker


class Sharing:
    """The shared limits of one process, the name by which the others know it, and its door to Redis."""

    def __init__(self, room: Room) -> None:
        """Wake those who wait in ``room``."""
        self.worker = f"{os.getpid()}-{secrets.token_hex(8)}"  # no other process has it
        self.breakers = Breakers()
        self.redis = on_loop(breakers=self.breakers)
        self.tasks = BackgroundTasks()  # of the whole process
        self.figures = Figures()
        around = Surroundings(self.redis, self.worker, room, self.figures, settings.STORE_DECISION_SECONDS)
        self.gauging = Gauging(self.redis, self.figures)
        self.leasing = Leasing(around, self.gauging)
        self.heart = Heart(self.redis, self.worker, self.figures)
        self.entering = Entering(around, self.heart)

    def forget_those_at_rest(self, now_ns: int) -> None:
        """Drop what nobody uses any more: of tenants that are gone nothing stays."""
        self.leasing.forget_those_at_rest(now_ns)
        self.entering.forget_those_at_rest(now_ns)
        self.gauging.forget_those_at_rest(now_ns)

    async def aclose(self) -> None:
        """End what is under way, and say that the process ends."""
        await self.leasing.aclose()
        await self.entering.aclose()
        with suppress(StoreUnavailable):
            await forget_worker(self.redis, self.worker)
        await self.breakers.aclose()
        await self.redis.aclose()
