"""What load balancers and supervisors ask: is the process alive, and can it do its work."""

from collections.abc import Callable

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from relay.store.pool import StoreUnavailable, blocking
from relay.telemetry.lag import rollup_lag_seconds


async def livez(scope: HTTPScope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """The process answers. Asks nobody else, so that a broken database restarts nothing, and no thread is needed."""
    is_safe = scope["method"] in ("GET", "HEAD")
    body = b'{"status": "ok"}' if is_safe else b""
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, no-store")]
    headers += [(b"content-length", str(len(body)).encode())] if is_safe else [(b"allow", b"GET, HEAD")]
    status = 200 if is_safe else 405
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b"", "more_body": False})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """The process can do its work: 200, or 503 with what is missing. Says nothing of why: logs do.

    A roll-up that is late is told, but takes nobody's work away: it is the worker's.
    """
    findings = {name: _outcome(finding) for name, finding in FINDINGS.items()}
    is_ready = all(outcome == "ok" for outcome in findings.values())
    answer = {
        "status": "ok" if is_ready else "unavailable",
        "findings": findings,
        "rollup_lag_seconds": _rollup_lag_seconds(),
    }
    return JsonResponse(answer, status=200 if is_ready else 503)


def database_answers() -> bool:
    """Tell whether the database answers a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def redis_answers() -> bool:
    """Tell whether Redis answers."""
    return bool(blocking().ping())


def migrations_are_applied() -> bool:
    """Tell whether the database has the form that this code expects."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


FINDINGS: dict[str, Callable[[], bool]] = {
    "database": database_answers,
    "redis": redis_answers,
    "migrations": migrations_are_applied,
}


def _rollup_lag_seconds() -> float | None:
    try:
        return round(rollup_lag_seconds(), 3)
    except (DatabaseError, StoreUnavailable):
        return None


def _outcome(finding: Callable[[], bool]) -> str:
    try:
        return "ok" if finding() else "failed"
    except (DatabaseError, StoreUnavailable):
        return "failed"
