"""Binds each stored credential to the hosts that its platform connection leads to at present.

What no key opens stays as it is: bound to no host, it goes nowhere and must be entered anew.
"""

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from relay.platforms.addresses import AddressRefused
from relay.platforms.binding import origins

log = structlog.get_logger(__name__)
ADDRESSES = {
    "genesys": ("https://login.{region}/oauth/token", "wss://webapis.{region}/v2/websocket/{channel}"),
    "cxone": (
        "https://cxone.niceincontact.com/.well-known/openid-configuration",
        "wss://api.nice-incontact.com/realtime/{tenant}/{channel}",
    ),
}


def bind(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Encrypt each again, with its hosts inside."""
    keys = MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])
    rows = apps.get_model("tenants", "PlatformConnection").objects.exclude(encrypted_credential="")
    for row in list(rows):
        usual = ADDRESSES[row.platform]
        addresses = [own or default for own, default in zip((row.token_url, row.socket_url), usual, strict=True)]
        try:
            fields = msgspec.json.decode(keys.decrypt(row.encrypted_credential), type=dict[str, object])
            fields["bound_to"] = origins(*(address.replace("{region}", row.region) for address in addresses))
        except (InvalidToken, msgspec.DecodeError, AddressRefused):
            log.warning("credential_not_bound", platform_connection=row.name, id=str(row.pk))
            continue
        row.encrypted_credential = keys.encrypt(msgspec.json.encode(fields)).decode()
        row.save(update_fields=["encrypted_credential"])


class Migration(migrations.Migration):
    """Backwards nothing is to be done: former code reads what it needs, and ignores the hosts."""

    dependencies = [("tenants", "0005_revoked_tokens")]
    operations = [migrations.RunPython(bind, migrations.RunPython.noop)]
