"""From what stands on a command line to the rules of a simulated world: files and stored versions alike."""

from collections.abc import Iterable
from pathlib import Path

from controlplane.simulation.faults import PolicyFaults
from controlplane.simulation.policy_files import PolicyFile, read_policy_file
from controlplane.simulation.stored_policies import find_stored_policy
from relay.simulation.rules import Rules

SUFFIXES = (".yaml", ".yml", ".json")


def read_rules(references: Iterable[str]) -> Rules:
    """All policies together; of weights and priorities that contradict one another, the later file's hold.

    Raises:
        PolicyFaults: the faults of all of them.
    """
    found: list[PolicyFile] = []
    sentences: list[str] = []
    for reference in dict.fromkeys(references):
        try:
            found.append(_read(reference))
        except PolicyFaults as faults:
            sentences += faults.sentences
    if sentences:
        raise PolicyFaults(sentences)
    weights = {client: weight for one in found for client, weight in one.weights.items()}
    priorities = {channel: priority for one in found for channel, priority in one.priorities.items()}
    return Rules(tuple(one.policy for one in found), weights, priorities)


def _read(reference: str) -> PolicyFile:
    path = Path(reference)
    if path.suffix in SUFFIXES or path.is_file():
        return read_policy_file(path)
    return PolicyFile(find_stored_policy(reference))
