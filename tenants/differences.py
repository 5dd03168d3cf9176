"""What differs between two versions of a policy, in words. Decides nothing, and reads nothing."""

from dataclasses import fields

from relay.throttle.policy import SECOND_NS, PolicySnapshot, ZonePolicy
from tenants.zone_words import in_words

LABELS = {"period_ns": "period", "close_after_waiting_seconds": "close after waiting"}
SECONDS = {"period_ns": SECOND_NS, "close_after_waiting_seconds": 1}  # how much of the field's unit is a second
COMPARED = [field.name for field in fields(ZonePolicy) if field.name != "name"]


def differences(before: PolicySnapshot | None, after: PolicySnapshot) -> list[str]:
    """Each zone that was added, changed or removed, and what becomes of them without Redis; no line where all is equal.

    Without anything ``before``, every zone was added. A line reads "client: permits 100 → 200, burst 20 → 40".
    """
    former = {zone.name: zone for zone in before.zones} if before else {}
    later = {zone.name: zone for zone in after.zones}
    changed = [name for name, zone in later.items() if former.get(name, zone) != zone]
    lines = [f"{name}: {_changes(former[name], later[name])}" for name in changed]
    lines += [f"{name} is added: {in_words(zone)}" for name, zone in later.items() if name not in former]
    lines += [f"{name} is removed: {in_words(zone)}" for name, zone in former.items() if name not in later]
    if before and before.store_away is not after.store_away:
        lines.append(f"store away: {_value('', before.store_away)} → {_value('', after.store_away)}")
    return lines


def _changes(before: ZonePolicy, after: ZonePolicy) -> str:
    """The fields of a zone that differ, with both values."""
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in COMPARED]
    return ", ".join(
        f"{LABELS.get(name, name)} {_value(name, old)} → {_value(name, new)}" for name, old, new in pairs if old != new
    )


def _value(name: str, value: object) -> str:
    """A field's value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value / SECONDS[name]:,g} s" if name in SECONDS else f"{value:,}"
    return str(value).replace("_", " ")
