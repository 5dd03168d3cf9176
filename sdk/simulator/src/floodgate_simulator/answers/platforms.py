"""What both platforms' error answers have in common, and which answers belong to which platform."""

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from floodgate_simulator.access.credentials import PlatformName
from floodgate_simulator.answers.cxone import CxoneAnswers
from floodgate_simulator.answers.genesys import GenesysAnswers
from floodgate_simulator.limits import WindowState


class PlatformAnswers(Protocol):
    """The shapes in which a platform refuses."""

    def error(self, status: int, message: str = "") -> web.Response:
        """An error of any status, in the platform's usual body."""

    def no_bearer(self) -> web.Response:
        """401 for a request without a bearer token."""

    def bad_bearer(self) -> web.Response:
        """401 for a token that is unknown, expired or revoked."""

    def too_many(self, retry_after_seconds: int, window: WindowState | None = None) -> web.Response:
        """429 with all that this platform tells about it."""

    def window_headers(self, window: WindowState) -> Mapping[str, str]:
        """What a successful answer of a limited resource tells about its window."""

    def too_many_in_band(self, message: bytes, retry_after_seconds: int) -> bytes:
        """The text message that says "too many" on a socket that stays open."""


ANSWERS: Mapping[PlatformName, PlatformAnswers] = {"genesys": GenesysAnswers(), "cxone": CxoneAnswers()}
