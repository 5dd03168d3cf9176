"""Whether a connection reads: it does as long as nothing speaks against it."""

import asyncio

CLIENT_DOES_NOT_READ = "client does not read"
NO_READING = "no reading ordered"
PAUSE = "pause after a read"


class Reading:
    """The reasons not to read one transport; it is read when there are none."""

    __slots__ = ("_transport", "pause_seconds", "reasons_against")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Read normally."""
        self._transport = transport
        self.reasons_against: set[str] = set()
        self.pause_seconds: float | None = None  # after each read, if at all

    def hold(self, reason: str) -> None:
        """Stop reading, for one more reason."""
        self.reasons_against.add(reason)
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self, reason: str) -> None:
        """Read again, if this was the last reason not to."""
        if reason in self.reasons_against:
            self.reasons_against.remove(reason)
            if not self.reasons_against:
                self._read()

    def resume_for_good(self) -> None:
        """Read from now on, whatever spoke against it."""
        self.reasons_against.clear()
        self.pause_seconds = None
        self._read()

    def pause_after_read(self) -> None:
        """Begin the pause that is due after each read, if one was ordered."""
        if self.pause_seconds is not None:
            self.hold(PAUSE)
            asyncio.get_running_loop().call_later(self.pause_seconds, self.resume, PAUSE)

    def _read(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
