"""Changes to throttle policies: draft, publish, roll back. A published version never changes."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from relay.throttle.policy import SECOND_NS, PolicyRefused, StoreAway, ZonePolicy, refuse_repeated_names
from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked
from tenants.models.members import User
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.models.zones import ThrottleZone
from tenants.snapshots import publish_on_commit

State = PolicyVersion.State
LONGEST_REASON = 200  # characters


class VersionImmutable(Exception):
    """Somebody tried to change or delete a version that was published."""


class VersionNotPublishable(Exception):
    """A version that is no draft any more, or whose zones make no sense; the text says which."""


@transaction.atomic
def create_policy(tenant: Tenant, *, name: str, acting_user: User) -> ThrottlePolicy:
    """Make a policy without versions: it limits nothing before one is published.

    Raises:
        ValidationError: the name is taken or empty.
    """
    policy = ThrottlePolicy(tenant=tenant, name=name)
    policy.full_clean()
    policy.save()
    record(AuditEvent.POLICY_CREATED, policy, acting_user, tenant_id=tenant.pk)
    return policy


@transaction.atomic
def rename_policy(policy: ThrottlePolicy, *, name: str, acting_user: User) -> ThrottlePolicy:
    """Call a policy something else.

    Raises:
        ValidationError: the name is taken or empty.
    """
    policy = locked(ThrottlePolicy.objects, policy)
    changes = change_fields(policy, {"name": name})
    record(AuditEvent.POLICY_RENAMED, policy, acting_user, tenant_id=policy.tenant_id, changes=changes)
    return policy


@transaction.atomic
def create_draft(
    policy: ThrottlePolicy, *, acting_user: User, copy_of: PolicyVersion | None = None, note: str = ""
) -> PolicyVersion:
    """Begin a version that can be changed, empty or with all that another version says."""
    policy = locked(ThrottlePolicy.objects, policy)
    latest = policy.versions.order_by("-number").first()
    draft = PolicyVersion(policy=policy, number=latest.number + 1 if latest else 1, note=note, created_by=acting_user)
    if copy_of:
        draft.store_away = copy_of.store_away
    draft.full_clean()
    draft.save()
    if copy_of:
        _store_zones(draft, copy_of.zone_policies())
    record(AuditEvent.DRAFT_CREATED, draft, acting_user, tenant_id=policy.tenant_id)
    return draft


@transaction.atomic
def set_note(draft: PolicyVersion, note: str, *, acting_user: User) -> PolicyVersion:
    """Say why there is this version.

    Raises:
        VersionImmutable: the version was published.
        ValidationError: the note is too long.
    """
    draft = locked(PolicyVersion.objects, draft)
    _refuse_published(draft)
    changes = change_fields(draft, {"note": note})
    record(AuditEvent.DRAFT_CHANGED, draft, acting_user, tenant_id=draft.policy.tenant_id, changes=changes)
    return draft


@transaction.atomic
def set_store_away(draft: PolicyVersion, store_away: StoreAway, *, acting_user: User) -> PolicyVersion:
    """Say what becomes of a draft's shared limits while Redis does not answer.

    Raises:
        VersionImmutable: the version was published.
    """
    draft = locked(PolicyVersion.objects, draft)
    _refuse_published(draft)
    changes = change_fields(draft, {"store_away": store_away.value})
    record(AuditEvent.DRAFT_CHANGED, draft, acting_user, tenant_id=draft.policy.tenant_id, changes=changes)
    return draft


@transaction.atomic
def set_zones(draft: PolicyVersion, zones: Iterable[ZonePolicy], *, acting_user: User) -> PolicyVersion:
    """Put ``zones`` in place of a draft's.

    Raises:
        VersionImmutable: the version was published.
        PolicyRefused: two zones share a name.
    """
    draft = locked(PolicyVersion.objects, draft)
    _refuse_published(draft)
    zones = tuple(zones)
    refuse_repeated_names(zones)
    before = {zone.name: zone.in_words() for zone in draft.zones.all()}
    draft.zones.all().delete()
    _store_zones(draft, zones)
    after = {zone.name: zone.in_words() for zone in draft.zones.all()}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    changes = {f"limit {name}": (before.get(name, ""), after.get(name, "")) for name in names}
    record(AuditEvent.DRAFT_CHANGED, draft, acting_user, tenant_id=draft.policy.tenant_id, changes=changes)
    return draft


@transaction.atomic
def publish_version(version: PolicyVersion, *, acting_user: User, reason: str = "") -> PolicyVersion:
    """Make a draft the version that relays enforce: open connections follow within a second.

    The reason becomes its note; without one, the note that it has is the reason.

    Raises:
        VersionNotPublishable: it was published or retired meanwhile, or its zones make no sense.
        ValidationError: the reason is too long.
    """
    _refuse_long(reason)
    policy = ThrottlePolicy.objects.select_for_update().get(pk=version.policy_id)
    version = locked(PolicyVersion.objects, version)
    _refuse_unpublishable(version)
    replaced = policy.versions.filter(state=State.PUBLISHED).first()
    if replaced:
        replaced.state = State.RETIRED
        replaced.save(update_fields=["state"])
    version.state, version.published_at, version.published_by = State.PUBLISHED, timezone.now(), acting_user
    version.note = reason or version.note
    version.save()
    changes = {"version": (str(replaced.number) if replaced else "", str(version.number))}
    record(
        AuditEvent.POLICY_PUBLISHED,
        policy,
        acting_user,
        tenant_id=policy.tenant_id,
        changes=changes,
        reason=version.note,
    )
    publish_on_commit(policy.tenant_id)
    return version


@transaction.atomic
def roll_back(version: PolicyVersion, *, acting_user: User, reason: str = "") -> PolicyVersion:
    """Publish a copy of a former version; the history keeps both, and the copy's note says of which, and why.

    Raises:
        VersionNotPublishable: its zones make no sense any more.
        ValidationError: the reason is too long.
    """
    _refuse_long(reason)
    note = f"Back to version {version.number}" + (f": {reason}" if reason else "")
    draft = create_draft(version.policy, acting_user=acting_user, copy_of=version, note=note)
    return publish_version(draft, acting_user=acting_user)


@transaction.atomic
def delete_draft(draft: PolicyVersion, *, acting_user: User) -> None:
    """Throw a draft away.

    Raises:
        VersionImmutable: the version was published.
    """
    draft = locked(PolicyVersion.objects, draft)
    _refuse_published(draft)
    changes = {"number": (str(draft.number), "")}
    record(AuditEvent.DRAFT_DELETED, draft, acting_user, tenant_id=draft.policy.tenant_id, changes=changes)
    draft.delete()


@transaction.atomic
def delete_policy(policy: ThrottlePolicy, *, acting_user: User) -> None:
    """Delete a policy of which no version was ever published and that limits nobody.

    Raises:
        ValidationError: it was published once, so people and logs refer to it; or it is in use.
    """
    policy = locked(ThrottlePolicy.objects, policy)
    if policy.versions.exclude(state=State.DRAFT).exists():
        raise ValidationError(
            "A version of this policy was published: people and logs refer to it. Stop using it instead."
        )
    record(
        AuditEvent.POLICY_DELETED, policy, acting_user, tenant_id=policy.tenant_id, changes={"name": (policy.name, "")}
    )
    policy.delete()


def _refuse_published(version: PolicyVersion) -> None:
    if not version.is_draft:
        sentence = "This version was published, so it never changes: people and logs refer to it. Copy it to a draft."
        raise VersionImmutable(sentence)


def _refuse_long(reason: str) -> None:
    if len(reason) > LONGEST_REASON:
        raise ValidationError(f"The reason has {len(reason)} characters; {LONGEST_REASON} is the most.")


def _refuse_unpublishable(version: PolicyVersion) -> None:
    if not version.is_draft:
        raise VersionNotPublishable(f"Version {version.number} is {version.state}. Only a draft can be published.")
    try:
        zones = version.zone_policies()
    except PolicyRefused as refusal:
        raise VersionNotPublishable(str(refusal)) from refusal
    if not zones:
        raise VersionNotPublishable("This version has no zones, so it would limit nothing. Add one first.")


def _store_zones(draft: PolicyVersion, zones: Iterable[ZonePolicy]) -> None:
    for zone in zones:
        row = ThrottleZone(
            version=draft,
            name=zone.name,
            permits=zone.permits,
            period_seconds=zone.period_ns // SECOND_NS,
            burst=zone.burst,
            delay=zone.delay,
            scope=zone.scope.value,
            counted=zone.counted.value,
            direction=zone.direction.value,
            beyond=zone.beyond.value,
            close_after_waiting_seconds=zone.close_after_waiting_seconds,
            strict=zone.strict,
        )
        row.full_clean()
        row.save()
