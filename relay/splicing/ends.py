"""What a side of a session tells it, and that a side which fails ends no other session."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from relay.protocol.frames import ProtocolViolation
from relay.telemetry.counters import ThrottleCounter
from relay.throttle.limiter import AnyZone
from relay.throttle.verdict import Verdict

Side_contra = TypeVar("Side_contra", contravariant=True)
SomeSide = TypeVar("SomeSide", bound="Failing")
Arguments = ParamSpec("Arguments")


class Ends(Protocol[Side_contra]):
    """A session, as its sides see it."""

    def throttle_by(self, zone: AnyZone) -> ThrottleCounter:
        """Where to count what ``zone`` does to this connection."""

    def side_violated(self, side: Side_contra, violation: ProtocolViolation) -> None:
        """``side``'s endpoint sent a frame that must not go on."""

    def side_exceeded(self, verdict: Verdict) -> None:
        """A zone closes connections that have waited for too long."""

    def side_answered(self, side: Side_contra) -> None:
        """``side``'s endpoint has sent its own Close frame after ours."""

    def side_unreadable(self, side: Side_contra) -> None:
        """``side``'s endpoint has sent what no Close frame is looked for in: it broke the protocol, or it floods."""

    def side_ended(self, side: Side_contra) -> None:
        """``side``'s endpoint sends no more, and all that was taken from it has gone on; it may wait for answers."""

    def side_lost(self, side: Side_contra) -> None:
        """``side``'s socket is gone, and nothing that was taken from it waits."""

    def side_failed(self, error: Exception) -> None:
        """A side could not do what it was called for: a defect, which must harm no other session."""


class Failing(Protocol):
    """Something that ends alone when it fails."""

    def fail(self, error: Exception) -> None:
        """End, and nobody else."""


def alone(
    method: Callable[Concatenate[SomeSide, Arguments], None],
) -> Callable[Concatenate[SomeSide, Arguments], None]:
    """Have what goes wrong in ``method`` end its own session alone: who calls it has others to call."""

    @wraps(method)
    def call(self: SomeSide, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the session logs and counts it
            self.fail(error)

    return call
