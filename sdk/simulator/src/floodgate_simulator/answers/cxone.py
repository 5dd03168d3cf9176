"""How NICE CXone words its errors. Its 429 is not documented: the shapes are the assumptions of our platform notes."""

import json
import re
import uuid
from collections.abc import Mapping

from aiohttp import web

from floodgate_simulator.limits import WindowState

ERROR_CODES = {
    400: ("BadRequest", "The request is invalid"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "Forbidden"),
    404: ("NotFound", "Resource not found"),
    429: ("TooManyRequests", "Too many requests"),
    500: ("InternalServerError", "Internal server error"),
    503: ("ServiceUnavailable", "Service unavailable"),
}
_EVENT_ID = re.compile(rb'"eventId"\s*:\s*"([^"\\]{1,200})"')


class CxoneAnswers:
    """CXone's error bodies: ``{"error": {"errorCode", "errorMessage"}}``, and OAuth's own for tokens."""

    def error(self, status: int, message: str = "") -> web.Response:
        """An error of any status."""
        code, usual_message = ERROR_CODES.get(status, (f"Error{status}", f"Error {status}"))
        body = {"error": {"errorCode": code, "errorMessage": message or usual_message}}
        return web.json_response(body, status=status)

    def no_bearer(self) -> web.Response:
        """401 for a missing header."""
        return _invalid_token("No bearer token was given")

    def bad_bearer(self) -> web.Response:
        """401 for a token that is unknown, expired or revoked."""
        return _invalid_token("The access token is invalid or has expired")

    def too_many(self, retry_after_seconds: int, window: WindowState | None = None) -> web.Response:
        """429 with Retry-After; CXone tells nothing about windows."""
        del window
        answer = self.error(429)
        answer.headers["Retry-After"] = str(retry_after_seconds)
        return answer

    def window_headers(self, window: WindowState) -> Mapping[str, str]:
        """None: CXone tells nothing about windows."""
        del window
        return {}

    def too_many_in_band(self, message: bytes, retry_after_seconds: int) -> bytes:
        """The digital chat's error for an event, matched by the event id where the message has one."""
        del retry_after_seconds  # CXone does not say
        found = _EVENT_ID.search(message)
        error = {
            "errorCode": "TooManyRequests",
            "errorMessage": "Request was throttled",
            "transactionId": str(uuid.uuid4()),
        }
        return json.dumps({"eventId": found[1].decode() if found else "", "error": error}).encode()


def _invalid_token(description: str) -> web.Response:
    return web.json_response({"error": "invalid_token", "error_description": description}, status=401)
