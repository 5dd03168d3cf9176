"""Telemetry has the ids of tenants and channels, where it had slugs and names, which others may have by now.

A row belongs to the tenant of its client: a client's id is random, given once, and never moves to another tenant.
A slug says nothing: whoever has it now may have got it later. So rows of clients that were deleted belong to no tenant
that exists, and only administrators see them; their ids are made of the slugs and names, so that no two sums fall
together.
"""

from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import OuterRef, Q, Subquery

NOBODY = UUID(int=0)
FORMER = uuid5(NAMESPACE_URL, "floodgate:former-owners")
OWNED = ("TrafficRollup", "HandshakeRollup", "ThrottleEpisode")
WITH_CHANNEL = ("TrafficRollup", "ThrottleEpisode")
ORDER = {"ordering": ["granularity", "-started_at", "tenant_id", "client_id"]}
CLIENT_ID = models.CharField(max_length=255, blank=True, help_text="OAuth's, never given twice.")
OF_A_CLIENT_OR_NOBODY = Q(("client_id", ""), ("tenant_id", NOBODY)) | ~Q(("tenant_id", NOBODY)) & ~Q(("client_id", ""))


def find_owners(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill in the ids."""
    for name in OWNED:
        rows = apps.get_model("relay", name)._default_manager
        clients = apps.get_model("tenants", "OAuthClient")._default_manager.filter(client_id=OuterRef("client_id"))
        rows.filter(client_id="").update(tenant_id=NOBODY)
        rows.exclude(client_id="").update(tenant_id=Subquery(clients.values("tenant_id")[:1]))
        former = rows.filter(tenant_id=None)
        for slug in former.order_by().values_list("tenant", flat=True).distinct():
            former.filter(tenant=slug).update(tenant_id=uuid5(FORMER, slug))
        if name in WITH_CHANNEL:
            find_channels(apps, name)


def find_channels(apps: StateApps, name: str) -> None:
    """Fill in the ids of channels, by their names among the tenant's."""
    rows = apps.get_model("relay", name)._default_manager
    channels = apps.get_model("tenants", "Channel")._default_manager.filter(
        tenant_id=OuterRef("tenant_id"), name=OuterRef("channel")
    )
    rows.filter(channel="").update(channel_id=NOBODY)
    rows.exclude(channel="").update(channel_id=Subquery(channels.values("id")[:1]))
    former = rows.filter(channel_id=None)
    for channel in former.order_by().values_list("channel", flat=True).distinct():
        former.filter(channel=channel).update(channel_id=uuid5(FORMER, channel))


class Migration(migrations.Migration):
    """The unique constraints go first and come back last, on the ids."""

    dependencies = [("relay", "0002_throttle_episodes"), ("tenants", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("trafficrollup", "traffic_once"),
        migrations.RemoveConstraint("handshakerollup", "handshakes_once"),
        migrations.RemoveIndex("throttleepisode", "episodes_of_tenant"),
        migrations.AlterModelOptions("trafficrollup", {}),
        migrations.AlterModelOptions("handshakerollup", {}),
        *(
            operation
            for name in OWNED
            for operation in (
                migrations.RenameField(name.lower(), "client", "client_id"),
                migrations.AlterField(name.lower(), "client_id", CLIENT_ID),
                migrations.AddField(name.lower(), "tenant_id", models.UUIDField(null=True)),
            )
        ),
        *(migrations.AddField(name.lower(), "channel_id", models.UUIDField(null=True)) for name in WITH_CHANNEL),
        migrations.RunPython(find_owners, migrations.RunPython.noop),  # there is no way back once something was counted
        *(migrations.RemoveField(name.lower(), "tenant") for name in OWNED),
        *(migrations.RemoveField(name.lower(), "channel") for name in WITH_CHANNEL),
        *(migrations.AlterField(name.lower(), "tenant_id", models.UUIDField(default=NOBODY)) for name in OWNED),
        migrations.AlterField("trafficrollup", "channel_id", models.UUIDField()),
        migrations.AlterField("throttleepisode", "channel_id", models.UUIDField(default=NOBODY)),
        migrations.AlterModelOptions("trafficrollup", {**ORDER, "verbose_name": "traffic", "verbose_name_plural": "traffic"}),
        migrations.AlterModelOptions(
            "handshakerollup", {**ORDER, "verbose_name": "handshakes", "verbose_name_plural": "handshakes"}
        ),
        migrations.AddConstraint(
            "trafficrollup",
            models.UniqueConstraint(
                name="traffic_once",
                fields=["tenant_id", "granularity", "started_at", "client_id", "channel_id", "direction"],
            ),
        ),
        migrations.AddConstraint(
            "handshakerollup",
            models.UniqueConstraint(
                name="handshakes_once", fields=["tenant_id", "granularity", "started_at", "client_id", "result"]
            ),
        ),
        migrations.AddIndex(
            "throttleepisode", models.Index(name="episodes_of_tenant", fields=["tenant_id", "-began_at"])
        ),
        *(
            migrations.AddConstraint(
                model, models.CheckConstraint(name=f"{rows}_of_a_client_or_nobody", condition=OF_A_CLIENT_OR_NOBODY)
            )
            for model, rows in (
                ("trafficrollup", "traffic_is"),
                ("handshakerollup", "handshakes_are"),
                ("throttleepisode", "episode_is"),
            )
        ),
    ]
