"""What pages show that is no field: limits in words, versions, times."""

from collections.abc import Iterable
from datetime import datetime

from django.template.loader import render_to_string
from django.utils.formats import date_format

from relay.store.pool import StoreUnavailable
from relay.store.workers import readings
from relay.throttle.policy import PolicySnapshot
from tenants.differences import differences
from tenants.limits import limits_of_client
from tenants.models.clients import OAuthClient
from tenants.models.policies import PolicyVersion
from tenants.models.tenants import Tenant
from tenants.receipts import receipt_of
from tenants.zone_words import in_words_all, store_away_in_words


def moment(time: datetime | None) -> str:
    """A time that sorts, with its zone: 2026-11-24 05:38:48 UTC."""
    return date_format(time, "Y-m-d H:i:s e") if time else "never"


def limits_in_force(client: OAuthClient) -> str:
    """Every zone that counts for a client, in words, by the reason why."""
    limits = [(limit, in_words_all(limit.zones)) for limit in limits_of_client(client)]
    return render_to_string("tenants/admin/limits_in_force.html", {"limits": limits})


def snapshot_in_words(snapshot: PolicySnapshot | None) -> str:
    """Each zone as a sentence, and what happens without Redis; a hint where nothing is in force."""
    sentences = [*in_words_all(snapshot.zones), store_away_in_words(snapshot.store_away)] if snapshot else []
    return render_to_string("tenants/admin/sentences.html", {"sentences": sentences})


def compared(before: PolicyVersion | None, version: PolicyVersion) -> tuple[str, ...]:
    """What a version changes of another one, a line each, below one that says so."""
    lines = differences(before.snapshot() if before else None, version.snapshot())
    whose = f"version {before.number}" if before else "a policy without zones"
    return (f"Compared with {whose}:", *lines) if lines else (f"Nothing differs from {whose}.",)


def comparison(version: PolicyVersion) -> str:
    """What a version changes: a draft, of what is in force; the others, of what was in force before."""
    title, *lines = compared(PolicyVersion.objects.before(version), version)
    return render_to_string("tenants/admin/differences.html", {"title": title, "lines": lines})


def receipt(version: PolicyVersion) -> str:
    """Who enforces a version that is in force; it renews itself until all do."""
    return render_to_string("tenants/admin/receipt.html", {"receipt": receipt_of(version), "version": version})


def table_of_versions(versions: Iterable[PolicyVersion]) -> str:
    """Versions with their states, each leading to its page."""
    rows = [(version, moment(version.published_at) if version.published_at else "–") for version in versions]
    return render_to_string("tenants/admin/versions.html", {"rows": rows})


def shared_limits(tenant: Tenant) -> str:
    """What each limit that relay processes share admitted lately, beside what it allows."""
    try:
        found = readings(str(tenant.pk))
    except StoreUnavailable:
        return render_to_string("tenants/admin/shared_limits.html", {"is_away": True})
    rows, names = [], _names(tenant) if found else {}
    for reading in found:
        scope, scope_id, _, zone = reading.zone.split("/")
        whose = f"{scope.replace('_', ' ')} {names.get(scope_id, scope_id)}"  # one that is gone has only its id
        counts = [f"{most:,} of {allowed:,}" for most, allowed in zip(reading.admitted, reading.allowed, strict=True)]
        rows.append({"zone": zone, "whose": whose, "counts": counts, "percent": round(100 * reading.ratio)})
    return render_to_string("tenants/admin/shared_limits.html", {"rows": rows})


def _names(tenant: Tenant) -> dict[str, str]:
    """What people call those whose traffic a shared limit adds up, by the id in its key."""
    named = (tenant, *tenant.channels.all(), *tenant.platform_connections.all())
    credentials = tenant.platform_credentials.select_related("platform_connection")
    return (
        {str(one.pk): one.name for one in named}
        | {str(one.pk): one.full_name for one in credentials}
        | {one.client_id: one.name for one in tenant.clients.all()}
    )
