"""Reads limits that were written by hand, in YAML or JSON: the fields of a zone are ZonePolicy's, as are the rules."""

import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controlplane.simulation.faults import Checks, PolicyFaults
from relay.throttle.fairness import Priority
from relay.throttle.policy import (
    SECOND_NS,
    Beyond,
    Counted,
    Direction,
    PolicyRefused,
    PolicySnapshot,
    Scope,
    StoreAway,
    ZonePolicy,
)

FILE_FIELDS = ("zones", "store_away", "clients", "channels")
WHOLE_FIELDS = ("permits", "burst", "delay", "close_after_waiting_seconds")
WORD_FIELDS = {"scope": Scope, "counted": Counted, "direction": Direction, "beyond": Beyond}
ZONE_FIELDS = ("name", "period_seconds", "strict", *WHOLE_FIELDS, *WORD_FIELDS)
LARGEST_WEIGHT = 1_000
LONGEST_PERIOD_SECONDS = 1e12  # whatever is longer than it may be is refused by ZonePolicy; infinity has no nanoseconds


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy, the weights of clients' shares, and the priorities of channels."""

    policy: PolicySnapshot
    weights: Mapping[str, int] = field(default_factory=dict)
    priorities: Mapping[str, Priority] = field(default_factory=dict)


def read_policy_file(path: Path) -> PolicyFile:
    """What a file says; the policy's id is the path as it was given.

    Raises:
        PolicyFaults: it can't be read, or what it says makes no sense; it names every fault.
    """
    checks = Checks(str(path))
    content = checks.mapping("", _loaded(path), FILE_FIELDS)
    if not content:
        checks.raise_if_any()
    zones = _zones(checks, content.get("zones"))
    store_away = checks.word("store_away", content.get("store_away", StoreAway.SHARE.value), StoreAway)
    weights = {
        client: _weight(checks, f"clients.{client}.weight", given)
        for client, given in _settings(checks, content, "clients", "weight").items()
    }
    priorities = {
        channel: _priority(checks, f"channels.{channel}.priority", given)
        for channel, given in _settings(checks, content, "channels", "priority").items()
    }
    policy = PolicySnapshot(str(path), 0)
    try:
        policy = PolicySnapshot(str(path), 0, tuple(zones), store_away)
    except PolicyRefused as refusal:
        checks.refuse_problems("zones", refusal)
    checks.raise_if_any()
    return PolicyFile(policy, weights, priorities)


class _Loader(yaml.SafeLoader):
    """YAML without objects, without a name that stands twice, and without guesses.

    Of two limits of one name, one would be lost without a word. A client called no would be False, and 007 be 7.
    """


_Loader.yaml_implicit_resolvers = {}  # without those of YAML 1.1; 1.2's core schema has these
for _tag, _form, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", "null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", "[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+0123456789."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_form})\\Z"), list(_first))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, object]:
    loader.flatten_mapping(node)
    named = [(_text(loader, name), value) for name, value in node.value]
    return _once([(name, (_text if name == "name" else _object)(loader, value)) for name, value in named])


def _object(loader: _Loader, node: yaml.Node) -> Any:  # noqa: ANN401 - it is checked later
    return loader.construct_object(node, deep=True)


def _text(loader: _Loader, node: yaml.Node) -> Any:  # noqa: ANN401 - it is checked later
    """What is written, whatever else it could be read as."""
    return node.value if isinstance(node, yaml.ScalarNode) else _object(loader, node)


def _once(pairs: list[tuple[Hashable, object]]) -> dict[Hashable, object]:
    names = [name for name, _ in pairs]
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} stands twice in one place")
    return dict(pairs)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _loaded(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            return json.loads(text, object_pairs_hook=_once)
        return yaml.load(text, _Loader)  # noqa: S506 - it is a safe one
    except OSError as error:
        raise PolicyFaults([f"{path}: {error.strerror}."]) from error
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise PolicyFaults([f"{path}: it can't be read: {' '.join(str(error).split())}."]) from error


def _zones(checks: Checks, given: object) -> list[ZonePolicy]:
    if not isinstance(given, list):
        checks.refuse("zones", 'a list of limits is expected here, each of which begins such as "- name: client".')
        return []
    found = (_zone(checks, f"zones[{number}]", one) for number, one in enumerate(given, 1))
    return [zone for zone in found if zone is not None]


def _zone(checks: Checks, place: str, given: object) -> ZonePolicy | None:
    """One limit; none after a fault."""
    before = len(checks.sentences)
    content = dict(checks.mapping(place, given, ZONE_FIELDS))
    if not content:
        return None
    for name in ("name", "permits"):
        if name not in content:
            checks.refuse(f"{place}.{name}", "it is missing. A limit has a name and permits.")
    values: dict[str, Any] = {"name": str(content.get("name"))}
    values |= {name: checks.whole(f"{place}.{name}", content[name]) for name in WHOLE_FIELDS if name in content}
    values |= {
        name: checks.word(f"{place}.{name}", content[name], words)
        for name, words in WORD_FIELDS.items()
        if name in content
    }
    seconds = checks.number(f"{place}.period_seconds", content.get("period_seconds", 1))
    values["period_ns"] = round(min(seconds, LONGEST_PERIOD_SECONDS) * SECOND_NS)
    values["strict"] = content.get("strict", False)
    if not isinstance(values["strict"], bool):
        checks.refuse(f"{place}.strict", f"{values['strict']!r} is neither true nor false.")
    if len(checks.sentences) > before:
        return None
    try:
        return ZonePolicy(**values)
    except PolicyRefused as refusal:
        checks.refuse_problems(place, refusal)
        return None


def _settings(checks: Checks, content: Mapping[str, object], part: str, name: str) -> dict[str, object]:
    """What ``part`` says under ``name``, by client or channel: ``{crm-sync: {weight: 3}}``."""
    given = content.get(part, {})
    if not isinstance(given, Mapping):
        checks.refuse(part, f"names are expected here, each such as crm-sync: {{{name}: ...}}.")
        return {}
    found = {str(who): checks.mapping(f"{part}.{who}", fields, [name]) for who, fields in given.items()}
    return {who: fields[name] for who, fields in found.items() if name in fields}


def _weight(checks: Checks, place: str, given: object) -> int:
    weight = checks.whole(place, given)
    if not 1 <= weight <= LARGEST_WEIGHT:
        checks.refuse(place, f"it is {given!r}, but must lie between 1 and {LARGEST_WEIGHT:,}.")
    return weight


def _priority(checks: Checks, place: str, given: object) -> Priority:
    if isinstance(given, str) and given.upper() in Priority.__members__:
        return Priority[given.upper()]
    checks.refuse(place, f"{given!r} is not known. Choose one of {', '.join(p.name.lower() for p in Priority)}.")
    return Priority.NORMAL
