"""The audit log: who did what to which thing, with old and new values. Never a secret."""

from collections.abc import Mapping
from enum import StrEnum

from auditlog.models import LogEntry
from django.db import models

from tenants.models.members import User

Changes = Mapping[str, tuple[str, str]]


class AuditEvent(StrEnum):
    """What can happen to control data."""

    TENANT_CREATED = "tenant_created"
    TENANT_CHANGED = "tenant_changed"
    TENANT_SUSPENDED = "tenant_suspended"
    TENANT_RESUMED = "tenant_resumed"
    PERSON_CREATED = "person_created"
    PERSON_CHANGED = "person_changed"
    PASSWORD_SET = "password_set"  # noqa: S105 - what happened
    MEMBER_ADDED = "member_added"
    MEMBER_ROLE_CHANGED = "member_role_changed"
    MEMBER_REMOVED = "member_removed"
    CLIENT_CREATED = "client_created"
    CLIENT_CHANGED = "client_changed"
    CLIENT_SECRET_ROTATED = "client_secret_rotated"  # noqa: S105 - what happened
    CLIENT_DISABLED = "client_disabled"
    CLIENT_ENABLED = "client_enabled"
    CLIENT_TOKENS_REVOKED = "client_tokens_revoked"
    CLIENT_DELETED = "client_deleted"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - what happened
    PLATFORM_CONNECTION_CREATED = "platform_connection_created"
    PLATFORM_CONNECTION_CHANGED = "platform_connection_changed"
    PLATFORM_CONNECTION_DELETED = "platform_connection_deleted"
    CREDENTIAL_CREATED = "credential_created"
    CREDENTIAL_CHANGED = "credential_changed"
    CREDENTIAL_DELETED = "credential_deleted"
    CREDENTIAL_SET = "credential_set"
    CREDENTIALS_ENCRYPTED_ANEW = "credentials_encrypted_anew"
    CHANNEL_CREATED = "channel_created"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_DELETED = "channel_deleted"
    POLICY_CREATED = "policy_created"
    POLICY_RENAMED = "policy_renamed"
    POLICY_DELETED = "policy_deleted"
    DRAFT_CREATED = "draft_created"
    DRAFT_CHANGED = "draft_changed"
    DRAFT_DELETED = "draft_deleted"
    POLICY_PUBLISHED = "policy_published"

    @property
    def kind(self) -> int:
        """The library's kind of entry."""
        if self.endswith(("_created", "_added")):
            return LogEntry.Action.CREATE
        if self.endswith(("_deleted", "_removed")):
            return LogEntry.Action.DELETE
        return LogEntry.Action.UPDATE


def record(  # noqa: PLR0913 - each is a word of the entry
    event: AuditEvent,
    row: models.Model,
    acting_user: User | None,
    *,
    tenant_id: object,
    changes: Changes | None = None,
    reason: str = "",
) -> None:
    """Write one entry, in the transaction of what it tells.

    Args:
        event: what happened.
        row: to which thing.
        acting_user: who did it; None where a client did it itself.
        tenant_id: whose thing it is, so that a tenant can be shown its own log.
        changes: field to old and new value, as text.
        reason: why, in the words of who did it; empty where nobody said.
    """
    LogEntry.objects.log_create(
        row,
        force_log=True,
        action=event.kind,
        changes={field: list(pair) for field, pair in (changes or {}).items()},
        actor=acting_user,
        actor_email=acting_user.email if acting_user else None,
        additional_data={"event": event.value, "tenant": str(tenant_id), **({"reason": reason} if reason else {})},
    )
