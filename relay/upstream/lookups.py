"""Names asked of the system's resolver, each in a thread of its own: getaddrinfo can be left, but not interrupted."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

LOOKUP_SECONDS = 5.0
MOST_LOOKUPS = 32  # threads; those of names whose servers are silent stay for as long as the system waits

Found = tuple[str, ...] | OSError


def ask_system(name: str) -> Iterable[str]:
    """The IP addresses of a name, as the machine is set up to find them; some may come twice.

    Raises:
        OSError: it has none, or nobody can say.
    """
    return (str(address[0]) for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))


class Lookups:
    """The lookups under way: at most one of each name, and so many in all."""

    def __init__(self, ask: Callable[[str], Iterable[str]] = ask_system, seconds: float = LOOKUP_SECONDS) -> None:
        """Ask by ``ask``, in threads that do not keep the process from ending, and wait for ``seconds``."""
        self._ask = ask
        self._seconds = seconds
        self._under_way: dict[str, asyncio.Future[Found]] = {}

    async def addresses(self, name: str) -> tuple[str, ...]:
        """All IP addresses of a name, in the order in which the system wants them tried.

        Raises:
            OSError: the name has none, or nobody can say; TimeoutError, which is one, where it takes too long.
        """
        lookup = self._under_way.get(name) or self._begin(name)
        try:
            async with asyncio.timeout(self._seconds):
                found = await asyncio.shield(lookup)
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {self._seconds:g} s") from error
        if isinstance(found, OSError):
            raise found
        return found

    def _begin(self, name: str) -> asyncio.Future[Found]:
        if len(self._under_way) >= MOST_LOOKUPS:
            raise OSError(f"{MOST_LOOKUPS} other names are being looked up")
        loop = asyncio.get_running_loop()
        lookup: asyncio.Future[Found] = loop.create_future()
        lookup.add_done_callback(lambda _: self._under_way.pop(name))

        def end(found: Found) -> None:
            if not lookup.done():
                lookup.set_result(found)

        def look_up() -> None:
            found = self._found(name)
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(end, found)

        Thread(target=look_up, name=f"look up {name}", daemon=True).start()
        self._under_way[name] = lookup
        return lookup

    def _found(self, name: str) -> Found:
        try:
            return tuple(dict.fromkeys(self._ask(name)))
        except OSError as error:
            return error
