"""What a guide's socket answers to a message: an acknowledgement, or the message itself."""

import json
from typing import Literal, cast, get_args

from floodgate_simulator.sockets.messages import Message

Mode = Literal["ack", "echo", "push"]


def mode_of(channel: str, asked: str | None) -> Mode:
    """The mode that the query asks for, else the one that the channel's name begins with, else ``ack``.

    Raises:
        ValueError: the query asks for a mode that does not exist.
    """
    if asked is not None:
        if asked not in get_args(Mode):
            raise ValueError(f"mode is {asked!r}, but must be one of: {', '.join(get_args(Mode))}.")
        return cast(Mode, asked)
    if channel.startswith("echo"):
        return "echo"
    return "push" if channel.startswith("push") else "ack"


def answer_to(message: Message, mode: Mode) -> Message | None:
    """The answer to one message, or None."""
    return message if mode == "echo" else acknowledgement(message)


def acknowledgement(message: Message) -> Message | None:
    """``{"type": "ack", "id": ...}`` for a text message that is a JSON object with an ``id``."""
    # The two looks spare nearly every message the parsing.
    if not message.is_text or not message.payload.startswith(b"{") or b'"id"' not in message.payload:
        return None
    try:
        told = json.loads(message.payload)
    except (ValueError, RecursionError):
        return None
    if "id" not in told:
        return None
    return Message(json.dumps({"type": "ack", "id": told["id"]}, separators=(",", ":")).encode(), is_text=True)
