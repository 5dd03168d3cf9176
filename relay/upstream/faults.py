"""What went wrong with a platform, in few words that can be counted: its name, its certificate, its time, its protocol.

An error is told by its type and its causes' types, never by its message.
"""

import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

import aiohttp

from relay.platforms.addresses import AddressRefused
from relay.platforms.answers import TokenAnswerUnusable
from relay.protocol.heads import HeadInvalid
from relay.telemetry.counters import PlatformFaults

# X509_V_ERR_... of OpenSSL's x509_vfy.h.
CERTIFICATE_REASONS = {
    9: "not_yet_valid",
    10: "expired",
    18: "self_signed",
    19: "unknown_authority",
    20: "unknown_authority",
    21: "unknown_authority",
    62: "wrong_name",
    64: "wrong_name",
}
NAME_REASONS = {socket.EAI_NONAME: "unknown_name", socket.EAI_NODATA: "unknown_name", socket.EAI_AGAIN: "no_answer"}


class Phase(StrEnum):
    """What was being waited for."""

    CONNECT = "connect"  # TCP and TLS, of a socket or of a token request
    HANDSHAKE = "handshake"
    TOKEN = "token"  # noqa: S105
    SESSION = "session"  # counted where it ends: relay/splicing/session.py


def count_fault(faults: PlatformFaults, error: Exception, phase: Phase) -> None:
    """Count why a platform failed. What is no fault of TLS, time or protocol is not counted: it has a result already.

    Args:
        faults: where to.
        error: what came of it; its causes are looked at too.
        phase: in which phase it came.
    """
    for cause in _causes(error):
        match cause:
            case aiohttp.ClientSSLError():
                continue  # its cause tells more
            case ssl.SSLError():
                faults.tls_errors[tls_reason(cause)] += 1
            case aiohttp.ConnectionTimeoutError():
                faults.timeouts[Phase.CONNECT] += 1
            case TimeoutError():
                faults.timeouts[phase] += 1
            case HeadInvalid() | TokenAnswerUnusable() | aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
                faults.protocol_errors[phase] += 1
            case _:
                continue
        return


def tls_reason(error: ssl.SSLError) -> str:
    """Why a TLS handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE_REASONS.get(error.verify_code, "not_trusted")
    return "handshake"


def dns_reason(error: AddressRefused | OSError) -> str:
    """Why a name brought no address."""
    if isinstance(error, AddressRefused):
        return "refused_address"
    if isinstance(error, socket.gaierror):
        return NAME_REASONS.get(error.errno or 0, "other")
    return "no_answer" if isinstance(error, TimeoutError) else "other"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
