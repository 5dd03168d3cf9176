"""One episode has all its zones. Those of before had one each, which is the first of theirs."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

FIELDS = ("policy_id", "version", "zone", "waited", "held_ms", "refused", "closed")
ROWS_AT_ONCE = 1000


def list_own_zones(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the one zone of each episode its list."""
    episodes = apps.get_model("relay", "ThrottleEpisode")._default_manager
    changed = []
    for episode in episodes.iterator(chunk_size=ROWS_AT_ONCE):
        episode.zones = [{field: getattr(episode, field) for field in FIELDS} | {"longest_ms": 0}]
        changed.append(episode)
        if len(changed) == ROWS_AT_ONCE:
            episodes.bulk_update(changed, ["zones"], batch_size=100)
            changed = []
    episodes.bulk_update(changed, ["zones"], batch_size=100)


class Migration(migrations.Migration):
    """The list is filled in before anybody reads it."""

    dependencies = [("relay", "0003_ids_of_owners")]

    operations = [
        migrations.AddField(
            "throttleepisode",
            "zones",
            models.JSONField(
                default=list, help_text="Each with its counts; the one that held the client back most first."
            ),
        ),
        migrations.AddField(
            "throttleepisode",
            "longest_ms",
            models.BigIntegerField(default=0, help_text="The longest of the waits that ended, in milliseconds."),
        ),
        migrations.RunPython(list_own_zones, migrations.RunPython.noop),
        migrations.AlterField(
            "throttleepisode",
            "began_at",
            models.DateTimeField(help_text="When a zone first had something wait, or refused it."),
        ),
        migrations.AlterField(
            "throttleepisode", "last_at", models.DateTimeField(help_text="When one last did, or somebody waited.")
        ),
    ]
