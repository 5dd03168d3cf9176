"""What pages show that is no field: limits in words, versions, times."""

from collections.abc import Iterable
from datetime import datetime

from django.template.loader import render_to_string
from django.utils.formats import date_format

from relay.throttle.policy import ZonePolicy
from tenants.limits import limits_of_client
from tenants.models.clients import OAuthClient
from tenants.models.policies import PolicyVersion
from tenants.zone_words import in_words_all


def moment(time: datetime | None) -> str:
    """A time that sorts, with its zone: 2026-11-24 05:38:48 UTC."""
    return date_format(time, "Y-m-d H:i:s e") if time else "never"


def limits_in_force(client: OAuthClient) -> str:
    """Every zone that counts for a client, in words, by the reason why."""
    limits = [(limit, in_words_all(limit.zones)) for limit in limits_of_client(client)]
    return render_to_string("tenants/admin/limits_in_force.html", {"limits": limits})


def zones_in_words(zones: Iterable[ZonePolicy]) -> str:
    """Each zone as a sentence; a hint where there is none."""
    return render_to_string("tenants/admin/sentences.html", {"sentences": in_words_all(zones)})


def table_of_versions(versions: Iterable[PolicyVersion]) -> str:
    """Versions with their states, each leading to its page."""
    rows = [(version, moment(version.published_at) if version.published_at else "–") for version in versions]
    return render_to_string("tenants/admin/versions.html", {"rows": rows})
