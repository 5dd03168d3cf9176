"""Where the admin's pages are, by name."""

from auditlog.models import LogEntry
from django.db.models import Model
from django.urls import reverse

from relay.models.episodes import ThrottleEpisode
from relay.models.position import StreamPosition
from relay.models.processes import Gap, RelayProcess
from relay.models.rollups import HandshakeRollup, TrafficRollup
from tests.browser.content import Content

KINDS = (
    "tenants_tenant",
    "tenants_member",
    "tenants_user",
    "tenants_platformconnection",
    "tenants_platformcredential",
    "tenants_channel",
    "tenants_oauthclient",
    "tenants_throttlepolicy",
    "tenants_policyversion",
    "relay_trafficrollup",
    "relay_throttleepisode",
    "relay_handshakerollup",
    "relay_relayprocess",
    "relay_gap",
    "relay_streamposition",
    "auditlog_logentry",
    "django_celery_beat_periodictask",
)
ADDED = KINDS[:8]


def list_of(kind: str) -> str:
    """The list of one kind of row."""
    return reverse(f"admin:{kind}_changelist")


def form_for(kind: str) -> str:
    """The form for a new row."""
    return reverse(f"admin:{kind}_add")


def page_of(row: Model, button: str = "change") -> str:
    """A row's page, or the page that one of its buttons opens."""
    kind = f"{row._meta.app_label}_{row._meta.model_name}"  # noqa: SLF001 - Django documents it
    return reverse(f"admin:{kind}_change", args=[row.pk]).removesuffix("change/") + f"{button}/"


def every_page(content: Content) -> dict[str, str]:
    """All pages by names that sort as the sidebar does; of those that look alike, one."""
    rows = {
        "tenant": content.tenant,
        "tenant-suspended": content.suspended,
        "member": content.member,
        "person": content.member.user,
        "platform-connection": content.connection,
        "platform-credential": content.connection.credentials.get(),
        "channel": content.channel,
        "client": content.client,
        "client-disabled": content.disabled,
        "policy": content.policy,
        "version-draft": content.draft,
        "version-published": content.published,
        "version-retired": content.retired,
        "traffic": TrafficRollup.objects.first(),
        "throttle-episode": ThrottleEpisode.objects.first(),
        "handshakes": HandshakeRollup.objects.first(),
        "relay-process": RelayProcess.objects.first(),
        "gap": Gap.objects.first(),
        "stream-position": StreamPosition.objects.first(),
        "audit-entry": LogEntry.objects.filter(changes__has_key="throttle_policy").first(),
        "job": content.job,
    }
    return {
        "overview": reverse("admin:index"),
        **{f"list-{kind.rpartition('_')[2]}": list_of(kind) for kind in KINDS},
        **{f"add-{kind.rpartition('_')[2]}": form_for(kind) for kind in ADDED},
        **{f"page-{name}": page_of(row) for name, row in rows.items() if row},
        **_questions(content),
        "nothing-matches": f"{list_of(KINDS[0])}?q=nothing+is+called+this",
    }


def _questions(content: Content) -> dict[str, str]:
    return {
        "ask-suspend": page_of(content.tenant, "suspend"),
        "ask-rotate-secret": page_of(content.client, "rotate-secret"),
        "ask-delete": page_of(content.client, "delete"),
        "ask-publish": page_of(content.draft, "publish"),
        "ask-roll-back": page_of(content.retired, "roll-back"),
        "ask-credential": page_of(content.connection, "set-credential"),
        "ask-test": page_of(content.connection, "test"),
        "ask-password": page_of(content.member.user, "set-password"),
    }
