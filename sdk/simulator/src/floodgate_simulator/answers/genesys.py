"""How Genesys Cloud words its errors: bodies, codes and headers."""

import json
import uuid
from collections.abc import Mapping

from aiohttp import web

from floodgate_simulator.limits import WindowState

CODES = {
    400: ("bad.request", "The request could not be understood by the server due to malformed syntax."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    429: ("too.many.requests.retry.after", "Rate limit exceeded the maximum. Retry the request in [1] seconds"),
    500: ("internal.server.error", "The server encountered an unexpected condition."),
    503: ("service.unavailable", "Service Unavailable - The server is currently unavailable."),
    504: ("gateway.timeout", "The request timed out."),
}


class GenesysAnswers:
    """Genesys' usual error body: ``message, code, status, contextId, details, errors``."""

    def error(self, status: int, message: str = "") -> web.Response:
        """An error of any status."""
        if status == web.HTTPTooManyRequests.status_code and not message:
            return self.too_many(1)
        code, usual_message = CODES.get(status, (f"error.{status}", f"Error {status}."))
        return _error(status, code, message or usual_message)

    def no_bearer(self) -> web.Response:
        """401 for a missing header."""
        return _error(
            401,
            "authentication.required",
            "No authentication bearer token specified in authorization header.",
        )

    def bad_bearer(self) -> web.Response:
        """401 for a token that is unknown, expired or revoked."""
        return self.error(401)

    def too_many(self, retry_after_seconds: int, window: WindowState | None = None) -> web.Response:
        """429 in the form of 2021 and later: Retry-After, and the seconds in the text too."""
        headers = {"Retry-After": str(retry_after_seconds)}
        if window is not None:
            headers |= self.window_headers(window)
        message = f"Rate limit exceeded the maximum. Retry the request in [{retry_after_seconds}] seconds"
        return _error(429, CODES[429][0], message, headers)

    def window_headers(self, window: WindowState) -> Mapping[str, str]:
        """The three headers that most limited resources carry."""
        return {
            "inin-ratelimit-count": str(window.count),
            "inin-ratelimit-allowed": str(window.allowed),
            "inin-ratelimit-reset": str(window.reset_seconds),
        }

    def too_many_in_band(self, message: bytes, retry_after_seconds: int) -> bytes:
        """Web messaging's form, the only documented one."""
        del message  # Genesys does not say which message it refused
        error = {
            "errorCode": 429,
            "errorMessage": "Message rate too high for this session",
            "retryAfter": retry_after_seconds,
        }
        answer = {"type": "response", "class": "TooManyRequestsErrorMessage", "code": 429, "body": error}
        return json.dumps(answer).encode()


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    context_id = str(uuid.uuid4())
    body = {
        "message": message,
        "code": code,
        "status": status,
        "contextId": context_id,
        "details": [],
        "errors": [],
    }
    return web.json_response(body, status=status, headers={"ININ-Correlation-Id": context_id, **(headers or {})})
