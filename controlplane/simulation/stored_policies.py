"""Finds a stored version of a policy by what somebody writes on a command line."""

from dataclasses import replace
from uuid import UUID

from django.db import OperationalError

from controlplane.simulation.faults import PolicyFaults
from relay.throttle.policy import PolicyRefused, PolicySnapshot
from tenants.models.policies import PolicyVersion, ThrottlePolicy, ThrottlePolicyQuerySet

MOST_DIGITS = 9  # the database's whole numbers have no more
FORMS = "Name a YAML or JSON file, or a stored policy: its id, or tenant/name, with @12 behind it for version 12."


def find_stored_policy(reference: str) -> PolicySnapshot:
    """The version that ``reference`` means: ``id``, ``id@12``, ``tenant/name`` or ``tenant/name@12``.

    Without a number it is the published version; drafts and retired ones are found by their numbers. What is told of it
    later calls it ``tenant/name``, as people do.

    Raises:
        PolicyFaults: there is none, or the database does not answer.
    """
    name, _, number = reference.rpartition("@") if "@" in reference else (reference, "", "")
    try:
        policy = _policies_called(name).select_related("tenant").first()
        if policy is None or (number and not _is_number(number)):
            raise PolicyFaults([f"{reference}: there is no such file or policy. {FORMS}"])
        versions = PolicyVersion.objects.filter(policy=policy).prefetch_related("zones")
        version = versions.filter(number=int(number)).first() if number else versions.published().first()
        if version is None:
            raise PolicyFaults([f"{reference}: {_no_version(policy, number)}"])
        return replace(version.snapshot(), policy_id=f"{policy.tenant.slug}/{policy.name}")
    except OperationalError as error:
        raise PolicyFaults(
            [f"{reference}: there is no such file, and the database of DATABASE_URL does not answer."]
        ) from error
    except PolicyRefused as refusal:
        raise PolicyFaults([f"{reference}: {sentence}" for _, sentence in refusal.problems]) from refusal


def _policies_called(name: str) -> ThrottlePolicyQuerySet:
    try:
        return ThrottlePolicy.objects.filter(pk=UUID(name))
    except ValueError:
        tenant, _, policy = name.partition("/")
        return ThrottlePolicy.objects.filter(tenant__slug=tenant, name=policy)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS


def _no_version(policy: ThrottlePolicy, number: str) -> str:
    numbers = policy.versions.order_by("number").values_list("number", flat=True)
    there_are = f"There are {', '.join(map(str, numbers))}: add one, such as @{numbers[0]}." if numbers else ""
    return f"{f'there is no version {number}' if number else 'no version is published'}. {there_are}".strip()
