"""What a limiter answers: pass, wait, reject or close. Values only; who decides is limiter.py."""

from dataclasses import dataclass
from enum import IntEnum


class Action(IntEnum):
    """What to do with a message or handshake, ordered by severity: the stricter of two is the greater."""

    PASS, WAIT, REJECT, CLOSE = range(4)


@dataclass(frozen=True, slots=True, order=True)
class Verdict:
    """What to do with one message, when to come back, and which zone says so.

    ``reserved`` tells the two kinds of WAIT apart: a reservation is charged already and goes on
    after ``wait_ns`` without being judged again; otherwise nothing was charged, and whoever waits
    asks again after ``wait_ns``.
    """

    action: Action
    wait_ns: int = 0
    zone: str = ""
    reserved: bool = False


PASS = Verdict(Action.PASS)  # shared, so that an admitted message allocates nothing
