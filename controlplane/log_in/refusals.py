"""What people see whose log-in is refused: a page that says when to try again."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin

from controlplane.log_in.attempts import LogInRefused


class LogInRefusedMiddleware(MiddlewareMixin):
    """Answers 429 or 503 where a log-in was refused. No password was compared."""

    sync_capable = async_capable = True
    get_response: Callable[[HttpRequest], HttpResponse]

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Take over for refused log-ins; all other exceptions are others'."""
        if not isinstance(exception, LogInRefused):
            return None
        page = render_to_string("log_in_refused.html", {"refusal": exception}, request)
        headers = {"Retry-After": str(exception.retry_after_seconds), "Cache-Control": "no-store"}
        return HttpResponse(page, status=exception.status, headers=headers)
