"""What a socket says to a message that it does not take, while it stays open."""

import time

from floodgate_simulator.answers.platforms import ANSWERS
from floodgate_simulator.faults.fault import Fault
from floodgate_simulator.limits import SECOND_NS
from floodgate_simulator.sockets.messages import Message
from floodgate_simulator.sockets.terms import Terms


def wait_seconds(terms: Terms) -> int:
    """Charge one message to the connection's limit: 0, or in how many seconds it would be taken."""
    if terms.limit is None:
        return 0
    wait_ns = terms.limit.admit(time.monotonic_ns())
    return -(-wait_ns // SECOND_NS)


def too_many(terms: Terms, refused: Message, seconds: int = 0) -> Message:
    """The platform's "too many" for a message that was refused."""
    answers = ANSWERS[terms.token.credential.platform]
    text = answers.too_many_in_band(refused.payload, max(seconds, terms.retry_after_seconds))
    return Message(text, is_text=True)


def ordered_error(terms: Terms, fault: Fault, refused: Message) -> Message:
    """The text that a status fault orders; without one, the platform's "too many"."""
    if fault.body is None:
        return too_many(terms, refused)
    return Message(fault.body_bytes, is_text=True)
