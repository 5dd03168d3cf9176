"""The column goes whose credentials moved to rows of their own; on SQLite its table is made anew, triggers and all."""

from importlib import import_module

from django.db import migrations

anew = import_module("tenants.migrations.0007_triggers_anew")


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0008_platform_credentials'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='platformconnection',
            name='encrypted_credential',
        ),
        migrations.RunPython(anew.create_missing_triggers, anew.create_missing_triggers),
    ]
