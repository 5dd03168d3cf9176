"""What people see while a store does not answer: 503 with a time to come back, never a stack trace."""

from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin

from relay.store.pool import StoreUnavailable

RETRY_AFTER_SECONDS = 5
SENTENCE = f"A store that this page needs does not answer. Nothing was changed. Try again in {RETRY_AFTER_SECONDS} s."
log = structlog.get_logger(__name__)


class StoreUnavailableMiddleware(MiddlewareMixin):
    """Answers 503 where the database or Redis failed, and logs why."""

    sync_capable = async_capable = True
    get_response: Callable[[HttpRequest], HttpResponse]

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Take over for failures of stores; all others are Django's."""
        if not isinstance(exception, (OperationalError, InterfaceError, StoreUnavailable)):
            return None
        log.error("store_unavailable", path=request.path, reason=type(exception).__name__)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
        if request.accepts("text/html"):
            return HttpResponse(render_to_string("503.html", {"sentence": SENTENCE}), status=503, headers=headers)
        return HttpResponse(SENTENCE, status=503, content_type="text/plain; charset=utf-8", headers=headers)
