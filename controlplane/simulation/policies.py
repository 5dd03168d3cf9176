"""From what stands on a command line to the rules of a simulated world: files and stored versions alike."""

from collections.abc import Iterable
from pathlib import Path

from controlplane.simulation.faults import PolicyFaults
from controlplane.simulation.policy_files import PolicyFile, read_policy_file
from controlplane.simulation.stored_policies import find_stored_policy
from relay.simulation.rules import Rules
from relay.throttle.policy import PolicySnapshot, ZonePolicy, kept_defaults

SUFFIXES = (".yaml", ".yml", ".json")
MOST_CREDENTIALS = 100
DEFAULTS = "defaults"  # stands for the default zones that the other policies leave in force


def read_rules(references: Iterable[str], credentials: int = 1) -> Rules:
    """All policies together; of weights and priorities that contradict one another, the later file's hold.

    ``credentials`` is how many the platform connection has.

    Raises:
        PolicyFaults: the faults of all of them.
    """
    found: list[PolicyFile] = []
    sentences: list[str] = []
    named = dict.fromkeys(references)
    for reference in named:
        if reference == DEFAULTS:
            continue
        try:
            found.append(_read(reference))
        except PolicyFaults as faults:
            sentences += faults.sentences
    if not 1 <= credentials <= MOST_CREDENTIALS:
        sentences.append(f"--credentials is {credentials}, but must lie between 1 and {MOST_CREDENTIALS}.")
    if sentences:
        raise PolicyFaults(sentences)
    weights = {client: weight for one in found for client, weight in one.weights.items()}
    priorities = {channel: priority for one in found for channel, priority in one.priorities.items()}
    policies = [one.policy for one in found]
    if DEFAULTS in named:
        policies.append(PolicySnapshot(DEFAULTS, 0, _kept(policies)))
    return Rules(tuple(policies), weights, priorities, credentials)


def also_in_force(rules: Rules) -> str:
    """A sentence on the default limits that hold beside these policies and were not simulated; empty where none is."""
    names = [zone.name for zone in _kept(rules.policies)]
    if not names:
        return ""
    sentence = f"Also in force for a client with its own policy, and not simulated: {', '.join(names)}."
    return f"{sentence} Add --policy {DEFAULTS} to simulate them."


def _kept(policies: Iterable[PolicySnapshot]) -> tuple[ZonePolicy, ...]:
    return kept_defaults([zone for policy in policies for zone in policy.zones])


def _read(reference: str) -> PolicyFile:
    path = Path(reference)
    if path.suffix in SUFFIXES or path.is_file():
        return read_policy_file(path)
    return PolicyFile(find_stored_policy(reference))
