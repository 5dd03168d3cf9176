"""Which of the frames that came may go on now: their headers are read, and each kind is judged by its limiter."""

from dataclasses import dataclass

from relay.protocol.frames import FrameKind, FrameScanner, ProtocolViolation
from relay.throttle.limiter import FrameLimits
from relay.throttle.verdict import PASS, Verdict

FRAMES_A_TURN = 512  # then the other connections' turn: one read can bring tens of thousands of tiny frames
BYTES_A_TURN = 64 * 1024  # the same: fifty reads of 256 KiB kept messages waiting for 40 ms


@dataclass(slots=True)
class Walked:
    """How far a walk came, and why no further.

    Attributes:
        judged: where the first frame begins that does not go on, or where the last one ends.
        length: of that frame in bytes.
        in_mid_header: the rest of its header has not come yet.
        verdict: on that frame.
        violation: why it must not go on at all.
        messages: how many messages went on.
        control_frames: how many control frames were judged.
    """

    judged: int
    length: int = 0
    in_mid_header: bool = False
    verdict: Verdict = PASS
    violation: ProtocolViolation | None = None
    messages: int = 0
    control_frames: int = 0


def walk(scanner: FrameScanner, limits: FrameLimits, chunk: bytes, at: int, now_ns: int) -> Walked:
    """Judge one frame after the other from ``chunk[at]`` on, up to the first that must wait or not go on at all."""
    walked, frames = Walked(at), 0
    room = limits.messages.room(now_ns, FRAMES_A_TURN)
    messages, end = scanner.read_run(chunk, at, room) if room else (0, at)
    if messages and limits.messages.admit_run(now_ns, messages):
        walked.judged, walked.messages, frames = end, messages, messages
    try:
        while walked.judged < len(chunk) and frames < FRAMES_A_TURN:
            walked.length = scanner.read(chunk, walked.judged)
            walked.in_mid_header = not walked.length
            if walked.in_mid_header:
                break
            walked.control_frames += scanner.kind is FrameKind.CONTROL
            walked.verdict = _judge(scanner, limits, now_ns)
            if walked.verdict is not PASS:
                break
            walked.judged += walked.length
            walked.messages += scanner.kind is FrameKind.MESSAGE
            frames += 1
    except ProtocolViolation as violation:
        walked.violation = violation
    return walked


def _judge(scanner: FrameScanner, limits: FrameLimits, now_ns: int) -> Verdict:
    kind = scanner.kind
    return PASS if kind is FrameKind.CLOSE else limits[kind].admit(now_ns, scanner.payload_bytes)
